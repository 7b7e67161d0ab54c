"""Rules of what works element by element, of normalisations, and of sums over sides."""

from __future__ import annotations

import math
from dataclasses import astuple

from dse.inputs.pytorch.building import Builder, known_value, rule
from dse.inputs.pytorch.tracing import Dims, Operation, per_sample
from dse.inputs.pytorch.values import Constant, Known, Numbers, Value, sides_of
from dse.workload.shapes import Sequence, ShapeError, Tokens, Vector, with_side

ACTIVATIONS = {
    "relu": "relu",
    "relu6": "relu6",
    "leaky_relu": "leaky_relu",
    "prelu": "leaky_relu",
    "_prelu_kernel": "leaky_relu",
    "rrelu": "leaky_relu",
    "sigmoid": "sigmoid",
    "log_sigmoid": "sigmoid",
    "tanh": "tanh",
    "gelu": "gelu",
    "silu": "silu",
    "mish": "mish",
    "elu": "elu",
    "selu": "elu",
    "celu": "elu",
    "softplus": "softplus",
    "hardsigmoid": "hard_sigmoid",
    "hardswish": "hard_swish",
    "clamp": "hard_tanh",
    "clamp_min": "relu",
    "clamp_max": "relu",
}
FUNCTIONS = {
    "abs": "absolute",
    "neg": "negate",
    "sign": "sign",
    "round": "round",
    "floor": "round",
    "ceil": "round",
    "reciprocal": "reciprocal",
    "pow": "power",
    "square": "power",
    "sqrt": "square_root",
    "rsqrt": "square_root",
    "exp": "exponential",
    "log": "logarithm",
    "erf": "error_function",
    "sin": "sine",
    "cos": "cosine",
    "logical_not": "compare",
    "bitwise_not": "compare",
    "isnan": "compare",
    "isinf": "compare",
    "exp2": "exponential",
    "expm1": "exponential",
    "log2": "logarithm",
    "log1p": "logarithm",
    "log10": "logarithm",
    "tan": "sine",
    "atan": "sine",
    "sinh": "exponential",
    "cosh": "exponential",
    "cumsum": "shift",
    "triu": "choose",
    "tril": "choose",
    "trunc": "round",
}
COMPARISONS = ("eq", "ne", "lt", "gt", "le", "ge")
PAIRS = {
    "add": ("add", "shift"),
    "sub": ("subtract", "shift"),
    "rsub": ("subtract", "shift"),
    "mul": ("multiply", "scale"),
    "div": ("divide", "scale"),
    "maximum": ("maximum", "maximum"),
    "minimum": ("minimum", "minimum"),
    **dict.fromkeys(COMPARISONS, ("compare", "compare")),
    **dict.fromkeys(("logical_and", "logical_or", "bitwise_and", "bitwise_or"), ("compare", "compare")),
    **dict.fromkeys(("remainder", "fmod", "floor_divide"), ("divide", "divide")),
}
"""What a function of two is called where both are activations, and where one is a constant."""


def numbers(value: Value, builder: Builder, operation: Operation) -> Numbers:
    """The shape of a value, which must hold numbers."""
    if isinstance(value.shape, Tokens):
        builder.refuse(operation, "has no rule on token ids")
    return value.shape


@rule(*ACTIVATIONS)
def activation(builder: Builder, operation: Operation) -> Known:
    """A function of each element."""
    value = builder.value(operation, "self" if "self" in operation.arguments else "input")
    shape = numbers(value, builder, operation)
    return builder.add(
        operation, "activation", [builder.as_shape(value, shape, operation)], shape, function=ACTIVATIONS[_base(operation)]
    )


@rule("hardtanh")
def hardtanh(builder: Builder, operation: Operation) -> Known:
    """Clipped to two numbers; to 0 and 6 it is called relu6."""
    value = builder.value(operation, "self")
    bounds = (builder.argument(operation, "min_val"), builder.argument(operation, "max_val"))
    shape = numbers(value, builder, operation)
    function = "relu6" if bounds == (0, 6) else "hard_tanh"
    return builder.add(operation, "activation", [builder.as_shape(value, shape, operation)], shape, function=function)


