"""Weights pinned over repeats: an operation that runs T times with the same weights (a recurrent step).

A mapping that holds s, moves o besides the weights, and fetches all W of the weights t times a step, leaves S - s for pinned
weights. Pinned weights are fetched once, and all their later fetches are saved. With p of them pinned::

    traffic = T·o + T·t·(W - p) + p,   p = min(W, S - s)

Once all are pinned, the part of s through which they streamed is not needed any more. The curve is the least over mappings, and
not only over those on the staircase of one step: fewer passes or a smaller buffer can be worth more traffic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dse.model.candidates import Candidates
from dse.model.dominance import not_dominated, staircase
from dse.model.windows import Ints
from dse.workload.operations import TensorOperation

_NEVER = np.iinfo(np.int64).max
_CELLS = 1 << 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The best mapping at each capacity, columns of shape (capacities,): index, pinned bits, bits moved, whether one fits."""

    index: Ints
    pinned: Ints
    moved: Ints
    weight_moved: Ints
    fits: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinning:
    """Mappings as columns of shape (mappings,), in bits: what each holds, from where on all weights are pinned, what it moves.

    `other_moved` and `passes` (fetches of each weight) count all repeats and groups.
    """

    held: Ints
    full_from: Ints
    other_moved: Ints
    passes: Ints
    weight_bits: int
    element_bits: int

    @classmethod
    def of(cls, found: Candidates, operation: TensorOperation) -> tuple[Pinning, Ints, Ints]:
        """The mappings that are best somewhere, their indices in `found`, and the capacities in bits where the curve bends."""
        group_bits = operation.weight_elements * operation.weight_bits // operation.groups
        everything = cls(
            held=found.held,
            full_from=found.held - found.weight_held + group_bits * operation.groups,
            other_moved=found.other_moved * (operation.groups * operation.repeats),
            passes=found.weight_moved // group_bits * operation.repeats,
            weight_bits=group_bits * operation.groups,
            element_bits=operation.weight_bits,
        )
        corners = everything._corners()
        kept = np.unique(everything.choose(corners).index)
        return everything._take(kept), kept, corners

    def _take(self, chosen: Ints) -> Pinning:
        return Pinning(
            held=self.held[chosen],
            full_from=self.full_from[chosen],
            other_moved=self.other_moved[chosen],
            passes=self.passes[chosen],
            weight_bits=self.weight_bits,
            element_bits=self.element_bits,
        )

    def choose(self, capacity_bits: Ints) -> Choice:
        """The mapping that moves least at each capacity; whole weight elements are pinned."""
        rows = max(1, _CELLS // len(self.held))
        parts = [self._choose(capacity_bits[begin : begin + rows]) for begin in range(0, len(capacity_bits), rows)]
        index, pinned, moved = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        fits = moved < _NEVER
        return Choice(
            index=index,
            pinned=pinned,
            moved=moved,
            weight_moved=np.where(fits, moved - self.other_moved[index], _NEVER),
            fits=fits,
        )

    def _choose(self, capacity_bits: Ints) -> tuple[Ints, Ints, Ints]:
        capacity = capacity_bits[:, None]
        whole = (capacity - self.held) // self.element_bits * self.element_bits
        pinned = np.where(capacity >= self.full_from, self.weight_bits, np.clip(whole, 0, self.weight_bits))
        moved = self.other_moved + self.passes * (self.weight_bits - pinned) + pinned
        moved[capacity < self.held] = _NEVER
        index = moved.argmin(axis=1)
        here = np.arange(len(index))
        return index, pinned[here, index], moved[here, index]

    def _corners(self) -> Ints:
        """Capacities at which a mapping starts, has everything pinned, or overtakes another."""
        points = np.unique(np.concatenate([self.held, self.full_from, self.full_from - 1]))
        points = points[points >= self.held.min()]
        while True:
            index = self.choose(points).index
            crossings = self._crossings(points, index)
            merged = np.unique(np.concatenate([points, crossings]))
            if len(merged) == len(points):
                return points
            points = merged

    def _crossings(self, points: Ints, index: Ints) -> Ints:
        """Where, between neighbouring points with different best mappings, the line of the right one passes below the left's."""
        left, right = index[:-1], index[1:]
        # A line is level(p = 0 at S = 0) - (passes - 1)·S while it is not yet full; ends of a piece are points already.
        slope = self.passes - 1
        level = self.other_moved + self.passes * self.weight_bits + slope * self.held
        different = (left != right) & (slope[left] != slope[right]) & (np.diff(points) > 1)
        left, right, begin, end = left[different], right[different], points[:-1][different], points[1:][different]
        if not len(left):
            return begin
        at = (level[left] - level[right]) // (slope[left] - slope[right])
        near = np.concatenate([at, at + 1])
        return near[(near > np.tile(begin, 2)) & (near < np.tile(end, 2))]


def pinning_choice(block: Candidates) -> Ints:
    """Mappings that may be best at some capacity: by (held, other traffic, weight passes), or once all weights are pinned."""
    streaming: list[Ints] = []
    for passes in np.unique(block.weight_moved):
        same = np.flatnonzero(block.weight_moved == passes)
        streaming.append(same[staircase(block.held[same], block.other_moved[same])])
    chosen = np.concatenate(streaming)
    chosen = chosen[not_dominated(np.stack([block.held[chosen], block.other_moved[chosen], block.weight_moved[chosen]]))]
    pinned = staircase(block.held - block.weight_held, block.other_moved)
    return np.unique(np.concatenate([chosen, pinned]))
