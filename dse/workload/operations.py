"""`TensorOperation` and `VectorOperation`: all that the cost model knows of a network.

A tensor operation is the loop nest ``G, N, K, C, P, Q, R, S`` (groups, batch, output channels, input channels, output
height and width, filter height and width) over three operands. A matrix multiply is the nest with P = Q = R = S = 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from dse.units import BITS_PER_BYTE, OPS_PER_MAC

Role = Literal["weight", "activation", "state", "gradient"]
"""What an operand or a tensor is: kept between batches, passed between layers, there before the run, or a gradient of weights."""

Gradient = Literal["result", "statistics", "largest", "operands", "linear", "handed_on"]
"""What the gradient of a vector operation asks for besides the gradient of its result.

``result``      the result itself: functions of one element, softmax, normalisation of rows
``statistics``  the result, twice: sums over the whole batch come before the gradient (batch normalisation)
``largest``     operands and result: a maximum goes back to where it came from
``operands``    the operands: a product
``linear``      nothing: a mean, a look-up
``handed_on``   nothing, not even work: a sum hands its gradient to every operand
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One spatial direction of a convolution: how output positions and filter taps meet input positions.

    Output position ``i`` and tap ``j`` read input position ``h`` where ``h * upsample = i * stride + j * dilation - padding``
    and ``0 <= h < extent``; positions outside are zero padding and are never loaded. ``upsample > 1`` is a transposed
    convolution, written as the convolution over the zero-stuffed input.

    `counted` is the number of (output, tap) pairs that count as multiplications where it is not that of a dense machine: the
    gradient of a convolution has the pairs of the convolution, however many zeros lie around what it reads.
    """

    outputs: int = 1
    taps: int = 1
    stride: int = 1
    dilation: int = 1
    upsample: int = 1
    padding: int = 0
    extent: int = 1
    counted: int | None = None

    def reads(self, output: int) -> tuple[int, ...]:
        """Input positions that one output position reads, ascending."""
        starts = (output * self.stride + tap * self.dilation - self.padding for tap in range(self.taps))
        return tuple(at // self.upsample for at in starts if at % self.upsample == 0 and 0 <= at // self.upsample < self.extent)

    @property
    def touched(self) -> int:
        """Input positions that at least one output reads: what compulsory traffic counts."""
        return _touched(self)

    @property
    def multiplies(self) -> int:
        """(output, tap) pairs that a dense machine multiplies: padding counts, stuffed zeros do not."""
        if self.counted is not None:
            return self.counted
        return self.outputs * self.taps if self.upsample == 1 else self.extent * self.taps

    @property
    def true_multiplies(self) -> int:
        """(output, tap) pairs that meet a real input position: padding does not count."""
        return _true_multiplies(self)


@lru_cache(maxsize=4096)
def _true_multiplies(axis: Axis) -> int:
    return sum(len(axis.reads(output)) for output in range(axis.outputs))


@lru_cache(maxsize=4096)
def _touched(axis: Axis) -> int:
    return len({position for output in range(axis.outputs) for position in axis.reads(output)})


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorOperation:
    """A multiply-accumulate loop nest with its operands' widths.

    ``k`` and ``c`` count all groups together; `groups` divides both. ``repeats`` = T runs the nest T times, one after the
    other, with the same weights (a recurrent step). ``accumulator_bits`` is the width at which partial sums leave the chip.
    `floating` products need floating-point multipliers. ``carried_bits`` are what a recurrent step hands to the next one
    (hidden state and cell): kept on chip, they spare the step its state input.
    """

    n: int = 1
    k: int = 1
    c: int = 1
    groups: int = 1
    height: Axis = Axis()
    width: Axis = Axis()
    input_bits: int = 8
    weight_bits: int = 8
    output_bits: int = 8
    accumulator_bits: int = 32
    input_role: Role = "activation"
    weight_role: Role = "weight"
    floating: bool = False
    repeats: int = 1
    carried_bits: int = 0

    def __post_init__(self) -> None:
        sizes = (self.n, self.k, self.c, self.groups, self.repeats, self.height.outputs, self.width.outputs)
        if min(sizes) < 1:
            raise ValueError(f"sizes of a tensor operation are at least 1: {self}")
        if self.k % self.groups or self.c % self.groups:
            raise ValueError(f"{self.groups} groups do not divide K={self.k} and C={self.c}")

    @property
    def m(self) -> int:
        """Rows of the equivalent matrix product, N·P·Q (one group, one repeat)."""
        return self.n * self.height.outputs * self.width.outputs

    @property
    def n_group(self) -> int:
        """Columns of the equivalent matrix product of one group, K/G."""
        return self.k // self.groups

    @property
    def k_group(self) -> int:
        """Reduction length of one group: C·R·S/G; a transposed convolution meets 1/upsample of its taps at each output."""
        taps = math.ceil(self.height.taps / self.height.upsample) * math.ceil(self.width.taps / self.width.upsample)
        return self.c // self.groups * taps

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all groups and repeats; multiplications with zero padding count."""
        return self.repeats * self.n * self.k * (self.c // self.groups) * self.height.multiplies * self.width.multiplies

    @property
    def true_macs(self) -> int:
        """Multiply-accumulates without those that multiply zero padding."""
        pairs = self.height.true_multiplies * self.width.true_multiplies
        return self.repeats * self.n * self.k * (self.c // self.groups) * pairs

    @property
    def ops(self) -> int:
        """Two operations a MAC."""
        return OPS_PER_MAC * self.macs

    @property
    def input_elements(self) -> int:
        """Input elements that are read at least once, one repeat."""
        return self.n * self.c * self.height.touched * self.width.touched

    @property
    def weight_elements(self) -> int:
        """Elements of the weight operand (the second factor where it is an activation)."""
        return self.k * (self.c // self.groups) * self.height.taps * self.width.taps

    @property
    def output_elements(self) -> int:
        """Output elements, one repeat."""
        return self.n * self.k * self.height.outputs * self.width.outputs

    @property
    def compulsory_bytes(self) -> int:
        """Each operand once: weights for all repeats together, inputs and outputs in each repeat."""
        activations = self.input_elements * self.input_bits + self.output_elements * self.output_bits
        bits = self.weight_elements * self.weight_bits + self.repeats * activations
        return -(-bits // BITS_PER_BYTE)

    def with_bits(self, *, input: int, weight: int, output: int, accumulator: int) -> TensorOperation:
        """The same nest with other element widths in bits."""
        return replace(self, input_bits=input, weight_bits=weight, output_bits=output, accumulator_bits=accumulator)


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorOperation:
    """Work without a matrix: pooling, normalisation, activation, softmax, element-wise, embedding look-up.

    ``read_bits`` and ``written_bits`` are what it must move off chip on its own. When `fused`, it works on the stream of the
    tensor operation before it, and those counts hold only operands that the stream does not carry (a residual input).
    `gradient` says what its backward pass needs.
    """

    elements: int
    ops_per_element: float
    read_bits: int = 0
    written_bits: int = 0
    fused: bool = False
    repeats: int = 1
    gradient: Gradient = "result"

    def __post_init__(self) -> None:
        if min(self.elements, self.ops_per_element, self.read_bits, self.written_bits) < 0 or self.repeats < 1:
            raise ValueError(f"sizes of a vector operation cannot be negative: {self}")

    @property
    def ops(self) -> float:
        """Operations on the vector unit, all repeats."""
        return self.repeats * self.elements * self.ops_per_element

    @property
    def bytes(self) -> int:
        """Off-chip bytes, all repeats."""
        return self.repeats * -(-(self.read_bits + self.written_bits) // BITS_PER_BYTE)


Operation = TensorOperation | VectorOperation


def Gemm(*, m: int, n: int, k: int, groups: int = 1, repeats: int = 1) -> TensorOperation:  # noqa: N802
    """The matrix product (m x k) @ (k x n), `groups` times side by side and `repeats` times with the same weights.

    >>> Gemm(m=64, n=4096, k=2048).macs
    536870912
    """
    return TensorOperation(n=m, k=n * groups, c=k * groups, groups=groups, repeats=repeats)


def Conv2d(  # noqa: N802
    *,
    n: int = 1,
    k: int,
    c: int,
    p: int,
    q: int,
    r: int,
    s: int,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
) -> TensorOperation:
    """A convolution by its output size p x q: N, K, C, P, Q, R, S with K and C over all groups.

    The input extent without padding is ``(p - 1)·stride + (r - 1)·dilation + 1 - 2·padding``: padding stands on both sides.

    >>> Conv2d(k=64, c=3, p=112, q=112, r=7, s=7, stride=2, padding=3).macs
    118013952
    """
    strides, pads, dilations = (_pair(value) for value in (stride, padding, dilation))
    axes = [
        Axis(
            outputs=out,
            taps=taps,
            stride=step,
            dilation=gap,
            padding=pad,
            extent=(out - 1) * step + (taps - 1) * gap + 1 - 2 * pad,
        )
        for out, taps, step, gap, pad in zip((p, q), (r, s), strides, dilations, pads, strict=True)
    ]
    if min(axis.extent for axis in axes) < 1:
        raise ValueError("padding leaves no input")
    return TensorOperation(n=n, k=k, c=c, groups=groups, height=axes[0], width=axes[1])


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value
