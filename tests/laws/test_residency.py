"""Residency against every choice there is, and what it must obey."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from residency_enumeration import equals_the_exhaustive_minimum, random_network, storage

from dse.model import residency
from dse.model.graph import Graph
from dse.model.residency import plan
from dse.model.reuse import reuse_curve
from dse.model.stages import Streaming
from dse.workload.network import Lowered, Step, Tensor
from dse.workload.operations import Conv2d, Gemm


@pytest.mark.parametrize(
    ("seeds", "buffers", "io"),
    [(range(0, 40), 1, "dram"), (range(120, 140), 2, "dram"), (range(180, 195), 2, "host")],
)
def test_no_choice_of_tensors_moves_less(seeds, buffers, io):
    """The dynamic programme equals the exhaustive minimum on chains, residual and branching networks; 205 in tests/machinery."""
    equals_the_exhaustive_minimum(seeds, Streaming(network_io=io), buffers=buffers)


def test_no_choice_moves_less_where_long_lives_are_cut():
    equals_the_exhaustive_minimum(range(200, 220), Streaming(), longest_gap=1)


def test_a_cut_life_by_hand():
    """A (4 bytes) is made, read by the next task, and by the last one three tasks later: written once, loaded once, or kept.

    Tasks: a = x·Wa (2 x 2 each), b = a·Wb, c = b·Wc, d = c·Wd, e = [d, a]·We; all tensors 4 bytes, weights 4, 4, 4, 4, 8.
    """
    square = Gemm(m=2, n=2, k=2).with_bits(input=8, weight=8, output=8, accumulator=8)
    wide = Gemm(m=2, n=2, k=4).with_bits(input=8, weight=8, output=8, accumulator=8)
    chain = [("a", ("input",)), ("b", ("a",)), ("c", ("b",)), ("d", ("c",)), ("e", ("d", "a"))]
    steps = tuple(
        Step(name=name, layer=name, kind="linear", operation=wide if name == "e" else square, inputs=reads, output=name)
        for name, reads in chain
    )
    tensors = tuple(Tensor(name=name, elements=4, bits=8) for name in ("input", "a", "b", "c", "d", "e"))
    lowered = Lowered(steps=steps, tensors=tensors)
    whole = plan(Graph.of(lowered), storage([1000]), Streaming()).total_bytes
    cut = plan(Graph.of(lowered, longest_gap=2), storage([1000]), Streaming()).total_bytes
    assert whole == [24 + 4 + 4]
    assert cut == [24 + 4 + 4 + 4 + 4]


def test_no_choice_of_tensors_and_weights_moves_less(monkeypatch):
    """With every reserve tried and counted by the byte, serving too equals the exhaustive minimum."""
    monkeypatch.setattr(residency, "RESERVES", 1000)
    monkeypatch.setattr(residency, "UNITS", 1000)
    equals_the_exhaustive_minimum(range(12), Streaming(weights="resident"), most_tasks=4)


@given(st.integers(1000, 9999), st.sampled_from([1, 2]))
def test_coarse_reserves_lie_between_the_least_and_no_reserve(seed, buffers):
    lowered = random_network(seed, most_tasks=5)
    room = storage((40, 80, 160), buffers)
    without = plan(Graph.of(lowered), room, Streaming()).total_bytes
    served = plan(Graph.of(lowered), room, Streaming(weights="resident")).total_bytes
    assert (served <= without).all()


@given(st.integers(0, 9999), st.sampled_from([1, 2]), st.booleans())
def test_more_room_never_moves_more(seed, buffers, host):
    lowered = random_network(seed, most_tasks=8)
    streaming = Streaming(network_io="host" if host else "dram")
    total = plan(Graph.of(lowered, host=host), storage(range(1, 200, 7), buffers), streaming).total_bytes
    assert (total[1:] <= total[:-1]).all()


@given(st.integers(0, 9999))
def test_what_stays_fits_and_moves_nothing_twice(seed):
    """Tensors on chip fit beside each other; with room for everything only weights, what is given and what is answered move."""
    lowered = random_network(seed, most_tasks=8)
    graph = Graph.of(lowered)
    capacities = [5, 20, 60, 100_000]
    found = plan(graph, storage(capacities), Streaming())
    for task in range(len(graph.tasks)):
        for at, capacity in enumerate(capacities):
            bits = sum(graph.lives[number].bits for number in found.sets[found.kept[task, at]])
            assert not np.isfinite(found.moved[:, :, at]).all() or bits <= 8 * capacity
    read = {name for task in graph.tasks for name in task.steps[0].inputs}
    made = {step.output for step in lowered.steps}
    outer = sum(t.elements for t in lowered.tensors if (t.name in read) != (t.name in made))
    weights = sum(stage.weight_bytes for stage in graph.stages)
    assert found.total_bytes[-1] == outer + weights


@given(st.integers(0, 9999))
def test_thinned_states_keep_their_word(seed):
    """With room for few states the plan is at most its gap above the least."""
    lowered = random_network(seed, most_tasks=12)
    graph, room = Graph.of(lowered), storage((20, 40, 80, 160))
    least = plan(graph, room, Streaming()).total_bytes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(residency, "FEW_STATES", 2)
        patch.setattr(residency, "MOST_STATES", 3)
        thinned = plan(graph, room, Streaming())
    total = np.where(np.isfinite(thinned.total_bytes), thinned.total_bytes, 0)
    assert (total <= np.where(np.isfinite(least), least, 0) * (1 + thinned.gap_fraction) + 1e-6).all()
    assert (thinned.total_bytes >= least).all()


sizes = st.integers(1, 12)


@given(sizes, sizes, sizes, st.integers(1, 3), st.sampled_from([8, 32]), st.booleans())
def test_with_the_whole_input_at_home_everything_else_passes_once(m, n, k, taps, accumulator, gemm):
    """Through a line and an element: a channel's weights and a sum, or its sums and a weight (cost_model.md section 4)."""
    operation = Gemm(m=m, n=n, k=k) if gemm else Conv2d(k=n, c=k, p=m, q=m, r=taps, s=taps)
    operation = operation.with_bits(input=8, weight=8, output=8, accumulator=accumulator)
    curve = reuse_curve(operation, home={"input"})
    line = min(operation.k_group + accumulator // 8, operation.m * accumulator // 8 + 1)
    assert curve.at(line) == curve.compulsory_bytes
    assert curve.compulsory_bytes == operation.weight_elements + operation.output_elements
    alone = reuse_curve(operation)
    capacity = np.arange(1, 400)
    assert (curve.at(capacity) <= alone.at(capacity)).all()


@given(sizes, sizes, sizes, st.sets(st.sampled_from(["input", "weight", "output"]), min_size=1), st.integers(1, 4))
def test_operands_at_home_only_help(m, n, k, home, repeats):
    """Never more than without; and never less than without it, less every byte of it that could have moved."""
    operation = Gemm(m=m, n=n, k=k, repeats=repeats)
    capacity = np.arange(3, 3000, 31)
    away, alone = reuse_curve(operation, home=home), reuse_curve(operation)
    assert (away.at(capacity) <= alone.at(capacity)).all()
    inputs, weights, outputs = away.split_at(capacity)
    split = {"input": inputs, "weight": weights, "output": outputs}
    assert all((split[operand][np.isfinite(split[operand])] == 0).all() for operand in home - {"output"})
    np.testing.assert_array_equal(inputs + weights + outputs, away.at(capacity))
    whole = operation.input_elements * repeats + operation.weight_elements + operation.output_elements * repeats
    bytes_of = {
        "input": operation.input_elements * repeats,
        "weight": operation.weight_elements,
        "output": operation.output_elements * repeats,
    }
    room = capacity + sum(bytes_of[operand] for operand in home)
    # Loading the operand first is a mapping too, so keeping it spares no more than its own bytes.
    assert (alone.at(room[alone.at(room) == whole]) <= away.at(capacity)[alone.at(room) == whole] + whole).all()
