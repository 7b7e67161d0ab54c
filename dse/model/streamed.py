"""The mapping behind what a task streams, found again from the bytes that its plan moves."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from dse.model.reuse import WHOLE, Mapping, ReuseCurve, reuse_curve
from dse.model.stages import ACTIVATIONS, Stage, Streaming, home_of
from dse.units import BITS_PER_BYTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """`mapping` is None where there is nothing to choose (vector work, a fixed mapping) or nothing fits.

    `least_room_bytes`: the room below which nothing does, where the tensors that stay do stay.
    """

    mapping: Mapping | None = None
    least_room_bytes: int | None = None


def streamed_mapping(
    stage: Stage,
    streaming: Streaming,
    *,
    stay: AbstractSet[int],
    weights_stay: bool,
    room_bytes: int,
    buffers: int,
    moved_bytes: float,
) -> Streamed:
    """The mapping with which the operation of a stage moves `moved_bytes`, its tensors `stay` being on chip.

    Of the mappings that move no more, it is the one that holds least. A recurrent step whose state stays on chip has its inputs
    and outputs there too (see `dse.model.stages`).
    """
    operation = stage.operation
    if operation is None or streaming.row_strips is not None:
        return Streamed()
    home, shares = home_of(stage, operation, stay, weights_stay=weights_stay)
    curve = reuse_curve(operation, family=streaming.family, home=home, shares=shares, buffers=buffers)
    least = int(curve.capacity_bytes[0])
    if not np.isfinite(moved_bytes):
        return Streamed(least_room_bytes=least)
    if curve.at(room_bytes) > moved_bytes and operation.carried_bits:
        curve = reuse_curve(operation, family=streaming.family, home=home | ACTIVATIONS, shares=WHOLE, buffers=buffers)
        room_bytes -= -(-operation.carried_bits // BITS_PER_BYTE)
        moved_bytes -= 0 if "output" in home else -(-stage.made_bits // BITS_PER_BYTE)
    return Streamed(mapping=curve.mapping_at(_least_capacity(curve, moved_bytes, room_bytes)), least_room_bytes=least)


def _least_capacity(curve: ReuseCurve, moved_bytes: float, room_bytes: int) -> int:
    """The least capacity up to `room_bytes` with which the curve moves no more than so many bytes."""
    low, high = int(curve.capacity_bytes[0]), max(room_bytes, int(curve.capacity_bytes[0]))
    if curve.at(low) <= moved_bytes:
        return low
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if curve.at(middle) <= moved_bytes else (middle, high)
    return high
