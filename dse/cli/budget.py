"""`dse budget`: what each budget buys, what it is spent on, and where more stops paying."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dse.cli.app import app
from dse.cli.console import EXIT_INTERRUPTED, print_json, print_result, say
from dse.cli.options import BudgetOption, JsonOption, OutputOption, SetOption, SpaceOption, WorkloadArgument

if TYPE_CHECKING:
    from dse.inputs.job import Job
    from dse.search.budget import BudgetCurve


class ResourceName(StrEnum):
    """What is budgeted (`dse.hardware.shares.RESOURCES`; a test compares them)."""

    price = "price"
    area = "area"
    power = "power"


class WantedName(StrEnum):
    """What it is spent on (`dse.search.budget.WANTED`; a test compares them)."""

    latency = "latency"
    throughput = "throughput"
    energy = "energy"


def percent(text: str | float) -> float:
    """``1`` or ``1%`` as a percentage."""
    try:
        value = float(str(text).removesuffix("%"))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a percentage; write it like 1 or 1%") from None
    if not 0 < value < float("inf"):
        raise typer.BadParameter(f"{text!r}: a percentage is more than zero")
    return value


@app.command()
def budget(
    workload: WorkloadArgument,
    space: SpaceOption = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="BUDGET", help="The least budget: 10USD, 20mm2, 1W. Default: the cheapest."),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="BUDGET", help="The largest budget. Default: where the curve goes flat.")
    ] = None,
    of: Annotated[ResourceName, typer.Option("--of", help="What is budgeted.")] = ResourceName.price,
    objective: Annotated[
        WantedName | None, typer.Option("--objective", help="What it is spent on. Default: the space's first objective.")
    ] = None,
    points: Annotated[int, typer.Option("--points", metavar="N", min=2, help="Budgets that are sampled and shown.")] = 12,
    worth: Annotated[
        float, typer.Option("--worth", metavar="PERCENT", parser=percent, help="What is worth the further money, in percent.")
    ] = 1.0,
    more: Annotated[
        float, typer.Option("--more", metavar="PERCENT", parser=percent, help="How much further money that is, in percent.")
    ] = 10.0,
    limits: BudgetOption = None,
    fixed: SetOption = None,
    seconds: Annotated[
        float, typer.Option("--seconds", metavar="S", min=0.0, help="Seek the exact curve for about so long.")
    ] = 120.0,
    output: OutputOption = Path("outputs"),
    as_json: JsonOption = False,
) -> None:
    """Show the best that every budget buys, how it is split, and what the next dollar buys.

    Example: dse budget speech --space edge --from 10USD --to 500USD
    """
    from dse.inputs.job import load_job
    from dse.report.progress import progress

    job = load_job(workload, space, budget=_others(limits or [], of), fixed=fixed or ())
    from dse.search.budget import budget_curve

    with progress(job.space.size) as report:
        curve = budget_curve(
            job.workload,
            job.space,
            from_=from_,
            to=to,
            of=of.value,
            objective=objective.value if objective is not None else None,
            points=points,
            worth_fraction=worth / 100.0,
            more_fraction=more / 100.0,
            seconds=seconds,
            on_progress=lambda stage, done, total: report(
                int(job.space.size * done / total), "designs covered" if stage == "exact" else f"searching: {done:,} tried"
            ),
        )
    _finish(curve, job, output, as_json=as_json)


def _others(limits: list[str], of: ResourceName) -> list[str]:
    """Limits of other quantities than the one that is budgeted."""
    from dse.errors import InputError, Problem

    for limit in limits:
        if limit.partition("=")[0].strip() == of.value:
            message = f"--budget {limit}: the {of.value} is what this command varies"
            raise InputError(Problem(message, remedy=f"end the range there: --to {limit.partition('=')[2].strip()}"))
    return limits


def _finish(curve: BudgetCurve, job: Job, output: Path, *, as_json: bool) -> None:
    """Write the folder, show the curve, and leave with the exit code that says how it ended."""
    from dse.report.budget_figure import budget_picture
    from dse.report.budget_run import BUDGET, write_budget
    from dse.report.budget_table import budget_report
    from dse.report.stored import stored_result

    if curve.interrupted:
        say("interrupted; writing what was found (Ctrl-C again drops it)")
    picture = budget_picture(curve)
    folder = write_budget(curve, output=output, command=["dse", *sys.argv[1:]], inputs=job.files, picture=picture)
    stored = stored_result(folder, BUDGET)
    if as_json:
        print_json({**stored, "folder": str(folder)})
    else:
        print_result(budget_report(stored, str(folder)))
    if curve.interrupted:
        say(f"what was found is kept in {folder}")
        raise typer.Exit(EXIT_INTERRUPTED)
