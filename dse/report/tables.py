"""Tables for the terminal: they fit 80 columns and carry their units."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dse.hardware.design import Design
from dse.hardware.space import Space
from dse.model.advice import Advice
from dse.model.breakdown import Result
from dse.report.info import DIMENSION, member_totals
from dse.search.front import Front
from dse.units import OPS_PER_MAC, format_quantity
from dse.workload.memory import scenario_memory
from dse.workload.phases import Training, Within
from dse.workload.training import number_of_layers, plan
from dse.workload.workload import Scenario, Workload

FLOW = {
    "weight_stationary": "ws",
    "weight_stationary_double_buffered": "wd",
    "output_stationary": "os",
    "input_stationary": "is",
    "dot_product": "dp",
    "ideal": "id",
    "best": "any",
    "row_stationary": "rs",
}
"""Dataflows in the narrow column."""

FLOW_LEGEND = {
    "ws": "weight stationary",
    "wd": "weight stationary, weights double-buffered",
    "os": "output stationary",
    "is": "input stationary",
    "dp": "dot product",
    "id": "ideal array",
    "any": "best dataflow for each layer",
    "rs": "row stationary",
}

BOUND_MARK = {"compute": "c", "memory": "m", "vector": "v", "dependency": "d", "ridge": "r", "none": "-", "cannot run": "!"}
"""What binds, as a letter behind a latency."""


def plain_table(title: str | None = None) -> Table:
    """A table without lines, its title on the left."""
    return Table(
        title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0), header_style="bold", pad_edge=False
    )


def wanted_text(front: Front) -> str:
    """Objectives with their direction, and the point up to which volume is counted: what a hypervolume refers to."""
    wanted = ", ".join(
        f"{'maximise' if objective.maximise else 'minimise'} {objective.metric}" for objective in front.space.objectives
    )
    corner = ", ".join(format_quantity(value, DIMENSION[name]) for name, value in front.reference_by_objective.items())
    return f"{wanted}; hypervolume {front.hypervolume:.4g} up to ({corner})"


def judged_lines(workload: Workload) -> list[str]:
    """What several workloads together are judged by."""
    if not workload.members:
        return []
    shares = ", ".join(f"{member.name} {100 * member.share:.0f}%" for member in workload.members)
    lines = [f"several workloads: latency, energy and traffic are means ({shares}) unless one is named"]
    if all(member.target_s is not None for member in workload.members):
        targets = ", ".join(
            f"{member.name} {format_quantity(member.target_s or 0.0, 'time')} ({member.known_from})"
            for member in workload.members
        )
        lines.append(f"slowdown: the worst latency over its target: {targets}")
    return lines


def rules_text(space: Space) -> str:
    """How many designs the rules of a space leave."""
    return f"space: {space.size:,} designs, {space.allowed} of them allowed by its {len(space.rules)} rules"


def limit_text(name: str, limit: float) -> str:
    """A budget's limit with its unit; `name` as in `Budget.as_dict`."""
    return format_quantity(limit, DIMENSION[name.partition(".")[0]])


def evaluation(result: Result, advice: Advice | None = None) -> RenderableType:
    """One machine on a workload: the machine, its scenarios, what would help, and the layers of the slowest scenario."""
    from dse.report.advice_table import advice_report

    slowest = str(result.scenarios["scenario"].iloc[int(result.scenarios["latency_s"].argmax())])
    others = len(result.scenarios) - 1
    more = [Text(f"The slowest scenario; --scenario NAME shows one of the other {others}, --json all layers.", style="dim")]
    return Group(
        Text(f"{result.workload.name} on {result.space.name}", style="bold"),
        machine_table(result),
        scenario_table(result, "Scenarios"),
        Text(),
        *((members_table(result), Text()) if result.workload.members else ()),
        *((advice_report(advice, result), Text()) if advice is not None else ()),
        *([memory_table(result), Text()] if _trains(result) else []),
        layer_table(result, slowest),
        *(more if others else []),
        Text(doubt_line(result.space.assumptions(), "--json has each"), style="dim"),
    )


