"""Traffic against capacity on the terminal: layers by capacity, the sum of a scenario, or every telling step of one layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from dse.report.reuse_view import OperationReuse, ReuseView, ScenarioReuse, doubling_steps, kept_steps, telling_steps
from dse.report.tables import plain_table
from dse.units import format_quantity

_HEADERS = ("scenario", "needs", "at best", "from")
"""Columns beside the capacities."""

BOUNDLESS = 2**40
"""A buffer that holds everything."""

MOST_STEPS = 24
"""Steps of one layer that are shown; the rest tell little more."""


def reuse_report(view: ReuseView) -> RenderableType:
    """The tables of `dse reuse`."""
    if view.layer is not None:
        return Group(_heading(view), *(_layer(each, view) for each in view.first.operations))
    parts: list[RenderableType] = [_heading(view), Text()]
    if len(view.scenarios) > 1:
        parts += [
            _Traffic("Scenarios: the sum of all layers", [_Line.of_scenario(each) for each in view.scenarios], view),
            Text(),
        ]
    lines = [_Line.of_operation(each) for each in view.first.operations]
    if view.first.vector_bytes:
        lines.append(_Line.constant("vector operations", view.first.vector_bytes))
    lines.append(_Line.of_scenario(view.first, "all layers"))
    lines.append(_Line.together(view.first))
    parts += [_Traffic(f"{view.first.scenario.name}: layers, equal ones together", lines, view), Text(), _total(view.first)]
    others = len(view.scenarios) - 1
    more = f"--scenario NAME shows the layers of one of the other {others}, " if others else ""
    parts.append(Text(f"{more}--layer NAME the steps of one layer, --json everything.", style="dim"))
    return Group(*parts)


def _heading(view: ReuseView) -> RenderableType:
    where = f"{view.first.scenario.name}, {view.layer}" if view.layer is not None else view.workload.name
    mappings = "the best of all mappings" if view.family is None else f"the best {view.family.replace('_', ' ')} mapping"
    lines = [
        Text(f"{where}: least off-chip traffic against on-chip capacity", style="bold"),
        Text(f"Each operation alone reads and writes DRAM, by {mappings}.", style="dim"),
    ]
    if view.layer is None:
        lines.append(Text("kept between: all layers, with tensors that stay on chip from layer to layer.", style="dim"))
    if view.machine is not None:
        lines.append(Text(f"* {view.machine.text}"))
    if view.layer is None:
        lines.append(
            Text("needs: the least that runs; at best: every operand once; from: the capacity that reaches it.", style="dim")
        )
    return Group(*lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One row of a table of traffic: what it needs, what it moves at any capacities, from where on all passes once."""

    name: str
    needs: str
    at: Callable[[np.ndarray], np.ndarray]
    compulsory_bytes: int
    once: str
    bold: bool = False

    @classmethod
    def of_operation(cls, each: OperationReuse) -> _Line:
        return cls(
            name=each.name,
            needs=_size(each.needs_bytes),
            at=lambda capacities: each.count * each.at(capacities),
            compulsory_bytes=each.count * each.curve.compulsory_bytes,
            once=_size(each.near_bytes(1.0)),
        )

    @classmethod
    def of_scenario(cls, reuse: ScenarioReuse, name: str | None = None) -> _Line:
        return cls(
            name=name or reuse.scenario.name,
            needs=_size(reuse.needs_bytes),
            at=reuse.at,
            compulsory_bytes=reuse.compulsory_bytes,
            once=_size(reuse.near_bytes(1.0)),
            bold=name is not None,
        )

    @classmethod
    def together(cls, reuse: ScenarioReuse) -> _Line:
        least = float(reuse.together_at(np.array([BOUNDLESS]))[0])
        return cls(
            name="kept between",
            needs=_size(reuse.needs_bytes),
            at=reuse.together_at,
            compulsory_bytes=int(least),
            once="–",
            bold=True,
        )

    @classmethod
    def constant(cls, name: str, moved_bytes: int) -> _Line:
        return cls(
            name=name,
            needs="–",
            at=lambda capacities: np.full(len(capacities), float(moved_bytes)),
            compulsory_bytes=moved_bytes,
            once="–",
        )


