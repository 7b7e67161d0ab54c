"""`Space`: every design that may be built, with the constants of the machine, its technology, its budget and its objectives.

A design of a space is a row of indices, one for each parameter. Designs are also numbered, 0 to size - 1, in mixed radix with
the last parameter running fastest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dse.errors import InputError, Place, Problem
from dse.hardware.design import ABSTRACT_MEMORY, DATAFLOWS, SKIPS_PADDING, BoolColumn, Designs, FloatColumn, IntColumn
from dse.hardware.frames import DesignTable, designs_from_frame, frame_of_designs
from dse.hardware.goals import METRICS, Budget, Metric, Objective, objectives_named
from dse.hardware.parameters import ABSTRACT, CHIP, KINDS, THREE_KNOBS, Parameter, completed, read_value, suggestion
from dse.hardware.rules import Allowed, Rule, broken, count_allowed, draw_allowed
from dse.hardware.technology import Technology, lane_format
from dse.hardware.tiling import Tiling, tiling_problem
from dse.hardware.unknowns import Unknown
from dse.units import format_quantity

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["METRICS", "Budget", "Device", "Metric", "Objective", "Parameter", "Space", "UnitPrices"]

MOST_NUMBERED = 2**63 - 1
"""Designs of a larger space have no int64 number; rows of indices always work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPrices:
    """Prices of the three-knob form: of a MAC unit, of a byte/s, of a byte on chip, and of everything else together."""

    compute_unit_usd: float
    bandwidth_usd_per_byte_per_s: float
    sram_usd_per_byte: float
    base_usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What all designs of a space have in common.

    Efficiencies are fractions of the peak that can be reached; `sram_efficiency` is the part of the buffer that acts as a
    scratchpad. Every sequential step waits `dependency_latency_s`, every tensor operation `launch_latency_s` before it
    starts. `tiling`: ideal arrays of many cores work on whole output tiles (None: they divide any work evenly).
    `weight_fetch`: weights come element by element or in whole array tiles. `weight_streams`: how often the machine streams
    the weights that a perfect mapping streams once. `reuse_family`: the one mapping family it has, or None for the best.
    `row_strips`: it cuts every input map into so many strips of rows and streams all weights once for each (None: it does
    not). `activations`: tensors between operations stay on chip where that saves traffic, or every operation reads and writes
    DRAM. `weights`: they come from DRAM in every run, or some stay on chip from one run to the next (serving of one network).
    `padding`: the array multiplies the zeros around a map, or skips them. `network_io`: what a network is given and what it
    answers pass through DRAM, or come and go over a link of their own to a host (straight to and from the buffer, if they
    fit).
    `fixed_area_mm2` and `static_power_w` replace what the technology says; `volume` is the chips that share the NRE.
    """

    compute_efficiency: float = 1.0
    bandwidth_efficiency: float = 1.0
    sram_efficiency: float = 1.0
    dependency_latency_s: float = 0.0
    launch_latency_s: float = 0.0
    tiling: Tiling | None = None
    weight_fetch: Literal["element", "array_tile"] = "element"
    weight_streams: float = 1.0
    overlap: Literal["layer", "network", "none"] = "layer"
    vector: Literal["overlapped", "serial"] = "overlapped"
    reuse_family: Literal["output_stationary", "input_stationary", "weight_stationary"] | None = None
    row_strips: int | None = None
    activations: Literal["resident", "streamed"] = "resident"
    weights: Literal["streamed", "resident"] = "streamed"
    padding: Literal["multiplied", "skipped"] = "multiplied"
    network_io: Literal["dram", "host"] = "dram"
    first_load_exposed: bool = True
    fixed_area_mm2: float | None = None
    static_power_w: float | None = None
    volume: int | None = None
    unit_prices: UnitPrices | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """Parameters (every axis, fixed ones too, in the order of `KINDS`) and what is common to all designs.

    `notes` are sentences that a report prints with the assumptions: where a known chip does not fit the model. `unknowns` are
    ranges of constants that replace those that `dse` carries. The budget of a chip always limits its area, at most to what one
    exposure prints (the reticle). `rules` are combinations that may not be built; `size` and the numbering count them, `allowed`
    does not.
    """

    name: str
    title: str = ""
    source: str = ""
    parameters: tuple[Parameter, ...]
    technology: Technology
    device: Device = Device()
    budget: Budget = field(default_factory=Budget)
    objectives: tuple[Objective, ...] = (Objective("latency"), Objective("price"))
    notes: tuple[str, ...] = ()
    unknowns: tuple[Unknown, ...] = ()
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        if not self.is_abstract:
            reticle, stated = self.technology.manufacturing.reticle_mm2.value, self.budget.area_mm2
            area = reticle if stated is None else min(stated, reticle)
            object.__setattr__(self, "budget", replace(self.budget, area_mm2=area))
            dataflows = tuple(str(name) for name in self.parameter("dataflow").values)
            problem = padding_problem(self.device, dataflows)
            problem = problem or tiling_problem(self.device.tiling, dataflows, self.device.padding)
            if problem is not None:
                raise InputError(problem)

    def __repr__(self) -> str:
        free = ", ".join(parameter.name for parameter in self.free_parameters)
        allowed = f", {self.allowed} of them allowed," if self.rules else ""
        return f"<Space {self.name!r} of {self.size:,} designs{allowed}{f' over {free}' if free else ''}>"

    @property
    def size(self) -> int:
        """How many designs there are, those that a rule forbids among them."""
        return math.prod(len(parameter) for parameter in self.parameters)

    @property
    def allowed(self) -> Allowed:
        """How many designs no rule forbids: counted over the parameters that rules name or, where those are many, estimated."""
        return count_allowed(self)

    def broken_rules(self, designs: Designs) -> BoolColumn:
        """Which rules each design breaks, shape (designs, rules)."""
        return broken(self.rules, designs)

    @property
    def is_abstract(self) -> bool:
        """The three-knob form."""
        return any(parameter.name == "compute_units" for parameter in self.parameters)

    @property
    def free_parameters(self) -> tuple[Parameter, ...]:
        """Parameters with more than one value."""
        return tuple(parameter for parameter in self.parameters if len(parameter) > 1)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of `frame`: every parameter, and the bandwidth; in the three-knob form the knobs and what else is free."""
        free = {parameter.name for parameter in self.free_parameters}
        names = [name for name in ABSTRACT if name in free or name in THREE_KNOBS] if self.is_abstract else CHIP
        return tuple(KINDS[name].column for name in names)

    def parameter(self, name: str) -> Parameter:
        """The axis of this name. Raises `InputError` with what it may have meant."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        known = ABSTRACT if self.is_abstract else CHIP
        raise InputError(Problem(f"the space {self.name!r} has no parameter {name!r}", remedy=suggestion(name, known)))

    def indices(self, numbers: IntColumn) -> IntColumn:
        """Designs by number, shape (n,), as rows of indices, shape (n, parameters)."""
        if self.size > MOST_NUMBERED:
            raise ValueError(f"{self.size} designs are more than int64 counts; use rows of indices")
        if len(numbers) and (int(numbers.min()) < 0 or int(numbers.max()) >= self.size):
            raise IndexError(f"designs of {self.name!r} are numbered 0 to {self.size - 1}")
        rest, columns = np.asarray(numbers, dtype=np.int64), list[IntColumn]()
        for parameter in reversed(self.parameters):
            rest, index = np.divmod(rest, len(parameter))
            columns.append(index)
        return np.column_stack(columns[::-1])

    def numbers(self, indices: IntColumn) -> IntColumn:
        """Rows of indices, shape (n, parameters), as numbers, shape (n,): the inverse of `indices`."""
        if self.size > MOST_NUMBERED:
            raise ValueError(f"{self.size} designs are more than int64 counts; use rows of indices")
        numbers = np.zeros(len(indices), dtype=np.int64)
        for column, parameter in enumerate(self.parameters):
            numbers = numbers * len(parameter) + indices[:, column]
        return numbers

    def random_indices(self, n: int, seed: int | None) -> IntColumn:
        """`n` allowed designs drawn independently and evenly, as rows of indices; the same seed draws the same."""
        draw = np.random.default_rng(seed)
        indices = np.column_stack([draw.integers(len(parameter), size=n) for parameter in self.parameters])
        return draw_allowed(self, indices, draw) if self.rules else indices

    def designs(self, indices: IntColumn) -> Designs:
        """The designs of rows of indices, shape (n, parameters)."""
        column: dict[str, Any] = {
            parameter.name: np.take(parameter.table, indices[:, at]) for at, parameter in enumerate(self.parameters)
        }
        n = len(indices)
        if self.is_abstract:
            column |= {"array_rows": column["compute_units"], "array_cols": np.ones(n, np.int64), "cores": np.ones(n, np.int64)}
            column |= {
                "dataflow": np.full(n, DATAFLOWS.index("ideal")),
                "memory": np.zeros(n, np.int64),
                "channels": np.ones(n, np.int64),
            }
            column |= {"vector_lanes": np.zeros(n, np.int64)}
        if "bandwidth" not in column:
            column["bandwidth"] = self._channel_bandwidths[column["memory"]] * column["channels"]
        return Designs(
            array_rows=column["array_rows"],
            array_cols=column["array_cols"],
            cores=column["cores"],
            frequency_hz=column["frequency"],
            dataflow=column["dataflow"],
            precision=column["precision"],
            sram_bytes=column["sram"],
            double_buffer=column["double_buffer"],
            memory=column["memory"],
            channels=column["channels"],
            bandwidth_bytes_per_s=column["bandwidth"],
            vector_lanes=column["vector_lanes"],
            node_nm=column["node"],
            memories=self.memories,
        )

    @property
    def memories(self) -> tuple[str, ...]:
        """Memories that designs of this space have."""
        return (ABSTRACT_MEMORY,) if self.is_abstract else tuple(str(name) for name in self.parameter("memory").values)

    @property
    def _channel_bandwidths(self) -> FloatColumn:
        return np.array([self.technology.memories[name].bandwidth_bytes_per_s.value for name in self.memories])

    def frame(self, indices: IntColumn) -> pd.DataFrame:
        """The designs as a table: one row a design, `columns` with their units in the name."""
        frame = frame_of_designs(self.designs(indices))
        if self.is_abstract:
            frame = frame.rename(columns={"array_rows": "compute_units"})
        return frame[list(self.columns)]

    def sample(self, n: int, seed: int | None = 0) -> DesignTable:
        """`n` allowed designs drawn independently and evenly, as a table (see `frame`); the same seed draws the same."""
        table = DesignTable(self.frame(self.random_indices(n, seed)))
        table.space = self
        return table

    def from_frame(self, frame: pd.DataFrame) -> Designs:
        """The designs of a table, which need not lie in the space. Raises `InputError` for columns or values that cannot be.

        A column that is missing takes the space's value where it has just one. Columns that are no parameter are not read.
        """
        fixed = {parameter.column: parameter.values[0] for parameter in self.parameters if len(parameter) == 1}
        if self.is_abstract:
            fixed |= {
                "array_cols": 1,
                "cores": 1,
                "dataflow": "ideal",
                "memory": ABSTRACT_MEMORY,
                "channels": 1,
                "vector_lanes": 0,
            }
            if "compute_units" in frame.columns:
                frame = frame.rename(columns={"compute_units": "array_rows"})
            elif "compute_units" in fixed:
                fixed["array_rows"] = fixed["compute_units"]
        bandwidths = {name: memory.bandwidth_bytes_per_s.value for name, memory in self.technology.memories.items()}
        return designs_from_frame(frame, fixed, bandwidths)

    def with_budget(self, *limits: str) -> Space:
        """The space with further limits as the command line writes them: ``with_budget("price=40USD", "latency.vision=5ms")``."""
        budget = self.budget
        for limit in limits:
            budget = budget.with_text(limit)
        return replace(self, budget=budget)

    def with_objectives(self, *names: str) -> Space:
        """The space judged by other metrics: ``with_objectives("latency", "energy")``."""
        return replace(self, objectives=objectives_named(names))

    def with_values(self, name: str, written: str) -> Space:
        """The space with other values of a parameter, as the command line writes them: ``8MiB``, ``1MiB, 8MiB``, ``[1MiB]``.

        Other memories or channels take back a bandwidth that the file states. Raises `InputError`.
        """
        if name not in (ABSTRACT if self.is_abstract else CHIP):
            self.parameter(name)
        try:
            texts = written.strip().removeprefix("[").removesuffix("]").split(",")
            values = tuple(read_value(name, text.strip(), self.technology.memories) for text in texts)
        except ValueError as error:
            raise InputError(Problem(f"--set {name}={written}: {error}")) from None
        given = {parameter.name: parameter.values for parameter in self.parameters} | {name: values}
        if name in ("memory", "channels"):
            given.pop("bandwidth", None)
        return replace(self, parameters=completed(given))

    def assumptions(self) -> tuple[str, ...]:
        """A sentence for everything that the figures of this space rest on, prices with their dates and doubts marked."""
        formats = {str(name) for name in self.parameter("precision").values}
        if not self.is_abstract and max(int(lanes) for lanes in self.parameter("vector_lanes").values) > 0:
            formats |= {lane_format(name) for name in formats}
        nodes = [float(node) for node in self.parameter("node").values]
        technology = self.technology.assumptions(
            nodes_nm=nodes, formats=formats, memories=self.memories, priced=not self.device.unit_prices
        )
        return (*self.notes, *_device_sentences(self.device), *technology)


def padding_problem(device: Device, dataflows: tuple[str, ...], place: Place | None = None) -> Problem | None:
    """What is wrong where a device skips padding and one of its dataflows cannot; None if nothing is."""
    unable = [name for name in dataflows if name not in SKIPS_PADDING]
    if device.padding == "multiplied" or not unable:
        return None
    needed = f"padding: skipped needs dataflow {' or '.join(SKIPS_PADDING)}, not {unable[0]}"
    return Problem(needed, place, "a systolic array multiplies the zeros around a map: padding: multiplied")


def _device_sentences(device: Device) -> tuple[str, ...]:
    sentences: list[str] = []
    for label, value in (
        ("compute reaches", device.compute_efficiency),
        ("memory bandwidth reaches", device.bandwidth_efficiency),
        ("of the on-chip buffer, usable as a scratchpad is", device.sram_efficiency),
    ):
        if value != 1.0:
            sentences.append(f"{label} {value:.0%} of its peak")
    for label, value in (("sequential step", device.dependency_latency_s), ("tensor operation", device.launch_latency_s)):
        if value:
            sentences.append(f"each {label} waits {format_quantity(value, 'time', 3)} before it starts")
    sentences += [] if device.tiling is None else device.tiling.sentences()
    stated: list[tuple[bool, str]] = [
        (
            device.weight_streams != 1.0,
            f"weights stream {device.weight_streams:g} times for each time that the best mapping streams them",
        ),
        (
            device.row_strips is not None,
            f"every input map is cut into {device.row_strips} strips of rows, and the weights stream once for each",
        ),
        (
            device.activations == "streamed",
            "no tensor stays on chip between operations: each reads its inputs and writes its outputs",
        ),
        (
            device.weights == "resident",
            "serving: weights that fit stay on chip from run to run, and their first load is not counted",
        ),
        (
            device.network_io == "host",
            "what a network is given and what it answers pass over a host link, whose time is not counted",
        ),
        (device.padding == "skipped", "multiplications with zero padding are skipped"),
        (device.weight_fetch == "array_tile", "weights are fetched in whole array tiles"),
        (device.static_power_w is not None, f"static power: {device.static_power_w} W, stated by the space"),
        (
            device.fixed_area_mm2 is not None,
            f"area beside array, buffers and memory interface: {device.fixed_area_mm2} mm2, stated by the space",
        ),
    ]
    sentences += [sentence for holds, sentence in stated if holds]
    if device.unit_prices is not None:
        sentences.append("price: the unit prices of the space; area, energy and power: its node and format")
    else:
        shared = f"with NRE shared by {device.volume:,} chips" if device.volume else "without NRE"
        sentences.append(f"price: cost of manufacture of one chip and its DRAM, {shared}, without margin")
    return tuple(sentences)
