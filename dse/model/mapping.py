"""Cycles of an operation on an array of multiply-accumulate units, and the buffer accesses that its dataflow causes.

An array is ``rows x cols`` MAC units; ``cores`` of them work side by side. With M = N·P·Q, N' = K/G, K' = C·R·S/G:

===========================  ================================  ===================================
dataflow                     folds (per group)                 cycles of one fold
===========================  ================================  ===================================
weight stationary            ceil(K'/rows)·ceil(N'/cols)       2·rows + cols + M - 2
output stationary            ceil(M/rows)·ceil(N'/cols)        rows + cols + K' - 2
input stationary             ceil(K'/rows)·ceil(M/cols)        2·rows + cols + N' - 2
weight stationary, double    as weight stationary              max(M, rows); fill and drain once
dot product (NVDLA)          ceil(C/rows)·ceil(N'/cols)·R·S·M  1
ideal                        MACs / (rows·cols)                1
===========================  ================================  ===================================

The first three are SCALE-Sim's analytical equations (Samajdar et al., ISPASS 2020, eqs. 1-4) as its simulator runs them: an
operation takes ``folds·cycles - 1``. Double-buffered weights load behind the rows that stream through (TPU v1: Jouppi et al.,
ISCA 2017, section 2). The dot-product array is NVDLA's: C on rows, K on columns, an adder tree along the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dse.hardware.design import DATAFLOWS, FORMATS, Dataflow, FloatColumn, IntColumn
from dse.units import BITS_PER_BYTE, FLOATING_FORMATS, FORMAT_BITS
from dse.workload.operations import TensorOperation

SYSTOLIC: tuple[Dataflow, ...] = (
    "weight_stationary",
    "weight_stationary_double_buffered",
    "output_stationary",
    "input_stationary",
)
"""What ``best`` chooses from, operation by operation."""

_IS_FLOATING = np.array([name in FLOATING_FORMATS for name in FORMATS])


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrays:
    """Distinct arrays as columns, shape (arrays,); `dataflow` and `precision` are codes (see `Designs`)."""

    rows: IntColumn
    cols: IntColumn
    cores: IntColumn
    dataflow: IntColumn
    precision: IntColumn

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayTable:
    """What an array does with an operation; every column has shape (arrays, operations).

    ``cycles`` are of all repeats, and infinite for a floating-point product on integer multipliers; ``buffer_bytes`` cross
    between array and on-chip buffer (none, where the cycles are infinite); ``weight_fetch_factor`` is the bytes of whole
    ``rows x cols`` weight tiles over the bytes of the weights themselves; ``native_macs`` are the array's own multiplies (a wide
    product takes several narrow ones); ``first_tile_bytes`` fill the array once, before the first product.
    """

    cycles: FloatColumn
    buffer_bytes: FloatColumn
    weight_fetch_factor: FloatColumn
    native_macs: FloatColumn
    first_tile_bytes: FloatColumn


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shapes:
    """Operations as rows, shape (1, operations), to broadcast against columns of arrays."""

    m: IntColumn
    n: IntColumn
    k: IntColumn
    c: IntColumn
    taps: IntColumn
    groups: IntColumn
    repeats: IntColumn
    macs: FloatColumn
    input_bits: IntColumn
    weight_bits: IntColumn
    output_bits: IntColumn
    floating: IntColumn

    @classmethod
    def of(cls, operations: Sequence[TensorOperation]) -> _Shapes:
        def row(values: list[int]) -> IntColumn:
            return np.array(values, dtype=np.int64).reshape(1, -1)

        return cls(
            m=row([op.m for op in operations]),
            n=row([op.n_group for op in operations]),
            k=row([op.k_group for op in operations]),
            c=row([op.c // op.groups for op in operations]),
            taps=row([op.k_group // (op.c // op.groups) for op in operations]),
            groups=row([op.groups for op in operations]),
            repeats=row([op.repeats for op in operations]),
            macs=row([op.macs for op in operations]).astype(np.float64),
            input_bits=row([op.input_bits for op in operations]),
            weight_bits=row([op.weight_bits for op in operations]),
            output_bits=row([op.output_bits for op in operations]),
            floating=row([op.floating for op in operations]),
        )


def array_table(arrays: Arrays, operations: Sequence[TensorOperation]) -> ArrayTable:
    """Cycles, buffer traffic and tile rounding of every operation on every array (formulas: see the module)."""
    shapes = _Shapes.of(operations)
    size = (len(arrays), len(operations))
    table = ArrayTable(
        cycles=np.full(size, np.inf),
        buffer_bytes=np.zeros(size),
        weight_fetch_factor=np.ones(size),
        native_macs=np.zeros(size),
        first_tile_bytes=np.zeros(size),
    )
    for code, dataflow in enumerate(DATAFLOWS):
        chosen = np.flatnonzero(arrays.dataflow == code)
        if not len(chosen):
            continue
        rows, cols, cores = (column[chosen, None] for column in (arrays.rows, arrays.cols, arrays.cores))
        passes = _passes(arrays.precision[chosen], shapes)
        cannot = (shapes.floating > 0) & ~_IS_FLOATING[arrays.precision[chosen], None]
        for candidate in SYSTOLIC if dataflow == "best" else (dataflow,):
            cycles = _cycles(candidate, rows, cols, cores, shapes, passes) * shapes.repeats
            cycles[cannot] = np.inf
            better = cycles < table.cycles[chosen]
            buffer_bytes = _buffer_bytes(candidate, rows, cols, shapes)
            table.cycles[chosen] = np.where(better, cycles, table.cycles[chosen])
            table.buffer_bytes[chosen] = np.where(better, buffer_bytes, table.buffer_bytes[chosen])
        tiles = _ceil(shapes.k, rows) * rows * _ceil(shapes.n, cols) * cols
        table.weight_fetch_factor[chosen] = 1.0 if dataflow == "ideal" else tiles / (shapes.k * shapes.n)
        table.native_macs[chosen] = shapes.macs * passes
        held = np.minimum(rows, shapes.k) * np.minimum(cols, shapes.n)
        table.first_tile_bytes[chosen] = 0.0 if dataflow == "ideal" else held * shapes.weight_bits / BITS_PER_BYTE
    return table


def _ceil(size: IntColumn, part: IntColumn) -> IntColumn:
    return -(-size // part)


def _passes(precision: IntColumn, shapes: _Shapes) -> IntColumn:
    """Array passes that one product takes: an 8-bit array multiplies 8b x 16b in 2 and 16b x 16b in 4 (TPU v1, section 2)."""
    native = np.array([FORMAT_BITS[name] for name in FORMATS])[precision][:, None]
    return _ceil(shapes.input_bits, native) * _ceil(shapes.weight_bits, native)


def _cycles(dataflow: Dataflow, rows: IntColumn, cols: IntColumn, cores: IntColumn, s: _Shapes, passes: IntColumn) -> FloatColumn:
    """Cycles of one repeat, shape (arrays, operations); work is spread over cores in the cheapest of the ways below."""
    if dataflow == "ideal":
        return s.macs / s.repeats * passes / (rows * cols * cores)
    if dataflow == "dot_product":
        folds = s.groups * _ceil(s.c, rows) * s.taps * _ceil(s.n, cols) * s.m
        return (_ceil(folds, cores) * passes).astype(np.float64)
    folds = s.groups * _folds(dataflow, rows, cols, s)
    # Folds over cores; cores beyond the folds split the streamed rows M of a weight-stationary fold.
    cycles = _stream(dataflow, _ceil(folds, cores), np.maximum(cores // folds, 1), rows, cols, s, passes)
    if dataflow.startswith("weight_stationary"):
        cycles = np.minimum(cycles, _stream(dataflow, folds, cores, rows, cols, s, passes))
    return cycles.astype(np.float64)


def _folds(dataflow: Dataflow, rows: IntColumn, cols: IntColumn, s: _Shapes) -> IntColumn:
    if dataflow == "output_stationary":
        return _ceil(s.m, rows) * _ceil(s.n, cols)
    if dataflow == "input_stationary":
        return _ceil(s.k, rows) * _ceil(s.m, cols)
    return _ceil(s.k, rows) * _ceil(s.n, cols)


def _stream(
    dataflow: Dataflow,
    folds: IntColumn,
    m_parts: IntColumn,
    rows: IntColumn,
    cols: IntColumn,
    s: _Shapes,
    passes: IntColumn,
) -> IntColumn:
    """Cycles of `folds` folds on one core; with `m_parts` > 1 a weight-stationary fold streams its share of M only."""
    if dataflow == "output_stationary":
        return folds * (rows + cols + s.k * passes - 2) - 1
    if dataflow == "input_stationary":
        return folds * (2 * rows + cols + s.n * passes - 2) - 1
    m = _ceil(s.m, m_parts) * passes
    if dataflow == "weight_stationary":
        return folds * (2 * rows + cols + m - 2) - 1
    return folds * np.maximum(m, rows) + rows + cols - 2


def _buffer_bytes(dataflow: Dataflow, rows: IntColumn, cols: IntColumn, s: _Shapes) -> FloatColumn:
    """Bytes between buffer and array: what the array does not hold is read once for each fold that needs it.

    Finished outputs cross once. Partial sums of several row blocks turn round in accumulators beside the array (TPU v1's 4 MiB,
    NVDLA's CACC), whose energy is in that of the MAC unit: its figures come from whole chips.
    """
    inputs = (s.m * s.k * s.groups * s.input_bits).astype(np.float64)
    weights = (s.k * s.n * s.groups * s.weight_bits).astype(np.float64)
    finished = (s.m * s.n * s.groups * s.output_bits).astype(np.float64)
    if dataflow == "ideal":
        bits = inputs + weights + finished
    elif dataflow == "output_stationary":
        bits = inputs * _ceil(s.n, cols) + weights * _ceil(s.m, rows) + finished
    elif dataflow == "input_stationary":
        bits = inputs + weights * _ceil(s.m, cols) + finished
    else:
        bits = inputs * _ceil(s.n, cols) + weights + finished
    return bits * s.repeats / BITS_PER_BYTE
