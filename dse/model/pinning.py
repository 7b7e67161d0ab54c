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
from dse.model.dominance import staircase
from dse.model.windows import Ints
from dse.units import BITS_PER_BYTE
from dse.workload.operations import TensorOperation

_NEVER = np.iinfo(np.int64).max
_CELLS = 1 << 22
_SAMPLE = 256


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
    def of(cls, found: Candidates, operation: TensorOperation, buffers: int = 1) -> tuple[Pinning, Ints, Ints]:
        """The mappings that are best somewhere, their indices in `found`, and the capacities in bits where the curve bends.

        What a mapping holds is held `buffers` times over; pinned weights are held once.
        """
        group_bits = operation.weight_elements * operation.weight_bits // operation.groups
        everything = cls(
            held=found.held * buffers,
            full_from=(found.held - found.weight_held) * buffers + group_bits * operation.groups,
            other_moved=found.other_moved * (operation.groups * operation.repeats),
            passes=found.weight_moved // group_bits * operation.repeats,
            weight_bits=group_bits * operation.groups,
            element_bits=operation.weight_bits,
        )
        kept, corners = everything._best_somewhere()
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
        pinned = self._pinned(capacity)
        moved = self._moved(capacity, pinned)
        index = moved.argmin(axis=1)
        here = np.arange(len(index))
        return index, pinned[here, index], moved[here, index]

    def _pinned(self, capacity: Ints) -> Ints:
        whole = (capacity - self.held) // self.element_bits * self.element_bits
        return np.where(capacity >= self.full_from, self.weight_bits, np.clip(whole, 0, self.weight_bits))

    def _moved(self, capacity: Ints, pinned: Ints) -> Ints:
        moved = self.other_moved + self.passes * (self.weight_bits - pinned) + pinned
        moved[capacity < self.held] = _NEVER
        return moved

    def _best_somewhere(self) -> tuple[Ints, Ints]:
        """Indices of the mappings that are best at some capacity, and the corners of the curve that they make.

        Lines cross a curve of lines at its corners or at their own ends, so mappings are added until none is lower there.
        """
        events = self._events()
        sample = np.unique(events)
        chosen = np.unique(self.choose(sample[:: len(sample) // _SAMPLE + 1]).index)
        while True:
            part = self._take(chosen)
            corners = part._corners()
            known, rival = part.choose(corners), self.choose(corners)
            lower = np.any([self._moved(at, self._pinned(at)) < part.choose(at).moved for at in events], axis=0)
            added = np.union1d(rival.index[rival.moved < known.moved], np.flatnonzero(lower))
            if not len(added):
                return chosen[np.unique(known.index)], corners
            chosen = np.union1d(chosen, added)

    def _events(self) -> Ints:
        """Whole bytes at which each mapping starts and has everything pinned, and those just before, shape (4, mappings)."""
        begins, ends = _whole_bytes(self.held), _whole_bytes(self.full_from)
        return np.stack([begins, begins - BITS_PER_BYTE, ends, ends - BITS_PER_BYTE])

    def _corners(self) -> Ints:
        """Capacities, in whole bytes, at which a mapping starts, has everything pinned, or overtakes another."""
        points = np.unique(self._events())[1:]
        while True:
            index = self.choose(points).index
            crossings = self._crossings(points, index)
            merged = np.unique(np.concatenate([points, crossings]))
            if len(merged) == len(points):
                return points
            points = merged

    def _crossings(self, points: Ints, index: Ints) -> Ints:
        """Where, between neighbouring points with different best mappings, the line of the right one passes below the left's."""
        full = points >= self.full_from[index]
        # Mappings start and fill up at points only, so between two of them each follows the line level - slope·S.
        slope = np.where(full, 0, self.passes[index] - 1)
        level = self.other_moved[index] + np.where(
            full, self.weight_bits, self.passes[index] * self.weight_bits + slope * self.held[index]
        )
        apart = (index[:-1] != index[1:]) & (slope[:-1] != slope[1:]) & (np.diff(points) > BITS_PER_BYTE)
        begin, end = points[:-1][apart], points[1:][apart]
        crossing = (level[:-1] - level[1:])[apart] // (slope[:-1] - slope[1:])[apart]
        at = crossing // BITS_PER_BYTE * BITS_PER_BYTE
        near = np.concatenate([at, at + BITS_PER_BYTE])
        return near[(near > np.tile(begin, 2)) & (near < np.tile(end, 2))]


def _whole_bytes(bits: Ints) -> Ints:
    return -(-bits // BITS_PER_BYTE) * BITS_PER_BYTE


def pinning_choice(block: Candidates) -> Ints:
    """Mappings that may be best at some capacity: by (held, other traffic, weight passes), or once all weights are pinned."""
    held, other = block.held, block.other_moved
    chosen: list[Ints] = []
    front = np.zeros(0, dtype=np.int64)
    for passes in np.unique(block.weight_moved):
        same = np.flatnonzero(block.weight_moved == passes)
        same = same[staircase(held[same], other[same])]
        # Beyond the front of fewer passes only less held, or less other traffic, is worth more passes.
        below = np.searchsorted(held[front], held[same], side="right") - 1
        best = np.append(other[front], _NEVER)[below]
        chosen.append(same[other[same] < best])
        front = np.concatenate([front, chosen[-1]])
        front = front[staircase(held[front], other[front])]
    pinned = staircase(held - block.weight_held, other)
    return np.unique(np.concatenate([*chosen, pinned]))
