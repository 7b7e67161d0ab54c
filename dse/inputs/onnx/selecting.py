"""Rules of what is chosen or put in its place while running: the largest k, updates of a part, rows of unit vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dse.inputs.onnx.building import Builder, Value
from dse.inputs.onnx.functions import copies
from dse.inputs.onnx.graph import Operator
from dse.inputs.onnx.movement import passed
from dse.inputs.onnx.parts import kept_part
from dse.workload.shapes import Image, Vector
from dse.workload.shapes import Sequence as Steps

RANKED = "the largest k are counted as one comparison for each number that they are chosen from"


def largest(builder: Builder, operator: Operator) -> None:
    """TopK: each number is compared once (Blum et al., "Time bounds for selection", 1973: their number is linear)."""
    source = str(operator.input(0))
    value = builder.value(source, operator)
    shape = builder.graph.shape(source, operator)
    axis = int(operator.attributes.get("axis", -1)) % len(shape)
    ranked = builder.emit(operator, "elementwise", [value], {"operation": "compare"})
    kept = builder.graph.shape(operator.outputs[0], operator)[axis]
    part = ranked if kept == shape[axis] else kept_part(builder, operator, ranked, shape, axis, kept, 0, 1)
    builder.note(RANKED)
    for index, name in enumerate(operator.outputs):
        if name:
            builder.finish(operator, part, index)


def scatter(builder: Builder, operator: Operator) -> None:
    """ScatterND, ScatterElements and TensorScatter: the updates stand where so many of the data stood, which are not written."""
    names = [str(operator.input(0)), str(operator.input(1 if operator.type == "TensorScatter" else 2))]
    whole, changed = (builder.elements(name, operator) for name in names)
    if changed > whole:
        raise builder.error(operator, f"writes {changed:,} numbers over {whole:,}, and dse has no rule for that")
    parts = [_flat(builder, operator, name, size) for name, size in zip(names, (whole, changed), strict=True)]
    made = parts[1]
    if changed < whole:
        kept = builder.emit(operator, "slice", [parts[0]], {"features": whole - changed, "begin": changed})
        made = builder.emit(operator, "concat", [made, kept])
    shape = builder.canonical(operator.outputs[0], operator, channels_last=True)
    last = len(builder.graph.shape(operator.outputs[0], operator)) < 4
    builder.finish(operator, Value(layer=made.layer, shape=made.shape, channels_last=last))
    if shape is not None and shape.elements == whole:
        builder.set(operator.outputs[0], builder.view(made, shape, operator))


def _flat(builder: Builder, operator: Operator, name: str, elements: int) -> Value:
    shape = Vector(elements)
    if builder.is_constant(name):
        return builder.learned(name, shape, operator)
    return builder.view(builder.value(name, operator), shape, operator)


def unit_rows(builder: Builder, operator: Operator) -> None:
    """OneHot: by token ids, rows of a table of unit vectors; by numbers, a comparison for each element."""
    ids = builder.value(operator.input(0), operator)
    made = builder.elements(operator.outputs[0], operator)
    if ids.is_ids:
        depth = made // ids.elements
        builder.finish(operator, builder.emit(operator, "embedding", [ids], {"vocabulary": depth, "features": depth}))
        return
    spread = copies(builder, operator, ids, made)
    builder.finish(operator, builder.emit(operator, "elementwise", [spread], {"operation": "compare"}))


def sampled(builder: Builder, operator: Operator) -> None:
    """GridSample of images: a weighted sum of neighbours for each place of the grid, whose weights come of the places."""
    source, grid = str(operator.input(0)), str(operator.input(1))
    shape, made = builder.graph.shape(source, operator), builder.graph.shape(operator.outputs[0], operator)
    if len(shape) != 4:
        raise builder.error(operator, f"samples {tuple(shape)}; dse has a rule for images")
    mode = operator.attributes.get("mode", b"linear").decode()
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    image = builder.view(builder.value(source, operator), Image(shape[1], shape[2], shape[3]), operator)
    value = builder.emit(operator, "resize", [image], {"size": [made[2], made[3]], "mode": mode}, channels_last=False)
    if not builder.is_constant(grid):
        places = builder.view(builder.value(grid, operator), Steps(2, made[2] * made[3]), operator)
        weights = builder.emit(operator, "slice", [places], {"features": 1})
        weights = builder.view(weights, Image(1, made[2], made[3]), operator)
        value = builder.emit(operator, "multiply", [value, weights], channels_last=False)
    builder.finish(operator, value)


def gated(builder: Builder, operator: Operator) -> None:
    """SwiGLU: x·sigmoid(x) of one half times the other half."""
    value = builder.value(operator.input(0), operator)
    half = value.shape.channels // 2
    if operator.input(1) is not None:
        other = builder.view(builder.value(operator.input(1), operator), value.shape, operator)
        first = value
    else:
        first = builder.emit(operator, "slice", [value], {"features": half})
        other = builder.emit(operator, "slice", [value], {"features": half, "begin": half})
    gate = builder.emit(operator, "activation", [first], {"function": "silu"})
    builder.finish(operator, builder.emit(operator, "multiply", [gate, other]))


RULES: Mapping[str, Any] = {
    "TopK": largest,
    "Scatter": scatter,
    "ScatterND": scatter,
    "ScatterElements": scatter,
    "TensorScatter": scatter,
    "OneHot": unit_rows,
    "GridSample": sampled,
    "SwiGLU": gated,
    "ReverseSequence": passed,
}
