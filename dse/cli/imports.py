"""`dse import`: real models to workload files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from dse.cli.app import app
from dse.cli.console import say
from dse.errors import InputError, Problem

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
BatchesOption = Annotated[
    str, typer.Option("--batches", metavar="B[,B...]", help="Samples (images, sequences) that run together.")
]
AllowOption = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="ignore:OP", help="Leave out operators that have no rule. May be repeated."),
]
PrecisionOption = Annotated[
    str | None,
    typer.Option("--precision", metavar="FORMAT", help="Number format of weights and activations; default: int8."),
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
    allow: AllowOption = None,
    precision: PrecisionOption = None,
    name: NameOption = None,
    space: SpaceNameOption = "edge",
) -> None:
    """Make a workload file of an ONNX model. No weights are needed or read.

    Example: dse import onnx model.onnx --dim batch=1,8,32 -o model.yaml
    """
    from dse.inputs.onnx.importing import import_onnx

    text = import_onnx(file, dims=dims or (), allow=allow or (), precision=precision, name=name, space=space)
    hand_over(text, output, f"dse search {output}")


@importers.command("huggingface")
def import_huggingface_config(
    file: Annotated[Path, typer.Argument(metavar="CONFIG.json", help="The config.json of a model.")],
    output: WrittenOption = None,
    prefill: Annotated[
        str | None, typer.Option("--prefill", metavar="N[,N...]", help="Tokens of a prompt (or of an encoder's input).")
    ] = None,
    decode: Annotated[
        str | None,
        typer.Option("--decode", metavar="N[,N...]", help="Context at whose end one token is written, that token counted."),
    ] = None,
    batches: BatchesOption = "1",
    precision: Annotated[
        str | None,
        typer.Option("--precision", metavar="FORMAT", help="Number format of weights and activations; default: the config's."),
    ] = None,
    architecture: Annotated[
        str | None, typer.Option("--architecture", metavar="CLASS", help="Which head, as BertModel; default: the config's.")
    ] = None,
    name: NameOption = None,
    space: SpaceNameOption = "datacenter",
) -> None:
    """Make a workload file of a Hugging Face config.json. Nothing of the model is loaded or run.

    Families: bert, gpt2, llama, mistral, mixtral, roberta, t5, vit, whisper.

    Example: dse import huggingface config.json --prefill 2048 --decode 2048,32768 --batches 1,8 -o llama.yaml
    """
    from dse.inputs.huggingface.importing import import_huggingface

    found = import_huggingface(
        file,
        prefill=_numbers(prefill, "--prefill"),
        decode=_numbers(decode, "--decode"),
        batches=_numbers(batches, "--batches"),
        precision=precision,
        architecture=architecture,
        name=name,
        space=space,
    )
    for note in found.notes:
        say(note)
    hand_over(found.text, output, f"dse search {output}")


@importers.command("torch")
def import_torch_module(
    module: Annotated[str, typer.Argument(metavar="MODULE:FACTORY", help="What makes the module: nets.py:make, or a package's.")],
    inputs: Annotated[
        list[str],
        typer.Option(
            "--input", metavar="SHAPE[,SHAPE...]", help="Inputs: 1x3x224x224, 1x128:int (token ids), 100xBx40 (B: the batch)."
        ),
    ],
    output: WrittenOption = None,
    batches: BatchesOption = "1",
    allow: AllowOption = None,
    precision: PrecisionOption = None,
    name: NameOption = None,
    space: SpaceNameOption = "edge",
) -> None:
    """Make a workload file of a PyTorch module. Its code is run, on tensors without data: no weights are needed.

    FACTORY is a function without arguments, a class, or a module. The first side of an input is the batch, unless one is B.

    Example: dse import torch nets.py:make_net --input 1x3x224x224 --batches 1,8 -o net.yaml
    """
    from dse.inputs.pytorch.importing import import_torch

    say(f"running {module} to export it")
    found = import_torch(
        module,
        inputs,
        batches=_numbers(batches, "--batches"),
        allow=allow or (),
        precision=precision,
        name=name,
        space=space,
    )
    for note in found.notes:
        say(note)
    hand_over(found.text, output, f"dse search {output}")


def _numbers(text: str | None, option: str) -> tuple[int, ...]:
    """Whole numbers of at least 1 between commas."""
    words = [word.strip() for word in (text or "").split(",") if word.strip()]
    if any(not re.fullmatch(r"0*[1-9][0-9]{0,8}", word, re.ASCII) for word in words):
        raise InputError(Problem(f"{option} {text!r} is no list of whole numbers", remedy=f"write it like {option} 1,8"))
    return tuple(map(int, words))


def hand_over(text: str, output: Path | None, next_command: str) -> None:
    """Write or print a workload file that an importer made, and say what may be done with it."""
    if output is None:
        typer.echo(text, nl=False)
        return
    from dse.inputs.writer import write_file

    write_file(output, text)
    say(f"written to {output}; next: {next_command}")
