"""A fixed mapping: maps in strips of rows, weights streamed once for each strip.

Snowflake (Gokhale et al., arXiv:1708.02579) has just this one. Every input map is cut into `strips` strips of ceil(P/strips)
output rows, with all channels; a strip's inputs are loaded once, with the rows that it shares with its neighbours (its halo) and
without those of the padding; all weights pass once for each strip; outputs leave once. On layers 2 to 5 of AlexNet three strips
give the measured traffic of maps within 2%, and of weights within 3%.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from dse.units import BITS_PER_BYTE
from dse.workload.operations import Axis, TensorOperation


@dataclass(frozen=True, slots=True, kw_only=True)
class StripTraffic:
    """Off-chip bytes of an operation, all groups and repeats; `held_bytes` are the inputs of the largest strip of a group."""

    input_bytes: int
    weight_bytes: int
    output_bytes: int
    held_bytes: int

    @property
    def total_bytes(self) -> int:
        """All three operands."""
        return self.input_bytes + self.weight_bytes + self.output_bytes

    @property
    def other_bytes(self) -> int:
        """Inputs and outputs."""
        return self.input_bytes + self.output_bytes


def strip_traffic(operation: TensorOperation, strips: int) -> StripTraffic:
    """Traffic of an operation whose maps are cut into `strips` strips of output rows.

    A map of fewer rows has as many strips as rows. The images of a batch follow one another, so that a strip is one image's; a
    product without rows (P = 1) is one strip with the whole batch, so that its weights pass once. Each repeat streams everything
    again.

    >>> from dse.workload.operations import Conv2d
    >>> strip_traffic(Conv2d(k=192, c=64, p=27, q=27, r=5, s=5, padding=2), 3).input_bytes  # 11 + 13 + 11 rows of 27
    60480
    """
    if strips < 1:
        raise ValueError(f"a map has at least one strip, got {strips}")
    rows = strip_rows(operation.height, strips)
    together = operation.n if operation.height.outputs == 1 else 1
    row_bits = together * operation.c * operation.width.touched * operation.input_bits
    images = operation.repeats * operation.n // together
    return StripTraffic(
        input_bytes=_bytes(images * sum(rows) * row_bits),
        weight_bytes=_bytes(images * len(rows) * operation.weight_elements * operation.weight_bits),
        output_bytes=_bytes(operation.repeats * operation.output_elements * operation.output_bits),
        held_bytes=_bytes(max(rows) * row_bits // operation.groups),
    )


def fewest_strips(operation: TensorOperation, strips: int, room_bytes: float) -> StripTraffic | None:
    """The traffic with `strips` strips, or with the fewest more whose inputs fit; None where not even one row fits.

    A product without rows is cut into parts of its batch instead, and its weights pass once for each part.
    """
    if operation.height.outputs == 1:
        for parts in range(1, operation.n + 1):
            one = strip_traffic(replace(operation, n=-(-operation.n // parts)), 1)
            if one.held_bytes <= room_bytes:
                whole = strip_traffic(operation, 1)
                return replace(whole, weight_bytes=parts * whole.weight_bytes, held_bytes=one.held_bytes)
        return None
    for count in range(strips, max(strips, operation.height.outputs) + 1):
        found = strip_traffic(operation, count)
        if found.held_bytes <= room_bytes:
            return found
    return None


def strip_rows(axis: Axis, strips: int) -> tuple[int, ...]:
    """Input rows that each strip reads, halo included and padding not.

    >>> strip_rows(Axis(outputs=13, taps=3, padding=1, extent=13), 3)
    (6, 7, 4)
    """
    size = -(-axis.outputs // strips)
    begins = range(0, axis.outputs, size)
    return tuple(
        len({row for output in range(begin, min(begin + size, axis.outputs)) for row in axis.reads(output)}) for begin in begins
    )


def _bytes(bits: int) -> int:
    return -(-bits // BITS_PER_BYTE)
