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
ideal, on output tiles       see `dse.model.tiled`
row stationary (Eyeriss)     see `dse.model.row_stationary`
===========================  ================================  ===================================

The first three are SCALE-Sim's analytical equations (Samajdar et al., ISPASS 2020, eqs. 1-4) as its simulator runs them: an
operation takes ``folds·cycles - 1``. Double-buffered weights load behind the rows that stream through (TPU v1: Jouppi et al.,
ISCA 2017, section 2). The dot-product array is NVDLA's: C on rows, K on columns, an adder tree along the rows; an
operation takes no less than what crosses its edges, rows + 2·cols numbers a cycle (a product of few rows waits for its weights).

Folds of all groups are spread over cores. To give whole groups to cores is never better: ceil(G/cores)·F folds of one core are
a whole number of at least G·F/cores, so at least ceil(G·F/cores). Cores beyond the folds share what streams past a stationary
operand: the rows M of a weight-stationary fold, the columns N' of an input-stationary one. An output-stationary fold streams the
reduction, whose parts would have to be added between cores: there further cores stay idle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dse.hardware.design import DATAFLOWS, FORMATS, SKIPS_PADDING, BoolColumn, Dataflow, FloatColumn, IntColumn
from dse.hardware.tiling import Tiling
from dse.model import row_stationary
from dse.model.nests import Nests, ceil
from dse.model.tiled import Tiled, tiled
from dse.units import BITS_PER_BYTE, FLOATING_FORMATS, FORMAT_BITS
from dse.workload.operations import TensorOperation

SYSTOLIC: tuple[Dataflow, ...] = (
    "weight_stationary",
    "weight_stationary_double_buffered",
    "output_stationary",
    "input_stationary",
)
"""What ``best`` chooses from, operation by operation."""

_NATIVE_BITS = np.array([FORMAT_BITS[name] for name in FORMATS])
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


def array_table(
    arrays: Arrays, operations: Sequence[TensorOperation], *, skip_padding: bool = False, tiling: Tiling | None = None
) -> ArrayTable:
    """Cycles, buffer traffic and tile rounding of every operation on every array (formulas: see the module).

    With `skip_padding` the dataflows of `SKIPS_PADDING` leave out multiplications with the zeros around a map. Of a machine with
    output tiles, `tiling`, ideal arrays work on those (`dse.model.tiled`).
    """
    shapes = Nests.of(operations)
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
        native_bits = _NATIVE_BITS[arrays.precision[chosen]][:, None]
        core = Core(rows=rows, cols=cols, cores=cores, native_bits=native_bits, passes=passes_of(native_bits, shapes))
        cannot = (shapes.floating > 0) & ~_IS_FLOATING[arrays.precision[chosen], None]
        if dataflow == "ideal" and tiling is not None:
            _fill_tiled(table, chosen, tiled(rows * cols, cores, core.passes, shapes, tiling), core, shapes, cannot)
            continue
        for candidate in SYSTOLIC if dataflow == "best" else (dataflow,):
            skips = skip_padding and candidate in SKIPS_PADDING
            cycles = cycles_of(candidate, core, shapes, skip_padding=skips) * shapes.repeats
            cycles[cannot] = np.inf
            better = cycles < table.cycles[chosen]
            buffer_bytes = _buffer_bytes(candidate, rows, cols, shapes) * shapes.repeats
            table.cycles[chosen] = np.where(better, cycles, table.cycles[chosen])
            table.buffer_bytes[chosen] = np.where(better, buffer_bytes, table.buffer_bytes[chosen])
        macs = shapes.true_macs if skip_padding and dataflow in SKIPS_PADDING else shapes.macs
        table.native_macs[chosen] = macs * shapes.repeats * core.passes
        table.weight_fetch_factor[chosen] = _weight_fetch_factor(dataflow, rows, cols, shapes)
        table.first_tile_bytes[chosen] = _first_weights(dataflow, rows, cols, shapes) * shapes.weight_bits / BITS_PER_BYTE
    return table


def _fill_tiled(table: ArrayTable, chosen: IntColumn, found: Tiled, core: Core, shapes: Nests, cannot: BoolColumn) -> None:
    """The rows of machines that work on output tiles; no weights wait for a first tile, and none are rounded to whole ones."""
    table.cycles[chosen] = np.where(cannot, np.inf, found.cycles * shapes.repeats)
    table.buffer_bytes[chosen] = np.where(cannot, 0.0, found.buffer_bytes * shapes.repeats)
    table.native_macs[chosen] = found.products * shapes.repeats * core.passes


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """Arrays as columns, shape (arrays, 1); `passes`, shape (arrays, operations), are those that one product takes."""

    rows: IntColumn
    cols: IntColumn
    cores: IntColumn
    native_bits: IntColumn
    passes: IntColumn


