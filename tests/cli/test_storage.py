"""Searches that outlive their process: resumed runs, shared studies, and evaluators of the user's own."""

import json
import sys

import pandas as pd
import pytest

from dse.report.run import manifest
from dse.search import hunt

EVALUATOR = '''
"""A simulator that fails in every way."""
import os
import time

def cycles(design):
    print("simulating", flush=True)
    match design["compute_units"]:
        case 256:
            raise RuntimeError("no such array")
        case 512:
            time.sleep(60)
        case 1024:
            os._exit(3)
        case 2048:
            return {"latency": 3}
    return {"latency_s": 1e-9 * design["sram_bytes"]}
'''
SMALL = ("--set", "compute_units=256,512,1024,2048,4096,8192", "--set", "sram=1MiB,2MiB", "--set", "bandwidth=16GB/s")


@pytest.fixture
def no_pictures(monkeypatch):
    """Drawing takes most of a short run."""
    monkeypatch.setattr("dse.report.figures.run_pictures", lambda *given: {})


def runs(folder):
    return sorted((path for path in (folder / "outputs").iterdir()), key=lambda path: path.stat().st_mtime_ns)


def read(folder):
    return json.loads((folder / "manifest.json").read_text()), pd.read_csv(folder / "trials.csv")


def test_a_run_is_resumed_with_all_that_its_command_said(dse, tmp_path, no_pictures):
    said = ("--budget", "price=20USD", "--objectives", "latency,price", "--set", "sram=1MiB,2MiB,4MiB", "--sampler", "random")
    assert dse("search", "mlp", "--space", "three_knobs", "--trials", "60", "--seed", "3", *said).code == 0
    (first,) = runs(tmp_path)
    ran = dse("search", "--resume", "latest", "--trials", "40")
    assert (ran.code, ran.err) == (0, "")
    assert "100 designs tried" in ran.out
    assert "60 of them from the earlier run" in ran.out
    _, second = runs(tmp_path)
    before, tried = read(first)
    after, all_tried = read(second)
    assert after["resumed_from"] == after["settings"]["resumed_from"] == f"outputs/{first.name}"
    assert before["resumed_from"] is None
    assert all(before[name] == after[name] for name in ("budget", "objectives", "sampler", "seed"))
    assert [entry["sha256"] for entry in before["inputs"]] == [entry["sha256"] for entry in after["inputs"]]
    assert after["sampler"] == "random"
    assert "same inputs" in before["reproducible"]
    assert after["reproducible"].startswith("a record only: it goes on with an earlier run")
    pd.testing.assert_frame_equal(all_tried[tried.columns].head(60), tried)
    assert set(all_tried["sram_bytes"]) == {2**20, 2**21, 2**22}
    assert not all_tried.duplicated(list(tried.columns[1:4])).any()
    third = dse("search", "--resume", second.name, "--trials", "5", "--sampler", "qmc", "--json")
    assert json.loads(third.out)["trials"] == 105
    assert json.loads(third.out)["record"]["earlier"] == 100


def test_an_interrupted_run_is_resumed_for_what_was_left(dse, tmp_path, no_pictures, monkeypatch):
    with monkeypatch.context() as patched:
        step, steps = hunt.Hunt._step, []

        def stops(self):
            steps.append(1)
            if len(steps) > 1:
                raise KeyboardInterrupt
            return step(self)

        patched.setattr(hunt.Hunt, "_step", stops)
        ran = dse("search", "mlp", "--space", "three_knobs", "--trials", "90")
    assert ran.code == 130
    (first,) = runs(tmp_path)
    assert f"dse search --resume {first.name} goes on" in ran.err
    assert dse("search", "--resume", first.name).code == 0
    _, tried = read(runs(tmp_path)[-1])
    assert len(tried) == 90


def test_what_has_changed_since_is_refused_or_said(dse, tmp_path, no_pictures):
    assert dse("search", "mlp", "--space", "three_knobs", "--trials", "5").code == 0
    (first,) = runs(tmp_path)
    path, table = first / "manifest.json", first / "trials.csv"
    stored, tried = read(first)
    path.write_text(json.dumps({**stored, "dse": "0.0.1"}))
    tried.assign(latency_s=tried["latency_s"] * 2).to_csv(table, index=False)
    ran = dse("search", "--resume", "latest", "--trials", "1")
    assert ran.code == 0
    assert "made by dse 0.0.1" in ran.err
    assert "says otherwise of 5 of the 5 earlier designs" in ran.err
    (first / "inputs" / "mlp.yaml").write_text("name: other")
    ran = dse("search", "--resume", first.name)
    assert ran.code == 2
    assert "mlp.yaml has changed since the run" in ran.err
    (first / "inputs" / "mlp.yaml").unlink()
    assert "is missing" in dse("search", "--resume", first.name).err
    table.unlink()
    assert "only a run of `dse search` can be resumed" in dse("search", "--resume", first.name).err
    path.write_text("{")
    assert "cannot be read" in dse("search", "--resume", first.name).err


