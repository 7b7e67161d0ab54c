"""The picture of the validation: six applications on TPU v1's roofline, as measured and as the model has them."""
# matplotlib's own types are partly unknown:
# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportArgumentType=false

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from dse.errors import InputError, Problem
from dse.report.figures import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, STYLE, STYLE_INCHES, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dse.fidelity.tpu_v1 import Roofline

COLOURS = {"mlp0": BLUE, "mlp1": SKY, "lstm0": GREEN, "lstm1": PURPLE, "cnn0": ORANGE, "cnn1": RED}
"""Kinds of network by hue."""

LABEL_OFFSETS = {"mlp0": (9, 0), "mlp1": (9, -2), "lstm0": (-11, 5), "lstm1": (9, -2), "cnn0": (9, -3), "cnn1": (9, 0)}
"""Where an application's name stands beside its measured point, in points on paper."""

CONTRADICTED = ("lstm1", "cnn1")
"""Applications whose published rows do not agree with each other."""

INTENSITY_RANGE, RATE_RANGE = (10.0, 10_000.0), (0.8, 160.0)


def write_png(figure: Figure, path: Path) -> None:
    """Write a figure to a file. Raises `InputError` where the name is not that of a PNG."""
    if path.suffix.lower() != ".png":
        raise InputError(Problem(f"--picture {path}: a PNG is drawn", remedy="give the file a name that ends in .png"))
    path.write_bytes(png(figure))


def tpu_roofline_figure(line: Roofline) -> Figure:
    """Rate against MACs per weight byte: both roofs, measured points filled, the model's open, a line between the two."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=STYLE_INCHES, layout="constrained")
        axes = figure.add_subplot()
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(*INTENSITY_RANGE)
        axes.set_ylim(*RATE_RANGE)
        _roofs(axes, line)
        for point in line.points:
            colour, x = COLOURS[point.app], point.macs_per_weight_byte
            axes.plot([x, x], [point.published_tops, point.predicted_tops], color=colour, linewidth=1.1, zorder=2)
            axes.scatter(x, point.published_tops, s=46, color=colour, edgecolors="white", linewidths=0.6, zorder=3)
            axes.scatter(x, point.predicted_tops, s=46, facecolors="white", edgecolors=colour, linewidths=1.6, zorder=4)
            _name(axes, point.app, x, point.published_tops, point.predicted_tops)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("operational intensity, MACs per weight byte")
        axes.set_ylabel("rate, TOPS (1 MAC = 2 ops)")
        axes.set_title("TPU v1: six applications as measured, and as dse has them without a fitted constant")
        handles = [
            Line2D([], [], linestyle="none", marker="o", markersize=7, color=BLACK, label="measured (ISCA 2017, table 3)"),
            Line2D([], [], linestyle="none", marker="o", markersize=6.5, color=BLACK, markerfacecolor="white", label="dse"),
            Line2D([], [], color=BLACK, linewidth=1.4, label="roofs"),
            Line2D([], [], linestyle="none", label="* published rows contradict each other"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=4, columnspacing=1.4, handletextpad=0.4)
        return figure


def _name(axes: Axes, app: str, x: float, measured: float, predicted: float) -> None:
    """The application and its error, beside the measured point."""
    offset = LABEL_OFFSETS[app]
    axes.annotate(
        f"{app.upper()}{'*' if app in CONTRADICTED else ''} {100 * (predicted / measured - 1):+.0f}%".replace("-", "−"),
        (x, measured),
        xytext=offset,
        textcoords="offset points",
        ha="left" if offset[0] > 0 else "right",
        va="center",
        fontsize=8.5,
        color=COLOURS[app],
        fontweight="bold",
    )


def _roofs(axes: Axes, line: Roofline) -> None:
    low, high = INTENSITY_RANGE
    ridge = line.peak_tops * 1e12 / 2 / line.bandwidth_bytes_per_s
    axes.plot([low, ridge, high], [line.roof_tops(low), line.peak_tops, line.peak_tops], color=BLACK, linewidth=1.4, zorder=1)
    axes.plot([ridge, ridge], [RATE_RANGE[0], line.peak_tops], color=GREY, linewidth=0.8, linestyle=":")
    axes.text(ridge * 1.04, RATE_RANGE[0] * 1.12, f"ridge {ridge:,.0f}", fontsize=8, color=GREY)
    axes.text(high, line.peak_tops * 1.06, f"{line.peak_tops:.3g} TOPS peak", ha="right", va="bottom")
    start = 300.0
    axes.text(
        start,
        line.roof_tops(start) * 1.12,
        f"{line.bandwidth_bytes_per_s / 1e9:g} GB/s of weights",
        rotation=_slope_degrees(),
        rotation_mode="anchor",
        ha="left",
        va="bottom",
    )


def _slope_degrees() -> float:
    """Angle on paper of a line of slope one, the axes taking most of the figure."""
    width, height = STYLE_INCHES[0] * 0.89, STYLE_INCHES[1] * 0.77
    decades = [np.log10(high / low) for low, high in (INTENSITY_RANGE, RATE_RANGE)]
    return float(np.degrees(np.arctan2(height / decades[1], width / decades[0])))
