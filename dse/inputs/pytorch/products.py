"""Rules of what multiplies: linear layers, convolutions, products of two activations."""

from __future__ import annotations

import math
from typing import Any, cast

from dse.inputs.joining.volumes import NO_RULE, PASSED, Windows, joined_sides
from dse.inputs.pytorch.building import Builder, rule
from dse.inputs.pytorch.tracing import Dims, Operation
from dse.inputs.pytorch.values import Constant, Known, Value
from dse.workload.shapes import Image, Sequence, Shape, Tokens, Vector


def rows(value: Value, features: int, builder: Builder, operation: Operation) -> str:
    """The name under which a value is read as vectors of so many features."""
    steps = value.elements // features
    if steps == 1 and not isinstance(value.shape, Sequence):
        return builder.as_shape(value, Vector(features), operation)
    return builder.as_shape(value, Sequence(features, steps), operation)


def _linear(builder: Builder, operation: Operation, value: Value, features: int, of: int) -> Value:
    name = rows(value, of, builder, operation)
    source = builder.shapes[name]
    shape: Shape = Vector(features) if isinstance(source, Vector) else Sequence(features, source.elements // of)
    return builder.add(operation, "linear", [name], shape, features=features)


@rule("linear")
def linear(builder: Builder, operation: Operation) -> Known:
    """x·Wᵀ + b."""
    weight = builder.dims(operation, "weight")
    value = builder.value(operation, "input")
    if not isinstance(builder.of(operation, "weight"), Constant):
        return _product(builder, operation, "input", "weight", weight[0], weight[1], turned=True)
    return _linear(builder, operation, value, weight[0], weight[1])


@rule("matmul", "mm", "bmm")
def matmul(builder: Builder, operation: Operation) -> Known:
    """A product of two tensors, either of which may be a weight."""
    second = "other" if "other" in operation.arguments else "mat2"
    first = "self"
    return _multiplied(builder, operation, first, second)


@rule("addmm", "baddbmm", "addbmm")
def addmm(builder: Builder, operation: Operation) -> Known:
    """A product and a bias; a sum with an activation is one more layer."""
    names = ("mat1", "mat2") if operation.name == "addmm" else ("batch1", "batch2")
    made = _multiplied(builder, operation, *names)
    beside = builder.of(operation, "self")
    if isinstance(beside, Value) and isinstance(made, Value):
        name = builder.as_shape(beside, made.shape, operation) if not isinstance(made.shape, Tokens) else beside.name
        return builder.add(operation, "add", [made.name, name], made.shape)
    return made


def _multiplied(builder: Builder, operation: Operation, first: str, second: str) -> Known:
    left, right = builder.of(operation, first), builder.of(operation, second)
    left_dims, right_dims = builder.dims(operation, first), builder.dims(operation, second)
    inner = left_dims[-1]
    columns = right_dims[-1] if len(right_dims) > 1 else 1
    if isinstance(left, Value) and isinstance(right, Constant):
        if math.prod(right_dims) == inner * columns:
            return _linear(builder, operation, left, columns, inner)
        groups = math.prod(right_dims[:-2])
        return _grouped(builder, operation, left, groups, columns, inner)
    if isinstance(left, Constant) and isinstance(right, Value):
        return _from_the_left(builder, operation, right, left_dims, right_dims)
    return _product(builder, operation, first, second, columns, inner, turned=False)


def _grouped(builder: Builder, operation: Operation, value: Value, groups: int, columns: int, inner: int) -> Value:
    """A batch of weight matrices, each for its own part of the input: a convolution of 1 in as many groups."""
    steps = value.elements // (groups * inner)
    name = builder.as_shape(value, Sequence(groups * inner, steps), operation)
    return builder.add(
        operation, "conv1d", [name], Sequence(groups * columns, steps), filters=groups * columns, kernel=1, groups=groups
    )


def _from_the_left(builder: Builder, operation: Operation, value: Value, left: Dims, right: Dims) -> Value:
    """W·x: each column of x through the weight."""
    if math.prod(left) != left[-1] * left[-2]:
        builder.refuse(operation, "has no rule for a batch of weights on the left")
    columns = right[-1] if len(right) > 1 and right[-1] != builder.batch else 1
    name = (
        rows(value, left[-1], builder, operation)
        if columns == 1
        else builder.as_shape(value, Sequence(left[-1], value.elements // left[-1]), operation)
    )
    source = builder.shapes[name]
    shape: Shape = Vector(left[-2]) if isinstance(source, Vector) else Sequence(left[-2], value.elements // left[-1])
    return builder.add(operation, "linear", [name], shape, features=left[-2])


def _product(builder: Builder, operation: Operation, first: str, second: str, columns: int, inner: int, *, turned: bool) -> Value:
    """A product of two activations: groups of M x K and K x N."""
    left, right = builder.value(operation, first), builder.value(operation, second)
    left_dims = builder.dims(operation, first)
    rows_n = left_dims[-2] if len(left_dims) > 1 else 1
    groups = left.elements * left.copies // (rows_n * inner) if rows_n % builder.batch else 0
    return product_of(builder, operation, left, right, (groups, rows_n, columns, inner), turned=turned)


def product_of(
    builder: Builder, operation: Operation, left: Value, right: Value, sizes: tuple[int, int, int, int], *, turned: bool
) -> Value:
    """`sizes` are groups, rows, columns and what is summed over; `turned` where the second is given as columns x inner.

    Matrices that several of the first share (copies, as in grouped-query attention) count once: their rows are those of one.
    """
    groups, rows_n, columns, inner = sizes
    shared, odd = divmod(groups * columns * inner, right.elements)
    if groups and shared > 1 and not odd and groups % shared == 0:
        groups, rows_n = groups // shared, rows_n * shared
    if not groups or left.elements != groups * rows_n * inner or right.elements != groups * columns * inner:
        builder.refuse(operation, "has no rule for factors of these shapes: samples or groups would share one of them")
    one = builder.as_shape(left, Sequence(groups * inner, rows_n), operation)
    transposed = turned or right.shape == Sequence(groups * inner, columns)
    shape = Sequence(groups * inner, columns) if transposed else Sequence(groups * columns, inner)
    two = builder.as_shape(right, shape, operation)
    return builder.add(operation, "matmul", [one, two], Sequence(groups * columns, rows_n), groups=groups, transposed=transposed)


@rule("einsum")
def einsum(builder: Builder, operation: Operation) -> Known:
    """A product of two tensors by letters: those of both and the result are groups, those of both alone are summed over."""
    equation = str(builder.argument(operation, "equation")).replace(" ", "")
    refs = builder.argument(operation, "tensors")
    terms, _, result = equation.partition("->")
    letters = terms.split(",")
    if len(letters) != 2 or not result or "." in equation:
        builder.refuse(operation, f"has a rule for two tensors and a result, not for {equation!r}")
    known = [builder.known[ref.name] for ref in refs]
    dims = [builder.dims_of(ref) for ref in refs]
    extent = {letter: side for word, sides in zip(letters, dims, strict=True) for letter, side in zip(word, sides, strict=True)}
    one, two = letters
    size = {
        "groups": math.prod(extent[x] for x in one if x in two and x in result),
        "rows": math.prod(extent[x] for x in one if x not in two),
        "columns": math.prod(extent[x] for x in two if x not in one),
        "inner": math.prod(extent[x] for x in one if x in two and x not in result),
    }
    if isinstance(known[0], Constant) and isinstance(known[1], Value):
        known.reverse()
        size["rows"], size["columns"] = size["columns"], size["rows"]
    first, second = known
    if not isinstance(first, Value):
        builder.refuse(operation, "has no rule for these tensors")
    if isinstance(second, Constant):
        if size["groups"] == 1:
            return _linear(builder, operation, first, size["columns"], size["inner"])
        return _grouped(builder, operation, first, size["groups"], size["columns"], size["inner"])
    if not isinstance(second, Value) or size["groups"] % builder.batch:
        builder.refuse(operation, "has no rule for tensors that share no batch")
    sizes = (size["groups"] // builder.batch, size["rows"], size["columns"], size["inner"])
    return product_of(builder, operation, first, second, sizes, turned=False)


@rule("conv1d", "conv2d", "conv3d", "convolution", "_convolution")
def convolution(builder: Builder, operation: Operation) -> Known:
    """Convolutions of images and sequences, grouped and depth-wise ones too."""
    if builder.argument(operation, "transposed"):
        return transposed(builder, operation)
    weight, value = builder.dims(operation, "weight"), builder.value(operation, "input")
    if not isinstance(builder.of(operation, "weight"), Constant):
        builder.refuse(operation, "has no rule for filters that are computed from the input")
    dims = builder.dims(operation, "input")
    sides, groups = len(weight) - 2, int(builder.argument(operation, "groups") or 1)
    stride = spread(builder.argument(operation, "stride") or 1, sides)
    dilation = spread(builder.argument(operation, "dilation") or 1, sides)
    kernel = weight[2:]
    padding = _padding(builder.argument(operation, "padding"), value, sides, kernel, dilation, stride)
    channels = weight[1] * groups
    if sides > 2:
        begins, ends = zip(*padding, strict=True)
        windows = Windows((0, channels, *dims[-sides:]), kernel, stride, dilation, (*begins, *ends))
        return over_volume(builder, operation, value, weight, windows, groups)
    out = operation.dims[-sides:]
    keys: dict[str, Any] = {}
    if sides == 1:
        name = builder.as_shape(_unpadded(value), Sequence(channels, dims[-1] - _taken(value)), operation)
        keys = {"kernel": kernel[0], "stride": stride[0], "dilation": dilation[0], "padding": _ends(padding[0])}
        return builder.add(operation, "conv1d", [name], Sequence(weight[0], out[0]), filters=weight[0], groups=groups, **keys)
    height, width = (dims[-2] - _taken(value, 0), dims[-1] - _taken(value, 1))
    name = builder.as_shape(_unpadded(value), Image(channels, height, width), operation)
    keys = {"kernel": tuple(kernel), "stride": stride, "dilation": dilation, "padding": _sides(padding)}
    shape = Image(weight[0], *out)
    if groups == channels and groups > 1:
        return builder.add(operation, "depthwise_conv2d", [name], shape, multiplier=weight[0] // channels, **keys)
    return builder.add(operation, "conv2d", [name], shape, filters=weight[0], groups=groups, **keys)


def over_volume(builder: Builder, operation: Operation, value: Value, weight: Dims, windows: Windows, groups: int) -> Value:
    """A convolution over three sides that is one over two, or rows of a product; others are refused."""
    channels = windows.shape[1]
    if windows.are_blocks() and groups == 1:
        features = channels * math.prod(windows.kernel)
        name = builder.as_shape(value, Sequence(features, value.elements // features), operation)
        shape = Sequence(weight[0], value.elements // features)
        return builder.add(operation, "linear", [name], shape, features=weight[0])
    sides = joined_sides(windows)
    if len(sides) > 2 or value.margin:
        builder.refuse(operation, f"has no rule: {NO_RULE}")
    height, width = (PASSED, *sides)[-2:]
    image = builder.as_shape(value, Image(channels, height.extent, width.extent), operation)
    keys: dict[str, Any] = {
        "kernel": (height.taps, width.taps),
        "stride": (height.stride, width.stride),
        "dilation": (height.dilation, width.dilation),
        "padding": _sides((height.pads, width.pads)),
    }
    shape = Image(weight[0], height.made(), width.made())
    return builder.add(operation, "conv2d", [image], shape, filters=weight[0], groups=groups, **keys)


@rule("conv_transpose1d", "conv_transpose2d")
def transposed(builder: Builder, operation: Operation) -> Known:
    """Transposed convolutions; one of a sequence is that of an image of one row."""
    weight, value, dims = builder.dims(operation, "weight"), builder.value(operation, "input"), builder.dims(operation, "input")
    sides, groups = len(weight) - 2, int(builder.argument(operation, "groups") or 1)
    if sides > 2 or set(spread(builder.argument(operation, "dilation") or 1, sides)) != {1}:
        builder.refuse(operation, "has no rule in three dimensions or with dilation")
    over = (1,) * (2 - sides)
    none = (0,) * (2 - sides)
    filters = weight[1] * groups
    name = builder.as_shape(value, Image(weight[0], *over, *dims[-sides:]), operation)
    made = builder.add(
        operation,
        "transposed_conv2d",
        [name],
        Image(filters, *over, *operation.dims[-sides:]),
        filters=filters,
        kernel=(*over, *weight[2:]),
        stride=(*over, *spread(builder.argument(operation, "stride") or 1, sides)),
        padding=(*none, *spread(builder.argument(operation, "padding") or 0, sides)),
        output_padding=(*none, *spread(builder.argument(operation, "output_padding") or 0, sides)),
        groups=groups,
    )
    return (
        made
        if sides == 2
        else Value(
            name=builder.as_shape(made, Sequence(filters, made.elements // filters), operation),
            shape=Sequence(filters, made.elements // filters),
        )
    )


def spread(value: Any, sides: int) -> tuple[int, ...]:  # noqa: ANN401
    """A setting of every side."""
    listed = cast("tuple[Any, ...]", value) if isinstance(value, tuple) else (value,)
    return tuple(int(each) for each in (listed * sides if len(listed) == 1 else listed))


def _padding(
    given: Any,  # noqa: ANN401
    value: Value,
    sides: int,
    kernel: Dims,
    dilation: tuple[int, ...],
    stride: tuple[int, ...],
) -> tuple[tuple[int, int], ...]:
    """Padding before and after each side, what stands around the input already included."""
    del stride
    margin = value.margin or ((0, 0),) * sides
    if given == "same":
        whole = [(taps - 1) * gap for taps, gap in zip(kernel, dilation, strict=True)]
        own = tuple((reach // 2, reach - reach // 2) for reach in whole)
    else:
        own = tuple((each, each) for each in spread(0 if given in (None, "valid") else given, sides))
    return tuple((a + c, b + d) for (a, b), (c, d) in zip(own, margin, strict=True))


def _unpadded(value: Value) -> Value:
    return Value(name=value.name, shape=value.shape)


def _taken(value: Value, side: int = 0) -> int:
    """Positions of a side that are padding."""
    return sum(value.margin[side]) if value.margin else 0


def _ends(padding: tuple[int, int]) -> Any:  # noqa: ANN401
    return padding[0] if padding[0] == padding[1] else padding


def _sides(padding: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    (top, bottom), (left, right) = padding
    return (top, left) if (top, left) == (bottom, right) else (top, left, bottom, right)
