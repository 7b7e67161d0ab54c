"""Pictures of a run for papers beside its front and roofline: where time, energy and cost go, budget, traffic, batches."""
# matplotlib's own types are partly unknown:
# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false, reportArgumentType=false

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator, PercentFormatter

from dse.errors import InputError, Problem
from dse.report.figure_data import design_name, layer_table, run_name
from dse.report.figures import BLUE, GREEN, GREY, NARROW, ORANGE, PURPLE, RED, SERIES, SKY, STYLE, log_axis, paper, quantity
from dse.report.info import DIMENSION, TITLE
from dse.report.page_design import BOUNDS, ENERGY_PARTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Inches = tuple[float, float]

BOUND_COLOURS = dict(zip(BOUNDS, (BLUE, ORANGE, SKY, GREEN, PURPLE, GREY), strict=True))
BOUND_NAMES = dict(
    zip(BOUNDS, ("MAC array", "off-chip memory", "both alike", "vector lanes", "waiting for a step", "nothing"), strict=True)
)
ENERGY_COLOURS = dict(zip(ENERGY_PARTS, (BLUE, GREEN, SKY, ORANGE, GREY), strict=True))
PART_WORDS = {"dram": "DRAM", "sram": "SRAM", "memory": "memory PHY", "nre": "design and masks"}
PART_COLOURS = {
    "array": BLUE,
    "die": BLUE,
    "dram": ORANGE,
    "memory": ORANGE,
    "sram": SKY,
    "vector": GREEN,
    "package": PURPLE,
    "fixed": GREY,
    "static": GREY,
}
"""Parts of price, area and power; the rest are red."""


def breakdown_figure(data: Mapping[str, Any], design: Mapping[str, Any], inches: Inches) -> Figure:
    """What binds the time of each scenario, what takes its energy, and what price, area and power are made of."""
    narrow = inches[0] < NARROW
    layers, scenarios = layer_table(design), design["scenarios"]
    tall = (0.34 if narrow else 0.3) + (0.115 if narrow else 0.16) * len(scenarios)
    names = [str(each["name"]) for each in scenarios]
    with mpl.rc_context(STYLE | paper(inches)):
        height = 2 * tall + 2.2 if narrow else tall + 2.5
        figure = Figure(figsize=(inches[0], height), layout="constrained")
        if narrow:
            time, energy, cost = figure.subplots(3, 1, height_ratios=[tall, tall, 0.95])
        else:
            places = figure.subplot_mosaic([["time", "energy"], ["cost", "cost"]], height_ratios=[tall, 0.9])
            time, energy, cost = places["time"], places["energy"], places["cost"]
        figure.suptitle(design_name(data, design), x=0.01, ha="left", fontsize=mpl.rcParams["axes.titlesize"] + 0.5)
        bound = layers.pivot_table(index="scenario", columns="bound", values="time_s", aggfunc="sum", fill_value=0.0)
        _bars(
            time,
            bound.reindex(names),
            BOUND_COLOURS,
            BOUND_NAMES,
            [quantity(each["latency_s"], "time") for each in scenarios],
            tall,
        )
        time.set_title("time by what binds it")
        taken = layers.groupby("scenario")[list(ENERGY_PARTS)].sum().reindex(names)
        words = {part: part for part in ENERGY_PARTS}
        _bars(energy, taken, ENERGY_COLOURS, words, [quantity(each["energy_j"], "energy") for each in scenarios], tall)
        energy.set_title("energy by what takes it")
        if not narrow:
            energy.set_yticklabels([])
        _costs(cost, design, narrow=narrow)
        return figure


def _bars(
    axes: Axes, table: pd.DataFrame, colours: Mapping[str, str], words: Mapping[str, str], totals: Sequence[str], tall: float
) -> None:
    """Stacked bars of shares, one for each row of a table, its total behind it."""
    shares = table.div(table.sum(axis=1), axis=0).fillna(0.0)
    places, left = np.arange(len(shares)), np.zeros(len(shares))
    kept = [name for name in colours if name in shares.columns and float(shares[name].max()) > 0]
    for name in kept:
        width = shares[name].to_numpy(dtype=np.float64)
        axes.barh(places, width, left=left, color=colours[name], height=0.78, edgecolor="white", linewidth=0.3)
        left += width
    for place, total in zip(places.tolist(), totals, strict=True):
        axes.annotate(
            total, (1.0, place), xytext=(3, 0), textcoords="offset points", va="center", fontsize="small", annotation_clip=False
        )
    axes.set_yticks(places, [str(name) for name in shares.index], fontsize="small")
    axes.set_xlim(0, 1)
    axes.set_ylim(len(shares) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(visible=False, axis="y")
    below = 0.045 * float(mpl.rcParams["font.size"]) / 2
    handles = [Patch(color=colours[name], label=words[name]) for name in kept]
    axes.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, -below / tall),
        ncols=3,
        handlelength=1,
        columnspacing=1.0,
    )


