"""Designs a second, whole and by part, against a plain roofline written in numpy on the same designs."""

import numpy as np
import pytest

import dse
from dse.inputs.job import one_scenario
from dse.search.front import evaluate_many
from dse.search.study import search


@pytest.fixture(scope="module")
def resnet50():
    return one_scenario(dse.load_workload("vision"), "resnet50@b1")


@pytest.fixture(scope="module")
def designs():
    return dse.load_space("edge").sample(1_000_000, seed=0)


@pytest.mark.benchmark(group="a million designs of edge on ResNet-50, batch 1")
def test_a_million_designs(benchmark, resnet50, designs):
    evaluate_many(resnet50, designs.head(1000), designs.space)
    metrics = benchmark.pedantic(lambda: evaluate_many(resnet50, designs), rounds=3)
    assert len(metrics) == 1_000_000


@pytest.mark.benchmark(group="a million designs of edge on ResNet-50, batch 1")
def test_a_plain_roofline_of_the_same(benchmark, resnet50, designs):
    """Compulsory bytes and peak alone, one vectorised pass a layer: what the buffer and array models are paid for on top of."""
    (scenario,) = resnet50.scenarios
    operations = [
        step.operation
        for step in scenario.network.lower(1, scenario.precision).steps
        if hasattr(step.operation, "compulsory_bytes")
    ]
    peak = (2.0 * designs["array_rows"] * designs["array_cols"] * designs["cores"] * designs["frequency_hz"]).to_numpy()
    bandwidth = designs["bandwidth_bytes_per_s"].to_numpy()

    def roofline():
        return sum(np.maximum(operation.ops / peak, operation.compulsory_bytes / bandwidth) for operation in operations)

    assert len(benchmark.pedantic(roofline, rounds=3)) == 1_000_000


@pytest.mark.benchmark(group="one search of speech on edge")
def test_search_of_the_main_job(benchmark):
    workload, space = dse.load_workload("speech"), dse.load_space("edge")
    search(workload, space, trials=50)
    front = benchmark.pedantic(lambda: search(workload, space), rounds=2)
    assert len(front) > 10
