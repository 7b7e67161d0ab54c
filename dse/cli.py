"""The command line: options in, exit codes out; no arithmetic.

stdout is the result, stderr is progress and diagnosis. Exit codes: 0 done; 1 ran, and the answer is no; 2 bad input or usage;
3 internal error; 130 interrupted, with what was found kept.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dse import __version__
from dse.errors import DseError, InputError, NoFeasibleDesign, Problem, Violation
from dse.units import format_quantity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, RenderableType

    from dse.hardware.space import Space
    from dse.model.breakdown import Result
    from dse.search.front import Front
    from dse.workload.workload import Workload

EXIT_NO, EXIT_INPUT, EXIT_INTERNAL, EXIT_INTERRUPTED = 1, 2, 3, 130

app = typer.Typer(
    name="dse",
    help="Design-space exploration for deep-learning hardware: which machine to build for these networks and this budget, and why.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class SamplerName(StrEnum):
    """Samplers by name (`dse.search.study.SAMPLERS`, which a test compares)."""

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


def _complete(kind: str, incomplete: str) -> list[str]:
    from dse.inputs.shipped import shipped_names

    return [name for name in shipped_names(kind) if name.startswith(incomplete)]


def _complete_workload(incomplete: str) -> list[str]:
    return _complete("workloads", incomplete)


def _complete_space(incomplete: str) -> list[str]:
    return _complete("search_spaces", incomplete)


WorkloadArgument = Annotated[
    str,
    typer.Argument(
        metavar="WORKLOAD", help="A workload file, or a shipped name such as 'speech'.", autocompletion=_complete_workload
    ),
]
SpaceOption = Annotated[
    str | None,
    typer.Option(
        "--space", "-s", metavar="SPACE", help="A search space; the workload names its own.", autocompletion=_complete_space
    ),
]
BudgetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--budget",
        "-b",
        metavar="NAME=LIMIT",
        help="A limit: price=40USD, area=50mm2, power=2W, latency=10ms, latency.SCENARIO=10ms.",
    ),
]
ObjectivesOption = Annotated[
    str | None,
    typer.Option(
        "--objectives", metavar="A,B", help="What to optimise: latency, throughput, energy, price, area, power, dram_bytes."
    ),
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Fix a parameter: sram=8MiB, frequency=700MHz, cores=4.")
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
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same front.")] = 0,
    output: OutputOption = Path("outputs"),
    as_json: JsonOption = False,
) -> None:
    """Search a space for the Pareto-optimal machines for a workload, within the budget.

    Example: dse search speech --space edge --budget price=25USD
    """
    loaded, where = _load(workload, space, budget, objectives, fixed)
    from dse.search.study import search as run_search

    with _progress(trials, "designs") as report:
        front = run_search(
            loaded,
            where.space,
            trials=trials,
            sampler=sampler.value,
            seed=seed,
            on_progress=lambda now: report(
                now.done, f"{now.front} on the front, {now.feasible:,} of {now.done:,} in budget, volume {now.hypervolume:.2f}"
            ),
        )
    _finish(front, where, output, as_json)


@app.command()
def front(
    workload: WorkloadArgument,
    space: SpaceOption = None,
    budget: BudgetOption = None,
    objectives: ObjectivesOption = None,
    fixed: SetOption = None,
    output: OutputOption = Path("outputs"),
    as_json: JsonOption = False,
) -> None:
    """Find the exact, certified front of a space by evaluating every design of it.

    Example: dse front mlp --space three_knobs
    """
    loaded, where = _load(workload, space, budget, objectives, fixed)
    from dse.search.exact import exact_front

    with _progress(where.space.size, "designs") as report:
        found = exact_front(loaded, where.space, on_progress=lambda covered, _size: report(covered, ""))
    _finish(found, where, output, as_json)


@app.command()
def evaluate(
    workload: WorkloadArgument,
    on: Annotated[str, typer.Option("--on", metavar="SPACE", help="A known chip or any space.", autocompletion=_complete_space)],
    fixed: SetOption = None,
    scenario: Annotated[
        str | None, typer.Option("--scenario", metavar="NAME", help="Show the layers of this scenario only, such as resnet50@b1.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Evaluate one machine on a workload: each scenario, each layer, what binds.

    Example: dse evaluate tpu_apps --on tpu_v1
    """
    from dse.inputs.shipped import find
    from dse.inputs.spaces import load_space
    from dse.inputs.workloads import load_workload
    from dse.model.breakdown import evaluate as evaluate_one

    loaded = load_workload(workload)
    result = evaluate_one(_only(loaded, scenario), _with_values(load_space(find("search_spaces", on)), fixed))
    if as_json:
        typer.echo(json.dumps(_evaluation_json(result), indent=2, ensure_ascii=False))
        return
    from dse.report.tables import evaluation

    _print(evaluation(result, layers_of=scenario))


