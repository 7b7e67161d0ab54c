"""`Shared`: a board in the terms of a space: designs in and out, with what an evaluator said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from dse.errors import InputError, Problem, StorageError
from dse.hardware.design import IntColumn
from dse.hardware.space import Space
from dse.search.board import BEAT, Board, News, Outcome, Terms
from dse.search.board_bulk import board
from dse.search.fingerprint import probe, stated, study_name
from dse.search.front import METRIC_COLUMNS, Scored, score
from dse.search.hunt import Read
from dse.search.ledger import Answer
from dse.search.opinions import Opinion
from dse.search.record import GRACE_S
from dse.search.storage import close_storage, open_storage, said_plainly, storage_url
from dse.workload.workload import Workload

STATUS = "evaluator_status"
"""The trial attribute that says what came of asking the evaluator."""

PATIENCE_S = 0.5
"""Seconds between two looks while other workers hold all the trials that are left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A study that other processes may share, as one search sees it."""

    board: Board
    space: Space
    read: Read

    def __enter__(self) -> Self:
        self.board.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.board.__exit__(kind, error, trace)

    @property
    def is_first(self) -> bool:
        """Whether no other worker was ever here."""
        with said_plainly(self.board.url):
            attributes = self.board.storage.get_study_user_attrs(self.board.study_id)
        return not any(key.startswith(BEAT) and key != f"{BEAT}{self.board.worker}" for key in attributes)

    @property
    def name(self) -> str:
        """The study's."""
        return self.board.terms.name

    @property
    def url(self) -> str:
        """Where it lies, without a password."""
        return self.board.shown

    @property
    def worker(self) -> str:
        """The name of this worker."""
        return self.board.worker

    def look(self) -> News:
        """What others have done since the last look."""
        return self.board.look()

    def keys(self, params: Sequence[Mapping[str, Any]]) -> set[bytes]:
        """Trials' parameters as the keys by which a ledger knows designs."""
        return {row.tobytes() for row in self.designs(params)}

    def designs(self, params: Sequence[Mapping[str, Any]]) -> IntColumn:
        """Trials' parameters as rows of indices, shape (trials, parameters)."""
        names = {each.column: each.name for each in self.space.parameters}
        rows = [self.read({names[column]: value for column, value in each.items()}) for each in params]
        return np.array(rows, dtype=np.int64).reshape(-1, len(self.space.parameters))

    def params(self, designs: Sequence[IntColumn]) -> list[dict[str, Any]]:
        """Designs as trials' parameters in real units, which their names say."""
        return [
            {each.column: each.values[int(design[at])] for at, each in enumerate(self.space.parameters) if len(each) > 1}
            for design in designs
        ]

    def take(self, designs: Sequence[IntColumn], trials: int) -> list[int]:
        """Take designs, in order, as far as the study has room for them; their numbers there."""
        return self.board.take(self.params(designs), trials)

    def finish(
        self, numbers: Sequence[int], scored: Scored, answers: Sequence[Answer], system: Sequence[Mapping[str, Any]]
    ) -> None:
        """Write what came out of designs that this worker took; `system` is what its sampler notes of each."""
        outcomes = [
            Outcome(
                values=self._values(scored, row),
                constraints=list(answers[row].excess.values()),
                notes=_notes(scored.opinions[row]) if scored.opinions else {},
                system=system[row],
            )
            for row in range(len(numbers))
        ]
        self.board.finish(numbers, self.params(list(scored.indices)), outcomes)

    @staticmethod
    def opinion(trial: FrozenTrial) -> Opinion | None:
        """The evaluator's opinion that lies with a trial."""
        notes = trial.user_attrs
        if STATUS not in notes:
            return None
        return Opinion(
            status=notes[STATUS],
            message=notes.get("evaluator_message", ""),
            seconds=float(notes.get("evaluator_s", 0.0)),
            metrics=notes.get("evaluator", {}),
        )

    def wait(self) -> None:
        """Let other workers do what they hold."""
        self.board.wait(min(PATIENCE_S, self.board.grace_s / 8))

    def _values(self, scored: Scored, row: int) -> list[float]:
        """The objectives in real units."""
        with np.errstate(divide="ignore"):
            losses = scored.losses[row].tolist()
        return [
            (1.0 / loss if loss else float("inf")) if objective.maximise else loss
            for loss, objective in zip(losses, self.space.objectives, strict=True)
        ]


def _notes(opinion: Opinion | None) -> dict[str, Any]:
    if opinion is None:
        return {}
    notes: dict[str, Any] = {STATUS: opinion.status, "evaluator_s": opinion.seconds}
    return notes | ({"evaluator_message": opinion.message} if opinion.message else {"evaluator": dict(opinion.metrics)})


def share(
    storage: str,
    name: str | None,
    workload: Workload,
    space: Space,
    *,
    distributions: Mapping[str, BaseDistribution],
    read: Read,
    evaluator: str | None = None,
    grace_s: float = GRACE_S,
) -> Shared:
    """Join the study of this name, or begin it. Raises `InputError` where that cannot be, or the study is another search."""
    if grace_s < 1:
        raise InputError(Problem(f"a grace of {grace_s:g} s: workers cannot beat faster than every quarter of a second"))
    url = storage_url(storage)
    directions = [StudyDirection.MAXIMIZE if each.maximise else StudyDirection.MINIMIZE for each in space.objectives]
    first = score(workload, space, np.zeros((1, len(space.parameters)), dtype=np.int64))
    terms = Terms(
        name=name or study_name(workload, space, evaluator),
        metrics=tuple(METRIC_COLUMNS[objective.metric] for objective in space.objectives),
        directions=tuple(directions),
        distributions={each.column: distributions[each.name] for each in space.free_parameters},
        constraint_names=tuple(limit.name for limit in first.limits),
        stated=stated(workload, space, evaluator),
        probe=probe(workload, space),
    )
    opened = open_storage(url)
    try:
        return Shared(board=board(opened, url, terms, grace_s), space=space, read=read)
    except StorageError:
        close_storage(opened)
        raise
