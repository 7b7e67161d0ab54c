"""Every sampler against the exact front: ``python -m tests.benchmarks.sampler_table`` (an hour or more; see ``--help``).

For each of four spaces, each sampler and each seed: share of the exact hypervolume and epsilon after 30, 100, 300, 1,000 and
3,000 trials, and CPU seconds. Each sampler is asked as suits it best: TPE and GP one trial at a time, the others by generations
of 50. Rows are appended to ``sampler_table.csv``, so that a run can be stopped and goes on; ``--table`` writes the Markdown.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
from optuna.exceptions import ExperimentalWarning

import dse
from dse.search import ladder, pareto
from dse.search.exact import exact_front
from dse.search.front import losses_of, score
from dse.search.ledger import WORST_LOG
from dse.search.parameters import distribution_of, indices_of
from dse.search.study import _sampler
from tests.benchmarks.test_exact_speed import TEN_BILLION

HERE = Path(__file__).parent
CSV, MARKDOWN = HERE / "sampler_table.csv", HERE / "sampler_table.md"
CHECKPOINTS = (30, 100, 300, 1000, 3000)
SAMPLERS = ("model", "nsga2", "nsga3", "qmc", "random", "tpe", "gp")
MOST_TRIALS = {"tpe": 1000, "gp": 100}
SPACES = ("three_knobs", "edge", "tight", "ten_billion")
WHAT = {
    "three_knobs": "`mlp` on `three_knobs`: 146,461 designs, latency and price",
    "edge": "`speech` on `edge`: 31,021,056 designs of mixed parameters, latency, energy and price",
    "tight": "`mlp` on `edge` for 8.5 USD, 2 W and 15 ms",
    "ten_billion": "`speech` on 10,737,418,240 designs (test_exact_speed.py), latency, energy and price",
}


def problem(name: str):
    """A workload and a space."""
    match name:
        case "three_knobs":
            return dse.load_workload("mlp"), dse.load_space("three_knobs")
        case "edge":
            return dse.load_workload("speech"), dse.load_space("edge")
        case "tight":
            return dse.load_workload("mlp"), dse.load_space("edge").with_budget("price=8.5USD", "power=2W", "latency=15ms")
        case _:
            path = Path(tempfile.gettempdir()) / "ten_billion.yaml"
            path.write_text(TEN_BILLION)
            return dse.load_workload("speech"), dse.load_space(str(path)).with_objectives("latency", "energy", "price")


def trials(workload, space, name: str, seed: int, most: int):
    """Losses and feasibility of `most` trials in order, and the CPU seconds after each checkpoint."""
    batch = 1 if name in ("tpe", "gp") else 50
    distributions = {parameter.name: distribution_of(parameter) for parameter in space.free_parameters}
    directions = ["minimize"] * len(space.objectives)
    study = optuna.create_study(directions=directions, sampler=_sampler(name, workload, space, seed))
    losses, feasible, seconds, begin = [], [], {}, time.process_time()
    while len(losses) < most:
        asked = [study.ask(distributions) for _ in range(min(batch, most - len(losses)))]
        scored = score(workload, space, np.array([indices_of(space, trial.params) for trial in asked], dtype=np.int64))
        tell(study, asked, scored)
        losses += scored.losses.tolist()
        feasible += np.isin(np.arange(len(asked)), scored.feasible).tolist()
        for checkpoint in CHECKPOINTS:
            if len(losses) >= checkpoint:
                seconds.setdefault(checkpoint, time.process_time() - begin)
    return np.array(losses), np.array(feasible), seconds


def tell(study, asked, scored) -> None:
    """What a search tells a sampler: log10 of each loss, and how far each limit is broken."""
    with np.errstate(divide="ignore"):
        logs = np.nan_to_num(np.log10(scored.losses), nan=WORST_LOG, posinf=WORST_LOG, neginf=-WORST_LOG).tolist()
    for row, (trial, values) in enumerate(zip(asked, logs, strict=True)):
        for limit in scored.limits:
            trial.set_constraint(limit.name, min(float(limit.excess[row]), 10**WORST_LOG))
        study.tell(trial, values)


def exact_losses(name: str):
    """The workload, the space and the exact front's losses of a problem, found once and kept in a temporary file."""
    workload, space = problem(name)
    kept = Path(tempfile.gettempdir()) / f"dse_exact_{name}.npy"
    score(workload, space, space.random_indices(100, 0))
    if not kept.exists():
        begin = time.process_time()
        np.save(kept, losses_of(exact_front(workload, space).designs, space))
        drawn = score(workload, space, space.random_indices(20_000, 1))
        print(f"{name}: exact front of {len(np.load(kept)):,} in {time.process_time() - begin:.1f} s CPU, ", end="")
        print(f"{len(drawn.feasible) / 20_000:.2%} feasible, the ladder expects {ladder.exact_seconds(workload, space):.0f} s")
    return workload, space, np.load(kept)


