"""Layers that multiply matrices: linear, the convolutions, embedding (their look-up) and the dot-product interaction.

Each lowers to one loop nest (cost_model.md, section 1), then the batch normalisation and the activation that ride on it.
Biases are left out: they are below a thousandth of the weights, and published parameter and MAC counts leave them out too.
"""
# ruff: noqa: D102  (output and lower are documented in `parts.Layer`)

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dse.workload.elementwise import ACTIVATION_OPS, NORMALISATION_OPS, Activation
from dse.workload.operations import Axis, VectorOperation
from dse.workload.parts import Lowering, Part, fused, nest
from dse.workload.precision import Precision
from dse.workload.shapes import (
    Image,
    Sequence,
    Shape,
    ShapeError,
    Tokens,
    Vector,
    count,
    image_of,
    numbers_of,
    only,
    sequence_of,
    with_channels,
)
from dse.workload.windows import Ends, Padding, Pair, bounded, divides, ends, window


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """A matrix product with M = batch x steps, N = `features`, K = input features; a sequence is multiplied step by step."""

    kind: Literal["linear"] = "linear"
    features: int
    activation: Activation | None = None

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        shape = numbers_of(inputs)
        if isinstance(shape, Image):
            raise ShapeError(
                f"needs a vector or a sequence, but its input is {shape}", remedy="put a flatten or a global_pool before it"
            )
        return with_channels(shape, self.features)

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:
        shape = numbers_of(inputs)
        operation = nest(precision, n=batch * shape.elements // shape.channels, k=self.features, c=shape.channels)
        return _with_stream(Part(operation=operation, elements=operation.output_elements), None, self.activation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution2d:
    """Filters of `kernel` (height, width) over an image; grouped and dilated too. Multiplications with padding count."""

    kind: Literal["conv2d"] = "conv2d"
    filters: int
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Padding = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    activation: Activation | None = None
    normalisation: Literal["batch"] | None = None

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        shape = image_of(inputs)
        divides(self.groups, shape.channels, self.filters)
        height, width = self._axes(shape)
        return Image(self.filters, height.outputs, width.outputs)

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:
        shape = image_of(inputs)
        height, width = self._axes(shape)
        operation = nest(precision, n=batch, k=self.filters, c=shape.channels, groups=self.groups, height=height, width=width)
        return _with_stream(Part(operation=operation, elements=operation.output_elements), self.normalisation, self.activation)

    def _axes(self, shape: Image) -> tuple[Axis, Axis]:
        return _image_axes(shape, self.kernel, self.stride, self.padding, self.dilation)


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthwiseConvolution2d:
    """A convolution with one group a channel: each input channel makes `multiplier` output channels of its own."""

    kind: Literal["depthwise_conv2d"] = "depthwise_conv2d"
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Padding = (0, 0)
    dilation: Pair = (1, 1)
    multiplier: int = 1
    activation: Activation | None = None
    normalisation: Literal["batch"] | None = None

    def _over(self, inputs: tuple[Shape, ...]) -> Convolution2d:
        channels = image_of(inputs).channels
        return Convolution2d(
            filters=channels * self.multiplier,
            groups=channels,
            kernel=self.kernel,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            activation=self.activation,
            normalisation=self.normalisation,
        )

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        return self._over(inputs).output(inputs)

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:
        return self._over(inputs).lower(inputs, batch, precision)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransposedConvolution2d:
    """The gradient of a convolution as a layer: output extent (H - 1)·stride - 2·padding + kernel + output_padding.

    It is the convolution of the input with stride - 1 zeros stuffed between its positions (`Axis.upsample`); the
    multiplications with those zeros do not count, so its MACs are those of the convolution it mirrors. At stride 1 nothing is
    stuffed: it is a convolution with padding, whose products count as in any other.
    """

    kind: Literal["transposed_conv2d"] = "transposed_conv2d"
    filters: int
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    output_padding: Pair = (0, 0)
    groups: int = 1
    activation: Activation | None = None
    normalisation: Literal["batch"] | None = None

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        shape = image_of(inputs)
        divides(self.groups, shape.channels, self.filters)
        height, width = self._axes(shape)
        return Image(self.filters, height.outputs, width.outputs)

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:
        shape = image_of(inputs)
        height, width = self._axes(shape)
        operation = nest(precision, n=batch, k=self.filters, c=shape.channels, groups=self.groups, height=height, width=width)
        return _with_stream(Part(operation=operation, elements=operation.output_elements), self.normalisation, self.activation)

    def _axes(self, shape: Image) -> tuple[Axis, Axis]:
        height, width = (
            self._axis(extent, index, name)
            for index, (extent, name) in enumerate(((shape.height, "height"), (shape.width, "width")))
        )
        return height, width

    def _axis(self, extent: int, index: int, name: str) -> Axis:
        taps, stride, padding, extra = (
            setting[index] for setting in (self.kernel, self.stride, self.padding, self.output_padding)
        )
        if extra >= stride and extra > 0:
            raise ShapeError(f"output_padding {extra} must be smaller than the stride {stride}", key="output_padding")
        outputs = (extent - 1) * stride - 2 * padding + taps + extra
        if outputs < 1 or padding > taps - 1:
            message = f"padding {padding} is too much for a {name} of {extent} and a kernel of {taps}"
            raise ShapeError(
                message, key="padding", remedy=f"at most {min(taps - 1, ((extent - 1) * stride + taps + extra - 1) // 2)}"
            )
        return bounded(Axis(outputs=outputs, taps=taps, upsample=stride, padding=taps - 1 - padding, extent=extent), name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution1d:
    """Filters of `kernel` steps over a sequence."""

    kind: Literal["conv1d"] = "conv1d"
    filters: int
    kernel: int
    stride: int = 1
    padding: Ends | Literal["same"] = 0
    dilation: int = 1
    groups: int = 1
    activation: Activation | None = None
    normalisation: Literal["batch"] | None = None

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        shape = sequence_of(inputs)
        divides(self.groups, shape.features, self.filters)
        return Sequence(self.filters, self._axis(shape).outputs)

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:
        shape = sequence_of(inputs)
        operation = nest(precision, n=batch, k=self.filters, c=shape.features, groups=self.groups, width=self._axis(shape))
        return _with_stream(Part(operation=operation, elements=operation.output_elements), self.normalisation, self.activation)

    def _axis(self, shape: Sequence) -> Axis:
        return window(shape.steps, self.kernel, self.stride, self.padding, self.dilation, "steps")


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """A look-up: one row of a `vocabulary` x `features` table for each token id, copied.

    It reads tokens x features table elements (not the table) at the width of weights and writes as many activations; the ids
    themselves, one for each row, are not counted. Its parameters are counted apart from those of matrices. With a `bag` of b
    the rows of b ids that follow each other are summed into one step: it writes 1/b of what it reads.
    """

    kind: Literal["embedding"] = "embedding"
    vocabulary: int
    features: int
    bag: int = 1

    @property
    def parameters(self) -> int:
        """Numbers in the table."""
        return self.vocabulary * self.features

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        shape = only(inputs)
        if not isinstance(shape, Tokens):
            raise ShapeError(f"needs token ids, but its input is {shape}", remedy="the network's input must be {tokens: n}")
        if shape.steps % self.bag:
            raise ShapeError(f"bags of {count(self.bag, 'id')} cannot share {count(shape.steps, 'id')} evenly", key="bag")
        return Sequence(self.features, shape.steps // self.bag)

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:
        elements = batch * only(inputs).elements * self.features
        operation = VectorOperation(
            elements=elements,
            ops_per_element=1,
            read_bits=elements * precision.weight_bits,
            written_bits=elements // self.bag * precision.activation_bits,
            gradient="linear",
        )
        return Lowering(parts=(Part(operation=operation, elements=elements // self.bag),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """All dot products between F vectors of e features: F·F·e MACs a sample, of which the F·(F - 1)/2 different ones leave.

    Each input is a vector, or a sequence, every step of which is one.

    Naumov et al., "Deep Learning Recommendation Model for Personalization and Recommendation Systems", arXiv:1906.00091.
    """

    kind: Literal["interaction"] = "interaction"

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        odd = next((shape for shape in inputs if not isinstance(shape, (Vector, Sequence))), None)
        if odd is not None:
            raise ShapeError(f"needs vectors or sequences, but one input is {odd}")
        vectors = self._vectors(inputs)
        if vectors < 2 or len({shape.channels for shape in inputs}) != 1:
            given = ", ".join(str(shape) for shape in inputs)
            raise ShapeError(f"needs two or more vectors of the same features, but it reads {given}")
        return Vector(vectors * (vectors - 1) // 2)

    @staticmethod
    def _vectors(inputs: tuple[Shape, ...]) -> int:
        return sum(shape.steps if isinstance(shape, Sequence) else 1 for shape in inputs)

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:
        vectors = self._vectors(inputs)
        operation = nest(
            precision,
            n=vectors,
            k=vectors * batch,
            c=inputs[0].channels * batch,
            groups=batch,
            weight_role="activation",
        )
        elements = batch * self.output(inputs).elements
        return Lowering(parts=(Part(operation=operation, reads=tuple(range(len(inputs))), elements=elements),))


def _image_axes(shape: Image, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair) -> tuple[Axis, Axis]:
    rows, columns = ("same", "same") if padding == "same" else (ends(padding, 0), ends(padding, 1))
    return (
        window(shape.height, kernel[0], stride[0], rows, dilation[0], "height"),
        window(shape.width, kernel[1], stride[1], columns, dilation[1], "width"),
    )


def _with_stream(main: Part, normalisation: str | None, activation: Activation | None) -> Lowering:
    """The nest, then what rides on its output."""
    parts = [main]
    if normalisation is not None:
        ops = NORMALISATION_OPS[normalisation]
        parts.append(fused("normalisation", elements=main.elements, ops_per_element=ops, gradient="statistics"))
    if activation is not None:
        parts.append(fused("activation", elements=main.elements, ops_per_element=ACTIVATION_OPS[activation]))
    return Lowering(parts=tuple(parts))
