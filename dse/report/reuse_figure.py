"""A picture of traffic against on-chip capacity (matplotlib, no screen, reproducible bytes)."""
# matplotlib's own types are partly unknown:
# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportArgumentType=false

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from dse.errors import InputError, Problem
from dse.report.figures import BLACK, GREY, RED, SERIES, STYLE
from dse.report.reuse_view import doubling_steps, kept_steps
from dse.units import format_quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dse.report.reuse_view import OperationReuse, ReuseView, ScenarioReuse

FORMATS = (".png", ".svg", ".pdf")
_DATELESS: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}
COLOURED = 5
"""Layers with a colour of their own; the others are thin and grey."""

COLOURS = tuple(colour for colour in SERIES if colour not in (BLACK, GREY, RED))
INCHES = (7.6, 5.2)
DPI = 160
FAINT = "#B9B9B9"
_PATCH: dict[str, Any] = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}


def check_picture(path: Path) -> Path:
    """The path, if its suffix is one that can be drawn. Raises `InputError`."""
    if path.suffix.lower() not in FORMATS:
        remedy = f"end the name in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        raise InputError(
            Problem(f"--picture {path}: {path.suffix or 'no suffix'!r} is not a picture that dse draws", remedy=remedy)
        )
    return path


def reuse_picture(view: ReuseView, suffix: str) -> bytes:
    """The picture in the format of a file's suffix; equal views give equal bytes."""
    figure, buffer = reuse_figure(view), BytesIO()
    FigureCanvasAgg(figure)
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format=suffix.lower()[1:], dpi=DPI, metadata=_DATELESS[suffix.lower()])
    return buffer.getvalue()


def reuse_figure(view: ReuseView) -> Figure:
    """Log-log: one line for each distinct operation, the whole scenario bold, compulsory traffic dotted below it."""
    with mpl.rc_context(STYLE):
        reuse = view.first
        figure = Figure(figsize=INCHES, layout="constrained")
        axes = figure.add_subplot()
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        single = len(reuse.operations) == 1
        low, high = _capacity_range(view)
        axes.set_xlim(low, high)
        handles = _operations(axes, reuse, high, single=single)
        if not single:
            _line(axes, reuse, 1, high, color=BLACK, linewidth=2.4, zorder=5)
            handles.insert(0, Line2D([], [], color=BLACK, linewidth=2.4, label="all layers"))
            handles.insert(1, _together(axes, reuse, high))
        floor = reuse.compulsory_bytes if not single else reuse.operations[0].count * reuse.operations[0].curve.compulsory_bytes
        axes.axhline(floor, color=BLACK, linewidth=1.0, linestyle=":", zorder=4)
        dotted = f"compulsory, {format_quantity(floor, 'traffic')}"
        handles.append(Line2D([], [], color=BLACK, linewidth=1.0, linestyle=":", label=dotted))
        _too_small(axes, reuse, low)
        _machine_line(axes, view)
        _frame(axes, view, floor)
        axes.set_title(_title(view))
        axes.set_xlabel("on-chip capacity that holds live tiles")
        axes.set_ylabel("least off-chip traffic of one run")
        columns = min(len(handles), 4)
        figure.legend(handles=handles, loc="outside lower center", ncols=columns, columnspacing=1.6, handlelength=1.8)
        return figure


def _title(view: ReuseView) -> str:
    where = view.first.scenario.name + (f", {view.layer}" if view.layer is not None else "")
    how = "best mapping of each layer alone" if view.family is None else f"{view.family.replace('_', ' ')} mappings alone"
    return f"{where}: off-chip traffic against on-chip capacity\n{how}"


def _capacity_range(view: ReuseView) -> tuple[float, float]:
    """From below the least step to beyond the last, and the machine within."""
    low = min(each.needs_bytes for each in view.first.operations)
    high = max(int(each.capacity_bytes[-1]) for each in view.first.operations)
    if view.machine is not None:
        low, high = min(low, view.machine.live_bytes), max(high, view.machine.live_bytes)
    if len(view.first.operations) > 1:
        high = max(high, kept_steps(view.first)[-1])
    return low / 1.5, high * 3.0


