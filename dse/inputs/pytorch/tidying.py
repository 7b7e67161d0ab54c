"""Layers as a person would have written them: what rides on a product stands in it, and what nobody reads is gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dse.inputs.pytorch.attention import attentions
from dse.workload.shapes import Image, Shape, Vector

LayerList = list[dict[str, Any]]

CONVOLUTIONS = ("conv1d", "conv2d", "depthwise_conv2d", "transposed_conv2d")
FREE = ("reshape", "slice", "select", "learned", "concat", "flatten")
RECURRENT = ("lstm", "gru", "rnn")


def tidy(layers: LayerList, shapes: Mapping[str, Shape], outputs: Sequence[str], notes: list[str]) -> LayerList:
    """The same layers with less text; those of `outputs` are the network's results."""
    kept = [dict(layer) for layer in layers]
    passes: tuple[Callable[[LayerList, set[str]], LayerList], ...] = (
        lambda found, ends: _used(found, ends),
        lambda found, ends: _ridden(found, ends),
        lambda found, ends: attentions(found, shapes, ends, notes),
        lambda found, ends: _last_states(found, ends),
        lambda found, ends: _used(found, ends),
    )
    ends = set(outputs)
    for each in passes:
        kept = each(kept, ends)
    return [_plain(layer, shapes) for layer in kept]


def readers(layers: LayerList) -> Counter[str]:
    """How many times each layer is read."""
    return Counter(name for layer in layers for key in ("from", "memory") for name in layer.get(key, ()))


def redirected(layers: LayerList, names: Mapping[str, str]) -> LayerList:
    """The layers with what they read called otherwise."""
    for layer in layers:
        for key in ("from", "memory"):
            if key in layer:
                layer[key] = [names.get(name, name) for name in layer[key]]
    return layers


def _used(layers: LayerList, ends: set[str]) -> LayerList:
    """Without layers that move nothing and that nobody reads."""
    while True:
        read = readers(layers)
        kept = [layer for layer in layers if layer["kind"] not in FREE or read[layer["name"]] or layer["name"] in ends]
        if len(kept) == len(layers):
            return layers
        layers = kept


def _ridden(layers: LayerList, ends: set[str]) -> LayerList:
    """Normalisations of a batch and activations as keys of the product whose stream they ride on."""
    read, by_name = readers(layers), {layer["name"]: layer for layer in layers}
    gone: dict[str, str] = {}
    kept: LayerList = []
    for layer in layers:
        sources = [gone.get(name, name) for name in layer.get("from", ())]
        product = by_name.get(sources[0]) if len(sources) == 1 else None
        key = _key(layer)
        if product is None or key is None or not _takes(product, key) or read[layer["from"][0]] > 1 or layer["from"][0] in ends:
            kept.append(layer)
            continue
        product[key] = layer.get("function") or layer.get("method")
        gone[layer["name"]] = product["name"]
        if layer["name"] in ends:
            ends.add(product["name"])
        by_name[layer["name"]] = product
    return redirected(kept, gone)


def _key(layer: Mapping[str, Any]) -> str | None:
    if layer["kind"] == "activation":
        return "activation"
    return "normalisation" if layer["kind"] == "normalisation" and layer["method"] == "batch" else None


def _takes(product: Mapping[str, Any], key: str) -> bool:
    if "activation" in product or key in product:
        return False
    return product["kind"] in CONVOLUTIONS or (product["kind"] == "linear" and key == "activation")


def _last_states(layers: LayerList, ends: set[str]) -> LayerList:
    """Recurrent layers of which the last step alone is read hand on nothing else."""
    read, by_name = readers(layers), {layer["name"]: layer for layer in layers}
    gone: dict[str, str] = {}
    kept: LayerList = []
    for layer in layers:
        source = by_name.get(layer["from"][0]) if layer["kind"] == "select" and layer.get("steps") == "last" else None
        if source is None or source["kind"] not in RECURRENT or read[source["name"]] > 1 or source["name"] in ends:
            kept.append(layer)
            continue
        source["returns"] = "last"
        gone[layer["name"]] = source["name"]
        if layer["name"] in ends:
            ends.add(source["name"])
    return redirected(kept, gone)


def _plain(layer: Mapping[str, Any], shapes: Mapping[str, Shape]) -> dict[str, Any]:
    """Without what the file does not hold; a reshape of an image to a vector is called flatten."""
    kept = {key: value for key, value in layer.items() if key not in ("path", "owner") and value is not None}
    if kept["kind"] == "reshape" and isinstance(shapes[layer["name"]], Vector):
        source = shapes.get(layer["from"][0])
        if isinstance(source, Image):
            del kept["to"]
            kept["kind"] = "flatten"
    return kept