def _costs(axes: Axes, design: Mapping[str, Any], *, narrow: bool) -> None:
    """One bar each for price, area and peak power, its parts named in it where they are wide enough."""
    kinds = [(name, design["costs"][name], unit) for name, unit in (("price", "price"), ("area", "area"), ("power", "power"))]
    kinds = [(name, {part: value for part, value in parts.items() if value}, unit) for name, parts, unit in kinds if parts]
    least = 0.11 if narrow else 0.055
    for place, (_, parts, unit) in enumerate(kinds):
        whole, left = sum(parts.values()), 0.0
        for part, value in sorted(parts.items(), key=lambda entry: -entry[1]):
            share, colour = value / whole, PART_COLOURS.get(part, RED)
            axes.barh(place, share, left=left, color=colour, height=0.74, edgecolor="white", linewidth=0.4)
            if share >= least:
                ink = "white" if colour in (BLUE, RED, GREEN) else "black"
                said = f"{PART_WORDS.get(part, part)}\n{quantity(value, unit)}"
                axes.annotate(said, (left + share / 2, place), ha="center", va="center", fontsize="x-small", color=ink)
            left += share
        axes.annotate(
            quantity(whole, unit),
            (1.0, place),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
            annotation_clip=False,
        )
    axes.set_yticks(range(len(kinds)), [name if name != "power" else "peak power" for name, _, _ in kinds], fontsize="small")
    axes.set_xlim(0, 1)
    axes.set_ylim(len(kinds) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(visible=False, axis="y")
    axes.set_title("parts of price, die area and peak power")


def tradeoff_figure(data: Mapping[str, Any], inches: Inches) -> Figure:
    """The best of the first goal for every budget, from the designs of the front. Raises `InputError` where there is none."""
    steps = data["tradeoff"]
    if steps is None:
        remedy = "search with a goal and a cost among the objectives, or draw a run of `dse budget`"
        raise InputError(Problem("the objectives of this run do not trade a cost against a goal", remedy=remedy))
    cost, goal = steps["cost"], steps["goal"]
    limit = data["search"]["budget"].get(cost)
    with mpl.rc_context(STYLE | paper(inches)):
        figure = Figure(figsize=inches, layout="constrained")
        axes = figure.add_subplot()
        axes.set_xscale("log")
        axes.set_yscale("log")
        costs, goals = np.array(steps["costs"]), np.array(steps["goals"])
        end = max(limit or 0.0, costs[-1]) * 1.02
        axes.step([*costs, end], [*goals, goals[-1]], where="post", color=BLUE, linewidth=1.4, zorder=3)
        axes.plot(costs, goals, "o", markersize=3, color=BLUE, zorder=4)
        at = steps["rows"].index(steps["knee"])
        axes.plot(costs[at], goals[at], "o", markersize=9, color=RED, fillstyle="none", markeredgewidth=1.4, zorder=5)
        handles = [
            Line2D([], [], color=BLUE, linewidth=1.4, marker="o", markersize=3, label=f"best {goal} of the front"),
            Line2D(
                [],
                [],
                linestyle="none",
                marker="o",
                color=RED,
                fillstyle="none",
                markersize=7,
                label=f"bend, {_show(cost)(costs[at])}",
            ),
        ]
        if limit is not None:
            axes.axvline(limit, color=RED, linewidth=0.9, linestyle="--")
            handles.append(Line2D([], [], color=RED, linewidth=0.9, linestyle="--", label=f"budget {_show(cost)(limit)}"))
        log_axis(axes, "x", _show(cost), f"budget: {TITLE[cost]}", few=inches[0] < NARROW)
        log_axis(axes, "y", _show(goal), f"best {TITLE[goal]}")
        axes.set_title(f"{run_name(data)}: what a {cost} budget buys")
        figure.legend(handles=handles, loc="outside lower center", ncols=3, columnspacing=1.2, handletextpad=0.5)
        return figure


def _show(metric: str) -> Callable[[float], str]:
    return lambda value: quantity(value, DIMENSION[metric])


def traffic_figure(data: Mapping[str, Any], design: Mapping[str, Any], inches: Inches) -> Figure:
    """Off-chip traffic of each network against SRAM: every layer alone thin, tensors kept on chip bold, compulsory dotted."""
    found = data["reuse"]
    if found is None:
        raise InputError(Problem("nothing in this workload is multiplied: there is no traffic to draw", remedy="choose another"))
    curves, narrow = _one_of_each(data, found["curves"]), inches[0] < NARROW
    with mpl.rc_context(STYLE | paper(inches)):
        figure = Figure(figsize=inches, layout="constrained")
        axes = figure.add_subplot()
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        handles: list[Line2D] = []
        for number, curve in enumerate(curves):
            colour = SERIES[number % len(SERIES)]
            alone, kept = curve["alone"], curve["kept"]
            axes.plot(
                alone["sram_bytes"], alone["traffic_bytes"], drawstyle="steps-post", color=colour, linewidth=0.8, alpha=0.55
            )
            axes.plot(
                kept["sram_bytes"],
                kept["traffic_bytes"],
                "o-",
                drawstyle="steps-post",
                color=colour,
                linewidth=1.6,
                markersize=2.4,
            )
            axes.axhline(curve["compulsory_bytes"], color=colour, linewidth=0.8, linestyle=":")
            handles.append(Line2D([], [], color=colour, linewidth=1.6, label=curve["scenario"]))
        own = design["cells"]["sram_bytes"]
        axes.axvline(own, color=RED, linewidth=1.0, linestyle="--")
        said = f"design {design['letter']}, {quantity(own, 'bytes')}"
        handles.append(Line2D([], [], color=RED, linewidth=1.0, linestyle="--", label=said))
        least = min((curve["kept"]["sram_bytes"][0] for curve in curves if curve["kept"]["sram_bytes"]), default=own)
        axes.set_xlim(left=min(least, own) / 64)
        axes.xaxis.set_major_locator(LogLocator(base=2, numticks=6 if narrow else 10))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: quantity(value, "bytes")))
        axes.set_xlabel("on-chip SRAM")
        log_axis(axes, "y", lambda value: quantity(value, "traffic"), "off-chip traffic of one run, at least")
        told = "bold: kept on chip; thin: layers alone; dotted: compulsory"
        axes.set_title(f"{data['workload']['name']}: off-chip traffic against SRAM\n{told}")
        columns = 2 if narrow else 4
        figure.legend(handles=handles, loc="outside lower center", ncols=columns, columnspacing=1.2, handlelength=1.6)
        return figure


