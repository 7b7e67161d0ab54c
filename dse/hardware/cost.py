"""Area, yield, price, power and energies of many designs at once (cost_model.md section 6). Pure arithmetic on columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np

from dse.hardware.design import ABSTRACT_MEMORY, DATAFLOWS, FORMATS, Designs, FloatColumn, IntColumn
from dse.hardware.manufacturing import (
    die_cost_usd,
    interposer_package_usd,
    negative_binomial_yield,
    organic_package_usd,
)
from dse.hardware.space import Device, Space, UnitPrices
from dse.hardware.technology import Memory, Technology, lane_format
from dse.units import BITS_PER_BYTE, FORMAT_BITS, OPS_PER_MAC

BYTES_PER_GB = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What designs cost; every column is float64 of shape (designs,).

    The parts of `area_mm2` are array, sram, vector, memory, fixed; of `price_usd` die, package, dram, test, nre, or compute,
    bandwidth, sram, base in the three-knob form; of `peak_power_w` array, vector, sram, dram, static. They add up.
    `mac_energy_j` is one native MAC with its overhead; `sram_energy_j_per_byte` one byte in or out of the on-chip buffer.
    """

    area_mm2: FloatColumn
    area_parts_mm2: Mapping[str, FloatColumn]
    yield_fraction: FloatColumn
    price_usd: FloatColumn
    price_parts_usd: Mapping[str, FloatColumn]
    mac_energy_j: FloatColumn
    vector_energy_j_per_op: FloatColumn
    sram_energy_j_per_byte: FloatColumn
    dram_energy_j_per_byte: FloatColumn
    static_power_w: FloatColumn
    peak_power_w: FloatColumn
    peak_power_parts_w: Mapping[str, FloatColumn]
    dram_capacity_bytes: FloatColumn


def component_costs(designs: Designs, space: Space) -> Costs:
    """Costs of every design with the technology, the constants and the unit prices of a space."""
    technology, device = space.technology, space.device
    nodes = _Nodes.of(designs, technology)
    memory = _MemoryColumns.of(designs, technology)
    areas = _areas(designs, nodes, memory, device)
    area = _total(areas)
    yields = negative_binomial_yield(area, nodes.defects_per_mm2, technology.manufacturing.clustering.value)
    if device.unit_prices is None:
        prices = _chip_prices(area, yields, nodes, memory, technology, device)
    else:
        prices = _unit_prices(designs, device.unit_prices)
    static = (
        area * technology.static_w_per_mm2.value
        if device.static_power_w is None
        else np.full(len(designs), device.static_power_w)
    )
    sram_j = nodes.sram_bank_j_per_byte * technology.bank_share(designs.sram_bytes.astype(np.float64))
    powers = {
        "array": designs.macs_per_cycle * designs.frequency_hz * nodes.mac_j,
        "vector": designs.vector_lanes * designs.frequency_hz * nodes.vector_j,
        "sram": (edge_bytes_per_cycle(designs) * designs.frequency_hz + designs.bandwidth_bytes_per_s) * sram_j,
        "dram": designs.bandwidth_bytes_per_s * memory.energy_j_per_byte,
        "static": static,
    }
    return Costs(
        area_mm2=area,
        area_parts_mm2=areas,
        yield_fraction=yields,
        price_usd=_total(prices),
        price_parts_usd=prices,
        mac_energy_j=nodes.mac_j,
        vector_energy_j_per_op=nodes.vector_j,
        sram_energy_j_per_byte=sram_j,
        dram_energy_j_per_byte=memory.energy_j_per_byte,
        static_power_w=static,
        peak_power_w=_total(powers),
        peak_power_parts_w=powers,
        dram_capacity_bytes=memory.capacity_bytes,
    )


