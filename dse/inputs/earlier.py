"""A run folder as something to go on from: its inputs, its settings and every design that it tried."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dse.errors import InputError, Problem
from dse.inputs.job import Job, load_job
from dse.inputs.wording import near_miss

LATEST = "latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierRun:
    """A run that a search goes on with.

    `settings`: sampler, seed, trials and evaluator of its command; `left`: trials that it did not come to, because it was
    interrupted; `notes`: what has changed since, in sentences.
    """

    folder: Path
    job: Job
    trials: pd.DataFrame
    settings: Mapping[str, Any]
    left: int
    notes: tuple[str, ...] = ()


def find_run(written: str, output: Path) -> Path:
    """The folder that is meant: a path, the name of a run in `output`, or ``latest``. Raises `InputError`."""
    if written == LATEST:
        runs = sorted(_runs(output), key=lambda run: (run / "manifest.json").stat().st_mtime_ns)
        if not runs:
            remedy = "name a run's folder, or say where the runs are with --output DIR"
            raise InputError(Problem(f"there is no run in {output} to go on with", remedy=remedy))
        return runs[-1]
    for folder in (Path(written), output / written):
        if (folder / "manifest.json").is_file():
            return folder
    if Path(written).is_dir():
        raise InputError(Problem(f"{written} is no folder of a run: it has no manifest.json"))
    names = [run.name for run in _runs(output)]
    remedy = f"{near_miss(written, names)}--resume takes a run's folder, its name in {output}, or latest"
    raise InputError(Problem(f"there is no run {written!r}", remedy=remedy))


def _runs(output: Path) -> list[Path]:
    folders = output.iterdir() if output.is_dir() else ()
    return [each for each in folders if not each.name.startswith(".") and (each / "manifest.json").is_file()]


def load_earlier(folder: Path, version: str) -> EarlierRun:
    """Read a run's folder, for dse of this `version`.

    Raises `InputError` if it is none of `dse search`, or if its inputs are not what they were.
    """
    manifest = _manifest(folder)
    stated: dict[str, Any] | None = manifest.get("settings")
    files: list[dict[str, Any]] = manifest.get("inputs", [])
    table = folder / "trials.csv"
    if stated is None or not table.is_file() or len(files) < 2:
        raise InputError(Problem(f"{folder} holds no trials to go on with", remedy="only a run of `dse search` can be resumed"))
    _check_inputs(folder, files)
    job = load_job(
        [str(folder / "inputs" / entry["file"]) for entry in files[: int(stated["workloads"])]],
        str(folder / "inputs" / files[-1]["file"]),
        across=stated["across"],
        budget=stated["budget"],
        objectives=stated["objectives"],
        fixed=stated["set"],
    )
    trials = _trials(table)
    here = len(trials) if "origin" not in trials.columns else int((trials["origin"] == "this run").sum())
    left = max(0, int(stated["trials"]) - here) if manifest.get("interrupted") else 0
    return EarlierRun(folder=folder, job=job, trials=trials, settings=stated, left=left, notes=_notes(manifest, version))


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        read: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(Problem(f"{path} cannot be read: {error}")) from error
    if not isinstance(read, dict):
        raise InputError(Problem(f"{path} is no manifest of a run"))
    return {**read}


def _check_inputs(folder: Path, files: list[dict[str, Any]]) -> None:
    """The copies of the inputs must be those that the run was made from."""
    for entry in files:
        copy = folder / "inputs" / entry["file"]
        if not copy.is_file():
            raise InputError(Problem(f"{copy} is missing", remedy="it was written with the run; put it back"))
        if hashlib.sha256(copy.read_bytes()).hexdigest() != entry["sha256"]:
            remedy = "put back what the run was made from, or start a new search with the changed file"
            raise InputError(Problem(f"{copy} has changed since the run", remedy=remedy))


def _trials(table: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(table)
    except (OSError, ValueError) as error:
        raise InputError(Problem(f"{table} cannot be read: {error}")) from error


def _notes(manifest: Mapping[str, Any], version: str) -> tuple[str, ...]:
    if manifest.get("dse") == version:
        return ()
    return (f"the run was made by dse {manifest.get('dse')}, this is {version}: its designs are evaluated again",)
