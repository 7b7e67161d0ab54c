"""The rule of each operator: how it becomes layers. What has none is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet

from dse.errors import InputError, Place, Problem, UnsupportedLayer
from dse.inputs.onnx import attention, convolutions, functions, movement, products, recurrence, runtime, selecting
from dse.inputs.onnx.building import Builder
from dse.inputs.onnx.graph import Operator
from dse.inputs.wording import near_miss

Rule = Callable[[Builder, Operator], None]

RULES: Mapping[str, Rule] = {
    **functions.RULES,
    **movement.RULES,
    **runtime.RULES,
    **selecting.RULES,
    "Conv": convolutions.convolution,
    "ConvInteger": convolutions.integer_convolution,
    "QLinearConv": convolutions.quantised_convolution,
    "ConvTranspose": convolutions.transposed_convolution,
    "MaxPool": convolutions.pool,
    "AveragePool": convolutions.pool,
    "GlobalAveragePool": convolutions.global_pool,
    "GlobalMaxPool": convolutions.global_pool,
    "LpPool": convolutions.norm_pool,
    "GlobalLpPool": convolutions.norm_pool,
    "com.microsoft.QLinearGlobalAveragePool": convolutions.global_pool,
    "Gemm": products.general_product,
    "com.microsoft.QGemm": products.quantised_general_product,
    "MatMul": products.matrix_product,
    "MatMulInteger": products.matrix_product,
    "QLinearMatMul": products.quantised_product,
    "Einsum": products.contraction,
    "LSTM": recurrence.recurrent,
    "GRU": recurrence.recurrent,
    "RNN": recurrence.recurrent,
    "Attention": attention.attention,
    "RotaryEmbedding": attention.rotary_embedding,
    "com.microsoft.RotaryEmbedding": attention.rotary_embedding,
}

AFTERWARDS = ("NonMaxSuppression", "NonZero", "Unique", "Compress")
"""Operators whose results have no size beforehand."""


def apply_rules(builder: Builder, ignored: AbstractSet[str]) -> None:
    """Make the layers of all operators.

    Raises `UnsupportedLayer` that names every operator without a rule, and its node, unless it is to be ignored.
    """
    problems: list[Problem] = []
    lacking: set[str] = set()
    for operator in builder.graph.operators:
        if operator.type in ignored:
            _ignore(builder, operator)
        elif operator.type not in RULES:
            if operator.type not in lacking:
                problems.append(_problem(builder, operator))
            lacking.add(operator.type)
        elif not lacking:
            _apply(builder, operator)
    if problems:
        raise UnsupportedLayer(problems)


def _apply(builder: Builder, operator: Operator) -> None:
    """Make the layers of an operator. What its rule does not expect of it (a missing attribute, a negative size) is said."""
    try:
        RULES[operator.type](builder, operator)
    except InputError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        message = f"is damaged, or given in a form that dse has no rule for ({type(error).__name__}: {error})"
        raise builder.error(operator, message, "export the model again") from error


def _problem(builder: Builder, operator: Operator) -> Problem:
    same = [each for each in builder.graph.operators if each.type == operator.type]
    times = "" if len(same) == 1 else f" (and {len(same) - 1} more of its kind)"
    remedy = f"{near_miss(operator.type, RULES)}--allow ignore:{operator.type} leaves it out, uncounted"
    if operator.type in AFTERWARDS:
        remedy = f"how much it makes is known at run time alone: export the model without what selects its results; {remedy}"
    return Problem(f"{operator.said}{times}: dse has no rule for this operator", Place(builder.graph.file), remedy)


def _ignore(builder: Builder, operator: Operator) -> None:
    """Leave an operator out: its results are taken as inputs that are there."""
    builder.note(f"{operator.type} is left out, as --allow asked")
    for name in operator.outputs:
        if builder.is_read(name):
            builder.give(name, operator)
