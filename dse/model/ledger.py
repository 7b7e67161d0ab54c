"""The ledger: what every scenario does and moves with each on-chip buffer, as flat rows that the kernel walks.

A row is a task: the array's work (an operation), the vector unit's work, the steps that wait for each other, and the bytes that
residency leaves to move. Equal rows of a scenario and buffer are folded into one with a count. Rows of a buffer depend on nothing
else, so that a design scores the same whatever it is scored beside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from dse.hardware.design import FloatColumn, IntColumn
from dse.model.graph import Graph
from dse.model.residency import Plan, plan
from dse.model.stages import WEIGHTS, Storage, Streaming
from dse.model.work import NO_OPERATION, Work, local_operations
from dse.workload.phases import Training
from dse.workload.workload import Scenario

MOST_REMEMBERED = 4096
"""Buffers of one scenario whose rows are kept for the next call."""

LONGEST_GAP = 8
"""A training step writes what it does not touch for more than so many tasks: activations that wait for the backward pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Rows of run r (see `Work`) with storage b are ``start[b, r]:start[b, r + 1]``, `start` of shape (storages, runs + 1).

    Shapes (rows,): `operation` (index into `Work.operations` or `NO_OPERATION`), `count`, `vector_ops`, `steps`, `weight_bytes`,
    `other_bytes`. `first_load`, shape (storages, runs): whether the first weights come from DRAM. `gap_fraction`, shaped
    alike: how far the bytes may be above the least that residency allows.
    """

    start: IntColumn
    operation: IntColumn
    count: FloatColumn
    vector_ops: FloatColumn
    steps: FloatColumn
    weight_bytes: FloatColumn
    other_bytes: FloatColumn
    first_load: npt.NDArray[np.bool_]
    gap_fraction: FloatColumn


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of one scenario and one storage; columns operation, vector_ops, steps, weight_bytes, other_bytes, count.

    `plan` is what they come from.
    """

    table: FloatColumn
    first_load: bool
    gap_fraction: float
    plan: Plan


def ledger(work: Work, storage: Storage, streaming: Streaming, pause: Callable[[], None] | None = None) -> Ledger:
    """The rows of all runs with every storage; `pause` is called before each run is planned, and may raise."""
    keys = list(zip(storage.usable_bytes.tolist(), storage.buffers.tolist(), strict=True))
    books: list[dict[tuple[int, int], _Rows]] = []
    for scenario in work.runs:
        if pause is not None:
            pause()
        books.append(_book(scenario, streaming, keys, storage))
    globally = [np.append(numbers, NO_OPERATION) for numbers in work.numbers]
    pages = [[book[key] for book in books] for key in keys]
    lengths = np.array([[len(rows.table) for rows in page] for page in pages])
    ends = lengths.cumsum().reshape(lengths.shape)
    table = np.concatenate([rows.table for page in pages for rows in page])
    owner = np.tile(np.arange(len(books)), len(keys)).repeat(lengths.ravel())
    operation = table[:, 0].astype(np.int64)
    for scenario, numbers in enumerate(globally):
        own = owner == scenario
        operation[own] = numbers[operation[own]]
    return Ledger(
        start=np.concatenate([(ends[:, :1] - lengths[:, :1]), ends], axis=1),
        operation=operation,
        vector_ops=table[:, 1].copy(),
        steps=table[:, 2].copy(),
        weight_bytes=table[:, 3].copy(),
        other_bytes=table[:, 4].copy(),
        count=table[:, 5].copy(),
        first_load=np.array([[rows.first_load for rows in page] for page in pages]),
        gap_fraction=np.array([[rows.gap_fraction for rows in page] for page in pages]),
    )


def remember(work: Work, storage: Storage, streaming: Streaming) -> None:
    """Write the rows of all runs with every storage, for `ledger` to find."""
    keys = list(zip(storage.usable_bytes.tolist(), storage.buffers.tolist(), strict=True))
    for run in work.runs:
        _book(run, streaming, keys, storage)


