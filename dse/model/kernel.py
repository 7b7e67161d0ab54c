"""The inner loop: time, energy and traffic of many designs by look-up in two tables (numba, parallel over designs)."""

from __future__ import annotations

import numba
import numpy as np

from dse.hardware.design import BoolColumn, FloatColumn, IntColumn

OVERLAP_NONE, OVERLAP_LAYER, OVERLAP_NETWORK = 0, 1, 2


@numba.njit(parallel=True, cache=True, error_model="numpy", nogil=True)
def walk(
    array: IntColumn,
    storage: IntColumn,
    seconds_per_cycle: FloatColumn,
    seconds_per_byte: FloatColumn,
    seconds_per_vector_op: FloatColumn,
    double_buffer: BoolColumn,
    start: IntColumn,
    operation: IntColumn,
    count: FloatColumn,
    vector_ops: FloatColumn,
    steps: FloatColumn,
    weight_bytes: FloatColumn,
    other_bytes: FloatColumn,
    first_load: BoolColumn,
    cycles: FloatColumn,
    weight_factor: FloatColumn,
    first_load_bytes: FloatColumn,
    overlap: int,
    serial_vector: bool,  # noqa: FBT001
    dependency_latency_s: FloatColumn,
    launch_latency_s: FloatColumn,
    latency_s: FloatColumn,
    dram_bytes: FloatColumn,
) -> None:
    """Fill `latency_s` and `dram_bytes`, shape (designs, runs).

    `array` (designs,) indexes the tables `cycles`, `weight_factor` (arrays, operations) and `first_load_bytes` (arrays, runs);
    `storage` (designs,) indexes `start` and `first_load`. Rows are those of `Ledger`.
    Each sequential step waits `dependency_latency_s`, each tensor operation `launch_latency_s`, both (designs,).
    Time of a row: max(compute, memory) where loads overlap compute (double buffer), else the sum (cost_model.md section 5).
    """
    runs = start.shape[1] - 1
    for d in numba.prange(len(array)):
        a, s = array[d], storage[d]
        overlapped = double_buffer[d] and overlap != OVERLAP_NONE
        for run in range(runs):
            total, compute_total, memory_total, waits, launches, moved = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for row in range(start[s, run], start[s, run + 1]):
                op = operation[row]
                compute = 0.0
                traffic = other_bytes[row]
                if op >= 0:
                    launches += count[row]
                    compute = cycles[a, op] * seconds_per_cycle[d]
                    traffic += weight_bytes[row] * weight_factor[a, op]
                vector = vector_ops[row] * seconds_per_vector_op[d]
                compute = compute + vector if serial_vector else max(compute, vector)
                memory = traffic * seconds_per_byte[d]
                total += count[row] * (max(compute, memory) if overlapped else compute + memory)
                compute_total += count[row] * compute
                memory_total += count[row] * memory
                waits += count[row] * steps[row]
                moved += count[row] * traffic
            if overlapped and overlap == OVERLAP_NETWORK:
                total = max(compute_total, memory_total)
            if overlapped and first_load[s, run]:
                total += first_load_bytes[a, run] * seconds_per_byte[d]
            latency_s[d, run] = total + waits * dependency_latency_s[d] + launches * launch_latency_s[d]
            dram_bytes[d, run] = moved


def empty_table(designs: int, runs: int) -> FloatColumn:
    """An output of `walk`."""
    return np.empty((designs, runs))
