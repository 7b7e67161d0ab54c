"""`Sourced`: a number from outside with its unit, where it is from, when it held and whether anybody checked it."""

from __future__ import annotations

from dataclasses import dataclass

from dse.units import BITS_PER_BYTE, format_quantity

_DIMENSIONS = {"J": "energy", "USD": "price", "B": "traffic", "B/s": "bandwidth"}
_SCALES = {"mm2": (1e6, "um2", 0.01), "J/B": (1e12 / BITS_PER_BYTE, "pJ/bit", float("inf")), "1/mm2": (1e2, "/cm2", float("inf"))}
"""Unit -> (factor, unit to show, below which value)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sourced:
    """`value` in the SI `unit` (J, J/B, USD, mm2, 1/mm2, W/mm2, B, B/s, or none); `date` is that of a price."""

    value: float
    unit: str = ""
    source: str
    date: str | None = None
    unverified: bool = False
    spread: str | None = None

    @property
    def shown(self) -> str:
        """The value for a reader.

        >>> Sourced(value=1.702e-3, unit="mm2", source="NVDLA").shown
        '1,702 um2'
        """
        if self.unit in _DIMENSIONS:
            return format_quantity(self.value, _DIMENSIONS[self.unit])
        factor, unit, below = _SCALES.get(self.unit, (1.0, self.unit, float("inf")))
        if self.value >= below:
            factor, unit = 1.0, self.unit
        number = self.value * factor
        return f"{number:,.0f} {unit}".rstrip() if number >= 1000 else f"{number:.4g} {unit}".rstrip()

    def __str__(self) -> str:
        date = f", {self.date}" if self.date else ""
        doubt = ", UNVERIFIED" if self.unverified else ""
        spread = f"; spread {self.spread}" if self.spread else ""
        return f"{self.shown} ({self.source}{date}{doubt}{spread})"
