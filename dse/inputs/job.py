"""What a command is asked to do: a workload and a space, with what the command line changes in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dse.errors import InputError, Problem
from dse.hardware.space import Space
from dse.inputs.document import near_miss
from dse.inputs.shipped import find
from dse.inputs.spaces import load_space
from dse.inputs.workloads import load_workload
from dse.workload.workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A workload, the space to search, and the files that both came from.

    `budget` and `fixed` are what the command line changes in them, as it writes it.
    """

    workload: Workload
    space: Space
    files: tuple[Path, ...]
    budget: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()


def load_job(
    workload: str,
    space: str | None = None,
    *,
    budget: Sequence[str] = (),
    objectives: str | None = None,
    fixed: Sequence[str] = (),
) -> Job:
    """Read both files and apply what the command line says.

    Without `space` the workload's own is taken, and its own objectives with it. `budget` and `fixed` are ``NAME=VALUE`` texts.
    Raises `InputError`.
    """
    workload_file = find("workloads", workload)
    loaded = load_workload(workload_file)
    if space is None and loaded.space is None:
        raise InputError(
            Problem(f"workload '{loaded.name}' names no search space", remedy="add --space SPACE; `dse list` shows them")
        )
    space_file = find("search_spaces", space or str(loaded.space), beside=workload_file)
    chosen = with_values(load_space(space_file), fixed).with_budget(*budget)
    stated = objectives is not None
    wanted = [name.strip() for name in objectives.split(",")] if stated else loaded.objectives if space is None else ()
    if wanted:
        chosen = chosen.with_objectives(*wanted)
    _check_scenarios(chosen, loaded)
    files = (workload_file, space_file)
    return Job(workload=loaded, space=chosen, files=files, budget=tuple(budget), fixed=tuple(fixed))


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
    names = [scenario.name for scenario in workload.scenarios]
    for name in space.budget.scenario_latency_s:
        if name not in names:
            raise InputError(
                Problem(f"a latency budget for {name!r}, which '{workload.name}' does not run", remedy=_they_are(name, names))
            )


def _they_are(name: str, names: Sequence[str]) -> str:
    return f"{near_miss(name, names)}its scenarios are: {', '.join(names)}"
