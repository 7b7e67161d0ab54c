"""The computational view on the terminal: every layer in one table, with a legend of its marks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from dse.model.explanation import TIME_PARTS, LayerExplanation, ScenarioExplanation, TensorUse, TimePart
from dse.model.needs import NeedKind
from dse.report.tables import BOUND_MARK, plain_table
from dse.units import format_quantity

PART: dict[TimePart, tuple[str, str]] = {
    "useful": ("useful", "products that are wanted"),
    "padding": ("padding", "products with the zeros around a map"),
    "wide_numbers": ("wide", "further passes for numbers wider than the array's"),
    "array_edges": ("edges", "part-full tiles leave rows and columns idle"),
    "idle_cores": ("cores", "cores (or sets) that wait for the busiest"),
    "fill_and_drain": ("fill", "weights shift in, the pipeline fills and drains"),
    "buffer_port": ("port", "the array waits for its buffer"),
    "vector": ("vector", "the vector unit works on when the array is done"),
    "memory": ("memory", "loads and stores that no work hides"),
    "waiting": ("wait", "a step waits for the step before, or to be launched"),
}
"""Part of a layer's time -> its short name and what it is."""

PLACE = {"resident": "R", "fits": "F", "pinned": "P", "streams": "S"}
PLACE_TEXT = {
    "resident": "kept on chip from run to run",
    "fits": "fit on chip at once",
    "pinned": "partly held on chip for all steps",
    "streams": "do not fit at once and stream",
}

LONGEST_NAME, SHORT_NAME = 22, 14
"""Characters of a name before it is broken, with much and with little room."""

MARK = {
    "+": "stays on chip",
    "-": "would fit on chip, but crosses DRAM",
    "!": "larger than the buffer: crosses DRAM",
    "@": "comes from, or goes to, the host",
}
"""Where a tensor is while the layer runs."""

ROOMY, WIDE = 92, 116
"""Columns from which the table also shows how long weights load and how often each is used; and how long the result lives."""


def explain_report(explained: ScenarioExplanation, others: int) -> RenderableType:
    """The table of a scenario, what its time goes to, and how to see more; `others` are the scenarios that are not shown."""
    summary, result = explained.summary, explained.result
    head = (
        f"{explained.scenario.name} on {result.space.name}: {len(explained.layers)} layers,"
        f" {format_quantity(float(summary['latency_s']), 'time')}, binds: {summary['bound']}"
    )
    more = f"--scenario NAME shows one of the other {others}, " if others else ""
    return Group(
        Text(head, style="bold"),
        Text(_totals(explained)),
        *(Text(line) for line in problems(explained)),
        Text(),
        _Layers(explained),
        Text(f"{more}--layer NAME the formulas of one layer with its numbers, --json everything.", style="dim"),
    )


def problems(explained: ScenarioExplanation) -> list[str]:
    """A line for each reason why layers cannot run."""
    found: dict[str, list[str]] = {}
    for layer in explained.layers:
        if layer.problem:
            found.setdefault(layer.problem, []).append(layer.name)
    others = {1: "", 2: " and another"}
    return [
        f"{names[0]}{others.get(len(names), f' and {len(names) - 1} others')} cannot run: {problem}."
        for problem, names in found.items()
    ]


def _totals(explained: ScenarioExplanation) -> str:
    """Where the time of all layers goes, the most first."""
    parts = sorted(TIME_PARTS[1:], key=explained.share, reverse=True)
    lost = ", ".join(f"{PART[part][0]} {_percent(explained.share(part))}" for part in parts if explained.share(part) >= 0.0005)
    if not any(explained.share(part) for part in TIME_PARTS):
        return "Time x peak: nothing to split."
    first = float(explained.summary["first_load_s"])
    load = f" Before the first layer, {format_quantity(first, 'time')} load weights that nothing hides." if first else ""
    return f"Time x peak: useful {_percent(explained.share('useful'))}; lost: {lost or 'nothing'}.{load}"


@dataclass(frozen=True, slots=True)
class _Layers:
    """The table, with as many columns as there is room for; equal layers stand once."""

    explained: ScenarioExplanation

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        groups: dict[tuple[str, ...], list[LayerExplanation]] = {}
        for layer in self.explained.layers:
            groups.setdefault((layer.task.kind, *_cells(layer, width)), []).append(layer)
        table = plain_table("Layers in order of execution, equal ones together")
        table.add_column("layer", overflow="fold", min_width=8)
        for name, right in _columns(width):
            table.add_column(name, justify="right" if right else "left", no_wrap=True)
        for layers in groups.values():
            self._add(table, layers, width)
        yield table
        yield self._legend([layers[0] for layers in groups.values()], width)

    @staticmethod
    def _add(table: Table, layers: Sequence[LayerExplanation], width: int) -> None:
        count, first = len(layers), layers[0]
        time = format_quantity(count * first.time_s, "time")
        name = _broken(first.name, LONGEST_NAME if width >= ROOMY else SHORT_NAME) + (f" (x{count})" if count > 1 else "")
        mark = BOUND_MARK["cannot run"] if first.problem else BOUND_MARK[str(first.row["bound"])]
        table.add_row(name, *_cells(first, width), f"{time} {mark}")

    def _legend(self, layers: Sequence[LayerExplanation], width: int) -> RenderableType:
        places = {layer.parameters.place for layer in layers if layer.parameters}
        marks = {_mark(tensor) for layer in layers for tensor in layer.activations.tensors}
        losses = {layer.worst_loss for layer in layers}
        bounds = {"cannot run" if layer.problem else str(layer.row["bound"]) for layer in layers}
        needed: set[NeedKind] = {need.kind for layer in layers for need in layer.needs}
        kinds = [f"{PLACE[place]} {PLACE_TEXT[place]}" for place in PLACE if place in places]
        lines = [
            ("weights", "; ".join([*kinds, "h their load hides behind compute, e part of it is exposed"]) if kinds else ""),
            ("load", "time to load the weights once" if kinds and width >= ROOMY else ""),
            ("uses", "MACs for each weight fetched from DRAM; ∞: none is fetched" if kinds and width >= ROOMY else ""),
            ("in, out", "; ".join(f"{mark} {text}" for mark, text in MARK.items() if mark in marks)),
            ("lives", "layers, and time, from the one that makes the result to its last reader" if width >= WIDE else ""),
            ("use", "share of time x peak that goes to useful products; loses: the largest of what the rest goes to"),
            *((PART[part][0], PART[part][1]) for part in TIME_PARTS[1:] if part in losses),
            ("needs", "; ".join(["the largest part of an input that must be there first", *_need_texts(needed)])),
            ("time", "of all equal layers, other figures of one; " + _bounds(bounds)),
        ]
        legend = Table.grid(padding=(0, 1, 0, 0))
        legend.add_column(no_wrap=True)
        legend.add_column(overflow="fold")
        for name, text in lines:
            if text:
                legend.add_row(name, text, style="dim")
        return Group(Text("Sizes in K, M, G: KiB, MiB, GiB of the whole batch.", style="dim"), legend)


