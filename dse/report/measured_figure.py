"""The picture of measured kernels: predicted against measured times, log-log, a panel for each device."""
# matplotlib's own types are partly unknown:
# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportArgumentType=false

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from dse.report.figures import BLACK, BLUE, GREEN, GREY, ORANGE, STYLE
from dse.units import format_quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dse.fidelity.measured import MeasuredGroup

COLOURS = {"gemm": BLUE, "convolution": ORANGE, "recurrent": GREEN}
MARKERS = {"gemm": "o", "convolution": "s", "recurrent": "^"}
NAMES = {"gemm": "matrix products", "convolution": "convolutions", "recurrent": "recurrent"}


def measured_figure(groups: Sequence[MeasuredGroup], title: str) -> Figure:
    """Points of every kernel; lines where both times are alike, and a factor of two away; the roofline's points in grey."""
    with mpl.rc_context(STYLE):
        devices = list(dict.fromkeys(group.device for group in groups))
        columns = min(len(devices), 2)
        rows = math.ceil(len(devices) / columns)
        figure = Figure(figsize=(4.1 * columns + 0.4, 3.9 * rows + 0.8), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        times = np.concatenate([np.concatenate([group.measured_s, group.predicted_s, group.roofline_s]) for group in groups])
        low, high = 10.0 ** math.floor(math.log10(times.min())), 10.0 ** math.ceil(math.log10(times.max()))
        for panel, device in zip(panels, devices, strict=False):
            _panel(panel, device, [group for group in groups if group.device == device], (low, high))
        for panel in panels[len(devices) :]:
            panel.set_visible(False)
        kinds = [kind for kind in COLOURS if any(group.kind == kind for group in groups)]
        handles = [_dot(COLOURS[kind], MARKERS[kind], NAMES[kind]) for kind in kinds]
        handles += [
            _dot(GREY, ".", "plain roofline"),
            Line2D([], [], color=BLACK, linewidth=1.0, label="predicted = measured"),
            Line2D([], [], color=BLACK, linewidth=0.7, linestyle=":", label="x 2, / 2"),
        ]
        figure.suptitle(title if columns > 1 else title.replace(": ", ":\n", 1), fontsize=10.5, x=0.01, ha="left")
        per_row = len(handles) if columns > 1 else 3
        figure.legend(handles=handles, loc="outside lower center", ncols=per_row, columnspacing=1.2, handletextpad=0.4)
        return figure


def _dot(colour: str, marker: str, text: str) -> Line2D:
    return Line2D([], [], linestyle="none", marker=marker, markersize=5.5, markeredgewidth=0, color=colour, label=text)


def _panel(axes: Axes, device: str, groups: Sequence[MeasuredGroup], span: tuple[float, float]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(*span)
    axes.set_ylim(*span)
    axes.set_aspect("equal")
    ends = np.array(span)
    axes.plot(ends, ends, color=BLACK, linewidth=1.0, zorder=1)
    for factor in (0.5, 2.0):
        axes.plot(ends, factor * ends, color=BLACK, linewidth=0.7, linestyle=":", zorder=1)
    for group in groups:
        axes.scatter(group.measured_s, group.roofline_s, s=5, color=GREY, alpha=0.35, linewidths=0, zorder=2)
    for group in groups:
        axes.scatter(group.measured_s, group.predicted_s, s=13, color=COLOURS[group.kind], marker=MARKERS[group.kind], alpha=0.75,
                     edgecolors="white", linewidths=0.25, zorder=3)  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(base=100.0, numticks=12))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: format_quantity(value, "time", 1)))
    axes.set_xlabel("measured")
    axes.set_ylabel("predicted")
    axes.set_title(f"{device}, {sum(len(group.measured_s) for group in groups)} kernels", fontsize=9.5)
