"""What silicon demands: more of anything costs no less, yields are fractions, prices move prices alone, samples stay inside."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.hardware.cost import component_costs
from dse.hardware.design import DATAFLOWS, FORMATS, Design, Designs
from dse.hardware.manufacturing import dies_per_wafer, murphy_yield, negative_binomial_yield, poisson_yield
from dse.hardware.parameters import Parameter, completed
from dse.hardware.space import Device, Space, UnitPrices
from dse.inputs.technology import shipped_technology

TECHNOLOGY = shipped_technology()
MEMORIES = tuple(name for name in TECHNOLOGY.memories if name != "abstract")


def chip(**given_values: tuple) -> Space:
    given_values = {
        "array_rows": (8,),
        "array_cols": (8,),
        "frequency": (1e9,),
        "sram": (2**16,),
        "memory": ("lpddr5",),
        **given_values,
    }
    return Space(name="law", parameters=completed(given_values), technology=TECHNOLOGY)


SPACE = chip()

designs = st.builds(
    Design,
    array_rows=st.integers(1, 256),
    array_cols=st.integers(1, 256),
    cores=st.integers(1, 8),
    frequency_hz=st.floats(1e8, 2e9),
    dataflow=st.sampled_from(DATAFLOWS),
    precision=st.sampled_from(FORMATS),
    sram_bytes=st.integers(64, 2**24),
    memory=st.sampled_from(MEMORIES),
    channels=st.integers(1, 8),
    bandwidth_bytes_per_s=st.floats(1e9, 1e12),
    vector_lanes=st.integers(0, 1024),
    node_nm=st.sampled_from([65.0, 28.0, 22.0, 16.0, 12.0, 7.0, 5.0, 3.0]),
)


@given(
    design=designs,
    resource=st.sampled_from(["array_rows", "array_cols", "cores", "sram_bytes", "channels", "vector_lanes"]),
    more=st.integers(1, 64),
)
def test_more_of_a_resource_takes_more_area_price_and_power(design, resource, more):
    larger = replace(design, **{resource: getattr(design, resource) + more})
    small, large = (component_costs(Designs.of(each), SPACE) for each in (design, larger))
    assert large.area_mm2[0] > small.area_mm2[0]
    assert large.price_usd[0] > small.price_usd[0] or small.price_usd[0] == np.inf
    assert large.peak_power_w[0] > small.peak_power_w[0]
    assert large.yield_fraction[0] < small.yield_fraction[0]


@given(design=designs, factor=st.floats(1.01, 10))
def test_a_faster_clock_or_a_wider_memory_takes_more_power_and_no_area(design, factor):
    base = component_costs(Designs.of(design), SPACE)
    for quantity in ("frequency_hz", "bandwidth_bytes_per_s"):
        faster = component_costs(Designs.of(replace(design, **{quantity: getattr(design, quantity) * factor})), SPACE)
        assert faster.peak_power_w[0] > base.peak_power_w[0]
        assert faster.area_mm2[0] == base.area_mm2[0]
        assert faster.mac_energy_j[0] == base.mac_energy_j[0]


@given(design=designs)
def test_parts_add_up_and_nothing_is_negative(design):
    costs = component_costs(Designs.of(design), SPACE)
    for total, parts in (
        (costs.area_mm2, costs.area_parts_mm2),
        (costs.price_usd, costs.price_parts_usd),
        (costs.peak_power_w, costs.peak_power_parts_w),
    ):
        assert all((part >= 0).all() for part in parts.values())
        assert total[0] == pytest.approx(sum(part[0] for part in parts.values()))
    assert 0 < costs.yield_fraction[0] <= 1


@given(design=designs, nodes=st.lists(st.floats(3, 65), min_size=2, max_size=2).map(sorted))
def test_a_finer_node_shrinks_area_and_energy(design, nodes):
    fine, coarse = (component_costs(Designs.of(replace(design, node_nm=node)), SPACE) for node in nodes)
    assert fine.area_mm2[0] <= coarse.area_mm2[0] * (1 + 1e-12)
    assert fine.mac_energy_j[0] <= coarse.mac_energy_j[0] * (1 + 1e-12)
    assert fine.sram_energy_j_per_byte[0] <= coarse.sram_energy_j_per_byte[0] * (1 + 1e-12)
    assert fine.area_parts_mm2["memory"][0] == coarse.area_parts_mm2["memory"][0]


@given(
    areas=st.lists(st.floats(0.1, 5000), min_size=2, max_size=2, unique=True).map(sorted),
    defects=st.floats(1e-6, 0.01),
    clustering=st.floats(0.5, 100),
)
def test_yield_is_a_fraction_that_falls_with_area_and_lies_above_poisson(areas, defects, clustering):
    area = np.array(areas)
    clustered, poisson, murphy = (
        negative_binomial_yield(area, defects, clustering),
        poisson_yield(area, defects),
        murphy_yield(area, defects),
    )
    for model in (clustered, poisson, murphy):
        assert ((model >= 0) & (model <= 1)).all()
        assert model[1] <= model[0]
    assert (clustered >= poisson * (1 - 1e-12)).all()
    assert (murphy >= poisson * (1 - 1e-9)).all()
    assert (negative_binomial_yield(area, defects, 1e9) == pytest.approx(poisson, rel=1e-4)) or poisson.min() < 1e-6


@given(areas=st.lists(st.floats(0.5, 5000), min_size=2, max_size=2).map(sorted))
def test_dies_on_a_wafer_fall_with_area_and_never_fill_it(areas):
    wafer = TECHNOLOGY.manufacturing.wafer
    count = dies_per_wafer(np.array(areas), wafer)
    assert count[1] <= count[0]
    assert (count * np.array(areas) <= np.pi * 150**2).all()
    assert (count >= 0).all()


@given(design=designs, price=st.floats(0, 100))
def test_another_price_changes_prices_only(design, price):
    old = TECHNOLOGY.memories[design.memory]
    priced = replace(old, price_usd_per_gb=replace(old.price_usd_per_gb, value=price))
    space = replace(SPACE, technology=replace(TECHNOLOGY, memories={**TECHNOLOGY.memories, design.memory: priced}))
    before, after = component_costs(Designs.of(design), SPACE), component_costs(Designs.of(design), space)
    for name in ("area_mm2", "yield_fraction", "mac_energy_j", "static_power_w", "peak_power_w", "dram_capacity_bytes"):
        assert getattr(before, name) == getattr(after, name)
    assert after.price_parts_usd["die"] == before.price_parts_usd["die"]
    assert after.price_parts_usd["dram"][0] == pytest.approx(design.channels * old.capacity_bytes.value / 1e9 * price)


@given(batch=st.lists(designs, min_size=1, max_size=6))
def test_a_batch_costs_what_its_designs_cost_one_by_one(batch):
    frame = pd.DataFrame([{field: getattr(design, field) for field in Design.__dataclass_fields__} for design in batch])
    together = component_costs(SPACE.from_frame(frame), SPACE)
    for row, design in enumerate(batch):
        alone = component_costs(Designs.of(design), SPACE)
        for name in ("area_mm2", "price_usd", "peak_power_w", "mac_energy_j", "sram_energy_j_per_byte", "dram_capacity_bytes"):
            assert getattr(together, name)[row] == pytest.approx(getattr(alone, name)[0], rel=1e-12)


sizes = st.lists(st.integers(1, 4096), min_size=1, max_size=5).map(tuple)
spaces = st.builds(
    chip,
    array_rows=sizes,
    array_cols=sizes,
    cores=sizes,
    frequency=st.lists(st.floats(1e8, 2e9), min_size=1, max_size=4).map(tuple),
    dataflow=st.lists(st.sampled_from(DATAFLOWS), min_size=1).map(tuple),
    precision=st.lists(st.sampled_from(FORMATS), min_size=1).map(tuple),
    sram=sizes,
    double_buffer=st.lists(st.booleans(), min_size=1).map(tuple),
    memory=st.lists(st.sampled_from(MEMORIES), min_size=1).map(tuple),
    channels=st.lists(st.integers(1, 64), min_size=1, max_size=3).map(tuple),
    node=st.lists(st.floats(3, 65), min_size=1, max_size=3).map(tuple),
)


@given(space=spaces, seed=st.integers(0, 2**31), n=st.integers(0, 20))
def test_a_sample_stays_in_the_space_and_repeats(space, seed, n):
    frame = space.sample(n, seed=seed)
    assert len(frame) == n
    pd.testing.assert_frame_equal(frame, space.sample(n, seed=seed))
    for parameter in space.parameters:
        assert set(frame[parameter.column].tolist()) <= set(parameter.values)


@given(space=spaces, seed=st.integers(0, 2**31), n=st.integers(1, 20))
def test_a_table_of_designs_reads_back_as_the_designs(space, seed, n):
    indices = space.random_indices(n, seed)
    original, back = space.designs(indices), space.from_frame(space.frame(indices))
    assert [original.design(row) for row in range(n)] == [back.design(row) for row in range(n)]


@given(space=spaces, seed=st.integers(0, 2**31), n=st.integers(1, 20))
def test_numbers_and_indices_are_inverse(space, seed, n):
    indices = space.random_indices(n, seed)
    numbers = space.numbers(indices)
    assert ((numbers >= 0) & (numbers < space.size)).all()
    np.testing.assert_array_equal(space.indices(numbers), indices)


@given(values=st.lists(st.integers(1, 10**6), min_size=1, max_size=20))
def test_one_value_each_is_one_design(values):
    assert chip().size == 1
    assert chip(sram=tuple(values)).size == len(set(values)) == len(Parameter("sram", tuple(values)))


@given(
    units=st.integers(1, 10**6),
    bandwidth=st.floats(1e6, 1e13),
    sram=st.integers(1, 2**34),
    prices=st.lists(st.floats(0, 10), min_size=4, max_size=4),
)
def test_three_knob_prices_are_linear(units, bandwidth, sram, prices):
    compute, wide, byte, base = prices
    unit_prices = UnitPrices(
        compute_unit_usd=compute, bandwidth_usd_per_byte_per_s=wide / 1e9, sram_usd_per_byte=byte / 2**20, base_usd=base
    )
    given_values = {"compute_units": (units,), "bandwidth": (bandwidth,), "sram": (sram,)}
    space = Space(name="k", parameters=completed(given_values), technology=TECHNOLOGY, device=Device(unit_prices=unit_prices))
    costs = component_costs(space.designs(np.zeros((1, len(space.parameters)), dtype=np.int64)), space)
    assert costs.price_usd[0] == pytest.approx(units * compute + bandwidth * wide / 1e9 + sram * byte / 2**20 + base)
