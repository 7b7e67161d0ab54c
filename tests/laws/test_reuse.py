"""What must hold of every reuse curve."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reuse_replay import replay

from dse.model.reuse import reuse_curve
from dse.workload.operations import Axis, Gemm, TensorOperation

sizes = st.integers(1, 40)
gemms = st.builds(Gemm, m=sizes, n=sizes, k=sizes)
bits = st.sampled_from([4, 8, 16, 32])
axes = st.builds(
    Axis,
    outputs=st.integers(1, 9),
    taps=st.integers(1, 4),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 3),
    upsample=st.sampled_from([1, 1, 2, 3]),
    padding=st.integers(0, 3),
    extent=st.integers(1, 12),
)


@st.composite
def operations(draw: st.DrawFn, repeats: int = 1) -> TensorOperation:
    groups = draw(st.integers(1, 3))
    return TensorOperation(
        n=draw(st.integers(1, 4)),
        k=groups * draw(st.integers(1, 12)),
        c=groups * draw(st.integers(1, 12)),
        groups=groups,
        height=draw(axes),
        width=draw(axes),
        input_bits=draw(bits),
        weight_bits=draw(bits),
        output_bits=draw(bits),
        accumulator_bits=draw(bits),
        repeats=repeats,
    )


@given(operations() | operations(repeats=3) | gemms)
def test_traffic_falls_with_capacity_to_each_operand_once(operation):
    curve = reuse_curve(operation)
    assert (np.diff(curve.capacity_bytes) > 0).all()
    assert (np.diff(curve.traffic_bytes) < 0).all()
    assert curve.traffic_bytes[-1] == curve.compulsory_bytes == operation.compulsory_bytes == curve.at(1e15)
    assert np.array_equal(curve.at(curve.capacity_bytes), curve.traffic_bytes)
    assert curve.at(int(curve.capacity_bytes[0]) - 1) == np.inf
    everywhere = curve.at(np.arange(curve.capacity_bytes[0], min(curve.capacity_bytes[-1], 5000) + 2))
    assert (np.diff(everywhere) <= 0).all()
    assert (curve.weight_at(curve.capacity_bytes) >= operation.weight_elements * operation.weight_bits // 8).all()


@given(gemms)
def test_matrix_products_obey_the_input_output_bound(operation):
    curve = reuse_curve(operation, 1)
    macs, capacity = operation.macs, curve.capacity_bytes
    # The best of a step is just before the next one.
    last = np.append(capacity[1:] - 1, capacity[-1])
    assert (curve.traffic_bytes >= 2 * macs / np.sqrt(last) - 2 * last).all()


def test_large_product_approaches_the_square_root_law():
    operation = Gemm(m=8192, n=8192, k=8192)
    curve = reuse_curve(operation, 1)
    for side in (128, 256, 512, 1024):
        capacity = side**2 + side + 1
        assert 1.0 <= curve.at(capacity) * capacity**0.5 / (2 * operation.macs) < 1.08


@given(sizes, sizes, sizes, bits)
def test_transposed_product_moves_the_same(m, n, k, width):
    there = reuse_curve(Gemm(m=m, n=n, k=k).with_bits(input=width, weight=8, output=8, accumulator=32))
    back = reuse_curve(Gemm(m=n, n=m, k=k).with_bits(input=8, weight=width, output=8, accumulator=32))
    assert np.array_equal(there.capacity_bytes, back.capacity_bytes)
    assert np.array_equal(there.traffic_bytes, back.traffic_bytes)


@given(operations(), st.integers(2, 4))
def test_groups_multiply(operation, count):
    one = replace(operation, groups=1, input_bits=8, weight_bits=8, output_bits=8)
    many = replace(one, groups=count, k=one.k * count, c=one.c * count)
    assert np.array_equal(reuse_curve(many).capacity_bytes, reuse_curve(one).capacity_bytes)
    assert np.array_equal(reuse_curve(many).traffic_bytes, count * reuse_curve(one).traffic_bytes)


@given(operations(), st.integers(2, 20))
def test_repeats_lie_between_pinned_weights_and_as_many_steps(operation, repeats):
    step, all_steps = reuse_curve(operation), reuse_curve(replace(operation, repeats=repeats))
    assert (all_steps.at(step.capacity_bytes) <= repeats * step.traffic_bytes).all()
    activations = operation.input_elements * operation.input_bits + operation.output_elements * operation.output_bits
    weights = operation.weight_elements * operation.weight_bits
    assert all_steps.at(1e15) == -(-(weights + repeats * activations) // 8)


@given(operations(repeats=4), st.integers(0, 400))
def test_a_pinned_curve_is_attained(operation, above):
    """The part of the weights that stays counts once, the rest in each of its passes."""
    curve = reuse_curve(operation)
    capacity = int(curve.capacity_bytes[0]) + above
    mapping = curve.mapping_at(capacity)
    assert mapping.capacity_bytes <= capacity
    assert np.ceil(sum(mapping.traffic_bytes.values())) == curve.at(capacity)
    assert np.ceil(mapping.traffic_bytes["weight"]) == curve.weight_at(capacity)


def test_one_repeat_is_none():
    operation = Gemm(m=4, n=64, k=64)
    assert reuse_curve(operation) is reuse_curve(replace(operation, repeats=1))


@given(operations())
def test_one_family_is_never_below_the_best(operation):
    best = reuse_curve(operation)
    families = [reuse_curve(operation, family=name) for name in ("output_stationary", "input_stationary", "weight_stationary")]
    for curve in families:
        assert (curve.traffic_bytes >= best.at(curve.capacity_bytes)).all()
    assert np.array_equal(np.min([curve.at(best.capacity_bytes) for curve in families], axis=0), best.traffic_bytes)


@given(st.integers(1, 64))
def test_batch_divides_weight_traffic_per_inference(batch):
    """4096 x 4096 weights in 64 KiB: while a batch of activations fits, weights are fetched once for all of it."""
    curve = reuse_curve(Gemm(m=batch, n=4096, k=4096), 1)
    if batch <= 8:
        assert curve.weight_at(65536) / batch == 4096 * 4096 / batch
    assert curve.at(65536) / batch >= 2 * 4096


def test_activations_dominate_a_large_batch():
    per_inference = [reuse_curve(Gemm(m=batch, n=4096, k=4096), 1).at(65536) / batch for batch in (1, 16, 256, 4096, 65536)]
    assert per_inference == sorted(per_inference, reverse=True)
    assert per_inference[0] / per_inference[1] > 12
    assert per_inference[3] / per_inference[4] < 1.05


@given(operations(), st.data())
def test_mappings_replay(operation, data):
    if operation.macs > 1500:
        operation = replace(operation, n=1, k=operation.groups, c=operation.groups)
    curve = reuse_curve(operation)
    capacity = data.draw(st.sampled_from(curve.capacity_bytes.tolist()))
    mapping = curve.mapping_at(capacity)
    counted = replay(mapping)
    assert -(-sum(counted.moved.values()) // 8) == curve.at(capacity)
    assert counted.held <= 8 * sum(mapping.footprint_bytes.values()) <= 8 * capacity


def test_halves_of_a_product_move_no_less_apart_than_together():
    """Two halves of M one after the other are a mapping of the whole."""
    half, whole = reuse_curve(Gemm(m=50, n=64, k=64), 1), reuse_curve(Gemm(m=100, n=64, k=64), 1)
    steps = half.capacity_bytes
    assert (whole.at(steps) <= 2 * half.at(steps)).all()
    assert whole.at(10**6) == pytest.approx(2 * half.at(10**6) - 64 * 64)
