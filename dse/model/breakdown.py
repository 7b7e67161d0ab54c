"""One design in detail: every layer's time, traffic and energy, what binds it, and the totals that follow.

A second implementation of what the kernel does for many designs, written layer by layer in the order of execution; tests hold
the two against each other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from dse.errors import InputError, Problem
from dse.hardware.cost import Costs, component_costs
from dse.hardware.design import Design, Designs, FloatColumn
from dse.hardware.space import Device, Space
from dse.model.batching import min_limit
from dse.model.evaluate import OVERLAP, distinct_arrays, seconds_per_vector_op, storage_of_designs, weight_factor
from dse.model.kernel import OVERLAP_NETWORK, OVERLAP_NONE
from dse.model.ledger import plan_of
from dse.model.mapping import array_table
from dse.model.stages import INPUTS, OUTPUTS, VECTOR, WEIGHTS, Storage, Streaming
from dse.model.tasks import Task
from dse.units import BITS_PER_BYTE, OPS_PER_MAC
from dse.workload.memory import scenario_memory
from dse.workload.workload import Scenario, Workload

RIDGE_TOLERANCE = 0.02
"""Compute and memory time within 2% of each other: the layer sits at the ridge (cost_model.md section 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One design on one workload; a scenario whose batch is free stands in `workload` at the batch that the design takes.

    `layers`: one row a layer and scenario, in order of execution; `scenarios`: one row a scenario. Columns carry their unit.
    Totals are sums over scenarios by weight; throughput is the weighted geometric mean of batch / latency.
    """

    workload: Workload
    space: Space
    design: Design
    layers: pd.DataFrame
    scenarios: pd.DataFrame
    latency_s: float
    throughput_per_s: float
    energy_j: float
    dram_bytes: float
    price_usd: float
    area_mm2: float
    power_w: float
    costs: Costs

    def __repr__(self) -> str:
        metrics = f"latency_s={self.latency_s:.4g}, energy_j={self.energy_j:.4g}, price_usd={self.price_usd:.4g}"
        return f"<Result: {self.workload.name} on one design of {self.space.name}; {metrics}, power_w={self.power_w:.4g}>"


def evaluate(workload: Workload, space: Space) -> Result:
    """Evaluate a space of one design (a known chip: `dse.load_design`) layer by layer.

    Raises `InputError` for a space of several designs, naming the parameters to fix.
    """
    if space.size != 1:
        free = ", ".join(parameter.name for parameter in space.free_parameters)
        message = f"the space '{space.name}' has {space.size:,} designs, and one is evaluated"
        raise InputError(Problem(message, remedy=f"fix each of: {free} (--set {space.free_parameters[0].name}=VALUE)"))
    return breakdown(workload, space, space.designs(np.zeros((1, len(space.parameters)), dtype=np.int64)))


def breakdown(workload: Workload, space: Space, designs: Designs) -> Result:
    """Evaluate the only row of `designs` layer by layer; where a scenario leaves the batch to it, at the batch it chooses."""
    costs = component_costs(designs, space)
    machine = _Machine.of(designs, space.device, costs)
    layers: list[dict[str, object]] = []
    scenarios: list[dict[str, object]] = []
    taken: list[Scenario] = []
    for scenario in workload.scenarios:
        runs = [(run, rows, _scenario(run, rows, machine)) for run in scenario.runs for rows in [_layers(run, machine)]]
        limit = min_limit(scenario.latency_limit_s, space.budget.scenario_limit(scenario.name))
        run, rows, summary = _chosen(runs, limit, float(costs.dram_capacity_bytes[0]))
        taken.append(run)
        layers += rows
        scenarios.append(summary)
    table, summary = pd.DataFrame(layers), pd.DataFrame(scenarios)
    weight = summary["weight"].to_numpy(dtype=np.float64)
    counted = weight * np.array([run.share for run in taken])
    throughput = summary["throughput_per_s"].to_numpy(dtype=np.float64)
    return Result(
        workload=replace(workload, scenarios=tuple(taken)),
        space=space,
        design=designs.design(0),
        layers=table,
        scenarios=summary,
        latency_s=float(counted @ summary["latency_s"].to_numpy()),
        throughput_per_s=float(np.power(throughput, weight / weight.sum()).prod()),
        energy_j=float(counted @ summary["energy_j"].to_numpy()),
        dram_bytes=float(counted @ summary["dram_bytes"].to_numpy()),
        price_usd=float(costs.price_usd[0]),
        area_mm2=float(costs.area_mm2[0]),
        power_w=float(costs.peak_power_w[0]),
        costs=costs,
    )


_Run = tuple[Scenario, list[dict[str, object]], dict[str, object]]
"""A scenario at one batch, its layers and its summary."""


def _chosen(runs: list[_Run], limit_s: float | None, dram_capacity_bytes: float) -> _Run:
    """The run that serves most inferences a second within the limits, else the fastest (see `dse.model.batching`)."""
    if len(runs) == 1:
        return runs[0]

    def latency(run: _Run) -> float:
        return float(run[2]["latency_s"])  # pyright: ignore[reportArgumentType]

    fitting = [
        run
        for run in runs
        if scenario_memory(run[0]).total_bytes <= dram_capacity_bytes and (limit_s is None or latency(run) <= limit_s)
    ]
    return max(fitting, key=lambda run: run[0].batch / latency(run)) if fitting else min(runs, key=latency)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Machine:
    """What the layers of one design are scored with."""

    designs: Designs
    device: Device
    seconds_per_cycle: float
    seconds_per_byte: float
    seconds_per_vector_op: float
    storage: Storage
    overlapped: bool
    mac_j: float
    vector_j: float
    sram_j_per_byte: float
    dram_j_per_byte: float
    static_w: float

    @classmethod
    def of(cls, designs: Designs, device: Device, costs: Costs) -> _Machine:
        return cls(
            designs=designs,
            device=device,
            seconds_per_cycle=1.0 / float(designs.frequency_hz[0] * device.compute_efficiency),
            seconds_per_byte=1.0 / float(designs.bandwidth_bytes_per_s[0] * device.bandwidth_efficiency),
            seconds_per_vector_op=float(seconds_per_vector_op(designs)[0]),
            storage=storage_of_designs(designs, device),
            overlapped=bool(designs.double_buffer[0]) and OVERLAP[device.overlap] != OVERLAP_NONE,
            mac_j=float(costs.mac_energy_j[0]),
            vector_j=float(costs.vector_energy_j_per_op[0]),
            sram_j_per_byte=float(costs.sram_energy_j_per_byte[0]),
            dram_j_per_byte=float(costs.dram_energy_j_per_byte[0]),
            static_w=float(costs.static_power_w[0]),
        )

    @property
    def peak_ops_per_s(self) -> float:
        return OPS_PER_MAC * float(self.designs.macs_per_cycle[0]) / self.seconds_per_cycle


def _layers(scenario: Scenario, machine: _Machine) -> list[dict[str, object]]:
    graph, chosen = plan_of(scenario, machine.storage, Streaming.of(machine.device))
    operations = [task.operation for task in graph.tasks if task.operation is not None]
    arrays, _ = distinct_arrays(machine.designs)
    skips = machine.device.padding == "skipped"
    table = array_table(arrays, operations, skip_padding=skips, tiling=machine.device.tiling)
    factor = weight_factor(table, machine.device)
    rows: list[dict[str, object]] = []
    column = 0
    for index, task in enumerate(graph.tasks):
        moved = chosen.moved[index, :, 0]
        on_array = _OnArray()
        if task.operation is not None:
            moved = moved * np.array([1.0, factor[0, column], 1.0, 1.0])
            on_array = _OnArray(
                cycles=float(table.cycles[0, column]),
                native_macs=float(table.native_macs[0, column]),
                buffer_bytes=float(table.buffer_bytes[0, column]),
                first_tile_bytes=0.0 if chosen.weights_stay[index, 0] else float(table.first_tile_bytes[0, column]),
            )
            column += 1
        resident = sum(graph.lives[number].bits for number in chosen.sets[int(chosen.kept[index, 0])])
        rows.append(_row(scenario, task, machine, on_array, moved) | {"resident_bytes": -(-resident // BITS_PER_BYTE)})
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class _OnArray:
    """What the array does with the operation of a task; nothing for vector work alone."""

    cycles: float = 0.0
    native_macs: float = 0.0
    buffer_bytes: float = 0.0
    first_tile_bytes: float = 0.0


def _row(scenario: Scenario, task: Task, machine: _Machine, on_array: _OnArray, moved: FloatColumn) -> dict[str, object]:
    array_s = on_array.cycles * machine.seconds_per_cycle
    vector_s = task.vector_ops * machine.seconds_per_vector_op
    compute_s = array_s + vector_s if machine.device.vector == "serial" else max(array_s, vector_s)
    dram_bytes = float(moved.sum())
    memory_s = dram_bytes * machine.seconds_per_byte
    launch_s = machine.device.launch_latency_s if task.operation is not None else 0.0
    waiting_s = task.sequential_steps * machine.device.dependency_latency_s + launch_s
    time_s = (max(compute_s, memory_s) if machine.overlapped else compute_s + memory_s) + waiting_s
    macs = task.operation.macs if task.operation is not None else 0
    ops = OPS_PER_MAC * macs + task.vector_ops
    intensity = ops / dram_bytes if dram_bytes else np.inf
    peak = machine.peak_ops_per_s
    return {
        "scenario": scenario.name,
        "layer": task.name,
        "kind": task.kind,
        "macs": macs,
        "vector_ops": task.vector_ops,
        "compute_s": array_s,
        "vector_s": vector_s,
        "memory_s": memory_s,
        "waiting_s": waiting_s,
        "time_s": time_s,
        "bound": _bound(array_s, vector_s, memory_s, waiting_s),
        "utilisation_fraction": OPS_PER_MAC * macs / (time_s * peak) if 0 < time_s < np.inf else 0.0,
        "array_fraction": OPS_PER_MAC * macs / (array_s * peak) if array_s else 0.0,
        "dram_bytes": dram_bytes,
        "input_dram_bytes": float(moved[INPUTS]),
        "weight_dram_bytes": float(moved[WEIGHTS]),
        "output_dram_bytes": float(moved[OUTPUTS]),
        "vector_dram_bytes": float(moved[VECTOR]),
        "buffer_bytes": on_array.buffer_bytes + dram_bytes,
        "intensity_ops_per_byte": intensity,
        "attainable_ops_per_s": min(peak, intensity / machine.seconds_per_byte),
        "achieved_ops_per_s": ops / time_s if time_s else 0.0,
        "energy_j": on_array.native_macs * machine.mac_j
        + task.vector_ops * machine.vector_j
        + (on_array.buffer_bytes + dram_bytes) * machine.sram_j_per_byte
        + dram_bytes * machine.dram_j_per_byte
        + time_s * machine.static_w,
        "first_tile_bytes": on_array.first_tile_bytes,
    }


def _bound(array_s: float, vector_s: float, memory_s: float, waiting_s: float) -> str:
    """What takes longest; ``ridge`` where memory and compute are within 2%; ``none`` for work that costs nothing."""
    parts = {"compute": array_s, "vector": vector_s, "memory": memory_s, "dependency": waiting_s}
    longest = max(parts, key=lambda part: parts[part])
    if parts[longest] == 0:
        return "none"
    if longest in ("compute", "memory") and min(array_s, memory_s) >= (1 - RIDGE_TOLERANCE) * parts[longest]:
        return "ridge"
    return longest


def _scenario(scenario: Scenario, rows: list[dict[str, object]], machine: _Machine) -> dict[str, object]:
    def column(name: str) -> FloatColumn:
        return np.array([row[name] for row in rows], dtype=np.float64)

    time_s, macs = column("time_s"), column("macs")
    latency = float(time_s.sum())
    if machine.overlapped and OVERLAP[machine.device.overlap] == OVERLAP_NETWORK:
        vector, array = column("vector_s"), column("compute_s")
        compute = array + vector if machine.device.vector == "serial" else np.maximum(array, vector)
        latency = max(float(compute.sum()), float(column("memory_s").sum())) + float(column("waiting_s").sum())
    exposed = 0.0
    if machine.overlapped and machine.device.first_load_exposed and macs.any():
        exposed = float(column("first_tile_bytes")[np.argmax(macs > 0)]) * machine.seconds_per_byte
        latency += exposed
    bounds = np.array([str(row["bound"]) for row in rows])
    by_bound = {str(bound): float(time_s[bounds == bound].sum()) for bound in np.unique(bounds)}
    longest, summed = max(by_bound, key=lambda bound: by_bound[bound]), sum(by_bound.values())
    ops = float(OPS_PER_MAC * macs.sum())
    extra_s = latency - float(time_s.sum()) if np.isfinite(latency) else 0.0
    return {
        "scenario": scenario.name,
        "batch": scenario.batch,
        "weight": scenario.weight,
        "latency_s": latency,
        "throughput_per_s": scenario.batch / latency,
        "utilisation_fraction": ops / (latency * machine.peak_ops_per_s),
        "bound": longest if np.isfinite(latency) else "cannot run",
        "bound_fraction": by_bound[longest] / summed if summed and np.isfinite(latency) else 1.0,
        "dram_bytes": float(column("dram_bytes").sum()),
        "energy_j": float(column("energy_j").sum()) + extra_s * machine.static_w,
        "first_load_s": exposed,
        "latency_limit_s": scenario.latency_limit_s,
    }
