"""What binds many designs at once: the share of time that compute, vector lanes, memory or dependencies take.

The same classes and the same sums as `dse.model.breakdown` gives for one design, from the tables of `dse.model.evaluate`:
a tenth of a millisecond a design in place of a tenth of a second. Tests hold the two against each other.
"""

from __future__ import annotations

import numpy as np

from dse.hardware.design import Designs, FloatColumn, IntColumn
from dse.hardware.space import Space
from dse.model.breakdown import RIDGE_TOLERANCE
from dse.model.evaluate import (
    OVERLAP,
    distinct_arrays,
    distinct_storages,
    evaluate_designs,
    seconds_per_vector_op,
    weight_factor,
)
from dse.model.kernel import OVERLAP_NONE
from dse.model.ledger import Ledger, ledger
from dse.model.mapping import ArrayTable, array_table
from dse.model.stages import Streaming
from dse.model.work import NO_OPERATION, Work

BOUNDS: tuple[str, ...] = ("compute", "vector", "memory", "dependency", "ridge")
"""What may bind a layer; ``ridge``: compute and memory within `RIDGE_TOLERANCE` of each other."""

AT_ONCE = 256
"""Designs whose tables are held together."""


def bound_fractions(work: Work, designs: Designs, space: Space) -> FloatColumn:
    """Share of each design's time that each of `BOUNDS` takes, shape (designs, bounds); rows sum to 1.

    Time is that of the layers of all scenarios by weight, each at the batch that the design takes. Designs must be able to run
    the workload.
    """
    chosen = evaluate_designs(work, designs, space).chosen
    runs: IntColumn = np.broadcast_to(np.arange(len(work.scenarios)), (len(designs), len(work.scenarios)))
    runs = runs if chosen is None else chosen
    found = np.empty((len(designs), len(BOUNDS)))
    for begin in range(0, len(designs), AT_ONCE):
        rows = slice(begin, begin + AT_ONCE)
        found[rows] = _times(work, designs.take(rows), space, runs[rows])
    return found / found.sum(axis=1, keepdims=True)


def _times(work: Work, designs: Designs, space: Space, runs: IntColumn) -> FloatColumn:
    device = space.device
    arrays, array_of = distinct_arrays(designs)
    storages, storage_of = distinct_storages(designs, device)
    table = array_table(arrays, work.operations, skip_padding=device.padding == "skipped")
    book = ledger(work, storages, Streaming.of(device))
    factor = weight_factor(table, device)
    weight = work.weight[None, :] * np.array([run.share for run in work.runs])[runs]
    per_cycle = 1.0 / (designs.frequency_hz * device.compute_efficiency)
    per_byte = 1.0 / (designs.bandwidth_bytes_per_s * device.bandwidth_efficiency)
    per_vector_op = seconds_per_vector_op(designs)
    overlapped = designs.double_buffer & (OVERLAP[device.overlap] != OVERLAP_NONE)
    found = np.zeros((len(designs), len(BOUNDS)))
    for row in range(len(designs)):
        array, storage = int(array_of[row]), int(storage_of[row])
        for scenario, run in enumerate(runs[row].tolist()):
            lines = slice(int(book.start[storage, run]), int(book.start[storage, run + 1]))
            cycles, moved = _work_of_lines(book, table, factor, lines, array)
            found[row] += weight[row, scenario] * _by_bound(
                cycles * per_cycle[row],
                book.vector_ops[lines] * per_vector_op[row],
                moved * per_byte[row],
                book.steps[lines] * device.dependency_latency_s,
                book.count[lines],
                serial=device.vector == "serial",
                overlapped=bool(overlapped[row]),
            )
    return found


def _work_of_lines(
    book: Ledger, table: ArrayTable, factor: FloatColumn, lines: slice, array: int
) -> tuple[FloatColumn, FloatColumn]:
    """Cycles of the array and bytes of each line of a ledger."""
    operation = book.operation[lines]
    some = operation != NO_OPERATION
    cycles = np.where(some, table.cycles[array, operation], 0.0)
    weights = np.where(some, book.weight_bytes[lines] * factor[array, operation], 0.0)
    return cycles, book.other_bytes[lines] + weights


def _by_bound(
    array_s: FloatColumn,
    vector_s: FloatColumn,
    memory_s: FloatColumn,
    waiting_s: FloatColumn,
    count: FloatColumn,
    *,
    serial: bool,
    overlapped: bool,
) -> FloatColumn:
    """Time of lines by what takes longest in each, shape (bounds,)."""
    parts = np.stack([array_s, vector_s, memory_s, waiting_s])
    longest = parts.argmax(axis=0)
    near = np.minimum(array_s, memory_s) >= (1 - RIDGE_TOLERANCE) * parts.max(axis=0)
    at_ridge = near & ((longest == BOUNDS.index("compute")) | (longest == BOUNDS.index("memory")))
    bound = np.where(at_ridge, BOUNDS.index("ridge"), longest)
    compute_s = array_s + vector_s if serial else np.maximum(array_s, vector_s)
    time_s = (np.maximum(compute_s, memory_s) if overlapped else compute_s + memory_s) + waiting_s
    return np.bincount(bound, weights=count * time_s, minlength=len(BOUNDS)).astype(np.float64)
