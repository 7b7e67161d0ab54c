"""A space with its constants off by factors, and which of its constants may be off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dse.hardware.design import ABSTRACT_MEMORY
from dse.hardware.space import Device, Space
from dse.hardware.technology import lane_format
from dse.hardware.unknowns import NAMES, TECHNOLOGY, UNIT_PRICES, Unknown


def scaled(space: Space, factors: Mapping[str, float]) -> Space:
    """The space with constants off by these factors; the unknowns of the time are left to the caller."""
    technology, prices = space.technology, space.device.unit_prices
    for name, factor in factors.items():
        if name in TECHNOLOGY:
            technology = TECHNOLOGY[name](technology, factor)
        elif name in UNIT_PRICES and prices is not None:
            prices = replace(prices, **{UNIT_PRICES[name]: getattr(prices, UNIT_PRICES[name]) * factor})
    return replace(space, technology=technology, device=replace(space.device, unit_prices=prices))


def relevant(space: Space, unknowns: Mapping[str, Unknown]) -> tuple[Unknown, ...]:
    """The unknowns that change anything in a space, its own ranges in place of those of `unknowns`."""
    without = _without_effect(space.device, set(space.memories))
    held = {**unknowns, **{unknown.name: unknown for unknown in space.unknowns}}
    return tuple(held[name] for name in NAMES if name in held and name not in without)


def _without_effect(device: Device, memories: set[str]) -> set[str]:
    """Unknowns that a space does not have: what it states itself, and what the three-knob form does not ask."""
    without = set[str]() if device.volume and device.unit_prices is None else {"nre"}
    if device.static_power_w is not None:
        without.add("static_power")
    if device.fixed_area_mm2 is not None:
        without.add("fixed_area")
    if not device.launch_latency_s:
        without.add("launch_latency")
    if not device.dependency_latency_s:
        without.add("dependency_latency")
    if memories == {ABSTRACT_MEMORY}:
        without |= {"memory_interface_area", "dram_price"}
    silicon = {"wafer_price", "defect_density", "package_price", "test_price", "dram_price"}
    return without | (silicon if device.unit_prices is not None else set(UNIT_PRICES))


def narrowed(space: Space) -> Space:
    """The space with no more of the technology than its designs use, so that scaling it many times is quick."""
    held = space.technology
    formats = {str(name) for name in space.parameter("precision").values}
    formats |= {lane_format(name) for name in formats}
    technology = replace(
        held,
        mac_energy_j={name: held.mac_energy_j[name] for name in formats},
        mac_area_mm2={name: held.mac_area_mm2[name] for name in formats},
        memories={name: held.memories[name] for name in space.memories},
    )
    return replace(space, technology=technology)
