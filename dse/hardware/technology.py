"""`Technology`: what silicon and memories cost in area, energy and money, each value with its source and date.

The tables come from ``dse/data/*.yaml`` through `dse.inputs.technology`. Between the nodes of a table values lie on straight
lines in log-log; areas of logic move between nodes by the rule of `block_area`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from dse.hardware.design import ABSTRACT_MEMORY, FloatColumn
from dse.hardware.manufacturing import Manufacturing
from dse.hardware.sourced import Sourced
from dse.units import FORMAT_BITS

SMALLEST_NODE_NM, LARGEST_NODE_NM = 3.0, 65.0
"""Nodes that the tables reach."""

Package = Literal["organic", "interposer"]

OPERANDS_HELD, ACCUMULATOR_BITS = 3, 32
"""A MAC unit of a systolic array holds two weights and an activation, and a partial sum of 32 bits (TPU v1, ISCA 2017)."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A value against the process node: points (nm, value), ascending, and straight lines between them in log-log."""

    points: tuple[tuple[float, Sourced], ...]

    def __post_init__(self) -> None:
        if not self.points or any(nm <= 0 or point.value <= 0 for nm, point in self.points):
            raise ValueError("a curve has points, all of them positive")

    def at(self, node_nm: float) -> Sourced:
        """The value at a node; one that is no point of the table says between which points it lies."""
        for nm, point in self.points:
            if nm == node_nm:
                return point
        if len(self.points) == 1:
            return self.points[0][1]
        right = min(max(sum(nm < node_nm for nm, _ in self.points), 1), len(self.points) - 1)
        (nm0, low), (nm1, high) = self.points[right - 1], self.points[right]
        slope = math.log(high.value / low.value) / math.log(nm1 / nm0)
        between = f"{low.source} [log-log through {nm0:g} and {nm1:g} nm]"
        return replace(
            low,
            value=low.value * (node_nm / nm0) ** slope,
            source=between,
            unverified=low.unverified or high.unverified,
            date=low.date if low.date == high.date else f"{low.date} and {high.date}",
        )

    def with_point(self, node_nm: float, point: Sourced) -> Curve:
        """The curve with one point set; its neighbours stay."""
        others = [(nm, value) for nm, value in self.points if nm != node_nm]
        return Curve(tuple(sorted([*others, (node_nm, point)], key=lambda pair: pair[0])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One channel, device or stack of an off-chip memory. `footprint_mm2` is what a stack takes of an interposer."""

    name: str
    bandwidth_bytes_per_s: Sourced
    energy_j_per_byte: Sourced
    phy_area_mm2: Sourced
    capacity_bytes: Sourced
    price_usd_per_gb: Sourced
    package: Package
    footprint_mm2: Sourced

    @property
    def values(self) -> Mapping[str, Sourced]:
        """The quantities by the name that a report shows; of the abstract memory just the energy."""
        if self.name == ABSTRACT_MEMORY:
            return {"energy": self.energy_j_per_byte}
        return {
            "bandwidth of a channel": self.bandwidth_bytes_per_s,
            "energy": self.energy_j_per_byte,
            "PHY and controller of a channel": self.phy_area_mm2,
            "capacity of a channel": self.capacity_bytes,
            "price per GB": self.price_usd_per_gb,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Technology:
    """Everything that turns a design into mm2, J, W and USD.

    `mac_energy_j` is the arithmetic alone, for each format; `datapath_overhead` takes it to silicon. `mac_area_mm2` is all-in.
    `sram_energy_j_per_byte` is an access to a bank of `sram_bank_bytes`.
    """

    mac_energy_j: Mapping[str, Curve]
    mac_area_mm2: Mapping[str, Curve]
    fixed_area_mm2: Curve
    datapath_overhead: Sourced
    static_w_per_mm2: Sourced
    sram_mm2_per_byte: Curve
    sram_energy_j_per_byte: Curve
    sram_bank_bytes: float
    sram_capacity_exponent: Sourced
    memories: Mapping[str, Memory]
    manufacturing: Manufacturing
    wafer_price_usd: Curve
    defects_per_mm2: Curve
    nre_usd: Curve

    def bank_share(self, capacity_bytes: FloatColumn) -> FloatColumn:
        """Energy of an access over that of a whole bank: ~ capacity^0.5 up to one bank; larger memories are made of banks."""
        return np.minimum(capacity_bytes / self.sram_bank_bytes, 1.0) ** self.sram_capacity_exponent.value

    def assumptions(
        self, *, nodes_nm: Iterable[float], formats: Iterable[str], memories: Iterable[str], priced: bool = True
    ) -> tuple[str, ...]:
        """A sentence for each value that designs of these nodes, formats and memories rest on, with dates and doubts.

        Without `priced` the prices are left out: the three-knob form states its own.
        """
        values: list[tuple[str, Sourced]] = []
        for node in sorted(set(nodes_nm)):
            values += [(f"{name} at {node:g} nm", curve.at(node)) for name, curve in self._node_curves(set(formats)).items()]
        for memory in sorted(set(memories)):
            values += [(f"{memory} {name}", value) for name, value in self.memories[memory].values.items()]
        values += self._constants().items()
        lines = [f"{name}: {value}" for name, value in values if priced or value.unit != "USD"]
        if priced:
            packages = sorted({self.memories[memory].package for memory in memories})
            lines += [f"{package} package: {self.manufacturing.package_source(package)}" for package in packages]
            lines.append(f"test and assembly over die and package: {self.manufacturing.test_fraction}")
        return tuple(lines)

    def _node_curves(self, formats: set[str]) -> dict[str, Curve]:
        curves = {f"{name} MAC arithmetic energy": self.mac_energy_j[name] for name in sorted(formats)}
        curves |= {f"{name} MAC area": self.mac_area_mm2[name] for name in sorted(formats)}
        return curves | {
            "fixed area": self.fixed_area_mm2,
            "SRAM area per byte": self.sram_mm2_per_byte,
            "SRAM energy of a 1 MiB bank": self.sram_energy_j_per_byte,
            "wafer price": self.wafer_price_usd,
            "defect density": self.defects_per_mm2,
        }

    def _constants(self) -> dict[str, Sourced]:
        return {
            "silicon energy over arithmetic energy": self.datapath_overhead,
            "static power density": self.static_w_per_mm2,
            "yield clustering (negative binomial)": self.manufacturing.clustering,
            "largest die": self.manufacturing.reticle_mm2,
        }


def lane_format(precision: str) -> str:
    """The format that a vector lane computes in beside an array of this precision."""
    return "int32" if precision.startswith("int") else "fp32"


def block_area(measured: Curve, density: Curve) -> Curve:
    """Areas of a logic block at every node of `density`, from two measured nodes.

    ``area = area_1 · (density_1 / density)^p``, with the p that both measured nodes give: real blocks shrink less than
    transistors (NVDLA's 28 to 16 nm is x0.61 where density says x0.53).
    """
    (small_nm, small), (large_nm, large) = measured.points
    density_small, density_large = density.at(small_nm).value, density.at(large_nm).value
    power = math.log(large.value / small.value) / math.log(density_small / density_large)
    nodes = sorted({LARGEST_NODE_NM, SMALLEST_NODE_NM, *(nm for nm, _ in density.points)})
    points: list[tuple[float, Sourced]] = []
    for nm in nodes:
        if nm in (small_nm, large_nm):
            points.append((nm, measured.at(nm)))
            continue
        value = large.value * (density_large / density.at(nm).value) ** power
        rule = f"{large.source} [moved by logic density to the power {power:.2f}, as from {large_nm:g} to {small_nm:g} nm]"
        points.append((nm, replace(large, value=value, source=rule, unverified=True)))
    return Curve(tuple(points))


def format_area(int8: Curve, datapath_mm2: Mapping[str, Sourced], datapath_nm: float, name: str) -> Curve:
    """All-in area of a MAC of another format.

    The arithmetic's share of the int8 MAC grows with the arithmetic of the format; the rest grows with the bits that a unit
    of a systolic array holds (two weights, an activation, a 32-bit partial sum).
    """
    if name == "int8":
        return int8
    arithmetic, arithmetic_int8 = datapath_mm2[name], datapath_mm2["int8"]
    share = arithmetic_int8.value / int8.at(datapath_nm).value
    ratio = share * arithmetic.value / arithmetic_int8.value + (1 - share) * _bits_held(name) / _bits_held("int8")
    source = f"int8's x {ratio:.2f}: arithmetic ({share:.0%} of an int8 MAC) by {arithmetic.source}; the rest by bits held"
    return Curve(
        tuple((nm, replace(point, value=point.value * ratio, source=source, unverified=True)) for nm, point in int8.points)
    )


def _bits_held(name: str) -> int:
    return OPERANDS_HELD * FORMAT_BITS[name] + ACCUMULATOR_BITS
