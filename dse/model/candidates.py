"""Candidate mappings of a tensor operation in three families, as columns of footprints and traffic.

One group and one repeat, everything in bits. The tile of the stationary operand stays on chip while the other two stream past
it. Widths: a input, b weight, o output, x accumulator (partial sums). Tile k, c, n, p, q; F = R·S taps; "once" is compulsory::

    family             on chip, besides the held tile          input         weights      output
    output stationary  k·n·p·q·x
      taps pinned      k·F·b + a                               Σih·Σiw·tr(k) tr(n,p,q)    once
      taps streamed    n·alive(inputs along taps)·a + b        same          same         once
    input stationary   c·n·ih·iw·a
      taps pinned      c·F·b + x                               Σih·Σiw       tr(n,p,q)    spill(tr(c))
      taps streamed    n·p·q·x + b                             same          same         same
      rolling          ih becomes what tiles along p share     H·Σiw         same         same
    weight stationary  k·c·F·b
      input window     c·alive(inputs along outputs)·a + x     H·Σiw·tr(k)   once         spill(tr(c))
      output window    k·alive(outputs along inputs)·x + a     same          once         same
      output tile      k·p·q·x + a                             Σih·Σiw·tr(k) once         same

tr(d) = ceil(D/d) trips and spill(t) = 2·(t - 1)·x + o for each output: partial sums leave and return at accumulator width, and
the first read, of zeros, is free. Rolling and windows exist along either axis. For a matrix product they are the two streams
(through a line, or through an element) of each classic stationary tile. Tiles need not divide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from dse.model.windows import Ints, axis_tiles, most_alive, tile_sizes
from dse.workload.operations import Axis, TensorOperation

Family = Literal["output_stationary", "input_stationary", "weight_stationary"]
FAMILIES: tuple[Family, ...] = get_args(Family)


@dataclass(frozen=True, slots=True)
class Plan:
    """Loops from the outermost in, and how many of them lie outside of the scope in which each operand is kept.

    A capital is a loop over tiles, a small letter a loop inside the tile by ones; ``h`` and ``w`` visit the input positions
    that the tile reads. Within its scope an element is loaded once, before its first use, and leaves after its last.
    """

    family: Family
    stream: str
    loops: str
    input_scope: int
    weight_scope: int
    output_scope: int


TAPS_PINNED = Plan("output_stationary", "each input element meets the pinned taps of its channel", "KNPQCcnhwkrs", 5, 5, 4)
TAPS_BY_ROW = Plan("output_stationary", "inputs roll along the filter's rows, weights pass one by one", "KNPQCcrsknpq", 5, 5, 4)
TAPS_BY_COLUMN = Plan("output_stationary", "inputs roll along the filter's columns, weights pass one by one", "KNPQCcsrknqp", 5, 5, 4)
INPUT_HELD = (
    Plan("input_stationary", "pinned taps of one output channel, outputs pass one by one", "CNQPKnpqkcrs", 4, 5, 5),
    Plan("input_stationary", "weights pass one by one, outputs of one channel are pinned", "CNQPKkcrsnpq", 4, 5, 5),
)
INPUT_ROLLS_DOWN = (
    Plan("input_stationary", "rows are kept from tile to tile; pinned taps, outputs one by one", "CNQPKnpqkcrs", 3, 5, 5),
    Plan("input_stationary", "rows are kept from tile to tile; weights one by one, outputs pinned", "CNQPKkcrsnpq", 3, 5, 5),
)
INPUT_ROLLS_ACROSS = (
    Plan("input_stationary", "columns are kept from tile to tile; pinned taps, outputs one by one", "CNPQKnpqkcrs", 3, 5, 5),
    Plan("input_stationary", "columns are kept from tile to tile; weights one by one, outputs pinned", "CNPQKkcrsnpq", 3, 5, 5),
)
INPUT_WINDOW_DOWN = Plan("weight_stationary", "a window of inputs rolls down a strip, outputs one by one", "KCNQPnpqkcrs", 5, 2, 5)
INPUT_WINDOW_ACROSS = Plan("weight_stationary", "a window of inputs rolls across a strip, outputs one by one", "KCNPQnqpkcrs", 5, 2, 5)
OUTPUT_WINDOW_DOWN = Plan("weight_stationary", "a window of outputs rolls down a strip, inputs one by one", "KCNQPnhwckrs", 5, 2, 5)
OUTPUT_WINDOW_ACROSS = Plan("weight_stationary", "a window of outputs rolls across a strip, inputs one by one", "KCNPQnwhckrs", 5, 2, 5)
OUTPUT_TILE = Plan("weight_stationary", "a tile of outputs is pinned, inputs pass one by one", "KCNPQnhwckrs", 5, 2, 5)

PLANS: tuple[Plan, ...] = (
    TAPS_PINNED,
    TAPS_BY_ROW,
    TAPS_BY_COLUMN,
    *INPUT_HELD,
    *INPUT_ROLLS_DOWN,
    *INPUT_ROLLS_ACROSS,
    INPUT_WINDOW_DOWN,
    INPUT_WINDOW_ACROSS,
    OUTPUT_WINDOW_DOWN,
    OUTPUT_WINDOW_ACROSS,
    OUTPUT_TILE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Mappings as columns of shape (mappings,): index into `PLANS`, tile sizes, bits held and bits moved by operand."""

    plan: Ints
    n: Ints
    k: Ints
    c: Ints
    p: Ints
    q: Ints
    input_held: Ints
    weight_held: Ints
    output_held: Ints
    input_moved: Ints
    weight_moved: Ints
    output_moved: Ints

    @property
    def held(self) -> Ints:
        """Bits on chip at once."""
        return self.input_held + self.weight_held + self.output_held

    @property
    def other_moved(self) -> Ints:
        """Bits moved, without the weights."""
        return self.input_moved + self.output_moved

    @property
    def moved(self) -> Ints:
        """Bits moved."""
        return self.other_moved + self.weight_moved

    def take(self, chosen: Ints) -> Candidates:
        """The chosen mappings in the order asked for."""
        return replace(self, **{f.name: getattr(self, f.name)[chosen] for f in fields(self)})

    @classmethod
    def joined(cls, parts: list[Candidates]) -> Candidates:
        """All mappings of all parts."""
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})


