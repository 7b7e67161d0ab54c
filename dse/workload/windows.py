"""Where a filter or a pooling window stands: output extents from kernel, stride, padding and dilation."""

from __future__ import annotations

from typing import Literal

from dse.workload.operations import Axis
from dse.workload.shapes import ShapeError, count

Pair = tuple[int, int]
"""Height and width."""

Sides = Pair | tuple[int, int, int, int]
"""Padding on both sides of height and width, or on each side by itself: top, left, bottom, right."""

Padding = Sides | Literal["same"]
"""On the sides, or as much as gives ceil(extent / stride) outputs."""

Ends = int | Pair
"""Padding of one axis: on both ends, or before and after."""


MAX_PAIRS = 2**24
"""Most (output, tap) pairs along one axis."""


def window(
    extent: int, taps: int, stride: int, padding: Ends | Literal["same"], dilation: int, name: str, *, ceil: bool = False
) -> Axis:
    """The axis of `extent` positions called `name` ("height", "width", "steps") under a window of `taps`.

    Outputs are floor((extent + before + after - reach) / stride) + 1 with reach = (taps - 1)·dilation + 1 and the padding before
    and after; `ceil` rounds up, but no window starts beyond the input. "same" pads on the left by half, rounded down, of what
    ceil(extent / stride) outputs need.
    """
    reach = (taps - 1) * dilation + 1
    if padding == "same":
        outputs = -(-extent // stride)
        before = max((outputs - 1) * stride + reach - extent, 0) // 2
        return bounded(Axis(outputs=outputs, taps=taps, stride=stride, dilation=dilation, padding=before, extent=extent), name)
    before, after = (padding, padding) if isinstance(padding, int) else padding
    room = extent + before + after - reach
    if room < 0:
        spread = f" (spread over {reach} by dilation {dilation})" if dilation > 1 else ""
        padded = f", {extent + before + after} with its padding" if before + after else ""
        message = f"a kernel of {taps}{spread} is larger than its input, whose {name} is {extent}{padded}"
        raise ShapeError(message, key="kernel", remedy=f"a smaller kernel, or padding of at least {-(-(reach - extent) // 2)}")
    outputs = room // stride + 1
    if ceil and room % stride and outputs * stride < extent + before:
        outputs += 1
    return bounded(Axis(outputs=outputs, taps=taps, stride=stride, dilation=dilation, padding=before, extent=extent), name)


def ends(sides: Sides, axis: int) -> Ends:
    """The padding of the height (axis 0) or the width (axis 1).

    >>> ends((1, 2), 0), ends((1, 2, 3, 4), 1)
    (1, (2, 4))
    """
    return sides[axis] if len(sides) == 2 else (sides[axis], sides[axis + 2])


def before(padding: Ends) -> int:
    """The padding before the first position."""
    return padding if isinstance(padding, int) else padding[0]


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
