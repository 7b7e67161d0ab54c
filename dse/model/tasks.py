"""Tasks: a tensor operation with the vector work that rides on it, or vector work that stands alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dse.workload.network import Lowered, Step
from dse.workload.operations import TensorOperation, VectorOperation
from dse.workload.workload import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Steps that run as one: the first does the work that names it, the others are fused to it."""

    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        """Name of its first step."""
        return self.steps[0].name

    @property
    def layer(self) -> str:
        """The layer that its first step belongs to."""
        return self.steps[0].layer

    @property
    def kind(self) -> str:
        """Kind of that layer."""
        return self.steps[0].kind

    @property
    def operation(self) -> TensorOperation | None:
        """Its tensor operation, or None where it is vector work alone."""
        first = self.steps[0].operation
        return first if isinstance(first, TensorOperation) else None

    @property
    def vector_ops(self) -> float:
        """Operations on the vector unit."""
        return float(sum(step.operation.ops for step in self.steps if isinstance(step.operation, VectorOperation)))

    @property
    def sequential_steps(self) -> int:
        """Steps that each wait for the one before (recurrent steps); 0 where nothing waits."""
        return self.operation.repeats if self.operation is not None and self.operation.repeats > 1 else 0


def tasks(lowered: Lowered) -> tuple[Task, ...]:
    """The steps of a lowered network with fused vector operations joined to the tensor operation they follow."""
    return tuple(Task(steps=tuple(group)) for group in _groups(lowered.steps))


def scenario_tasks(scenario: Scenario) -> tuple[Task, ...]:
    """The tasks of one scenario in execution order."""
    return tasks(scenario.lower())


def _groups(steps: Iterable[Step]) -> Iterator[list[Step]]:
    group: list[Step] = []
    for step in steps:
        rides = isinstance(step.operation, VectorOperation) and step.operation.fused
        if group and rides and isinstance(group[0].operation, TensorOperation):
            group.append(step)
            continue
        if group:
            yield group
        group = [step]
    if group:
        yield group
