"""`Handout`: which design to try next, given what was tried and what came back. Knows nothing of Optuna.

First come the designs of the front that is known (`dse.search.ladder`), in the order of the hypervolume they add; then their
neighbours, and the neighbours of those, the nearest to the front first; then any design. Where what came back differs from the
model, the difference is fitted (`dse.search.correction`), and what was not yet handed out is put in order again by the
hypervolume that it is now expected to add to what came back, with here and there a design that is unlike all of that.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dse.hardware.design import FloatColumn, IntColumn
from dse.hardware.space import Space
from dse.search import pareto
from dse.search.correction import Correction, features
from dse.search.gains import by_gain
from dse.search.ladder import Known, known_front
from dse.search.moves import Axes
from dse.search.pool import Batch, Pool, keys
from dse.workload.workload import Workload

AGREES = 1e-6
"""The second opinion agrees with the model where log10 losses differ by no more."""

FIRST_FIT = 4
"""Trials that come back before the first correction."""

REFIT = 1.15
"""A correction is fitted again when so many times the trials have come back."""

MOST_LEFT = 1_000
"""Designs whose neighbours make up a ring; so many of the front are what nearness is measured to."""

MOST_IN_RING = 20_000
"""Neighbours that are evaluated for a ring."""

MOST_RANKED = 4_000
"""Candidates that a correction puts in order; the nearest to the front."""

GREEDY = 100
"""Designs that a correction chooses one by one."""

AFTER_INTERRUPT = 50
"""Designs that are still handed out where Ctrl-C came while the front was sought: the best of what there was is kept."""

EXPLORES = 5
"""Where model and second opinion differ, one design in so many is that of which least is known: unlike all that came back."""

RANDOM, DRAWS = 256, 8
"""Designs drawn at once where no neighbour is left, and how often in vain."""

MOST_LISTED = 1_000_000
"""Designs of a space whose last ones are looked for one by one."""


@dataclass(slots=True, kw_only=True)
class Handout:
    """State of one study's order of designs.

    `queue` holds rows still to be handed out, in order, of which those before `at` are gone. `model` remembers the model's log
    losses of every design by key.
    """

    workload: Workload
    space: Space
    seed: int
    taken: set[bytes] = field(default_factory=set[bytes])
    known: Known | None = None
    correction: Correction | None = None
    _axes: Axes = field(init=False)
    _pool: Pool = field(init=False)
    _candidates: Batch | None = None
    _edge: IntColumn = field(init=False)
    _front: FloatColumn = field(init=False)
    _queue: list[tuple[bytes, IntColumn]] = field(default_factory=list[tuple[bytes, IntColumn]])
    _at: int = 0
    _model: dict[bytes, FloatColumn] = field(default_factory=dict[bytes, FloatColumn])
    _told: dict[bytes, tuple[IntColumn, FloatColumn, bool]] = field(
        default_factory=dict[bytes, tuple[IntColumn, FloatColumn, bool]]
    )
    _differs: bool = False
    _next_fit: int = FIRST_FIT
    _drawn: int = 0
    _looked_around: bool = False
    _handed: int = 0

    def __post_init__(self) -> None:
        self._axes = Axes.of(self.space)
        self._pool = Pool(workload=self.workload, space=self.space, most=self.space.size)
        self._edge = np.zeros((0, len(self.space.parameters)), dtype=np.int64)
        self._front = np.zeros((0, len(self.space.objectives)))

    def take(self, row: IntColumn) -> None:
        """Never hand out this row (again)."""
        self.taken.update(keys(row[None]))

    def tell(self, row: IntColumn, logs: FloatColumn, feasible: bool) -> None:  # noqa: FBT001
        """What came back of a row: finite log10 losses, shape (objectives,), and whether it keeps the limits."""
        (key,) = keys(row[None])
        self.taken.add(key)
        self._told[key] = (row, logs, feasible)
        if not self._differs:
            self._differs = bool(np.abs(logs - self._modelled([(key, row)])[0]).max(initial=0.0) > AGREES)

    def next(self, skip: int = 0) -> IntColumn:
        """The next row that was not taken, or the one `skip` rows after it, for others are about to take those."""
        self._begin()
        if self.known is not None and self.known.interrupted and self._handed >= AFTER_INTERRUPT:
            raise KeyboardInterrupt
        self._handed += 1
        if self._differs and len(self._told) >= self._next_fit:
            self._correct()
        while True:
            found = self._waiting(skip)
            if found is not None:
                return found
            if len(self.taken) >= self.space.size or not self._extend():
                return self.space.random_indices(1, self.seed + len(self.taken))[0]

    def _begin(self) -> None:
        if self.known is None:
            self.known = known_front(self.workload, self.space, self.seed)
        if self._candidates is None:
            rows, losses = self.known.rows, self.known.losses
            logs = np.log10(losses)
            self._candidates = Batch(rows=rows, logs=logs, violation=np.zeros(len(rows)))
            self._pool.seen.update(keys(rows))
            self._remember(self._candidates)
            order = by_gain(logs, np.log10(pareto.reference_point(losses))) if len(rows) else np.empty(0, dtype=np.int64)
            self._front = logs[order][:MOST_LEFT]
            self._enqueue(rows[order])
            self._edge = rows[order] if len(rows) else self.known.nearest[None]
            if not len(rows):
                self._enqueue(self._edge)

    def _remember(self, batch: Batch) -> None:
        self._model.update(zip(keys(batch.rows), batch.logs, strict=True))

    def _enqueue(self, rows: IntColumn) -> None:
        self._queue.extend(zip(keys(rows), rows, strict=True) if len(rows) else ())

    def _waiting(self, skip: int) -> IntColumn | None:
        while self._at < len(self._queue) and self._queue[self._at][0] in self.taken:
            self._at += 1
        for at in range(self._at, len(self._queue)):
            key, row = self._queue[at]
            if key not in self.taken:
                if skip == 0:
                    return row
                skip -= 1
        return None

    def _extend(self) -> bool:
        """One more ring of neighbours at the end of the queue, or other designs; false if every design of the space is in it."""
        near = self._axes.neighbours(self._edge[:MOST_LEFT])
        ring = self._pool.evaluate(self._pool.fresh(near)[:MOST_IN_RING])
        if not len(ring):
            ring = self._anything()
        self._remember(ring)
        ring = ring.take(np.lexsort((self._behind(ring.logs), ring.violation)))
        self._edge = ring.rows
        self._enqueue(ring.rows)
        if self._candidates is not None:
            self._candidates = self._candidates.and_(ring)
        return len(ring) > 0

    def _anything(self) -> Batch:
        """Designs that were not evaluated, drawn at random; of a space that is nearly done, all that are left."""
        for _ in range(DRAWS):
            self._drawn += 1
            found = self._pool.evaluate(self.space.random_indices(RANDOM, self.seed + self._drawn))
            if len(found):
                return found
        few = np.arange(self.space.size) if self.space.size <= MOST_LISTED else np.empty(0, dtype=np.int64)
        return self._pool.evaluate(self.space.indices(few))

    def _behind(self, logs: FloatColumn) -> FloatColumn:
        """How far each row must come down in every log loss for no design of the known front to better it, shape (rows,)."""
        front = self._front
        if not len(front):
            return np.zeros(len(logs))
        behind = np.empty(len(logs))
        for begin in range(0, len(logs), 256):
            block = logs[begin : begin + 256, None, :] - front[None]
            behind[begin : begin + 256] = block.min(axis=2).max(axis=1)
        return np.nan_to_num(behind, nan=np.inf)

    def _modelled(self, designs: list[tuple[bytes, IntColumn]]) -> FloatColumn:
        """The model's log losses of designs, shape (designs, objectives)."""
        unknown = [row for key, row in designs if key not in self._model]
        if unknown:
            probe = Pool(workload=self.workload, space=self.space, most=len(unknown))
            self._remember(probe.evaluate(np.array(unknown)))
        return np.array([self._model[key] for key, _ in designs])

    def _correct(self) -> None:
        """Fit the correction to all that came back, and put what is left in order by it."""
        self._next_fit = max(len(self._told) + 1, int(np.ceil(len(self._told) * REFIT)))
        if not self._looked_around:
            self._looked_around = True
            self._extend()
        assert self._candidates is not None
        told = list(self._told.items())
        rows = np.array([row for _, (row, _, _) in told])
        logs = np.array([logs for _, (_, logs, _) in told])
        modelled = self._modelled([(key, row) for key, (row, _, _) in told])
        usable = np.isfinite(modelled).all(axis=1)
        self.correction = Correction.of(features(self.space, rows[usable]), (logs - modelled)[usable])
        names = keys(self._candidates.rows)
        left = np.array([at for at, name in enumerate(names) if name not in self.taken], dtype=np.int64)
        left = left[np.isfinite(self._candidates.logs[left]).all(axis=1) & (self._candidates.violation[left] == 0.0)]
        if not len(left):
            return
        expected = self._candidates.logs[left] + self.correction.at(features(self.space, self._candidates.rows[left]))
        reached = logs[[feasible for _, (_, _, feasible) in told]]
        everything = np.concatenate([reached, expected])
        best = np.argsort(pareto.ranks(expected), kind="stable")[:MOST_RANKED]
        corner = everything[pareto.ranks(everything) == 0].max(axis=0) + 0.1
        order = best[by_gain(expected[best], corner, known=reached, greedy=GREEDY)]
        rest = np.setdiff1d(np.arange(len(left)), best)
        places = features(self.space, self._candidates.rows[left])
        strange = farthest(places, features(self.space, rows), min(len(left), GREEDY // EXPLORES))
        every = np.concatenate([interleaved(order, strange, EXPLORES), rest])
        self._queue, self._at = [], 0
        self._enqueue(self._candidates.rows[left[every]])


def farthest(points: FloatColumn, known: FloatColumn, count: int) -> IntColumn:
    """The `count` points that are each farthest from the known ones and from those before it.

    >>> farthest(np.array([[0.1], [0.6], [1.0], [0.5]]), np.array([[0.0]]), 2).tolist()
    [2, 3]
    """
    near = np.full(len(points), np.inf)
    for row in known:
        near = np.minimum(near, np.square(points - row).sum(axis=1))
    found: list[int] = []
    for _ in range(count):
        found.append(int(np.argmax(near)))
        near = np.minimum(near, np.square(points - points[found[-1]]).sum(axis=1))
    return np.array(found, dtype=np.int64)


def interleaved(order: IntColumn, others: IntColumn, every: int) -> IntColumn:
    """`order` with one of `others` in every `every` places, each row where it comes first.

    >>> interleaved(np.arange(6), np.array([9, 3]), 3).tolist()
    [0, 1, 9, 2, 3, 4, 5]
    """
    mixed = order.tolist()
    for place, other in enumerate(others.tolist()):
        mixed.insert((place + 1) * every - 1, other)
    return np.array(list(dict.fromkeys(mixed)), dtype=np.int64)
