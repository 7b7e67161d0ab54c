"""Attention out of its pieces: products and softmax to one, and the linear layers around it into it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dse.workload.shapes import Sequence, Shape

LayerList = list[dict[str, Any]]
VIEWS = ("reshape", "slice")


def attentions(layers: LayerList, shapes: Mapping[str, Shape], ends: set[str], notes: list[str]) -> LayerList:
    """The layers with every attention as one."""
    found = _Found(layers, shapes, ends, notes)
    for layer in [each for each in layers if each["kind"] == "softmax"]:
        found.join_products(layer)
    for layer in [each for each in found.layers if each["kind"] == "attention" and not each.get("projections", True)]:
        found.take_in(layer)
    return found.layers


@dataclass(frozen=True, slots=True)
class _Source:
    """The linear layer that a query, keys or values come from, and what stands on the way: views, and a rotation."""

    linear: dict[str, Any]
    views: tuple[str, ...]
    rotated: bool = False


class _Found:
    """Layers by name and by reader, kept as layers are taken out and put in."""

    def __init__(self, layers: LayerList, shapes: Mapping[str, Shape], ends: set[str], notes: list[str]) -> None:
        self.layers = layers
        self._shapes = dict(shapes)
        self._ends = ends
        self._notes = notes

    def join_products(self, softmax: dict[str, Any]) -> None:
        """softmax(Q·Kᵀ)·V as an attention without projections."""
        by_name, read = self._by_name(), self._read()
        after = self._only_reader(softmax["name"], read)
        if after is None or after["kind"] != "matmul" or after["from"][0] != softmax["name"] or after.get("transposed"):
            return
        between: list[dict[str, Any]] = []
        before = by_name.get(softmax["from"][0])
        while before is not None and read[before["name"]] == 1:
            if before["kind"] == "elementwise" and before["operation"] in ("scale", "shift", "choose"):
                between.append(before)
            elif before["kind"] != "reshape":
                break
            before = by_name.get(before["from"][0])
        if before is None or before["kind"] != "matmul" or before["groups"] != after["groups"] or not before["transposed"]:
            return
        if read[before["name"]] != 1 or self._ends & {softmax["name"], before["name"]}:
            return
        if any(each["operation"] != "scale" for each in between):
            self._notes.append(f"the mask of {after['path'] or 'the module'}'s attention is left out: all scores are counted")
        joined = {
            "name": after["name"],
            "kind": "attention",
            "from": [*before["from"], after["from"][1]],
            "heads": after["groups"],
            "projections": False,
            "path": after["path"],
            "owner": after["owner"],
        }
        self._replace({each["name"] for each in (before, *between, softmax)}, after["name"], joined)

    def take_in(self, attention: dict[str, Any]) -> None:
        """The linear layers of query, keys, values and output as the attention's own."""
        sources = [self._source(name) for name in attention["from"]]
        if any(source is None for source in sources):
            return
        query, keys, values = ([*sources, sources[-1]] if len(sources) == 2 else sources)[:3]
        assert query is not None
        assert keys is not None
        assert values is not None
        output = self._output(attention)
        heads, groups = attention["heads"], attention.get("kv_heads") or attention["heads"]
        made = self._shapes[attention["name"]]
        asked = self._shapes[query.linear["from"][0]]
        if output is None or not isinstance(made, Sequence) or not isinstance(asked, Sequence):
            return
        width = made.features // heads
        same = keys.linear["from"] == values.linear["from"]
        cross = keys.linear["from"] != query.linear["from"]
        linears = {each.linear["name"]: each.linear for each in (query, keys, values)}
        total = sum(linear["features"] for linear in linears.values())
        fits = asked.steps == made.steps and output[-1]["features"] == asked.features and total == (heads + 2 * groups) * width
        if not (same and fits and self._are_alone((query, keys, values), attention)):
            return
        if query.rotated != keys.rotated or values.rotated:
            return
        if cross and (attention.get("causal") or not isinstance(self._shapes[keys.linear["from"][0]], Sequence)):
            return
        merged: dict[str, Any] = {
            "name": output[-1]["name"],
            "kind": "attention",
            "from": query.linear["from"],
            "heads": heads,
            "kv_heads": attention.get("kv_heads"),
            "head_features": None if width * heads == asked.features else width,
            "causal": attention.get("causal", False),
            "rotary": query.rotated,
            "path": attention["path"],
            "owner": attention["owner"],
        }
        if cross:
            merged["memory"] = keys.linear["from"]
        gone = {*linears, attention["name"], *(view for each in (query, keys, values) for view in each.views)}
        gone |= {each["name"] for each in output[:-1]}
        self._replace(gone, output[-1]["name"], merged, called=_called(attention))
        self._shapes[merged["name"]] = asked

    def _source(self, name: str) -> _Source | None:
        by_name = self._by_name()
        source, views = _behind(by_name, name)
        turned = rotation(by_name, source)
        if turned is not None:
            views += turned[1]
            source, more = _behind(by_name, turned[0])
            views += more
        layer = by_name.get(source)
        if layer is None or layer["kind"] != "linear" or "activation" in layer:
            return None
        return _Source(layer, views, turned is not None)

    def _output(self, attention: dict[str, Any]) -> list[dict[str, Any]] | None:
        """The views and the linear layer after it, each the only reader of the one before."""
        read, chain = self._read(), list[dict[str, Any]]()
        layer = attention
        while True:
            if layer["name"] in self._ends:
                return None
            after = self._only_reader(layer["name"], read)
            if after is None or after["kind"] not in ("reshape", "linear"):
                return None
            chain.append(after)
            if after["kind"] == "linear":
                return None if "activation" in after else chain
            layer = after

    def _are_alone(self, sources: tuple[_Source, ...], attention: dict[str, Any]) -> bool:
        """Whether nothing but this attention reads the linear layers before it."""
        inside = {view for each in sources for view in each.views} | {each.linear["name"] for each in sources}
        outside = (
            (layer, name)
            for layer in self.layers
            for name in (*layer.get("from", ()), *layer.get("memory", ()))
            if name in inside and layer["name"] not in inside
        )
        return not (inside & self._ends) and all(layer is attention for layer, _ in outside)

    def _replace(self, gone: set[str], at: str, layer: dict[str, Any], called: str = "") -> None:
        """Put a layer in the place of the one called `at`, and take out those that are in it now."""
        names = {each["name"] for each in self.layers} - gone
        if called and called not in names:
            for each in self.layers:
                for key in ("from", "memory"):
                    if key in each:
                        each[key] = [called if name == at else name for name in each[key]]
            if at in self._ends:
                self._ends.add(called)
            self._shapes[called] = self._shapes[at]
            layer["name"] = called
        self.layers[:] = [layer if each["name"] == at else each for each in self.layers if each["name"] not in gone]

    def _by_name(self) -> dict[str, dict[str, Any]]:
        return {layer["name"]: layer for layer in self.layers}

    def _read(self) -> Counter[str]:
        return Counter(name for layer in self.layers for name in _sources(layer))

    def _only_reader(self, name: str, read: Counter[str]) -> dict[str, Any] | None:
        if read[name] != 1:
            return None
        return next((layer for layer in self.layers if name in _sources(layer)), None)


