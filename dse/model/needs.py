"""What part of which tensor must be ready before a layer can start: the way to overlap layers, and the least that it must wait.

A producer makes its tensor sample by sample, and in each sample row by row (of a map) or step by step (of a sequence). Then the
first output of an operation needs

====================================  ================================================================================
convolution, pooling                  the rows under the first window: (R - 1)·dilation + 1, less the padding
product over a sequence               one step; over a vector or a flattened map: all of one sample
attention scores, weighted sum        all keys, or values, of one sequence (causal: those of the block's own queries and
                                      before); of the queries and of the scores one row
softmax, layer normalisation          one row
global pooling, last step of a        everything of one sample
sequence, backward direction
element-wise work                     the same element of each operand
recurrent step                        the state of the step before; the gates one step of the input product
gradient of weights                   all of what it sums over: the whole batch
====================================  ================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from dse.model.tasks import Task
from dse.units import BITS_PER_BYTE
from dse.workload.attention import Attention
from dse.workload.elementwise import GlobalPool, Normalisation, Pool1d, Pool2d, Resize, Softmax
from dse.workload.layers import Embedding
from dse.workload.network import Node, Tensor, operands_of
from dse.workload.operations import Axis, TensorOperation, VectorOperation
from dse.workload.rearranged import Select
from dse.workload.shapes import Image, Shape, count
from dse.workload.shapes import Sequence as Steps
from dse.workload.windows import before
from dse.workload.workload import Scenario

NeedKind = Literal["all", "sample", "rows", "step", "row", "element", "state", "cache", "tile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A part of a tensor that must be there first: `text` says which, `fraction` is of the whole tensor with all samples.

    `kind`: ``all``, ``sample`` (everything of one sample), ``rows`` of a map, a ``step`` of a sequence, a ``row`` of a matrix, an
    ``element``, a ``state``, a ``cache`` (both there before the step), a ``tile`` of weights.
    """

    tensor: str
    kind: NeedKind
    text: str
    needed_bytes: float
    fraction: float


@dataclass(frozen=True, slots=True)
class _Part:
    """A part before it is of a tensor."""

    kind: NeedKind
    text: str
    fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a task stands in: the scenario, its tensors by name, the task that made each, and the layers by name."""

    scenario: Scenario
    tensors: Mapping[str, Tensor]
    makers: Mapping[str, Task]
    nodes: Mapping[str, Node]
    shapes: Mapping[str, Shape]

    @classmethod
    def of(cls, scenario: Scenario, tasks: Sequence[Task]) -> Surroundings:
        """Those of a scenario's tasks."""
        makers: dict[str, Task] = {}
        for task in tasks:
            for step in task.steps:
                makers.setdefault(step.output, task)
        return cls(
            scenario=scenario,
            tensors={tensor.name: tensor for tensor in scenario.lower().tensors},
            makers=makers,
            nodes={node.name: node for node in scenario.network.nodes},
            shapes=scenario.network.shapes,
        )

    def node(self, task: Task) -> Node | None:
        """The layer of a task of the forward pass; None for gradients and updates, which have rules of their own."""
        backwards = any(word in task.name for word in (".backward", "gradient"))
        return None if backwards else self.nodes.get(task.layer)


def needs(task: Task, around: Surroundings) -> tuple[Need, ...]:
    """What must be ready before `task` can start, the parts of all its tensors in the order in which it names them."""
    found: dict[str, _Part] = {}
    main = task.steps[0]
    if isinstance(main.operation, TensorOperation):
        for name, part in _product_needs(task, main.operation, around):
            found[name] = part if name not in found else max(found[name], part, key=lambda each: each.fraction)
    else:
        found = {name: _vector_need(name, task, around) for name in main.inputs}
    made = {main.output}
    for step in task.steps[1:]:
        for name in step.inputs:
            if name not in made and name not in found:
                found[name] = _riding_need(step.operation, name, task, around)
        made.add(step.output)
    return tuple(
        Need(
            tensor=name,
            kind=part.kind,
            text=part.text,
            fraction=min(part.fraction, 1.0),
            needed_bytes=min(part.fraction, 1.0) * _bytes(around.tensors[name]),
        )
        for name, part in found.items()
    ) + _state_need(main.operation)


