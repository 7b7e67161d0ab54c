"""`dse validate`: how wrong is it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dse.cli.app import app
from dse.cli.console import EXIT_NO, print_json, print_result, say
from dse.cli.options import JsonOption


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
        say(f"drawn: {picture}")
    if as_json:
        print_json(validation_json(anchors))
    else:
        print_result(validation(anchors))
    if any(anchor.passed is False for anchor in anchors):
        raise typer.Exit(EXIT_NO)