def doubt_line(assumptions: Sequence[str], where: str) -> str:
    """How many assumptions numbers rest on and how many of them lack a second source, and where they stand.

    >>> doubt_line(["a wafer at 7 nm: 9,346 USD", "a channel: 17.1 GB/s (UNVERIFIED)"], "manifest.json")
    'Numbers rest on 2 assumptions with sources and price dates, 1 of them unverified: manifest.json.'
    """
    doubtful = sum("UNVERIFIED" in line for line in assumptions)
    return f"Numbers rest on {len(assumptions)} assumptions with sources and price dates, {doubtful} of them unverified: {where}."


def array_text(design: Design) -> str:
    """``64x64x2``: rows x columns x cores; ``4096`` for the ideal array of the three-knob form."""
    if design.dataflow == "ideal" and design.array_cols == 1:
        return f"{design.macs_per_cycle:,} MACs"
    return f"{design.array_rows}x{design.array_cols}" + (f"x{design.cores}" if design.cores > 1 else "")


def memory_text(design: Design) -> str:
    """``lpddr5 x2``; only a bandwidth for an abstract memory."""
    if design.memory == "abstract":
        return format_quantity(design.bandwidth_bytes_per_s, "bandwidth")
    return design.memory + (f" x{design.channels}" if design.channels > 1 else "")


def scenario_text(name: str, batch: int) -> str:
    """A scenario's name, and the batch that the design took where it was free: ``resnet50@auto b32``."""
    return f"{name} b{batch}" if "@auto" in name else name


def scenario_table(result: Result, title: str) -> RenderableType:
    """Latency, throughput, utilisation and what binds, for each scenario of one design."""
    rows = ({str(key): value for key, value in row.items()} for row in result.scenarios.to_dict(orient="records"))
    return scenario_rows([row | {"name": scenario_text(str(row["scenario"]), int(row["batch"]))} for row in rows], title)


