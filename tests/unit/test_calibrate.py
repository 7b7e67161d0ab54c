"""Calibration: constants come back from times that the model made, what cannot be told apart is refused, nothing leaks."""

from dataclasses import replace

import numpy as np
import pytest

from dse.errors import InputError
from dse.fidelity.calibrate import calibrate, calibrated, folds_of, shape_of
from dse.fidelity.fit import fit
from dse.fidelity.replay import CAPACITIES, Constants, Replay
from dse.inputs.measurements import Measurement, Measurements
from dse.inputs.spaces import load_design
from dse.model.breakdown import evaluate
from dse.workload.kernels import convolution, gemm, recurrent
from dse.workload.workload import Workload

TRUE = Constants(
    compute_efficiency=0.83, bandwidth_efficiency=0.61, launch_latency_s=9e-6, dependency_latency_s=3.1e-5, sram_efficiency=1.0
)
SPACE = load_design("tesla_p100")


def kernels():
    large = [gemm("fp32", m=m, n=n, k=k) for m in (300, 900, 2500) for n in (1024, 3000) for k in (512, 2048)]
    thin = [gemm("fp32", m=m, n=n, k=k) for m in (1, 4, 9) for n in (64, 2048, 7000) for k in (64, 3000)]
    rnn = [recurrent("fp32", cell="gru", hidden=h, batch=b, steps=t) for h in (128, 512) for b in (2, 60) for t in (10, 40)]
    conv = [
        convolution("fp32", batch=8, channels=c, height=14, width=14, filters=k, filter_height=1, filter_width=1)
        for c in (16, 256)
        for k in (16, 256, 1024)
    ]
    return large + thin + rnn + conv


def measured(some, constants=TRUE, noise=0.0, seed=0):
    """Rows as the model times them on a machine of these constants, with log-normal noise; and their replay."""
    blank = [Measurement(kernel=kernel, time_s=1.0, line=line) for line, kernel in enumerate(some, start=2)]
    replay = Replay.of(blank, SPACE, capacities=CAPACITIES)
    times = replay.times_s(constants) * np.exp(noise * np.random.default_rng(seed).standard_normal(len(blank)))
    rows = tuple(replace(row, time_s=float(time)) for row, time in zip(blank, times, strict=True))
    return replace(replay, rows=rows)


@pytest.fixture(scope="module")
def synthetic():
    return measured(kernels(), noise=0.03)


def test_the_replay_is_the_evaluation_of_the_model():
    device = TRUE.on(SPACE.device)
    replay = measured(kernels()[::3])
    for row, time in zip(replay.rows, replay.times_s(TRUE), strict=True):
        workload = Workload(name="one", scenarios=(row.kernel.scenario(),))
        assert time == pytest.approx(evaluate(workload, replace(SPACE, device=device)).latency_s, rel=1e-9)


def test_the_replay_is_the_evaluation_on_an_array_without_tiles():
    space = load_design("tpu_v1")
    rows = [Measurement(kernel=gemm("int8", m=m, n=600, k=512), time_s=1e-3) for m in (1, 200)]
    replay = Replay.of(rows, space)
    for row, time in zip(rows, replay.times_s(Constants.of(space.device)), strict=True):
        assert time == pytest.approx(evaluate(Workload(name="one", scenarios=(row.kernel.scenario(),)), space).latency_s)


def test_constants_come_back_from_noisy_times(synthetic):
    found = fit(synthetic)
    assert set(found.fitted) >= {"compute_efficiency", "bandwidth_efficiency", "launch_latency_s", "dependency_latency_s"}
    for name in ("compute_efficiency", "bandwidth_efficiency", "launch_latency_s", "dependency_latency_s"):
        assert getattr(found.constants, name) == pytest.approx(getattr(TRUE, name), rel=0.06)
        low, high = found.interval[name]
        assert low < getattr(found.constants, name) < high


def test_an_outlier_counts_once(synthetic):
    spoilt = list(synthetic.rows)
    spoilt[0] = replace(spoilt[0], time_s=30 * spoilt[0].time_s)
    found = fit(replace(synthetic, rows=tuple(spoilt)), capacity=False)
    assert found.constants.compute_efficiency == pytest.approx(TRUE.compute_efficiency, rel=0.06)


