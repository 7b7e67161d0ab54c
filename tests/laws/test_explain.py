"""The computational view agrees with the evaluation, whatever the machine: shares add up, and bytes are those that move."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dse
from dse.hardware.parameters import Parameter
from dse.model.explain import TIME_PARTS, explain

WORKLOADS = {name: dse.load_workload(name) for name in ("speech", "mlp", "eyeriss", "transformer")}
SPACES = {name: dse.load_space(name) for name in ("edge", "three_knobs", "tpu_v1", "eyeriss", "snowflake", "nvdla_full")}
SCENARIOS = [
    (name, scenario.name) for name, workload in WORKLOADS.items() for scenario in workload.scenarios if scenario.batch <= 8
]


cases = st.tuples(st.sampled_from(SCENARIOS), st.sampled_from(sorted(SPACES)), st.integers(0, 10_000))
options = st.fixed_dictionaries(
    {
        "vector": st.sampled_from(["overlapped", "serial"]),
        "dependency_latency_s": st.sampled_from([0.0, 1e-6]),
        "weights": st.sampled_from(["streamed", "resident"]),
        "weight_fetch": st.sampled_from(["element", "array_tile"]),
    }
)


def explained(case, chosen):
    """One scenario on one design of a space, whose options are set otherwise."""
    (workload, scenario), name, seed = case
    space = SPACES[name]
    row = space.random_indices(1, seed)[0].tolist()
    fixed = tuple(Parameter(each.name, (each.values[at],)) for each, at in zip(space.parameters, row, strict=True))
    one = replace(space, parameters=fixed, device=replace(space.device, **chosen))
    return explain(WORKLOADS[workload].only(scenario), one)[0]


@settings(max_examples=20)
@given(cases, options)
def test_the_view_agrees_with_the_evaluation(case, chosen):
    found = explained(case, chosen)
    for layer in found.layers:
        if layer.problem:
            assert layer.part_s is None
            assert math.isinf(layer.time_s)
        else:
            check_time(found, layer)
            check_places(layer)
        check_needs(layer)


def check_time(found, layer):
    device, design, row = found.result.space.device, found.result.design, layer.row
    assert min(layer.part_s) >= 0
    assert sum(layer.part_s) == pytest.approx(row["time_s"], rel=1e-12, abs=1e-30)
    if layer.time_s:
        assert sum(map(layer.share, TIME_PARTS)) == pytest.approx(1, rel=1e-12)
    compute = row["compute_s"] + row["vector_s"] if device.vector == "serial" else max(row["compute_s"], row["vector_s"])
    assert layer.hidden == (design.double_buffer and row["memory_s"] <= compute)
    assert layer.energy.total_j == pytest.approx(row["energy_j"], rel=1e-9)
    if layer.operation is not None and device.padding == "multiplied":
        dense = layer.operation.height.upsample == layer.operation.width.upsample == 1
        utilised = layer.share("useful") + layer.share("padding")
        assert not dense or utilised == pytest.approx(row["utilisation_fraction"], rel=1e-9, abs=1e-12)


def check_places(layer):
    held, weights = layer.activations, layer.parameters
    on_chip = sum(tensor.size_bytes for tensor in held.tensors if tensor.stays) + sum(size for _, size in held.others)
    assert -(-on_chip // 1) == held.resident_bytes <= held.usable_bytes
    for tensor in held.tensors:
        assert tensor.begin <= layer.index <= tensor.end
        assert tensor.fits or not tensor.stays
    if weights is not None:
        assert weights.moved_bytes == pytest.approx(weights.fetches * weights.size_bytes)
        assert weights.hidden == layer.hidden
        assert weights.exposed_s <= layer.share("memory") * layer.time_s * (1 + 1e-9) + 1e-30
        assert (weights.place == "resident") <= (weights.moved_bytes == 0)
    if held.mapping is not None and weights is not None:
        streamed = held.mapping.traffic_bytes["weight"] * weights.tile_rounding
        assert streamed == pytest.approx(weights.moved_bytes, abs=1.5 * weights.tile_rounding)


def check_needs(layer):
    for need in layer.needs:
        assert 0 < need.fraction <= 1
        assert need.needed_bytes > 0
    inputs = {tensor.name for tensor in layer.activations.tensors if tensor.use != "output"}
    assert inputs == {need.tensor for need in layer.needs if need.kind not in ("state", "tile")}