@dataclass(frozen=True, slots=True)
class _Traffic:
    """Rows of traffic at the chosen capacities, in as many tables one below the other as the width needs."""

    title: str
    lines: Sequence[_Line]
    view: ReuseView

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        chosen = np.array(self.view.chosen_bytes)
        moved = [[_moved(float(value)) for value in line.at(chosen)] for line in self.lines]
        fixed = [(line.name, line.needs, _moved(line.compulsory_bytes), line.once) for line in self.lines]
        taken = sum(max(len(cell) for cell in column) + 1 for column in zip(*fixed, _HEADERS, strict=True))
        widest = max(len(cell) + 1 for cells in (*moved, self._headers()) for cell in cells)
        across = max(1, (options.max_width + 1 - taken) // widest)
        for begin in range(0, len(chosen), across):
            yield self._block(slice(begin, begin + across), moved, fixed, self.title if begin == 0 else None)

    def _headers(self) -> list[str]:
        machine = self.view.machine
        return [
            _size(capacity) + ("*" if machine is not None and capacity == machine.live_bytes else "")
            for capacity in self.view.chosen_bytes
        ]

    def _block(
        self, part: slice, moved: Sequence[list[str]], fixed: Sequence[tuple[str, str, str, str]], title: str | None
    ) -> Table:
        table = plain_table(title)
        table.add_column("layer" if any(line.bold for line in self.lines) else "scenario", overflow="fold")
        for name in (_HEADERS[1], *self._headers()[part], *_HEADERS[2:]):
            table.add_column(name, justify="right", no_wrap=True)
        for line, cells, (name, needs, compulsory, once) in zip(self.lines, moved, fixed, strict=True):
            table.add_row(name, needs, *cells[part], compulsory, once, style="bold" if line.bold else None)
        return table


def _total(reuse: ScenarioReuse) -> RenderableType:
    table = plain_table()
    for name in ("on chip", "traffic", "x compulsory", "kept between"):
        table.add_column(name, justify="right", no_wrap=True)
    capacities = np.array(kept_steps(reuse))
    for capacity, moved, kept in zip(capacities, reuse.at(capacities), reuse.together_at(capacities), strict=True):
        times = _times(float(moved) / reuse.compulsory_bytes)
        table.add_row(_size(int(capacity)), _moved(float(moved)), times, _moved(float(kept)))
    near = f"Within 2x of compulsory from {_size(reuse.near_bytes(2.0))}, within 1.1x from {_size(reuse.near_bytes(1.1))}"
    title = Text(f"{reuse.scenario.name}: all layers, from doubling to doubling", style="bold")
    return Group(title, table, Text(f"{near}; {len(reuse.capacity_bytes):,} steps in all.", style="dim"))


def _layer(each: OperationReuse, view: ReuseView) -> RenderableType:
    """The steps of one operation, with the mapping behind each."""
    curve = each.curve
    telling = {int(curve.capacity_bytes[row]) for row in telling_steps(each, MOST_STEPS)}
    if each.falls_between:
        telling |= set(doubling_steps(each))
    machine = view.machine.live_bytes if view.machine is not None else None
    rows = sorted(telling if machine is None else telling | {machine})
    title = Text(f"\n{each.name}: {each.kind}, {format_quantity(each.operation.macs, 'count')} MACs", style="bold")
    table = plain_table()
    for name in ("on chip", "traffic", "x compulsory"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("what stays", no_wrap=True)
    table.add_column("its tile", overflow="fold")
    for capacity in rows:
        mark = "*" if capacity == machine else ""
        moved = float(curve.at(capacity))
        if capacity < each.needs_bytes:
            table.add_row(_size(capacity) + mark, "–", "–", "nothing fits", "")
            continue
        mapping = curve.mapping_at(capacity)
        pinned = f", {_size(int(mapping.pinned_weight_bytes))} weights pinned" if mapping.pinned_weight_bytes else ""
        table.add_row(
            _size(capacity) + mark,
            _moved(moved),
            _times(moved / curve.compulsory_bytes),
            _STAYS[mapping.family],
            mapping.tile_text + pinned,
        )
    return Group(title, table, Text(_layer_note(each, len(telling)), style="dim"))


_STAYS = {"output_stationary": "outputs", "input_stationary": "inputs", "weight_stationary": "weights"}
"""Mapping family -> the operand whose tile stays."""


def _layer_note(each: OperationReuse, shown: int) -> str:
    steps = len(each.curve.capacity_bytes)
    near = f"Within 2x of compulsory from {_size(each.near_bytes(2.0))}, within 1.1x from {_size(each.near_bytes(1.1))}."
    if each.falls_between:
        left = f" Between rows traffic falls along lines, each weight kept for all steps saves; --json has all {steps} corners."
    elif steps > shown:
        left = f" {shown} of {steps} steps shown, those at which traffic has fallen by a like factor; --json has all."
    else:
        left = ""
    runs = f" Traffic is of one of {each.count} equal layers." if each.count > 1 else ""
    return near + left + runs


def _size(value: int) -> str:
    return format_quantity(value, "bytes")


def _times(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:,.0f}"


def _moved(value: float) -> str:
    return "–" if np.isinf(value) else format_quantity(value, "traffic")
