"""`import_onnx`: a model file to the text of a workload file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING

from dse.errors import InputError, Place, Problem
from dse.inputs.joining.emitted import Emitted
from dse.inputs.joining.patterns import join_patterns
from dse.inputs.joining.rotary import ANGLES, join_rotations
from dse.inputs.joining.tidying import in_order, tidied, used_inputs
from dse.inputs.onnx.building import Builder, sides
from dse.inputs.onnx.dimensions import Sizes, choose_sizes, given_inputs, parse_dims
from dse.inputs.onnx.formats import Formats, formats_of
from dse.inputs.onnx.givens import give_inputs
from dse.inputs.onnx.inference import constant_names, read_graph
from dse.inputs.onnx.naming import input_names, layer_names
from dse.inputs.onnx.reading import read_model
from dse.inputs.onnx.rules import apply_rules
from dse.inputs.wording import near_miss
from dse.inputs.workloads import MAX_LAYERS
from dse.inputs.writer import Imported, suite_name, write_workload
from dse.units import FORMAT_BITS

if TYPE_CHECKING:
    from onnx import ModelProto

_NAMELESS = ("", "main_graph", "torch_jit", "torch-jit-export", "graph", "main")
"""What exporters call a graph that has no name."""


def import_onnx(
    path: str | Path,
    *,
    dims: Sequence[str] = (),
    allow: Sequence[str] = (),
    precision: str | None = None,
    name: str | None = None,
    space: str | None = "edge",
    free_batch: bool = False,
) -> str:
    """The text of the workload file that an ONNX model becomes.

    `dims` are sizes of open dimensions (``batch=1,8``; several sizes of another dimension make a network each), `allow`
    operators to leave out (``ignore:NonZero``), `precision` a number format of all operands. With `free_batch` an open batch
    need not be said. Raises `InputError`, and `UnsupportedLayer` for operators without a rule.
    """
    path = Path(path)
    said, ignored = parse_dims(dims), _ignored(allow)
    if precision is not None and precision not in FORMAT_BITS:
        known = f"{near_miss(precision, FORMAT_BITS)}there are {', '.join(FORMAT_BITS)}"
        raise InputError(Problem(f"--precision {precision!r} is no number format", remedy=known))
    model = read_model(path)
    place = Place(str(path))
    inputs = given_inputs(model.graph, constant_names(model.graph), place)
    choices = choose_sizes(inputs, said, free_batch=free_batch, place=place)
    suite = suite_name(name or path.stem)
    title = path.stem if str(model.graph.name) in _NAMELESS else str(model.graph.name)
    networks: list[Imported] = []
    formats: list[Mapping[str, str]] = []
    for sizes in choices:
        graph = read_graph(model, inputs, sizes, str(path))
        rotations = join_rotations(graph)
        join_patterns(graph)
        builder = Builder(graph)
        builder.note(ANGLES, rotations)
        give_inputs(builder, inputs)
        apply_rules(builder, ignored)
        networks.append(_network(builder, sizes, suite, title, precision))
        formats.append(formats_of(builder, precision).network)
    try:
        return write_workload(
            networks,
            name=suite,
            title=f"{title}, from ONNX",
            batches=choices[0].batches,
            precision=formats[0],
            space=space,
            source=_source(path, model),
        )
    except InputError as error:
        found = [Problem(f"what it becomes is refused: {each.message}", place, each.remedy) for each in error.problems]
        raise InputError(found) from None


def _ignored(allow: Sequence[str]) -> AbstractSet[str]:
    found: set[str] = set()
    for text in allow:
        word, colon, operator = text.partition(":")
        if word != "ignore" or not colon or not operator:
            raise InputError(Problem(f"--allow {text!r} is not ignore:OPERATOR", remedy="write it like --allow ignore:NonZero"))
        found.add(operator)
    return found


def _network(builder: Builder, sizes: Sizes, suite: str, title: str, asked: str | None) -> Imported:
    """The layers of one choice of sizes as a network."""
    formats = formats_of(builder, asked)
    results = [value.layer for name in builder.graph.outputs if (value := builder.known(name)) is not None and value.layer >= 0]
    layers = tidied(builder.layers, results, builder.inputs, builder.aside)
    ordered = in_order(layers)
    if not ordered:
        raise builder.graph.error("computes nothing of its inputs: its results are constants, or the inputs themselves")
    if len(ordered) > MAX_LAYERS:
        raise builder.graph.error(f"becomes {len(ordered):,} layers; at most {MAX_LAYERS:,} are counted")
    used = used_inputs(layers, builder.inputs)
    if not used:
        raise builder.graph.error("none of its layers reads an input")
    called = input_names({number: builder.inputs[number][0] for number in used})
    names = layer_names([layer.hint for layer in ordered], [layer.word for layer in ordered], list(called.values()))
    by_number = called | {layer.number: name for layer, name in zip(ordered, names, strict=True)}
    first, *others = used
    return Imported(
        name=suite_name(f"{suite}_{sizes.label}" if sizes.label else suite),
        title=title if not sizes.named else f"{title}, {', '.join(f'{key} = {size}' for key, size in sizes.named.items())}",
        notes=_notes(builder, formats),
        input=sides(builder.inputs[first][1]),
        inputs={called[number]: sides(builder.inputs[number][1]) for number in others},
        layers=[_written(layer, by_number, formats) for layer in ordered],
    )


def _written(layer: Emitted, names: Mapping[int, str], formats: Formats) -> dict[str, object]:
    """A layer as the writer takes it."""
    reads = [names[number] for number in layer.reads]
    memory = {} if layer.memory is None else {"memory": names[layer.memory]}
    written: dict[str, object] = {"name": names[layer.number], "kind": layer.kind, **layer.keys, **memory}
    if layer.number in formats.layers:
        written["precision"] = dict(formats.layers[layer.number])
    return {**written, "from": reads} if reads else written


def _notes(builder: Builder, formats: Formats) -> str:
    """What was decided, and what is not counted, in words."""
    said: list[str] = []
    if not formats.stated:
        said.append(f"The file holds {formats.file}; it is counted as deployed, in {formats.network['weights']}.")
    said += [
        f"{what[0].upper()}{what[1:]}{f' ({times} operators)' if times > 1 else ''}." for what, times in builder.aside.items()
    ]
    return " ".join(said)


def _source(path: Path, model: ModelProto) -> str:
    """The first comment: which file, by whom, and its hash."""
    maker = " ".join(part for part in (str(model.producer_name), str(model.producer_version)) if part)
    opset = next((opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")), "?")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    by = f", made by {maker}" if maker else ""
    return f"Imported by dse from {path.name}, an ONNX model of operator set {opset}{by}; sha256 {digest}"
