"""`ModelSampler`: an Optuna sampler that knows the model.

It climbs the ladder once (`dse.search.ladder`) and hands out the designs that were found, best first (`dse.search.handout`). All
state is the study's: the sampler reads what other workers and earlier runs tried and never proposes it again. Trials hold real
units, and their values are log10 of losses, as `dse.search.study` writes them.
"""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState

from dse.hardware.design import IntColumn
from dse.hardware.space import Space
from dse.search.handout import Handout
from dse.search.ledger import WORST_LOG
from dse.search.parameters import distribution_of, indices_of, values_of
from dse.workload.workload import Workload

UNDECLARED_S = 30.0
"""A trial that has run so long without saying what it tries never will: its worker is gone."""


@dataclass(slots=True)
class _View:
    """What is known of one study: the trials that were still running at the last look, and what this process handed out."""

    handout: Handout
    read: int = 0
    open: set[int] = field(default_factory=set[int])
    handed: dict[int, IntColumn] = field(default_factory=dict[int, IntColumn])


class ModelSampler(BaseSampler):
    """Proposes designs of `space` for `workload`; the same seed proposes the same in one process.

    Works with ask and tell, with ``study.optimize`` (see `dse.search.parameters.suggest`), with several workers on one study, and
    with studies that are resumed. `seed` None draws one.
    """

    def __init__(self, workload: Workload, space: Space, *, seed: int | None = 0) -> None:
        self.workload, self.space = workload, space
        self.seed = int(np.random.default_rng().integers(2**32)) if seed is None else seed
        self.search_space: dict[str, BaseDistribution] = {
            parameter.name: distribution_of(parameter) for parameter in space.free_parameters
        }
        self._views: dict[str, _View] = {}
        self._lock = threading.Lock()
        self._otherwise = RandomSampler(seed=self.seed)

    def __reduce__(self) -> tuple[Callable[..., ModelSampler], tuple[Workload, Space, int]]:
        """A copy for another process begins anew: what it must know stands in the study."""
        return _copied, (self.workload, self.space, self.seed)

    def reseed_rng(self) -> None:
        """Nothing is drawn: workers differ by the trials that they see."""

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        """Every free parameter, always."""
        return self.search_space

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:  # noqa: ARG002
        """The next design, in real units."""
        with self._lock:
            view = self._view(study)
            ahead = self._look(view, study.get_trials(deepcopy=False), trial.number)
            row = view.handout.next(ahead)
            view.handout.take(row)
            view.handed[trial.number] = row
        return values_of(self.space, row.tolist())

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:  # noqa: ANN401
        """A parameter that is none of the space's: drawn at random."""
        return self._otherwise.sample_independent(study, trial, param_name, param_distribution)

    def plan(self, study: Study, n: int) -> IntColumn:
        """The next `n` designs, shape (n, parameters): for trials that are added all at once and not asked for one by one."""
        with self._lock:
            view = self._view(study)
            self._look(view, study.get_trials(deepcopy=False), None)
            rows: list[IntColumn] = []
            for _ in range(n):
                rows.append(view.handout.next())
                view.handout.take(rows[-1])
        return np.array(rows, dtype=np.int64).reshape(n, len(self.space.parameters))

    def _view(self, study: Study) -> _View:
        return self._views.setdefault(
            study.study_name, _View(handout=Handout(workload=self.workload, space=self.space, seed=self.seed))
        )

    def _look(self, view: _View, trials: list[FrozenTrial], number: int | None) -> int:
        """Read what is new in a study; returns how many older trials are about to say what they try.

        Those are the trials of other workers that have begun and hold no parameters yet: each will take one of the next designs.
        """
        now, ahead, still_open = datetime.datetime.now(), 0, set[int]()  # local time, as Optuna writes it
        for at in sorted({*view.open, *range(view.read, len(trials))}):
            trial = trials[at]
            row = self._row(trial.params)
            if row is not None:
                view.handout.take(row)
            if trial.state == TrialState.COMPLETE and row is not None:
                self._tell(view.handout, trial, row)
            if not trial.state.is_finished():
                still_open.add(at)
                begun = trial.datetime_start
                recent = begun is not None and (now - begun).total_seconds() < UNDECLARED_S
                older = number is not None and trial.number < number and trial.number not in view.handed
                ahead += older and recent and row is None
        view.open, view.read = still_open, len(trials)
        return ahead

    def _row(self, params: Mapping[str, Any]) -> IntColumn | None:
        """The design of a trial's parameters, or None where some are missing."""
        if any(name not in params for name in self.search_space):
            return None
        return np.array(indices_of(self.space, params), dtype=np.int64)

    def _tell(self, handout: Handout, trial: FrozenTrial, row: IntColumn) -> None:
        logs = np.array(trial.values, dtype=np.float64)
        if np.isfinite(logs).all() and (np.abs(logs) < WORST_LOG).all():
            handout.tell(row, logs, all(excess <= 0.0 for excess in trial.constraints.values()))


def _copied(workload: Workload, space: Space, seed: int) -> ModelSampler:
    return ModelSampler(workload, space, seed=seed)
