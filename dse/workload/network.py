"""`Network`: named layers in execution order, and `Lowered`: the steps and tensors that they become for a batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType

from dse.workload.layers import Embedding
from dse.workload.operations import Operation, Role, TensorOperation, VectorOperation
from dse.workload.parts import Layer, Part
from dse.workload.precision import Precision
from dse.workload.products import Learned
from dse.workload.shapes import Shape, Tokens

INPUT = "input"
"""Name of what a network is given."""

TOKEN_BITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """Numbers that steps hand to each other, for the whole batch; a "state" is there before the first step (a KV cache)."""

    name: str
    elements: int
    bits: int
    role: Role = "activation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One operation of a network in its place.

    `name` is "res2.1.conv1", or "lstm.1.recurrent" for a part of a layer; `inputs` and `output` name tensors. A step whose
    output is also among its inputs changes that tensor in place. The state that a recurrent step reads back is no tensor.
    """

    name: str
    layer: str
    kind: str
    operation: Operation
    inputs: tuple[str, ...]
    output: str


def operands_of(step: Step, tensors: Mapping[str, Tensor]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the tensors of a tensor operation's input, and of its second factor where that is no weight.

    A step names the input's tensors first; where they are enough for both (queries and keys in one tensor, a feature
    interaction), they are both. States and the tensor that the step writes into are no operands.
    """
    assert isinstance(step.operation, TensorOperation)
    names = tuple(name for name in step.inputs if tensors[name].role == "activation" and name != step.output)
    if step.operation.weight_role == "weight":
        return names, ()
    elements, count = 0, 0
    while count < len(names) and elements < step.operation.input_elements:
        elements += tensors[names[count]].elements
        count += 1
    return names[:count], names[count:] or names


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowered:
    """Steps in execution order and the tensors between them; `idle_weights` are held and not read, `idle_bits` in all."""

    steps: tuple[Step, ...]
    tensors: tuple[Tensor, ...]
    idle_weights: int = 0
    idle_bits: int = 0

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all steps."""
        return sum(step.operation.macs for step in self.steps if isinstance(step.operation, TensorOperation))


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A layer in a network: its full name, the names of what it reads ("input" or earlier nodes), and settings of its own.

    `precision` holds the fields of `Precision` that this layer sets otherwise, by name. It holds for what the layer reads as
    well as for what it writes.
    """

    name: str
    layer: Layer
    inputs: tuple[str, ...]
    precision: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Layers in execution order; blocks that repeat are written out.

    `input` is the shape of one sample, and `inputs` are the names and shapes of whatever else a sample has.
    """

    name: str
    title: str = ""
    source: str = ""
    notes: str = ""
    input: Shape
    inputs: tuple[tuple[str, Shape], ...] = ()
    nodes: tuple[Node, ...]
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Networks are keys of caches: hashing hundreds of nodes at each look-up would cost more than the look-up saves.
        object.__setattr__(self, "_hash", hash((self.name, self.input, self.inputs, self.nodes)))

    def __hash__(self) -> int:
        return self._hash

    @property
    def shapes(self) -> Mapping[str, Shape]:
        """Name -> shape of one sample, of the input and of every node. Raises `ShapeError` where the layers do not fit."""
        return _shapes(self)

    def lower(self, batch: int = 1, precision: Precision | None = None) -> Lowered:
        """The steps and tensors of this network for a batch; the default precision is int8. Equal calls share one result."""
        return _lower(self, batch, precision or Precision())

    def macs(self, batch: int = 1) -> int:
        """Multiply-accumulates of one run; multiplications with zero padding count."""
        return self.lower(batch).macs

    @property
    def parameters(self) -> int:
        """Weights of matrices and filters, without biases, normalisations and embeddings."""
        lowered = self.lower()
        return lowered.idle_weights + sum(
            step.operation.weight_elements
            for step in lowered.steps
            if isinstance(step.operation, TensorOperation) and step.operation.weight_role == "weight"
        )

    @property
    def embedding_parameters(self) -> int:
        """Numbers in the tables of embeddings, and in learned tensors that are no matrix."""
        return sum(node.layer.parameters for node in self.nodes if isinstance(node.layer, Embedding | Learned))


@lru_cache(maxsize=256)
def _shapes(network: Network) -> Mapping[str, Shape]:
    shapes: dict[str, Shape] = {INPUT: network.input, **dict(network.inputs)}
    for node in network.nodes:
        shapes[node.name] = node.layer.output(tuple(shapes[name] for name in node.inputs))
    return MappingProxyType(shapes)


