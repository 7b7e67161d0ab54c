"""Fronts and volumes against a ten-line front and hand-worked numbers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dse.search.pareto import choose, hypervolume, knee, nondominated, reference_point

losses = st.integers(1, 4).flatmap(
    lambda m: arrays(np.float64, st.tuples(st.integers(1, 40), st.just(m)), elements=st.integers(1, 6).map(float))
)


def plain_front(rows):
    kept = []
    for i, row in enumerate(rows):
        beaten = any((other <= row).all() and (other < row).any() for other in rows)
        repeated = any((rows[j] == row).all() for j in range(i))
        kept.append(not beaten and not repeated)
    return kept


@given(losses)
def test_front_is_that_of_the_definition(rows):
    assert nondominated(rows).tolist() == plain_front(rows)


@given(losses, st.randoms())
def test_front_does_not_depend_on_the_order(rows, random):
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = rows[order]
    assert {tuple(row) for row in rows[nondominated(rows)]} == {tuple(row) for row in shuffled[nondominated(shuffled)]}


@given(losses)
def test_dominated_rows_add_no_volume(rows):
    reference = reference_point(rows)
    np.testing.assert_allclose(hypervolume(rows, reference), hypervolume(rows[nondominated(rows)], reference), rtol=1e-12)


def test_volume_by_hand():
    """Two decades by one and one by two, overlapping in one square."""
    assert hypervolume(np.array([[1.0, 10.0], [10.0, 1.0]]), [100.0, 100.0]) == 3.0
    assert hypervolume(np.array([[1.0], [10.0]]), [100.0]) == 2.0
    assert hypervolume(np.empty((0, 2)), [1.0, 1.0]) == 0.0


def test_infeasible_rows_never_stand():
    assert nondominated(np.array([[np.inf, 0.1], [1.0, 1.0], [np.nan, 0.2]])).tolist() == [False, True, False]


def test_knee_is_the_corner_of_an_l():
    assert knee(np.array([[1.0, 100.0], [2.0, 2.0], [100.0, 1.0]])) == 1


def test_choice_keeps_the_extremes_and_what_is_asked_for():
    x = np.logspace(0, 2, 60)
    front = np.column_stack([x, 100 / x])
    chosen = choose(front, 10, always=[30])
    assert len(chosen) == 10
    assert {0, 30, 59} <= set(chosen.tolist())
    assert (np.diff(front[chosen, 0]) > 0).all()