def _total(parts: Mapping[str, FloatColumn]) -> FloatColumn:
    return reduce(np.add, parts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nodes:
    """What the process node and the format decide, looked up once for each distinct pair; columns of shape (designs,)."""

    mac_j: FloatColumn
    vector_j: FloatColumn
    mac_mm2: FloatColumn
    lane_mm2: FloatColumn
    sram_mm2_per_byte: FloatColumn
    sram_bank_j_per_byte: FloatColumn
    fixed_mm2: FloatColumn
    wafer_usd: FloatColumn
    defects_per_mm2: FloatColumn
    nre_usd: FloatColumn

    @classmethod
    def of(cls, designs: Designs, technology: Technology) -> _Nodes:
        distinct = np.unique(designs.node_nm)
        node = np.searchsorted(distinct, designs.node_nm)
        pair = node * len(FORMATS) + designs.precision
        used = {FORMATS[code] for code in np.flatnonzero(np.bincount(designs.precision, minlength=len(FORMATS)))}
        overhead = technology.datapath_overhead.value

        def by_format(value: Callable[[str, float], float]) -> FloatColumn:
            table = [value(name, float(nm)) if name in used else 0.0 for nm in distinct for name in FORMATS]
            return np.take(np.array(table), pair)

        def by_node(value: Callable[[float], float]) -> FloatColumn:
            return np.take(np.array([value(float(nm)) for nm in distinct]), node)

        return cls(
            mac_j=by_format(lambda name, nm: overhead * technology.mac_energy_j[name].at(nm).value),
            vector_j=by_format(lambda name, nm: overhead * technology.mac_energy_j[lane_format(name)].at(nm).value / OPS_PER_MAC),
            mac_mm2=by_format(lambda name, nm: technology.mac_area_mm2[name].at(nm).value),
            lane_mm2=by_format(lambda name, nm: technology.mac_area_mm2[lane_format(name)].at(nm).value),
            sram_mm2_per_byte=by_node(lambda nm: technology.sram_mm2_per_byte.at(nm).value),
            sram_bank_j_per_byte=by_node(lambda nm: technology.sram_energy_j_per_byte.at(nm).value),
            fixed_mm2=by_node(lambda nm: technology.fixed_area_mm2.at(nm).value),
            wafer_usd=by_node(lambda nm: technology.wafer_price_usd.at(nm).value),
            defects_per_mm2=by_node(lambda nm: technology.defects_per_mm2.at(nm).value),
            nre_usd=by_node(lambda nm: technology.nre_usd.at(nm).value),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _MemoryColumns:
    """What all channels of a design's memory amount to; columns of shape (designs,)."""

    energy_j_per_byte: FloatColumn
    phy_area_mm2: FloatColumn
    capacity_bytes: FloatColumn
    price_usd: FloatColumn
    stacks_mm2: FloatColumn
    on_interposer: IntColumn

    @classmethod
    def of(cls, designs: Designs, technology: Technology) -> _MemoryColumns:
        kinds = [technology.memories[name] for name in designs.memories]

        def column(value: Callable[[Memory], float]) -> FloatColumn:
            return np.take(np.array([value(kind) for kind in kinds]), designs.memory)

        capacity = column(lambda kind: kind.capacity_bytes.value) * designs.channels
        return cls(
            energy_j_per_byte=column(lambda kind: kind.energy_j_per_byte.value),
            phy_area_mm2=column(lambda kind: kind.phy_area_mm2.value) * designs.channels,
            capacity_bytes=np.where(column(lambda kind: float(kind.name == ABSTRACT_MEMORY)) > 0, np.inf, capacity),
            price_usd=capacity / BYTES_PER_GB * column(lambda kind: kind.price_usd_per_gb.value),
            stacks_mm2=column(lambda kind: kind.footprint_mm2.value) * designs.channels,
            on_interposer=np.flatnonzero(column(lambda kind: float(kind.package == "interposer"))),
        )


def _areas(designs: Designs, nodes: _Nodes, memory: _MemoryColumns, device: Device) -> dict[str, FloatColumn]:
    return {
        "array": designs.macs_per_cycle * nodes.mac_mm2,
        "sram": designs.sram_bytes * nodes.sram_mm2_per_byte,
        "vector": designs.vector_lanes * nodes.lane_mm2,
        "memory": memory.phy_area_mm2,
        "fixed": nodes.fixed_mm2
        if device.fixed_area_mm2 is None
        else np.full(len(designs), device.fixed_area_mm2, dtype=np.float64),
    }


def _chip_prices(
    area: FloatColumn, yields: FloatColumn, nodes: _Nodes, memory: _MemoryColumns, technology: Technology, device: Device
) -> dict[str, FloatColumn]:
    made = technology.manufacturing
    die = die_cost_usd(area, nodes.wafer_usd, yields, made.wafer)
    package = organic_package_usd(area, die, made.organic)
    stacked = memory.on_interposer
    if len(stacked):
        bonded = die[stacked] + memory.price_usd[stacked]
        package[stacked] = interposer_package_usd(area[stacked], memory.stacks_mm2[stacked], bonded, made)
    return {
        "die": die,
        "package": package,
        "dram": memory.price_usd,
        "test": made.test_fraction.value * (die + package),
        "nre": nodes.nre_usd / device.volume if device.volume else np.zeros(len(area)),
    }


def _unit_prices(designs: Designs, prices: UnitPrices) -> dict[str, FloatColumn]:
    base: FloatColumn = np.full(len(designs), prices.base_usd, dtype=np.float64)
    return {
        "compute": designs.macs_per_cycle.astype(np.float64) * prices.compute_unit_usd,
        "bandwidth": designs.bandwidth_bytes_per_s * prices.bandwidth_usd_per_byte_per_s,
        "sram": designs.sram_bytes.astype(np.float64) * prices.sram_usd_per_byte,
        "base": base,
    }


def edge_bytes_per_cycle(designs: Designs) -> FloatColumn:
    """Bytes between buffer and arrays in each cycle at full speed; an ideal array counts as a square one.

    Operands enter on two edges (rows and columns), finished outputs leave on a third (columns).

    Partial sums turn round in accumulators beside the array (TPU v1's 4 MiB, NVDLA's CACC): their energy and area are those of
    the MAC unit, whose figures come from whole chips.
    """
    operand_bytes = np.array([FORMAT_BITS[name] / BITS_PER_BYTE for name in FORMATS])[designs.precision]
    ideal = designs.dataflow == DATAFLOWS.index("ideal")
    square = 3.0 * np.sqrt(designs.array_rows * designs.array_cols)
    edges: FloatColumn = np.where(ideal, square, designs.array_rows + 2.0 * designs.array_cols) * operand_bytes
    return designs.cores * edges
