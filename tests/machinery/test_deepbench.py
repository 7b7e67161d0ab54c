"""All 1,479 measured kernels: the order of the model against a plain roofline, and held-out errors of every device and kind."""

from functools import cache

import numpy as np
import pytest

from dse.fidelity.calibrate import calibrated
from dse.fidelity.floor import best_rising_s
from dse.fidelity.measured import groups, measured_devices, replayed
from dse.fidelity.replay import CAPACITIES, MODELLED, Replay
from dse.fidelity.scores import Score
from dse.fidelity.sharing import held_out_devices
from dse.fidelity.terms import of_replay
from dse.inputs.measurements import load_measurements
from dse.inputs.spaces import load_design


@pytest.mark.parametrize("device", measured_devices())
def test_without_any_fit_the_model_orders_kernels_better_than_a_plain_roofline(device):
    compared = [group for group in groups(replayed(device)) if group.model.n > 2]
    for group in compared:
        assert group.model.rank_correlation > group.roofline.rank_correlation, (group.kind, group.precision, group.algorithm)


@cache
def _tables(device):
    rows = [row for row in load_measurements("deepbench").of_device(device) if row.algorithm in MODELLED]
    return Replay.of(rows, load_design(device), capacities=CAPACITIES)


def _held_out(device, kind, precision):
    whole = _tables(device)
    own = np.array([(row.kernel.kind, row.kernel.precision) == (kind, precision) for row in whole.rows])
    found = calibrated(load_measurements("deepbench"), whole.take(own), bootstraps=0)
    assert len(found.fit.fitted) <= 4
    return found


@pytest.mark.parametrize(
    ("device", "precision", "median", "p90"),
    [
        ("tesla_m40", "fp32", 0.10, 0.35),
        ("tesla_p100", "fp32", 0.10, 0.35),
        ("tesla_p100", "fp16", 0.10, 0.35),
        ("titan_xp", "fp32", 0.10, 0.52),  # transposed operands run up to four times slower there: no layout is modelled
        ("titan_xp_int8", "int8", 0.10, 0.35),
    ],
)
def test_products(device, precision, median, p90):
    found = _held_out(device, "gemm", precision)
    score = Score.of(found.held_out_s, found.replay.measured_s)
    assert score.median_error <= median
    assert score.p90_error <= p90
    assert score.rank_correlation >= 0.98


@pytest.mark.parametrize(
    ("device", "precision", "median", "rank"),
    [
        ("tesla_m40", "fp32", 0.20, 0.95),
        ("tesla_p100", "fp32", 0.20, 0.95),
        ("tesla_p100", "fp16", 0.20, 0.95),
        ("titan_xp", "fp32", 0.20, 0.95),
        ("titan_xp_int8", "int8", 0.20, 0.95),
    ],
)
def test_direct_convolutions(device, precision, median, rank):
    found = _held_out(device, "convolution", precision)
    score = found.scores(found.held_out_s)["convolution", precision, "direct"]
    assert score.median_error <= median
    assert score.rank_correlation >= rank


@pytest.mark.parametrize(
    ("device", "precision"), [("tesla_m40", "fp32"), ("tesla_p100", "fp32"), ("tesla_p100", "fp16"), ("titan_xp", "fp32")]
)
def test_recurrent_kernels(device, precision):
    found = _held_out(device, "recurrent", precision)
    assert Score.of(found.held_out_s, found.replay.measured_s).median_error <= 0.20


def test_products_of_titan_xp_are_as_near_as_any_model_without_layouts_comes():
    """The best curve that rises with n, fitted to the very rows, errs by 8% in the median and by 48% at the 90th percentile."""
    found = _held_out("titan_xp", "gemm", "fp32")
    model = Score.of(found.held_out_s, found.replay.measured_s)
    floor = Score.of(best_rising_s(found.replay), found.replay.measured_s)
    assert floor.p90_error > 0.45
    assert model.p90_error < 1.1 * floor.p90_error
    assert model.median_error < 1.4 * floor.median_error


@pytest.mark.parametrize(
    ("device", "gemm", "convolution"), [("tesla_m40", 0.10, 0.20), ("tesla_p100", 0.10, 0.20), ("titan_xp", 0.11, 0.20)]
)
def test_a_device_that_was_held_out_of_the_choice_of_tiles(device, gemm, convolution):
    products, maps = held_out_devices(device, kinds=("gemm", "convolution"))
    assert device not in products.chosen_on
    assert products.scores[""].median_error <= gemm
    assert products.scores[""].rank_correlation >= 0.98
    assert maps.scores["direct"].median_error <= convolution
    assert maps.scores["direct"].rank_correlation >= 0.92


@pytest.mark.parametrize("device", ["tesla_m40", "tesla_p100", "titan_xp"])
def test_winograd_takes_a_quarter_off_the_error_of_convolutions(device):
    whole = replayed(device)
    own = [
        row.kernel.kind == "convolution" and row.kernel.precision == "fp32" and row.algorithm in MODELLED for row in whole.rows
    ]
    *_, without, last = of_replay(whole.take(np.array(own)), "convolution", "fp32")
    assert last.term == "Winograd"
    assert last.score.p90_error < 0.75 * without.score.p90_error
    assert last.score.median_error < without.score.median_error
