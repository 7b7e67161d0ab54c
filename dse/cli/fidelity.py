"""`dse validate`: how wrong is it; and `dse calibrate`: how to make it right."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dse.cli.app import app
from dse.cli.console import EXIT_NO, print_json, print_result, say
from dse.cli.options import JsonOption
from dse.errors import InputError, Place, Problem

if TYPE_CHECKING:
    from dse.fidelity.calibrate import Calibration
    from dse.fidelity.measured import MeasuredGroup
    from dse.workload.kernels import KernelKind


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
    term_by_term: Annotated[
        bool, typer.Option("--terms", help="Of measured kernels: the error once each term of the model is added (minutes).")
    ] = False,
    without_device: Annotated[
        bool,
        typer.Option(
            "--held-out-devices",
            help="Of measured kernels: the error on each device (or DEVICE) when the others chose the tiles (minutes).",
        ),
    ] = False,
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

    if term_by_term or without_device:
        if term_by_term:
            _print_terms(device, as_json=as_json)
        if without_device:
            _print_held_out_devices(device, as_json=as_json)
        return
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


def _print_terms(device: str | None, *, as_json: bool) -> None:
    from dse.fidelity.measured import measured_devices
    from dse.fidelity.terms import terms
    from dse.hardware.parameters import suggestion
    from dse.report.measured_table import terms_json, terms_table

    if device is not None and device not in measured_devices():
        message = f"there are no measured kernels of {device!r}"
        raise InputError(Problem(message, None, suggestion(device, measured_devices())))
    found = terms(device, on_progress=say)
    if as_json:
        print_json({"terms": terms_json(found)})
    else:
        print_result(terms_table(found))


def _print_held_out_devices(device: str | None, *, as_json: bool) -> None:
    from dse.fidelity.sharing import held_out_devices
    from dse.report.measured_table import held_out_devices_json, held_out_devices_table

    found = held_out_devices(device, on_progress=say)
    if as_json:
        print_json({"held_out_devices": held_out_devices_json(found)})
    else:
        print_result(held_out_devices_table(found))


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


@app.command()
def calibrate(
    measurements: Annotated[
        str, typer.Argument(metavar="MEASUREMENTS.csv", help="Measured kernels, or a shipped file of them (deepbench).")
    ],
    on: Annotated[str, typer.Option("--on", metavar="DEVICE", help="The machine: a space of one design, shipped or a file.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.yaml", help="Write the device with the fitted constants.")
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", metavar="KIND", help="Just gemm, convolution or recurrent; several: repeat it.")
    ] = None,
    rows: Annotated[
        list[str] | None,
        typer.Option("--rows", metavar="COLUMN=TEXT", help="Just rows whose cell holds that, such as precision=fp32."),
    ] = None,
    folds: Annotated[int, typer.Option("--folds", min=2, max=20, help="Parts that are held out in turn.")] = 5,
    seed: Annotated[int, typer.Option("--seed", help="Which shapes fall together is drawn by it.")] = 0,
    samples: Annotated[
        int, typer.Option("--samples", min=0, max=10_000, help="Samples of the shapes that the intervals are drawn from.")
    ] = 100,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="FILE.png", help="Draw held-out predictions against measured times.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fit a machine's few constants to your own measured kernels, and tell the error on kernels that were held out.

    A row is a kernel. Columns: kind (gemm, convolution, recurrent), precision (fp32, fp16, int8, ...), the time as time_s,
    time_ms, time_us or time_ns; of a gemm m, n, k; of a convolution batch, channels, height, width, filters, filter_height,
    filter_width and, where not 1 or 0, stride_height, stride_width, pad_height, pad_width, groups; of a recurrent kernel cell
    (rnn, lstm, gru), hidden, batch, steps. device: only rows of DEVICE are taken. algorithm: a convolution's, direct or winograd.

    Fitted are compute and bandwidth efficiency, launch and dependency latency and the effective capacity, as far as the rows tell
    them apart; the others keep their values, and why is said.

    Example: dse calibrate deepbench --on tesla_p100 --kind gemm --rows precision=fp32 -o my_p100.yaml
    """
    from datetime import datetime

    from dse.fidelity.calibrate import calibrate as calibrated
    from dse.inputs.calibration import calibrated_text, write_device
    from dse.inputs.document import read_text
    from dse.inputs.measurements import load_measurements
    from dse.inputs.spaces import load_design, space_from
    from dse.report.calibration_table import calibration_json, calibration_view, provenance

    if output is not None and output.exists():
        raise InputError(Problem("is there already", Place(str(output)), "give another name: no file is written over"))
    kinds = _kinds(kind)
    space = load_design(on)
    chosen = load_measurements(measurements).where(*(rows or ()))
    found = calibrated(chosen, space, kinds=kinds, folds=folds, seed=seed, bootstraps=samples, on_progress=say)
    date = datetime.now(tz=UTC).date().isoformat()
    if output is not None:
        device = found.fit.constants.on(space.device)
        text = calibrated_text(on, device, provenance(found, date), f"{space.name.removesuffix('_calibrated')}_calibrated")
        space_from(read_text(text, str(output)))
        write_device(output, text)
        say(f"written: {output}")
    if picture is not None:
        _draw_calibration(found, picture)
    target = None if output is None else str(output)
    if as_json:
        print_json(calibration_json(found, date, target))
    else:
        print_result(calibration_view(found, target))


def _kinds(chosen: Sequence[str] | None) -> tuple[KernelKind, ...]:
    """The kinds that are asked for. Raises `InputError` for an unknown one."""
    from dse.hardware.parameters import suggestion
    from dse.workload.kernels import KERNEL_KINDS

    unknown = [name for name in chosen or () if name not in KERNEL_KINDS]
    if unknown:
        raise InputError(Problem(f"--kind {unknown[0]!r}: no such kind", None, suggestion(unknown[0], KERNEL_KINDS)))
    return tuple(name for name in KERNEL_KINDS if not chosen or name in chosen)


def _draw_calibration(found: Calibration, picture: Path) -> None:
    from dse.fidelity.measured import groups_at
    from dse.report.measured_figure import measured_figure
    from dse.report.validation_figures import write_png

    title = f"{found.space.name}: measured, and predicted by constants fitted to other shapes"
    write_png(measured_figure(groups_at(found.replay, found.held_out_s), title), picture)
    say(f"drawn: {picture}")
