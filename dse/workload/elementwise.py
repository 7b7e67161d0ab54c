"""Layers without a matrix: pooling, normalisation, activation, softmax, sums, and those that only rearrange.

Operations an element: an addition, a multiplication, a comparison or a look-up in a function table (exp, sigmoid, tanh, 1/x,
square root) is one. All but the fused ones read their inputs once and write their output once.
"""
# ruff: noqa: D102  (output and lower are documented in `parts.Layer`)

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dse.workload.operations import Axis, Gradient
from dse.workload.parts import Lowering, streamed
from dse.workload.precision import Precision
from dse.workload.shapes import (
    Image,
    Sequence,
    Shape,
    ShapeError,
    Vector,
    image_of,
    not_tokens,
    numbers_of,
    sequence_of,
    with_channels,
)
from dse.workload.windows import Pair, window

Activation = Literal[
    "relu", "relu6", "leaky_relu", "hard_tanh", "hard_sigmoid", "hard_swish", "sigmoid", "tanh", "gelu", "silu", "clipped_relu"
]
Mode = Literal["max", "average"]
Method = Literal["batch", "layer", "rms", "group", "local_response"]

ACTIVATION_OPS: Mapping[str, int] = {
    "relu": 1,  # a comparison
    "relu6": 2,  # two comparisons
    "clipped_relu": 2,
    "leaky_relu": 2,  # a comparison and a product
    "hard_tanh": 2,
    "hard_sigmoid": 4,  # scale, shift and two comparisons
    "hard_swish": 5,  # the same and a product
    "sigmoid": 1,  # a look-up
    "tanh": 1,
    "gelu": 2,  # a look-up and a product
    "silu": 2,
}
NORMALISATION_OPS: Mapping[str, int] = {
    "batch": 2,  # scale and shift, known before the run
    "layer": 7,  # mean: sum; variance: subtract, square, sum; then product with 1/deviation, scale, shift
    "group": 7,
    "rms": 4,  # square, sum; then product with 1/root, scale
    "local_response": 9,  # over 5 channels: square, four sums, scale and shift, power, product
}
SOFTMAX_OPS = 5
"""Maximum, subtract, exp, sum, product with 1/sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool2d:
    """The maximum or mean of windows of an image: kernel - 1 comparisons, or kernel - 1 sums and a product, an output."""

    kind: Literal["pool2d"] = "pool2d"
    mode: Mode
    kernel: Pair
    stride: Pair
    padding: Pair = (0, 0)
    ceil: bool = False

    def _axes(self, shape: Image) -> tuple[Axis, Axis]:
        return (
            window(shape.height, self.kernel[0], self.stride[0], self.padding[0], 1, "height", ceil=self.ceil),
            window(shape.width, self.kernel[1], self.stride[1], self.padding[1], 1, "width", ceil=self.ceil),
        )

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        shape = image_of(inputs)
        height, width = self._axes(shape)
        return Image(shape.channels, height.outputs, width.outputs)

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:
        shape = image_of(inputs)
        height, width = self._axes(shape)
        read, outputs = height.touched * width.touched, height.outputs * width.outputs
        return _pooled(precision, batch * shape.channels, read, outputs, height.taps * width.taps, self.mode)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool1d:
    """The maximum or mean of windows of a sequence."""

    kind: Literal["pool1d"] = "pool1d"
    mode: Mode
    kernel: int
    stride: int
    padding: int = 0

    def _axis(self, shape: Sequence) -> Axis:
        return window(shape.steps, self.kernel, self.stride, self.padding, 1, "steps")

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        shape = sequence_of(inputs)
        return Sequence(shape.features, self._axis(shape).outputs)

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:
        shape = sequence_of(inputs)
        axis = self._axis(shape)
        return _pooled(precision, batch * shape.features, axis.touched, axis.outputs, axis.taps, self.mode)


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalPool:
    """The maximum or mean of each channel (or feature) over its whole extent: a vector."""

    kind: Literal["global_pool"] = "global_pool"
    mode: Mode = "average"

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        return Vector(numbers_of(inputs).channels)

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:
        shape = numbers_of(inputs)
        extent = shape.elements // shape.channels
        return _pooled(precision, batch * shape.channels, extent, 1, extent, self.mode)


def _pooled(precision: Precision, channels: int, read: int, outputs: int, taps: int, mode: Mode) -> Lowering:
    """`outputs` windows of `taps` in each of `channels`, which together touch `read` positions of a channel."""
    ops = taps - 1 if mode == "max" else taps
    written = channels * outputs
    gradient = "largest" if mode == "max" else "linear"
    return streamed(precision, read=channels * read, written=written, work=written, ops_per_element=ops, gradient=gradient)


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalisation:
    """Batch normalisation is a scale and a shift and may ride on what is before it; the others need whole rows first."""

    kind: Literal["normalisation"] = "normalisation"
    method: Method

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        return numbers_of(inputs)

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:
        whole = self.method == "batch"
        gradient = "statistics" if whole else "result"
        return _each(precision, inputs, batch, NORMALISATION_OPS[self.method], streaming=whole, gradient=gradient)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationLayer:
    """A function of each element; it may ride on what is before it."""

    kind: Literal["activation"] = "activation"
    function: Activation

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        return numbers_of(inputs)

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:
        return _each(precision, inputs, batch, ACTIVATION_OPS[self.function], streaming=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Softmax:
    """exp(x - max) / sum over channels or features."""

    kind: Literal["softmax"] = "softmax"

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        return numbers_of(inputs)

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:
        return _each(precision, inputs, batch, SOFTMAX_OPS)


def _each(
    precision: Precision,
    inputs: tuple[Shape, ...],
    batch: int,
    ops: int,
    *,
    streaming: bool = False,
    gradient: Gradient = "result",
) -> Lowering:
    elements = batch * numbers_of(inputs).elements
    return streamed(
        precision, read=elements, written=elements, work=elements, ops_per_element=ops, streaming=streaming, gradient=gradient
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Combine:
    """Element-wise sum or product of two or more inputs of one shape; a vector of the same channels is spread over the rest."""

    kind: Literal["add", "multiply"]

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        if len(inputs) < 2:
            raise ShapeError("needs two or more inputs", remedy="name them: from: [a, b]")
        shapes = [not_tokens(shape) for shape in inputs]
        whole = next((shape for shape in shapes if not isinstance(shape, Vector)), shapes[0])
        for shape in shapes:
            spreads = isinstance(shape, Vector) and shape.features == whole.channels
            if shape != whole and not spreads:
                raise ShapeError(f"cannot {self.kind} {whole} and {shape}", remedy="their shapes must agree")
        return whole

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:
        written = batch * self.output(inputs).elements
        read = batch * sum(shape.elements for shape in inputs)
        ops = len(inputs) - 1
        return streamed(
            precision,
            read=read,
            written=written,
            work=written,
            ops_per_element=ops,
            inputs=len(inputs),
            streaming=True,
            gradient="handed_on" if self.kind == "add" else "operands",
        )


class _Rearranged:
    """A layer that gives other names or other bounds to what is there: no operation, no bytes."""

    __slots__ = ()

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:  # noqa: ARG002
        return Lowering(result=tuple(range(len(inputs))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Concat(_Rearranged):
    """Inputs side by side along channels, or sequences one after the other; their writers write where the whole lies."""

    kind: Literal["concat"] = "concat"
    along: Literal["channels", "steps"] = "channels"

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        if len(inputs) < 2:
            raise ShapeError("needs two or more inputs", remedy="name them: from: [a, b]")
        shapes = [not_tokens(shape) for shape in inputs]
        first = shapes[0]
        if self.along == "steps":
            return self._one_after_the_other(shapes)
        odd = next((shape for shape in shapes if with_channels(shape, 1) != with_channels(first, 1)), None)
        if odd is not None:
            raise ShapeError(f"cannot put {first} and {odd} side by side", remedy="all but their channels or features must agree")
        return with_channels(first, sum(shape.channels for shape in shapes))

    @staticmethod
    def _one_after_the_other(shapes: list[Image | Sequence | Vector]) -> Sequence:
        sequences = [shape for shape in shapes if isinstance(shape, Sequence)]
        if len(sequences) < len(shapes) or len({shape.features for shape in sequences}) > 1:
            given = " and ".join(str(shape) for shape in shapes)
            raise ShapeError(
                f"cannot put {given} one after the other", key="along", remedy="sequences of the same features are needed"
            )
        return Sequence(sequences[0].features, sum(shape.steps for shape in sequences))


@dataclass(frozen=True, slots=True, kw_only=True)
class Flatten(_Rearranged):
    """All elements as one vector."""

    kind: Literal["flatten"] = "flatten"

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        return Vector(numbers_of(inputs).elements)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reshape(_Rearranged):
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
class Select(_Rearranged):
    """The first or the last step of a sequence, as a vector."""

    kind: Literal["select"] = "select"
    steps: Literal["first", "last"] = "last"

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        return Vector(sequence_of(inputs).features)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice(_Rearranged):
    """The first `features` channels or features."""

    kind: Literal["slice"] = "slice"
    features: int

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        shape = numbers_of(inputs)
        if self.features > shape.channels:
            raise ShapeError(f"cannot keep {self.features} of {shape}", key="features", remedy=f"at most {shape.channels}")
        return with_channels(shape, self.features)
