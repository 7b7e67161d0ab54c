"""The folder of a run: everything that was computed, what it was computed from, and its pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from dse.hardware.space import Space
from dse.model.advice import Advice
from dse.model.breakdown import Result
from dse.report.advice_table import advice_json
from dse.report.folder import copy_inputs, provenance, write_folder, write_json
from dse.report.html import run_page
from dse.report.info import label, member_totals
from dse.report.page_data import report_data
from dse.report.plain import plain_row
from dse.report.record_table import record_json
from dse.report.standing import standing_json
from dse.report.stored import REPORT
from dse.report.writing import records, write_csv
from dse.search.baseline import Baseline
from dse.search.front import METRIC_COLUMNS, Front
from dse.search.record import REPRODUCIBLE
from dse.workload.memory import scenario_memory
from dse.workload.phases import Training
from dse.workload.training import number_of_layers, plan
from dse.workload.workload import Scenario

MOST_IN_FULL = 5000
"""Designs of a front whose figures per scenario stand in the JSON too; of more they would fill hundreds of megabytes."""


def result_json(front: Front, results: Sequence[Result], rows: Sequence[int], verdict: Mapping[str, Any]) -> dict[str, Any]:
    """The whole result as plain JSON values: every front design, each scenario of those shown, and the verdict in words.

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
        "certificate": plain_row(
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
        "verdict": {name: verdict[name] for name in ("headline", "summary", "findings")},
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


def write_run(
    front: Front,
    results: Sequence[Result],
    rows: Sequence[int],
    *,
    baseline: Baseline | None,
    output: Path,
    command: Sequence[str],
    inputs: Sequence[Path],
    pictures: dict[str, bytes],
    settings: Mapping[str, Any] | None = None,
) -> Path:
    """Write the run under `output` in a new folder, all of it or nothing; an existing folder is never touched.

    `inputs` are the files that the run was made from, that of the space the last. With them go the run's page and its data;
    `baseline` is what the verdict compares with (`dse.report.page_data.known_chip`).
    Raises `InputError` if the folder cannot be written.
    """
    return write_folder(
        output,
        f"{front.workload.name}-{front.space.name}",
        lambda folder: _fill(
            folder, front, results, rows, baseline, manifest(front, command, inputs, settings), inputs, pictures
        ),
    )


def _fill(
    folder: Path,
    front: Front,
    results: Sequence[Result],
    rows: Sequence[int],
    baseline: Baseline | None,
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
    shown_data = report_data(front, results, rows, baseline=baseline, space_file=inputs[-1], manifest=made_from)
    write_json(folder / "result.json", result_json(front, results, rows, shown_data["verdict"]))
    write_json(folder / "manifest.json", made_from)
    write_page(folder, shown_data)
    copy_inputs(folder, inputs)
    for name, picture in pictures.items():
        (folder / name).write_bytes(picture)


def write_page(folder: Path, data: Mapping[str, Any]) -> None:
    """The page of a run, and the data that it is drawn from."""
    (folder / REPORT).write_text(json.dumps(data, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    (folder / "report.html").write_text(run_page(data), encoding="utf-8")


def evaluation_json(result: Result, advice: Advice | None = None) -> dict[str, Any]:
    """One evaluated machine as plain JSON values; `advice` is null where none was asked for."""
    totals = ("latency_s", "throughput_per_s", "energy_j", "dram_bytes", "price_usd", "area_mm2", "power_w")
    return {
        "workload": result.workload.name,
        "space": result.space.name,
        "design": plain_row(asdict(result.design)),
        "totals": plain_row({name: getattr(result, name) for name in totals}),
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
