"""The strip mapping against literal counting on small shapes, and against the measured rows of AlexNet."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.model.strips import fewest_strips, strip_rows, strip_traffic
from dse.workload.operations import Axis, Conv2d, Gemm, TensorOperation


def counted(operation: TensorOperation, strips: int) -> tuple[int, int, int, int]:
    """Elements of input, weight and output that a machine loads and stores when it does strip after strip, and holds at most."""
    height, width = operation.height, operation.width
    tile = -(-height.outputs // strips)
    images = [range(operation.n)] if height.outputs == 1 else [(n,) for n in range(operation.n)]
    inputs = weights = outputs = held = 0
    for batch in images * operation.repeats:
        for begin in range(0, height.outputs, tile):
            touched, written = set(), set()
            for n in batch:
                for p in range(begin, min(begin + tile, height.outputs)):
                    for q in range(width.outputs):
                        touched |= {(n, h, w) for h in height.reads(p) for w in width.reads(q)}
                        written.add((n, p, q))
            inputs += operation.c * len(touched)
            held = max(held, operation.c // operation.groups * len(touched))
            weights += operation.weight_elements
            outputs += operation.k * len(written)
    return inputs, weights, outputs, held


@st.composite
def operations(draw):
    def axis():
        taps, stride, dilation, upsample = (draw(st.integers(1, most)) for most in (3, 3, 2, 2))
        reach = (taps - 1) * dilation
        padding = draw(st.integers(0, reach))
        extent = draw(st.integers(max(1, reach + 1 - 2 * padding), 7))
        outputs = ((extent - 1) * upsample + 1 + 2 * padding - reach - 1) // stride + 1
        return Axis(
            outputs=max(1, outputs),
            taps=taps,
            stride=stride,
            dilation=dilation,
            upsample=upsample,
            padding=padding,
            extent=extent,
        )

    groups, repeats, n = (draw(st.integers(1, most)) for most in (2, 2, 2))
    k, c = (groups * draw(st.integers(1, 3)) for _ in range(2))
    return TensorOperation(n=n, k=k, c=c, groups=groups, height=axis(), width=axis(), repeats=repeats)


@given(operations(), st.integers(1, 9))
def test_traffic_is_what_counting_finds(operation, strips):
    found = strip_traffic(operation, strips)
    assert (found.input_bytes, found.weight_bytes, found.output_bytes, found.held_bytes) == counted(operation, strips)


@given(operations(), st.integers(1, 9), st.sampled_from([4, 8, 16]))
def test_traffic_is_at_least_compulsory_and_more_strips_hold_no_more(operation, strips, bits):
    operation = operation.with_bits(input=bits, weight=bits, output=bits, accumulator=32)
    found, finer = strip_traffic(operation, strips), strip_traffic(operation, 2 * strips)
    assert found.total_bytes >= replace(operation, repeats=1).compulsory_bytes
    assert finer.held_bytes <= found.held_bytes
    assert finer.input_bytes >= found.input_bytes or operation.height.stride > operation.height.taps


@pytest.mark.parametrize(
    ("layer", "strips", "rows", "map_kb"),
    [
        (Conv2d(k=192, c=64, p=27, q=27, r=5, s=5, padding=2), 3, (11, 13, 11), 120.96),
        (Conv2d(k=384, c=192, p=13, q=13, r=3, s=3, padding=1), 3, (6, 7, 4), 84.864),
        (Conv2d(k=256, c=384, p=13, q=13, r=3, s=3, padding=1), 3, (6, 7, 4), 169.728),
        (Conv2d(k=256, c=256, p=13, q=13, r=3, s=3, padding=1), 3, (6, 7, 4), 113.152),
    ],
)
def test_rows_and_input_bytes_of_alexnet(layer, strips, rows, map_kb):
    layer = layer.with_bits(input=16, weight=16, output=16, accumulator=32)
    assert strip_rows(layer.height, strips) == rows
    assert strip_traffic(layer, strips).input_bytes == pytest.approx(map_kb * 1e3)
    assert strip_traffic(layer, strips).weight_bytes == 3 * layer.weight_elements * 2


def test_a_product_without_rows_streams_its_weights_once():
    gemm = Gemm(m=8, n=100, k=50)
    assert strip_traffic(gemm, 3).weight_bytes == 5000
    assert strip_traffic(gemm, 3).total_bytes == gemm.compulsory_bytes


def test_no_strip_at_all_is_refused():
    with pytest.raises(ValueError, match="at least one strip"):
        strip_traffic(Gemm(m=1, n=1, k=1), 0)


def test_more_strips_where_three_do_not_fit():
    """Layer 4 of AlexNet, 13 rows of 13 x 384 numbers: strips of 5, 4, 3 and 1 output rows hold 7, 6, 5 and 3 input rows."""
    layer = Conv2d(k=256, c=384, p=13, q=13, r=3, s=3, padding=1)
    row = 13 * 384
    for room, strips in ((7 * row, 3), (6 * row, 4), (5 * row, 5), (3 * row, 13)):
        assert fewest_strips(layer, 3, room) == strip_traffic(layer, strips)
    assert fewest_strips(layer, 3, 3 * row - 1) is None


def test_a_product_is_cut_along_its_batch():
    """64 x 1000 numbers in room for 16,000 are four parts: the weights pass four times, all else once."""
    product = Gemm(m=64, n=10, k=1000)
    cut = fewest_strips(product, 3, 16_000)
    assert (cut.input_bytes, cut.weight_bytes, cut.output_bytes) == (64_000, 4 * 10_000, 640)
    assert fewest_strips(product, 3, 64_000) == strip_traffic(product, 3)
    assert fewest_strips(product, 3, 999) is None
