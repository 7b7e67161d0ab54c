"""Fronts, hypervolume, knee and a readable choice from a front.

Everything here takes *losses*: positive numbers, smaller is better, shape (designs, objectives). Volumes are taken in log10 of
the losses, so that a factor of two counts alike at both ends of a front.
"""

from __future__ import annotations

from collections.abc import Sequence

import moocore
import numpy as np
import numpy.typing as npt

from dse.hardware.design import BoolColumn, FloatColumn, IntColumn


def nondominated(losses: FloatColumn) -> BoolColumn:
    """Which rows no other row dominates; of equal rows the first counts. Rows that are not finite never do.

    >>> nondominated(np.array([[1.0, 2.0], [2.0, 1.0], [2.0, 2.0], [1.0, 2.0]])).tolist()
    [True, True, False, False]
    """
    mask = np.zeros(len(losses), dtype=np.bool_)
    finite = np.flatnonzero(np.isfinite(losses).all(axis=1))
    if len(finite):
        mask[finite[_is_nondominated(losses[finite])]] = True
    return mask


def _is_nondominated(losses: FloatColumn) -> BoolColumn:
    if losses.shape[1] == 1:
        best = np.zeros(len(losses), dtype=np.bool_)
        best[np.argmin(losses[:, 0])] = True
        return best
    return np.asarray(moocore.is_nondominated(np.ascontiguousarray(losses)), dtype=np.bool_)


def reference_point(losses: FloatColumn) -> FloatColumn:
    """A reference that is a tenth of a decade worse than the worst of these rows in every objective, shape (objectives,)."""
    return np.asarray(losses.max(axis=0) * 10**0.1, dtype=np.float64)


def hypervolume(losses: FloatColumn, reference: npt.ArrayLike) -> float:
    """Volume, in decades to the power of the objectives, that these rows dominate up to `reference` (log10 of all)."""
    if not len(losses):
        return 0.0
    logs, corner = np.log10(losses), np.log10(np.asarray(reference, dtype=np.float64))
    logs = logs[(logs < corner).all(axis=1)]
    if not len(logs):
        return 0.0
    if logs.shape[1] == 1:
        return float(corner[0] - logs.min())
    return float(moocore.hypervolume(np.ascontiguousarray(logs), ref=corner))


def share(found: FloatColumn, best: FloatColumn) -> float:
    """Hypervolume of `found` over that of `best`, up to the reference point of `best`: 1 where nothing is missing.

    >>> share(np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([[1.0, 2.0], [2.0, 1.0]]))
    1.0
    """
    corner = reference_point(best)
    return hypervolume(found, corner) / hypervolume(best, corner)


def epsilon(found: FloatColumn, best: FloatColumn) -> float:
    """The least epsilon for which every row of `best` is within 1 + epsilon of a row of `found` in every objective.

    The multiplicative epsilon indicator less one (Zitzler, Thiele, Laumanns, Fonseca and da Fonseca, "Performance assessment of
    multiobjective optimizers", IEEE Trans. Evolutionary Computation 7, 2003); infinite where `found` is empty.

    >>> epsilon(np.array([[1.0, 3.0], [2.0, 1.0]]), np.array([[1.0, 2.0], [2.0, 1.0]]))
    0.5
    """
    if not len(found):
        return float("inf")
    if found.shape[1] == 1:
        return max(0.0, float(found.min() / best.min()) - 1.0)
    return max(0.0, float(moocore.epsilon_mult(np.ascontiguousarray(found), ref=np.ascontiguousarray(best))) - 1.0)


def ranks(losses: FloatColumn) -> IntColumn:
    """Non-dominated sorting: 0 for rows that no row dominates, 1 for those that only rows of rank 0 dominate, and so on.

    >>> ranks(np.array([[1.0, 2.0], [2.0, 1.0], [2.0, 2.0]])).tolist()
    [0, 0, 1]
    """
    if losses.shape[1] == 1:
        return np.asarray(np.unique(losses[:, 0], return_inverse=True)[1], dtype=np.int64)
    return np.asarray(moocore.pareto_rank(np.ascontiguousarray(losses)), dtype=np.int64)


def crowding(logs: FloatColumn) -> FloatColumn:
    """How far apart the neighbours of each row are along the log losses, infinite at the ends (Deb et al., NSGA-II, 2002)."""
    span, room = np.ptp(logs, axis=0), np.zeros(len(logs))
    for column in (logs / np.where(span > 0, span, 1.0)).T:
        order = np.argsort(column, kind="stable")
        gap = np.full(len(order), np.inf)
        gap[1:-1] = column[order[2:]] - column[order[:-2]]
        room[order] += gap
    return room


def knee(losses: FloatColumn) -> int:
    """Row of the front where giving up a little of one objective stops buying much of the others.

    With log losses scaled to [0, 1] over the front, it is the row farthest below the plane through the extremes, that is the
    one with the least sum (Das, "On characterizing the knee of the Pareto curve", Structural Optimization 18, 1999).
    """
    return int(np.argmin(_scaled(losses).sum(axis=1)))


def _scaled(losses: FloatColumn) -> FloatColumn:
    logs = np.log10(losses)
    low, span = logs.min(axis=0), np.ptp(logs, axis=0)
    return np.asarray((logs - low) / np.where(span > 0, span, 1.0), dtype=np.float64)


CHOOSE_FROM = 2000
"""Rows that are compared when a few are chosen."""


def _adds_most(points: FloatColumn, corner: FloatColumn, chosen: list[int], gains: dict[int, float]) -> int:
    """The row that adds most volume to the chosen ones; `gains` are bounds, as no row ever adds more than it did before."""
    volume, best, most = hypervolume(points[chosen], corner), -1, -np.inf
    for row in sorted(gains, key=lambda row: -gains[row]):
        if gains[row] <= most:
            break
        gains[row] = hypervolume(points[[*chosen, row]], corner) - volume
        if gains[row] > most:
            best, most = row, gains[row]
    return best


def choose(losses: FloatColumn, most: int, always: Sequence[int] = ()) -> IntColumn:
    """At most `most` rows that stand for a front: `always`, the best of each objective, then whatever adds most volume.

    Returned in the order of the first objective. Of a front of more than `CHOOSE_FROM`, volume is compared on an even sample.
    """
    if len(losses) <= most:
        return np.argsort(losses[:, 0], kind="stable")
    points = 10 ** _scaled(losses)
    corner = np.full(points.shape[1], 10**1.1)
    step = -(-len(losses) // CHOOSE_FROM)
    sample = np.argsort(losses[:, 0], kind="stable")[::step].tolist() if step > 1 else range(len(losses))
    chosen = list(dict.fromkeys([*always, *(int(row) for row in np.argmin(losses, axis=0))]))[:most]
    gains = dict.fromkeys((row for row in sample if row not in chosen), np.inf)
    while len(chosen) < most and gains:
        chosen.append(_adds_most(points, corner, chosen, gains))
        del gains[chosen[-1]]
    return np.array(sorted(chosen, key=lambda row: losses[row, 0]))
