"""The layers of a workload file as pydantic models: what may be written, and what each key means."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import Field

from dse.inputs.fields import (
    MAX_SIZE,
    EndsPadding,
    EndsPaddingOrSame,
    Margin,
    Names,
    PairPadding,
    PairSize,
    PrecisionText,
    ReshapedTo,
    SidesPadding,
    SidesPaddingOrSame,
    Size,
)
from dse.inputs.yaml import Strict
from dse.workload import attention, elementwise, experts, layers, products, rearranged, recurrent
from dse.workload.elementwise import Activation, ElementwiseOperation, Method, Mode, ResizeMode
from dse.workload.parts import Layer
from dse.workload.recurrent import CellActivation
from dse.workload.shapes import Image, Sequence, Side, Vector

MAX_ROWS = 2**40
"""Most rows of an embedding's table."""

MAX_STACK = 1_000

LAYER_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_\-]*$"


class LayerText(Strict):
    """What any layer may carry."""

    makes: ClassVar[type[Any]]
    reads_nothing: ClassVar[bool] = False

    name: str = Field(
        pattern=LAYER_NAME, description="unique in its network or block; copies of a block are res2.1.conv1, res2.2.conv1, ..."
    )
    reads: Names | None = Field(
        None,
        alias="from",
        description="layer name or names to read; default: the one before; 'input' is the network's, 'block_input' the block's",
    )
    precision: PrecisionText | None = Field(None, description="formats of this layer where they differ from the network's")
    notes: str | None = Field(None, description="free text")

    def layer(self) -> Layer:
        """The layer that the keys describe."""
        names = [field.name for field in fields(self.makes) if hasattr(self, field.name)]
        return self.makes(**{name: getattr(self, name) for name in names})

    @property
    def expected(self) -> int | None:
        """Input channels or features that the file says it expects."""
        return getattr(self, "in_", None)

    @property
    def memory_name(self) -> str | None:
        """A further layer that it reads."""
        return None


class _WeightLayerText(LayerText):
    in_: Size | None = Field(
        None, alias="in", description="input channels or features that are expected; checked against the chain"
    )


class _StreamText(_WeightLayerText):
    activation: Activation | None = Field(None, description="activation that rides on the result (no extra bytes)")


class _ConvolutionText(_StreamText):
    normalisation: Literal["batch"] | None = Field(
        None, description="batch normalisation that rides on the result (no extra bytes)"
    )


class LinearText(_StreamText):
    """Matrix product; on a sequence it is applied to each step."""

    makes = layers.Linear
    kind: Literal["linear"]
    features: Size = Field(description="output features")


class Conv2dText(_ConvolutionText):
    """Convolution of an image."""

    makes = layers.Convolution2d
    kind: Literal["conv2d"]
    filters: Size = Field(description="output channels")
    kernel: PairSize = Field(description="filter height and width, or [height, width]")
    stride: PairSize = Field((1, 1), description="step of the filter, or [height, width]")
    padding: SidesPaddingOrSame = Field(
        (0, 0), description="zeros on each side, or [height, width], [top, left, bottom, right], or same"
    )
    dilation: PairSize = Field((1, 1), description="distance of filter taps, or [height, width]")
    groups: Size = Field(1, description="groups that share neither channels nor filters")


class DepthwiseConv2dText(_ConvolutionText):
    """Convolution of each channel on its own."""

    makes = layers.DepthwiseConvolution2d
    kind: Literal["depthwise_conv2d"]
    kernel: PairSize = Field(description="filter height and width, or [height, width]")
    stride: PairSize = Field((1, 1), description="step of the filter, or [height, width]")
    padding: SidesPaddingOrSame = Field(
        (0, 0), description="zeros on each side, or [height, width], [top, left, bottom, right], or same"
    )
    dilation: PairSize = Field((1, 1), description="distance of filter taps, or [height, width]")
    multiplier: Size = Field(1, description="output channels that each input channel makes")


class TransposedConv2dText(_ConvolutionText):
    """Transposed convolution of an image (upsampling by its stride)."""

    makes = layers.TransposedConvolution2d
    kind: Literal["transposed_conv2d"]
    filters: Size = Field(description="output channels")
    kernel: PairSize = Field(description="filter height and width, or [height, width]")
    stride: PairSize = Field((1, 1), description="upsampling, or [height, width]")
    padding: PairPadding = Field((0, 0), description="what the output loses on each side, or [height, width]")
    output_padding: PairPadding = Field((0, 0), description="what the output gains on one side, or [height, width]")
    groups: Size = Field(1, description="groups that share neither channels nor filters")


