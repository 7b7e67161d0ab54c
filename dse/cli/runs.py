"""`dse show`, `dse compare` and `dse figure`: runs again, from what they stored; no model is evaluated."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dse.cli.app import app
from dse.cli.console import print_json, print_result
from dse.cli.options import JsonOption
from dse.cli.report import RunArgument, complete_run


@app.command()
def show(
    run: Annotated[
        str,
        typer.Argument(
            metavar="[RUN]", help="The folder of a run, its name in outputs/, or latest.", autocompletion=complete_run
        ),
    ] = "latest",
    every: Annotated[bool, typer.Option("--all", help="List the runs there are, the newest first.")] = False,
    outputs: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where the runs lie.")] = Path("outputs"),
    as_json: JsonOption = False,
) -> None:
    """Show a run again as it was printed, or list the runs there are.

    Example: dse show latest
    """
    from dse.report.stored import find_run, stored_result

    if every:
        from dse.report.run_list import listed_runs, runs_table

        runs = listed_runs(outputs)
        if as_json:
            print_json(runs)
        else:
            print_result(runs_table(runs, outputs))
        return
    folder = find_run(run, outputs)
    if (folder / "budget.json").is_file():
        from dse.report.budget_table import budget_report

        stored = stored_result(folder, "budget.json")
        table = None if as_json else budget_report(stored, str(folder))
    else:
        from dse.report.run_report import whole_report, whole_result

        stored = whole_result(folder) if as_json else {}
        table = None if as_json else whole_report(folder)
    if table is None:
        print_json({**stored, "folder": str(folder)})
    else:
        print_result(table)


class FigureName(StrEnum):
    """Pictures that `dse figure` draws (`dse.report.run_figures.FIGURES`; a test compares them)."""

    pareto = "pareto"
    roofline = "roofline"
    breakdown = "breakdown"
    budget = "budget"
    reuse = "reuse"
    batch = "batch"


class FormatName(StrEnum):
    """Formats of pictures (`dse.report.run_figures.FORMATS`; a test compares them)."""

    svg = "svg"
    pdf = "pdf"
    png = "png"


class SizeName(StrEnum):
    """Widths of pictures (`dse.report.run_figures.SIZES`; a test compares them)."""

    column = "column"
    page = "page"


@app.command()
def figure(
    run: RunArgument,
    name: Annotated[FigureName, typer.Argument(metavar="FIGURE", help="|".join(FigureName))],
    form: Annotated[
        FormatName | None, typer.Option("--format", "-f", help="By default what FILE ends in, else svg.", show_default=False)
    ] = None,
    size: Annotated[SizeName, typer.Option("--size", help="A column of a paper (3.5 in wide) or a page (7 in).")] = SizeName.page,
    design: Annotated[
        str | None,
        typer.Option(
            "--design", metavar="LETTER", help="Whose roofline, breakdown, ...; by default the knee's.", show_default=False
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where it goes; by default into the run's folder.")
    ] = None,
) -> None:
    """Draw a picture of a run for a paper, from what it stored alone: the same bytes every time.

    Example: dse figure latest pareto --format pdf --size column
    """
    from dse.report.run_figures import draw, figure_file
    from dse.report.stored import find_run

    folder = find_run(run)
    file = figure_file(folder, name.value, form=form.value if form else None, size=size.value, design=design, output=output)
    file.write_bytes(draw(folder, name.value, form=file.suffix[1:], size=size.value, design=design))
    print_result(f"Written to {file}")


@app.command()
def compare(
    before: Annotated[str, typer.Argument(metavar="RUN", help="The run before.", autocompletion=complete_run)],
    after: Annotated[str, typer.Argument(metavar="RUN", help="The run after.", autocompletion=complete_run)],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.html", help="Where the page goes; by default into the run after."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what changed between two runs: inputs, versions, fronts; and draw it as a page.

    Example: dse compare speech-edge-20260105-101500 latest
    """
    from dse.report.comparison import comparison
    from dse.report.comparison_table import comparison_report
    from dse.report.html import comparison_page
    from dse.report.stored import find_run

    folders = find_run(before), find_run(after)
    found = comparison(*folders)
    if as_json:
        print_json(found)
    if not as_json or output is not None:
        page = output if output is not None else folders[1] / "compare.html"
        page.write_text(comparison_page(found), encoding="utf-8")
        if not as_json:
            print_result(comparison_report(found, str(page)))
