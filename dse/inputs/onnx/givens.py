"""What a graph is given, as inputs of a network: images, sequences, vectors, and token ids where a table is looked up by them."""

from __future__ import annotations

from collections.abc import Sequence

from dse.inputs.onnx.building import Builder
from dse.inputs.onnx.dimensions import GivenInput
from dse.inputs.onnx.graph import Graph
from dse.workload.shapes import Image, Shape, Tokens, Vector
from dse.workload.shapes import Sequence as Steps

INTEGERS = frozenset({2, 3, 4, 5, 6, 7, 12, 13})
_PASSING = frozenset(
    {"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Split", "Slice", "Concat", "Gather"}
)
_LOOK_UPS = {
    "Gather": (1,), "com.microsoft.GatherBlockQuantized": (1,), "com.microsoft.EmbedLayerNormalization": (0, 1), "OneHot": (0,),
}  # fmt: skip
"""Which inputs of an operator are what rows are taken by."""
_CHANNELS_FIRST = frozenset(
    {"Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool", "QLinearConv", "ConvInteger"}
)
_EACH = frozenset(
    {"Relu", "Mul", "Add", "Sub", "Div", "Cast", "Identity", "Clip", "BatchNormalization", "QuantizeLinear", "DequantizeLinear"}
)
_TURNED = [0, 3, 1, 2]
"""The order by which channels that were last come first."""

MOST_LOOKED_AT = 50


def give_inputs(builder: Builder, inputs: Sequence[GivenInput]) -> None:
    """Name the inputs that the graph reads. Raises `InputError` where one does not hold a batch."""
    graph = builder.graph
    for entry in inputs:
        if entry.name not in graph.readers:
            continue
        dims = list(graph.shapes[entry.name])
        rest = dims[: entry.batch_axis] + dims[entry.batch_axis + 1 :] if len(dims) > entry.batch_axis else dims
        if len(dims) > entry.batch_axis and dims[entry.batch_axis] != graph.batch:
            message = (
                f"input {entry.name!r} of {tuple(dims)} has {dims[entry.batch_axis]} in the place of the batch ({graph.batch})"
            )
            raise graph.error(message, "export the model so that every input begins with the batch")
        if min(dims, default=1) < 1:
            raise graph.error(f"input {entry.name!r} of {tuple(dims)} is empty")
        last = not _is_channels_first(graph, entry.name, len(dims))
        shape = _tokens(rest) if _is_looked_up(graph, entry.name) else _numbers(rest, channels_last=last)
        builder.add_input(entry.name, shape, channels_last=last)


def _tokens(rest: Sequence[int]) -> Tokens:
    number = 1
    for side in rest:
        number *= side
    return Tokens(number)


def _numbers(rest: Sequence[int], *, channels_last: bool) -> Shape:
    match rest:
        case []:
            return Vector(1)
        case [features]:
            return Vector(features)
        case [first, second]:
            return Steps(second, first) if channels_last else Steps(first, second)
        case [first, second, third]:
            return Image(third, first, second) if channels_last else Image(first, second, third)
        case _:
            features = rest[-1]
            return Steps(features, _tokens(rest).steps // features)


def _is_looked_up(graph: Graph, name: str) -> bool:
    """Whether an integer input is what rows of a constant table are taken by."""
    if graph.types.get(name) not in INTEGERS:
        return False
    waiting, seen = [name], set[str]()
    while waiting:
        tensor = waiting.pop()
        if tensor in seen:
            continue
        seen.add(tensor)
        for operator in graph.readers.get(tensor, ()):
            is_place = any(operator.input(place) == tensor for place in _LOOK_UPS.get(operator.type, ()))
            if is_place and (operator.type != "Gather" or operator.input(0) in graph.constant):
                return True
            if operator.type in _PASSING:
                waiting += [each for each in operator.outputs if each]
    return False


def _is_channels_first(graph: Graph, name: str, rank: int) -> bool:
    """Whether the channels of an input follow its batch: of an image unless it is turned, of a sequence if it is convolved."""
    waiting, seen = [name], set[str]()
    while waiting and len(seen) < MOST_LOOKED_AT:
        tensor = waiting.pop(0)
        if tensor in seen:
            continue
        seen.add(tensor)
        for operator in graph.readers.get(tensor, ()):
            if operator.type in _CHANNELS_FIRST:
                return True
            if operator.type == "Transpose":
                return rank == 4 and list(operator.attributes.get("perm", ())) != _TURNED
            if operator.type in _EACH:
                waiting += [each for each in operator.outputs if each]
    return rank == 4
