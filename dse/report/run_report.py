"""A whole run as it is printed, from what it stored: when it ends, and by `dse show` alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from dse.report.front_table import front_report
from dse.report.stored import stored_report, stored_result
from dse.report.uncertainty_table import stored_uncertainty, uncertainty_report


def whole_report(folder: Path) -> RenderableType:
    """The front, and how sure it is where that was asked for."""
    data, sure = stored_report(folder), stored_uncertainty(folder)
    parts = [front_report(data, str(folder))]
    if sure is not None:
        parts += [Text(), uncertainty_report(sure, data)]
    return Group(*parts)


def whole_result(folder: Path) -> dict[str, Any]:
    """The same as JSON."""
    sure = stored_uncertainty(folder)
    return stored_result(folder) | ({} if sure is None else {"uncertainty": sure})
