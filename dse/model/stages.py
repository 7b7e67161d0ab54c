"""What a task moves off chip, given which tensors stay on chip: the costs that residency chooses by (cost_model.md section 4).

A *stage* is a task with the tensors that it touches by number, without names: equal stages of a network share their tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dse.hardware.design import FloatColumn, IntColumn
from dse.hardware.space import Device
from dse.model.reuse import WHOLE, Family, Home, Shares, reuse_curve
from dse.model.strips import fewest_strips
from dse.model.tasks import Task
from dse.model.witness import Operand
from dse.units import BITS_PER_BYTE
from dse.workload.network import Lowered, Step, operands_of
from dse.workload.operations import TensorOperation, VectorOperation

INPUTS, WEIGHTS, OUTPUTS, VECTOR = range(4)
"""Rows of a traffic table: bytes of the input operand, of the weights (second factor), of the output, of vector work."""


ACTIVATIONS: frozenset[Operand] = frozenset({"input", "output"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Streaming:
    """How a machine moves what does not stay on chip, and what it may keep (fields as in `Device`)."""

    family: Family | None = None
    row_strips: int | None = None
    activations: Literal["resident", "streamed"] = "resident"
    weights: Literal["streamed", "resident"] = "streamed"
    network_io: Literal["dram", "host"] = "dram"

    @classmethod
    def of(cls, device: Device) -> Streaming:
        """That of a device."""
        return cls(
            family=device.reuse_family,
            row_strips=device.row_strips,
            activations=device.activations,
            weights=device.weights,
            network_io=device.network_io,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """On-chip buffers as columns, shape (storages,): usable bytes, and how often a streaming tile is held (2: double buffer)."""

    usable_bytes: IntColumn
    buffers: IntColumn

    def __len__(self) -> int:
        return len(self.usable_bytes)

    def at(self, index: int) -> Storage:
        """One of them."""
        return Storage(usable_bytes=self.usable_bytes[index : index + 1], buffers=self.buffers[index : index + 1])

    def less(self, taken_bytes: int | IntColumn) -> Storage:
        """What is left once so many bytes are taken; less than nothing where they do not fit."""
        return Storage(usable_bytes=self.usable_bytes - taken_bytes, buffers=self.buffers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A task, its tensors numbered: `bits` of each, and what each is to it.

    `source` makes up the input operand, `factor` (with `cached_bits` that lie in DRAM: a KV cache) a second factor that is no
    weight. Vector work reads `side_bits` of the tensors `side` and writes (tensor, bits) of `written`. `result` is the tensor
    whose stay spares the operation its write (None: the network's result), and `made_bits` what the operation makes in all
    repeats. `loaded` come from outside the network and are loaded here once if they are to stay.
    """

    operation: TensorOperation | None
    bits: tuple[int, ...]
    source: tuple[int, ...] = ()
    factor: tuple[int, ...] = ()
    cached_bits: int = 0
    side: tuple[int, ...] = ()
    side_bits: int = 0
    written: tuple[tuple[int, int], ...] = ()
    result: int | None = None
    made_bits: int = 0
    loaded: tuple[int, ...] = ()

    @property
    def weight_bytes(self) -> int:
        """Bytes of weights that may stay on chip from run to run."""
        if self.operation is None or self.operation.weight_role != "weight":
            return 0
        return -(-self.operation.weight_elements * self.operation.weight_bits // BITS_PER_BYTE)


def stage_of(
    task: Task,
    lowered: Lowered,
    *,
    alive_after: AbstractSet[str],
    loaded: AbstractSet[str],
    through: AbstractSet[str] = frozenset(),
) -> tuple[Stage, tuple[str, ...]]:
    """The stage of a task, and the tensors that its numbers mean.

    `alive_after`: tensors that may stay on chip once it is done, or go to a host; `loaded`: those that this task brings on chip
    from DRAM if they are to stay; `through`: those that are written even if they stay.
    """
    tensors = {tensor.name: tensor for tensor in lowered.tensors}
    bits = {name: tensor.elements * tensor.bits for name, tensor in tensors.items()}
    states = {tensor.name for tensor in lowered.tensors if tensor.role == "state"}
    names = tuple(dict.fromkeys(name for step in task.steps for name in (*step.inputs, step.output) if name not in states))
    number = {name: index for index, name in enumerate(names)}
    made: set[str] = set()
    side: dict[str, None] = {}
    side_bits, written = 0, list[tuple[int, int]]()
    for step in task.steps:
        work = step.operation
        if isinstance(work, VectorOperation):
            if not _looks_up(step, work):
                side |= dict.fromkeys(name for name in step.inputs if name not in made and name not in states)
            side_bits += work.repeats * work.read_bits
            if work.written_bits:
                stays = -1 if step.output in through else number[step.output]
                written.append((stays, work.repeats * work.written_bits))
        made.add(step.output)
    main = task.steps[0]
    source, factor = operands_of(main, tensors) if task.operation is not None else ((), ())
    result = _result(task, alive_after - through) if task.operation is not None else None
    stage = Stage(
        operation=task.operation,
        bits=tuple(bits[name] for name in names),
        source=tuple(number[name] for name in source),
        factor=tuple(number[name] for name in factor),
        cached_bits=sum(bits[name] for name in main.inputs if name in states),
        side=tuple(number[name] for name in side),
        side_bits=side_bits,
        written=tuple(written),
        result=None if result is None else number[result],
        made_bits=bits[main.output] if task.operation is not None else 0,
        loaded=tuple(number[name] for name in names if name in loaded),
    )
    return stage, names


def _looks_up(step: Step, work: VectorOperation) -> bool:
    """Whether a step reads rows of a table, and the tensor that it names just says which."""
    return step.kind == "embedding" and work.gradient == "linear"


def _result(task: Task, alive_after: AbstractSet[str]) -> str | None:
    """The tensor that the operation's own write stands for: what it makes, or what fused work in place makes of it."""
    main = task.steps[0].output
    if main in alive_after:
        return main
    for step in task.steps[:0:-1]:
        if step.output != main and step.output in alive_after and not _writes(step):
            return step.output
    return None


def _writes(step: Step) -> bool:
    return isinstance(step.operation, VectorOperation) and step.operation.written_bits > 0


def stage_traffic(
    stage: Stage, kept: Sequence[int], left: Storage, streaming: Streaming, *, weights_stay: bool = False
) -> FloatColumn:
    """Bytes off chip by operand, shape (4, storages), with the tensors `kept` on chip and `left` for what streams.

    `weights_stay`: the weights are on chip from earlier runs. Infinite where no mapping fits.
    """
    moved = np.zeros((4, len(left)))
    stay = set(kept)
    if stage.operation is not None:
        moved[:3] = _operation_traffic(stage, stage.operation, stay, left, streaming, weights_stay=weights_stay)
    kept_side = sum(stage.bits[tensor] for tensor in stage.side if tensor in stay)
    read = max(stage.side_bits - kept_side, 0)
    written = sum(bits for tensor, bits in stage.written if tensor not in stay)
    loaded = sum(stage.bits[tensor] for tensor in stage.loaded if tensor in stay)
    moved[VECTOR] = -(-(read + written + loaded) // BITS_PER_BYTE)
    moved[:, left.usable_bytes < 0] = np.inf
    return moved


def _operation_traffic(
    stage: Stage, operation: TensorOperation, stay: set[int], left: Storage, streaming: Streaming, *, weights_stay: bool
) -> FloatColumn:
    home, shares = home_of(stage, operation, stay, weights_stay=weights_stay)
    if streaming.row_strips is not None:
        return _in_strips(operation, streaming.row_strips, left)
    moved = _streamed(operation, home, shares, left, streaming)
    if operation.carried_bits and streaming.activations == "resident":
        carried = -(-operation.carried_bits // BITS_PER_BYTE)
        alone = _streamed(operation, home | ACTIVATIONS, WHOLE, left.less(carried), streaming)
        if "output" not in home:
            alone[OUTPUTS] += -(-stage.made_bits // BITS_PER_BYTE)
        moved = np.where(alone.sum(axis=0) < moved.sum(axis=0), alone, moved)
    return moved


def home_of(
    stage: Stage, operation: TensorOperation, stay: AbstractSet[int], *, weights_stay: bool
) -> tuple[frozenset[Operand], Shares]:
    """The operands of a stage's operation that are on chip as a whole, and what part of input and weights moves otherwise."""
    kept_input = _fraction(stage, stage.source, stay)
    cached = stage.cached_bits / (operation.weight_elements * operation.weight_bits)
    kept_factor = _fraction(stage, stage.factor, stay) * max(1.0 - cached, 0.0)
    home: set[Operand] = set()
    if kept_input == 1.0:
        home.add("input")
    if kept_factor == 1.0 or weights_stay:
        home.add("weight")
    if stage.result is not None and stage.result in stay:
        home.add("output")
    return frozenset(home), (1.0 - kept_input % 1.0, 1.0 - kept_factor % 1.0)


def _fraction(stage: Stage, tensors: tuple[int, ...], stay: AbstractSet[int]) -> float:
    """The part of an operand's tensors that stays on chip; 0 for an operand of no tensors."""
    total = sum(stage.bits[tensor] for tensor in tensors)
    kept = sum(stage.bits[tensor] for tensor in tensors if tensor in stay)
    return 1.0 if total and kept == total else kept / total if total else 0.0


def _in_strips(operation: TensorOperation, strips: int, left: Storage) -> FloatColumn:
    moved = np.full((3, len(left)), np.inf)
    for index, room in enumerate(left.usable_bytes / left.buffers):
        found = fewest_strips(operation, strips, float(room))
        if found is not None:
            moved[:, index] = found.input_bytes, found.weight_bytes, found.output_bytes
    return moved


def _streamed(operation: TensorOperation, home: Home, shares: Shares, left: Storage, streaming: Streaming) -> FloatColumn:
    if operation.repeats == 1:
        # What streams is held `buffers` times, so that a tile has so much of the room.
        curve = reuse_curve(operation, family=streaming.family, home=home, shares=shares)
        return np.stack(curve.split_at(left.usable_bytes // left.buffers))
    moved = np.empty((3, len(left)))
    for buffers in np.unique(left.buffers).tolist():
        chosen = left.buffers == buffers
        curve = reuse_curve(operation, family=streaming.family, home=home, shares=shares, buffers=buffers)
        moved[:, chosen] = curve.split_at(left.usable_bytes[chosen])
    return moved
