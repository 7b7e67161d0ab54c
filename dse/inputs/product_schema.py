"""Layers that multiply or look up, as pydantic models: linear, convolutions, recurrent, attention, experts, embeddings."""

from __future__ import annotations

from typing import Annotated, Literal, cast

from pydantic import Field

from dse.inputs.fields import (
    MAX_SIZE,
    EndsPaddingOrSame,
    PairPadding,
    PairSize,
    ReshapedTo,
    SidesPaddingOrSame,
    Size,
)
from dse.inputs.layer_schema import LayerText
from dse.workload import attention, experts, layers, products, recurrent
from dse.workload.elementwise import Activation
from dse.workload.parts import Layer
from dse.workload.recurrent import CellActivation
from dse.workload.shapes import Image, Sequence, Vector

MAX_ROWS = 2**40
"""Most rows of an embedding's table."""

MAX_STACK = 1_000


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
