"""Space files: what is shipped, what may be written, and what every mistake is told as."""

import json
from pathlib import Path

import numpy as np
import pytest

import dse.inputs.technology as tables
from dse.errors import InputError
from dse.hardware.cost import component_costs
from dse.hardware.parameters import KINDS
from dse.inputs.axes import ParametersText
from dse.inputs.shipped import shipped_folder, shipped_names
from dse.inputs.spaces import load_design, load_space, space_from, space_schema
from dse.inputs.yaml import read_text

GOOD = """\
name: mine
parameters:
  array_rows: 16
  array_cols: {from: 8, to: 32, step: 8}
  frequency: [500 MHz, 1 GHz]
  sram: {from: 64 KiB, to: 1 MiB, steps: 5, scale: log}
  memory: lpddr5
"""
SHIPPED = ["datacenter", "edge", "eyeriss", "nvdla_full", "snowflake", "three_knobs", "tpu_v1"]


def read(text):
    return space_from(read_text(text, "mine.yaml"))


def problems(text):
    with pytest.raises(InputError) as caught:
        read(text)
    return [str(problem) for problem in caught.value.problems]


def test_what_is_shipped_loads_and_points_editors_at_its_schema():
    assert set(SHIPPED) <= set(shipped_names("search_spaces"))
    for name in SHIPPED:
        space = load_space(name)
        assert space.name == name
        assert space.source
        assert space.title
        designs = space.designs(space.random_indices(200, seed=0))
        costs = component_costs(designs, space)
        assert np.isfinite(costs.peak_power_w).all()
        assert (costs.price_usd > 0).all()
        first = (shipped_folder("search_spaces") / f"{name}.yaml").read_text().splitlines()[0]
        assert first == "# yaml-language-server: $schema=../dse/data/search_space.schema.json"


def test_the_large_spaces_are_large_and_hold_much_that_is_feasible():
    for name in ("edge", "datacenter"):
        space = load_space(name)
        assert 10**7 <= space.size <= 10**9
        costs = component_costs(space.designs(space.random_indices(20_000, seed=0)), space)
        feasible = np.ones(20_000, dtype=bool)
        for metric, column in (("price", costs.price_usd), ("area", costs.area_mm2), ("power", costs.peak_power_w)):
            limit = space.budget.limit(metric)
            assert limit is not None
            feasible &= column <= limit
        assert 0.1 < feasible.mean() < 0.9


@pytest.mark.parametrize("name", ["tpu_v1", "snowflake", "eyeriss", "nvdla_full"])
def test_a_known_chip_is_one_design(name):
    assert load_design(name).size == 1


def test_tpu_v1_is_what_the_paper_says():
    space = load_design("tpu_v1")
    design = space.designs(np.zeros((1, len(space.parameters)), dtype=np.int64)).design(0)
    assert design.peak_ops_per_s == pytest.approx(91.75e12, rel=1e-3)
    assert design.bandwidth_bytes_per_s == 34e9
    assert design.sram_bytes == 24 * 2**20
    assert space.device.weight_fetch == "array_tile"


def test_snowflake_is_what_the_paper_says():
    space = load_design("snowflake")
    design = space.designs(np.zeros((1, len(space.parameters)), dtype=np.int64)).design(0)
    assert design.peak_ops_per_s == pytest.approx(128e9)
    assert (space.device.row_strips, space.device.weight_streams) == (3, 1.0)
    assert (space.device.activations, space.device.padding) == ("streamed", "skipped")
    assert any("FPGA" in line for line in space.assumptions())


def test_a_design_is_not_a_space():
    with pytest.raises(InputError, match="one is needed"):
        load_design("three_knobs")


def test_values_lists_and_ranges():
    space = read(GOOD)
    assert space.parameter("array_cols").values == (8, 16, 24, 32)
    assert space.parameter("frequency").values == (5e8, 1e9)
    assert space.parameter("sram").values == tuple(2**power for power in range(16, 21))
    assert space.size == 4 * 2 * 5