def measure(space_name: str, name: str, seed: int) -> None:
    """Append a sampler's rows, if they are not in the table yet."""
    done = pd.read_csv(CSV) if CSV.exists() else pd.DataFrame(columns=["space", "sampler", "seed"])
    if ((done["space"] == space_name) & (done["sampler"] == name) & (done["seed"] == seed)).any():
        return
    workload, space, exact = exact_losses(space_name)
    corner = pareto.reference_point(exact)
    whole = pareto.hypervolume(exact, corner)
    ladder._kept.clear()
    losses, feasible, seconds = trials(workload, space, name, seed, MOST_TRIALS.get(name, CHECKPOINTS[-1]))
    shares = {n: pareto.hypervolume(losses[:n][feasible[:n]], corner) / whole for n in CHECKPOINTS if n <= len(losses)}
    reached = first_at(losses, feasible, corner, 0.95 * whole)
    rows = [
        {
            "space": space_name,
            "sampler": name,
            "seed": seed,
            "trials": n,
            "share": shares[n],
            "epsilon": pareto.epsilon(losses[:n][feasible[:n]], exact),
            "cpu_s": seconds[n],
            "feasible": int(feasible[:n].sum()),
            "trials_to_95": reached,
        }
        for n in shares
    ]
    pd.DataFrame(rows).to_csv(CSV, mode="a", header=not CSV.exists(), index=False, float_format="%.6g")
    print(
        f"{space_name} {name} {seed}: " + ", ".join(f"{n}: {share:.4f}" for n, share in shares.items()),
        f"95% at {reached}",
        flush=True,
    )


def first_at(losses, feasible, corner, volume: float) -> float:
    """The first number of trials whose volume reaches this; infinite if none does."""
    low, high = 1, len(losses)
    if pareto.hypervolume(losses[feasible], corner) < volume:
        return np.inf
    while low < high:
        middle = (low + high) // 2
        if pareto.hypervolume(losses[:middle][feasible[:middle]], corner) >= volume:
            high = middle
        else:
            low = middle + 1
    return low


def markdown() -> str:
    """The medians over seeds, a table for each space."""
    table = pd.read_csv(CSV)
    lines = ["# Samplers against the exact front", "", (__doc__ or "").split("\n\n")[1].replace("\n", " "), ""]
    for space in [name for name in SPACES if name in set(table["space"])]:
        lines += [f"## {WHAT[space]}", "", "| sampler | seeds | " + " | ".join(f"{n:,} trials" for n in CHECKPOINTS)]
        lines[-1] += " | trials to 95% | CPU s |"
        lines.append("|---" * (len(CHECKPOINTS) + 4) + "|")
        for sampler in [name for name in SAMPLERS if name in set(table.loc[table["space"] == space, "sampler"])]:
            own = table[(table["space"] == space) & (table["sampler"] == sampler)]
            cells = []
            for n in CHECKPOINTS:
                here = own[own["trials"] == n]
                cells.append(f"{here['share'].median():.4f} ({_percent(here['epsilon'].median())})" if len(here) else "–")
            to_95 = own.groupby("seed")["trials_to_95"].first().median()
            last = own["trials"].max()
            cells += [
                "never" if np.isinf(to_95) else f"{to_95:.0f}",
                f"{own.loc[own['trials'] == last, 'cpu_s'].median():.1f} ({last:,})",
            ]
            lines.append(f"| {sampler} | {own['seed'].nunique()} | " + " | ".join(cells) + " |")
        lines.append("")
    lines.append("Median over seeds of the share of the exact hypervolume, and (in brackets) of epsilon.")
    return "\n".join(lines) + "\n"


def _percent(epsilon: float) -> str:
    return f"{epsilon:.1%}" if epsilon < 10 else "∞" if np.isinf(epsilon) else f"x{epsilon + 1:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spaces", default=",".join(SPACES))
    parser.add_argument("--samplers", default=",".join(SAMPLERS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--table", action="store_true", help="only write the Markdown from the CSV")
    chosen = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", ExperimentalWarning)
    if not chosen.table:
        for seed, name, space in itertools.product(range(chosen.seeds), chosen.samplers.split(","), chosen.spaces.split(",")):
            measure(space, name, seed)
    MARKDOWN.write_text(markdown())


if __name__ == "__main__":
    main()
