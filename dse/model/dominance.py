"""Which points no other point equals or betters, when less is better."""

from __future__ import annotations

import numpy as np

from dse.model.windows import Ints


def falls(values: Ints) -> Ints:
    """Indices at which `values`, shape (points,), is below all that came before."""
    return np.flatnonzero(np.concatenate([[True], values[1:] < np.minimum.accumulate(values)[:-1]]))


def staircase(first: Ints, second: Ints) -> Ints:
    """Indices of the points that no other equals or betters in both columns, `first` ascending and `second` descending."""
    order = np.lexsort((second, first))
    return order[falls(second[order])]


def not_dominated(columns: Ints) -> Ints:
    """Indices of the points (columns of shape (criteria, points)) that no other point equals or betters in every criterion."""
    # In this order no point is dominated by a later one, and the first rule out the most.
    order = np.argsort(np.log1p(columns).sum(axis=0), kind="stable")
    left = columns[:, order]
    kept: list[int] = []
    while len(order):
        kept.append(int(order[0]))
        better = left[0] < left[0, 0]
        for criterion in left[1:]:
            better |= criterion < criterion[0]
        order, left = order[better], left[:, better]
    return np.array(kept)
