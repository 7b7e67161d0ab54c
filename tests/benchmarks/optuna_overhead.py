"""How much of a default `dse search` is Optuna's own time: ``python -m tests.benchmarks.optuna_overhead``.

Times (process CPU) of what Optuna does in a default run, of the whole run, and of the same run asked for trial by trial.
"""

from __future__ import annotations

import time

import optuna

import dse
from dse.search import hunt, ladder, study
from dse.search.front import score


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
