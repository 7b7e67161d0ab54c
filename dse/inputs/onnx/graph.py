"""The graph of a model as plain values: operators in order of execution, shapes of tensors, and the constants among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dse.errors import InputError, Place, Problem
from dse.inputs.onnx.dimensions import GivenInput


@dataclass(slots=True, kw_only=True, eq=False)
class Operator:
    """A node of the graph: `type` is its operator, with the domain before it unless that is ONNX's own."""

    type: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def input(self, index: int) -> str | None:
        """Name of an input; None where it is left out."""
        return (self.inputs[index] or None) if index < len(self.inputs) else None

    @property
    def said(self) -> str:
        """The operator as a message calls it."""
        return f"{self.type} {self.name or self.outputs[0]!r}" if self.name else f"{self.type} that makes {self.outputs[0]!r}"


@dataclass(slots=True, kw_only=True)
class Graph:
    """Operators in order of execution; shapes and element types by tensor; `values` of small constants.

    `constant` are all tensors that do not depend on an input, of known value or not; `stored` has the element types in which
    those lie in the file. `batch` is the batch at which the shapes are.
    """

    file: str
    operators: list[Operator]
    inputs: Sequence[GivenInput]
    outputs: tuple[str, ...]
    shapes: Mapping[str, tuple[int, ...]]
    types: Mapping[str, int]
    constant: set[str]
    values: Mapping[str, np.ndarray]
    stored: Mapping[str, int]
    batch: int
    readers: dict[str, list[Operator]] = field(default_factory=dict[str, list[Operator]])
    makers: dict[str, Operator] = field(default_factory=dict[str, Operator])

    def __post_init__(self) -> None:
        self.index()

    def index(self) -> None:
        """Find readers and makers anew."""
        self.readers, self.makers = {}, {}
        for operator in self.operators:
            for name in dict.fromkeys(operator.inputs):
                self.readers.setdefault(name, []).append(operator)
            self.makers |= dict.fromkeys(operator.outputs, operator)

    def shape(self, name: str, operator: Operator) -> tuple[int, ...]:
        """The shape of a tensor. Raises `InputError` that names who asks where it is not known."""
        if name not in self.shapes:
            message = f"{operator.said}: the shape of {name!r} is not known"
            raise self.error(message, "export the model with fixed input sizes, or with the shapes of all tensors")
        return self.shapes[name]

    def is_sole(self, name: str, reader: Operator) -> bool:
        """Whether a tensor is read by this operator alone, and is no result."""
        return self.readers.get(name, []) == [reader] and name not in self.outputs

    def error(self, message: str, remedy: str | None = None) -> InputError:
        """What is wrong with the model."""
        return InputError(Problem(message, Place(self.file), remedy))
