"""Layers that only give other names, bounds or an order to what is there: no operation, no bytes."""
# ruff: noqa: D102  (output and lower are documented in `parts.Layer`)

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dse.workload.parts import Lowering
from dse.workload.precision import Precision
from dse.workload.shapes import (
    Image,
    Sequence,
    Shape,
    ShapeError,
    Side,
    Vector,
    not_tokens,
    numbers_of,
    sequence_of,
    side,
    with_side,
)


class Rearranged:
    """A layer that gives other names or other bounds to what is there: no operation, no bytes."""

    __slots__ = ()

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:  # noqa: ARG002
        return Lowering(result=tuple(range(len(inputs))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Concat(Rearranged):
    """Inputs side by side along channels (or features) or another side; their writers write where the whole lies."""

    kind: Literal["concat"] = "concat"
    along: Side = "channels"

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        if len(inputs) < 2:
            raise ShapeError("needs two or more inputs", remedy="name them: from: [a, b]")
        shapes = [not_tokens(shape) for shape in inputs]
        first = shapes[0]
        odd = next((shape for shape in shapes if with_side(shape, self.along, 1) != with_side(first, self.along, 1)), None)
        if odd is not None:
            sides = "channels or features" if self.along == "channels" else self.along
            raise ShapeError(f"cannot put {first} and {odd} side by side", remedy=f"all but their {sides} must agree")
        return with_side(first, self.along, sum(side(shape, self.along) for shape in shapes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Flatten(Rearranged):
    """All elements as one vector."""

    kind: Literal["flatten"] = "flatten"

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        return Vector(numbers_of(inputs).elements)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reshape(Rearranged):
    """The same elements by another shape."""

    kind: Literal["reshape"] = "reshape"
    to: Image | Sequence | Vector

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        shape = numbers_of(inputs)
        if shape.elements != self.to.elements:
            message = f"cannot make {self.to} ({self.to.elements} elements) of {shape} ({shape.elements} elements)"
            raise ShapeError(message, key="to")
        return self.to


@dataclass(frozen=True, slots=True, kw_only=True)
class Select(Rearranged):
    """The first or the last step of a sequence, as a vector."""

    kind: Literal["select"] = "select"
    steps: Literal["first", "last"] = "last"

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        return Vector(sequence_of(inputs).features)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice(Rearranged):
    """So many channels or features, steps, rows or columns, from `begin` on, each `step`-th: just one of the four is given."""

    kind: Literal["slice"] = "slice"
    features: int | None = None
    steps: int | None = None
    height: int | None = None
    width: int | None = None
    begin: int = 0
    step: int = 1

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        shape = numbers_of(inputs)
        given: list[tuple[str, int]] = [
            (name, kept) for name in ("features", "steps", "height", "width") if (kept := getattr(self, name)) is not None
        ]
        if len(given) != 1:
            said = " and ".join(name for name, _ in given) or "none"
            raise ShapeError(f"keeps one of features, steps, height and width, but {said} is given", key="kind")
        (key, kept), along = given[0], _SIDES[given[0][0]]
        extent = side(shape, along)
        last = self.begin + (kept - 1) * self.step + 1
        if last > extent:
            place = (
                "" if (self.begin, self.step) == (0, 1) else f" from {self.begin} on" + f", step {self.step}," * (self.step > 1)
            )
            most = max((extent - self.begin - 1) // self.step + 1, 0)
            raise ShapeError(f"cannot keep {kept}{place} of {shape}", key=key, remedy=f"at most {most}")
        return with_side(shape, along, kept)


_SIDES: Mapping[str, Side] = {"features": "channels", "steps": "steps", "height": "height", "width": "width"}
