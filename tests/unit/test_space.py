"""Numbering, sampling, tables and the command line's texts."""

import itertools

import numpy as np
import pandas as pd
import pytest

from dse.errors import InputError
from dse.hardware.design import DATAFLOWS
from dse.hardware.parameters import Parameter, completed, range_values, read_value, show_value
from dse.hardware.space import Budget, Device, Space, UnitPrices
from dse.inputs.technology import shipped_technology

GIVEN = {
    "array_rows": (8, 16, 32),
    "array_cols": (8,),
    "frequency": (1e9, 2e9),
    "dataflow": ("output_stationary", "best"),
    "sram": (2**16, 2**20),
    "double_buffer": (True, False),
    "memory": ("hbm2", "lpddr5"),
    "channels": (1, 4),
}
PRICES = UnitPrices(compute_unit_usd=0.01, bandwidth_usd_per_byte_per_s=1e-9, sram_usd_per_byte=1e-6)


def chip(**more: object) -> Space:
    return Space(name="chip", parameters=completed({**GIVEN, **more}), technology=shipped_technology())  # type: ignore[arg-type]


def knobs() -> Space:
    given = {"compute_units": (64, 128), "bandwidth": (1e9, 2e9, 4e9), "sram": (2**16,)}
    device = Device(unit_prices=PRICES)
    return Space(name="knobs", parameters=completed(given), technology=shipped_technology(), device=device)


def test_numbers_enumerate_every_combination_once_with_the_last_axis_fastest():
    space = chip()
    rows = space.indices(np.arange(space.size))
    expected = list(itertools.product(*(range(len(parameter)) for parameter in space.parameters)))
    assert [tuple(row) for row in rows.tolist()] == expected
    assert space.numbers(rows).tolist() == list(range(space.size))
    assert space.size == 3 * 2**6


def test_designs_hold_the_values_of_their_indices():
    space = chip()
    designs = space.designs(space.indices(np.arange(space.size)))
    for number, values in enumerate(itertools.product(*(parameter.values for parameter in space.parameters))):
        value = dict(zip((parameter.name for parameter in space.parameters), values, strict=True))
        design = designs.design(number)
        assert design.array_rows == value["array_rows"]
        assert design.frequency_hz == value["frequency"]
        assert design.dataflow == value["dataflow"]
        assert design.double_buffer is value["double_buffer"]
        assert design.memory == value["memory"]
        each = {"hbm2": 307e9, "lpddr5": 25.6e9}[design.memory]
        assert design.bandwidth_bytes_per_s == pytest.approx(each * design.channels)


def test_a_stated_bandwidth_stands_until_memory_or_channels_are_set():
    space = chip(bandwidth=(5e9,))
    assert set(space.designs(space.random_indices(9, 0)).bandwidth_bytes_per_s.tolist()) == {5e9}
    set_again = space.with_values("memory", "ddr4").with_values("channels", "2")
    assert set(set_again.designs(set_again.random_indices(9, 0)).bandwidth_bytes_per_s.tolist()) == {51.2e9}


def test_numbers_outside_the_space_are_refused():
    space = chip()
    with pytest.raises(IndexError, match="numbered 0 to"):
        space.indices(np.array([space.size]))
    with pytest.raises(IndexError):
        space.indices(np.array([-1]))


def test_a_space_beyond_int64_still_samples():
    wide = tuple(range(1, 100_001))
    space = chip(array_rows=wide, array_cols=wide, cores=wide, vector_lanes=wide)
    assert space.size > 2**63
    with pytest.raises(ValueError, match="int64"):
        space.indices(np.array([0]))
    assert len(space.sample(10, seed=1)) == 10


def test_a_sample_has_named_units_and_repeats_with_its_seed():
    frame = chip().sample(50, seed=3)
    assert list(frame.columns) == [
        "array_rows", "array_cols", "cores", "frequency_hz", "dataflow", "precision", "sram_bytes", "double_buffer", "memory",
        "channels", "bandwidth_bytes_per_s", "vector_lanes", "node_nm",
    ]  # fmt: skip
    pd.testing.assert_frame_equal(frame, chip().sample(50, seed=3))
    assert not frame.equals(chip().sample(50, seed=4))