def _only(workload: Workload, scenario: str | None) -> Workload:
    if scenario is None:
        return workload
    names = [one.name for one in workload.scenarios]
    if scenario not in names:
        raise InputError(
            Problem(f"workload '{workload.name}' has no scenario {scenario!r}", remedy=f"it has: {', '.join(names)}")
        )
    return workload.only(scenario)


def _evaluation_json(result: Result) -> dict[str, Any]:
    from dse.report.run import evaluation_json

    return evaluation_json(result)


@app.command("list")
def list_shipped(as_json: JsonOption = False) -> None:
    """List the workloads and search spaces that are shipped."""
    from dse.inputs.shipped import shipped_names
    from dse.inputs.spaces import load_space
    from dse.inputs.workloads import load_workload
    from dse.report.catalogue import catalogue, catalogue_tables

    workloads = [load_workload(name) for name in shipped_names("workloads")]
    entries = catalogue(workloads, [load_space(name) for name in shipped_names("search_spaces")])
    if as_json:
        typer.echo(json.dumps(entries, indent=2, ensure_ascii=False))
        return
    _print(catalogue_tables(entries))


@app.command()
def schema(name: Annotated[SchemaName, typer.Argument(help="Which file's schema.")]) -> None:
    """Print the JSON Schema of a workload or search-space file, for editors."""
    if name is SchemaName.workload:
        from dse.inputs.schema import workload_schema as make
    else:
        from dse.inputs.spaces import space_schema as make
    typer.echo(json.dumps(make(), indent=2, ensure_ascii=False))


class _Where:
    """The space of a run with the files it came from."""

    def __init__(self, space: Space, files: tuple[Path, ...]) -> None:
        self.space = space
        self.files = files


def _load(
    workload: str, space: str | None, budget: list[str] | None, objectives: str | None, fixed: list[str] | None
) -> tuple[Workload, _Where]:
    from dse.inputs.shipped import find
    from dse.inputs.spaces import load_space
    from dse.inputs.workloads import load_workload

    workload_file = find("workloads", workload)
    loaded = load_workload(workload_file)
    if space is None and loaded.space is None:
        raise InputError(
            Problem(f"workload '{loaded.name}' names no search space", remedy="add --space SPACE; `dse list` shows them")
        )
    space_file = find("search_spaces", space or str(loaded.space), beside=workload_file)
    where = load_space(space_file)
    if fixed:
        where = _with_values(where, fixed)
    if budget:
        where = where.with_budget(*budget)
    _check_scenarios(where, loaded)
    wanted = (
        [name.strip() for name in objectives.split(",")] if objectives else (list(loaded.objectives) if space is None else [])
    )
    if wanted:
        where = where.with_objectives(*wanted)
    return loaded, _Where(where, (workload_file, space_file))


def _with_values(space: Space, fixed: list[str] | None) -> Space:
    for name, value in _pairs(fixed, "--set").items():
        space = space.with_values(name, value)
    return space