def _one_of_each(data: Mapping[str, Any], curves: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The first scenario of each network, or every scenario of a single network; at most as many as there are colours."""
    network = {scenario["name"]: scenario["network"] for scenario in data["workload"]["scenarios"]}
    first: dict[str, Mapping[str, Any]] = {}
    for curve in curves:
        first.setdefault(network.get(curve["scenario"], curve["scenario"]), curve)
    return list(curves if len(first) == 1 else first.values())[: len(SERIES)]


def batch_figure(data: Mapping[str, Any], design: Mapping[str, Any], inches: Inches) -> Figure:
    """Latency and throughput of each network against its batch; hollow where the workload does not name the batch."""
    narrow = inches[0] < NARROW
    with mpl.rc_context(STYLE | paper(inches)):
        figure = Figure(figsize=(inches[0], inches[1] * 1.25) if narrow else inches, layout="constrained")
        panels = figure.subplots(2, 1, sharex=True) if narrow else figure.subplots(1, 2)
        handles: list[Line2D] = []
        for axes, key, dimension, title in zip(
            panels,
            ("latency_s", "throughput_per_s"),
            ("time", "throughput"),
            ("latency", "throughput, inferences/s"),
            strict=True,
        ):
            axes.set_xscale("log", base=2)
            axes.set_yscale("log")
            for number, curve in enumerate(design["batches"]):
                colour, batch, values = (
                    SERIES[number % len(SERIES)],
                    np.array(curve["batch"]),
                    np.array(curve[key], dtype=np.float64),
                )
                stated = np.array(curve["stated"], dtype=np.bool_)
                axes.plot(batch, values, color=colour, linewidth=1.2)
                axes.plot(batch[stated], values[stated], "o", color=colour, markersize=3.2)
                axes.plot(batch[~stated], values[~stated], "o", color=colour, markersize=3.2, markerfacecolor="white")
                if key == "latency_s":
                    handles.append(
                        Line2D([], [], color=colour, linewidth=1.2, marker="o", markersize=3.2, label=curve["network"])
                    )
            batches = sorted({batch for curve in design["batches"] for batch in curve["batch"]})
            axes.set_xticks(batches, [f"{batch:,}" for batch in batches])
            axes.xaxis.set_minor_locator(NullLocator())
            log_axis(axes, "y", lambda value, dimension=dimension: quantity(value, dimension), title)
            if not narrow or key != "latency_s":
                axes.set_xlabel("batch, inputs at once")
        figure.suptitle(
            f"{design_name(data, design)}: latency and throughput", x=0.01, ha="left", fontsize=mpl.rcParams["axes.titlesize"]
        )
        figure.legend(handles=handles, loc="outside lower center", ncols=2 if narrow else 4, columnspacing=1.2, handletextpad=0.5)
        return figure
