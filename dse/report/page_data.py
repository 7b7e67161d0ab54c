"""Everything that a page of a run shows, as plain JSON values: `report.json`. A page is drawn from it without any model.

Numbers of the front are those of `front.csv`, unrounded; what is only drawn is rounded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from dse import __version__
from dse.hardware.design import Designs
from dse.inputs.one_design import one_design_yaml
from dse.inputs.spaces import load_design
from dse.model.advice import advise
from dse.model.breakdown import Result
from dse.model.evaluate import evaluate_designs
from dse.model.work import work_of
from dse.report.info import label
from dse.report.page_design import batch_curves, design_data, series_name
from dse.report.page_front import front_data, metrics_data, tradeoff_data
from dse.report.page_reuse import reuse_data
from dse.report.plain import column, exact, figures
from dse.report.record_table import record_lines
from dse.report.standing import certified_mark, certified_note, exact_data, standing_lines
from dse.report.tables import array_text, judged_lines, memory_text, rules_text, wanted_text
from dse.report.verdict import verdict_data
from dse.search.baseline import Baseline, scaled_chip
from dse.search.convergence import convergence
from dse.search.front import Front
from dse.search.importance import Importance, importance
from dse.workload.workload import Scenario, Workload

FORMAT = 3
"""Of `report.json`; a page is drawn from files of this format alone."""

FEW_OPERATIONS = 64
"""A workload of no more distinct operations is evaluated at further batches and formats too: that takes no second."""

FURTHER_BATCHES = (1, 4, 16, 64, 256)

_DATE = re.compile(r"\b(?:19|20)\d\d-(?:0[1-9]|1[0-2])(?:-\d\d)?\b")


def known_chip(front: Front) -> Baseline | None:
    """TPU v1 scaled to the budget of a front's space, against which the verdict holds the front; None if no size fits."""
    chip = load_design("tpu_v1")
    design = chip.designs(np.zeros((1, len(chip.parameters)), dtype=np.int64)).design(0)
    return scaled_chip(front.workload, front.space, design, "TPU v1 scaled to the budget")


def report_data(
    front: Front,
    results: Sequence[Result],
    rows: Sequence[int],
    *,
    baseline: Baseline | None,
    space_file: Path,
    manifest: Mapping[str, Any],
) -> dict[str, Any]:
    """The data of a run's page; `results` are the breakdowns of the front's `rows`, lettered A, B, ... in their order."""
    letters = {int(row): label(position) for position, row in enumerate(rows)}
    few = len(work_of(front.workload).operations) <= FEW_OPERATIONS
    advice = [
        advise(front.workload, front.machine(row), result=result, workload_levers=few and row == front.knee)
        for row, result in zip(rows, results, strict=True)
    ]
    weighed = importance(front.workload, front.space)
    designs, parameters, trials = front_data(front, letters)
    yaml = one_design_yaml(front.space, space_file)
    further: list[list[dict[str, Any]]] = _further_batches(front, rows) if few else [[] for _ in rows]
    return {
        "format": FORMAT,
        "dse": __version__,
        "workload": _workload(front.workload),
        "space": {"name": front.space.name, "title": front.space.title, "size": front.space.size},
        "search": {
            "sampler": front.sampler,
            "seed": front.seed,
            "interrupted": front.interrupted,
            "certificate": {key: exact(value) for key, value in asdict(front.certificate).items()},
            "hypervolume": exact(front.hypervolume),
            "reference": list(front.reference),
            "budget": front.space.budget.as_dict(),
        },
        "heading": _heading(front),
        "metrics": metrics_data(front),
        "parameters": parameters,
        "front": designs,
        "trials": trials,
        "exact": exact_data(front),
        "designs": [
            design_data(result, letter=letters[int(row)], row=int(row), advice=said)
            | {"cells": _cells(result, certified_mark(front, row)), "batches": batch_curves(result, more)}
            for row, result, said, more in zip(rows, results, advice, further, strict=True)
        ],
        "verdict": verdict_data(front, results, rows, advice, baseline, weighed.median if weighed is not None else {}),
        "importance": _importance(weighed),
        "convergence": _convergence(front),
        "tradeoff": tradeoff_data(front),
        "reuse": reuse_data(front, cheap=few),
        "yaml": {"kept": yaml.kept, "limits": yaml.limits},
        "assumptions": [_assumption(line) for line in front.space.assumptions()],
        "manifest": dict(manifest),
    }