Choice = Callable[[Candidates], Ints]
"""Which mappings of a block are worth keeping."""


def candidates(nest: TensorOperation, family: Family | None, choose: Choice) -> Candidates:
    """The mappings of one group of `nest` that `choose` keeps, of one family or of all, block by block."""
    families = FAMILIES if family is None else (family,)
    return Candidates.joined([block.take(choose(block)) for name in families for block in _FAMILY[name](_Sizes.of(nest))])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sizes:
    """Extents of one group and widths in bits."""

    n: int
    k: int
    c: int
    height: Axis
    width: Axis
    taps: int
    input_bits: int
    weight_bits: int
    output_bits: int
    sum_bits: int

    @classmethod
    def of(cls, nest: TensorOperation) -> _Sizes:
        return cls(
            n=nest.n,
            k=nest.k // nest.groups,
            c=nest.c // nest.groups,
            height=nest.height,
            width=nest.width,
            taps=nest.height.taps * nest.width.taps,
            input_bits=nest.input_bits,
            weight_bits=nest.weight_bits,
            output_bits=nest.output_bits,
            sum_bits=nest.accumulator_bits,
        )

    @property
    def weight_total(self) -> int:
        return self.k * self.c * self.taps * self.weight_bits

    @property
    def outputs(self) -> int:
        return self.n * self.k * self.height.outputs * self.width.outputs

    def spill(self, trips: Ints) -> Ints:
        """Bits of outputs that take `trips` turns; those that read nothing but padding are never partial."""
        partial = self.n * self.k * axis_tiles(self.height).fed * axis_tiles(self.width).fed
        return 2 * (trips - 1) * self.sum_bits * partial + self.outputs * self.output_bits


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spots:
    """Ways to cut the batch and the plane, columns of shape (spots,): tile, trips, inputs read, and items alive."""

    plan: Ints
    n: Ints
    p: Ints
    q: Ints
    trips: Ints
    inputs: Ints
    area: Ints
    window: Ints

    @classmethod
    def of(cls, plan: Plan, shape: tuple[int, ...], **columns: npt.ArrayLike) -> _Spots:
        flat = {name: np.broadcast_to(np.asarray(value, dtype=np.int64), shape).ravel() for name, value in columns.items()}
        return cls(plan=np.full(flat["n"].shape, PLANS.index(plan)), **flat)

    def take(self, chosen: Ints) -> _Spots:
        return replace(self, **{f.name: getattr(self, f.name)[chosen] for f in fields(self)})

    def best(self, *criteria: str) -> _Spots:
        """The spots that no other equals or betters in all of the criteria."""
        return self.take(not_dominated(np.stack([getattr(self, name) for name in criteria])))

    @classmethod
    def joined(cls, parts: list[_Spots]) -> _Spots:
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})


