"""Published numbers beside the model's: a table for each machine, and the same as plain JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dse.fidelity.anchor import Anchor
from dse.fidelity.tpu_constant import PUBLISHED_MODEL_ERROR, OneConstant, one_constant

GROUPED_FROM = 10_000
"""Numbers from here on are written whole, in groups of three digits; smaller ones to four digits."""

MARK = {True: "ok", False: "FAIL", None: "shown"}
STYLE = {True: "", False: "bold red", None: "dim"}


def validation(anchors: Sequence[Anchor]) -> RenderableType:
    """Every anchor in a table of its machine, notes below it; then the sources with their links, and the count."""
    parts: list[RenderableType] = []
    for device in dict.fromkeys(anchor.device for anchor in anchors):
        own = [anchor for anchor in anchors if anchor.device == device]
        parts += [_table(device, own), *_notes(own), Text()]
    return Group(*parts, *_sources(anchors), Text(), Text(summary(anchors), style="bold"))


def summary(anchors: Sequence[Anchor]) -> str:
    """How many numbers there are, and how many of them are within what is claimed."""
    results = [anchor.passed for anchor in anchors]
    claims = len(results) - results.count(None)
    failed = results.count(False)
    verdict = f"all {claims} claims hold" if not failed else f"{failed} of {claims} claims FAIL"
    return f"{len(results)} published numbers: {verdict}; {results.count(None)} are shown without a claim."


def _table(device: str, anchors: Sequence[Anchor]) -> Table:
    table = Table(
        title=device,
        title_justify="left",
        title_style="bold",
        box=None,
        padding=(0, 1, 0, 0),
        header_style="bold",
        pad_edge=False,
    )
    table.add_column("what", overflow="fold")
    for name in ("model", "published", "error", "allowed"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    notes = _numbered(anchors)
    for anchor in anchors:
        mark = f" [{notes[anchor.note]}]" if anchor.note else ""
        table.add_row(
            anchor.what + mark,
            number_text(anchor.predicted),
            f"{number_text(anchor.published)} {anchor.unit}".rstrip() + (" ?" if anchor.unverified else ""),
            f"{100 * anchor.error_fraction:+.1f}%".replace("-0.0%", "0.0%").replace("+0.0%", "0.0%"),
            _allowed(anchor),
            MARK[anchor.passed],
            style=STYLE[anchor.passed],
        )
    return table


def number_text(value: float) -> str:
    """Four digits, or all of those before the point.

    >>> number_text(12.9296), number_text(33570816), number_text(0.49988)
    ('12.93', '33,570,816', '0.4999')
    """
    return f"{value:,.0f}" if abs(value) >= GROUPED_FROM else f"{value:.4g}"


def _allowed(anchor: Anchor) -> str:
    match anchor.kind:
        case "value":
            return f"±{100 * anchor.tolerance:.2g}%" if anchor.tolerance else "exact"
        case "shown":
            return "–"
        case "at most":
            return f"< +{100 * anchor.tolerance:.2g}%" if anchor.tolerance else "at most"
        case "at least":
            return f"> -{100 * anchor.tolerance:.2g}%" if anchor.tolerance else "at least"


def _numbered(anchors: Sequence[Anchor]) -> dict[str, int]:
    """Note -> its number, in the order of their first use."""
    return {note: number for number, note in enumerate(dict.fromkeys(a.note for a in anchors if a.note), start=1)}


def _notes(anchors: Sequence[Anchor]) -> list[Text]:
    notes = [Text(f"[{number}] {note}", style="dim") for note, number in _numbered(anchors).items()]
    doubtful = [Text("? unverified", style="dim")] if any(anchor.unverified for anchor in anchors) else []
    return [*notes, *doubtful]


def _sources(anchors: Sequence[Anchor]) -> list[Text]:
    """Each source once, with its link and what is known of its reliability."""
    lines = [Text("Sources", style="bold")]
    for source in dict.fromkeys(anchor.source for anchor in anchors):
        lines += [Text(source.title), Text(f"  {source.link}"), Text(f"  confidence {source.confidence}", style="dim")]
    return lines


def validation_json(anchors: Sequence[Anchor]) -> dict[str, Any]:
    """Every anchor with its source as plain JSON values, and the counts."""
    results = [anchor.passed for anchor in anchors]
    return {
        "passed": False not in results,
        "claims": len(results) - results.count(None),
        "failed": results.count(False),
        "shown": results.count(None),
        "anchors": [
            {
                "device": anchor.device,
                "what": anchor.what,
                "predicted": anchor.predicted,
                "published": anchor.published,
                "unit": anchor.unit,
                "error_fraction": anchor.error_fraction,
                "kind": anchor.kind,
                "tolerance_fraction": anchor.tolerance,
                "passed": anchor.passed,
                "unverified": anchor.unverified,
                "note": anchor.note,
                "source": anchor.source.title,
                "link": anchor.source.link,
                "confidence": anchor.source.confidence,
            }
            for anchor in anchors
        ],
    }


def tpu_constant() -> RenderableType:
    """What one constant would do for TPU v1."""
    found = one_constant()
    apps = ", ".join(f"{app.upper()} {100 * error:+.0f}%" for app, error in found.errors.items())
    lines = (
        f"TPU v1, the four applications whose rows agree: mean error {_mean_text(found.errors_without)} with no constant;",
        f"{_mean_text(found.errors)} with one, {found.bandwidth_efficiency:.0%} of the weight memory's bandwidth: {apps};",
        f"{_mean_text(found.left_out)} where each is left out of its own fit (the paper's model: {PUBLISHED_MODEL_ERROR:.0%}).",
    )
    return Group(*(Text(line) for line in lines), Text())


def _mean_text(errors: dict[str, float]) -> str:
    return f"{100 * OneConstant.mean(errors):.1f}%"


def tpu_constant_json() -> dict[str, Any]:
    """The same as plain JSON values."""
    found = one_constant()
    return {
        "bandwidth_efficiency": found.bandwidth_efficiency,
        "mean_error_fraction": OneConstant.mean(found.errors),
        "mean_error_without_fraction": OneConstant.mean(found.errors_without),
        "mean_error_left_out_fraction": OneConstant.mean(found.left_out),
        "error_fraction": found.errors,
    }
