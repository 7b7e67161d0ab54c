"""Runs that were written: finding one, and what its page shows, without any model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from dse.errors import InputError, Problem
from dse.report.page_data import FORMAT
from dse.report.plain import figures
from dse.search import pareto
from dse.search.front import METRIC_COLUMNS

REPORT = "report.json"
LATEST = "latest"
OUTPUTS = Path("outputs")


def find_run(name: str | Path, outputs: Path = OUTPUTS) -> Path:
    """The folder of a run: a path, a name in `outputs`, or ``latest`` there. Raises `InputError` that says what there is."""
    for folder in (Path(name), outputs / name):
        if (folder / "manifest.json").is_file():
            return folder
    written = sorted(outputs.glob("*/manifest.json"), key=lambda path: path.stat().st_mtime_ns)
    runs = [path.parent for path in written if not path.parent.name.startswith(".")]
    if str(name) == LATEST and runs:
        return runs[-1]
    there = f"the last ones in {outputs} are: {', '.join(run.name for run in runs[-3:])}" if runs else f"{outputs} holds no run"
    raise InputError(Problem(f"there is no run {str(name)!r}", remedy=f"{there}; give the folder that `dse search` wrote"))


def stored_report(folder: Path) -> dict[str, Any]:
    """The data of a run's page. Raises `InputError` where the run has none, or that of another version."""
    path = folder / REPORT
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(Problem(f"{folder} has no {REPORT}", remedy="it is of an older dse: run the search again")) from None
    except (OSError, ValueError) as error:
        raise InputError(Problem(f"{path} cannot be read: {error}", remedy="run the search again")) from None
    stored = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    found = stored.get("format")
    if found != FORMAT:
        remedy = f"this dse reads format {FORMAT}: run the search again"
        raise InputError(Problem(f"{path} is of format {found}", remedy=remedy))
    return stored


def stored_result(folder: Path, name: str = "result.json") -> dict[str, Any]:
    """What `--json` printed of a run. Raises `InputError` where the run has none."""
    path = folder / name
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(Problem(f"{path} cannot be read: {error}", remedy="run the search again")) from None
    return cast("dict[str, Any]", data)


def with_exact(data: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The data of a page with the certified front of another run of the same search drawn in, and its hypervolume.

    Raises `InputError` unless that run is certified, and has the same inputs, objectives and budget.
    """
    other = stored_report(folder)
    if other["search"]["certificate"]["kind"] != "exact":
        said = other["search"]["certificate"]["statement"]
        raise InputError(Problem(f"the front of {folder} is not exact: {said}", remedy="`dse front` certifies one"))
    for what, one, two in (
        ("inputs", _hashes(data), _hashes(other)),
        ("objectives", data["manifest"]["objectives"], other["manifest"]["objectives"]),
        ("budget", data["search"]["budget"], other["search"]["budget"]),
        ("number of designs in the space", data["space"]["size"], other["space"]["size"]),
    ):
        if one != two:
            raise InputError(
                Problem(f"{folder} is another search: its {what} differs", remedy="run `dse front` with the same options")
            )
    designs = pd.read_csv(folder / "front.csv")
    goals = [metric for metric in data["metrics"] if metric["objective"]]
    columns = [designs[METRIC_COLUMNS[goal["name"]]].to_numpy(dtype=np.float64) for goal in goals]
    losses = np.column_stack([1 / values if goal["maximise"] else values for goal, values in zip(goals, columns, strict=True)])
    grown = data["convergence"]
    if grown is not None:
        grown = {**grown, "exact": figures(pareto.hypervolume(losses, grown["reference"]), 7)}
    exact = {"source": folder.name, "total": other["front"]["total"], "metrics": other["front"]["metrics"]}
    return {**data, "exact": exact, "convergence": grown}


def _hashes(data: Mapping[str, Any]) -> list[str]:
    return [entry["sha256"] for entry in data["manifest"]["inputs"]]
