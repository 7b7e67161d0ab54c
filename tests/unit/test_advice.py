"""Levers worked by hand, what they break, and what is advised."""

import json
from dataclasses import replace

import pytest

import dse
from dse.model.advice import Picks, advise
from dse.report.advice_table import advice_json, breaks, verdict

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


@pytest.fixture
def load(tmp_path):
    def make(network=LINEAR, machine=MACHINE):
        for name, text in (("work.yaml", network), ("machine.yaml", machine)):
            (tmp_path / name).write_text(text)
        return dse.load_workload(tmp_path / "work.yaml"), dse.load_design(tmp_path / "machine.yaml")

    return make


def test_a_memory_bound_layer_by_hand(load):
    """501,500 bytes at 1 GB/s and 0.5 us of compute; 500,000 of the bytes are weights, which a batch of two shares."""
    advice = advise(*load())
    by_name = {lever.name: lever for lever in advice.levers}
    expected = {
        "precision /2": (0.5, 0.0),
        "bandwidth x2": (0.5, 0.5),
        "batch x2": (503_000 / 1_003_000, 0.0),
        "clock x2": (1.0, 0.0),
        "compute x2": (1.0, 10.0),
        "SRAM x2": (1.0, 16.0),
        "single buffer": (502 / 501.5, 0.0),
    }
    assert [lever.name for lever in advice.levers] == [*expected]
    for name, (ratio, price) in expected.items():
        assert by_name[name].per_inference_ratio == pytest.approx(ratio, rel=1e-12), name
        assert by_name[name].price_change_usd == pytest.approx(price), name
    assert by_name["batch x2"].latency_s == pytest.approx(503e-6)
    assert by_name["batch x2"].latency_ratio == pytest.approx(503 / 501.5)
    assert by_name["batch x2"].scenarios[0].scenario == "fc@b2"
    assert by_name["bandwidth x2"].latency_s == pytest.approx(501.5e-6 / 2)


def test_where_it_stands_and_what_to_buy(load):
    """1e6 ops on 501,500 bytes; 2e12 op/s over 1e9 B/s is a ridge at 2000 ops/B; bandwidth costs half a dollar."""
    (standing,) = advise(*load()).scenarios
    assert standing.place == "slope"
    assert standing.intensity_ops_per_byte == pytest.approx(1e6 / 501_500)
    assert standing.ridge_ops_per_byte == pytest.approx(2000)
    assert standing.ridge_fraction == pytest.approx(1e6 / 501_500 / 2000)
    assert standing.picks.use.lever == "precision /2"
    assert standing.picks.buy.lever == "bandwidth x2"
    assert standing.picks.buy.price_change_usd == pytest.approx(0.5)


def test_a_compute_bound_layer_gains_from_compute_alone(load):
    """One MAC unit: 500,000 cycles of 1 ns are 500 us; 501,500 bytes at 1 TB/s are 0.5 us."""
    machine = MACHINE.replace("compute_units: 1000", "compute_units: 1").replace("1 GB/s, sram", "1 TB/s, sram")
    advice = advise(*load(machine=machine))
    assert advice.scenarios[0].place == "roof"
    assert advice.lever("compute x2").per_inference_ratio == 0.5
    for name in ("bandwidth x2", "SRAM x2", "batch x2"):
        assert advice.lever(name).per_inference_ratio == 1.0
    assert advice.picks.buy.lever == "compute x2"


def test_a_purchase_over_the_budget_is_shown_and_not_advised(load):
    workload, space = load()
    advice = advise(workload, space.with_budget("price=27.9USD"))
    assert [violation.quantity for violation in advice.lever("bandwidth x2").breaks] == ["price"]
    assert not advice.lever("bandwidth x2").feasible
    assert breaks(advice.lever("bandwidth x2")) == "price"
    assert advice.picks.buy is None


@pytest.mark.parametrize("stated", ["workload", "budget"])
def test_a_batch_meets_the_limit_of_its_scenario_under_its_new_name(load, stated):
    """503 us break a limit of 502 us, whoever states it."""
    workload, space = load(
        LINEAR.replace("    input", "    latency_limit: 502 us\n    input") if stated == "workload" else LINEAR
    )
    if stated == "budget":
        space = space.with_budget("latency.fc@b1=502us")
    lever = advise(workload, space).lever("batch x2")
    assert [(violation.quantity, violation.scenario) for violation in lever.breaks] == [("latency", "fc@b2")]
    already = space.with_budget("latency.fc@b1=400us")
    lever = advise(workload, already).lever("batch x2")
    assert lever.violations
    assert not lever.breaks


def test_what_cannot_run_is_saved_by_a_larger_buffer(load):
    """Four live bytes hold no mapping, eight do."""
    workload, space = load(machine=MACHINE.replace("8 MiB", "8 B"))
    advice = advise(workload, space)
    assert advice.scenarios[0].place == "cannot run"
    assert advice.lever("SRAM x2").per_inference_ratio == 0
    assert advice.lever("bandwidth x2").per_inference_ratio == 1
    assert advice.picks.buy.lever == "SRAM x2"
    assert json.loads(json.dumps(advice_json(advice), allow_nan=False))["levers"][0]["per_inference_ratio"] == 0


def test_bandwidth_is_channels_with_their_memory():
    """Twice the channels of TPU v1: 68 GB/s, twice the DRAM, two more interfaces on the die."""
    workload, space = dse.load_workload("tpu_apps"), dse.load_design("tpu_v1")
    lever = advise(workload, space).lever("bandwidth x2")
    assert "ddr3 x4, 68 GB/s" in lever.description
    base = dse.evaluate(workload, space)
    dram = float(base.costs.price_parts_usd["dram"][0])
    assert lever.price_change_usd > dram
    assert lever.area_mm2 == pytest.approx(base.area_mm2 + float(base.costs.area_parts_mm2["memory"][0]))


def test_levers_agree_with_an_evaluation_of_the_changed_machine():
    """Against the layer-by-layer breakdown of a space with the value set."""
    workload, space = dse.load_workload("speech").only("deep_speech_2@b4"), dse.load_design("eyeriss")
    advice = advise(workload, space)
    for name, parameter, value in (
        ("SRAM x2", "sram", "216KiB"),
        ("clock x2", "frequency", "400MHz"),
        ("compute x2", "cores", "2"),
    ):
        changed = dse.evaluate(workload, space.with_values(parameter, value))
        lever = advice.lever(name)
        for column in ("latency_s", "energy_j", "price_usd", "area_mm2", "power_w"):
            assert getattr(lever, column) == pytest.approx(getattr(changed, column), rel=1e-9), (name, column)


def test_layers_with_formats_of_their_own_are_narrowed_too(load):
    text = LINEAR.replace("features: 500}", "features: 500, precision: {weights: int16}}")
    workload, space = load(text)
    assert advise(workload, space).lever("precision /2").latency_s == pytest.approx((500_000 + 750) * 1e-9)


def test_numbers_that_are_narrowest_have_no_lever(load):
    text = "precision: {weights: int4, activations: int4}\n" + LINEAR
    workload, space = load(text, MACHINE.replace("node:", "precision: int4, node:"))
    assert all(lever.name != "precision /2" for lever in advise(workload, space).levers)


def test_the_verdict_says_so_where_nothing_helps(load):
    advice = advise(*load())
    assert "precision /2 (2x as fast)" in verdict(advice)
    assert "bandwidth x2 (2x as fast) for +0.5 USD" in verdict(advice)
    assert "no lever" in verdict(replace(advice, picks=Picks(use=None, buy=None)))