def test_what_no_row_is_bound_by_is_refused():
    large = [gemm("fp32", m=m, n=n, k=2048) for m in (1500, 2500, 4000) for n in (1024, 3000, 5000)]
    found = fit(measured(large, noise=0.02), capacity=False)
    assert found.fitted == ("compute_efficiency",)
    reasons = {refusal.name: refusal.reason for refusal in found.refused}
    assert "no row is bound by it" in reasons["bandwidth_efficiency"]
    assert "too small to be seen" in reasons["launch_latency_s"]
    assert "no row is a recurrent kernel" in reasons["dependency_latency_s"]
    assert all(refusal.value == getattr(Constants(), refusal.name) for refusal in found.refused)


def test_what_moves_the_times_alike_is_refused_by_name():
    """One size, repeated: a launch and a share of the peak make the same time."""
    one = [gemm("fp32", m=512, n=512, k=512)] * 12
    found = fit(measured(one, noise=0.05), capacity=False)
    assert len(found.fitted) <= 1
    assert any("cannot tell it from" in refusal.reason for refusal in found.refused)


def test_folds_never_share_a_shape():
    rows = [
        Measurement(kernel=kernel, time_s=1e-3)
        for kernel in (
            gemm("fp32", m=16, n=700, k=64),
            gemm("fp16", m=700, n=16, k=64),
            recurrent("fp32", cell="lstm", hidden=64, batch=4, steps=10),
            recurrent("fp32", cell="lstm", hidden=64, batch=4, steps=500),
            *(gemm("fp32", m=m, n=8, k=8) for m in range(1, 40)),
        )
    ]
    folds = folds_of(rows, 5, seed=3)
    assert folds[0] == folds[1]
    assert folds[2] == folds[3]
    by_shape = {}
    for row, fold in zip(rows, folds.tolist(), strict=True):
        assert by_shape.setdefault(shape_of(row), fold) == fold
    assert np.bincount(folds).min() >= 6
    assert (folds == folds_of(rows, 5, seed=3)).all()
    assert (folds != folds_of(rows, 5, seed=4)).any()


def test_held_out_rows_are_not_seen_by_their_own_fit(synthetic):
    """All shapes of one fold three times too slow: held out, they are predicted by the others, as if they were not."""
    slow = folds_of(synthetic.rows, 3, seed=0) == 0
    spoilt = [replace(row, time_s=row.time_s * (3 if slows else 1)) for row, slows in zip(synthetic.rows, slow, strict=True)]
    found = calibrated(None, replace(synthetic, rows=tuple(spoilt)), folds=3, bootstraps=0)
    assert (found.folds == folds_of(synthetic.rows, 3, seed=0)).all()
    ratio = found.held_out_s / found.replay.measured_s
    assert np.median(ratio[slow]) == pytest.approx(1 / 3, rel=0.1)
    assert np.median(ratio[~slow]) > 0.9


def test_intervals_of_the_bootstrap_hold_the_truth(synthetic):
    found = calibrated(None, synthetic, folds=2, bootstraps=5)
    for estimate in found.estimates:
        assert estimate.low <= getattr(TRUE, estimate.name) * 1.02
        assert estimate.high >= getattr(TRUE, estimate.name) * 0.98


def test_too_few_shapes_are_refused():
    rows = tuple(Measurement(kernel=gemm("fp32", m=m, n=64, k=64), time_s=1e-5) for m in (1, 2, 3))
    with pytest.raises(InputError, match=r"3 shapes .* too few"):
        calibrate(Measurements(file="x.csv", sha256="0" * 64, rows=rows), SPACE)


def test_a_row_that_cannot_run_names_its_line():
    rows = [Measurement(kernel=gemm("fp32", m=8, n=8, k=8), time_s=1e-5, line=7)]
    with pytest.raises(InputError, match="7: gemm_8x8x8 cannot run on titan_xp_int8"):
        Replay.of(rows, load_design("titan_xp_int8"))
