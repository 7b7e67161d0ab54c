"""The folder of a run: everything that was computed, what it was computed from, and its pictures."""

from __future__ import annotations

import datetime
import hashlib
import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from dse import __version__
from dse.errors import InputError, Problem
from dse.hardware.space import Space
from dse.model.advice import Advice
from dse.model.breakdown import Result
from dse.report.advice_table import advice_json
from dse.report.info import label, member_totals
from dse.report.writing import json_text, records, scalar, write_csv
from dse.search.front import METRIC_COLUMNS, Front
from dse.workload.memory import scenario_memory
from dse.workload.phases import Training
from dse.workload.training import number_of_layers, plan
from dse.workload.workload import Scenario

MOST_IN_FULL = 5000
"""Designs of a front whose figures per scenario stand in the JSON too; of more they would fill hundreds of megabytes."""

PACKAGES = ("moocore", "numba", "numpy", "optuna", "pandas", "scipy")


def result_json(front: Front, results: Sequence[Result], rows: Sequence[int]) -> dict[str, Any]:
    """The whole result as plain JSON values: every front design, and each scenario of those shown.

    Of a front of more than `MOST_IN_FULL` designs the figures per scenario are in front.csv alone.
    """
    in_full = len(front) <= MOST_IN_FULL
    scenarios = {scenario.name for scenario in front.workload.scenarios}

    def _is_total(column: str) -> bool:
        return column.partition("[")[2].removesuffix("]") not in scenarios

    return {
        "workload": front.workload.name,
        "space": front.space.name,
        "objectives": [
            {
                "metric": o.metric,
                "direction": "maximise" if o.maximise else "minimise",
                "column": METRIC_COLUMNS[o.metric],
                "reference": front.reference_by_objective[o.metric],
            }
            for o in front.space.objectives
        ],
        "across": front.workload.across if front.workload.members else None,
        "members": [asdict(member) for member in front.workload.members],
        "budget": front.space.budget.as_dict(),
        "rules": [rule.text for rule in front.space.rules],
        "designs_allowed": allowed_json(front.space),
        "certificate": _plain(
            {
                "kind": front.certificate.kind,
                "designs_covered": front.certificate.designs_covered,
                "designs_in_space": front.certificate.designs_in_space,
                "statement": front.certificate.statement,
                "epsilon": front.certificate.epsilon,
            }
        ),
        "sampler": front.sampler,
        "seed": front.seed,
        "trials": len(front.trials),
        "interrupted": front.interrupted,
        "hypervolume": front.hypervolume,
        "hypervolume_reference": list(front.reference),
        "knee": front.knee,
        "front": records(front.designs if in_full else front.designs[[name for name in front.designs if _is_total(str(name))]]),
        "front_per_scenario": in_full,
        "scenarios": {label(position): records(result.scenarios) for position, result in enumerate(results)},
        "shown": {label(position): int(row) for position, row in enumerate(rows)},
        "assumptions": list(front.space.assumptions()),
    }


def allowed_json(space: Space) -> dict[str, Any] | None:
    """How many designs the rules of a space allow, and whether that was counted; null where there are none."""
    return asdict(space.allowed) if space.rules else None


def manifest(front: Front, command: Sequence[str], inputs: Sequence[Path]) -> dict[str, Any]:
    """What the run was made from: inputs with hashes, versions, seed, command, assumptions with price dates."""
    return {
        "dse": __version__,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": list(command),
        "inputs": [
            {"file": path.name, "given": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()} for path in inputs
        ],
        "workload": front.workload.name,
        "space": front.space.name,
        "designs_in_space": front.space.size,
        "designs_allowed": allowed_json(front.space),
        "rules": [rule.text for rule in front.space.rules],
        "objectives": [objective.metric for objective in front.space.objectives],
        "budget": front.space.budget.as_dict(),
        "sampler": front.sampler,
        "seed": front.seed,
        "trials": len(front.trials),
        "interrupted": front.interrupted,
        "certificate": front.certificate.statement,
        "reproducible": "same inputs, versions and seed give the same front (one process)",
        "assumptions": list(front.space.assumptions()),
    }


