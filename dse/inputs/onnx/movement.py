"""Rules of operators that only move numbers: other shapes and orders, parts, joins, look-ups, other sizes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from dse.inputs.onnx.building import Builder, Value
from dse.inputs.onnx.formats import note_formats
from dse.inputs.onnx.graph import Operator
from dse.inputs.onnx.parts import concat, cut, kept_part, quantised_concat, split
from dse.workload.shapes import Image
from dse.workload.shapes import Sequence as Steps

CHOSEN = "which step is taken is known at run time; its size is counted, as the last"


def passed(builder: Builder, operator: Operator) -> None:
    """The same numbers under another shape, order or name: Reshape, Squeeze, Identity, Cast, Dropout ..."""
    value = builder.value(operator.input(0), operator)
    for name in operator.outputs:
        if name:
            builder.set(name, value)


def transpose(builder: Builder, operator: Operator) -> None:
    """Another order; which axis the channels are is followed."""
    value = builder.value(operator.input(0), operator)
    rank = len(builder.graph.shape(str(operator.input(0)), operator))
    order = [int(axis) for axis in operator.attributes.get("perm") or range(rank - 1, -1, -1)]
    channels = rank - 1 if value.channels_last else 1
    if rank > 2 and channels in order:
        place = order.index(channels)
        value = replace(value, channels_last=place == rank - 1) if place in (1, rank - 1) else value
    builder.set(operator.outputs[0], value)


def expand(builder: Builder, operator: Operator) -> None:
    """Expand and Tile: copies that a reader makes for itself by reading again."""
    passed(builder, operator)


def gather(builder: Builder, operator: Operator) -> None:
    """Gather: rows of a constant table are an embedding; known places are a part; places computed from ids are a step."""
    table, places = str(operator.input(0)), str(operator.input(1))
    axis = int(operator.attributes.get("axis", 0))
    if builder.is_constant(table):
        _look_up(builder, operator, table, places, axis)
        return
    value = builder.value(table, operator)
    result = operator.outputs[0]
    if value.is_ids:
        builder.set(result, value)
        return
    shape = builder.graph.shape(table, operator)
    axis %= len(shape)
    at = builder.graph.values.get(places)
    if at is None:
        _chosen(builder, operator, value)
        return
    wanted = [int(each) % shape[axis] for each in at.ravel()]
    if len(wanted) == shape[axis]:
        builder.set(result, value)
        return
    gaps = {after - before for before, after in pairwise(wanted)}
    step = gaps.pop() if len(gaps) == 1 and min(gaps) > 0 else 1
    begin = min(min(wanted), shape[axis] - (len(wanted) - 1) * step - 1)
    builder.finish(operator, kept_part(builder, operator, value, shape, axis, len(wanted), begin, step))


def _look_up(builder: Builder, operator: Operator, table: str, places: str, axis: int) -> None:
    shape = builder.graph.shape(table, operator)
    ids = builder.value(places, operator)
    if axis % len(shape) != 0 or not ids.is_ids:
        message = (
            f"looks numbers up in {table!r} by {ids.shape}" if not ids.is_ids else f"looks up along axis {axis} of {table!r}"
        )
        raise builder.error(operator, message, "dse has a rule for rows of a table by token ids")
    features = math.prod(shape[1:])
    made = builder.emit(operator, "embedding", [ids], {"vocabulary": shape[0], "features": features})
    note_formats(builder, made, table, table)
    builder.finish(operator, made)


def gather_elements(builder: Builder, operator: Operator) -> None:
    """GatherElements and GatherND of a computed tensor: as many numbers as the result has, from places known at run time."""
    _chosen(builder, operator, builder.value(operator.input(0), operator))


def _chosen(builder: Builder, operator: Operator, value: Value) -> None:
    """A part of a value that is found while running."""
    kept = builder.elements(operator.outputs[0], operator)
    channels = value.shape.channels
    if not isinstance(value.shape, Steps) or kept % channels or kept > value.elements:
        raise builder.error(operator, f"takes {kept:,} numbers of {value.shape} from places that are known at run time alone")
    builder.note(CHOSEN)
    if kept == channels:
        builder.finish(operator, builder.emit(operator, "select", [value], {"steps": "last"}))
        return
    builder.finish(operator, builder.emit(operator, "slice", [value], {"steps": kept // channels}))


def pad(builder: Builder, operator: Operator) -> None:
    """Pad: zeros around an image that a convolution or a pool reads are its padding; others are written around a copy."""
    source, result = str(operator.input(0)), operator.outputs[0]
    value = builder.value(source, operator)
    shape, made = builder.graph.shape(source, operator), builder.graph.shape(result, operator)
    pads = _pads(builder, operator, shape)
    readers = builder.graph.readers.get(result, [])
    spatial = pads is not None and not any(pads[axis] or pads[axis + len(shape)] for axis in (0, 1))
    if (
        pads is not None
        and spatial
        and min(pads) >= 0
        and _pads_zeros(builder, operator)
        and readers
        and all(map(_takes_padding, readers))
    ):
        rank = len(shape)
        builder.padded[result] = (source, (*pads[2:rank], *pads[rank + 2 :]))
        builder.set(result, value)
        return
    changed = [axis for axis, (before, after) in enumerate(zip(shape, made, strict=True)) if before != after]
    if not changed:
        builder.set(result, value)
        return
    if len(made) != 4 or made[0] != shape[0] or made[1] != shape[1]:
        rows = value.elements
        value = builder.view(value, Image(1, 1, rows), operator)
        value = builder.emit(operator, "resize", [value], {"size": [1, builder.elements(result, operator)], "mode": "pad"})
    else:
        value = builder.view(value, Image(shape[1], shape[2], shape[3]), operator)
        value = builder.emit(operator, "resize", [value], {"size": [made[2], made[3]], "mode": "pad"}, channels_last=False)
    builder.finish(operator, value)


def _takes_padding(reader: Operator) -> bool:
    return (
        reader.type in ("Conv", "QLinearConv", "ConvInteger", "AveragePool")
        and reader.attributes.get("auto_pad", b"NOTSET") == b"NOTSET"
    )


def _pads_zeros(builder: Builder, operator: Operator) -> bool:
    number = operator.input(2)
    zero = float(operator.attributes.get("value", 0.0)) == 0.0
    if number is not None:
        value = builder.graph.values.get(number)
        zero = value is not None and float(value.ravel()[0]) == 0.0
    return operator.attributes.get("mode", b"constant") == b"constant" and zero


def _pads(builder: Builder, operator: Operator, shape: Sequence[int]) -> list[int] | None:
    """Begins of all axes, then ends; None where they are not known."""
    given = operator.input(1)
    known = builder.graph.values.get(str(given))
    stated = operator.attributes.get("pads") if known is None else known.ravel().tolist()
    if stated is None:
        return None
    rank = len(shape)
    axes = operator.input(3)
    if axes is not None and axes in builder.graph.values:
        places = [int(axis) % rank for axis in builder.graph.values[axes].ravel()]
        pads = [0] * (2 * rank)
        for index, axis in enumerate(places):
            pads[axis], pads[axis + rank] = int(stated[index]), int(stated[index + len(places)])
        return pads
    return [int(each) for each in stated]


def resize(builder: Builder, operator: Operator) -> None:
    """Resize and Upsample over the last one or two sides."""
    source, result = str(operator.input(0)), operator.outputs[0]
    value = builder.value(source, operator)
    shape, made = builder.graph.shape(source, operator), builder.graph.shape(result, operator)
    if len(shape) not in (3, 4) or tuple(shape[:2]) != tuple(made[:2]):
        raise builder.error(operator, f"makes {tuple(made)} of {tuple(shape)}; dse has a rule for images and sequences")
    height, width = (1, made[2]) if len(made) == 3 else (made[2], made[3])
    image = builder.view(value, Image(shape[1], 1 if len(shape) == 3 else shape[2], shape[-1]), operator)
    mode = operator.attributes.get("mode", b"nearest").decode()
    keys = {"size": [height, width], "mode": "linear" if mode in ("linear", "bilinear") else mode}
    builder.finish(operator, builder.emit(operator, "resize", [image], keys, channels_last=False))


RULES: Mapping[str, Any] = {
    **dict.fromkeys(
        (
            "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Cast", "CastLike", "QuantizeLinear",
            "DequantizeLinear", "DepthToSpace", "SpaceToDepth", "Optional", "OptionalGetElement",
        ),
        passed,
    ),
    "Transpose": transpose,
    "Expand": expand,
    "Tile": expand,
    "Concat": concat,
    "com.microsoft.QLinearConcat": quantised_concat,
    "Slice": cut,
    "Split": split,
    "Gather": gather,
    "GatherElements": gather_elements,
    "GatherND": gather_elements,
    "Pad": pad,
    "Resize": resize,
    "Upsample": resize,
}  # fmt: skip
