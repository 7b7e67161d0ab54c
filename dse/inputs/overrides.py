"""A space file's ``technology:`` section: values of the user's own in place of those that `dse` carries."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from dse.errors import Problem
from dse.hardware.sourced import Sourced
from dse.hardware.technology import LARGEST_NODE_NM, SMALLEST_NODE_NM, Curve, Memory, Technology
from dse.inputs.technology import MEMORY_UNITS
from dse.inputs.yaml import Area, Bandwidth, Bytes, Document, Energy, Price, Quantity, Strict
from dse.units import FORMAT_BITS

EnergyPerByte = Annotated[float, Quantity("energy per byte")]
DefectDensity = Annotated[float, Quantity("defect density")]
PowerDensity = Annotated[float, Quantity("power density", positive=False)]
Node = Annotated[float, Quantity("node")]


class MemoryText(Strict):
    """Other values of a memory, or a memory of your own (then all of them but footprint)."""

    bandwidth: Bandwidth | None = Field(default=None, description="bandwidth of one channel, such as '25.6 GB/s'")
    energy: EnergyPerByte | None = Field(default=None, description="energy of a transfer, such as '8 pJ/bit'")
    phy_area: Annotated[float, Quantity("area", positive=False)] | None = Field(
        default=None, description="PHY and controller of a channel"
    )
    capacity: Bytes | None = Field(default=None, description="capacity of a channel, such as '4 GB'")
    price_per_gb: Annotated[float, Quantity("price", positive=False)] | None = Field(
        default=None, description="such as '3.1 USD'"
    )
    price_date: str | None = Field(default=None, description="when that price held, such as 2026-11", min_length=1)
    package: Literal["organic", "interposer"] | None = None
    footprint: Annotated[float, Quantity("area", positive=False)] | None = Field(
        default=None, description="area on an interposer"
    )
    source: str | None = Field(default=None, description="where the values are from", min_length=1)

    @model_validator(mode="after")
    def _price_has_a_date(self) -> MemoryText:
        if (self.price_per_gb is None) != (self.price_date is None):
            raise ValueError("price_per_gb and price_date go together: a price without its date says little")
        return self


class NodeText(Strict):
    """Other values of a process node."""

    node: Node = Field(description="which node, such as '28 nm'")
    wafer_price: Price | None = Field(default=None, description="a processed 300 mm wafer, such as '2891 USD'")
    price_date: str | None = Field(default=None, description="when that price held, such as 2026-11", min_length=1)
    defect_density: DefectDensity | None = Field(default=None, description="such as '0.07 1/cm2'")
    mac_energy: dict[str, Energy] | None = Field(default=None, description="arithmetic of a MAC by format: {int8: 0.2 pJ}")
    mac_area: dict[str, Area] | None = Field(default=None, description="all-in area of a MAC by format: {int8: 1700 um2}")
    sram_area_per_byte: Area | None = Field(default=None, description="such as '3.6 um2'")
    sram_energy: EnergyPerByte | None = Field(default=None, description="a byte in or out of a 1 MiB bank, such as '5 pJ/B'")
    source: str | None = Field(default=None, description="where the values are from", min_length=1)

    @field_validator("node")
    @classmethod
    def _node_in_range(cls, node: float) -> float:
        if not SMALLEST_NODE_NM <= node <= LARGEST_NODE_NM:
            raise ValueError(f"the tables reach from {SMALLEST_NODE_NM:g} to {LARGEST_NODE_NM:g} nm, got {node:g} nm")
        return node

    @field_validator("mac_energy", "mac_area")
    @classmethod
    def _known_formats(cls, values: dict[str, float] | None) -> dict[str, float] | None:
        unknown = [name for name in values or {} if name not in FORMAT_BITS]
        if unknown:
            raise ValueError(f"unknown format {unknown[0]!r}; known: {', '.join(FORMAT_BITS)}")
        return values

    @model_validator(mode="after")
    def _price_has_a_date(self) -> NodeText:
        if (self.wafer_price is None) != (self.price_date is None):
            raise ValueError("wafer_price and price_date go together: a price without its date says little")
        return self


class TechnologyText(Strict):
    """Values that replace those of the shipped tables."""

    memories: dict[str, MemoryText] | None = None
    nodes: tuple[NodeText, ...] | None = None
    datapath_overhead: float | None = Field(default=None, gt=0, description="silicon energy of a MAC over its arithmetic")
    static_power: PowerDensity | None = Field(default=None, description="such as '0.01 W/mm2'")
    yield_clustering: float | None = Field(default=None, gt=0, description="c of the negative binomial yield")
    test_fraction: float | None = Field(default=None, ge=0, description="test and assembly over die and package")
    source: str | None = Field(default=None, description="where the values are from", min_length=1)


def overridden(technology: Technology, text: TechnologyText | None, document: Document, problems: list[Problem]) -> Technology:
    """The technology with a space file's values in place; what cannot be is added to `problems` with its place."""
    if text is None:
        return technology
    for index, node in enumerate(text.nodes or ()):
        technology = _with_node(technology, node, _source(document, ("technology", "nodes", index), node.source or text.source))
    memories = dict(technology.memories)
    for name, memory in (text.memories or {}).items():
        path = ("technology", "memories", name)
        made = _with_memory(memories.get(name), name, memory, _source(document, path, memory.source or text.source))
        if isinstance(made, Memory):
            memories[name] = made
        else:
            known = ", ".join(technology.memories)
            message = f"the new memory {name!r} lacks {', '.join(made)}"
            problems.append(Problem(message, document.key_place(path), f"or change one that is known: {known}"))
    source = _source(document, ("technology",), text.source)
    made = technology.manufacturing
    return replace(
        technology,
        memories=memories,
        datapath_overhead=_changed(technology.datapath_overhead, text.datapath_overhead, source),
        static_w_per_mm2=_changed(technology.static_w_per_mm2, text.static_power, source),
        manufacturing=replace(
            made,
            clustering=_changed(made.clustering, text.yield_clustering, source),
            test_fraction=_changed(made.test_fraction, text.test_fraction, source),
        ),
    )


