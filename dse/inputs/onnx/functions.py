"""Rules of everything that works element by element, or on rows: activations, sums, normalisations, softmax, reductions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dse.inputs.onnx.building import Builder, Value
from dse.inputs.onnx.graph import Operator
from dse.workload.shapes import Image, Shape, Vector
from dse.workload.shapes import Sequence as Steps

BOOKKEEPING = "whole numbers computed from token ids or masks are not counted"

ACTIVATIONS: Mapping[str, str] = {
    "Relu": "relu", "ThresholdedRelu": "relu", "LeakyRelu": "leaky_relu", "PRelu": "leaky_relu", "HardSigmoid": "hard_sigmoid",
    "HardSwish": "hard_swish", "Sigmoid": "sigmoid", "Tanh": "tanh", "Gelu": "gelu", "Elu": "elu", "Selu": "elu", "Celu": "elu",
    "Softplus": "softplus", "Mish": "mish", "Swish": "silu", "Silu": "silu",
    "com.microsoft.Gelu": "gelu", "com.microsoft.FastGelu": "gelu", "com.microsoft.BiasGelu": "gelu",
    "com.microsoft.QuickGelu": "silu",
    "com.microsoft.QLinearSigmoid": "sigmoid", "com.microsoft.QLinearLeakyRelu": "leaky_relu",
}  # fmt: skip
UNARY: Mapping[str, str] = {
    "Neg": "negate", "Abs": "absolute", "Exp": "exponential", "Log": "logarithm", "Sqrt": "square_root",
    "Reciprocal": "reciprocal",
    "Erf": "error_function", "Sin": "sine", "Cos": "cosine", "Floor": "round", "Ceil": "round", "Round": "round", "Sign": "sign",
    "Not": "compare", "IsNaN": "compare", "IsInf": "compare", "CumSum": "shift", "Softsign": "divide", "Tan": "sine",
    "Asin": "sine", "Acos": "sine", "Atan": "sine", "Sinh": "exponential", "Cosh": "exponential", "Asinh": "logarithm",
    "Acosh": "logarithm", "Atanh": "logarithm", "Shrink": "choose", "BitwiseNot": "compare", "Trilu": "choose",
    "CumProd": "scale",
}  # fmt: skip
BINARY: Mapping[str, str] = {
    "Sub": "subtract", "Div": "divide", "Max": "maximum", "Min": "minimum", "Pow": "power", "Mod": "divide", "BitShift": "scale",
    "Equal": "compare", "Greater": "compare", "GreaterOrEqual": "compare", "Less": "compare", "LessOrEqual": "compare",
    "And": "compare", "Or": "compare", "Xor": "compare", "Where": "choose", "Mean": "shift",
    "BitwiseAnd": "compare", "BitwiseOr": "compare", "BitwiseXor": "compare",
}  # fmt: skip
SUMS, PRODUCTS = ("Add", "Sum"), ("Mul",)
_WITH_A_CONSTANT = {"add": "shift", "multiply": "scale", "subtract": "shift", "divide": "scale"}
"""What a sum or a product is where one operand is a constant number, or one for each channel."""

METHODS: Mapping[str, str] = {
    "BatchNormalization": "batch", "LayerNormalization": "layer", "InstanceNormalization": "group", "GroupNormalization": "group",
    "RMSNormalization": "rms", "SimplifiedLayerNormalization": "rms", "LpNormalization": "rms", "LRN": "local_response",
    "MeanVarianceNormalization": "layer", "com.microsoft.SimplifiedLayerNormalization": "rms",
    "com.microsoft.LayerNormalization": "layer",
}  # fmt: skip
REDUCTIONS: Mapping[str, str] = {
    "ReduceMean": "average", "ReduceSum": "sum", "ReduceMax": "max", "ReduceMin": "max", "ReduceL1": "sum", "ReduceL2": "average",
    "ReduceSumSquare": "average", "ReduceProd": "sum", "ReduceLogSum": "sum", "ReduceLogSumExp": "average", "ArgMax": "max",
    "ArgMin": "max",
}  # fmt: skip


def activation(builder: Builder, operator: Operator) -> None:
    """A function of each element that a workload file has a name for."""
    value = builder.value(operator.input(0), operator)
    if _is_bookkeeping(builder, operator, value):
        return
    builder.finish(operator, builder.emit(operator, "activation", [value], {"function": ACTIVATIONS[operator.type]}))


def clip(builder: Builder, operator: Operator) -> None:
    """Clip: relu6 between 0 and 6, hard tanh between -1 and 1, else two comparisons of another name."""
    value = builder.value(operator.input(0), operator)
    if _is_bookkeeping(builder, operator, value):
        return
    least, most = (_limit(builder, operator, name, index) for index, name in ((1, "min"), (2, "max")))
    names = {(0.0, 6.0): "relu6", (-1.0, 1.0): "hard_tanh", (0.0, math.inf): "relu"}
    builder.finish(
        operator, builder.emit(operator, "activation", [value], {"function": names.get((least, most), "clipped_relu")})
    )


def _limit(builder: Builder, operator: Operator, name: str, index: int) -> float:
    """A limit of a Clip: an attribute in old models, an input in new ones, endless where neither is there."""
    given = operator.input(index)
    if given is not None and given in builder.graph.values:
        return float(builder.graph.values[given].ravel()[0])
    endless = -math.inf if name == "min" else math.inf
    found = float(operator.attributes.get(name, endless)) if given is None else math.nan
    return endless if abs(found) > 1e38 else found


def unary(builder: Builder, operator: Operator) -> None:
    """Any other function of each element."""
    value = builder.value(operator.input(0), operator)
    if _is_bookkeeping(builder, operator, value):
        return
    builder.finish(operator, builder.emit(operator, "elementwise", [value], {"operation": UNARY[operator.type]}))


def variadic(builder: Builder, operator: Operator) -> None:
    """Sums, products and other functions of several operands, some of which may be constants or spread over the rest."""
    kind = "add" if operator.type in SUMS else "multiply" if operator.type in PRODUCTS else BINARY[operator.type]
    combine(builder, operator, [name for name in operator.inputs if name], kind)


def combine(builder: Builder, operator: Operator, names: Sequence[str], kind: str) -> None:
    """`kind` of several operands: add, multiply, or an element-wise operation."""
    varying = [builder.value(name, operator) for name in names if not builder.is_constant(name)]
    numbers = [value for value in varying if not value.is_ids]
    if not numbers:
        _set_aside(builder, operator, varying[0])
        return
    if len(numbers) < len(varying):
        builder.note(BOOKKEEPING)
    constants = [name for name in names if builder.is_constant(name)]
    if len(numbers) == 1 and all(_elements(builder, operator, name) == 1 for name in constants):
        _with_numbers(builder, operator, numbers[0], kind)
        return
    operands, large = _operands(builder, operator, numbers, constants)
    whole = max(operands, key=lambda value: value.elements)
    small = len(large) < len(constants) or len(numbers) < len(varying)
    facts = frozenset({"causal"}) if any(_is_causal(builder, value) for value in operands) else frozenset[str]()
    if len(operands) == 1:
        per_channel = any(_elements(builder, operator, name) in (whole.shape.channels, 1) for name in constants)
        scalar = all(_elements(builder, operator, name) == 1 for name in constants)
        said = {"affine": per_channel and kind in _WITH_A_CONSTANT, "scalar": scalar}
        facts |= {name for name, holds in said.items() if holds}
        keys = {"operation": _WITH_A_CONSTANT.get(kind, kind)}
        builder.finish(operator, builder.emit(operator, "elementwise", [whole], keys, facts=facts))
        return
    spread = _spread(builder, operator, operands, whole)
    named, keys = (kind, {}) if kind in ("add", "multiply") else ("elementwise", {"operation": kind})
    result = builder.emit(operator, named, spread, keys, facts=facts, channels_last=whole.channels_last)
    if small and kind in _WITH_A_CONSTANT:
        result = builder.emit(operator, "elementwise", [result], {"operation": _WITH_A_CONSTANT[kind]})
    builder.finish(operator, _as(result, whole))


def _with_numbers(builder: Builder, operator: Operator, value: Value, kind: str) -> None:
    """`kind` of a tensor and single numbers; copies that an Expand promises are all the same, and so one of them is counted."""
    facts = {"scalar", "affine"} if kind in _WITH_A_CONSTANT else {"scalar"}
    if _is_causal(builder, value):
        facts.add("causal")
    keys = {"operation": _WITH_A_CONSTANT.get(kind, kind)}
    builder.set(operator.outputs[0], builder.emit(operator, "elementwise", [value], keys, facts=frozenset(facts)))


def _operands(
    builder: Builder, operator: Operator, numbers: Sequence[Value], constants: Sequence[str]
) -> tuple[list[Value], list[str]]:
    """What is combined, with constants of more than a number for each channel as learned tensors, and those constants' names.

    One of them is as large as the result: where none is, the largest is written out in copies.
    """
    made = builder.elements(operator.outputs[0], operator)
    whole = max(numbers, key=lambda value: value.elements)
    full = next((name for name in constants if _elements(builder, operator, name) == made > whole.elements), None)
    given = list(numbers)
    if full is not None:
        shape = builder.canonical(operator.outputs[0], operator, channels_last=True) or Vector(made)
        whole = builder.learned(full, shape, operator)
    elif made != whole.elements:
        copied = copies(builder, operator, whole, made)
        given[given.index(whole)] = whole = copied
    large = [name for name in constants if _elements(builder, operator, name) > whole.shape.channels or name == full]
    return [*given, *(whole if name == full else _large(builder, operator, name, whole) for name in large)], large


def copies(builder: Builder, operator: Operator, value: Value, made: int) -> Value:
    """A value written out as often as a tensor of `made` elements holds it: read once, written in full."""
    times, odd = divmod(made, value.elements)
    if odd or not times:
        raise builder.error(operator, f"cannot spread {value.shape} over {made:,} numbers")
    row = builder.view(value, Image(1, 1, value.elements), operator)
    copied = builder.emit(operator, "resize", [row], {"size": [times, value.elements]}, hint="")
    shape = builder.canonical(operator.outputs[0], operator, channels_last=value.channels_last)
    fits = shape is not None and shape.elements == made
    return builder.view(copied, shape if fits and shape is not None else Vector(made), operator)


def _as(value: Value, whole: Value) -> Value:
    return Value(layer=value.layer, shape=value.shape, channels_last=whole.channels_last)


def _is_causal(builder: Builder, value: Value) -> bool:
    layer = builder.layers.get(value.layer)
    return layer is not None and "causal" in layer.facts


def _elements(builder: Builder, operator: Operator, name: str) -> int:
    """Numbers of a constant that are not the same for all samples of a batch."""
    shape = builder.graph.shape(name, operator)
    total = math.prod(shape)
    return total // builder.graph.batch if len(shape) > 1 and shape[0] == builder.graph.batch else total


def _large(builder: Builder, operator: Operator, name: str, whole: Value) -> Value:
    """A constant that is more than a number for each channel, as a learned layer that fits `whole`."""
    return builder.learned(name, operand_shape(builder, operator, _elements(builder, operator, name), whole.shape), operator)


def operand_shape(builder: Builder, operator: Operator, elements: int, whole: Shape) -> Shape:
    """The shape of an operand of so many elements that is spread over `whole`."""
    if elements == whole.elements:
        return whole
    if elements in (1, whole.channels):
        return Vector(elements)
    if elements * whole.channels == whole.elements:
        return Image(1, whole.height, whole.width) if isinstance(whole, Image) else Steps(1, elements)
    if whole.elements % elements:
        raise builder.error(operator, f"{elements:,} numbers cannot be spread over {whole}")
    return Vector(elements)


def _spread(builder: Builder, operator: Operator, operands: Sequence[Value], whole: Value) -> list[Value]:
    """The operands in shapes that fit each other, the largest in its own where that is possible."""
    shapes = [operand_shape(builder, operator, value.elements, whole.shape) for value in operands]
    odd = [shape for shape in shapes if isinstance(shape, Vector) and shape.features not in (1, whole.shape.channels)]
    if odd and whole.shape.elements not in {shape.elements for shape in odd}:
        features = odd[0].features
        over: Shape = Steps(features, whole.elements // features)
        shapes = [
            over if value.elements == whole.elements else operand_shape(builder, operator, value.elements, over)
            for value in operands
        ]
    return [builder.view(value, shape, operator) for value, shape in zip(operands, shapes, strict=True)]


def normalisation(builder: Builder, operator: Operator) -> None:
    """Normalisations by their methods; statistics of a batch that are learned while running belong to training."""
    if operator.type == "BatchNormalization" and any(builder.is_read(name) for name in operator.outputs[1:]):
        raise builder.error(operator, "learns statistics while it runs", "export the model in inference mode (eval)")
    value = builder.value(operator.input(0), operator)
    method = METHODS[operator.type]
    facts = frozenset({"affine"}) if method == "batch" else frozenset[str]()
    builder.finish(operator, builder.emit(operator, "normalisation", [value], {"method": method}, facts=facts))


def skip_normalisation(builder: Builder, operator: Operator) -> None:
    """SkipLayerNormalization of ONNX Runtime: a sum (its fourth output), then a normalisation."""
    first, second = (builder.value(operator.input(index), operator) for index in (0, 1))
    total = builder.emit(operator, "add", _spread(builder, operator, [first, second], first))
    if len(operator.outputs) > 3 and operator.outputs[3]:
        builder.set(operator.outputs[3], total)
    method = "rms" if "Simplified" in operator.type else "layer"
    builder.finish(operator, builder.emit(operator, "normalisation", [total], {"method": method}))


def softmax(builder: Builder, operator: Operator) -> None:
    """Softmax, its logarithm, and Hardmax, along any axis."""
    builder.finish(operator, builder.emit(operator, "softmax", [builder.value(operator.input(0), operator)]))


def reduction(builder: Builder, operator: Operator) -> None:
    """A mean, sum or largest over some axes: those that stay are the channels."""
    value = builder.value(operator.input(0), operator)
    if _is_bookkeeping(builder, operator, value):
        return
    kept = builder.elements(operator.outputs[0], operator)
    if kept == value.elements:
        builder.set(operator.outputs[0], value)
        return
    if value.elements % kept:
        raise builder.error(operator, f"cannot reduce {value.shape} to {kept:,} numbers")
    if value.shape.channels != kept:
        value = builder.view(value, Steps(kept, value.elements // kept), operator)
    builder.finish(
        operator, builder.emit(operator, "global_pool", [value], {"mode": REDUCTIONS[operator.type]}, channels_last=True)
    )


def quantised_pair(builder: Builder, operator: Operator) -> None:
    """QLinearAdd and QLinearMul of ONNX Runtime: each operand is followed by its scale and zero point."""
    kind = "add" if operator.type.endswith("Add") else "multiply"
    combine(builder, operator, [operator.inputs[0], operator.inputs[3]], kind)


def dynamic_quantisation(builder: Builder, operator: Operator) -> None:
    """DynamicQuantizeLinear: the range of a tensor is found, then it is converted: its scale and zero point are two numbers."""
    value = builder.value(operator.input(0), operator)
    extremes = builder.emit(operator, "global_pool", [builder.view(value, Steps(1, value.elements), operator)], {"mode": "max"})
    for index in (1, 2):
        if index < len(operator.outputs):
            builder.set(operator.outputs[index], extremes)
    builder.finish(operator, builder.emit(operator, "elementwise", [value], {"operation": "convert"}))


def _is_bookkeeping(builder: Builder, operator: Operator, value: Value) -> bool:
    """Whether an operator works on whole numbers that come from token ids; if so, it is said and not counted."""
    if value.is_ids:
        _set_aside(builder, operator, value)
    return value.is_ids


def _set_aside(builder: Builder, operator: Operator, value: Value) -> None:
    builder.note(BOOKKEEPING)
    for name in operator.outputs:
        if name:
            builder.set(name, value)


RULES: Mapping[str, Any] = {
    **dict.fromkeys(ACTIVATIONS, activation),
    **dict.fromkeys(UNARY, unary),
    **dict.fromkeys((*SUMS, *PRODUCTS, *BINARY), variadic),
    **dict.fromkeys(METHODS, normalisation),
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax", "com.microsoft.QLinearSoftmax"), softmax),
    **dict.fromkeys(REDUCTIONS, reduction),
    **dict.fromkeys(("com.microsoft.QLinearAdd", "com.microsoft.QLinearMul"), quantised_pair),
    "Clip": clip,
    "DynamicQuantizeLinear": dynamic_quantisation,
}
