"""`Ledger`: every design that a search knows, once, with the front kept up to date, and the answer to one that comes again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from dse.errors import InputError, Problem
from dse.hardware.design import FloatColumn, IntColumn
from dse.hardware.space import Parameter, Space
from dse.search import pareto
from dse.search.front import BLOCK, METRIC_COLUMNS, Scored, score, table, with_opinions
from dse.search.opinions import MODEL_SUFFIX, Opinion, counts
from dse.workload.workload import Workload

Origin = Literal["earlier run", "this run", "another worker"]

WORST_LOG = 12.0
"""What a sampler is told for an objective that has no finite value: worse than anything real (log10 of SI)."""

MOST_ENUMERATED = 1_000_000
"""Designs of a space whose unseen ones are listed, rather than drawn at random."""

CLOSE = 1e-9
"""Relative difference of a stored value from the parameter's, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a progress bar shows after each batch; `hypervolume` is against the reference of the moment.

    `done` counts different designs, those of other workers and of an earlier run too; `repeats` are proposals that were known;
    `waiting` are trials that other workers hold; `opinions` counts the evaluator's answers by status.
    """

    done: int
    trials: int
    feasible: int
    distinct: int
    front: int
    hypervolume: float
    repeats: int = 0
    waiting: int = 0
    opinions: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a sampler is told of a design: log10 of each loss, and each limit's excess (at most 0 where it holds) by name."""

    logs: list[float]
    excess: dict[str, float]


@dataclass(slots=True, kw_only=True)
class Ledger:
    """Everything evaluated so far, in order; a design stands once, however often it was proposed."""

    workload: Workload
    space: Space
    batches: list[Scored] = field(default_factory=list[Scored])
    origins: list[Origin] = field(default_factory=list[Origin])
    repeats: int = 0
    feasible: int = 0
    best: FloatColumn | None = None
    _where: dict[bytes, tuple[int, int]] = field(default_factory=dict[bytes, tuple[int, int]])
    _cursor: int = 0

    @property
    def distinct(self) -> int:
        """Different designs."""
        return len(self._where)

    @property
    def unseen(self) -> int:
        """Designs of the space that are not known."""
        return self.space.size - self.distinct

    def knows(self, design: IntColumn) -> bool:
        """Whether the design with these parameter indices, shape (parameters,), was evaluated."""
        return design.tobytes() in self._where

    def answer(self, design: IntColumn) -> Answer:
        """What is known of a known design; counts as a repeat."""
        self.repeats += 1
        batch, row = self._where[design.tobytes()]
        return self.answers(self.batches[batch], [row])[0]

    @staticmethod
    def answers(scored: Scored, rows: Sequence[int]) -> list[Answer]:
        """What a sampler is told of these rows of a batch."""
        with np.errstate(divide="ignore"):
            logs = np.nan_to_num(np.log10(scored.losses[rows]), nan=WORST_LOG, posinf=WORST_LOG, neginf=-WORST_LOG)
        most = 10.0**WORST_LOG
        excess = {limit.name: np.minimum(limit.excess[rows], most).tolist() for limit in scored.limits}
        return [
            Answer(logs=each, excess={name: values[at] for name, values in excess.items()})
            for at, each in enumerate(logs.tolist())
        ]

    def model(self, indices: IntColumn) -> Scored:
        """What the model says of designs; none of it is kept."""
        return score(self.workload, self.space, indices)

    def keep(self, scored: Scored, opinions: Sequence[Opinion | None], origin: Origin) -> Scored:
        """Keep evaluated designs, none of which may be known, with the evaluator's opinions of them (or none at all)."""
        scored = with_opinions(scored, opinions, self.space)
        for row, design in enumerate(scored.indices):
            self._where[design.tobytes()] = (len(self.batches), row)
        self.batches.append(scored)
        self.origins.append(origin)
        kept = scored.losses[scored.feasible]
        self.feasible += len(kept)
        known = kept if self.best is None else np.concatenate([self.best, kept])
        self.best = known[pareto.nondominated(known)]
        return scored

    def fresh(self, indices: IntColumn) -> list[int]:
        """Rows of designs that are not known, each once."""
        seen = set[bytes]()
        found = list[int]()
        for row, design in enumerate(indices):
            key = design.tobytes()
            if key not in self._where and key not in seen:
                seen.add(key)
                found.append(row)
        return found

    def unseen_designs(self, most: int, draw: np.random.Generator, taken: set[bytes]) -> IntColumn:
        """At most `most` designs that are neither known nor `taken`, shape (designs, parameters).

        In the order of their numbers where the space is small enough, going on where the last call ended; else drawn.
        """
        found = list[IntColumn]()
        if self.space.size > MOST_ENUMERATED:
            block = self.space.random_indices(4 * most, int(draw.integers(2**32)))
            found = [block[row] for row in self.fresh(block) if block[row].tobytes() not in taken]
        looked_at, step = 0, min(BLOCK, max(4096, 4 * most))
        while self.space.size <= MOST_ENUMERATED and looked_at < self.space.size and len(found) < most:
            numbers = np.arange(self._cursor, min(self._cursor + step, self.space.size))
            block = self.space.indices(numbers)
            fresh = [row for row in block if row.tobytes() not in self._where and row.tobytes() not in taken]
            looked_at += len(numbers)
            if len(found) + len(fresh) <= most:
                self._cursor = 0 if numbers[-1] + 1 == self.space.size else int(numbers[-1]) + 1
            found += fresh
        return np.array(found[:most], dtype=np.int64).reshape(-1, len(self.space.parameters))

    def progress(self, done: int, trials: int, waiting: int = 0) -> Progress:
        """Where the search stands."""
        front = self.best if self.best is not None else np.empty((0, 1))
        volume = pareto.hypervolume(front, pareto.reference_point(front)) if len(front) else 0.0
        return Progress(
            done=done,
            trials=trials,
            feasible=self.feasible,
            distinct=self.distinct,
            front=len(front),
            hypervolume=volume,
            repeats=self.repeats,
            waiting=waiting,
            opinions=counts(self.batches) if any(batch.opinions for batch in self.batches) else {},
        )

    def different(self) -> int:
        """Results that differ in some metric: designs that differ only in what does not matter count once."""
        columns = [
            np.column_stack([batch.losses, *(batch.metrics.metric(name) for name in METRIC_COLUMNS)]) for batch in self.batches
        ]
        return len(np.unique(np.concatenate(columns), axis=0)) if columns else 0

    def trials(self) -> pd.DataFrame:
        """Every design in order with its metrics; where some came from elsewhere, `origin` says whence."""
        frames = [table(self.space, batch, per_scenario=False) for batch in self.batches]
        frame = pd.concat(frames, ignore_index=True)
        _fill_opinion_columns(frame)
        frame["feasible"] = np.concatenate([np.isin(np.arange(len(batch.indices)), batch.feasible) for batch in self.batches])
        if set(self.origins) != {"this run"}:
            sizes = [len(batch.indices) for batch in self.batches]
            frame["origin"] = np.repeat(np.array(self.origins, dtype=object), sizes)
        frame.insert(0, "trial", np.arange(len(frame)))
        return frame


