"""Workload files to `Workload`: names are resolved, blocks written out and shapes followed, and every misfit gets its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dse.errors import Collector, InputError, Place, UnsupportedLayer
from dse.inputs.document import DataPath, Document
from dse.inputs.fields import PrecisionText
from dse.inputs.layer_schema import LayerText
from dse.inputs.models import workload_document
from dse.inputs.schema import TOLERANT, BlockText, FreeBatches, NetworkText, UnreadableLayer, WorkloadText
from dse.inputs.shipped import find
from dse.inputs.together import names_workloads, together_from
from dse.inputs.wording import near_miss
from dse.inputs.yaml import problems_in
from dse.workload.network import INPUT, Network, Node
from dse.workload.phases import Training
from dse.workload.precision import Precision
from dse.workload.shapes import Image, Shape, ShapeError, count
from dse.workload.workload import Scenario, Workload

BLOCK_INPUT = "block_input"
"""What a block reads, inside it."""

MAX_LAYERS = 20_000
"""Most layers of a network with its blocks written out."""

MAX_MACS = 2**60
"""Most multiply-accumulates of one run: what 64-bit counts can hold with room to spare."""

Entry = LayerText | BlockText | UnreadableLayer


def load_workload(path_or_name: str | Path) -> Workload:
    """A workload from a YAML file, a shipped one by name (``speech``), or a model file (`dse.inputs.models`).

    Of a file that names several workloads, all of them together.

    Raises `InputError` with everything that is wrong in the file, each with its place and what to do; `UnsupportedLayer`
    if a layer kind is unknown.
    """
    document = workload_document(find("workloads", path_or_name))
    return together_from(document, workload_from) if names_workloads(document) else workload_from(document)


def workload_from(document: Document) -> Workload:
    """The workload that a document describes."""
    text, problems, error = problems_in(document, WorkloadText, unknown_kind=UnsupportedLayer)
    collector = Collector(problems)
    if text is None:
        text = problems_in(document, WorkloadText, context=dict(TOLERANT))[0]
    networks = [] if text is None else _networks(text, document, collector)
    try:
        collector.raise_any()
    except InputError as found:
        raise error(list(found.problems)) from None
    assert text is not None
    scenarios = tuple(
        scenario
        for written, network in zip(text.networks, networks, strict=True)
        for scenario in _scenarios(written, network, text)
    )
    return Workload(
        name=text.name,
        title=text.title,
        source=text.source,
        scenarios=scenarios,
        space=text.space,
        objectives=text.objectives,
    )


def _networks(text: WorkloadText, document: Document, problems: Collector) -> list[Network]:
    networks: list[Network] = []
    seen: dict[str, Place] = {}
    _check_batches(text.batches, ("batches",), document, problems)
    for index, written in enumerate(text.networks):
        path: DataPath = ("networks", index)
        _check_unique(written.name, document.place((*path, "name")), seen, problems, "network")
        _check_batches(written.batches or (), (*path, "batches"), document, problems)
        shape = written.input.shape()
        assert shape is not None
        inputs = _inputs(written, document, path, problems)
        chain = _Chain(document, problems, {INPUT: shape, **inputs})
        chain.follow(written.layers, (*path, "layers"), _Scope("", {name: name for name in (INPUT, *inputs)}, INPUT))
        network = Network(
            name=written.name,
            title=written.title,
            source=written.source,
            notes=written.notes,
            input=shape,
            inputs=tuple(inputs.items()),
            nodes=tuple(chain.nodes) if chain.is_sound else (),
        )
        if chain.is_sound:
            place = document.place((*path, "name"))
            runs = [run for scenario in _scenarios(written, network, text) for run in scenario.runs]
            largest = max(runs, key=lambda run: run.batch)
            if _check_size(largest, place, problems):
                at: DataPath = ("phase",) if written.phase is None else (*path, "phase")
                _check_training(largest, place, document.place(at), problems)
        networks.append(network)
    return networks


def _inputs(written: NetworkText, document: Document, path: DataPath, problems: Collector) -> dict[str, Shape]:
    """Shapes of the further inputs by name."""
    found: dict[str, Shape] = {}
    for name, text in written.inputs.items():
        shape, place = text.shape(), document.key_place((*path, "inputs", name))
        assert shape is not None
        if name in (INPUT, BLOCK_INPUT):
            problems.add(f"a further input cannot be called {name!r}", place, f"{name!r} names what is read first")
        elif any(entry.name == name for entry in written.layers):
            problems.add(f"an input and a layer are both called {name!r}", place, "give each its own name")
        else:
            found[name] = shape
    return found


def _check_unique(name: str, place: Place, seen: dict[str, Place], problems: Collector, what: str) -> None:
    if name in seen:
        problems.add(f"a second {what} is called {name!r}", place, f"the first stands at {seen[name]}; give each its own name")
    seen.setdefault(name, place)


def _check_batches(batches: tuple[int, ...], path: DataPath, document: Document, problems: Collector) -> None:
    for index, batch in enumerate(batches):
        if batch in batches[:index]:
            problems.add(f"batch {batch} stands here again", document.place((*path, index)), "name each batch once")


def _check_size(scenario: Scenario, place: Place, problems: Collector) -> bool:
    """Whether the forward pass can be counted."""
    network = scenario.network
    if not network.lower().steps:
        message = f"{network.name!r} computes nothing: its layers only pass data on"
        problems.add(message, place, "give it a layer with work to do, such as linear or activation")
        return False
    return _check_macs(scenario, network.macs(scenario.batch), place, problems)


def _check_macs(scenario: Scenario, macs: int, place: Place, problems: Collector) -> bool:
    if macs > MAX_MACS:
        message = (
            f"{scenario.network.name!r} takes {macs:.1e} MACs at batch {scenario.batch}; at most {MAX_MACS:.1e} can be counted"
        )
        problems.add(message, place)
    return macs <= MAX_MACS


def _check_training(scenario: Scenario, place: Place, phase: Place, problems: Collector) -> None:
    """Refuse to train what has no weights or reads a KV cache, and steps that cannot be counted."""
    network = scenario.network
    if not isinstance(scenario.phase, Training):
        return
    if network.parameters + network.embedding_parameters == 0:
        message = f"{network.name!r} has no weights that training could change"
        problems.add(message, phase, "phase: inference, or give it a layer with weights, such as linear")
    elif any(tensor.role == "state" for tensor in network.lower().tensors):
        message = f"{network.name!r} reads a KV cache (an attention with context), which no gradient goes back through"
        problems.add(message, phase, "phase: inference, or train on the whole sequence without context")
    else:
        _check_macs(scenario, scenario.lower().macs, place, problems)


def _scenarios(written: NetworkText, network: Network, text: WorkloadText) -> list[Scenario]:
    precision = Precision(**dict((*_settings(text.precision), *_settings(written.precision))))
    phase = (text.phase if written.phase is None else written.phase).phase()
    suffix = "+train" if isinstance(phase, Training) else ""
    batches = written.batches or text.batches
    free = tuple(batches) if isinstance(batches, FreeBatches) else ()
    return [
        Scenario(
            name=f"{network.name}@auto{suffix}" if free else f"{network.name}@b{batch}{suffix}",
            network=network,
            batch=batch,
            auto=free,
            precision=precision,
            phase=phase,
            weight=written.weight,
            latency_limit_s=written.latency_limit,
        )
        for batch in (batches[:1] if free else batches)
    ]


def _settings(precision: PrecisionText | None) -> tuple[tuple[str, str], ...]:
    return () if precision is None else precision.settings()


@dataclass(slots=True)
class _Scope:
    """Names that layers of one list may read: local name -> full name; `previous` is what a layer reads by default."""

    prefix: str
    names: dict[str, str]
    previous: str
    first_at: dict[str, Place] = field(default_factory=dict[str, Place])


class _Chain:
    """The layers of a network so far, with the shape of each; None is a shape that a mistake further up leaves unknown."""

    def __init__(self, document: Document, problems: Collector, inputs: Mapping[str, Shape]) -> None:
        self.nodes: list[Node] = []
        self.is_sound = True
        self._document = document
        self._problems = problems
        self._shapes: dict[str, Shape | None] = dict(inputs)
        self._reported: set[DataPath] = set()

    def follow(self, entries: tuple[Entry, ...], path: DataPath, scope: _Scope) -> str:
        """Append layers and blocks in their order; the full name of the last."""
        later = [entry.name for entry in entries if entry.name]
        for index, entry in enumerate(entries):
            here = (*path, index)
            self._check_name(entry, here, scope)
            match entry:
                case LayerText():
                    full = self._layer(entry, here, scope, later[index:])
                case BlockText():
                    full = self._block(entry, here, scope)
                case _:
                    full = self._unreadable(entry, here, scope)
            if entry.name:
                scope.names[entry.name] = full
            scope.previous = full
        return scope.previous

    def _check_name(self, entry: Entry, path: DataPath, scope: _Scope) -> None:
        if not entry.name:
            return
        place = self._document.place((*path, "name"))
        if entry.name in (INPUT, BLOCK_INPUT):
            self._add(path, "name", f"a layer cannot be called {entry.name!r}", f"{entry.name!r} names what is read first")
        if entry.name in scope.first_at:
            remedy = f"the first stands at {scope.first_at[entry.name]}; give each its own name"
            self._add(path, "name", f"a second layer is called {entry.name!r}", remedy)
        scope.first_at.setdefault(entry.name, place)

    def _unreadable(self, entry: UnreadableLayer, path: DataPath, scope: _Scope) -> str:
        self.is_sound = False
        full = f"{scope.prefix}{entry.name or path[-1]}"
        self._shapes[full] = None
        return full

    def _block(self, block: BlockText, path: DataPath, scope: _Scope) -> str:
        last = scope.previous
        for copy in range(1, block.repeat + 1):
            if len(self.nodes) > MAX_LAYERS:
                self._add(path, "repeat", f"more than {MAX_LAYERS:,} layers once the blocks are written out", "repeat less")
                break
            inner = _Scope(f"{scope.prefix}{block.name}.{copy}.", {**scope.names, BLOCK_INPUT: last}, last)
            last = self.follow(block.layers, (*path, "layers"), inner)
        return last

    def _layer(self, text: LayerText, path: DataPath, scope: _Scope, later: list[str]) -> str:
        full = f"{scope.prefix}{text.name}"
        inputs = self._inputs(text, path, scope, later)
        self._shapes[full] = None
        shapes = [None if name is None else self._shapes[name] for name in inputs]
        known = tuple(shape for shape in shapes if shape is not None)
        names = tuple(name for name in inputs if name is not None)
        if len(known) < len(shapes) or len(names) < len(inputs):
            self.is_sound = False
            return full
        layer = text.layer()
        if names:
            self._check_expected(text, path, names[0], known[0])
        try:
            self._shapes[full] = layer.output(known)
        except ShapeError as error:
            said = " and ".join(repr(name) for name in names)
            self._add(path, error.key, f"{text.name!r} ({layer.kind}, from {said}): {error}", error.remedy)
            return full
        self.nodes.append(Node(name=full, layer=layer, inputs=names, precision=_settings(text.precision)))
        return full

    def _inputs(self, text: LayerText, path: DataPath, scope: _Scope, later: list[str]) -> list[str | None]:
        """Full names of what a layer reads; None for a name that means nothing."""
        if text.reads is None:
            inputs: list[str | None] = [] if text.reads_nothing else [scope.previous]
        else:
            several = isinstance(self._document.value((*path, "from")), list)
            at: list[DataPath] = [("from", index) if several else ("from",) for index in range(len(text.reads))]
            inputs = [self._named(name, (*path, *key), text, scope, later) for name, key in zip(text.reads, at, strict=True)]
        if text.memory_name is not None:
            inputs.append(self._named(text.memory_name, (*path, "memory"), text, scope, later))
        return inputs

    def _named(self, name: str, path: DataPath, text: LayerText, scope: _Scope, later: list[str]) -> str | None:
        full = scope.names.get(name, name if name in self._shapes else None)
        if full is not None:
            return full
        if name in later:
            message, remedy = f"{text.name!r} reads {name!r}, which is not before it", "layers run in the order of the file"
        else:
            message = f"{text.name!r} reads {name!r}, but there is no such layer before it"
            remedy = f"{near_miss(name, scope.names)}it may read: {', '.join(_shown(list(scope.names)))}"
        self._add(path, "", message, remedy)
        return None

    def _check_expected(self, text: LayerText, path: DataPath, source: str, shape: Shape) -> None:
        if text.expected is None or text.expected == shape.channels:
            return
        thing = "channel" if isinstance(shape, Image) else "feature"
        message = (
            f"{text.name!r} expects {count(text.expected, f'input {thing}')} (in: {text.expected}), but {source!r} gives {shape}"
        )
        self._add(path, "in", message, f"write in: {shape.channels}, change {source!r}, or read another layer with from:")

    def _add(self, path: DataPath, key: str, message: str, remedy: str | None) -> None:
        """Note a problem once: the copies of a block share their text."""
        self.is_sound = False
        at = (*path, key) if key else path
        if at not in self._reported:
            self._reported.add(at)
            self._problems.add(message, self._document.place(at), remedy)


def _shown(names: list[str], most: int = 12) -> list[str]:
    return names if len(names) <= most else [*names[:2], "...", *names[3 - most :]]
