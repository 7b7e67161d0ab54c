"""The equivalent nest with fewer dimensions: axes that need no window of their own join the batch or the channels."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dse.workload.operations import Axis, TensorOperation

_POINT = Axis()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldedNest:
    """A nest, and the original dimensions that make up its ``n`` and its ``c``, slowest first."""

    nest: TensorOperation
    n: str
    c: str


def fold(operation: TensorOperation) -> FoldedNest:
    """Fold axes without overlap, so that their tiles need not be rectangles.

    An axis whose every output reads one input of its own (a pointwise convolution, any stride) joins the batch; an axis with
    one output whose taps all read a real input (a fully connected layer written as a convolution) joins the channels.

    >>> from dse.workload.operations import Conv2d
    >>> folded = fold(Conv2d(k=8, c=4, p=7, q=5, r=1, s=1, stride=2))
    >>> folded.n, folded.nest.n, folded.nest.height.outputs
    ('npq', 35, 1)
    """
    nest, n, c = operation, "n", "c"
    for name, output, tap in (("height", "p", "r"), ("width", "q", "s")):
        axis: Axis = getattr(nest, name)
        if axis == _POINT:
            continue
        if axis.taps == 1 and axis.touched == axis.outputs:
            nest, n = replace(nest, n=nest.n * axis.outputs, **{name: _POINT}), n + output
        elif axis.outputs == 1 and axis.touched == axis.taps:
            nest, c = replace(nest, c=nest.c * axis.taps, **{name: _POINT}), c + tap
    return FoldedNest(nest=nest, n=n, c=c)
