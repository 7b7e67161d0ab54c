"""Bounds of boxes: what the best imaginable design of a box would do and cost.

A *box* is a set of designs: one node of a `Forest` for each factor, and every combination of the items below. Its bound is the
metrics of a design that takes from each factor the least of every table entry below that node, computed by the code that
evaluates designs: no design of the box is better in any metric. A box of one design has that design's metrics, bit for bit.

Buffers below one node have ledgers of different rows. There the rows of a scenario that do the same work (operation, vector
work, steps) become one, n times their mean bytes; a sum of max(compute, bytes_i) is at least n·max(compute, mean bytes), as the
maximum is convex (Jensen). Their sums are rounded differently, so such a bound is lowered by `SLACK`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from dse.hardware.cost import Costs, component_costs
from dse.hardware.design import DATAFLOWS, FORMATS, BoolColumn, Designs, FloatColumn, IntColumn
from dse.hardware.space import Space
from dse.model import kernel
from dse.model.evaluate import OVERLAP, Metrics, Waits, energy_of, storage_of_designs
from dse.model.ledger import Ledger
from dse.model.limits import feasible, limits
from dse.model.work import Work
from dse.search.factors import FACTORS, ArrayRows, Choices, Pause, kept_choices, no_pause, storage_rows
from dse.search.forest import Forest
from dse.search.front import losses
from dse.search.permitted import ClosedBoxes, kinds
from dse.units import FLOATING_FORMATS

ARRAY, FREQUENCY, STORAGE, MEMORY, LANES, NODE = range(6)
"""Columns of a box."""

SLACK = 1e-12
"""Relative; rounding of a sum of a thousand terms is below 1e-13."""

_IDEAL = DATAFLOWS.index("ideal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The kept choices of every factor in trees, with the tables that bound any box of them; arrays are by node of the forest."""

    space: Space
    work: Work
    choices: tuple[Choices, ...]
    forests: tuple[Forest, ...]
    spreads: tuple[FloatColumn, ...]
    arrays: ArrayRows
    clock_most_hz: FloatColumn
    clock_least_hz: FloatColumn
    ledger: Ledger
    sram_bytes: IntColumn
    double_buffer: BoolColumn
    memory: IntColumn
    channels: IntColumn
    bandwidth_most: FloatColumn
    bandwidth_least: FloatColumn
    capacity_most_bytes: FloatColumn
    lanes_of_time: IntColumn
    lanes_of_cost: IntColumn
    node_nm: FloatColumn
    closed: ClosedBoxes

    @property
    def n_kept(self) -> int:
        """Designs of the kept choices."""
        return int(np.prod([len(each) for each in self.choices], dtype=object))

    def roots(self) -> IntColumn:
        """Boxes that hold every kept design, each of one format, kind of buffer, memory and node; shape (boxes, 6).

        What rules ask of one factor alone is answered alike for all designs of a box.
        """
        grids = np.meshgrid(*(forest.roots for forest in self.forests), indexing="ij")
        return np.stack([grid.ravel() for grid in grids], axis=1)

    def n_designs(self, boxes: IntColumn) -> FloatColumn:
        """How many designs each box holds, shape (boxes,)."""
        return reduce(np.multiply, (forest.size[boxes[:, at]].astype(np.float64) for at, forest in enumerate(self.forests)))

    def is_design(self, boxes: IntColumn) -> BoolColumn:
        """Which boxes hold one design."""
        return reduce(np.logical_and, (forest.is_leaf[boxes[:, at]] for at, forest in enumerate(self.forests)))

    def split(self, boxes: IntColumn) -> IntColumn:
        """Both halves of each box (none may be a design), along the factor whose choices are farthest apart."""
        spreads = np.stack([spread[boxes[:, at]] for at, spread in enumerate(self.spreads)], axis=1)
        widest = spreads.argmax(axis=1)
        halves = np.repeat(boxes[None], 2, axis=0)
        for at, forest in enumerate(self.forests):
            rows = np.flatnonzero(widest == at)
            halves[:, rows, at] = forest.children[boxes[rows, at]].T
        return halves.reshape(-1, len(self.forests))

    def indices(self, designs: IntColumn) -> IntColumn:
        """Parameter indices, shape (designs, parameters), of boxes of one design."""
        full = np.zeros((len(designs), len(self.space.parameters)), dtype=np.int64)
        for at, chosen in enumerate(self.choices):
            full[:, chosen.columns] = chosen.indices[designs[:, at]]
        return full

    def numbers(self, designs: IntColumn) -> IntColumn:
        """Boxes of one design as a number each, which may wrap round in a space beyond int64."""
        found = np.zeros(len(designs), dtype=np.int64)
        for at, chosen in enumerate(self.choices):
            found = found * len(chosen) + designs[:, at]
        return found

    def random_designs(self, n: int, seed: int) -> IntColumn:
        """Boxes of one design, drawn independently and evenly, shape (n, 6)."""
        draw = np.random.default_rng(seed)
        return np.stack([draw.integers(len(each), size=n) for each in self.choices], axis=1)

    def of(self, boxes: IntColumn) -> tuple[IntColumn, FloatColumn]:
        """Rows of `boxes` that may hold a feasible design, and bounds of their losses, shape (rows, objectives)."""
        costs = self._costs(boxes)
        kept = self._affordable(costs)
        if self.closed.rules:
            kept &= ~self.closed(boxes)
        rows = np.flatnonzero(kept)
        boxes, costs = boxes[rows], _taken(costs, rows)
        metrics = self._metrics(boxes, costs)
        found = losses(metrics, self.space)
        for at, objective in enumerate(self.space.objectives):
            if objective.maximise:
                found[:, at] *= np.where(self.is_design(boxes), 1.0, 1.0 - SLACK)
        possible = feasible(limits(metrics, self.space))
        return rows[possible], found[possible]

    def _costs(self, boxes: IntColumn) -> Costs:
        array, memory = boxes[:, ARRAY], boxes[:, MEMORY]
        n = len(boxes)
        cheapest = Designs(
            array_rows=self.arrays.macs_per_cycle[array],
            array_cols=np.ones(n, dtype=np.int64),
            cores=np.ones(n, dtype=np.int64),
            frequency_hz=self.clock_least_hz[boxes[:, FREQUENCY]],
            dataflow=np.full(n, _IDEAL),
            precision=self.arrays.precision[array],
            sram_bytes=self.sram_bytes[boxes[:, STORAGE]],
            double_buffer=self.double_buffer[boxes[:, STORAGE]],
            memory=self.memory[memory],
            channels=self.channels[memory],
            bandwidth_bytes_per_s=self.bandwidth_least[memory],
            vector_lanes=self.lanes_of_cost[boxes[:, LANES]],
            node_nm=self.node_nm[boxes[:, NODE]],
            memories=self.space.memories,
        )
        costs = component_costs(cheapest, self.space)
        edges = self.arrays.edge_bytes[array] * cheapest.frequency_hz + cheapest.bandwidth_bytes_per_s
        powers = {**costs.peak_power_parts_w, "sram": edges * costs.sram_energy_j_per_byte}
        return replace(
            costs,
            peak_power_w=reduce(np.add, powers.values()),
            peak_power_parts_w=powers,
            dram_capacity_bytes=self.capacity_most_bytes[memory],
        )

    def _affordable(self, costs: Costs) -> BoolColumn:
        """Which boxes keep the limits that need no time."""
        budget = self.space.budget
        kept = float(self.work.dram_bytes_needed.max()) / costs.dram_capacity_bytes <= 1.0
        for limit, values in (
            (budget.price_usd, costs.price_usd),
            (budget.area_mm2, costs.area_mm2),
            (budget.power_w, costs.peak_power_w),
        ):
            if limit is not None:
                kept &= values <= limit
        return kept

    def _metrics(self, boxes: IntColumn, costs: Costs) -> Metrics:
        array, clock, storage = boxes[:, ARRAY], self.clock_most_hz[boxes[:, FREQUENCY]], boxes[:, STORAGE]
        device, rows = self.space.device, self.ledger
        latency = kernel.empty_table(len(boxes), len(self.work.scenarios))
        dram = kernel.empty_table(len(boxes), len(self.work.scenarios))
        rate = self.lanes_of_time[boxes[:, LANES]] * clock
        waits = Waits.of(device, len(boxes))
        kernel.walk(
            array,
            storage,
            1.0 / (clock * device.compute_efficiency),
            1.0 / (self.bandwidth_most[boxes[:, MEMORY]] * device.bandwidth_efficiency),
            np.where(rate > 0, 1.0 / np.where(rate > 0, rate, 1.0), 0.0),
            self.double_buffer[storage],
            rows.start,
            rows.operation,
            rows.count,
            rows.vector_ops,
            rows.steps,
            rows.weight_bytes,
            rows.other_bytes,
            rows.first_load,
            self.arrays.cycles,
            self.arrays.weight_factor,
            self.arrays.first_load_bytes,
            OVERLAP[device.overlap],
            device.vector == "serial",
            waits.dependency_latency_s,
            waits.launch_latency_s,
            latency,
            dram,
        )
        lowered = np.where(self.forests[STORAGE].is_leaf[storage], 1.0, 1.0 - SLACK)[:, None]
        latency *= lowered
        dram *= lowered
        macs, buffer = self.arrays.native_macs[array], self.arrays.buffer_bytes[array]
        with np.errstate(invalid="ignore"):
            energy = energy_of(costs, macs, self.work.vector_ops, buffer, dram, latency)
        floating = np.array([name in FLOATING_FORMATS for name in FORMATS])[self.arrays.precision[array]]
        return Metrics(
            work=self.work,
            latency_s=latency,
            energy_j=energy,
            dram_bytes=dram,
            buffer_bytes=buffer,
            native_macs=macs,
            chosen=None,
            floating_array=floating,
            costs=costs,
            rules_broken=self._rules_broken(boxes),
        )

    def _rules_broken(self, boxes: IntColumn) -> BoolColumn:
        """Which rules a box of one design breaks; a larger box may hold a design that breaks none."""
        found = np.zeros((len(boxes), len(self.space.rules)), dtype=np.bool_)
        if self.space.rules:
            single = np.flatnonzero(self.is_design(boxes))
            found[single] = self.space.broken_rules(self.space.designs(self.indices(boxes[single])))
        return found


