"""The command line: options in, exit codes out; no arithmetic.

stdout is the result, stderr is progress and diagnosis. Exit codes: 0 done; 1 ran, and the answer is no; 2 bad input or usage;
3 internal error; 130 interrupted, with what was found kept.
"""

from __future__ import annotations

import json
import os
import sys
import time
from enum import StrEnum
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer
from typer.core import TyperGroup

from dse import __version__
from dse.errors import DseError, NoFeasibleDesign

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from dse.inputs.job import Job
    from dse.search.front import Front

EXIT_NO, EXIT_SYSTEM, EXIT_INTERNAL, EXIT_INTERRUPTED = 1, 2, 3, 130
PIPE_WIDTH = 100
"""Columns of a table that goes to no terminal."""


class _Commands(TyperGroup):
    """The commands, with a word on stderr where Ctrl-C came before there was anything to keep."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's own context
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            _say("interrupted; nothing was kept")
            raise typer.Exit(EXIT_INTERRUPTED) from None


app = typer.Typer(
    name="dse",
    cls=_Commands,
    help="Design-space exploration for deep-learning hardware: which machine to build for these networks, and why.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class SamplerName(StrEnum):
    """Samplers by name (`dse.search.study.SAMPLERS`; a test compares them)."""

    nsga2 = "nsga2"
    nsga3 = "nsga3"
    tpe = "tpe"
    gp = "gp"
    random = "random"
    qmc = "qmc"


class SchemaName(StrEnum):
    """Files that have a schema."""

    workload = "workload"
    space = "space"


def _complete_workload(incomplete: str) -> list[str]:
    from dse.inputs.shipped import shipped_names

    return [name for name in shipped_names("workloads") if name.startswith(incomplete)]


def _complete_space(incomplete: str) -> list[str]:
    from dse.inputs.shipped import shipped_names

    return [name for name in shipped_names("search_spaces") if name.startswith(incomplete)]


WorkloadArgument = Annotated[
    str,
    typer.Argument(
        metavar="WORKLOAD", help="A workload file, or a shipped name such as speech.", autocompletion=_complete_workload
    ),
]
SpaceOption = Annotated[
    str | None,
    typer.Option(
        "--space", "-s", metavar="SPACE", help="A search space; the workload names its default.", autocompletion=_complete_space
    ),
]
BudgetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--budget",
        "-b",
        metavar="NAME=LIMIT",
        help="A limit: price=40USD, area=50mm2, power=2W, latency=10ms (all scenarios), latency.SCENARIO=10ms. May be repeated.",
    ),
]
ObjectivesOption = Annotated[
    str | None,
    typer.Option(
        "--objectives", metavar="A,B", help="One to four of latency, throughput, energy, price, area, power, dram_bytes."
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="Fix a parameter, or list its values: sram=8MiB, cores=1,2,4. May be repeated."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the whole result as JSON, and nothing else.")]
OutputOption = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where the folder of the run is made.")]


def _show_version(value: bool) -> None:  # noqa: FBT001
    if value:
        typer.echo(f"dse {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    del version


@app.command()
def search(
    workload: WorkloadArgument,
    space: SpaceOption = None,
    budget: BudgetOption = None,
    objectives: ObjectivesOption = None,
    fixed: SetOption = None,
    trials: Annotated[int, typer.Option("--trials", "-n", min=1, help="Designs that the search may try.")] = 2000,
    sampler: Annotated[SamplerName, typer.Option("--sampler", help="Who proposes designs.")] = SamplerName.nsga2,
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
    _finish(found, job, output, as_json=as_json)


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
    _finish(found, job, output, as_json=as_json)


@app.command()
def evaluate(
    workload: WorkloadArgument,
    on: Annotated[
        str, typer.Option("--on", metavar="SPACE", help="A known chip, or a space with --set.", autocompletion=_complete_space)
    ],
    fixed: SetOption = None,
    scenario: Annotated[
        str | None, typer.Option("--scenario", metavar="NAME", help="Just this scenario, such as resnet50@b1.")
    ] = None,
    advice: Annotated[
        bool, typer.Option("--advice/--no-advice", help="Tell what twice the bandwidth, the compute, the batch ... would do.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Evaluate one machine on a workload: each scenario, each layer, what binds, and what would help.

    Example: dse evaluate tpu_apps --on tpu_v1
    """
    from dse.inputs.job import one_scenario, with_values
    from dse.inputs.spaces import load_space
    from dse.inputs.workloads import load_workload
    from dse.model.breakdown import evaluate as evaluate_one
    from dse.report import messages
    from dse.report.run import evaluation_json
    from dse.report.tables import evaluation
    from dse.search.front import broken_limits

    loaded = load_workload(workload)
    machine = with_values(load_space(on), fixed or ())
    result = evaluate_one(loaded if scenario is None else one_scenario(loaded, scenario), machine)
    advised = None
    if advice:
        from dse.model.advice import advise

        advised = advise(result.workload, machine, result=result)
    if as_json:
        _print_json(evaluation_json(result, advised))
    else:
        _print(evaluation(result, advised))
    broken = broken_limits(result.workload, machine)
    if broken:
        _say(f"over its limits:\n{messages.broken_limits(broken)}")
    if not result.latency_s < float("inf"):
        raise typer.Exit(EXIT_NO)