def not_dominated(columns: Ints) -> Ints:
    """Indices of the points (columns of shape (criteria, points)) that no other point equals or betters in every criterion."""
    # In this order no point is dominated by a later one, and the first rule out the most.
    order = np.argsort(np.log1p(columns).sum(axis=0), kind="stable")
    left = columns[:, order]
    kept: list[int] = []
    while len(order):
        kept.append(int(order[0]))
        better = left[0] < left[0, 0]
        for criterion in left[1:]:
            better |= criterion < criterion[0]
        order, left = order[better], left[:, better]
    return np.array(kept)


def _block(spots: _Spots, k: Ints, c: Ints, **columns: Ints) -> Candidates:
    """Broadcast one block's columns, channels along rows and spots along columns, to flat candidates."""
    wide = {"plan": spots.plan, "n": spots.n, "k": k, "c": c, "p": spots.p, "q": spots.q, **columns}
    shape = np.broadcast_shapes(*(value.shape for value in wide.values()))
    return Candidates(**{name: np.broadcast_to(value, shape).ravel() for name, value in wide.items()})


def _output_stationary(s: _Sizes) -> Iterator[Candidates]:
    k = tile_sizes(s.k)[:, None]
    for spots, pinned in zip(_output_spots(s.n, s.height, s.width), (True, False), strict=True):
        yield _block(
            spots,
            k,
            np.ones((1, 1), dtype=np.int64),
            output_held=k * spots.area * s.sum_bits,
            weight_held=k * (s.taps * s.weight_bits) if pinned else np.full((1, 1), s.weight_bits),
            input_held=np.full((1, 1), s.input_bits) if pinned else spots.window * s.input_bits,
            input_moved=-(-s.k // k) * spots.inputs * (s.c * s.input_bits),
            weight_moved=spots.trips * s.weight_total,
            output_moved=np.full((1, 1), s.outputs * s.output_bits),
        )


def _input_stationary(s: _Sizes) -> Iterator[Candidates]:
    c = tile_sizes(s.c)[:, None]
    for spots, pinned in zip(_input_spots(s.n, s.height, s.width), (True, False), strict=True):
        yield _block(
            spots,
            np.ones((1, 1), dtype=np.int64),
            c,
            input_held=c * spots.window * s.input_bits,
            weight_held=c * (s.taps * s.weight_bits) if pinned else np.full((1, 1), s.weight_bits),
            output_held=np.full((1, 1), s.sum_bits) if pinned else spots.area * s.sum_bits,
            input_moved=spots.inputs * (s.c * s.input_bits),
            weight_moved=spots.trips * s.weight_total,
            output_moved=s.spill(-(-s.c // c)),
        )


def _weight_stationary(s: _Sizes) -> Iterator[Candidates]:
    k, c = (sizes.ravel()[:, None] for sizes in np.meshgrid(tile_sizes(s.k), tile_sizes(s.c), indexing="ij"))
    for spots, by_input in zip(_weight_spots(s.n, s.height, s.width), (True, False), strict=True):
        yield _block(
            spots,
            k,
            c,
            weight_held=k * c * (s.taps * s.weight_bits),
            input_held=c * spots.window * s.input_bits if by_input else np.full((1, 1), s.input_bits),
            output_held=np.full((1, 1), s.sum_bits) if by_input else k * spots.window * s.sum_bits,
            input_moved=-(-s.k // k) * spots.inputs * (s.c * s.input_bits),
            weight_moved=np.full((1, 1), s.weight_total),
            output_moved=s.spill(-(-s.c // c)),
        )


_FAMILY: dict[Family, Callable[[_Sizes], Iterator[Candidates]]] = {
    "output_stationary": _output_stationary,
    "input_stationary": _input_stationary,
    "weight_stationary": _weight_stationary,
}


def _grid(n: int, height: Axis, width: Axis) -> tuple[Ints, Ints, Ints, Ints]:
    """Batch tiles (n, 1, 1), tile sizes of the axes (1, p, 1) and (1, 1, q), and trips (n, p, q)."""
    rows, columns = axis_tiles(height), axis_tiles(width)
    batch = tile_sizes(n)[:, None, None]
    p, q = rows.size[None, :, None], columns.size[None, None, :]
    return batch, p, q, -(-n // batch) * rows.trips[None, :, None] * columns.trips[None, None, :]


@lru_cache(maxsize=512)
def _output_spots(n: int, height: Axis, width: Axis) -> tuple[_Spots, _Spots]:
    """Tiles of held outputs: with taps pinned, and with inputs rolling along the taps (`window` inputs alive)."""
    rows, columns = axis_tiles(height), axis_tiles(width)
    batch, p, q, trips = _grid(n, height, width)
    inputs = n * rows.reach_sum[None, :, None] * columns.reach_sum[None, None, :]
    by_row = np.maximum(most_alive(rows.inputs_along_taps, columns.inputs_along_taps), 1)
    by_column = np.maximum(most_alive(columns.inputs_along_taps, rows.inputs_along_taps).T, 1)
    shared = {"n": batch, "p": p, "q": q, "trips": trips, "inputs": inputs, "area": batch * p * q}
    pinned = _Spots.of(TAPS_PINNED, trips.shape, window=1, **shared).best("area", "trips", "inputs")
    streamed = _Spots.joined(
        [
            _Spots.of(TAPS_BY_ROW, trips.shape, window=batch * by_row, **shared),
            _Spots.of(TAPS_BY_COLUMN, trips.shape, window=batch * by_column, **shared),
        ]
    )
    return pinned, streamed.best("area", "window", "trips", "inputs")


@lru_cache(maxsize=512)
def _input_spots(n: int, height: Axis, width: Axis) -> tuple[_Spots, _Spots]:
    """Tiles of held inputs (`window` positions), apart or rolling along an axis: with taps pinned, with taps streamed."""
    rows, columns = axis_tiles(height), axis_tiles(width)
    batch, p, q, trips = _grid(n, height, width)
    ih, iw = rows.reach[None, :, None], columns.reach[None, None, :]
    ih_sum, iw_sum = rows.reach_sum[None, :, None], columns.reach_sum[None, None, :]
    down, across = rows.rolled[None, :, None], columns.rolled[None, None, :]
    ways = (
        (INPUT_HELD, ih * iw, ih_sum * iw_sum),
        (INPUT_ROLLS_DOWN, down * iw, rows.touched * iw_sum),
        (INPUT_ROLLS_ACROSS, ih * across, ih_sum * columns.touched),
    )
    pair: list[_Spots] = []
    for stream in (0, 1):
        spots = _Spots.joined(
            [
                _Spots.of(
                    plans[stream],
                    trips.shape,
                    n=batch,
                    p=p,
                    q=q,
                    trips=trips,
                    inputs=n * inputs,
                    area=batch * p * q,
                    window=batch * held,
                )
                for plans, held, inputs in ways
            ]
        )
        pair.append(spots.best("window", "trips", "inputs") if stream == 0 else spots.best("window", "area", "trips", "inputs"))
    return pair[0], pair[1]


@lru_cache(maxsize=512)
def _weight_spots(n: int, height: Axis, width: Axis) -> tuple[_Spots, _Spots]:
    """Strips past held weights, with `window` inputs alive, or with `window` outputs alive."""
    rows, columns = axis_tiles(height), axis_tiles(width)
    down = {"p": height.outputs, "q": columns.size, "inputs": n * rows.touched * columns.reach_sum}
    across = {"p": rows.size, "q": width.outputs, "inputs": n * columns.touched * rows.reach_sum}
    by_input = [
        _strips(INPUT_WINDOW_DOWN, most_alive(rows.inputs_along_outputs.whole(), columns.inputs_along_outputs), down),
        _strips(INPUT_WINDOW_ACROSS, most_alive(columns.inputs_along_outputs.whole(), rows.inputs_along_outputs), across),
    ]
    tiles = {
        "p": rows.size[:, None],
        "q": columns.size[None, :],
        "inputs": n * rows.reach_sum[:, None] * columns.reach_sum[None, :],
    }
    by_output = [
        _strips(OUTPUT_WINDOW_DOWN, most_alive(rows.outputs_along_inputs.whole(), columns.outputs_along_inputs), down),
        _strips(OUTPUT_WINDOW_ACROSS, most_alive(columns.outputs_along_inputs.whole(), rows.outputs_along_inputs), across),
        _strips(OUTPUT_TILE, rows.size[:, None] * columns.size[None, :], tiles),
    ]
    return _Spots.joined(by_input).best("window", "inputs"), _Spots.joined(by_output).best("window", "inputs")


def _strips(plan: Plan, window: Ints, columns: dict[str, npt.ArrayLike]) -> _Spots:
    alive = np.maximum(window if plan is OUTPUT_TILE else window.ravel(), 1)
    return _Spots.of(plan, alive.shape, n=1, trips=1, area=1, window=alive, **columns)