def _bytes(tensor: Tensor) -> float:
    return tensor.elements * tensor.bits / BITS_PER_BYTE


def _state_need(operation: TensorOperation | VectorOperation) -> tuple[Need, ...]:
    if not isinstance(operation, TensorOperation) or operation.input_role != "state":
        return ()
    held = operation.carried_bits or operation.input_elements * operation.input_bits
    text = "the state that the step before leaves; the first step's is given"
    return (Need(tensor="state", kind="state", text=text, needed_bytes=held / BITS_PER_BYTE, fraction=1.0),)


def _sample(around: Surroundings, why: str = "") -> _Part:
    """Everything of one sample."""
    batch = around.scenario.batch
    text = "everything" if batch == 1 else f"all of one sample of {batch}"
    return _Part("sample", f"{text}{f': {why}' if why else ''}", 1 / batch)


def _product_needs(task: Task, operation: TensorOperation, around: Surroundings) -> list[tuple[str, _Part]]:
    main, node = task.steps[0], around.node(task)
    source, factor = operands_of(main, around.tensors)
    cached = [name for name in main.inputs if around.tensors[name].role == "state"]
    found = [(name, _Part("cache", "the cache of one sequence, from before", 1 / around.scenario.batch)) for name in cached]
    if node is not None and isinstance(node.layer, Attention) and operation.weight_role != "weight":
        return [*found, *_attention_needs(task, operation, node.layer, source, factor, around)]
    if task.kind == "interaction" and node is not None:
        return [(name, _sample(around, "each vector meets every other")) for name in source]
    part = _source_part(task, operation, node, around)
    found += [(name, part) for name in source]
    if factor:
        text = "everything: each output sums over it" if operation.groups == 1 else f"all of one group of {operation.groups}"
        found += [(name, _Part("all", text, 1 / operation.groups)) for name in factor]
    return found


def _source_part(task: Task, operation: TensorOperation, node: Node | None, around: Surroundings) -> _Part:
    """The part of the input operand under the first output."""
    batch = around.scenario.batch
    axis = operation.height if operation.height.extent > 1 else operation.width
    if axis.extent > 1:
        rows = _first_window(axis)
        named = "row" if axis is operation.height else "step"
        of_one = "" if operation.n == 1 else f", the first sample of {operation.n}"
        if rows == axis.extent:
            return _Part("sample", f"all {count(rows, named)}{of_one}", 1 / operation.n)
        return _Part("rows", f"{rows} of {count(axis.extent, named)}{of_one}", rows / axis.extent / operation.n)
    if ".bwd." in task.name and operation.repeats == 1 and node is not None and operation.n > batch:
        return _sample(around, "it goes backwards from the last step")
    selected = next((each for name in (node.inputs if node is not None else ()) if (each := _selected(name, around))), None)
    if selected is not None and selected.layer.steps == "last":
        return _sample(around, "its input is the last step")
    if selected is not None:
        return _Part("step", f"the first of {count(selected.steps, 'step')}", 1 / selected.steps / batch)
    steps = operation.n // batch * operation.repeats
    if steps > 1:
        return _Part("step", f"1 of {steps} steps" + (f", {count(batch, 'sample')}" if batch > 1 else ""), 1 / steps / batch)
    return _sample(around)


@dataclass(frozen=True, slots=True)
class _Selected:
    """A layer that hands on one step of so many."""

    layer: Select
    steps: int


def _selected(name: str, around: Surroundings) -> _Selected | None:
    node = around.nodes.get(name)
    if node is None or not isinstance(node.layer, Select):
        return None
    shape = around.shapes[node.inputs[0]]
    return _Selected(node.layer, shape.steps if isinstance(shape, Steps) else 1)


