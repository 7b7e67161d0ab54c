"""The kernel against the layer-by-layer breakdown, and numbers worked by hand."""

from dataclasses import replace

import numpy as np
import pytest

import dse
from dse.model.breakdown import breakdown
from dse.model.evaluate import evaluate_designs
from dse.model.work import work_of


def small(space, **device):
    return replace(space, device=replace(space.device, **device))


@pytest.mark.parametrize("overlap", ["layer", "network", "none"])
@pytest.mark.parametrize("vector", ["overlapped", "serial"])
def test_kernel_equals_breakdown(overlap, vector):
    """Two implementations: many designs by look-up, and one design layer by layer."""
    workload = dse.load_workload("speech")
    space = small(
        dse.load_space("edge"),
        overlap=overlap,
        vector=vector,
        dependency_latency_s=2e-6,
        weight_streams=1.5,
        weight_fetch="array_tile",
    )
    indices = space.random_indices(6, seed=3)
    metrics = evaluate_designs(work_of(workload), space.designs(indices), space)
    for row in range(len(indices)):
        result = breakdown(workload, space, space.designs(indices[row : row + 1]))
        for column in ("latency_s", "energy_j", "dram_bytes"):
            np.testing.assert_allclose(getattr(metrics, column)[row], result.scenarios[column].to_numpy(dtype=float), rtol=1e-12)
        np.testing.assert_allclose(metrics.total_latency_s[row], result.latency_s, rtol=1e-12)
        np.testing.assert_allclose(metrics.throughput_per_s[row], result.throughput_per_s, rtol=1e-12)
        np.testing.assert_allclose(metrics.metric("power")[row], result.power_w, rtol=1e-12)


@pytest.mark.parametrize("cells", [1, 40, 1000])
def test_chunks_change_nothing(monkeypatch, cells):
    workload, space = dse.load_workload("speech"), dse.load_space("edge")
    designs = space.designs(space.random_indices(50, seed=1))
    whole = evaluate_designs(work_of(workload), designs, space)
    monkeypatch.setattr("dse.model.evaluate.CHUNK_CELLS", cells)
    parts = evaluate_designs(work_of(workload), designs, space)
    for column in ("latency_s", "energy_j", "dram_bytes"):
        np.testing.assert_array_equal(getattr(whole, column), getattr(parts, column))


LINEAR = """\
name: one
networks:
  - name: fc
    input: {features: 1000}
    layers:
      - {name: fc, kind: linear, features: 500}
"""

MACHINE = """\
name: machine
parameters: {compute_units: 1000, bandwidth: 1 GB/s, sram: 8 MiB, frequency: 1 GHz, node: 16 nm}
unit_prices: {compute_unit: 0.01 USD per unit, bandwidth: 0.5 USD per GB/s, sram: 2 USD per MiB, base: 1 USD}
"""


def test_one_linear_layer_by_hand(tmp_path):
    """500,000 MACs on 1000 units at 1 GHz take 500 ns; 501,500 bytes at 1 GB/s take 501.5 us; 10 + 0.5 + 16 + 1 USD."""
    for name, text in (("work.yaml", LINEAR), ("machine.yaml", MACHINE)):
        (tmp_path / name).write_text(text)
    result = dse.evaluate(dse.load_workload(tmp_path / "work.yaml"), dse.load_design(tmp_path / "machine.yaml"))
    layer = result.layers.iloc[0]
    assert layer["compute_s"] == pytest.approx(0.5e-6)
    assert layer["dram_bytes"] == 501_500
    assert layer["memory_s"] == pytest.approx(501.5e-6)
    assert result.latency_s == pytest.approx(501.5e-6)
    assert layer["bound"] == "memory"
    assert layer["utilisation_fraction"] == pytest.approx(0.5 / 501.5)
    assert layer["intensity_ops_per_byte"] == pytest.approx(1e6 / 501_500)
    assert layer["attainable_ops_per_s"] == pytest.approx(1e6 / 501_500 * 1e9)
    assert result.price_usd == pytest.approx(27.5)


def test_tpu_v1_fetches_whole_tiles():
    """600 x 600 of LSTM1 in nine tiles of 64 KiB at 34 GB/s: 17.3 us (ISCA 2017, section 7)."""
    result = dse.evaluate(dse.load_workload("tpu_apps"), dse.load_design("tpu_v1"))
    layers = result.layers[result.layers["scenario"].str.startswith("lstm1")]
    products = layers[layers["macs"] % (600 * 600 * 96) == 0]
    per_matrix = products["weight_dram_bytes"] / (products["macs"] / (600 * 600 * 96))
    assert per_matrix[products["macs"] > 0].iloc[0] / 34e9 == pytest.approx(17.3e-6, rel=0.01)


@pytest.fixture
def one_layer(tmp_path):
    def make(network, machine=MACHINE):
        for name, text in (("work.yaml", network), ("machine.yaml", machine)):
            (tmp_path / name).write_text(text)
        return dse.load_workload(tmp_path / "work.yaml"), dse.load_design(tmp_path / "machine.yaml")

    return make


def test_a_double_buffer_holds_live_tiles_in_half_of_it(one_layer):
    """Batch 256 of 1000 x 500 at 64 KiB: the curve at 32 KiB with loads hidden, at 64 KiB without."""
    text = LINEAR.replace("networks:", "batches: [256]\nnetworks:")
    operation = dse.Gemm(m=256, n=500, k=1000).with_bits(input=8, weight=8, output=8, accumulator=32)
    for flag, live in (("true", 32 * 1024), ("false", 64 * 1024)):
        machine = MACHINE.replace("sram: 8 MiB", f"sram: 64 KiB, double_buffer: {flag}")
        result = dse.evaluate(*one_layer(text, machine))
        assert result.dram_bytes == dse.reuse_curve(operation).at(live)
        layer = result.layers.iloc[0]
        parts = (layer["compute_s"], layer["memory_s"])
        assert layer["time_s"] == pytest.approx(max(parts) if flag == "true" else sum(parts))


def test_a_machine_that_streams_its_weights_thrice_moves_them_thrice(one_layer):
    plain = dse.evaluate(*one_layer(LINEAR))
    thrice = dse.evaluate(*one_layer(LINEAR, MACHINE + "device: {weight_streams: 3}\n"))
    assert thrice.dram_bytes - plain.dram_bytes == 2 * 500_000


def test_fused_vector_work_rides_on_its_layer(one_layer):
    """Batch norm (2 ops an element) and ReLU (1) on 16 x 8 x 8 outputs add their work and move nothing."""
    text = """\
name: fused
networks:
  - name: net
    input: {channels: 3, height: 8, width: 8}
    layers:
      - {name: conv, kind: conv2d, filters: 16, kernel: 3, padding: 1%s}
"""
    bare = dse.evaluate(*one_layer(text % "")).layers
    fused = dse.evaluate(*one_layer(text % ", normalisation: batch, activation: relu")).layers
    each = [
        dse.evaluate(*one_layer(text % option)).layers["vector_ops"].sum()
        for option in (", normalisation: batch", ", activation: relu")
    ]
    assert len(fused) == len(bare) == 1
    assert fused["vector_ops"].sum() == sum(each) > max(each) > 0
    assert fused["dram_bytes"].sum() == bare["dram_bytes"].sum()
