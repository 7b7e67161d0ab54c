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

import numpy as np

from dse.model.plans import FAMILIES, Family
from dse.model.spots import Spots, input_spots, output_spots, weight_spots
from dse.model.windows import Ints, axis_tiles, tile_sizes
from dse.workload.operations import Axis, TensorOperation


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


def _block(spots: Spots, k: Ints, c: Ints, **columns: Ints) -> Candidates:
    """Broadcast one block's columns, channels along rows and spots along columns, to flat candidates."""
    wide = {"plan": spots.plan, "n": spots.n, "k": k, "c": c, "p": spots.p, "q": spots.q, **columns}
    shape = np.broadcast_shapes(*(value.shape for value in wide.values()))
    return Candidates(**{name: np.broadcast_to(value, shape).ravel() for name, value in wide.items()})


def _output_stationary(s: _Sizes) -> Iterator[Candidates]:
    k = tile_sizes(s.k)[:, None]
    for spots, pinned in zip(output_spots(s.n, s.height, s.width), (True, False), strict=True):
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
    for spots, pinned in zip(input_spots(s.n, s.height, s.width), (True, False), strict=True):
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
    for spots, by_input in zip(weight_spots(s.n, s.height, s.width), (True, False), strict=True):
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
