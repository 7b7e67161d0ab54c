"""The exact front against brute force over every design, bit for bit, on random small spaces of every kind."""

from dataclasses import replace

import numpy as np
import pytest
from exact_enumeration import SPACES, WORKLOADS, brute_force, equals_brute_force, everything_of, random_problem

from dse.errors import NoFeasibleDesign
from dse.model.work import work_of
from dse.search import exact
from dse.search.bounds import bounds_of
from dse.search.exact import exact_front
from dse.search.factors import NothingPermitted
from dse.search.front import losses_of, score


@pytest.mark.parametrize("seed", range(80))
def test_equals_brute_force_bit_for_bit(monkeypatch, seed):
    """400 more in tests/machinery."""
    equals_brute_force(monkeypatch, seed)


@pytest.mark.parametrize("seed", range(300, 320))
def test_a_box_is_never_better_than_its_designs_and_one_design_is_its_own_bound(seed):
    workload, space = random_problem(seed)
    try:
        bounds = bounds_of(space, work_of(workload))
    except NothingPermitted:
        assert space.allowed.designs == 0
        return
    boxes = bounds.roots()
    while len(boxes):
        single = bounds.is_design(boxes)
        assert bounds.n_designs(boxes[single]).sum() == single.sum()
        rows, losses = bounds.of(boxes)
        least = np.full((len(boxes), losses.shape[1]), np.inf)
        least[rows] = losses
        scored = score(workload, space, bounds.indices(boxes[single]))
        np.testing.assert_array_equal(np.isin(np.flatnonzero(single), rows), np.isin(np.arange(single.sum()), scored.feasible))
        np.testing.assert_array_equal(least[single][scored.feasible], scored.losses[scored.feasible])
        halves = bounds.split(boxes[~single])
        of_halves = np.full((len(halves), losses.shape[1]), np.inf)
        rows, losses = bounds.of(halves)
        of_halves[rows] = losses
        assert (least[~single] <= of_halves.reshape(2, -1, losses.shape[1]).min(axis=0)).all()
        boxes = halves


@pytest.mark.parametrize("seed", range(340, 360))
def test_stopped_early_every_design_is_within_epsilon_of_a_returned_one(monkeypatch, seed):
    """Two passes that put aside, and no exact one: what they promise holds for every design of the space."""
    workload, space = random_problem(seed)
    everything = everything_of(workload, space)
    feasible = everything.losses[everything.feasible]
    monkeypatch.setattr(exact, "EPSILONS", (0.5, 0.2))
    monkeypatch.setattr(exact, "FIRST_DESIGNS", 2)
    if not len(feasible):
        with pytest.raises(NoFeasibleDesign):
            exact_front(workload, space)
        return
    front = exact_front(workload, space)
    found = losses_of(front.designs, space)
    assert (front.certificate.kind, front.certificate.epsilon) == ("epsilon", 0.2)
    assert (found[None] <= feasible[:, None] * (1 + front.certificate.epsilon)).all(axis=2).any(axis=1).all()


def test_interruption_and_time_keep_what_was_found(monkeypatch):
    """Ctrl-C after some blocks, or no time at all: a front, and a certificate that does not promise too much."""
    workload = replace(WORKLOADS["speech"], scenarios=WORKLOADS["speech"].scenarios[-1:])
    covered: list[int] = []

    def stop(done, size):
        assert size == SPACES["edge"].size
        covered.append(done)
        if sum(done > 0 for done in covered) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(exact, "BOXES_AT_ONCE", 100)
    front = exact_front(workload, SPACES["edge"], on_progress=stop)
    assert front.interrupted
    assert "interrupted" in front.certificate.statement
    assert covered == sorted(covered)
    assert front.certificate.kind != "exact"
    assert covered[-1] <= front.certificate.designs_covered < SPACES["edge"].size


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_interruption_and_time_before_there_is_a_search_keep_the_best_of_a_draw(calls):
    """While the factors are prepared: a front of designs drawn at random, all within the budget, and no promise."""
    workload = replace(WORKLOADS["speech"], scenarios=WORKLOADS["speech"].scenarios[-2:])
    told: list[int] = []

    def stop(done, _size):
        told.append(done)
        if len(told) == calls:
            raise KeyboardInterrupt

    kept = [exact_front(workload, SPACES["edge"], on_progress=stop), exact_front(workload, SPACES["edge"], seconds=0.0)]
    assert told == [0] * calls
    assert [front.interrupted for front in kept] == [True, False]
    for front in kept:
        assert "while the factors" in front.certificate.statement
        assert (front.certificate.kind, front.certificate.epsilon) == ("none", None)
        assert len(score(workload, front.space, front.indices).feasible) == len(front) >= 1


def test_a_design_counts_once_as_evaluated():
    """Of a space so small that nothing is left out, no more are evaluated than there are, though some are drawn first."""
    workload, space = WORKLOADS["mlp"], with_axis(SPACES["three_knobs"], "compute_units", [64, 128])
    front = exact_front(replace(workload, scenarios=workload.scenarios[:1]), space)
    evaluated = int(front.certificate.statement.partition("(")[2].partition(" evaluated")[0].replace(",", ""))
    assert len(front) <= evaluated <= space.size


def with_axis(space, name, values):
    """The space with other values (SI) of one parameter."""
    changed = [replace(axis, values=tuple(values)) if axis.name == name else axis for axis in space.parameters]
    return replace(space, parameters=tuple(changed))


def test_a_clock_that_costs_nothing_is_the_fastest():
    """In a three-knob space without a limit on power 2.56 million designs have the front of the 64,000 of the fastest clock."""
    space = SPACES["three_knobs"]
    ranges = {"compute_units": (64, 4096), "bandwidth": (1e9, 1e11), "sram": (65536, 2**20), "frequency": (1e8, 1e9)}
    for name, (low, high) in ranges.items():
        space = with_axis(space, name, np.linspace(low, high, 40).round().astype(int).tolist())
    lenet = replace(WORKLOADS["mlp"], scenarios=WORKLOADS["mlp"].scenarios[10:11])
    front = exact_front(lenet, space)
    assert front.certificate.designs_covered == space.size == 40**4
    fastest = brute_force(lenet, with_axis(space, "frequency", [10**9]))
    np.testing.assert_array_equal(losses_of(front.designs, space), fastest)
