"""What a command is asked to do: a workload and a space, with what the command line changes in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dse.errors import InputError, Problem
from dse.hardware.space import Space
from dse.inputs.document import near_miss
from dse.inputs.models import workload_document
from dse.inputs.shipped import find
from dse.inputs.spaces import load_space
from dse.inputs.together import member_files, names_workloads
from dse.inputs.workloads import load_workload
from dse.workload.together import together
from dse.workload.workload import ACROSS, Across, Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A workload, the space to search, and the files that both came from.

    The first `n_workloads` files are those of the workloads, the last is that of the space. `across`, `budget` and `fixed` are
    what the command line says of them, as it writes it.
    """

    workload: Workload
    space: Space
    files: tuple[Path, ...]
    n_workloads: int = 1
    across: str | None = None
    budget: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()


def load_job(
    workload: str | Sequence[str],
    space: str | None = None,
    *,
    across: str | None = None,
    budget: Sequence[str] = (),
    objectives: str | None = None,
    fixed: Sequence[str] = (),
) -> Job:
    """Read all files and apply what the command line says; several workloads are judged together, `across` all of them.

    Without `space` the workload's own is taken, and its own objectives with it. `budget` and `fixed` are ``NAME=VALUE`` texts.
    Raises `InputError`.
    """
    workload_files = [find("workloads", each) for each in ([workload] if isinstance(workload, str) else workload)]
    loaded = together([load_workload(file) for file in workload_files], _across(across))
    if space is None and loaded.space is None:
        raise InputError(
            Problem(f"workload '{loaded.name}' names no search space", remedy="add --space SPACE; `dse list` shows them")
        )
    space_file = find("search_spaces", space or str(loaded.space), beside=workload_files[0])
    chosen = with_values(load_space(space_file), fixed).with_budget(*budget)
    stated = objectives is not None
    wanted = [name.strip() for name in objectives.split(",")] if stated else loaded.objectives if space is None else ()
    if wanted:
        chosen = chosen.with_objectives(*wanted)
    _check_scenarios(chosen, loaded)
    members = [member for file in workload_files for member in _members(file)]
    return Job(
        workload=loaded,
        space=chosen,
        files=(*workload_files, *members, space_file),
        n_workloads=len(workload_files),
        across=across,
        budget=tuple(budget),
        fixed=tuple(fixed),
    )


def _members(file: Path) -> list[Path]:
    """The files that a file of several workloads names."""
    document = workload_document(file)
    return member_files(document) if names_workloads(document) else []


def _across(written: str | None) -> Across | None:
    for known in ACROSS:
        if written == known:
            return known
    if written is not None:
        raise InputError(Problem(f"--across {written}: unknown", remedy=f"known: {', '.join(ACROSS)}"))
    return None


def with_values(space: Space, fixed: Sequence[str]) -> Space:
    """The space with ``NAME=VALUE`` settings of parameters."""
    for setting in fixed:
        name, equals, value = (part.strip() for part in setting.partition("="))
        if not (equals and name and value):
            raise InputError(Problem(f"--set {setting!r} is not NAME=VALUE", remedy="write it like --set sram=8MiB"))
        space = space.with_values(name, value)
    return space


def one_scenario(workload: Workload, name: str) -> Workload:
    """The workload of one of its scenarios. Raises `InputError` with what it has."""
    names = [scenario.name for scenario in workload.scenarios]
    if name not in names:
        raise InputError(Problem(f"workload '{workload.name}' has no scenario {name!r}", remedy=_they_are(name, names)))
    return workload.only(name)


def _check_scenarios(space: Space, workload: Workload) -> None:
    names = [*(member.name for member in workload.members), *(scenario.name for scenario in workload.scenarios)]
    for name in space.budget.scenario_latency_s:
        if name not in names:
            raise InputError(
                Problem(f"a latency budget for {name!r}, which '{workload.name}' does not run", remedy=_they_are(name, names))
            )


def _they_are(name: str, names: Sequence[str]) -> str:
    return f"{near_miss(name, names)}its scenarios are: {', '.join(names)}"
