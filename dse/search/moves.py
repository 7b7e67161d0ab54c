"""From some designs to others: neighbours, mutation, crossover and even spreads, all on rows of parameter indices.

Parameters with an order (sizes, clocks, channels) move in steps; the others (dataflow, memory, format) take any other value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import qmc

from dse.hardware.design import FloatColumn, IntColumn
from dse.hardware.space import Space

LONG_JUMP = 4
"""Steps double up to the length of an axis over this."""

MUTATION_STEP = 0.1
"""Standard deviation of a mutation, as a fraction of an axis."""

MOST_KICKED = 4
"""Parameters that a kick changes at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """The free parameters of a space: columns of its rows, how many values each has, and which of them have an order."""

    n_parameters: int
    columns: IntColumn
    lengths: IntColumn
    ordered: IntColumn
    named: IntColumn

    @classmethod
    def of(cls, space: Space) -> Axes:
        """Those of a space; `ordered` and `named` number rows of `columns`."""
        free = [at for at, parameter in enumerate(space.parameters) if len(parameter) > 1]
        has_order = np.array([space.parameters[at].is_numeric for at in free], dtype=np.bool_)
        return cls(
            n_parameters=len(space.parameters),
            columns=np.array(free, dtype=np.int64),
            lengths=np.array([len(space.parameters[at]) for at in free], dtype=np.int64),
            ordered=np.flatnonzero(has_order),
            named=np.flatnonzero(~has_order),
        )

    def steps(self) -> IntColumn:
        """Every move along one axis as a row to add, shape (moves, parameters): one step, two, four ... either way."""
        moves: list[IntColumn] = []
        for axis in self.ordered:
            size = 1
            while size <= max(1, int(self.lengths[axis]) // LONG_JUMP):
                moves += [self._move((axis, size)), self._move((axis, -size))]
                size *= 2
        return np.array(moves, dtype=np.int64).reshape(-1, self.n_parameters)

    def pairs(self) -> IntColumn:
        """Every move of one step along two axes at once, shape (moves, parameters): what one gives up the other may gain."""
        moves = [
            self._move((first, by), (second, to))
            for at, first in enumerate(self.ordered)
            for second in self.ordered[:at]
            for by in (1, -1)
            for to in (1, -1)
        ]
        return np.array(moves, dtype=np.int64).reshape(-1, self.n_parameters)

    def _move(self, *parts: tuple[int, int]) -> IntColumn:
        move = np.zeros(self.n_parameters, dtype=np.int64)
        for axis, by in parts:
            move[self.columns[axis]] = by
        return move

    def moved(self, rows: IntColumn, moves: IntColumn) -> IntColumn:
        """Every row, shape (rows, parameters), after every move that stays inside the space."""
        most = np.zeros(self.n_parameters, dtype=np.int64)
        most[self.columns] = self.lengths - 1
        everywhere = (rows[:, None, :] + moves[None, :, :]).reshape(-1, self.n_parameters)
        return everywhere[((everywhere >= 0) & (everywhere <= most)).all(axis=1)]

    def renamed(self, rows: IntColumn) -> IntColumn:
        """Every row with every other value of each parameter that has no order."""
        found = [rows[:0]]
        for axis in self.named:
            for by in range(1, int(self.lengths[axis])):
                other = rows.copy()
                column = self.columns[axis]
                other[:, column] = (other[:, column] + by) % self.lengths[axis]
                found.append(other)
        return np.concatenate(found)

    def neighbours(self, rows: IntColumn) -> IntColumn:
        """Every row after every step and every renaming; the same design may stand more than once."""
        return np.concatenate([self.moved(rows, self.steps()), self.renamed(rows)])

    def children(self, mothers: IntColumn, fathers: IntColumn, draw: np.random.Generator) -> IntColumn:
        """One child for each pair: each value from either parent, then about one of them changed."""
        take = draw.random(mothers.shape) < 0.5
        child = np.where(take, mothers, fathers)
        values = child[:, self.columns]
        changed = draw.random(values.shape) < 1.0 / max(len(self.columns), 1)
        wide = np.maximum(1.0, MUTATION_STEP * self.lengths)
        stepped = values + np.rint(draw.normal(size=values.shape) * wide).astype(np.int64)
        anew = draw.integers(0, self.lengths, size=values.shape)
        isnamed = np.isin(np.arange(len(self.columns)), self.named)
        leaps = isnamed | (draw.random(values.shape) < MUTATION_STEP)
        child[:, self.columns] = np.where(changed, np.where(leaps, anew, np.clip(stepped, 0, self.lengths - 1)), values)
        return child

    def kicked(self, rows: IntColumn, draw: np.random.Generator) -> IntColumn:
        """Every row with two to `MOST_KICKED` of its parameters drawn anew."""
        count = draw.integers(2, MOST_KICKED + 1, size=len(rows))
        places = np.argsort(draw.random((len(rows), len(self.columns))), axis=1)
        changed = places < count[:, None]
        kicked = rows.copy()
        kicked[:, self.columns] = np.where(changed, draw.integers(0, self.lengths, size=changed.shape), rows[:, self.columns])
        return kicked

    def of_unit_cube(self, points: FloatColumn) -> IntColumn:
        """Points of the unit cube, shape (points, axes), as rows: every value of a parameter has an equal part of its axis."""
        rows = np.zeros((len(points), self.n_parameters), dtype=np.int64)
        rows[:, self.columns] = np.minimum((points * self.lengths).astype(np.int64), self.lengths - 1)
        return rows

    def sobol(self, n: int, seed: int) -> IntColumn:
        """The first power of two of at least `n` scrambled Sobol points, as rows (Sobol', 1967; Owen, 1998)."""
        if not len(self.columns):
            return np.zeros((1, self.n_parameters), dtype=np.int64)
        power = max(0, int(np.ceil(np.log2(max(n, 1)))))
        return self.of_unit_cube(qmc.Sobol(d=len(self.columns), rng=seed).random_base2(power))
