"""`Builder`: the layers that have been made so far, what stands for each tensor, and the rules that make more."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from dse.errors import Problem, UnsupportedLayer
from dse.inputs.pytorch.tracing import Dims, Operation, Ref, Traced, per_sample, references
from dse.inputs.pytorch.values import Constant, Known, Numbers, State, Value, sides_of
from dse.inputs.writer import layer_name
from dse.workload.shapes import Image, Sequence, Shape, Tokens, Vector

INPUT = "input"
Rule = Callable[["Builder", Operation], Known]
RULES: dict[str, Rule] = {}
"""What makes layers of an operator, by its name."""

TAKES_IDS: set[str] = set()
"""Operators whose rules take token ids."""

BOOKKEEPING = "whole numbers computed from token ids or masks are not counted"
PRODUCTS = ("linear", "addmm", "mm", "conv1d", "conv2d", "conv3d", "convolution", "lstm", "gru", "rnn_tanh", "rnn_relu")
"""Operators that hold weights, and so cannot be meant for token ids."""

CONTAINERS = ("MultiheadAttention", "Transformer", "Sequential", "ModuleList")
"""Classes of torch.nn whose operators are more than the one that the class is called after."""


def rule(*names: str, takes_ids: bool = False) -> Callable[[Rule], Rule]:
    """Register a rule for operators of these names."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        TAKES_IDS.update(names if takes_ids else ())
        return function

    return register


def no_rule(spec: str, operation: Operation, why: str) -> NoReturn:
    """Raise `UnsupportedLayer` with the operator and where in the module it stands."""
    place = f"in {operation.path} ({operation.owner.rpartition('.')[2]})" if operation.path else "in the module itself"
    message = f"{spec}: the operator {operation.name!r}, {place}, {why}"
    raise UnsupportedLayer(Problem(message, remedy=f"--allow ignore:{operation.name} counts it as nothing"))


def shape_keys(shape: Shape) -> dict[str, int]:
    """A shape as a workload file has it."""
    match shape:
        case Image(channels, height, width):
            return {"channels": channels, "height": height, "width": width}
        case Sequence(features, steps):
            return {"features": features, "steps": steps}
        case Tokens(steps):
            return {"tokens": steps}
        case Vector(features):
            return {"features": features}


