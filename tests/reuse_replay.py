"""A literal replay of a mapping: walk its loops, hold what its scopes say, count loads and stores element by element.

Written from the description in `dse.model.witness`, not from any formula of traffic or footprint.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from dse.model.reuse import Mapping
from dse.workload.operations import Axis

OPERANDS = ("input", "weight", "output")


@dataclass
class Replayed:
    """What the replay counted, in bits."""

    held: int
    moved: dict[str, int]


class _Walk:
    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        op = mapping.operation
        self.op = op
        joined = mapping.folded["n"] + mapping.folded["c"]
        self.height = Axis() if {"p", "r"} & set(joined) else op.height
        self.width = Axis() if {"q", "s"} & set(joined) else op.width
        self.parts = {"n": op.n, "p": op.height.outputs, "q": op.width.outputs}
        self.parts |= {"c": op.c // op.groups, "r": op.height.taps, "s": op.width.taps}
        self.extent = {
            "n": self._product(mapping.folded["n"]),
            "c": self._product(mapping.folded["c"]),
            "k": op.k // op.groups,
            "p": self.height.outputs,
            "q": self.width.outputs,
        }
        self.events: list[tuple[tuple[str, tuple, tuple], ...]] = []
        self.seen_weights: dict[tuple, set] = {}
        self.seen_outputs: set = set()

    def _product(self, names: str) -> int:
        size = 1
        for name in names:
            size *= self.parts[name]
        return size

    def _split(self, names: str, index: int) -> dict[str, int]:
        """The original coordinates in a folded index, slowest first."""
        split = {}
        for name in reversed(names):
            index, split[name] = divmod(index, self.parts[name])
        return split

    def run(self) -> None:
        for repeat in range(self.op.repeats):
            for group in range(self.op.groups):
                self.walk(0, (repeat, group), {})
            self.write_unfed_outputs(repeat)

    def walk(self, depth: int, path: tuple, at: dict) -> None:
        if depth == len(self.mapping.loops):
            self.multiply(path, at)
            return
        name = self.mapping.loops[depth]
        for step, choice in enumerate(self.steps(name, at)):
            self.walk(depth + 1, (*path, step), at | {name: choice})
        if depth == self.mapping.scope["weight"]:
            self.load_rest_of_filter(path, at)

    def steps(self, name: str, at: dict):
        if name.isupper():
            size, extent = self.mapping.tile[name.lower()], self.extent[name.lower()]
            return [range(start, min(start + size, extent)) for start in range(0, extent, size)]
        if name in "rs":
            return range((self.height if name == "r" else self.width).taps)
        if name in "hw":
            axis, outputs = (self.height, at["P"]) if name == "h" else (self.width, at["Q"])
            return sorted({position for output in outputs for position in axis.reads(output)})
        if name in "pq" and ("h" in self.mapping.loops):
            raise AssertionError("outputs follow from inputs and taps")
        return at[name.upper()]

    def output_on(self, axis: Axis, tile: range, output: int | None, tap: int, position: int | None):
        """The output of the tile that this input and tap feed, or the input that this output and tap read."""
        for candidate in tile if output is None else (output,):
            stuffed = candidate * axis.stride + tap * axis.dilation - axis.padding
            read, rest = divmod(stuffed, axis.upsample)
            if rest == 0 and 0 <= read < axis.extent and position in (None, read):
                return candidate, read
        return None

    def multiply(self, path: tuple, at: dict) -> None:
        down = self.output_on(self.height, at["P"], at.get("p"), at["r"], at.get("h"))
        across = self.output_on(self.width, at["Q"], at.get("q"), at["s"], at.get("w"))
        if down is None or across is None:
            return
        n, c = self._split(self.mapping.folded["n"], at["n"]), self._split(self.mapping.folded["c"], at["c"])
        p, q = n.get("p", down[0]), n.get("q", across[0])
        r, s = c.get("r", at["r"]), c.get("s", at["s"])
        h = self.op.height.stride * p + self.op.height.dilation * r - self.op.height.padding
        w = self.op.width.stride * q + self.op.width.dilation * s - self.op.width.padding
        assert h % self.op.height.upsample == 0
        assert w % self.op.width.upsample == 0
        repeat, group = path[:2]
        weight = (group, at["k"], c["c"], r, s)
        output = (repeat, group, n["n"], at["k"], p, q)
        # An input element belongs to its repeat, so that repeats share nothing but weights.
        entry = (repeat, group, n["n"], c["c"], h // self.op.height.upsample, w // self.op.width.upsample)
        scopes = {operand: path[: 2 + depth] for operand, depth in self.mapping.scope.items()}
        self.seen_weights.setdefault(scopes["weight"], set()).add(weight)
        self.seen_outputs.add(output)
        self.events.append(
            (("input", scopes["input"], entry), ("weight", scopes["weight"], weight), ("output", scopes["output"], output))
        )

    def load_rest_of_filter(self, path: tuple, at: dict) -> None:
        """Taps that met only padding or stuffed zeros: the whole filter is streamed or held all the same."""
        for k, index in itertools.product(at["K"], at["C"]):
            c = self._split(self.mapping.folded["c"], index)
            rows = [c["r"]] if "r" in c else range(self.op.height.taps)
            columns = [c["s"]] if "s" in c else range(self.op.width.taps)
            for r, s in itertools.product(rows, columns):
                weight = (path[1], k, c["c"], r, s)
                if weight not in self.seen_weights.get(path, set()):
                    self.events.append((("weight", path, weight),))

    def write_unfed_outputs(self, repeat: int) -> None:
        """Outputs that read nothing but padding are written once."""
        for group in range(self.op.groups):
            sizes = (self.op.n, self.op.k // self.op.groups, self.op.height.outputs, self.op.width.outputs)
            for place in itertools.product(*(range(size) for size in sizes)):
                if (repeat, group, *place) not in self.seen_outputs:
                    self.events.append((("output", (repeat,), (repeat, group, *place)),))


def replay(mapping: Mapping) -> Replayed:
    """Count bits moved by operand and the most bits held at once."""
    walk = _Walk(mapping)
    walk.run()
    op = mapping.operation
    bits = {"input": op.input_bits, "weight": op.weight_bits, "output": op.accumulator_bits}
    pinned = _pinned(mapping)
    last: dict[tuple, int] = {}
    for time, event in enumerate(walk.events):
        for use in event:
            last[use] = time
    end = len(walk.events)
    moved = {"input": 0, "weight": 0, "output": 0}
    visits: dict[tuple, int] = {}
    resident: set[tuple] = set()
    stays: set[tuple] = set()
    now = most = 0
    for time, event in enumerate(walk.events):
        for use in event:
            operand, _, element = use
            if operand == "weight" and element in pinned:
                if element not in stays:
                    stays.add(element)
                    moved["weight"] += bits["weight"]
                    now += bits["weight"]
            elif use not in resident:
                resident.add(use)
                now += bits[operand]
                if operand == "output":
                    visits[element] = visits.get(element, 0) + 1
                else:
                    moved[operand] += bits[operand]
        most = max(most, now)
        for use in event:
            if use in resident and last[use] == time:
                resident.remove(use)
                now -= bits[use[0]]
    assert not resident
    assert time == end - 1
    # Every visit but the last leaves a partial sum, and every visit but the first reads it back.
    moved["output"] = sum(2 * (count - 1) * op.accumulator_bits + op.output_bits for count in visits.values())
    return Replayed(held=most, moved=moved)


def _pinned(mapping: Mapping) -> set[tuple]:
    op = mapping.operation
    ranges = (op.groups, op.k // op.groups, op.c // op.groups, op.height.taps, op.width.taps)
    count = round(mapping.pinned_weight_bytes * 8 / op.weight_bits)
    return set(itertools.islice(itertools.product(*(range(size) for size in ranges)), count))