def test_a_three_knob_sample_has_three_columns_and_becomes_an_ideal_array():
    space = knobs()
    frame = space.sample(20, seed=0)
    assert list(frame.columns) == ["compute_units", "sram_bytes", "bandwidth_bytes_per_s"]
    designs = space.from_frame(frame)
    assert designs.array_rows.tolist() == frame["compute_units"].tolist()
    assert set(designs.array_cols.tolist()) == {1}
    assert {DATAFLOWS[code] for code in designs.dataflow} == {"ideal"}
    assert designs.design(0).memory == "abstract"


def test_a_table_with_missing_columns_takes_what_is_fixed_and_asks_for_the_rest():
    space = chip()
    frame = space.sample(4, seed=0)
    designs = space.from_frame(frame.drop(columns=["array_cols", "bandwidth_bytes_per_s"]))
    assert set(designs.array_cols.tolist()) == {8}
    assert designs.bandwidth_bytes_per_s.tolist() == frame["bandwidth_bytes_per_s"].tolist()
    with pytest.raises(InputError, match="lacks the column 'array_rows'"):
        space.from_frame(frame.drop(columns=["array_rows"]))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("array_rows", 2.5, "column 'array_rows' must hold a whole number of at least 1"),
        ("array_rows", 0, "row 1 has"),
        ("frequency_hz", float("nan"), "column 'frequency_hz' must hold a number"),
        ("sram_bytes", "much", "must hold numbers"),
        ("memory", "hbm9", "unknown memory 'hbm9'"),
        ("dataflow", "weight_stationery", "did you mean 'weight_stationary'"),
        ("double_buffer", 3, "must hold true or false"),
        ("node_nm", 1.0, "at least 3"),
    ],
)
def test_a_table_with_an_impossible_value_says_where(column, value, message):
    frame = chip().sample(3, seed=0).astype({column: object})
    frame.loc[1, column] = value
    with pytest.raises(InputError, match=message):
        chip().from_frame(frame)


def test_everything_wrong_with_a_table_is_told_at_once():
    frame = chip().sample(3, seed=0)
    frame["array_rows"], frame["memory"] = 0, "none"
    with pytest.raises(InputError) as caught:
        chip().from_frame(frame)
    assert len(caught.value.problems) == 2


def test_values_on_the_command_line():
    space = chip().with_values("sram", "8MiB").with_values("array_rows", "4, 64,4")
    assert space.parameter("sram").values == (8 * 2**20,)
    assert space.parameter("array_rows").values == (4, 64)
    assert chip().with_values("double_buffer", "no").parameter("double_buffer").values == (False,)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("srma", "8MiB", "did you mean 'sram'"),
        ("sram", "8", "no unit"),
        ("sram", "8 MHz", "unit of frequency"),
        ("memory", "lpddr6", "did you mean 'lpddr5'"),
        ("array_rows", "many", "must be a number"),
        ("array_rows", "0", "at least 1"),
        ("node", "2 nm", "at least 3"),
        ("compute_units", "4", "no parameter 'compute_units'"),
        ("double_buffer", "maybe", "true or false"),
    ],
)
def test_wrong_values_on_the_command_line(name, text, message):
    with pytest.raises(InputError) as caught:
        chip().with_values(name, text)
    assert message in str(caught.value)


def test_budgets_on_the_command_line():
    budget = chip().with_budget("price=40USD", "latency.vision=5ms", "power=2 W", "energy=5 mJ", "latency=1 s").budget
    assert budget.limit("price") == 40
    assert budget.scenario_limit("vision") == pytest.approx(5e-3)
    assert budget.scenario_limit("speech") is None
    assert budget.as_dict() == pytest.approx(
        {"price": 40.0, "area": 858.0, "power": 2.0, "latency": 1.0, "energy": 5e-3, "latency.vision": 5e-3}
    )