def _taken(costs: Costs, rows: IntColumn) -> Costs:
    """The columns of `costs` that metrics and limits read, at these rows."""
    return replace(
        costs,
        area_mm2=costs.area_mm2[rows],
        price_usd=costs.price_usd[rows],
        mac_energy_j=costs.mac_energy_j[rows],
        vector_energy_j_per_op=costs.vector_energy_j_per_op[rows],
        sram_energy_j_per_byte=costs.sram_energy_j_per_byte[rows],
        dram_energy_j_per_byte=costs.dram_energy_j_per_byte[rows],
        static_power_w=costs.static_power_w[rows],
        peak_power_w=costs.peak_power_w[rows],
        dram_capacity_bytes=costs.dram_capacity_bytes[rows],
    )


def bounds_of(space: Space, work: Work, pause: Pause = no_pause) -> Bounds:
    """Prune the factors of a space and prepare the tables that bound every box of what is left.

    `pause` is called now and then, and may raise. Raises `NothingPermitted` where the rules leave nothing.
    """
    kept = kept_choices(space, work, pause)
    array, clock, storage, memory, lane, node = (kept[name].designs(space) for name in kept)
    arrays = ArrayRows.of(array, space, work)
    rows = storage_rows(storage, space, work, pause)
    capacity = component_costs(memory, space).dram_capacity_bytes
    shape = np.log(np.stack([array.array_rows, array.array_cols, array.cores, 2.0**array.dataflow], axis=1))
    ruled = [kinds(space, FACTORS[name], kept[name].designs(space)) for name in kept]
    forests = (
        Forest.of(shape, _together(array.precision, ruled[ARRAY])),
        Forest.of(np.log(clock.frequency_hz)[:, None], ruled[FREQUENCY]),
        Forest.of(np.log(storage.sram_bytes)[:, None], _together(storage.double_buffer.astype(np.int64), ruled[STORAGE])),
        Forest.of(np.log(memory.bandwidth_bytes_per_s)[:, None], _together(memory.memory, ruled[MEMORY])),
        Forest.of(np.log1p(lane.vector_lanes)[:, None], ruled[LANES]),
        Forest.of(np.log(node.node_nm)[:, None], np.arange(len(node))),
    )
    usable = storage_of_designs(storage, space.device).usable_bytes
    spreads = (
        forests[ARRAY].spread([arrays.cycles, arrays.macs_per_cycle]),
        forests[FREQUENCY].spread([clock.frequency_hz]),
        forests[STORAGE].spread([storage.sram_bytes, usable]),
        forests[MEMORY].spread([memory.bandwidth_bytes_per_s, memory.channels]),
        forests[LANES].spread([np.sqrt(lane.vector_lanes + 1.0)]),
        forests[NODE].spread([node.node_nm]),
    )
    none = forests[LANES].least(lane.vector_lanes) == 0
    return Bounds(
        space=space,
        work=work,
        choices=tuple(kept.values()),
        forests=forests,
        spreads=spreads,
        arrays=arrays.folded(forests[ARRAY]),
        clock_most_hz=forests[FREQUENCY].most(clock.frequency_hz),
        clock_least_hz=forests[FREQUENCY].least(clock.frequency_hz),
        ledger=_with_nodes(rows, forests[STORAGE]),
        sram_bytes=forests[STORAGE].least(storage.sram_bytes),
        double_buffer=forests[STORAGE].least(storage.double_buffer),
        memory=forests[MEMORY].least(memory.memory),
        channels=forests[MEMORY].least(memory.channels),
        bandwidth_most=forests[MEMORY].most(memory.bandwidth_bytes_per_s),
        bandwidth_least=forests[MEMORY].least(memory.bandwidth_bytes_per_s),
        capacity_most_bytes=forests[MEMORY].most(capacity),
        lanes_of_time=np.where(none, 0, forests[LANES].most(lane.vector_lanes)),
        lanes_of_cost=forests[LANES].least(lane.vector_lanes),
        node_nm=forests[NODE].least(node.node_nm),
        closed=ClosedBoxes.of(
            space,
            [
                (FACTORS[name], designs, forest)
                for name, designs, forest in zip(kept, (array, clock, storage, memory, lane, node), forests, strict=True)
            ],
        ),
    )


