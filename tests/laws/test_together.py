"""Several workloads at once: what each is alone, what all are together, and the exact front of either kind of judging."""

from dataclasses import replace

import numpy as np
import pytest

import dse
from dse.errors import InputError, NoFeasibleDesign
from dse.hardware.goals import Budget
from dse.hardware.parameters import completed
from dse.model.evaluate import evaluate_designs
from dse.model.work import work_of
from dse.search import pareto
from dse.search.exact import exact_front
from dse.search.front import evaluate_many, losses_of, score
from dse.search.study import search
from dse.workload.together import combine

EDGE = dse.load_space("edge")
MLP, SPEECH, SNOWFLAKE = (dse.load_workload(name) for name in ("mlp", "speech", "snowflake"))
PARTS = {
    "mlp": replace(MLP, scenarios=MLP.scenarios[:3]),
    "speech": replace(SPEECH, scenarios=tuple(each for each in SPEECH.scenarios if each.name.startswith("keyword"))[:2]),
    "snowflake": SNOWFLAKE,
}
VALUES = {
    "array_rows": (4, 8, 16, 64),
    "array_cols": (4, 16, 32),
    "cores": (1, 4),
    "frequency": (2e8, 1e9),
    "dataflow": ("weight_stationary", "output_stationary", "input_stationary"),
    "sram": (2**14, 2**17, 2**20),
    "memory": ("ddr4", "lpddr5", "hbm2e"),
    "channels": (1, 2, 4),
    "vector_lanes": (0, 16),
    "node": (28.0, 7.0),
}


def some(draw, values):
    return tuple(values[at] for at in draw.choice(len(values), size=draw.integers(1, len(values) + 1), replace=False))


def problem(seed):
    """Two or three workloads with weights and perhaps targets, and a small space that judges by latency and more."""
    draw = np.random.default_rng(seed)
    names = draw.choice(list(PARTS), size=draw.integers(2, 4), replace=False)
    across = ("mean", "worst", "each")[seed % 3]
    targets = [[None, 1e-3][draw.integers(2)] for _ in names]
    workload = combine([PARTS[name] for name in names], weights=[1.0, 2.0, 0.7][: len(names)], across=across, targets_s=targets)
    space = replace(EDGE, parameters=completed({name: some(draw, values) for name, values in VALUES.items()}), budget=Budget())
    others = draw.choice(["energy", "price", "power"], size=draw.integers(0, 2), replace=False)
    return workload, space.with_objectives("latency", *map(str, others)), draw


def brute_force(workload, space):
    everything = score(workload, space, space.indices(np.arange(space.size)))
    losses = everything.losses[everything.feasible]
    return np.unique(losses[pareto.nondominated(losses)], axis=0)


@pytest.mark.parametrize("seed", range(30))
def test_the_exact_front_of_several_workloads_equals_brute_force(seed):
    workload, space, draw = problem(seed)
    if draw.random() < 0.5:
        metrics = evaluate_designs(work_of(workload), space.designs(space.indices(np.arange(space.size))), space)
        member, scenario = workload.members[0].name, workload.scenarios[-1].name
        for name, values in ((member, metrics.of_member("latency", member)), (scenario, metrics.latency_s[:, -1])):
            limit = float(np.quantile(values[np.isfinite(values)], 0.6, method="lower")) if np.isfinite(values).any() else 1.0
            space = replace(space, budget=space.budget.with_limit(f"latency.{name}", limit))
    try:
        front = exact_front(workload, space)
    except NoFeasibleDesign:
        assert not len(brute_force(workload, space))
        return
    expected = brute_force(front.workload, front.space)
    found = losses_of(front.designs, front.space)
    np.testing.assert_array_equal(found[np.lexsort(found.T[::-1])], expected)
    names = [objective.metric for objective in front.space.objectives]
    kinds = {"mean": ["latency"], "worst": ["slowdown"], "each": [f"latency:{member.name}" for member in workload.members]}
    assert names[: len(kinds[workload.across])] == kinds[workload.across]


