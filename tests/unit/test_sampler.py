"""The sampler that knows the model: what it hands out, to whom, and how it learns from a second opinion."""

import datetime
import pickle
from dataclasses import replace

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial

import dse
from dse.errors import NoFeasibleDesign
from dse.search import ladder, pareto, screen
from dse.search.correction import Correction, features
from dse.search.exact import exact_front
from dse.search.front import losses_of, score
from dse.search.handout import Handout
from dse.search.ladder import exact_seconds, known_front, with_standing
from dse.search.parameters import indices_of, suggest, values_of
from dse.search.sampler import UNDECLARED_S, ModelSampler
from dse.search.study import search

optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.fixture(scope="module")
def mlp():
    return dse.load_workload("mlp")


@pytest.fixture(scope="module")
def space():
    """A few thousand designs, three objectives, a front of about a hundred."""
    space = dse.load_space("edge")
    for name, values in (
        ("array_rows", "8,32,128"),
        ("array_cols", "8,32,128"),
        ("cores", "1,4"),
        ("frequency", "400MHz,1200MHz"),
        ("dataflow", "weight_stationary_double_buffered,output_stationary"),
        ("sram", "64KiB,256KiB,1MiB"),
        ("double_buffer", "true"),
        ("vector_lanes", "64"),
        ("node", "16nm,7nm"),
    ):
        space = space.with_values(name, values)
    return space


def study_of(sampler, space):
    return optuna.create_study(directions=["minimize"] * len(space.objectives), sampler=sampler)


def tell(study, trials, workload, space, tilt=lambda rows: 0.0):
    """Tell a study what the model says of its trials, tilted by a second opinion; returns rows and log losses."""
    rows = np.array([indices_of(space, trial.params) for trial in trials])
    scored = score(workload, space, rows)
    logs = np.log10(scored.losses) + tilt(rows)
    for row, trial in enumerate(trials):
        for limit in scored.limits:
            trial.set_constraint(limit.name, float(limit.excess[row]))
        study.tell(trial, logs[row].tolist())
    return rows, logs


def test_thirty_trials_hold_99_percent_of_a_chip_front(mlp, space):
    sampler = ModelSampler(mlp, space)
    exact = losses_of(exact_front(mlp, space).designs, space)
    rows = sampler.plan(study_of(sampler, space), 30)
    assert pareto.share(score(mlp, space, rows).losses, exact) >= 0.99


def test_thirty_trials_of_the_three_knobs_are_as_good_as_thirty_can_be(mlp):
    """The best 30 designs of all, by dynamic programming over the front (Kuhn et al., 2016), hold 98.7% of its volume."""
    space = dse.load_space("three_knobs")
    known = known_front(mlp, space, 0)
    logs, corner = np.log10(known.losses), np.log10(pareto.reference_point(known.losses))
    logs = logs[np.argsort(logs[:, 0])]
    height = corner[1] - logs[:, 1]
    best = (corner[0] - logs[:, 0]) * height
    for _ in range(29):
        gained = (logs[None, :, 0] - logs[:, None, 0]) * height[:, None] + best[None, :]
        gained[np.tril_indices(len(logs))] = -np.inf
        best = gained.max(axis=1)
    most = best.max() / pareto.hypervolume(known.losses, 10**corner)
    assert most == pytest.approx(0.987, abs=1e-3)
    sampler = ModelSampler(mlp, space)
    rows = sampler.plan(study_of(sampler, space), 30)
    assert pareto.share(score(mlp, space, rows).losses, known.losses) >= 0.999 * most


def test_ask_and_tell_never_repeats_and_the_same_seed_asks_the_same(mlp, space):
    asked = []
    for _ in range(2):
        sampler = ModelSampler(mlp, space, seed=4)
        study = study_of(sampler, space)
        rows = []
        for _ in range(40):
            trials = [study.ask(sampler.search_space) for _ in range(10)]
            rows.append(tell(study, trials, mlp, space)[0])
        asked.append(np.concatenate(rows))
    assert len(np.unique(asked[0], axis=0)) == len(asked[0]) == 400
    np.testing.assert_array_equal(asked[0], asked[1])


