"""Convolutions over three sides or more (video, volumes), where they are convolutions over two or one.

A window that slides along three sides at once has no rule in the model of traffic, so those are refused. But a window of 1 along
sides that lie next to each other slides over them as over one side, and blocks that do not overlap are rows of a product.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from dse.inputs.onnx.building import Builder, Value
from dse.inputs.onnx.graph import Operator
from dse.workload.shapes import Image
from dse.workload.shapes import Sequence as Steps

NO_RULE = (
    "its windows slide along three sides at once or along sides that are apart; dse has rules for windows over two sides, "
    "and for blocks that do not overlap"
)


@dataclass(frozen=True, slots=True)
class Windows:
    """The input N x C x ...; along each side the window, its step and the gap of its taps; begins of padding, then ends."""

    shape: Sequence[int]
    kernel: Sequence[int]
    strides: Sequence[int]
    dilations: Sequence[int]
    pads: Sequence[int]

    def are_blocks(self) -> bool:
        """Whether the windows are blocks side by side that leave nothing out."""
        whole = all(extent % taps == 0 for extent, taps in zip(self.shape[2:], self.kernel, strict=True))
        return whole and list(self.kernel) == list(self.strides) and not any(self.pads) and set(self.dilations) == {1}


@dataclass(frozen=True, slots=True)
class _Side:
    extent: int
    taps: int
    stride: int
    dilation: int
    pads: tuple[int, int]

    def is_passed(self) -> bool:
        """Whether the window is one element here that meets each once."""
        return self.taps == self.stride == 1 and not any(self.pads)


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
    sides = _joined(windows)
    if len(sides) > 2:
        raise builder.error(operator, NO_RULE)
    height, width = (_Side(1, 1, 1, 1, (0, 0)), *sides)[-2:]
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


def _joined(windows: Windows) -> list[_Side]:
    """The sides, those next to each other that a window passes as one."""
    half = len(windows.kernel)
    pads = zip(windows.pads[:half], windows.pads[half:], strict=True)
    sides = [
        _Side(*side) for side in zip(windows.shape[2:], windows.kernel, windows.strides, windows.dilations, pads, strict=True)
    ]
    sides = [side for side in sides if not (side.extent == 1 and side.is_passed())]
    while True:
        at = next((i for i, (one, two) in enumerate(pairwise(sides)) if one.is_passed() and two.is_passed()), None)
        if at is None:
            return sides
        joined = _Side(sides[at].extent * sides[at + 1].extent, 1, 1, 1, (0, 0))
        sides = [*sides[:at], joined, *sides[at + 2 :]]
