"""Phases: inference, or a training step with its optimiser and what it keeps of the forward pass.

A training step is the forward pass, the backward pass (`dse.workload.backward`) and the update of the weights. An `Optimiser`
says what the update costs for each weight:

========  =====================================  ======  =======================================================
sgd       w -= a·g                               2 ops   no state
momentum  v = m·v + g;  w -= a·v                 4 ops   the velocity v
adam      m, v: running means of g and g²;       13 ops  m and v (Kingma and Ba, "Adam: A Method for Stochastic
          w -= a·m / (sqrt(v) + e)                       Optimization", ICLR 2015, algorithm 1 in the order of the
                                                         end of section 2, which folds the bias corrections into a)
========  =====================================  ======  =======================================================

States are fp32. Where weights are narrower, the update works on a master copy in fp32 and writes the narrow weight for the next
forward pass, and gradients are as wide as the weights (Micikevicius et al., "Mixed Precision Training", ICLR 2018, section 3.1).
With Adam and 16-bit weights that makes 2 + 2 + 4 + 4 + 4 = 16 bytes a weight (Rajbhandari et al., "ZeRO", SC 2020, section 3.1).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

OptimiserName = Literal["sgd", "momentum", "adam"]

MASTER_BITS = 32
"""Width of master copies and of optimiser states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimiser:
    """What an update takes for each weight: `states` numbers that it keeps, and `ops` (see the module)."""

    states: int
    ops: int

    def kept_bits(self, weight_bits: int) -> int:
        """Bits that are kept for each weight besides the weight itself: its states, and its master copy if it is narrow."""
        return MASTER_BITS * (self.states + _is_narrow(weight_bits))

    def read_bits(self, weight_bits: int) -> int:
        """Bits that the update of one weight reads: gradient, states, and the weight (its master copy if it is narrow)."""
        return weight_bits + MASTER_BITS * self.states + max(weight_bits, MASTER_BITS)

    def written_bits(self, weight_bits: int) -> int:
        """Bits that the update of one weight writes: states and weight, and its narrow copy."""
        return weight_bits + self.kept_bits(weight_bits)


def _is_narrow(weight_bits: int) -> bool:
    return weight_bits < MASTER_BITS


OPTIMISERS: Mapping[OptimiserName, Optimiser] = {
    "sgd": Optimiser(states=0, ops=2),
    "momentum": Optimiser(states=1, ops=4),
    # m: two products and a sum; v: the square and the same; then square root, + e, 1/x, two products and the difference.
    "adam": Optimiser(states=2, ops=13),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """Keep what every `layers`-th layer makes."""

    layers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """Keep as much as fits `limit_bytes` of memory together with weights, gradients and optimiser state."""

    limit_bytes: float


Checkpointing = Every | Within | Literal["sqrt"] | None
"""What is kept of the forward pass; the rest is recomputed. None keeps all that the backward pass reads."""


def sqrt_interval(layers: int) -> int:
    """ceil(sqrt(L)): the interval of least memory for L equal layers.

    Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016, arXiv:1604.06174, section 4.1.

    >>> sqrt_interval(16), sqrt_interval(17)
    (4, 5)
    """
    return math.isqrt(max(layers, 1) - 1) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """The network as it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """One training step on a batch: forward, backward, update."""

    optimiser: OptimiserName = "sgd"
    checkpointing: Checkpointing = None

    @property
    def update(self) -> Optimiser:
        """What its optimiser costs."""
        return OPTIMISERS[self.optimiser]


Phase = Inference | Training
