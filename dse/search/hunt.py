"""`Hunt`: a search under way: ask the sampler, evaluate what is new, tell it, and share all of that with other workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from dse.errors import StorageError
from dse.hardware.design import IntColumn
from dse.search.evaluator import Evaluator
from dse.search.front import BLOCK
from dse.search.interrupts import Interrupts
from dse.search.ledger import Answer, Ledger, Progress
from dse.search.opinions import Opinion

if TYPE_CHECKING:
    from dse.search.board import News
    from dse.search.sharing import Shared

BATCH = 50
"""Designs asked for before they are evaluated together: one NSGA-II generation."""

GENERATION = ":generation"
"""How the trial attribute ends by which a genetic sampler of Optuna knows its generations."""

Read = Callable[[Mapping[str, Any]], Sequence[int]]
"""Parameters of a trial -> indices of the design."""

SHARED_BATCH = 500
"""Designs that a worker takes at once where it takes all there are, one after the other."""


@runtime_checkable
class Planner(Protocol):
    """A sampler that knows which designs it wants: they are taken from it and added to its study many at a time.

    That spares each trial the milliseconds of being asked for, parameter by parameter. What came of the designs stands in the
    study before `plan` is called again.
    """

    def plan(self, study: optuna.Study, n: int) -> IntColumn:
        """The next designs, at most `n`, shape (designs, parameters)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A design that is to be evaluated, and the trials of the sampler's study that asked for it."""

    design: IntColumn
    asked: list[optuna.Trial] = field(default_factory=list[optuna.Trial])


