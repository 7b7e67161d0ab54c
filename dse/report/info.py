"""The data of every view, without any drawing: screen, pictures and JSON show the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

import numpy as np
import pandas as pd

from dse.hardware.design import FloatColumn
from dse.model.breakdown import Result
from dse.search.front import METRIC_COLUMNS, Front
from dse.units import OPS_PER_MAC, format_quantity

SHOWN = 12
"""Designs of a front that are shown on screen."""

SCENARIO_MARK = "b"
"""A scenario's total is written as this and its batch."""


class _ByMetric(dict[str, str]):
    """By metric; that of one of several workloads (``latency:speech``) is made of that of all, up to its comma."""

    of_member = "{of_all}"

    def __missing__(self, name: str) -> str:
        metric, colon, member = name.partition(":")
        if not colon:
            raise KeyError(name)
        return self.of_member.format(of_all=self[metric].partition(",")[0], member=member)


class _Titles(_ByMetric):
    of_member = "{of_all} of {member}"


DIMENSION = _ByMetric(
    latency="time",
    throughput="throughput",
    energy="energy",
    dram_bytes="traffic",
    price="price",
    area="area",
    power="power",
    slowdown="ratio",
)
"""Metric -> how `format_quantity` writes it."""

TITLE = _Titles(
    latency="latency, all scenarios once",
    throughput="throughput, geometric mean of inferences/s",
    energy="energy, all scenarios once",
    dram_bytes="off-chip traffic, all scenarios once",
    price="price of the parts",
    area="die area",
    power="peak power",
    slowdown="slowdown, the worst latency over its target",
)


RIGHT_EDGE = 100.0
"""Operational intensity at the right edge of a roofline, over that of its ridge point."""


