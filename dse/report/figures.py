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

from dse.report.info import SCENARIO_MARK, AxisView, FrontView, RooflineView, front_axes, label, roofline_view
from dse.units import format_quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def png(figure: Figure, dpi: int = 160) -> bytes:
    """The figure as PNG bytes; equal figures give equal bytes."""
    buffer = BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def run_pictures(front: Front, results: Sequence[Result], rows: Sequence[int]) -> dict[str, bytes]:
    """The pictures of a run by file name; `results` are the breakdowns of the front's `rows`."""
    knee = list(rows).index(front.knee)
    title = f"{front.workload.name} on design {label(knee)}, the knee of {front.space.name}"
    return {"pareto.png": png(pareto_figure(front)), "roofline.png": png(roofline_figure(results[knee], title))}


def pareto_figure(front: Front) -> Figure:
    """Front designs on the first two objectives, coloured by the third; other evaluated designs faint behind them."""
    with mpl.rc_context(STYLE):
        view = front_axes(front)
        figure = Figure(figsize=(7.2, 4.8), layout="constrained")
        axes = figure.add_subplot()
        axes.scatter(*view.infeasible[:, :2].T, s=5, color=GREY, alpha=0.25, linewidths=0)
        axes.scatter(*view.dominated[:, :2].T, s=7, color=SKY, alpha=0.45, linewidths=0)
        drawn = view.front[_spread(view)]
        style: dict[str, Any] = {"c": drawn[:, 2], "cmap": "cividis", "norm": "log"} if view.colour else {"color": BLUE}
        points = axes.scatter(*drawn[:, :2].T, zorder=3, **(SMALL if len(drawn) > CROWD else LARGE), **style)
        axes.scatter(*view.front[front.knee, :2], s=130, facecolors="none", edgecolors=RED, linewidths=1.8, zorder=4)
        for row, text in view.labels.items():
            at = (view.front[row, 0], view.front[row, 1])
            written = axes.annotate(text, at, xytext=(5, 4), textcoords="offset points", fontsize=8, fontweight="bold", zorder=5)
            written.set_path_effects([withStroke(linewidth=2, foreground="white")])
        handles = [
            _dot(BLUE, _front_text(len(view.front), len(drawn)), 6.5),
            Line2D([], [], linestyle="none", marker="o", markersize=10, color=RED, fillstyle="none", label="knee"),
            *([_dot(SKY, "dominated", 4)] if len(view.dominated) else []),
            *([_dot(GREY, "over budget", 3.5)] if len(view.infeasible) else []),
            *_budget_lines(axes, view),
        ]
        for which, axis, column in (("x", view.x, 0), ("y", view.y, 1)):
            _log_axis(axes, which, axis)
            _frame(axes, which, view.front[:, column], axis.limit)
        axes.set_title(f"{front.workload.name} on {front.space.name}: {view.x.name} against {view.y.name}")
        if (colour := view.colour) is not None:
            bar = figure.colorbar(points, ax=axes, pad=0.02, ticks=LogLocator(subs=(1.0, 2.0, 3.0, 5.0, 7.0)))
            bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: colour.show(value)))
            bar.ax.yaxis.set_minor_locator(NullLocator())
            bar.set_label(colour.title)
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), columnspacing=1.4, handletextpad=0.4)
        return figure


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
            lines.append(Line2D([], [], color=RED, linewidth=1, linestyle=style, label=f"budget {axis.show(axis.limit)}"))
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


def _log_axis(axes: Axes, which: str, view: AxisView) -> None:
    getattr(axes, f"set_{which}scale")("log")
    axis = getattr(axes, f"{which}axis")
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: view.show(value)))
    getattr(axes, f"set_{which}label")(view.title)


def roofline_figure(result: Result, title: str) -> Figure:
    """Log-log roofline: both roofs, each layer a point whose area is its share of its scenario's time."""
    with mpl.rc_context(STYLE):
        view = roofline_view(result)
        figure = Figure(figsize=STYLE_INCHES, layout="constrained")
        axes = figure.add_subplot()
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(*view.intensity_range)
        axes.set_ylim(view.achieved_floor, view.peak_ops_per_s * 2.5)
        _roofs(axes, view)
        handles: list[Line2D] = []
        for index, (network, points) in enumerate(view.points.items()):
            colour = SERIES[index % len(SERIES)]
            area = 8 + 900 * points.share
            axes.scatter(points.intensity, points.achieved, s=area, color=colour, alpha=0.42, edgecolors=colour, linewidths=0.6)
            handles.append(_dot(colour, network, 6))
        for total in view.scenario_totals:
            at, colour = (total.intensity, total.achieved), SERIES[total.series % len(SERIES)]
            text = axes.annotate(SCENARIO_MARK + total.batch, at, fontsize=7, ha="center", va="center", color=colour)
            text.set_bbox(
                {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": colour, "linewidth": 0.5, "alpha": 0.85}
            )
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_quantity(value, "rate")))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("operational intensity, ops per off-chip byte (1 MAC = 2 ops)")
        axes.set_ylabel("attained")
        axes.set_title(f"{title}\nbubbles: layers, area is the share of time; boxes: whole networks by batch")
        figure.legend(
            handles=handles, loc="outside lower center", ncols=min(len(handles), 4), columnspacing=1.4, handletextpad=0.3
        )
        return figure


def _roofs(axes: Axes, view: RooflineView) -> None:
    low, high = view.intensity_range
    peak, bandwidth = view.peak_ops_per_s, view.bandwidth_bytes_per_s
    axes.plot([low, view.ridge], [low * bandwidth, peak], color=BLACK, linewidth=1.4)
    axes.plot([view.ridge, high], [peak, peak], color=BLACK, linewidth=1.4)
    axes.axvline(view.ridge, color=GREY, linewidth=0.8, linestyle=":")
    axes.text(high, peak * 1.1, f"{format_quantity(peak, 'rate')} peak", ha="right", va="bottom")
    axes.annotate(
        f"ridge {view.ridge:,.0f} ops/B", (view.ridge, peak), xytext=(-4, 6), textcoords="offset points", ha="right", fontsize=8
    )
    start = max(low, view.achieved_floor / bandwidth) * 1.3
    text = f"{format_quantity(bandwidth, 'bandwidth')} memory"
    axes.text(
        start, start * bandwidth * 1.25, text, rotation=_slope_degrees(axes), rotation_mode="anchor", ha="left", va="bottom"
    )


def _slope_degrees(axes: Axes) -> float:
    """Angle on paper of a line of slope one on these log-log axes, near enough for a label."""
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    box = axes.get_position()
    width, height = STYLE_INCHES
    return float(np.degrees(np.arctan2(box.height * height / np.log(y1 / y0), box.width * width / np.log(x1 / x0))))
