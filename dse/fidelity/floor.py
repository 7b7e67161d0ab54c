"""How near any model of a kind can come to measured products: what the measurements themselves contradict.

Two things in measured products are no such model's to tell: products of one shape that differ in the layout of an operand alone,
and products that take longer than others of the same m and k with more columns n, where a library took a worse kernel. The times
of a model that does not know layouts, and in which more work never takes less time, rise with n for each (m, k). The best such
curve through the logarithms of the measured times themselves, fitted to every row with nothing held out, is their isotonic
regression (Barlow et al., Statistical Inference under Order Restrictions, 1972; `scipy.optimize.isotonic_regression`).
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import isotonic_regression

from dse.fidelity.replay import Replay
from dse.hardware.design import FloatColumn


def best_rising_s(replay: Replay) -> FloatColumn:
    """Times of products, shape (rows,), by the best curve in n of each (m, k) that never falls."""
    found, logs = np.empty(len(replay)), np.log(replay.measured_s)
    operations = [row.kernel.operation for row in replay.rows]
    columns = np.array([operation.n_group for operation in operations])
    groups: dict[tuple[int, int], list[int]] = {}
    for index, operation in enumerate(operations):
        groups.setdefault((operation.m, operation.k_group), []).append(index)
    for own in groups.values():
        _, place, count = np.unique(columns[own], return_inverse=True, return_counts=True)
        mean = np.bincount(place, weights=logs[own]) / count
        curve = isotonic_regression(mean, weights=count.astype(np.float64)).x
        found[own] = np.exp(curve[place])
    return found
