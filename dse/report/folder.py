"""Writing a folder of results: all of it or nothing, with what it was made from."""

from __future__ import annotations

import datetime
import hashlib
import os
import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from dse import __version__
from dse.errors import InputError, Problem
from dse.inputs.models import is_model, workload_text
from dse.report.writing import json_text
from dse.search.record import without_password

PACKAGES = ("moocore", "numba", "numpy", "optuna", "pandas", "scipy")


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
