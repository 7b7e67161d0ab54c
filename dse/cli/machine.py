"""`dse evaluate`, `dse explain` and `dse reuse`: one machine, and what moves on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dse.cli.app import app
from dse.cli.console import EXIT_NO, print_json, print_result, say
from dse.cli.options import JsonOption, SetOption, WorkloadArgument, complete_space


@app.command()
def evaluate(
    workload: WorkloadArgument,
    on: Annotated[
        str, typer.Option("--on", metavar="SPACE", help="A known chip, or a space with --set.", autocompletion=complete_space)
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
        print_json(evaluation_json(result, advised))
    else:
        print_result(evaluation(result, advised))
    broken = broken_limits(result.workload, machine)
    if broken:
        say(f"over its limits:\n{messages.broken_limits(broken)}")
    if not result.latency_s < float("inf"):
        raise typer.Exit(EXIT_NO)


@app.command()
def explain(
    workload: WorkloadArgument,
    on: Annotated[
        str, typer.Option("--on", metavar="SPACE", help="A known chip, or a space with --set.", autocompletion=complete_space)
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

        print_json(explain_json(view))
    else:
        print_result(view.report())
    if not view.runs:
        say(view.cannot_run)
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
        typer.Option("--on", metavar="SPACE", help="A known chip, to show its capacity.", autocompletion=complete_space),
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
        say(f"drawn to {drawn}")
    if as_json:
        from dse.report.reuse_json import reuse_json

        print_json(reuse_json(view))
    else:
        from dse.report.reuse_table import reuse_report

        print_result(reuse_report(view))
