"""Convolutions over three sides or more (video, volumes), where they are convolutions over two or one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dse.inputs.joining.volumes import NO_RULE, PASSED, Windows, joined_sides
from dse.inputs.onnx.building import Builder, Value
from dse.inputs.onnx.graph import Operator
from dse.workload.shapes import Image
from dse.workload.shapes import Sequence as Steps


def over_volume(
    builder: Builder, operator: Operator, value: Value, filters: Sequence[int], windows: Windows, groups: int
) -> Value:
    """The convolution over two sides or one, or the product, that it is. Raises `InputError` where it is none."""
    channels = windows.shape[1]
    if windows.are_blocks() and groups == 1:
        features = channels * math.prod(windows.kernel)
        rows = builder.view(value, Steps(features, value.elements // features), operator)
        made = builder.emit(operator, "linear", [rows], {"in": features, "features": filters[0]})
        return Value(layer=made.layer, shape=made.shape, channels_last=True)
    sides = joined_sides(windows)
    if len(sides) > 2:
        raise builder.error(operator, NO_RULE)
    height, width = (PASSED, *sides)[-2:]
    image = builder.view(value, Image(channels, height.extent, width.extent), operator)
    keys = {
        "in": channels,
        "filters": filters[0],
        "groups": groups,
        "kernel": [height.taps, width.taps],
        "stride": [height.stride, width.stride],
        "dilation": [height.dilation, width.dilation],
        "padding": [height.pads[0], width.pads[0], height.pads[1], width.pads[1]],
    }
    return builder.emit(operator, "conv2d", [image], keys, channels_last=False)