def passes_of(native_bits: IntColumn, shapes: Nests) -> IntColumn:
    """Array passes that one product takes: an 8-bit array multiplies 8b x 16b in 2 and 16b x 16b in 4 (TPU v1, section 2)."""
    return ceil(shapes.input_bits, native_bits) * ceil(shapes.weight_bits, native_bits)


def _weight_fetch_factor(dataflow: Dataflow, rows: IntColumn, cols: IntColumn, s: Nests) -> FloatColumn:
    if dataflow in SKIPS_PADDING:
        return np.ones((len(rows), s.k.shape[1]))
    return ceil(s.k, rows) * rows * ceil(s.n, cols) * cols / (s.k * s.n)


def _first_weights(dataflow: Dataflow, rows: IntColumn, cols: IntColumn, s: Nests) -> IntColumn:
    """Weights that fill the array once."""
    if dataflow == "ideal":
        return np.zeros((len(rows), s.k.shape[1]), dtype=np.int64)
    if dataflow == "row_stationary":
        return row_stationary.first_weights(rows, cols, s)
    return np.minimum(rows, s.k) * np.minimum(cols, s.n)


def cycles_of(dataflow: Dataflow, core: Core, s: Nests, *, skip_padding: bool) -> FloatColumn:
    """Cycles of one repeat, shape (arrays, operations); work is spread over cores in the cheapest of the ways below."""
    rows, cols, cores = core.rows, core.cols, core.cores
    if dataflow == "ideal":
        return (s.true_macs if skip_padding else s.macs) * core.passes / (rows * cols * cores)
    if dataflow == "dot_product":
        folds = s.groups * ceil(s.c, rows) * s.taps * ceil(s.n, cols) * s.m
        edge_bytes = (rows + 2 * cols) * cores * core.native_bits / BITS_PER_BYTE
        return np.maximum(ceil(folds, cores) * core.passes, _buffer_bytes(dataflow, rows, cols, s) / edge_bytes)
    if dataflow == "row_stationary":
        return row_stationary.cycles(rows, cols, cores, s, core.passes, core.native_bits, skip_padding=skip_padding)
    folds = s.groups * folds_of(dataflow, rows, cols, s)
    # Folds over cores, with cores beyond the folds sharing the stream of a fold; or every stream shared by all cores.
    cycles = stream_cycles(dataflow, ceil(folds, cores), np.maximum(cores // folds, 1), rows, cols, s, core.passes)
    if dataflow != "output_stationary":
        cycles = np.minimum(cycles, stream_cycles(dataflow, folds, cores, rows, cols, s, core.passes))
    return cycles.astype(np.float64)


def folds_of(dataflow: Dataflow, rows: IntColumn, cols: IntColumn, s: Nests) -> IntColumn:
    """Stationary tiles of one group on a systolic array."""
    if dataflow == "output_stationary":
        return ceil(s.m, rows) * ceil(s.n, cols)
    if dataflow == "input_stationary":
        return ceil(s.k, rows) * ceil(s.m, cols)
    return ceil(s.k, rows) * ceil(s.n, cols)


def stream_cycles(
    dataflow: Dataflow,
    folds: IntColumn,
    parts: IntColumn,
    rows: IntColumn,
    cols: IntColumn,
    s: Nests,
    passes: IntColumn,
) -> IntColumn:
    """Cycles of `folds` folds on one core, which streams one of so many `parts` of M past weights, or of N' past inputs."""
    if dataflow == "output_stationary":
        return folds * (rows + cols + s.k * passes - 2) - 1
    if dataflow == "input_stationary":
        return folds * (2 * rows + cols + ceil(s.n, parts) * passes - 2) - 1
    m = ceil(s.m, parts) * passes
    if dataflow == "weight_stationary":
        return folds * (2 * rows + cols + m - 2) - 1
    return folds * np.maximum(m, rows) + rows + cols - 2


def _buffer_bytes(dataflow: Dataflow, rows: IntColumn, cols: IntColumn, s: Nests) -> FloatColumn:
    """Bytes between buffer and array of one repeat: what the array does not hold is read once for each fold that needs it.

    Finished outputs cross once. Partial sums of several row blocks turn round in accumulators beside the array (TPU v1's 4 MiB,
    NVDLA's CACC), whose energy is in that of the MAC unit: its figures come from whole chips.
    """
    if dataflow == "row_stationary":
        return row_stationary.buffer_bytes(rows, cols, s)
    inputs = (s.m * s.k * s.groups * s.input_bits).astype(np.float64)
    weights = (s.k * s.n * s.groups * s.weight_bits).astype(np.float64)
    finished = (s.m * s.n * s.groups * s.output_bits).astype(np.float64)
    if dataflow == "ideal":
        bits = inputs + weights + finished
    elif dataflow == "output_stationary":
        bits = inputs * ceil(s.n, cols) + weights * ceil(s.m, rows) + finished
    elif dataflow == "input_stationary":
        bits = inputs + weights * ceil(s.m, cols) + finished
    else:
        bits = inputs * ceil(s.n, cols) + weights + finished
    return bits / BITS_PER_BYTE
