"""How the front of a search grew: its hypervolume after so many trials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dse.search import pareto
from dse.search.front import Front, losses_of

CHECKPOINTS = 60
"""Numbers of trials at which the front is measured, evenly spaced in ratio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Convergence:
    """Hypervolume (decades to the power of the objectives, up to `reference`) of the front of the first `trials` trials.

    `final` is that of the front that the search returned. `exact` is that of the exact front, where the search was held against
    it (`Front.standing`), and `reference` its reference point then; else it is that of the search.
    """

    trials: tuple[int, ...]
    hypervolume: tuple[float, ...]
    final: float
    exact: float | None
    reference: tuple[float, ...]


def convergence(front: Front) -> Convergence | None:
    """The growth of a front over its trials; None where there were none (an exact search has no trials)."""
    n = len(front.trials)
    if not n:
        return None
    exact = front.standing.exact_losses if front.standing is not None else None
    reference = front.reference if exact is None else tuple(pareto.reference_point(exact).tolist())
    feasible = front.trials["feasible"].to_numpy(dtype=np.bool_)
    losses = losses_of(front.trials, front.space)
    at = np.unique(np.geomspace(1, n, CHECKPOINTS).round().astype(np.int64))
    best, begin = np.empty((0, losses.shape[1])), 0
    volumes: list[float] = []
    for end in at.tolist():
        fresh = losses[begin:end][feasible[begin:end]]
        best, begin = np.concatenate([best, fresh]), end
        best = best[pareto.nondominated(best)]
        volumes.append(pareto.hypervolume(best, reference))
    return Convergence(
        trials=tuple(at.tolist()),
        hypervolume=tuple(volumes),
        final=pareto.hypervolume(losses_of(front.designs, front.space), reference),
        exact=None if exact is None else pareto.hypervolume(exact, reference),
        reference=reference,
    )