def test_the_front_comes_first_and_its_neighbours_next(mlp, space):
    front = exact_front(mlp, space)
    sampler = ModelSampler(mlp, space)
    rows = sampler.plan(study_of(sampler, space), len(front) + 40)
    first = {row.tobytes() for row in rows[: len(front)]}
    assert first == {row.tobytes() for row in front.indices}
    apart = np.abs(rows[len(front) :, None, :] - front.indices[None]) > 0
    assert (apart.sum(axis=2).min(axis=1) == 1).all()


def test_a_space_can_be_handed_out_to_the_last_design(mlp, space):
    small = space.with_values("sram", "256KiB").with_values("node", "7nm").with_values("memory", "lpddr4,lpddr5")
    sampler = ModelSampler(mlp, small)
    rows = sampler.plan(study_of(sampler, small), small.size)
    assert len(np.unique(rows, axis=0)) == small.size


def test_it_works_with_optimize_and_goes_on_with_a_study(mlp, space):
    def objective(trial):
        row = suggest(trial, space)
        return np.log10(score(mlp, space, np.array([row])).losses[0]).tolist()

    first = ModelSampler(mlp, space)
    study = study_of(first, space)
    study.optimize(objective, n_trials=10)
    storage = study._storage
    again = optuna.load_study(study_name=study.study_name, storage=storage, sampler=ModelSampler(mlp, space))
    again.optimize(objective, n_trials=15)
    rows = [tuple(indices_of(space, trial.params)) for trial in again.get_trials(deepcopy=False)]
    assert len(set(rows)) == len(rows) == 25
    fresh = ModelSampler(mlp, space)
    assert {tuple(row) for row in fresh.plan(study_of(fresh, space), 25).tolist()} == set(rows)


def test_trials_of_others_are_added_and_never_proposed_again(mlp, space):
    sampler = ModelSampler(mlp, space)
    best = sampler.plan(study_of(sampler, space), 5)
    study = study_of(ModelSampler(mlp, space), space)
    logs = np.log10(score(mlp, space, best).losses)
    study.add_trials(
        [
            create_trial(params=values_of(space, row), distributions=sampler.search_space, values=values)
            for row, values in zip(best.tolist(), logs.tolist(), strict=True)
        ]
    )
    trials = [study.ask(sampler.search_space) for _ in range(20)]
    rows = {tuple(indices_of(space, trial.params)) for trial in trials}
    assert len(rows) == 20
    assert not rows & {tuple(row) for row in best.tolist()}


def test_workers_that_have_not_said_what_they_try_are_left_their_design(mlp, space):
    """Workers begin trials before any of them names its design: each takes another one."""
    first, second = ModelSampler(mlp, space), ModelSampler(mlp, space)
    study = study_of(first, space)
    other = optuna.load_study(study_name=study.study_name, storage=study._storage, sampler=second)
    begun = [study.ask(), other.ask(), study.ask(), other.ask()]
    rows = [indices_of(space, trial.relative_params) for trial in begun]
    best = ModelSampler(mlp, space)
    assert rows == best.plan(study_of(best, space), 4).tolist()


def test_a_worker_that_is_gone_blocks_no_design(mlp, space):
    sampler = ModelSampler(mlp, space)
    study = study_of(sampler, space)
    gone = study._storage._get_trial(study.ask()._trial_id)
    gone.datetime_start = datetime.datetime.now() - datetime.timedelta(seconds=2 * UNDECLARED_S)
    best = ModelSampler(mlp, space)
    assert indices_of(space, study.ask(sampler.search_space).params) == best.plan(study_of(best, space), 1)[0].tolist()


