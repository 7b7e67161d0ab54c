"""Who takes what share of a design's price, area or power: compute, on-chip SRAM, bandwidth, off-chip memory, and the rest.

Area and power come block by block from `dse.hardware.cost`. The price of a die belongs to its blocks in proportion to their area,
and so does what follows the die: its package, the dies that bonding loses, its test. An interposer is shared by area among the
blocks of the die and the memory stacks that stand on it; stacks that bonding loses belong to the memory. So a block's share is
what it costs with everything that carries it. It is an average, not a margin: a die twice as large costs more than twice as much.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np

from dse.hardware.cost import component_costs
from dse.hardware.design import Designs, FloatColumn
from dse.hardware.space import Space

Part = Literal["compute", "sram", "bandwidth", "memory", "other"]
PARTS: tuple[Part, ...] = get_args(Part)
"""Who shares."""

Resource = Literal["price", "area", "power"]
RESOURCES: tuple[Resource, ...] = get_args(Resource)
"""What is shared."""

BLOCK_PART: Mapping[str, Part] = {
    "array": "compute",
    "vector": "compute",
    "sram": "sram",
    "memory": "bandwidth",
    "fixed": "other",
}
"""Block of a die (`Costs.area_parts_mm2`) -> who takes its share."""

POWER_PART: Mapping[str, Part] = {
    "array": "compute",
    "vector": "compute",
    "sram": "sram",
    "dram": "bandwidth",
    "static": "other",
}
"""Consumer of power (`Costs.peak_power_parts_w`) -> who takes its share; moving bytes to and from DRAM is bandwidth."""

UNIT_PRICE_PART: Mapping[str, Part] = {"compute": "compute", "bandwidth": "bandwidth", "sram": "sram", "base": "other"}
"""Part of a price in the three-knob form -> who takes its share."""

_CONTENTS: Mapping[Resource, Mapping[Part, str]] = {
    "price": {
        "compute": "MAC arrays and vector lanes",
        "sram": "on-chip buffer",
        "bandwidth": "memory interface, and the interposer under stacks",
        "memory": "DRAM",
        "other": "controller, links, the rest of the die; NRE",
    },
    "area": {
        "compute": "MAC arrays and vector lanes",
        "sram": "on-chip buffer",
        "bandwidth": "memory interface",
        "memory": "nothing: DRAM is on dies of its own",
        "other": "controller, links, the rest of the die",
    },
    "power": {
        "compute": "MAC arrays and vector lanes",
        "sram": "on-chip buffer",
        "bandwidth": "DRAM and its interface, at full bandwidth",
        "memory": "nothing: DRAM counts as bandwidth",
        "other": "static power of the die",
    },
}

_UNIT_PRICED: Mapping[Part, str] = {
    "compute": "MAC units",
    "sram": "on-chip buffer",
    "bandwidth": "off-chip bandwidth",
    "memory": "nothing: memory is only a bandwidth",
    "other": "base price",
}


def contents(space: Space, of: Resource) -> Mapping[Part, str]:
    """What each part is made of, for a legend."""
    return _UNIT_PRICED if of == "price" and space.device.unit_prices is not None else _CONTENTS[of]


def shares(designs: Designs, space: Space, of: Resource) -> dict[Part, FloatColumn]:
    """The parts of each design's price (USD), area (mm2) or peak power (W), columns of shape (designs,) that add up to it.

    Where a price is infinite (no die of that size fits a wafer), so is every part.
    """
    costs = component_costs(designs, space)
    match of:
        case "area":
            return _gathered(costs.area_parts_mm2, BLOCK_PART)
        case "power":
            return _gathered(costs.peak_power_parts_w, POWER_PART)
        case "price" if space.device.unit_prices is not None:
            return _gathered(costs.price_parts_usd, UNIT_PRICE_PART)
        case "price":
            parts = _of_price(designs, space, costs.area_parts_mm2, costs.price_parts_usd)
            priced = np.isfinite(costs.price_usd)
            return {part: np.where(priced, value, np.inf) for part, value in parts.items()}


def _gathered(values: Mapping[str, FloatColumn], part_of: Mapping[str, Part]) -> dict[Part, FloatColumn]:
    n = len(next(iter(values.values())))
    found: dict[Part, FloatColumn] = {part: np.zeros(n) for part in PARTS}
    for name, value in values.items():
        found[part_of[name]] = found[part_of[name]] + value
    return found


def _of_price(
    designs: Designs, space: Space, areas: Mapping[str, FloatColumn], prices: Mapping[str, FloatColumn]
) -> dict[Part, FloatColumn]:
    blocks = _gathered(areas, BLOCK_PART)
    die_mm2 = np.sum(list(blocks.values()), axis=0)
    fits = np.isfinite(prices["die"])
    die, package, dram = (np.where(fits, prices[name], 0.0) for name in ("die", "package", "dram"))
    stacks_mm2, lost = _stacks(designs, space)
    carried = die_mm2 + stacks_mm2
    lost_usd = lost * (die + dram)
    slab_usd = package - lost_usd
    tested = 1.0 + space.technology.manufacturing.test_fraction.value
    on_die = (die + lost * die) * tested / die_mm2 + slab_usd * tested / carried
    found: dict[Part, FloatColumn] = {part: blocks[part] * on_die for part in PARTS}
    found["bandwidth"] = found["bandwidth"] + stacks_mm2 * slab_usd * tested / carried
    found["memory"] = dram + lost * dram * tested
    found["other"] = found["other"] + prices["nre"]
    return found


def _stacks(designs: Designs, space: Space) -> tuple[FloatColumn, FloatColumn]:
    """Area of memory stacks beside each die, and the share of what is bonded to an interposer that bonding loses.

    Both are 0 on an organic laminate: what its bonding loses goes with the die, as the rest of the package does.
    """
    kinds = [space.technology.memories[name] for name in designs.memories]
    stacked = np.array([kind.package == "interposer" for kind in kinds])[designs.memory]
    footprint = np.array([kind.footprint_mm2.value for kind in kinds])[designs.memory] * designs.channels
    made = space.technology.manufacturing
    survive = made.interposer.bonding_yield * made.organic.bonding_yield
    return np.where(stacked, footprint, 0.0), np.where(stacked, 1.0 / survive - 1.0, 0.0)
