"""The commands as a user runs them: what they print, what they write, how they end."""

import contextlib
import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from every_pair import evaluates_and_searches

import dse as library
from dse.inputs.shipped import shipped_names

SPACES = shipped_names("search_spaces")


def run_folder(tmp_path):
    (folder,) = (tmp_path / "outputs").iterdir()
    return folder


def test_search_writes_everything_once(dse, tmp_path):
    ran = dse("search", "mlp", "--trials", "150", "--budget", "price=15USD")
    assert ran.code == 0, ran.err
    assert ran.err == ""
    folder = run_folder(tmp_path)
    tables = {"front.csv", "trials.csv", "scenarios.csv", "layers_knee.csv", "result.json", "manifest.json"}
    assert {path.name for path in folder.iterdir()} == {
        *tables,
        "inputs",
        "pareto.png",
        "roofline.png",
        "report.html",
        "report.json",
    }
    assert {path.name for path in (folder / "inputs").iterdir()} == {"mlp.yaml", "edge.yaml"}
    assert folder.name in ran.out
    for picture in ("pareto.png", "roofline.png"):
        assert (folder / picture).read_bytes().startswith(b"\x89PNG")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["seed"] == 0
    assert manifest["budget"]["price"] == 15
    assert {entry["file"] for entry in manifest["inputs"]} == {"mlp.yaml", "edge.yaml"}
    assert all(len(entry["sha256"]) == 64 for entry in manifest["inputs"])
    assert any("20" in line for line in manifest["assumptions"])
    assert len(pd.read_csv(folder / "trials.csv")) == 150
    assert dse("search", "mlp", "--trials", "150", "--budget", "price=15USD").code == 0
    assert len(list((tmp_path / "outputs").iterdir())) == 2


def test_front_csv_keeps_the_budget_when_evaluated_again(dse, tmp_path):
    assert dse("search", "speech", "--trials", "50", "--budget", "power=3W").code == 0
    stored = pd.read_csv(run_folder(tmp_path) / "front.csv")
    space = library.load_space("edge").with_budget("power=3W")
    again = library.evaluate_many(library.load_workload("speech"), stored, space)
    assert again["feasible"].all()
    np.testing.assert_array_equal(again["latency_s"], stored["latency_s"])


