"""Which points no other point equals or betters, when less is better."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from dse.model.windows import Ints


def falls(values: Ints) -> Ints:
    """Indices at which `values`, shape (points,), is below all that came before."""
    return np.flatnonzero(np.concatenate([[True], values[1:] < np.minimum.accumulate(values)[:-1]]))


def staircase(first: Ints, second: Ints) -> Ints:
    """Indices of the points that no other equals or betters in both columns, `first` ascending and `second` descending."""
    order = np.lexsort((second, first))
    return order[falls(second[order])]


def not_dominated(columns: Ints | npt.NDArray[np.float64]) -> Ints:
    """Indices of the points (columns of shape (criteria, points)) that no other point equals or betters in every criterion."""
    # In this order no point is dominated by a later one, and the first rule out the most.
    order = np.argsort(np.log1p(columns).sum(axis=0), kind="stable")
    return order[_kept(np.asarray(columns[:, order].T, dtype=columns.dtype, order="C"))]


@numba.njit(cache=True, nogil=True)
def _kept(points: npt.NDArray[np.int64 | np.float64]) -> Ints:
    """Rows of `points`, shape (points, criteria), that no row before them equals or betters in every criterion."""
    kept = np.empty(len(points), dtype=np.int64)
    count = 0
    for row in range(len(points)):
        dominated = False
        for rival in kept[:count]:
            dominated = True
            for criterion in range(points.shape[1]):
                if points[rival, criterion] > points[row, criterion]:
                    dominated = False
                    break
            if dominated:
                break
        if not dominated:
            kept[count] = row
            count += 1
    return kept[:count]
