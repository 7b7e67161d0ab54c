"""Designs in the order in which each adds most hypervolume to those before it.

Hypervolume is submodular: what a design adds only falls as others are chosen. So an old gain bounds the new one from above, and
only designs at the top of the list are looked at again (Minoux, "Accelerated greedy algorithms for maximizing submodular set
functions", 1978). The first k of this order have at least 1 - 1/e of the volume of the best k (Nemhauser, Wolsey and
Fisher, 1978).
"""

from __future__ import annotations

import heapq

import moocore
import numpy as np

from dse.hardware.design import FloatColumn, IntColumn

MOST_COMPARED = 3000
"""Designs whose gains are compared; of more, one for each cell of an even grid over the log losses."""

GREEDY = 400
"""Designs chosen one by one; the rest follows by what each adds to these."""


def by_gain(logs: FloatColumn, corner: FloatColumn, *, known: FloatColumn | None = None, greedy: int = GREEDY) -> IntColumn:
    """Every row of log losses, shape (designs, objectives), ordered by the hypervolume up to `corner` that it adds.

    `known`: log losses, shape (points, objectives), that count as chosen already.

    >>> by_gain(np.array([[2.0, 2.0], [0.0, 3.0], [1.0, 1.0]]), np.array([4.0, 4.0])).tolist()
    [2, 1, 0]
    """
    compared = thinned(logs, MOST_COMPARED)
    rest = np.setdiff1d(np.arange(len(logs)), compared)
    first = _lazy(logs[compared], corner, logs[:0] if known is None else known, greedy)
    return np.concatenate([compared[first], evenly(rest[np.lexsort(logs[rest].T[::-1])])])


def _lazy(logs: FloatColumn, corner: FloatColumn, known: FloatColumn, greedy: int) -> IntColumn:
    chosen = known[(known < corner).all(axis=1)]
    volume = _volume(chosen, corner)
    heap = [(-gain, row) for row, gain in enumerate(np.prod(np.maximum(corner - logs, 0.0), axis=1).tolist())]
    heapq.heapify(heap)
    looked_at = np.full(len(logs), -1)
    order: list[int] = []
    while heap and len(order) < greedy:
        _, row = heap[0]
        if looked_at[row] == len(order):
            heapq.heappop(heap)
            order.append(row)
            chosen = np.concatenate([chosen, logs[row : row + 1]])
            volume = _volume(chosen, corner)
        else:
            looked_at[row] = len(order)
            heapq.heapreplace(heap, (-_gain(logs[row], chosen, volume, corner), row))
    rest = sorted((-_gain(logs[row], chosen, volume, corner), row) for _, row in heap)
    return np.array([*order, *(row for _, row in rest)], dtype=np.int64)


def _gain(row: FloatColumn, chosen: FloatColumn, volume: float, corner: FloatColumn) -> float:
    if not (row < corner).all():
        return 0.0
    return max(0.0, _volume(np.concatenate([chosen, row[None]]), corner) - volume)


def _volume(points: FloatColumn, corner: FloatColumn) -> float:
    if not len(points):
        return 0.0
    if points.shape[1] == 1:
        return float(corner[0] - points.min())
    return float(moocore.hypervolume(np.ascontiguousarray(points), ref=corner))


def thinned(logs: FloatColumn, most: int) -> IntColumn:
    """At most `most` rows, ascending, that lie evenly over log losses, with the best of every objective."""
    if len(logs) <= most:
        return np.arange(len(logs))
    ends = np.argmin(logs, axis=0)
    span = np.ptp(logs, axis=0)
    scaled = (logs - logs.min(axis=0)) / np.where(span > 0, span, 1.0)
    few, many = 1, most
    while many - few > 1:
        cells = (few + many) // 2
        few, many = (cells, many) if len(_one_a_cell(scaled, cells)) + len(ends) <= most else (few, cells)
    return np.union1d(_one_a_cell(scaled, few), ends)


def _one_a_cell(scaled: FloatColumn, cells: int) -> IntColumn:
    """The first row of every cell that holds any, of `cells` to each objective."""
    places = np.minimum((scaled * cells).astype(np.int64), cells - 1)
    _, first = np.unique(places, axis=0, return_index=True)
    return np.sort(first)


def evenly(rows: IntColumn) -> IntColumn:
    """The same rows so that every beginning of them is spread over the whole (van der Corput, 1935).

    >>> evenly(np.arange(6)).tolist()
    [0, 4, 2, 1, 5, 3]
    """
    bits = max(1, int(len(rows) - 1).bit_length())
    places = np.arange(1 << bits)
    turned = np.zeros_like(places)
    for bit in range(bits):
        turned |= ((places >> bit) & 1) << (bits - 1 - bit)
    return rows[turned[turned < len(rows)]]