def _first_window(axis: Axis) -> int:
    """Input positions, in order, up to the last one that the first output reads (the first one that reads any)."""
    return next((reads[-1] + 1 for reads in map(axis.reads, range(axis.outputs)) if reads), axis.extent)


def _attention_needs(
    task: Task,
    operation: TensorOperation,
    layer: Attention,
    source: tuple[str, ...],
    factor: tuple[str, ...],
    around: Surroundings,
) -> list[tuple[str, _Part]]:
    """Scores and weighted sums: one row of what streams, and every key or value of its sequence."""
    batch = around.scenario.batch
    scores = ".scores" in task.name
    keys = operation.n_group if scores else operation.k_group
    fresh = keys - layer.context
    memory = around.shapes[around.nodes[task.layer].inputs[-1]]
    steps = memory.steps if isinstance(memory, Steps) else 1
    what = "keys" if scores else "values"
    text = f"{what} of all {count(fresh, 'step')} of one sequence" if fresh < steps or steps > 1 else f"{what} of its own step"
    text = f"{what} of the first {fresh} of {steps} steps" if fresh < steps else text
    found = [(name, _Part("sample", text, min(fresh / steps, 1.0) / batch)) for name in factor]
    rows = sum(around.tensors[name].elements for name in source)
    one = operation.k_group / rows if rows else 1.0
    row = _Part("row", "one query" if scores else f"a row of {keys} weights", one)
    return found + [(name, row) for name in source if name not in factor]


def _riding_need(operation: TensorOperation | VectorOperation, name: str, task: Task, around: Surroundings) -> _Part:
    """What work on the stream of a product needs of its other operands, at first."""
    if operation.repeats > 1:
        return _Part("step", f"1 of {operation.repeats} steps", 1 / operation.repeats)
    if ".bwd." in task.name and around.node(task) is not None:
        return _sample(around, "it goes backwards from the last step")
    return _Part("element", "the same element", 1 / around.tensors[name].elements)


def _vector_need(name: str, task: Task, around: Surroundings) -> _Part:
    node, tensor = around.node(task), around.tensors[name]
    element = _Part("element", "the same element", 1 / tensor.elements)
    if node is None:
        if task.name.endswith("normalisation.backward"):
            return _Part("all", "everything: sums over the whole batch come first", 1.0)
        return element
    shape, batch = around.shapes[node.inputs[0]] if node.inputs else None, around.scenario.batch
    match node.layer:
        case Attention():
            maker = around.makers[name].operation
            keys = maker.n_group if maker is not None else 1
            return _Part("row", f"a row of {keys} scores", keys / tensor.elements)
        case Pool2d() if isinstance(shape, Image):
            return _pooled(node.layer.kernel[0] - node.layer.padding[0], shape.height, "row", batch)
        case Pool1d() if isinstance(shape, Steps):
            return _pooled(node.layer.kernel - before(node.layer.padding), shape.steps, "step", batch)
        case GlobalPool():
            return _sample(around, "it pools over the whole extent")
        case Resize(mode="linear" | "cubic") if isinstance(shape, Image):
            return _pooled(2 if node.layer.mode == "linear" else 4, shape.height, "row", batch)
        case Normalisation(method="layer" | "rms") | Softmax() if isinstance(shape, Steps):
            return _Part("row", f"1 of {shape.steps} steps, all its features", 1 / shape.steps / batch)
        case Normalisation(method="local_response") | Softmax() if isinstance(shape, Image):
            return _Part("row", "all channels of one position", shape.channels / tensor.elements)
        case Normalisation(method="layer" | "rms" | "group") | Softmax():
            return _sample(around, "its mean or sum comes first")
        case Embedding():
            return _Part("element", "one token id", 1 / tensor.elements)
        case _:
            return element


def _pooled(window: int, extent: int, named: str, batch: int) -> _Part:
    rows = min(max(window, 1), extent)
    of_one = "" if batch == 1 else f", the first sample of {batch}"
    return _Part("rows", f"{rows} of {count(extent, named)}{of_one}", rows / extent / batch)
