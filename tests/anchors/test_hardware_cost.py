"""Area, power and price against published chips; every figure with its source and the tolerance that is claimed."""

from dataclasses import replace

import numpy as np
import pytest

from dse.hardware.cost import Costs, component_costs
from dse.hardware.design import Design, Designs
from dse.hardware.parameters import completed
from dse.hardware.space import Space
from dse.inputs.spaces import load_design
from dse.inputs.technology import shipped_technology

# https://github.com/nvdla/doc, doc/primer.rst, "Example Area and Performance with NVDLA": NVIDIA's own estimates at 1 GHz, int8.
# MACs, atomic-C (input channels a cycle), KiB of convolution buffer, mm2 at 28 nm, mm2 at 16 nm, peak mW at 16 nm.
NVDLA = [
    (2048, 64, 512, 5.5, 3.3, 766),
    (1024, 64, 256, 3.0, 1.8, 375),
    (512, 32, 256, 2.3, 1.4, 210),
    (256, 32, 256, 1.7, 1.0, 135),
    (128, 16, 256, 1.4, 0.84, 82),
    (64, 8, 128, 0.91, 0.55, 55),
    (32, 8, 128, 0.85, 0.51, 45),
]
AREA_TOLERANCE = 0.10
POWER_FACTOR = 1.5


def chip_costs(name: str) -> Costs:
    space = load_design(name)
    return component_costs(space.designs(np.zeros((1, len(space.parameters)), dtype=np.int64)), space)


def nvdla(macs: int, rows: int, kib: int, node_nm: float) -> Costs:
    """A configuration without a memory interface: the published areas and powers have none."""
    given = {"array_rows": (1,), "array_cols": (1,), "frequency": (1e9,), "sram": (1,), "bandwidth": (1e9,)}
    space = Space(name="nvdla", parameters=completed(given), technology=shipped_technology())
    design = Design(
        array_rows=rows,
        array_cols=macs // rows,
        frequency_hz=1e9,
        dataflow="dot_product",
        sram_bytes=kib * 1024,
        bandwidth_bytes_per_s=1.0,
        node_nm=node_nm,
    )
    return component_costs(Designs.of(design), space)


@pytest.mark.parametrize(("macs", "rows", "kib", "mm2_28", "mm2_16", "peak_mw"), NVDLA)
def test_nvdla_area_over_a_range_of_64(macs, rows, kib, mm2_28, mm2_16, peak_mw):
    for node, published in ((28.0, mm2_28), (16.0, mm2_16)):
        assert nvdla(macs, rows, kib, node).area_mm2[0] == pytest.approx(published, rel=AREA_TOLERANCE)


@pytest.mark.parametrize(("macs", "rows", "kib", "mm2_28", "mm2_16", "peak_mw"), NVDLA)
def test_nvdla_peak_power_over_a_range_of_64(macs, rows, kib, mm2_28, mm2_16, peak_mw):
    ratio = nvdla(macs, rows, kib, 16.0).peak_power_w[0] / (peak_mw * 1e-3)
    assert 1 / POWER_FACTOR < ratio < POWER_FACTOR


# Jouppi et al., ISCA 2017, https://arxiv.org/abs/1704.04760, table 2 and figure 2.
TPU_V1_MOST_MM2 = 331.0
TPU_V1_LABELLED_FRACTION = 0.37 + 0.30 + 0.10 + 0.02
TPU_V1_BUSY_W, TPU_V1_TDP_W, TPU_V1_IDLE_W = 40.0, 75.0, 28.0
TPU_V1_CNN0_MACS_PER_S = 86e12 / 2


def test_tpu_v1_die_is_below_half_of_a_haswell_and_near_the_labelled_part_of_its_floorplan():
    area = chip_costs("tpu_v1").area_mm2[0]
    assert area < TPU_V1_MOST_MM2
    assert area == pytest.approx(TPU_V1_LABELLED_FRACTION * TPU_V1_MOST_MM2, rel=0.15)


def test_tpu_v1_unified_buffer_is_almost_a_third_of_the_die():
    """29% of at most 331 mm2: an upper bound, which x3.5 of the bitcell stays below."""
    assert 0.85 < chip_costs("tpu_v1").area_parts_mm2["sram"][0] / (0.29 * TPU_V1_MOST_MM2) <= 1.0


def test_tpu_v1_energy_of_a_mac_at_the_level_of_the_chip():
    """40 W busy on CNN0 at 86 Top/s is 0.93 pJ a MAC, DRAM outside."""
    costs = chip_costs("tpu_v1")
    parts = {name: column[0] for name, column in costs.peak_power_parts_w.items()}
    busy = TPU_V1_CNN0_MACS_PER_S / (256 * 256 * 700e6)
    pj = (parts["static"] + busy * (parts["array"] + parts["sram"])) / TPU_V1_CNN0_MACS_PER_S * 1e12
    assert pj == pytest.approx(TPU_V1_BUSY_W / TPU_V1_CNN0_MACS_PER_S * 1e12, rel=0.4)


