"""Which parameters matter: the share of an objective's variance over the space that each parameter explains alone.

Designs are drawn evenly from the whole space and not taken from the trials, which a search crowds around the front. For each
parameter the sample is grouped by its values, and the share is epsilon squared, the correlation ratio corrected for the number
of groups (Kelley, "An unbiased correlation ratio measure", PNAS 21, 1935):

    epsilon^2 = (SS_between - (groups - 1) * MS_within) / SS_total

of the logarithm of the objective. This is the first-order Sobol' index; what the shares leave of 1 are interactions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dse.hardware.design import FloatColumn, IntColumn
from dse.hardware.space import Space
from dse.search.front import score
from dse.workload.workload import Workload

SAMPLE = 8192
"""Designs drawn; a smaller space is taken whole."""

MOST_GROUPS = 16
"""Values of a parameter are put together into at most so many groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """`shares`: objective -> parameter -> share of variance explained alone, in the space's order of parameters.

    `sample` designs were drawn (`whole`: they are the space), of which `ran` have finite objectives and are counted, and
    `feasible` keep every limit. `median`: objective -> the median over the feasible ones (SI; empty where there are none).
    """

    sample: int
    ran: int
    feasible: int
    whole: bool
    shares: Mapping[str, Mapping[str, float]]
    median: Mapping[str, float]


def importance(workload: Workload, space: Space, *, sample: int = SAMPLE, seed: int = 0) -> Importance | None:
    """Importance of every free parameter for every objective; None for a space of one design."""
    if space.size == 1:
        return None
    whole = space.size <= sample
    indices = space.indices(np.arange(space.size)) if whole else space.random_indices(sample, seed)
    scored = score(workload, space, indices)
    fine = np.isfinite(scored.losses).all(axis=1)
    logs = np.log10(scored.losses[fine])
    free = [(column, axis) for column, axis in enumerate(space.parameters) if len(axis) > 1]
    kept = scored.feasible
    return Importance(
        sample=len(indices),
        ran=int(fine.sum()),
        feasible=len(kept),
        whole=whole,
        shares={
            objective.metric: {axis.name: variance_share(indices[fine, column], logs[:, place]) for column, axis in free}
            for place, objective in enumerate(space.objectives)
        },
        median={
            objective.metric: float(np.median(scored.metrics.metric(objective.metric)[kept]))
            for objective in (space.objectives if len(kept) else ())
        },
    )


def variance_share(group: IntColumn, values: FloatColumn) -> float:
    """Epsilon squared of `values` by `group`, both of shape (n,), in [0, 1]; 0 where the values do not vary.

    >>> variance_share(np.array([0, 0, 1, 1]), np.array([1.0, 1.0, 3.0, 3.0]))
    1.0
    """
    found, codes = np.unique(group, return_inverse=True)
    if len(found) > MOST_GROUPS:
        codes, found = codes * MOST_GROUPS // len(found), np.arange(MOST_GROUPS)
    total = float(np.square(values - values.mean()).sum()) if len(values) else 0.0
    if len(values) <= len(found) or len(found) < 2 or total <= 1e-18 * len(values):
        return 0.0
    counts = np.bincount(codes, minlength=len(found))
    means = np.bincount(codes, values, minlength=len(found)) / np.maximum(counts, 1)
    within = float(np.square(values - means[codes]).sum())
    between = total - within
    share = (between - (len(found) - 1) * within / (len(values) - len(found))) / total
    return float(min(max(share, 0.0), 1.0))
