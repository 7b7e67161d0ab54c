"""Processes that start together on one file, and a search that is interrupted while its evaluator is at work."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState

from dse.errors import StorageError
from dse.search.storage import close_storage, open_storage

DSE = [sys.executable, "-c", "from dse.cli import main; main()", "search", "mlp", "--space", "three_knobs"]
SLOW = "import time\n\ndef slowly(design):\n    time.sleep(0.5)\n    return {'latency_s': 1e-9 * design['sram_bytes']}\n"
STUCK = """
import subprocess

def stuck(design):
    if design["compute_units"] > 4096:
        subprocess.run(["sleep", "987"])
    return {"latency_s": 1.0}
"""


def started(folder, *options):
    path = os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [*DSE, *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def states_of(url, name):
    """How many trials of a study are in each state; none while there is no such study."""
    try:
        storage = open_storage(url)
    except StorageError:
        return Counter()
    try:
        return Counter(trial.state for trial in optuna.load_study(study_name=name, storage=storage).get_trials(deepcopy=False))
    except KeyError:
        return Counter()
    finally:
        close_storage(storage)


def waited_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.3)


def sleepers():
    ran = subprocess.run(["pgrep", "-f", "^sleep 987$"], capture_output=True, text=True, check=False)
    return ran.stdout.split()


@pytest.mark.parametrize("url", ["sqlite:///{}/study.db", "journal://{}/study.log"])
def test_workers_that_start_together(tmp_path, url):
    """Three on a file that is not there yet: all agree, none does too much, nothing is left running."""
    where = url.format(tmp_path)
    options = ("--trials", "300", "--storage", where, "--study", "shared", "--json")
    workers = [started(tmp_path, *options) for _ in range(3)]
    said = [worker.communicate(timeout=300) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0], said
    results = [json.loads(out) for out, _ in said]
    storage = open_storage(where)
    try:
        trials = optuna.load_study(study_name="shared", storage=storage).get_trials(deepcopy=False)
    finally:
        close_storage(storage)
    assert Counter(trial.state for trial in trials) == {TrialState.COMPLETE: 300}
    assert [trial.number for trial in trials] == list(range(300))
    different = {str(sorted(trial.params.items())) for trial in trials}
    assert {result["trials"] for result in results} == {len(different)}
    assert len({json.dumps(result["front"]) for result in results}) == 1


def test_ctrl_c_keeps_what_an_evaluator_said(tmp_path):
    """Interrupted as a terminal does it, while the evaluator is at work; then resumed for what was left."""
    (tmp_path / "sim.py").write_text(SLOW)
    worker = started(
        tmp_path, "--trials", "40", "--evaluator", "sim:slowly", "--storage", "sqlite:///study.db", "--study", "mine"
    )
    waited_for(lambda: states_of(f"sqlite:///{tmp_path}/study.db", "mine")[TrialState.COMPLETE] >= 2)
    worker.send_signal(signal.SIGINT)
    _, err = worker.communicate(timeout=60)
    assert worker.returncode == 130, err
    (folder,) = (tmp_path / "outputs").iterdir()
    tried = pd.read_csv(folder / "trials.csv")
    assert 1 <= len(tried) < 40
    assert (tried["evaluator_status"] == "ok").all()
    states = states_of(f"sqlite:///{tmp_path}/study.db", "mine")
    assert states[TrialState.RUNNING] == 0
    assert states[TrialState.COMPLETE] == len(tried)
    command = [*DSE[:4], "--resume", "latest"]
    path = os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
    subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, check=True, capture_output=True)
    newest = max((tmp_path / "outputs").iterdir(), key=lambda each: each.stat().st_mtime_ns)
    assert len(pd.read_csv(newest / "trials.csv")) == 40


@pytest.mark.parametrize("how", ["timed out", "killed"])
def test_what_an_evaluator_started_ends_with_it(tmp_path, how):
    """A process that it started goes when time is out, and when the search itself is killed."""
    (tmp_path / "sim.py").write_text(STUCK)
    limit = ("--evaluator-timeout", "1", "--trials", "6") if how == "timed out" else ("--trials", "6")
    worker = started(tmp_path, "--evaluator", "sim:stuck", *limit)
    if how == "timed out":
        _, err = worker.communicate(timeout=120)
        assert worker.returncode == 0, err
    else:
        waited_for(sleepers)
        worker.kill()
        worker.communicate(timeout=60)
    waited_for(lambda: not sleepers(), seconds=10)
