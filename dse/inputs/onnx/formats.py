"""Number formats: what a quantised model says of each product, and what that makes of the network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from dse.inputs.onnx.building import Builder, Value
from dse.inputs.onnx.graph import Graph
from dse.units import FLOATING_FORMATS

_FORMATS: Mapping[int, str] = {
    1: "fp32", 2: "int8", 3: "int8", 4: "int16", 5: "int16", 6: "int32", 10: "fp16", 11: "fp32", 12: "int32", 16: "bf16",
    17: "fp8", 18: "fp8", 19: "fp8", 20: "fp8", 21: "int4", 22: "int4",
}  # fmt: skip
"""Formats by element type of ONNX; unsigned ones have as many bits."""

DEPLOYED = {"weights": "int8", "activations": "int8", "accumulators": "int32"}
"""What a floating-point model is counted in where nobody says otherwise."""

_PASSING = ("Identity", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "MaxPool", "Dropout", "Slice", "Split")


@dataclass(frozen=True, slots=True, kw_only=True)
class Formats:
    """The precision of a network, that of layers which differ, by number, and whether the file says so."""

    network: Mapping[str, str]
    layers: Mapping[int, Mapping[str, str]]
    stated: bool
    file: str


def note_formats(builder: Builder, made: Value, data: str | None, weights: str | None, *, bits: int = 0) -> None:
    """Keep the formats of a product with weights, as its operands lie in the file; of packed weights, their `bits`."""
    if data is None or weights is None:
        return
    graph = builder.graph
    stored = graph.stored.get(weights, graph.types.get(weights, 1))
    packed = "" if not bits else "int4" if bits <= 4 else "int8"
    noted = (made.layer, packed or _FORMATS.get(stored, "fp32"), _FORMATS.get(_source_type(graph, data), "fp32"))
    builder.formats[:] = [each for each in builder.formats if each[0] != made.layer] + [noted]


def _source_type(graph: Graph, name: str) -> int:
    """The element type of a tensor before it was dequantised."""
    for _ in range(16):
        maker = graph.makers.get(name)
        if maker is None or not (maker.type == "DequantizeLinear" or maker.type in _PASSING):
            break
        name = maker.inputs[0]
        if maker.type == "DequantizeLinear":
            break
    return graph.types.get(name, 1)


def formats_of(builder: Builder, asked: str | None) -> Formats:
    """The precision of the network: what was asked for, else what a quantised file says, else int8."""
    counted = Counter((weights, activations) for _, weights, activations in builder.formats)
    common = counted.most_common(1)[0][0] if counted else ("fp32", "fp32")
    file = common[0] if common[0] == common[1] else f"{common[0]} x {common[1]}"
    if asked is not None:
        return Formats(network=precision(asked, asked), layers={}, stated=True, file=file)
    quantised = any(weights not in FLOATING_FORMATS for weights, _ in counted)
    if not quantised:
        return Formats(network=DEPLOYED, layers={}, stated=False, file=file)
    common = next(pair for pair, _ in counted.most_common() if pair[0] not in FLOATING_FORMATS)
    layers = {
        number: precision(weights, activations)
        for number, weights, activations in builder.formats
        if (weights, activations) != common
    }
    return Formats(network=precision(*common), layers=layers, stated=True, file=file)


def precision(weights: str, activations: str) -> dict[str, str]:
    """Formats of operands, with accumulators wide enough for them."""
    floating = weights in FLOATING_FORMATS or activations in FLOATING_FORMATS
    return {"weights": weights, "activations": activations, "accumulators": "fp32" if floating else "int32"}
