"""`Forest`: the choices of one factor in binary trees, so that many choices can be bounded at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from dse.hardware.design import BoolColumn, FloatColumn, IntColumn

NO_CHILD = -1

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """Trees over items 0 to n - 1, which are the leaves; inner nodes follow, each after both of its children.

    `children` has shape (nodes, 2), `NO_CHILD` for a leaf; `size`, shape (nodes,), is the leaves below; `roots` one node a group.
    """

    children: IntColumn
    size: IntColumn
    roots: IntColumn

    @classmethod
    def of(cls, position: FloatColumn, group: IntColumn) -> Forest:
        """One balanced tree for each group (shape (items,)); near positions, shape (items, axes), come together."""
        children: list[tuple[int, int]] = []
        items = len(position)

        def build(members: IntColumn) -> int:
            if len(members) == 1:
                return int(members[0])
            here = position[members]
            axis = int(np.argmax(np.ptp(here, axis=0)))
            order = members[np.argsort(here[:, axis], kind="stable")]
            half = len(order) // 2
            children.append((build(order[:half]), build(order[half:])))
            return items + len(children) - 1

        roots = [build(np.flatnonzero(group == label)) for label in np.unique(group)]
        table = np.full((items + len(children), 2), NO_CHILD, dtype=np.int64)
        size = np.ones(len(table), dtype=np.int64)
        for node, pair in enumerate(children, start=items):
            table[node] = pair
            size[node] = size[pair[0]] + size[pair[1]]
        return cls(children=table, size=size, roots=np.array(roots, dtype=np.int64))

    @property
    def inner(self) -> IntColumn:
        """Nodes that have children, each after both of them."""
        return np.flatnonzero(self.children[:, 0] != NO_CHILD)

    @property
    def is_leaf(self) -> BoolColumn:
        """Which nodes are items, shape (nodes,)."""
        return self.children[:, 0] == NO_CHILD

    def least(self, values: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
        """The least of the items below each node: shape (items, ...) to (nodes, ...)."""
        return self._folded(values, np.minimum)

    def most(self, values: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
        """The most of the items below each node: shape (items, ...) to (nodes, ...)."""
        return self._folded(values, np.maximum)

    def spread(self, features: Sequence[FloatColumn | IntColumn]) -> FloatColumn:
        """How far the items below a node are apart, shape (nodes,); negative for a leaf, which cannot be split.

        For each feature, shape (items, columns), the mean over its columns of log(most / least), added over features.
        """
        total = np.zeros(len(self.size))
        for feature in features:
            table = feature.reshape(len(feature), -1).astype(np.float64)
            finite = np.where(np.isfinite(table), table, np.nanmax(np.where(np.isfinite(table), table, 0.0), initial=1.0))
            logs = np.log(np.maximum(finite, 1e-300))
            total += np.asarray((self.most(logs) - self.least(logs)).mean(axis=1), dtype=np.float64)
        return np.where(self.is_leaf, -1.0, total)

    def _folded(self, values: npt.NDArray[Scalar], fold: np.ufunc) -> npt.NDArray[Scalar]:
        table = np.empty((len(self.size), *values.shape[1:]), dtype=values.dtype)
        table[: len(values)] = values
        for node in range(len(values), len(table)):
            left, right = self.children[node]
            table[node] = fold(table[left], table[right])
        return table
