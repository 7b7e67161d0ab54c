"""Measured kernels beside the model and a plain roofline: a table in eighty columns, and the same as plain JSON values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dse.fidelity.anchor import Source
from dse.fidelity.measured import MeasuredGroup
from dse.fidelity.scores import Score
from dse.fidelity.sharing import FORMAT, HeldOutDevice
from dse.fidelity.terms import BEST_RISING, USE, TermScore

SHORT = {"gemm": "gemm", "convolution": "conv", "recurrent": "recurrent"}


def measured_table(groups: Sequence[MeasuredGroup], source: Source) -> RenderableType:
    """One row for each device, kind, format and algorithm."""
    table = plain_table("measured kernels, nothing fitted: the model, and a plain roofline with compulsory bytes")
    for name in ("device", "kind"):
        table.add_column(name, no_wrap=True)
    for name in ("n", *_SCORE, "|", *_SCORE):
        table.add_column(name, justify="right", no_wrap=True)
    last = ""
    for group in groups:
        shown = group.device if group.device != last else ""
        last = group.device
        table.add_row(shown, kind_text(group.kind, group.precision, group.algorithm), str(group.model.n),
                      *score_cells(group.model), "|", *score_cells(group.roofline))  # fmt: skip
    lines = (
        "med, p90: of |predicted / measured - 1|; bias: median of predicted / measured, less 1; rank: Spearman's",
        "left the model with its buffer, tiles and Winograd, right the larger of MACs at peak and bytes at bandwidth",
    )
    notes = [Text(line, style="dim") for line in lines]
    cited = [
        Text("Source", style="bold"),
        Text(source.title),
        Text(f"  {source.link}"),
        Text(f"  {source.confidence}", style="dim"),
    ]
    return Group(table, *notes, Text(measured_summary(groups), style="bold"), Text(), *cited)


def held_out_devices_table(found: Sequence[HeldOutDevice]) -> RenderableType:
    """A row for each device, kind and algorithm; below, which tiles the others chose."""
    table = plain_table("each device held out: tiles chosen on the others, its own constants fitted to other shapes")
    for name in ("device held out", "kind"):
        table.add_column(name, no_wrap=True)
    for name in ("n", *_SCORE):
        table.add_column(name, justify="right", no_wrap=True)
    last: tuple[str, str] | None = None
    for each in found:
        for algorithm, score in each.scores.items():
            shown = each.device if last != (each.device, each.kind) else ""
            last = (each.device, each.kind)
            table.add_row(shown, kind_text(each.kind, FORMAT, algorithm), str(score.n), *score_cells(score))
    notes = [
        Text(f"{each.device}, {SHORT[each.kind]}: {chosen_text(each)}, chosen on {' and '.join(each.chosen_on)}", style="dim")
        for each in found
    ]
    return Group(table, *notes)


def chosen_text(found: HeldOutDevice) -> str:
    """The tiles of a kind and the parts of its reductions, in words."""
    use, tiling = USE[found.kind], found.tiling
    said = " or ".join(map(str, tiling.of(use)))
    if use == "convolution":
        return f"{said}; Winograd {' or '.join(map(str, tiling.winograd_tiles))}"
    parts = tiling.splits if use == "recurrent" or tiling.idle_splits is None else tiling.idle_splits
    return f"{said}; up to {parts} parts"


def held_out_devices_json(found: Sequence[HeldOutDevice]) -> list[dict[str, Any]]:
    """The same as plain JSON values."""
    return [
        {
            "device": each.device,
            "kind": each.kind,
            "precision": FORMAT,
            "algorithm": algorithm or None,
            "chosen_on": list(each.chosen_on),
            "chosen": chosen_text(each),
            **score_json(score),
        }
        for each in found
        for algorithm, score in each.scores.items()
    ]


def terms_table(scores: Sequence[TermScore]) -> RenderableType:
    """Held-out error term by term, a row for each device, kind, format and term; each term has those above it."""
    table = plain_table("error of held-out kernels, term by term (each row has the terms above it; constants fitted again)")
    for name in ("device", "kind", "with"):
        table.add_column(name, no_wrap=True)
    for name in ("n", *_SCORE):
        table.add_column(name, justify="right", no_wrap=True)
    last: tuple[str, str, str] | None = None
    for each in scores:
        key = (each.device, each.kind, each.precision)
        device = each.device if last is None or last[0] != each.device else ""
        kind = kind_text(each.kind, each.precision, "") if key != last else ""
        last = key
        table.add_row(device, kind, each.term, str(each.score.n), *score_cells(each.score))
    notes = [
        Text(f"{BEST_RISING}: no model but the best of all that do not know layouts, and in which", style="dim"),
        Text("more columns never take less time; fitted to the very rows, nothing held out", style="dim"),
    ]
    return Group(table, *notes)


def terms_json(scores: Sequence[TermScore]) -> list[dict[str, Any]]:
    """The same as plain JSON values."""
    return [
        {"device": each.device, "kind": each.kind, "precision": each.precision, "term": each.term, **score_json(each.score)}
        for each in scores
    ]


def measured_summary(groups: Sequence[MeasuredGroup]) -> str:
    """How often the model orders kernels better than the plain roofline."""
    better = sum(_comparable(group) and group.model.rank_correlation > group.roofline.rank_correlation for group in groups)
    compared = sum(map(_comparable, groups))
    n = sum(group.model.n for group in groups)
    return f"{n:,} kernels: the model orders {better} of {compared} groups better than a plain roofline."


def _comparable(group: MeasuredGroup) -> bool:
    return not math.isnan(group.model.rank_correlation)


_SCORE = ("med", "p90", "bias", "rank")


def kind_text(kind: str, precision: str, algorithm: str) -> str:
    """``conv fp16 winograd``."""
    return " ".join(part for part in (SHORT[kind], precision, algorithm) if part)


def plain_table(title: str) -> Table:
    """A table in the style of the validation."""
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=None,
        padding=(0, 1, 0, 0),
        header_style="bold",
        pad_edge=False,
    )


def score_cells(score: Score) -> tuple[str, str, str, str]:
    """Median, 90th percentile and bias in percent, and the rank correlation.

    >>> score_cells(Score(n=9, median_error=0.081, p90_error=0.3, bias=-0.0049, rank_correlation=0.98767))
    ('8%', '30%', '0%', '.988')
    """
    rank = "–" if math.isnan(score.rank_correlation) else f"{score.rank_correlation:.3f}".replace("0.", ".", 1)
    bias = f"{100 * score.bias:+.0f}%"
    return (f"{100 * score.median_error:.0f}%", f"{100 * score.p90_error:.0f}%", "0%" if bias in ("+0%", "-0%") else bias, rank)


def measured_json(groups: Sequence[MeasuredGroup]) -> list[dict[str, Any]]:
    """Every group with both scores."""
    return [
        {
            "device": group.device,
            "kind": group.kind,
            "precision": group.precision,
            "algorithm": group.algorithm or None,
            "model": score_json(group.model),
            "roofline": score_json(group.roofline),
        }
        for group in groups
    ]


def score_json(score: Score) -> dict[str, Any]:
    """A score as plain values; errors are fractions, and a rank correlation that there is none of is null."""
    rank = None if math.isnan(score.rank_correlation) else score.rank_correlation
    return {
        "n": score.n,
        "median_error_fraction": score.median_error,
        "p90_error_fraction": score.p90_error,
        "bias_fraction": score.bias,
        "rank_correlation": rank,
    }
