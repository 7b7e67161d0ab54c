"""A training step: the forward pass, the backward pass (recomputing what checkpointing did not keep), and the update.

The forward pass is that of inference, batch normalisation included: its statistics are gathered on the stream that it rides on.
The update is one vector operation over all weights, and over the rows of embedding tables that the batch touched: a sparse
update, which leaves the states of all other rows as they are (for Adam the lazy variant, as PyTorch's SparseAdam).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from dse.units import OPS_PER_MAC
from dse.workload.backward import BackwardPass, backward, states_of
from dse.workload.checkpointing import layer_starts, recomputed
from dse.workload.layers import Embedding
from dse.workload.memory import Memory, peak_memory
from dse.workload.network import Lowered, Network, Step, Tensor
from dse.workload.operations import TensorOperation, VectorOperation
from dse.workload.phases import Every, Optimiser, Training, Within, sqrt_interval
from dse.workload.precision import Precision
from dse.workload.products import Learned

UPDATE = "update"
"""Name of the last step of a training step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What checkpointing came to: the interval of checkpoints in layers (None: everything is kept), and the memory it takes.

    `fits` is whether that is within the limit that was set, if one was.
    """

    every: int | None
    memory: Memory
    fits: bool


def lower_training(network: Network, batch: int, precision: Precision, training: Training) -> Lowered:
    """The steps and tensors of one training step. Equal calls share one result."""
    return _lower(network, batch, precision, training.update, plan(network, batch, precision, training).every)


@lru_cache(maxsize=128)
def plan(network: Network, batch: int, precision: Precision, training: Training) -> Plan:
    """How `training` places its checkpoints.

    Within a limit, the interval that recomputes least of those that fit; if none fits, that of least memory.
    """
    layers = number_of_layers(network)
    match training.checkpointing:
        case None:
            every = None
        case "sqrt":
            every = sqrt_interval(layers)
        case Every(layers=wanted):
            every = min(wanted, layers)
        case Within(limit_bytes=limit):
            return _within(network, batch, precision, training.update, limit)
    return Plan(every=every, memory=_memory(network, batch, precision, training.update, every), fits=True)


@lru_cache(maxsize=128)
def number_of_layers(network: Network) -> int:
    """Layers that checkpoints can stand between."""
    return len(layer_starts(network.lower().steps))


def _within(network: Network, batch: int, precision: Precision, optimiser: Optimiser, limit_bytes: float) -> Plan:
    layers = number_of_layers(network)
    # One interval, the smallest, for each number of segments; it has the shortest of them.
    intervals = sorted({-(-layers // segments) for segments in range(2, layers + 1)})
    plans = [
        (work, plan) for every in (None, *intervals) for work, plan in [_option(network, batch, precision, optimiser, every)]
    ]
    fitting = [(work, found.memory.total_bytes, found) for work, found in plans if found.memory.total_bytes <= limit_bytes]
    if fitting:
        return min(fitting, key=lambda option: option[:2])[2]
    return replace(min(plans, key=lambda option: (option[1].memory.total_bytes, option[0]))[1], fits=False)


def _option(network: Network, batch: int, precision: Precision, optimiser: Optimiser, every: int | None) -> tuple[float, Plan]:
    """Operations of a training step with an interval, and what it comes to."""
    steps = _lower(network, batch, precision, optimiser, every).steps
    work = sum(_ops(step) for step in steps)
    return work, Plan(every=every, memory=_memory(network, batch, precision, optimiser, every), fits=True)


def _ops(step: Step) -> float:
    return OPS_PER_MAC * step.operation.macs if isinstance(step.operation, TensorOperation) else step.operation.ops


def _memory(network: Network, batch: int, precision: Precision, optimiser: Optimiser, every: int | None) -> Memory:
    return peak_memory(network, precision, _lower(network, batch, precision, optimiser, every), optimiser)


@lru_cache(maxsize=64)
def _passes(network: Network, batch: int, precision: Precision) -> tuple[Lowered, BackwardPass]:
    forward = network.lower(batch, precision)
    embeddings = {node.name: node.layer for node in network.nodes if isinstance(node.layer, Embedding | Learned)}
    return Lowered(steps=forward.steps, tensors=_kept(forward)), backward(forward, embeddings)


@lru_cache(maxsize=256)
def _lower(network: Network, batch: int, precision: Precision, optimiser: Optimiser, every: int | None) -> Lowered:
    forward, back = _passes(network, batch, precision)
    if every is None:
        steps = (*forward.steps, *(entry.step for entry in back.steps))
        both = Lowered(steps=steps, tensors=(*forward.tensors, *back.tensors))
    else:
        both = recomputed(forward, back, every)
    gradients = [tensor for tensor in back.tensors if tensor.role == "gradient"]
    if not gradients:
        return both
    weights = Tensor(name="weights", elements=network.parameters, bits=precision.weight_bits, role="weight")
    return Lowered(steps=(*both.steps, _update(gradients, optimiser)), tensors=(*both.tensors, weights))


def _update(gradients: Iterable[Tensor], optimiser: Optimiser) -> Step:
    """Every weight that has a gradient goes by the optimiser's rule."""
    gradients = tuple(gradients)
    operation = VectorOperation(
        elements=sum(tensor.elements for tensor in gradients),
        ops_per_element=optimiser.ops,
        read_bits=sum(tensor.elements * optimiser.read_bits(tensor.bits) for tensor in gradients),
        written_bits=sum(tensor.elements * optimiser.written_bits(tensor.bits) for tensor in gradients),
    )
    inputs = tuple(tensor.name for tensor in gradients)
    return Step(name=UPDATE, layer=UPDATE, kind=UPDATE, operation=operation, inputs=inputs, output="weights")


def _kept(forward: Lowered) -> tuple[Tensor, ...]:
    """The tensors, with what a recurrence keeps for its way back: gates and states of every step, not of one or the last."""
    sizes: dict[str, int] = {}
    for step, after in zip(forward.steps, (*forward.steps[1:], None), strict=True):
        operation = step.operation
        if not isinstance(operation, TensorOperation):
            continue
        size = operation.output_elements * operation.repeats
        if operation.input_role == "state":
            gates = after.operation if after is not None else None
            assert isinstance(gates, VectorOperation)
            assert after is not None
            size = operation.repeats * gates.elements * states_of(after)
        if operation.repeats > 1 or operation.input_role == "state":
            sizes[step.output] = max(size, sizes.get(step.output, 0))
    return tuple(replace(tensor, elements=max(tensor.elements, sizes.get(tensor.name, 0))) for tensor in forward.tensors)
