"""Yield, dies, packages and the parts of area, price and power, against numbers worked by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from dse.hardware.cost import component_costs, edge_bytes_per_cycle
from dse.hardware.design import Design, Designs
from dse.hardware.manufacturing import (
    Wafer,
    die_cost_usd,
    dies_per_wafer,
    murphy_yield,
    negative_binomial_yield,
    poisson_yield,
)
from dse.hardware.parameters import completed
from dse.hardware.sourced import Sourced
from dse.hardware.space import Device, Space, UnitPrices
from dse.hardware.technology import Curve
from dse.inputs.technology import shipped_technology

WAFER = Wafer(diameter_mm=300, edge_mm=5, scribe_mm=0.2)


def space(**changes: object) -> Space:
    given = {"array_rows": (32,), "array_cols": (32,), "frequency": (1e9,), "sram": (2**20,), "memory": ("lpddr5",)}
    return Space(name="test", parameters=completed(given), technology=shipped_technology(), **changes)  # type: ignore[arg-type]


def design(**changes: object) -> Designs:
    values: dict[str, object] = {
        "array_rows": 32,
        "array_cols": 32,
        "frequency_hz": 1e9,
        "sram_bytes": 2**20,
        "memory": "lpddr5",
        "bandwidth_bytes_per_s": 25.6e9,
    }
    return Designs.of(Design(**{**values, **changes}))  # type: ignore[arg-type]


# Worked examples of Chiplet Actuary's formulas (Feng and Ma, DAC 2022).
@pytest.mark.parametrize(
    ("area", "per_cm2", "poisson", "murphy", "clustered_10", "clustered_2"),
    [(331.0, 0.07, 0.793, 0.797, 0.795, 0.803), (814.0, 0.11, 0.408, 0.436, 0.424, 0.477)],
)
def test_yield_models_give_the_worked_figures(area, per_cm2, poisson, murphy, clustered_10, clustered_2):
    die, defects = np.array([area]), per_cm2 / 100
    assert poisson_yield(die, defects)[0] == pytest.approx(poisson, abs=5e-4)
    assert murphy_yield(die, defects)[0] == pytest.approx(murphy, abs=6e-4)
    assert negative_binomial_yield(die, defects, 10)[0] == pytest.approx(clustered_10, abs=5e-4)
    assert negative_binomial_yield(die, defects, 2)[0] == pytest.approx(clustered_2, abs=5e-4)


def test_dies_of_814_mm2_and_their_price_on_a_13400_dollar_wafer():
    die = np.array([814.0])
    assert dies_per_wafer(die, WAFER)[0] == pytest.approx(57.6, abs=0.05)
    yields = negative_binomial_yield(die, 0.11 / 100, 10)
    assert die_cost_usd(die, 13_400, yields, WAFER)[0] == pytest.approx(548, abs=1)


def test_dies_per_wafer_by_hand():
    cut = 100 + 2 * 0.2 * 10 + 0.04
    expected = math.pi * 145**2 / cut - math.pi * 290 / math.sqrt(2 * cut)
    assert dies_per_wafer(np.array([100.0]), WAFER)[0] == pytest.approx(expected)


def test_a_die_larger_than_the_wafer_costs_infinitely_much():
    area = np.array([40_000.0])
    assert dies_per_wafer(area, WAFER)[0] == 0
    assert die_cost_usd(area, 1000, np.array([0.5]), WAFER)[0] == math.inf
    costs = component_costs(design(array_rows=2**14, array_cols=2**14), space())
    assert costs.price_usd[0] == math.inf


def test_area_adds_up_from_the_published_parts_at_28_nm():
    costs = component_costs(design(channels=2, vector_lanes=8), space())
    parts = {name: column[0] for name, column in costs.area_parts_mm2.items()}
    assert parts["array"] == pytest.approx(1024 * 1702e-6)
    assert parts["sram"] == pytest.approx(2**23 * 0.127e-6 * 3.5)
    assert parts["memory"] == pytest.approx(2 * 2.44)
    assert parts["fixed"] == pytest.approx(0.327)
    assert parts["vector"] == pytest.approx(8 * shipped_technology().mac_area_mm2["int32"].at(28).value)
    assert costs.area_mm2[0] == pytest.approx(sum(parts.values()))


def test_power_and_energies_at_45_and_7_nm_are_those_of_the_tables():
    overhead = shipped_technology().datapath_overhead.value
    for node, int8_pj, bank_pj in ((45.0, 0.30, 64.7), (7.0, 0.10, 14.0)):
        costs = component_costs(design(node_nm=node), space())
        assert costs.mac_energy_j[0] == pytest.approx(overhead * int8_pj * 1e-12)
        assert costs.sram_energy_j_per_byte[0] == pytest.approx(bank_pj / 8 * 1e-12)
        assert costs.peak_power_parts_w["array"][0] == pytest.approx(1024 * 1e9 * overhead * int8_pj * 1e-12)
    assert costs.dram_energy_j_per_byte[0] == pytest.approx(5.5e-12 * 8)
    assert costs.peak_power_parts_w["dram"][0] == pytest.approx(25.6e9 * 5.5e-12 * 8)
    assert costs.peak_power_w[0] == pytest.approx(sum(column[0] for column in costs.peak_power_parts_w.values()))
    assert costs.static_power_w[0] == pytest.approx(0.01 * costs.area_mm2[0])


def test_a_small_buffer_costs_less_to_read_and_a_large_one_is_made_of_banks():
    energies = [
        component_costs(design(sram_bytes=size), space()).sram_energy_j_per_byte[0] for size in (2**14, 2**16, 2**20, 2**24)
    ]
    assert energies[1] == pytest.approx(2 * energies[0])
    assert energies[2] == pytest.approx(8 * energies[0])
    assert energies[3] == energies[2]


def test_operands_enter_on_two_edges_and_outputs_leave_on_the_third():
    assert edge_bytes_per_cycle(design(cores=4))[0] == 4 * 96
    assert edge_bytes_per_cycle(design(precision="bf16"))[0] == 2 * 96
    assert edge_bytes_per_cycle(design(precision="int4"))[0] == 48
    assert edge_bytes_per_cycle(design(dataflow="ideal", array_rows=1024, array_cols=1))[0] == 96


def test_price_adds_up_by_hand_for_an_organic_package():
    costs = component_costs(design(), space())
    parts = {name: column[0] for name, column in costs.price_parts_usd.items()}
    area, good = costs.area_mm2[0], costs.yield_fraction[0]
    assert good == pytest.approx((1 + area * 0.07 / 100 / 10) ** -10)
    assert parts["die"] == pytest.approx(2891 / (dies_per_wafer(np.array([area]), WAFER)[0] * good))
    assert parts["package"] == pytest.approx(area * (4 * 0.005 + 0.005) / 0.99 + parts["die"] * (1 / 0.99 - 1))
    assert parts["dram"] == pytest.approx(4 * 3.45)
    assert parts["test"] == pytest.approx(0.1 * (parts["die"] + parts["package"]))
    assert parts["nre"] == 0
    assert costs.price_usd[0] == pytest.approx(sum(parts.values()))
    assert costs.dram_capacity_bytes[0] == 4e9


def test_hbm_stands_on_an_interposer_that_a_bonding_may_lose():
    hbm = component_costs(design(memory="hbm2e", channels=4, node_nm=7.0), space())
    ddr = component_costs(design(memory="gddr6", channels=4, node_nm=7.0), space())
    assert hbm.price_parts_usd["package"][0] > 5 * ddr.price_parts_usd["package"][0]
    die, dram, area = (float(column[0]) for column in (hbm.price_parts_usd["die"], hbm.price_parts_usd["dram"], hbm.area_mm2))
    chips = area + 4 * 110
    slab = 1.1 * chips
    slab_yield = (1 + slab * 0.06 / 100 / 6) ** -6
    silicon = 1937 / (dies_per_wafer(np.array([slab]), WAFER)[0] * slab_yield) + 0.01 * chips
    expected = (silicon + slab * 0.025) / (0.95 * 0.99) + (die + dram) * (1 / (0.95 * 0.99) - 1)
    assert hbm.price_parts_usd["package"][0] == pytest.approx(expected)


def test_nre_is_shared_by_the_volume():
    costs = component_costs(design(), space(device=Device(volume=1_000_000)))
    assert costs.price_parts_usd["nre"][0] == pytest.approx(51.0)


def test_the_three_knob_form_is_priced_by_its_unit_prices_alone():
    prices = UnitPrices(compute_unit_usd=0.01, bandwidth_usd_per_byte_per_s=0.5e-9, sram_usd_per_byte=2 / 2**20, base_usd=3.0)
    given = {"compute_units": (1000,), "bandwidth": (34e9,), "sram": (2**22,)}
    knobs = Space(name="k", parameters=completed(given), technology=shipped_technology(), device=Device(unit_prices=prices))
    costs = component_costs(knobs.designs(knobs.indices(np.array([0]))), knobs)
    parts = {name: column[0] for name, column in costs.price_parts_usd.items()}
    assert parts == pytest.approx({"compute": 10.0, "bandwidth": 17.0, "sram": 8.0, "base": 3.0})
    assert costs.price_usd[0] == pytest.approx(38.0)
    assert costs.dram_capacity_bytes[0] == math.inf
    assert costs.area_parts_mm2["memory"][0] == 0


def test_constants_of_the_device_replace_those_of_the_technology():
    costs = component_costs(design(), space(device=Device(fixed_area_mm2=30.0, static_power_w=28.0)))
    assert costs.area_parts_mm2["fixed"][0] == 30.0
    assert costs.static_power_w[0] == 28.0


def test_a_curve_is_exact_at_its_points_and_straight_between_them_in_log_log():
    curve = Curve(tuple((nm, Sourced(value=value, source="s")) for nm, value in ((10.0, 100.0), (40.0, 400.0))))
    assert curve.at(10).value == 100
    assert curve.at(20).value == pytest.approx(200)
    assert curve.at(5).value == pytest.approx(50)
    assert "10 and 40 nm" in curve.at(20).source
    assert curve.with_point(20, Sourced(value=1.0, source="mine")).at(20).value == 1.0


def test_an_interpolated_value_is_unverified_if_a_neighbour_is():
    doubtful = Sourced(value=3.0, source="s", unverified=True)
    curve = Curve(((10.0, Sourced(value=1.0, source="s")), (40.0, doubtful)))
    assert not curve.at(10).unverified
    assert curve.at(20).unverified


def test_wide_formats_take_more_area_and_energy():
    technology = shipped_technology()
    for order in (("int4", "int8", "int16", "int32"), ("fp8", "bf16", "fp16", "fp32")):
        areas = [technology.mac_area_mm2[name].at(16).value for name in order]
        energies = [technology.mac_energy_j[name].at(16).value for name in order]
        assert areas == sorted(areas)
        assert energies == sorted(energies)


def test_assumptions_name_source_date_and_doubt():
    lines = space().assumptions()
    price = next(line for line in lines if line.startswith("lpddr5 price per GB"))
    assert "3.45 USD" in price
    assert "2026-07" in price
    assert "UNVERIFIED" in price
    wafer = next(line for line in lines if line.startswith("wafer price"))
    assert "2,891 USD" in wafer
    assert "2020-04" in wafer
    assert not any(line.startswith("hbm") for line in lines)


def test_every_price_of_every_memory_has_a_date():
    for name, memory in shipped_technology().memories.items():
        assert name == "abstract" or memory.price_usd_per_gb.date, name


def test_a_static_power_density_of_the_user_changes_static_power_alone():
    technology = shipped_technology()
    denser = replace(technology, static_w_per_mm2=replace(technology.static_w_per_mm2, value=0.05))
    before, after = (component_costs(design(), replace(space(), technology=used)) for used in (technology, denser))
    assert after.static_power_w[0] == pytest.approx(5 * before.static_power_w[0])
    assert after.price_usd[0] == before.price_usd[0]
    assert after.area_mm2[0] == before.area_mm2[0]


def test_logic_moves_between_nodes_by_density_to_the_measured_power():
    power = math.log(1702 / 1033) / math.log(28.9 / 15.3)
    int8 = shipped_technology().mac_area_mm2["int8"]
    assert power < 1
    assert int8.at(7).value == pytest.approx(1702e-6 * (15.3 / 91.2) ** power)
    assert int8.at(28).value == pytest.approx(1702e-6)
    assert int8.at(16).value == pytest.approx(1033e-6)
    assert int8.at(7).unverified
    assert not int8.at(28).unverified


def test_another_format_grows_by_its_arithmetic_and_the_bits_that_it_holds():
    areas = shipped_technology().mac_area_mm2
    share = 419e-6 / areas["int8"].at(45).value
    ratio = share * 5051 / 419 + (1 - share) * (3 * 16 + 32) / (3 * 8 + 32)
    assert areas["bf16"].at(7).value == pytest.approx(ratio * areas["int8"].at(7).value)
