"""The Optuna search and the exhaustive front against brute force."""

import importlib.util

import numpy as np
import pytest

import dse
from dse.cli.search import SamplerName
from dse.errors import InputError, NoFeasibleDesign
from dse.hardware.parameters import Parameter
from dse.search import pareto
from dse.search.exact import exact_front
from dse.search.front import evaluate_many, losses_of
from dse.search.parameters import index_of
from dse.search.study import SAMPLERS, search


@pytest.fixture(scope="module")
def mlp():
    return dse.load_workload("mlp")


@pytest.fixture(scope="module")
def small():
    space = dse.load_space("three_knobs")
    for name, values in (("compute_units", "256,1024,4096"), ("bandwidth", "4GB/s,16GB/s,64GB/s"), ("sram", "64KiB,512KiB,4MiB")):
        space = space.with_values(name, values)
    return space


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name != "gp"])
def test_every_sampler_finds_the_whole_front_of_a_small_space(mlp, small, sampler):
    exact = exact_front(mlp, small)
    found = search(mlp, small, trials=400, sampler=sampler, seed=1)
    assert found.certificate.kind == exact.certificate.kind == "exact"
    assert found.certificate.designs_covered == exact.certificate.designs_covered == small.size
    assert len(found.trials) <= 400
    np.testing.assert_array_equal(losses_of(found.designs, small), losses_of(exact.designs, small))


@pytest.mark.parametrize(
    "objectives",
    [("latency",), ("latency", "price"), ("throughput", "area", "energy"), ("latency", "energy", "price", "power")],
)
def test_exact_front_equals_brute_force(monkeypatch, mlp, small, objectives):
    monkeypatch.setattr("dse.search.exact.BOXES_AT_ONCE", 7)
    space = small.with_objectives(*objectives).with_budget("price=15USD")
    table = space.frame(space.indices(np.arange(space.size)))
    metrics = evaluate_many(mlp, table, space)
    feasible = metrics[metrics["feasible"]]
    losses = losses_of(feasible, space)
    expected = {tuple(row) for row in losses[pareto.nondominated(losses)]}
    assert {tuple(row) for row in losses_of(exact_front(mlp, space).designs, space)} == expected


def test_same_seed_same_front(mlp):
    space = dse.load_space("edge")
    first, second = (search(mlp, space, trials=150, seed=5, sampler="nsga2") for _ in range(2))
    assert first.designs.equals(second.designs)
    assert not first.designs.equals(search(mlp, space, trials=150, seed=6, sampler="nsga2").designs)


def test_front_is_mutually_non_dominated_and_in_budget(mlp):
    space = dse.load_space("edge").with_budget("price=15USD", "latency.dlrm@b1=5ms")
    front = search(mlp, space, trials=300, sampler="nsga2")
    losses = losses_of(front.designs, space)
    assert pareto.nondominated(losses).all()
    again = evaluate_many(mlp, front.designs, space, per_scenario=True)
    assert again["feasible"].all()
    assert (again["price_usd"] <= 15).all()
    assert (again["latency_s[dlrm@b1]"] <= 5e-3).all()
    np.testing.assert_array_equal(again["latency_s"], front.designs["latency_s"])
    assert front.designs["knee"].sum() == 1


def test_nothing_feasible_names_the_nearest_and_the_limit(mlp, small):
    with pytest.raises(NoFeasibleDesign) as caught:
        search(mlp, small.with_budget("price=2.5USD"), trials=200)
    assert caught.value.nearest["compute_units"] == 256
    (violation,) = caught.value.violations
    assert violation.quantity == "price"
    assert violation.value > violation.limit == 2.5
    with pytest.raises(NoFeasibleDesign):
        exact_front(mlp, small.with_budget("price=2.5USD"))


@pytest.mark.parametrize("trials", [1, 26, 27, 28, 90])
@pytest.mark.parametrize("sampler", ["model", "nsga2", "qmc"])
def test_trials_that_cover_a_space_leave_no_design_out(mlp, small, trials, sampler):
    found = search(mlp, small, trials=trials, sampler=sampler)
    assert len(found.trials) <= trials
    assert found.certificate.designs_covered <= small.size == 27
    if sampler != "model":  # which knows the front before it has tried it all
        assert (found.certificate.kind == "exact") == (trials >= small.size)
    if trials >= small.size:
        np.testing.assert_array_equal(losses_of(found.designs, small), losses_of(exact_front(mlp, small).designs, small))


def test_a_known_chip_is_evaluated_once(mlp):
    found = search(mlp, dse.load_space("tpu_v1"), trials=2000)
    assert len(found.trials) == 1
    assert found.certificate.statement == "certified: the space holds this one design"


def test_interruption_keeps_what_was_found(mlp):
    def stop(progress):
        if progress.done >= 100:
            raise KeyboardInterrupt

    front = search(mlp, dse.load_space("edge"), trials=1000, sampler="nsga2", on_progress=stop)
    assert front.interrupted
    assert len(front.trials) == 100
    assert len(front) >= 1


def test_gp_without_torch_says_what_to_install(mlp, small):
    if importlib.util.find_spec("torch"):
        assert len(search(mlp, small, trials=12, sampler="gp")) >= 1
    else:
        with pytest.raises(InputError, match=r"dse\[gp\]"):
            search(mlp, small, trials=12, sampler="gp")


def test_the_command_line_offers_every_sampler():
    assert {name.value for name in SamplerName} == set(SAMPLERS)


def test_throughput_is_made_large(mlp, small):
    space = small.with_objectives("throughput")
    table = space.frame(space.indices(np.arange(space.size)))
    metrics = evaluate_many(mlp, table, space)
    (best,) = exact_front(mlp, space).designs["throughput_per_s"]
    assert best == metrics.loc[metrics["feasible"], "throughput_per_s"].max()


def test_values_between_steps_snap_in_ratio():
    """4 lies nearer to 10 than to 1 in ratio, and the other way round in difference."""
    assert index_of(Parameter("cores", (1, 10, 100)), 4.0) == 1
    assert index_of(Parameter("memory", ("ddr4", "lpddr5")), "lpddr5") == 1


@pytest.mark.parametrize("options", [{"trials": 0}, {"trials": -5}, {"sampler": "nsga4"}, {"seed": -1}, {"seed": 2**32}])
def test_a_search_that_cannot_be(mlp, small, options):
    with pytest.raises(InputError, match=r"trial|nsga3|seed"):
        search(mlp, small, **{"trials": 10, **options})


def test_what_a_notebook_shows_is_one_line(mlp, small):
    chip = dse.load_design("tpu_v1")
    front = search(mlp, small, trials=30)
    curve = dse.reuse_curve(dse.Gemm(m=64, n=64, k=64), bytes_per_element=1)
    for value in (mlp, small, chip, front, dse.evaluate(mlp, chip), curve):
        assert "\n" not in repr(value)
        assert len(repr(value)) < 400, repr(value)
    assert "27 designs" in repr(small)