def _heading(front: Front) -> dict[str, Any]:
    """What stands over the table of a run on screen, beside what the other entries say."""
    return {
        "wanted": wanted_text(front),
        "judged": judged_lines(front.workload),
        "rules": rules_text(front.space) if front.space.rules else "",
        "record": record_lines(front),
        "standing": standing_lines(front),
        "certified": certified_note(front),
    }


def _cells(result: Result, certified: str) -> dict[str, Any]:
    """The machine as it stands in the table of a run."""
    design = result.design
    return {
        "certified": certified,
        "array": array_text(design),
        "dataflow": design.dataflow,
        "double_buffer": bool(design.double_buffer),
        "frequency_hz": exact(design.frequency_hz),
        "sram_bytes": exact(design.sram_bytes),
        "memory": memory_text(design),
        "node_nm": exact(design.node_nm),
        "precision": design.precision,
        "vector_lanes": exact(design.vector_lanes),
    }


def _workload(workload: Workload) -> dict[str, Any]:
    return {
        "name": workload.name,
        "title": workload.title,
        "scenarios": [
            {
                "name": scenario.name,
                "network": series_name(scenario),
                "batch": scenario.batch,
                "weight": scenario.weight,
                "free_batch": bool(scenario.auto),
            }
            for scenario in workload.scenarios
        ],
    }


def _importance(found: Importance | None) -> dict[str, Any] | None:
    if found is None:
        return None
    shares = {metric: {name: figures(share, 4) for name, share in each.items()} for metric, each in found.shares.items()}
    return {"sample": found.sample, "ran": found.ran, "feasible": found.feasible, "whole": found.whole, "shares": shares}


def _convergence(front: Front) -> dict[str, Any] | None:
    grown = convergence(front)
    if grown is None:
        return None
    return {
        "trials": list(grown.trials),
        "hypervolume": column(grown.hypervolume, 7),
        "final": figures(grown.final, 7),
        "exact": None if grown.exact is None else figures(grown.exact, 7),
        "reference": list(grown.reference),
    }


def _assumption(line: str) -> dict[str, Any]:
    return {"text": line, "unverified": "UNVERIFIED" in line, "dates": _DATE.findall(line)}


def _further_batches(front: Front, rows: Sequence[int]) -> list[list[dict[str, Any]]]:
    """Every network of the workload at further batches, on each of these designs of the front."""
    series: dict[str, list[Scenario]] = {}
    for scenario in front.workload.scenarios:
        series.setdefault(series_name(scenario), []).append(scenario)
    runs = [
        (name, replace(scenarios[0], name=f"{name}@b{batch}", batch=batch, auto=(), latency_limit_s=None))
        for name, scenarios in series.items()
        for batch in FURTHER_BATCHES
        if batch not in {scenario.batch for scenario in scenarios}
    ]
    if not runs:
        return [[] for _ in rows]
    designs: Designs = front.space.designs(front.indices[list(rows)])
    workload = replace(front.workload, scenarios=tuple(scenario for _, scenario in runs))
    free = replace(front.space, budget=replace(front.space.budget, scenario_latency_s={}))
    metrics = evaluate_designs(work_of(workload), designs, free)
    return [
        [
            {
                "network": name,
                "batch": scenario.batch,
                "latency_s": float(metrics.latency_s[design, at]),
                "energy_j": float(metrics.energy_j[design, at]),
                "stated": False,
            }
            for at, (name, scenario) in enumerate(runs)
            if np.isfinite(metrics.latency_s[design, at])
        ]
        for design in range(len(rows))
    ]
