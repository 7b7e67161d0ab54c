"""Exact input extents and rolling windows of output tiles along one axis of a convolution.

Everything is counted from the positions that a tile really reads (`Axis.reads`): clipped at the padding, only touched
positions where the stride exceeds the filter, fewer still in a transposed convolution. Tiles that read no padding are
translations of each other, so one of each phase stands for all.

A *sweep* visits positions in order, and an item is alive from its first use to its last. On two axes swept line by line, the
items alive at (slow i, fast j) are those of the lines that stay, of the lines that open and close at i, cut at j::

    (alive_i - opened_i - closed_i)·items + opened_i·seen_j + closed_i·due_j

with ``seen_j`` the items whose first use is at or before j and ``due_j`` those whose last use is at or after j. For a dense
R x S filter on a strip iw inputs wide this is the classic line buffer, (R - 1)·iw + S.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from dse.workload.operations import Axis

Ints = npt.NDArray[np.int64]

_ALL_SIZES_UP_TO = 512
"""Longest axis on which every tile size of an irregular convolution is tried; beyond it, one size of each trip count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What is alive while tiles are swept; rows of all tiles one after the other, those of tile i from its start on.

    ``lines`` (rows, 3) are the coefficients (alive - opened - closed, opened, closed) of this axis as the slow one, ``points``
    (rows, 3) its (items, seen, due) as the fast one.
    """

    lines: Ints
    points: Ints
    starts: Ints

    def whole(self) -> Sweep:
        """The sweep of the last tile, which is the whole axis, without equal lines."""
        begin = int(self.starts[-1])
        lines = np.unique(self.lines[begin:], axis=0)
        return Sweep(lines=lines, points=self.points[begin:], starts=np.zeros(1, dtype=np.int64))


def most_alive(slow: Sweep, fast: Sweep) -> Ints:
    """Most items alive at once in a line-by-line sweep over each pair of tiles, shape (slow tiles, fast tiles)."""
    alive = np.maximum.reduceat(slow.lines @ fast.points.T, slow.starts, axis=0)
    return np.maximum.reduceat(alive, fast.starts, axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisTiles:
    """The tiles of one axis worth trying, ascending, columns of shape (tiles,); the last is the whole axis.

    ``reach`` is the most input positions that one tile reads and ``reach_sum`` their sum over all tiles; ``rolled`` is the
    most that are alive when the tiles are visited in order and what a later tile reads is kept, so that each of the
    ``touched`` positions is loaded once. ``fed`` outputs read at least one input. The sweeps follow inputs along outputs,
    outputs along inputs, and inputs along taps.
    """

    size: Ints
    trips: Ints
    reach: Ints
    reach_sum: Ints
    rolled: Ints
    touched: int
    fed: int
    inputs_along_outputs: Sweep
    outputs_along_inputs: Sweep
    inputs_along_taps: Sweep


def tile_sizes(extent: int) -> Ints:
    """The smallest tile of each distinct trip count, ascending: about 2·sqrt(extent) sizes.

    >>> tile_sizes(10).tolist()
    [1, 2, 3, 4, 5, 10]
    """
    root = int(extent**0.5) + 1
    few_trips = -(-extent // np.arange(1, root + 1, dtype=np.int64))
    small_tiles = np.arange(1, min(root, extent) + 1, dtype=np.int64)
    sizes = np.unique(np.concatenate([few_trips, small_tiles]))
    trips = -(-extent // sizes)
    return sizes[np.concatenate([[True], trips[1:] < trips[:-1]])]


@lru_cache(maxsize=1024)
def axis_tiles(axis: Axis) -> AxisTiles:
    """Tiles, extents and sweeps of one axis."""
    tiles = [_Tiles.of(axis, int(size)) for size in _sizes(axis)]
    kept = _not_dominated(tiles)
    opened, closed = _lifetimes(axis)
    return AxisTiles(
        size=np.array([tile.size for tile in kept]),
        trips=np.array([tile.trips for tile in kept]),
        reach=np.array([tile.reach for tile in kept]),
        reach_sum=np.array([tile.reach_sum for tile in kept]),
        rolled=np.array([_rolled(opened, closed, tile.size) for tile in kept]),
        touched=int(opened[-1]),
        fed=int(kept[-1].fed),
        inputs_along_outputs=_joined([tile.inputs_along_outputs() for tile in kept]),
        outputs_along_inputs=_joined([tile.outputs_along_inputs() for tile in kept]),
        inputs_along_taps=_joined([tile.inputs_along_taps() for tile in kept]),
    )


def _sizes(axis: Axis) -> Ints:
    """Sizes to count: an uneven filter (dilated, transposed) may favour a larger tile of the same trip count."""
    regular = axis.dilation == 1 and axis.upsample == 1
    if regular or axis.outputs > _ALL_SIZES_UP_TO:
        return tile_sizes(axis.outputs)
    return np.arange(1, axis.outputs + 1, dtype=np.int64)


def _not_dominated(tiles: list[_Tiles]) -> list[_Tiles]:
    kept: list[_Tiles] = []
    for tile in tiles:
        whole = tile.trips == 1
        if not any(k.trips <= tile.trips and k.reach_sum <= tile.reach_sum and k.reach <= tile.reach for k in kept) or whole:
            kept.append(tile)
        if whole:
            break
    return kept


def _reads(axis: Axis, outputs: Ints) -> tuple[Ints, Ints, Ints]:
    """(index into `outputs`, tap, input position) of every product with a real input, in the order of outputs."""
    at = outputs[:, None] * axis.stride + np.arange(axis.taps)[None, :] * axis.dilation - axis.padding
    real = (at >= 0) & (at < axis.extent * axis.upsample) & (at % axis.upsample == 0)
    index, tap = np.nonzero(real)
    return index, tap, at[real] // axis.upsample


def _lifetimes(axis: Axis) -> tuple[Ints, Ints]:
    """Input positions first read before output o, and last read before output o, for o = 0 .. outputs."""
    output, _, position = _reads(axis, np.arange(axis.outputs, dtype=np.int64))
    first = np.full(axis.extent, axis.outputs, dtype=np.int64)
    last = np.full(axis.extent, -1, dtype=np.int64)
    np.minimum.at(first, position, output)
    np.maximum.at(last, position, output)
    read = last >= 0
    count = axis.outputs
    opened = np.concatenate([[0], np.bincount(first[read], minlength=count).cumsum()])
    closed = np.concatenate([[0], np.bincount(last[read], minlength=count).cumsum()])
    return opened, closed


def _rolled(opened: Ints, closed: Ints, size: int) -> int:
    outputs = len(opened) - 1
    begins = np.arange(0, outputs, size)
    return int((opened[np.minimum(begins + size, outputs)] - closed[begins]).max())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tiles:
    """Tiles of one size: the products of one tile of each kind, sorted by (tile, input position)."""

    size: int
    trips: int
    taps: int
    kinds: int
    tile: Ints
    output: Ints
    tap: Ints
    item: Ints
    starts: Ints
    reach: int
    reach_sum: int
    fed: int

    @classmethod
    def of(cls, axis: Axis, size: int) -> _Tiles:
        begins, counts = _kinds(axis, size)
        outputs = (begins[:, None] + np.arange(size)).ravel()
        valid = np.flatnonzero(outputs < axis.outputs)
        index, tap, position = _reads(axis, outputs[valid])
        tile, output = np.divmod(valid[index], size)
        key = tile * axis.extent + position
        order = np.argsort(key, kind="stable")
        key = key[order]
        fresh = np.concatenate([[True], key[1:] > key[:-1]]) if len(key) else np.zeros(0, dtype=np.bool_)
        starts = np.flatnonzero(fresh)
        reach = np.bincount(tile[order][starts], minlength=len(begins))
        return cls(
            size=size,
            trips=-(-axis.outputs // size),
            taps=axis.taps,
            kinds=len(begins),
            tile=tile[order],
            output=output[order],
            tap=tap[order],
            item=fresh.cumsum() - 1,
            starts=starts,
            reach=int(reach.max()),
            reach_sum=int(reach @ counts),
            fed=len(np.unique(index)),
        )

    def inputs_along_outputs(self) -> Sweep:
        return self._inputs_along(self.output, self.size)

    def inputs_along_taps(self) -> Sweep:
        return self._inputs_along(self.tap, self.taps)

    def _inputs_along(self, position: Ints, positions: int) -> Sweep:
        if not len(self.starts):
            return _lives(self.starts, self.starts, self.starts, self.kinds, positions)
        first = np.minimum.reduceat(position, self.starts)
        last = np.maximum.reduceat(position, self.starts)
        return _lives(self.tile[self.starts], first, last, self.kinds, positions)

    def outputs_along_inputs(self) -> Sweep:
        """Outputs that read nothing but padding are written without ever being held."""
        first_item = np.searchsorted(self.tile[self.starts], np.arange(self.kinds))
        rank = self.item - first_item[self.tile]
        key = self.tile * self.size + self.output
        first = np.full(self.kinds * self.size, self.reach, dtype=np.int64)
        last = np.full(self.kinds * self.size, -1, dtype=np.int64)
        np.minimum.at(first, key, rank)
        np.maximum.at(last, key, rank)
        used = np.flatnonzero(last >= 0)
        return _lives(used // self.size, first[used], last[used], self.kinds, max(self.reach, 1))


def _kinds(axis: Axis, size: int) -> tuple[Ints, Ints]:
    """First output and count of each kind of tile: full tiles that read no padding and share a phase are of one kind."""
    begins = np.arange(0, axis.outputs, size, dtype=np.int64)
    low = begins * axis.stride - axis.padding
    high = low + (size - 1) * axis.stride + (axis.taps - 1) * axis.dilation
    inside = (low >= 0) & (high < axis.extent * axis.upsample) & (begins + size <= axis.outputs)
    kind = np.where(inside, low % axis.upsample, axis.upsample + np.arange(len(begins)))
    _, chosen, counts = np.unique(kind, return_index=True, return_counts=True)
    return begins[chosen], counts


def _lives(tile: Ints, first: Ints, last: Ints, tiles: int, positions: int) -> Sweep:
    """Lines and points of items that live from `first` to `last` in their tile."""
    shape = (tiles, positions)
    opened = np.bincount(tile * positions + first, minlength=tiles * positions).reshape(shape)
    closed = np.bincount(tile * positions + last, minlength=tiles * positions).reshape(shape)
    seen = opened.cumsum(axis=1)
    due = closed[:, ::-1].cumsum(axis=1)[:, ::-1]
    items = np.broadcast_to(seen[:, -1:], shape)
    alive = seen + due - items
    lines = np.stack([alive - opened - closed, opened, closed], axis=-1).reshape(-1, 3)
    points = np.stack([items, seen, due], axis=-1).reshape(-1, 3)
    return Sweep(lines=lines, points=points, starts=np.zeros(1, dtype=np.int64))


def _joined(sweeps: list[Sweep]) -> Sweep:
    lengths = np.array([len(sweep.lines) for sweep in sweeps])
    return Sweep(
        lines=np.concatenate([sweep.lines for sweep in sweeps]),
        points=np.concatenate([sweep.points for sweep in sweeps]),
        starts=lengths.cumsum() - lengths,
    )