def test_inputs_of_one_name_are_both_kept(dse, tmp_path, no_pictures):
    from dse.inputs.shipped import find

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "mine.yaml").write_bytes(find("workloads", "mlp").read_bytes())
    (tmp_path / "b" / "mine.yaml").write_bytes(find("search_spaces", "three_knobs").read_bytes())
    assert dse("search", "a/mine.yaml", "--space", "b/mine.yaml", "--trials", "5").code == 0
    assert dse("search", "--resume", "latest", "--trials", "5").code == 0
    assert len(read(runs(tmp_path)[-1])[1]) == 10


def test_a_shared_study_goes_on_by_itself(dse, tmp_path, no_pictures):
    command = ("search", "mlp", "--space", "three_knobs", "--storage", "study.log", "--trials")
    assert dse(*command, "20").code == 0
    ran = dse(*command, "30", "--json")
    record = json.loads(ran.out)["record"]
    assert (record["elsewhere"], record["lost"]) == (20, 0)
    assert record["study"].startswith("mlp-three_knobs-latency")
    stored, tried = read(runs(tmp_path)[-1])
    assert len(tried) == 30
    assert "other workers may join" in stored["reproducible"]
    ran = dse(*command, "40", "--study", record["study"], "--budget", "price=5USD")
    assert ran.code == 2
    assert "budget of price" in ran.err


def test_an_evaluator_has_a_process_of_its_own(dse, tmp_path, no_pictures):
    """It fails, hangs, dies and talks nonsense: each is recorded with its design, and nothing that it prints is in the result."""
    (tmp_path / "sim.py").write_text(EVALUATOR)
    ran = dse(
        "search", "mlp", "--space", "three_knobs", *SMALL, "--evaluator", "sim:cycles", "--evaluator-timeout", "1", "--json"
    )
    assert ran.code == 0, ran.err
    record = json.loads(ran.out)["record"]
    assert record["opinions"] == {"ok": 4, "failed": 4, "timed_out": 2, "bad_value": 2}
    stored, tried = read(runs(tmp_path)[-1])
    assert "evaluator" in stored["reproducible"]
    messages = tried.set_index("compute_units")["evaluator_message"]
    assert "RuntimeError: no such array (sim.py:10)" in messages[256].tolist()
    assert "no answer within 1 s" in messages[512].tolist()
    assert "its process ended (exit code 3)" in messages[1024].tolist()
    assert messages[2048].str.contains("did you mean 'latency_s'").all()
    believed = tried[tried["evaluator_status"] == "ok"]
    assert (believed["latency_s"] == 1e-9 * believed["sram_bytes"]).all()
    rest = tried[tried["evaluator_status"] != "ok"]
    assert (rest["latency_s"] == rest["latency_s_model"]).all()
    ran = dse("search", "--resume", "latest", "--trials", "5")
    assert "evaluator sim:cycles: 4 answered, 4 failed, 2 timed out, 2 returned no metrics" in ran.out
    assert "sim" not in sys.modules


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "which workload?"),
        (("--resume", "latest"), "there is no run in outputs"),
        (("--resume", "nope"), "there is no run 'nope'"),
        (("--resume", "."), "no manifest.json"),
        (("mlp", "--resume", "latest", "--budget", "price=1USD"), "given too: WORKLOAD, --budget"),
        (("--resume", "latest", "--storage", "a.db"), "take one of them"),
        (("mlp", "--study", "mine"), "--storage URL"),
        (("mlp", "--grace", "5"), "--storage URL"),
        (("mlp", "--evaluator-timeout", "5"), "add --evaluator"),
        (("mlp", "--storage", "nonsense://x"), "no storage of the kind 'nonsense'"),
        (("mlp", "--evaluator", "nosuch:thing"), "No module named 'nosuch'\n"),
        (("mlp", "--evaluator", "math:nothing"), "no attribute 'nothing'"),
        (("mlp", "--evaluator", "math:pi"), "float, which cannot be called"),
    ],
)
def test_what_does_not_go_together(dse, arguments, said):
    ran = dse("search", *arguments)
    assert ran.code == 2
    assert ran.err.startswith("error: ")
    assert said in ran.err
    assert ran.out == ""


def test_no_password_is_written(tmp_path):
    import dse as library

    front = library.search(library.load_workload("mlp"), library.load_space("tpu_v1"), trials=1)
    written = json.dumps(manifest(front, ["dse", "search", "mlp", "--storage", "postgresql://me:s3cret@db/x"], []))
    assert "s3cret" not in written
    assert "postgresql://me:***@db/x" in written