def scenario_rows(rows: Sequence[Mapping[str, Any]], title: str) -> RenderableType:
    """The same from rows in SI, however they came about."""
    table = plain_table(title)
    table.add_column("scenario", no_wrap=True)
    for name in ("latency", "inferences", "utilised", "energy", "traffic"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("binds", no_wrap=True)
    for row in rows:
        table.add_row(
            row["name"],
            format_quantity(float(row["latency_s"]), "time"),
            format_quantity(float(row["throughput_per_s"]), "throughput"),
            f"{100 * float(row['utilisation_fraction']):.1f}%",
            format_quantity(float(row["energy_j"]), "energy"),
            format_quantity(float(row["dram_bytes"]), "traffic"),
            f"{row['bound']} {100 * float(row['bound_fraction']):.0f}%",
        )
    return table


def members_table(result: Result) -> RenderableType:
    """Each of several workloads for itself: its scenarios once, by their own weights."""
    table = plain_table("Workloads")
    table.add_column("workload", overflow="fold")
    for name in ("latency", "energy", "traffic", "share"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, totals in member_totals(result).items():
        table.add_row(
            name,
            format_quantity(totals["latency_s"], "time"),
            format_quantity(totals["energy_j"], "energy"),
            format_quantity(totals["dram_bytes"], "traffic"),
            f"{100 * totals['share']:.0f}%",
        )
    return table


def _trains(result: Result) -> bool:
    return any(isinstance(scenario.phase, Training) for scenario in result.workload.scenarios)


def memory_table(result: Result) -> RenderableType:
    """Off-chip memory that each scenario needs, by kind, and what checkpointing came to; kinds that none needs are left out."""
    scenarios = result.workload.scenarios
    memories = [scenario_memory(scenario) for scenario in scenarios]
    kinds = [kind for kind, _ in memories[0].kinds if any(dict(memory.kinds)[kind] for memory in memories)]
    table = plain_table("Memory that each scenario needs, by kind")
    table.add_column("scenario", overflow="fold")
    for kind in (*kinds, "total"):
        table.add_column(kind, justify="right", no_wrap=True)
    for scenario, memory in zip(scenarios, memories, strict=True):
        sizes = [*(dict(memory.kinds)[kind] for kind in kinds), memory.total_bytes]
        table.add_row(scenario.name, *(format_quantity(size, "bytes") for size in sizes))
    return Group(table, *(Text(note, style="dim") for note in map(checkpointing_text, scenarios) if note))


def checkpointing_text(scenario: Scenario) -> str:
    """What checkpointing came to in a training scenario, in a sentence; empty where everything is kept, as asked."""
    if not isinstance(scenario.phase, Training) or scenario.phase.checkpointing is None:
        return ""
    found = plan(scenario.network, scenario.batch, scenario.precision, scenario.phase)
    layers = number_of_layers(scenario.network)
    kept = "keeps everything" if found.every is None else f"keeps a checkpoint every {found.every} of its {layers} layers"
    limit = scenario.phase.checkpointing
    if found.fits or not isinstance(limit, Within):
        return f"{scenario.name} {kept}."
    return f"{scenario.name} {kept}, its least memory, and still needs more than {format_quantity(limit.limit_bytes, 'bytes')}."


def layer_table(result: Result, scenario: str) -> RenderableType:
    """The layers of one scenario in order of execution; equal layers stand once, with their count and their time together."""
    layers = result.layers[result.layers["scenario"] == scenario]
    layers = layers[layers["time_s"] > 0]
    table = plain_table(f"{scenario}: layers in order of execution")
    table.add_column("layer", overflow="fold")
    for name in ("MACs", "ops/B", "compute", "memory", "time", "share", "used", "traffic"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("binds", no_wrap=True)
    total = float(layers["time_s"].sum())
    same = ["kind", "macs", "vector_ops", "compute_s", "memory_s", "dram_bytes"]
    for _, group in layers.groupby(same, sort=False):
        table.add_row(*_layer_cells(group, total))
    return table


def _layer_cells(group: pd.DataFrame, total_s: float) -> list[str]:
    row, count = group.iloc[0], len(group)
    compute = max(float(row["compute_s"]), float(row["vector_s"]))
    dram, ops, time = float(row["dram_bytes"]), OPS_PER_MAC * float(row["macs"]), float(row["time_s"])
    return [
        str(row["layer"]) + (f" (x{count})" if count > 1 else ""),
        format_quantity(count * float(row["macs"]), "count") if row["macs"] else "–",
        format_quantity(ops / dram, "count") if ops and dram else "–",
        format_quantity(count * compute, "time"),
        format_quantity(count * float(row["memory_s"]), "time"),
        format_quantity(count * time, "time"),
        f"{100 * count * time / total_s:.1f}%" if math.isfinite(total_s) else "–",
        f"{100 * float(row['utilisation_fraction']):.0f}%",
        format_quantity(count * dram, "traffic"),
        str(row["bound"]),
    ]


def machine_table(result: Result) -> RenderableType:
    """One design in words: what it is, what it costs, what its roofs are."""
    design = result.design
    table = plain_table()
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    flow = FLOW_LEGEND[FLOW[design.dataflow]]
    lanes = f", {design.vector_lanes} vector lanes" if design.vector_lanes else ""
    table.add_row(
        "machine",
        f"{array_text(design)} {design.precision}, {design.frequency_hz / 1e6:g} MHz, {flow}{lanes}",
    )
    buffering = "double-buffered" if design.double_buffer else "single-buffered"
    table.add_row("on chip", f"{format_quantity(design.sram_bytes, 'bytes')} SRAM, {buffering}; {design.node_nm:g} nm")
    table.add_row("off chip", f"{memory_text(design)}, {format_quantity(design.bandwidth_bytes_per_s, 'bandwidth')}")
    peak, bandwidth = design.peak_ops_per_s, design.bandwidth_bytes_per_s
    table.add_row(
        "roofs",
        f"{format_quantity(peak, 'rate')}; ridge at {peak / bandwidth:,.0f} ops/B ({peak / bandwidth / OPS_PER_MAC:,.0f} MACs/B)",
    )
    table.add_row("cost", cost_text(result))
    return Padding(table, (0, 0, 1, 0))


def cost_text(result: Result) -> str:
    """Price, area and power in one line; a dash where the space prices nothing."""
    return (
        f"{format_quantity(result.price_usd, 'price')}, {format_quantity(result.area_mm2, 'area')}, "
        f"at most {format_quantity(result.power_w, 'power')}"
    )
