"""Where the workloads and search spaces that come with the package lie, and how a name or a path finds one."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from dse.errors import InputError, Problem
from dse.inputs.wording import near_miss

Kind = Literal["workloads", "search_spaces"]

_SUFFIXES = (".yaml", ".yml")
_SAID = {"workloads": "workload", "search_spaces": "search space"}


@lru_cache
def shipped_folder(kind: Kind) -> Path:
    """The folder of a kind: inside an installed package, or beside the package in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "shipped" / kind
    return inside if inside.is_dir() else package.parent / kind


def shipped_names(kind: Kind) -> tuple[str, ...]:
    """Names of what is shipped, in alphabetical order."""
    folder = shipped_folder(kind)
    return tuple(sorted(path.stem for path in folder.iterdir() if path.suffix in _SUFFIXES)) if folder.is_dir() else ()


def find(kind: Kind, path_or_name: str | Path, *, beside: Path | None = None) -> Path:
    """The file that is meant: an existing path (from here, or from the folder of the file `beside`), else a shipped name.

    Raises `InputError` that lists what is shipped, and what looks like the name.
    """
    path = Path(path_or_name)
    for candidate in (path, *(() if beside is None else (beside.parent / path,))):
        if _is_file(candidate):
            return candidate
    written = str(path_or_name)
    names = shipped_names(kind)
    name = written.removesuffix(".yaml").removesuffix(".yml")
    if name in names:
        return next(file for suffix in _SUFFIXES if (file := shipped_folder(kind) / f"{name}{suffix}").is_file())
    if path.is_dir() or path.name != written:
        return path
    remedy = f"{near_miss(name, names)}shipped: {', '.join(names) or 'none'}; or give the path of a YAML file"
    raise InputError(Problem(f"there is no {_SAID[kind]} {written!r}, neither a file nor a shipped one", None, remedy))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
