"""From die area to dollars: dies on a wafer, yield, package.

Formulas and constants are those of Chiplet Actuary (Feng and Ma, DAC 2022) unless a table in ``dse/data`` says otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dse.hardware.design import FloatColumn
from dse.hardware.sourced import Sourced


@dataclass(frozen=True, slots=True, kw_only=True)
class Wafer:
    """A round wafer, cut into square dies with scribe lines between them; the outermost ring is lost."""

    diameter_mm: float
    edge_mm: float
    scribe_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Laminate:
    """An organic substrate with flip-chip bumps: every package has one."""

    substrate_usd_per_mm2: float
    bump_usd_per_mm2: float
    area_factor: float
    bonding_yield: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Interposer:
    """Silicon between a die with its memory stacks and the laminate."""

    wafer_usd: float
    defects_per_mm2: float
    clustering: float
    area_factor: float
    bump_usd_per_mm2: float
    bonding_yield: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manufacturing:
    """What does not depend on the process node."""

    wafer: Wafer
    clustering: Sourced
    test_fraction: Sourced
    reticle_mm2: Sourced
    organic: Laminate
    interposer: Interposer

    def package_source(self, package: str) -> str:
        """Where the package's prices come from."""
        return self.interposer.source if package == "interposer" else self.organic.source


def dies_per_wafer(area_mm2: FloatColumn, wafer: Wafer) -> FloatColumn:
    """Whole dies on a wafer, on average; 0 where the die is too large.

    pi (d/2 - edge)^2 / A' - pi (d - 2 edge) / sqrt(2 A'), with A' = A + 2 scribe sqrt(A) + scribe^2 (DAC 2022, chip.py).
    """
    cut = area_mm2 + 2 * wafer.scribe_mm * np.sqrt(area_mm2) + wafer.scribe_mm**2
    radius = wafer.diameter_mm / 2 - wafer.edge_mm
    return np.maximum(math.pi * radius**2 / cut - math.pi * 2 * radius / np.sqrt(2 * cut), 0.0)


def poisson_yield(area_mm2: FloatColumn, defects_per_mm2: FloatColumn | float) -> FloatColumn:
    """exp(-A·D0): defects fall independently of each other. The least of the three models."""
    return np.exp(-area_mm2 * defects_per_mm2)


def murphy_yield(area_mm2: FloatColumn, defects_per_mm2: FloatColumn | float) -> FloatColumn:
    """((1 - exp(-A·D0)) / (A·D0))^2: the defect density itself varies over the wafer; positive areas."""
    defects = area_mm2 * defects_per_mm2
    return np.square(-np.expm1(-defects) / defects)


def negative_binomial_yield(area_mm2: FloatColumn, defects_per_mm2: FloatColumn | float, clustering: float) -> FloatColumn:
    """(1 + A·D0/c)^(-c): defects cluster; c -> infinity is Poisson."""
    return (1.0 + area_mm2 * defects_per_mm2 / clustering) ** -clustering


def die_cost_usd(area_mm2: FloatColumn, wafer_usd: FloatColumn | float, yield_fraction: FloatColumn, wafer: Wafer) -> FloatColumn:
    """Price of one good die: the wafer's, shared among its good dies; infinite where no die fits."""
    good = dies_per_wafer(area_mm2, wafer) * yield_fraction
    with np.errstate(divide="ignore"):
        return wafer_usd / good


def organic_package_usd(die_mm2: FloatColumn, die_usd: FloatColumn, organic: Laminate) -> FloatColumn:
    """Substrate and bumps, and the share of dies that bonding loses."""
    parts = die_mm2 * (organic.area_factor * organic.substrate_usd_per_mm2 + organic.bump_usd_per_mm2)
    return parts / organic.bonding_yield + die_usd * (1 / organic.bonding_yield - 1)


def interposer_package_usd(
    die_mm2: FloatColumn, stacks_mm2: FloatColumn, bonded_usd: FloatColumn, manufacturing: Manufacturing
) -> FloatColumn:
    """Interposer under die and stacks, laminate below, and the share of both (worth `bonded_usd`) that bonding loses."""
    silicon, organic = manufacturing.interposer, manufacturing.organic
    chips = die_mm2 + stacks_mm2
    area = silicon.area_factor * chips
    good = negative_binomial_yield(area, silicon.defects_per_mm2, silicon.clustering)
    slab = die_cost_usd(area, silicon.wafer_usd, good, manufacturing.wafer) + silicon.bump_usd_per_mm2 * chips
    laminate = area * (organic.area_factor * organic.substrate_usd_per_mm2 + organic.bump_usd_per_mm2)
    survive = silicon.bonding_yield * organic.bonding_yield
    return (slab + laminate) / survive + bonded_usd * (1 / survive - 1)
