"""Budget curves by hand: elasticities, the hull, where more stops paying, and who takes what share of a price."""

from dataclasses import replace

import numpy as np
import pytest

import dse
from dse.cli.budget import ResourceName, WantedName
from dse.errors import InputError, NoFeasibleDesign
from dse.hardware.cost import component_costs
from dse.hardware.shares import RESOURCES, shares
from dse.report.budget_view import budget_view
from dse.report.budget_words import verdict
from dse.search import marginal, tradeoff
from dse.search.budget import WANTED

MLP, EDGE, DATACENTER, KNOBS = dse.load_workload("mlp"), *map(dse.load_space, ("edge", "datacenter", "three_knobs"))
COSTS, LOSSES = np.array([1.0, 2.0, 4.0, 8.0]), np.array([16.0, 12.0, 4.0, 3.0])


def one(space, **values):
    for name, value in values.items():
        space = space.with_values(name, value)
    return space


FEW_KNOBS = one(KNOBS, compute_units="64,1024", bandwidth="1GB/s,10GB/s", sram="16KiB,1MiB")


def test_elasticity_is_percent_for_percent():
    """From 1 to 2 USD the loss falls by 3/4: log2(4/3) = 0.415; to 4 USD by 1/3: log2(3) = 1.585; to 8 USD 3/4."""
    np.testing.assert_allclose(marginal.elasticities(COSTS, LOSSES), [0.4150375, 1.5849625, 0.4150375, 0.0], rtol=1e-6)


def test_the_hull_leaves_out_what_lies_above_a_straight_line():
    """From 1 to 4 USD the loss falls by 4 = 4^1: on that line it would be 8 at 2 USD, and 12 lies above."""
    assert marginal.hull_rows(COSTS, LOSSES).tolist() == [0, 2, 3]
    np.testing.assert_allclose(marginal.hull_elasticities(COSTS, LOSSES), [1.0, 1.0, 0.4150375, 0.0], rtol=1e-6)
    np.testing.assert_allclose(marginal.hull_at(COSTS, LOSSES, np.array([0.5, 2.0, 4.0, 99.0])), [16.0, 8.0, 4.0, 3.0])


@pytest.mark.parametrize(("worth", "stop"), [(0.01, 3), (0.25, 3), (0.26, 2), (0.66, 2), (0.67, 0)])
def test_where_twice_the_budget_stops_paying(worth, stop):
    """Twice the budget just below 8, 4 and 2 USD reaches one step: it saves 1/4, 2/3 and 1/4."""
    assert marginal.stops_paying(COSTS, LOSSES, more_fraction=1.0, worth_fraction=worth, maximise=False) == stop


def test_a_laminate_is_shared_by_area_and_dram_is_memory():
    """Die, package and test by area; all on a laminate, so that DRAM carries neither."""
    space = one(EDGE, array_rows="32", array_cols="32", cores="1", sram="1MiB", memory="lpddr4", channels="2", node="16nm")
    designs = space.designs(np.zeros((1, len(space.parameters)), dtype=np.int64))
    costs, found = component_costs(designs, space), shares(designs, space, "price")
    areas, prices = ({name: part[0] for name, part in each.items()} for each in (costs.area_parts_mm2, costs.price_parts_usd))
    on_die = (prices["die"] + prices["package"]) * 1.10 / sum(areas.values())
    assert space.technology.manufacturing.test_fraction.value == 0.10
    assert found["sram"][0] == pytest.approx(areas["sram"] * on_die)
    assert found["compute"][0] == pytest.approx((areas["array"] + areas["vector"]) * on_die)
    assert found["bandwidth"][0] == pytest.approx(areas["memory"] * on_die)
    assert found["memory"][0] == pytest.approx(prices["dram"])


def test_an_interposer_is_shared_with_the_stacks_and_lost_stacks_are_memory():
    space = one(DATACENTER, array_rows="128", array_cols="128", cores="8", precision="int8", sram="32MiB", memory="hbm3")
    space = one(space, channels="4", vector_lanes="1024", node="7nm")
    designs = space.designs(np.zeros((1, len(space.parameters)), dtype=np.int64))
    costs, found = component_costs(designs, space), shares(designs, space, "price")
    prices, die_mm2, made = {name: part[0] for name, part in costs.price_parts_usd.items()}, costs.area_mm2[0], 1.10
    technology = space.technology
    survive = technology.manufacturing.interposer.bonding_yield * technology.manufacturing.organic.bonding_yield
    stacks = 4 * technology.memories["hbm3"].footprint_mm2.value
    slab = prices["package"] - (prices["die"] + prices["dram"]) * (1 / survive - 1)
    assert found["memory"][0] == pytest.approx(prices["dram"] * (1 + made * (1 / survive - 1)))
    block = made * (prices["die"] / survive / die_mm2 + slab / (die_mm2 + stacks))
    assert found["sram"][0] == pytest.approx(costs.area_parts_mm2["sram"][0] * block)
    interposer = made * slab * stacks / (die_mm2 + stacks)
    assert found["bandwidth"][0] == pytest.approx(costs.area_parts_mm2["memory"][0] * block + interposer)