def test_a_member_is_what_it_is_alone_and_the_whole_is_their_mean():
    weights = [1.0, 3.0]
    parts = [PARTS["mlp"], PARTS["speech"]]
    designs = EDGE.sample(200, seed=1)
    whole = evaluate_many(combine(parts, weights=weights), designs)
    alone = [evaluate_many(part, designs) for part in parts]
    for column in ("latency_s", "energy_j", "dram_bytes", "throughput_per_s"):
        for part, own in zip(parts, alone, strict=True):
            np.testing.assert_allclose(whole[f"{column}[{part.name}]"], own[column], rtol=1e-12)
    for column in ("latency_s", "energy_j", "dram_bytes"):
        np.testing.assert_allclose(whole[column], (alone[0][column] + 3 * alone[1][column]) / 4, rtol=1e-12)


def test_the_slowdown_is_the_worst_latency_over_the_least_of_each():
    parts = [PARTS["mlp"], PARTS["snowflake"]]
    small = replace(EDGE, parameters=completed({name: values[:2] for name, values in VALUES.items()}))
    front = exact_front(parts, small.with_objectives("latency", "price"), across="worst")
    every = small.frame(small.indices(np.arange(small.size)))
    alone = [evaluate_many(part, every, small) for part in parts]
    least = [table["latency_s"][table["feasible"]].min() for table in alone]
    assert [member.target_s for member in front.workload.members] == pytest.approx(least)
    worst = np.max([table["latency_s"] / best for table, best in zip(alone, least, strict=True)], axis=0)
    kept = (alone[0]["feasible"] & alone[1]["feasible"]).to_numpy()
    assert front.designs["slowdown"].min() == pytest.approx(worst[kept].min())
    assert front.designs["slowdown"].min() >= 1.0


def test_a_free_batch_is_judged_across_workloads_too():
    auto = replace(PARTS["snowflake"].scenarios[0], name="alexnet@auto", batch=1, auto=(1, 4))
    parts = [PARTS["mlp"], replace(PARTS["snowflake"], scenarios=(auto,))]
    small = replace(EDGE, parameters=completed({name: values[:2] for name, values in VALUES.items()}))
    front = exact_front(parts, small.with_objectives("latency", "price"), across="each")
    found = losses_of(front.designs, front.space)
    np.testing.assert_array_equal(np.unique(found, axis=0), brute_force(front.workload, front.space))


def test_search_takes_several_workloads():
    given = {name: values[: 3 if name in ("array_rows", "sram") else 1] for name, values in VALUES.items()}
    small = replace(EDGE, parameters=completed(given)).with_objectives("latency", "price")
    parts = [PARTS["mlp"], PARTS["speech"]]
    front, exact = search(parts, small, across="each", trials=small.size), exact_front(parts, small, across="each")
    np.testing.assert_array_equal(losses_of(front.designs, front.space), losses_of(exact.designs, exact.space))
    assert list(front.reference_by_objective) == ["latency:mlp", "latency:speech", "price"]


def test_what_cannot_stand_together_is_refused():
    pair = combine([PARTS["mlp"], PARTS["speech"]])
    with pytest.raises(InputError, match="stands twice"):
        combine([PARTS["mlp"], PARTS["mlp"]])
    with pytest.raises(InputError, match="made of several"):
        combine([pair, PARTS["snowflake"]])
    with pytest.raises(InputError, match="more than zero"):
        combine([PARTS["mlp"], PARTS["speech"]], weights=[1.0, 0.0])
    with pytest.raises(InputError, match="at most 4"):
        exact_front(combine(list(PARTS.values()), across="each"), EDGE.with_objectives("latency", "energy", "price"))
    with pytest.raises(InputError, match="judges by latency"):
        exact_front(replace(pair, across="worst"), EDGE.with_objectives("energy", "price"))
    with pytest.raises(InputError, match="did you mean 'speech'"):
        exact_front(pair, EDGE.with_objectives("latency:speach", "price"))
    with pytest.raises(InputError, match="needs several workloads"):
        exact_front(PARTS["mlp"], EDGE.with_objectives("slowdown", "price"))
    with pytest.raises(InputError, match="needs several workloads"):
        exact_front(PARTS["mlp"], EDGE, across="worst")


def test_scenarios_of_one_name_are_told_apart():
    other = replace(PARTS["mlp"], name="other")
    names = [scenario.name for scenario in combine([PARTS["mlp"], other]).scenarios]
    assert names[0] == f"mlp/{PARTS['mlp'].scenarios[0].name}"
    assert len(set(names)) == 6