@rule("glu")
def glu(builder: Builder, operation: Operation) -> Known:
    """Half of the features times the sigmoid of the other half."""
    value = builder.value(operation, "self")
    shape = builder.seen(value, builder.dims(operation, "self"), operation)
    sides = sides_of(shape, builder.dims(operation, "self"), builder.batch)
    at = int(builder.argument(operation, "dim"))
    if sides is None or sides[at] != "channels" or shape.channels % 2:
        builder.refuse(operation, "has a rule along channels or features alone")
    half: Numbers = with_side(shape, "channels", shape.channels // 2)
    source = builder.as_shape(value, shape, operation)
    first = builder.add(operation, "slice", [source], half, features=half.channels)
    second = builder.add(operation, "slice", [source], half, features=half.channels, begin=half.channels)
    gate = builder.add(operation, "activation", [second.name], half, function="sigmoid", called=f"{second.name}_gate")
    return builder.add(operation, "multiply", [first.name, gate.name], half)


@rule(*FUNCTIONS)
def function(builder: Builder, operation: Operation) -> Known:
    """Any other function of each element."""
    value = builder.value(operation, "self")
    shape = numbers(value, builder, operation)
    return builder.add(
        operation, "elementwise", [builder.as_shape(value, shape, operation)], shape, operation=FUNCTIONS[_base(operation)]
    )


@rule("softmax", "_softmax", "log_softmax", "_log_softmax")
def softmax(builder: Builder, operation: Operation) -> Known:
    """exp(x - max) over its sum."""
    value = builder.value(operation, "self")
    shape = numbers(value, builder, operation)
    return builder.add(operation, "softmax", [builder.as_shape(value, shape, operation)], shape)


@rule(*PAIRS)
def pair(builder: Builder, operation: Operation) -> Known:
    """A function of two: of activations, or of one and a constant."""
    kind, with_constant = PAIRS[_base(operation)]
    first, second = known_value(builder.of(operation, "self")), known_value(builder.of(operation, "other"))
    if first is not None and second is not None:
        return combined(builder, operation, first, second, kind)
    value, name = (first, "other") if first is not None else (second, "self")
    if value is None:
        builder.refuse(operation, "has no rule for these tensors")
    shape = numbers(value, builder, operation)
    constant = builder.of(operation, name)
    made = per_sample(operation.dims, builder.batch)
    if isinstance(constant, Constant) and made > value.elements * value.copies:
        return _over_a_constant(builder, operation, value, constant, made, kind)
    is_table = isinstance(constant, Constant) and constant.stored and _is_table(constant.dims)
    if isinstance(constant, Constant) and is_table and (with_constant == "shift" or _own(builder, constant) == made):
        table = _table(builder, operation, value, constant, "other" if name == "self" else "self")
        return combined(builder, operation, value, table, kind)
    source = builder.as_shape(value, shape, operation)
    facts = ("scalar",) if not isinstance(constant, Constant) or math.prod(constant.dims) == 1 else ()
    facts += ("causal",) if isinstance(constant, Constant) and constant.causal else ()
    return builder.add(operation, "elementwise", [source], shape, operation=with_constant, facts=facts)


def _over_a_constant(builder: Builder, operation: Operation, value: Value, constant: Constant, made: int, kind: str) -> Value:
    """A value spread over a constant that is as large as the result, or written out where neither is."""
    if _own(builder, constant) == made:
        whole = Value(name=builder.learned(constant, Vector(made), operation), shape=Vector(made))
        return combined(builder, operation, whole, value, kind)
    whole = builder.written_out(operation, value, made)
    return builder.add(operation, "elementwise", [whole.name], Vector(made), operation=PAIRS[_base(operation)][1])


def _own(builder: Builder, constant: Constant) -> int:
    """Numbers of a constant; of one that is the same for every sample, those of one sample."""
    return per_sample(constant.dims, builder.batch) or math.prod(constant.dims)


def _is_table(dims: Dims) -> bool:
    """Whether a constant is more than a vector."""
    return sum(side > 1 for side in dims) > 1


def _table(builder: Builder, operation: Operation, value: Value, constant: Constant, name: str) -> Value:
    """What a stored tensor is added as: rows that were looked up by position, or a learned tensor."""
    shape = builder.seen(value, builder.dims(operation, name), operation)
    elements = _own(builder, constant)
    if elements != shape.elements:
        _, shape = _spread(builder, operation, shape, builder.dims(operation, name), constant.dims, elements)
    if constant.table is not None and isinstance(shape, Sequence) and shape.features == constant.table[1]:
        tokens = next((name for name, each in builder.shapes.items() if each == Tokens(shape.steps)), None)
        if tokens is not None:
            called = constant.stored.rpartition(".")[0].replace(".", "_") or "positions"
            return builder.add(
                operation, "embedding", [tokens], shape, called=called, vocabulary=constant.table[0], features=shape.features
            )
    return Value(name=builder.learned(constant, shape, operation), shape=shape)


def combined(builder: Builder, operation: Operation, first: Value, second: Value, kind: str) -> Value:
    """Two activations element by element, the smaller one spread over the larger; where both are spread, one is written out."""
    large, small = (first, second) if first.elements >= second.elements else (second, first)
    made = per_sample(operation.dims, builder.batch)
    if made > large.elements:
        large = builder.written_out(operation, large, made)
        first, second = (large, second) if small is second else (first, large)
    shape = builder.seen(large, _dims_of(builder, operation, large, first), operation)
    if small.elements == large.elements:
        wanted = shape
    else:
        name = "other" if small is second else "self"
        large_dims = operation.dims if made == large.elements else _dims_of(builder, operation, large, first)
        shape, wanted = _spread(builder, operation, shape, large_dims, builder.dims(operation, name), small.elements)
    base, other = builder.as_shape(large.plain(), shape, operation), builder.as_shape(small.plain(), wanted, operation)
    reads = [base, other] if large is first else [other, base]
    facts = tuple({fact for layer in builder.layers for fact in layer["facts"] if fact == "causal" and layer["name"] in reads})
    if kind in ("add", "multiply"):
        return builder.add(operation, kind, reads, shape, facts=facts)
    return builder.add(operation, "elementwise", reads, shape, operation=kind, facts=facts)


def _dims_of(builder: Builder, operation: Operation, value: Value, first: Value) -> Dims:
    return builder.dims(operation, "self" if value is first else "other")


def _spread(
    builder: Builder, operation: Operation, shape: Numbers, dims: Dims, small: Dims, elements: int
) -> tuple[Numbers, Numbers]:
    """The shapes by which `elements` of dimensions `small` are spread over `shape`, whose dimensions are `dims`.

    A side is 1 where `small` has 1. Where the dimensions are no sides of the shape, the numbers alone say how it is: a vector
    that is spread over so many steps.
    """
    sides = sides_of(shape, dims, builder.batch)
    aligned = (1,) * (len(dims) - len(small)) + small
    found = shape
    try:
        for side, extent in zip(sides or (), aligned, strict=True):
            if side is not None and extent == 1:
                found = with_side(found, side, 1)
    except (ShapeError, ValueError):
        found = shape
    if found.elements == elements:
        kept = [extent for extent in astuple(found) if extent != 1]
        return shape, Vector(found.channels) if len(kept) <= 1 and found.channels == found.elements else found
    if elements in (1, shape.channels):
        return shape, Vector(elements)
    if shape.elements % elements:
        builder.refuse(operation, f"has no rule for spreading {small} over {dims}")
    return Sequence(elements, shape.elements // elements), Vector(elements)


@rule("where", "masked_fill")
def choose(builder: Builder, operation: Operation) -> Known:
    """One of two numbers for each element."""
    names = ("self", "other") if operation.name == "where" else ("self",)
    values = [value for value in (builder.of(operation, name) for name in names) if isinstance(value, Value)]
    if not values:
        return Constant(dims=operation.dims)
    value = max(values, key=lambda each: each.elements)
    if len(values) > 1:
        return combined(builder, operation, values[0], values[1], "choose")
    shape = numbers(value, builder, operation)
    others = [builder.of(operation, name) for name in ("condition", "mask", "self", "other")]
    facts = ("causal",) if any(isinstance(each, Constant) and each.causal for each in others) else ()
    source = builder.as_shape(value, shape, operation)
    return builder.add(operation, "elementwise", [source], shape, operation="choose", facts=facts)


NORMS = {
    "batch_norm": "batch",
    "_native_batch_norm_legit_no_training": "batch",
    "layer_norm": "layer",
    "native_layer_norm": "layer",
    "group_norm": "group",
    "native_group_norm": "group",
    "instance_norm": "group",
    "rms_norm": "rms",
    "_fused_rms_norm": "rms",
}


@rule(*NORMS)
def normalisation(builder: Builder, operation: Operation) -> Known:
    """Normalisations; that of a batch is in inference a scale and a shift."""
    value = builder.value(operation, "input")
    shape = numbers(value, builder, operation)
    made = builder.add(
        operation, "normalisation", [builder.as_shape(value, shape, operation)], shape, method=NORMS[operation.name]
    )
    return (made, None, None) if operation.parts else made


def _base(operation: Operation) -> str:
    name = operation.name
    return name if name in ACTIVATIONS or name in FUNCTIONS or name in PAIRS else name.rstrip("_")