def test_every_mistake_is_told_at_once_in_the_order_of_the_text():
    text = """\
name: bad
parameters:
  array_rows: []
  array_cols: [8, "x", 2.5]
  frequency: 700
  sram: {from: 16 MiB, to: 64 KiB, steps: 4, scale: log}
  memory: [lpddr55, lpddr5]
  chanels: 4
  vector_lanes: {from: 1, too: 4}
  node: 2 nm
budget: {price: 40 EUR, powr: 5 W}
objectives: [latncy]
technology:
  memories: {lpddr5: {price_per_gb: 3.1 USD}}
"""
    expected = [
        ("3:15", "array_rows is an empty list"),
        ("4:19", "must be a number"),
        ("4:24", "whole number"),
        ("5:14", "no unit"),
        ("6:9", "is empty: from 16 MiB to 64 KiB"),
        ("7:12", "did you mean 'lpddr5'"),
        ("8:3", "did you mean 'channels'"),
        ("9:17", "lacks 'to'"),
        ("9:27", "did you mean 'to'"),
        ("10:9", "at least 3 nm"),
        ("11:17", "unknown unit 'EUR'"),
        ("11:25", "did you mean 'power'"),
        ("12:13", "did you mean 'latency'"),
        ("14:22", "go together"),
    ]
    found = problems(text)
    assert len(found) == len(expected)
    for line, (place, message) in zip(found, expected, strict=True):
        assert line.startswith(f"mine.yaml:{place}: ")
        assert message in line


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("  cores: {from: 1, to: 8}", "either 'step' or 'steps'"),
        ("  cores: {from: 1, to: 8, steps: 2.5}", "steps must be a whole number"),
        ("  cores: {from: 1, to: 8, steps: 3, scale: cubic}", "scale must be linear or log"),
        ("  cores: {from: 1, to: 8, step: two}", "step must be a number"),
        ("  node: {from: 7 nm, to: 28 nm, step: 1 mm2}", "step: '1 mm2'"),
        ("  cores: null", "cores must be a number"),
        ("  cores: true", "cores must be a number"),
        ("  double_buffer: 1", "true or false"),
        ("  cores: 1e300", "at most"),
        ("  dataflow: {from: 1, to: 2, steps: 2}", "unknown dataflow 1"),
        ("  compute_units: 4", "does not go with compute_units"),
        ("unit_prices: {compute_unit: 1 USD per unit, bandwidth: 1 USD per GB/s, sram: 1 USD per MiB}", "unit_prices go with"),
        ("unit_prices: {compute_unit: 1 USD per unit, bandwidth: 1 USD per GB, sram: 1 USD per MiB}", "a bandwidth is needed"),
        ("device: {compute_efficiency: 1.5}", "at most 1"),
        ("device: {overlap: sometimes}", "'overlap' must be 'layer', 'network'"),
        ("objectives: []", "0 objectives"),
        ("objectives: latency", "must be a list"),
        ("technology: {memories: {mine: {bandwidth: 3 GB/s}}}", "the new memory 'mine' lacks energy"),
        ("technology: {nodes: [{node: 28 nm, wafer_price: 3000 USD}]}", "go together"),
        ("technology: {nodes: [{node: 100 nm}]}", "reach from 3 to 65 nm"),
        ("technology: {nodes: [{node: 28 nm, mac_area: {int9: 3 um2}}]}", "unknown format 'int9'"),
    ],
)
def test_one_mistake(line, message):
    assert message in "\n".join(problems(GOOD + line + "\n"))


def test_numbers_to_read_as_text_keep_out_of_the_file():
    assert "got the text '4'" in "\n".join(problems(GOOD + '  cores: "4"\n'))


def test_a_price_of_the_user_changes_the_price_alone_and_is_printed_with_its_date():
    text = GOOD + "technology:\n  memories:\n    lpddr5: {price_per_gb: 6.9 USD, price_date: 2026-11}\n"
    plain, priced = read(GOOD), read(text)
    indices = plain.random_indices(50, seed=0)
    before, after = (component_costs(space.designs(indices), space) for space in (plain, priced))
    assert after.price_parts_usd["dram"] == pytest.approx(2 * before.price_parts_usd["dram"])
    for column in ("area_mm2", "yield_fraction", "peak_power_w", "mac_energy_j", "dram_capacity_bytes"):
        assert getattr(after, column).tolist() == getattr(before, column).tolist()
    assert after.price_parts_usd["die"].tolist() == before.price_parts_usd["die"].tolist()
    line = next(line for line in priced.assumptions() if line.startswith("lpddr5 price"))
    assert "6.90 USD" in line
    assert "2026-11" in line
    assert "mine.yaml:10:5" in line
    assert "UNVERIFIED" not in line


