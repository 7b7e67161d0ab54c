"""Off-chip memory that a scenario needs, by kind.

weights      all matrices and filters, once
tables       embedding tables, whole
gradients    of all weights, and of the rows of tables that are touched: they are there from the backward pass to the update, and
             frameworks hold their place for the whole step
optimiser    states and master copies (`dse.workload.phases`), of whole tables too
activations  tensors alive at the fullest step, gradients of activations among them: from the step that makes a tensor, or from
             the start for what the network is given, to its last use
states       what is there before the first step (KV caches)

Each kind at its own peak: the sum is what must be installed, and at most what a perfect allocator would need plus the gradients.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

from dse.units import BITS_PER_BYTE, FORMAT_BITS
from dse.workload.network import Lowered, Network
from dse.workload.operations import TensorOperation
from dse.workload.phases import Optimiser, Training
from dse.workload.precision import Precision

if TYPE_CHECKING:
    from dse.workload.workload import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes of off-chip memory by kind (see the module)."""

    weights_bytes: int
    tables_bytes: int
    gradients_bytes: int
    optimiser_bytes: int
    activations_bytes: int
    states_bytes: int

    @property
    def kinds(self) -> tuple[tuple[str, int], ...]:
        """Kind and bytes, in a fixed order."""
        return (
            ("weights", self.weights_bytes),
            ("tables", self.tables_bytes),
            ("gradients", self.gradients_bytes),
            ("optimiser", self.optimiser_bytes),
            ("activations", self.activations_bytes),
            ("states", self.states_bytes),
        )

    @property
    def total_bytes(self) -> int:
        """All kinds together."""
        return sum(size for _, size in self.kinds)


def peak_memory(network: Network, precision: Precision, lowered: Lowered, optimiser: Optimiser | None = None) -> Memory:
    """Memory of a lowered network; in a training step `optimiser` is what updates its weights."""
    whole = network.lower(1, precision)
    weights = [
        (step.operation.weight_elements, step.operation.weight_bits)
        for step in whole.steps
        if isinstance(step.operation, TensorOperation) and step.operation.weight_role == "weight"
    ]
    tables = [(network.embedding_parameters, FORMAT_BITS[precision.weights])]
    kept = 0 if optimiser is None else sum(count * optimiser.kept_bits(bits) for count, bits in (*weights, *tables))
    return Memory(
        weights_bytes=_bytes(whole.idle_bits + sum(count * bits for count, bits in weights)),
        tables_bytes=_bytes(sum(count * bits for count, bits in tables)),
        gradients_bytes=_bytes(_held_bits(lowered, "gradient")),
        optimiser_bytes=_bytes(kept),
        activations_bytes=_bytes(_peak_activation_bits(lowered)),
        states_bytes=_bytes(_held_bits(lowered, "state")),
    )


@lru_cache(maxsize=256)
def scenario_memory(scenario: Scenario) -> Memory:
    """Memory that a scenario needs, by kind. Equal calls share one result."""
    return _memory(scenario, scenario.lower())


def dram_bytes_needed(scenario: Scenario, lowered: Lowered) -> int:
    """Off-chip memory that a scenario needs at least, in bytes."""
    return _memory(scenario, lowered).total_bytes


def _memory(scenario: Scenario, lowered: Lowered) -> Memory:
    optimiser = scenario.phase.update if isinstance(scenario.phase, Training) else None
    return peak_memory(scenario.network, scenario.precision, lowered, optimiser)


def _held_bits(lowered: Lowered, role: str) -> int:
    return sum(tensor.elements * tensor.bits for tensor in lowered.tensors if tensor.role == role)


def _peak_activation_bits(lowered: Lowered) -> int:
    made = {step.output: index for index, step in reversed(list(enumerate(lowered.steps)))}
    used = {name: index for index, step in enumerate(lowered.steps) for name in (*step.inputs, step.output)}
    change = [0] * (len(lowered.steps) + 1)
    for tensor in lowered.tensors:
        if tensor.role == "activation" and tensor.name in used:
            change[made.get(tensor.name, 0)] += tensor.elements * tensor.bits
            change[used[tensor.name] + 1] -= tensor.elements * tensor.bits
    return max(accumulate(change))


def _bytes(bits: int) -> int:
    return -(-bits // BITS_PER_BYTE)
