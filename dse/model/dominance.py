"""Which points no other point equals or betters, when less is better."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from dse.model.windows import Ints

SAMPLED_PAIRS = 4000
"""Pairs of points that tell which criteria to compare first."""


def falls(values: Ints) -> Ints:
    """Indices at which `values`, shape (points,), is below all that came before."""
    return np.flatnonzero(np.concatenate([[True], values[1:] < np.minimum.accumulate(values)[:-1]]))


def staircase(first: Ints, second: Ints) -> Ints:
    """Indices of the points that no other equals or betters in both columns, `first` ascending and `second` descending."""
    order = np.lexsort((second, first))
    return order[falls(second[order])]


def not_dominated(columns: Ints | npt.NDArray[np.float64]) -> Ints:
    """Indices of the points (columns of shape (criteria, points)) that no other point equals or betters in every criterion."""
    if len(columns) == 3:
        order = np.lexsort(columns[::-1])
        return order[_swept(np.asarray(columns[:, order].T, dtype=columns.dtype, order="C"))]
    # In this order no point is dominated by a later one, and the first rule out the most.
    order = np.argsort(np.log1p(columns).sum(axis=0), kind="stable")
    points = columns[:, order].T
    return order[_kept(np.asarray(points[:, _telling_first(points)], dtype=columns.dtype, order="C"))]


def _telling_first(points: Ints | npt.NDArray[np.float64]) -> list[int]:
    """The order of the criteria in which a comparison of two points is over soonest, by a sample of pairs of many points."""
    if len(points) < SAMPLED_PAIRS:
        return list(range(points.shape[1]))
    draw = np.random.default_rng(0)
    one, other = np.sort(draw.integers(len(points), size=(2, SAMPLED_PAIRS)), axis=0)
    worse = points[one] > points[other]
    first: list[int] = []
    while len(worse) and len(first) < points.shape[1] and (shares := worse.sum(axis=0)).any():
        first.append(int(shares.argmax()))
        worse = worse[~worse[:, first[-1]]]
    return [*first, *(criterion for criterion in range(points.shape[1]) if criterion not in first)]


@numba.njit(cache=True, nogil=True)
def _kept(points: npt.NDArray[np.int64 | np.float64]) -> Ints:
    """Rows of `points`, shape (points, criteria), that no row before them equals or betters in every criterion.

    Neighbours tend to fall to the same rival, so that one which rules a row out moves half the way to the front.
    """
    kept, rivals = np.empty(len(points), dtype=np.int64), np.empty(len(points), dtype=np.int64)
    count = 0
    for row in range(len(points)):
        dominated = False
        for place in range(count):
            rival = rivals[place]
            dominated = True
            for criterion in range(points.shape[1]):
                if points[rival, criterion] > points[row, criterion]:
                    dominated = False
                    break
            if dominated:
                rivals[place], rivals[place // 2] = rivals[place // 2], rival
                break
        if not dominated:
            kept[count], rivals[count] = row, row
            count += 1
    return kept[:count]


@numba.njit(cache=True, nogil=True)
def _swept(points: npt.NDArray[np.int64 | np.float64]) -> Ints:
    """The same for three criteria, rows ascending in the first: a staircase of the other two is kept along the way."""
    kept = np.empty(len(points), dtype=np.int64)
    second, third = np.empty_like(points[:, 1]), np.empty_like(points[:, 2])
    count, stairs = 0, 0
    for row in range(len(points)):
        x, y = points[row, 1], points[row, 2]
        at = int(np.searchsorted(second[:stairs], x, side="right"))  # pyright: ignore[reportUnknownArgumentType]
        if at > 0 and third[at - 1] <= y:
            continue
        kept[count] = row
        count += 1
        begin = at - 1 if at > 0 and second[at - 1] == x else at
        end = begin
        while end < stairs and third[end] >= y:
            end += 1
        shift = 1 - (end - begin)
        if shift == 1:
            for index in range(stairs, begin, -1):
                second[index], third[index] = second[index - 1], third[index - 1]
        elif shift < 0:
            for index in range(end, stairs):
                second[index + shift], third[index + shift] = second[index], third[index]
        second[begin], third[begin] = x, y
        stairs += shift
    return kept[:count]
