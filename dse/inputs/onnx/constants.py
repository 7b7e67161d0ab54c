"""Small constants, and what is computed from them: the arithmetic of shapes, masks and indices.

Only the operators of `_RULES` are computed, on values that are at hand, and only where the result is small: nothing of a file
runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from dse.inputs.onnx.reading import Proto

Array = np.ndarray[Any, Any]

MOST_ELEMENTS = 2**21
"""Most elements of a value that is computed: a mask over two thousand tokens is 4 million bytes."""

MOST_WEIGHTS = 2**12
"""Most elements of a stored floating-point constant whose value is looked at; integers and booleans may be masks and indices."""

_DATA = ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data")
"""Where a stored constant may have its numbers; a model may come without those of its weights."""

_INTEGERS = frozenset({2, 3, 4, 5, 6, 7, 9, 12, 13})
"""Element types of ONNX that are integers or booleans."""


def tensor_value(tensor: Proto) -> Array | None:
    """The value of a stored constant that is small and lies in the file, else None. Raises `ValueError` if it is damaged."""
    from onnx import TensorProto, numpy_helper

    elements = math.prod(tensor.dims)
    if tensor.data_location == TensorProto.EXTERNAL or tensor.data_type == TensorProto.STRING:
        return None
    if elements and not any(getattr(tensor, name) for name in _DATA):
        return None
    if elements > (MOST_ELEMENTS if tensor.data_type in _INTEGERS else MOST_WEIGHTS):
        return None
    try:
        value = numpy_helper.to_array(tensor)
    except Exception as error:
        raise ValueError(str(error).splitlines()[0] if str(error) else type(error).__name__) from None
    return cast("Array", value)


def fold(
    kind: str,
    attributes: Attributes,
    inputs: Sequence[str],
    values: Mapping[str, Array],
    shapes: Mapping[str, tuple[int, ...]],
    fits: bool,  # noqa: FBT001
) -> list[Array] | None:
    """The results of an operator on known values; None where it has no rule, an input is not known, or a result is too large."""
    if kind in ("Shape", "Size"):
        shape = shapes.get(inputs[0])
        if shape is None:
            return None
        begin, end = attributes.get("start", 0), attributes.get("end", len(shape))
        return [np.asarray(shape[begin:end] if kind == "Shape" else math.prod(shape), dtype=np.int64)]
    rule = _RULES.get(kind)
    if rule is None or not fits or not all(name in values for name in inputs if name):
        return None
    operands = [values[name] if name else None for name in inputs]
    if kind == "Range" and _length(operands) > MOST_ELEMENTS:
        return None
    try:
        with np.errstate(all="ignore"):
            result: Array | list[Array] = rule(attributes, *operands)
    except (ValueError, IndexError, TypeError, OverflowError, ZeroDivisionError, MemoryError):
        return None
    return result if isinstance(result, list) else [np.asarray(result)]


def _length(operands: Sequence[Array | None]) -> float:
    start, limit, step = (float(np.ravel(each)[0]) if each is not None else 0.0 for each in operands)
    return abs((limit - start) / step) if step else math.inf


Rule = Callable[..., Any]
Attributes = Mapping[str, Any]


def _axes(attributes: Attributes, given: Array | None) -> tuple[int, ...] | None:
    axes = np.ravel(given).tolist() if given is not None else attributes.get("axes")
    return None if axes is None else tuple(int(axis) for axis in axes)


def _unsqueeze(attributes: Attributes, value: Array, given: Array | None = None) -> Array:
    axes = _axes(attributes, given) or ()
    rank = value.ndim + len(axes)
    places = {axis % rank for axis in axes}
    sides = iter(value.shape)
    return value.reshape([1 if axis in places else next(sides) for axis in range(rank)])


def _reshape(attributes: Attributes, value: Array, given: Array | None = None) -> Array:
    shape = [int(each) for each in (given if given is not None else attributes["shape"])]
    if not attributes.get("allowzero", 0):
        shape = [value.shape[axis] if each == 0 else each for axis, each in enumerate(shape)]
    return value.reshape(shape)


def _slice(
    attributes: Attributes,
    value: Array,
    starts: Array | None = None,
    ends: Array | None = None,
    axes: Array | None = None,
    steps: Array | None = None,
) -> Array:
    begin = [int(each) for each in (starts if starts is not None else attributes["starts"])]
    end = [int(each) for each in (ends if ends is not None else attributes["ends"])]
    along = _axes(attributes, axes) or tuple(range(len(begin)))
    step = [int(each) for each in steps] if steps is not None else [1] * len(begin)
    cuts = [slice(None)] * value.ndim
    for axis, first, last, gap in zip(along, begin, end, step, strict=True):
        least = -value.shape[axis] - 1
        cuts[axis] = slice(first, None if gap < 0 and last <= least else last, gap)
    return value[tuple(cuts)]


def _cast(attributes: Attributes, value: Array) -> Array:
    from onnx import helper

    return value.astype(helper.tensor_dtype_to_np_dtype(int(attributes["to"])))


def _constant_of_shape(attributes: Attributes, shape: Array) -> Array:
    from onnx import numpy_helper

    sides = [int(each) for each in shape]
    if math.prod(sides) > MOST_ELEMENTS:
        raise ValueError("too large")
    value = numpy_helper.to_array(attributes["value"]) if "value" in attributes else np.zeros(1, dtype=np.float32)
    return np.full(sides, np.ravel(value)[0])


def _expand(_: Attributes, value: Array, shape: Array) -> Array:
    wanted = np.broadcast_shapes(value.shape, tuple(int(each) for each in shape))
    if math.prod(wanted) > MOST_ELEMENTS:
        raise ValueError("too large")
    return np.broadcast_to(value, wanted)


def _tile(_: Attributes, value: Array, repeats: Array) -> Array:
    if value.size * math.prod(int(each) for each in repeats) > MOST_ELEMENTS:
        raise ValueError("too large")
    return np.tile(value, [int(each) for each in repeats])


def _divide(_: Attributes, first: Array, second: Array) -> Array:
    if not np.issubdtype(np.result_type(first, second), np.integer):
        return first / second
    return np.sign(first) * np.sign(second) * (np.abs(first) // np.abs(second))


def _reduction(function: Callable[..., Any]) -> Rule:
    def reduce(attributes: Attributes, value: Array, given: Array | None = None) -> Array:
        axes = _axes(attributes, given)
        if axes is None and attributes.get("noop_with_empty_axes", 0):
            return value
        return np.asarray(function(value, axis=axes, keepdims=bool(attributes.get("keepdims", 1))))

    return reduce


def _split(attributes: Attributes, value: Array, given: Array | None = None) -> list[Array]:
    sizes = [int(each) for each in given] if given is not None else attributes.get("split")
    axis = int(attributes.get("axis", 0))
    if sizes is None:
        return list(np.array_split(value, int(attributes["num_outputs"]), axis=axis))
    return list(np.split(value, np.cumsum(sizes)[:-1], axis=axis))


def _trilu(attributes: Attributes, value: Array, shift: Array | None = None) -> Array:
    by = 0 if shift is None else int(np.ravel(shift)[0])
    return np.triu(value, by) if attributes.get("upper", 1) else np.tril(value, by)


def _each(function: Callable[..., Any]) -> Rule:
    """A function of the values alone."""

    def rule(_: Attributes, *values: Array) -> Array:
        return np.asarray(function(*values))

    return rule


def _pairwise(function: Callable[[Array, Array], Any]) -> Rule:
    """A function of two values, over all that there are."""

    def rule(_: Attributes, *values: Array) -> Array:
        result = values[0]
        for value in values[1:]:
            result = np.asarray(function(result, value))
        return result

    return rule


def _squeeze(attributes: Attributes, value: Array, given: Array | None = None) -> Array:
    return np.squeeze(value, axis=_axes(attributes, given))


def _passed(_: Attributes, value: Array, *__: Array) -> Array:
    return value


def _range(_: Attributes, start: Array, limit: Array, step: Array) -> Array:
    return np.arange(start.item(), limit.item(), step.item(), dtype=start.dtype)


def _gather(attributes: Attributes, value: Array, places: Array) -> Array:
    return np.take(value, places.astype(np.int64), axis=int(attributes.get("axis", 0)))


def _concat(attributes: Attributes, *values: Array) -> Array:
    return np.concatenate(values, axis=int(attributes.get("axis", 0)))


def _flatten(attributes: Attributes, value: Array) -> Array:
    return value.reshape(math.prod(value.shape[: int(attributes.get("axis", 1))]), -1)


def _transpose(attributes: Attributes, value: Array) -> Array:
    return np.transpose(value, attributes.get("perm"))


def _modulo(attributes: Attributes, first: Array, second: Array) -> Array:
    return np.fmod(first, second) if attributes.get("fmod", 0) else np.mod(first, second)


def _running_sum(_: Attributes, value: Array, axis: Array) -> Array:
    return np.cumsum(value, axis=int(np.ravel(axis)[0]))


def _places(value: Array) -> Array:
    return np.asarray(np.nonzero(value), dtype=np.int64)


_RULES: Mapping[str, Rule] = {
    "Identity": _passed,
    "Cast": _cast,
    "ConstantOfShape": _constant_of_shape,
    "Range": _range,
    "Gather": _gather,
    "Concat": _concat,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Transpose": _transpose,
    "Expand": _expand,
    "Tile": _tile,
    "Trilu": _trilu,
    "Where": _each(np.where),
    "Add": _pairwise(np.add),
    "Sum": _pairwise(np.add),
    "Sub": _each(np.subtract),
    "Mul": _pairwise(np.multiply),
    "Div": _divide,
    "Mod": _modulo,
    "Pow": _each(np.power),
    "Neg": _each(np.negative),
    "Abs": _each(np.abs),
    "Sqrt": _each(np.sqrt),
    "Reciprocal": _each(np.reciprocal),
    "Exp": _each(np.exp),
    "Log": _each(np.log),
    "Floor": _each(np.floor),
    "Ceil": _each(np.ceil),
    "Round": _each(np.round),
    "Sign": _each(np.sign),
    "Min": _pairwise(np.minimum),
    "Max": _pairwise(np.maximum),
    "Equal": _each(np.equal),
    "Greater": _each(np.greater),
    "GreaterOrEqual": _each(np.greater_equal),
    "Less": _each(np.less),
    "LessOrEqual": _each(np.less_equal),
    "And": _each(np.logical_and),
    "Or": _each(np.logical_or),
    "Not": _each(np.logical_not),
    "Xor": _each(np.logical_xor),
    "ReduceProd": _reduction(np.prod),
    "ReduceSum": _reduction(np.sum),
    "ReduceMax": _reduction(np.max),
    "ReduceMin": _reduction(np.min),
    "CumSum": _running_sum,
    "NonZero": _each(_places),
}

FOLDED = frozenset((*_RULES, "Shape", "Size", "Constant"))
"""Operators that are computed on constants."""
