"""From layers in memory to a workload file that a person would have been glad to write.

An importer hands over each network as a list of layers in the file's own vocabulary, every one with the names that it reads. What
is written leaves out defaults and the name of the layer just before, folds what repeats into blocks (`dse.inputs.folding`), and
says in comments where the network comes from and what it counts. The text is loaded back to count it, so it is known to be read.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

from dse.errors import InputError, Place, Problem
from dse.inputs import pointwise_schema, product_schema
from dse.inputs.document import read_text, resolve
from dse.inputs.fields import MAX_NAME
from dse.inputs.folding import BLOCK_INPUT, INPUT, READ_KEYS, Layer, folded
from dse.inputs.layer_schema import LayerText
from dse.inputs.workloads import workload_from
from dse.workload.network import Network

WIDTH = 130
"""Columns of a line of layers."""

TEXT_WIDTH = 118

STREAM_KEYS = ("normalisation", "activation")
SHOWN_KEYS = ("mode",)
"""Keys that are written where they are the default, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A network from elsewhere.

    `input` is the shape of one sample as the file has it (``{"channels": 3, "height": 224, "width": 224}``); each of `layers` is
    a mapping with the keys of its kind, its `name`, and `from`: a list of names of layers before it, or "input". `inputs` are
    further inputs by name. `batches` and `precision` are given where they differ from the suite's.
    """

    name: str
    input: Mapping[str, int]
    layers: Sequence[Layer]
    inputs: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])
    title: str = ""
    source: str = ""
    notes: str = ""
    batches: Sequence[int] | None = None
    precision: Mapping[str, str] | None = None
    weight: float = 1.0


def write_workload(
    networks: Sequence[Imported],
    *,
    name: str,
    batches: Sequence[int],
    precision: Mapping[str, str] | None = None,
    space: str | None = "edge",
    source: str = "",
    title: str = "",
) -> str:
    """The text of a workload file: `source` says in its first comment what it was made from.

    Raises `InputError` where a network is wrong as the file's rules have it.
    """
    head = _Head(name=name, title=title, batches=batches, precision=precision, space=space, source=source)
    written = [(network, _layers_of(network)) for network in networks]
    plain = _text(head, written, counts=[()] * len(networks))
    counted = workload_from(read_text(plain, f"{name}.yaml"))
    counts = {network.name: _counts(network) for network in counted.networks}
    return _text(head, written, counts=[counts[network.name] for network in networks])


def layer_name(text: str, taken: Container[str] = ()) -> str:
    """A name that a layer may have, like `text` and none of those taken.

    >>> layer_name("/features/conv0/Conv_output_0"), layer_name("", ["layer"])
    ('features_conv0_Conv_output_0', 'layer_2')
    """
    name = re.sub(r"[^A-Za-z0-9_\-]+", "_", text).strip("_-") or "layer"
    number, tried = 1, name
    while tried in taken or tried in (INPUT, BLOCK_INPUT):
        number += 1
        tried = f"{name}_{number}"
    return tried


def suite_name(text: str) -> str:
    """A name that a suite or a network may have.

    >>> suite_name("ResNet-50 (v1.5)")
    'resnet_50_v1_5'
    """
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:MAX_NAME].strip("_") or "network"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    name: str
    title: str
    batches: Sequence[int]
    precision: Mapping[str, str] | None
    space: str | None
    source: str


def _counts(network: Network) -> tuple[str, ...]:
    """What a network counts, in words."""
    tables = network.embedding_parameters
    beside = f", and {_amount(tables)} in embeddings" if tables else ""
    return (f"{_amount(network.macs())} MACs a sample; {_amount(network.parameters)} parameters without biases{beside}",)


def _amount(number: int) -> str:
    """A count in four digits and in full: ``4.089 G (4,089,184,256)``."""
    for scale, letter in ((10**12, "T"), (10**9, "G"), (10**6, "M")):
        if number >= scale:
            return f"{number / scale:.4g} {letter} ({number:,})"
    return f"{number:,}"


@dataclass(slots=True)
class _Lines:
    lines: list[str] = field(default_factory=list[str])

    def add(self, indent: int, text: str) -> None:
        self.lines.append(f"{' ' * indent}{text}" if text else "")

    def comment(self, indent: int, text: str) -> None:
        for line in textwrap.wrap(_printable(text), TEXT_WIDTH - indent, break_on_hyphens=False):
            self.add(indent, f"# {line}")

    def value(self, indent: int, key: str, text: str) -> None:
        """A text under a key: on its line, or folded below it where it is long."""
        text = _printable(text)
        if not text:
            return
        if len(text) + len(key) + indent < TEXT_WIDTH:
            self.add(indent, f"{key}: {_scalar(text, flow=False)}")
            return
        self.add(indent, f"{key}: >-")
        for line in textwrap.wrap(text, TEXT_WIDTH - indent - 2, break_long_words=False, break_on_hyphens=False):
            self.add(indent + 2, line)


def _text(head: _Head, networks: Sequence[tuple[Imported, list[dict[str, Any]]]], counts: Sequence[tuple[str, ...]]) -> str:
    out = _Lines()
    if head.source:
        out.comment(0, head.source)
    out.add(0, f"name: {_scalar(head.name)}")
    out.value(0, "title", head.title)
    if head.space:
        out.add(0, f"space: {_scalar(head.space)}")
    if head.precision:
        out.add(0, f"precision: {_flow(head.precision)}")
    out.add(0, f"batches: {_flow(list(head.batches))}")
    out.add(0, "")
    out.add(0, "networks:")
    for index, ((network, layers), counted) in enumerate(zip(networks, counts, strict=True)):
        if index:
            out.add(0, "")
        out.add(2, f"- name: {_scalar(network.name)}")
        out.value(4, "title", network.title)
        out.value(4, "source", network.source)
        out.value(4, "notes", network.notes)
        if network.weight != 1.0:
            out.add(4, f"weight: {network.weight!r}")
        if network.batches is not None:
            out.add(4, f"batches: {_flow(list(network.batches))}")
        if network.precision:
            out.add(4, f"precision: {_flow(network.precision)}")
        out.add(4, f"input: {_flow(network.input)}")
        if network.inputs:
            out.add(4, "inputs:")
            for name, shape in network.inputs.items():
                out.add(6, f"{_scalar(name)}: {_flow(shape)}")
        for line in counted:
            out.comment(4, line)
        out.add(4, "layers:")
        _entries(out, 6, layers)
    return "\n".join(out.lines) + "\n"


def _entries(out: _Lines, indent: int, entries: Sequence[Mapping[str, Any]]) -> None:
    """Layers a line each, kinds under one another; blocks as mappings."""
    room = max((len(str(entry["name"])) for entry in entries if "kind" in entry and len(str(entry["name"])) <= 16), default=0)
    for entry in entries:
        if "kind" in entry:
            for line in _layer_lines(entry, indent, room):
                out.add(0, line)
            continue
        out.add(indent, f"- name: {_scalar(entry['name'])}")
        out.add(indent + 2, f"repeat: {entry['repeat']}")
        out.add(indent + 2, "layers:")
        _entries(out, indent + 4, entry["layers"])


def _layer_lines(entry: Mapping[str, Any], indent: int, room: int) -> Iterator[str]:
    pairs = [f"{key}: {_flow(value)}" for key, value in entry.items()]
    pairs[0] = f"{pairs[0]}," + " " * max(room - len(str(entry["name"])), 0) + f" {pairs.pop(1)}"
    line = " " * indent + "- {" + pairs[0]
    for pair in pairs[1:]:
        if len(line) + len(pair) + 3 > WIDTH:
            yield line + ","
            line = " " * (indent + 3) + pair
        else:
            line += f", {pair}"
    yield line + "}"


def _layers_of(network: Imported) -> list[dict[str, Any]]:
    """Layers and blocks as they are written: keys in the order of the schema, without what goes without saying."""
    return list(_tidied(folded([_without_defaults(layer) for layer in network.layers], inputs=tuple(network.inputs)), INPUT))


def _tidied(entries: Sequence[Mapping[str, Any]], before: str) -> Iterator[dict[str, Any]]:
    """Entries without a `from` that names what stands just before."""
    for entry in entries:
        if "kind" not in entry:
            yield {**entry, "layers": list(_tidied(entry["layers"], "block_input"))}
        else:
            yield {key: value for key, value in _short(entry).items() if not (key == "from" and value == before)}
        before = str(entry["name"])


def _short(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Lists of one name as that name."""
    return {key: value[0] if key in READ_KEYS and len(value) == 1 else value for key, value in entry.items()}


