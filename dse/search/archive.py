"""`Archive`: the best found so far, and a fast answer to "is there one at least as good as this?".

Points lie in balanced k-d trees (Bentley, "Multidimensional binary search trees", CACM 18, 1975) of geometrically growing sizes
(Bentley and Saxe, "Decomposable searching problems", J. Algorithms 1, 1980), so that adding costs about as little as asking.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numba
import numpy as np

from dse.hardware.design import BoolColumn, FloatColumn, IntColumn

BUCKET = 8
"""Points of the smallest cells of a tree."""

FEW = 2048
"""Rows that are not worth waking other threads for."""


@dataclass(slots=True)
class Archive:
    """Losses of feasible designs, shape (points, objectives), each with a row of numbers that says which design it is."""

    _trees: list[_Tree] = field(default_factory=list["_Tree"])

    def __len__(self) -> int:
        return sum(len(tree.numbers) for tree in self._trees)

    def covers(self, losses: FloatColumn) -> BoolColumn:
        """Which rows, shape (rows, objectives), some point equals or betters in every objective."""
        covered = np.zeros(len(losses), dtype=np.bool_)
        for tree in sorted(self._trees, key=lambda tree: -len(tree.numbers)):
            open_rows = np.flatnonzero(~covered)
            covered[open_rows] = tree.covers(losses[open_rows])
        return covered

    def add(self, losses: FloatColumn, numbers: IntColumn) -> None:
        """Put in what nothing in the archive equals or betters; `numbers` has shape (points, columns). All of it or nothing."""
        fresh = ~self.covers(losses)
        if not fresh.any():
            return
        losses, numbers = losses[fresh], numbers[fresh]
        trees = list(self._trees)
        while trees and len(trees[-1].numbers) < 2 * len(losses):
            last = trees.pop()
            losses, numbers = np.concatenate([last.losses, losses]), np.concatenate([last.numbers, numbers])
        kept = best_rows(losses)
        self._trees = [*trees, _Tree.of(losses[kept], numbers[kept])]

    def best(self) -> tuple[FloatColumn, IntColumn]:
        """Every non-dominated point once: losses and numbers."""
        if not self._trees:
            return np.empty((0, 0)), np.empty((0, 0), dtype=np.int64)
        losses = np.concatenate([tree.losses for tree in self._trees])
        numbers = np.concatenate([tree.numbers for tree in self._trees])
        kept = best_rows(losses)
        return losses[kept], numbers[kept]


def best_rows(losses: FloatColumn) -> IntColumn:
    """Rows that no other row equals or betters in every objective; of equal rows one stays.

    >>> best_rows(np.array([[2.0, 2.0], [1.0, 2.0], [2.0, 1.0], [1.0, 2.0]])).tolist()
    [1, 2]
    """
    _, first = np.unique(losses, axis=0, return_index=True)
    first = np.sort(first)
    tree = _Tree.of(losses[first], first[:, None])
    return first[~tree.covers(losses[first], np.arange(len(first)))]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tree:
    """A k-d tree: `cells` are its points in cell order (padded with infinity) and each cell's least and most corner.

    Cell 1 is the whole, 2c and 2c + 1 are the halves of cell c. `order`, shape (padded points,), numbers the points.
    """

    losses: FloatColumn
    numbers: IntColumn
    cells: tuple[FloatColumn, FloatColumn, FloatColumn]
    order: IntColumn

    @classmethod
    def of(cls, losses: FloatColumn, numbers: IntColumn) -> _Tree:
        depth = max(0, int(np.ceil(np.log2(max(len(losses), 1) / BUCKET))))
        padded = np.full((BUCKET << depth, losses.shape[1]), np.inf)
        padded[: len(losses)] = losses
        order = np.arange(len(padded))
        for level in range(depth):
            halves = padded[order].reshape(1 << level, -1, losses.shape[1])
            ranks = np.argsort(halves[:, :, level % losses.shape[1]], axis=1)
            order = np.take_along_axis(order.reshape(1 << level, -1), ranks, axis=1).ravel()
        points = padded[order]
        least, most = np.empty((2, 2 << depth, losses.shape[1]))
        buckets = points.reshape(1 << depth, BUCKET, -1)
        least[1 << depth :], most[1 << depth :] = buckets.min(axis=1), buckets.max(axis=1)
        for level in range(depth - 1, -1, -1):
            cells, below = slice(1 << level, 2 << level), slice(2 << level, 4 << level)
            least[cells] = least[below].reshape(1 << level, 2, -1).min(axis=1)
            most[cells] = most[below].reshape(1 << level, 2, -1).max(axis=1)
        return cls(losses=losses, numbers=numbers, cells=(points, least, most), order=order)

    def covers(self, rows: FloatColumn, itself: IntColumn | None = None) -> BoolColumn:
        """Which rows some point equals or betters in every objective, other than the one numbered `itself`, shape (rows,)."""
        covered = _covered_many if len(rows) > FEW else _covered_few
        none = np.full(len(rows), -1) if itself is None else itself
        return covered(np.ascontiguousarray(rows), *self.cells, none, self.order)


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _is_covered(
    row: FloatColumn, points: FloatColumn, least: FloatColumn, most: FloatColumn, itself: int, order: IntColumn
) -> bool:
    """Whether some point, other than the one numbered `itself`, equals or betters a row in every objective."""
    buckets, objectives = len(least) // 2, points.shape[1]
    stack = np.empty(64, dtype=np.int64)
    stack[0], waiting = 1, 1
    while waiting:
        waiting -= 1
        cell = stack[waiting]
        reaches, inside = True, True
        for objective in range(objectives):
            reaches = reaches and least[cell, objective] <= row[objective]
            inside = inside and most[cell, objective] <= row[objective]
        if not reaches:
            continue
        if inside and itself < 0:
            return True
        if cell < buckets:
            stack[waiting], stack[waiting + 1] = 2 * cell + 1, 2 * cell
            waiting += 2
            continue
        for point in range((cell - buckets) * BUCKET, (cell - buckets + 1) * BUCKET):
            better = order[point] != itself
            for objective in range(objectives):
                better = better and points[point, objective] <= row[objective]
            if better:
                return True
    return False


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _covered_few(
    rows: FloatColumn, points: FloatColumn, least: FloatColumn, most: FloatColumn, itself: IntColumn, order: IntColumn
) -> BoolColumn:
    found = np.zeros(len(rows), dtype=np.bool_)
    for row in range(len(rows)):
        found[row] = _is_covered(rows[row], points, least, most, itself[row], order)
    return found


@numba.njit(parallel=True, cache=True, error_model="numpy", nogil=True)
def _covered_many(
    rows: FloatColumn, points: FloatColumn, least: FloatColumn, most: FloatColumn, itself: IntColumn, order: IntColumn
) -> BoolColumn:
    found = np.zeros(len(rows), dtype=np.bool_)
    for row in numba.prange(len(rows)):
        found[row] = _is_covered(rows[row], points, least, most, itself[row], order)
    return found