class Conv1dText(_ConvolutionText):
    """Convolution of a sequence along its steps."""

    makes = layers.Convolution1d
    kind: Literal["conv1d"]
    filters: Size = Field(description="output features")
    kernel: Size = Field(description="filter length in steps")
    stride: Size = Field(1, description="step of the filter")
    padding: EndsPaddingOrSame = Field(0, description="zeros on each side, or [before, after], or same")
    dilation: Size = Field(1, description="distance of filter taps")
    groups: Size = Field(1, description="groups that share neither features nor filters")


class _RecurrentText(_WeightLayerText):
    makes = recurrent.Recurrent
    hidden: Size = Field(description="cells of one direction")
    layers: Annotated[int, Field(ge=1, le=MAX_STACK)] = Field(1, description="layers in the stack")
    bidirectional: bool = Field(default=False, description="a second set of cells reads the sequence from its end")
    directions_merged: Literal["concat", "sum"] = Field("concat", description="how the directions make one result")
    streaming: bool = Field(default=False, description="steps arrive one by one: the input product runs at each step too")
    returns: Literal["sequence", "last"] = Field("sequence", description="the result of every step, or of the last")


class RnnText(_RecurrentText):
    """Plain recurrent layers over a sequence (one gate), stacked `layers` high."""

    kind: Literal["rnn"]
    cell_activation: CellActivation = Field("tanh", description="the cell's function")


class LstmText(_RecurrentText):
    """LSTM layers over a sequence (four gates), stacked `layers` high."""

    kind: Literal["lstm"]
    projection: Size | None = Field(None, description="recurrent projection (LSTMP): the width of the result; default: none")


class GruText(_RecurrentText):
    """GRU layers over a sequence (three gates), stacked `layers` high."""

    kind: Literal["gru"]


class AttentionText(_WeightLayerText):
    """Attention with its query, key, value and output projections."""

    makes = attention.Attention
    kind: Literal["attention"]
    heads: Size = Field(description="query heads")
    kv_heads: Size | None = Field(None, description="key-value heads (grouped-query); default: heads")
    head_features: Size | None = Field(None, description="width of a head; default: features / heads")
    causal: bool = Field(default=False, description="a step sees itself and what is before it; run in 4 blocks of queries")
    memory: str | None = Field(None, description="layer that the keys and values come from (cross-attention); default: the input")
    context: Annotated[int, Field(ge=0, le=MAX_SIZE)] = Field(0, description="tokens that the KV cache holds before this input")
    projections: bool = Field(
        default=True,
        description="false: the input is the query itself (or from: [query, keys, values]), and there is no output projection",
    )
    window: Size | None = Field(None, description="keys that a query sees, itself and those before it; default: all")
    rotary: bool = Field(default=False, description="queries and keys are turned by their position's angles")
    position_bias: bool = Field(default=False, description="a bias that depends on the distance is added to each score")
    own_keys: bool = Field(
        default=True, description="false: the cache holds all keys and values (cross-attention of a decoder's single step)"
    )

    @property
    def memory_name(self) -> str | None:
        """The layer of the keys and values."""
        return self.memory


class EmbeddingText(LayerText):
    """A table row for each token id."""

    makes = layers.Embedding
    kind: Literal["embedding"]
    vocabulary: Annotated[int, Field(ge=1, le=MAX_ROWS)] = Field(description="rows of the table")
    features: Size = Field(description="width of the table")
    bag: Size = Field(1, description="ids whose rows are summed into one step of the result")


class ExpertsText(_WeightLayerText):
    """Mixture of experts: each token through a few of many feed-forward networks; those a batch should reach are read."""

    makes = experts.Experts
    kind: Literal["experts"]
    experts: Size = Field(description="how many there are")
    active: Size = Field(description="how many each token is sent to")
    features: Size = Field(description="hidden features of one expert")
    gated: bool = Field(default=True, description="two products side by side, one the gate of the other, before the last")
    activation: Activation = Field("silu", description="activation of the hidden features (of the gate where gated)")


class InteractionText(LayerText):
    """Dot products of all pairs of vectors (DLRM); reads vectors, and sequences of them, of the same features."""

    makes = layers.Interaction
    kind: Literal["interaction"]


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


class MatmulText(LayerText):
    """Product of two layers, of `groups` side by side along the features: from: [a, b]."""

    makes = products.MatrixProduct
    kind: Literal["matmul"]
    groups: Size = Field(1, description="products side by side along the features, such as heads")
    transposed: bool = Field(
        default=False, description="the steps of the second layer are the columns (queries times keys), not its features"
    )


class LearnedText(LayerText):
    """A learned tensor that is no matrix, the same for all samples: position embeddings, a class token."""

    reads_nothing = True
    makes = products.Learned
    kind: Literal["learned"]
    to: ReshapedTo = Field(description="{channels, height, width}, {features, steps} or {features}")

    def layer(self) -> Layer:
        """The layer with its shape."""
        return products.Learned(to=cast("Image | Sequence | Vector", self.to.shape()))
