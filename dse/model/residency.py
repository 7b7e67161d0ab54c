"""Residency: which tensors stay on chip between operations (cost_model.md section 4).

Execution order is given. A tensor is alive from the task that makes it to the last that uses it; one that stays on chip for its
whole life spares its write and its reads, and takes its bytes from every task that it lives across. What streams has the rest
(twice held where a double buffer loads ahead). The set that moves the fewest bytes is found by dynamic programming over the set
of live tensors, for many buffers at once: exact, and independent of compute and bandwidth.

The state after a task is the set of tensors on chip that later tasks read. Keeping costs nothing but room, so a state can be
dropped where even the least that the rest can cost (everything at home, the whole buffer for what streams) would not bring it
below a known solution. Where more states remain than `MOST_STATES`, the most promising are kept, and the plan says by how much it
may be above the least (`Plan.gap_fraction`).

*Weights* may stay for good where one network is served again and again (`weights: resident`). Some room is then reserved for
them, which no task may use otherwise, and the state also counts how much of it is taken: a knapsack inside the same programme.
The reserve is chosen from `RESERVES` shares of the buffer, and taken in `UNITS` parts of it (rounded up): what comes out can be
built, and is the least up to that grain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from dse.hardware.design import FloatColumn, IntColumn
from dse.model.graph import Graph
from dse.model.stages import Stage, Storage, Streaming, stage_traffic
from dse.units import BITS_PER_BYTE

FEW_STATES = 48
"""Up to here states are not weighed against a known solution: it would cost more than it saves."""

MOST_STATES = 1024

RESERVES, UNITS = 32, 256
"""Shares of a buffer that may be reserved for weights, and parts of such a reserve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What stays on chip and what each task then moves, for many buffers.

    `moved`: bytes by task, operand (see `dse.model.stages`) and storage, shape (tasks, 4, storages), infinite where nothing fits.
    `kept`: for each task the index into `sets`, shape (tasks, storages); `sets`: tensors on chip while a task runs, as numbers in
    `Graph.lives`; `weights_stay`, shape (tasks, storages). The traffic of a storage is at most `gap_fraction` above the least.
    """

    moved: npt.NDArray[np.float64]
    kept: IntColumn
    sets: tuple[tuple[int, ...], ...]
    weights_stay: npt.NDArray[np.bool_]
    gap_fraction: FloatColumn

    @property
    def total_bytes(self) -> FloatColumn:
        """Bytes of all tasks, shape (storages,)."""
        return self.moved.sum(axis=(0, 1))

    def at(self, index: int) -> Plan:
        """The plan of one storage."""
        one = slice(index, index + 1)
        return Plan(
            moved=self.moved[:, :, one],
            kept=self.kept[:, one],
            sets=self.sets,
            weights_stay=self.weights_stay[:, one],
            gap_fraction=self.gap_fraction[one],
        )


def plan(graph: Graph, storage: Storage, streaming: Streaming) -> Plan:
    """The choice of what stays that moves the fewest bytes, for each of the buffers."""
    if streaming.weights == "streamed":
        return _Search(graph, _Room.of(storage), streaming).plan()
    return _joined([_serving(graph, storage.at(index), streaming) for index in range(len(storage))])


def _serving(graph: Graph, storage: Storage, streaming: Streaming) -> Plan:
    """The best reserve for weights in one buffer."""
    room = _Room.with_reserves(storage, sum(stage.weight_bytes for stage in graph.stages))
    found = _Search(graph, room, streaming).plan()
    return found.at(int(found.total_bytes.argmin()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    """Buffers with a part reserved for weights: `storage` is what is left beside it.

    Weights take it by `unit_bytes`, `budget` units at most and never more than `units`; a unit of infinitely many bytes is a
    reserve that all weights fit in.
    """

    storage: Storage
    units: int
    unit_bytes: FloatColumn
    budget: IntColumn

    @classmethod
    def of(cls, storage: Storage) -> _Room:
        """No reserve."""
        return cls(storage=storage, units=0, unit_bytes=np.ones(len(storage)), budget=np.zeros(len(storage), dtype=np.int64))

    @classmethod
    def with_reserves(cls, storage: Storage, weight_bytes: int) -> _Room:
        """One buffer with reserves of many sizes, and one for all weights if they fit."""
        usable = int(storage.usable_bytes[0])
        most = min(usable, weight_bytes)
        shares = np.unique(np.linspace(0, most, min(max(most, 0), RESERVES) + 1).astype(np.int64))
        everything = [weight_bytes] if weight_bytes <= usable else []
        reserve = np.concatenate([shares, np.array(everything, dtype=np.int64)])
        unit = np.maximum(reserve / UNITS, 1.0)
        unit[len(shares) :] = np.inf
        left = Storage(usable_bytes=usable - reserve, buffers=np.full(len(reserve), storage.buffers[0]))
        budget = np.where(np.isfinite(unit), reserve / unit, 1).astype(np.int64)
        return cls(storage=left, units=max(int(budget.max()), 1), unit_bytes=unit, budget=budget)

    def units_of(self, weight_bytes: int) -> IntColumn:
        """Units that weights take of each reserve."""
        return np.ceil(weight_bytes / self.unit_bytes).astype(np.int64)


@dataclass(slots=True)
class _Column:
    """The states after a task, and how each was best reached.

    `sets`: bit masks of tensors on chip; `cost`: bytes so far, shape (states, storages, 1 + units of the reserve that may be
    taken); `came`: index into `steps` of the step that led there, shaped alike; `steps`: (state before, mask while the task ran,
    whether its weights stay).
    """

    sets: list[int]
    cost: FloatColumn
    came: IntColumn
    steps: list[tuple[int, int, bool]]


class _Search:
    """Dynamic programming over sets of live tensors; sets are bit masks of indices into `Graph.lives`."""

    def __init__(self, graph: Graph, room: _Room, streaming: Streaming) -> None:
        self._graph = graph
        self._room = room
        self._storage = room.storage
        self._streaming = streaming
        self._tables: dict[tuple[Stage, tuple[int, ...], int, bool], FloatColumn] = {}
        self._bits = [life.bits for life in graph.lives]
        self._born: list[list[int]] = [[] for _ in graph.stages]
        self._dead = [0] * len(graph.stages)
        most = int(self._storage.usable_bytes.max(initial=0)) * BITS_PER_BYTE
        for number, life in enumerate(graph.lives):
            if life.bits <= most and streaming.activations == "resident":
                self._born[life.begin].append(number)
                self._dead[life.end] |= 1 << number
        self._rest = self._least_of_the_rest()
        self._dropped = np.full(len(self._storage), np.inf)

    def plan(self) -> Plan:
        columns = self._columns(MOST_STATES, None, few=True)
        if columns is not None:
            return self._traced(columns)
        rough = self._columns(max(FEW_STATES // 2, 1), None)
        assert rough is not None
        known = self._traced(rough)
        self._dropped[:] = np.inf
        columns = self._columns(MOST_STATES, rough[-1].cost[:, np.arange(len(self._storage)), self._room.budget].min(axis=0))
        assert columns is not None
        fine = self._traced(columns)
        better = fine.total_bytes <= known.total_bytes
        best = [(fine if better[index] else known).at(index) for index in range(len(self._storage))]
        return replace(_joined(best), gap_fraction=self._gap(np.minimum(fine.total_bytes, known.total_bytes)))

    def _columns(self, most: int, known: FloatColumn | None, *, few: bool = False) -> list[_Column] | None:
        """The states after every task; None where `few` were asked for and there are more."""
        shape = (1, len(self._storage), 1 + self._room.units)
        column = _Column(sets=[0], cost=np.zeros(shape), came=np.zeros(shape, dtype=np.int64), steps=[])
        columns: list[_Column] = []
        for task in range(len(self._graph.stages)):
            column = self._after(task, column)
            if len(column.sets) > FEW_STATES:
                if few:
                    return None
                self._thin(column, self._rest[task + 1], most, known)
            columns.append(column)
        return columns

    def _after(self, task: int, before: _Column) -> _Column:
        best: dict[int, FloatColumn] = {}
        came: dict[int, IntColumn] = {}
        steps: list[tuple[int, int, bool]] = []
        choices = (False, True) if self._room.units and self._graph.stages[task].weight_bytes else (False,)
        for state, mask in enumerate(before.sets):
            for born in _subsets(self._born[task]):
                during = mask | born
                after = during & ~self._dead[task]
                for stays in choices:
                    cost = self._so_far(task, before.cost[state], stays=stays)
                    cost = cost + self._moved(task, during, stays=stays).sum(axis=0)[:, None]
                    step = len(steps)
                    steps.append((state, during, stays))
                    known = best.get(after)
                    if known is None:
                        best[after], came[after] = cost, np.full(cost.shape, step, dtype=np.int64)
                    else:
                        better = cost < known
                        best[after] = np.where(better, cost, known)
                        came[after][better] = step
        sets = [mask for mask, cost in best.items() if np.isfinite(cost).any()] or [next(iter(best))]
        return _Column(
            sets=sets, cost=np.array([best[mask] for mask in sets]), came=np.array([came[mask] for mask in sets]), steps=steps
        )

    def _so_far(self, task: int, cost: FloatColumn, *, stays: bool) -> FloatColumn:
        """Cost before a task with as much of the reserve taken as leaves room for its weights if they stay."""
        if not stays:
            return cost
        taken = np.arange(int(cost.shape[1])) - self._room.units_of(self._graph.stages[task].weight_bytes)[:, None]
        return np.where(taken >= 0, np.take_along_axis(cost, np.maximum(taken, 0), axis=1), np.inf)

    def _moved(self, task: int, mask: int, *, stays: bool) -> FloatColumn:
        """Bytes of a task by operand with the tensors of a mask on chip; equal stages with equal room share a table."""
        stage, numbers = self._graph.stages[task], self._graph.numbers[task]
        local = tuple(place for place, number in enumerate(numbers) if number >= 0 and mask >> number & 1)
        taken = -(-sum(self._bits[number] for number in _members(mask)) // BITS_PER_BYTE)
        key = (stage, local, taken, stays)
        if key not in self._tables:
            left = self._storage.less(taken)
            self._tables[key] = stage_traffic(stage, local, left, self._streaming, weights_stay=stays)
        return self._tables[key]

    def _least_of_the_rest(self) -> FloatColumn:
        """What tasks from each on move at least, shape (tasks + 1, storages): every operand at home, all room to what streams."""
        least = np.zeros((len(self._graph.stages) + 1, len(self._storage)))
        known: dict[tuple[Stage, tuple[int, ...]], FloatColumn] = {}
        for task in range(len(self._graph.stages) - 1, -1, -1):
            stage, numbers = self._graph.stages[task], self._graph.numbers[task]
            local = tuple(place for place, number in enumerate(numbers) if number >= 0)
            if (stage, local) not in known:
                stays = bool(self._room.units and stage.weight_bytes)
                moved = stage_traffic(stage, local, self._storage, self._streaming, weights_stay=stays)
                loaded = sum(stage.bits[place] for place in stage.loaded if place in local)
                known[stage, local] = np.maximum(moved.sum(axis=0) - -(-loaded // BITS_PER_BYTE), 0)
            least[task] = least[task + 1] + known[stage, local]
        return least

    def _thin(self, column: _Column, rest: FloatColumn, most: int, known: FloatColumn | None) -> None:
        """Drop states that cannot lead to the least, then all but the most promising."""
        hope = column.cost + rest[:, None]
        if known is not None:
            column.cost[hope > known[:, None]] = np.inf
        kept = np.flatnonzero(np.isfinite(column.cost).any(axis=(1, 2)))
        if len(kept) > most:
            least = hope[kept].min(axis=2)
            rank = np.argsort(np.argsort(least, axis=0, kind="stable"), axis=0, kind="stable").min(axis=1)
            order = np.argsort(rank, kind="stable")
            self._dropped = np.minimum(self._dropped, least[order[most:]].min(axis=0))
            kept = np.sort(kept[order[:most]])
        if not len(kept):
            kept = np.zeros(1, dtype=np.int64)
        column.sets = [column.sets[state] for state in kept.tolist()]
        column.cost, column.came = column.cost[kept], column.came[kept]

    def _traced(self, columns: list[_Column]) -> Plan:
        """Follow the best way back from the end, for all storages at once."""
        places = np.arange(len(self._storage))
        last = columns[-1].cost[:, places, self._room.budget]
        state, cost = last.argmin(axis=0), last.min(axis=0)
        unit = self._room.budget.copy()
        moved = np.empty((len(columns), 4, len(places)))
        kept = np.zeros((len(columns), len(places)), dtype=np.int64)
        stay = np.zeros(kept.shape, dtype=np.bool_)
        sets: dict[int, int] = {0: 0}
        for task in range(len(columns) - 1, -1, -1):
            steps = columns[task].steps
            step = columns[task].came[state, places, unit]
            for chosen in map(int, np.unique(step)):
                at = step == chosen
                during, stays = steps[chosen][1:]
                moved[task][:, at] = self._moved(task, during, stays=stays)[:, at]
                kept[task, at], stay[task, at] = sets.setdefault(during, len(sets)), stays
                if stays:
                    unit[at] -= self._room.units_of(self._graph.stages[task].weight_bytes)[at]
            unit = np.maximum(unit, 0)
            state = np.array([before for before, _, _ in steps])[step]
        impossible = ~np.isfinite(cost)
        if impossible.any():
            alone = np.array([stage_traffic(stage, (), self._storage, self._streaming) for stage in self._graph.stages])
            moved[:, :, impossible] = alone[:, :, impossible]
            kept[:, impossible], stay[:, impossible] = 0, False
        return Plan(
            moved=moved,
            kept=kept,
            sets=tuple(tuple(_members(mask)) for mask in sets),
            weights_stay=stay,
            gap_fraction=self._gap(cost),
        )

    def _gap(self, cost: FloatColumn) -> FloatColumn:
        """How far costs may be above the least: nothing below the most hopeful state that was dropped can be."""
        runs = np.isfinite(cost)
        least = np.where(runs, np.minimum(self._dropped, cost), 1.0)
        return np.divide(np.where(runs, cost, least) - least, least, out=np.zeros(len(cost)), where=least > 0)


def _joined(plans: Sequence[Plan]) -> Plan:
    """Plans of several storages side by side."""
    sets: dict[tuple[int, ...], int] = {}
    kept = [np.array([sets.setdefault(each, len(sets)) for each in one.sets])[one.kept] for one in plans]
    return Plan(
        moved=np.concatenate([one.moved for one in plans], axis=2),
        kept=np.concatenate(kept, axis=1),
        sets=tuple(sets),
        weights_stay=np.concatenate([one.weights_stay for one in plans], axis=1),
        gap_fraction=np.concatenate([one.gap_fraction for one in plans]),
    )


def _subsets(numbers: list[int]) -> Iterator[int]:
    """Masks of all subsets, the smaller ones first."""
    for size in range(len(numbers) + 1):
        for chosen in combinations(numbers, size):
            yield sum(1 << number for number in chosen)


def _members(mask: int) -> list[int]:
    members: list[int] = []
    while mask:
        low = mask & -mask
        members.append(low.bit_length() - 1)
        mask ^= low
    return members
