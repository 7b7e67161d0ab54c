"""The vectorised search, and the order in which its designs are handed out."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dse
from dse.search import pareto, pool
from dse.search.balance import balanced
from dse.search.exact import exact_front
from dse.search.front import losses_of, score
from dse.search.gains import by_gain, evenly, thinned
from dse.search.moves import Axes
from dse.search.pool import Pool, keys
from dse.search.screen import screen


@pytest.fixture(scope="module")
def mlp():
    return dse.load_workload("mlp")


@pytest.fixture(scope="module")
def edge():
    """60,000 designs of every kind: two dataflows, both kinds of buffer, three memories."""
    space = dse.load_space("edge")
    for name, values in (
        ("array_rows", "8,16,32,64,128"),
        ("array_cols", "8,16,32,64,128"),
        ("frequency", "400MHz,800MHz,1200MHz"),
        ("dataflow", "weight_stationary_double_buffered,output_stationary"),
        ("sram", "64KiB,256KiB,512KiB,1MiB,4MiB"),
        ("vector_lanes", "64"),
        ("node", "16nm,7nm"),
    ):
        space = space.with_values(name, values)
    return space


@pytest.fixture(scope="module")
def knobs(mlp):
    """The three-knob space and its exact front."""
    space = dse.load_space("three_knobs")
    return space, exact_losses(mlp, space)


def exact_losses(workload, space):
    return losses_of(exact_front(workload, space).designs, space)


@pytest.mark.parametrize(
    ("objectives", "budget"),
    [(("latency", "energy", "price"), ()), (("throughput", "area"), ()), (("energy",), ("latency=50ms",))],
)
def test_the_engine_finds_the_exact_hypervolume_of_a_chip_space(mlp, edge, objectives, budget):
    space = edge.with_objectives(*objectives).with_budget(*budget)
    exact = exact_losses(mlp, space)
    found = screen(mlp, space, seed=1, most=12_000)
    assert found.evaluated <= 12_000 < space.size
    if len(objectives) > 1:
        assert pareto.share(found.losses, exact) >= 0.999
    assert pareto.epsilon(found.losses, exact) <= 0.02


def test_the_engine_finds_the_exact_hypervolume_of_a_three_knob_space(mlp, knobs):
    space, exact = knobs
    found = screen(mlp, space, most=8_000)
    assert pareto.share(found.losses, exact) >= 0.999


def test_a_tight_budget_is_no_obstacle(mlp, edge):
    """Under one design in a thousand keeps the limits; none of the first thousand drawn does."""
    space = edge.with_budget("price=8.3USD", "latency=5.6ms", "power=2.6W")
    drawn = score(mlp, space, space.random_indices(10_000, seed=0))
    assert len(drawn.feasible) / 10_000 < 1e-3
    exact = exact_losses(mlp, space)
    found = screen(mlp, space, seed=3, most=12_000)
    assert found.feasible > 0
    assert pareto.share(found.losses, exact) >= 0.999


def test_nothing_feasible_leaves_the_nearest(mlp, edge):
    space = edge.with_budget("price=1USD")
    found = screen(mlp, space, most=6_000)
    assert len(found.rows) == found.feasible == 0
    nearest = score(mlp, space, found.nearest[None]).metrics.costs.price_usd[0]
    drawn = score(mlp, space, space.random_indices(2_000, seed=0)).metrics.costs.price_usd
    assert nearest <= drawn.min()


def test_the_same_seed_finds_the_same(mlp, edge):
    first, second, other = (screen(mlp, edge, seed=seed, most=3_000) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first.rows, second.rows)
    assert not np.array_equal(first.rows, other.rows)


def test_what_is_returned_is_a_front_of_feasible_designs(mlp, edge):
    found = screen(mlp, edge, most=5_000)
    scored = score(mlp, edge, found.rows)
    assert len(scored.feasible) == len(found.rows)
    np.testing.assert_array_equal(scored.losses, found.losses)
    assert pareto.nondominated(found.losses).all()


def test_a_pool_evaluates_nothing_twice_and_keeps_its_budget(mlp, edge, monkeypatch):
    seen = []
    monkeypatch.setattr(pool, "score", lambda w, s, rows: seen.extend(keys(rows)) or score(w, s, rows))
    screen(mlp, edge, most=3_000)
    assert len(seen) == len(set(seen)) <= 3_000
    assert len(seen) > 2_500


def test_a_small_space_is_evaluated_whole(mlp):
    space = dse.load_space("three_knobs").with_values("sram", "64KiB,1MiB").with_values("bandwidth", "4GB/s,64GB/s")
    found = screen(mlp, space)
    assert found.exhausted
    assert found.evaluated == space.size
    np.testing.assert_array_equal(found.losses, exact_losses(mlp, space))


def test_balanced_designs_beat_as_many_random_ones(mlp, knobs):
    """Two dozen designs where the money is balanced hold 94% of the exact front's volume; so many random ones far less."""
    space, exact = knobs
    rows = np.unique(balanced(mlp, space, 0), axis=0)
    assert len(rows) <= 27
    even = score(mlp, space, rows)
    drawn = score(mlp, space, space.random_indices(len(rows), seed=1))
    assert pareto.share(even.losses[even.feasible], exact) > 0.93
    assert pareto.share(drawn.losses[drawn.feasible], exact) < 0.85


@pytest.mark.parametrize("name", ["edge", "datacenter", "three_knobs", "tpu_v1"])
def test_moves_stay_in_the_space(name):
    space = dse.load_space(name)
    axes, rows = Axes.of(space), space.random_indices(50, seed=2)
    most = np.array([len(parameter) for parameter in space.parameters])
    draw = np.random.default_rng(0)
    for moved in (
        axes.neighbours(rows),
        axes.moved(rows, axes.pairs()),
        axes.kicked(rows, draw),
        axes.children(rows, rows[::-1], draw),
        axes.sobol(64, 0),
    ):
        assert (moved >= 0).all()
        assert (moved < most).all()


def test_a_pool_past_its_deadline_evaluates_nothing(mlp, edge):
    pool = Pool(workload=mlp, space=edge, most=100, deadline=0.0)
    assert not len(pool.evaluate(edge.random_indices(5, seed=0)))


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=9, unique=True),
    st.integers(1, 3),
)
def test_the_order_of_gains_is_greedy(points, objectives):
    logs = np.array(points, dtype=np.float64)[:, :objectives]
    corner = np.full(objectives, 10.0)
    order = by_gain(logs, corner)
    assert sorted(order.tolist()) == list(range(len(logs)))

    def volume(rows):
        return pareto.hypervolume(10 ** logs[list(rows)], 10**corner) if len(rows) else 0.0

    for n in range(1, len(logs) + 1):
        best = max(volume([*order[: n - 1], row]) for row in range(len(logs)))
        assert volume(order[:n]) == pytest.approx(best)
    for n in range(1, min(4, len(logs)) + 1):
        best = max(volume(rows) for rows in combinations(range(len(logs)), n))
        assert volume(order[:n]) >= (1 - 1 / np.e) * best - 1e-9


def test_many_designs_are_thinned_evenly_and_none_is_lost():
    angle = np.linspace(0, np.pi / 2, 80_000)
    logs = np.column_stack([1 - np.sin(angle), 1 - np.cos(angle)])
    few = thinned(logs, 500)
    assert 200 <= len(few) <= 500
    assert {int(np.argmin(logs[:, 0])), int(np.argmin(logs[:, 1]))} <= set(few.tolist())
    assert np.diff(angle[few]).max() < 0.02
    assert sorted(evenly(np.arange(1000)).tolist()) == list(range(1000))
