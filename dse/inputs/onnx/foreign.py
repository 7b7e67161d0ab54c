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
        case "FusedMatMul":
            return []
        case _:
            return []
