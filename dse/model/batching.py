"""The batch that each design takes where the batch is left to it (`batches: auto`, cost_model.md section 5).

Of the runs of a scenario, one for each batch, a design takes the one that serves the most inferences a second (batch / latency)
of those that keep the scenario's latency limit and whose tensors its DRAM holds; of equals the smallest batch. Where none keeps
them it takes the run that comes nearest: the one of least latency, and its limits tell why it cannot be used.
"""

from __future__ import annotations

import numpy as np

from dse.hardware.design import FloatColumn, IntColumn
from dse.hardware.goals import Budget
from dse.model.work import Work


def latency_limit(work: Work, scenario: int, budget: Budget) -> float | None:
    """The tighter of a scenario's own latency limit and the budget's, in seconds; None where there is none."""
    return min_limit(work.scenarios[scenario].latency_limit_s, budget.scenario_limit(work.scenarios[scenario].name))


def min_limit(*limits: float | None) -> float | None:
    """The tightest of the limits that there are."""
    return min((limit for limit in limits if limit is not None), default=None)


def chosen_runs(work: Work, latency_s: FloatColumn, dram_capacity_bytes: FloatColumn, budget: Budget) -> IntColumn | None:
    """The run of each design and scenario as an index into `Work.runs`, shape (designs, scenarios); None where none is free.

    `latency_s` has shape (designs, runs), `dram_capacity_bytes` (designs,).
    """
    if len(work.runs) == len(work.scenarios):
        return None
    chosen = np.empty((len(latency_s), len(work.scenarios)), dtype=np.int64)
    for scenario in range(len(work.scenarios)):
        runs = np.flatnonzero(work.owner == scenario)
        latency, limit = latency_s[:, runs], latency_limit(work, scenario, budget)
        keeps = work.dram_bytes_needed[runs] <= dram_capacity_bytes[:, None]
        if limit is not None:
            keeps &= latency <= limit
        served = np.where(keeps, work.batch[runs] / latency, -1.0)
        fastest = latency.argmin(axis=1)
        fastest[keeps.any(axis=1)] = served[keeps.any(axis=1)].argmax(axis=1)
        chosen[:, scenario] = runs[fastest]
    return chosen
