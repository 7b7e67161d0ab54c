"""Layers by name as a person would have written them: `dse.inputs.joining` joins them, as it does those of other importers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dse.inputs.joining.emitted import Emitted
from dse.inputs.joining.tidying import in_order, tidied
from dse.inputs.writer import layer_name
from dse.workload.shapes import Image, Shape, Vector

LayerList = list[dict[str, Any]]
_APART = ("name", "kind", "from", "memory", "path", "owner", "facts")
"""What is no key of a layer, or is kept beside its keys."""


def tidy(
    layers: LayerList, shapes: Mapping[str, Shape], outputs: Sequence[str], aside: Counter[str]
) -> tuple[LayerList, list[str]]:
    """The same layers with less text, those of `outputs` being the network's results; and which inputs they read.

    What is not counted beside something else is added to `aside`.
    """
    by_name = {str(layer["name"]): layer for layer in layers}
    numbers = {name: number for number, name in enumerate(by_name)}
    given = [name for name in shapes if name not in by_name]
    numbers |= {name: -1 - index for index, name in enumerate(given)}
    emitted = {number: _emitted(by_name[name], number, numbers, shapes) for name, number in numbers.items() if number >= 0}
    inputs = {numbers[name]: (name, shapes[name]) for name in given}
    results = [numbers[name] for name in dict.fromkeys(outputs) if numbers[name] >= 0]
    found = tidied(emitted, results, inputs, aside)
    called = {number: name for name, number in numbers.items() if number < 0}
    ordered = in_order(found)
    for layer in ordered:
        called[layer.number] = _called(layer, by_name[layer.hint], called.values())
    written = [_written(layer, called, found.shape) for layer in ordered]
    read = {source for layer in ordered for source in layer.sources}
    return written, [name for name in given if numbers[name] in read]


def _emitted(layer: Mapping[str, Any], number: int, numbers: Mapping[str, int], shapes: Mapping[str, Shape]) -> Emitted:
    """A layer by name as one by number; its hint is its name."""
    memory = layer.get("memory")
    return Emitted(
        number=number,
        kind=str(layer["kind"]),
        keys={key: item for key, item in layer.items() if key not in _APART and item is not None},
        reads=[numbers[name] for name in layer.get("from", ())],
        shape=shapes[str(layer["name"])],
        hint=str(layer["name"]),
        word=str(layer["kind"]),
        facts=frozenset(layer.get("facts", ())),
        memory=numbers[memory[0]] if memory else None,
    )


def _called(layer: Emitted, made_of: Mapping[str, Any], taken: Any) -> str:  # noqa: ANN401 - a view of a mapping's values
    """Its name; of an attention that of its module where that is one, else that and the word."""
    if layer.kind != "attention":
        return layer_name(layer.hint, taken)
    path, own = str(made_of["path"]).replace(".", "_"), str(made_of["owner"]).rpartition(".")[2].lower()
    return layer_name(path if path and "att" in own else f"{path}_attention".lstrip("_"), taken)


def _written(layer: Emitted, called: Mapping[int, str], shape: Any) -> dict[str, Any]:  # noqa: ANN401 - a method
    """A layer as the writer takes it; a reshape of an image to a vector is called flatten."""
    written: dict[str, Any] = {"name": called[layer.number], "kind": layer.kind, **layer.keys}
    if layer.kind == "reshape" and isinstance(layer.shape, Vector) and isinstance(shape(layer.reads[0]), Image):
        del written["to"]
        written["kind"] = "flatten"
    if layer.reads:
        written["from"] = [called[source] for source in layer.reads]
    return written if layer.memory is None else {**written, "memory": [called[layer.memory]]}
