"""A space as factors: array, clock, storage, memory, vector lanes and node, whose choices combine freely.

Time is separable (cost_model.md section 7): what a design does and costs is a function of one table row for each factor, and
that function never falls when an entry rises. So a choice may be left out before anything is combined where another choice of
the same factor is at most as large in every entry that the objectives and limits in use read: with any completion, the other is
at least as good in all of them. Rounding keeps the order: sums, products, maxima, quotients and square roots of floats are
monotone as computed, and what they are compared in is computed by the same code in the same order.

Two functions are monotone, but not to the last bit. The price of a die (dies on a wafer, yield) rises with its area: areas that
differ do so by a MAC unit or a byte at least, 1e-9 of a die and far above rounding, and equal areas give equal prices. The
logarithm in the mean throughput is within one rounding of a monotone function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dse.hardware.cost import component_costs, edge_bytes_per_cycle
from dse.hardware.design import FORMATS, Designs, FloatColumn, IntColumn
from dse.hardware.goals import SLOWDOWN
from dse.hardware.space import Space
from dse.model.dominance import not_dominated
from dse.model.evaluate import distinct_arrays, first_load_bytes, storage_of_designs, weight_factor
from dse.model.ledger import Ledger, ledger
from dse.model.mapping import array_table
from dse.model.stages import Streaming
from dse.model.work import Work
from dse.search.forest import Forest
from dse.search.permitted import permitted, rule_criteria

FACTORS: Mapping[str, tuple[str, ...]] = {
    "array": ("array_rows", "array_cols", "compute_units", "cores", "dataflow", "precision"),
    "frequency": ("frequency",),
    "storage": ("sram", "double_buffer"),
    "memory": ("memory", "channels", "bandwidth"),
    "lanes": ("vector_lanes",),
    "node": ("node",),
}
"""The factors of a space and the parameters that make them up."""

ARRAY_CELLS_AT_ONCE = 4_000_000
"""Arrays x operations whose table is held while arrays are pruned."""


class NothingPermitted(Exception):
    """The rules of the space leave no choice of some factor."""


Pause = Callable[[], None]
"""Called now and then while factors are prepared; what it raises ends that."""


def no_pause() -> None:
    """Go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What the objectives and limits of a space read: an entry that none of them reads need not be compared."""

    time: bool
    energy: bool
    dram: bool
    power: bool
    price: bool

    @classmethod
    def of(cls, space: Space, work: Work) -> Needs:
        """Those of a space's objectives and budget and of the scenarios' own limits."""
        named = {objective.kind for objective in space.objectives}
        named |= {name for name in ("price", "power", "latency", "energy") if space.budget.limit(name) is not None}
        limits = [each.latency_limit_s for each in work.scenarios]
        limits += [space.budget.scenario_limit(each.name) for each in (*work.scenarios, *work.members)]
        energy = "energy" in named
        time = energy or bool(named & {"latency", "throughput", SLOWDOWN}) or any(limit is not None for limit in limits)
        return cls(time=time, energy=energy, dram=time or "dram_bytes" in named, power="power" in named, price="price" in named)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Choices of one factor: rows of parameter indices, shape (choices, columns), at these columns of a space's designs."""

    columns: IntColumn
    indices: IntColumn

    def __len__(self) -> int:
        return len(self.indices)

    def take(self, rows: IntColumn) -> Choices:
        """Some of them."""
        return replace(self, indices=self.indices[rows])

    def designs(self, space: Space) -> Designs:
        """Each choice in a design whose other parameters have their first values."""
        full = np.zeros((len(self), len(space.parameters)), dtype=np.int64)
        full[:, self.columns] = self.indices
        return space.designs(full)


def n_choices(space: Space, factor: str) -> int:
    """How many choices a factor has before any is left out."""
    return int(np.prod([len(parameter) for parameter in space.parameters if parameter.name in FACTORS[factor]], dtype=object))