def _operations(axes: Axes, reuse: ScenarioReuse, high: float, *, single: bool) -> list[Line2D]:
    """Draw every operation; those that move most in colour."""
    ranked = _ranked(reuse)
    handles: list[Line2D] = []
    for rank, each in enumerate(ranked):
        coloured = rank < COLOURED
        colour = COLOURS[rank % len(COLOURS)] if coloured else FAINT
        width = 2.2 if single else 1.5 if coloured else 0.8
        _line(axes, each, each.count, high, color=colour, linewidth=width, zorder=3 if coloured else 2)
        if coloured:
            handles.append(Line2D([], [], color=colour, linewidth=width, label=each.name))
    left = len(ranked) - COLOURED
    if left > 0:
        handles.append(Line2D([], [], color=FAINT, linewidth=0.8, label=f"{left} more"))
    return handles


def _ranked(reuse: ScenarioReuse) -> list[OperationReuse]:
    """Operations by their mean share of the whole traffic, from doubling to doubling of the capacity, largest first."""
    capacities = np.array(doubling_steps(reuse))
    whole = reuse.at(capacities)
    share = [float((each.count * each.at(capacities) / whole).mean()) for each in reuse.operations]
    return [reuse.operations[index] for index in np.argsort([-value for value in share], kind="stable")]


def _line(axes: Axes, curve: OperationReuse | ScenarioReuse, count: int, high: float, **style: Any) -> None:  # noqa: ANN401
    """Steps are drawn as steps; where the curve falls between them, a fine grid of capacities is looked up."""
    capacity = np.asarray(curve.capacity_bytes, dtype=np.float64)
    if curve.falls_between and len(capacity) > 1:
        first, last = capacity[0], capacity[-1]
        fine = np.concatenate([np.geomspace(first, last, 400), np.linspace(first, last, 600)]).round()
        capacity = np.unique(np.concatenate([capacity, np.clip(fine, first, last)]))
    traffic = count * curve.at(capacity)
    ends = np.append(capacity, high), np.append(traffic, traffic[-1])
    axes.plot(*ends, drawstyle="steps-post", solid_joinstyle="miter", **style)


def _together(axes: Axes, reuse: ScenarioReuse, high: float) -> Line2D:
    """The whole scenario with tensors that stay on chip between layers."""
    capacity = np.unique(np.geomspace(max(reuse.needs_bytes, high / 2**26), high, 120).astype(np.int64))
    style: dict[str, Any] = {"color": BLACK, "linewidth": 1.8, "linestyle": (0, (4, 1.5))}
    axes.plot(capacity, reuse.together_at(capacity), drawstyle="steps-post", zorder=5, **style)
    return Line2D([], [], label="kept between layers", **style)


def _too_small(axes: Axes, reuse: ScenarioReuse, low: float) -> None:
    """Shade the capacities at which some operation has no mapping."""
    axes.axvspan(low, reuse.needs_bytes, color="#F1F1F1", zorder=0, linewidth=0)
    if reuse.needs_bytes > 4 * low:
        middle = float(np.sqrt(low * reuse.needs_bytes))
        axes.annotate(
            "some layer does not run", (middle, 0.015), xycoords=("data", "axes fraction"), ha="center", fontsize=8, color=GREY
        )


def _machine_line(axes: Axes, view: ReuseView) -> None:
    if view.machine is None:
        return
    at = view.machine.live_bytes
    axes.axvline(at, color=RED, linewidth=1.2, linestyle="--", zorder=4)
    left = at > np.sqrt(np.prod(axes.get_xlim()))
    axes.annotate(
        view.machine.text,
        (at, 0.985),
        xycoords=("data", "axes fraction"),
        xytext=(-5 if left else 5, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="top",
        fontsize=8,
        color=RED,
        bbox=_PATCH,
    )


def _frame(axes: Axes, view: ReuseView, floor: float) -> None:
    """Axes that hold all that matters: the sum, and layers down to a thousandth of the compulsory sum."""
    operations = view.first.operations
    top = max(float(np.max(each.traffic_bytes)) * each.count for each in operations)
    if len(operations) > 1:
        top = max(top, float(view.first.traffic_bytes[0]))
    least = min(each.count * each.curve.compulsory_bytes for each in operations)
    axes.set_ylim(max(least, floor / 2000) / 1.6, top * 1.8)
    axes.xaxis.set_major_locator(LogLocator(base=2, numticks=12))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_quantity(value, "bytes")))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_quantity(value, "traffic")))
    axes.yaxis.set_minor_locator(NullLocator())