def write_run(
    front: Front,
    results: Sequence[Result],
    rows: Sequence[int],
    *,
    output: Path,
    command: Sequence[str],
    inputs: Sequence[Path],
    pictures: dict[str, bytes],
) -> Path:
    """Write the run under `output` in a new folder, all of it or nothing; an existing folder is never touched.

    Raises `InputError` if the folder cannot be written.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
        draft = output / f".{os.getpid()}.partial"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        try:
            _fill(draft, front, results, rows, command, inputs, pictures)
            return _publish(draft, output, f"{front.workload.name}-{front.space.name}")
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        problem = Problem(f"cannot write to {output}: {error.strerror}", remedy="choose another folder with --output DIR")
        raise InputError(problem) from error


def _fill(
    folder: Path,
    front: Front,
    results: Sequence[Result],
    rows: Sequence[int],
    command: Sequence[str],
    inputs: Sequence[Path],
    pictures: dict[str, bytes],
) -> None:
    write_csv(front.designs, folder / "front.csv")
    if len(front.trials):
        write_csv(front.trials, folder / "trials.csv")
    shown = [
        result.scenarios.assign(design=label(position), front_row=row)
        for position, (row, result) in enumerate(zip(rows, results, strict=True))
    ]
    pd.concat(shown, ignore_index=True).to_csv(folder / "scenarios.csv", index=False)
    results[list(rows).index(front.knee)].layers.to_csv(folder / "layers_knee.csv", index=False)
    _write_json(folder / "result.json", result_json(front, results, rows))
    _write_json(folder / "manifest.json", manifest(front, command, inputs))
    (folder / "inputs").mkdir()
    for path in inputs:
        shutil.copyfile(path, folder / "inputs" / path.name)
    for name, picture in pictures.items():
        (folder / name).write_bytes(picture)


def _publish(draft: Path, output: Path, name: str) -> Path:
    """Give the finished folder its name, numbered if that is taken; a rename is one step, so a run is whole or absent."""
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d-%H%M%S")
    for number in range(1, 1000):
        target = output / (f"{name}-{stamp}" + (f"-{number}" if number > 1 else ""))
        if target.exists():
            continue
        try:
            draft.rename(target)
        except OSError:
            if target.exists():
                continue
            raise
        return target
    raise OSError(17, "a thousand runs of the same second are there already")


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json_text(value) + "\n", encoding="utf-8")


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    """NumPy scalars to Python's; what is not finite has no JSON number and becomes null."""
    return {key: scalar(value) for key, value in record.items()}


def evaluation_json(result: Result, advice: Advice | None = None) -> dict[str, Any]:
    """One evaluated machine as plain JSON values; `advice` is null where none was asked for."""
    totals = ("latency_s", "throughput_per_s", "energy_j", "dram_bytes", "price_usd", "area_mm2", "power_w")
    return {
        "workload": result.workload.name,
        "space": result.space.name,
        "design": _plain(asdict(result.design)),
        "totals": _plain({name: getattr(result, name) for name in totals}),
        "scenarios": records(result.scenarios),
        "members": member_totals(result),
        "memory": [memory_json(scenario) for scenario in result.workload.scenarios],
        "layers": records(result.layers),
        "advice": advice_json(advice) if advice is not None else None,
        "assumptions": list(result.space.assumptions()),
    }


def memory_json(scenario: Scenario) -> dict[str, Any]:
    """Off-chip memory of a scenario by kind, and what checkpointing came to in a training step."""
    memory = scenario_memory(scenario)
    found: dict[str, Any] = {"scenario": scenario.name, **asdict(memory), "total_bytes": memory.total_bytes}
    if isinstance(scenario.phase, Training):
        placed = plan(scenario.network, scenario.batch, scenario.precision, scenario.phase)
        found |= {"checkpoint_every": placed.every, "layers": number_of_layers(scenario.network), "fits_limit": placed.fits}
    return found
