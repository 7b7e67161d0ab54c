"""The Optuna search and the exhaustive front against brute force."""

import contextlib
import importlib.util
import signal

import numpy as np
import optuna
import pandas as pd
import pytest

import dse
from dse.cli.search import SamplerName
from dse.errors import InputError, NoFeasibleDesign
from dse.hardware.parameters import Parameter
from dse.search import hunt, pareto, study
from dse.search.evaluator import evaluator_named
from dse.search.exact import exact_front
from dse.search.front import evaluate_many, losses_of
from dse.search.hunt import Hunt
from dse.search.interrupts import Interrupts
from dse.search.ledger import changed
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
    assert 100 <= len(front.trials) < 150
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


def test_a_design_that_comes_again_costs_no_trial(mlp, monkeypatch):
    """As many different designs as were asked for, each evaluated once; what came again was answered from what was known."""
    space = dse.load_space("three_knobs").with_values("sram", "64KiB,512KiB,4MiB").with_values("bandwidth", "4GB/s,16GB/s")
    evaluated, asked = [], []
    score, tell = study.Ledger.model, hunt.Hunt._tell
    monkeypatch.setattr(
        study.Ledger, "model", lambda self, indices: evaluated.extend(map(bytes, indices)) or score(self, indices)
    )
    monkeypatch.setattr(hunt.Hunt, "_tell", lambda self, trials, answer: asked.extend(trials) or tell(self, trials, answer))
    found = search(mlp, space, trials=100, sampler="tpe")
    assert len(found.trials) == len(evaluated) == len(set(evaluated)) == 100
    assert found.record.repeats == len(asked) - 100 > 0
    assert found.certificate.designs_covered == 100
    assert found.record.reproducible.startswith("same inputs")


def test_results_that_do_not_differ_are_counted_once(mlp, small):
    """A design whose every metric is that of another adds no result."""
    ledger = study.Ledger(workload=mlp, space=small)
    ledger.keep(ledger.model(small.indices(np.arange(5))), [], "this run")
    assert (ledger.distinct, ledger.different()) == (5, 5)
    ledger.batches.append(ledger.batches[0])
    assert ledger.different() == 5


