"""Cycles of an operation whose output tiles are dealt to the cores of a machine (see `dse.hardware.tiling`).

With M = N·P·Q, N' = K/G, K' = C·R·S/G, G groups, a tile of t x u outputs of which r share a core, each on b = min(rows·cols, the
tile's units) / r of its MAC units, p products a unit at once, and a reduction cut into s parts:

    waves  = ceil(s·G·ceil(M/t)·ceil(N'/u) / (cores·r))
    cycles = waves · t·u·ceil(K'/s)·passes / (b·p)   +   s·G·M·N' / (rows·cols·cores) to add the parts, where s > 1

The quickest of all tiles, both directions, and parts runs; a product with idle splits is cut only where its tiles are no more
than half of cores·r. A tile of a width of operands serves that width alone, which takes no other. The Winograd algorithm
F(e x e, 3 x 3) has M = N·ceil(P/e)·ceil(Q/e), K' = C/G, and (e + 2)^2 such products in each tile; its transforms hide behind
them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    idle_only: bool = False
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
    idle = use == "product" and tiling.idle_splits is not None
    most = (tiling.idle_splits or 1) if idle else tiling.splits
    parts = [2**power for power in range(most.bit_length())] if use != "convolution" else [1]
    ways: list[tuple[int | None, tuple[Tile, ...]]] = [(None, tiling.of(use))]
    if use == "convolution" and tiling.winograd is not None:
        ways.append((tiling.winograd, tiling.winograd_tiles or tiling.convolution))
    for edge, tiles in ways:
        for tile in tiles:
            for rows, cols in dict.fromkeys([(tile.rows, tile.cols), (tile.cols, tile.rows)]):
                for part in parts:
                    limited = idle and part > 1
                    yield Cut(use=use, tile=tile, rows=rows, cols=cols, parts=part, idle_only=limited, winograd=edge)


def _widths(cuts: Sequence[Cut], cut: Cut) -> set[int]:
    """Widths of operands that have tiles of their own among the cuts of the same use and algorithm."""
    alike = (other for other in cuts if (other.use, other.winograd is None) == (cut.use, cut.winograd is None))
    return {other.tile.bits for other in alike if other.tile.bits is not None}


def busy_units(tile: Tile, units: IntColumn) -> FloatColumn:
    """MAC units of a core, times products at once, that one tile keeps busy; `units` are the core's."""
    most = units if tile.units is None else np.minimum(units, tile.units)
    return np.asarray(most * (tile.pairs / tile.resident), dtype=np.float64)


def tiled(units: IntColumn, cores: IntColumn, passes: IntColumn, s: Nests, tiling: Tiling) -> Tiled:
    """The quickest way of every operation; `units` (MAC units of a core) and `cores` have shape (machines, 1)."""
    shape = np.broadcast_shapes(units.shape, s.m.shape)
    uses = uses_of(s)
    cuts = tuple(cut for use in uses for cut in cuts_of(tiling, use))
    chosen, whole = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    best = [np.full(shape, np.inf), *(np.zeros(shape) for _ in range(4))]
    tiles, waves = whole.copy(), whole.copy()
    for index, cut in enumerate(cuts):
        can = uses[cut.use] & _can(cut, s, _widths(cuts, cut))
        if not can.any():
            continue
        m, k, products = _product(cut, s)
        uncut = s.groups * _covers(m, cut.rows) * _covers(s.n, cut.cols)
        count = np.broadcast_to(cut.parts * uncut, shape)
        slots = cores * cut.tile.resident
        rounds = ceil(count, slots)
        if cut.idle_only:
            can = can & (2 * uncut <= slots)
        each = cut.rows * cut.cols * _covers(k, cut.parts) * products * passes / busy_units(cut.tile, units)
        adding = cut.parts * s.groups * m * s.n / (units * cores) if cut.parts > 1 else np.zeros(shape)
        cycles = rounds * each + adding
        better = can & (cycles < best[0])
        size = s.groups * products * (m * k).astype(np.float64)
        found = (cycles, _buffer_bytes(cut, s), size * s.n, count * each / slots, adding)
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


def _can(cut: Cut, s: Nests, widths: set[int]) -> BoolColumn:
    width = np.maximum(s.input_bits, s.weight_bits)
    able = width == cut.tile.bits if cut.tile.bits is not None else ~np.isin(width, sorted(widths))
    if cut.tile.channels > 1:
        able &= s.c % cut.tile.channels == 0
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
