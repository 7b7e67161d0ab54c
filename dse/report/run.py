"""The folder of a run: everything that was computed, what it was computed from, and its pictures."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from dse import __version__
from dse.errors import InputError, Problem
from dse.hardware.space import Space
from dse.inputs.models import is_model, workload_text
from dse.model.advice import Advice
from dse.model.breakdown import Result
from dse.report.advice_table import advice_json
from dse.report.html import run_page
from dse.report.info import label, member_totals
from dse.report.page_data import report_data
from dse.report.record_table import record_json
from dse.report.standing import standing_json
from dse.report.stored import REPORT
from dse.report.writing import json_text, records, scalar, write_csv
from dse.search.front import METRIC_COLUMNS, Front
from dse.search.record import REPRODUCIBLE, without_password
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
        "standing": standing_json(front.standing),
        "sampler": front.sampler,
        "seed": front.seed,
        "trials": len(front.trials),
        "interrupted": front.interrupted,
        "record": record_json(front.record),
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


def manifest(
    front: Front, command: Sequence[str], inputs: Sequence[Path], settings: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What the run was made from: inputs with hashes, versions, seed, command, assumptions with price dates.

    `settings` is what a search needs to go on with the run.
    """
    return {
        **provenance(command, inputs),
        "settings": settings,
        "resumed_from": settings["resumed_from"] if settings is not None else None,
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
        "record": record_json(front.record),
        "reproducible": front.record.reproducible if front.record is not None else REPRODUCIBLE,
        "assumptions": list(front.space.assumptions()),
    }


def provenance(command: Sequence[str], inputs: Sequence[Path]) -> dict[str, Any]:
    """Versions, the time, the command, and the inputs with their hashes."""
    return {
        "dse": __version__,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": [without_password(word) for word in command],
        "inputs": [
            {"file": name, "given": str(path), "sha256": hashlib.sha256(copy_of(path)).hexdigest()}
            for name, path in zip(copy_names(inputs), inputs, strict=True)
        ],
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
    settings: Mapping[str, Any] | None = None,
) -> Path:
    """Write the run under `output` in a new folder, all of it or nothing; an existing folder is never touched.

    `inputs` are the files that the run was made from, that of the space the last. With them go the run's page and its data.
    Raises `InputError` if the folder cannot be written.
    """
    return write_folder(
        output,
        f"{front.workload.name}-{front.space.name}",
        lambda folder: _fill(folder, front, results, rows, manifest(front, command, inputs, settings), inputs, pictures),
    )


def write_folder(output: Path, name: str, fill: Callable[[Path], None]) -> Path:
    """Make a new folder `name` with a time stamp under `output`, filled by `fill`: all of it or nothing.

    Raises `InputError` if it cannot be written.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
        draft = output / f".{os.getpid()}.partial"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        try:
            fill(draft)
            return _publish(draft, output, name)
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
    made_from: Mapping[str, Any],
    inputs: Sequence[Path],
    pictures: Mapping[str, bytes],
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
    write_json(folder / "result.json", result_json(front, results, rows))
    write_json(folder / "manifest.json", made_from)
    write_page(folder, report_data(front, results, rows, space_file=inputs[-1], manifest=made_from))
    copy_inputs(folder, inputs)
    for name, picture in pictures.items():
        (folder / name).write_bytes(picture)


def copy_inputs(folder: Path, inputs: Sequence[Path]) -> None:
    """Keep copies of the inputs in the folder of a run."""
    (folder / "inputs").mkdir()
    for name, path in zip(copy_names(inputs), inputs, strict=True):
        (folder / "inputs" / name).write_bytes(copy_of(path))


def copy_names(inputs: Sequence[Path]) -> list[str]:
    """Names for copies of files in one folder; files of one name in different folders get a number, models become workloads.

    >>> copy_names([Path("a/mine.yaml"), Path("b/mine.yaml")])
    ['mine.yaml', 'mine-2.yaml']
    """
    names = list[str]()
    for given in inputs:
        path = given.with_suffix(".yaml") if is_model(given) else given
        number = 1
        name = path.name
        while name in names:
            number += 1
            name = f"{path.stem}-{number}{path.suffix}"
        names.append(name)
    return names


def copy_of(path: Path) -> bytes:
    """What a run keeps of an input: the file as it is, or the workload file that a model becomes."""
    return workload_text(path).encode() if is_model(path) else path.read_bytes()


def write_page(folder: Path, data: Mapping[str, Any]) -> None:
    """The page of a run, and the data that it is drawn from."""
    (folder / REPORT).write_text(json.dumps(data, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    (folder / "report.html").write_text(run_page(data), encoding="utf-8")


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


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write plain values as a JSON file."""
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