@pytest.mark.parametrize("text", ["price", "prize=4USD", "price=4", "price=4 mm2", "price=0USD", "area.x=4 mm2", "throughput=4"])
def test_wrong_budgets_on_the_command_line(text):
    with pytest.raises(InputError, match="--budget"):
        chip().with_budget(text)


def test_limits_come_off_again():
    assert Budget(price_usd=4.0).with_limit("price", None).limit("price") is None
    assert Budget().with_limit("latency.a", 1.0).with_limit("latency.a", None).as_dict() == {}


def test_no_chip_is_larger_than_an_exposure():
    assert chip().budget.limit("area") == 858
    assert chip().with_budget("area=2000 mm2").budget.limit("area") == 858
    assert chip().with_budget("area=50 mm2").budget.limit("area") == 50
    assert knobs().budget.limit("area") is None


def test_objectives_by_name():
    assert [(o.metric, o.maximise) for o in chip().with_objectives("throughput", "energy").objectives] == [
        ("throughput", True),
        ("energy", False),
    ]
    for names in ((), ("latency", "latency"), ("latncy",), ("latency", "throughput", "energy", "price", "area")):
        with pytest.raises(InputError):
            chip().with_objectives(*names)


def test_ranges():
    assert range_values("array_rows", 8, 30, step=8) == (8, 16, 24)
    assert range_values("array_rows", 8, 32, step=8) == (8, 16, 24, 32)
    assert range_values("frequency", 2e8, 1.2e9, step=1e8)[-1] == 1.2e9
    assert range_values("sram", 2**16, 2**24, steps=9, scale="log") == tuple(2**power for power in range(16, 25))
    sizes = range_values("sram", 2**16, 2**24, steps=33, scale="log")
    assert len(sizes) == 33
    assert all(int(size) % 64 == 0 for size in sizes)
    assert range_values("cores", 1, 4, steps=20, scale="log") == (1, 2, 3, 4)
    assert range_values("sram", 1000, 5000, steps=2) == (1000, 5000)
    assert range_values("cores", 3, 3, steps=1) == (3,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cores", 4, 1, {"step": 1}), "is empty"),
        (("cores", 1, 4, {}), "either 'step' or 'steps'"),
        (("cores", 1, 4, {"step": 1, "steps": 2}), "either 'step' or 'steps'"),
        (("cores", 1, 4, {"step": 0}), "more than zero"),
        (("cores", 1, 4, {"steps": 0}), "at least 1"),
        (("cores", 1, 4, {"steps": 1}), "at least 2"),
        (("cores", 1, 4, {"step": 1, "scale": "log"}), "takes 'steps'"),
        (("cores", 1, 4, {"step": 0.5}), "whole number"),
        (("vector_lanes", 0, 4, {"steps": 3, "scale": "log"}), "above zero"),
        (("sram", 1, 2**40, {"step": 1}), "at most 100,000"),
        (("memory", "a", "b", {"steps": 2}), "no range"),
    ],
)
def test_impossible_ranges(arguments, message):
    name, first, last, options = arguments
    with pytest.raises(ValueError, match=message):
        range_values(name, first, last, **options) if name != "memory" else range_values(name, 1, 2, **options)


def test_parameters_are_ordered_and_unique():
    assert Parameter("sram", (128, 64, 64)).values == (64, 128)
    assert Parameter("memory", ("b", "a", "b")).values == ("b", "a")
    with pytest.raises(ValueError, match="no value"):
        Parameter("sram", ())


def test_values_are_read_and_shown():
    for name, text in (("sram", "8 MiB"), ("frequency", "700 MHz"), ("node", "16 nm"), ("double_buffer", "true"), ("cores", "4")):
        assert show_value(name, read_value(name, text)) == text


def test_what_is_missing_is_told_with_an_example():
    with pytest.raises(InputError) as caught:
        completed({"array_rows": (4,)})
    assert {problem.message for problem in caught.value.problems} == {
        f"the space lacks the parameter {name!r}" for name in ("array_cols", "frequency", "sram", "memory")
    }
    with pytest.raises(InputError, match="cores does not go with compute_units"):
        completed({"compute_units": (4,), "cores": (2,), "bandwidth": (1e9,), "sram": (64,)})
