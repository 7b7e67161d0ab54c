"""`dse search` and `dse front`: which machines are best."""

from __future__ import annotations

import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dse import __version__
from dse.cli.app import app
from dse.cli.console import EXIT_INTERRUPTED, EXIT_SYSTEM, print_json, print_result, say
from dse.cli.options import (
    AcrossOption,
    BudgetOption,
    JsonOption,
    ObjectivesOption,
    OptionalWorkloadsArgument,
    OutputOption,
    SetOption,
    SpaceOption,
    UncertaintyOption,
    WorkloadsArgument,
)
from dse.cli.study_options import (
    EvaluatorOption,
    GraceOption,
    ResumeOption,
    StorageOption,
    StudyOption,
    TimeoutOption,
    check_search,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

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


DEFAULT_SAMPLER = SamplerName.model
DEFAULT_TRIALS = 2000


@app.command()
def search(
    workload: OptionalWorkloadsArgument = None,
    space: SpaceOption = None,
    across: AcrossOption = None,
    budget: BudgetOption = None,
    objectives: ObjectivesOption = None,
    fixed: SetOption = None,
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials",
            "-n",
            min=1,
            show_default=str(DEFAULT_TRIALS),
            help="Different designs to try: with --storage by all workers together, with --resume beyond those of the run.",
        ),
    ] = None,
    sampler: Annotated[
        SamplerName | None, typer.Option("--sampler", show_default=DEFAULT_SAMPLER.value, help="Who proposes designs.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, max=2**32 - 1, show_default="0", help="Same seed, same front.")
    ] = None,
    storage: StorageOption = None,
    study: StudyOption = None,
    grace: GraceOption = None,
    evaluator: EvaluatorOption = None,
    evaluator_timeout: TimeoutOption = None,
    resume: ResumeOption = None,
    uncertain: UncertaintyOption = False,
    output: OutputOption = Path("outputs"),
    as_json: JsonOption = False,
) -> None:
    """Search a space for the Pareto-optimal machines for a workload, or for several together, within the budget.

    Example: dse search speech --space edge --budget price=25USD
    """
    from dse.inputs.earlier import find_run, load_earlier
    from dse.inputs.job import load_job

    stated = {"WORKLOAD": workload, "--space": space, "--across": across, "--budget": budget, "--set": fixed}
    stated["--objectives"] = objectives
    check_search(stated, resume=resume, storage=storage, study=study, grace=grace, evaluator=evaluator, timeout=evaluator_timeout)
    earlier = None if resume is None else load_earlier(find_run(resume, output), __version__)
    if earlier is None:
        assert workload is not None
        job = load_job(workload, space, across=across, budget=budget or (), objectives=objectives, fixed=fixed or ())
    else:
        job = earlier.job
        for note in earlier.notes:
            say(note)
    before: Mapping[str, Any] = earlier.settings if earlier is not None else {}
    chosen = sampler.value if sampler is not None else before.get("sampler", DEFAULT_SAMPLER.value)
    settings: dict[str, Any] = {
        "workloads": job.n_workloads,
        "across": job.across,
        "budget": list(job.budget),
        "objectives": ",".join(objective.metric for objective in job.space.objectives),
        "set": list(job.fixed),
        "trials": trials or (earlier.left if earlier is not None else 0) or DEFAULT_TRIALS,
        "sampler": chosen,
        "seed": seed if seed is not None else before.get("seed", 0),
        "evaluator": evaluator if evaluator is not None else before.get("evaluator"),
        "evaluator_timeout_s": evaluator_timeout if evaluator is not None else before.get("evaluator_timeout_s"),
        "resumed_from": str(earlier.folder) if earlier is not None else None,
    }
    found = _run_search(job, settings, storage, study, grace, earlier.trials if earlier is not None else None)
    finish(standing(found), job, output, as_json=as_json, uncertain=uncertain, settings=settings)


