"""A budget curve on the terminal: a dozen steps, what each buys and is spent on, and a verdict in words; fits 80 columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dse.hardware.shares import PARTS, Part
from dse.report.budget_stored import stored_view
from dse.report.budget_view import PART_NAMES, BudgetRow, BudgetView
from dse.report.budget_words import verdict
from dse.report.tables import FLOW, FLOW_LEGEND, array_text, doubt_line, limit_text, memory_text, plain_table
from dse.search.budget import BudgetCurve
from dse.units import format_quantity

LEAST_SHARE = 0.005
"""A part that takes less of every step that is shown has no column."""

NAMED_CHANGES = 6
"""Changes between two steps that are told; the rest are counted."""


def budget_report(stored: Mapping[str, Any], folder: str) -> RenderableType:
    """The curve of a `budget.json`: its steps, what changes between them, and what it means."""
    view = stored_view(stored)
    return Group(
        _heading(stored, view),
        Text(),
        _steps(view),
        _legend(view),
        Text(),
        _purchases(stored, view),
        Text(),
        *(Text(sentence) for sentence in verdict(view)),
        Text(),
        Text(doubt_line(stored["assumptions"], "manifest.json"), style="dim"),
        Text(f"Every step is in budget.csv. Written to {folder}", style="dim"),
    )


def _heading(stored: Mapping[str, Any], view: BudgetView) -> RenderableType:
    others = ", ".join(f"{name} at most {limit_text(name, limit)}" for name, limit in stored["other_limits"].items())
    wanted = ("most " if _maximised(view) else "least ") + view.objective.name
    steps = "1 step" if len(view.cost) == 1 else f"{len(view.cost):,} steps"
    return Group(
        Text(f"{stored['workload']} on {stored['space']}: {wanted} for every {view.resource.name}, {steps}", style="bold"),
        Text(f"other limits: {others or 'none'}"),
        Text(view.statement + ("" if view.certified else f" (found by {stored['sampler']})")),
    )


def _maximised(view: BudgetView) -> bool:
    return view.objective.name == "throughput"


def _steps(view: BudgetView) -> Table:
    table = plain_table()
    table.add_column("", no_wrap=True)
    table.add_column("from", justify="right", no_wrap=True)
    table.add_column(view.objective.name, justify="right", no_wrap=True)
    parts = _parts(view)
    for part in parts:
        table.add_column(PART_NAMES[part] if part != "bandwidth" else "bandw.", justify="right", no_wrap=True)
    table.add_column(f"+{100 * view.more_fraction:g}% buys", justify="right", no_wrap=True)
    table.add_column("binds", no_wrap=True)
    for row in view.rows:
        table.add_row(
            row.label + _marks(row),
            view.resource.show(row.cost),
            view.objective.show(row.value),
            *(f"{100 * row.split[part]:.0f}%" for part in parts),
            f"{100 * row.more_gain_fraction:.2g}%" if row.more_gain_fraction < 0.995 else ">99%",
            f"{row.bound} {100 * row.bound_fraction:.0f}%",
        )
    return table


def _parts(view: BudgetView) -> list[Part]:
    """Parts that take half a percent somewhere."""
    return [part for part in PARTS if any(row.split[part] >= LEAST_SHARE for row in view.rows)]


def _marks(row: BudgetRow) -> str:
    return ("*" if row.knee else "") + ("+" if row.worth else "")


def _legend(view: BudgetView) -> RenderableType:
    marks = f"* knee, + from here on {100 * view.more_fraction:g}% more never buys {100 * view.worth_fraction:g}%"
    shown = marks if view.worth is not None else "* knee"
    contents = "; ".join(f"{PART_NAMES[part]}: {view.contents[part]}" for part in _parts(view))
    return Text(f"{shown}; “buys” along the convex hull of the curve (log-log)\n{contents}", style="dim")


def _purchases(stored: Mapping[str, Any], view: BudgetView) -> RenderableType:
    """The first design in full, and what each later step changes in the one above it."""
    table = plain_table("What each step is, and what it buys over the one above")
    table.add_column("", no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    table.show_header = False
    first = view.rows[0]
    table.add_row(first.label, "", "", stored["first_machine"])
    for row in view.rows[1:]:
        more = sum((row.spent or {}).values())
        table.add_row(
            row.label,
            f"+{view.resource.show(more)}",
            _gain(row.gain_fraction or 0.0, maximise=_maximised(view)),
            _changes(row),
        )
    return Padding(table, 0)


def _gain(fraction: float, *, maximise: bool) -> str:
    """``-35.2%``, ``+9.1%``, and ``x26.8`` where that is easier to read."""
    if maximise:
        return f"x{1 + fraction:.3g}" if fraction >= 1 else f"+{100 * fraction:.3g}%"
    return f"-{100 * fraction:.3g}%"


def machine_line(curve: BudgetCurve, row: int) -> str:
    """One design in a line."""
    design = curve.space.designs(curve.indices[row : row + 1]).design(0)
    flow = FLOW_LEGEND[FLOW[design.dataflow]]
    single = "" if design.double_buffer else ", single-buffered"
    lanes = f", {design.vector_lanes} lanes" if design.vector_lanes else ""
    return (
        f"{array_text(design)} {design.precision} at {design.frequency_hz / 1e6:g} MHz, {flow}{lanes}, "
        f"{format_quantity(design.sram_bytes, 'bytes')} SRAM{single}, {memory_text(design)}, {design.node_nm:g} nm"
    )


def _changes(row: BudgetRow) -> str:
    left = len(row.changes) - NAMED_CHANGES
    return ", ".join(row.changes[:NAMED_CHANGES]) + (f" and {left} more" if left > 0 else "")
