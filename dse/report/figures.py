"""Pictures of a run: the Pareto front and the roofline (matplotlib, no screen, reproducible bytes)."""
# matplotlib's own types are partly unknown:
# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportArgumentType=false

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from dse.report.info import SCENARIO_MARK, FrontView, RooflineView, front_axes, label, roofline_view
from dse.report.typeset import typeset
from dse.units import format_quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes

    from dse.model.breakdown import Result
    from dse.search.front import Front

# Okabe and Ito's palette, told apart under every common colour blindness.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
BLACK, GREY, LIGHT = "#000000", "#8A8A8A", "#E4E4E4"
SERIES = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY, BLACK, GREY)
MOST_DRAWN, CROWD = 10_000, 500
"""Designs of a front that a picture shows, and how many make the dots small."""
SMALL: dict[str, Any] = {"s": 5, "linewidths": 0}
LARGE: dict[str, Any] = {"s": 28, "edgecolors": "white", "linewidths": 0.5}
LONG_AXIS = 500.0
"""Ratio of the ends of an axis above which two ticks a decade have to do."""
STYLE_INCHES = (7.2, 5.0)
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LIGHT,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "svg.hashsalt": "dse",
}


NARROW = 5.0
"""Pictures less wide than this many inches stand in a column."""


def tick(text: str) -> str:
    """A quantity on an axis, where round prices have no cents."""
    return typeset(text).replace(".00 USD", " USD")


def quantity(value: float, dimension: str) -> str:
    """`format_quantity` as pictures write it."""
    return typeset(format_quantity(value, dimension))


def paper(inches: tuple[float, float]) -> dict[str, Any]:
    """Smaller type where a picture stands in a column."""
    small = {"font.size": 6.5, "axes.titlesize": 7, "legend.fontsize": 6, "axes.linewidth": 0.6, "xtick.major.width": 0.6}
    return {**small, "ytick.major.width": 0.6} if inches[0] < NARROW else {}


def png(figure: Figure, dpi: int = 160) -> bytes:
    """The figure as PNG bytes; equal figures give equal bytes."""
    buffer = BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def run_pictures(front: Front, results: Sequence[Result], rows: Sequence[int]) -> dict[str, bytes]:
    """The pictures of a run by file name; `results` are the breakdowns of the front's `rows`."""
    knee = list(rows).index(front.knee)
    view, name = front_axes(front, rows), f"{front.workload.name} on {front.space.name}"
    title = f"{front.workload.name} on design {label(knee)}, the knee of {front.space.name}"
    return {
        "pareto.png": png(pareto_figure(view, front.knee, name)),
        "roofline.png": png(roofline_figure(roofline_view(results[knee]), title)),
    }


def pareto_figure(view: FrontView, knee: int, name: str, inches: tuple[float, float] = (7.2, 4.8)) -> Figure:
    """Front designs on the first two objectives, coloured by the third; other evaluated designs faint behind them."""
    narrow = inches[0] < NARROW
    with mpl.rc_context(STYLE | paper(inches)):
        figure = Figure(figsize=inches, layout="constrained")
        axes = figure.add_subplot()
        size, ring, edge = (12, 60, 0.3) if narrow else (28, 130, 0.5)
        axes.scatter(*view.infeasible[:, :2].T, s=5, color=GREY, alpha=0.25, linewidths=0)
        axes.scatter(*view.dominated[:, :2].T, s=7, color=SKY, alpha=0.45, linewidths=0)
        drawn = view.front[_spread(view)]
        if len(drawn) > CROWD:
            size, edge = 6, 0.0
        style: dict[str, Any] = {"c": drawn[:, 2], "cmap": "cividis", "norm": "log"} if view.colour else {"color": BLUE}
        points = axes.scatter(*drawn[:, :2].T, s=size, edgecolors="white", linewidths=edge, zorder=3, **style)
        axes.scatter(
            *view.front[knee, :2],
            s=ring,
            facecolors="none",
            edgecolors=RED,
            linewidths=1.0 if narrow else 1.8,
            zorder=4,
        )
        handles = [
            _dot(BLUE, _front_text(len(view.front), len(drawn)), 6.5),
            Line2D([], [], linestyle="none", marker="o", markersize=10, color=RED, fillstyle="none", label="knee"),
            *([_dot(SKY, "dominated", 4)] if len(view.dominated) else []),
            *([_dot(GREY, "over budget", 3.5)] if len(view.infeasible) else []),
            *_budget_lines(axes, view),
        ]
        for which, axis, column in (("x", view.x, 0), ("y", view.y, 1)):
            getattr(axes, f"set_{which}scale")("log")
            _frame(axes, which, view.front[:, column], axis.limit)
            log_axis(axes, which, axis.show, axis.title, few=narrow)
        _letters(axes, view, figure.dpi, narrow=narrow)
        axes.set_title(f"{name}: {view.y.name} against {view.x.name}")
        if (colour := view.colour) is not None:
            place: dict[str, Any] = {"location": "bottom", "aspect": 40, "pad": 0.03} if narrow else {"pad": 0.02}
            bar = figure.colorbar(points, ax=axes, ticks=LogLocator(subs=(1.0, 2.0, 5.0) if narrow else (1, 2, 3, 5, 7)), **place)
            scale = bar.ax.xaxis if narrow else bar.ax.yaxis
            scale.set_major_formatter(FuncFormatter(lambda value, _: tick(colour.show(value))))
            scale.set_minor_locator(NullLocator())
            bar.set_label(colour.title)
        columns = 2 if narrow else len(handles)
        figure.legend(handles=handles, loc="outside lower center", ncols=columns, columnspacing=1.4, handletextpad=0.4)
        return figure


