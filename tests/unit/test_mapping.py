"""Cycles of the array mappings, worked by hand and against SCALE-Sim's stall-free counts."""

from dataclasses import replace

import numpy as np
import pytest

from dse.hardware.design import DATAFLOWS, FORMATS
from dse.model.mapping import SYSTOLIC, Arrays, array_table
from dse.workload.operations import Conv2d, Gemm


def table(operations, rows, cols, dataflow, cores=1, precision="int8", **options):
    arrays = Arrays(
        rows=np.array([rows]),
        cols=np.array([cols]),
        cores=np.array([cores]),
        dataflow=np.array([DATAFLOWS.index(dataflow)]),
        precision=np.array([FORMATS.index(precision)]),
    )
    return array_table(arrays, operations, **options)


def cycles(operation, rows, cols, dataflow, **options):
    return table([operation], rows, cols, dataflow, **options).cycles[0, 0]


def test_scale_sim_counts_of_alexnet_conv1():
    """3025 x 96 x 363 on 32 x 32, weight stationary: 12·3 folds of 2·32 + 32 + 3025 - 2, less one."""
    conv1 = Conv2d(k=96, c=3, p=55, q=55, r=11, s=11, stride=4)
    assert (conv1.m, conv1.n_group, conv1.k_group) == (3025, 96, 363)
    assert cycles(conv1, 32, 32, "weight_stationary") == 112_283
    assert cycles(conv1, 32, 32, "output_stationary") == 95 * 3 * (32 + 32 + 363 - 2) - 1
    assert cycles(conv1, 32, 32, "input_stationary") == 12 * 95 * (64 + 32 + 96 - 2) - 1


@pytest.mark.parametrize(("m", "expected"), [(1000, 4 * 1000 + 30), (5, 4 * 16 + 30)])
def test_double_buffered_weights_hide_behind_the_stream(m, expected):
    assert cycles(Gemm(m=m, n=32, k=32), 16, 16, "weight_stationary_double_buffered") == expected


def test_tpu_v1_matrix_multiply_takes_b_cycles_a_tile():
    """A B x 256 input times one 256 x 256 tile takes B pipelined cycles (Jouppi et al., section 2)."""
    one, two = (cycles(Gemm(m=1000, n=256, k=256 * tiles), 256, 256, "weight_stationary_double_buffered") for tiles in (1, 2))
    assert two - one == 1000


def test_dot_product_fragments_on_channels():
    """NVDLA-like 64 x 16: 3 input channels use 3 of 64 rows."""
    conv = Conv2d(k=64, c=3, p=112, q=112, r=7, s=7, stride=2, padding=3)
    assert cycles(conv, 64, 16, "dot_product") == 112 * 112 * 49 * 4
    assert cycles(Conv2d(k=32, c=32, p=7, q=7, r=3, s=3, padding=1, groups=32), 64, 16, "dot_product") == 32 * 49 * 9


def test_a_dot_product_of_one_row_waits_for_its_weights():
    """1680 x 1680 weights, 105 times 1680 inputs and 1680 outputs over 64 + 2·16 edges; 64 rows hide them."""
    one, many = Gemm(m=1, n=1680, k=1680), Gemm(m=64, n=1680, k=1680)
    assert cycles(one, 64, 16, "dot_product") == (1680 * 1680 + 105 * 1680 + 1680) / 96
    assert cycles(many, 64, 16, "dot_product") == 27 * 105 * 64


@pytest.mark.parametrize(("weight", "activation", "factor"), [(8, 8, 1), (8, 16, 2), (16, 16, 4), (4, 8, 1)])
def test_wide_products_take_several_passes(weight, activation, factor):
    plain = Gemm(m=1024, n=256, k=256)
    wide = plain.with_bits(input=activation, weight=weight, output=8, accumulator=32)
    assert cycles(wide, 16, 16, "ideal") == factor * cycles(plain, 16, 16, "ideal")
    assert table([wide], 16, 16, "ideal").native_macs[0, 0] == factor * plain.macs


