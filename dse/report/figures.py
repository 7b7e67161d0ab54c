"""Pictures of a run: the Pareto front and the roofline (matplotlib, no screen, reproducible bytes)."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from dse.report.info import SCENARIO_MARK, front_axes, label, roofline_view
from dse.units import format_quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes

    from dse.hardware.design import FloatColumn
    from dse.model.breakdown import Result
    from dse.search.front import Front

# Okabe and Ito's palette, told apart under every common colour blindness.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW, GREY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#8A8A8A",
)  # fmt: skip
SERIES = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY, "#000000", YELLOW)
STYLE: dict[str, Any] = {
    "font.size": 9,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
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
    """Front designs on the first two objectives, coloured by the third; evaluated designs faint behind them."""
    with mpl.rc_context(STYLE):
        view = front_axes(front)
        figure = Figure(figsize=(7.2, 4.8), layout="constrained")
        axes = figure.add_subplot()
        x, y = view.axes[0], view.axes[1]
        axes.scatter(view.infeasible[:, 0], view.infeasible[:, 1], s=5, color=GREY, alpha=0.25, linewidths=0, label="over budget")
        axes.scatter(view.dominated[:, 0], view.dominated[:, 1], s=7, color=SKY, alpha=0.45, linewidths=0, label="dominated")
        colour = view.front[:, 2] if len(view.axes) > 2 else None
        shown = axes.scatter(
            view.front[:, 0],
            view.front[:, 1],
            s=26,
            c=BLUE if colour is None else colour,
            cmap=None if colour is None else "cividis",
            norm=None if colour is None else "log",
            edgecolors="white",
            linewidths=0.5,
            zorder=3,
            label=f"Pareto front ({len(view.front)} designs)",
        )
        axes.scatter(
            *view.front[front.knee, :2], s=130, facecolors="none", edgecolors=RED, linewidths=1.8, zorder=4, label="knee"
        )
        _label(axes, view.front, view.labels)
        if x.limit is not None:
            axes.axvline(x.limit, color=RED, linewidth=1, linestyle="--", label=f"budget: {x.name} {x.show(x.limit)}")
        if y.limit is not None:
            axes.axhline(y.limit, color=RED, linewidth=1, linestyle=":", label=f"budget: {y.name} {y.show(y.limit)}")
        _log_axis(axes, "x", x.show)
        _log_axis(axes, "y", y.show)
        _frame_on(axes, view.front, x.limit, y.limit)
        axes.set_xlabel(x.title)
        axes.set_ylabel(y.title)
        axes.set_title(f"{front.workload.name} on {front.space.name}: what each {y.name} buys in {x.name}")
        if colour is not None:
            z = view.axes[2]
            bar = figure.colorbar(shown, ax=axes, pad=0.02, format=FuncFormatter(lambda value, _: z.show(value)))
            bar.ax.yaxis.set_minor_formatter(NullFormatter())
            bar.set_label(z.title)
        axes.legend(loc="upper right")
        return figure


def _label(axes: Axes, points: FloatColumn, labels: dict[int, str]) -> None:
    for row, text in labels.items():
        axes.annotate(text, points[row, :2], xytext=(5, 4), textcoords="offset points", fontsize=8, zorder=5)


def _frame_on(axes: Axes, points: FloatColumn, x_limit: float | None, y_limit: float | None) -> None:
    """Frame the front and the budget lines near it, with a margin; the cloud behind may run out of the frame."""
    for axis, column, limit in (("x", 0, x_limit), ("y", 1, y_limit)):
        low, high = float(points[:, column].min()), float(points[:, column].max())
        if limit is not None and limit <= 4 * high:
            high = max(high, limit)
        margin = max((high / low) ** 0.12, 1.15)
        getattr(axes, f"set_{axis}lim")(low / margin, high * margin**1.5)


def _log_axis(axes: Axes, which: str, show: Callable[[float], str]) -> None:
    getattr(axes, f"set_{which}scale")("log", subs=(2, 5))
    axis = getattr(axes, f"{which}axis")
    axis.set_major_formatter(FuncFormatter(lambda value, _: show(value)))
    axis.set_minor_formatter(FuncFormatter(lambda value, _: show(value)))
    axis.set_tick_params(which="minor", labelsize=7, colors="#666666")


def roofline_figure(result: Result, title: str) -> Figure:
    """Log-log roofline: both roofs, each layer a point whose area is its share of its scenario's time."""
    with mpl.rc_context(STYLE):
        view = roofline_view(result)
        figure = Figure(figsize=(7.2, 5.2), layout="constrained")
        axes = figure.add_subplot()
        low, high = view.intensity_range
        slope = np.array([low, view.ridge])
        axes.plot(slope, slope * view.bandwidth_bytes_per_s, color="black", linewidth=1.4)
        axes.plot([view.ridge, high], [view.peak_ops_per_s] * 2, color="black", linewidth=1.4)
        axes.axvline(view.ridge, color=GREY, linewidth=0.8, linestyle=":")
        for index, (network, points) in enumerate(view.points.items()):
            colour = SERIES[index % len(SERIES)]
            axes.scatter(
                points.intensity,
                points.achieved,
                s=8 + 900 * points.share,
                color=colour,
                alpha=0.42,
                edgecolors=colour,
                linewidths=0.6,
                label=network,
            )
        for mark in view.scenario_totals:
            axes.annotate(
                SCENARIO_MARK + mark.batch,
                (mark.intensity, mark.achieved),
                fontsize=7,
                ha="center",
                color=SERIES[mark.series % len(SERIES)],
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(low, high)
        axes.set_ylim(view.achieved_floor, view.peak_ops_per_s * 2.2)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_quantity(value, "rate")))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xlabel("operational intensity, ops per off-chip byte (1 MAC = 2 ops)")
        axes.set_ylabel("attained")
        axes.text(
            high, view.peak_ops_per_s * 1.08, f"peak {format_quantity(view.peak_ops_per_s, 'rate')}", ha="right", va="bottom"
        )
        axes.text(
            view.ridge,
            view.achieved_floor * 1.15,
            f" ridge {view.ridge:.3g} ops/B",
            color="#555555",
            ha="left",
            va="bottom",
            fontsize=8,
        )
        axes.text(
            low * 1.1,
            low * 1.1 * view.bandwidth_bytes_per_s * 1.3,
            format_quantity(view.bandwidth_bytes_per_s, "bandwidth"),
            rotation=38,
            ha="left",
            va="bottom",
        )
        axes.set_title(title)
        legend = axes.legend(loc="lower right", title="layers of (area: share of time)", title_fontsize=8)
        for handle in legend.legend_handles:
            if handle is not None and hasattr(handle, "set_sizes"):
                handle.set_sizes([40.0])
        return figure
