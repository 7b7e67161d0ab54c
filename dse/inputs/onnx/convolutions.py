"""Rules of convolutions and poolings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dse.inputs.joining.volumes import Windows
from dse.inputs.onnx.building import Builder, Value
from dse.inputs.onnx.formats import note_formats
from dse.inputs.onnx.graph import Operator
from dse.inputs.onnx.volumes import over_volume
from dse.workload.shapes import Image
from dse.workload.shapes import Sequence as Steps


def convolution(builder: Builder, operator: Operator) -> None:
    """Conv: x (N x C x ...), filters (K x C/g x ...), bias."""
    builder.finish(operator, convolve(builder, operator, operator.input(0), operator.input(1)))


def integer_convolution(builder: Builder, operator: Operator) -> None:
    """ConvInteger has the operands of Conv; its zero points are constants."""
    builder.finish(operator, convolve(builder, operator, operator.input(0), operator.input(1)))


def quantised_convolution(builder: Builder, operator: Operator) -> None:
    """QLinearConv: x, its scale and zero point, then the filters and theirs."""
    builder.finish(operator, convolve(builder, operator, operator.input(0), operator.input(3)))


def convolve(builder: Builder, operator: Operator, data: str | None, weights: str | None) -> Value:
    """A convolution of `data` with constant filters, over one or two sides."""
    filters = _filters(builder, operator, weights)
    value, shape, pads = _padded_input(builder, operator, data)
    kernel, attributes = filters[2:], operator.attributes
    groups = int(attributes.get("group", 1))
    strides, dilations = _each(attributes, "strides", len(kernel)), _each(attributes, "dilations", len(kernel))
    if len(kernel) > 2:
        stated = [int(side) for side in attributes.get("pads") or (0,) * (2 * len(kernel))]
        pads = [a + b for a, b in zip(stated, pads, strict=True)]
        made = over_volume(builder, operator, value, filters, Windows(shape, kernel, strides, dilations, pads), groups)
        note_formats(builder, made, data, weights)
        return made
    keys: dict[str, Any] = {"in": shape[1]}
    depthwise = groups == shape[1] > 1 and len(kernel) == 2
    if depthwise:
        keys["multiplier"] = filters[0] // groups
    else:
        keys |= {"filters": filters[0], "groups": groups}
    keys |= _window(builder, operator, shape[2:], kernel, strides, dilations, pads)
    keys["dilation"] = _pair(dilations)
    kind = "conv1d" if len(kernel) == 1 else "depthwise_conv2d" if depthwise else "conv2d"
    made = builder.emit(operator, kind, [_spatial(builder, operator, value, shape)], keys, channels_last=False)
    note_formats(builder, made, data, weights)
    return made


def transposed_convolution(builder: Builder, operator: Operator) -> None:
    """ConvTranspose: filters are C x K/g x ...; its padding follows from the size of its output."""
    filters = _filters(builder, operator, operator.input(1))
    value, shape, pads = _padded_input(builder, operator, operator.input(0))
    kernel = filters[2:]
    _check_sides(builder, operator, len(kernel))
    groups = int(operator.attributes.get("group", 1))
    if any(pads) or any(gap != 1 for gap in _each(operator.attributes, "dilations", len(kernel))):
        raise builder.error(operator, "dilated or separately padded transposed convolutions have no rule")
    strides = _each(operator.attributes, "strides", len(kernel))
    outputs = builder.graph.shape(operator.outputs[0], operator)[2:]
    padding, extra = [0] * len(kernel), [0] * len(kernel)
    for side, (extent, taps, stride, made) in enumerate(zip(shape[2:], kernel, strides, outputs, strict=True)):
        lost = (extent - 1) * stride + taps - made
        padding[side] = max(-(-lost // 2), 0)
        extra[side] = 2 * padding[side] - lost
    pairs = {"kernel": kernel, "stride": strides, "padding": padding, "output_padding": extra}
    keys = {"in": shape[1], "filters": filters[1] * groups, "groups": groups}
    flat = len(kernel) == 1
    keys |= {name: [0 if "padding" in name else 1, side[0]] if flat else list(side) for name, side in pairs.items()}
    image = builder.view(value, Image(shape[1], 1 if flat else shape[2], shape[-1]), operator)
    made_value = builder.emit(operator, "transposed_conv2d", [image], keys, channels_last=False)
    note_formats(builder, made_value, operator.input(0), operator.input(1))
    builder.finish(operator, made_value)


def norm_pool(builder: Builder, operator: Operator) -> None:
    """LpPool and GlobalLpPool: powers, their sum over a window or everything, and its root."""
    name = operator.outputs[0]
    value = builder.value(operator.input(0), operator)
    power = builder.emit(operator, "elementwise", [value], {"operation": "power"})
    builder.set(str(operator.input(0)), power)
    (global_pool if operator.type.startswith("Global") else pool)(builder, operator)
    builder.set(str(operator.input(0)), value)
    summed = builder.value(name, operator)
    builder.set(name, builder.emit(operator, "elementwise", [summed], {"operation": "square_root"}))


def pool(builder: Builder, operator: Operator) -> None:
    """MaxPool and AveragePool; one window over everything is a global pool."""
    result, *others = operator.outputs
    if any(builder.is_read(name) for name in others):
        raise builder.error(operator, "the indices of its maxima are read, and dse has no rule for them")
    mode = "max" if operator.type.endswith("MaxPool") else "average"
    value, shape, pads = _padded_input(builder, operator, operator.input(0))
    kernel = [int(side) for side in operator.attributes["kernel_shape"]]
    _check_sides(builder, operator, len(kernel))
    strides = _each(operator.attributes, "strides", len(kernel))
    dilations = _each(operator.attributes, "dilations", len(kernel))
    if any(gap != 1 for gap in dilations):
        raise builder.error(operator, "dilated pooling has no rule")
    outputs = builder.graph.shape(result, operator)[2:]
    source = _spatial(builder, operator, value, shape)
    window = _window(builder, operator, shape[2:], kernel, strides, dilations, pads)
    padded = window["padding"] == "same" or any(_flat(window["padding"]))
    if all(side == 1 for side in outputs) and tuple(kernel) == tuple(shape[2:]) and not padded:
        made = builder.emit(operator, "global_pool", [source], {"mode": mode}, channels_last=False)
    else:
        if window["padding"] == "same":
            window["padding"] = _same_pads(shape[2:], kernel, strides, dilations, lower=False)
        keys = {"mode": mode, **window, "ceil": bool(operator.attributes.get("ceil_mode", 0))}
        made = builder.emit(operator, "pool1d" if len(kernel) == 1 else "pool2d", [source], keys, channels_last=False)
    builder.finish(operator, made)


def global_pool(builder: Builder, operator: Operator) -> None:
    """GlobalAveragePool and GlobalMaxPool, of any number of sides."""
    data = operator.input(0)
    value = builder.value(data, operator)
    shape = builder.graph.shape(str(data), operator)
    mode = "max" if "Max" in operator.type else "average"
    channels = shape[-1] if operator.attributes.get("channels_last", 0) else shape[1]
    if value.shape.channels != channels:
        value = builder.view(value, Steps(channels, value.elements // channels), operator)
    builder.finish(operator, builder.emit(operator, "global_pool", [value], {"mode": mode}, channels_last=False))


def _filters(builder: Builder, operator: Operator, weights: str | None) -> tuple[int, ...]:
    if weights is None or not builder.is_constant(weights):
        raise builder.error(
            operator, f"its filters {weights!r} are computed from the input, and dse counts learned filters alone"
        )
    return builder.graph.shape(weights, operator)


def _padded_input(builder: Builder, operator: Operator, name: str | None) -> tuple[Value, tuple[int, ...], tuple[int, ...]]:
    """The input, its shape, and what a Pad before it adds on the sides (all begins, then all ends)."""
    value = builder.value(name, operator)
    source, pads = builder.padded.get(str(name), (str(name), ()))
    shape = builder.graph.shape(source, operator)
    return value, shape, pads or (0,) * (2 * (len(shape) - 2))


def _check_sides(builder: Builder, operator: Operator, number: int) -> None:
    if number > 2:
        raise builder.error(operator, f"works over {number} sides; dse has rules for one and two")


def _spatial(builder: Builder, operator: Operator, value: Value, shape: Sequence[int]) -> Value:
    """The value as the image or sequence that a tensor N x C x ... is."""
    if shape[0] != builder.graph.batch:
        place = f"{shape[0]} in the place of the batch ({builder.graph.batch})"
        remedy = "export the model so that the first dimension is the batch alone"
        raise builder.error(operator, f"its input {tuple(shape)} has {place}: something is folded into it", remedy)
    return builder.view(value, Steps(shape[1], shape[2]) if len(shape) == 3 else Image(shape[1], shape[2], shape[3]), operator)


def _window(
    builder: Builder,
    operator: Operator,
    extents: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    before: Sequence[int],
) -> dict[str, Any]:
    """Kernel, stride and padding as keys, with the padding of a Pad before it."""
    mode = operator.attributes.get("auto_pad", b"NOTSET").decode()
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        same = mode == "SAME_UPPER" and not any(before)
        padding: Any = "same" if same else _same_pads(extents, kernel, strides, dilations, lower=mode == "SAME_LOWER")
    else:
        stated = [0] * (2 * len(kernel)) if mode == "VALID" else [int(side) for side in operator.attributes.get("pads", ())]
        padding = _padding([a + b for a, b in zip(stated or [0] * (2 * len(kernel)), before, strict=True)])
    if padding != "same" and min(_flat(padding)) < 0:
        raise builder.error(operator, "negative padding has no rule")
    return {"kernel": _pair(kernel), "stride": _pair(strides), "padding": padding}


def _same_pads(
    extents: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], *, lower: bool
) -> Any:  # noqa: ANN401 - as a key has it
    """The padding that gives ceil(extent / stride) outputs, the odd one at the end or (`lower`) at the begin."""
    whole = [
        max((-(-extent // stride) - 1) * stride + (taps - 1) * gap + 1 - extent, 0)
        for extent, taps, stride, gap in zip(extents, kernel, strides, dilations, strict=True)
    ]
    begins = [(each + 1) // 2 if lower else each // 2 for each in whole]
    return _padding([*begins, *(each - begin for each, begin in zip(whole, begins, strict=True))])


def _padding(pads: Sequence[int]) -> Any:  # noqa: ANN401 - as a key has it
    """All begins, then all ends, as a key: a number, [height, width], [before, after] or [top, left, bottom, right]."""
    half = len(pads) // 2
    if list(pads[:half]) == list(pads[half:]):
        return _pair(pads[:half])
    return list(pads)


def _flat(padding: Any) -> list[int]:  # noqa: ANN401 - as a key has it
    return [padding] if isinstance(padding, int) else list(padding)


def _pair(sides: Sequence[int]) -> Any:  # noqa: ANN401 - as a key has it
    return int(sides[0]) if len(sides) == 1 else [int(side) for side in sides]


def _each(attributes: Mapping[str, Any], name: str, number: int) -> list[int]:
    return [int(side) for side in attributes.get(name) or (1,) * number]