def _bounds(bounds: set[str]) -> str:
    return "binds: " + ", ".join(f"{BOUND_MARK[name]} {name}" for name in BOUND_MARK if name in bounds)


def _need_texts(kinds: set[NeedKind]) -> list[str]:
    texts: dict[NeedKind, str] = {
        "rows": "3/56 rows: the first 3 of 56",
        "sample": "sample: all of one sample of the batch",
        "state": "state: what the step before leaves",
    }
    return [text for kind, text in texts.items() if kind in kinds]


def _broken(name: str, most: int) -> str:
    """A name in lines of about so many characters, broken behind dots and underscores."""
    lines = [""]
    for piece in re.findall(r"[^._]*[._]?", name):
        if lines[-1] and len(lines[-1]) + len(piece) > most:
            lines.append("")
        lines[-1] += piece
    return "\n".join(lines)


def _columns(width: int) -> list[tuple[str, bool]]:
    """Heads after the layer's name, and whether they stand on the right."""
    return [
        ("weights", True),
        *([("load", True), ("uses", True)] if width >= ROOMY else []),
        ("in", True),
        ("out", True),
        *([("lives", True)] if width >= WIDE else []),
        ("MACs", True),
        ("use", True),
        ("loses", False),
        ("needs", False),
        ("time", True),
    ]


def _cells(layer: LayerExplanation, width: int) -> tuple[str, ...]:
    """The cells between name and time."""
    held, worst = layer.parameters, layer.worst_loss
    made = [tensor for tensor in layer.activations.tensors if tensor.use in ("output", "in and out")]
    read = [tensor for tensor in layer.activations.tensors if tensor.use != "output"]
    hidden = "" if layer.problem else "h" if held and held.hidden else "e"
    weights = f"{size(held.size_bytes)} {PLACE[held.place]}{hidden}" if held else "–"
    counts = held is not None and not held.is_table and not layer.problem
    reuse = (
        format_quantity(held.load_once_s, "time") if held else "–",
        _compact(held.uses_per_fetch) if held and counts else "–",
    )
    lives = max(made, key=lambda each: each.end - each.begin, default=None)
    life = f"{lives.end - lives.begin + 1}, {format_quantity(lives.lifetime_s, 'time')}" if lives else "–"
    return (
        weights,
        *(reuse if width >= ROOMY else ()),
        _tensors(read),
        _tensors(made),
        *((life,) if width >= WIDE else ()),
        _compact(float(layer.row["macs"])) if layer.row["macs"] else "–",
        _whole(layer.share("useful")) if layer.row["macs"] and not layer.problem else "–",
        f"{PART[worst][0]} {_whole(layer.share(worst))}" if worst else "–",
        first_need(layer),
    )


def _tensors(tensors: Sequence[TensorUse]) -> str:
    if not tensors:
        return "–"
    marks = {_mark(tensor) for tensor in tensors}
    return size(sum(tensor.size_bytes for tensor in tensors)) + next(mark for mark in "!-@+" if mark in marks)


def _mark(tensor: TensorUse) -> str:
    if tensor.host:
        return "@"
    return "+" if tensor.stays else "-" if tensor.fits else "!"


def first_need(layer: LayerExplanation) -> str:
    """The part of an input that is the most to wait for, in a few letters: ``3/56 rows``."""
    inputs = [need for need in layer.needs if need.kind != "tile"]
    if not inputs:
        return "–"
    most = max(inputs, key=lambda need: need.fraction)
    if most.kind == "rows":
        rows, _, extent, named = most.text.split(",")[0].split()[:4]
        return f"{rows}/{extent} {named}"
    return most.kind


def size(size_bytes: float) -> str:
    """Bytes in few letters: ``2.25M`` is 2.25 MiB."""
    return format_quantity(size_bytes, "bytes").replace("iB", "").replace(" ", "")


def _compact(value: float) -> str:
    return format_quantity(value, "count").replace(" ", "")


def _whole(fraction: float) -> str:
    return f"{100 * fraction:.0f}%" if fraction >= 0.005 or fraction == 0 else "<1%"


def _percent(fraction: float) -> str:
    """``0.04%``, ``3.2%``, ``58%``; all of it is 100%."""
    value = 100 * fraction
    return f"{value:.0f}%" if value >= 9.95 or value == 0 else f"{value:.1f}%" if value >= 0.05 else "<0.1%"
