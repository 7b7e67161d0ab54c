"""What holds for the levers of every machine."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dse
from dse.model.advice import advise

WORKLOADS = {name: dse.load_workload(name) for name in ("mlp", "tpu_apps")}
SPACES = {name: dse.load_space(name) for name in ("edge", "three_knobs")}


def one_design(space, seed):
    (row,) = space.random_indices(1, seed)
    for parameter, index in zip(space.parameters, row, strict=True):
        if len(parameter) > 1:
            value = parameter.values[int(index)]
            text = f"{value!r} Hz" if parameter.name == "frequency" else f"{value} B" if parameter.name == "sram" else str(value)
            text = f"{value!r} B/s" if parameter.name == "bandwidth" else f"{value} nm" if parameter.name == "node" else text
            space = space.with_values(parameter.name, text)
    return space


@pytest.mark.parametrize("workload", sorted(WORKLOADS))
@pytest.mark.parametrize("space", sorted(SPACES))
@settings(max_examples=4)
@given(seed=st.integers(0, 10_000))
def test_more_is_never_worse_and_the_best_comes_first(workload, space, seed):
    advice = advise(WORKLOADS[workload], one_design(SPACES[space], seed))
    names = {lever.name for lever in advice.levers}
    for name in ("bandwidth x2", "compute x2", "SRAM x2", "clock x2", "lanes x2"):
        if name in names:
            lever = advice.lever(name)
            ratios = [effect.per_inference_ratio for effect in lever.scenarios]
            # A larger buffer never moves more bytes, but those that are left may lie in other layers, and take a little longer.
            assert max(ratios) <= (1.05 if name == "SRAM x2" else 1 + 1e-12)
            # Twice the rate halves the time at best; a larger buffer may do more, and the last fold of a core is a cycle short.
            assert min(ratios) >= {"SRAM x2": 0.0, "compute x2": 0.499}.get(name, 0.5 - 1e-12)
            assert lever.per_inference_ratio == pytest.approx(lever.latency_ratio, rel=1e-12)
    ratios = [lever.per_inference_ratio for lever in advice.levers]
    assert (np.diff(ratios) >= -1e-9).all()
    for standing in advice.scenarios:
        for pick in (standing.picks.use, standing.picks.buy):
            assert pick is None or (pick.per_inference_ratio < 0.98 and not advice.lever(pick.lever).breaks)
