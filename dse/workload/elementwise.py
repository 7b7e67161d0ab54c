"""Layers without a matrix: pooling, normalisation, activation, softmax, sums, and those that only rearrange.

Operations an element: an addition, a multiplication, a comparison or a look-up in a function table (exp, sigmoid, tanh, 1/x,
square root) is one. All but the fused ones read their inputs once and write their output once.
"""
# ruff: noqa: D102  (output and lower are documented in `parts.Layer`)

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
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
)
from dse.workload.windows import Ends, Pair, Sides, ends, window

Activation = Literal[
    "relu", "relu6", "leaky_relu", "hard_tanh", "hard_sigmoid", "hard_swish", "sigmoid", "tanh", "gelu", "silu", "clipped_relu",
    "elu", "softplus", "mish",
]  # fmt: skip
Mode = Literal["max", "average", "sum"]
Method = Literal["batch", "layer", "rms", "group", "local_response"]

ElementwiseOperation = Literal[
    "scale", "shift", "subtract", "divide", "maximum", "minimum", "compare", "choose", "absolute", "negate", "sign", "round",
    "reciprocal", "power", "square_root", "exponential", "logarithm", "error_function", "sine", "cosine", "convert",
]  # fmt: skip
ResizeMode = Literal["nearest", "linear", "cubic", "pad"]

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
    "elu": 3,  # a comparison, a look-up and a product
    "softplus": 1,
    "mish": 2,
}
NORMALISATION_OPS: Mapping[str, int] = {
    "batch": 2,  # scale and shift, known before the run
    "layer": 7,  # mean: sum; variance: subtract, square, sum; then product with 1/deviation, scale, shift
    "group": 7,
    "rms": 4,  # square, sum; then product with 1/root, scale
    "local_response": 9,  # over 5 channels: square, four sums, scale and shift, power, product
}
RESIZE_OPS: Mapping[str, int] = {"nearest": 1, "linear": 7, "cubic": 31, "pad": 1}
SOFTMAX_OPS = 5
"""Maximum, subtract, exp, sum, product with 1/sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool2d:
    """The maximum, sum or mean of windows of an image: kernel - 1 comparisons or sums an output, and a product for the mean."""

    kind: Literal["pool2d"] = "pool2d"
    mode: Mode
    kernel: Pair
    stride: Pair
    padding: Sides = (0, 0)
    ceil: bool = False

    def _axes(self, shape: Image) -> tuple[Axis, Axis]:
        return (
            window(shape.height, self.kernel[0], self.stride[0], ends(self.padding, 0), 1, "height", ceil=self.ceil),
            window(shape.width, self.kernel[1], self.stride[1], ends(self.padding, 1), 1, "width", ceil=self.ceil),
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
    padding: Ends = 0
    ceil: bool = False

    def _axis(self, shape: Sequence) -> Axis:
        return window(shape.steps, self.kernel, self.stride, self.padding, 1, "steps", ceil=self.ceil)

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
    ops = taps if mode == "average" else taps - 1
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
    """Element-wise sum or product of two or more inputs of one shape; some may be spread over the others (see `spread`)."""

    kind: Literal["add", "multiply"]

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        if len(inputs) < 2:
            raise ShapeError("needs two or more inputs", remedy="name them: from: [a, b]")
        return spread(inputs, self.kind)

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


def spread(inputs: tuple[Shape, ...], kind: str) -> Image | Sequence | Vector:
    """The shape of element-wise work on several inputs: the largest, over which the others are spread.

    A vector of the same channels is spread over all positions; a side of 1 (one channel, step or row) over all of that side.
    """
    shapes = [not_tokens(shape) for shape in inputs]
    whole = max(shapes, key=lambda shape: (shape.elements, not isinstance(shape, Vector)))
    for shape in shapes:
        over = isinstance(shape, Vector) and shape.features in (1, whole.channels)
        alike = type(shape) is type(whole) and all(a in (1, b) for a, b in zip(astuple(shape), astuple(whole), strict=True))
        if not (over or alike):
            first, second = sorted((whole, shape), key=shapes.index)
            raise ShapeError(f"cannot {kind} {first} and {second}", remedy="their shapes must agree")
    return whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Elementwise:
    """Any other function of one or more inputs, element by element: one operation an element; it may ride on what is before it.

    With one input the second operand, where there is one, is a constant. The inputs are spread as those of a sum are.
    """

    kind: Literal["elementwise"] = "elementwise"
    operation: ElementwiseOperation

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        return spread(inputs, self.operation)

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:
        written = batch * self.output(inputs).elements
        return streamed(
            precision,
            read=batch * sum(shape.elements for shape in inputs),
            written=written,
            work=written,
            ops_per_element=1,
            inputs=len(inputs),
            streaming=True,
            gradient="result" if len(inputs) == 1 else "operands",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize:
    """An image at another `size` (height, width): the nearest element, or a weighted sum of 4 (linear) or 16 (cubic) neighbours.

    A copy is one operation an element; a weighted sum of n neighbours is n products and n - 1 sums. To `pad` is to copy into the
    midst of zeros or mirrored rows.
    """

    kind: Literal["resize"] = "resize"
    size: Pair
    mode: ResizeMode = "nearest"

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        return Image(image_of(inputs).channels, *self.size)

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:
        shape = image_of(inputs)
        rows, columns = min(shape.height, self.size[0]), min(shape.width, self.size[1])
        read = rows * columns if self.mode in ("nearest", "pad") else shape.height * shape.width
        written = batch * shape.channels * self.size[0] * self.size[1]
        return streamed(
            precision,
            read=batch * shape.channels * read,
            written=written,
            work=written,
            ops_per_element=RESIZE_OPS[self.mode],
            gradient="linear",
        )
