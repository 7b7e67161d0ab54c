"""Rules of matrix products: with weights they are linear layers, between activations products of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dse.inputs.onnx.building import Builder, Value
from dse.inputs.onnx.formats import note_formats
from dse.inputs.onnx.graph import Operator
from dse.workload.shapes import Sequence as Steps
from dse.workload.shapes import Vector


def general_product(builder: Builder, operator: Operator) -> None:
    """Gemm: A (M x K) times B (K x N), either transposed, plus C."""
    made = _gemm(builder, operator, operator.input(0), operator.input(1))
    addend = operator.input(2)
    if addend is not None and not builder.is_constant(addend):
        made = builder.emit(operator, "add", [made, builder.view(builder.value(addend, operator), made.shape, operator)])
    builder.finish(operator, made)


def quantised_general_product(builder: Builder, operator: Operator) -> None:
    """QGemm of ONNX Runtime: each operand is followed by its scale and zero point."""
    builder.finish(operator, _gemm(builder, operator, operator.input(0), operator.input(3)))


def _gemm(builder: Builder, operator: Operator, first: str | None, second: str | None) -> Value:
    sizes = [builder.graph.shape(str(name), operator) for name in (first, second)]
    left = sizes[0][::-1] if operator.attributes.get("transA", 0) else sizes[0]
    right = sizes[1][::-1] if operator.attributes.get("transB", 0) else sizes[1]
    return multiply(builder, operator, str(first), str(second), left, right)


def matrix_product(builder: Builder, operator: Operator) -> None:
    """MatMul and MatMulInteger, with any number of matrices side by side."""
    _matmul(builder, operator, operator.input(0), operator.input(1))


def quantised_product(builder: Builder, operator: Operator) -> None:
    """QLinearMatMul: each operand is followed by its scale and zero point."""
    _matmul(builder, operator, operator.input(0), operator.input(3))


def _matmul(builder: Builder, operator: Operator, first: str | None, second: str | None) -> None:
    left, right = (builder.graph.shape(str(name), operator) for name in (first, second))
    left, right = (1, *left) if len(left) == 1 else left, (*right, 1) if len(right) == 1 else right
    builder.finish(operator, multiply(builder, operator, str(first), str(second), left, right))


def multiply(builder: Builder, operator: Operator, first: str, second: str, left: Sequence[int], right: Sequence[int]) -> Value:
    """(... x M x K) times (... x K x N)."""
    inner, rows, columns = left[-1], left[-2], right[-1]
    if builder.is_constant(second):
        side_by_side = math.prod(right[:-2])
        return _weighted(builder, operator, first, second, inner=inner, outer=columns, groups=side_by_side)
    if builder.is_constant(first):
        side_by_side = math.prod(left[:-2])
        return _weighted(builder, operator, second, first, inner=inner, outer=rows, groups=side_by_side)
    return _activations(builder, operator, first, second, left, right)


def _weighted(builder: Builder, operator: Operator, data: str, weights: str, *, inner: int, outer: int, groups: int) -> Value:
    """A product with weights: a linear layer; `groups` of them side by side are a convolution of one tap in groups."""
    value = builder.value(data, operator)
    steps = value.elements // (inner * groups)
    if value.elements % (inner * groups):
        raise builder.error(operator, f"{groups} matrices of {inner} rows do not fit {value.shape}")
    is_row = len(builder.graph.shape(data, operator)) < 3 and value.shape != Steps(inner * groups, 1)
    single = steps == 1 and is_row
    shape = Vector(inner * groups) if single else Steps(inner * groups, steps)
    if groups == 1:
        made = builder.emit(operator, "linear", [builder.view(value, shape, operator)], {"in": inner, "features": outer})
    else:
        source = builder.view(value, Steps(inner * groups, steps), operator)
        keys = {"in": inner * groups, "filters": outer * groups, "kernel": 1, "groups": groups}
        made = builder.emit(operator, "conv1d", [source], keys)
    note_formats(builder, made, data, weights)
    return Value(layer=made.layer, shape=made.shape, channels_last=True)


def _activations(
    builder: Builder, operator: Operator, first: str, second: str, left: Sequence[int], right: Sequence[int]
) -> Value:
    """A product of two activations. Matrices that several of the first share (grouped-query attention) count once."""
    inner, rows, columns = left[-1], left[-2], right[-1]
    a, b = builder.value(first, operator), builder.value(second, operator)
    products = a.elements // (rows * inner)
    groups = b.elements // (inner * columns)
    if a.elements % (rows * inner) or b.elements % (inner * columns) or not groups or products % groups:
        raise builder.error(operator, f"cannot multiply {a.shape} and {b.shape} as {tuple(left)} x {tuple(right)}")
    rows *= products // groups
    source = builder.view(a, Steps(groups * inner, rows), operator)
    turned, plain = Steps(groups * inner, columns), Steps(groups * columns, inner)
    transposed = b.shape == turned and not (b.shape == plain and b.channels_last)
    factor = builder.view(b, turned if transposed else plain, operator)
    return builder.emit(operator, "matmul", [source, factor], {"groups": groups, "transposed": transposed}, channels_last=True)


def contraction(builder: Builder, operator: Operator) -> None:
    """Einsum of two operands: letters are batch, rows, columns or what is summed over."""
    equation = operator.attributes["equation"].decode().replace(" ", "")
    if "->" not in equation or "." in equation or len(operator.inputs) != 2 or equation.count(",") != 1:
        raise builder.error(operator, f"dse has no rule for the equation {equation!r}", "write it with MatMul")
    terms, result = equation.split("->")
    left, right = terms.split(",")
    if len(set(left)) < len(left) or len(set(right)) < len(right) or not set(left) ^ set(right) <= set(result):
        raise builder.error(operator, f"dse has no rule for the equation {equation!r}", "write it with MatMul")
    lengths = dict(zip(left, builder.graph.shape(operator.inputs[0], operator), strict=True))
    lengths |= dict(zip(right, builder.graph.shape(operator.inputs[1], operator), strict=True))

    def product(letters: set[str]) -> int:
        return math.prod(lengths[letter] for letter in letters)

    shared, kept = set(left) & set(right), set(result)
    batch, inner = product(shared & kept), product(shared - kept)
    rows, columns = product(set(left) - set(right)), product(set(right) - set(left))
    first, second = operator.inputs
    made = multiply(builder, operator, first, second, (batch, rows, inner), (batch, inner, columns))
    builder.finish(operator, made)
