"""A picture of a budget curve: the objective against the budget, what binds, and how the budget is split."""
# matplotlib's own types are partly unknown:
# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportArgumentType=false

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from dse.hardware.shares import PARTS, Part
from dse.report.budget_view import PART_NAMES, BudgetView, budget_view
from dse.report.figures import BLUE, GREEN, GREY, LIGHT, NARROW, ORANGE, PURPLE, RED, SKY, STYLE, paper, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dse.search.budget import BudgetCurve

PART_COLOURS: dict[Part, str] = {"compute": BLUE, "sram": GREEN, "bandwidth": SKY, "memory": ORANGE, "other": "#BDBDBD"}
BOUND_COLOURS = {"compute": BLUE, "vector": PURPLE, "memory": ORANGE, "dependency": RED, "ridge": GREY}
INCHES = (7.6, 6.6)
TICKS: tuple[tuple[float, ...], ...] = (
    (1.0,),
    (1.0, 3.0),
    (1.0, 2.0, 5.0),
    (1.0, 1.5, 2.0, 3.0, 5.0, 7.0),
    (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0),
    tuple(ten / 10 for ten in range(10, 100)),
    tuple(hundred / 100 for hundred in range(100, 1000)),
)
"""Leading figures that are labelled, for ever shorter ranges."""

FEW_TICKS, MANY_TICKS = 5, 10
NEAR = (0.018, 0.035)
"""Points nearer than these fractions of the panel share a label."""

LEAST_SHARE = 0.005
"""A part that takes less everywhere is not drawn."""

FLAT = 1.12
"""How far past the dearest design the flat end of the curve is drawn, at most."""


def budget_picture(curve: BudgetCurve) -> bytes:
    """The picture as PNG; equal curves give equal bytes."""
    return png(budget_figure(budget_view(curve)))


def budget_figure(view: BudgetView, inches: tuple[float, float] = INCHES) -> Figure:
    """Three panels over one logarithmic axis of budgets."""
    with mpl.rc_context(STYLE | paper(inches)):
        figure = Figure(figsize=inches, layout="constrained")
        top, strip, below = figure.subplots(3, 1, sharex=True, height_ratios=[3.4, 0.22, 2.0])
        left, right = _ends(view)
        for axes in (top, strip, below):
            axes.set_xscale("log")
            axes.set_xlim(left, right)
        edges = np.array([*view.cost, max(right, view.cost[-1])])
        _curve(top, view, edges, narrow=inches[0] < NARROW)
        _binding(strip, view, edges)
        _split(below, view, edges)
        axis = below.xaxis
        axis.set_major_locator(FixedLocator(_ticks(left, right)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: view.resource.show(value).replace(".00 ", " ")))
        below.set_xlabel(f"budget: {view.resource.title}")
        return figure


def _ends(view: BudgetView) -> tuple[float, float]:
    low = max(view.from_value, view.cheapest)
    high = min(view.to_value, max(view.dearest * FLAT, low * FLAT)) if view.to_value > view.dearest else view.to_value
    high = max(high, low * FLAT)
    margin = (high / low) ** 0.02
    return low / margin, high * margin


def _ticks(left: float, right: float) -> list[float]:
    """Values to label on a logarithmic axis: round ones, more of them where the range is short."""
    decades = range(int(np.floor(np.log10(left))), int(np.ceil(np.log10(right))) + 1)
    found: list[float] = []
    for digits in TICKS:
        found = [digit * 10.0**decade for decade in decades for digit in digits if left <= digit * 10.0**decade <= right]
        if len(found) >= FEW_TICKS:
            break
    return found[:: -(-len(found) // MANY_TICKS)] if found else [left, right]


def _curve(axes: Axes, view: BudgetView, edges: np.ndarray, *, narrow: bool) -> None:
    values = np.array([*view.value, view.value[-1]])
    axes.set_yscale("log")
    axes.step(edges, values, where="post", color=BLUE, linewidth=1.8, zorder=3, solid_joinstyle="miter")
    hull = np.flatnonzero(view.on_hull)
    cost, value = np.array(view.cost), np.array(view.value)
    axes.plot(cost[hull], value[hull], color=GREY, linewidth=0.9, linestyle="--", zorder=2)
    handles = [
        Line2D([], [], color=BLUE, linewidth=1.8, label=f"best {view.objective.name}"),
        Line2D([], [], color=GREY, linewidth=0.9, linestyle="--", label="its convex hull"),
    ]
    handles += _mark(axes, view, view.knee, "o", f"knee, {view.resource.show(view.cost[view.knee])}")
    if view.worth is not None:
        text = f"beyond {view.resource.show(view.worth_value)}, {100 * view.more_fraction:g}% more never buys "
        handles += _mark(axes, view, view.worth, "D", f"{text}{100 * view.worth_fraction:g}%")
    low, high = min(view.value), max(view.value)
    margin = max((high / low) ** 0.08, 1.1)
    room = (high / low) ** 0.5 if narrow else 1.0
    up = view.objective.name != "throughput"
    axes.set_ylim(low / margin / (1.0 if up else room), high * margin**1.4 * (room if up else 1.0))
    _labels(axes, view)
    axes.yaxis.set_major_locator(FixedLocator(_ticks(*axes.get_ylim())))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: view.objective.show(value)))
    axes.set_ylabel(view.objective.title)
    axes.set_title(view.title)
    box = {"frameon": True, "facecolor": "white", "edgecolor": "none", "framealpha": 0.9}
    axes.legend(handles=handles, loc="upper right" if view.objective.name != "throughput" else "lower right", **box)
    axes.tick_params(axis="x", length=0)


