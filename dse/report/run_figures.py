"""Pictures of a run as files for a paper: drawn from what the run stored, the same bytes every time, text left as text."""
# matplotlib's own types are partly unknown:
# pyright: reportUnknownMemberType=false, reportArgumentType=false

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dse.errors import InputError, Problem
from dse.hardware.parameters import suggestion
from dse.report.budget_figure import budget_figure
from dse.report.budget_stored import stored_view
from dse.report.figure_data import chosen_design, design_name, run_name, stored_front, stored_roofline
from dse.report.figures import STYLE, pareto_figure, roofline_figure
from dse.report.paper_figures import batch_figure, breakdown_figure, tradeoff_figure, traffic_figure
from dse.report.stored import stored_report, stored_result

FIGURES = ("pareto", "roofline", "breakdown", "budget", "reuse", "batch")
OF_A_DESIGN = ("roofline", "breakdown", "reuse", "batch")

SIZES: Mapping[str, tuple[float, float]] = {"column": (3.5, 3.1), "page": (7.0, 4.5)}
"""Inches: the width of a column, and of a page, of the usual conference paper."""

DPI = 300

FORMATS: Mapping[str, Mapping[str, None]] = {
    "svg": {"Date": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "png": {"Software": None},
}
"""Formats, each with the metadata that would differ from one drawing to the next."""

TEXT = {"svg.fonttype": "none", "pdf.fonttype": 42, "font.family": "DejaVu Sans"}
"""Text of an SVG stays text; a PDF holds its font."""


def figure_file(folder: Path, name: str, *, form: str | None, size: str, design: str | None, output: Path | None) -> Path:
    """Where a picture goes, its suffix the format: `output`, or a file in the run's folder. Raises `InputError`."""
    if output is None:
        words = [name, size, *([design] if design else [])]
        return folder / f"{'-'.join(words)}.{form or 'svg'}"
    suffix = output.suffix.lower()[1:]
    if not suffix and form:
        return output.with_suffix(f".{form}")
    if suffix not in FORMATS:
        raise InputError(
            Problem(f"--output {output}: {suffix or 'no suffix'!r} is no format", remedy=suggestion(suffix, FORMATS))
        )
    if form is not None and suffix != form:
        raise InputError(Problem(f"--output {output} is no {form}", remedy="leave --format out, or let the name end in it"))
    return output


def draw(folder: Path, name: str, *, form: str, size: str, design: str | None) -> bytes:
    """A picture of a run. Raises `InputError` where the run has nothing to draw it from."""
    return _bytes(run_figure(folder, name, SIZES[size], design), form.lower())


def run_figure(folder: Path, name: str, inches: tuple[float, float], letter: str | None) -> Figure:
    """The figure itself."""
    if design_free := name not in OF_A_DESIGN:
        if letter is not None:
            remedy = f"those of one design are {', '.join(OF_A_DESIGN)}"
            raise InputError(Problem(f"--design {letter}: {name} shows all designs", remedy=remedy))
        if (folder / "budget.json").is_file():
            return _of_curve(folder, name, inches)
    elif (folder / "budget.json").is_file():
        raise _only_budget(folder, name)
    data = stored_report(folder)
    if design_free:
        if name == "budget":
            return tradeoff_figure(data, inches)
        view, knee = stored_front(data)
        return pareto_figure(view, knee, run_name(data), inches)
    return _of_design(data, chosen_design(data, letter), name, inches)


def _of_design(data: Mapping[str, Any], design: Mapping[str, Any], name: str, inches: tuple[float, float]) -> Figure:
    if name == "roofline":
        return roofline_figure(stored_roofline(design), design_name(data, design), inches)
    draws = {"breakdown": breakdown_figure, "reuse": traffic_figure, "batch": batch_figure}
    return draws[name](data, design, inches)


def _of_curve(folder: Path, name: str, inches: tuple[float, float]) -> Figure:
    if name != "budget":
        raise _only_budget(folder, name)
    width, height = inches
    return budget_figure(stored_view(stored_result(folder, "budget.json")), (width, height * 1.3))


def _only_budget(folder: Path, name: str) -> InputError:
    message = f"{folder} is a budget curve, which has no {name}"
    return InputError(Problem(message, remedy="draw its budget, or a run of `dse search` or `dse front`"))


def _bytes(figure: Figure, form: str) -> bytes:
    buffer = BytesIO()
    FigureCanvasAgg(figure)
    with mpl.rc_context({**STYLE, **TEXT}):
        figure.savefig(buffer, format=form, dpi=DPI, metadata=dict(FORMATS[form]))
    return buffer.getvalue()