@dataclass(slots=True, kw_only=True)
class Hunt:
    """What a search works with. `study` is the sampler's own, in memory; `read` turns a trial's parameters into a design.

    `trials`: how many different designs are enough, those of other workers and of an earlier run counted.
    """

    ledger: Ledger
    study: optuna.Study
    distributions: dict[str, BaseDistribution]
    read: Read
    trials: int
    judge: Evaluator | None = None
    shared: Shared | None = None
    seed: int | None = 0
    elsewhere: int = 0
    lost: int = 0
    _repeats_left: int = 0
    _interrupts: Interrupts = field(default_factory=Interrupts)
    _draw: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        size = self.ledger.space.size
        # Where every design is evaluated anyway, a sampler is worth its time only if each evaluation is slow.
        sampled = self.trials < size or self.judge is not None
        self._repeats_left = max(BATCH, min(self.trials, size)) if sampled else 0
        self._draw = np.random.default_rng(self.seed)

    def run(self, on_progress: Callable[[Progress], None] | None) -> tuple[bool, str | None]:
        """Search to the end. Returns whether Ctrl-C ended it and what else did; raises that if there is nothing to keep."""
        try:
            with self._interrupts.watched():
                for batch in self.ledger.batches:
                    self._learn(batch.indices, self.ledger.answers(batch, range(len(batch.indices))))
                while (now := self._step()) is not None:
                    if on_progress is not None:
                        on_progress(now)
                    self._interrupts.check()
        except KeyboardInterrupt:
            if not self.ledger.batches:
                raise
            return True, None
        except StorageError as error:
            if not self.ledger.batches:
                raise
            return False, str(error)
        return False, None

    def _step(self) -> Progress | None:
        """One batch; None when all is done."""
        done, pending, running = self.ledger.distinct, set[bytes](), 0
        if self.shared is not None:
            news = self._catch_up(self.shared)
            done, pending, running = news.complete, self.shared.keys(news.pending), news.running
            self.lost = news.lost
        if done >= self.trials or not self.ledger.unseen:
            return None
        proposals = self._propose(self.trials - done - running, pending)
        numbers = list[int]()
        if self.shared is not None:
            with self._interrupts.shielded():
                numbers = self.shared.take([each.design for each in proposals], self.trials)
            self._drop(proposals[len(numbers) :])
            proposals = proposals[: len(numbers)]
            if not proposals and running:
                self.shared.wait()
        if proposals:
            self._evaluate(proposals, numbers)
        return self.ledger.progress(done + len(proposals), self.trials, running)

    def _catch_up(self, shared: Shared) -> News:
        """Learn what other workers have finished."""
        with self._interrupts.shielded():
            news = shared.look()
        designs = shared.designs([trial.params for trial in news.finished])
        rows = self.ledger.fresh(designs)
        if rows:
            theirs = [news.finished[row] for row in rows]
            kept = self.ledger.keep(
                self.ledger.model(designs[rows]), [shared.opinion(trial) for trial in theirs], "another worker"
            )
            self._learn(
                kept.indices, self.ledger.answers(kept, range(len(rows))), [_generation(trial.system_attrs) for trial in theirs]
            )
            self.elsewhere += len(rows)
        return news

    def _learn(self, designs: IntColumn, answers: Sequence[Answer], system: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Give the sampler's study designs that were evaluated elsewhere; to a genetic sampler they are its first generation."""
        first = {f"{type(self.study.sampler).__name__}{GENERATION}": 0}
        parameters = self.ledger.space.parameters
        trials = list[FrozenTrial]()
        for row, (design, answer) in enumerate(zip(designs, answers, strict=True)):
            params = {each.name: each.values[int(design[at])] for at, each in enumerate(parameters) if len(each) > 1}
            trials.append(
                create_trial(
                    params=params,
                    distributions=self.distributions,
                    values=answer.logs,
                    constraints=answer.excess,
                    system_attrs=dict(system[row]) if system and system[row] else dict(first),
                )
            )
        self.study.add_trials(trials)

    def _propose(self, room: int, pending: set[bytes]) -> list[Proposal]:
        """New designs: what the sampler asks for, or, where it knows no more, what nobody looked at."""
        if room <= 0:
            return []
        if self._repeats_left <= 0:
            most = 1 if self.judge is not None else SHARED_BATCH if self.shared is not None else BLOCK
            designs = self.ledger.unseen_designs(min(most, room), self._draw, pending)
            return [Proposal(design=design) for design in designs]
        size = min(BATCH if self.judge is None else 1, room, self.ledger.space.size)
        if isinstance(self.study.sampler, Planner):
            return self._planned(self.study.sampler.plan(self.study, size), pending)
        found: dict[bytes, Proposal] = {}
        for _ in range(size):
            trial = self.study.ask(self.distributions)
            design = np.array(self.read(trial.params), dtype=np.int64)
            key = design.tobytes()
            if self.ledger.knows(design):
                self._tell([trial], self.ledger.answer(design))
                self._repeats_left -= 1
            elif key in pending:
                self.study.tell(trial, state=TrialState.FAIL)
                self._repeats_left -= 1
            else:
                found.setdefault(key, Proposal(design=design)).asked.append(trial)
        return list(found.values())

    def _planned(self, designs: IntColumn, pending: set[bytes]) -> list[Proposal]:
        """What a planner wants, less what is known or in other hands."""
        fresh = [designs[row] for row in self.ledger.fresh(designs) if designs[row].tobytes() not in pending]
        self.ledger.repeats += len(designs) - len(fresh)
        self._repeats_left -= max(len(designs) - len(fresh), 0 if fresh else 1)
        return [Proposal(design=design) for design in fresh]

    def _evaluate(self, proposals: Sequence[Proposal], numbers: Sequence[int]) -> None:
        """Evaluate designs, keep and share what came out, and tell the sampler."""
        designs = np.array([each.design for each in proposals], dtype=np.int64)
        kept = self.ledger.keep(self.ledger.model(designs), self._opinions(designs), "this run")
        answers = self.ledger.answers(kept, range(len(proposals)))
        notes = list[Mapping[str, Any]]()
        for proposal, answer in zip(proposals, answers, strict=True):
            twins = max(len(proposal.asked) - 1, 0)
            self.ledger.repeats += twins
            self._repeats_left -= twins
            notes.append(self._tell(proposal.asked, answer))
        if isinstance(self.study.sampler, Planner):
            self._learn(designs, answers)
        if self.shared is not None:
            with self._interrupts.shielded():
                self.shared.finish(numbers, kept, answers, notes)

    def _opinions(self, designs: IntColumn) -> list[Opinion | None]:
        if self.judge is None:
            return []
        rows = self.ledger.space.frame(designs).to_dict(orient="records")
        return [self.judge.opinion({str(name): _plain(value) for name, value in row.items()}) for row in rows]

    def _tell(self, asked: Sequence[optuna.Trial], answer: Answer) -> dict[str, Any]:
        """Tell the sampler what came of its trials, all of one design; what it noted of the first."""
        noted: dict[str, Any] = {}
        for trial in reversed(asked):
            for name, excess in answer.excess.items():
                trial.set_constraint(name, excess)
            noted = _generation(self.study.tell(trial, answer.logs).system_attrs)
        return noted

    def _drop(self, proposals: Sequence[Proposal]) -> None:
        for proposal in proposals:
            for trial in proposal.asked:
                self.study.tell(trial, state=TrialState.FAIL)


def _generation(system: Mapping[str, Any]) -> dict[str, Any]:
    """What a genetic sampler noted of a trial."""
    return {key: value for key, value in system.items() if key.endswith(GENERATION)}


def _plain(value: Any) -> Any:  # noqa: ANN401 - any cell of a table
    """A scalar of Python's own."""
    return value.item() if hasattr(value, "item") else value
