"""The work of a workload as flat rows: what the kernel walks for each design.

A *row* is one tensor operation with the vector operations fused to it, or vector operations that stand alone. Equal rows of a
scenario are folded into one with a count, and each distinct tensor operation is met once in the tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from dse.hardware.design import FloatColumn, IntColumn
from dse.workload.memory import dram_bytes_needed
from dse.workload.network import Lowered, Step
from dse.workload.operations import TensorOperation, VectorOperation
from dse.workload.workload import Scenario, Workload

NO_OPERATION = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A row before folding, with its names: a tensor operation (or none) and the vector work that rides on it."""

    name: str
    layer: str
    kind: str
    operation: TensorOperation | None
    vector_ops: float = 0.0
    vector_bytes: int = 0
    count: int = 1

    @property
    def sequential_steps(self) -> int:
        """Steps that each wait for the one before (recurrent steps); 0 where nothing waits."""
        return self.operation.repeats if self.operation is not None and self.operation.repeats > 1 else 0

    @property
    def key(self) -> tuple[TensorOperation | None, float, int]:
        """Tasks with equal keys cost the same on every machine."""
        return (self.operation, self.vector_ops, self.vector_bytes)


def tasks(lowered: Lowered) -> tuple[Task, ...]:
    """The steps of a lowered network with fused vector operations joined to the tensor operation they follow."""
    return tuple(_join(lowered.steps))


def _join(steps: Iterable[Step]) -> Iterator[Task]:
    open_task: Task | None = None
    for step in steps:
        work = step.operation
        if isinstance(work, VectorOperation) and work.fused and open_task is not None and open_task.operation is not None:
            open_task = replace(
                open_task, vector_ops=open_task.vector_ops + work.ops, vector_bytes=open_task.vector_bytes + work.bytes
            )
            continue
        if open_task is not None:
            yield open_task
        open_task = Task(name=step.name, layer=step.layer, kind=step.kind, operation=None)
        if isinstance(work, TensorOperation):
            open_task = replace(open_task, operation=work)
        else:
            open_task = replace(open_task, vector_ops=work.ops, vector_bytes=work.bytes)
    if open_task is not None:
        yield open_task


def scenario_tasks(scenario: Scenario) -> tuple[Task, ...]:
    """The tasks of one scenario in execution order."""
    return tasks(scenario.lower())


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """All scenarios of a workload, folded. Rows of scenario s are ``start[s]:start[s + 1]``.

    Shapes: `start` (scenarios + 1,); `operation` (index into `operations` or `NO_OPERATION`), `count`, `vector_ops`,
    `vector_bytes`, `steps` (rows,); `batch`, `weight`, `dram_bytes_needed`, `first_operation` (scenarios,).
    """

    scenarios: tuple[Scenario, ...]
    operations: tuple[TensorOperation, ...]
    start: IntColumn
    operation: IntColumn
    count: FloatColumn
    vector_ops: FloatColumn
    vector_bytes: FloatColumn
    steps: FloatColumn
    batch: FloatColumn
    weight: FloatColumn
    dram_bytes_needed: FloatColumn
    first_operation: IntColumn

    @property
    def operation_counts(self) -> FloatColumn:
        """How often each operation runs in each scenario, shape (operations, scenarios)."""
        counts = np.zeros((len(self.operations), len(self.scenarios)))
        for scenario in range(len(self.scenarios)):
            rows = slice(self.start[scenario], self.start[scenario + 1])
            real = self.operation[rows] != NO_OPERATION
            np.add.at(counts[:, scenario], self.operation[rows][real], self.count[rows][real])
        return counts

    @property
    def macs(self) -> FloatColumn:
        """Multiply-accumulates of each scenario, shape (scenarios,)."""
        return np.array([operation.macs for operation in self.operations], dtype=np.float64) @ self.operation_counts

    @property
    def vector_ops_total(self) -> FloatColumn:
        """Vector operations of each scenario, shape (scenarios,)."""
        return np.add.reduceat(self.vector_ops * self.count, self.start[:-1])


@lru_cache(maxsize=32)
def work_of(workload: Workload) -> Work:
    """Fold a workload into rows; the same workload is folded once."""
    operations: dict[TensorOperation, int] = {}
    rows: list[tuple[int, int, float, int, int]] = []
    start = [0]
    first: list[int] = []
    needed: list[int] = []
    for scenario in workload.scenarios:
        lowered = scenario.lower()
        folded = Counter[tuple[TensorOperation | None, float, int]]()
        steps: dict[tuple[TensorOperation | None, float, int], int] = {}
        for task in tasks(lowered):
            folded[task.key] += task.count
            steps[task.key] = task.sequential_steps
        indices: list[int] = []
        for key, count in folded.items():
            operation, vector_ops, vector_bytes = key
            index = NO_OPERATION if operation is None else operations.setdefault(operation, len(operations))
            indices.append(index)
            rows.append((index, count, vector_ops, vector_bytes, steps[key]))
        start.append(len(rows))
        first.append(next((index for index in indices if index != NO_OPERATION), NO_OPERATION))
        needed.append(dram_bytes_needed(scenario, lowered))
    columns = list(zip(*rows, strict=True))
    return Work(
        scenarios=workload.scenarios,
        operations=tuple(operations),
        start=np.array(start),
        operation=np.array(columns[0], dtype=np.int64),
        count=np.array(columns[1], dtype=np.float64),
        vector_ops=np.array(columns[2], dtype=np.float64),
        vector_bytes=np.array(columns[3], dtype=np.float64),
        steps=np.array(columns[4], dtype=np.float64),
        batch=np.array([scenario.batch for scenario in workload.scenarios], dtype=np.float64),
        weight=np.array([scenario.weight for scenario in workload.scenarios], dtype=np.float64),
        dram_bytes_needed=np.array(needed, dtype=np.float64),
        first_operation=np.array(first, dtype=np.int64),
    )
