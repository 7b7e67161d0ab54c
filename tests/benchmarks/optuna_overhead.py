"""How much of a default `dse search` is Optuna's own time: ``python -m tests.benchmarks.optuna_overhead``.

Times (process CPU) of what Optuna does in a default search, of the search, of the whole command that writes its report, and of
the same search asked for trial by trial.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

import optuna

import dse
from dse.search import hunt, ladder, study
from dse.search.front import score


def command_seconds() -> float:
    """CPU of ``dse search speech`` in a process of its own, with its imports, report and pictures."""
    before = os.times()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", "from dse.cli import main; main()", "search", "speech", "--output", folder]
        subprocess.run(command, check=True, capture_output=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    workload, space = dse.load_workload("speech"), dse.load_space("edge")
    score(workload, space, space.random_indices(100, 0))
    dse.exact_front(workload, space, seconds=1)
    spent = {"add": 0.0, "create": 0.0}

    def timed(name, function):
        def run(*arguments, **options):
            begin = time.process_time()
            try:
                return function(*arguments, **options)
            finally:
                spent[name] += time.process_time() - begin

        return run

    optuna.Study.add_trials = timed("add", optuna.Study.add_trials)
    hunt.create_trial = timed("create", hunt.create_trial)
    ladder._kept.clear()
    begin = time.process_time()
    study.search(workload, space)
    whole = time.process_time() - begin
    print(f"model, 2,000 trials added in bulk: {whole:.2f} s of CPU, of which Optuna {sum(spent.values()):.2f} s")
    print(f"  share {sum(spent.values()) / whole:.1%} (creating {spent['create']:.2f} s, adding {spent['add']:.2f} s)")
    command = command_seconds()
    print(f"  share of the whole command, {command:.2f} s of CPU: {sum(spent.values()) / command:.1%}")
    for sampler in ("nsga2", "random"):
        spent = {"ask": 0.0, "tell": 0.0}
        ask, tell = optuna.Study.ask, optuna.Study.tell
        optuna.Study.ask, optuna.Study.tell = timed("ask", ask), timed("tell", tell)
        begin = time.process_time()
        study.search(workload, space, sampler=sampler)
        whole = time.process_time() - begin
        print(f"{sampler}, 2,000 trials by ask and tell: {whole:.2f} s of CPU, of which Optuna {sum(spent.values()):.2f} s")
        optuna.Study.ask, optuna.Study.tell = ask, tell


if __name__ == "__main__":
    main()
