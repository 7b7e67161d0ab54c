"""The manifest of a run as rows of a page: what a reader asks, in words; nothing that is empty, and nothing twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from dse.report.tables import limit_text

ELSEWHERE = ("assumptions", "inputs", "record", "settings", "trials")
"""Entries that are not rows of their own: shown beside the rows, or in their words."""


def manifest_rows(manifest: Mapping[str, Any], record: list[str]) -> list[tuple[str, str]]:
    """Names and texts; `record` says in lines how the front was found."""
    rows: list[tuple[str, str]] = []
    for name, value in manifest.items():
        if name == "settings":
            rows += _settings(value or {}, manifest)
        if name == "record":
            rows.append(("tried", "; ".join(record)))
        if name not in ELSEWHERE:
            rows.append((name.replace("_", " "), _text(name, value)))
    return [(name, text) for name, text in rows if text]


def _settings(settings: Mapping[str, Any], manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was asked for beyond what other rows say."""
    said = {**settings, "workloads": None, "trials": None}
    if settings.get("evaluator") is None:
        said["evaluator_timeout_s"] = None
    return [(name.replace("_", " "), _text(name, value)) for name, value in said.items() if name not in manifest]


def _text(name: str, value: object) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value) if name == "seed" else f"{value:,}"
    if isinstance(value, list):
        return (" " if name == "command" else ", ").join(map(str, cast("list[object]", value)))
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, Any]", value)
        if name == "budget":
            return ", ".join(f"{key} {limit_text(key, limit)}" for key, limit in entries.items()).replace("mm2", "mm²") or "none"
        if name == "designs_allowed":
            return f"{'' if entries['is_exact'] else 'about '}{entries['designs']:,}"
        return ", ".join(f"{key} {entry}" for key, entry in entries.items() if entry is not None)
    return str(value).replace("T", " ").replace("+00:00", " UTC") if name == "created" else str(value)