@pytest.mark.parametrize(("precision", "runs"), [("int8", False), ("int16", False), ("bf16", True), ("fp32", True)])
def test_an_integer_array_cannot_multiply_floating_point(precision, runs):
    gemm = replace(Gemm(m=64, n=64, k=64).with_bits(input=16, weight=16, output=16, accumulator=32), floating=True)
    assert np.isfinite(cycles(gemm, 16, 16, "best", precision=precision)) == runs
    assert np.isfinite(cycles(Gemm(m=64, n=64, k=64), 16, 16, "best", precision=precision))
    assert np.isfinite(table([gemm], 16, 16, "best", precision=precision).buffer_bytes).all(), (
        "sums over scenarios weigh it by zero"
    )


def test_cores_beyond_the_folds_split_the_stream():
    gemm = Gemm(m=1000, n=16, k=32)
    assert cycles(gemm, 16, 16, "weight_stationary", cores=2) == 2 * 16 + 16 + 1000 - 2 - 1
    assert cycles(gemm, 16, 16, "weight_stationary", cores=8) == 2 * 16 + 16 + 250 - 2 - 1


def test_cores_beyond_the_folds_split_the_filters_that_stream_past_inputs():
    gemm = Gemm(m=16, n=1000, k=32)
    assert cycles(gemm, 16, 16, "input_stationary", cores=2) == 2 * 16 + 16 + 1000 - 2 - 1
    assert cycles(gemm, 16, 16, "input_stationary", cores=8) == 2 * 16 + 16 + 250 - 2 - 1
    assert cycles(gemm, 16, 16, "input_stationary", cores=9) == 2 * 16 + 16 + 250 - 2 - 1


def test_an_output_stationary_reduction_is_not_split():
    """Its parts would have to be added between cores."""
    gemm = Gemm(m=16, n=16, k=1000)
    assert cycles(gemm, 16, 16, "output_stationary", cores=8) == cycles(gemm, 16, 16, "output_stationary")


def test_skipped_padding_is_not_multiplied():
    conv = Conv2d(k=4, c=4, p=3, q=3, r=3, s=3, padding=1)
    assert cycles(conv, 4, 4, "ideal") == 81 * 16 / 16
    assert table([conv], 4, 4, "ideal", skip_padding=True).cycles[0, 0] == 49 * 16 / 16


def test_best_is_the_cheapest_and_carries_its_own_buffer_traffic():
    operations = [Gemm(m=1, n=4096, k=4096), Gemm(m=4096, n=16, k=64), Gemm(m=64, n=64, k=4096)]
    each = {name: table(operations, 16, 16, name) for name in SYSTOLIC}
    best = table(operations, 16, 16, "best")
    for column in range(len(operations)):
        winner = min(each.values(), key=lambda rival: rival.cycles[0, column])
        assert best.cycles[0, column] == winner.cycles[0, column]
        assert best.buffer_bytes[0, column] == winner.buffer_bytes[0, column]


def test_weight_tiles_of_tpu_v1():
    """600 x 600 in nine 256 x 256 tiles: 61.0% of the fetched bytes are weights (ISCA 2017, section 7)."""
    factor = table([Gemm(m=96, n=600, k=600)], 256, 256, "weight_stationary_double_buffered").weight_fetch_factor[0, 0]
    assert factor == pytest.approx(9 * 65536 / 360_000)
    assert 1 / factor == pytest.approx(0.610, abs=0.001)


def test_buffer_bytes_by_hand():
    """M=4, N=6, K=8 on 4 x 3: two blocks of rows and of columns; partial sums stay beside the array."""
    gemm = Gemm(m=4, n=6, k=8)
    assert table([gemm], 4, 3, "weight_stationary").buffer_bytes[0, 0] == 32 * 2 + 48 + 24
    assert table([gemm], 4, 3, "output_stationary").buffer_bytes[0, 0] == 32 * 2 + 48 * 1 + 24
    assert table([gemm], 4, 3, "input_stationary").buffer_bytes[0, 0] == 32 + 48 * 2 + 24
