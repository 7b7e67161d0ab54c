"""`dse search` and `dse front`: which machines are best."""

from __future__ import annotations

import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dse.cli.app import app
from dse.cli.console import EXIT_INTERRUPTED, print_json, print_result, say
from dse.cli.options import BudgetOption, JsonOption, ObjectivesOption, OutputOption, SetOption, SpaceOption, WorkloadArgument

if TYPE_CHECKING:
    from dse.inputs.job import Job
    from dse.search.front import Front


class SamplerName(StrEnum):
    """Samplers by name (`dse.search.study.SAMPLERS`; a test compares them)."""

    model = "model"
    nsga2 = "nsga2"
    nsga3 = "nsga3"
    tpe = "tpe"
    gp = "gp"
    random = "random"
    qmc = "qmc"


@app.command()
def search(
    workload: WorkloadArgument,
    space: SpaceOption = None,
    budget: BudgetOption = None,
    objectives: ObjectivesOption = None,
    fixed: SetOption = None,
    trials: Annotated[int, typer.Option("--trials", "-n", min=1, help="Designs that the search may try.")] = 2000,
    sampler: Annotated[SamplerName, typer.Option("--sampler", help="Who proposes designs.")] = SamplerName.model,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Same seed, same front.")] = 0,
    output: OutputOption = Path("outputs"),
    as_json: JsonOption = False,
) -> None:
    """Search a space for the Pareto-optimal machines for a workload, within the budget.

    Example: dse search speech --space edge --budget price=25USD
    """
    from dse.inputs.job import load_job
    from dse.report.progress import progress

    job = load_job(workload, space, budget=budget or (), objectives=objectives, fixed=fixed or ())
    from dse.search import study

    with progress(trials) as report:
        found = study.search(
            job.workload,
            job.space,
            trials=trials,
            sampler=sampler.value,
            seed=seed,
            on_progress=lambda now: report(
                now.done, f"front {now.front}, {now.feasible:,} in budget, hypervolume {now.hypervolume:.3f}"
            ),
        )
    finish(standing(found), job, output, as_json=as_json)


@app.command()
def front(
    workload: WorkloadArgument,
    space: SpaceOption = None,
    budget: BudgetOption = None,
    objectives: ObjectivesOption = None,
    fixed: SetOption = None,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", metavar="S", min=0.0, help="Stop about then, and say how near the front is (epsilon)."),
    ] = None,
    output: OutputOption = Path("outputs"),
    as_json: JsonOption = False,
) -> None:
    """Find the exact, certified front of a space: no design of it is left out unproved.

    Example: dse front speech --space edge
    """
    from dse.inputs.job import load_job
    from dse.report.progress import progress
    from dse.search.exact import exact_front

    job = load_job(workload, space, budget=budget or (), objectives=objectives, fixed=fixed or ())
    with progress(job.space.size) as report:
        begun = time.monotonic()
        found = exact_front(
            job.workload,
            job.space,
            seconds=seconds,
            on_progress=lambda covered, _size: report(
                covered, f"designs covered, {covered / (time.monotonic() - begun):.3g} a second"
            ),
        )
    finish(found, job, output, as_json=as_json)


def standing(found: Front) -> Front:
    """The front with how it was found and how near it is to the exact one, which is found for that where it is cheap."""
    from dse.report.progress import progress
    from dse.search.ladder import with_standing

    if found.standing is not None:
        return found
    with progress(found.space.size) as report:
        return with_standing(found, on_progress=lambda covered, _: report(covered, "exact front, to compare"))


def finish(found: Front, job: Job, output: Path, *, as_json: bool) -> None:
    """Write the run, show it, and leave with the exit code that says how it ended."""
    from dse.report.figures import run_pictures
    from dse.report.info import SHOWN
    from dse.report.run import result_json, write_run
    from dse.report.tables import front_report

    if found.interrupted:
        say("interrupted; writing what was found (Ctrl-C again drops it)")
    rows = found.shown(SHOWN).tolist()
    results = [found.result(row) for row in rows]
    folder = write_run(
        found,
        results,
        rows,
        output=output,
        command=["dse", *sys.argv[1:]],
        inputs=job.files,
        pictures=run_pictures(found, results, rows),
    )
    if as_json:
        print_json({**result_json(found, results, rows), "folder": str(folder)})
    else:
        print_result(front_report(found, results, rows, str(folder)))
    if found.interrupted:
        say(f"what was found is kept in {folder}")
        raise typer.Exit(EXIT_INTERRUPTED)
