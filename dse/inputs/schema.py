"""The workload file as pydantic models, and the JSON Schema by which editors complete and check it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, GetJsonSchemaHandler, Tag, ValidationError, WrapValidator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import ValidationInfo, ValidatorFunctionWrapHandler

from dse.hardware.goals import MOST_OBJECTIVES, Metric
from dse.inputs import pointwise_schema, product_schema
from dse.inputs.fields import InputShape, Name, PrecisionText
from dse.inputs.layer_schema import LAYER_NAME
from dse.inputs.phase_schema import INFERENCE, PhaseField
from dse.inputs.together import TogetherText
from dse.inputs.yaml import Listed, Strict, Time
from dse.workload.workload import AUTO_BATCHES

MAX_REPEATS = 10_000
MAX_BATCH = 2**20
MAX_INPUTS = 1_000

Batch = Annotated[int, Field(ge=1, le=MAX_BATCH)]


class FreeBatches(tuple[int, ...]):
    """Batches that every design chooses from."""

    __slots__ = ()


def _free(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401 - whatever stands in the text
    if value == "auto":
        return FreeBatches(AUTO_BATCHES)
    if isinstance(value, str):
        raise ValueError(f"a list of batches such as [1, 8], or auto, is needed, got {value!r}")  # noqa: TRY004 - pydantic's word
    return handler(value)


class _WithAuto:
    """The schema of a list, or of the word auto."""

    @staticmethod
    def __get_pydantic_json_schema__(schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [handler(schema), {"const": "auto"}]}


Batches = Annotated[Listed[Batch], Field(min_length=1), WrapValidator(_free), _WithAuto]
"""Batches of a network: each a scenario, or one scenario whose batch every design chooses."""

BLOCK = "_block"
"""Tag of a block among layer kinds; no kind begins with an underscore."""

TOLERANT = {"tolerant": True}
"""Validation context in which a layer that is wrong becomes an `UnreadableLayer`, so that the rest can be looked at."""


class UnreadableLayer(Strict):
    """A layer or block that is wrong in itself: its name, if it has one, and nothing else."""

    name: str | None = None


def _tag(entry: Any) -> str | None:  # noqa: ANN401 - whatever stands in the text
    """Which model reads an entry of `layers`: its kind, or a block."""
    if not isinstance(entry, dict):
        return None
    if "kind" not in entry and ("repeat" in entry or "layers" in entry):
        return BLOCK
    kind: object = entry.get("kind")  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return None if kind is None else str(kind)  # pyright: ignore[reportUnknownArgumentType]


def _tolerate(entry: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:  # noqa: ANN401
    try:
        return handler(entry)
    except ValidationError:
        if info.context != TOLERANT:
            raise
        name: object = entry.get("name") if isinstance(entry, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        return UnreadableLayer(name=name if isinstance(name, str) else None)


Entry = Annotated[
    Annotated[product_schema.LinearText, Tag("linear")]
    | Annotated[product_schema.Conv2dText, Tag("conv2d")]
    | Annotated[product_schema.DepthwiseConv2dText, Tag("depthwise_conv2d")]
    | Annotated[product_schema.TransposedConv2dText, Tag("transposed_conv2d")]
    | Annotated[product_schema.Conv1dText, Tag("conv1d")]
    | Annotated[product_schema.RnnText, Tag("rnn")]
    | Annotated[product_schema.LstmText, Tag("lstm")]
    | Annotated[product_schema.GruText, Tag("gru")]
    | Annotated[product_schema.AttentionText, Tag("attention")]
    | Annotated[product_schema.ExpertsText, Tag("experts")]
    | Annotated[product_schema.EmbeddingText, Tag("embedding")]
    | Annotated[product_schema.InteractionText, Tag("interaction")]
    | Annotated[pointwise_schema.Pool2dText, Tag("pool2d")]
    | Annotated[pointwise_schema.Pool1dText, Tag("pool1d")]
    | Annotated[pointwise_schema.GlobalPoolText, Tag("global_pool")]
    | Annotated[pointwise_schema.NormalisationText, Tag("normalisation")]
    | Annotated[pointwise_schema.ActivationText, Tag("activation")]
    | Annotated[pointwise_schema.SoftmaxText, Tag("softmax")]
    | Annotated[pointwise_schema.AddText, Tag("add")]
    | Annotated[pointwise_schema.MultiplyText, Tag("multiply")]
    | Annotated[pointwise_schema.ConcatText, Tag("concat")]
    | Annotated[pointwise_schema.FlattenText, Tag("flatten")]
    | Annotated[pointwise_schema.ReshapeText, Tag("reshape")]
    | Annotated[pointwise_schema.SelectText, Tag("select")]
    | Annotated[pointwise_schema.SliceText, Tag("slice")]
    | Annotated[pointwise_schema.ElementwiseText, Tag("elementwise")]
    | Annotated[pointwise_schema.ResizeText, Tag("resize")]
    | Annotated[product_schema.MatmulText, Tag("matmul")]
    | Annotated[product_schema.LearnedText, Tag("learned")]
    | Annotated["BlockText", Tag(BLOCK)],
    Discriminator(_tag),
    WrapValidator(_tolerate),
]


class BlockText(Strict):
    """Layers that repeat. The first one reads what stands before the block, in later copies the end of the copy before."""

    name: str = Field(
        pattern=LAYER_NAME, description="copies are called name.1.layer, name.2.layer, ...; the name is the last copy's result"
    )
    repeat: Annotated[int, Field(ge=1, le=MAX_REPEATS)] = Field(1, description="how many copies run, one after the other")
    layers: Listed[Entry] = Field(min_length=1, description="layers of one copy; their names hold inside it")
    notes: str | None = Field(None, description="free text")


Inputs = dict[Annotated[str, Field(pattern=LAYER_NAME)], InputShape]


class NetworkText(Strict):
    """A network: layers in the order in which they run."""

    name: Name = Field(description="lower-case letters, digits, _; scenarios are called name@b8")
    title: str = Field("", description="one line that says what it is")
    source: str = Field("", description="citation of the layer shapes")
    notes: str = Field("", description="choices made where the source is silent")
    batches: Batches | None = Field(
        None, description="samples that run together, one scenario each; or auto: each design takes its best within latency_limit"
    )
    weight: Annotated[float, Field(gt=0)] = Field(1.0, description="weight of each of its scenarios in sums and means")
    latency_limit: Time | None = Field(None, description="longest time that one run of a batch may take")
    precision: PrecisionText | None = Field(None, description="number formats where they differ from the suite's")
    phase: PhaseField | None = Field(None, description="inference or training where it differs from the suite's")
    input: InputShape = Field(
        description="shape of one sample: {channels, height, width}, {features, steps}, {features} or {tokens}"
    )
    inputs: Inputs = Field(
        default_factory=dict, max_length=MAX_INPUTS, description="further inputs by name, which layers read with from:"
    )
    layers: Listed[Entry] = Field(min_length=1, description="layers and blocks in the order in which they run")


class WorkloadText(Strict):
    """A suite of networks to run. Parameter and MAC counts leave out biases."""

    name: Name = Field(description="lower-case letters, digits, _")
    title: str = Field("", description="one line that says what this suite is")
    source: str = Field("", description="citation of the suite")
    space: str | None = Field(None, description="search space to take by default: a shipped name or a path")
    objectives: Listed[Metric] = Field((), max_length=MOST_OBJECTIVES, description="what a search judges by, by default")
    precision: PrecisionText | None = Field(None, description="number formats of all networks (int8, int8, int32)")
    batches: Batches = Field((1,), description="batches of all networks that give none")
    phase: PhaseField = Field(
        INFERENCE,
        description="inference, or {training: {optimiser: adam, checkpointing: sqrt}}; its scenarios are called name@b8+train",
        json_schema_extra={"default": "inference"},
    )
    networks: Listed[NetworkText] = Field(min_length=1, description="the networks of the suite")


def workload_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a workload file: networks, or several workloads together."""
    schema = WorkloadText.model_json_schema(by_alias=True)
    several = TogetherText.model_json_schema(by_alias=True, mode="validation")
    shared = {**several.pop("$defs"), "TogetherText": several}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "dse workload",
        "if": {"required": ["workloads"]},
        "then": {"$ref": "#/$defs/TogetherText"},
        "else": {"$ref": "#/$defs/WorkloadText"},
        "$defs": {**schema.pop("$defs"), **shared, "WorkloadText": schema},
    }
