"""What two runs were made from, and where that differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dse.report.tables import limit_text

HASH_SHOWN = 12
NOTHING = "–"

SETTINGS = {
    "across": "across",
    "set": "fixed parameters",
    "evaluator": "evaluator",
    "evaluator_timeout_s": "evaluator's time-out",
    "resumed_from": "resumed from",
}
"""Settings of a search that its other entries do not say, and how they are called."""


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, str]]:
    """Everything that differs, in the order in which it matters: `about`, `what`, and how it was and is, as text."""
    found: list[dict[str, str]] = []
    for about, read in (("inputs", _inputs), ("asked", _asked), ("search", _search), ("versions", _versions)):
        one, two = read(before), read(after)
        names = [*one, *(name for name in two if name not in one)]
        found += [
            {"about": about, "what": name, "before": one.get(name, NOTHING), "after": two.get(name, NOTHING)}
            for name in names
            if one.get(name) != two.get(name)
        ]
    return found


def sentences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[str]]:
    """Assumptions and technology values that only one of the runs rests on."""
    one, two = ([line["text"] for line in data["assumptions"]] for data in (before, after))
    return {"gone": [line for line in one if line not in two], "new": [line for line in two if line not in one]}


def _inputs(data: Mapping[str, Any]) -> dict[str, str]:
    return {f"file {entry['file']}": entry["sha256"][:HASH_SHOWN] for entry in data["manifest"]["inputs"]}


def _asked(data: Mapping[str, Any]) -> dict[str, str]:
    """What the answer is an answer to."""
    budget = {f"budget: {name}": limit_text(name, limit) for name, limit in data["search"]["budget"].items()}
    objectives = [metric["name"] for metric in data["metrics"] if metric["objective"]]
    return {
        "workload": data["workload"]["name"],
        "scenarios": ", ".join(scenario["name"] for scenario in data["workload"]["scenarios"]),
        "space": data["space"]["name"],
        "designs in the space": f"{data['space']['size']:,}",
        "objectives": ", ".join(objectives),
        **budget,
        **{f"rule: {rule}": "kept" for rule in _rules(data["manifest"])},
    }


def _rules(manifest: Mapping[str, Any]) -> list[str]:
    return manifest.get("rules") or []


def _search(data: Mapping[str, Any]) -> dict[str, str]:
    search = data["search"]
    settings: Mapping[str, Any] = data["manifest"].get("settings") or {}
    found = {"sampler": search["sampler"], "seed": str(search["seed"]), "certificate": search["certificate"]["kind"]}
    if data["trials"]:
        found["trials"] = f"{data['trials']['total']:,}"
    if search["interrupted"]:
        found["interrupted"] = "yes"
    return found | {words: _text(settings[name]) for name, words in SETTINGS.items() if settings.get(name)}


def _text(value: Any) -> str:  # noqa: ANN401 - JSON
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)  # pyright: ignore[reportUnknownArgumentType]


def _versions(data: Mapping[str, Any]) -> dict[str, str]:
    manifest: Mapping[str, Any] = data["manifest"]
    return {"dse": manifest["dse"], "Python": manifest["python"], **manifest["packages"]}
