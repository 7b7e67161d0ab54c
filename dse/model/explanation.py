"""What the computational view of a design says of each layer: the data, without how it is found (`dse.model.explain`)."""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from dse.model.breakdown import Result
from dse.model.losses import ARRAY_PARTS, ArrayPart, ArrayWork
from dse.model.needs import Need
from dse.model.tasks import Task
from dse.model.witness import Mapping
from dse.workload.operations import TensorOperation
from dse.workload.workload import Scenario

TimePart = ArrayPart | Literal["vector", "memory", "waiting"]
TIME_PARTS: tuple[TimePart, ...] = (*ARRAY_PARTS, "vector", "memory", "waiting")
"""Parts of a layer's time, in the order in which they are added up."""

Place = Literal["resident", "fits", "pinned", "streams"]
"""Weights: on chip from earlier runs; small enough for what is left on chip; in part held for all steps; or neither."""

Use = Literal["input", "second factor", "beside", "output", "in and out", "cache"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Weights of a layer (or the table of an embedding, of which only the looked-up rows move).

    `room_bytes` is what the tensors that stay leave of the buffer, `pinned_bytes` the weights held for all recurrent steps.
    `fetches` counts how often each weight crosses from DRAM (tiles that are not full count whole where the device fetches those);
    `uses_per_fetch` are MACs for each weight fetched. `exposed_s` is the weights' share of the loads that compute does not hide.
    """

    elements: int
    size_bytes: int
    place: Place
    room_bytes: int
    pinned_bytes: float
    load_once_s: float
    moved_bytes: float
    moved_s: float
    fetches: float
    hidden: bool
    exposed_s: float
    macs_per_weight: float
    uses_per_fetch: float
    tile_rounding: float
    is_table: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorUse:
    """A tensor that a layer reads or makes, and how long it lives: tasks `begin` to `end` (indices, both counted).

    `stays`: it is on chip while this layer runs, from `begin` to `end`; otherwise it crosses DRAM (or comes from a `host`).
    """

    name: str
    use: Use
    size_bytes: float
    fits: bool
    stays: bool
    host: bool
    begin: int
    end: int
    first: str
    last: str
    lifetime_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Activations:
    """The tensors of a layer, and what else is on chip while it runs.

    `usable_bytes` is the buffer, `resident_bytes` what all tensors on chip take, `others` those of them that this layer does not
    touch, with their bytes, `room_bytes` what is left for what streams (`buffers` times over: 2 where the next tile loads ahead).
    `factor_dram_bytes` are those of a second factor that is no weight (keys, values), `factor_rounding` what fetching it in whole
    array tiles adds.
    """

    tensors: tuple[TensorUse, ...]
    others: tuple[tuple[str, float], ...]
    usable_bytes: int
    resident_bytes: int
    room_bytes: int
    buffers: int
    input_dram_bytes: float
    factor_dram_bytes: float
    factor_rounding: float
    output_dram_bytes: float
    beside_dram_bytes: float
    mapping: Mapping | None
    least_room_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """Energy of a layer by cause, and what was counted; `buffer_bytes` go in or out of the on-chip buffer."""

    macs: float
    vector_ops: float
    buffer_bytes: float
    dram_bytes: float
    mac_j: float
    vector_j: float
    buffer_j: float
    dram_j: float
    static_j: float

    @property
    def total_j(self) -> float:
        """All of it."""
        return self.mac_j + self.vector_j + self.buffer_j + self.dram_j + self.static_j


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerExplanation:
    """One task of a scenario. `row` is its row of `Result.layers`; `part_s` its time by `TIME_PARTS`, None if it cannot run.

    `compute_s` is the time of array and vector unit together. `hidden`: loads overlap compute and take no longer. `problem` says
    why it cannot run.
    """

    index: int
    task: Task
    row: Dictionary[str, Any]
    parameters: Parameters | None
    activations: Activations
    array: ArrayWork | None
    part_s: tuple[float, ...] | None
    begin_s: float
    compute_s: float
    overlapped: bool
    hidden: bool
    needs: tuple[Need, ...]
    energy: Energy
    problem: str | None

    def __repr__(self) -> str:
        return f"<LayerExplanation of {self.name}: {self.problem or f'time_s={self.time_s:.4g}'}>"

    @property
    def name(self) -> str:
        """Name of the task."""
        return self.task.name

    @property
    def operation(self) -> TensorOperation | None:
        """Its tensor operation."""
        return self.task.operation

    @property
    def time_s(self) -> float:
        """How long it takes."""
        return float(self.row["time_s"])

    def share(self, part: TimePart) -> float:
        """A part of time x peak, in [0, 1]; 0 for a layer that takes no time or cannot run."""
        if self.part_s is None or not self.time_s:
            return 0.0
        return self.part_s[TIME_PARTS.index(part)] / self.time_s

    @property
    def worst_loss(self) -> TimePart | None:
        """The largest part that is not useful; None where nothing is lost or nothing runs."""
        losses: list[TimePart] = [part for part in TIME_PARTS[1:] if self.share(part) > 0]
        return max(losses, key=self.share) if losses else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioExplanation:
    """All layers of a scenario in order of execution, on the machine of `result`."""

    scenario: Scenario
    result: Result
    layers: tuple[LayerExplanation, ...]
    summary: Dictionary[str, Any]

    def __repr__(self) -> str:
        return f"<ScenarioExplanation of {self.scenario.name} on {self.result.space.name}: {len(self.layers)} layers>"

    def share(self, part: TimePart) -> float:
        """A part of the time of all layers together."""
        total = sum(layer.time_s for layer in self.layers)
        if not 0 < total < np.inf:
            return 0.0
        return sum(layer.share(part) * layer.time_s for layer in self.layers) / total
