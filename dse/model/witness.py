"""`Mapping`, the schedule behind one point of a reuse curve, told so that it can be carried out.

A mapping is replayed like this: the loops run from the outermost in, capitals over tiles, small letters by ones inside the
tile, ``h`` and ``w`` over the input positions that the tile reads. An operand's `scope` is the number of loops around it:
within one iteration of those, each of its elements that is needed is loaded once, before its first use, and leaves after its
last. A partial sum that leaves unfinished goes at accumulator width and returns; a finished output goes at its own.
"""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from dataclasses import dataclass
from typing import Literal

from dse.model.plans import Family
from dse.units import format_quantity
from dse.workload.operations import TensorOperation

Operand = Literal["input", "weight", "output"]
OPERANDS: tuple[Operand, ...] = ("input", "weight", "output")
_STATIONARY: dict[Family, tuple[Operand, str]] = {
    "output_stationary": ("output", "knpq"),
    "input_stationary": ("input", "cnpq"),
    "weight_stationary": ("weight", "kc"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """One schedule of `operation` and what it costs; sizes of one group, traffic of all groups and repeats.

    `tile` and `trips` go by dimension: ``n``, ``k``, ``c``, ``p``, ``q``. `folded` says which original dimensions (slowest
    first) make up ``n`` and ``c``: an axis without a filter joins the batch, an axis with one output joins the channels.
    `scope` and `footprint_bytes` go by operand. Of the weights, the first `pinned_weight_bytes` stay on chip for all repeats.
    """

    operation: TensorOperation
    family: Family
    stream: str
    tile: Dictionary[str, int]
    trips: Dictionary[str, int]
    folded: Dictionary[str, str]
    loops: str
    scope: Dictionary[Operand, int]
    footprint_bytes: Dictionary[Operand, float]
    traffic_bytes: Dictionary[Operand, float]
    pinned_weight_bytes: float
    capacity_bytes: int

    @property
    def tile_text(self) -> str:
        """The sizes of the tile that stays, ``k=64 x n=8``; sizes of dimensions that have just one are left out."""
        _, dimensions = _STATIONARY[self.family]
        sizes = (f"{name}={self.tile[name]}" for name in dimensions if self.tile[name] > 1 or self.trips[name] > 1)
        return " x ".join(sizes) or "of one element"

    def __str__(self) -> str:
        operand, _ = _STATIONARY[self.family]
        order = ", ".join(
            f"{loop} ({self.trips[loop.lower()]})" for loop in self.loops if loop.isupper() and self.trips[loop.lower()] > 1
        )
        held = " + ".join(f"{name} {_bytes(self.footprint_bytes[name])}" for name in OPERANDS)
        moved = ", ".join(f"{name} {_bytes(self.traffic_bytes[name])}" for name in OPERANDS)
        pinned = f" {_bytes(self.pinned_weight_bytes)} of the weights stay for all repeats." if self.pinned_weight_bytes else ""
        return (
            f"{self.family.replace('_', ' ')}: the {operand} tile {self.tile_text} stays; {self.stream}."
            f" Tiles in the order {order or 'of one tile'}. On chip {held} = {self.capacity_bytes} B.{pinned} Off chip {moved}."
        )


def _bytes(value: float) -> str:
    return f"{value:g} B" if value < 1024 else format_quantity(value, "bytes")