def choices(space: Space, factor: str, begin: int = 0, end: int | None = None) -> Choices:
    """The permitted choices of a factor numbered `begin` to `end` (default: all), the last parameter running fastest."""
    columns = [at for at, parameter in enumerate(space.parameters) if parameter.name in FACTORS[factor]]
    sizes = tuple(len(space.parameters[at]) for at in columns)
    numbers = np.arange(begin, n_choices(space, factor) if end is None else end)
    indices = np.stack(np.unravel_index(numbers, sizes), axis=1) if sizes else np.zeros((len(numbers), 0), dtype=np.int64)
    found = Choices(columns=np.array(columns, dtype=np.int64), indices=indices.astype(np.int64))
    return found.take(np.flatnonzero(permitted(space, FACTORS[factor], found.designs(space)))) if space.rules else found


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayRows:
    """Table of arrays, shapes (arrays, operations), (arrays, scenarios) or (arrays,): all that a design takes from its array."""

    cycles: FloatColumn
    weight_factor: FloatColumn
    first_load_bytes: FloatColumn
    buffer_bytes: FloatColumn
    native_macs: FloatColumn
    macs_per_cycle: IntColumn
    edge_bytes: FloatColumn
    precision: IntColumn

    @classmethod
    def of(cls, designs: Designs, space: Space, work: Work) -> ArrayRows:
        """The arrays of designs, each in a row of its own."""
        arrays, row_of = distinct_arrays(designs)
        skips = space.device.padding == "skipped"
        table = array_table(arrays, work.operations, skip_padding=skips, tiling=space.device.tiling)
        return cls(
            cycles=table.cycles[row_of],
            weight_factor=weight_factor(table, space.device)[row_of],
            first_load_bytes=first_load_bytes(table, work, space.device)[row_of],
            buffer_bytes=(table.buffer_bytes @ work.operation_counts)[row_of],
            native_macs=(table.native_macs @ work.operation_counts)[row_of],
            macs_per_cycle=designs.macs_per_cycle,
            edge_bytes=edge_bytes_per_cycle(designs),
            precision=designs.precision,
        )

    def criteria(self, needs: Needs, rules: Sequence[FloatColumn] = ()) -> FloatColumn:
        """What must be no more for an array to replace another, shape (criteria, arrays); formats must be the same.

        Cycles of every operation, bytes of whole tiles, the first tile (time); bytes between array and buffer, native multiplies
        (energy); MAC units (area, price, peak and static power); bytes on the edges (peak power); and what `rules` ask.
        """
        rows = [self.macs_per_cycle.astype(np.float64), *_same(self.precision, len(FORMATS)), *rules]
        if needs.power:
            rows.append(self.edge_bytes)
        if needs.energy:
            rows += [*self.buffer_bytes.T, *self.native_macs.T]
        if needs.dram:
            rows += list(self.weight_factor.T)
        if needs.time:
            rows += [*self.first_load_bytes.T, *self.cycles.T]
        else:
            rows.append(_impossible(self.cycles.T))
        return np.unique(np.array(rows), axis=0)

    def folded(self, forest: Forest) -> ArrayRows:
        """The least of every entry below each node of a forest of these arrays."""
        return ArrayRows(
            cycles=forest.least(self.cycles),
            weight_factor=forest.least(self.weight_factor),
            first_load_bytes=forest.least(self.first_load_bytes),
            buffer_bytes=forest.least(self.buffer_bytes),
            native_macs=forest.least(self.native_macs),
            macs_per_cycle=forest.least(self.macs_per_cycle),
            edge_bytes=forest.least(self.edge_bytes),
            precision=forest.least(self.precision),
        )


def _impossible(table: FloatColumn) -> FloatColumn:
    """1 where a column of a table, shape (rows, choices), holds an infinity, else 0."""
    return np.asarray(np.isinf(table).any(axis=0), dtype=np.float64)


def _same(codes: IntColumn, most: int) -> tuple[FloatColumn, FloatColumn]:
    """Two criteria that are both no more only where the codes (0 to `most`) are equal."""
    return codes.astype(np.float64), (most - codes).astype(np.float64)


