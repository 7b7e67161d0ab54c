"""Layers as a person would write them: what rides on a layer becomes its key, attention and stacks become one layer.

Each step works on the layers of a `Builder`, by number, and leaves the operations what they are, but for what `dse.workload.attention`
does by itself: scales and masks of the scores belong to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dse.inputs.onnx.building import Builder, Emitted

CONVOLUTIONS = ("conv1d", "conv2d", "depthwise_conv2d", "transposed_conv2d")
RECURRENT = ("lstm", "gru", "rnn")


@dataclass(slots=True)
class Layers:
    """The layers by number, and which are results of the network."""

    by_number: dict[int, Emitted]
    results: list[int]

    def readers(self, number: int) -> list[Emitted]:
        """Layers that read a layer."""
        return [layer for layer in self.by_number.values() if number in layer.reads]

    def sole_reader(self, number: int) -> Emitted | None:
        """The one layer that reads a layer, which is no result."""
        readers = self._index().get(number, [])
        return readers[0] if len(readers) == 1 and number not in self.results and readers[0].reads.count(number) == 1 else None

    def _index(self) -> dict[int, list[Emitted]]:
        found: dict[int, list[Emitted]] = {}
        for layer in self.by_number.values():
            for source in dict.fromkeys(layer.reads):
                found.setdefault(source, []).append(layer)
        return found

    def replace(self, old: int, new: int) -> None:
        """Let whatever reads one layer read another; the old one goes."""
        for layer in self.by_number.values():
            layer.reads = [new if source == old else source for source in layer.reads]
        self.results = [new if number == old else number for number in self.results]
        self.by_number.pop(old, None)


def tidied(builder: Builder, results: Iterable[int]) -> Layers:
    """The layers of a builder, joined where a person would join them, without what no result depends on."""
    layers = Layers(dict(builder.layers), list(results))
    ride(layers)
    drop_unread(layers)
    return layers


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
        return "affine" in layer.facts and "affine" in reader.facts and reader.kind == "elementwise"
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
        waiting += layers.by_number[number].reads
    gone = [layer for number, layer in layers.by_number.items() if number not in needed]
    layers.by_number = {number: layer for number, layer in layers.by_number.items() if number in needed}
    return gone


def in_order(layers: Layers) -> list[Emitted]:
    """Layers in an order in which each reads what is before it, near to the order of the graph."""
    return [layers.by_number[number] for number in sorted(layers.by_number)]


def used_inputs(layers: Layers, inputs: Mapping[int, object]) -> list[int]:
    """Numbers of the inputs that some layer reads, in order."""
    read = {source for layer in layers.by_number.values() for source in layer.reads}
    return [number for number in inputs if number in read]
