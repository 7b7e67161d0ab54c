"""Sizes of what a model is given: what ``--dim NAME=N`` says, which dimension is the batch, and what is still to be said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from dse.errors import InputError, Place, Problem
from dse.inputs.fields import MAX_SIZE
from dse.inputs.onnx.reading import Proto
from dse.inputs.schema import MAX_BATCH
from dse.inputs.wording import near_miss

BATCH = "batch"
"""What the batch may always be called, whatever the file calls it."""

FREE_BATCHES = (1, 8)
"""Batches where none are said and the file leaves them open."""

MAX_NETWORKS = 64

RECURRENT = ("LSTM", "GRU", "RNN")
PASSING = ("Identity", "Cast", "Dropout", "DequantizeLinear", "QuantizeLinear")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """One choice of sizes: the batches to run, the batch that shapes are inferred at, and every named dimension but it."""

    batches: tuple[int, ...]
    traced_batch: int
    batch_name: str | None
    named: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def label(self) -> str:
        """What tells this choice from others: ``seq128``."""
        return "_".join(f"{name}{size}" for name, size in self.named.items())


def parse_dims(settings: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """``["batch=1,8", "seq=128"]`` as sizes by name.

    >>> parse_dims(["batch=1,8", "seq=128"])
    {'batch': (1, 8), 'seq': (128,)}
    """
    found: dict[str, tuple[int, ...]] = {}
    for setting in settings:
        name, equals, text = (part.strip() for part in setting.partition("="))
        numbers = [part.strip() for part in text.split(",")]
        if not (name and equals) or not all(part.isdecimal() and len(part) < 12 for part in numbers):
            raise InputError(
                Problem(f"--dim {setting!r} is not NAME=N", remedy="write it like --dim batch=1,8,32 or --dim seq=128")
            )
        sizes = tuple(dict.fromkeys(int(part) for part in numbers))
        if min(sizes) < 1 or max(sizes) > MAX_SIZE:
            raise InputError(Problem(f"--dim {setting!r}: a size is from 1 to {MAX_SIZE:,}"))
        if name in found:
            raise InputError(Problem(f"--dim {name} is said twice", remedy=f"write all sizes at once: --dim {name}=1,8"))
        found[name] = sizes
    return found


@dataclass(slots=True)
class GivenInput:
    """An input of a graph: sizes, or names of sizes that are open."""

    name: str
    dims: list[int | str]
    batch_axis: int = 0


def given_inputs(graph: Proto, constants: set[str], place: Place) -> list[GivenInput]:
    """What the graph is given at each run, in order; an unnamed open size is called by its input and place: ``x.2``.

    Raises `InputError` for inputs without shapes.
    """
    found: list[GivenInput] = []
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    for entry in graph.input:
        if entry.name in constants or entry.name not in readers:
            continue
        if entry.type.WhichOneof("value") != "tensor_type":
            kind = (entry.type.WhichOneof("value") or "nothing").removesuffix("_type")
            raise InputError(
                Problem(f"input {entry.name!r} is a {kind}, not a tensor", place, "export the model with tensors alone")
            )
        if not entry.type.tensor_type.HasField("shape"):
            message = f"input {entry.name!r} has no shape"
            raise InputError(
                Problem(message, place, "export the model again with an example input, so that its shapes are known")
            )
        dims: list[int | str] = []
        for axis, dim in enumerate(entry.type.tensor_type.shape.dim):
            dims.append(int(dim.dim_value) if dim.dim_value > 0 else str(dim.dim_param) or f"{entry.name}.{axis}")
        found.append(GivenInput(entry.name, dims, _batch_axis(entry.name, readers, len(dims))))
    if not found:
        raise InputError(Problem("has no input: everything in it is constant", place, "export the model with its inputs"))
    return found


def _batch_axis(name: str, readers: Mapping[str, Sequence[Any]], rank: int) -> int:
    """Where an input has its batch: first, but for a recurrent operator's steps x batch x features."""
    for node in readers.get(name, ()):
        if node.op_type in RECURRENT and node.input[0] == name and rank == 3:
            layout = next((attribute.i for attribute in node.attribute if attribute.name == "layout"), 0)
            return 0 if layout else 1
        if node.op_type in PASSING and (axis := _batch_axis(node.output[0], readers, rank)):
            return axis
    return 0


def choose_sizes(
    inputs: Sequence[GivenInput], said: Mapping[str, tuple[int, ...]], *, free_batch: bool, place: Place
) -> list[Sizes]:
    """Every choice of sizes that was asked for. Raises `InputError` that names what is still to be said."""
    leading = next((entry.dims[entry.batch_axis] for entry in inputs if len(entry.dims) > entry.batch_axis), 1)
    batch_name = leading if isinstance(leading, str) else None
    names = list(dict.fromkeys(dim for entry in inputs for dim in entry.dims if isinstance(dim, str)))
    sizes = dict(said)
    if batch_name is not None and BATCH in sizes and batch_name not in sizes and BATCH not in names:
        sizes[batch_name] = sizes.pop(BATCH)
    unknown = [name for name in sizes if name not in (*names, BATCH)]
    if unknown:
        there = f"its open dimensions are: {', '.join(names)}" if names else "all its dimensions are fixed"
        raise InputError(Problem(f"has no dimension {unknown[0]!r}", place, f"{near_miss(unknown[0], names)}{there}"))
    if free_batch and batch_name is not None:
        sizes.setdefault(batch_name, FREE_BATCHES)
    missing = [name for name in names if name not in sizes]
    if missing:
        shown = ", ".join(repr(name) for name in missing)
        example = " ".join(f"--dim {name}={'1,8' if name == batch_name else 128}" for name in missing)
        are = "its size is open" if len(missing) == 1 else "their sizes are open"
        raise InputError(Problem(f"what size is {shown}? {are}", place, f"say it to `dse import onnx`: {example}"))
    batches = sizes.get(batch_name, FREE_BATCHES) if batch_name is not None else sizes.get(BATCH, (int(leading),))
    if max(batches) > MAX_BATCH:
        raise InputError(Problem(f"a batch of {max(batches):,} is more than {MAX_BATCH:,}", place))
    open_names = [name for name in names if name != batch_name]
    choices = list(product(*(sizes[name] for name in open_names)))
    if len(choices) > MAX_NETWORKS:
        raise InputError(
            Problem(f"{len(choices)} combinations of sizes; at most {MAX_NETWORKS} networks are made of one model", place)
        )
    return [
        Sizes(
            batches=tuple(batches),
            traced_batch=1 if batch_name is not None else int(leading),
            batch_name=batch_name,
            named=dict(zip(open_names, choice, strict=True)),
        )
        for choice in choices
    ]