class Judge:
    """An evaluator that remembers whom it was asked about."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def __call__(self, design):
        self.asked.append(design)
        return self.answer(design)


def test_an_evaluator_is_asked_once_about_each_design_and_believed(mlp, small):
    judge = Judge(lambda design: {"latency_s": 1e-3 / design["compute_units"], "area_mm2": 5})
    found = search(mlp, small, trials=20, evaluator=judge)
    assert len(judge.asked) == len({tuple(design.values()) for design in judge.asked}) == len(found.trials) == 20
    assert set(judge.asked[0]) == {"compute_units", "sram_bytes", "bandwidth_bytes_per_s"}
    assert all(type(value) is int for value in (judge.asked[0]["compute_units"], judge.asked[0]["sram_bytes"]))
    trials = found.trials
    np.testing.assert_array_equal(trials["latency_s"], 1e-3 / trials["compute_units"])
    again = evaluate_many(mlp, trials, small)
    np.testing.assert_array_equal(trials["latency_s_model"], again["latency_s"])
    np.testing.assert_array_equal(trials["price_usd"], again["price_usd"])
    assert (trials["area_mm2"] == 5).all()
    assert "price_usd_model" not in trials.columns
    assert (trials["evaluator_status"] == "ok").all()
    kept = trials[trials["feasible"]]
    losses = losses_of(kept, small)
    expected = {tuple(row) for row in losses[pareto.nondominated(losses)]}
    assert {tuple(row) for row in losses_of(found.designs, small)} == expected
    assert (found.designs["latency_s"] < found.designs["latency_s_model"]).all()
    assert found.record.opinions["ok"] == 20
    assert "evaluator" in found.record.reproducible


def test_samplers_are_told_what_the_evaluator_said(mlp, small, monkeypatch):
    told = []
    tell = hunt.Hunt._tell
    monkeypatch.setattr(hunt.Hunt, "_tell", lambda self, trials, answer: told.append(answer.logs) or tell(self, trials, answer))
    search(mlp, small.with_objectives("latency", "throughput"), trials=5, evaluator=lambda design: {"throughput_per_s": 1000.0})
    assert len(told) >= 5
    assert {logs[1] for logs in told} == {-3.0}
    assert all(logs[0] not in (3.0, -3.0) for logs in told)


def test_an_evaluator_may_fail_and_is_never_fatal(mlp, small):
    def answer(design):
        match design["compute_units"]:
            case 256:
                raise RuntimeError("no licence")
            case 1024:
                return {"latency": 1.0}
            case _:
                return {"latency_s": np.float64(1.0) if design["sram_bytes"] < 2**20 else float("inf")}

    found = search(mlp, small, trials=27, evaluator=answer)
    trials = found.trials.set_index("compute_units")
    assert set(trials.loc[256, "evaluator_status"]) == {"failed"}
    assert trials.loc[256, "evaluator_message"].str.contains(r"RuntimeError: no licence \(test_study.py:\d+\)").all()
    assert set(trials.loc[1024, "evaluator_status"]) == {"bad_value"}
    assert trials.loc[1024, "evaluator_message"].str.contains("did you mean 'latency_s'").all()
    assert (trials.loc[[256, 1024], "latency_s"] == trials.loc[[256, 1024], "latency_s_model"]).all()
    refused = trials[trials["latency_s"] == np.inf]
    assert set(refused.index) == {4096}
    assert not refused["feasible"].any()
    assert found.record.opinions == {"ok": 9, "failed": 9, "timed_out": 0, "bad_value": 9}
    assert np.isfinite(found.designs["latency_s"]).all()


@pytest.mark.parametrize(
    "answer", [None, 3.0, {}, {"latency_s": "fast"}, {"latency_s": -1.0}, {"latency_s": float("nan")}, {2: 1}]
)
def test_what_is_no_opinion(answer):
    opinion = evaluator_named(lambda design: answer).opinion({})
    assert opinion.status == "bad_value"
    assert opinion.message.startswith("it returned")


def test_nothing_that_the_evaluator_accepts(mlp, small):
    with pytest.raises(NoFeasibleDesign) as caught:
        search(mlp, small, trials=27, evaluator=lambda design: {"latency_s": float("inf")})
    assert {violation.quantity for violation in caught.value.violations} == {"refused_by_evaluator"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"evaluator": "sim.cycles"}, "names no function"),
        ({"evaluator": lambda design: {}, "evaluator_timeout_s": 1.0}, "MODULE:FUNCTION"),
        ({"evaluator": "sim:cycles", "evaluator_timeout_s": 0.0}, "no time"),
    ],
)
def test_an_evaluator_that_cannot_be(mlp, small, options, said):
    with pytest.raises(InputError, match=said):
        search(mlp, small, trials=5, **options)


def test_a_search_goes_on_from_an_earlier_one(mlp, monkeypatch):
    """Its designs are there, none is tried twice, and a genetic sampler breeds from them at once."""
    space = dse.load_space("edge")
    first = search(mlp, space, trials=100, sampler="nsga2")
    bred = []
    select = optuna.samplers.NSGAIISampler.select_parent
    monkeypatch.setattr(
        optuna.samplers.NSGAIISampler,
        "select_parent",
        lambda self, study, generation: bred.append(generation) or select(self, study, generation),
    )
    more = search(mlp, space, trials=50, sampler="nsga2", earlier=first.trials)
    assert bred[0] == 1
    assert len(more.trials) == 150
    pd.testing.assert_frame_equal(more.trials[first.trials.columns].head(100), first.trials)
    assert not more.trials.duplicated([parameter.column for parameter in space.free_parameters]).any()
    assert more.record.earlier == 100
    assert "earlier run" in more.record.reproducible
    with pytest.raises(InputError, match="the space has no sram_bytes"):
        search(mlp, space.with_values("sram", "128KiB"), trials=5, earlier=first.trials)


def test_opinions_of_an_earlier_search_are_kept_and_not_asked_for_again(mlp, small):
    judge = Judge(lambda design: {"latency_s": 1e-3 / design["compute_units"]})
    first = search(mlp, small, trials=10, evaluator=judge)
    more = search(mlp, small, trials=5, evaluator=judge, earlier=first.trials)
    assert len(judge.asked) == 15
    np.testing.assert_array_equal(more.trials["latency_s"], 1e-3 / more.trials["compute_units"])
    assert changed(first.trials, more.trials) == 0
    assert changed(first.trials.assign(latency_s_model=1.0), more.trials) == 10


def test_a_sampler_that_plans_is_not_asked_trial_by_trial(mlp, monkeypatch):
    space, seen = dse.load_space("edge"), []

    class Planned(optuna.samplers.RandomSampler):
        def plan(self, study, n):
            seen.append(len(study.get_trials(deepcopy=False)))
            return space.random_indices(n, seed=len(seen) // 2)

    monkeypatch.setattr(study, "_sampler", lambda *_: Planned())
    monkeypatch.setattr(optuna.Study, "ask", lambda *given: pytest.fail("asked"))
    found = search(mlp, space, trials=150)
    assert len(found.trials) == 150
    assert seen[:3] == [0, 50, 100]
    assert found.record.repeats > 0


def test_ctrl_c_that_something_forgets_ends_the_search_all_the_same(mlp, monkeypatch):
    """As the callback of a weak reference forgets what is raised in it."""
    evaluate = Hunt._evaluate

    def forgets(self, *given):
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        evaluate(self, *given)

    monkeypatch.setattr(Hunt, "_evaluate", forgets)
    found = search(mlp, dse.load_space("three_knobs"), trials=200, sampler="random")
    assert found.interrupted
    assert 0 < len(found.trials) <= hunt.BATCH


def test_ctrl_c_waits_for_the_end_of_what_is_shielded_and_a_second_one_does_not():
    interrupts, done = Interrupts(), []

    def work(name):
        with interrupts.watched(), interrupts.shielded():
            signal.raise_signal(signal.SIGINT)
            done.append(name)

    for name in ("first", "second"):
        with pytest.raises(KeyboardInterrupt):
            work(name)
    assert done == ["first"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