def test_screen_fits_eighty_columns(dse, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for arguments in (("search", "speech", "--trials", "50"), ("evaluate", "tpu_apps", "--on", "tpu_v1"), ("list",)):
        ran = dse(*arguments)
        assert ran.code == 0
        assert max(len(line.rstrip()) for line in ran.out.splitlines()) <= 80
        assert "…" not in ran.out


CARD = "array_rows=128 array_cols=128 cores=8 frequency=1GHz dataflow=weight_stationary_double_buffered precision=bf16 sram=32MiB"
CARD += " memory=hbm2e channels=4 vector_lanes=4096 node=7nm"


def test_training_shows_its_memory_by_kind(dse, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    fixed = [part for setting in CARD.split() for part in ("--set", setting)]
    ran = dse("evaluate", "training", "--on", "datacenter", *fixed)
    assert (ran.code, ran.err) == (0, "")
    assert max(len(line.rstrip()) for line in ran.out.splitlines()) <= 80
    assert "bert_sqrt@b32+train keeps a checkpoint every 9 of its 67 layers." in ran.out
    stored = json.loads(dse("evaluate", "training", "--on", "datacenter", *fixed, "--json").out)["memory"]
    resnet = next(entry for entry in stored if entry["scenario"] == "resnet50@b32+train")
    assert resnet["total_bytes"] == sum(size for name, size in resnet.items() if name.endswith("_bytes")) - resnet["total_bytes"]
    assert "Memory that each scenario needs" not in dse("evaluate", "mlp", "--on", "tpu_v1").out


def test_json_is_only_json_and_whole(dse):
    ran = dse("search", "mlp", "--space", "three_knobs", "--trials", "100", "--json")
    assert ran.code == 0
    result = json.loads(ran.out)
    assert result["front"][result["knee"]]["knee"] is True
    assert len(result["front"]) >= len(result["shown"])
    assert set(result["scenarios"]) == set(result["shown"])
    assert result["certificate"]["kind"] == "none"
    assert result["assumptions"]


def test_exact_front_is_certified(dse):
    ran = dse("front", "mlp", "--space", "three_knobs", "--set", "sram=64KiB,256KiB,1MiB", "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["certificate"]["kind"] == "exact"


PAIRS = sorted({("mlp", space) for space in SPACES} | {("speech", "edge")})
"""Every space with one workload; tests/machinery has all pairs."""


@pytest.mark.parametrize(("workload", "space"), PAIRS)
def test_every_workload_and_every_space(dse, tmp_path, workload, space):
    evaluates_and_searches(dse, tmp_path, workload, space)


def test_help_and_version_import_nothing_heavy():
    code = (
        "import sys\nfrom dse.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'optuna', 'numpy', 'pandas', 'scipy', 'numba', 'matplotlib', 'pydantic', 'ruamel', 'moocore'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "search" in ran.stdout


def test_version(dse):
    assert dse("--version").out.strip() == f"dse {library.__version__}"


def finished_trials(path):
    """How many trials of a study in SQLite are complete; none while its tables are being made."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as study:
            return study.execute("SELECT count(*) FROM trials WHERE state = 'COMPLETE'").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def test_ctrl_c_keeps_what_was_found(tmp_path):
    """Interrupted as a terminal does it: exit 130, and a folder with what was evaluated."""
    command = [sys.executable, "-c", "from dse.cli import main; main()", "search", "mlp", "--space", "three_knobs"]
    command += ["--sampler", "nsga2", "--trials", "1000000", "--storage", "sqlite:///study.db"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while finished_trials(tmp_path / "study.db") < 100 and process.poll() is None:
        time.sleep(0.2)
    process.send_signal(2)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert "Pareto-optimal" in out
    folder = run_folder(tmp_path)
    assert len(pd.read_csv(folder / "front.csv")) >= 1
    assert json.loads((folder / "manifest.json").read_text())["interrupted"] is True
    assert not [path for path in Path(tmp_path / "outputs").iterdir() if path.name.startswith(".")]


def test_schema_is_json_schema(dse):
    for name in ("workload", "space"):
        ran = dse("schema", name)
        assert json.loads(ran.out)["$schema"].startswith("https://json-schema.org/")


def test_completion_offers_shipped_names():
    from dse.cli.options import complete_space, complete_workload

    assert "speech" in complete_workload("sp")
    assert complete_space("tpu") == ["tpu_v1"]


def test_a_machine_that_cannot_run_a_network_says_why(dse, tmp_path):
    text = "name: floats\nprecision: {weights: bf16, activations: bf16, accumulators: fp32}\nnetworks:\n"
    text += "  - {name: net, input: {features: 64}, layers: [{name: fc, kind: linear, features: 10}]}\n"
    (tmp_path / "floats.yaml").write_text(text)
    ran = dse("evaluate", "floats.yaml", "--on", "tpu_v1")
    assert ran.code == 1
    assert "floating point" in ran.err
    ran = dse("search", "floats.yaml", "--space", "edge", "--trials", "50")
    assert ran.code == 1
    assert "floating point" in ran.err
    assert dse("search", "floats.yaml", "--space", "edge", "--set", "precision=bf16", "--trials", "50").code == 0


def test_evaluate_says_what_a_machine_breaks(dse):
    ran = dse("evaluate", "mlp", "--on", "tpu_v1", "--set", "frequency=2GHz")
    assert ran.code == 0
    assert "power is" in ran.err


RULED = """
name: ruled
parameters:
  array_rows: [8, 16]
  array_cols: [8, 16]
  frequency: 500 MHz
  sram: [256 KiB, 1 MiB]
  memory: [lpddr4, hbm2e]
  channels: {lpddr4: [1, 2, 4], hbm2e: [1, 6]}
  node: [28 nm, 16 nm]
forbid: ["memory == 'hbm2e' and node > 16 nm"]
objectives: [latency, price]
"""
CHOSEN = [f"--set={each}" for each in ("array_rows=8", "array_cols=8", "sram=1MiB", "memory=hbm2e", "channels=6", "node=28nm")]


def test_rules_are_named_wherever_a_design_breaks_them(dse, tmp_path):
    path = tmp_path / "ruled.yaml"
    path.write_text(RULED)
    ran = dse("front", "snowflake", "--space", str(path), "-o", str(tmp_path), "--json")
    result = json.loads(ran.out)
    assert result["designs_allowed"] == {"designs": 64, "is_exact": True}
    assert [each["direction"] for each in result["objectives"]] == ["minimise", "minimise"]
    assert all(each["reference"] > max(row[each["column"]] for row in result["front"]) for each in result["objectives"])
    assert not any(row["memory"] == "hbm2e" and row["node_nm"] == 28 for row in result["front"])
    said = dse("evaluate", "snowflake", "--on", str(path), *CHOSEN)
    assert "the space forbids it: memory == 'hbm2e' and node > 16 nm" in said.err
    refused = dse(
        "front", "snowflake", "--space", str(path), "--set", "memory=lpddr4", "--set", "channels=6", "-o", str(tmp_path)
    )
    assert refused.code == 1
    assert "the space forbids it: channels other than 1, 2, 4 with memory lpddr4" in refused.err


def test_several_workloads_are_judged_together(dse, tmp_path):
    path = tmp_path / "ruled.yaml"
    path.write_text(RULED)
    ran = dse("front", "snowflake", "eyeriss", "--across", "each", "--space", str(path), "-o", str(tmp_path))
    assert "minimise latency:snowflake, minimise latency:eyeriss, minimise price; hypervolume" in " ".join(ran.out.split())
    folder = next(each for each in tmp_path.iterdir() if each.name.startswith("snowflake+eyeriss-ruled-"))
    assert {file.name for file in (folder / "inputs").iterdir()} == {"snowflake.yaml", "eyeriss.yaml", "ruled.yaml"}
    ran = dse("search", "snowflake", "eyeriss", "--across", "worst", "--space", str(path), "-o", str(tmp_path), "-n", "200")
    assert "slowdown: the worst latency over its target: snowflake" in " ".join(ran.out.split())
