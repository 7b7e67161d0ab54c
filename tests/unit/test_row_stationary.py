"""The row-stationary dataflow against table 5 of Eyeriss (Chen et al., JSSC 2017), and worked by hand."""

from dataclasses import replace

import numpy as np
import pytest

from dse.hardware.design import DATAFLOWS, FORMATS
from dse.model.mapping import Arrays, array_table
from dse.workload.operations import Axis, Conv2d, Gemm, TensorOperation

# AlexNet as in Caffe, batch 4; active elements and MB between buffer and array as table 5 prints them.
ALEXNET = {
    "conv1": (Conv2d(n=4, k=96, c=3, p=55, q=55, r=11, s=11, stride=4), 154, 18.5),
    "conv2": (Conv2d(n=4, k=256, c=96, p=27, q=27, r=5, s=5, padding=2, groups=2), 135, 77.6),
    "conv3": (Conv2d(n=4, k=384, c=256, p=13, q=13, r=3, s=3, padding=1), 156, 50.2),
    "conv4": (Conv2d(n=4, k=384, c=384, p=13, q=13, r=3, s=3, padding=1, groups=2), 156, 37.4),
    "conv5": (Conv2d(n=4, k=256, c=384, p=13, q=13, r=3, s=3, padding=1, groups=2), 156, 24.9),
}


def table(operation, rows=12, cols=14, cores=1, **options):
    arrays = Arrays(
        rows=np.array([rows]),
        cols=np.array([cols]),
        cores=np.array([cores]),
        dataflow=np.array([DATAFLOWS.index("row_stationary")]),
        precision=np.array([FORMATS.index("int16")]),
    )
    wide = operation.with_bits(input=16, weight=16, output=16, accumulator=16)
    return array_table(arrays, [wide], **options)


def cycles(operation, **options):
    return table(operation, **options).cycles[0, 0]


@pytest.mark.parametrize("name", [name for name in ALEXNET if name != "conv1"])
def test_active_elements_are_the_published_ones(name):
    operation, active, _ = ALEXNET[name]
    assert operation.macs / cycles(operation) == active


def test_conv1_fills_154_elements_but_in_its_last_strip():
    """Strips of 14, 14, 14 and 13 output rows of 11 elements: 154 and 143, on average 151.25."""
    operation, active, _ = ALEXNET["conv1"]
    assert active == 14 * 11
    assert operation.macs / cycles(operation) == 55 / 4 * 11


@pytest.mark.parametrize("name", ALEXNET)
def test_bytes_between_buffer_and_array(name):
    operation, _, published_mb = ALEXNET[name]
    tolerance = 0.09 if name == "conv1" else 0.03
    assert table(operation).buffer_bytes[0, 0] / 1e6 == pytest.approx(published_mb, rel=tolerance)


def test_conv5_by_hand():
    """q = 11 // 3 = 3 channels, p = 16 filters, four sets as 2 x 2: 6 channels and 32 filters a pass, 15 x 15 maps."""
    inputs = 4 * 384 * 15 * 15 * (128 // 32)
    sums = 4 * 256 * 169 * (2 * (192 // 6) - 1)
    weights = 256 * 192 * 9
    assert table(ALEXNET["conv5"][0]).buffer_bytes[0, 0] == 2 * (inputs + sums + weights)


def test_sets_lie_side_by_side_and_strips_one_after_another():
    """R=3, P=4 on 6 x 5: 10 slots, two sets; 6 jobs of 4·3 MACs. With P=11 two strips."""
    assert cycles(Conv2d(k=3, c=2, p=4, q=4, r=3, s=3), rows=6, cols=5) == 3 * 12
    assert cycles(Conv2d(k=3, c=2, p=11, q=4, r=3, s=3), rows=6, cols=5) == 6 * 2 * 12


def test_a_filter_taller_than_the_array_is_folded():
    assert cycles(Conv2d(k=3, c=2, p=4, q=4, r=7, s=3), rows=3, cols=5) == 6 * 3 * 12


def test_a_fully_connected_layer_waits_for_its_weights():
    """Batch 1: a weight for each MAC, and 12 + 2·14 numbers cross the edges in a cycle; batch 64 is bound by the elements."""
    one, many = Gemm(m=1, n=1680, k=1680), Gemm(m=64, n=1680, k=1680)
    assert cycles(one) == table(one).buffer_bytes[0, 0] / (2 * 40)
    assert cycles(one) > one.macs / 40
    assert cycles(many) == many.macs / 168


def test_skipped_padding_leaves_out_columns_of_zeros():
    """Three columns of padding products of 13·3 on each row: 2 of 39."""
    conv3 = ALEXNET["conv3"][0]
    assert cycles(conv3, skip_padding=True) == cycles(conv3) * 37 / 39


def test_cores_share_jobs():
    conv3 = ALEXNET["conv3"][0]
    assert cycles(conv3, cores=4) == cycles(conv3) / 4
    assert cycles(Gemm(m=1, n=1, k=1), cores=4) >= 1


def test_a_transposed_convolution_takes_no_less_than_its_products():
    axis = Axis(outputs=8, taps=4, upsample=2, padding=2, extent=4)
    operation = replace(TensorOperation(k=8, c=8), height=axis, width=axis)
    assert cycles(operation) >= operation.macs / 168
