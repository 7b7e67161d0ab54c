"""Measured kernels on a machine of the model: what it says of each, as a function of the machine's few constants.

The tables are the model's own (`dse.model.mapping.array_table` for cycles, `dse.model.ledger` for bytes at every capacity), so
that `Replay.times_s` is the evaluation of a workload of one kernel written once more for many constants; a test holds the two
against each other. A kernel is one row of a ledger:

    time = max(compute, bytes / bandwidth)  (or their sum)  +  steps · dependency latency  +  launch latency
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dse.errors import InputError, Place, Problem
from dse.hardware.design import BoolColumn, FloatColumn, IntColumn
from dse.hardware.space import Device, Space
from dse.hardware.tiling import Tiling
from dse.inputs.measurements import Measurement
from dse.model.evaluate import OVERLAP, distinct_arrays, first_load_bytes, seconds_per_vector_op, weight_factor
from dse.model.kernel import OVERLAP_NONE
from dse.model.ledger import ledger
from dse.model.mapping import array_table
from dse.model.stages import Storage, Streaming
from dse.model.work import work_of
from dse.workload.kernels import Kernel
from dse.workload.workload import Workload

CAPACITIES = tuple(2.0 ** (-step / 2) for step in range(13))
"""Shares of the buffer at which traffic is tabled: 1 down to 1/64, by steps of the square root of 2."""

DIRECT, WINOGRAD = "direct", "winograd"
MODELLED = ("", DIRECT, WINOGRAD)
"""Labels of algorithms that the model has; a row without one takes the quickest that its device has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constants:
    """What may be fitted of a device, by the names of `Device`."""

    compute_efficiency: float = 1.0
    bandwidth_efficiency: float = 1.0
    launch_latency_s: float = 0.0
    dependency_latency_s: float = 0.0
    sram_efficiency: float = 1.0

    @classmethod
    def of(cls, device: Device) -> Constants:
        """Those that a device has."""
        return cls(
            compute_efficiency=device.compute_efficiency,
            bandwidth_efficiency=device.bandwidth_efficiency,
            launch_latency_s=device.launch_latency_s,
            dependency_latency_s=device.dependency_latency_s,
            sram_efficiency=device.sram_efficiency,
        )

    def on(self, device: Device) -> Device:
        """A device with these."""
        return replace(
            device,
            compute_efficiency=self.compute_efficiency,
            bandwidth_efficiency=self.bandwidth_efficiency,
            launch_latency_s=self.launch_latency_s,
            dependency_latency_s=self.dependency_latency_s,
            sram_efficiency=self.sram_efficiency,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Kernels on one machine; shapes (kernels,) but for `other_bytes` and `weight_bytes`, (capacities, kernels).

    `compute_s` and `vector_s` are at full efficiency, `capacities` are shares of the buffer, ascending; a capacity in which a
    kernel cannot run has infinite bytes. `roofline_s` is the plain roofline: the larger of MACs at peak, and compulsory bytes.
    """

    space: Space
    rows: tuple[Measurement, ...]
    capacities: FloatColumn
    compute_s: FloatColumn
    vector_s: FloatColumn
    bytes: FloatColumn
    first_load_bytes: FloatColumn
    steps: FloatColumn
    bandwidth: float
    overlapped: bool
    roofline_s: FloatColumn

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(cls, rows: Sequence[Measurement], space: Space, *, capacities: Sequence[float] | None = None) -> Replay:
        """The tables of measured kernels on the one design of a space; by default at its own capacity alone.

        Raises `InputError` where a kernel cannot run there, with its line.
        """
        device, designs = space.device, space.designs(np.zeros((1, len(space.parameters)), dtype=np.int64))
        shares = np.sort(np.array([device.sram_efficiency] if capacities is None else capacities, dtype=np.float64))
        scenarios = list(dict.fromkeys(row.kernel.scenario() for row in rows))
        number = {scenario: index for index, scenario in enumerate(scenarios)}
        column = np.array([number[row.kernel.scenario()] for row in rows])
        work = work_of(Workload(name="kernels", scenarios=tuple(scenarios)))
        sizes = np.floor(designs.sram_bytes[0] * shares).astype(np.int64)
        buffers = np.full(len(sizes), 2 if designs.double_buffer[0] else 1)
        book = ledger(work, Storage(usable_bytes=sizes, buffers=buffers), Streaming.of(device))
        at = book.start[:, :-1]
        assert (np.diff(book.start, axis=1) == 1).all()
        arrays, _ = distinct_arrays(designs)
        table = array_table(arrays, work.operations, skip_padding=device.padding == "skipped", tiling=device.tiling)
        factor = weight_factor(table, device)[0, work.first_operation]
        moved = np.asarray(book.other_bytes[at] + book.weight_bytes[at] * factor)[:, column]
        frequency = float(designs.frequency_hz[0])
        peak = float(designs.macs_per_cycle[0]) * frequency
        loads = np.where(book.first_load[-1], first_load_bytes(table, work, device)[0], 0.0)
        found = cls(
            space=space,
            rows=tuple(rows),
            capacities=shares,
            compute_s=_compute_s(rows, space, device.tiling),
            vector_s=(work.vector_ops * seconds_per_vector_op(designs)[0])[column],
            bytes=moved,
            first_load_bytes=loads[column],
            steps=np.asarray(book.steps[at[-1]])[column],
            bandwidth=float(designs.bandwidth_bytes_per_s[0]),
            overlapped=bool(designs.double_buffer[0]) and OVERLAP[device.overlap] != OVERLAP_NONE,
            roofline_s=_roofline([row.kernel for row in rows], peak, float(designs.bandwidth_bytes_per_s[0])),
        )
        found._refuse_what_cannot_run()
        return found

    @property
    def measured_s(self) -> FloatColumn:
        """Measured times, shape (kernels,)."""
        return np.array([row.time_s for row in self.rows])

    def take(self, chosen: BoolColumn | IntColumn) -> Replay:
        """Some of the kernels: those that are marked, or those of these indices, as often as they are named."""
        index: IntColumn = np.arange(len(self), dtype=np.int64)[chosen]
        places: list[int] = index.tolist()
        return replace(
            self,
            rows=tuple(self.rows[row] for row in places),
            compute_s=self.compute_s[index],
            vector_s=self.vector_s[index],
            bytes=self.bytes[:, index],
            first_load_bytes=self.first_load_bytes[index],
            steps=self.steps[index],
            roofline_s=self.roofline_s[index],
        )

    def times_s(self, constants: Constants) -> FloatColumn:
        """Predicted times, shape (kernels,); the capacity is the next one that is tabled and no larger."""
        at = max(int(np.searchsorted(self.capacities, constants.sram_efficiency * (1 + 1e-9), side="right")) - 1, 0)
        array_s = self.compute_s / constants.compute_efficiency
        serial = self.space.device.vector == "serial"
        compute_s = array_s + self.vector_s if serial else np.maximum(array_s, self.vector_s)
        seconds_per_byte = 1.0 / (self.bandwidth * constants.bandwidth_efficiency)
        memory_s = self.bytes[at] * seconds_per_byte
        busy_s = np.maximum(compute_s, memory_s) if self.overlapped else compute_s + memory_s
        exposed_s = self.first_load_bytes * seconds_per_byte if self.overlapped else 0.0
        return busy_s + exposed_s + self.steps * constants.dependency_latency_s + constants.launch_latency_s

    def tiled(self, tiling: Tiling | None) -> Replay:
        """The same kernels with other output tiles."""
        space = replace(self.space, device=replace(self.space.device, tiling=tiling))
        return replace(self, space=space, compute_s=_compute_s(self.rows, space, tiling))

    def _refuse_what_cannot_run(self) -> None:
        problems: list[Problem] = []
        for index, row in enumerate(self.rows):
            reason = None
            if not np.isfinite(self.compute_s[index]):
                reason = f"its array of {self.space.parameter('precision').values[0]} cannot multiply {row.kernel.precision}"
            elif not np.isfinite(self.bytes[-1, index]):
                reason = "its buffer is too small"
            if reason:
                place = Place("measurements", row.line)
                problems.append(Problem(f"{row.kernel.shape} cannot run on {self.space.name}: {reason}", place))
        if problems:
            more = [Problem(f"and {len(problems) - 5:,} more rows")] if len(problems) > 5 else []
            raise InputError(problems[:5] + more)


def _compute_s(rows: Sequence[Measurement], space: Space, tiling: Tiling | None) -> FloatColumn:
    """Time of each kernel on the array at full efficiency, shape (kernels,)."""
    designs = space.designs(np.zeros((1, len(space.parameters)), dtype=np.int64))
    arrays, _ = distinct_arrays(designs)
    operations = [row.kernel.operation for row in rows]
    skips = space.device.padding == "skipped"
    cycles: FloatColumn = array_table(arrays, operations, skip_padding=skips, tiling=tiling).cycles[0]
    direct = _are_direct(rows)
    if direct.any() and tiling is not None and tiling.winograd is not None:
        plain: FloatColumn = array_table(arrays, operations, tiling=replace(tiling, winograd=None)).cycles[0]
        cycles = np.where(direct, plain, cycles)
    return np.asarray(cycles / float(designs.frequency_hz[0]), dtype=np.float64)


def _are_direct(rows: Sequence[Measurement]) -> BoolColumn:
    """Rows that name an algorithm and not Winograd's: what the model then has is the direct one."""
    return np.array([row.algorithm not in ("", WINOGRAD) for row in rows], dtype=np.bool_)


def _roofline(kernels: Sequence[Kernel], peak_macs_per_s: float, bandwidth: float) -> FloatColumn:
    macs = np.array([kernel.macs for kernel in kernels], dtype=np.float64)
    moved = np.array([kernel.compulsory_bytes for kernel in kernels], dtype=np.float64)
    return np.maximum(macs / peak_macs_per_s, moved / bandwidth)
