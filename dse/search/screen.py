"""Vectorised search of spaces too large for an exact front: the best designs that a few seconds of the model can find.

1. Balanced designs (`dse.search.balance`) and an even Sobol spread.
2. NSGA-II from the best of them (`dse.search.genetic`).
3. Pareto local search (Paquete, Chiarandini and Stützle, "Pareto local optimum sets in the biobjective traveling salesman
   problem", 2004): every design of the archive is left by every step and every renaming, then by every pair of steps, until no
   neighbour of any design of the archive is new. Designs with the most room around them on the front go first.
4. Kicks: designs of the archive with a few parameters drawn anew, each followed by local search, until they find nothing.

No design is evaluated twice. The same seed and number of evaluations find the same; a limit in seconds does not promise that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from dse.hardware.design import FloatColumn, IntColumn
from dse.hardware.space import Space
from dse.model.work import Work, work_of
from dse.search import pareto
from dse.search.balance import balanced
from dse.search.genetic import evolve, select
from dse.search.moves import Axes
from dse.search.pool import AT_ONCE, Pool, keys
from dse.workload.workload import Workload

MOST_EVALUATIONS = 120_000
"""Designs that a screening evaluates by default; fewer where a design takes long (see `evaluations`)."""

LEAST_EVALUATIONS = 20_000

CELLS = 6e7
"""Operations x designs of a default screening: a few seconds on two cores."""

POPULATION = 1000

KICKS = 4096
"""Designs of the archive that are kicked together."""

TRIES = 3
"""Rounds of kicks that leave the archive as it was before the search ends early."""

SPREAD = 1 / 16
"""Part of the budget that goes to the even spread."""

EVOLVED = 1 / 8
"""Part of the budget that evolution may use."""

LEFT_AT_ONCE = 256
"""Designs of the archive that local search leaves together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """What a screening found: the feasible designs that no evaluated design dominates, in the order of the first objective.

    `rows`, shape (designs, parameters), and `losses`, shape (designs, objectives). `nearest` is the row that broke its limits
    least (the best row where nothing is feasible); `exhausted`: every design of the space was evaluated, so the front is exact.
    """

    rows: IntColumn
    losses: FloatColumn
    nearest: IntColumn
    evaluated: int
    feasible: int
    seconds: float
    exhausted: bool
    interrupted: bool


def evaluations(work: Work) -> int:
    """Designs that a default screening evaluates: a number that the workload decides, not the clock."""
    cells = max(1, int(np.count_nonzero(work.operation_counts)))
    return int(np.clip(CELLS / cells, LEAST_EVALUATIONS, MOST_EVALUATIONS))


def screen(
    workload: Workload,
    space: Space,
    *,
    seed: int = 0,
    most: int | None = None,
    seconds: float | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Screened:
    """Search `space` with at most `most` evaluations (default: `evaluations`) and, if given, about so many seconds.

    A space of no more designs than that is evaluated whole. `on_progress(evaluated, front)` is called after each step.
    Ctrl-C ends it with what was found.
    """
    begun = time.monotonic()
    pool = Pool(
        workload=workload,
        space=space,
        most=evaluations(work_of(workload)) if most is None else most,
        deadline=None if seconds is None else begun + seconds,
    )
    interrupted = False
    try:
        if space.size <= pool.most:
            _enumerate(pool, on_progress)
        else:
            _search(pool, seed, on_progress)
    except KeyboardInterrupt:
        interrupted = True
        if not len(pool.archive):
            raise
    losses, rows = pool.archive.best()
    in_order = np.lexsort(losses.T[::-1]) if len(losses) else np.empty(0, dtype=np.int64)
    return Screened(
        rows=rows[in_order].reshape(-1, len(space.parameters)),
        losses=losses[in_order].reshape(-1, len(space.objectives)),
        nearest=np.zeros(len(space.parameters), dtype=np.int64) if pool.nearest is None else pool.nearest.rows[0],
        evaluated=pool.evaluated,
        feasible=pool.feasible,
        seconds=time.monotonic() - begun,
        exhausted=pool.evaluated == space.size,
        interrupted=interrupted,
    )


def _report(pool: Pool, on_progress: Callable[[int, int], None] | None) -> None:
    if on_progress is not None:
        on_progress(pool.evaluated, len(pool.archive))


def _enumerate(pool: Pool, on_progress: Callable[[int, int], None] | None) -> None:
    for begin in range(0, pool.space.size, AT_ONCE):
        pool.evaluate(pool.space.indices(np.arange(begin, min(begin + AT_ONCE, pool.space.size))))
        _report(pool, on_progress)


def _search(pool: Pool, seed: int, on_progress: Callable[[int, int], None] | None) -> None:
    draw, axes = np.random.default_rng(seed), Axes.of(pool.space)
    population = select(pool.evaluate(balanced(pool.workload, pool.space, seed)), POPULATION)
    spread = pool.evaluate(axes.sobol(max(POPULATION, int(pool.most * SPREAD)), seed))
    population = select(population.and_(spread), POPULATION)
    _report(pool, on_progress)
    evolve(pool, axes, population, size=POPULATION, most=int(pool.most * EVOLVED), draw=draw)
    _report(pool, on_progress)
    local, idle = _Local(pool=pool, axes=axes), 0
    local.run(on_progress)
    while not pool.spent and idle < TRIES:
        losses, rows = pool.archive.best()
        some = rows[draw.integers(len(rows), size=KICKS)] if len(rows) else pool.space.random_indices(KICKS, pool.evaluated)
        pool.evaluate(axes.kicked(some, draw))
        local.run(on_progress)
        idle = idle + 1 if np.array_equal(pool.archive.best()[0], losses) else 0


def _two_sets() -> tuple[set[bytes], set[bytes]]:
    return set(), set()


@dataclass(slots=True, kw_only=True)
class _Local:
    """Pareto local search on the archive of a pool; remembers which designs it has left, by steps and by pairs of steps."""

    pool: Pool
    axes: Axes
    left: tuple[set[bytes], set[bytes]] = field(default_factory=_two_sets)

    def run(self, on_progress: Callable[[int, int], None] | None) -> None:
        """Until every design of the archive was left in every way, or the budget is spent."""
        pairs = self.axes.pairs()
        while not self.pool.spent:
            losses, rows = self.pool.archive.best()
            if not len(rows):
                return
            names = keys(rows)
            by_pairs = all(name in self.left[0] for name in names)
            done = self.left[by_pairs]
            waiting = np.array([at for at, name in enumerate(names) if name not in done], dtype=np.int64)
            if not len(waiting):
                return
            room = pareto.crowding(np.log10(losses[waiting]))
            chosen: IntColumn = waiting[np.argsort(-room, kind="stable")[:LEFT_AT_ONCE]]
            done.update(keys(rows[chosen]))
            self.pool.evaluate(self.axes.moved(rows[chosen], pairs) if by_pairs else self.axes.neighbours(rows[chosen]))
            _report(self.pool, on_progress)
