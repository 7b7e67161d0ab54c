"""`Pool`: evaluates rows of indices, never the same twice, and keeps the feasible ones that nothing dominates."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from dse.hardware.design import FloatColumn, IntColumn
from dse.hardware.space import Space
from dse.search.archive import Archive
from dse.search.front import score
from dse.workload.workload import Workload

AT_ONCE = 32_768
"""Designs evaluated together."""

MOST_EXCESS = 1e6
"""An excess over a limit that has no finite value counts as this."""


def keys(rows: IntColumn) -> list[bytes]:
    """Each row as bytes that tell it from every other row."""
    packed = np.ascontiguousarray(rows, dtype=np.int32)
    return packed.view(np.dtype((np.void, packed.dtype.itemsize * packed.shape[1]))).ravel().tolist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Evaluated designs: rows, log10 of their losses, shape (designs, objectives), and how far they break limits.

    `violation`, shape (designs,), is the sum over limits of log(1 + excess): 0 exactly where a design is feasible.
    """

    rows: IntColumn
    logs: FloatColumn
    violation: FloatColumn

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: IntColumn) -> Batch:
        """Some of them."""
        return Batch(rows=self.rows[which], logs=self.logs[which], violation=self.violation[which])

    def and_(self, other: Batch) -> Batch:
        """These, then those."""
        return Batch(
            rows=np.concatenate([self.rows, other.rows]),
            logs=np.concatenate([self.logs, other.logs]),
            violation=np.concatenate([self.violation, other.violation]),
        )


@dataclass(slots=True, kw_only=True)
class Pool:
    """What was evaluated. It stops by itself at `most` designs or at `deadline` (of `time.monotonic`): it then returns nothing.

    `archive` holds the losses and rows of the feasible designs that no evaluated design dominates; `nearest` the one design that
    broke its limits least.
    """

    workload: Workload
    space: Space
    most: int
    deadline: float | None = None
    archive: Archive = field(default_factory=Archive)
    seen: set[bytes] = field(default_factory=set[bytes])
    feasible: int = 0
    nearest: Batch | None = None

    @property
    def evaluated(self) -> int:
        """Different designs evaluated so far."""
        return len(self.seen)

    @property
    def spent(self) -> bool:
        """Whether nothing more may be evaluated."""
        late = self.deadline is not None and time.monotonic() > self.deadline
        return late or self.evaluated >= min(self.most, self.space.size)

    def fresh(self, rows: IntColumn) -> IntColumn:
        """The rows that were not evaluated, each once."""
        new: dict[bytes, int] = {}
        for at, key in enumerate(keys(rows)):
            if key not in self.seen:
                new.setdefault(key, at)
        return rows[list(new.values())]

    def evaluate(self, rows: IntColumn) -> Batch:
        """Evaluate those of the rows that are new, as far as the budget goes."""
        new = self.fresh(rows)[: max(0, self.most - self.evaluated)]
        found = [self._block(new[begin : begin + AT_ONCE]) for begin in range(0, len(new), AT_ONCE) if not self.spent]
        if not found:
            width = len(self.space.objectives) if self.nearest is None else self.nearest.logs.shape[1]
            return Batch(rows=rows[:0], logs=np.empty((0, width)), violation=np.empty(0))
        batch = found[0]
        for each in found[1:]:
            batch = batch.and_(each)
        return batch

    def _block(self, rows: IntColumn) -> Batch:
        scored = score(self.workload, self.space, rows)
        self.seen.update(keys(rows))
        kept = scored.feasible
        self.feasible += len(kept)
        self.archive.add(scored.losses[kept], rows[kept])
        excess = np.array([limit.excess for limit in scored.limits])
        violation = np.log1p(np.clip(excess, 0.0, MOST_EXCESS)).sum(axis=0)
        violation[kept] = 0.0
        broken = np.setdiff1d(np.arange(len(rows)), kept)
        violation[broken] = np.maximum(violation[broken], np.finfo(np.float64).tiny)
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log10(scored.losses)
        batch = Batch(rows=rows, logs=logs, violation=violation)
        least = batch.take(np.array([int(np.argmin(violation))]))
        if self.nearest is None or least.violation[0] < self.nearest.violation[0]:
            self.nearest = least
        return batch