def test_three_knobs_by_hand():
    """64 units, 1 GB/s and 16 KiB: 0.0064 + 0.264 + 0.21/64 USD on a base of 2 USD; each step tells what was bought."""
    curve = dse.budget_curve(MLP, FEW_KNOBS)
    first = curve.steps.iloc[0]
    assert first["price_usd"] == pytest.approx(2 + 0.0064 + 0.264 + 0.21 / 64)
    assert first["split_usd[sram]"] == pytest.approx(0.21 / 64)
    assert first["split_usd[other]"] == 2
    assert first["change"] == ""
    assert all("->" in change for change in curve.steps["change"][1:])
    assert curve.steps["change"].iloc[1] == "compute_units 64 -> 1024"
    gain = 1 - curve.values[1] / curve.values[0]
    assert first["next_gain_fraction"] == pytest.approx(gain)
    assert first["gain_percent_per_usd"] == pytest.approx(100 * gain / (curve.costs[1] - curve.costs[0]))
    assert curve.result(0).latency_s == pytest.approx(curve.values[0])
    assert curve.at("2.3 USD")["price_usd"] == curve.costs[0]


def test_names_of_the_command_line_are_those_of_the_library():
    assert tuple(ResourceName) == RESOURCES
    assert tuple(WantedName) == WANTED


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"from_": "50USD", "to": "10USD"}, "the first is the larger"),
        ({"from_": "10W"}, "of='power'"),
        ({"to": "10"}, "no unit"),
        ({"of": "weight"}, "no budget of 'weight'"),
        ({"objective": "price"}, "no budget curve of 'price'"),
        ({"points": 1}, "2 or more"),
        ({"worth_fraction": 0.0}, "more than zero"),
        ({"from_": -1.0}, "more than zero"),
    ],
)
def test_what_makes_no_sense_is_said(options, said):
    with pytest.raises(InputError, match=said):
        dse.budget_curve(MLP, FEW_KNOBS, **options)


def test_too_little_tells_what_the_cheapest_costs():
    with pytest.raises(NoFeasibleDesign, match=r"cheapest design that keeps the other limits takes 2\.27 USD") as caught:
        dse.budget_curve(MLP, FEW_KNOBS, to="1USD")
    assert caught.value.nearest["compute_units"] == 64


def test_beyond_the_dearest_the_curve_is_flat():
    curve = dse.budget_curve(MLP, FEW_KNOBS, from_="1USD", to="500USD", points=3)
    whole = dse.budget_curve(MLP, FEW_KNOBS)
    assert curve.steps.equals(whole.steps)
    said = " ".join(verdict(budget_view(curve)))
    assert f"Below {whole.cheapest:.2f} USD no design" in said
    assert f"From {whole.dearest:.2f} USD on the curve is flat" in said
    assert curve.samples["budget_usd"].iloc[-1] == 500
    with pytest.raises(InputError, match="outside"):
        curve.at(501.0)
    beyond = dse.budget_curve(MLP, FEW_KNOBS, from_="100USD")
    assert (len(beyond), beyond.from_value, beyond.to_value) == (1, 100.0, 100.0)


def test_out_of_time_a_search_takes_over(monkeypatch):
    monkeypatch.setattr(tradeoff, "TRIALS", 100)
    curve = dse.budget_curve(MLP, EDGE, seconds=0.0, to="15USD")
    assert (curve.certificate.kind, curve.sampler.split(" and ")[0]) == ("none", "exact")
    assert (np.diff(curve.values) < 0).all()
    assert "was found" in " ".join(verdict(budget_view(curve)))


def test_a_free_batch_is_searched_where_all_designs_take_too_long(monkeypatch):
    free = replace(MLP, scenarios=tuple(replace(scenario, auto=(1, 2)) for scenario in MLP.scenarios[:1]))
    assert dse.budget_curve(free, FEW_KNOBS).certificate.kind == "exact"
    monkeypatch.setattr(tradeoff, "TIMED_DESIGNS", 1000)
    monkeypatch.setattr(tradeoff, "TRIALS", 100)
    curve = dse.budget_curve(free, one(KNOBS, frequency="800MHz,1GHz"), seconds=1e-6)
    assert (curve.certificate.kind, curve.sampler) == ("none", "model")


def test_control_c_keeps_what_is_known():
    calls = []

    def stop(*now):
        calls.append(now)
        if len(calls) == 2:
            raise KeyboardInterrupt

    curve = dse.budget_curve(MLP, EDGE, on_progress=stop)
    assert curve.interrupted
    assert curve.certificate.kind != "exact"
    assert len(curve) > 1
