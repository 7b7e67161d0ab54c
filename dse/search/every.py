"""The exact front by evaluating every design of a space, block by block: the plainest certificate there is.

For workloads whose batch every design chooses (`batches: auto`), which the bounds of `dse.search.bounds` do not cover.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from dse.errors import InputError, Problem
from dse.hardware.space import Space
from dse.search import pareto
from dse.search.front import BLOCK, Front, Scored, certificate, make_front, score
from dse.workload.workload import Workload

MOST_DESIGNS = 2_000_000_000
"""Above this, evaluating every design takes more than about an hour on two cores."""


def front_of_every_design(workload: Workload, space: Space, *, on_progress: Callable[[int, int], None] | None = None) -> Front:
    """The whole front; Ctrl-C keeps that of what was covered. Raises `InputError` above `MOST_DESIGNS`, `NoFeasibleDesign`."""
    if space.size > MOST_DESIGNS:
        message = (
            f"space '{space.name}' has {space.size:,} designs; with a free batch (batches: auto) every one of them is evaluated, "
            f"and only up to {MOST_DESIGNS:,}"
        )
        raise InputError(Problem(message, remedy="state the batches, thin some parameters (--set), or use `dse search`"))
    kept: list[Scored] = []
    covered, interrupted = 0, False
    try:
        for begin in range(0, space.size, BLOCK):
            end = min(begin + BLOCK, space.size)
            kept = [_best_of(workload, space, [*kept, score(workload, space, space.indices(np.arange(begin, end)))])]
            covered = end
            if on_progress is not None:
                on_progress(covered, space.size)
    except KeyboardInterrupt:
        interrupted = True
        if not kept:
            raise
    return make_front(
        workload,
        space,
        kept,
        certificate(covered, space.size, interrupted=interrupted),
        trials=pd.DataFrame(),
        sampler="exact",
        seed=None,
        interrupted=interrupted,
    )


def _best_of(workload: Workload, space: Space, batches: list[Scored]) -> Scored:
    """One batch with the feasible non-dominated rows of all; where nothing is feasible, the nearest row."""
    indices = np.concatenate([batch.indices[batch.feasible] for batch in batches])
    if not len(indices):
        nearest = [batch.indices[[int(np.argmin(np.max([limit.excess for limit in batch.limits], axis=0)))]] for batch in batches]
        return score(workload, space, np.concatenate(nearest))
    losses = np.concatenate([batch.losses[batch.feasible] for batch in batches])
    return score(workload, space, indices[pareto.nondominated(losses)])
