"""Layers as a person would write them: what rides on a layer becomes its key, attention and stacks become one layer.

Each step works on layers by number, and leaves the operations what they are, but for what
`dse.workload.attention` does by itself: scales and masks of the scores belong to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from dse.inputs.joining.attention import join_products, join_projections
from dse.inputs.joining.emitted import Emitted
from dse.inputs.joining.layers import Layers
from dse.workload.shapes import Shape

SCORES = "scales, masks and biases of attention scores belong to the attention and are not counted beside it"
CONVOLUTIONS = ("conv1d", "conv2d", "depthwise_conv2d", "transposed_conv2d")
RECURRENT = ("lstm", "gru", "rnn")


def tidied(
    emitted: Mapping[int, Emitted], results: Iterable[int], inputs: Mapping[int, tuple[str, Shape]], aside: Counter[str]
) -> Layers:
    """Layers by number joined where a person would join them, without what no result depends on.

    `inputs` have numbers below zero; what is not counted beside something else is added to `aside`.
    """
    layers = Layers(emitted, results, inputs)
    ride(layers)
    drop_unread(layers)
    if join_products(layers):
        gone = [layer for layer in drop_unread(layers) if layer.kind not in ("linear", "matmul", "softmax", "reshape", "slice")]
        if gone:
            aside[SCORES] += len(gone)
    drop_reshapes(layers)
    join_projections(layers)
    drop_unread(layers)
    take_last(layers)
    stack(layers)
    return layers


def take_last(layers: Layers) -> None:
    """Recurrent layers of which the last step alone is read hand on nothing else."""
    for number in sorted(layers.by_number):
        layer = layers.by_number.get(number)
        if layer is None or layer.kind not in RECURRENT or "returns" in layer.keys:
            continue
        reader = layers.sole_reader(number)
        if reader is not None and reader.kind == "select" and reader.keys.get("steps", "last") == "last":
            layer.keys["returns"], layer.shape = "last", reader.shape
            layers.replace(reader.number, number)


def drop_reshapes(layers: Layers) -> None:
    """Reshapes to the shape that is there already go."""
    for number in list(layers.by_number):
        layer = layers.by_number.get(number)
        if layer is not None and layer.kind == "reshape" and layers.shape(layer.reads[0]) == layer.shape:
            layers.replace(number, layer.reads[0])


def stack(layers: Layers) -> None:
    """Recurrent layers of the same cells, one on the other, become one layer of several."""
    for number in sorted(layers.by_number):
        upper = layers.by_number.get(number)
        lower = layers.by_number.get(upper.reads[0]) if upper is not None and upper.kind in RECURRENT else None
        if upper is None or lower is None or lower.kind != upper.kind or layers.sole_reader(lower.number) is not upper:
            continue
        alike = [
            {key: item for key, item in layer.keys.items() if key not in ("in", "layers", "returns")} for layer in (lower, upper)
        ]
        if alike[0] == alike[1] and "returns" not in lower.keys:
            upper.keys |= {"in": lower.keys["in"], "layers": lower.keys.get("layers", 1) + upper.keys.get("layers", 1)}
            upper.hint = lower.hint
            layers.rewire(upper, lower.reads)
            layers.remove(lower.number)


def ride(layers: Layers) -> None:
    """Batch normalisation and activations as keys of the layer before them; a shift of each channel is that layer's bias."""
    for number in list(layers.by_number):
        layer = layers.by_number.get(number)
        if layer is None or layer.kind not in (*CONVOLUTIONS, "linear", "normalisation"):
            continue
        while (reader := layers.sole_reader(layer.number)) is not None and _joins(layer, reader):
            layers.replace(reader.number, layer.number)


def _joins(layer: Emitted, reader: Emitted) -> bool:
    """Let `layer` take what `reader` does upon itself, if it can."""
    keys = layer.keys
    if "activation" in keys:
        return False
    if layer.kind == "normalisation":
        return "affine" in reader.facts and reader.kind == "elementwise"
    if reader.kind == "activation":
        keys["activation"] = reader.keys["function"]
        return True
    if layer.kind in CONVOLUTIONS and reader.kind == "normalisation" and reader.keys["method"] == "batch":
        keys["normalisation"] = "batch"
        return True
    if reader.kind == "elementwise" and "affine" in reader.facts:
        if reader.keys["operation"] == "shift" or "normalisation" in keys:
            return True
        if layer.kind in CONVOLUTIONS and "scalar" not in reader.facts:
            keys["normalisation"] = "batch"
            return True
    return False


def drop_unread(layers: Layers) -> list[Emitted]:
    """Layers that no result depends on go; those are returned."""
    needed: set[int] = set()
    waiting = list(layers.results)
    while waiting:
        number = waiting.pop()
        if number in needed or number not in layers.by_number:
            continue
        needed.add(number)
        waiting += layers.by_number[number].sources
    gone = [layer for number, layer in layers.by_number.items() if number not in needed]
    for layer in gone:
        layers.remove(layer.number)
    return gone


def in_order(layers: Layers) -> list[Emitted]:
    """Layers in an order in which each reads what is before it, near to the order of the graph."""
    return [layers.by_number[number] for number in sorted(layers.by_number)]


def used_inputs(layers: Layers, inputs: Mapping[int, object]) -> list[int]:
    """Numbers of the inputs that some layer reads, in order."""
    read = {source for layer in layers.by_number.values() for source in layer.sources}
    return [number for number in inputs if number in read]
