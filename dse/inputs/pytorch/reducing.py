"""Rules of sums, means and extremes over sides, and of the largest k."""

from __future__ import annotations

from typing import Any, cast

from dse.inputs.pytorch.building import Builder, rule
from dse.inputs.pytorch.pointwise import combined
from dse.inputs.pytorch.tracing import Operation, per_sample
from dse.inputs.pytorch.values import Constant, Known, Numbers, Value, sides_of
from dse.workload.shapes import Sequence, Side, Vector

MODES = {
    "mean": "average", "sum": "sum", "amax": "max", "amin": "max", "max": "max", "min": "max", "argmax": "max", "argmin": "max",
    "logsumexp": "average", "any": "max", "all": "max", "prod": "sum",
}  # fmt: skip


@rule("max", "min")
def extreme(builder: Builder, operation: Operation) -> Known:
    """The largest of a tensor or along a side, with its place; or, of two tensors, the larger of each pair."""
    if isinstance(builder.of(operation, "other"), Value | Constant):
        return combined_pair(builder, operation, "maximum")
    found = reduced(builder, operation)
    return (found, found) if operation.parts else found


def combined_pair(builder: Builder, operation: Operation, kind: str) -> Known:
    """`kind` of two tensors, both of which the input reaches."""
    return combined(builder, operation, builder.value(operation, "self"), builder.value(operation, "other"), kind)


@rule("linalg_vector_norm", "norm", "var", "std")
def spread_of(builder: Builder, operation: Operation) -> Known:
    """Squares, their sum, and a root: the length of vectors along sides, or how far their numbers lie apart."""
    value = builder.value(operation, "self")
    shape = builder.seen(value, builder.dims(operation, "self"), operation)
    squares = builder.add(operation, "elementwise", [builder.as_shape(value, shape, operation)], shape, operation="power")
    total = _over_sides(builder, operation, squares, shape, "average")
    return builder.add(operation, "elementwise", [total.name], total.shape, operation="square_root")


@rule("topk")
def ranked(builder: Builder, operation: Operation) -> Known:
    """The largest k: each number is compared once."""
    value = builder.value(operation, "self")
    shape = builder.seen(value, builder.dims(operation, "self"), operation)
    compared = builder.add(operation, "elementwise", [builder.as_shape(value, shape, operation)], shape, operation="compare")
    made = per_sample(operation.parts[0], builder.batch)
    builder.aside["the largest k are counted as one comparison for each number that they are chosen from"] += 1
    if made < value.elements:
        flat = builder.as_shape(compared, Vector(value.elements), operation)
        compared = builder.add(operation, "slice", [flat], Vector(made), features=made)
    return (compared, compared)


@rule("mean", "sum", "amax", "amin", "argmax", "argmin", "logsumexp", "any", "all", "prod")
def reduced(builder: Builder, operation: Operation) -> Known:
    """The mean, sum or maximum over sides: over the extent of an image or a sequence, or over features."""
    value = builder.value(operation, "self")
    shape = builder.seen(value, builder.dims(operation, "self"), operation)
    return _over_sides(builder, operation, value, shape, MODES[operation.name.rstrip("_")])


def _over_sides(builder: Builder, operation: Operation, value: Value, shape: Numbers, mode: str) -> Value:
    kept = per_sample(operation.dims, builder.batch)
    if not kept:
        builder.refuse(operation, "has no rule over the batch")
    if kept == shape.elements:
        return value
    if shape.elements % kept:
        builder.refuse(operation, f"has no rule for reducing {shape} to {kept:,} numbers")
    dims = builder.dims(operation, "self")
    sides = sides_of(shape, dims, builder.batch)
    over = {at % len(dims) for at in _listed(builder.argument(operation, "dim"), len(dims))}
    spatial: set[Side | None] = {"steps", "height", "width", None}
    if sides is not None and kept == shape.channels and {sides[at] for at in over} <= spatial:
        return builder.add(operation, "global_pool", [builder.as_shape(value, shape, operation)], Vector(kept), mode=mode)
    rows = Sequence(kept, shape.elements // kept)
    return builder.add(operation, "global_pool", [builder.as_shape(value, rows, operation)], Vector(kept), mode=mode)


def _listed(dim: Any, rank: int) -> tuple[int, ...]:  # noqa: ANN401
    if dim is None or dim == ():
        return tuple(range(rank))
    return tuple(int(at) for at in cast("tuple[Any, ...]", dim)) if isinstance(dim, tuple) else (int(dim),)
