"""A known chip scaled to the budget: the same machine in another size, built from the choices of a space, with nothing searched.

It keeps the chip's dataflow, buffering and clock (the nearest that the space has), the squarest array, its bytes of SRAM for each
MAC unit, and one vector lane for each column. Every size of the array that the space has is taken with every memory system of it
(memory, channels, bandwidth, node, format); of those that keep the budget the best in the first objective stands for the chip. It
is what somebody builds who copies a good design, and sweeps its size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dse.hardware.design import Design, FloatColumn, IntColumn
from dse.hardware.space import Parameter, Space
from dse.search.front import Scored, score
from dse.workload.workload import Workload

MOST_MEMORY_SYSTEMS = 256
"""Memory systems that are tried; of more, an even sample."""

MOST_SIZES = 64
"""Sizes of the array that are tried; of more, an even sample."""

MOST_ARRAYS = 200_000
"""Shapes of the array that are compared; of more, an even sample."""

MEMORY_SYSTEM = ("memory", "channels", "bandwidth", "node", "precision")
ARRAY = ("array_rows", "array_cols", "cores")


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """`indices`, shape (1, parameters), with what it achieves (`scored`, one row), out of `tried` of which `feasible` fit.

    `scale` is its MAC units over those of the chip; `sram_proportion` and `bandwidth_proportion` its bytes on chip for a MAC unit
    and its byte/s for an op/s, over those of the chip.
    """

    name: str
    indices: IntColumn
    scored: Scored
    tried: int
    feasible: int
    scale: float
    sram_proportion: float
    bandwidth_proportion: float


def scaled_chip(workload: Workload, space: Space, chip: Design, name: str) -> Baseline | None:
    """The best design of `space` that is `chip` in another size and keeps the budget; None if none does."""
    indices = _family(space, chip)
    scored = score(workload, space, np.unique(indices, axis=0))
    if not len(scored.feasible):
        return None
    row = int(scored.feasible[np.lexsort(scored.losses[scored.feasible].T[::-1])[0]])
    taken = scored.indices[row : row + 1]
    best = space.designs(taken).design(0)
    scale = best.macs_per_cycle / chip.macs_per_cycle
    wider = best.bandwidth_bytes_per_s / chip.bandwidth_bytes_per_s
    return Baseline(
        name=name,
        indices=taken,
        scored=score(workload, space, taken),
        tried=len(scored.indices),
        feasible=len(scored.feasible),
        scale=scale,
        sram_proportion=best.sram_bytes / chip.sram_bytes / scale,
        bandwidth_proportion=wider * chip.peak_ops_per_s / best.peak_ops_per_s,
    )


def _family(space: Space, chip: Design) -> IntColumn:
    """Every size of the chip with every memory system, as rows of indices."""
    sizes = _abstract_sizes(space) if space.is_abstract else _square_sizes(space)
    systems = _memory_systems(space)
    indices = np.repeat(systems, len(sizes), axis=0) + np.tile(sizes, (len(systems), 1))
    made = space.designs(indices)
    wanted: dict[str, FloatColumn] = {
        "frequency": np.full(len(indices), chip.frequency_hz, dtype=np.float64),
        "sram": made.macs_per_cycle.astype(np.float64) * (chip.sram_bytes / chip.macs_per_cycle),
        "vector_lanes": (made.array_cols * made.cores).astype(np.float64),
    }
    for column, axis in enumerate(space.parameters):
        if axis.name in wanted:
            indices[:, column] = _nearest(axis, wanted[axis.name])
        elif axis.name == "dataflow":
            indices[:, column] = _first_of(axis, (chip.dataflow, "weight_stationary"))
        elif axis.name == "double_buffer":
            indices[:, column] = _first_of(axis, (chip.double_buffer,))
    return indices


def _memory_systems(space: Space) -> IntColumn:
    """Rows of indices with every choice of the memory system, everything else at its first value."""
    axes = [(column, len(axis)) for column, axis in enumerate(space.parameters) if axis.name in MEMORY_SYSTEM]
    rest = _evenly(math.prod(length for _, length in axes), MOST_MEMORY_SYSTEMS)
    indices = np.zeros((len(rest), len(space.parameters)), dtype=np.int64)
    for column, length in reversed(axes):
        rest, indices[:, column] = np.divmod(rest, length)
    return indices


def _square_sizes(space: Space) -> IntColumn:
    """Rows of indices with the squarest array of every number of MAC units, of those the one of fewest cores."""
    axes = [space.parameter(name) for name in ARRAY]
    places = np.unravel_index(_evenly(math.prod(map(len, axes)), MOST_ARRAYS), [len(axis) for axis in axes])
    rows, cols, cores = (np.asarray(axis.table, dtype=np.float64)[place] for axis, place in zip(axes, places, strict=True))
    macs = rows * cols * cores
    order = np.lexsort([cores, np.abs(np.log(rows / cols)), macs])
    first = order[np.concatenate([[True], np.diff(macs[order]) > 0])]
    first = first[_evenly(len(first), MOST_SIZES)]
    indices = np.zeros((len(first), len(space.parameters)), dtype=np.int64)
    for axis, place in zip(axes, places, strict=True):
        indices[:, space.parameters.index(axis)] = place[first]
    return indices


def _abstract_sizes(space: Space) -> IntColumn:
    """The same for the three-knob form."""
    units = space.parameter("compute_units")
    chosen = _evenly(len(units), MOST_SIZES)
    indices = np.zeros((len(chosen), len(space.parameters)), dtype=np.int64)
    indices[:, space.parameters.index(units)] = chosen
    return indices


def _evenly(n: int, most: int) -> IntColumn:
    """0 to n - 1, or an even choice of `most` of them with both ends."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))


def _nearest(axis: Parameter, wanted: FloatColumn) -> IntColumn:
    """Index of the value nearest in ratio to each of `wanted`."""
    values = np.log(np.maximum(np.asarray(axis.table, dtype=np.float64), 1e-300))
    targets, place = np.unique(np.log(wanted), return_inverse=True)
    return np.array([int(np.argmin(np.abs(values - target))) for target in targets.tolist()], dtype=np.int64)[place]


def _first_of(axis: Parameter, wanted: tuple[object, ...]) -> int:
    """Index of the first of `wanted` that the parameter may be, else 0."""
    return next((axis.values.index(value) for name in wanted for value in axis.values if value == name), 0)
