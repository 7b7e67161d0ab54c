"""What is kept of many points, against a definition of four lines."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dse.model import dominance
from dse.model.dominance import not_dominated

columns = st.tuples(st.integers(1, 4), st.integers(0, 40)).flatmap(
    lambda shape: arrays(np.int64, shape, elements=st.integers(0, 8) | st.integers(0, 2**40))
)


@given(columns, st.booleans())
def test_kept_are_the_points_that_nothing_equals_or_betters(points, fractions):
    """Every point is matched by one that is kept, and no kept one by another."""
    points = points / 7.3 if fractions else points
    kept = not_dominated(points)
    matched = (points[:, kept][:, None, :] <= points[:, :, None]).all(axis=0)
    assert matched.any(axis=1).all() if points.shape[1] else not len(kept)
    assert (matched[kept].sum(axis=1) == 1).all()


@given(columns)
def test_which_criterion_is_compared_first_changes_nothing(points):
    as_they_are = not_dominated(points)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dominance, "SAMPLED_PAIRS", 4)
        assert not_dominated(points).tolist() == as_they_are.tolist()
