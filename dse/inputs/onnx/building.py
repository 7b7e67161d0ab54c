"""`Builder`: layers so far, and which of them holds each tensor of the graph.

A tensor is a `Value`: a layer's result, or the same numbers in another order or under another shape. Operators that only
rearrange (Reshape, Transpose, Squeeze ...) make no layer; the layer that reads the tensor sees to the shape that it needs, by a
`reshape` or `flatten` where the file's rules ask for one. So what counts is what each operator works on, in elements of one
sample.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from dse.errors import InputError
from dse.inputs.joining.emitted import Emitted
from dse.inputs.onnx.graph import Graph, Operator
from dse.inputs.writer import layer_kinds
from dse.workload.parts import Layer
from dse.workload.shapes import Image, Shape, ShapeError, Side, Tokens, Vector
from dse.workload.shapes import Sequence as Steps

ILLEGAL = "dse has no rule for it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What holds a tensor: a layer by number (below zero: an input of the network) and the shape of its result.

    `channels_last` says which axis of the tensor the channels or features are: the last one, or the one after the batch.
    """

    layer: int
    shape: Shape
    channels_last: bool = True

    @property
    def elements(self) -> int:
        """Numbers of one sample."""
        return self.shape.elements

    @property
    def is_ids(self) -> bool:
        """Whether it is token ids, or whole numbers computed from them."""
        return isinstance(self.shape, Tokens)


