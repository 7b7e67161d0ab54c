"""Shapes of the tensors between layers, per sample: an image, a sequence, a vector, or token ids."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal


class ShapeError(ValueError):
    """A layer that does not take the shapes it is given; `key` is the setting to look at, "from" its inputs."""

    def __init__(self, message: str, *, key: str = "from", remedy: str | None = None) -> None:
        self.key = key
        self.remedy = remedy
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Image:
    """Channels over a plane."""

    channels: int
    height: int
    width: int

    @property
    def elements(self) -> int:
        """Numbers in it."""
        return self.channels * self.height * self.width

    def __str__(self) -> str:
        return f"an image of {count(self.channels, 'channel')}, {self.height} x {self.width}"


@dataclass(frozen=True, slots=True)
class Sequence:
    """Features at each of a number of steps."""

    features: int
    steps: int

    @property
    def channels(self) -> int:
        """Features, as the channels of a one-dimensional image."""
        return self.features

    @property
    def elements(self) -> int:
        """Numbers in it."""
        return self.features * self.steps

    def __str__(self) -> str:
        return f"a sequence of {count(self.features, 'feature')} in {count(self.steps, 'step')}"


@dataclass(frozen=True, slots=True)
class Vector:
    """Features alone."""

    features: int

    @property
    def channels(self) -> int:
        """Features, as the channels of a one-point image."""
        return self.features

    @property
    def elements(self) -> int:
        """Numbers in it."""
        return self.features

    def __str__(self) -> str:
        return f"a vector of {count(self.features, 'feature')}"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Ids that an embedding looks up, one a step."""

    steps: int

    @property
    def channels(self) -> int:
        """One id a step."""
        return 1

    @property
    def elements(self) -> int:
        """Ids in it."""
        return self.steps

    def __str__(self) -> str:
        return f"{count(self.steps, 'token id')}"


Shape = Image | Sequence | Vector | Tokens


def count(number: int, thing: str) -> str:
    """A number and what it counts: ``count(2, "step")`` is "2 steps"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def only(inputs: tuple[Shape, ...]) -> Shape:
    """The one input of a layer that takes one."""
    if len(inputs) != 1:
        raise ShapeError(
            f"takes one input, but {len(inputs)} are named", remedy="combine them first with add, multiply or concat"
        )
    return inputs[0]


def image_of(inputs: tuple[Shape, ...]) -> Image:
    """The one input, which must be an image."""
    shape = only(inputs)
    if isinstance(shape, Image):
        return shape
    remedy = "for a sequence there are conv1d and pool1d" if isinstance(shape, Sequence) else "reshape it to an image first"
    raise ShapeError(f"needs an image, but its input is {shape}", remedy=remedy)


def sequence_of(inputs: tuple[Shape, ...]) -> Sequence:
    """The one input, which must be a sequence."""
    shape = only(inputs)
    if isinstance(shape, Sequence):
        return shape
    remedy = "put an embedding before it" if isinstance(shape, Tokens) else "reshape it to features and steps first"
    raise ShapeError(f"needs a sequence, but its input is {shape}", remedy=remedy)


def numbers_of(inputs: tuple[Shape, ...]) -> Image | Sequence | Vector:
    """The one input, of any shape but token ids."""
    return not_tokens(only(inputs))


def not_tokens(shape: Shape) -> Image | Sequence | Vector:
    """The shape, which must hold numbers and not token ids."""
    if isinstance(shape, Tokens):
        raise ShapeError(f"needs numbers, but its input is {shape}", remedy="put an embedding before it")
    return shape


def with_channels(shape: Image | Sequence | Vector, channels: int) -> Image | Sequence | Vector:
    """The same extent with another number of channels or features."""
    match shape:
        case Image():
            return Image(channels, shape.height, shape.width)
        case Sequence():
            return Sequence(channels, shape.steps)
        case Vector():
            return Vector(channels)


Side = Literal["channels", "steps", "height", "width"]
"""A side of a shape; channels are the features of a sequence or a vector."""


def side(shape: Image | Sequence | Vector, name: Side) -> int:
    """How long a side is. Raises `ShapeError` where the shape has no such side."""
    match shape, name:
        case (_, "channels"):
            return shape.channels
        case (Sequence(), "steps"):
            return shape.steps
        case (Image(), "height"):
            return shape.height
        case (Image(), "width"):
            return shape.width
        case _:
            raise ShapeError(f"its input is {shape}, which has no {name}")


def with_side(shape: Image | Sequence | Vector, name: Side, extent: int) -> Image | Sequence | Vector:
    """The same shape with another length of a side."""
    side(shape, name)
    match shape:
        case Image() if name != "channels":
            return replace(
                shape, height=extent if name == "height" else shape.height, width=extent if name == "width" else shape.width
            )
        case Sequence() if name == "steps":
            return Sequence(shape.features, extent)
        case _:
            return with_channels(shape, extent)
