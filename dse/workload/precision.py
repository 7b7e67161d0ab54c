"""`Precision`: the number formats of a network's operands."""

from __future__ import annotations

from dataclasses import dataclass

from dse.units import FLOATING_FORMATS, FORMAT_BITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """Formats (keys of `FORMAT_BITS`) of weights, of activations and states, and of partial sums that leave the chip."""

    weights: str = "int8"
    activations: str = "int8"
    accumulators: str = "int32"

    @property
    def is_floating(self) -> bool:
        """Whether a product has a floating-point factor."""
        return not FLOATING_FORMATS.isdisjoint((self.weights, self.activations))

    @property
    def weight_bits(self) -> int:
        """Bits of a weight."""
        return FORMAT_BITS[self.weights]

    @property
    def activation_bits(self) -> int:
        """Bits of an activation or of a recurrent state."""
        return FORMAT_BITS[self.activations]

    @property
    def accumulator_bits(self) -> int:
        """Bits of a partial sum."""
        return FORMAT_BITS[self.accumulators]
