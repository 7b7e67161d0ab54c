"""Rules of ONNX Runtime's own operators (com.microsoft): attention in its forms, and products that hold more than a product.

What each is given: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from dse.inputs.onnx.attention import attend, cached, rotated
from dse.inputs.onnx.building import Builder, Value
from dse.inputs.onnx.convolutions import convolve
from dse.inputs.onnx.formats import note_formats
from dse.inputs.onnx.functions import skip_normalisation
from dse.inputs.onnx.graph import Operator
from dse.inputs.onnx.products import multiply
from dse.workload.shapes import Sequence as Steps
from dse.workload.shapes import Tokens

SCALES = "scales and zero points of blocks of weights are not counted"
_ACTIVATED = {
    "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "LeakyRelu": "leaky_relu", "HardSigmoid": "hard_sigmoid",
    "Clip": "clipped_relu",
}  # fmt: skip


def packed_attention(builder: Builder, operator: Operator) -> None:
    """Attention and QAttention: X (batch x steps x d), weights of queries, keys and values side by side (d x 3e), a past."""
    data, weights = str(operator.input(0)), str(operator.input(1))
    _, steps, features = builder.graph.shape(data, operator)
    total = builder.graph.shape(weights, operator)[1]
    heads = int(operator.attributes["num_heads"])
    sizes = [int(each) for each in operator.attributes.get("qkv_hidden_sizes") or (total // 3,) * 3]
    source = builder.view(builder.value(data, operator), Steps(features, steps), operator)
    joined = builder.emit(operator, "linear", [source], {"in": features, "features": total})
    note_formats(builder, joined, data, weights)
    values = [
        builder.emit(operator, "slice", [joined], {"features": size, "begin": sum(sizes[:index])})
        for index, size in enumerate(sizes)
    ]
    if operator.attributes.get("do_rotary", 0):
        values[:2] = [rotated(builder, operator, value) for value in values[:2]]
    past = operator.input(8 if operator.type.endswith("QAttention") else 4)
    keys: dict[str, Any] = {"heads": heads, "causal": bool(operator.attributes.get("unidirectional", 0))}
    keys["context"] = cached(builder, operator, past, 3)
    attend(builder, operator, values, keys)


def many_heads(builder: Builder, operator: Operator) -> None:
    """MultiHeadAttention: queries, keys and values (batch x steps x features; keys and values perhaps by head), a past."""
    heads = int(operator.attributes["num_heads"])
    names = [str(operator.input(index)) for index in range(3)]
    if operator.input(1) is None or operator.input(2) is None:
        raise builder.error(operator, "queries, keys and values in one tensor have no rule", "export them apart")
    values = [_by_steps(builder, operator, name) for name in names]
    keys: dict[str, Any] = {"heads": heads, "causal": bool(operator.attributes.get("unidirectional", 0))}
    keys["context"] = cached(builder, operator, operator.input(6), 2)
    attend(builder, operator, values, keys)


def grouped_queries(builder: Builder, operator: Operator) -> None:
    """GroupQueryAttention: queries, keys and values, side by side in the first where the others are left out; a past; angles."""
    heads, groups = (int(operator.attributes[name]) for name in ("num_heads", "kv_num_heads"))
    first = _by_steps(builder, operator, str(operator.input(0)))
    if operator.input(1) is None:
        width = first.shape.channels // (heads + 2 * groups)
        places = ((heads * width, 0), (groups * width, heads * width), (groups * width, (heads + groups) * width))
        values = [builder.emit(operator, "slice", [first], {"features": size, "begin": begin}) for size, begin in places]
    else:
        values = [first, *(_by_steps(builder, operator, str(operator.input(index))) for index in (1, 2))]
    if operator.attributes.get("do_rotary", 0):
        values[:2] = [rotated(builder, operator, value) for value in values[:2]]
    context = cached(builder, operator, operator.input(3), 2)
    window = int(operator.attributes.get("local_window_size", -1))
    steps = values[0].elements // values[0].shape.channels
    keys: dict[str, Any] = {"heads": heads, "kv_heads": groups, "causal": steps > 1 or window > 0, "context": context}
    if window > 0:
        keys["window"] = window
    attend(builder, operator, values, keys)


def _by_steps(builder: Builder, operator: Operator, name: str) -> Value:
    """A tensor of batch x steps x features, or of batch x heads x steps x width, as a sequence."""
    shape = builder.graph.shape(name, operator)
    if len(shape) not in (3, 4):
        raise builder.error(operator, f"{name!r} of {tuple(shape)}: several tensors in one have no rule", "export them apart")
    features, steps = (shape[2], shape[1]) if len(shape) == 3 else (shape[1] * shape[3], shape[2])
    return builder.view(builder.value(name, operator), Steps(features, steps), operator)


def embed(builder: Builder, operator: Operator) -> None:
    """EmbedLayerNormalization: words, positions and perhaps kinds, summed and normalised; all are looked up."""
    ids = builder.value(operator.input(0), operator)
    if not isinstance(ids.shape, Tokens):
        raise builder.error(operator, f"its first input is {ids.shape}, not token ids")
    kinds = operator.input(1)
    segments = ids if kinds is None else builder.value(kinds, operator)
    rows: list[Value] = []
    for index, given in ((2, ids), (3, ids), (4, segments)):
        table = operator.input(index)
        if table is not None:
            vocabulary, features = builder.graph.shape(table, operator)
            keys = {"vocabulary": vocabulary, "features": features}
            rows.append(builder.emit(operator, "embedding", [given], keys, hint=table))
            note_formats(builder, rows[-1], table, table)
    total = builder.emit(operator, "add", rows) if len(rows) > 1 else rows[0]
    if len(operator.outputs) > 2 and operator.outputs[2]:
        builder.set(operator.outputs[2], total)
    builder.finish(operator, builder.emit(operator, "normalisation", [total], {"method": "layer"}))


def transposed_product(builder: Builder, operator: Operator) -> None:
    """FusedMatMul and TransposeMatMul: MatMul of factors that may lie the other way round."""
    first, second = str(operator.input(0)), str(operator.input(1))
    sides = [list(builder.graph.shape(name, operator)) for name in (first, second)]
    for side, name in zip(sides, ("transA", "transB"), strict=True):
        if operator.attributes.get(name, 0):
            side[-2:] = side[:-3:-1]
    builder.finish(operator, multiply(builder, operator, first, second, *sides))


def product_in_bits(builder: Builder, operator: Operator) -> None:
    """MatMulNBits: A (... x K) times weights of a few bits in blocks, K x N once unpacked."""
    data, weights = str(operator.input(0)), str(operator.input(1))
    inner, columns = int(operator.attributes["K"]), int(operator.attributes["N"])
    made = multiply(builder, operator, data, weights, builder.graph.shape(data, operator), (inner, columns))
    note_formats(builder, made, data, weights, bits=int(operator.attributes.get("bits", 4)))
    builder.note(SCALES)
    builder.finish(operator, made)


def rows_in_bits(builder: Builder, operator: Operator) -> None:
    """GatherBlockQuantized: rows of a table of a few bits in blocks; what the file does not say of them is not known."""
    table, ids = str(operator.input(0)), builder.value(operator.input(1), operator)
    rows = builder.graph.shape(table, operator)[0]
    if not ids.is_ids or int(operator.attributes.get("gather_axis", 0)) != 0:
        raise builder.error(operator, "dse has a rule for rows of a table by token ids")
    features = math.prod(builder.per_sample(operator.outputs[0], operator)) // ids.elements
    made = builder.emit(operator, "embedding", [ids], {"vocabulary": rows, "features": features})
    note_formats(builder, made, table, table, bits=int(operator.attributes.get("bits", 4)))
    builder.note(SCALES)
    builder.finish(operator, made)


def quantised_product(builder: Builder, operator: Operator) -> None:
    """DynamicQuantizeMatMul and MatMulIntegerToFloat: MatMul, scales apart."""
    first, second = str(operator.input(0)), str(operator.input(1))
    left, right = (builder.graph.shape(name, operator) for name in (first, second))
    builder.finish(operator, multiply(builder, operator, first, second, left, right))


def convolution_with_function(builder: Builder, operator: Operator) -> None:
    """FusedConv: a convolution, a sum with a tensor of its own size (the fourth input), and a function of each element."""
    made = convolve(builder, operator, operator.input(0), operator.input(1))
    beside = operator.input(3)
    if beside is not None:
        other = builder.view(builder.value(beside, operator), made.shape, operator)
        made = builder.emit(operator, "add", [made, other], channels_last=False)
    name = operator.attributes.get("activation", b"").decode()
    if name not in _ACTIVATED and name:
        raise builder.error(operator, f"dse has no rule for the function {name!r} in it", f"there are {', '.join(_ACTIVATED)}")
    if name:
        made = builder.emit(operator, "activation", [made], {"function": _ACTIVATED[name]}, channels_last=False)
    builder.finish(operator, made)


def biased_sum(builder: Builder, operator: Operator) -> None:
    """BiasAdd: a tensor, a bias for each channel, and a tensor beside it."""
    first, second = (builder.value(operator.input(index), operator) for index in (0, 2))
    builder.finish(operator, builder.emit(operator, "add", [first, builder.view(second, first.shape, operator)]))


def group_normalisation(builder: Builder, operator: Operator) -> None:
    """GroupNorm: channels last, perhaps with x·sigmoid(x) after it."""
    made = builder.emit(operator, "normalisation", [builder.value(operator.input(0), operator)], {"method": "group"})
    if operator.attributes.get("activation", 0):
        made = builder.emit(operator, "activation", [made], {"function": "silu"})
    builder.finish(operator, made)


RULES: Mapping[str, Any] = {
    f"com.microsoft.{name}": rule
    for name, rule in {
        "Attention": packed_attention,
        "QAttention": packed_attention,
        "MultiHeadAttention": many_heads,
        "GroupQueryAttention": grouped_queries,
        "EmbedLayerNormalization": embed,
        "FusedMatMul": transposed_product,
        "TransposeMatMul": transposed_product,
        "MatMulNBits": product_in_bits,
        "GatherBlockQuantized": rows_in_bits,
        "DynamicQuantizeMatMul": quantised_product,
        "MatMulIntegerToFloat": quantised_product,
        "FusedConv": convolution_with_function,
        "BiasAdd": biased_sum,
        "GroupNorm": group_normalisation,
        "SkipLayerNormalization": skip_normalisation,
        "SkipSimplifiedLayerNormalization": skip_normalisation,
    }.items()
}