def _source(document: Document, path: tuple[str | int, ...], stated: str | None) -> str:
    return stated or f"stated at {document.key_place(path)}"


def _changed(old: Sourced, value: float | None, source: str, date: str | None = None) -> Sourced:
    return old if value is None else Sourced(value=value, unit=old.unit, source=source, date=date)


def _point(curve: Curve, nm: float, value: float | None, source: str, date: str | None = None) -> Curve:
    return curve if value is None else curve.with_point(nm, _changed(curve.at(nm), value, source, date))


def _with_node(technology: Technology, text: NodeText, source: str) -> Technology:
    nm = text.node
    energies, areas = text.mac_energy or {}, text.mac_area or {}
    return replace(
        technology,
        wafer_price_usd=_point(technology.wafer_price_usd, nm, text.wafer_price, source, text.price_date),
        defects_per_mm2=_point(technology.defects_per_mm2, nm, text.defect_density, source),
        sram_mm2_per_byte=_point(technology.sram_mm2_per_byte, nm, text.sram_area_per_byte, source),
        sram_energy_j_per_byte=_point(technology.sram_energy_j_per_byte, nm, text.sram_energy, source),
        mac_energy_j={name: _point(curve, nm, energies.get(name), source) for name, curve in technology.mac_energy_j.items()},
        mac_area_mm2={name: _point(curve, nm, areas.get(name), source) for name, curve in technology.mac_area_mm2.items()},
    )


def _with_memory(old: Memory | None, name: str, text: MemoryText, source: str) -> Memory | list[str]:
    """The memory with the stated values, or the keys that a new one lacks."""
    if old is None:
        needed = ("bandwidth", "energy", "phy_area", "capacity", "price_per_gb", "package")
        missing = [key for key in needed if getattr(text, key) is None]
        if missing:
            return missing
    blank = Sourced(value=0.0, source="")

    def changed(key: str, value: float | None, date: str | None = None) -> Sourced:
        before = blank if old is None else getattr(old, _MEMORY_FIELDS[key])
        return _changed(replace(before, unit=MEMORY_UNITS[key][1]), value, source, date)

    return Memory(
        name=name,
        bandwidth_bytes_per_s=changed("bandwidth", text.bandwidth),
        energy_j_per_byte=changed("energy", text.energy),
        phy_area_mm2=changed("phy_area", text.phy_area),
        capacity_bytes=changed("capacity", text.capacity),
        price_usd_per_gb=changed("price_per_gb", text.price_per_gb, text.price_date),
        package=text.package or (old.package if old is not None else "organic"),
        footprint_mm2=changed("footprint", text.footprint),
    )


_MEMORY_FIELDS = {
    "bandwidth": "bandwidth_bytes_per_s",
    "energy": "energy_j_per_byte",
    "phy_area": "phy_area_mm2",
    "capacity": "capacity_bytes",
    "price_per_gb": "price_usd_per_gb",
    "footprint": "footprint_mm2",
}
