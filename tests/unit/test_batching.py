"""`batches: auto`: every design takes its best batch within the limit."""

from dataclasses import replace

import numpy as np
import pytest

import dse
from dse.model.breakdown import breakdown
from dse.model.evaluate import evaluate_designs
from dse.model.limits import feasible, limits
from dse.model.work import work_of
from dse.workload.workload import AUTO_BATCHES

FREE = """\
name: free
batches: auto
networks:
  - name: net
    latency_limit: %s
    input: {features: 1000}
    layers:
      - {name: fc1, kind: linear, features: 2000}
      - {name: fc2, kind: linear, features: 2000}
  - name: other
    batches: [4]
    weight: 3
    input: {features: 300}
    layers:
      - {name: fc, kind: linear, features: 200}
"""


@pytest.fixture
def free(tmp_path):
    def make(limit="5 ms", text=FREE):
        (tmp_path / "free.yaml").write_text(text % limit)
        return dse.load_workload(tmp_path / "free.yaml")

    return make


def fixed(workload, batch):
    scenario = workload.scenarios[0]
    return replace(workload, scenarios=(replace(scenario, auto=(), batch=batch), *workload.scenarios[1:]))


def test_a_free_batch_is_one_scenario(free):
    workload = free()
    assert [scenario.name for scenario in workload.scenarios] == ["net@auto", "other@b4"]
    assert [run.batch for run in work_of(workload).runs] == [*AUTO_BATCHES, 4]


@pytest.mark.parametrize("limit", ["200 us", "2 ms", "1 s"])
def test_the_best_batch_within_the_limit(free, limit):
    """Against a run for every batch: of those in the limit the one with most inferences a second, by kernel and breakdown."""
    workload, space = free(limit), dse.load_space("edge")
    indices = space.random_indices(40, seed=5)
    designs = space.designs(indices)
    metrics = evaluate_designs(work_of(workload), designs, space)
    runs = [evaluate_designs(work_of(fixed(workload, batch)), designs, space) for batch in AUTO_BATCHES]
    latency = np.column_stack([run.latency_s[:, 0] for run in runs])
    rate = np.array(AUTO_BATCHES) / latency
    within = latency <= workload.scenarios[0].latency_limit_s
    expected = np.where(within.any(axis=1), np.where(within, rate, 0).argmax(axis=1), latency.argmin(axis=1))
    np.testing.assert_array_equal(metrics.batch[:, 0], np.array(AUTO_BATCHES)[expected])
    np.testing.assert_array_equal(metrics.latency_s[:, 0], latency[np.arange(40), expected])
    np.testing.assert_array_equal(feasible(limits(metrics, space)) & ~within.any(axis=1), False)
    for row in range(8):
        result = breakdown(workload, space, space.designs(indices[row : row + 1]))
        assert result.workload.scenarios[0].batch == metrics.batch[row, 0]
        assert result.latency_s == pytest.approx(metrics.total_latency_s[row], rel=1e-12)
        assert result.throughput_per_s == pytest.approx(metrics.throughput_per_s[row], rel=1e-12)
        assert result.energy_j == pytest.approx(metrics.total_energy_j[row], rel=1e-12)


def test_a_free_batch_counts_per_inference(free):
    workload, space = free("1 s"), dse.load_design("tpu_v1")
    result = dse.evaluate(workload, space)
    rows = result.scenarios
    assert rows["batch"].tolist() == [256, 4]
    assert result.latency_s == pytest.approx(rows["latency_s"][0] / 256 + 3 * rows["latency_s"][1])


def test_a_batch_that_the_memory_cannot_hold_is_not_taken(free):
    """128 samples of 16 million features are more than the 2 GB of one LPDDR4 channel beside the weights; 64 fit."""
    text = FREE.replace("features: 1000", "features: 16000000").replace("features: 2000", "features: 4")
    workload, space = free("1000 s", text), dse.load_space("edge").with_values("memory", "lpddr4").with_values("channels", "1")
    metrics = evaluate_designs(work_of(workload), space.designs(space.random_indices(20, seed=1)), space)
    assert (metrics.dram_bytes_needed[:, 0] <= metrics.costs.dram_capacity_bytes).all()
    assert (metrics.costs.dram_capacity_bytes == 2e9).all()
    assert (metrics.batch[:, 0] == 64).all()


def test_advice_is_for_the_batch_that_was_taken(free):
    advice = dse.advise(free("1 s"), dse.load_design("tpu_v1"))
    doubled = next(lever for lever in advice.levers if lever.name == "batch x2")
    assert [effect.batch for effect in doubled.scenarios] == [512, 8]
    assert advice.scenarios[0].scenario == "net@auto"


def test_wrong_words_say_what_is_meant(tmp_path):
    (tmp_path / "w.yaml").write_text(FREE.replace("batches: auto", "batches: best") % "1 s")
    with pytest.raises(
        dse.InputError, match=r"w.yaml:2:10: .*a list of batches such as \[1, 8\], or auto, is needed, got 'best'"
    ):
        dse.load_workload(tmp_path / "w.yaml")


def test_a_search_shows_the_batch_of_each_design(free):
    front = dse.search(free(), dse.load_space("edge"), trials=60, seed=1)
    batches = front.designs["batch[net@auto]"]
    assert set(batches) <= set(AUTO_BATCHES)
    rate = front.designs["throughput_per_s[net@auto]"]
    np.testing.assert_allclose(rate, batches / front.designs["latency_s[net@auto]"])


def test_the_exact_front_of_a_free_batch_evaluates_every_design(free):
    workload, space = free(), dse.load_space("edge").with_values("array_rows", "8,32").with_values("array_cols", "16")
    for name, value in (("cores", "1,4"), ("frequency", "500MHz"), ("dataflow", "output_stationary"), ("double_buffer", "true")):
        space = space.with_values(name, value)
    for name, value in (("memory", "lpddr4,lpddr5"), ("channels", "1"), ("vector_lanes", "64"), ("node", "16 nm")):
        space = space.with_values(name, value)
    front = dse.exact_front(workload, space)
    assert front.certificate.kind == "exact"
    everything = evaluate_designs(work_of(workload), space.designs(space.indices(np.arange(space.size))), space)
    keep = feasible(limits(everything, space))
    least = everything.total_latency_s[keep].min()
    assert front.designs["latency_s"].min() == least