def _without_defaults(layer: Layer) -> dict[str, Any]:
    schema = layer_kinds()[str(layer["kind"])]
    kept: dict[str, Any] = {"name": layer["name"], "kind": layer["kind"]}
    for name, info in schema.model_fields.items():
        key = info.alias or name
        if (
            key in layer
            and key not in kept
            and layer[key] is not None
            and (_same(layer[key]) != _same(info.default) or key in SHOWN_KEYS)
        ):
            kept[key] = list(_listed(layer[key])) if key in READ_KEYS else _same(layer[key])
    unknown = set(layer) - {info.alias or name for name, info in schema.model_fields.items()}
    if unknown:
        raise ValueError(f"a layer of kind {layer['kind']} has no {', '.join(sorted(unknown))}")
    last = [key for key in (*STREAM_KEYS, *READ_KEYS) if key in kept]
    return {key: kept[key] for key in (*(key for key in kept if key not in last), *last)}


def _listed(value: Any) -> Sequence[str]:  # noqa: ANN401
    return (value,) if isinstance(value, str) else value


def _same(value: Any) -> Any:  # noqa: ANN401 - whatever a key may hold
    """A pair of equal numbers as one of them, and tuples as lists."""
    if isinstance(value, (list, tuple)) and len(value) == 2 and value[0] == value[1] and isinstance(value[0], int):  # pyright: ignore[reportUnknownArgumentType]
        return value[0]
    return list(value) if isinstance(value, tuple) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


