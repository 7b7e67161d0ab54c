"""`dse validate`: how wrong is it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dse.cli.app import app
from dse.cli.console import EXIT_NO, print_json, print_result, say
from dse.cli.options import JsonOption

if TYPE_CHECKING:
    from dse.fidelity.measured import MeasuredGroup


@app.command()
def validate(
    device: Annotated[
        str | None,
        typer.Option("--device", "-d", metavar="DEVICE", help="Just one: tpu_v1, snowflake, eyeriss, nvdla, titan_xp, ..."),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            "--picture",
            metavar="FILE.png",
            help="Draw it: of a device with measured kernels predicted against measured times, else TPU v1's roofline.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Hold the model against published machines and measured kernels: every number with its error and its source.

    Example: dse validate --device tpu_v1
    """
    from dse.fidelity.measured import measured, measured_devices, measured_source
    from dse.fidelity.tpu_v1 import DEVICE as TPU_V1
    from dse.fidelity.validate import validate as anchors_of
    from dse.report.measured_table import measured_json, measured_table
    from dse.report.validation import tpu_constant, tpu_constant_json, validation, validation_json

    anchors = anchors_of(device) if device not in measured_devices() else ()
    groups = measured(device, on_progress=say)
    if picture is not None:
        _draw_validation(device, groups, picture)
    tpu = any(anchor.device == TPU_V1 for anchor in anchors)
    if as_json:
        found = validation_json(anchors) | {"measured": measured_json(groups)}
        print_json(found | ({"tpu_v1_one_constant": tpu_constant_json()} if tpu else {}))
    else:
        if anchors:
            print_result(validation(anchors))
        if tpu:
            print_result(tpu_constant())
        if groups:
            print_result(measured_table(groups, measured_source()))
    if any(anchor.passed is False for anchor in anchors):
        raise typer.Exit(EXIT_NO)


def _draw_validation(device: str | None, groups: Sequence[MeasuredGroup], picture: Path) -> None:
    from dse.report.validation_figures import tpu_roofline_figure, write_png

    if device is not None and groups:
        from dse.report.measured_figure import measured_figure

        write_png(measured_figure(groups, f"DeepBench on {device}: as measured, and as dse has it with nothing fitted"), picture)
    elif device is None:
        from dse.report.measured_figure import measured_figure

        write_png(measured_figure(groups, "DeepBench: as measured, and as dse has it with nothing fitted"), picture)
    else:
        from dse.fidelity.tpu_v1 import roofline

        write_png(tpu_roofline_figure(roofline()), picture)
    say(f"drawn: {picture}")