@dataclass(slots=True)
class Builder:
    """Layers in order, each a mapping in the vocabulary of a workload file, and the shape that each makes."""

    traced: Traced
    spec: str
    allowed: frozenset[str] = frozenset()
    layers: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    shapes: dict[str, Shape] = field(default_factory=dict[str, Shape])
    notes: list[str] = field(default_factory=list[str])
    aside: Counter[str] = field(default_factory=Counter[str])
    known: dict[str, Known] = field(default_factory=dict[str, Known])
    _dims: dict[str, Dims] = field(default_factory=dict[str, Dims])
    _parts: dict[str, tuple[Dims, ...]] = field(default_factory=dict[str, tuple[Dims, ...]])
    _reshaped: dict[tuple[str, Shape], str] = field(default_factory=dict[tuple[str, Shape], str])

    @property
    def batch(self) -> int:
        """The number that stands for the batch."""
        return self.traced.batch

    def start(self, inputs: Mapping[str, tuple[str, Shape]]) -> None:
        """Name the inputs (node: name and shape), the weights and the buffers."""
        for node, (name, shape) in inputs.items():
            self.shapes[name] = shape
            self.known[node] = Value(name=name, shape=shape)
            self._dims[node] = self.traced.inputs[node][0]
        for node, (dims, name) in self.traced.stored.items():
            self.known[node] = Constant(dims=dims, stored=name)
            self._dims[node] = dims

    def run(self, operation: Operation) -> None:
        """Make the layers of an operation."""
        self.note_dims(operation)
        given = [self.known[name] for name in references(operation)]
        if operation.name == "getitem":
            self.known[operation.node] = self._item(operation)
        elif all(isinstance(each, Constant) or each is None for each in given):
            self.known[operation.node] = self._constant(operation, given)
        elif operation.name in self.allowed:
            self.known[operation.node] = self._ignored(operation, given)
        elif self._is_of_ids(operation, given):
            self.aside[BOOKKEEPING] += 1
            self.known[operation.node] = (
                tuple(Constant(dims=each) for each in operation.parts) if operation.parts else Constant(dims=operation.dims)
            )
        elif operation.name in RULES or operation.name.rstrip("_") in RULES:
            found = RULES[operation.name if operation.name in RULES else operation.name.rstrip("_")]
            self.known[operation.node] = self._checked(operation, found(self, operation), given)
        else:
            self.refuse(operation, "has no rule")

    @staticmethod
    def _is_of_ids(operation: Operation, given: Iterable[Known]) -> bool:
        """Whether an operation does arithmetic on token ids, masks or positions alone."""
        values = [each for each in given if isinstance(each, Value)]
        of_ids = bool(values) and all(isinstance(each.shape, Tokens) for each in values)
        return of_ids and operation.name not in TAKES_IDS and operation.name not in PRODUCTS

    def _checked(self, operation: Operation, found: Known, given: Iterable[Known]) -> Known:
        """What a rule has made, if it has as many numbers as the graph says; copies of what was copied are copies."""
        if not isinstance(found, Value) or found.margin or isinstance(found.shape, Tokens):
            return found
        made = per_sample(operation.dims, self.batch)
        if not made or made == found.elements * found.copies:
            return found
        copied = any(isinstance(each, Value) and each.copies > 1 for each in given)
        if copied and made % found.elements == 0:
            return replace(found, copies=made // found.elements)
        return self.refuse(operation, f"makes {made:,} numbers a sample, but {found.elements:,} by the rules of dse")

    def written_out(self, operation: Operation, value: Value, made: int) -> Value:
        """A value with its copies, `made` numbers in all: read once, written in full."""
        if made % value.elements:
            self.refuse(operation, f"has no rule for spreading {value.shape} over {made:,} numbers")
        times = made // value.elements
        row = self.as_shape(value.plain(), Image(1, 1, value.elements), operation)
        copied = self.add(operation, "resize", [row], Image(1, times, value.elements), size=(times, value.elements))
        return Value(name=self.as_shape(copied, Vector(made), operation), shape=Vector(made))

    def note_dims(self, operation: Operation) -> None:
        """Remember the dimensions of what an operation makes."""
        self._dims[operation.node], self._parts[operation.node] = operation.dims, operation.parts

    def refuse(self, operation: Operation, why: str) -> NoReturn:
        """Say that an operation has no rule."""
        no_rule(self.spec, operation, why)

    def argument(self, operation: Operation, name: str) -> Any:  # noqa: ANN401
        """An argument that is no tensor."""
        return operation.arguments.get(name)

    def of(self, operation: Operation, name: str) -> Known:
        """What stands for a tensor argument; None where it is not given."""
        value = operation.arguments.get(name)
        return self.known[value.name] if isinstance(value, Ref) else None

    def dims(self, operation: Operation, name: str) -> Dims:
        """Dimensions of a tensor argument."""
        value = operation.arguments.get(name)
        return self._dims[value.name] if isinstance(value, Ref) else ()

    def dims_of(self, ref: Ref) -> Dims:
        """Dimensions of a tensor."""
        return self._dims[ref.name]

    def value(self, operation: Operation, name: str) -> Value:
        """A tensor argument that a layer makes, its copies being something that the operation can do without."""
        found = self.of(operation, name)
        if not isinstance(found, Value):
            self.refuse(operation, f"has no rule for a {name} that does not come from the input")
        return found

    def per_sample(self, dims: Dims, operation: Operation) -> int:
        """Elements of one sample."""
        found = per_sample(dims, self.batch)
        if not found:
            self.refuse(operation, "makes a tensor without the batch: an input's batch stands elsewhere than --input says")
        return found

    def add(
        self,
        operation: Operation,
        /,
        kind: str,
        reads: list[str],
        shape: Shape,
        *,
        called: str | None = None,
        facts: tuple[str, ...] = (),
        **keys: Any,  # noqa: ANN401 - whatever the kind has
    ) -> Value:
        """Append a layer named after its module, and after what it does unless the module says that."""
        name = layer_name(called or self._called(operation, kind), self.shapes)
        layer: dict[str, Any] = {"name": name, "kind": kind, **keys}
        if reads:
            layer["from"] = reads
        self.layers.append({**layer, "path": operation.path, "owner": operation.owner, "facts": facts})
        self.shapes[name] = shape
        return Value(name=name, shape=shape)

    def _called(self, operation: Operation, kind: str) -> str:
        path = operation.path.replace(".", "_")
        own = operation.owner.rpartition(".")[2]
        if kind == "normalisation" and "norm" in path.lower().rpartition("_")[2]:
            return path
        is_leaf = operation.owner.startswith("torch.nn.modules.") and not own.startswith(CONTAINERS)
        what = operation.name.strip("_") if kind not in ("reshape", "slice", "select", "learned") else kind
        return path if is_leaf and path else f"{path}_{what}" if path else what

    def as_shape(self, value: Value, shape: Numbers, operation: Operation) -> str:
        """The name under which a value is read with this shape."""
        if value.margin:
            self.refuse(operation, "has no rule on a tensor that was padded just before")
        if isinstance(value.shape, Tokens):
            self.refuse(operation, "has no rule on token ids: if that input is numbers, write its shape without :int")
        if value.shape == shape:
            return value.name
        if value.elements != shape.elements:
            self.refuse(operation, f"would read {shape} of what is {value.shape}")
        key = (value.name, shape)
        if key not in self._reshaped:
            root = self._root(value.name)
            if self.shapes[root] == shape:
                return root
            found = self.add(operation, "reshape", [root], shape, called=f"{root}_reshaped", to=shape_keys(shape))
            self._reshaped[key] = found.name
        return self._reshaped[key]

    def _root(self, name: str) -> str:
        """What a chain of reshapes began with."""
        layer = next((each for each in self.layers if each["name"] == name), None)
        return self._root(layer["from"][0]) if layer is not None and layer["kind"] == "reshape" else name

    def seen(self, value: Value, dims: Dims, operation: Operation) -> Numbers:
        """The shape of a value as a tensor of these dimensions shows it: an image of flattened positions is a sequence."""
        shape = value.shape
        if isinstance(shape, Tokens):
            self.refuse(operation, "has no rule on token ids")
        if value.copies > 1 or sides_of(shape, dims, self.batch) is not None or dims.count(self.batch) != 1:
            return shape
        rest = tuple(side for side in dims if side != self.batch)
        return next((each for each in _candidates(shape, rest) if self._shows(each, shape, dims)), shape)

    def _shows(self, seen: Numbers, shape: Numbers, dims: Dims) -> bool:
        return seen.elements == shape.elements and sides_of(seen, dims, self.batch) is not None

    def learned(self, constant: Constant, shape: Numbers, operation: Operation) -> str:
        """A layer for a stored tensor that is no matrix."""
        base = constant.stored.replace(".", "_")
        return self.add(operation, "learned", [], shape, called=base or "constant", to=shape_keys(shape)).name

    def _item(self, operation: Operation) -> Known:
        source, index = operation.arguments["0"], operation.arguments["1"]
        whole = self.known[source.name]
        parts = self._parts.get(source.name, ())
        if isinstance(index, int) and index < len(parts):
            self._dims[operation.node] = parts[index]
        if isinstance(whole, tuple):
            return whole[index] if index < len(whole) else None
        if isinstance(whole, Constant):
            return Constant(dims=self._dims[operation.node], stored=whole.stored)
        return None

    def _constant(self, operation: Operation, given: list[Known]) -> Known:
        """What is computed of constants alone: a part of a stored tensor remains one, whatever else is computed is none."""
        stored = [each for each in given if isinstance(each, Constant) and each.stored]
        if operation.parts:
            return tuple(Constant(dims=each, stored=stored[0].stored if stored else "") for each in operation.parts)
        dims = operation.dims
        if operation.name == "embedding" and stored:
            rows = self._dims[operation.arguments["weight"].name]
            return Constant(dims=dims, stored=stored[0].stored, table=(rows[0], rows[1]))
        largest = max(stored, key=lambda each: math.prod(each.dims), default=None)
        causal = _marks_what_follows(operation) or any(isinstance(each, Constant) and each.causal for each in given)
        named = largest.stored if largest is not None and not _is_mask(operation) else ""
        return Constant(dims=dims, stored=named, causal=causal)

    def _ignored(self, operation: Operation, given: list[Known]) -> Known:
        """An operator that is counted as nothing: what it makes has the place of what it reads."""
        first = next(each for each in given if isinstance(each, Value))
        self.notes.append(f"{operation.name} in {operation.path or 'the module'} is counted as nothing")
        if operation.parts:
            return tuple(self._in_place_of(first, each, operation) for each in operation.parts)
        return self._in_place_of(first, operation.dims, operation)

    def _in_place_of(self, first: Value, dims: Dims, operation: Operation) -> Known:
        made = per_sample(dims, self.batch)
        if not made:
            return Constant(dims=dims)
        if made == first.elements:
            return first
        if made < first.elements:
            flat = self.as_shape(first, Vector(first.elements), operation)
            return self.add(operation, "slice", [flat], Vector(made), features=made)
        return self.refuse(operation, "makes more than it reads, so it cannot be left out")


def _candidates(shape: Numbers, rest: Dims) -> Iterator[Numbers]:
    """Other shapes of the same elements and channels, or of these sides."""
    match rest:
        case (first, second) if isinstance(shape, Image):
            if shape.channels in rest:
                yield Sequence(shape.channels, shape.height * shape.width)
            yield Sequence(second, first)
        case (first, second):
            yield Sequence(second, first)
        case (first, second, third) if isinstance(shape, Sequence):
            if shape.features == first:
                yield Image(first, second, third)
            if shape.features == third:
                yield Image(third, first, second)
        case (channels, height, width):
            yield Image(channels, height, width)
        case (features,):
            yield Vector(features)
        case _:
            return


def _is_mask(operation: Operation) -> bool:
    """Whether what is computed is a comparison, which needs no memory."""
    return operation.name in (
        "eq",
        "ne",
        "lt",
        "gt",
        "le",
        "ge",
        "logical_not",
        "bitwise_not",
        "where",
        "masked_fill",
        "triu",
        "tril",
    )


def _marks_what_follows(operation: Operation) -> bool:
    """Whether a triangle is cut out that tells each position from those after it."""
    rows, columns = (1, 1, *operation.dims)[-2:]
    diagonal = operation.arguments.get("diagonal") or 0
    return rows > 1 and {"triu": 1, "tril": 0}.get(operation.name.strip("_")) == diagonal - (columns - rows)


def known_value(known: Known) -> Value | None:
    """A value that may be one, of a recurrent state that of the last layer."""
    if isinstance(known, State):
        return known.last
    return known if isinstance(known, Value) else None
