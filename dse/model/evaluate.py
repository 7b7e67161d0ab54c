"""Metrics of many designs: two tables by factor, then one look-up per design and row (cost_model.md sections 5 and 6).

Time is separable: cycles depend on the array alone, traffic on the on-chip buffer alone. So cycles are tabled once per distinct
array, traffic is written into a ledger once per distinct buffer, and the kernel combines them for every design.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dse.hardware.cost import Costs, component_costs
from dse.hardware.design import FORMATS, BoolColumn, Designs, FloatColumn, IntColumn
from dse.hardware.goals import SLOWDOWN
from dse.hardware.space import Device, Space
from dse.model import kernel
from dse.model.batching import chosen_runs
from dse.model.ledger import Ledger, ledger, remember
from dse.model.mapping import Arrays, ArrayTable, array_table
from dse.model.stages import Storage, Streaming
from dse.model.work import NO_OPERATION, Work
from dse.units import FLOATING_FORMATS

CHUNK_CELLS = 20_000_000
"""Most cells (designs x runs, or arrays x operations) that one pass over the tables may hold: bounds memory."""

MOST_PLANNED_AHEAD = 256
"""Buffers of a space that are planned at once."""

STORAGES_AT_ONCE = 1024
"""Distinct buffers whose ledger is held at once."""

OVERLAP = {"none": kernel.OVERLAP_NONE, "layer": kernel.OVERLAP_LAYER, "network": kernel.OVERLAP_NETWORK}


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """What designs achieve on a workload. Matrices have shape (designs, scenarios), totals (designs,).

    A design that cannot run some operation has infinite latency: its buffer is below the first step of the reuse curve, or its
    array cannot multiply the format. `buffer_bytes` pass between buffer and array, `native_macs` are MACs of the array's own
    format. `chosen`, shape (designs, scenarios), is the run (see `Work`) that a design takes of each
    scenario, or None where every scenario is one run. Scenarios with a free batch count per inference in totals.
    """

    work: Work
    latency_s: FloatColumn
    energy_j: FloatColumn
    dram_bytes: FloatColumn
    buffer_bytes: FloatColumn
    native_macs: FloatColumn
    chosen: IntColumn | None
    floating_array: BoolColumn
    costs: Costs
    rules_broken: BoolColumn

    def __len__(self) -> int:
        return len(self.latency_s)

    def of_runs(self, values: FloatColumn) -> FloatColumn:
        """Values of runs, shape (runs,), for the runs that designs take, shape (designs, scenarios) or (1, scenarios)."""
        return values[None, :] if self.chosen is None else values[self.chosen]

    @property
    def batch(self) -> FloatColumn:
        """Samples that run together, shape (designs, scenarios) or (1, scenarios)."""
        return self.of_runs(self.work.batch)

    @property
    def dram_bytes_needed(self) -> FloatColumn:
        """Off-chip memory that each scenario needs, shape (designs, scenarios) or (1, scenarios)."""
        return self.of_runs(self.work.dram_bytes_needed)

    def total(self, values: FloatColumn) -> FloatColumn:
        """Weighted sum over scenarios of values of runs: each scenario once, or one inference where the batch is free."""
        return _weighted(self._counted(values), self.work.weight)

    def _counted(self, values: FloatColumn) -> FloatColumn:
        """Values of runs, per inference where the batch is free."""
        if all(not run.auto for run in self.work.runs):
            return values
        return values * self.of_runs(np.array([run.share for run in self.work.runs]))

    @property
    def total_latency_s(self) -> FloatColumn:
        """Weighted sum of the scenarios' latencies: the time to run each of them once."""
        return self.total(self.latency_s)

    @property
    def total_energy_j(self) -> FloatColumn:
        """Weighted sum of the scenarios' energies."""
        return self.total(self.energy_j)

    @property
    def total_dram_bytes(self) -> FloatColumn:
        """Weighted sum of the scenarios' off-chip bytes."""
        return self.total(self.dram_bytes)

    @property
    def throughput_per_s(self) -> FloatColumn:
        """Weighted geometric mean over scenarios of inferences per second (batch / latency)."""
        share = self.work.weight / self.work.weight.sum()
        return np.exp(_weighted(np.log(self.batch) - np.log(self.latency_s), share))

    def of_member(self, metric: str, name: str) -> FloatColumn:
        """Latency, throughput, energy or dram_bytes of one of several workloads, as if it were alone."""
        scenarios, share = self.work.of_member(name), self.work.member(name).share
        weight = self.work.weight / share
        if metric == "throughput":
            served = np.log(self.batch) - np.log(self.latency_s)
            return np.exp(_weighted(served, weight / weight[scenarios].sum(), scenarios))
        values = {"latency": self.latency_s, "energy": self.energy_j, "dram_bytes": self.dram_bytes}[metric]
        return _weighted(self._counted(values), weight, scenarios)

    @property
    def slowdown(self) -> FloatColumn:
        """The worst of several workloads' latencies over their targets, which must be known."""
        worst = np.zeros(len(self))
        for member in self.work.members:
            if member.target_s is None:
                raise KeyError(SLOWDOWN)
            worst = np.maximum(worst, self.of_member("latency", member.name) / member.target_s)
        return worst

    def metric(self, name: str) -> FloatColumn:
        """One figure of merit per design by its objective's name, in SI."""
        metric, _, member = name.partition(":")
        if member:
            return self.of_member(metric, member)
        match name:
            case "slowdown":
                return self.slowdown
            case "latency":
                return self.total_latency_s
            case "throughput":
                return self.throughput_per_s
            case "energy":
                return self.total_energy_j
            case "dram_bytes":
                return self.total_dram_bytes
            case "price":
                return self.costs.price_usd
            case "area":
                return self.costs.area_mm2
            case "power":
                return self.costs.peak_power_w
            case _:
                raise KeyError(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """What each sequential step and each tensor operation of a design waits for, shape (designs,)."""

    dependency_latency_s: FloatColumn
    launch_latency_s: FloatColumn

    @classmethod
    def of(cls, device: Device, designs: int) -> Waits:
        """Those of a device, for all designs alike."""
        return cls(
            dependency_latency_s=np.full(designs, device.dependency_latency_s),
            launch_latency_s=np.full(designs, device.launch_latency_s),
        )

    def take(self, rows: slice | IntColumn) -> Waits:
        """Those of some designs."""
        return Waits(dependency_latency_s=self.dependency_latency_s[rows], launch_latency_s=self.launch_latency_s[rows])


def _weighted(values: FloatColumn, weight: FloatColumn, scenarios: Sequence[int] | None = None) -> FloatColumn:
    """Weighted sum over (some) scenarios, added in order: a design's total never depends on what is evaluated beside it."""
    total = np.zeros(len(values))
    for scenario in range(len(weight)) if scenarios is None else scenarios:
        total += float(weight[scenario]) * values[:, scenario]
    return total


def evaluate_designs(work: Work, designs: Designs, space: Space, *, waits: Waits | None = None) -> Metrics:
    """Metrics of every design; the work of a call grows with distinct arrays and capacities, then with designs x rows.

    `waits`, shape (designs,) each, stand in place of the latencies that the device of the space has.
    """
    waits = Waits.of(space.device, len(designs)) if waits is None else waits
    costs = component_costs(designs, space)
    if len(designs) > 1:
        _plan_ahead(work, space)
    size = (len(designs), len(work.runs))
    latency, dram, buffer, macs = (np.empty(size) for _ in range(4))
    rows_per_pass = max(1, CHUNK_CELLS // max(len(work.runs), 1))
    for begin in range(0, len(designs), rows_per_pass):
        rows = slice(begin, begin + rows_per_pass)
        _pass(work, designs.take(rows), space.device, waits.take(rows), latency[rows], dram[rows], buffer[rows], macs[rows])
    energy = energy_of(costs, macs, work.vector_ops, buffer, dram, latency)
    floating = np.array([name in FLOATING_FORMATS for name in FORMATS])[designs.precision]
    chosen = chosen_runs(work, latency, costs.dram_capacity_bytes, space.budget)

    def taken(values: FloatColumn) -> FloatColumn:
        return values if chosen is None else np.take_along_axis(values, chosen, axis=1)

    return Metrics(
        work=work,
        latency_s=taken(latency),
        energy_j=taken(energy),
        dram_bytes=taken(dram),
        buffer_bytes=taken(buffer),
        native_macs=taken(macs),
        chosen=chosen,
        floating_array=floating,
        costs=costs,
        rules_broken=space.broken_rules(designs),
    )


def energy_of(
    costs: Costs,
    native_macs: FloatColumn,
    vector_ops: FloatColumn,
    buffer_bytes: FloatColumn,
    dram_bytes: FloatColumn,
    latency_s: FloatColumn,
) -> FloatColumn:
    """Energy of every design and run, shape (designs, runs) as all but `vector_ops` (runs,): arithmetic, buffer, DRAM, idle.

    Off-chip bytes pass the buffer too. It rises with every figure, as computed: a bound is the same sum of bounds.
    """
    return (
        native_macs * costs.mac_energy_j[:, None]
        + vector_ops * costs.vector_energy_j_per_op[:, None]
        + (buffer_bytes + dram_bytes) * costs.sram_energy_j_per_byte[:, None]
        + dram_bytes * costs.dram_energy_j_per_byte[:, None]
        + latency_s * costs.static_power_w[:, None]
    )


def energy_j(
    costs: Costs,
    native_macs: FloatColumn,
    vector_ops: FloatColumn,
    buffer_bytes: FloatColumn,
    dram_bytes: FloatColumn,
    latency_s: FloatColumn,
) -> FloatColumn:
    """Energy of each design and run from its counts, shape (designs, runs): cost_model.md section 6.

    What comes from or goes off chip passes the buffer too.
    """
    return (
        native_macs * costs.mac_energy_j[:, None]
        + vector_ops * costs.vector_energy_j_per_op[:, None]
        + (buffer_bytes + dram_bytes) * costs.sram_energy_j_per_byte[:, None]
        + dram_bytes * costs.dram_energy_j_per_byte[:, None]
        + latency_s * costs.static_power_w[:, None]
    )


def _plan_ahead(work: Work, space: Space) -> None:
    """Plan what stays on chip for every buffer of a space at once, where they are few: later calls find it done."""
    sizes = np.array(space.parameter("sram").values, dtype=np.int64)
    flags = np.array(space.parameter("double_buffer").values, dtype=np.bool_)
    if len(sizes) * len(flags) <= MOST_PLANNED_AHEAD:
        usable = np.floor(sizes * space.device.sram_efficiency).astype(np.int64)
        storage = Storage(usable_bytes=np.repeat(usable, len(flags)), buffers=np.tile(np.where(flags, 2, 1), len(sizes)))
        remember(work, storage, Streaming.of(space.device))


def _pass(
    work: Work,
    designs: Designs,
    device: Device,
    waits: Waits,
    latency_s: FloatColumn,
    dram_bytes: FloatColumn,
    buffer_bytes: FloatColumn,
    native_macs: FloatColumn,
) -> None:
    """Fill the outputs, views of shape (designs, runs), for one chunk of designs."""
    arrays, array_of = distinct_arrays(designs)
    storages, storage_of = distinct_storages(designs, device)
    per_pass = max(1, CHUNK_CELLS // max(len(work.operations), 1))
    for begin in range(0, len(arrays), per_pass):
        these = _rows(arrays, slice(begin, begin + per_pass))
        table = array_table(these, work.operations, skip_padding=device.padding == "skipped", tiling=device.tiling)
        for first in range(0, len(storages), STORAGES_AT_ONCE):
            held = Storage(
                usable_bytes=storages.usable_bytes[first : first + STORAGES_AT_ONCE],
                buffers=storages.buffers[first : first + STORAGES_AT_ONCE],
            )
            chosen = (array_of >= begin) & (array_of < begin + per_pass)
            chosen &= (storage_of >= first) & (storage_of < first + STORAGES_AT_ONCE)
            part = slice(None) if chosen.all() else np.flatnonzero(chosen)
            _look_up(
                work, designs.take(part), device, waits.take(part), array_of[part] - begin, storage_of[part] - first, table,
                ledger(work, held, Streaming.of(device)), (latency_s, dram_bytes, buffer_bytes, native_macs), part,
            )  # fmt: skip


def _look_up(
    work: Work,
    designs: Designs,
    device: Device,
    waits: Waits,
    array_of: IntColumn,
    storage_of: IntColumn,
    table: ArrayTable,
    rows: Ledger,
    outputs: tuple[FloatColumn, FloatColumn, FloatColumn, FloatColumn],
    part: slice | IntColumn,
) -> None:
    latency_s, dram_bytes, buffer_bytes, native_macs = outputs
    latency = kernel.empty_table(len(designs), len(work.runs))
    dram = kernel.empty_table(len(designs), len(work.runs))
    kernel.walk(
        array_of,
        storage_of,
        1.0 / (designs.frequency_hz * device.compute_efficiency),
        1.0 / (designs.bandwidth_bytes_per_s * device.bandwidth_efficiency),
        seconds_per_vector_op(designs),
        designs.double_buffer,
        rows.start,
        rows.operation,
        rows.count,
        rows.vector_ops,
        rows.steps,
        rows.weight_bytes,
        rows.other_bytes,
        rows.first_load,
        table.cycles,
        weight_factor(table, device),
        first_load_bytes(table, work, device),
        OVERLAP[device.overlap],
        device.vector == "serial",
        waits.dependency_latency_s,
        waits.launch_latency_s,
        latency,
        dram,
    )
    latency_s[part], dram_bytes[part] = latency, dram
    buffer_bytes[part] = (table.buffer_bytes @ work.operation_counts)[array_of]
    native_macs[part] = (table.native_macs @ work.operation_counts)[array_of]


def distinct_arrays(designs: Designs) -> tuple[Arrays, IntColumn]:
    """The distinct arrays among designs, and which of them each design has, shape (designs,)."""
    columns = (designs.array_rows, designs.array_cols, designs.cores, designs.dataflow, designs.precision)
    key = np.zeros(len(designs), dtype=np.int64)
    for column in columns:
        _, codes = np.unique(column, return_inverse=True)
        _, key = np.unique(key * (int(codes.max(initial=0)) + 1) + codes, return_inverse=True)
    _, first = np.unique(key, return_index=True)
    rows, cols, cores, dataflow, precision = (column[first] for column in columns)
    return Arrays(rows=rows, cols=cols, cores=cores, dataflow=dataflow, precision=precision), key


def _rows(arrays: Arrays, rows: slice) -> Arrays:
    return Arrays(
        rows=arrays.rows[rows],
        cols=arrays.cols[rows],
        cores=arrays.cores[rows],
        dataflow=arrays.dataflow[rows],
        precision=arrays.precision[rows],
    )


def storage_of_designs(designs: Designs, device: Device) -> Storage:
    """The on-chip buffer of each design: a cache acts like a part of a scratchpad; a double buffer holds what streams twice."""
    return Storage(
        usable_bytes=np.floor(designs.sram_bytes * device.sram_efficiency).astype(np.int64),
        buffers=np.where(designs.double_buffer, 2, 1),
    )


def distinct_storages(designs: Designs, device: Device) -> tuple[Storage, IntColumn]:
    """The distinct buffers, ascending, and which of them each design has, shape (designs,)."""
    each = storage_of_designs(designs, device)
    codes, index = np.unique(2 * each.usable_bytes + each.buffers - 1, return_inverse=True)
    return Storage(usable_bytes=codes // 2, buffers=codes % 2 + 1), index


def seconds_per_vector_op(designs: Designs) -> FloatColumn:
    """1 / (lanes · f); a design without lanes does not limit vector work (the three-knob form)."""
    rate = designs.vector_lanes * designs.frequency_hz
    return np.where(rate > 0, 1.0 / np.where(rate > 0, rate, 1.0), 0.0)


def weight_factor(table: ArrayTable, device: Device) -> FloatColumn:
    """Weight bytes moved over those of the reuse curve: whole tiles where the device fetches those, times its streams."""
    factor = table.weight_fetch_factor if device.weight_fetch == "array_tile" else np.ones_like(table.weight_fetch_factor)
    return factor * device.weight_streams


def first_load_bytes(table: ArrayTable, work: Work, device: Device) -> FloatColumn:
    """The first stationary tile of each run, which nothing hides, shape (arrays, runs)."""
    exposed = np.zeros((len(table.cycles), len(work.runs)))
    if device.first_load_exposed:
        for run, operation in enumerate(work.first_operation.tolist()):
            if operation != NO_OPERATION:
                exposed[:, run] = table.first_tile_bytes[:, operation]
    return exposed