def _labels(axes: Axes, view: BudgetView) -> None:
    """The letters of the shown steps; those of steps that lie together stand together."""
    up = view.objective.name != "throughput"
    places = axes.transLimits.transform(axes.transScale.transform([(row.cost, row.value) for row in view.rows]))
    groups: list[list[int]] = []
    for at, place in enumerate(places):
        if groups and (np.abs(place - places[groups[-1][0]]) < NEAR).all():
            groups[-1].append(at)
        else:
            groups.append([at])
    for group in groups:
        rows = [view.rows[at] for at in group]
        away = 7 if any(row.knee or row.worth for row in rows) else 4
        axes.plot([row.cost for row in rows], [row.value for row in rows], "o", markersize=3.6, color=BLUE, zorder=4)
        axes.annotate(
            " ".join(row.label for row in rows), (rows[0].cost, rows[0].value), xytext=(away, away if up else -away),
            textcoords="offset points", fontsize=8, fontweight="bold", ha="left",
            va="bottom" if up else "top", zorder=6,
        )  # fmt: skip


def _mark(axes: Axes, view: BudgetView, row: int, marker: str, text: str) -> list[Line2D]:
    size = 11 if marker == "o" else 9
    style = {"marker": marker, "markersize": size, "color": RED, "fillstyle": "none", "markeredgewidth": 1.6}
    axes.plot(view.cost[row], view.value[row], zorder=5, linestyle="none", **style)
    axes.axvline(view.cost[row], color=RED, linewidth=0.7, linestyle=":", zorder=1)
    return [Line2D([], [], linestyle="none", label=text, **style)]


def _binding(axes: Axes, view: BudgetView, edges: np.ndarray) -> None:
    """A strip that tells by colour what takes most of the time."""
    for bound, (left, right) in zip(view.bound, pairwise(edges.tolist()), strict=True):
        axes.axvspan(left, right, color=BOUND_COLOURS[bound], linewidth=0)
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.set_ylim(0, 1)
    axes.set_ylabel("binds", rotation=0, ha="right", va="center")
    axes.tick_params(axis="x", length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    seen = [bound for bound in BOUND_COLOURS if bound in view.bound]
    handles = [Patch(color=BOUND_COLOURS[bound], label=bound) for bound in seen]
    axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1.0, 0.9), ncols=len(handles), handlelength=1.0, borderpad=0)


def _split(axes: Axes, view: BudgetView, edges: np.ndarray) -> None:
    cost = np.array(view.cost)
    parts = [part for part in PARTS if (np.array(view.split[part]) >= LEAST_SHARE * cost).any()]
    floor = np.zeros(len(cost))
    for part in parts:
        share = np.array(view.split[part]) / cost
        top = floor + share
        axes.fill_between(
            edges, np.append(floor, floor[-1]), np.append(top, top[-1]), step="post", color=PART_COLOURS[part], linewidth=0,
            label=f"{PART_NAMES[part]}: {view.contents[part]}",
        )  # fmt: skip
        floor = top
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    axes.set_ylabel(f"share of {view.resource.name}")
    axes.grid(visible=True, axis="both", color=LIGHT)
    axes.set_axisbelow(False)
    for row in (view.knee, *([] if view.worth is None else [view.worth])):
        axes.axvline(view.cost[row], color=RED, linewidth=0.7, linestyle=":")
    handles, texts = axes.get_legend_handles_labels()
    axes.figure.legend(handles[::-1], texts[::-1], loc="outside lower left", ncols=2, columnspacing=1.4, handlelength=1.2)
