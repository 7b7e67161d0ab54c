"""Shapes of operators of other domains (ONNX Runtime's own), which the onnx package does not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Shape = tuple[int, ...]

RUNTIME = "com.microsoft"

_FIRST = {
    "Gelu",
    "FastGelu",
    "QuickGelu",
    "BiasGelu",
    "QLinearSigmoid",
    "QLinearLeakyRelu",
    "QLinearSoftmax",
    "LayerNormalization",
}
_FIRST_THEN_SUMS = {"SkipLayerNormalization", "SkipSimplifiedLayerNormalization", "SimplifiedLayerNormalization"}

TYPED_LIKE: Mapping[str, int] = {
    f"{RUNTIME}.{name}": index
    for name, index in {
        "EmbedLayerNormalization": 2, "GatherBlockQuantized": 2, "QAttention": 3, "MatMulIntegerToFloat": 2,
    }.items()
}  # fmt: skip
"""Which input has the type of the output, where that is not the first."""


def foreign_shapes(kind: str, attributes: Mapping[str, Any], inputs: Sequence[Shape | None]) -> list[Shape | None]:
    """Shapes of the outputs of an operator, None for those that are not known here."""
    domain, _, name = kind.rpartition(".")
    if domain != RUNTIME or not inputs or inputs[0] is None:
        return []
    first = inputs[0]
    if name in _FIRST:
        return [first]
    if name in _FIRST_THEN_SUMS:
        return [first, None, None, first]
    match name:
        case "QLinearAdd" | "QLinearMul":
            second = inputs[3]
            return [] if second is None else [tuple(np.broadcast_shapes(first, second))]
        case "QLinearAveragePool" | "QLinearGlobalAveragePool":
            last = bool(attributes.get("channels_last", 0))
            if name == "QLinearAveragePool":
                return []
            return [(first[0], *(1 for _ in first[1:-1]), first[-1]) if last else (first[0], first[1], *(1 for _ in first[2:]))]
        case "QGemm":
            weights = inputs[3]
            if weights is None:
                return []
            rows = first[1] if attributes.get("transA", 0) else first[0]
            return [(rows, weights[0] if attributes.get("transB", 0) else weights[1])]
        case "QLinearConcat":
            parts = list(inputs[2::3])
            axis = int(attributes.get("axis", 0))
            if any(part is None for part in parts):
                return []
            known = [part for part in parts if part is not None]
            axis %= len(known[0])
            return [(*known[0][:axis], sum(part[axis] for part in known), *known[0][axis + 1 :])]
        case "FusedMatMul" | "TransposeMatMul" | "DynamicQuantizeMatMul" | "MatMulIntegerToFloat":
            return _product(attributes, first, inputs[1])
        case _:
            return _others(name, attributes, inputs)


def _product(attributes: Mapping[str, Any], first: Shape, second: Shape | None) -> list[Shape | None]:
    if second is None or min(len(first), len(second)) < 2:
        return []
    rows = first[-1] if attributes.get("transA", 0) else first[-2]
    columns = second[-2] if attributes.get("transB", 0) else second[-1]
    return [(*np.broadcast_shapes(first[:-2], second[:-2]), rows, columns)]


def _others(name: str, attributes: Mapping[str, Any], inputs: Sequence[Shape | None]) -> list[Shape | None]:
    """Shapes of what these operators make, as far as they follow from what they are given."""
    first, second = inputs[0], inputs[1] if len(inputs) > 1 else None
    if first is None:
        return []
    match name:
        case "Attention" | "QAttention" if second is not None:
            sizes = attributes.get("qkv_hidden_sizes")
            return [(*first[:2], int(sizes[2]) if sizes else second[1] // 3)]
        case "MultiHeadAttention" | "BiasAdd" | "GroupNorm" | "RotaryEmbedding":
            return [first]
        case "GroupQueryAttention":
            heads, groups = int(attributes["num_heads"]), int(attributes["kv_num_heads"])
            return [first if second is not None else (*first[:2], first[2] * heads // (heads + 2 * groups))]
        case "EmbedLayerNormalization" if inputs[2] is not None:
            made = (*first, inputs[2][1])
            return [made, (first[0],), made]
        case "MatMulNBits":
            return [(*first[:-1], int(attributes["N"]))]
        case _:
            return []
