"""Where a filter or a pooling window stands: output extents from kernel, stride, padding and dilation."""

from __future__ import annotations

from typing import Literal

from dse.workload.operations import Axis
from dse.workload.shapes import ShapeError, count

Pair = tuple[int, int]
"""Height and width."""

Padding = Pair | Literal["same"]
"""On both sides of height and width, or as much as gives ceil(extent / stride) outputs."""


MAX_PAIRS = 2**24
"""Most (output, tap) pairs along one axis."""


def window(
    extent: int, taps: int, stride: int, padding: int | Literal["same"], dilation: int, name: str, *, ceil: bool = False
) -> Axis:
    """The axis of `extent` positions called `name` ("height", "width", "steps") under a window of `taps`.

    Outputs are floor((extent + 2·padding - reach) / stride) + 1 with reach = (taps - 1)·dilation + 1; `ceil` rounds up, but no
    window starts beyond the input. "same" pads on the left by half, rounded down, of what ceil(extent / stride) outputs need.
    """
    reach = (taps - 1) * dilation + 1
    if padding == "same":
        outputs = -(-extent // stride)
        before = max((outputs - 1) * stride + reach - extent, 0) // 2
        return bounded(Axis(outputs=outputs, taps=taps, stride=stride, dilation=dilation, padding=before, extent=extent), name)
    room = extent + 2 * padding - reach
    if room < 0:
        spread = f" (spread over {reach} by dilation {dilation})" if dilation > 1 else ""
        padded = f", {extent + 2 * padding} with its padding" if padding else ""
        message = f"a kernel of {taps}{spread} is larger than its input, whose {name} is {extent}{padded}"
        raise ShapeError(message, key="kernel", remedy=f"a smaller kernel, or padding of at least {-(-(reach - extent) // 2)}")
    outputs = room // stride + 1
    if ceil and room % stride and outputs * stride < extent + padding:
        outputs += 1
    return bounded(Axis(outputs=outputs, taps=taps, stride=stride, dilation=dilation, padding=padding, extent=extent), name)


def bounded(axis: Axis, name: str) -> Axis:
    """The axis, unless it is beyond anything that a network has: its positions are counted one by one."""
    if axis.outputs * axis.taps > MAX_PAIRS:
        message = f"a kernel of {axis.taps} at {axis.outputs} positions of the {name} is more than {MAX_PAIRS:,} products"
        raise ShapeError(message, key="kernel")
    return axis


def divides(groups: int, channels: int, filters: int) -> None:
    """Refuse groups that do not divide both the input channels and the filters."""
    for number, what in ((channels, "input channel"), (filters, "filter")):
        if number % groups:
            raise ShapeError(f"{count(groups, 'group')} cannot share {count(number, what)} evenly", key="groups")
