"""The technology tables of ``dse/data`` as one `Technology`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from dse.hardware.manufacturing import Interposer, Laminate, Manufacturing, Wafer
from dse.hardware.sourced import Sourced
from dse.hardware.technology import Curve, Memory, Technology, block_area, format_area
from dse.inputs.document import read_document
from dse.units import BITS_PER_BYTE, FORMAT_BITS, parse_quantity

DATA = Path(__file__).parent.parent / "data"

Table = Mapping[str, Any]


@lru_cache(maxsize=1)
def shipped_technology() -> Technology:
    """The technology of the tables that `dse` carries, read once."""
    logic, sram, made = (_read(name) for name in ("logic", "sram", "manufacturing"))
    density = _curve(logic["logic_density"], None, "")
    int8 = block_area(_curve(logic["mac_area_int8"], "area", "mm2"), density)
    arithmetic = logic["datapath_area"]
    datapath = {
        name: _sourced({**entry, "source": arithmetic["source"]}, "area", "mm2", arithmetic["unit"])
        for name, entry in arithmetic["formats"].items()
    }
    datapath_nm = parse_quantity(arithmetic["node"], "node")
    return Technology(
        mac_energy_j={name: _format_energy(logic["datapath_energy"], name) for name in FORMAT_BITS},
        mac_area_mm2={name: format_area(int8, datapath, datapath_nm, name) for name in FORMAT_BITS},
        fixed_area_mm2=block_area(_curve(logic["fixed_area"], "area", "mm2"), density),
        datapath_overhead=_sourced(logic["datapath_overhead"]),
        static_w_per_mm2=_sourced(logic["static_power"], "power density", "W/mm2", logic["static_power"]["unit"]),
        sram_mm2_per_byte=_sram_area(sram),
        sram_energy_j_per_byte=_sram_energy(sram["access_energy"]),
        sram_bank_bytes=parse_quantity(sram["access_energy"]["bank"], "bytes"),
        sram_capacity_exponent=_sourced(sram["capacity_exponent"]),
        memories={name: _memory(name, entry) for name, entry in _read("memories").items()},
        manufacturing=_manufacturing(made),
        wafer_price_usd=_curve(made["wafer_price"], "price", "USD"),
        defects_per_mm2=_curve(made["defect_density"], "defect density", "1/mm2"),
        nre_usd=_curve(made["nre"], "price", "USD"),
    )


def _read(name: str) -> Table:
    data = read_document(DATA / f"{name}.yaml").data
    assert isinstance(data, dict)
    return data


def _sourced(entry: Table, dimension: str | None = None, si: str = "", unit: str = "") -> Sourced:
    """An entry of a table: its value is a number in `unit`, or a text that carries its own."""
    value = entry["value"]
    if dimension is not None:
        value = parse_quantity(f"{value} {unit}" if unit else value, dimension)
    return Sourced(
        value=float(value),
        unit=si,
        source=entry["source"] if "rule" not in entry else f"{entry['rule']}; {entry['source']}",
        date=entry.get("date"),
        unverified=entry.get("unverified", False),
        spread=entry.get("spread"),
    )


def _curve(table: Table, dimension: str | None, si: str) -> Curve:
    """A table by node: a point is a number, or a mapping that says more about it than the table does."""
    points: list[tuple[float, Sourced]] = []
    for nm, point in table["at"].items():
        entry = {key: value for key, value in table.items() if key not in ("at", "unit")}
        entry |= point if isinstance(point, dict) else {"value": point}
        points.append((float(nm), _sourced(entry, dimension, si, table["unit"] if dimension else "")))
    return Curve(tuple(sorted(points, key=lambda pair: pair[0])))


def _format_energy(table: Table, name: str) -> Curve:
    entry = {"unit": table["unit"], "source": table["source"], **table["formats"][name]}
    return _curve(entry, "energy", "J")


def _sram_area(table: Table) -> Curve:
    """Cells times overhead, mm2 of a byte."""
    overhead = _sourced(table["area_overhead"])
    cells = _curve(table["bitcell_area"], "area", "mm2")
    return Curve(
        tuple(
            (
                nm,
                replace(
                    cell,
                    value=cell.value * BITS_PER_BYTE * overhead.value,
                    source=f"bitcell of {cell.value * 1e6:g} um2 ({cell.source}) x {overhead.value:g} ({overhead.source})",
                    spread=overhead.spread,
                ),
            )
            for nm, cell in cells.points
        )
    )


def _sram_energy(table: Table) -> Curve:
    access_bytes = table["access_bits"] / BITS_PER_BYTE
    access = _curve({key: value for key, value in table.items() if key not in ("bank", "access_bits")}, "energy", "J")
    return Curve(tuple((nm, replace(point, value=point.value / access_bytes, unit="J/B")) for nm, point in access.points))


MEMORY_UNITS = {
    "bandwidth": ("bandwidth", "B/s"),
    "energy": ("energy per byte", "J/B"),
    "phy_area": ("area", "mm2"),
    "capacity": ("bytes", "B"),
    "price_per_gb": ("price", "USD"),
    "footprint": ("area", "mm2"),
}
"""Key of a memory in a file -> its dimension in `dse.units` and its SI unit."""

_NO_FOOTPRINT = {"value": "0 mm2", "source": "stands beside the package"}


def _memory(name: str, entry: Table) -> Memory:
    values = {key: _sourced(entry.get(key, _NO_FOOTPRINT), *units) for key, units in MEMORY_UNITS.items()}
    return Memory(
        name=name,
        bandwidth_bytes_per_s=values["bandwidth"],
        energy_j_per_byte=values["energy"],
        phy_area_mm2=values["phy_area"],
        capacity_bytes=values["capacity"],
        price_usd_per_gb=values["price_per_gb"],
        package=entry["package"],
        footprint_mm2=values["footprint"],
    )


def _manufacturing(table: Table) -> Manufacturing:
    wafer, organic, silicon = table["wafer"], table["organic"], table["interposer"]
    return Manufacturing(
        wafer=Wafer(diameter_mm=wafer["diameter_mm"], edge_mm=wafer["edge_mm"], scribe_mm=wafer["scribe_mm"]),
        clustering=_sourced(table["yield_clustering"]),
        test_fraction=_sourced(table["test_fraction"]),
        reticle_mm2=_sourced(table["reticle"], "area", "mm2"),
        organic=Laminate(
            substrate_usd_per_mm2=organic["substrate_usd_per_mm2"],
            bump_usd_per_mm2=organic["bump_usd_per_mm2"],
            area_factor=organic["area_factor"],
            bonding_yield=organic["bonding_yield"],
            source=f"{organic['source']}, {organic['date']}",
        ),
        interposer=Interposer(
            wafer_usd=silicon["wafer_usd"],
            defects_per_mm2=parse_quantity(f"{silicon['defects_per_cm2']} 1/cm2", "defect density"),
            clustering=silicon["clustering"],
            area_factor=silicon["area_factor"],
            bump_usd_per_mm2=silicon["bump_usd_per_mm2"],
            bonding_yield=silicon["bonding_yield"],
            source=f"{silicon['source']}, {silicon['date']}; {silicon['spread']}",
        ),
    )