CORNERS = ((5, 4), (5, -9), (-10, 4), (-10, -9), (-2, 8), (-2, -13), (14, 4), (14, -9))
"""Where a letter may stand beside its point, in points of type; the first place that is free is taken."""


def _letters(axes: Axes, view: FrontView, dpi: float, *, narrow: bool) -> None:
    """The letters of designs, none on another where there is room; the axes have their final limits."""
    size = 6.5 if narrow else 8
    taken: list[tuple[float, float]] = []
    per_point = 72 / dpi
    for row, text in view.labels.items():
        at = (view.front[row, 0], view.front[row, 1])
        x, y = axes.transData.transform(at) * per_point
        free = [(dx, dy) for dx, dy in CORNERS if not any(abs(x + dx - p) < size and abs(y + dy - q) < size for p, q in taken)]
        corner = free[0] if free else CORNERS[0]
        taken.append((x + corner[0], y + corner[1]))
        written = axes.annotate(text, at, xytext=corner, textcoords="offset points", fontsize=size, fontweight="bold", zorder=5)
        written.set_path_effects([withStroke(linewidth=1 if narrow else 2, foreground="white")])


def _spread(view: FrontView) -> Any:  # noqa: ANN401 - rows
    """Rows of the front that are drawn: all of them or, of very many, evenly spread ones with all that are labelled."""
    count = len(view.front)
    if count <= MOST_DRAWN:
        return np.arange(count)
    even = np.linspace(0, count - 1, MOST_DRAWN).round().astype(np.int64)
    return np.unique(np.concatenate([even, np.array(list(view.labels), dtype=np.int64)]))


def _front_text(count: int, drawn: int) -> str:
    return f"Pareto front, {count:,} designs" + (f" ({drawn:,} drawn)" if drawn < count else "")


def _dot(colour: str, text: str, size: float) -> Line2D:
    return Line2D([], [], linestyle="none", marker="o", markersize=size, markeredgewidth=0, color=colour, label=text)


def _budget_lines(axes: Axes, view: FrontView) -> list[Line2D]:
    lines: list[Line2D] = []
    for axis, draw, style in ((view.x, axes.axvline, "--"), (view.y, axes.axhline, ":")):
        if axis.limit is not None:
            draw(axis.limit, color=RED, linewidth=1, linestyle=style)
            lines.append(
                Line2D([], [], color=RED, linewidth=1, linestyle=style, label=f"budget {typeset(axis.show(axis.limit))}")
            )
    return lines


def _frame(axes: Axes, which: str, values: Any, limit: float | None) -> None:  # noqa: ANN401 - a column
    """Frame the front, and a budget line near it, with a margin; the cloud behind may run out of the frame."""
    low, high = float(values.min()), float(values.max())
    if limit is not None and limit <= 2 * high:
        high = max(high, limit)
    if high / low > LONG_AXIS:
        getattr(axes, f"{which}axis").set_major_locator(LogLocator(subs=(1.0, 3.0)))
    margin = max((high / low) ** 0.08, 1.1)
    getattr(axes, f"set_{which}lim")(low / margin, high * margin)