def _together(one: IntColumn, other: IntColumn) -> IntColumn:
    """Labels that agree only where both labels do."""
    return one * (int(other.max()) + 1) + other


def _with_nodes(rows: Ledger, forest: Forest) -> Ledger:
    """The ledger of every node of a forest of buffers: a leaf has its own rows, an inner node one row for each kind of work."""
    storages: int = rows.first_load.shape[0]
    scenarios: int = rows.first_load.shape[1]
    lengths = rows.start[:, 1:] - rows.start[:, :-1]
    scenario = np.repeat(np.tile(np.arange(scenarios), storages), lengths.ravel())
    storage = np.repeat(np.arange(storages), lengths.sum(axis=1))
    keys = np.stack([scenario.astype(np.float64), rows.operation.astype(np.float64), rows.vector_ops, rows.steps], axis=1)
    work, kind = np.unique(keys, axis=0, return_inverse=True)
    place, size = storage * len(work) + kind.ravel(), storages * len(work)

    def mean(moved: FloatColumn) -> FloatColumn:
        total = np.bincount(place, weights=moved * rows.count, minlength=size)
        times = np.bincount(place, weights=rows.count, minlength=size)
        return (total / times).reshape(storages, len(work))

    inner = forest.inner
    count = np.bincount(kind.ravel()[storage == 0], weights=rows.count[storage == 0], minlength=len(work)).astype(np.float64)
    begins = np.searchsorted(work[:, 0], np.arange(scenarios + 1.0))
    start = np.concatenate([rows.start, len(rows.count) + np.arange(len(inner))[:, None] * len(work) + begins])

    def joined(own: FloatColumn, shared: FloatColumn) -> FloatColumn:
        return np.concatenate([own, np.tile(shared, len(inner))])

    return Ledger(
        start=start,
        operation=np.concatenate([rows.operation, np.tile(work[:, 1].astype(np.int64), len(inner))]),
        count=joined(rows.count, count),
        vector_ops=joined(rows.vector_ops, work[:, 2]),
        steps=joined(rows.steps, work[:, 3]),
        weight_bytes=np.concatenate([rows.weight_bytes, forest.least(mean(rows.weight_bytes))[inner].ravel()]),
        other_bytes=np.concatenate([rows.other_bytes, forest.least(mean(rows.other_bytes))[inner].ravel()]),
        first_load=forest.least(rows.first_load),
        gap_fraction=forest.least(rows.gap_fraction),
    )