def test_tpu_v1_peak_power_lies_between_idle_and_tdp():
    assert TPU_V1_IDLE_W < chip_costs("tpu_v1").peak_power_w[0] < TPU_V1_TDP_W


def test_eyeriss_energy_of_a_mac_and_area():
    """278 mW at 23.1 GMAC/s is 12 pJ a MAC without DRAM; the core is 12.25 mm2 (unverified): Chen et al., JSSC 2017, table 5.

    A register file in each PE puts Eyeriss at the far end of the overhead's spread: within a factor of 2.
    """
    costs = chip_costs("eyeriss")
    parts = {name: column[0] for name, column in costs.peak_power_parts_w.items()}
    macs_per_s = 23.1e9
    pj = (parts["static"] + macs_per_s / (168 * 200e6) * (parts["array"] + parts["sram"])) / macs_per_s * 1e12
    assert 12.0 / 2 < pj < 12.0 * 2
    assert costs.area_mm2[0] == pytest.approx(12.25, rel=0.25)


def test_the_overhead_is_the_geometric_mean_of_what_three_chips_leave_for_it():
    """Each chip's power less buffers and static power, over its arithmetic."""
    overhead = shipped_technology().datapath_overhead.value
    tpu, eyeriss = chip_costs("tpu_v1").peak_power_parts_w, chip_costs("eyeriss").peak_power_parts_w
    busy, active = TPU_V1_CNN0_MACS_PER_S / (256 * 256 * 700e6), 23.1e9 / (168 * 200e6)
    implied = {
        "tpu_v1": (TPU_V1_BUSY_W - tpu["static"][0] - busy * tpu["sram"][0]) / (busy * tpu["array"][0]) * overhead,
        "eyeriss": (0.278 - eyeriss["static"][0] - active * eyeriss["sram"][0]) / (active * eyeriss["array"][0]) * overhead,
    }
    each: list[float] = []
    for macs, rows, kib, _, _, peak_mw in NVDLA:
        parts = nvdla(macs, rows, kib, 16.0).peak_power_parts_w
        each.append((peak_mw * 1e-3 - parts["static"][0] - parts["sram"][0]) / parts["array"][0] * overhead)
    implied["nvdla"] = float(np.exp(np.mean(np.log(each))))
    assert implied == pytest.approx({"tpu_v1": 0.93, "eyeriss": 5.8, "nvdla": 1.39}, rel=0.05)
    assert np.exp(np.mean(np.log(list(implied.values())))) == pytest.approx(overhead, rel=0.03)


def test_tpu_v4i_matrix_units_at_7_nm():
    """11% of less than 400 mm2 for 65,536 bf16 MACs is below 671 um2; all-in they are more: within a factor of 2 (ISCA 2021)."""
    all_in_um2 = shipped_technology().mac_area_mm2["bf16"].at(7).value * 1e6
    assert 671 < all_in_um2 < 2 * 671


def test_tpu_v4i_cmem_at_7_nm():
    """28% of less than 400 mm2 for 128 MiB (ISCA 2021): 0.104 um2 a bit at most."""
    um2_per_bit = shipped_technology().sram_mm2_per_byte.at(7).value * 1e6 / 8
    assert 0.8 < um2_per_bit / 0.104 < 1.0


def test_h100_dearest_parts():
    """814 mm2 of 4N at 13,400 USD a wafer, 80 GB of HBM3: analysts say 200-300 for logic, 1,350-1,500 for HBM, 723-750 for
    the package (siliconanalysts.com, szyunze.com). Logic is uncertain by 2 (their yield loses no wafer edge), the package by 5.
    """
    technology = shipped_technology()
    wafer = replace(technology.wafer_price_usd.at(5), value=13_400.0)
    technology = replace(technology, wafer_price_usd=technology.wafer_price_usd.with_point(5.0, wafer))
    given = {"array_rows": (1,), "array_cols": (1,), "frequency": (1e9,), "sram": (1,), "memory": ("hbm3",)}
    space = Space(name="h100", parameters=completed(given), technology=technology)
    space = replace(space, device=replace(space.device, fixed_area_mm2=814 - 5 * 16.5))
    design = Design(
        array_rows=1,
        array_cols=1,
        frequency_hz=1e9,
        sram_bytes=64,
        memory="hbm3",
        channels=5,
        bandwidth_bytes_per_s=1e12,
        node_nm=5.0,
    )
    costs = component_costs(Designs.of(design), space)
    assert costs.area_mm2[0] == pytest.approx(814, rel=1e-3)
    assert costs.price_parts_usd["die"][0] == pytest.approx(548, rel=0.01)
    assert 1350 * 0.9 < costs.price_parts_usd["dram"][0] < 1500 * 1.1
    assert 723 / 5 < costs.price_parts_usd["package"][0] < 723 * 1.5
