"""A study that four processes share in PostgreSQL, one of which is killed in the middle of a trial."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

import dse
from dse.errors import StorageError
from dse.search.storage import close_storage, open_storage
from dse.search.study import search

TRIALS, GRACE = 48, 6
EVALUATOR = """
import time

def slowly(design):
    time.sleep(0.4)
    return {"latency_s": 1e-6 * design["array_rows"] + 1e-9 * design["sram_bytes"]}
"""
COMMAND = [sys.executable, "-c", "from dse.cli import main; main()", "search", "mlp", "--space", "edge"]


def programs():
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not folders:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    return folders[-1]


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL of Debian's on loopback in a folder of its own; as root it runs as `postgres`, which it insists on."""
    binaries = programs()
    owner = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="dse-postgresql-"))
    if owner:
        shutil.chown(folder, "postgres", "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = [binaries / "initdb", "-D", folder / "data", "-U", "dse", "--auth=trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(made, check=True, capture_output=True, cwd=folder, **owner)
    running = [binaries / "postgres", "-D", folder / "data", "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-F"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(running, stdout=log, stderr=log, cwd=folder, **owner)
    try:
        ready = [binaries / "pg_isready", "-h", "127.0.0.1", "-p", str(port)]
        for _ in range(100):
            if subprocess.run(ready, check=False, capture_output=True).returncode == 0:
                break
            time.sleep(0.1)
        yield f"postgresql+psycopg://dse@127.0.0.1:{port}/", binaries
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(server, request):
    """The URL of an empty database."""
    url, binaries = server
    name = f"db{abs(hash(request.node.name)) % 10**8}"
    port = url.rsplit(":", 1)[1].rstrip("/")
    subprocess.run([binaries / "createdb", "-h", "127.0.0.1", "-p", port, "-U", "dse", name], check=True)
    return url + name


def trials_of(url, name):
    storage = open_storage(url)
    try:
        return optuna.load_study(study_name=name, storage=storage).get_trials(deepcopy=False)
    finally:
        close_storage(storage)


def waited_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError("waited in vain")


def test_four_workers_one_killed_in_the_middle_of_a_trial(database, tmp_path):
    """No finished trial is lost, none is left running, the total is what was asked for; all four found an empty database."""
    (tmp_path / "sim.py").write_text(EVALUATOR)
    options = ["--trials", str(TRIALS), "--storage", database, "--study", "shared", "--grace", str(GRACE)]
    options += ["--evaluator", "sim:slowly", "--output", "out", "--sampler", "tpe"]
    path = os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
    settings = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": path}}
    logs = [(tmp_path / f"log{at}").open("w") for at in range(4)]
    workers = [subprocess.Popen([*COMMAND, *options], stdout=log, stderr=log, **settings) for log in logs]
    victim = workers[0]

    def by(process, trials, state):
        return [each for each in trials if each.state == state and f":{process.pid}:" in each.user_attrs["worker"]]

    def seen():
        try:
            return trials_of(database, "shared")
        except (KeyError, StorageError):
            return []

    try:
        waited_for(lambda: all(by(worker, seen(), TrialState.COMPLETE) for worker in workers))
        while True:
            victim.send_signal(signal.SIGSTOP)
            before = seen()
            held = by(victim, before, TrialState.RUNNING)
            if held:
                break
            victim.send_signal(signal.SIGCONT)
            time.sleep(0.1)
        victim.send_signal(signal.SIGKILL)
        codes = [worker.wait(240) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
        for log in logs:
            log.close()
    said = "\n".join((tmp_path / f"log{at}").read_text() for at in range(4))
    assert codes == [-signal.SIGKILL, 0, 0, 0], said
    after = {trial.number: trial for trial in seen()}
    states = Counter(trial.state for trial in after.values())
    assert states == {TrialState.COMPLETE: TRIALS, TrialState.FAIL: 1}, said
    assert [after[trial.number].state for trial in held] == [TrialState.FAIL]
    finished = [trial for trial in before if trial.state == TrialState.COMPLETE]
    assert len(finished) >= 4
    for trial in finished:
        assert after[trial.number].state == TrialState.COMPLETE
        assert after[trial.number].values == trial.values
    assert len({str(sorted(trial.params.items())) for trial in after.values() if trial.state == TrialState.COMPLETE}) == TRIALS
    assert f"{TRIALS} designs tried" in said
    assert all(trial.user_attrs["evaluator_status"] == "ok" for trial in after.values() if trial.state == TrialState.COMPLETE)


def test_postgresql_keeps_every_digit_and_costs_little(database):
    """The same front as in memory, bit for bit, and a study of 1,000 trials that costs little more than none."""
    workload, space = dse.load_workload("mlp"), dse.load_space("edge")
    search(workload, space, trials=1000)
    begun = time.process_time()
    alone = search(workload, space, trials=1000)
    middle = time.process_time()
    shared = search(workload, space, trials=1000, storage=database)
    alone_s, shared_s = middle - begun, time.process_time() - middle
    assert shared.designs.equals(alone.designs)
    again = search(workload, space, trials=1000, storage=database)
    assert again.designs.equals(alone.designs)
    print(f"1,000 trials: {alone_s:.1f} s of CPU in memory, {shared_s:.1f} s in PostgreSQL")
    assert shared_s < alone_s + 8


def test_errors_of_a_server(server, database):
    for url, said in (
        (server[0] + "nowhere", "nowhere"),
        (database.replace("//dse@", "//nobody@"), "nobody"),
        ("postgresql+psycopg://dse@127.0.0.1:1/x", "is the server running"),
    ):
        with pytest.raises(StorageError, match=said):
            open_storage(url)
