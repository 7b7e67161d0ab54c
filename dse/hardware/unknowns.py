"""`Unknown`: a constant that may be off, by how much, and what the technology is with it off by a factor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from dse.hardware.design import FloatColumn
from dse.hardware.manufacturing import Manufacturing
from dse.hardware.sourced import Sourced
from dse.hardware.technology import Curve, Memory, Technology


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A constant whose true value lies between `low` and `high` times the value held (low <= 1 <= high).

    The value held is the median; either side is log-uniform: a factor f(q) = low^(1 - 2q) below q = 1/2 and high^(2q - 1) above.
    """

    name: str
    what: str
    low: float
    high: float
    source: str
    unverified: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.low <= 1 <= self.high < float("inf"):
            raise ValueError(f"{self.name}: factors from {self.low:g} to {self.high:g} do not lie about 1")

    def factors(self, quantiles: FloatColumn) -> FloatColumn:
        """Factors at quantiles in [0, 1], of the same shape.

        >>> Unknown(name="price", what="", low=0.5, high=4, source="").factors(np.array([0.0, 0.25, 0.5, 0.75, 1.0])).tolist()
        [0.5, 0.7071067811865476, 1.0, 2.0, 4.0]
        """
        return np.where(quantiles < 0.5, self.low ** (1 - 2 * quantiles), self.high ** (2 * quantiles - 1))

    def __str__(self) -> str:
        doubt = ", UNVERIFIED" if self.unverified else ""
        return f"{self.what}: x{self.low:.3g} to x{self.high:.3g} ({self.source}{doubt})"


TIME = ("latency", "memory_bandwidth", "compute_reach", "launch_latency", "dependency_latency")
"""Unknowns of the time, which change no space: they scale what a design reaches (`dse.fidelity.uncertainty`)."""


def _sourced(value: Sourced, factor: float) -> Sourced:
    return replace(value, value=value.value * factor)


def _curve(curve: Curve, factor: float) -> Curve:
    return Curve(tuple((nm, _sourced(point, factor)) for nm, point in curve.points))


def _curves(curves: Mapping[str, Curve], factor: float) -> dict[str, Curve]:
    return {name: _curve(curve, factor) for name, curve in curves.items()}


def _made(technology: Technology, change: Callable[[Manufacturing], Manufacturing]) -> Technology:
    return replace(technology, manufacturing=change(technology.manufacturing))


def _memories(technology: Technology, change: Callable[[Memory], Memory]) -> Technology:
    return replace(technology, memories={name: change(memory) for name, memory in technology.memories.items()})


def _package(made: Manufacturing, factor: float) -> Manufacturing:
    organic, silicon = made.organic, made.interposer
    return replace(
        made,
        organic=replace(
            organic,
            substrate_usd_per_mm2=organic.substrate_usd_per_mm2 * factor,
            bump_usd_per_mm2=organic.bump_usd_per_mm2 * factor,
        ),
        interposer=replace(silicon, wafer_usd=silicon.wafer_usd * factor, bump_usd_per_mm2=silicon.bump_usd_per_mm2 * factor),
    )


TECHNOLOGY: Mapping[str, Callable[[Technology, float], Technology]] = {
    "datapath_energy": lambda held, by: replace(held, datapath_overhead=_sourced(held.datapath_overhead, by)),
    "sram_energy": lambda held, by: replace(held, sram_energy_j_per_byte=_curve(held.sram_energy_j_per_byte, by)),
    "static_power": lambda held, by: replace(held, static_w_per_mm2=_sourced(held.static_w_per_mm2, by)),
    "dram_energy": lambda held, by: _memories(
        held, lambda memory: replace(memory, energy_j_per_byte=_sourced(memory.energy_j_per_byte, by))
    ),
    "mac_area": lambda held, by: replace(held, mac_area_mm2=_curves(held.mac_area_mm2, by)),
    "sram_area": lambda held, by: replace(held, sram_mm2_per_byte=_curve(held.sram_mm2_per_byte, by)),
    "memory_interface_area": lambda held, by: _memories(
        held, lambda memory: replace(memory, phy_area_mm2=_sourced(memory.phy_area_mm2, by))
    ),
    "fixed_area": lambda held, by: replace(held, fixed_area_mm2=_curve(held.fixed_area_mm2, by)),
    "wafer_price": lambda held, by: replace(held, wafer_price_usd=_curve(held.wafer_price_usd, by)),
    "defect_density": lambda held, by: replace(held, defects_per_mm2=_curve(held.defects_per_mm2, by)),
    "package_price": lambda held, by: _made(held, lambda made: _package(made, by)),
    "test_price": lambda held, by: _made(held, lambda made: replace(made, test_fraction=_sourced(made.test_fraction, by))),
    "dram_price": lambda held, by: _memories(
        held, lambda memory: replace(memory, price_usd_per_gb=_sourced(memory.price_usd_per_gb, by))
    ),
    "nre": lambda held, by: replace(held, nre_usd=_curve(held.nre_usd, by)),
}
"""Unknown -> the technology with it off by a factor."""

UNIT_PRICES = {
    "unit_price_compute": "compute_unit_usd",
    "unit_price_bandwidth": "bandwidth_usd_per_byte_per_s",
    "unit_price_sram": "sram_usd_per_byte",
}
"""Unknown -> the unit price of the three-knob form that it scales."""

NAMES = (*TIME, *TECHNOLOGY, *UNIT_PRICES)