def _fill_opinion_columns(frame: pd.DataFrame) -> None:
    """Batches without opinions lack their columns: the model's figure stands there, and an empty status."""
    for column in METRIC_COLUMNS.values():
        model = f"{column}{MODEL_SUFFIX}"
        if model in frame.columns:
            frame[model] = frame[model].fillna(frame[column])
    for column in ("evaluator_status", "evaluator_message"):
        if column in frame.columns:
            frame[column] = frame[column].fillna("")
    if "evaluator_s" in frame.columns:
        frame["evaluator_s"] = frame["evaluator_s"].fillna(0.0)


def designs_of_table(space: Space, frame: pd.DataFrame) -> IntColumn:
    """The designs of a table of trials as rows of indices, shape (trials, parameters).

    Raises `InputError` for a design that is none of the space's.
    """
    columns = [_column_indices(parameter, frame) for parameter in space.parameters]
    return np.column_stack(columns).astype(np.int64)


def _column_indices(parameter: Parameter, frame: pd.DataFrame) -> IntColumn:
    if parameter.column not in frame.columns:
        if len(parameter) == 1:
            return np.zeros(len(frame), dtype=np.int64)
        raise InputError(Problem(f"the earlier trials lack the column {parameter.column!r}"))
    cells = frame[parameter.column]
    if parameter.is_numeric:
        known = np.asarray(parameter.values, dtype=np.float64)
        values: FloatColumn = cells.to_numpy(dtype=np.float64)
        at = np.minimum(np.searchsorted(known, values * (1 - CLOSE)), len(known) - 1)
        wrong = ~(np.abs(known[at] - values) <= CLOSE * np.abs(values))
    else:
        order = {value: index for index, value in enumerate(parameter.values)}
        at = np.array([order.get(value, -1) for value in cells.tolist()], dtype=np.int64)
        wrong = at < 0
    if wrong.any():
        row = int(np.argmax(wrong))
        message = f"earlier trial {row}: the space has no {parameter.column} {cells.iloc[row]!r}"
        raise InputError(Problem(message, remedy="go on with the space of the earlier run"))
    return at


def opinions_of_table(frame: pd.DataFrame) -> list[Opinion | None]:
    """The evaluator's opinions as a table of trials tells them (figures that differ from the model's); empty if never asked."""
    if "evaluator_status" not in frame.columns:
        return []
    given = [column for column in METRIC_COLUMNS.values() if f"{column}{MODEL_SUFFIX}" in frame.columns]
    found = list[Opinion | None]()
    for row in frame.to_dict(orient="records"):
        status = row["evaluator_status"]
        if status not in ("ok", "failed", "timed_out", "bad_value"):
            found.append(None)
            continue
        spoken = [name for name in given if status == "ok" and row[name] != row[f"{name}{MODEL_SUFFIX}"]]
        metrics = {name: float(row[name]) for name in spoken}
        message = row["evaluator_message"] if isinstance(row["evaluator_message"], str) else ""
        found.append(Opinion(status=status, message=message, seconds=float(row["evaluator_s"]), metrics=metrics))
    return found


def changed(before: pd.DataFrame, now: pd.DataFrame) -> int:
    """How many of the designs that an earlier table holds the model sees otherwise today; `now` begins with them, in order."""
    if "origin" not in now.columns:
        return 0
    again = now[now["origin"] == "earlier run"]
    differs = np.zeros(min(len(before), len(again)), dtype=np.bool_)
    for column in METRIC_COLUMNS.values():
        model = f"{column}{MODEL_SUFFIX}"
        old: FloatColumn = before[model if model in before.columns else column].to_numpy(dtype=np.float64)[: len(differs)]
        new: FloatColumn = again[model if model in again.columns else column].to_numpy(dtype=np.float64)[: len(differs)]
        with np.errstate(invalid="ignore"):
            differs |= ~((old == new) | (np.abs(old - new) <= CLOSE * np.abs(new)))
    return int(differs.sum())
