"""The enumerations of tests/laws and tests/unit at their full size."""

import pytest
from exact_enumeration import equals_brute_force
from residency_enumeration import equals_the_exhaustive_minimum
from reuse_enumeration import BYTE, TINY, WIDTHS, Enumeration, enumeration_finds_nothing_lower

from dse.model import residency
from dse.model.reuse import reuse_curve
from dse.model.stages import Streaming
from dse.workload.operations import Gemm


@pytest.mark.parametrize(
    ("seeds", "buffers", "io"),
    [(range(0, 60), 1, "dram"), (range(60, 120), 1, "dram"), (range(120, 180), 2, "dram"), (range(180, 205), 2, "host")],
)
def test_no_choice_of_tensors_moves_less(seeds, buffers, io):
    equals_the_exhaustive_minimum(seeds, Streaming(network_io=io), buffers=buffers)


def test_no_choice_moves_less_where_long_lives_are_cut():
    equals_the_exhaustive_minimum(range(200, 260), Streaming(), longest_gap=1)


def test_no_choice_of_tensors_and_weights_moves_less(monkeypatch):
    monkeypatch.setattr(residency, "RESERVES", 1000)
    monkeypatch.setattr(residency, "UNITS", 1000)
    equals_the_exhaustive_minimum(range(25), Streaming(weights="resident"), most_tasks=4)


@pytest.mark.parametrize("operation", TINY)
def test_exhaustive_enumeration_finds_nothing_lower(operation):
    for widths in WIDTHS[:3]:
        enumeration_finds_nothing_lower(operation.with_bits(**widths))


@pytest.mark.parametrize("seed", range(1000, 1400))
def test_the_exact_front_equals_brute_force_bit_for_bit(monkeypatch, seed):
    equals_brute_force(monkeypatch, seed)


def test_enumeration_of_a_product_with_three_level_tiles_equals_the_curve():
    operation = Gemm(m=4, n=3, k=4).with_bits(**BYTE)
    curve = reuse_curve(operation)
    enumeration = Enumeration(operation)
    assert enumeration.mappings > 1_000_000
    steps = [(capacity // 8, traffic // 8) for capacity, traffic in enumeration.staircase()]
    assert steps == list(zip(curve.capacity_bytes, curve.traffic_bytes, strict=True))
