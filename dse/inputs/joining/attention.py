"""Attention found among layers: two products with a softmax between them, and the linear layers around them.

Exporters write attention as MatMul, scale, mask, Softmax, MatMul. What stands between the first product and the softmax (scale,
mask, bias) belongs to the attention and is not counted beside it, as in `dse.workload.attention`. Where the queries, keys and
values come from linear layers of their own, or are parts of one, and a linear layer follows, all are one layer with
projections.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dse.inputs.joining.emitted import Emitted
from dse.inputs.joining.layers import Layers
from dse.workload.shapes import Sequence as Steps

_BETWEEN = ("elementwise", "add", "multiply", "activation")
MOST_BETWEEN = 8
_ON_THE_WAY = frozenset({"rotary", "scalar"})
"""What may stand between a projection and its attention: a rotation by position, a scale by one number."""
_KEPT = ("heads", "kv_heads", "causal", "context", "window")
"""Keys that an attention has with its projections and without."""


def join_products(layers: Layers) -> int:
    """Put attention without projections where it is written out; how many were found. What it was made of is read no more."""
    found = 0
    for number in sorted(layers.by_number):
        layer = layers.by_number.get(number)
        if layer is not None and layer.kind == "softmax":
            core = _core(layers, layer)
            if core is not None:
                _place_core(layers, core)
                found += 1
    return found


def join_projections(layers: Layers) -> None:
    """Take linear layers into the attention that they are the projections of."""
    for number in sorted(layers.by_number):
        layer = layers.by_number.get(number)
        if layer is not None and layer.kind == "attention" and not layer.keys.get("projections", True):
            _project(layers, layer)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Core:
    """softmax(Q·Kᵀ)·V: its last product, where queries, keys and values come from, its heads, and joins with a cache."""

    weighted: Emitted
    sources: tuple[int, int, int]
    joined: frozenset[int]
    keys: dict[str, Any]


def _core(layers: Layers, softmax: Emitted) -> _Core | None:
    weighted, weights = layers.sole_reader(softmax.number), softmax.number
    while weighted is not None and weighted.kind == "reshape":
        weighted, weights = layers.sole_reader(weighted.number), weighted.number
    path = _scores(layers, softmax.reads[0], softmax.number, MOST_BETWEEN)
    if path is None or weighted is None or weighted.kind != "matmul" or weighted.reads[0] != weights:
        return None
    scores, causal = path
    groups = scores.keys["groups"]
    first, second = (layers.shape(number) for number in scores.reads)
    if weighted.keys["groups"] != groups or not isinstance(first, Steps):
        return None
    width = first.features // groups
    sources = [
        _source(layers, number, matmul)
        for number, matmul in zip((*scores.reads, weighted.reads[1]), (scores, scores, weighted), strict=True)
    ]
    caches = [_cache(layers, number, groups * width) for number in sources[1:]]
    past, joined = 0, frozenset[int]()
    if caches[0] is not None and caches[1] is not None and caches[0][1] == caches[1][1]:
        joined, past = frozenset(sources[1:]), caches[0][1]
        sources[1:] = [cache[0] for cache in caches if cache is not None]
    query, key, value = (layers.shape(number) for number in sources)
    if not (isinstance(query, Steps) and isinstance(key, Steps) and isinstance(value, Steps)):
        return None
    heads, odd = divmod(query.features, width)
    keys_there = key.elements + past * groups * width
    fits = not odd and heads % groups == 0 and query.elements == first.elements and keys_there == second.elements
    if not fits or key != value or key.features != groups * width:
        return None
    keys: dict[str, Any] = {"heads": heads, "causal": causal and key.steps == query.steps > 1, "projections": False}
    if groups != heads:
        keys["kv_heads"] = groups
    if past:
        keys["context"] = past
    return _Core(weighted=weighted, sources=(sources[0], sources[1], sources[2]), joined=joined, keys=keys)


def _scores(layers: Layers, number: int, reader: int, left: int) -> tuple[Emitted, bool] | None:
    """The product whose result reaches the softmax by scales, masks and biases alone, and whether a mask is causal."""
    layer = layers.by_number.get(number)
    if layer is None or not left or layers.sole_reader(number) is not layers.by_number.get(reader):
        return None
    if layer.kind == "matmul":
        return layer, False
    if layer.kind in ("reshape", "flatten"):
        return _scores(layers, layer.reads[0], number, left - 1)
    if layer.kind not in _BETWEEN:
        return None
    for source in layer.reads:
        found = _scores(layers, source, number, left - 1)
        if found is not None:
            return found[0], found[1] or "causal" in layer.facts
    return None


def _source(layers: Layers, number: int, reader: Emitted) -> int:
    """What a product reads, without the reshapes and the scales between."""
    layer = layers.by_number.get(number)
    while layer is not None:
        scales = layer.kind == "elementwise" and "scalar" in layer.facts and layers.sole_reader(number) is reader
        if not (layer.kind == "reshape" or scales):
            break
        reader, number = layer, layer.reads[0]
        layer = layers.by_number.get(number)
    return number


def _cache(layers: Layers, number: int, features: int) -> tuple[int, int] | None:
    """What is new of keys or values that a cache, which the model is given, stands before; and how many are in the cache."""
    layer = layers.by_number.get(number)
    if layer is None or layer.kind != "concat" or len(layer.reads) != 2 or layer.reads[0] >= 0:
        return None
    past, odd = divmod(layers.shape(layer.reads[0]).elements, features)
    new = layers.by_number.get(layer.reads[1])
    while new is not None and new.kind == "reshape":
        number = new.reads[0]
        new = layers.by_number.get(number)
    return None if odd or new is None else (new.number, past)


def _place_core(layers: Layers, core: _Core) -> None:
    layer = core.weighted
    layer.kind, layer.keys = "attention", core.keys
    layers.results = [number for number in layers.results if number not in core.joined]
    layers.rewire(layer, core.sources)
    layer.shape, layer.word = layers.shape(core.sources[0]), "attention"


def _project(layers: Layers, core: Emitted) -> None:
    """Take the linear layers around an attention into it, where they are what its projections are."""
    output = layers.sole_reader(core.number)
    made = [found for number in core.reads if (found := _projection(layers, number, core)) is not None]
    if len(made) != 3 or output is None or output.kind != "linear" or "activation" in output.keys:
        return
    (query, turned), (key, keys_turned), (value, values_turned) = made
    if key != value or turned != keys_turned or values_turned:
        return
    source = layers.shape(query)
    if not isinstance(source, Steps) or output.keys["features"] != source.features or not isinstance(layers.shape(key), Steps):
        return
    queries = layers.shape(core.reads[0])
    width = core.keys.get("head_features") or queries.channels // core.keys["heads"]
    keys = {name: item for name, item in core.keys.items() if name in _KEPT and item}
    if width * core.keys["heads"] != source.features:
        keys["head_features"] = width
    keys = {"in": source.features, **keys} | ({"rotary": True} if turned else {})
    if keys.get("kv_heads") == keys["heads"]:
        del keys["kv_heads"]
    if key != query and keys.pop("causal", False):
        return
    inside = _between(layers, core, {query, key})
    layers.results = [number for number in layers.results if number not in inside]
    output.kind, output.keys = "attention", keys
    layers.rewire(output, [query], None if key == query else key)
    output.hint, output.word = core.hint or output.hint, "attention"


def _between(layers: Layers, core: Emitted, sources: set[int]) -> set[int]:
    """Layers from which an attention is made: what the model hands out of them, for a cache, is the attention's own."""
    found, waiting = set[int](), list(core.reads)
    while waiting:
        number = waiting.pop()
        if number not in sources and number not in found and number in layers.by_number:
            found.add(number)
            waiting += layers.by_number[number].sources
    return found


