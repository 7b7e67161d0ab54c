"""The data of a page about one design: its machine in words, roofs, every layer's time and energy, what it costs, its levers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dse.hardware.cost import edge_bytes_per_cycle
from dse.hardware.design import Designs, FloatColumn
from dse.model.advice import Advice, Lever, Pick, Standing
from dse.model.breakdown import Result
from dse.report.advice_table import PLACE, breaks
from dse.report.plain import column, exact, figures
from dse.report.tables import FLOW, FLOW_LEGEND, array_text, memory_text, scenario_text
from dse.units import OPS_PER_MAC, format_quantity
from dse.workload.phases import Training
from dse.workload.workload import Scenario

TOTALS = ("latency_s", "throughput_per_s", "energy_j", "dram_bytes", "price_usd", "area_mm2", "power_w")
NBSP = "\u00a0"
"""A space at which no line breaks."""

ENERGY_PARTS = ("array", "vector", "SRAM", "DRAM", "static")
BOUNDS = ("compute", "memory", "ridge", "vector", "dependency", "none")

_CROSS = re.compile(r"(?<=[\d ])x(?=\d)")

_LAYER_COLUMNS = ("time_s", "compute_s", "vector_s", "memory_s", "waiting_s", "dram_bytes", "buffer_bytes")


def design_data(result: Result, *, letter: str, row: int, advice: Advice) -> dict[str, Any]:
    """Everything that a page shows of one lettered design; numbers rounded but for the totals."""
    return {
        "letter": letter,
        "row": row,
        "machine": machine_words(result),
        "totals": {name: exact(getattr(result, name)) for name in TOTALS},
        "roofs": _roofs(result),
        "scenarios": _scenarios(result, advice),
        "layers": _layers(result),
        "bound_share": bound_shares(result),
        "costs": {
            "area": _parts(result.costs.area_parts_mm2),
            "price": _parts(result.costs.price_parts_usd),
            "power": _parts(result.costs.peak_power_parts_w),
            "yield_fraction": figures(float(result.costs.yield_fraction[0])),
        },
        "levers": [_lever(lever) for lever in advice.levers],
        "picks": {"use": _pick(advice.picks.use), "buy": _pick(advice.picks.buy)},
    }


def crossed(text: str) -> str:
    """A text with its ``x`` of multiplication as a cross.

    >>> crossed("8x8x2, lpddr5 x2")
    '8×8×2, lpddr5 ×2'
    """
    return _CROSS.sub("×", text)


def machine_words(result: Result) -> dict[str, str]:
    """What the machine is, a few words for each part."""
    design = result.design
    buffering = "double-buffered" if design.double_buffer else "single-buffered"
    bandwidth = format_quantity(design.bandwidth_bytes_per_s, "bandwidth")
    memory = "" if design.memory == "abstract" else f"{crossed(memory_text(design))}, "
    return {
        "array": f"{crossed(array_text(design))} {design.precision}",
        "clock": format_quantity(design.frequency_hz, "frequency"),
        "dataflow": FLOW_LEGEND[FLOW[design.dataflow]],
        "SRAM": f"{format_quantity(design.sram_bytes, 'bytes')}, {buffering}",
        "memory": f"{memory}{bandwidth}",
        "vector lanes": f"{design.vector_lanes:,}" if design.vector_lanes else "none",
        "node": f"{design.node_nm:g} nm",
        "peak": format_quantity(design.peak_ops_per_s, "rate"),
    }


def machine_phrase(result: Result) -> str:
    """The machine in one phrase, quantities unbroken: ``24×64×4 int8 MACs at 1.2 GHz, 2 MiB SRAM, lpddr4, 7 nm``."""
    design = result.design
    array = crossed(array_text(design)).removesuffix(" MACs")
    clock, sram = format_quantity(design.frequency_hz, "frequency"), format_quantity(design.sram_bytes, "bytes")
    parts = (f"{array} {design.precision} MACs at {clock.replace(' ', NBSP)}", f"{sram.replace(' ', NBSP)} SRAM")
    return ", ".join((*parts, crossed(memory_text(design)).replace(" ", NBSP), f"{design.node_nm:g}{NBSP}nm"))


def bound_shares(result: Result) -> dict[str, float]:
    """Share of the time of all scenarios, by their weights, that each bound takes; the largest first."""
    counted = _counted(result)
    time = result.layers["time_s"] * result.layers["scenario"].map(counted)
    total = float(time.sum())
    if not np.isfinite(total) or total <= 0:
        return {}
    shares: pd.Series[float] = time.groupby(result.layers["bound"]).sum().sort_values(ascending=False) / total
    return {str(name): float(f"{value:.4g}") for name, value in shares.items() if value > 0}


def _counted(result: Result) -> dict[str, float]:
    return {scenario.name: scenario.weight * scenario.share for scenario in result.workload.scenarios}


def _roofs(result: Result) -> dict[str, Any]:
    """Both roofs of the roofline, and that of the on-chip buffer (see `edge_bytes_per_cycle`)."""
    device, design = result.space.device, result.design
    peak = design.peak_ops_per_s * device.compute_efficiency
    bandwidth = design.bandwidth_bytes_per_s * device.bandwidth_efficiency
    edge = float(edge_bytes_per_cycle(Designs.of(design))[0]) * design.frequency_hz
    return {
        "peak_ops_per_s": figures(peak, 8),
        "bandwidth_bytes_per_s": figures(bandwidth, 8),
        "sram_bandwidth_bytes_per_s": figures(edge, 8),
        "ridge": figures(peak / bandwidth, 8),
        "sram_ridge": figures(peak / edge, 8),
    }


def _scenarios(result: Result, advice: Advice) -> list[dict[str, Any]]:
    standings: dict[str, Standing] = {standing.scenario: standing for standing in advice.scenarios}
    rows: list[dict[str, Any]] = []
    for scenario, (_, row) in zip(result.workload.scenarios, result.scenarios.iterrows(), strict=True):
        standing = standings.get(scenario.name)
        rows.append(
            {
                "name": scenario.name,
                "shown": scenario_text(scenario.name, int(row["batch"])),
                "network": series_name(scenario),
                "batch": scenario.batch,
                "weight": scenario.weight,
                "latency_s": exact(row["latency_s"]),
                "throughput_per_s": exact(row["throughput_per_s"]),
                "utilisation_fraction": figures(float(row["utilisation_fraction"])),
                "energy_j": exact(row["energy_j"]),
                "dram_bytes": exact(row["dram_bytes"]),
                "bound": str(row["bound"]),
                "bound_fraction": figures(float(row["bound_fraction"])),
                "limit_s": scenario.latency_limit_s,
                "stands": PLACE[standing.place] if standing is not None else "",
                "ridge_fraction": figures(standing.ridge_fraction) if standing is not None else None,
                "buy": _pick(standing.picks.buy) if standing is not None else None,
            }
        )
    return rows


def _layers(result: Result) -> dict[str, Any]:
    """Layers of every scenario in order of execution as columns; equal layers of a scenario stand once, with their count."""
    layers = result.layers
    energies = energy_parts(result)
    same = layers[["scenario", "kind", "macs", "vector_ops", "bound", *_LAYER_COLUMNS, "energy_j"]]
    keys = list(same.itertuples(index=False, name=None))
    first: dict[tuple[Any, ...], int] = {}
    counts: dict[int, int] = {}
    for at, key in enumerate(keys):
        place = first.setdefault(key, at)
        counts[place] = counts.get(place, 0) + 1
    times = layers["time_s"].to_numpy(dtype=np.float64)
    rows = np.array([at for at in counts if np.isfinite(times[at]) and times[at] > 0], dtype=np.int64)
    names = [scenario.name for scenario in result.workload.scenarios]
    kept = layers.iloc[rows]
    ops = OPS_PER_MAC * kept["macs"].to_numpy(dtype=np.float64)
    return {
        "scenario": [names.index(name) for name in kept["scenario"]],
        "name": [str(name) for name in kept["layer"]],
        "kind": [str(kind) for kind in kept["kind"]],
        "count": [counts[int(row)] for row in rows],
        "bound": [BOUNDS.index(str(bound)) if bound in BOUNDS else len(BOUNDS) - 1 for bound in kept["bound"]],
        "ops": column(ops),
        **{name: column(kept[name]) for name in _LAYER_COLUMNS},
        "energy_j": {part: column(values[rows]) for part, values in energies.items()},
    }


def energy_parts(result: Result) -> dict[str, FloatColumn]:
    """Energy of every layer by what takes it, shape (layers,) each; they add up to its `energy_j`."""
    layers, costs = result.layers, result.costs

    def of(name: str) -> FloatColumn:
        return layers[name].to_numpy(dtype=np.float64)

    vector = of("vector_ops") * costs.vector_energy_j_per_op[0]
    sram = of("buffer_bytes") * costs.sram_energy_j_per_byte[0]
    dram = of("dram_bytes") * costs.dram_energy_j_per_byte[0]
    static = of("time_s") * costs.static_power_w[0]
    array = np.maximum(of("energy_j") - vector - sram - dram - static, 0.0)
    return dict(zip(ENERGY_PARTS, (array, vector, sram, dram, static), strict=True))


def _parts(parts: Mapping[str, FloatColumn]) -> dict[str, float | int | None]:
    return {name: figures(float(values[0]), 8) for name, values in parts.items() if float(values[0]) > 0}


def _lever(lever: Lever) -> dict[str, Any]:
    return {
        "name": lever.name,
        "kind": lever.kind,
        "description": lever.description,
        "speed": figures(1 / lever.per_inference_ratio) if lever.per_inference_ratio > 0 else None,
        "energy_ratio": figures(lever.energy_per_inference_ratio),
        "latency_s": exact(lever.latency_s),
        "price_change_usd": figures(lever.price_change_usd),
        "power_w": figures(lever.power_w),
        "area_mm2": figures(lever.area_mm2),
        "breaks": breaks(lever),
        "scenarios": column(1 / effect.per_inference_ratio for effect in lever.scenarios if effect.per_inference_ratio > 0),
    }


def _pick(pick: Pick | None) -> dict[str, Any] | None:
    if pick is None:
        return None
    return {
        "lever": pick.lever,
        "speed": figures(1 / pick.per_inference_ratio) if pick.per_inference_ratio > 0 else None,
        "price_change_usd": figures(pick.price_change_usd),
    }


def series_name(scenario: Scenario) -> str:
    """What scenarios that differ by their batch alone have in common: the network, and whether it is trained."""
    return scenario.network.name + (" training" if isinstance(scenario.phase, Training) else "")


def batch_curves(result: Result, extra: Sequence[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """Latency and throughput of each network against its batch, from the scenarios and from `extra` points like them."""
    points = [
        {
            "network": series_name(scenario),
            "batch": scenario.batch,
            "latency_s": float(row["latency_s"]),
            "energy_j": float(row["energy_j"]),
            "stated": True,
        }
        for scenario, (_, row) in zip(result.workload.scenarios, result.scenarios.iterrows(), strict=True)
    ]
    curves: list[dict[str, Any]] = []
    for network in dict.fromkeys(str(point["network"]) for point in points):
        mine: dict[int, Mapping[str, Any]] = {int(point["batch"]): point for point in extra if point["network"] == network}
        mine |= {int(str(point["batch"])): point for point in points if point["network"] == network}
        batches = sorted(mine)
        curves.append(
            {
                "network": network,
                "batch": batches,
                "latency_s": column(mine[batch]["latency_s"] for batch in batches),
                "throughput_per_s": column(batch / mine[batch]["latency_s"] for batch in batches),
                "energy_per_inference_j": column(mine[batch]["energy_j"] / batch for batch in batches),
                "stated": [bool(mine[batch]["stated"]) for batch in batches],
            }
        )
    return curves
