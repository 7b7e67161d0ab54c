"""What every machine must obey, whatever it is made of."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dse
from dse.model.evaluate import evaluate_designs
from dse.model.work import work_of
from dse.units import OPS_PER_MAC

WORKLOADS = {name: dse.load_workload(name) for name in ("speech", "mlp")}
SPACES = {name: dse.load_space(name) for name in ("edge", "three_knobs")}
names = st.sampled_from(sorted(WORKLOADS))
spaces = st.sampled_from(sorted(SPACES))
seeds = st.integers(0, 10_000)


def run(workload, space, designs):
    return evaluate_designs(work_of(WORKLOADS[workload]), designs, SPACES[space])


def drawn(space, seed, n=4):
    return SPACES[space].designs(SPACES[space].random_indices(n, seed))


@given(names, spaces, seeds)
def test_time_is_at_least_ops_over_peak_and_bytes_over_bandwidth(workload, space, seed):
    designs = drawn(space, seed)
    metrics = run(workload, space, designs)
    peak = OPS_PER_MAC * designs.macs_per_cycle * designs.frequency_hz
    least = OPS_PER_MAC * metrics.work.macs / peak[:, None]
    assert (metrics.latency_s >= least * (1 - 1e-9)).all()
    assert (metrics.latency_s >= metrics.dram_bytes / designs.bandwidth_bytes_per_s[:, None] * (1 - 1e-9)).all()


@pytest.mark.parametrize(
    ("column", "factor"),
    [("bandwidth_bytes_per_s", 1.7), ("frequency_hz", 1.3), ("vector_lanes", 2), ("cores", 2)],
)
@given(names, spaces, seeds)
def test_more_is_never_slower(column, factor, workload, space, seed):
    designs = drawn(space, seed)
    more = replace(designs, **{column: (getattr(designs, column) * factor).astype(getattr(designs, column).dtype)})
    before, after = run(workload, space, designs), run(workload, space, more)
    assert (after.latency_s <= before.latency_s * (1 + 1e-12)).all()
    assert (after.dram_bytes <= before.dram_bytes * (1 + 1e-12)).all()


@settings(max_examples=15)
@given(names, spaces, seeds, st.sampled_from([1.2, 2, 3]))
def test_more_buffer_never_moves_more(workload, space, seed, factor):
    """Least bytes fall with the buffer, and so does the time of a machine that prefetches across layers.

    Where each layer waits for its own loads, the least bytes may lie in other layers than before, so time may rise a little.
    """
    designs = drawn(space, seed)
    more = replace(designs, sram_bytes=(designs.sram_bytes * factor).astype(np.int64))
    home = replace(SPACES[space], device=replace(SPACES[space].device, overlap="network", first_load_exposed=False))
    before, after = (evaluate_designs(work_of(WORKLOADS[workload]), each, home) for each in (designs, more))
    assert (after.dram_bytes <= before.dram_bytes * (1 + 1e-12)).all()
    assert (after.latency_s[designs.double_buffer] <= before.latency_s[designs.double_buffer] * (1 + 1e-12)).all()
    streamed = replace(home, device=replace(home.device, activations="streamed", overlap="layer"))
    before, after = (evaluate_designs(work_of(WORKLOADS[workload]), each, streamed) for each in (designs, more))
    assert (after.latency_s <= before.latency_s * (1 + 1e-12)).all()


@given(names, spaces, seeds)
def test_traffic_is_at_least_compulsory(workload, space, seed):
    metrics = run(workload, space, drawn(space, seed))
    weights = [op.weight_elements * op.weight_bits // 8 * (op.weight_role == "weight") for op in metrics.work.operations]
    assert (metrics.dram_bytes >= np.array(weights) @ metrics.work.operation_counts).all()
    streamed = replace(SPACES[space], device=replace(SPACES[space].device, activations="streamed"))
    alone = evaluate_designs(work_of(WORKLOADS[workload]), drawn(space, seed), streamed)
    compulsory = np.array([operation.compulsory_bytes for operation in metrics.work.operations]) @ metrics.work.operation_counts
    assert (alone.dram_bytes >= compulsory).all()
    assert (metrics.dram_bytes <= alone.dram_bytes * (1 + 1e-12)).all()


@given(names, seeds)
def test_energy_is_at_least_its_parts(workload, seed):
    designs = drawn("edge", seed)
    metrics = run(workload, "edge", designs)
    floor = metrics.work.macs * metrics.costs.mac_energy_j[:, None] + metrics.latency_s * metrics.costs.static_power_w[:, None]
    assert (metrics.energy_j >= floor * (1 - 1e-9)).all()


@given(names, seeds)
def test_average_power_is_at_most_the_peak(workload, seed):
    metrics = run(workload, "edge", drawn("edge", seed, n=50))
    assert (metrics.energy_j / metrics.latency_s <= metrics.costs.peak_power_w[:, None] * (1 + 1e-9)).all()


@given(names, seeds, st.sampled_from(["row_stationary", "dot_product"]))
def test_average_power_is_at_most_the_peak_on_convolution_engines_too(workload, seed, dataflow):
    space = SPACES["edge"].with_values("dataflow", dataflow)
    metrics = evaluate_designs(work_of(WORKLOADS[workload]), space.designs(space.random_indices(50, seed)), space)
    assert (metrics.energy_j / metrics.latency_s <= metrics.costs.peak_power_w[:, None] * (1 + 1e-9)).all()


@given(seeds, st.integers(2, 5))
def test_n_copies_cost_n_times_one(seed, copies):
    """A suite that runs each scenario n times takes n times as long, at the same throughput."""
    workload = WORKLOADS["mlp"]
    many = replace(
        workload, scenarios=tuple(replace(scenario, weight=scenario.weight * copies) for scenario in workload.scenarios)
    )
    designs = drawn("edge", seed)
    one, several = (evaluate_designs(work_of(each), designs, SPACES["edge"]) for each in (workload, many))
    np.testing.assert_allclose(several.total_latency_s, copies * one.total_latency_s)
    np.testing.assert_allclose(several.total_energy_j, copies * one.total_energy_j)
    np.testing.assert_allclose(several.throughput_per_s, one.throughput_per_s)


@given(seeds)
def test_double_buffering_beats_a_single_buffer_of_half_the_size(seed):
    """The same live capacity with loads hidden is never slower, but for the first tile."""
    designs = drawn("edge", seed)
    single = replace(designs, double_buffer=np.zeros(len(designs), dtype=np.bool_), sram_bytes=designs.sram_bytes // 2)
    double = replace(designs, double_buffer=np.ones(len(designs), dtype=np.bool_))
    space = replace(SPACES["edge"], device=replace(SPACES["edge"].device, first_load_exposed=False))
    work = work_of(WORKLOADS["speech"])
    slow, fast = (evaluate_designs(work, each, space).latency_s for each in (single, double))
    assert (fast <= slow * (1 + 1e-12)).all()
