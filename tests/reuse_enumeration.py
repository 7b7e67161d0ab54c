"""Exhaustive enumeration of the mapping class on tiny nests, by sets of elements and without any formula of `dse.model`.

Every chain of integer tile sizes in every dimension (imperfect tiles too), every order of the loops that they make, and every
depth at which each operand may be held. At its depth an operand's buffer holds exactly the elements that the loops inside need.
An operand is fetched for each iteration of the loops at and outside its innermost relevant one; along that one, what the next
iteration needs too stays (a rolling window). Partial sums that leave unfinished come back.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache

from dse.model.reuse import reuse_curve
from dse.workload.operations import Axis, Conv2d, Gemm, TensorOperation

BYTE = {"input": 8, "weight": 8, "output": 8, "accumulator": 8}
WIDE_SUMS = {"input": 8, "weight": 16, "output": 8, "accumulator": 32}
WIDE_MAPS = {"input": 16, "weight": 8, "output": 16, "accumulator": 24}
HALF = {"input": 4, "weight": 4, "output": 8, "accumulator": 16}
WIDTHS = (BYTE, WIDE_SUMS, WIDE_MAPS, HALF)


def conv(n, k, c, p, q, r, s, stride=1, padding=0, dilation=1, groups=1) -> TensorOperation:
    return Conv2d(n=n, k=k, c=c, p=p, q=q, r=r, s=s, stride=stride, padding=padding, dilation=dilation, groups=groups)


def transposed(k, c, taps, stride, outputs, padding=0) -> TensorOperation:
    extent = (outputs - 1 + 2 * padding - taps + 1) // stride + 1
    axis = Axis(outputs=outputs, taps=taps, upsample=stride, padding=taps - 1 - padding, extent=extent)
    return TensorOperation(k=k, c=c, height=axis, width=axis)


TINY = [
    *(Gemm(m=m, n=n, k=k) for m, n, k in ((2, 4, 3), (3, 3, 3), (5, 2, 3), (2, 2, 5), (1, 4, 4))),
    conv(1, 2, 2, 3, 2, 2, 2),
    conv(1, 2, 2, 2, 3, 3, 2, padding=1),
    conv(1, 2, 2, 3, 3, 2, 2, stride=2),
    conv(1, 2, 1, 3, 3, 3, 3, padding=1),
    conv(1, 2, 2, 3, 1, 2, 1, dilation=2),
    conv(2, 2, 2, 2, 2, 2, 2),
    conv(1, 2, 2, 3, 3, 2, 2, padding=1, groups=2),
    conv(1, 3, 2, 3, 2, 2, 1, stride=3),
    conv(1, 1, 1, 4, 4, 3, 3, padding=1),
    conv(1, 2, 2, 4, 1, 3, 1),
    conv(1, 1, 1, 4, 1, 3, 1, dilation=2),
    conv(1, 2, 2, 2, 2, 1, 1),
    conv(1, 2, 3, 1, 1, 2, 2),
    transposed(2, 1, taps=3, stride=2, outputs=4),
]

DIMENSIONS = "nkcpqrs"
RELEVANT = {"i": "ncpqrs", "w": "kcrs", "o": "nkpq"}
Loop = tuple[str, int]
Tile = dict[str, tuple[int, int]]


def enumeration_finds_nothing_lower(operation: TensorOperation) -> None:
    curve = reuse_curve(operation)
    for capacity_bits, traffic_bits in Enumeration(operation).staircase():
        assert curve.at(capacity_bits / 8) <= traffic_bits * operation.groups / 8


class Enumeration:
    """All mappings of one group of `operation`: how many there are, and the least traffic in bits by capacity in bits.

    With `tile_filter` the loops over filter rows and columns may stand anywhere; without it they are innermost.
    """

    def __init__(self, operation: TensorOperation, *, tile_filter: bool = False) -> None:
        self.op = operation
        self.height, self.width = operation.height, operation.width
        self.extent = {
            "n": operation.n,
            "k": operation.k // operation.groups,
            "c": operation.c // operation.groups,
            "p": self.height.outputs,
            "q": self.width.outputs,
            "r": self.height.taps,
            "s": self.width.taps,
        }
        self.tiled = DIMENSIONS if tile_filter else DIMENSIONS[:5]
        self.cost = cache(self._cost)
        self.mappings = 0
        self.least: dict[int, int] = {}
        for loops in self._nests():
            self._hold_everywhere(loops)

    def staircase(self) -> list[tuple[int, int]]:
        """(capacity, traffic) in bits where traffic falls."""
        steps: list[tuple[int, int]] = []
        for capacity, traffic in sorted(self.least.items()):
            if not steps or traffic < steps[-1][1]:
                steps.append((capacity, traffic))
        return steps

    def _nests(self) -> Iterator[tuple[Loop, ...]]:
        for chains in itertools.product(*(_chains(name, self.extent[name]) for name in self.tiled)):
            yield from _merges([chain for chain in chains if chain])

    def _hold_everywhere(self, loops: tuple[Loop, ...]) -> None:
        depths = range(len(loops) + 1)
        inputs, weights, outputs = ([self.cost(operand, loops[:depth]) for depth in depths] for operand in ("i", "w", "o"))
        self.mappings += len(depths) ** 3
        for (held_i, moved_i), (held_w, moved_w) in itertools.product(_useful(inputs), _useful(weights)):
            for held_o, moved_o in _useful(outputs):
                held, moved = held_i + held_w + held_o, moved_i + moved_w + moved_o
                if moved < self.least.get(held, moved + 1):
                    self.least[held] = moved

    def _cost(self, operand: str, outside: tuple[Loop, ...]) -> tuple[int, int]:
        """(most bits held, bits moved) of an operand held inside the loops `outside`."""
        held, visits, before, around = 0, {}, frozenset(), None
        relevant = [depth for depth, (name, _) in enumerate(outside) if name in RELEVANT[operand]]
        rolling = relevant[-1] if relevant else 0
        for place, tile in self._tiles(outside, (), {name: (0, size) for name, size in self.extent.items()}):
            now = self._elements(operand, tuple(tile[name] for name in DIMENSIONS))
            held = max(held, len(now))
            stays = before if place[:rolling] == around else frozenset()
            around = place[:rolling]
            for element in now - stays:
                visits[element] = visits.get(element, 0) + 1
            before = now
        if operand == "o":
            spills = sum(visits.values()) - len(visits)
            return held * self.op.accumulator_bits, 2 * spills * self.op.accumulator_bits + len(visits) * self.op.output_bits
        bits = self.op.input_bits if operand == "i" else self.op.weight_bits
        return held * bits, sum(visits.values()) * bits

    def _tiles(self, loops: tuple[Loop, ...], place: tuple[int, ...], tile: Tile) -> Iterator[tuple[tuple[int, ...], Tile]]:
        if not loops:
            yield place, tile
            return
        (name, step), rest = loops[0], loops[1:]
        begin, end = tile[name]
        for start in range(begin, end, step):
            yield from self._tiles(rest, (*place, start), tile | {name: (start, min(start + step, end))})

    def _elements(self, operand: str, tile: tuple[tuple[int, int], ...]) -> frozenset:
        n, k, c, p, q, r, s = (range(*bounds) for bounds in tile)
        if operand == "w":
            return frozenset(itertools.product(k, c, r, s))
        if operand == "o":
            return frozenset(itertools.product(n, k, p, q))
        return frozenset(itertools.product(n, c, _read(self.height, p, r), _read(self.width, q, s)))


def _read(axis: Axis, outputs: range, taps: range) -> set[int]:
    read = set()
    for output, tap in itertools.product(outputs, taps):
        position, rest = divmod(output * axis.stride + tap * axis.dilation - axis.padding, axis.upsample)
        if rest == 0 and 0 <= position < axis.extent:
            read.add(position)
    return read


def _chains(name: str, extent: int) -> list[tuple[Loop, ...]]:
    """Every descending choice of tile sizes from the extent to one, as loops from the outermost in."""
    if extent == 1:
        return [()]
    between = range(2, extent)
    chosen = itertools.chain.from_iterable(itertools.combinations(between, count) for count in range(len(between) + 1))
    return [tuple((name, size) for size in (*reversed(sizes), 1)) for sizes in chosen]


def _merges(chains: list[tuple[Loop, ...]]) -> Iterator[tuple[Loop, ...]]:
    """Every order of the loops that keeps each dimension's larger tiles outside its smaller ones."""
    if not chains:
        yield ()
        return
    for index, chain in enumerate(chains):
        left = [other for position, other in enumerate(chains) if position != index]
        if len(chain) > 1:
            left.insert(index, chain[1:])
        for rest in _merges(left):
            yield (chain[0], *rest)


def _useful(costs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Depths that no other depth of the same nest betters in both held and moved bits."""
    useful: list[tuple[int, int]] = []
    for held, moved in sorted(set(costs)):
        if not useful or moved < useful[-1][1]:
            useful.append((held, moved))
    return useful
