"""`dse import`: real models to workload files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dse.cli.app import app
from dse.cli.console import say

importers = typer.Typer(
    name="import", help="Make a workload file of a real model: onnx, torch, huggingface.", no_args_is_help=True
)
app.add_typer(importers)

WrittenOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it there; by default it is printed.")
]
NameOption = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="Name of the suite and its network; default: the file's.")
]
SpaceNameOption = Annotated[str, typer.Option("--space", "-s", metavar="SPACE", help="Search space that the file names.")]


@importers.command("onnx")
def import_onnx_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An ONNX model.")],
    output: WrittenOption = None,
    dims: Annotated[
        list[str] | None,
        typer.Option("--dim", metavar="NAME=N", help="Size of a symbolic dimension: batch=1,8,32, seq=128. May be repeated."),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option("--allow", metavar="ignore:OP", help="Leave out operators that have no rule. May be repeated."),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option("--precision", metavar="FORMAT", help="Number format of weights and activations; default: int8."),
    ] = None,
    name: NameOption = None,
    space: SpaceNameOption = "edge",
) -> None:
    """Make a workload file of an ONNX model. No weights are needed or read.

    Example: dse import onnx model.onnx --dim batch=1,8,32 -o model.yaml
    """
    from dse.inputs.onnx.importing import import_onnx

    text = import_onnx(file, dims=dims or (), allow=allow or (), precision=precision, name=name, space=space)
    hand_over(text, output, f"dse search {output}")


def hand_over(text: str, output: Path | None, next_command: str) -> None:
    """Write or print a workload file that an importer made, and say what may be done with it."""
    if output is None:
        typer.echo(text, nl=False)
        return
    from dse.inputs.writer import write_file

    write_file(output, text)
    say(f"written to {output}; next: {next_command}")
