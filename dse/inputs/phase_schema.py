"""`phase:` of a workload file: inference, or a training step with its optimiser and checkpointing."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, GetJsonSchemaHandler, ValidatorFunctionWrapHandler, WrapValidator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from dse.inputs.wording import shorten
from dse.inputs.yaml import Bytes, Strict
from dse.workload.phases import Checkpointing, Every, Inference, OptimiserName, Phase, Training, Within

MAX_LAYERS_APART = 20_000
"""Most layers between two checkpoints: as many as a network may have."""


class CheckpointingText(Strict):
    """``none``, ``sqrt``, ``{every: 4}`` or ``{memory: 16 GiB}``."""

    every: Annotated[int, Field(ge=1, le=MAX_LAYERS_APART)] | None = Field(
        None, description="keep what every so-many-th layer makes, and recompute the rest"
    )
    memory: Bytes | None = Field(
        None, description="recompute as little as fits this much memory, with weights, gradients and optimiser state"
    )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        mapping = {**handler(schema), "minProperties": 1, "maxProperties": 1}
        return {"anyOf": [{"enum": list(_WORDS)}, mapping]}

    def checkpointing(self) -> Checkpointing:
        """What the text means."""
        if self is SQRT:
            return "sqrt"
        if self.every is not None:
            return Every(layers=self.every)
        return None if self.memory is None else Within(limit_bytes=self.memory)


NONE, SQRT = CheckpointingText(every=None, memory=None), CheckpointingText(every=None, memory=None)
_WORDS = {"none": NONE, "sqrt": SQRT}
_CHECKPOINTING = "none, sqrt, {every: 4} or {memory: 16 GiB}"


def _checkpointing(value: object, handler: ValidatorFunctionWrapHandler) -> CheckpointingText:
    if isinstance(value, str) and value in _WORDS:
        return _WORDS[value]
    if not isinstance(value, dict):
        raise ValueError(f"{_CHECKPOINTING} is needed, got {shorten(value)}")  # noqa: TRY004 - pydantic's word for wrong text
    text: CheckpointingText = handler(value)
    if (text.every is None) == (text.memory is None):
        raise ValueError(f"{_CHECKPOINTING} is needed, got {'both' if text.every else 'neither'} of every and memory")
    return text


class TrainingText(Strict):
    """A training step on each batch: forward, backward, update."""

    optimiser: OptimiserName = Field(description="what updates the weights: sgd, momentum or adam")
    checkpointing: Annotated[CheckpointingText, WrapValidator(_checkpointing)] = Field(
        NONE,
        description=f"what is kept of the forward pass: {_CHECKPOINTING}",
        json_schema_extra={"default": "none"},
    )


class PhaseText(Strict):
    """``inference``, or ``{training: {...}}``."""

    training: TrainingText | None = Field(None, description="a training step: {optimiser: adam, checkpointing: sqrt}")

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"const": "inference"}, {**handler(schema), "minProperties": 1}]}

    def phase(self) -> Phase:
        """What the text means."""
        if self.training is None:
            return Inference()
        return Training(optimiser=self.training.optimiser, checkpointing=self.training.checkpointing.checkpointing())


INFERENCE = PhaseText(training=None)


def _phase(value: object, handler: ValidatorFunctionWrapHandler) -> PhaseText:
    if value == "inference":
        return INFERENCE
    if value == "training":
        raise ValueError("training needs its optimiser: {training: {optimiser: adam}}")
    if not isinstance(value, dict):
        message = f"inference, or {{training: {{optimiser: adam}}}}, is needed, got {shorten(value)}"
        raise ValueError(message)  # noqa: TRY004 - pydantic's word for wrong text
    text: PhaseText = handler(value)
    if text.training is None:
        raise ValueError("inference, or {training: {optimiser: adam}}, is needed, got an empty mapping")
    return text


PhaseField = Annotated[PhaseText, WrapValidator(_phase)]
