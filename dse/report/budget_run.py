"""The folder of a budget curve, and the curve as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dse.report.budget_stored import plain_view
from dse.report.budget_table import machine_line
from dse.report.budget_view import budget_view
from dse.report.budget_words import verdict
from dse.report.folder import copy_inputs, provenance, write_folder, write_json
from dse.report.writing import records
from dse.search.budget import BudgetCurve

BUDGET = "budget.json"


def budget_json(curve: BudgetCurve) -> dict[str, Any]:
    """The whole curve as plain JSON values: every step, the samples, the marks, and what they mean in words."""
    view = budget_view(curve)
    return {
        "workload": curve.workload.name,
        "space": curve.space.name,
        "objective": curve.objective,
        "of": curve.of,
        "from": curve.from_value,
        "to": curve.to_value,
        "other_limits": curve.space.budget.as_dict(),
        "certificate": asdict(curve.certificate),
        "sampler": curve.sampler,
        "interrupted": curve.interrupted,
        "cheapest": curve.cheapest,
        "dearest": curve.dearest,
        "knee": curve.knee,
        "worth": {
            "more_fraction": curve.more_fraction,
            "worth_fraction": curve.worth_fraction,
            "value": curve.worth_value,
            "row": view.worth,
        },
        "gaps": [list(gap) for gap in view.gaps],
        "verdict": list(verdict(view)),
        "view": plain_view(view),
        "first_machine": machine_line(curve, view.rows[0].row),
        "shown": {row.label: row.row for row in view.rows},
        "samples": records(curve.samples),
        "steps": records(curve.steps),
        "assumptions": list(curve.space.assumptions()),
    }


def write_budget(curve: BudgetCurve, *, output: Path, command: Sequence[str], inputs: Sequence[Path], picture: bytes) -> Path:
    """Write ``budget.csv``, ``budget.json``, ``budget.png``, the manifest and the inputs in a new folder, all or nothing."""

    def fill(folder: Path) -> None:
        curve.steps.to_csv(folder / "budget.csv", index=False)
        write_json(folder / BUDGET, budget_json(curve))
        write_json(folder / "manifest.json", _manifest(curve, command, inputs))
        (folder / "budget.png").write_bytes(picture)
        copy_inputs(folder, inputs)

    return write_folder(output, f"budget-{curve.workload.name}-{curve.space.name}", fill)


def _manifest(curve: BudgetCurve, command: Sequence[str], inputs: Sequence[Path]) -> dict[str, Any]:
    return {
        **provenance(command, inputs),
        "workload": curve.workload.name,
        "space": curve.space.name,
        "designs_in_space": curve.space.size,
        "objective": curve.objective,
        "of": curve.of,
        "budget": curve.space.budget.as_dict(),
        "sampler": curve.sampler,
        "interrupted": curve.interrupted,
        "certificate": curve.certificate.statement,
        "assumptions": list(curve.space.assumptions()),
    }
