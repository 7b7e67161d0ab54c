"""The rules of Attention and RotaryEmbedding, ONNX's own operators (operator set 23 on)."""

from __future__ import annotations

from typing import Any

from dse.inputs.onnx.building import Builder, Value
from dse.inputs.onnx.graph import Operator
from dse.workload.shapes import Sequence as Steps


def attention(builder: Builder, operator: Operator) -> None:
    """Q, K, V as batch x steps x features (then attributes say the heads) or batch x heads x steps x width; a mask; the past.

    A past that the graph is given is a cache of keys and values; it may not be computed.
    """
    names = [str(operator.input(index)) for index in range(3)]
    shapes = [builder.graph.shape(name, operator) for name in names]
    if len(shapes[0]) == 4:
        heads, groups = shapes[0][1], shapes[1][1]
        steps = [shape[2] for shape in shapes]
        widths = [shape[3] for shape in shapes]
    else:
        heads, groups = (int(operator.attributes.get(name, 0)) for name in ("q_num_heads", "kv_num_heads"))
        if not heads or not groups:
            raise builder.error(operator, "does not say its heads (q_num_heads, kv_num_heads)", "export the model again")
        steps = [shape[1] for shape in shapes]
        widths = [shapes[0][2] // heads, shapes[1][2] // groups, shapes[2][2] // groups]
    sizes = zip((heads, groups, groups), widths, steps, strict=True)
    values = [
        builder.view(builder.value(name, operator), Steps(number * width, length), operator)
        for name, (number, width, length) in zip(names, sizes, strict=True)
    ]
    if len(set(widths)) > 1:
        _written_out(builder, operator, values, groups, heads // groups * steps[0])
        return
    keys: dict[str, Any] = {
        "heads": heads,
        "kv_heads": groups,
        "causal": bool(operator.attributes.get("is_causal", 0)),
        "context": cached(builder, operator, operator.input(4), 2),
    }
    attend(builder, operator, values, keys)


def attend(builder: Builder, operator: Operator, values: list[Value], keys: dict[str, Any]) -> None:
    """Attention of queries, keys and values without projections; keys and values that it hands out are those that are new."""
    width = values[0].shape.channels // keys["heads"]
    made = builder.emit(operator, "attention", values, {**keys, "head_features": width, "projections": False}, channels_last=True)
    builder.finish(operator, made)
    for index, value in ((1, values[1]), (2, values[2])):
        if index < len(operator.outputs) and operator.outputs[index]:
            builder.set(operator.outputs[index], value)
    if len(operator.outputs) > 3 and builder.is_read(operator.outputs[3]):
        raise builder.error(operator, "its scores are read, and dse keeps them inside the layer")


def _written_out(builder: Builder, operator: Operator, values: list[Value], groups: int, rows: int) -> None:
    """Attention whose values are wider or narrower than its keys: a product, a softmax, a product; masks spare nothing."""
    query, key, value = values
    if operator.input(4) is not None:
        raise builder.error(operator, "a cache whose values are of another width than its keys has no rule")
    source = builder.view(query, Steps(key.shape.channels, rows), operator)
    scores = builder.emit(operator, "matmul", [source, key], {"groups": groups, "transposed": True})
    weights = builder.emit(operator, "softmax", [scores])
    builder.finish(operator, builder.emit(operator, "matmul", [weights, value], {"groups": groups}))


def rotary_embedding(builder: Builder, operator: Operator) -> None:
    """RotaryEmbedding: queries or keys turned by the angles of their positions."""
    builder.finish(operator, rotated(builder, operator, builder.value(operator.input(0), operator)))


def rotated(builder: Builder, operator: Operator, value: Value) -> Value:
    """Pairs of numbers turned by their position's angle: four products and two sums for two elements."""
    for operation in ("scale", "scale", "shift"):
        value = builder.emit(operator, "elementwise", [value], {"operation": operation}, facts=frozenset({"rotary"}))
    return value


def cached(builder: Builder, operator: Operator, past: str | None, axis: int) -> int:
    """How many keys a past holds, which the model is given; `axis` counts them."""
    if past is None:
        return 0
    if past not in {entry.name for entry in builder.graph.inputs} and not builder.is_constant(past):
        raise builder.error(operator, f"its past {past!r} is computed; dse takes a past that the model is given, as a cache")
    return builder.graph.shape(past, operator)[axis]
