"""NSGA-II over rows of indices, a whole generation at a time.

Deb, Pratap, Agarwal and Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE Trans. Evolutionary
Computation 6, 2002, with their constraint domination: a feasible design comes before one that is not, and of two that are not
the one that breaks its limits less.
"""

from __future__ import annotations

import numpy as np

from dse.hardware.design import FloatColumn, IntColumn
from dse.search import pareto
from dse.search.moves import Axes
from dse.search.pool import Batch, Pool

NEW = 0.1
"""Part of a brood that must be new for evolution to go on."""


def evolve(pool: Pool, axes: Axes, first: Batch, *, size: int, most: int, draw: np.random.Generator) -> Batch:
    """Evolve a population of `size` from the designs of `first` until about `most` more are evaluated or few children are new."""
    population = select(first, size)
    end, new = pool.evaluated + most, size
    while pool.evaluated < end and not pool.spent and new >= NEW * size and len(population):
        place = np.empty(len(population), dtype=np.int64)
        place[order(population)] = np.arange(len(population))
        parents = draw.integers(len(population), size=(2, 2, size))
        best = np.where(place[parents[:, 0]] < place[parents[:, 1]], parents[:, 0], parents[:, 1])
        children = axes.children(population.rows[best[0]], population.rows[best[1]], draw)
        brood = pool.evaluate(children)
        new = len(brood)
        population = select(population.and_(brood), size)
    return population


def select(batch: Batch, size: int) -> Batch:
    """The best `size` of a batch."""
    return batch.take(order(batch)[:size])


def order(batch: Batch) -> IntColumn:
    """Designs from the best to the worst: by violation, by rank, then by how much room they have for themselves."""
    rank, room = np.zeros(len(batch), dtype=np.int64), np.zeros(len(batch))
    kept = np.flatnonzero((batch.violation == 0.0) & np.isfinite(batch.logs).all(axis=1))
    if len(kept):
        rank[kept] = pareto.ranks(batch.logs[kept])
        room[kept] = _room(batch.logs[kept], rank[kept])
    worst = batch.violation.copy()
    return np.lexsort((-room, rank, worst))


def _room(logs: FloatColumn, rank: IntColumn) -> FloatColumn:
    """Crowding distance of each row within its rank."""
    room = np.zeros(len(logs))
    for level in range(int(rank.max()) + 1):
        members = np.flatnonzero(rank == level)
        room[members] = pareto.crowding(logs[members])
    return room
