"""`Design`, one point of a space, and `Designs`, columns of many: what the cost model evaluates."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from dse.units import FORMAT_BITS, OPS_PER_MAC

Dataflow = Literal[
    "weight_stationary",
    "weight_stationary_double_buffered",
    "output_stationary",
    "input_stationary",
    "dot_product",
    "ideal",
    "best",
    "row_stationary",
]
DATAFLOWS: tuple[Dataflow, ...] = get_args(Dataflow)
"""Array mappings (cost_model.md section 2); ``best`` takes the cheapest of the systolic ones for each operation."""

SKIPS_PADDING: tuple[Dataflow, ...] = ("ideal", "row_stationary")
"""Dataflows that can leave out the zeros around a map; a systolic array works through them with the rows of its product."""

FORMATS: tuple[str, ...] = tuple(FORMAT_BITS)
"""Number formats that an array may multiply natively."""

ABSTRACT_MEMORY = "abstract"
"""Name of a memory that is only a bandwidth (the three-knob form)."""

FloatColumn = npt.NDArray[np.float64]
IntColumn = npt.NDArray[np.int64]
BoolColumn = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """One machine. Everything is resolved: `bandwidth_bytes_per_s` is what the memory and its channels give at most."""

    array_rows: int
    array_cols: int
    cores: int = 1
    frequency_hz: float
    dataflow: Dataflow = "weight_stationary"
    precision: str = "int8"
    sram_bytes: int
    double_buffer: bool = True
    memory: str = ABSTRACT_MEMORY
    channels: int = 1
    bandwidth_bytes_per_s: float
    vector_lanes: int = 0
    node_nm: float = 28.0

    @property
    def macs_per_cycle(self) -> int:
        """MAC units of all cores."""
        return self.array_rows * self.array_cols * self.cores

    @property
    def peak_ops_per_s(self) -> float:
        """2 ops · MAC units · clock, at the array's own precision."""
        return float(OPS_PER_MAC * self.macs_per_cycle * self.frequency_hz)


@dataclass(frozen=True, slots=True, kw_only=True)
class Designs:
    """Many machines as columns of one length (SI units).

    The columns are the fields of `Design`, with names replaced by codes: `dataflow` indexes `DATAFLOWS`, `precision` indexes
    `FORMATS`, `memory` indexes `memories`.
    """

    array_rows: IntColumn
    array_cols: IntColumn
    cores: IntColumn
    frequency_hz: FloatColumn
    dataflow: IntColumn
    precision: IntColumn
    sram_bytes: IntColumn
    double_buffer: BoolColumn
    memory: IntColumn
    channels: IntColumn
    bandwidth_bytes_per_s: FloatColumn
    vector_lanes: IntColumn
    node_nm: FloatColumn
    memories: tuple[str, ...] = (ABSTRACT_MEMORY,)

    def __len__(self) -> int:
        return len(self.array_rows)

    @classmethod
    def of(cls, design: Design) -> Designs:
        """The columns of a single design."""
        return cls(
            array_rows=np.array([design.array_rows]),
            array_cols=np.array([design.array_cols]),
            cores=np.array([design.cores]),
            frequency_hz=np.array([float(design.frequency_hz)]),
            dataflow=np.array([DATAFLOWS.index(design.dataflow)]),
            precision=np.array([FORMATS.index(design.precision)]),
            sram_bytes=np.array([design.sram_bytes]),
            double_buffer=np.array([design.double_buffer]),
            memory=np.array([0]),
            channels=np.array([design.channels]),
            bandwidth_bytes_per_s=np.array([float(design.bandwidth_bytes_per_s)]),
            vector_lanes=np.array([design.vector_lanes]),
            node_nm=np.array([float(design.node_nm)]),
            memories=(design.memory,),
        )

    def design(self, index: int) -> Design:
        """One row as a `Design`."""
        values: dict[str, Any] = {field.name: getattr(self, field.name)[index].item() for field in fields(Design)}
        values["dataflow"] = DATAFLOWS[values["dataflow"]]
        values["precision"] = FORMATS[values["precision"]]
        values["memory"] = self.memories[values["memory"]]
        return Design(**values)

    def take(self, rows: slice | IntColumn | BoolColumn) -> Designs:
        """The chosen rows, in the order asked for."""
        return replace(self, **{field.name: getattr(self, field.name)[rows] for field in fields(Design)})

    @property
    def macs_per_cycle(self) -> IntColumn:
        """MAC units of all cores, shape (len,)."""
        return self.array_rows * self.array_cols * self.cores
