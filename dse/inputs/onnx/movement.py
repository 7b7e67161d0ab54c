"""Rules of operators that only move numbers: other shapes and orders, parts, joins, look-ups, other sizes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dse.inputs.onnx.building import Builder, Value, side_of
from dse.inputs.onnx.formats import note_formats
from dse.inputs.onnx.graph import Operator
from dse.workload.shapes import Image, Shape, Side, Tokens, Vector, side
from dse.workload.shapes import Sequence as Steps

CHOSEN = "which step is taken is known at run time; its size is counted, as the last"

_SLICED: Mapping[Side, str] = {"channels": "features", "steps": "steps", "height": "height", "width": "width"}


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


def concat(builder: Builder, operator: Operator) -> None:
    """Concat along any axis; constants among the parts are learned tensors."""
    join(builder, operator, [name for name in operator.inputs if name], int(operator.attributes.get("axis", 0)))


def quantised_concat(builder: Builder, operator: Operator) -> None:
    """QLinearConcat of ONNX Runtime: the scale and zero point of the result, then each part with its own."""
    join(builder, operator, list(operator.inputs[2::3]), int(operator.attributes.get("axis", 0)))


def join(builder: Builder, operator: Operator, names: Sequence[str], axis: int) -> None:
    """Parts side by side along an axis of the tensors."""
    varying = [name for name in names if not builder.is_constant(name)]
    parts = [builder.value(name, operator) for name in varying]
    if all(part.is_ids for part in parts):
        total = builder.elements(operator.outputs[0], operator)
        if sum(part.elements for part in parts) == total == len(parts) * parts[0].elements:
            builder.note("token ids that are joined are taken as one input")
        builder.set(operator.outputs[0], parts[0])
        return
    last = parts[0].channels_last
    along, shapes = _placed(builder, operator, names, axis, channels_last=last)
    given = [_part(builder, operator, name, shape) for name, shape in zip(names, shapes, strict=True)]
    if len(given) == 1:
        builder.set(operator.outputs[0], given[0])
        return
    made = builder.emit(operator, "concat", given, {"along": along}, channels_last=last)
    builder.finish(operator, made)


def _part(builder: Builder, operator: Operator, name: str, shape: Shape) -> Value:
    if builder.is_constant(name):
        return builder.learned(name, shape, operator)
    return builder.view(builder.value(name, operator), shape, operator)


def _placed(
    builder: Builder, operator: Operator, names: Sequence[str], axis: int, *, channels_last: bool
) -> tuple[Side, list[Shape]]:
    """Which side of the shapes an axis is, and the shapes; where they have too many sides, all numbers as channels."""
    rank = len(builder.graph.shape(names[0], operator))
    shapes = [builder.canonical(name, operator, channels_last=channels_last) for name in names]
    first = shapes[0]
    place = _without_batch(builder, operator, names[0], axis % rank)
    if first is not None and place is not None:
        sides = len(builder.per_sample(names[0], operator))
        along = side_of(first, sides, place, channels_last=channels_last)
        if along is not None and all(shape is not None for shape in shapes):
            return along, [shape for shape in shapes if shape is not None]
    return "channels", [Vector(builder.elements(name, operator)) for name in names]


def _without_batch(builder: Builder, operator: Operator, name: str, axis: int) -> int | None:
    """The place of an axis in the shape of one sample; None for the batch itself."""
    shape = builder.graph.shape(name, operator)
    at = next((place for place, extent in enumerate(shape[:2]) if extent == builder.graph.batch), None)
    if at is None:
        return axis
    return None if axis == at else axis - (axis > at)


def cut(builder: Builder, operator: Operator) -> None:
    """Slice: so many along each axis, from a begin on, each n-th."""
    source, result = str(operator.input(0)), operator.outputs[0]
    value = builder.value(source, operator)
    if value.is_ids:
        builder.set(result, Value(layer=value.layer, shape=value.shape))
        return
    before, after = builder.graph.shape(source, operator), builder.graph.shape(result, operator)
    begins, steps = _slice_places(builder, operator, before)
    for axis, (extent, kept) in enumerate(zip(before, after, strict=True)):
        if kept != extent:
            value = _kept(builder, operator, value, before, axis, kept, begins.get(axis, 0), abs(steps.get(axis, 1)))
            before = (*before[:axis], kept, *before[axis + 1 :])
    builder.finish(operator, value)


def _slice_places(builder: Builder, operator: Operator, shape: Sequence[int]) -> tuple[dict[int, int], dict[int, int]]:
    """Where a Slice begins on each axis, and its step."""
    values = builder.graph.values

    def numbers(index: int, name: str) -> list[int] | None:
        given = operator.input(index)
        if given is None:
            stated = operator.attributes.get(name)
            return None if stated is None else [int(each) for each in stated]
        return [int(each) for each in values[given].ravel()] if given in values else None

    starts = numbers(1, "starts")
    if starts is None:
        return {}, {}
    axes = numbers(3, "axes") or list(range(len(starts)))
    gaps = numbers(4, "steps") or [1] * len(starts)
    found: dict[int, int] = {}
    for axis, start in zip(axes, starts, strict=True):
        extent = shape[axis % len(shape)]
        found[axis % len(shape)] = min(max(start + extent if start < 0 else start, 0), extent)
    return found, {axis % len(shape): gap for axis, gap in zip(axes, gaps, strict=True)}


def _kept(
    builder: Builder, operator: Operator, value: Value, shape: Sequence[int], axis: int, kept: int, begin: int, step: int
) -> Value:
    """The part of a value that stays where `kept` of an axis of its tensor (of that shape) do."""
    extent = shape[axis]
    seen, along = _seen(builder, operator, value, shape, axis)
    length = side(_numbers(seen.shape), along)
    if length != extent:
        begin, kept, step = begin * length // extent, kept * length // extent, 1
    if along == "steps" and kept == 1 and begin in (0, length - 1):
        return builder.emit(operator, "select", [seen], {"steps": "first" if begin == 0 else "last"}, channels_last=True)
    if begin + (kept - 1) * step >= length:
        begin, step = length - kept, 1
    keys = {_SLICED[along]: kept, "begin": begin, "step": step if kept > 1 else 1}
    return builder.emit(operator, "slice", [seen], keys)


def _numbers(shape: Shape) -> Image | Steps | Vector:
    assert not isinstance(shape, Tokens)
    return shape


def _seen(builder: Builder, operator: Operator, value: Value, shape: Sequence[int], axis: int) -> tuple[Value, Side]:
    """The value as a tensor of that shape is best seen to be cut along an axis, and the side that the axis, or all of it, lies on.

    A sequence that is seen with more axes (heads, or queries, keys and values side by side) stays one: its steps are cut where the
    axis is as long as they are, else its features.
    """
    batch = builder.graph.batch
    at = next((place for place, extent in enumerate(shape[:2]) if extent == batch and place != axis), None)
    rest = [extent for place, extent in enumerate(shape) if place != at]
    place, last = axis - (at is not None and axis > at), value.channels_last
    match rest:
        case [features]:
            seen: Shape | None = Vector(features)
        case [first, second]:
            seen = Steps(second, first) if last else Steps(first, second)
        case [first, second, third]:
            seen = Image(third, first, second) if last else Image(first, second, third)
        case _:
            seen = None
    own = value.shape
    if own != seen and isinstance(own, Steps | Vector):
        if isinstance(own, Steps) and own.steps == shape[axis] and place < len(rest) - 1:
            return value, "steps"
        if own.features % shape[axis] == 0:
            return value, "channels"
    along = None if seen is None else side_of(seen, len(rest), place, channels_last=last)
    if seen is None or along is None or seen.elements != value.elements:
        return builder.view(value, Vector(value.elements), operator), "channels"
    return builder.view(value, seen, operator), along


def split(builder: Builder, operator: Operator) -> None:
    """Split: parts of given sizes, or equal ones, along an axis."""
    source = str(operator.input(0))
    value = builder.value(source, operator)
    shape = builder.graph.shape(source, operator)
    axis = int(operator.attributes.get("axis", 0)) % len(shape)
    begin = 0
    for index, name in enumerate(operator.outputs):
        kept = builder.graph.shape(name, operator)[axis] if name else 0
        if name and builder.is_read(name):
            part = value if value.is_ids else _kept(builder, operator, value, shape, axis, kept, begin, 1)
            builder.set(name, part) if value.is_ids else builder.finish(operator, part, index)
        begin += kept


def gather(builder: Builder, operator: Operator) -> None:
    """Gather: rows of a constant table are an embedding; places that are known are a part; places computed from ids are a step."""
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
    gaps = {after - before for before, after in zip(wanted, wanted[1:], strict=False)}
    step = gaps.pop() if len(gaps) == 1 and min(gaps) > 0 else 1
    begin = min(min(wanted), shape[axis] - (len(wanted) - 1) * step - 1)
    builder.finish(operator, _kept(builder, operator, value, shape, axis, len(wanted), begin, step))


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
    note_formats(builder, operator, made, table, table)
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
    pads = _pads(builder, operator, shape, made)
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


def _pads(builder: Builder, operator: Operator, shape: Sequence[int], made: Sequence[int]) -> list[int] | None:
    """Begins of all axes, then ends; None where they are not known."""
    given = operator.input(1)
    stated = builder.graph.values[given].ravel().tolist() if given in builder.graph.values else operator.attributes.get("pads")
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
