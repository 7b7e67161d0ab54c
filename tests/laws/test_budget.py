"""Laws of budget curves: the best at every budget is brute force's, shares add up, what more buys is what the curve says."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dse
from dse.hardware.cost import component_costs
from dse.hardware.design import DATAFLOWS
from dse.hardware.parameters import completed
from dse.hardware.shares import PARTS, shares
from dse.model.binding import BOUNDS, bound_fractions
from dse.model.breakdown import breakdown
from dse.model.work import work_of
from dse.search import marginal
from dse.search.front import METRIC_COLUMNS

WORKLOADS = {"mlp": dse.load_workload("mlp"), "speech": dse.load_workload("speech")}
SPACES = {name: dse.load_space(name) for name in ("edge", "datacenter", "three_knobs")}
METRIC = {"price": "price_usd", "area": "area_mm2", "power": "power_w"}
FEW = {
    "edge": "array_rows=8,32,128 array_cols=8,48 cores=1,8 frequency=1200MHz sram=64KiB,1MiB,16MiB "
    "dataflow=weight_stationary double_buffer=true vector_lanes=64 channels=1,4 node=28nm,7nm",
    "datacenter": "array_rows=32,256 array_cols=64 cores=4,64 frequency=1GHz sram=1MiB,64MiB channels=1,4,8 "
    "dataflow=output_stationary vector_lanes=1024",
    "three_knobs": "compute_units=64,1000,20000 bandwidth=1GB/s,10GB/s,100GB/s sram=16KiB,256KiB,4MiB,64MiB",
}


def small(name):
    space = SPACES[name]
    for setting in FEW[name].split():
        space = space.with_values(*setting.split("="))
    return space


SMALL = {name: small(name) for name in FEW}


def every_design(workload, space):
    indices = space.indices(np.arange(space.size))
    return dse.evaluate_many(workload, space.frame(indices), space)


def scenario_of(name):
    return replace(WORKLOADS[name], scenarios=WORKLOADS[name].scenarios[:1])


@pytest.mark.parametrize("space", SMALL)
@pytest.mark.parametrize(("of", "objective"), [("price", "latency"), ("area", "throughput"), ("power", "energy")])
def test_the_curve_is_brute_force_at_every_budget(space, of, objective):
    workload = scenario_of("mlp")
    curve = dse.budget_curve(workload, SMALL[space], of=of, objective=objective)
    lifted = replace(SMALL[space], budget=SMALL[space].budget.with_limit(of, None))
    table = every_design(workload, lifted)
    table = table[table["feasible"]]
    costs, values = table[METRIC[of]].to_numpy(), table[METRIC_COLUMNS[objective]].to_numpy()
    best = np.max if objective == "throughput" else np.min
    for budget in [*costs, *(costs * 0.999999), costs.max() * 9]:
        affordable = values[costs <= budget]
        if not len(affordable):
            assert budget < curve.cheapest
            continue
        assert curve.values[marginal.in_force(curve.costs, np.array([budget]))[0]] == best(affordable)
    assert (np.diff(curve.costs) > 0).all()
    assert (np.diff(curve.values) * (1 if objective == "throughput" else -1) > 0).all()
    assert curve.certificate.kind == "exact"
    assert (curve.cheapest, curve.dearest) == (curve.costs[0], curve.costs[-1])


@pytest.mark.parametrize("space", SMALL)
def test_a_part_of_the_range_is_a_part_of_the_curve(space):
    """Steps, marginal values and the mark of what is worth it do not depend on the range asked for."""
    workload = scenario_of("mlp")
    pays = {"more_fraction": 0.5, "worth_fraction": 0.3}
    whole = dse.budget_curve(workload, SMALL[space], **pays)
    low, high = whole.costs[1] * 1.0001, whole.costs[-2] * 1.0001
    part = dse.budget_curve(workload, SMALL[space], from_=float(low), to=float(high), points=5, **pays)
    kept = whole.steps.iloc[1 : len(whole) - 1].reset_index(drop=True)
    apart = ["change", "knee", "worth"]
    assert part.steps.drop(columns=apart).equals(kept.drop(columns=apart))
    assert part.worth_value == whole.worth_value
    assert part.costs[part.steps["worth"]].tolist() == [whole.worth_value]
    budgets = part.samples["budget_usd"].to_numpy()
    assert (budgets[0], budgets[-1]) == (low, high)
    for budget, row in zip(budgets, part.samples["row"], strict=True):
        assert part.at(float(budget))["price_usd"] == part.costs[row] <= budget
        assert row == len(part) - 1 or part.costs[row + 1] > budget


def test_other_limits_are_kept_and_its_own_is_lifted():
    workload, space = scenario_of("mlp"), SMALL["edge"].with_budget("price=9USD", "power=2W")
    curve = dse.budget_curve(workload, space)
    assert curve.dearest > 9
    assert curve.steps["power_w"].max() <= 2
    reticle = space.technology.manufacturing.reticle_mm2.value
    assert dse.budget_curve(workload, SMALL["datacenter"], of="area").steps["area_mm2"].max() <= reticle


memories = [name for name in SPACES["edge"].technology.memories if name != "abstract"]
sizes = st.integers(1, 300)


@st.composite
def chips(draw):
    given_values = {
        "array_rows": (draw(sizes),),
        "array_cols": (draw(sizes),),
        "cores": (draw(st.integers(1, 8)),),
        "frequency": (draw(st.floats(1e8, 2e9)),),
        "dataflow": (draw(st.sampled_from(DATAFLOWS)),),
        "precision": (draw(st.sampled_from(["int8", "bf16"])),),
        "sram": (draw(st.integers(1024, 2**26)),),
        "memory": tuple(draw(st.lists(st.sampled_from(memories), min_size=1, max_size=4, unique=True))),
        "channels": (draw(st.integers(1, 8)),),
        "vector_lanes": (draw(st.integers(0, 1024)),),
        "node": (draw(st.sampled_from([28.0, 16.0, 7.0, 5.0])),),
    }
    space = replace(SPACES["datacenter"], parameters=completed(given_values))
    return replace(space, device=replace(space.device, volume=draw(st.sampled_from([None, 50_000]))))


@given(space=chips())
def test_shares_add_up_and_none_is_negative(space):
    designs = space.designs(space.indices(np.arange(space.size)))
    costs = component_costs(designs, space)
    for of, total in (("price", costs.price_usd), ("area", costs.area_mm2), ("power", costs.peak_power_w)):
        parts = shares(designs, space, of)
        assert tuple(parts) == PARTS
        assert all((part >= 0).all() for part in parts.values())
        np.testing.assert_allclose(sum(parts.values()), total, rtol=1e-9)


@given(space=chips())
def test_dearer_dram_takes_more_for_memory_alone_on_a_laminate(space):
    """On an organic laminate nothing but the DRAM depends on its price."""
    technology = space.technology
    dearer = {
        name: replace(memory, price_usd_per_gb=replace(memory.price_usd_per_gb, value=3 * memory.price_usd_per_gb.value))
        for name, memory in technology.memories.items()
    }
    other = replace(space, technology=replace(technology, memories=dearer))
    designs = space.designs(space.indices(np.arange(space.size)))
    before, after = shares(designs, space, "price"), shares(designs, other, "price")
    laminate = np.array([technology.memories[name].package == "organic" for name in designs.memories])[designs.memory]
    laminate &= np.isfinite(before["memory"])
    for part in PARTS:
        if part == "memory":
            np.testing.assert_allclose(after[part][laminate], 3 * before[part][laminate], rtol=1e-12)
        else:
            np.testing.assert_array_equal(after[part][laminate], before[part][laminate])


@pytest.mark.parametrize("name", ["mlp", "speech"])
@pytest.mark.parametrize("space", ["edge", "datacenter", "three_knobs"])
def test_what_binds_is_what_the_breakdown_says(name, space):
    workload = replace(WORKLOADS[name], scenarios=tuple(replace(each, weight=1.5) for each in WORKLOADS[name].scenarios[-2:]))
    home, vector = SPACES[space], "serial" if name == "mlp" else "overlapped"
    home = replace(home, device=replace(home.device, dependency_latency_s=2e-7, vector=vector))
    indices = home.random_indices(40, seed=3)
    runs = np.isfinite(dse.evaluate_many(workload, home.frame(indices), home)["latency_s"].to_numpy())
    indices = indices[runs][:4]
    found = bound_fractions(work_of(workload), home.designs(indices), home)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    for row in range(len(indices)):
        result = breakdown(workload, home, home.designs(indices[row : row + 1]))
        times = result.layers.groupby("bound")["time_s"].sum() / result.layers["time_s"].sum()
        np.testing.assert_allclose(found[row], [times.get(bound, 0.0) for bound in BOUNDS], rtol=1e-9, atol=1e-12)


curves = st.lists(st.tuples(st.floats(0.001, 2), st.floats(0.001, 2)), min_size=1, max_size=30).map(
    lambda steps: (np.exp(np.cumsum([dx for dx, _ in steps])), np.exp(-np.cumsum([dy for _, dy in steps])))
)


@given(curve=curves)
def test_the_hull_lies_below_the_curve_and_its_elasticity_never_rises(curve):
    costs, losses = curve
    hull = marginal.hull_elasticities(costs, losses)
    assert (np.diff(hull) <= 1e-9).all()
    assert hull[-1] == 0
    assert (marginal.hull_at(costs, losses, costs) <= losses * (1 + 1e-9)).all()
    rows = marginal.hull_rows(costs, losses)
    np.testing.assert_allclose(marginal.hull_at(costs, losses, costs[rows]), losses[rows])
    assert {0, len(costs) - 1} <= set(rows.tolist())


@given(curve=curves, more=st.floats(0.01, 1), worth=st.floats(0.001, 0.5), maximise=st.booleans())
def test_beyond_the_mark_more_never_buys_what_is_worth_it(curve, more, worth, maximise):
    costs, losses = curve
    row = marginal.stops_paying(costs, losses, more_fraction=more, worth_fraction=worth, maximise=maximise)

    def buys(budgets):
        before, after = (losses[marginal.in_force(costs, each)] for each in (budgets, budgets * (1 + more)))
        return marginal.gain_fraction(before, after, maximise=maximise)

    beyond = np.concatenate([costs[row:], np.geomspace(costs[row], 2 * costs[-1], 500)])
    assert (buys(beyond) < worth).all()
    if row:
        just_below = costs[row] * (1 - 1e-9)
        assert buys(np.array([just_below]))[0] >= worth
