"""The work of a workload: its scenarios, the distinct tensor operations of all of them, and what no machine changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dse.hardware.design import FloatColumn, IntColumn
from dse.model.tasks import scenario_tasks
from dse.workload.memory import dram_bytes_needed
from dse.workload.operations import TensorOperation
from dse.workload.workload import Scenario, Workload

NO_OPERATION = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """All scenarios of a workload. Each distinct tensor operation stands once in `operations`, the columns of array tables.

    `numbers`: for each scenario its own operations (see `local_operations`) as indices into `operations`; `operation_counts`:
    how often each runs in each scenario, shape (operations, scenarios). Shapes (scenarios,): `vector_ops`, `batch`, `weight`,
    `dram_bytes_needed`, `first_operation`.
    """

    scenarios: tuple[Scenario, ...]
    operations: tuple[TensorOperation, ...]
    numbers: tuple[IntColumn, ...]
    operation_counts: FloatColumn
    vector_ops: FloatColumn
    batch: FloatColumn
    weight: FloatColumn
    dram_bytes_needed: FloatColumn
    first_operation: IntColumn

    @property
    def macs(self) -> FloatColumn:
        """Multiply-accumulates of each scenario, shape (scenarios,)."""
        return np.array([operation.macs for operation in self.operations], dtype=np.float64) @ self.operation_counts


@lru_cache(maxsize=256)
def local_operations(scenario: Scenario) -> Mapping[TensorOperation, int]:
    """The distinct tensor operations of a scenario in order of first use, and how often each runs."""
    counts: dict[TensorOperation, int] = {}
    for task in scenario_tasks(scenario):
        if task.operation is not None:
            counts[task.operation] = counts.get(task.operation, 0) + 1
    return counts


@lru_cache(maxsize=32)
def work_of(workload: Workload) -> Work:
    """Gather the work of a workload; the same workload is gathered once."""
    operations: dict[TensorOperation, int] = {}
    numbers: list[IntColumn] = []
    for scenario in workload.scenarios:
        found = [operations.setdefault(operation, len(operations)) for operation in local_operations(scenario)]
        numbers.append(np.array(found, dtype=np.int64))
    counts = np.zeros((len(operations), len(workload.scenarios)))
    for index, scenario in enumerate(workload.scenarios):
        counts[numbers[index], index] = list(local_operations(scenario).values())
    return Work(
        scenarios=workload.scenarios,
        operations=tuple(operations),
        numbers=tuple(numbers),
        operation_counts=counts,
        vector_ops=np.array([sum(task.vector_ops for task in scenario_tasks(scenario)) for scenario in workload.scenarios]),
        batch=np.array([scenario.batch for scenario in workload.scenarios], dtype=np.float64),
        weight=np.array([scenario.weight for scenario in workload.scenarios], dtype=np.float64),
        dram_bytes_needed=np.array(
            [dram_bytes_needed(scenario, scenario.lower()) for scenario in workload.scenarios], dtype=np.float64
        ),
        first_operation=np.array([own[0] if len(own) else NO_OPERATION for own in numbers], dtype=np.int64),
    )