def log_axis(axes: Axes, which: str, show: Callable[[float], str], title: str, *, few: bool = False) -> None:
    """A logarithmic axis whose ticks are written in full, as many as its range needs; `few` where there is little room."""
    axis = getattr(axes, f"{which}axis")
    low, high = sorted(getattr(axes, f"get_{which}lim")())
    decades = np.log10(high / low)
    fine = (1.0, 2.0, 3.0, 5.0) if few else (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
    axis.set_major_locator(LogLocator(subs=fine if decades < 1.3 else (1.0, 2.0, 5.0) if decades < 2.2 else (1.0,), numticks=12))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick(show(value))))
    getattr(axes, f"set_{which}label")(title)


def roofline_figure(view: RooflineView, title: str, inches: tuple[float, float] = STYLE_INCHES) -> Figure:
    """Log-log roofline: both roofs, each layer a point whose area is its share of its scenario's time."""
    narrow = inches[0] < NARROW
    with mpl.rc_context(STYLE | paper(inches)):
        figure = Figure(figsize=inches, layout="constrained")
        axes = figure.add_subplot()
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(*view.intensity_range)
        axes.set_ylim(view.achieved_floor, view.peak_ops_per_s * 2.5)
        _roofs(axes, view, inches)
        handles: list[Line2D] = []
        for index, (network, points) in enumerate(view.points.items()):
            colour = SERIES[index % len(SERIES)]
            area = (4 + 300 * points.share) if narrow else (8 + 900 * points.share)
            axes.scatter(points.intensity, points.achieved, s=area, color=colour, alpha=0.42, edgecolors=colour, linewidths=0.6)
            handles.append(_dot(colour, network, 6))
        tiny = 5 if narrow else 7
        for total in view.scenario_totals:
            at, colour = (total.intensity, total.achieved), SERIES[total.series % len(SERIES)]
            text = axes.annotate(SCENARIO_MARK + total.batch, at, fontsize=tiny, ha="center", va="center", color=colour)
            text.set_bbox(
                {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": colour, "linewidth": 0.5, "alpha": 0.85}
            )
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: quantity(value, "rate")))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("operational intensity, ops per off-chip byte (1 MAC = 2 ops)")
        axes.set_ylabel("attained performance")
        told = "area: share of time; boxes: by batch" if narrow else "area is the share of time; boxes: whole networks by batch"
        axes.set_title(f"{title}\nbubbles: layers, {told}")
        columns = min(len(handles), 2 if narrow else 4)
        figure.legend(handles=handles, loc="outside lower center", ncols=columns, columnspacing=1.4, handletextpad=0.3)
        return figure


def _roofs(axes: Axes, view: RooflineView, inches: tuple[float, float]) -> None:
    low, high = view.intensity_range
    peak, bandwidth = view.peak_ops_per_s, view.bandwidth_bytes_per_s
    axes.plot([low, view.ridge], [low * bandwidth, peak], color=BLACK, linewidth=1.4)
    axes.plot([view.ridge, high], [peak, peak], color=BLACK, linewidth=1.4)
    axes.axvline(view.ridge, color=GREY, linewidth=0.8, linestyle=":")
    axes.text(high, peak * 1.1, f"{quantity(peak, 'rate')} peak", ha="right", va="bottom")
    axes.annotate(f"ridge {view.ridge:,.0f} ops/B", (view.ridge, peak), xytext=(-4, 6), textcoords="offset points", ha="right")
    start = max(low, view.achieved_floor / bandwidth) * 1.3
    text = f"{quantity(bandwidth, 'bandwidth')} memory"
    axes.text(
        start,
        start * bandwidth * 1.25,
        text,
        rotation=_slope_degrees(axes, inches),
        rotation_mode="anchor",
        ha="left",
        va="bottom",
    )


def _slope_degrees(axes: Axes, inches: tuple[float, float]) -> float:
    """Angle on paper of a line of slope one on these log-log axes, near enough for a label."""
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    box = axes.get_position()
    width, height = inches
    return float(np.degrees(np.arctan2(box.height * height / np.log(y1 / y0), box.width * width / np.log(x1 / x0))))
