"""Fields that workload files share: sizes, pairs, names, number formats and shapes."""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from dse.inputs.yaml import Listed, Strict
from dse.units import FORMAT_BITS
from dse.workload.shapes import Image, Sequence, Tokens, Vector

MAX_SIZE = 2**24
"""Most channels, features, steps or pixels along one side."""

NAME = r"^[a-z0-9_]+$"
MAX_NAME = 64
"""Longest name of a suite, a network or a space: they stand in tables and in names of folders."""

Name = Annotated[str, Field(pattern=NAME, max_length=MAX_NAME)]
Size = Annotated[int, Field(ge=1, le=MAX_SIZE)]
Margin = Annotated[int, Field(ge=0, le=MAX_SIZE)]


def _pair(least: int) -> BeforeValidator:
    """Reads 3 or [3, 5] as (height, width), each at least `least`."""

    def read(value: object) -> object:
        numbers = cast("list[object]", value) if isinstance(value, list) else [value, value]
        if len(numbers) != 2 or any(isinstance(n, bool) or not isinstance(n, int) for n in numbers):
            raise ValueError(f"a whole number, or [height, width], is needed, got {value!r}")
        pair = cast("list[int]", numbers)
        if min(pair) < least or max(pair) > MAX_SIZE:
            raise ValueError(f"must be at least {least}, got {value!r}")
        return (pair[0], pair[1])

    return BeforeValidator(read)


def _pair_schema(least: int, *lengths: int, same: bool = False) -> WithJsonSchema:
    number: dict[str, Any] = {"type": "integer", "minimum": least}
    lists = ({"type": "array", "items": number, "minItems": length, "maxItems": length} for length in lengths or (2,))
    forms: list[dict[str, Any]] = [number, *lists]
    return WithJsonSchema({"anyOf": [*forms, {"const": "same"}] if same else forms})


PairSize = Annotated[Any, _pair(1), _pair_schema(1)]
PairPadding = Annotated[Any, _pair(0), _pair_schema(0)]


def _padding(forms: tuple[int, ...], said: str, *, same: bool = False) -> BeforeValidator:
    """Reads a number, or a list of one of these lengths, each at least 0, and "same" where it may be."""

    def read(value: object) -> object:
        if same and value == "same":
            return value
        numbers = cast("list[object]", value) if isinstance(value, list) else [value]
        lengths = forms if isinstance(value, list) else (1,)
        if len(numbers) not in lengths or not all(isinstance(n, int) and not isinstance(n, bool) for n in numbers):
            raise ValueError(f"a whole number, or {said}{', or same' if same else ''}, is needed, got {value!r}")
        margins = cast("list[int]", numbers)
        if min(margins) < 0 or max(margins) > MAX_SIZE:
            raise ValueError(f"must be at least 0, got {value!r}")
        if isinstance(value, list):
            return tuple(margins)
        return (margins[0], margins[0]) if 4 in forms else margins[0]

    return BeforeValidator(read)


_SIDES = "[height, width] or [top, left, bottom, right]"
SidesPadding = Annotated[Any, _padding((2, 4), _SIDES), _pair_schema(0, 2, 4)]
SidesPaddingOrSame = Annotated[Any, _padding((2, 4), _SIDES, same=True), _pair_schema(0, 2, 4, same=True)]
EndsPadding = Annotated[Any, _padding((2,), "[before, after]"), _pair_schema(0, 2)]
EndsPaddingOrSame = Annotated[Any, _padding((2,), "[before, after]", same=True), _pair_schema(0, 2, same=True)]


def _names(value: object) -> object:
    """Reads one name as a list of one."""
    return [value] if isinstance(value, str) else value


Names = Annotated[
    Listed[str],
    BeforeValidator(_names),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]


def _format(value: object) -> object:
    if not isinstance(value, str) or value not in FORMAT_BITS:
        raise ValueError(f"a number format is needed, one of {', '.join(FORMAT_BITS)}, got {value!r}")
    return value


Format = Annotated[str, BeforeValidator(_format), WithJsonSchema({"enum": list(FORMAT_BITS)})]


class PrecisionText(Strict):
    """Number formats; a key that is left out is inherited (in the end int8, int8, int32)."""

    weights: Format | None = Field(None, description="format of weights")
    activations: Format | None = Field(None, description="format of activations and states")
    accumulators: Format | None = Field(None, description="format of partial sums that leave the chip")

    def settings(self) -> tuple[tuple[str, str], ...]:
        """The keys that are set."""
        return tuple((name, value) for name in ("weights", "activations", "accumulators") if (value := getattr(self, name)))


class ShapeText(Strict):
    """An image {channels, height, width}, a sequence {features, steps}, a vector {features} or token ids {tokens}."""

    channels: Size | None = None
    height: Size | None = None
    width: Size | None = None
    features: Size | None = None
    steps: Size | None = None
    tokens: Size | None = None

    def shape(self) -> Image | Sequence | Vector | Tokens | None:
        """What the keys make together; None if they make nothing."""
        match (self.channels, self.height, self.width, self.features, self.steps, self.tokens):
            case (int(channels), int(height), int(width), None, None, None):
                return Image(channels, height, width)
            case (None, None, None, int(features), int(steps), None):
                return Sequence(features, steps)
            case (None, None, None, int(features), None, None):
                return Vector(features)
            case (None, None, None, None, None, int(tokens)):
                return Tokens(tokens)
            case _:
                return None


def _shape(text: ShapeText) -> ShapeText:
    if text.shape() is None:
        given = ", ".join(sorted(text.model_fields_set)) or "nothing"
        raise ValueError(f"{{channels, height, width}}, {{features, steps}}, {{features}} or {{tokens}} is needed, got {given}")
    return text


def _no_tokens(text: ShapeText) -> ShapeText:
    if text.tokens is not None:
        raise ValueError("an image, a sequence or a vector is needed, not token ids")
    return text


InputShape = Annotated[ShapeText, AfterValidator(_shape)]
ReshapedTo = Annotated[InputShape, AfterValidator(_no_tokens)]
