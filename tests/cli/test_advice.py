"""`dse evaluate` says what would help."""

import json

import pytest


@pytest.mark.parametrize(("workload", "machine"), [("eyeriss", "eyeriss"), ("tpu_apps", "tpu_v1")])
def test_it_fits_eighty_columns(dse, monkeypatch, workload, machine):
    monkeypatch.setenv("COLUMNS", "80")
    ran = dse("evaluate", workload, "--on", machine)
    assert ran.code == 0, ran.err
    assert max(len(line.rstrip()) for line in ran.out.splitlines()) <= 80
    assert "…" not in ran.out
    assert "What each lever would do" in ran.out
    assert "All in all:" in ran.out


def test_json_holds_every_lever_and_scenario(dse):
    result = json.loads(dse("evaluate", "tpu_apps", "--on", "tpu_v1", "--json").out)
    advice = result["advice"]
    assert [each["scenario"] for each in advice["scenarios"]] == [each["scenario"] for each in result["scenarios"]]
    assert all(len(lever["scenarios"]) == len(result["scenarios"]) for lever in advice["levers"])
    best = advice["levers"][0]
    assert best["latency_s"] == pytest.approx(best["latency_ratio"] * result["totals"]["latency_s"])
    assert advice["scenarios"][0]["picks"]["buy"]["lever"] == "bandwidth x2"


def test_it_can_be_left_out(dse):
    ran = dse("evaluate", "tpu_apps", "--on", "tpu_v1", "--no-advice")
    assert "lever" not in ran.out
    assert json.loads(dse("evaluate", "tpu_apps", "--on", "tpu_v1", "--no-advice", "--json").out)["advice"] is None


def test_a_machine_that_cannot_run_it_is_told_what_would(dse, tmp_path):
    """Seven bytes hold no live mapping in their half; twice as many do."""
    ran = dse("evaluate", "mlp", "--on", "tpu_v1", "--set", "sram=8B", "--scenario", "dlrm@b1")
    assert ran.code == 1
    assert "cannot run" in ran.out
    assert "to buy" in ran.out