def array_choices(space: Space, work: Work, needs: Needs, pause: Pause = no_pause) -> Choices:
    """The arrays that no other array replaces, pruned block by block so that memory stays bounded."""
    per_block = max(1, ARRAY_CELLS_AT_ONCE // max(len(work.operations), 1))
    kept: list[IntColumn] = []
    total = n_choices(space, "array")
    for begin in range(0, total, per_block):
        pause()
        block = choices(space, "array", begin, min(begin + per_block, total))
        kept.append(_pruned_arrays(block, space, work, needs).indices)
    pause()
    found = replace(choices(space, "array", 0, 0), indices=np.concatenate(kept))
    return _pruned_arrays(found, space, work, needs) if len(kept) > 1 else found


def _pruned_arrays(found: Choices, space: Space, work: Work, needs: Needs) -> Choices:
    if not len(found):
        return found
    designs = found.designs(space)
    rules = rule_criteria(space, FACTORS["array"], designs)
    return found.take(np.sort(not_dominated(ArrayRows.of(designs, space, work).criteria(needs, rules))))


def storage_rows(designs: Designs, space: Space, work: Work, pause: Pause = no_pause) -> Ledger:
    """The ledger of the storage of each design."""
    held = storage_of_designs(designs, space.device)
    return ledger(work, held, Streaming.of(space.device), pause)


def storage_choices(space: Space, work: Work, needs: Needs, pause: Pause = no_pause) -> Choices:
    """The buffers that no other buffer replaces.

    One replaces another of the same kind (double or single) whose ledger has the same rows (operation, count, vector work, steps)
    where no row moves more bytes, no first load is exposed that was hidden, and it is no larger. Ledgers of different rows are
    not compared: their sums are taken in another order, so that they may differ in the last bit.
    """
    all_of_them = choices(space, "storage")
    if not len(all_of_them):
        return all_of_them
    designs = all_of_them.designs(space)
    ruled = rule_criteria(space, FACTORS["storage"], designs)
    rows = storage_rows(designs, space, work, pause)
    groups: dict[bytes, list[int]] = {}
    for at in range(len(designs)):
        part = slice(rows.start[at, 0], rows.start[at, -1])
        same = (
            rows.start[at] - rows.start[at, 0],
            rows.operation[part],
            rows.count[part],
            rows.vector_ops[part],
            rows.steps[part],
        )
        key = b"|".join(column.tobytes() for column in same) + bytes([bool(designs.double_buffer[at])])
        groups.setdefault(key, []).append(at)
    kept: list[int] = []
    for members in groups.values():
        criteria: list[FloatColumn] = [designs.sram_bytes[members].astype(np.float64), *(rule[members] for rule in ruled)]
        parts = [slice(rows.start[at, 0], rows.start[at, -1]) for at in members]
        moved = np.stack([np.concatenate([rows.weight_bytes[part], rows.other_bytes[part]]) for part in parts], axis=1)
        if needs.dram:
            criteria += [*moved, *rows.first_load[members].T.astype(np.float64)]
        else:
            criteria.append(_impossible(moved))
        kept += [members[row] for row in not_dominated(np.unique(np.array(criteria), axis=0))]
    return all_of_them.take(np.array(sorted(kept), dtype=np.int64))


def memory_choices(space: Space, work: Work, needs: Needs) -> Choices:
    """The memories that no other memory replaces.

    Time reads the bandwidth (more is better), peak power too (less is better); energy the joules of a byte; area and price the
    interface, the devices and what they take of an interposer; the capacity must hold every scenario that another holds.
    The prices of the two kinds of package are not compared.
    """
    all_of_them = choices(space, "memory")
    designs = all_of_them.designs(space)
    costs = component_costs(designs, space)
    kinds = [space.technology.memories[name] for name in designs.memories]

    def column(value: Callable[[int], float]) -> FloatColumn:
        return np.array([value(kind) for kind in range(len(kinds))], dtype=np.float64)[designs.memory]

    criteria = [
        costs.area_parts_mm2["memory"],
        (float(work.dram_bytes_needed.max()) / costs.dram_capacity_bytes > 1.0).astype(np.float64),
    ]
    if needs.price:
        criteria += [
            costs.price_parts_usd["dram" if space.device.unit_prices is None else "bandwidth"],
            column(lambda kind: kinds[kind].footprint_mm2.value) * designs.channels,
            *_same(column(lambda kind: float(kinds[kind].package == "interposer")).astype(np.int64), 1),
        ]
    if needs.energy or needs.power:
        criteria.append(costs.dram_energy_j_per_byte)
    if needs.power:
        criteria.append(designs.bandwidth_bytes_per_s)
    if needs.time:
        criteria.append(1.0 / designs.bandwidth_bytes_per_s)
    return _pruned(all_of_them, criteria, space, "memory")


def _pruned(found: Choices, criteria: Sequence[FloatColumn], space: Space, factor: str) -> Choices:
    """The choices that no other equals or betters in every criterion and in what the rules ask."""
    if not len(found):
        return found
    rules = rule_criteria(space, FACTORS[factor], found.designs(space))
    return found.take(np.sort(not_dominated(np.array([*criteria, *rules]))))


def frequency_choices(space: Space, needs: Needs) -> Choices:
    """The clocks that no other clock replaces: a faster one costs peak power and nothing else, and a slower one time."""
    all_of_them = choices(space, "frequency")
    clock = all_of_them.designs(space).frequency_hz
    criteria = [np.zeros(len(clock))]
    if needs.power:
        criteria.append(clock)
    if needs.time:
        criteria.append(1.0 / clock)
    return _pruned(all_of_them, criteria, space, "frequency")


def lane_choices(space: Space, work: Work, needs: Needs) -> Choices:
    """The vector units that no other replaces: more lanes cost area and power, and save time where there is vector work.

    None at all is the three-knob form, which vector work does not slow down.
    """
    all_of_them = choices(space, "lanes")
    lanes = all_of_them.designs(space).vector_lanes.astype(np.float64)
    criteria = [lanes]
    if needs.time and work.vector_ops.any():
        criteria.append(np.where(lanes > 0, 1.0 / np.maximum(lanes, 1.0), 0.0))
    return _pruned(all_of_them, criteria, space, "lanes")


def kept_choices(space: Space, work: Work, pause: Pause = no_pause) -> dict[str, Choices]:
    """Of every factor the choices that no other replaces. Nodes are all kept: their curves of price, area and energy cross.

    Raises `NothingPermitted` where the rules leave none.
    """
    needs = Needs.of(space, work)
    kept = {
        "array": array_choices(space, work, needs, pause),
        "frequency": frequency_choices(space, needs),
        "storage": storage_choices(space, work, needs, pause),
        "memory": memory_choices(space, work, needs),
        "lanes": lane_choices(space, work, needs),
        "node": choices(space, "node"),
    }
    if not all(map(len, kept.values())):
        raise NothingPermitted
    return kept
