"""The Optuna search: ask a batch, evaluate it with one vectorised call, tell.

Samplers are fed the logarithm of each objective and every budget through ``trial.set_constraint`` (Optuna 5). Parameters are
stored in real units. Designs that come again are counted and answered from what is known of them.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection

from dse.errors import InputError, Problem
from dse.hardware.design import FloatColumn, IntColumn
from dse.hardware.parameters import suggestion
from dse.hardware.space import Space
from dse.search import pareto
from dse.search.front import BLOCK, Front, Scored, certificate, make_front, score, table
from dse.search.ladder import with_standing
from dse.search.parameters import distribution_of, indices_of, values_of
from dse.search.sampler import WORST_LOG, ModelSampler
from dse.workload.workload import Workload

Sampler = Literal["model", "nsga2", "nsga3", "tpe", "gp", "random", "qmc"]
SAMPLERS: tuple[Sampler, ...] = get_args(Sampler)

DEFAULT_TRIALS = 2000
MOST_SEED = 2**32 - 1
BATCH = 50
"""Designs asked for before they are evaluated together: one NSGA-II generation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a progress bar shows after each batch; `hypervolume` is against the reference of the moment."""

    done: int
    trials: int
    feasible: int
    distinct: int
    front: int
    hypervolume: float


def search(
    workload: Workload,
    space: Space,
    *,
    trials: int = DEFAULT_TRIALS,
    sampler: Sampler = "model",
    seed: int | None = 0,
    on_progress: Callable[[Progress], None] | None = None,
) -> Front:
    """Search `space` for the Pareto-optimal designs of `workload` within the budget.

    The sampler "model" finds the best designs with the model (`dse.search.ladder`) and tries these; the others are Optuna's own.
    Same seed, same front. Where `trials` are enough for every design of the space, none is left out, and the front is certified.
    Ctrl-C stops the search and keeps what was found (`Front.interrupted`).
    Raises `NoFeasibleDesign` if nothing evaluated keeps the limits, and `InputError` for a sampler that cannot run here.
    """
    if trials < 1:
        raise InputError(Problem(f"{trials} trials: a search tries at least one design"))
    ledger = _Ledger(workload=workload, space=space)
    study = _study(workload, space, sampler, seed)
    distributions = {parameter.name: distribution_of(parameter) for parameter in space.free_parameters}
    interrupted = False
    try:
        while ledger.done < trials and ledger.unseen:
            size = min(BATCH, ledger.spare(trials), space.size)
            if size and isinstance(study.sampler, ModelSampler):
                planned = study.sampler.plan(study, size)
                study.add_trials(_trials(space, planned, ledger.evaluate(planned), distributions))
            elif size:
                asked = [study.ask(distributions) for _ in range(size)]
                scored = ledger.evaluate(np.array([indices_of(space, trial.params) for trial in asked], dtype=np.int64))
                _tell(study, asked, scored)
            else:
                ledger.evaluate(ledger.unseen_indices()[:BLOCK])
            if on_progress is not None:
                on_progress(ledger.progress(trials))
    except KeyboardInterrupt:
        interrupted = True
        if not ledger.batches:
            raise
    found = make_front(
        workload,
        space,
        ledger.batches,
        certificate(ledger.distinct, space.size, interrupted=interrupted),
        trials=ledger.trials(),
        sampler=sampler,
        seed=seed,
        interrupted=interrupted,
    )
    return with_standing(found) if sampler == "model" else found


@dataclass(slots=True)
class _Ledger:
    """Everything evaluated so far, in order, with the front kept up to date."""

    workload: Workload
    space: Space
    batches: list[Scored] = field(default_factory=list[Scored])
    seen: set[bytes] = field(default_factory=set[bytes])
    best: FloatColumn | None = None
    done: int = 0
    feasible: int = 0

    @property
    def distinct(self) -> int:
        return len(self.seen)

    @property
    def unseen(self) -> int:
        return self.space.size - self.distinct

    def spare(self, trials: int) -> int:
        """Trials for the sampler: all that are left or, where they suffice for the space, those that unseen designs spare."""
        left = trials - self.done
        return left if self.space.size > trials else left - self.unseen

    def unseen_indices(self) -> IntColumn:
        """Every design that was not evaluated, shape (designs, parameters); for spaces that `trials` cover."""
        indices = self.space.indices(np.arange(self.space.size))
        return indices[[row.tobytes() not in self.seen for row in indices]]

    def evaluate(self, indices: IntColumn) -> Scored:
        scored = score(self.workload, self.space, indices)
        self.batches.append(scored)
        self.done += len(indices)
        self.seen.update(row.tobytes() for row in indices)
        kept = scored.losses[scored.feasible]
        self.feasible += len(kept)
        known = kept if self.best is None else np.concatenate([self.best, kept])
        self.best = known[pareto.nondominated(known)]
        return scored

    def progress(self, trials: int) -> Progress:
        front = self.best if self.best is not None else np.empty((0, 1))
        volume = pareto.hypervolume(front, pareto.reference_point(front)) if len(front) else 0.0
        return Progress(
            done=self.done, trials=trials, feasible=self.feasible, distinct=self.distinct, front=len(front), hypervolume=volume
        )

    def trials(self) -> pd.DataFrame:
        frames = [table(self.space, batch, per_scenario=False) for batch in self.batches]
        frame = pd.concat(frames, ignore_index=True)
        frame["feasible"] = np.concatenate([np.isin(np.arange(len(batch.indices)), batch.feasible) for batch in self.batches])
        frame.insert(0, "trial", np.arange(len(frame)))
        return frame


def _study(workload: Workload, space: Space, sampler: Sampler, seed: int | None) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    proposes = _sampler(sampler, workload, space, seed)
    return optuna.create_study(directions=[StudyDirection.MINIMIZE] * len(space.objectives), sampler=proposes)


def _sampler(name: str, workload: Workload, space: Space, seed: int | None) -> BaseSampler:
    if seed is not None and not 0 <= seed <= MOST_SEED:
        raise InputError(Problem(f"seed {seed}: a seed is a whole number from 0 to {MOST_SEED:,}"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        match name:
            case "model":
                return ModelSampler(workload, space, seed=seed)
            case "nsga2":
                return optuna.samplers.NSGAIISampler(population_size=BATCH, seed=seed)
            case "nsga3":
                return optuna.samplers.NSGAIIISampler(population_size=BATCH, seed=seed)
            case "tpe":
                return optuna.samplers.TPESampler(seed=seed)
            case "random":
                return optuna.samplers.RandomSampler(seed=seed)
            case "qmc":
                return optuna.samplers.QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False)
            case "gp":
                return _gp_sampler(seed)
            case _:
                raise InputError(Problem(f"unknown sampler {name!r}", remedy=suggestion(name, SAMPLERS)))


def _gp_sampler(seed: int | None) -> BaseSampler:
    if importlib.util.find_spec("torch") is None:
        remedy = "pip install 'dse[gp]', or choose another sampler"
        raise InputError(Problem("sampler 'gp' needs PyTorch, which is not installed", remedy=remedy))
    return optuna.samplers.GPSampler(seed=seed, deterministic_objective=True, warn_independent_sampling=False)


def _tell(study: optuna.Study, asked: list[optuna.Trial], scored: Scored) -> None:
    for row, (trial, values) in enumerate(zip(asked, _values(scored), strict=True)):
        for limit in scored.limits:
            trial.set_constraint(limit.name, min(float(limit.excess[row]), 10**WORST_LOG))
        study.tell(trial, values)


def _values(scored: Scored) -> list[list[float]]:
    """What a study is told: log10 of each loss."""
    with np.errstate(divide="ignore"):
        logs = np.nan_to_num(np.log10(scored.losses), nan=WORST_LOG, posinf=WORST_LOG, neginf=-WORST_LOG)
    return logs.tolist()


def _trials(
    space: Space, rows: IntColumn, scored: Scored, distributions: dict[str, BaseDistribution]
) -> list[optuna.trial.FrozenTrial]:
    """Finished trials to be added all at once: that spares each one being asked for, parameter by parameter."""
    excess = {limit.name: np.minimum(limit.excess, 10**WORST_LOG).tolist() for limit in scored.limits}
    return [
        optuna.trial.create_trial(
            params=values_of(space, row),
            distributions=distributions,
            values=values,
            constraints={name: column[at] for name, column in excess.items()},
        )
        for at, (row, values) in enumerate(zip(rows.tolist(), _values(scored), strict=True))
    ]
