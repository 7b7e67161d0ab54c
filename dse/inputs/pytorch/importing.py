"""`import_torch`: a module to the text of a workload file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence as Several
from dataclasses import dataclass
from typing import Any

from dse.errors import InputError, Problem
from dse.inputs.joining.rotary import ANGLES
from dse.inputs.pytorch import pointwise as _pointwise  # what they register is used by the builder
from dse.inputs.pytorch import pooling as _pooling
from dse.inputs.pytorch import products as _products
from dse.inputs.pytorch import rearranging as _rearranging
from dse.inputs.pytorch import reducing as _reducing
from dse.inputs.pytorch import sequences as _sequences
from dse.inputs.pytorch.building import INPUT, Builder, shape_keys
from dse.inputs.pytorch.loading import load_module
from dse.inputs.pytorch.patterns import joined
from dse.inputs.pytorch.requests import Given, read_allowed, read_inputs
from dse.inputs.pytorch.tidying import tidy
from dse.inputs.pytorch.tracing import Traced, references, trace
from dse.inputs.pytorch.values import Known, State, Value
from dse.inputs.pytorch.wholes import run_all
from dse.inputs.writer import Imported, layer_name, suite_name, write_workload
from dse.units import FLOATING_FORMATS, FORMAT_BITS
from dse.workload.shapes import Image, Sequence, Shape, Tokens, Vector

del _pointwise, _pooling, _products, _rearranging, _reducing, _sequences

ALONG_CHANNELS = ("conv1d", "conv_transpose1d", "max_pool1d", "avg_pool1d", "adaptive_avg_pool1d", "batch_norm")
"""Operators to which the second dimension of three is the features."""

DEFAULT_FORMAT = "int8"


@dataclass(frozen=True, slots=True, kw_only=True)
class FromTorch:
    """The text of a workload file, and what the user should know."""

    text: str
    parameters: int
    notes: tuple[str, ...]


def import_torch(
    spec: str,
    inputs: Several[str],
    *,
    batches: Several[int] = (1,),
    allow: Several[str] = (),
    precision: str | None = None,
    name: str | None = None,
    space: str = "edge",
) -> FromTorch:
    """A workload of the module that MODULE:FACTORY makes, on inputs such as ``1x3x224x224``.

    The user's code is run, on tensors without data. `allow` names operators without a rule to leave out, as ``ignore:topk``.
    Raises `InputError`, and `UnsupportedLayer` for an operator that has no rule.
    """
    given, allowed, formats = read_inputs(inputs), read_allowed(allow), _formats(precision)
    module = load_module(spec)
    parameters = sum(math.prod(each.shape) for each in module.parameters())
    traced = trace(module, given, spec)
    builder = Builder(traced=traced, spec=spec, allowed=allowed)
    shapes = _input_shapes(traced, given)
    builder.start(shapes)
    operations, rotations = joined(traced)
    builder.aside.update({ANGLES: rotations} if rotations else {})
    run_all(builder, operations)
    outputs = [name for node in traced.outputs for name in _names(builder.known.get(node))]
    layers, read = tidy(builder.layers, builder.shapes, outputs, builder.aside)
    if not layers:
        raise InputError(Problem(f"{spec} computes nothing of its inputs: there is nothing to count"))
    title = name or spec.rpartition(":")[2].rpartition(".")[2]
    renamed = {old: INPUT if index == 0 else old for index, old in enumerate(read)}
    notes = _notes(builder, precision, formats)
    imported = Imported(
        name=suite_name(title),
        title=title,
        notes=" ".join(notes),
        input=shape_keys(builder.shapes[read[0]]),
        inputs={old: shape_keys(builder.shapes[old]) for old in read[1:]},
        layers=[_with_input(layer, renamed) for layer in layers],
    )
    text = write_workload(
        [imported],
        name=suite_name(title),
        batches=batches,
        precision=formats,
        space=space,
        source=f"From the PyTorch module {spec}, {parameters:,} parameters. Biases and normalisations are left out below.",
    )
    return FromTorch(text=text, parameters=parameters, notes=notes if precision else notes[1:])


def _notes(builder: Builder, asked: str | None, formats: Mapping[str, str]) -> tuple[str, ...]:
    """What was decided, and what is not counted, in sentences."""
    said = [] if asked else [f"its numbers are counted as deployed, in {formats['weights']}"]
    said += list(dict.fromkeys(builder.notes))
    said += [f"{what}{f' ({times} operators)' if times > 1 else ''}" for what, times in builder.aside.items()]
    return tuple(f"{each[0].upper()}{each[1:]}." for each in said)


def _with_input(layer: Mapping[str, Any], renamed: Mapping[str, str]) -> dict[str, Any]:
    """A layer that reads the network's first input by the name that a file has for it."""
    return {key: [renamed.get(name, name) for name in item] if key in ("from", "memory") else item for key, item in layer.items()}


def _input_shapes(traced: Traced, given: Several[Given]) -> dict[str, tuple[str, Shape]]:
    """Name and shape of one sample of each input, by node; the first is called input."""
    found: dict[str, tuple[str, Shape]] = {}
    taken: list[str] = []
    for index, ((node, (dims, is_int)), each) in enumerate(zip(traced.inputs.items(), given, strict=True)):
        rest = dims[: each.batch_side] + dims[each.batch_side + 1 :]
        name = layer_name(node, taken) if index else INPUT
        taken.append(name)
        found[node] = (name, Tokens(math.prod(rest)) if is_int else _shape(traced, node, rest))
    return found


def _shape(traced: Traced, node: str, rest: tuple[int, ...]) -> Shape:
    match rest:
        case ():
            return Vector(1)
        case (features,):
            return Vector(features)
        case (first, second):
            reader = next((each for each in traced.operations if node in references(each)), None)
            along = reader is not None and reader.name in ALONG_CHANNELS
            return Sequence(first, second) if along else Sequence(second, first)
        case (channels, height, width):
            return Image(channels, height, width)
        case _:
            return Vector(math.prod(rest))


def _names(known: Known) -> tuple[str, ...]:
    """Names of the layers that a result consists of."""
    match known:
        case Value():
            return (known.name,)
        case State():
            return (known.last.name,)
        case tuple():
            return tuple(name for each in known for name in _names(each))
        case _:
            return ()


def _formats(precision: str | None) -> dict[str, str]:
    """Number formats of weights, activations and sums."""
    word = precision or DEFAULT_FORMAT
    if word not in FORMAT_BITS:
        raise InputError(Problem(f"--precision {word!r} is no number format", remedy=f"known are: {', '.join(FORMAT_BITS)}"))
    return {"weights": word, "activations": word, "accumulators": "fp32" if word in FLOATING_FORMATS else "int32"}
