"""The row-stationary dataflow of Eyeriss: cycles, and bytes between the buffer and the array.

A *job* is one two-dimensional convolution: one image, one filter, one channel. A set of R x P processing elements does it, each
a one-dimensional convolution of Q·S MACs: a row of the filter against a row of the input makes partial sums of a row of the
output, which are added up along R [1]. With slots = floor(rows/R)·cols columns of R elements (a filter with R > rows is folded
ceil(R/rows) times)::

    P <= slots    floor(slots/P) sets side by side, cycles = ceil(jobs/sets)·Q·S
    P >  slots    the set is cut into strips of `slots` output rows, cycles = jobs·ceil(P/slots)·Q·S

On 12 x 14 elements this gives the active elements of AlexNet that table 5 of [2] prints: 154 (CONV1; 151 with its last strip),
135, 156, 156, 156. An operation takes no less than what crosses the edges of the array, rows + 2·cols numbers a cycle (as
`dse.hardware.cost` counts the power of the buffer): a fully connected layer of a small batch waits there for its weights.

*Buffer.* In a pass over the array each element interleaves p filters and q channels in its scratchpads, r sets work on
further channels and t on further filters [2, section III]::

    inputs          once for each ceil(K'/(p·t)) filters, halos of strips again, zeros of the padding too
    partial sums    written and read again in each of ceil(C'/(q·r)) passes; the last one writes the finished output
    weights         once for each strip: the images of a batch follow one another through a pass

[2] chose p, q, r and t for each layer by an optimiser. Here they follow from the scratchpads of 12 inputs, 224 weights and 24
sums: q = floor((12 - 1)/S), one place being free for the input that comes in; p the largest power of two of filters whose p·q·S
weights and p sums fit; r and t as near to equal as the sets allow. These rules are inferred from the measured buffer bytes of
AlexNet, which they reproduce within 3% (CONV2 to CONV5) and 9% (CONV1, where the chip works on two filters with sets of half the
width).

[1] Chen, Emer, Sze, "Eyeriss: A Spatial Architecture for Energy-Efficient Dataflow for Convolutional Neural Networks", ISCA 2016
[2] Chen, Krishna, Emer, Sze, "Eyeriss", IEEE JSSC 52(1), 2017
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dse.hardware.design import FloatColumn, IntColumn
from dse.model.nests import Nests, Rows, ceil
from dse.units import BITS_PER_BYTE

SCRATCHPAD_INPUTS, SCRATCHPAD_WEIGHTS, SCRATCHPAD_SUMS = 12, 224, 24
"""Numbers that each element holds: 24, 448 and 48 bytes of 16 bits (JSSC 2017, section IV)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sets:
    """How jobs lie on the array, shape (arrays, operations)."""

    folds: IntColumn
    strips: IntColumn
    sets: IntColumn
    filters: IntColumn
    channels: IntColumn

    @classmethod
    def of(cls, rows: IntColumn, cols: IntColumn, s: Nests) -> Sets:
        """The sets of operations on arrays."""
        slots = np.maximum(rows // s.height.taps, 1) * cols
        sets = np.maximum(slots // s.height.outputs, 1)
        q = np.maximum((SCRATCHPAD_INPUTS - 1) // s.width.taps, 1)
        most = np.maximum(np.minimum(SCRATCHPAD_WEIGHTS // (q * s.width.taps), SCRATCHPAD_SUMS), 1)
        p = 2 ** np.floor(np.log2(most)).astype(np.int64)
        r = np.minimum(np.floor(np.sqrt(sets)).astype(np.int64), ceil(s.c, q))
        t = np.minimum(sets // r, ceil(s.n, p))
        r = np.minimum(sets // t, ceil(s.c, q))
        return cls(
            folds=ceil(s.height.taps, rows),
            strips=ceil(s.height.outputs, slots),
            sets=sets,
            filters=p * t,
            channels=q * r,
        )


def cycles(
    rows: IntColumn, cols: IntColumn, cores: IntColumn, s: Nests, passes: IntColumn, native_bits: IntColumn, *, skip_padding: bool
) -> FloatColumn:
    """Cycles of one repeat, shape (arrays, operations); jobs and their strips are spread over sets and cores.

    `passes` are those of a wide product. With `skip_padding` an element leaves out the columns of the padding; an element whose
    row is padding waits for the others of its set.
    """
    sets = Sets.of(rows, cols, s)
    jobs = s.batch * s.groups * s.n * s.c * sets.folds * sets.strips
    each = s.width.true_multiplies if skip_padding else s.width.multiplies
    busy = ceil(jobs, sets.sets * cores) * each * passes
    edge_bytes = (rows + 2 * cols) * cores * native_bits / BITS_PER_BYTE
    return np.maximum(busy, buffer_bytes(rows, cols, s) / edge_bytes)


def buffer_bytes(rows: IntColumn, cols: IntColumn, s: Nests) -> FloatColumn:
    """Bytes between buffer and array of one repeat, shape (arrays, operations)."""
    sets = Sets.of(rows, cols, s)
    lines = sets.folds * _positions(s.height, np.minimum(s.height.taps, rows), sets.strips)
    inputs = s.batch * s.groups * s.c * lines * _positions(s.width, s.width.taps, np.ones_like(sets.strips))
    outputs = s.m * s.groups * s.n
    again = ceil(s.c, sets.channels) * sets.folds - 1
    weights = s.groups * s.n * s.k * sets.strips
    bits = (
        inputs.astype(np.float64) * ceil(s.n, sets.filters) * s.input_bits
        + outputs.astype(np.float64) * (2 * again * s.accumulator_bits + s.output_bits)
        + weights.astype(np.float64) * s.weight_bits
    )
    return bits / BITS_PER_BYTE


def first_weights(rows: IntColumn, cols: IntColumn, s: Nests) -> IntColumn:
    """Weights that the first pass holds, shape (arrays, operations)."""
    sets = Sets.of(rows, cols, s)
    return np.minimum(s.n, sets.filters) * np.minimum(s.c, sets.channels) * s.taps


def _positions(axis: Rows, taps: IntColumn, strips: IntColumn) -> IntColumn:
    """Input positions along an axis that all strips read, padding too, halos once for each strip."""
    span = (taps - 1) * axis.dilation + 1
    covered = (axis.outputs - strips) * axis.stride + strips * span
    return np.minimum(ceil(covered, axis.upsample), axis.outputs * taps)
