"""`dse report`: the page of a run, drawn again from what the run stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dse.cli.app import app
from dse.cli.console import print_json, print_result
from dse.cli.options import JsonOption


def complete_run(incomplete: str) -> list[str]:
    """Runs in outputs/ that begin so."""
    from dse.report.stored import LATEST, OUTPUTS

    names = [LATEST, *sorted(path.parent.name for path in OUTPUTS.glob("*/manifest.json"))]
    return [name for name in names if name.startswith(incomplete)]


RunArgument = Annotated[
    str,
    typer.Argument(metavar="RUN", help="The folder of a run, its name in outputs/, or latest.", autocompletion=complete_run),
]


@app.command()
def report(
    run: RunArgument,
    exact: Annotated[
        str | None,
        typer.Option(
            "--exact", metavar="RUN", help="Draw in the certified front of this run of `dse front`.", autocompletion=complete_run
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where the page goes; by default report.html of the run."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Draw the page of a run again, from what it stored alone: no model is evaluated.

    Example: dse report latest
    """
    from dse.report.html import run_page
    from dse.report.stored import find_run, stored_report, with_exact

    folder = find_run(run)
    data = stored_report(folder)
    if exact is not None:
        data = with_exact(data, find_run(exact))
    if as_json:
        print_json(data)
        return
    page = folder / "report.html" if output is None else output
    page.write_text(run_page(data), encoding="utf-8")
    print_result(f"Written to {page}")