def _projection(layers: Layers, number: int, core: Emitted) -> tuple[int, bool] | None:
    """What a linear layer reads that makes queries, keys or values for this attention alone, by itself or in a part of it.

    And whether they are turned by their positions on the way.
    """
    reader, turned = core, False
    layer = layers.by_number.get(number)
    while layer is not None and layer.facts & _ON_THE_WAY and layers.sole_reader(number, handed_out=True) is reader:
        turned |= "rotary" in layer.facts
        reader, number = layer, layer.reads[0]
        layer = layers.by_number.get(number)
    if layer is None or layers.sole_reader(number, handed_out=True) is not reader:
        return None
    if layer.kind in ("slice", "reshape") and "features" in layer.keys.get("to", layer.keys):
        whole = layers.by_number.get(layer.reads[0])
        while whole is not None and whole.kind == "reshape":
            whole = layers.by_number.get(whole.reads[0])
        if whole is None or whole.kind != "linear" or not _is_cut_for(layers, whole, core):
            return None
        layer = whole
    plain = layer.kind == "linear" and "activation" not in layer.keys
    return (layer.reads[0], turned) if plain else None


def _is_cut_for(layers: Layers, whole: Emitted, core: Emitted) -> bool:
    """Whether the parts of a layer that an attention reads are all of it, and nobody else reads it."""
    parts, waiting, features = 0, [whole.number], 0
    while waiting:
        number = waiting.pop()
        if number in layers.results:
            return False
        for reader in layers.readers(number):
            if reader.kind == "reshape" and number != core.number:
                waiting.append(reader.number)
            elif reader.kind == "slice":
                if not _reaches(layers, reader.number, core):
                    return False
                parts, features = parts + 1, features + layers.shape(reader.number).elements
            else:
                return False
    return parts > 0 and features == whole.shape.elements


def _reaches(layers: Layers, number: int, core: Emitted) -> bool:
    """Whether an attention alone reads a layer, turned by its positions or as it is."""
    reader = layers.sole_reader(number, handed_out=True)
    while reader is not None and reader is not core and reader.facts & _ON_THE_WAY:
        reader = layers.sole_reader(reader.number, handed_out=True)
    return reader is core