def label(position: int) -> str:
    """A, B, ... Z, AA, AB, ...: how designs are called on screen and in pictures."""
    letters = ascii_uppercase
    return (
        letters[position] if position < len(letters) else letters[position // len(letters) - 1] + letters[position % len(letters)]
    )


def member_totals(result: Result) -> dict[str, dict[str, float]]:
    """Latency, energy and traffic (SI) of each of several workloads on one design, and its share of the mean."""
    found: dict[str, dict[str, float]] = {}
    for member in result.workload.members:
        own = [index for index, scenario in enumerate(result.workload.scenarios) if scenario.member == member.name]
        counted = [
            result.workload.scenarios[index].weight / member.share * result.workload.scenarios[index].share for index in own
        ]
        found[member.name] = {
            column: float(np.dot(counted, result.scenarios[column].to_numpy(dtype=np.float64)[own]))
            for column in ("latency_s", "energy_j", "dram_bytes")
        } | {"share": member.share}
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisView:
    """One objective as an axis: its name, title, budget limit (SI or None) and how a value is written."""

    name: str
    title: str
    limit: float | None
    show: Callable[[float], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontView:
    """Points of a front plot in SI, shape (designs, objectives); `labels` maps rows of `front` to the letters on screen."""

    x: AxisView
    y: AxisView
    colour: AxisView | None
    front: FloatColumn
    dominated: FloatColumn
    infeasible: FloatColumn
    labels: dict[int, str]


def front_axes(front: Front, rows: Sequence[int]) -> FrontView:
    """What a front plot shows; with a single objective, price stands in as the second axis. `rows` are lettered in order."""
    names = [objective.metric for objective in front.space.objectives]
    if len(names) == 1:
        names.append("price" if names[0] != "price" else "latency")
    axes = [axis_view(name, front.space.budget.limit(name)) for name in names]
    columns = [METRIC_COLUMNS[name] for name in names]
    rest = front.trials if len(front.trials) else pd.DataFrame(columns=[*columns, "feasible"], dtype=np.float64)
    feasible = rest["feasible"].to_numpy(dtype=np.bool_)
    points = rest[columns].to_numpy(dtype=np.float64)
    return FrontView(
        x=axes[0],
        y=axes[1],
        colour=axes[2] if len(names) > 2 else None,
        front=front.designs[columns].to_numpy(dtype=np.float64),
        dominated=points[feasible],
        infeasible=points[~feasible],
        labels={int(row): label(position) for position, row in enumerate(rows)},
    )


def axis_view(name: str, limit: float | None) -> AxisView:
    """An objective as an axis."""
    dimension = DIMENSION[name]
    return AxisView(name=name, title=TITLE[name], limit=limit, show=lambda value: format_quantity(value, dimension))


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerPoints:
    """Layers of one network on a roofline; `share` is each one's share of its scenario's time, divided by the scenarios."""

    intensity: FloatColumn
    achieved: FloatColumn
    share: FloatColumn


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioTotal:
    """A whole scenario on a roofline."""

    series: int
    batch: str
    intensity: float
    achieved: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RooflineView:
    """Both roofs and every layer, in ops/s and ops per off-chip byte."""

    peak_ops_per_s: float
    bandwidth_bytes_per_s: float
    ridge: float
    intensity_range: tuple[float, float]
    achieved_floor: float
    points: dict[str, LayerPoints]
    scenario_totals: tuple[ScenarioTotal, ...]


def roofline_view(result: Result) -> RooflineView:
    """The roofline of one design, from its breakdown."""
    device, design = result.space.device, result.design
    layers = result.layers.assign(ops=OPS_PER_MAC * result.layers["macs"])
    runs = [
        ScenarioRun(name=scenario.name, network=scenario.network.name, batch=scenario.batch, latency_s=float(latency_s))
        for scenario, latency_s in zip(result.workload.scenarios, result.scenarios["latency_s"].to_list(), strict=True)
    ]
    return roofline_of(
        design.peak_ops_per_s * device.compute_efficiency,
        design.bandwidth_bytes_per_s * device.bandwidth_efficiency,
        layers[["scenario", "ops", "dram_bytes", "time_s"]],
        runs,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioRun:
    """One scenario of a roofline."""

    name: str
    network: str
    batch: int
    latency_s: float


def roofline_of(peak: float, bandwidth: float, all_layers: pd.DataFrame, runs: Sequence[ScenarioRun]) -> RooflineView:
    """A roofline from its roofs (ops/s, bytes/s) and a table of layers: scenario, ops, dram_bytes, time_s.

    Layers without tensor operations are left out (they have no place under this roof). Layers that move nothing, or next to
    nothing, since all their tensors stay on chip, stand at the right edge.
    """
    layers = all_layers[(all_layers["ops"] > 0) & np.isfinite(all_layers["time_s"])].copy()
    layers["network"] = layers["scenario"].map({run.name: run.network for run in runs})
    layers["share"] = layers["time_s"] / layers.groupby("scenario")["time_s"].transform("sum")
    layers["share"] /= layers.groupby("network")["scenario"].transform("nunique")
    layers["achieved"] = layers["ops"] / layers["time_s"]
    ridge = peak / bandwidth
    edge = ridge * RIGHT_EDGE
    ops, moved = layers["ops"].to_numpy(dtype=np.float64), layers["dram_bytes"].to_numpy(dtype=np.float64)
    layers["intensity"] = np.minimum(np.divide(ops, moved, out=np.full_like(ops, edge), where=moved > 0), edge)
    points = {
        str(name): LayerPoints(
            intensity=group["intensity"].to_numpy(dtype=np.float64),
            achieved=group["achieved"].to_numpy(dtype=np.float64),
            share=group["share"].to_numpy(dtype=np.float64),
        )
        for name, group in layers.groupby("network", sort=False)
    }
    series = {name: index for index, name in enumerate(points)}
    marks: list[ScenarioTotal] = []
    for run in runs:
        if run.network in series:
            own = all_layers[all_layers["scenario"] == run.name]
            done, moved_here = float(own["ops"].sum()), float(own["dram_bytes"].sum())
            marks.append(
                ScenarioTotal(
                    series=series[run.network],
                    batch=str(run.batch),
                    intensity=min(done / moved_here, edge) if moved_here else edge,
                    achieved=done / run.latency_s,
                )
            )
    low = min(float(layers["intensity"].min()), ridge / 10) if len(layers) else ridge / 100
    high = max(float(layers["intensity"].max()), ridge * 10) if len(layers) else ridge * 100
    big = layers[layers["share"] > 0.002]["achieved"]
    floor = min(float(big.min()) if len(big) else peak / 1e3, low * bandwidth)
    return RooflineView(
        peak_ops_per_s=peak,
        bandwidth_bytes_per_s=bandwidth,
        ridge=ridge,
        intensity_range=(low / 1.5, high * 1.5),
        achieved_floor=floor / 1.5,
        points=points,
        scenario_totals=tuple(marks),
    )