def _check_scenarios(space: Space, workload: Workload) -> None:
    names = [scenario.name for scenario in workload.scenarios]
    for name in space.budget.scenario_latency_s:
        if name not in names:
            raise InputError(
                Problem(
                    f"budget for scenario {name!r}, which '{workload.name}' does not have", remedy=f"it has: {', '.join(names)}"
                )
            )


def _pairs(entries: list[str] | None, option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for entry in entries or []:
        name, equals, value = entry.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise InputError(Problem(f"{option} {entry!r} is not NAME=VALUE", remedy=f"write it like {option} sram=8MiB"))
        pairs[name.strip()] = value.strip()
    return pairs


def _finish(front: Front, where: _Where, output: Path, as_json: bool) -> None:  # noqa: FBT001
    """Write the run, show it, and leave with the exit code that says how it ended."""
    from dse.report.figures import pareto_figure, png, roofline_figure
    from dse.report.info import SHOWN, label
    from dse.report.run import result_json, write_run

    rows = front.shown(SHOWN).tolist()
    results = [front.result(row) for row in rows]
    knee = rows.index(front.knee)
    pictures = {
        "pareto.png": png(pareto_figure(front)),
        "roofline.png": png(
            roofline_figure(results[knee], f"{front.workload.name} on design {label(knee)} (knee) of {front.space.name}")
        ),
    }
    command = ["dse", *sys.argv[1:]]
    folder = write_run(front, results, rows, output=output, command=command, inputs=where.files, pictures=pictures)
    if as_json:
        typer.echo(json.dumps({**result_json(front, results, rows), "folder": str(folder)}, indent=2, ensure_ascii=False))
    else:
        from dse.report.tables import front_report

        _print(front_report(front, results, rows, str(folder)))
    if front.interrupted:
        _say(f"interrupted; what was found is kept in {folder}")
        raise typer.Exit(EXIT_INTERRUPTED)


@contextmanager
def _progress(total: int, unit: str) -> Iterator[Any]:
    """A progress bar on stderr; silent when stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _done, _text: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn(unit),
        TextColumn("{task.fields[text]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=_console(stderr=True), transient=True) as bar:
        task = bar.add_task("search", total=total, text="")
        yield lambda done, text: bar.update(task, completed=done, text=text)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(
        file=stream,
        highlight=False,
        soft_wrap=False,
        width=None if stream.isatty() else max(80, int(os.environ.get("COLUMNS", "100"))),
    )


def _print(what: RenderableType) -> None:
    _console().print(what)


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _say_infeasible(error: NoFeasibleDesign) -> None:
    _say(f"no feasible design: {error}")
    if error.nearest:
        _say("nearest: " + ", ".join(f"{name}={_short(value)}" for name, value in error.nearest.items()))
    for violation in error.violations:
        _say(f"  {_violation(violation)}")


def _short(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _violation(violation: Violation) -> str:
    from dse.report.info import DIMENSION

    if violation.quantity == "operations_without_mapping":
        return "the SRAM is too small to map some operation at all"
    name = violation.quantity if violation.scenario is None else f"{violation.quantity} of {violation.scenario}"
    if violation.quantity not in DIMENSION:
        return f"{name} is {violation.value:.3g} where at most {violation.limit:.3g} is allowed"
    dimension = DIMENSION[violation.quantity]
    over = f" ({violation.value / violation.limit:.3g} times)" if violation.limit else ""
    return f"{name} is {format_quantity(violation.value, dimension)} where at most {format_quantity(violation.limit, dimension)} is allowed{over}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; every error of the user's is one message, never a traceback."""
    try:
        app(args=list(arguments) if arguments is not None else None)
    except NoFeasibleDesign as error:
        _say_infeasible(error)
        sys.exit(EXIT_NO)
    except DseError as error:
        _say(f"error: {error}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _say("interrupted before anything was found")
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if os.environ.get("DSE_DEBUG"):
            raise
        _say(f"internal error: {type(error).__name__}: {error}\nThis is a fault in dse. DSE_DEBUG=1 shows where.")
        sys.exit(EXIT_INTERNAL)
