"""Tensor operations as rows of columns, to broadcast against columns of arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dse.hardware.design import FloatColumn, IntColumn
from dse.workload.operations import Axis, TensorOperation


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """One axis of the operations, shape (1, operations).

    ``outputs`` and ``taps`` are those whose products are all of ``multiplies``: a transposed convolution meets 1/upsample of its
    taps at each output. ``true_multiplies`` leave out the padding. ``stride`` and ``dilation`` count stuffed positions, of which
    one in ``upsample`` is real.
    """

    outputs: IntColumn
    taps: IntColumn
    stride: IntColumn
    dilation: IntColumn
    upsample: IntColumn
    multiplies: IntColumn
    true_multiplies: IntColumn

    @classmethod
    def of(cls, axes: Sequence[Axis]) -> Rows:
        """The columns of one axis of each operation."""
        taps = [-(-axis.taps // axis.upsample) for axis in axes]
        return cls(
            outputs=_row([-(-axis.multiplies // tap) for axis, tap in zip(axes, taps, strict=True)]),
            taps=_row(taps),
            stride=_row([axis.stride for axis in axes]),
            dilation=_row([axis.dilation for axis in axes]),
            upsample=_row([axis.upsample for axis in axes]),
            multiplies=_row([axis.multiplies for axis in axes]),
            true_multiplies=_row([axis.true_multiplies for axis in axes]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Nests:
    """Operations as rows, shape (1, operations): M, N' and K' of the equivalent product of one group, and the nest's own sizes.

    ``m``, ``n``, ``k`` are of one repeat and one group, ``c`` the channels of one group, ``taps`` the filter's. ``macs`` and
    ``true_macs`` (without padding) are of one repeat, all groups.
    """

    batch: IntColumn
    m: IntColumn
    n: IntColumn
    k: IntColumn
    c: IntColumn
    taps: IntColumn
    groups: IntColumn
    repeats: IntColumn
    height: Rows
    width: Rows
    macs: FloatColumn
    true_macs: FloatColumn
    input_bits: IntColumn
    weight_bits: IntColumn
    output_bits: IntColumn
    accumulator_bits: IntColumn
    floating: IntColumn

    @classmethod
    def of(cls, operations: Sequence[TensorOperation]) -> Nests:
        """The columns of operations, in their order."""

        def row(value: Callable[[TensorOperation], int]) -> IntColumn:
            return _row([value(op) for op in operations])

        return cls(
            batch=row(lambda op: op.n),
            m=row(lambda op: op.m),
            n=row(lambda op: op.n_group),
            k=row(lambda op: op.k_group),
            c=row(lambda op: op.c // op.groups),
            taps=row(lambda op: op.k_group // (op.c // op.groups)),
            groups=row(lambda op: op.groups),
            repeats=row(lambda op: op.repeats),
            height=Rows.of([op.height for op in operations]),
            width=Rows.of([op.width for op in operations]),
            macs=row(lambda op: op.macs // op.repeats).astype(np.float64),
            true_macs=row(lambda op: op.true_macs // op.repeats).astype(np.float64),
            input_bits=row(lambda op: op.input_bits),
            weight_bits=row(lambda op: op.weight_bits),
            output_bits=row(lambda op: op.output_bits),
            accumulator_bits=row(lambda op: op.accumulator_bits),
            floating=row(lambda op: op.floating),
        )


def _row(values: Sequence[int]) -> IntColumn:
    return np.array(values, dtype=np.int64).reshape(1, -1)


def ceil(size: IntColumn, part: IntColumn) -> IntColumn:
    """Whole parts that cover a size."""
    return -(-size // part)