def _run_search(
    job: Job,
    settings: Mapping[str, Any],
    storage: str | None,
    study_name: str | None,
    grace_s: float | None,
    earlier: pd.DataFrame | None,
) -> Front:
    """Search with a progress bar."""
    from dse.report.progress import progress
    from dse.report.record_table import progress_text
    from dse.search import study
    from dse.search.ledger import changed
    from dse.search.record import GRACE_S

    known = 0 if earlier is None else len(earlier)
    with progress(settings["trials"] + known) as report:
        found = study.search(
            job.workload,
            job.space,
            trials=settings["trials"],
            sampler=settings["sampler"],
            seed=settings["seed"],
            storage=storage,
            study_name=study_name,
            grace_s=GRACE_S if grace_s is None else grace_s,
            evaluator=settings["evaluator"],
            evaluator_timeout_s=settings["evaluator_timeout_s"],
            earlier=earlier,
            on_progress=lambda now: report(now.done, progress_text(now)),
        )
    if earlier is not None and (differ := changed(earlier, found.trials)):
        say(f"the model says otherwise of {differ:,} of the {known:,} earlier designs today; they count as it says now")
    return found


@app.command()
def front(
    workload: WorkloadsArgument,
    space: SpaceOption = None,
    across: AcrossOption = None,
    budget: BudgetOption = None,
    objectives: ObjectivesOption = None,
    fixed: SetOption = None,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", metavar="S", min=0.0, help="Stop about then, and say how near the front is (epsilon)."),
    ] = None,
    uncertain: UncertaintyOption = False,
    output: OutputOption = Path("outputs"),
    as_json: JsonOption = False,
) -> None:
    """Find the exact, certified front of a space: no design of it is left out unproved.

    Example: dse front speech --space edge
    """
    from dse.inputs.job import load_job
    from dse.report.progress import progress
    from dse.search.exact import exact_front

    job = load_job(workload, space, across=across, budget=budget or (), objectives=objectives, fixed=fixed or ())
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
    finish(found, job, output, as_json=as_json, uncertain=uncertain)


def standing(found: Front) -> Front:
    """The front with how it was found and how near it is to the exact one, which is found for that where it is cheap."""
    from dse.report.progress import progress
    from dse.search.ladder import with_standing

    if found.standing is not None or found.interrupted or (found.record is not None and found.record.evaluator is not None):
        return found
    with progress(found.space.size) as report:
        return with_standing(found, on_progress=lambda covered, _: report(covered, "exact front, to compare"))


def finish(
    found: Front,
    job: Job,
    output: Path,
    *,
    as_json: bool,
    uncertain: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write the run, show it, and leave with the exit code that says how it ended."""
    from dse.report.figures import run_pictures
    from dse.report.page_data import known_chip
    from dse.report.run import write_run
    from dse.report.run_report import whole_report, whole_result
    from dse.report.verdict import lettered_rows

    stopped = found.record.stopped if found.record is not None else None
    if stopped is not None:
        say(f"error: {stopped}\nthe search stops here; writing what was found")
    elif found.interrupted:
        say("interrupted; writing what was found (Ctrl-C again drops it)")
    baseline = known_chip(found)
    rows = lettered_rows(found, baseline)
    results = [found.result(row) for row in rows]
    sure = _uncertainty_files(found, rows) if uncertain else {}
    folder = write_run(
        found,
        results,
        rows,
        baseline=baseline,
        output=output,
        command=["dse", *sys.argv[1:]],
        inputs=job.files,
        pictures=run_pictures(found, results, rows) | sure,
        settings=settings,
    )
    if as_json:
        print_json({**whole_result(folder), "folder": str(folder)})
    else:
        print_result(whole_report(folder))
    if found.interrupted:
        how = "" if settings is None else f"; dse search --resume {folder.name} goes on"
        say(f"what was found is kept in {folder}{how}")
        raise typer.Exit(EXIT_SYSTEM if stopped is not None else EXIT_INTERRUPTED)


def _uncertainty_files(found: Front, rows: Sequence[int]) -> dict[str, bytes]:
    from dse.fidelity.uncertainty import uncertainty
    from dse.report.uncertainty_table import uncertainty_files

    return uncertainty_files(uncertainty(found, always=rows))