@app.command()
def explain(
    workload: WorkloadArgument,
    on: Annotated[
        str, typer.Option("--on", metavar="SPACE", help="A known chip, or a space with --set.", autocompletion=_complete_space)
    ],
    scenario: Annotated[
        str | None, typer.Option("--scenario", metavar="NAME", help="This scenario; by default the slowest.")
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option("--layer", "-l", metavar="L", help="One layer: the formulas with its numbers, and their sources."),
    ] = None,
    fixed: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain one machine layer by layer: what fits, what moves, what overlaps, what is lost, what must be ready first.

    Example: dse explain vision --on tpu_v1 --scenario resnet50@b8 --layer res4a_conv2
    """
    from dse.inputs.job import one_scenario, with_values
    from dse.inputs.spaces import load_space
    from dse.inputs.workloads import load_workload
    from dse.report.explain_view import explain_view

    loaded = load_workload(workload)
    machine = with_values(load_space(on), fixed or ())
    view = explain_view(loaded if scenario is None else one_scenario(loaded, scenario), machine, layer=layer, every=as_json)
    if as_json:
        from dse.report.explain_json import explain_json

        _print_json(explain_json(view))
    else:
        _print(view.report())
    if not view.runs:
        _say(view.cannot_run)
        raise typer.Exit(EXIT_NO)


@app.command()
def reuse(
    workload: WorkloadArgument,
    layer: Annotated[
        str | None, typer.Option("--layer", "-l", metavar="L", help="Every step of one layer's curve, with its mappings.")
    ] = None,
    scenario: Annotated[
        str | None, typer.Option("--scenario", metavar="NAME", help="Just this scenario, such as resnet50@b1.")
    ] = None,
    capacity: Annotated[
        str | None, typer.Option("--capacity", "-c", metavar="A,B", help="On-chip capacities to show: 512KiB,1MiB.")
    ] = None,
    family: Annotated[
        str | None,
        typer.Option("--family", metavar="F", help="One family: output_stationary, input_stationary, weight_stationary."),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="SPACE", help="A known chip, to show its capacity.", autocompletion=_complete_space),
    ] = None,
    picture: Annotated[Path | None, typer.Option("--picture", metavar="FILE", help="Draw it: .png, .svg or .pdf.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the least off-chip traffic against on-chip capacity, for each layer and in total.

    Example: dse reuse vision --scenario resnet50@b8 --on tpu_v1 --picture reuse.png
    """
    from dse.inputs.job import one_scenario
    from dse.inputs.spaces import load_space
    from dse.inputs.workloads import load_workload
    from dse.report.reuse_view import capacities, reuse_view

    drawn = None
    if picture is not None:
        from dse.report.reuse_figure import check_picture

        drawn = check_picture(picture)
    loaded = load_workload(workload)
    view = reuse_view(
        loaded if scenario is None else one_scenario(loaded, scenario),
        layer=layer,
        family=family,
        capacities_bytes=capacities(capacity) if capacity is not None else (),
        machine=load_space(on) if on is not None else None,
    )
    if drawn is not None:
        from dse.report.reuse_figure import reuse_picture

        drawn.write_bytes(reuse_picture(view, drawn.suffix))
        _say(f"drawn to {drawn}")
    if as_json:
        from dse.report.reuse_json import reuse_json

        _print_json(reuse_json(view))
    else:
        from dse.report.reuse_table import reuse_report

        _print(reuse_report(view))


@app.command()
def validate(
    device: Annotated[
        str | None, typer.Option("--device", "-d", metavar="DEVICE", help="Just one: tpu_v1, snowflake, eyeriss, nvdla, ...")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="FILE.png", help="Draw TPU v1's roofline, measured and predicted.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Hold the model against published machines: every number with its error, what is allowed, and its source.

    Example: dse validate --device tpu_v1
    """
    from dse.fidelity.validate import validate as anchors_of
    from dse.report.validation import validation, validation_json

    anchors = anchors_of(device)
    if picture is not None:
        from dse.fidelity.tpu_v1 import roofline
        from dse.report.validation_figures import tpu_roofline_figure, write_png

        write_png(tpu_roofline_figure(roofline()), picture)
        _say(f"drawn: {picture}")
    if as_json:
        _print_json(validation_json(anchors))
    else:
        _print(validation(anchors))
    if any(anchor.passed is False for anchor in anchors):
        raise typer.Exit(EXIT_NO)


@app.command("list")
def list_shipped(as_json: JsonOption = False) -> None:
    """List the workloads, search spaces and known machines that are shipped."""
    from dse.inputs.shipped import shipped_names
    from dse.inputs.spaces import load_space
    from dse.inputs.workloads import load_workload
    from dse.report.catalogue import catalogue, catalogue_tables

    workloads = [load_workload(name) for name in shipped_names("workloads")]
    entries = catalogue(workloads, [load_space(name) for name in shipped_names("search_spaces")])
    if as_json:
        _print_json(entries)
    else:
        _print(catalogue_tables(entries))


@app.command()
def schema(name: Annotated[SchemaName, typer.Argument(help="Whose schema.")]) -> None:
    """Print the JSON Schema of a workload or search-space file, for editors."""
    if name is SchemaName.workload:
        from dse.inputs.schema import workload_schema as make
    else:
        from dse.inputs.spaces import space_schema as make
    _print_json(make())


def _finish(found: Front, job: Job, output: Path, *, as_json: bool) -> None:
    """Write the run, show it, and leave with the exit code that says how it ended."""
    from dse.report.figures import run_pictures
    from dse.report.info import SHOWN
    from dse.report.run import result_json, write_run
    from dse.report.tables import front_report

    if found.interrupted:
        _say("interrupted; writing what was found (Ctrl-C again drops it)")
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
        _print_json({**result_json(found, results, rows), "folder": str(folder)})
    else:
        _print(front_report(found, results, rows, str(folder)))
    if found.interrupted:
        _say(f"what was found is kept in {folder}")
        raise typer.Exit(EXIT_INTERRUPTED)


def _print(what: RenderableType) -> None:
    from rich.console import Console

    stated = os.environ.get("COLUMNS", "")
    width = max(80, int(stated) if stated.isdecimal() else PIPE_WIDTH)
    Console(highlight=False, markup=False, emoji=False, width=None if _is_terminal(sys.stdout) else width).print(what)


def _is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is there and is a terminal."""
    return stream is not None and stream.isatty()


def _print_json(value: Any) -> None:  # noqa: ANN401 - whatever json takes
    utf8 = sys.stdout is None or (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    typer.echo(json.dumps(value, indent=2, ensure_ascii=not utf8, allow_nan=False))


def _say(text: str) -> None:
    typer.echo(text, err=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; every error of the user's is one message, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(args=list(arguments) if arguments is not None else None)
    except NoFeasibleDesign as error:
        from dse.report.messages import no_feasible_design

        _say(no_feasible_design(error))
        sys.exit(EXIT_NO)
    except DseError as error:
        _say(f"error: {error}")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        if os.environ.get("DSE_DEBUG"):
            raise
        _say(f"error: {error.filename or 'the output'}: {error.strerror or error}")
        sys.exit(EXIT_SYSTEM)
    except Exception as error:
        if os.environ.get("DSE_DEBUG"):
            raise
        _say(f"internal error: {type(error).__name__}: {error}\nThis is a fault in dse. DSE_DEBUG=1 shows where.")
        sys.exit(EXIT_INTERNAL)