def test_a_handout_passes_over_what_was_taken_and_what_others_will_take(mlp, space):
    order = Handout(workload=mlp, space=space, seed=0)
    rows = []
    for _ in range(6):
        rows.append(order.next())
        order.take(rows[-1])
    handout = Handout(workload=mlp, space=space, seed=0)
    handout.take(rows[1])
    np.testing.assert_array_equal(handout.next(), rows[0])
    np.testing.assert_array_equal(handout.next(skip=1), rows[2])
    handout.take(rows[0])
    np.testing.assert_array_equal(handout.next(skip=2), rows[4])


def test_failed_trials_and_enqueued_ones_are_skipped(mlp, space):
    sampler = ModelSampler(mlp, space)
    study = study_of(sampler, space)
    failed = study.ask(sampler.search_space)
    study.tell(failed, state=TrialState.FAIL)
    wanted = values_of(space, space.random_indices(1, seed=9)[0].tolist())
    study.enqueue_trial(wanted)
    asked = [study.ask(sampler.search_space) for _ in range(5)]
    assert asked[0].params == wanted
    rows = {tuple(indices_of(space, trial.params)) for trial in [failed, *asked]}
    assert len(rows) == 6


def test_infeasible_spaces_begin_at_the_nearest_design(mlp, space):
    tight = space.with_budget("price=1USD")
    sampler = ModelSampler(mlp, tight)
    rows = sampler.plan(study_of(sampler, tight), 12)
    prices = score(mlp, tight, rows).metrics.costs.price_usd
    everything = score(mlp, tight, tight.indices(np.arange(tight.size))).metrics.costs.price_usd
    assert prices[0] == everything.min()
    assert len(np.unique(rows, axis=0)) == 12


def test_a_copy_for_another_process_plans_the_same(mlp, space):
    sampler = ModelSampler(mlp, space, seed=2)
    copy = pickle.loads(pickle.dumps(sampler))
    np.testing.assert_array_equal(sampler.plan(study_of(sampler, space), 8), copy.plan(study_of(copy, space), 8))


def tilted(space):
    """A second opinion: machines with one dataflow are three times slower than the model says, those at 7 nm dearer."""
    at = [parameter.name for parameter in space.parameters].index("dataflow")

    def tilt(rows):
        slow = np.zeros((len(rows), len(space.objectives)))
        slow[:, 0] = np.where(rows[:, at] == 0, np.log10(3.0), 0.0)
        return slow

    return tilt


def test_a_second_opinion_that_tilts_the_model_is_learnt(mlp, space):
    """After the same number of trials the sampler that hears of it is nearer to the true front than the model's own order."""
    tilt = tilted(space)
    everything = space.indices(np.arange(space.size))
    scored = score(mlp, space, everything)
    kept = scored.feasible
    true = 10 ** (np.log10(scored.losses[kept]) + tilt(everything[kept]))
    best = true[pareto.nondominated(true)]

    def reached(hears):
        sampler = ModelSampler(mlp, space)
        study = study_of(sampler, space)
        found = []
        for _ in range(6):
            trials = [study.ask(sampler.search_space) for _ in range(10)]
            rows, logs = tell(study, trials, mlp, space, tilt if hears else lambda rows: 0.0)
            found.append(10 ** (logs if hears else logs + tilt(rows)))
        return pareto.share(np.concatenate(found), best)

    deaf, hearing = reached(hears=False), reached(hears=True)
    assert hearing > deaf
    assert 1 - hearing < 0.7 * (1 - deaf)


def test_agreement_is_not_corrected(mlp, space):
    handout = Handout(workload=mlp, space=space, seed=0)
    for _ in range(20):
        row = handout.next()
        handout.tell(row, np.log10(score(mlp, space, row[None]).losses[0]), feasible=True)
    assert handout.correction is None


