"""`Board`: a study that several processes share. Each takes designs from it, evaluates them, and writes what came out.

A worker keeps a study of its own in memory, which its sampler asks, and the board is the record: trials are taken (state RUNNING,
with the worker's name) before they are evaluated, so that all workers together do no more than was asked for. Every worker
beats; where a worker has not beaten for the grace, the others give its trials up (state FAIL) and do others in their place.
Values lie there in real units, constraints in the one form (a list) that Optuna 5 and optuna-dashboard 0.21 both read.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning, UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from dse.errors import Problem, StorageError
from dse.search.fingerprint import differences
from dse.search.record import GRACE_S, without_password
from dse.search.storage import close_storage, said_plainly

CONSTRAINTS = "constraints"
"""The trial attribute of Optuna that holds all constraints as a list."""

WORKER, BEAT, STATED, PROBE, CONSTRAINT_NAMES = "worker", "beat of ", "search", "probe", "constraint_names"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a worker writes of a finished trial: `values` in real units, `constraints` (at most 0 where they hold), and notes."""

    values: list[float]
    constraints: list[float]
    notes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    system: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """How the board stands: trials of others that finished since the last look, parameters of those that others are at."""

    finished: list[FrozenTrial]
    pending: list[dict[str, Any]]
    complete: int
    running: int
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What all workers of a study must agree on; `stated` and `probe` are its fingerprint."""

    name: str
    metrics: tuple[str, ...]
    directions: tuple[StudyDirection, ...]
    distributions: Mapping[str, BaseDistribution]
    constraint_names: tuple[str, ...]
    stated: Mapping[str, str]
    probe: Sequence[float | None]


class Board:
    """A study in any Optuna storage, by the calls that all of them have. Subclasses write many trials at once."""

    def __init__(self, storage: BaseStorage, url: str, terms: Terms, grace_s: float = GRACE_S) -> None:
        self.url = url
        self.terms = terms
        self.grace_s = grace_s
        self.storage = storage
        self.worker = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        with said_plainly(url):
            self.study = _study(storage, terms)
            self.study_id = storage.get_study_id_from_name(terms.name)
        self._taken = set[int]()
        self._known = set[int]()
        self._looked_for_the_lost = 0.0
        self._leaving = threading.Event()
        self._heart = threading.Thread(target=self._beat_on, daemon=True)

    def __enter__(self) -> Self:
        with said_plainly(self.url):
            self._beat()
        self._heart.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._leaving.set()
        self._heart.join()
        try:
            if not isinstance(error, StorageError):
                with said_plainly(self.url):
                    self.give_up(sorted(self._taken))
        finally:
            close_storage(self.storage)

    @property
    def shown(self) -> str:
        """The URL without its password."""
        return without_password(self.url)

    def look(self) -> News:
        """What others have done since the last look; trials of workers that are gone are given up first."""
        with said_plainly(self.url):
            trials = self.study.get_trials(deepcopy=False)
            if time.monotonic() - self._looked_for_the_lost > self.grace_s / 4:
                self._looked_for_the_lost = time.monotonic()
                gone = self._gone([trial for trial in trials if trial.state == TrialState.RUNNING])
                if gone:
                    self.give_up(gone)
                    trials = self.study.get_trials(deepcopy=False)
        finished = list[FrozenTrial]()
        pending = list[dict[str, Any]]()
        complete = running = lost = 0
        for trial in trials:
            mine = trial.user_attrs.get(WORKER) == self.worker
            if trial.state == TrialState.COMPLETE:
                complete += 1
                if trial.number not in self._known:
                    self._known.add(trial.number)
                    finished += [] if mine else [trial]
            elif trial.state == TrialState.RUNNING:
                running += 1
                pending += [] if mine else [trial.params]
            elif trial.state == TrialState.FAIL:
                lost += 1
        return News(finished=finished, pending=pending, complete=complete, running=running, lost=lost)

    def take(self, designs: Sequence[Mapping[str, Any]], trials: int) -> list[int]:
        """Take as many of the designs, in order, as the study may still have of its `trials`; their trial numbers."""
        with said_plainly(self.url):
            taken = self._take([self._template(TrialState.RUNNING, design) for design in designs], trials)
        self._taken.update(taken)
        return taken

    def finish(self, numbers: Sequence[int], designs: Sequence[Mapping[str, Any]], outcomes: Sequence[Outcome]) -> None:
        """Write what came out of trials that this worker took; one that others gave up meanwhile is added anew."""
        with said_plainly(self.url):
            self._finish(numbers, designs, outcomes)
        self._taken.difference_update(numbers)
        self._known.update(numbers)

    def give_up(self, numbers: Sequence[int]) -> None:
        """Let trials that nobody will finish fail; what finished meanwhile stays."""
        if numbers:
            self._give_up(numbers)
        self._taken.difference_update(numbers)

    def wait(self, seconds: float) -> None:
        """Give other workers time."""
        self._leaving.wait(seconds)

    def _take(self, templates: Sequence[FrozenTrial], trials: int) -> list[int]:
        """Without a lock: whoever finds more trials before his own than there may be takes them back."""
        for template in templates:
            self.study.add_trial(template)
        standing = [trial for trial in self.study.get_trials(deepcopy=False) if trial.state != TrialState.FAIL]
        mine = self._mine(standing)
        kept = [trial.number for trial in standing[: max(trials, 0)] if trial.number in mine]
        self._give_up(sorted(mine - set(kept)))
        return kept

    def _mine(self, trials: Sequence[FrozenTrial]) -> set[int]:
        """Trials that this worker has just taken."""
        return {
            trial.number
            for trial in trials
            if trial.state == TrialState.RUNNING
            and trial.user_attrs.get(WORKER) == self.worker
            and trial.number not in self._taken
        }

    def _finish(self, numbers: Sequence[int], designs: Sequence[Mapping[str, Any]], outcomes: Sequence[Outcome]) -> None:
        for number, design, outcome in zip(numbers, designs, outcomes, strict=True):
            trial = self.storage.get_trial_id_from_study_id_trial_number(self.study_id, number)
            try:
                for key, value in system_attributes(outcome).items():
                    self.storage.set_trial_system_attr(trial, key, value)
                for key, value in outcome.notes.items():
                    self.storage.set_trial_user_attr(trial, key, value)
                self.storage.set_trial_state_values(trial, TrialState.COMPLETE, outcome.values)
            except UpdateFinishedTrialError:
                self.study.add_trial(self._template(TrialState.COMPLETE, design, outcome))

    def _give_up(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            trial = self.storage.get_trial_id_from_study_id_trial_number(self.study_id, number)
            try:
                self.storage.set_trial_state_values(trial, TrialState.FAIL)
            except UpdateFinishedTrialError:
                continue

    def _template(self, state: TrialState, design: Mapping[str, Any], outcome: Outcome | None = None) -> FrozenTrial:
        return create_trial(
            state=state,
            params=dict(design),
            distributions=dict(self.terms.distributions),
            values=outcome.values if outcome else None,
            user_attrs={WORKER: self.worker, **(outcome.notes if outcome else {})},
            system_attrs=system_attributes(outcome) if outcome else {},
        )

    def _gone(self, running: Sequence[FrozenTrial]) -> list[int]:
        """Trials of workers whose last beat is older than the grace."""
        others = [trial for trial in running if trial.user_attrs.get(WORKER) != self.worker]
        if not others:
            return []
        beats, now = self.storage.get_study_user_attrs(self.study_id), self._now()
        begun = {trial.number: trial.datetime_start.timestamp() if trial.datetime_start else 0.0 for trial in others}
        last = {trial.number: beats.get(f"{BEAT}{trial.user_attrs.get(WORKER)}", begun[trial.number]) for trial in others}
        return [number for number, beat in last.items() if now - beat > self.grace_s]

    def _now(self) -> float:
        """Seconds by a clock that all workers share."""
        return time.time()

    def _beat(self) -> None:
        self.storage.set_study_user_attr(self.study_id, f"{BEAT}{self.worker}", self._now())

    def _beat_on(self) -> None:
        """Beat until the worker leaves; a storage that does not answer may answer the next time."""
        while not self._leaving.wait(self.grace_s / 4):
            try:
                with said_plainly(self.url):
                    self._beat()
            except StorageError:
                continue
        self._end_thread()

    def _end_thread(self) -> None:
        """Give back what the heart's thread held."""