def _behind(by_name: Mapping[str, dict[str, Any]], name: str) -> tuple[str, tuple[str, ...]]:
    """What views of a layer began with, and the views."""
    views: tuple[str, ...] = ()
    while name in by_name and by_name[name]["kind"] in VIEWS:
        views, name = (*views, name), by_name[name]["from"][0]
    return name, views


def rotation(by_name: Mapping[str, dict[str, Any]], name: str) -> tuple[str, tuple[str, ...]] | None:
    """What x·cos + [-b, a]·sin turns, where a and b are the halves of x, and the layers that do it; None for anything else.

    Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021, arXiv:2104.09864, equation 34.
    """
    total = by_name.get(name)
    if total is None or total["kind"] != "add":
        return None
    inside = [name]
    halves: list[str] = []
    whole: list[str] = []
    for term in total["from"]:
        scaled, views = _behind(by_name, term)
        inside += [*views, scaled]
        layer = by_name.get(scaled)
        if layer is None or layer["kind"] != "elementwise" or layer["operation"] != "scale":
            return None
        source, views = _behind(by_name, layer["from"][0])
        inside += views
        if source in by_name and by_name[source]["kind"] == "concat":
            inside.append(source)
            halves += by_name[source]["from"]
        else:
            whole.append(source)
    turned = _turned(by_name, halves, inside)
    return (whole[0], tuple(inside)) if len(whole) == 1 and turned == whole[0] else None


def _turned(by_name: Mapping[str, dict[str, Any]], halves: list[str], inside: list[str]) -> str | None:
    """What both halves are cut from, one of them negated; the layers on the way are added to `inside`."""
    sources: set[str] = set()
    negated = 0
    for half in halves:
        source, views = _behind(by_name, half)
        inside += views
        layer = by_name.get(source)
        if layer is not None and layer["kind"] == "elementwise" and layer["operation"] == "negate":
            negated += 1
            inside.append(source)
            source, views = _behind(by_name, layer["from"][0])
            inside += views
        sources.add(source)
    return sources.pop() if len(halves) == 2 and negated == 1 and len(sources) == 1 else None


def _called(attention: Mapping[str, Any]) -> str:
    """Its module where that is an attention, else that and the word."""
    path, own = attention["path"].replace(".", "_"), attention["owner"].rpartition(".")[2].lower()
    return path if path and "att" in own else f"{path}_attention".lstrip("_")


def _sources(layer: Mapping[str, Any]) -> Iterator[str]:
    yield from layer.get("from", ())
    yield from layer.get("memory", ())
