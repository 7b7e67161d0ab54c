"""Rules of what moves nothing: views and transpositions, parts of a tensor, several side by side, copies and padding."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from dse.inputs.pytorch.building import Builder, known_value, rule
from dse.inputs.pytorch.pointwise import numbers
from dse.inputs.pytorch.tracing import Dims, Operation, per_sample
from dse.inputs.pytorch.values import Constant, Known, Numbers, State, Value, sides_of
from dse.workload.shapes import Sequence, Tokens, Vector, with_side

# fmt: off
VIEWS = (
    "view", "reshape", "_unsafe_view", "view_as", "reshape_as", "permute", "transpose", "t", "mT", "swapaxes", "swapdims",
    "movedim", "moveaxis", "flatten", "unflatten", "squeeze", "unsqueeze", "contiguous", "clone", "detach", "detach_",
    "alias", "to", "_to_copy", "type_as", "float", "half", "bfloat16", "lift_fresh_copy", "dropout", "feature_dropout",
    "alpha_dropout", "native_dropout", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "native_channel_shuffle",
    "roll", "flip", "numpy_T", "adjoint", "ravel", "identity",
)
# fmt: on
"""Operators that give another view, another order or another type of what is there, or that do nothing in inference."""


@rule(*VIEWS, takes_ids=True)
def view(builder: Builder, operation: Operation) -> Known:
    """The same numbers, whoever reads them says by what shape."""
    found = builder.of(operation, "input" if "input" in operation.arguments else "self")
    if operation.parts:
        return (found, None)
    return found.last if isinstance(found, State) and _holds(builder, operation, found.last) else found


def _holds(builder: Builder, operation: Operation, value: Value) -> bool:
    return per_sample(operation.dims, builder.batch) == value.elements


@rule("new_zeros", "new_ones", "new_empty", "new_full", "zeros_like", "ones_like", "empty_like", "full_like", "new_tensor")
def made_new(builder: Builder, operation: Operation) -> Known:
    """A tensor that has but the sizes of what comes from the input."""
    del builder
    return Constant(dims=operation.dims)


@rule("expand", "expand_as", "repeat", "repeat_interleave", "tile", "broadcast_to", takes_ids=True)
def copies(builder: Builder, operation: Operation) -> Known:
    """Copies that nobody computes; whoever reads them must know what to do with them."""
    name = "self" if "self" in operation.arguments else "input"
    value = builder.value(operation, name)
    made = per_sample(operation.dims, builder.batch)
    if not made or made % value.elements:
        builder.refuse(operation, "has no rule for these copies")
    return replace(value, copies=made // value.elements)


@rule("constant_pad_nd", "pad", "reflection_pad2d", "replication_pad2d", "reflection_pad1d", "replication_pad1d")
def pad(builder: Builder, operation: Operation) -> Known:
    """Padding that the next convolution or pooling takes as its own."""
    name = "self" if "self" in operation.arguments else "input"
    value = builder.value(operation, name)
    sides = tuple(builder.argument(operation, "pad") or builder.argument(operation, "padding"))
    if not any(sides):
        return value
    if min(sides) < 0 or len(sides) > 4 or value.margin:
        builder.refuse(operation, "has a rule for padding of the last sides alone, once")
    dims = builder.dims(operation, name)
    pairs = tuple((sides[at], sides[at + 1]) for at in range(0, len(sides), 2))[::-1]
    spatial = len(dims) - 2
    return replace(value, margin=((0, 0),) * (spatial - len(pairs)) + pairs)


@rule("select", takes_ids=True)
def select(builder: Builder, operation: Operation) -> Known:
    """One position of a side."""
    found = builder.of(operation, "self")
    at, index = int(builder.argument(operation, "dim")), int(builder.argument(operation, "index"))
    if isinstance(found, State):
        return _state(builder, operation, found, index)
    return part(builder, operation, "self", at, index, 1, keep=False)


def _state(builder: Builder, operation: Operation, state: State, index: int) -> Known:
    """The state of one direction of the last layer."""
    whole, count = state.last, state.layers * state.directions
    place = index % count - (count - state.directions)
    if place < 0:
        builder.refuse(operation, "has a rule for the states of the last layer alone")
    last = _last_step(builder, operation, whole)
    if state.directions == 1:
        return last
    width = last.elements // 2
    return builder.add(operation, "slice", [last.name], Vector(width), features=width, begin=place * width)


def _last_step(builder: Builder, operation: Operation, whole: Value) -> Value:
    if not isinstance(whole.shape, Sequence):
        return whole
    return builder.add(operation, "select", [whole.name], Vector(whole.shape.features), called=f"{whole.name}_last", steps="last")


@rule("slice", "narrow", takes_ids=True)
def cut(builder: Builder, operation: Operation) -> Known:
    """A range of positions of a side."""
    dims, out = builder.dims(operation, "self"), operation.dims
    at = int(builder.argument(operation, "dim") or 0)
    begin = builder.argument(operation, "start") or 0
    begin = begin if begin >= 0 else begin + dims[at]
    step = int(builder.argument(operation, "step") or 1)
    return part(builder, operation, "self", at, min(int(begin), dims[at]), out[at], step=step)


@rule("chunk", "split", "split_with_sizes", "tensor_split", "unsafe_split", "unsafe_chunk", "unbind", takes_ids=True)
def pieces(builder: Builder, operation: Operation) -> Known:
    """Several ranges of a side."""
    dims = builder.dims(operation, "self")
    at = int(builder.argument(operation, "dim") or 0) % len(dims)
    found: list[Known] = []
    begin = 0
    for out in operation.parts:
        kept = 1 if operation.name == "unbind" else out[at]
        found.append(part(builder, operation, "self", at, begin, kept, keep=operation.name != "unbind"))
        begin += kept
    return tuple(found)


@rule("index", "index_select", "gather", "take_along_dim")
def indexed(builder: Builder, operation: Operation) -> Known:
    """Positions that a table or the input chooses: as many as come out."""
    value = builder.value(operation, "self")
    shape, dims = numbers(value, builder, operation), operation.dims
    made = per_sample(dims, builder.batch)
    if not made or made > value.elements:
        builder.refuse(operation, "has a rule for choosing fewer elements than there are alone")
    if made == value.elements:
        return value
    return _flat(builder, operation, value, shape, made)


def part(
    builder: Builder, operation: Operation, name: str, at: int, begin: int, kept: int, *, step: int = 1, keep: bool = True
) -> Known:
    """`kept` positions of dimension `at` from `begin` on; where that is no side of the shape, as many elements."""
    del keep
    found = builder.of(operation, name)
    if isinstance(found, State):
        return found.last
    value, dims = builder.value(operation, name), builder.dims(operation, name)
    at %= len(dims)
    if kept == dims[at] and step == 1:
        return value
    if isinstance(value.shape, Tokens):
        return value if kept == dims[at] else replace(value, shape=Tokens(value.elements * kept // dims[at]))
    if dims[at] % builder.batch == 0:
        builder.refuse(operation, "has no rule for a part of the batch")
    shape = builder.seen(value, dims, operation)
    sides = sides_of(shape, dims, builder.batch)
    side = None if sides is None else sides[at]
    if side is None:
        return _unnamed(builder, operation, value, dims[at], begin, kept)
    smaller: Numbers = with_side(shape, side, kept)
    source = builder.as_shape(value, shape, operation)
    if side == "steps" and kept == 1 and begin in (0, dims[at] - 1):
        where = "first" if begin == 0 else "last"
        return builder.add(operation, "select", [source], Vector(shape.channels), steps=where)
    key = "features" if side == "channels" else side
    keys: dict[str, Any] = {key: kept, "begin": begin, "step": step}
    return builder.add(operation, "slice", [source], smaller, **keys)


def _unnamed(builder: Builder, operation: Operation, value: Value, extent: int, begin: int, kept: int) -> Value:
    """A part of a dimension that is no side of the shape: that share of the features, or of all elements."""
    shape = numbers(value, builder, operation)
    if shape.channels % extent == 0 and not isinstance(shape, Vector):
        each = shape.channels // extent
        smaller = with_side(shape, "channels", each * kept)
        source = builder.as_shape(value, shape, operation)
        return builder.add(operation, "slice", [source], smaller, features=each * kept, begin=each * begin)
    return _flat(builder, operation, value, shape, shape.elements * kept // extent)


def _flat(builder: Builder, operation: Operation, value: Value, shape: Numbers, made: int) -> Value:
    source = builder.as_shape(value, Vector(shape.elements), operation)
    return builder.add(operation, "slice", [source], Vector(made), features=made)


@rule("cat", "concat", "concatenate", "stack")
def cat(builder: Builder, operation: Operation) -> Known:
    """Several tensors side by side, weights among them."""
    refs = builder.argument(operation, "tensors")
    known = [builder.known[ref.name] for ref in refs]
    dims = [builder.dims_of(ref) for ref in refs]
    values = [known_value(each) for each in known]
    if len(known) == 1:
        return known[0]
    at = int(builder.argument(operation, "dim") or 0)
    if operation.name == "stack":
        return _stacked(builder, operation, [each for each in values if each is not None], len(refs))
    first = next(index for index, value in enumerate(values) if value is not None)
    shape = builder.seen(_of(values, first), dims[first], operation)
    sides = sides_of(shape, dims[first], builder.batch)
    side = None if sides is None else sides[at]
    if side is None or any(value is not None and value.elements * value.copies != value.elements for value in values):
        return _joined_flat(builder, operation, known, dims)
    names: list[str] = []
    for each, value, own in zip(known, values, dims, strict=True):
        wanted = with_side(shape, side, own[at])
        if value is not None:
            names.append(builder.as_shape(value, wanted, operation))
        elif isinstance(each, Constant):
            names.append(builder.learned(each, wanted, operation))
    along: dict[str, Any] = {} if side == "channels" else {"along": side}
    return builder.add(operation, "concat", names, with_side(shape, side, operation.dims[at]), **along)


def _of(values: list[Value | None], index: int) -> Value:
    found = values[index]
    assert found is not None
    return found


def _joined_flat(builder: Builder, operation: Operation, known: list[Known], dims: list[Dims]) -> Value:
    """Side by side as mere elements, where no side of a shape says more."""
    names: list[str] = []
    total = 0
    for each, own in zip(known, dims, strict=True):
        value = known_value(each)
        size = math.prod(own) if value is None else value.elements
        if value is not None and value.copies > 1:
            builder.refuse(operation, "has no rule for copies of an activation")
        if value is None:
            assert isinstance(each, Constant)
            size = per_sample(own, builder.batch) or size
            names.append(builder.learned(each, Vector(size), operation))
        else:
            names.append(builder.as_shape(value, Vector(size), operation))
        total += size
    return builder.add(operation, "concat", names, Vector(total))


def _stacked(builder: Builder, operation: Operation, values: list[Value], count: int) -> Value:
    if len(values) < count or len({value.elements for value in values}) > 1:
        builder.refuse(operation, "has a rule for equal activations alone")
    size = values[0].elements
    names = [builder.as_shape(value, Vector(size), operation) for value in values]
    return builder.add(operation, "concat", names, Vector(size * count)) if count > 1 else values[0]