@dataclass(slots=True)
class Builder:
    """The layers of a graph; `aside` counts what is said in the notes and not counted."""

    graph: Graph
    layers: dict[int, Emitted] = field(default_factory=dict[int, Emitted])
    inputs: dict[int, tuple[str, Shape]] = field(default_factory=dict[int, tuple[str, Shape]])
    aside: Counter[str] = field(default_factory=Counter[str])
    formats: list[tuple[int, str, str]] = field(default_factory=list[tuple[int, str, str]])
    padded: dict[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict[str, tuple[str, tuple[int, ...]]])
    _values: dict[str, Value] = field(default_factory=dict[str, Value])
    _views: dict[tuple[int, Shape], int] = field(default_factory=dict[tuple[int, Shape], int])
    _learned: dict[tuple[str, Shape], int] = field(default_factory=dict[tuple[str, Shape], int])

    def is_constant(self, name: str | None) -> bool:
        """Whether a tensor is the same at each run."""
        return name is not None and name in self.graph.constant

    def value(self, name: str | None, operator: Operator) -> Value:
        """The value of a tensor that depends on the input."""
        if name is not None and name in self._values:
            return self._values[name]
        if self.is_constant(name):
            raise self.error(operator, f"its input {name!r} is a constant, and {ILLEGAL} in that form")
        raise self.error(operator, f"reads {name!r}, which no rule has made")

    def set(self, name: str, value: Value) -> None:
        """Say what holds a tensor."""
        self._values[name] = value

    def known(self, name: str) -> Value | None:
        """The value of a tensor, if it has one."""
        return self._values.get(name)

    def is_read(self, name: str) -> bool:
        """Whether anything reads a tensor."""
        return bool(name) and (name in self.graph.readers or name in self.graph.outputs)

    def elements(self, name: str, operator: Operator) -> int:
        """Numbers of one sample in a tensor. Raises `InputError` for one that does not grow with the batch."""
        total = math.prod(self.graph.shape(name, operator))
        if total % self.graph.batch:
            message = f"{name!r} has {total:,} elements, which {self.graph.batch} samples cannot share evenly"
            raise self.error(operator, message, "export the model with a batch of 1")
        return total // self.graph.batch

    def per_sample(self, name: str, operator: Operator) -> tuple[int, ...]:
        """The shape of a tensor without its batch: without the first of its first two axes that is as long as the batch."""
        shape = self.graph.shape(name, operator)
        batch = self.graph.batch
        axis = next((axis for axis, side in enumerate(shape[:2]) if side == batch), None)
        if axis is not None:
            return (*shape[:axis], *shape[axis + 1 :])
        if shape and shape[0] % batch == 0:
            return (shape[0] // batch, *shape[1:])
        return (self.elements(name, operator),)

    def canonical(self, name: str, operator: Operator, *, channels_last: bool) -> Shape | None:
        """The shape that a tensor has as the file's rules name shapes; None for more sides than they have."""
        match self.per_sample(name, operator):
            case ():
                return Vector(1)
            case (features,):
                return Vector(features)
            case (first, second):
                return Steps(second, first) if channels_last else Steps(first, second)
            case (first, second, third):
                return Image(third, first, second) if channels_last else Image(first, second, third)
            case _:
                return None

    def view(self, value: Value, shape: Shape, operator: Operator) -> Value:
        """The value under another shape, by a layer that costs nothing."""
        if value.shape == shape:
            return value
        if value.is_ids or isinstance(shape, Tokens):
            raise self.error(operator, f"needs {shape}, but it is given {value.shape}")
        if value.elements != shape.elements:
            raise self.error(operator, f"needs {shape}, but one sample is {value.shape}")
        source = self._origin(value)
        if source.shape == shape:
            return replace(source, channels_last=value.channels_last)
        if (source.layer, shape) not in self._views:
            flat = isinstance(shape, Vector)
            kind, keys = ("flatten", {}) if flat else ("reshape", {"to": sides(shape)})
            made = self._add(kind, keys, [source.layer], shape, operator, hint="")
            self._views[source.layer, shape] = made.number
        return replace(value, layer=self._views[source.layer, shape], shape=shape)

    def _origin(self, value: Value) -> Value:
        """What a reshaped value was before."""
        layer = self.layers.get(value.layer)
        while layer is not None and layer.kind in ("flatten", "reshape"):
            source = layer.reads[0]
            shape = self.inputs[source][1] if source < 0 else self.layers[source].shape
            value = Value(layer=source, shape=shape, channels_last=value.channels_last)
            layer = self.layers.get(source)
        return value

    def emit(
        self,
        operator: Operator,
        kind: str,
        reads: Sequence[Value],
        keys: Mapping[str, Any] | None = None,
        *,
        channels_last: bool | None = None,
        facts: frozenset[str] = frozenset(),
        hint: str | None = None,
    ) -> Value:
        """Append a layer, and its result. Raises `InputError` that names the operator where the file's rules refuse it."""
        given = dict(keys or {})
        try:
            shape = described(kind, given).output(tuple(value.shape for value in reads))
        except ShapeError as error:
            raise self.error(operator, str(error), error.remedy) from None
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise self.error(operator, f"{where} of {kind} cannot be {first['input']!r}: {first['msg']}") from None
        layer = self._add(kind, given, [value.layer for value in reads], shape, operator, facts=facts, hint=hint)
        last = channels_last if channels_last is not None else reads[0].channels_last if reads else True
        return Value(layer=layer.number, shape=shape, channels_last=last)

    def _add(
        self,
        kind: str,
        keys: dict[str, Any],
        reads: list[int],
        shape: Shape,
        operator: Operator,
        *,
        facts: frozenset[str] = frozenset(),
        hint: str | None = None,
    ) -> Emitted:
        number = len(self.layers)
        self.layers[number] = Emitted(
            number=number,
            kind=kind,
            keys=keys,
            reads=reads,
            shape=shape,
            hint=hint if hint is not None else self._hint(operator),
            word=str(keys.get("function", keys.get("operation", _SHORT.get(kind, kind)))),
            facts=facts,
        )
        return self.layers[number]

    def _hint(self, operator: Operator) -> str:
        """What the graph calls an operator: its own name, that of its weights or its result, if any of them says something."""
        weights = (_WEIGHT.fullmatch(str(name)) for name in operator.inputs[1:4] if self.is_constant(name))
        owners = [found.group(1) for found in weights if found is not None]
        return next((name for name in (operator.name, *owners, *operator.outputs[:1]) if says_something(name)), "")

    def learned(self, name: str, shape: Shape, operator: Operator) -> Value:
        """A constant that is more than a number for each channel, as a layer."""
        if (name, shape) not in self._learned:
            facts = frozenset({"causal"}) if self._is_causal(name) else frozenset[str]()
            made = self.emit(
                operator, "learned", [], {"to": sides(shape)}, facts=facts, hint=name if says_something(name) else ""
            )
            self._learned[name, shape] = made.layer
        return Value(layer=self._learned[name, shape], shape=shape)

    def _is_causal(self, name: str) -> bool:
        """Whether a constant marks, in its last two axes, all that lies above the diagonal and nothing else."""
        import numpy as np

        value = self.graph.values.get(name)
        if value is None or value.ndim < 2 or value.shape[-1] < 2 or value.shape[-1] < value.shape[-2]:
            return False
        rows, columns = value.shape[-2:]
        table = np.reshape(value, (-1, rows, columns))[0]
        above = np.triu(np.ones((rows, columns), dtype=bool), 1 + columns - rows)
        marked = table != table[-1, 0]
        return bool(np.array_equal(marked, above))

    def give(self, name: str, operator: Operator) -> Value:
        """Take a tensor as an input of the network, by the shape that the graph has for it."""
        shape = self.canonical(name, operator, channels_last=len(self.graph.shape(name, operator)) < 4)
        return self.add_input(name, shape or Vector(self.elements(name, operator)), channels_last=not isinstance(shape, Image))

    def add_input(self, name: str, shape: Shape, *, channels_last: bool) -> Value:
        """A further input of the network."""
        number = -1 - len(self.inputs)
        self.inputs[number] = (name, shape)
        self._values[name] = Value(layer=number, shape=shape, channels_last=channels_last)
        return self._values[name]

    def finish(self, operator: Operator, value: Value, index: int = 0) -> None:
        """Say what holds an output, having checked that it has as many elements as the graph says."""
        name = operator.outputs[index]
        if name in self.graph.shapes and (made := self.elements(name, operator)) != value.elements:
            raise self.error(operator, f"makes {made:,} numbers a sample in the file, but {value.elements:,} by the rules of dse")
        self._values[name] = value

    def note(self, what: str, times: int = 1) -> None:
        """Count something that is left out, to be said in the notes."""
        if times:
            self.aside[what] += times

    def error(self, operator: Operator, message: str, remedy: str | None = None) -> InputError:
        """What is wrong, with the operator that it is about."""
        return self.graph.error(f"{operator.said}: {message}", remedy)


_SHORT = {"conv2d": "conv", "depthwise_conv2d": "depthwise", "pool1d": "pool", "pool2d": "pool", "normalisation": "norm"}
"""What layers are called that nobody has named."""

_WEIGHT = re.compile(r"(.+?)[._/](?:weights?|kernel|w|W|scale|gamma|s)(?:_\d+)?(?:[:/_.].*)?")
_NUMBERED = re.compile(r"([a-z]{0,6}|[A-Z][A-Za-z]*|node_\w+|onnx::\w+)_?\d+")


def says_something(name: str) -> bool:
    """Whether a name of the graph is more than a count or an operator with a number.

    >>> says_something("layer1.0.conv1"), says_something("Conv_12"), says_something("n3"), says_something("")
    (True, False, False, False)
    """
    return bool(name) and _NUMBERED.fullmatch(name) is None


def sides(shape: Shape) -> dict[str, int]:
    """A shape as a workload file has it."""
    match shape:
        case Image():
            return {"channels": shape.channels, "height": shape.height, "width": shape.width}
        case Steps():
            return {"features": shape.features, "steps": shape.steps}
        case Vector():
            return {"features": shape.features}
        case Tokens():
            return {"tokens": shape.steps}


def described(kind: str, keys: Mapping[str, Any]) -> Layer:
    """The layer that a kind and its keys mean, by the rules of a workload file."""
    text = layer_kinds()[kind].model_validate_json(json.dumps({"name": "layer", "kind": kind, **keys}))
    return text.layer()


def side_of(shape: Shape, rank: int, axis: int, *, channels_last: bool) -> Side | None:
    """Which side of a shape an axis of a tensor (without its batch, of so many axes) is."""
    match shape:
        case Vector() if rank == 1:
            return "channels"
        case Steps() if rank == 2:
            return "channels" if (axis == 1) == channels_last else "steps"
        case Image() if rank == 3:
            order: tuple[Side, ...] = ("height", "width", "channels") if channels_last else ("channels", "height", "width")
            return order[axis]
        case _:
            return None