@lru_cache
def layer_kinds() -> Mapping[str, type[LayerText]]:
    """Layer kinds by name."""
    found: dict[str, type[LayerText]] = {}
    for model in (*vars(product_schema).values(), *vars(pointwise_schema).values()):
        if isinstance(model, type) and issubclass(model, LayerText) and "kind" in model.model_fields:
            found |= dict.fromkeys(map(str, get_args(model.model_fields["kind"].annotation)), model)
    return found


def _flow(value: Any) -> str:  # noqa: ANN401 - whatever a key may hold
    match value:
        case bool():
            return str(value).lower()
        case Mapping():
            return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"  # pyright: ignore[reportUnknownVariableType]
        case list() | tuple():
            return "[" + ", ".join(map(_flow, value)) + "]"  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        case str():
            return _scalar(value)
        case _:
            return str(value)


_FLOW = re.compile(r"[A-Za-z0-9_(][^:#\[\]{},&*!|>'\"%@`\\]*")
_BLOCK = re.compile(r"[A-Za-z0-9_(]([^:#\\]|:(?! |$)|(?<! )#)*")


def _scalar(text: str, *, flow: bool = True) -> str:
    """A text as a plain scalar where that reads back as the same text (inside brackets: `flow`), else in double quotes."""
    plain = (_FLOW if flow else _BLOCK).fullmatch(text) is not None and text == text.strip() and resolve(text) == text
    return text if plain else json.dumps(text, ensure_ascii=False)


def _printable(text: str) -> str:
    """One line of characters that a YAML text may hold."""
    shown = "".join(letter if letter.isprintable() and not "\ud800" <= letter <= "\udfff" else " " for letter in text)
    return " ".join(shown.split())


def write_file(path: Path, text: str) -> None:
    """Write the text to a file, which is made anew or not at all: an existing file is not written over.

    Raises `InputError`.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(Problem("is there already", Place(str(path)), "choose another name, or remove it first")) from None
    except OSError as error:
        raise InputError(Problem(f"cannot be written: {error.strerror or error}", Place(str(path)))) from None
