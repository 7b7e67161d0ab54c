"""Layers that multiply nothing, as pydantic models: pools, normalisations, functions of elements, and what only rearranges."""

from __future__ import annotations

from typing import Literal, cast

from pydantic import Field

from dse.inputs.fields import (
    EndsPadding,
    Margin,
    PairSize,
    ReshapedTo,
    SidesPadding,
    Size,
)
from dse.inputs.layer_schema import LayerText
from dse.workload import elementwise, rearranged
from dse.workload.elementwise import Activation, ElementwiseOperation, Method, Mode, ResizeMode
from dse.workload.parts import Layer
from dse.workload.shapes import Image, Sequence, Side, Vector


class Pool2dText(LayerText):
    """Maximum, mean or sum of windows of an image."""

    makes = elementwise.Pool2d
    kind: Literal["pool2d"]
    mode: Mode = Field(description="max, average or sum")
    kernel: PairSize = Field(description="window height and width, or [height, width]")
    stride: PairSize | None = Field(None, description="step of the window; default: the kernel")
    padding: SidesPadding = Field((0, 0), description="on each side, or [height, width], or [top, left, bottom, right]")
    ceil: bool = Field(default=False, description="round the output size up")

    def layer(self) -> Layer:
        """The layer; without a stride windows stand side by side."""
        return elementwise.Pool2d(
            mode=self.mode, kernel=self.kernel, stride=self.stride or self.kernel, padding=self.padding, ceil=self.ceil
        )


class Pool1dText(LayerText):
    """Maximum, mean or sum of windows of a sequence."""

    makes = elementwise.Pool1d
    kind: Literal["pool1d"]
    mode: Mode = Field(description="max, average or sum")
    kernel: Size = Field(description="window length in steps")
    stride: Size | None = Field(None, description="step of the window; default: the kernel")
    padding: EndsPadding = Field(0, description="on each side, or [before, after]")
    ceil: bool = Field(default=False, description="round the output size up")

    def layer(self) -> Layer:
        """The layer; without a stride windows stand side by side."""
        return elementwise.Pool1d(
            mode=self.mode, kernel=self.kernel, stride=self.stride or self.kernel, padding=self.padding, ceil=self.ceil
        )


class GlobalPoolText(LayerText):
    """Maximum, mean or sum of each channel: a vector."""

    makes = elementwise.GlobalPool
    kind: Literal["global_pool"]
    mode: Mode = Field("average", description="max, average or sum")


class NormalisationText(LayerText):
    """Normalisation; batch normalisation rides on a layer before it."""

    makes = elementwise.Normalisation
    kind: Literal["normalisation"]
    method: Method = Field(description="batch, layer, rms, group or local_response")


class ActivationText(LayerText):
    """A function of each element; it rides on a layer before it."""

    makes = elementwise.ActivationLayer
    kind: Literal["activation"]
    function: Activation = Field(description="which function")


class SoftmaxText(LayerText):
    """Softmax over channels or features."""

    makes = elementwise.Softmax
    kind: Literal["softmax"]


class _CombineText(LayerText):
    makes = elementwise.Combine


class AddText(_CombineText):
    """Sum of two or more layers, some spread over the rest; it rides on the layer before it where that is one of them."""

    kind: Literal["add"]


class MultiplyText(_CombineText):
    """Product of two or more layers, some spread over the rest; it rides on the layer before it where that is one of them."""

    kind: Literal["multiply"]


class ConcatText(LayerText):
    """Two or more layers side by side along channels (or features), steps, height or width."""

    makes = rearranged.Concat
    kind: Literal["concat"]
    along: Side = Field("channels", description="channels (or features), steps, height or width")


class FlattenText(LayerText):
    """All elements as one vector."""

    makes = rearranged.Flatten
    kind: Literal["flatten"]


class ReshapeText(LayerText):
    """The same elements by another shape."""

    makes = rearranged.Reshape
    kind: Literal["reshape"]
    to: ReshapedTo = Field(description="{channels, height, width}, {features, steps} or {features}")

    def layer(self) -> Layer:
        """The layer with its shape."""
        return rearranged.Reshape(to=cast("Image | Sequence | Vector", self.to.shape()))


class SelectText(LayerText):
    """One step of a sequence: a vector."""

    makes = rearranged.Select
    kind: Literal["select"]
    steps: Literal["first", "last"] = Field("last", description="which step")


class SliceText(LayerText):
    """Some channels or features, steps, rows or columns: just one of the four says how many."""

    makes = rearranged.Slice
    kind: Literal["slice"]
    features: Size | None = Field(None, description="channels or features to keep")
    steps: Size | None = Field(None, description="steps to keep")
    height: Size | None = Field(None, description="rows to keep")
    width: Size | None = Field(None, description="columns to keep")
    begin: Margin = Field(0, description="the first to keep, counted from 0")
    step: Size = Field(1, description="2 keeps each second, and so on")


class ElementwiseText(LayerText):
    """Any other function of one or more layers, element by element; it rides on a layer before it."""

    makes = elementwise.Elementwise
    kind: Literal["elementwise"]
    operation: ElementwiseOperation = Field(description="which function; a second operand that is no layer is a constant")


class ResizeText(LayerText):
    """An image at another size."""

    makes = elementwise.Resize
    kind: Literal["resize"]
    size: PairSize = Field(description="new height and width, or [height, width]")
    mode: ResizeMode = Field("nearest", description="nearest, linear, cubic, or pad: a copy with a margin")
