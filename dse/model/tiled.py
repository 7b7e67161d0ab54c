"""Cycles of an operation whose output tiles are dealt to the cores of a machine (see `dse.hardware.tiling`).

With M = N·P·Q, N' = K/G, K' = C·R·S/G, G groups, a tile of t x u outputs on b = min(rows·cols, the tile's units) MAC units of a
core, and a reduction cut into s parts:

    waves  = ceil(s·G·ceil(M/t)·ceil(N'/u) / cores)
    cycles = waves · t·u·ceil(K'/s)·passes / b   +   s·G·M·N' / (rows·cols·cores) to add the parts, where s > 1

The quickest of all tiles, both directions, and parts runs. The Winograd algorithm F(e x e, 3 x 3) has M = N·ceil(P/e)·ceil(Q/e),
K' = C/G, and (e + 2)^2 such products in each tile; its transforms hide behind them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dse.hardware.design import BoolColumn, FloatColumn, IntColumn
from dse.hardware.tiling import WINOGRAD_TAPS, Tile, Tiling, Use
from dse.model.nests import Nests, ceil
from dse.units import BITS_PER_BYTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One way to run an operation: a tile with its direction, parts of the reduction, and Winograd's edge or None."""

    use: Use
    tile: Tile
    rows: int
    cols: int
    parts: int = 1
    winograd: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiled:
    """The quickest way of each operation on each machine; arrays have shape (machines, operations).

    `cycles`, `buffer_bytes` and `products` (MACs, before passes) are of one repeat; `chosen` indexes `cuts`. `waves` are rounds
    over the cores; `busy_cycles` are the cycles that tiles would take if they filled the cores evenly, without the adding of
    parts; `adding_cycles` are those.
    """

    cuts: tuple[Cut, ...]
    chosen: IntColumn
    cycles: FloatColumn
    buffer_bytes: FloatColumn
    products: FloatColumn
    tiles: IntColumn
    waves: IntColumn
    busy_cycles: FloatColumn
    adding_cycles: FloatColumn


def uses_of(s: Nests) -> dict[Use, BoolColumn]:
    """Which operations, shape (1, operations), are of which use."""
    maps = (s.taps > 1) | (s.height.outputs * s.width.outputs > 1)
    recurrent = s.repeats > 1
    return {"recurrent": recurrent, "convolution": maps & ~recurrent, "product": ~maps & ~recurrent}


def cuts_of(tiling: Tiling, use: Use) -> Iterator[Cut]:
    """Every way to run an operation of a use."""
    parts = [2**power for power in range(tiling.splits.bit_length())] if use != "convolution" else [1]
    edges = (None, tiling.winograd) if use == "convolution" and tiling.winograd is not None else (None,)
    for tile in tiling.of(use):
        for rows, cols in dict.fromkeys([(tile.rows, tile.cols), (tile.cols, tile.rows)]):
            for part in parts:
                for edge in edges:
                    yield Cut(use=use, tile=tile, rows=rows, cols=cols, parts=part, winograd=edge)


def tiled(units: IntColumn, cores: IntColumn, passes: IntColumn, s: Nests, tiling: Tiling) -> Tiled:
    """The quickest way of every operation; `units` (MAC units of a core) and `cores` have shape (machines, 1)."""
    shape = np.broadcast_shapes(units.shape, s.m.shape)
    uses = uses_of(s)
    cuts = tuple(cut for use in uses for cut in cuts_of(tiling, use))
    chosen, whole = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    best = [np.full(shape, np.inf), *(np.zeros(shape) for _ in range(4))]
    tiles, waves = whole.copy(), whole.copy()
    for index, cut in enumerate(cuts):
        can = uses[cut.use] & _can(cut, s)
        if not can.any():
            continue
        m, k, products = _product(cut, s)
        count = np.broadcast_to(cut.parts * s.groups * _covers(m, cut.rows) * _covers(s.n, cut.cols), shape)
        rounds = ceil(count, cores)
        busy = units if cut.tile.units is None else np.minimum(units, cut.tile.units)
        each = cut.rows * cut.cols * _covers(k, cut.parts) * products * passes / busy
        adding = cut.parts * s.groups * m * s.n / (units * cores) if cut.parts > 1 else np.zeros(shape)
        cycles = rounds * each + adding
        better = can & (cycles < best[0])
        size = s.groups * products * (m * k).astype(np.float64)
        found = (cycles, _buffer_bytes(cut, s), size * s.n, count * each / cores, adding)
        for column, values in zip(best, found, strict=True):
            np.copyto(column, values, where=better)
        for column, values in ((chosen, np.int64(index)), (tiles, count), (waves, rounds)):
            np.copyto(column, values, where=better)
    # A direct run multiplies what the nest counts (a transposed convolution is rounded in the product that it becomes).
    direct = np.array([cut.winograd is None for cut in cuts])[chosen]
    return Tiled(
        cuts=cuts,
        chosen=chosen,
        cycles=best[0],
        buffer_bytes=best[1],
        products=np.where(direct, s.macs, best[2]),
        tiles=tiles,
        waves=waves,
        busy_cycles=best[3],
        adding_cycles=best[4],
    )


def _covers(size: IntColumn, part: int) -> IntColumn:
    """Whole parts that cover a size."""
    return -(-size // part)


def _can(cut: Cut, s: Nests) -> BoolColumn:
    able = np.ones(s.m.shape, dtype=np.bool_)
    if cut.tile.whole:
        able &= (s.m % cut.rows == 0) & (s.n % cut.cols == 0)
    if cut.tile.narrow:
        able &= s.m <= cut.rows if cut.rows < cut.cols else s.n <= cut.cols
    if cut.winograd is not None:
        for axis in (s.height, s.width):
            able &= (axis.taps == WINOGRAD_TAPS) & (axis.stride == 1) & (axis.dilation == 1) & (axis.upsample == 1)
    return able


def _product(cut: Cut, s: Nests) -> tuple[IntColumn, IntColumn, int]:
    """M and K' of one group, and how many such products a tile takes."""
    if cut.winograd is None:
        return s.m, s.k, 1
    tiles = _covers(s.height.outputs, cut.winograd) * _covers(s.width.outputs, cut.winograd)
    return s.batch * tiles, s.c, (cut.winograd + WINOGRAD_TAPS - 1) ** 2


def _buffer_bytes(cut: Cut, s: Nests) -> FloatColumn:
    """Between buffer and cores: inputs once for each column of tiles, weights for each row, outputs once, parts and back."""
    m, k, products = _product(cut, s)
    inputs = (m * k).astype(np.float64) * products * s.input_bits * _covers(s.n, cut.cols)
    weights = (k * s.n).astype(np.float64) * products * s.weight_bits * _covers(m, cut.rows)
    outputs = (s.m * s.n).astype(np.float64) * (s.output_bits + 2 * (cut.parts - 1) * s.accumulator_bits)
    return s.groups * (inputs + weights + outputs) / BITS_PER_BYTE
