"""Rules of parts and joins: Slice, Split and Concat along any axis of a tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dse.inputs.onnx.building import Builder, Value, side_of
from dse.inputs.onnx.graph import Operator
from dse.workload.shapes import Image, Shape, Side, Tokens, Vector, side
from dse.workload.shapes import Sequence as Steps

_SLICED: Mapping[Side, str] = {"channels": "features", "steps": "steps", "height": "height", "width": "width"}


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
            value = kept_part(builder, operator, value, before, axis, kept, begins.get(axis, 0), abs(steps.get(axis, 1)))
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


def kept_part(
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
    """The value as a tensor of that shape is best seen to be cut along an axis, and the side that the axis lies on.

    A sequence that is seen with more axes (heads, or queries, keys and values side by side) stays one: its steps are cut where
    the axis is as long as they are, else its features.
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
            part = value if value.is_ids else kept_part(builder, operator, value, shape, axis, kept, begin, 1)
            builder.set(name, part) if value.is_ids else builder.finish(operator, part, index)
        begin += kept
