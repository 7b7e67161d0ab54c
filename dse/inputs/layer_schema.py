"""The layers of a workload file as pydantic models: what may be written, and what each key means."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from dse.inputs.yaml import Listed, Strict
from dse.units import FORMAT_BITS
from dse.workload import attention, elementwise, layers, recurrent
from dse.workload.elementwise import Activation, Method, Mode
from dse.workload.parts import Layer
from dse.workload.recurrent import CellActivation
from dse.workload.shapes import Image, Sequence, Tokens, Vector

MAX_SIZE = 2**24
"""Most channels, features, steps or pixels along one side."""

MAX_ROWS = 2**40
"""Most rows of an embedding's table."""

MAX_STACK = 1_000

LAYER_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_\-]*$"

Size = Annotated[int, Field(ge=1, le=MAX_SIZE)]
Margin = Annotated[int, Field(ge=0, le=MAX_SIZE)]


def _pair(least: int, *, same: bool = False) -> BeforeValidator:
    """Reads 3 or [3, 5] as (height, width), each at least `least`, and "same" where it may be."""

    def read(value: object) -> object:
        if same and value == "same":
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            value = [value, value]
        numbers = cast("list[object]", value) if isinstance(value, list) else []
        if len(numbers) != 2 or any(isinstance(n, bool) or not isinstance(n, int) for n in numbers):
            raise ValueError(f"a whole number, or [height, width]{', or same' if same else ''}, is needed, got {value!r}")
        pair = cast("list[int]", numbers)
        if min(pair) < least or max(pair) > MAX_SIZE:
            raise ValueError(f"must be at least {least}, got {value!r}")
        return (pair[0], pair[1])

    return BeforeValidator(read)


def _pair_schema(least: int, *, same: bool = False) -> WithJsonSchema:
    number: dict[str, Any] = {"type": "integer", "minimum": least}
    forms: list[dict[str, Any]] = [number, {"type": "array", "items": number, "minItems": 2, "maxItems": 2}]
    return WithJsonSchema({"anyOf": [*forms, {"const": "same"}] if same else forms})


PairSize = Annotated[Any, _pair(1), _pair_schema(1)]
PairPadding = Annotated[Any, _pair(0), _pair_schema(0)]
PairPaddingOrSame = Annotated[Any, _pair(0, same=True), _pair_schema(0, same=True)]


def _padding(value: object) -> object:
    if value == "same" or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_SIZE):
        return value
    raise ValueError(f"a whole number of at least 0, or same, is needed, got {value!r}")


PaddingOrSame = Annotated[
    Any, BeforeValidator(_padding), WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"const": "same"}]})
]


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


class LayerText(Strict):
    """What any layer may carry."""

    makes: ClassVar[type[Any]]

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
    padding: PairPaddingOrSame = Field((0, 0), description="zeros on each side, or [height, width], or same")
    dilation: PairSize = Field((1, 1), description="distance of filter taps, or [height, width]")
    groups: Size = Field(1, description="groups that share neither channels nor filters")


class DepthwiseConv2dText(_ConvolutionText):
    """Convolution of each channel on its own."""

    makes = layers.DepthwiseConvolution2d
    kind: Literal["depthwise_conv2d"]
    kernel: PairSize = Field(description="filter height and width, or [height, width]")
    stride: PairSize = Field((1, 1), description="step of the filter, or [height, width]")
    padding: PairPaddingOrSame = Field((0, 0), description="zeros on each side, or [height, width], or same")
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
    padding: PaddingOrSame = Field(0, description="zeros on each side, or same")
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
    projections: bool = Field(default=True, description="false: the input is the query itself, and there is no output projection")

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


class InteractionText(LayerText):
    """Dot products of all pairs of vectors (DLRM); reads vectors, and sequences of them, of the same features."""

    makes = layers.Interaction
    kind: Literal["interaction"]


class Pool2dText(LayerText):
    """Maximum or mean of windows of an image."""

    makes = elementwise.Pool2d
    kind: Literal["pool2d"]
    mode: Mode = Field(description="max or average")
    kernel: PairSize = Field(description="window height and width, or [height, width]")
    stride: PairSize | None = Field(None, description="step of the window; default: the kernel")
    padding: PairPadding = Field((0, 0), description="on each side, or [height, width]")
    ceil: bool = Field(default=False, description="round the output size up")

    def layer(self) -> Layer:
        """The layer; without a stride windows stand side by side."""
        return elementwise.Pool2d(
            mode=self.mode, kernel=self.kernel, stride=self.stride or self.kernel, padding=self.padding, ceil=self.ceil
        )


class Pool1dText(LayerText):
    """Maximum or mean of windows of a sequence."""

    makes = elementwise.Pool1d
    kind: Literal["pool1d"]
    mode: Mode = Field(description="max or average")
    kernel: Size = Field(description="window length in steps")
    stride: Size | None = Field(None, description="step of the window; default: the kernel")
    padding: Margin = Field(0, description="on each side")

    def layer(self) -> Layer:
        """The layer; without a stride windows stand side by side."""
        return elementwise.Pool1d(mode=self.mode, kernel=self.kernel, stride=self.stride or self.kernel, padding=self.padding)


class GlobalPoolText(LayerText):
    """Maximum or mean of each channel: a vector."""

    makes = elementwise.GlobalPool
    kind: Literal["global_pool"]
    mode: Mode = Field("average", description="max or average")


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
    """Sum of two or more layers of one shape; it rides on the layer before it where that is one of them."""

    kind: Literal["add"]


class MultiplyText(_CombineText):
    """Product of two or more layers, a vector spread over the rest; it rides on the layer before it where that is one."""

    kind: Literal["multiply"]


class ConcatText(LayerText):
    """Two or more layers side by side along channels or features."""

    makes = elementwise.Concat
    kind: Literal["concat"]


class FlattenText(LayerText):
    """All elements as one vector."""

    makes = elementwise.Flatten
    kind: Literal["flatten"]


class ReshapeText(LayerText):
    """The same elements by another shape."""

    makes = elementwise.Reshape
    kind: Literal["reshape"]
    to: ReshapedTo = Field(description="{channels, height, width}, {features, steps} or {features}")

    def layer(self) -> Layer:
        """The layer with its shape."""
        return elementwise.Reshape(to=cast("Image | Sequence | Vector", self.to.shape()))


class SelectText(LayerText):
    """One step of a sequence: a vector."""

    makes = elementwise.Select
    kind: Literal["select"]
    steps: Literal["first", "last"] = Field("last", description="which step")


class SliceText(LayerText):
    """The first channels or features."""

    makes = elementwise.Slice
    kind: Literal["slice"]
    features: Size = Field(description="how many to keep")