@lru_cache(maxsize=512)
def _lower(network: Network, batch: int, precision: Precision) -> Lowered:
    lowering = _NetworkLowering(network, batch, precision)
    for node in network.nodes:
        lowering.add(node)
    return Lowered(
        steps=tuple(lowering.steps),
        tensors=tuple(lowering.tensors.values()),
        idle_weights=lowering.idle_weights,
        idle_bits=lowering.idle_bits,
    )


class _NetworkLowering:
    """The steps so far, and which tensors hold the result of each node."""

    def __init__(self, network: Network, batch: int, precision: Precision) -> None:
        inputs = {INPUT: network.input, **dict(network.inputs)}
        self.steps: list[Step] = []
        self.tensors: dict[str, Tensor] = {
            name: Tensor(
                name=name,
                elements=batch * shape.elements,
                bits=TOKEN_BITS if isinstance(shape, Tokens) else precision.activation_bits,
            )
            for name, shape in inputs.items()
        }
        self.idle_weights = 0
        self.idle_bits = 0
        self._batch = batch
        self._precision = precision
        self._shapes = network.shapes
        self._results: dict[str, tuple[str, ...]] = {name: (name,) for name in inputs}
        self._rearranged: dict[str, str] = {}
        self._readers = Counter(name for node in network.nodes for name in node.inputs)

    def add(self, node: Node) -> None:
        """Append the steps of a node."""
        precision = replace(self._precision, **dict(node.precision)) if node.precision else self._precision
        operands = [self._results[name] for name in node.inputs]
        lowered = node.layer.lower(tuple(self._shapes[name] for name in node.inputs), self._batch, precision)
        self.idle_weights += lowered.idle_weights
        self.idle_bits += lowered.idle_weights * precision.weight_bits
        local: dict[int | str, tuple[str, ...]] = dict(enumerate(operands))
        for part in lowered.parts:
            step = self._streamed(node, part, operands, precision) if part.streaming else None
            step = step or self._step(node, part, local, precision)
            local[part.writes] = (step.output,)
            self.steps.append(step)
        if not lowered.parts and len(node.inputs) == 1:
            self._rearranged[node.name] = node.inputs[0]
        self._results[node.name] = _flat(local[name] for name in lowered.result)

    def _step(self, node: Node, part: Part, local: Mapping[int | str, tuple[str, ...]], precision: Precision) -> Step:
        output = _join(node.name, part.writes)
        inputs = _flat(local[name] for name in part.reads)
        self.tensors.setdefault(output, Tensor(name=output, elements=part.elements, bits=precision.activation_bits))
        if part.state is not None:
            name, elements = _join(node.name, part.state[0]), part.state[1]
            self.tensors[name] = Tensor(name=name, elements=elements, bits=precision.activation_bits, role="state")
            inputs = (*inputs, name)
        return Step(
            name=_join(node.name, part.name),
            layer=node.name,
            kind=node.layer.kind,
            operation=part.operation,
            inputs=inputs,
            output=output,
        )

    def _streamed(self, node: Node, part: Part, operands: list[tuple[str, ...]], precision: Precision) -> Step | None:
        """The part on the stream of the step before it, or None where that step does not make one of its inputs.

        It then reads its other inputs alone, and writes in place unless others read what the step before made.
        """
        previous = self.steps[-1] if self.steps else None
        if previous is None or not isinstance(part.operation, VectorOperation) or not _makes_stream(previous):
            return None
        sizes = [self._batch * self._shapes[name].elements for name in node.inputs]
        carried = [operand == (previous.output,) for operand in operands]
        if not any(carried) or self.tensors[previous.output].elements != sizes[carried.index(True)]:
            return None
        source = node.inputs[carried.index(True)]
        in_place = self._is_sole_reader(source, previous.layer) and part.elements == sizes[carried.index(True)]
        others = sum(size for size, streams in zip(sizes, carried, strict=True) if not streams)
        bits = precision.activation_bits
        operation = replace(
            part.operation, fused=True, read_bits=others * bits, written_bits=0 if in_place else part.elements * bits
        )
        output = previous.output if in_place else node.name
        self.tensors.setdefault(output, Tensor(name=output, elements=part.elements, bits=bits))
        return Step(
            name=node.name, layer=node.name, kind=node.layer.kind, operation=operation, inputs=_flat(operands), output=output
        )

    def _is_sole_reader(self, source: str, maker: str) -> bool:
        """Whether `source` is what node `maker` made, itself or rearranged, and nothing else reads it on the way."""
        while self._readers[source] == 1 and source != maker and source in self._rearranged:
            source = self._rearranged[source]
        return self._readers[source] == 1 and source == maker


def _makes_stream(step: Step) -> bool:
    return isinstance(step.operation, TensorOperation) or step.operation.fused


def _join(node: str, local: str) -> str:
    return f"{node}.{local}" if local else node


def _flat(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for group in groups for name in group))