def _book(
    scenario: Scenario, streaming: Streaming, keys: list[tuple[int, int]], storage: Storage
) -> dict[tuple[int, int], _Rows]:
    """The rows of one scenario by storage, those of earlier calls among them."""
    known = _remembered(scenario, streaming)
    missing = [index for index, key in enumerate(keys) if key not in known]
    if missing:
        if len(known) + len(missing) > MOST_REMEMBERED:
            known.clear()
            missing = list(range(len(keys)))
        chosen = Storage(usable_bytes=storage.usable_bytes[missing], buffers=storage.buffers[missing])
        for index, rows in zip(missing, _scenario_rows(scenario, chosen, streaming), strict=True):
            known[keys[index]] = rows
    return known


@lru_cache(maxsize=256)
def _remembered(scenario: Scenario, streaming: Streaming) -> dict[tuple[int, int], _Rows]:  # noqa: ARG001 - keys of the cache
    return {}


def _scenario_rows(scenario: Scenario, storage: Storage, streaming: Streaming) -> list[_Rows]:
    graph, chosen = _planned(scenario, storage, streaming)
    number = {operation: index for index, operation in enumerate(local_operations(scenario))}
    operation = np.array([NO_OPERATION if task.operation is None else number[task.operation] for task in graph.tasks])
    tasks, storages = len(graph.tasks), len(storage)
    weights = chosen.moved[:, WEIGHTS]
    others = chosen.moved.sum(axis=1) - np.where(np.isfinite(weights), weights, 0.0)
    columns = [
        np.repeat(np.arange(storages), tasks),
        np.tile(operation, storages),
        np.tile([task.vector_ops for task in graph.tasks], storages),
        np.tile([task.sequential_steps for task in graph.tasks], storages),
        weights.T.ravel(),
        others.T.ravel(),
    ]
    order = np.lexsort(columns[::-1])
    table = np.column_stack([column[order] for column in columns]).astype(np.float64)
    fresh = np.concatenate([[True], (table[1:] != table[:-1]).any(axis=1)])
    begins = np.flatnonzero(fresh)
    counts = np.diff(np.append(begins, len(table)))
    folded = np.column_stack([table[begins, 1:], counts])
    cuts = np.searchsorted(table[begins, 0], np.arange(1, storages))
    first = next((index for index, task in enumerate(graph.tasks) if task.operation is not None), None)
    loads = np.ones(storages, dtype=np.bool_) if first is None else ~chosen.weights_stay[first]
    return [
        _Rows(rows.copy(), bool(load), float(gap), chosen.at(index))
        for index, (rows, load, gap) in enumerate(zip(np.split(folded, cuts), loads, chosen.gap_fraction, strict=True))
    ]


def plan_of(scenario: Scenario, storage: Storage, streaming: Streaming) -> tuple[Graph, Plan]:
    """The tasks and tensors of a scenario, and what stays on chip; the plan of one storage is looked up where it is known."""
    if len(storage) != 1:
        return _planned(scenario, storage, streaming)
    key = (int(storage.usable_bytes[0]), int(storage.buffers[0]))
    return graph_of(scenario, streaming), _book(scenario, streaming, [key], storage)[key].plan


def _planned(scenario: Scenario, storage: Storage, streaming: Streaming) -> tuple[Graph, Plan]:
    """A training step changes its weights, so that none can stay."""
    if isinstance(scenario.phase, Training):
        streaming = replace(streaming, weights="streamed")
    graph = graph_of(scenario, streaming)
    return graph, plan(graph, storage, streaming)


def graph_of(scenario: Scenario, streaming: Streaming) -> Graph:
    """The tasks and tensors of a scenario, as a machine that streams like this sees them."""
    return _graph(scenario, host=streaming.network_io == "host")


@lru_cache(maxsize=256)
def _graph(scenario: Scenario, *, host: bool) -> Graph:
    gap = LONGEST_GAP if isinstance(scenario.phase, Training) else None
    return Graph.of(scenario.lower(), host=host, longest_gap=gap)
