"""Options of a search that outlives its process: where the study lies, whom else to ask, which run to go on with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from dse.errors import InputError, Problem

StorageOption = Annotated[
    str | None,
    typer.Option(
        "--storage",
        metavar="URL",
        help="Where the study lies, for other processes to join: sqlite:///study.db, postgresql+psycopg://user@host/name, "
        "journal://study.log.",
    ),
]
StudyOption = Annotated[
    str | None,
    typer.Option("--study", metavar="NAME", help="The study's name there; else workload, space, objectives and budget make one."),
]
GraceOption = Annotated[
    float | None,
    typer.Option(
        "--grace",
        metavar="S",
        min=1.0,
        show_default="60",
        help="Seconds without a sign of life after which another worker's trials are done again.",
    ),
]
EvaluatorOption = Annotated[
    str | None,
    typer.Option(
        "--evaluator",
        metavar="MODULE:FUNCTION",
        help="A second opinion of every design: your function, a dict of parameters in, a dict of metrics (latency_s, ...) out.",
    ),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option("--evaluator-timeout", metavar="S", min=0.001, help="Seconds that the evaluator may take for a design."),
]
ResumeOption = Annotated[
    str | None,
    typer.Option("--resume", metavar="RUN", help="Go on with a run: its folder, its name in --output, or latest."),
]


def check_search(
    stated: Mapping[str, object],
    *,
    resume: str | None,
    storage: str | None,
    study: str | None,
    grace: float | None,
    evaluator: str | None,
    timeout: float | None,
) -> None:
    """Refuse options that do not go together. `stated`: what says the search itself, by name, None or empty where left out."""
    problems = list[Problem]()
    given = [name for name, value in stated.items() if value]
    if resume is None and "WORKLOAD" not in given:
        problems.append(
            Problem("which workload?", remedy="dse search WORKLOAD, or dse search --resume RUN; `dse list` shows them")
        )
    if resume is not None and given:
        remedy = "leave them out, or start a new search"
        problems.append(Problem(f"--resume takes {', '.join(stated)} from the run; given too: {', '.join(given)}", remedy=remedy))
    if resume is not None and storage is not None:
        remedy = "the same command with --storage alone goes on with its study"
        problems.append(Problem("--resume goes on with a folder, --storage with a study: take one of them", remedy=remedy))
    for name, value in (("--study", study), ("--grace", grace)):
        if value is not None and storage is None:
            problems.append(Problem(f"{name} says something of a shared study", remedy="say where it lies: --storage URL"))
    if timeout is not None and evaluator is None:
        problems.append(Problem("--evaluator-timeout without --evaluator", remedy="add --evaluator MODULE:FUNCTION"))
    if problems:
        raise InputError(problems)