def test_a_memory_and_a_node_of_the_user():
    text = GOOD.replace("memory: lpddr5", "memory: mine") + (
        "  node: 12 nm\n"
        "technology:\n"
        "  source: a quotation\n"
        "  datapath_overhead: 1.5\n"
        "  memories:\n"
        "    mine: {bandwidth: 50 GB/s, energy: 3 pJ/bit, phy_area: 2 mm2, capacity: 8 GB, price_per_gb: 2 USD,\n"
        "           price_date: 2026-11, package: organic}\n"
        "  nodes:\n"
        "    - {node: 12 nm, wafer_price: 4000 USD, price_date: 2026-11, mac_energy: {int8: 0.2 pJ}, mac_area: {int8: 800 um2},\n"
        "       sram_area_per_byte: 2 um2, sram_energy: 4 pJ/B, defect_density: 0.05 1/cm2}\n"
    )
    space = read(text)
    designs = space.designs(space.indices(np.array([0])))
    costs = component_costs(designs, space)
    assert designs.bandwidth_bytes_per_s[0] == 50e9
    assert costs.mac_energy_j[0] == pytest.approx(1.5 * 0.2e-12)
    assert costs.area_parts_mm2["array"][0] == pytest.approx(16 * 8 * 800e-6)
    assert costs.area_parts_mm2["sram"][0] == pytest.approx(2**16 * 2e-6)
    assert costs.sram_energy_j_per_byte[0] == pytest.approx(4e-12 / 4)
    assert costs.yield_fraction[0] == pytest.approx((1 + costs.area_mm2[0] * 0.0005 / 10) ** -10)
    assert costs.price_parts_usd["dram"][0] == pytest.approx(16.0)
    assert sum("a quotation" in line for line in space.assumptions()) >= 10


def test_budget_device_and_notes_arrive():
    space = read(
        GOOD
        + "budget: {price: 40 USD, latency_by_scenario: {vision: 5 ms}}\n"
        + "device: {compute_efficiency: 0.9, dependency_latency: 2 us, static_power: 0 W, volume: 1000}\n"
        + "objectives: [throughput, price]\nnotes: [a remark]\nsource: [one, two]\n"
    )
    assert space.budget.scenario_limit("vision") == pytest.approx(5e-3)
    assert space.device.dependency_latency_s == pytest.approx(2e-6)
    assert space.device.static_power_w == 0
    assert space.device.volume == 1000
    assert space.objectives[0].maximise
    assert "a remark" in space.assumptions()
    assert space.source == "one; two"


@pytest.mark.parametrize("flow", ["weight_stationary", "[ideal, best]", "[output_stationary, row_stationary]"])
def test_skipped_padding_needs_a_dataflow_that_can(flow):
    text = GOOD + f"  dataflow: {flow}\ndevice:\n  overlap: layer\n  padding: skipped\n"
    (problem,) = problems(text)
    assert problem.startswith("mine.yaml:11:12: padding: skipped needs dataflow ideal or row_stationary, not ")


@pytest.mark.parametrize("flow", ["ideal", "row_stationary", "[ideal, row_stationary]"])
def test_skipped_padding_and_a_later_dataflow(flow):
    space = read(GOOD + f"  dataflow: {flow}\ndevice: {{padding: skipped}}\n")
    assert space.with_values("dataflow", "ideal").device.padding == "skipped"
    with pytest.raises(InputError, match="padding: skipped needs dataflow ideal or row_stationary, not best"):
        space.with_values("dataflow", "best")


def test_the_schema_file_is_the_schema():
    path = Path(tables.__file__).parent.parent / "data" / "search_space.schema.json"
    assert json.loads(path.read_text()) == space_schema()


def test_the_text_knows_every_parameter():
    assert list(ParametersText.model_fields) == list(KINDS)


def test_a_name_that_is_not_shipped():
    with pytest.raises(InputError, match="did you mean 'edge'"):
        load_space("egde")