def system_attributes(outcome: Outcome) -> dict[str, Any]:
    """What Optuna's own part of a trial holds."""
    return {CONSTRAINTS: outcome.constraints, **outcome.system}


def _study(storage: BaseStorage, terms: Terms) -> optuna.Study:
    """The study of this name, made if need be. Raises `StorageError` if it is another search's."""
    try:
        storage.get_study_id_from_name(terms.name)
    except KeyError:
        with contextlib.suppress(DuplicatedStudyError):
            storage.create_new_study(list(terms.directions), terms.name)
    study = optuna.load_study(study_name=terms.name, storage=storage, sampler=optuna.samplers.RandomSampler())
    if STATED not in study.user_attrs:
        if study.get_trials(deepcopy=False):
            remedy = "choose another name with --study"
            raise StorageError(Problem(f"the study {terms.name!r} holds trials that dse did not write", remedy=remedy))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.set_metric_names(list(terms.metrics))
        study.set_user_attr(CONSTRAINT_NAMES, list(terms.constraint_names))
        study.set_user_attr(PROBE, list(terms.probe))
        study.set_user_attr(STATED, dict(terms.stated))
    there: dict[str, Any] = study.user_attrs
    if differs := differences(there[STATED], terms.stated, there[PROBE], terms.probe):
        remedy = "search what the study searches, or begin another one with --study NAME"
        raise StorageError(Problem("\n    ".join([f"the study {terms.name!r} is another search:", *differs]), remedy=remedy))
    return study
