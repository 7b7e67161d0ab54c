"""Traffic against on-chip capacity, for each operation and for whole scenarios: the data, without any drawing.

In its own curve every operation stands alone: it reads its operands from DRAM and writes its result there, by the mapping that
moves least (`dse.model.reuse`). A scenario has the sum of these curves, and what is left of it where tensors stay on chip between
operations (`dse.model.residency`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dse.errors import InputError, Problem
from dse.hardware.parameters import suggestion
from dse.hardware.space import Space
from dse.model.evaluate import storage_of_designs
from dse.model.ledger import plan_of
from dse.model.plans import FAMILIES, Family
from dse.model.reuse import ReuseCurve, reuse_curve
from dse.model.stages import Storage, Streaming
from dse.units import UnitError, format_quantity, parse_quantity
from dse.workload.operations import TensorOperation, VectorOperation
from dse.workload.workload import Scenario, Workload

Columns = npt.NDArray[np.int64] | npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationReuse:
    """One distinct tensor operation of a scenario: its curve, and the layers that run it."""

    layers: tuple[str, ...]
    kind: str
    curve: ReuseCurve

    @property
    def operation(self) -> TensorOperation:
        """The loop nest."""
        return self.curve.operation

    @property
    def count(self) -> int:
        """How often the scenario runs it."""
        return len(self.layers)

    @property
    def name(self) -> str:
        """``conv2``, or ``conv2 (x3)`` where three layers are equal."""
        return self.layers[0] + (f" (x{self.count})" if self.count > 1 else "")

    @property
    def needs_bytes(self) -> int:
        """The least capacity with which any mapping runs."""
        return int(self.curve.capacity_bytes[0])

    def near_bytes(self, factor: float) -> int:
        """The least capacity from which the traffic is at most `factor` times compulsory."""
        return least_capacity(self, factor * self.curve.compulsory_bytes)

    # What `least_capacity` asks of a curve, for one run of the operation:
    @property
    def capacity_bytes(self) -> Columns:
        """Capacities at which the traffic of one run falls."""
        return self.curve.capacity_bytes

    @property
    def traffic_bytes(self) -> Columns:
        """Traffic of one run from each of those capacities on."""
        return self.curve.traffic_bytes

    @property
    def falls_between(self) -> bool:
        """Whether the traffic falls along lines between those capacities, too."""
        return self.operation.repeats > 1

    def at(self, capacity_bytes: Columns) -> npt.NDArray[np.float64]:
        """Traffic of one run at each capacity; inf where nothing runs."""
        return self.curve.at(capacity_bytes)


@dataclass(frozen=True, kw_only=True)
class ScenarioReuse:
    """All operations of one scenario, and their traffic in sum.

    `vector_bytes` is what vector operations move at any capacity. The columns, shape (steps,), are the exact sum of all layers'
    curves at every capacity at which one of them falls, from the least with which every operation runs.
    """

    scenario: Scenario
    operations: tuple[OperationReuse, ...]
    vector_bytes: int
    family: Family | None = None

    @cached_property
    def capacity_bytes(self) -> Columns:
        """Capacities at which the sum falls, ascending."""
        steps = np.unique(np.concatenate([each.curve.capacity_bytes for each in self.operations]))
        return steps[steps >= self.needs_bytes]

    @cached_property
    def traffic_bytes(self) -> Columns:
        """The sum of all layers' traffic from each of those capacities on."""
        return self.at(self.capacity_bytes)

    @property
    def falls_between(self) -> bool:
        """Whether the traffic falls along lines between those capacities, too."""
        return any(each.falls_between for each in self.operations)

    @property
    def needs_bytes(self) -> int:
        """The least capacity with which every operation runs."""
        return max(each.needs_bytes for each in self.operations)

    @property
    def compulsory_bytes(self) -> int:
        """Every operand of every operation once."""
        return self.vector_bytes + sum(each.count * each.curve.compulsory_bytes for each in self.operations)

    def near_bytes(self, factor: float) -> int:
        """The least capacity from which the traffic is at most `factor` times compulsory."""
        return least_capacity(self, factor * self.compulsory_bytes)

    def at(self, capacity_bytes: Columns) -> npt.NDArray[np.float64]:
        """Traffic of one run of the scenario at each capacity; inf where some operation does not run."""
        total = np.full(np.shape(capacity_bytes), float(self.vector_bytes))
        for each in self.operations:
            total += each.count * each.curve.at(capacity_bytes)
        return total

    def together_at(self, capacity_bytes: Columns) -> npt.NDArray[np.float64]:
        """Least traffic of one run where tensors stay on chip between operations; inf where some operation does not run."""
        usable = np.asarray(capacity_bytes, dtype=np.int64)
        storage = Storage(usable_bytes=usable, buffers=np.ones(len(usable), dtype=np.int64))
        return plan_of(self.scenario, storage, Streaming(family=self.family))[1].total_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine whose capacity is shown: what its buffer holds of live tiles (a double buffer half, a cache a part)."""

    name: str
    sram_bytes: int
    live_bytes: int

    @property
    def text(self) -> str:
        """``tpu_v1: 12 MiB of its 24 MiB hold live tiles``."""
        whole, live = format_quantity(self.sram_bytes, "bytes"), format_quantity(self.live_bytes, "bytes")
        return f"{self.name}: {whole}" if whole == live else f"{self.name}: {live} of its {whole} hold live tiles"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReuseView:
    """What `dse reuse` shows. `chosen_bytes` are the capacities asked for, or else a handful that span the curves.

    `layer` is the layer asked for; then every scenario holds just its operations.
    """

    workload: Workload
    scenarios: tuple[ScenarioReuse, ...]
    chosen_bytes: tuple[int, ...]
    layer: str | None = None
    family: Family | None = None
    machine: Machine | None = None

    @property
    def first(self) -> ScenarioReuse:
        """The scenario whose layers are shown."""
        return self.scenarios[0]


def reuse_view(
    workload: Workload,
    *,
    layer: str | None = None,
    family: str | None = None,
    capacities_bytes: Sequence[int] = (),
    machine: Space | None = None,
) -> ReuseView:
    """Curves of every distinct tensor operation of every scenario, or of the first scenario's `layer` alone.

    `family` restricts the mappings to one family; `machine`, a space of one design, adds its live capacity to those shown.
    Raises `InputError` for a layer or a family that is not there, or a machine that is not one.
    """
    if family is not None and family not in FAMILIES:
        raise InputError(Problem(f"unknown family {family!r}", remedy=suggestion(family, FAMILIES)))
    known: Family | None = next((each for each in FAMILIES if each == family), None)
    if layer is None:
        found = tuple(_scenario(scenario, known) for scenario in workload.scenarios)
        scenarios = tuple(each for each in found if each.operations)
        if not scenarios:
            raise InputError(Problem(f"no layer of '{workload.name}' has a tensor operation", remedy="nothing to reuse"))
    else:
        scenarios = (_scenario(workload.scenarios[0], known, layer),)
    shown = _machine(machine)
    chosen = tuple(sorted(set(capacities_bytes))) or _powers_of_two(scenarios, SHOWN_POWERS - (shown is not None))
    if shown is not None:
        chosen = tuple(sorted({*chosen, shown.live_bytes}))
    return ReuseView(workload=workload, scenarios=scenarios, chosen_bytes=chosen, layer=layer, family=known, machine=shown)


def capacities(written: str) -> tuple[int, ...]:
    """Capacities as the command line writes them. Raises `InputError`.

    >>> capacities("512KiB, 1 MiB")
    (524288, 1048576)
    """
    found: list[int] = []
    for text in written.split(","):
        try:
            capacity = parse_quantity(text.strip(), "bytes")
        except UnitError as error:
            raise InputError(Problem(f"--capacity {written}: {error}")) from None
        if capacity < 1:
            raise InputError(Problem(f"--capacity {written}: a capacity is at least 1 B"))
        found.append(int(capacity))
    return tuple(found)


def least_capacity(curve: OperationReuse | ScenarioReuse, traffic_bytes: float) -> int:
    """The least whole number of bytes on chip with which `curve` moves at most `traffic_bytes`, not below its end.

    A staircase reaches it at one of its steps. Where it falls between them too, the place is found by halving.
    """
    steps = np.flatnonzero(np.asarray(curve.traffic_bytes) <= traffic_bytes)
    step = int(steps[0]) if len(steps) else len(curve.capacity_bytes) - 1
    high = int(curve.capacity_bytes[step])
    if step == 0 or not curve.falls_between:
        return high
    low = int(curve.capacity_bytes[step - 1])
    while high - low > 1:
        middle = (low + high) // 2
        if float(curve.at(np.array([middle]))[0]) <= traffic_bytes:
            high = middle
        else:
            low = middle
    return high


def telling_steps(curve: OperationReuse | ScenarioReuse, most: int) -> npt.NDArray[np.int64]:
    """Rows of at most about `most` steps that tell the curve: those at which it has fallen by a like factor since the last.

    The first step (nothing runs below) and the last (compulsory traffic) are always among them.
    """
    traffic = np.asarray(curve.traffic_bytes, dtype=np.float64)
    if len(traffic) <= most:
        return np.arange(len(traffic))
    factor = (traffic[0] / traffic[-1]) ** (1.0 / (most - 2))
    level = np.floor(np.log(traffic[0] / traffic) / np.log(factor) * (1 + 1e-12)).astype(np.int64)
    _, first = np.unique(level, return_index=True)
    return np.unique(np.append(first, len(traffic) - 1))


def doubling_steps(curve: OperationReuse | ScenarioReuse) -> tuple[int, ...]:
    """The first capacity that runs everything, the powers of two after it, and the one from which nothing falls any more."""
    first, last = int(curve.capacity_bytes[0]), int(curve.capacity_bytes[-1])
    powers = (1 << exponent for exponent in range(first.bit_length(), last.bit_length()))
    return tuple(sorted({first, *(power for power in powers if 1.1 * first < power < last / 1.1), last}))


def kept_steps(reuse: ScenarioReuse) -> tuple[int, ...]:
    """`doubling_steps` of the sum of all layers, and on by doubling until nothing more is gained by keeping tensors on chip."""
    steps = list(doubling_steps(reuse))
    further = 1 << steps[-1].bit_length()
    beyond = np.array([further << exponent for exponent in range(MOST_DOUBLINGS)])
    kept = reuse.together_at(beyond)
    return tuple(steps + [int(at) for at, moved in zip(beyond, [np.inf, *kept[:-1]], strict=True) if moved > kept[-1]])


MOST_DOUBLINGS = 14
"""Doublings beyond the capacity from which each layer alone passes everything once."""

MOST_NAMED = 10
"""Layers that a message names."""


def _scenario(scenario: Scenario, family: Family | None, layer: str | None = None) -> ScenarioReuse:
    names: dict[TensorOperation, list[str]] = {}
    kinds: dict[TensorOperation, str] = {}
    vector_bytes = 0
    for step in scenario.lower().steps:
        if layer is not None and layer not in (step.name, step.layer):
            continue
        if isinstance(step.operation, VectorOperation):
            vector_bytes += step.operation.bytes
        else:
            names.setdefault(step.operation, []).append(step.name)
            kinds.setdefault(step.operation, step.kind)
    if layer is not None and not names:
        raise _no_curve(scenario, layer)
    operations = tuple(
        OperationReuse(layers=tuple(layers), kind=kinds[operation], curve=reuse_curve(operation, family=family))
        for operation, layers in names.items()
    )
    moved = vector_bytes if layer is None else 0
    return ScenarioReuse(scenario=scenario, operations=operations, vector_bytes=moved, family=family)


def _no_curve(scenario: Scenario, layer: str) -> InputError:
    steps = scenario.lower().steps
    if any(layer in (step.name, step.layer) for step in steps):
        message = f"layer {layer!r} of '{scenario.name}' is vector work: it moves the same bytes at any capacity"
        return InputError(Problem(message, remedy="choose a layer with a tensor operation; `dse reuse` lists them"))
    known = [*dict.fromkeys(step.name for step in steps if isinstance(step.operation, TensorOperation))]
    remedy = suggestion(layer, known)
    if remedy.startswith("known") and len(known) > MOST_NAMED:
        remedy = f"there are {', '.join(known[:MOST_NAMED])} and {len(known) - MOST_NAMED} more; `dse reuse` lists them"
    return InputError(Problem(f"'{scenario.name}' has no layer {layer!r}", remedy=remedy))


def _machine(space: Space | None) -> Machine | None:
    if space is None:
        return None
    if space.size != 1:
        free = ", ".join(parameter.name for parameter in space.free_parameters)
        message = f"the space '{space.name}' has {space.size:,} designs, and the capacity of one is shown"
        raise InputError(Problem(message, remedy=f"name a known chip, or fix each of: {free}"))
    designs = space.designs(np.zeros((1, len(space.parameters)), dtype=np.int64))
    storage = storage_of_designs(designs, space.device)
    live = int(storage.usable_bytes[0] // storage.buffers[0])
    return Machine(name=space.name, sram_bytes=int(designs.sram_bytes[0]), live_bytes=live)


SHOWN_POWERS = 4
"""Capacities in a table where none are asked for."""

LEAST_SHOWN_BYTES = 4096
"""Nobody builds a smaller buffer; a table starts here where all layers run and there is something left to gain."""


def _powers_of_two(scenarios: Sequence[ScenarioReuse], count: int) -> tuple[int, ...]:
    """`count` powers of two, evenly spread up to where every operand of every scenario passes once."""
    last = (max(each.near_bytes(1.0) for each in scenarios) - 1).bit_length()
    first = max(max(each.needs_bytes for each in scenarios), LEAST_SHOWN_BYTES).bit_length() - 1
    exponents = np.linspace(max(min(first, last - count + 1), 0), last, count).round().astype(int)
    return tuple(1 << int(exponent) for exponent in np.unique(exponents))
