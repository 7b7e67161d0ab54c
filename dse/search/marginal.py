"""What a little more of a budget buys: pure arithmetic on a trade-off curve.

A curve is a front of two columns of one length, ascending in `costs` and descending in `losses`, all positive: at a budget b the
best loss is that of the last cost that is at most b. Losses are as in `dse.search.pareto`: 1 / throughput where that is wanted.
"""

from __future__ import annotations

import numpy as np

from dse.hardware.design import FloatColumn, IntColumn


def in_force(costs: FloatColumn, budgets: FloatColumn) -> IntColumn:
    """Row of the best design at each budget, -1 where none is affordable; shape of `budgets`.

    >>> in_force(np.array([1.0, 2.0]), np.array([0.5, 1.0, 1.9, 2.0])).tolist()
    [-1, 0, 0, 1]
    """
    return np.searchsorted(costs, budgets, side="right") - 1


def gain_fraction(before: FloatColumn, after: FloatColumn, *, maximise: bool) -> FloatColumn:
    """How much better `after` is than `before` (losses): the part of a latency that is saved, or that a throughput grows by.

    >>> before, after = np.array([2.0]), np.array([1.0])
    >>> gain_fraction(before, after, maximise=False).item(), gain_fraction(before, after, maximise=True).item()
    (0.5, 1.0)
    """
    return before / after - 1.0 if maximise else 1.0 - after / before


def elasticities(costs: FloatColumn, losses: FloatColumn) -> FloatColumn:
    """-d ln(loss) / d ln(cost) from each step to the next: percent of the objective for a percent of the budget; last 0."""
    if len(costs) < 2:
        return np.zeros(len(costs))
    return np.append(-np.diff(np.log(losses)) / np.diff(np.log(costs)), 0.0)


def hull_rows(costs: FloatColumn, losses: FloatColumn) -> IntColumn:
    """Rows on the lower convex hull of the curve in log-log (Andrew's monotone chain): the elasticity falls along it."""
    x, y = np.log(costs), np.log(losses)
    kept: list[int] = []
    for row in range(len(x)):
        while len(kept) >= 2:
            first, last = kept[-2], kept[-1]
            turn = (x[last] - x[first]) * (y[row] - y[first]) - (y[last] - y[first]) * (x[row] - x[first])
            if turn > 0:
                break
            kept.pop()
        kept.append(row)
    return np.array(kept, dtype=np.int64)


def hull_elasticities(costs: FloatColumn, losses: FloatColumn) -> FloatColumn:
    """The elasticity of the hull to the right of each step; 0 at the last. Never rises: single steps make no noise."""
    rows = hull_rows(costs, losses)
    slopes = elasticities(costs[rows], losses[rows])
    return slopes[np.searchsorted(rows, np.arange(len(costs)), side="right") - 1]


def hull_at(costs: FloatColumn, losses: FloatColumn, budgets: FloatColumn) -> FloatColumn:
    """Loss on the hull at each budget, flat beyond both ends; shape of `budgets`.

    >>> hull_at(np.array([1.0, 2.0, 4.0]), np.array([16.0, 15.0, 4.0]), np.array([2.0, 4.0, 9.0])).round(9).tolist()
    [8.0, 4.0, 4.0]
    """
    rows = hull_rows(costs, losses)
    return np.exp(np.interp(np.log(budgets), np.log(costs[rows]), np.log(losses[rows])))


def stops_paying(costs: FloatColumn, losses: FloatColumn, *, more_fraction: float, worth_fraction: float, maximise: bool) -> int:
    """The row from which `more_fraction` more of the budget never again buys `worth_fraction` of the objective.

    What more buys, best((1 + more) b) against best(b), grows with b between two steps and falls only at a step. So it is looked
    at just below each step; the last step where it is worth it is the one to stop at.

    >>> stops_paying(np.array([1.0, 1.05, 2.0, 2.1]), np.array([9.0, 8.0, 7.9, 7.89]), more_fraction=0.1, worth_fraction=0.01,
    ...     maximise=False)
    2
    """
    reached = np.searchsorted(costs, (1.0 + more_fraction) * costs[1:], side="left") - 1
    worth = np.flatnonzero(gain_fraction(losses[:-1], losses[reached], maximise=maximise) >= worth_fraction)
    return int(worth[-1]) + 1 if len(worth) else 0
