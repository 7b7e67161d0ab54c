"""Reuse curves by hand, by literal replay and by exhaustive enumeration."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from reuse_enumeration import TINY, WIDTHS, conv, enumeration_finds_nothing_lower, transposed
from reuse_replay import replay

from dse.errors import InputError
from dse.model.candidates import candidates
from dse.model.folding import fold
from dse.model.reuse import reuse_curve
from dse.model.windows import axis_tiles, most_alive
from dse.workload.operations import Axis, Gemm, TensorOperation

SMALL = [
    Gemm(m=4, n=5, k=3),
    Gemm(m=7, n=1, k=6),
    Gemm(m=3, n=4, k=5, groups=2),
    conv(1, 2, 2, 3, 2, 2, 2),
    conv(1, 2, 3, 4, 3, 3, 3, padding=1),
    conv(2, 2, 2, 3, 3, 2, 2, stride=2),
    conv(1, 3, 2, 3, 2, 2, 1, stride=3),
    conv(1, 2, 2, 3, 4, 2, 3, dilation=2),
    conv(1, 2, 2, 4, 4, 2, 2, stride=2, padding=1, dilation=2),
    conv(2, 4, 4, 3, 3, 3, 3, padding=1, groups=4),
    conv(2, 4, 2, 2, 3, 3, 2, padding=1, groups=2),
    conv(3, 4, 3, 2, 3, 1, 1, stride=2),
    conv(2, 3, 2, 1, 1, 3, 2),
    conv(1, 2, 2, 1, 6, 1, 3),
    transposed(2, 2, taps=3, stride=2, outputs=5),
    transposed(1, 2, taps=2, stride=3, outputs=6),
    TensorOperation(k=2, c=2, height=Axis(outputs=4, taps=2, padding=3, extent=2), width=Axis(outputs=2, taps=2, extent=3)),
]


@pytest.mark.parametrize("operation", SMALL)
def test_every_mapping_replays_to_its_traffic_and_footprint(operation):
    for widths in WIDTHS:
        curve = reuse_curve(operation.with_bits(**widths))
        for capacity, traffic in zip(curve.capacity_bytes, curve.traffic_bytes, strict=True):
            check_by_replay(curve.mapping_at(capacity), int(capacity), int(traffic))


@pytest.mark.parametrize("family", ["output_stationary", "input_stationary", "weight_stationary"])
def test_mappings_of_one_family_replay(family):
    for operation, widths in itertools.product(
        (conv(2, 2, 2, 3, 3, 2, 2, padding=1), conv(1, 2, 3, 4, 2, 3, 2, stride=2)), WIDTHS[:2]
    ):
        curve = reuse_curve(operation.with_bits(**widths), family=family)
        assert curve.traffic_bytes[-1] == curve.compulsory_bytes
        for capacity, traffic in zip(curve.capacity_bytes, curve.traffic_bytes, strict=True):
            mapping = curve.mapping_at(capacity)
            assert mapping.family == family
            check_by_replay(mapping, int(capacity), int(traffic))


@pytest.mark.parametrize("operation", [Gemm(m=3, n=4, k=3, repeats=3), conv(2, 2, 2, 2, 3, 2, 2, groups=2)])
def test_pinned_mappings_replay(operation):
    operation = replace(operation, repeats=3)
    for widths in WIDTHS:
        curve = reuse_curve(operation.with_bits(**widths))
        for capacity in range(int(curve.capacity_bytes[0]), int(curve.capacity_bytes[-1]) + 2, 3):
            check_by_replay(curve.mapping_at(capacity), capacity, curve.at(capacity))


def check_by_replay(mapping, capacity, traffic):
    counted = replay(mapping)
    assert counted.moved == {operand: round(8 * moved) for operand, moved in mapping.traffic_bytes.items()}
    assert -(-sum(counted.moved.values()) // 8) == traffic
    assert counted.held <= 8 * sum(mapping.footprint_bytes.values()) <= 8 * capacity
    assert mapping.capacity_bytes <= capacity


@pytest.mark.parametrize("number", range(len(TINY)))
def test_exhaustive_enumeration_finds_nothing_lower(number):
    """Each operation at one width of its numbers; at all of them in tests/machinery."""
    enumeration_finds_nothing_lower(TINY[number].with_bits(**WIDTHS[number % 3]))


def test_smallest_buffer_by_hand():
    """One element of each: both factors are fetched at every step, or one of them stays for a while."""
    curve = reuse_curve(Gemm(m=2, n=3, k=4), 1)
    # A stays, B is fetched for every row, partial sums go and come: 8 + 24 + 6·7 = 74; C stays: 24 + 24 + 6 = 54.
    # B stays: 12 + 24 + 42 = 78.
    assert (curve.capacity_bytes[0], curve.traffic_bytes[0]) == (3, 54)
    # Four elements, tile 2 x 1 of C, A's column passes by elements, B's element stays: A 8·3, B 12, C 6.
    assert curve.at(4) == 24 + 12 + 6


def test_line_buffer_by_hand():
    """Two 3 x 3 rows and three columns more are alive along a strip, and a strip one output wide needs its 3 x 3 window."""
    tiles = axis_tiles(Axis(outputs=16, taps=3, extent=18))
    assert tiles.size.tolist() == [1, 2, 3, 4, 6, 8, 16]
    window = most_alive(tiles.inputs_along_outputs.whole(), tiles.inputs_along_outputs)[0]
    assert window.tolist() == [2 * (size + 2) + 3 for size in (1, 2, 3, 4, 6, 8, 16)]


def test_input_extents_by_hand():
    """Stride 2, 3 taps, padding 1 on 8 inputs: outputs read (0,1) (1,2,3) (3,4,5) (5,6,7)."""
    tiles = axis_tiles(Axis(outputs=4, taps=3, stride=2, padding=1, extent=8))
    assert (tiles.size.tolist(), tiles.reach.tolist(), tiles.reach_sum.tolist()) == ([1, 2, 4], [3, 5, 8], [11, 9, 8])
    skipping = axis_tiles(Axis(outputs=3, taps=1, stride=4, extent=9))
    assert (skipping.touched, skipping.reach.tolist()) == (3, [1, 2, 3])


def test_dilated_axis_favours_a_larger_tile_of_the_same_trip_count():
    """3 taps 2 apart: tiles {0,1} {2,3} read 6 + 6 inputs, tiles {0,1,2} {3} read 7 + 3."""
    tiles = axis_tiles(Axis(outputs=4, taps=3, dilation=2, extent=8))
    assert (tiles.size.tolist(), tiles.reach_sum.tolist()) == ([1, 2, 3, 4], [12, 12, 10, 8])


def test_pointwise_and_full_filters_fold_into_a_product():
    pointwise = fold(conv(2, 8, 4, 7, 5, 1, 1, stride=2))
    assert (pointwise.n, pointwise.nest.m, pointwise.nest.height) == ("npq", 70, Axis())
    full = fold(conv(2, 8, 4, 1, 1, 3, 5))
    assert (full.c, full.nest.c) == ("crs", 60)
    assert np.array_equal(reuse_curve(full.nest).traffic_bytes, reuse_curve(Gemm(m=2, n=8, k=60)).traffic_bytes)


def test_repeats_pin_weights_by_hand():
    """A 1 x 4 vector times 4 x 4 weights, 3 times, 1-byte elements.

    One output at a time reads the input for each of 4: 16 + 16 + 4 a step in 3 bytes; two at a time, 8 + 16 + 4 in 4. The fifth
    byte pins a weight and saves 2 of its 3 fetches; with the sixth all 4 outputs stay and the input is read once.
    """
    curve = reuse_curve(Gemm(m=1, n=4, k=4, repeats=3), 1)
    assert curve.at(3) == 3 * (16 + 16 + 4)
    assert curve.at(4) == 3 * (8 + 16 + 4)
    assert curve.at(5) == 3 * (8 + 16 + 4) - 2
    assert curve.at(6) == 3 * (4 + 16 + 4)
    # All weights pinned: 16, and an input column of 4 with one sum, or 4 sums with one input.
    assert curve.at(16 + 5) == 16 + 3 * (4 + 4) == curve.compulsory_bytes
    assert curve.at(16 + 4) > curve.compulsory_bytes


@pytest.mark.parametrize(
    ("m", "n", "k", "repeats", "weight_bits"), [(12, 10, 9, 3, 8), (35, 7, 21, 10, 8), (39, 45, 47, 3, 4), (32, 18, 51, 10, 16)]
)
def test_pinned_curve_is_the_least_over_every_mapping(m, n, k, repeats, weight_bits):
    """Against all candidates at every capacity, with the formula of `dse.model.pinning` applied one by one."""
    operation = replace(Gemm(m=m, n=n, k=k, repeats=repeats), weight_bits=weight_bits)
    curve = reuse_curve(operation)
    every = candidates(operation, None, lambda block: np.arange(len(block.held)))
    weights = weight_bits * n * k
    passes = every.weight_moved // weights
    for capacity in range(int(curve.capacity_bytes[0]), int(curve.capacity_bytes[-1]) + 2, 1 if m == 12 else 7):
        room = np.minimum((8 * capacity - every.held) // weight_bits * weight_bits, weights)
        pinned = np.where(every.held - every.weight_held + weights <= 8 * capacity, weights, room)
        moved = repeats * every.other_moved + repeats * passes * (weights - pinned) + pinned
        assert curve.at(capacity) == np.ceil(moved[every.held <= 8 * capacity].min() / 8)


@pytest.mark.parametrize("operation", [Gemm(m=31, n=20, k=3, repeats=3), Gemm(m=26, n=45, k=15, repeats=3)])
def test_pinned_curve_is_straight_between_its_corners(operation):
    curve = reuse_curve(operation)
    for corner, following in itertools.pairwise(curve.capacity_bytes):
        assert not np.diff(curve.at(np.arange(corner, following)), 2).any()


def test_least_buffer_past_held_weights_by_hand():
    """Nine taps, one sum and one input: every output reads its nine inputs again."""
    curve = reuse_curve(conv(1, 1, 1, 4, 4, 3, 3), 1, family="weight_stationary")
    assert (curve.capacity_bytes[0], curve.traffic_bytes[0]) == (11, 9 + 16 * 9 + 16)


def test_half_bytes_round_up():
    curve = reuse_curve(Gemm(m=1, n=3, k=3), bytes_per_element=0.5)
    assert curve.compulsory_bytes == 8  # (3 + 9 + 3) half bytes
    assert curve.capacity_bytes[0] == 2


def test_look_up_takes_numbers_and_arrays():
    curve = reuse_curve(Gemm(m=8, n=8, k=8), 1)
    assert curve.at(2) == np.inf
    assert curve.at(np.array([[2, 3], [10**9, 4]])).shape == (2, 2)
    assert curve.at(float("inf")) == curve.compulsory_bytes == curve.weight_at(1e12) + 128
    assert (curve.other_traffic_bytes + curve.weight_traffic_bytes == curve.traffic_bytes).all()


def test_mapping_says_what_it_does():
    mapping = reuse_curve(conv(1, 64, 64, 16, 16, 3, 3), 1).mapping_at(4096)
    assert str(mapping).startswith("output stationary: the output tile k=13 x p=16 x q=16 stays;")
    assert mapping.trips == {"n": 1, "k": 5, "c": 64, "p": 1, "q": 1}
    assert mapping.footprint_bytes == {"input": 1, "weight": 13 * 9, "output": 13 * 256}


def test_no_mapping_below_the_first_step():
    with pytest.raises(InputError, match="needs at least 3 B"):
        reuse_curve(Gemm(m=8, n=8, k=8), 1).mapping_at(2)


@pytest.mark.parametrize("widths", [0, -1, 0.3, (1, 1, 1), float("nan"), float("inf")])
def test_widths_are_whole_bits(widths):
    with pytest.raises(InputError, match="whole bits"):
        reuse_curve(Gemm(m=2, n=2, k=2), widths)


def test_unknown_family_and_too_large_operations_are_errors():
    with pytest.raises(InputError, match="choose one of output_stationary"):
        reuse_curve(Gemm(m=2, n=2, k=2), family="row_stationary")
    with pytest.raises(InputError, match="split it"):
        reuse_curve(Gemm(m=10**7, n=10**7, k=10**7))
