"""A network that an importer made against the same network written by hand: all that comes of them is the same."""

import numpy as np

import dse
from dse.inputs.workloads import workload_from
from dse.inputs.yaml import read_text

TPU = dse.load_design("tpu_v1")


def by_hand(text, batches=(1, 4)):
    """The workload of a network's input and layers."""
    lines = "\n".join(f"    {line}" for line in text.strip().splitlines())
    return workload_from(read_text(f"name: hand\nbatches: {list(batches)}\nnetworks:\n  - name: net\n{lines}"))


def check_same(one, other, design=TPU):
    """Both do the same: operations and tensors of every scenario, traffic against capacity, time and energy of a machine."""
    assert len(one.scenarios) == len(other.scenarios)
    for ours, theirs in zip(one.scenarios, other.scenarios, strict=True):
        lowered, expected = ours.lower(), theirs.lower()
        assert [step.operation for step in lowered.steps] == [step.operation for step in expected.steps]
        sizes = [[(tensor.elements, tensor.bits, tensor.role) for tensor in each.tensors] for each in (lowered, expected)]
        assert sizes[0] == sizes[1]
    views = [dse.reuse_view(workload).scenarios for workload in (one, other)]
    for ours, theirs in zip(*views, strict=True):
        assert np.array_equal(ours.capacity_bytes, theirs.capacity_bytes)
        assert np.array_equal(ours.traffic_bytes, theirs.traffic_bytes)
    ours, theirs = (dse.evaluate(workload, design) for workload in (one, other))
    assert (ours.latency_s, ours.energy_j) == (theirs.latency_s, theirs.energy_j)
    assert [network.macs() for network in one.networks] == [network.macs() for network in other.networks]
    assert [network.parameters for network in one.networks] == [network.parameters for network in other.networks]