def test_a_correction_knows_a_constant_a_slope_and_nothing():
    draw = np.random.default_rng(0)
    points = draw.random((60, 4))
    differences = np.column_stack([np.full(60, 0.2), 0.3 * points[:, 1] - 0.1, np.zeros(60)])
    at = draw.random((30, 4))
    found = Correction.of(points, differences).at(at)
    np.testing.assert_allclose(found[:, 0], 0.2, atol=1e-9)
    np.testing.assert_allclose(found[:, 1], 0.3 * at[:, 1] - 0.1, atol=5e-3)
    np.testing.assert_allclose(found[:, 2], 0.0, atol=1e-9)
    np.testing.assert_allclose(Correction.of(points[:1], differences[:1]).at(at)[:, 0], 0.2)


def test_features_lie_between_zero_and_one(space):
    found = features(space, space.random_indices(100, seed=0))
    assert found.min() >= 0.0
    assert found.max() <= 1.0


def test_the_ladder_takes_the_exact_rung_where_it_is_cheap(mlp, space):
    known = known_front(mlp, space, 0)
    assert known.is_exact
    assert known.why.startswith("exact")
    assert known_front(mlp, space, 5) is known
    assert exact_seconds(mlp, space) < ladder.EXACT_SECONDS


def test_the_ladder_screens_where_an_exact_front_is_dear(mlp, space, monkeypatch):
    monkeypatch.setattr(ladder, "EXACT_SECONDS", 0.0)
    monkeypatch.setattr(screen, "MOST_EVALUATIONS", 2000)
    ladder._kept.clear()
    found = search(mlp, space, trials=60)
    assert found.standing.why.startswith("vectorised search of 2,000 designs")
    assert found.standing.n_exact is None
    assert not found.designs["certified"].any()
    assert 0.9 < found.standing.share_of_best <= 1.0
    ladder._kept.clear()


def test_a_front_of_any_sampler_is_measured_against_the_exact_one(mlp, space):
    found = with_standing(search(mlp, space, trials=80, sampler="random"))
    exact = exact_front(mlp, space)
    losses, best = losses_of(found.designs, space), losses_of(exact.designs, space)
    assert found.standing.hypervolume_share == pareto.share(losses, best) < 1
    factors = (losses[:, None] / best[None]).max(axis=2).min(axis=0)
    assert found.standing.epsilon == pytest.approx(factors.max() - 1)
    members = {tuple(row) for row in best}
    np.testing.assert_array_equal(found.designs["certified"], [tuple(row) in members for row in losses])
    assert found.standing.n_certified == found.designs["certified"].sum()


def test_the_whole_front_is_certified_and_part_of_it_is_not(mlp, space):
    exact = exact_front(mlp, space)
    whole = search(mlp, space, trials=len(exact))
    assert whole.certificate.kind == "exact"
    assert (whole.standing.hypervolume_share, whole.standing.epsilon) == (1.0, 0.0)
    part = search(mlp, space, trials=len(exact) - 1)
    assert part.certificate.kind == "none"
    assert part.designs["certified"].all()
    assert part.standing.epsilon > 0


def test_interruption_while_the_front_is_sought_keeps_the_best_of_it(mlp, space, monkeypatch):
    def interrupted(*arguments, **options):
        found = exact_front(*arguments, **options)
        return replace(found, interrupted=True, certificate=replace(found.certificate, kind="none"))

    ladder._kept.clear()
    monkeypatch.setattr(ladder, "exact_front", interrupted)
    found = search(mlp, space, trials=400)
    assert found.interrupted
    assert 1 <= len(found) <= 50
    ladder._kept.clear()


def test_where_nothing_is_feasible_it_still_hands_out_designs(monkeypatch):
    """A screening that found no feasible design has no front to begin from: its neighbours of the nearest design come instead."""
    monkeypatch.setattr(ladder, "EXACT_SECONDS", 0.0)
    monkeypatch.setattr(screen, "MOST_EVALUATIONS", 500)
    space = dse.load_space("edge").with_budget("price=1USD")
    with pytest.raises(NoFeasibleDesign) as raised:
        dse.search(dse.load_workload("mlp"), space, trials=30)
    assert "none of the 30 designs" in str(raised.value)
