"""Exact fronts of more than ten billion designs: seconds after compilation, and memory."""

import resource
import time

import pytest

import dse
from dse.search.exact import exact_front

TEN_BILLION = """
name: ten_billion
title: more than ten billion accelerators
source: made for a benchmark
parameters:
  array_rows: {from: 4, to: 256, step: 4}
  array_cols: {from: 4, to: 256, step: 4}
  cores: [1, 2, 3, 4, 6, 8, 12, 16]
  frequency: {from: 200 MHz, to: 1700 MHz, step: 100 MHz}
  dataflow: weight_stationary_double_buffered
  sram: {from: 64 KiB, to: 64 MiB, steps: 640, scale: log}
  memory: [ddr4, lpddr4, lpddr5, gddr6]
  channels: [1, 2, 3, 4, 6, 8, 12, 16]
  vector_lanes: 256
  node: 16 nm
budget:
  price: 200 USD
"""


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    path = tmp_path_factory.mktemp("space") / "ten_billion.yaml"
    path.write_text(TEN_BILLION)
    return dse.load_space(str(path))


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    exact_front(dse.load_workload("mlp"), dse.load_space("edge").with_values("sram", "64KiB,1MiB"))


@pytest.mark.parametrize(
    ("objectives", "limit_s", "most_epsilon"),
    [
        (("latency", "price"), 30, 0.0),
        (("latency", "energy", "price"), 120, 0.01),
        (("latency", "energy", "price", "power"), 600, 0.05),
    ],
)
def test_ten_billion_designs_on_speech(space, objectives, limit_s, most_epsilon):
    judged = space.with_objectives(*objectives)
    begin = time.monotonic()
    front = exact_front(dse.load_workload("speech"), judged, seconds=limit_s)
    took = time.monotonic() - begin
    memory_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{judged.size:,} designs, {', '.join(objectives)}: {took:.1f} s, {memory_gib:.2f} GiB, {len(front):,} on the front")
    print(front.certificate.statement)
    assert front.certificate.designs_in_space >= 10**10
    assert front.certificate.epsilon is not None
    assert front.certificate.epsilon <= most_epsilon
    assert took < (limit_s if front.certificate.kind == "exact" else 1.05 * limit_s)
    assert memory_gib < 4
