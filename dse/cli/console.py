"""What a command says: results on stdout, progress and diagnosis on stderr, and the exit codes."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType

EXIT_NO, EXIT_SYSTEM, EXIT_INTERNAL, EXIT_INTERRUPTED = 1, 2, 3, 130
LEAST_WIDTH = 80
"""Columns that every table fits."""
PIPE_WIDTH = 100
"""Columns of a table that goes to no terminal."""


def print_result(what: RenderableType) -> None:
    """Print a table or a text on stdout, as wide as the terminal; in a narrower one than 80 columns lines wrap, none is cut."""
    from rich.console import Console

    stated = os.environ.get("COLUMNS", "")
    width = max(LEAST_WIDTH, int(stated) if stated.isdecimal() else PIPE_WIDTH)
    console = Console(highlight=False, markup=False, emoji=False, width=None if is_terminal(sys.stdout) else width)
    console.width = max(LEAST_WIDTH, console.width)
    console.print(what)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is there and is a terminal."""
    return stream is not None and stream.isatty()


def print_json(value: Any) -> None:  # noqa: ANN401 - whatever json takes
    """Print a value as JSON on stdout."""
    from dse.report.writing import json_text

    utf8 = sys.stdout is None or (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    if isinstance(value, dict):
        typer.echo(json_text(value, ensure_ascii=not utf8))  # pyright: ignore[reportUnknownArgumentType]
    else:
        typer.echo(json.dumps(value, indent=2, ensure_ascii=not utf8, allow_nan=False))


def say(text: str) -> None:
    """Print a line on stderr."""
    typer.echo(text, err=True)
