"""The work of a workload: its runs, the distinct tensor operations of all of them, and what no machine changes.

A *run* is a scenario at one batch. Most scenarios are one run; one whose batch each design chooses is a run for each choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dse.hardware.design import FloatColumn, IntColumn
from dse.model.tasks import scenario_tasks
from dse.workload.memory import dram_bytes_needed
from dse.workload.operations import TensorOperation
from dse.workload.workload import Member, Scenario, Workload

NO_OPERATION = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """All runs of a workload. Each distinct tensor operation stands once in `operations`, the columns of array tables.

    `numbers`: for each run its own operations (see `local_operations`) as indices into `operations`; `operation_counts`: how
    often each happens in each run, shape (operations, runs). Shapes (runs,): `owner` (index of the scenario), `vector_ops`,
    `batch`, `dram_bytes_needed`, `first_operation`, `macs`. Shape (scenarios,): `weight`. `members`: several workloads together.
    """

    scenarios: tuple[Scenario, ...]
    runs: tuple[Scenario, ...]
    owner: IntColumn
    operations: tuple[TensorOperation, ...]
    numbers: tuple[IntColumn, ...]
    operation_counts: FloatColumn
    vector_ops: FloatColumn
    batch: FloatColumn
    weight: FloatColumn
    dram_bytes_needed: FloatColumn
    first_operation: IntColumn
    members: tuple[Member, ...] = ()

    def of_member(self, name: str) -> list[int]:
        """Scenarios of one of several workloads, as indices."""
        return [index for index, scenario in enumerate(self.scenarios) if scenario.member == name]

    def member(self, name: str) -> Member:
        """One of several workloads by name. Raises `KeyError`."""
        for member in self.members:
            if member.name == name:
                return member
        raise KeyError(name)

    @property
    def macs(self) -> FloatColumn:
        """Multiply-accumulates of each run, shape (runs,)."""
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
    runs = [(index, run) for index, scenario in enumerate(workload.scenarios) for run in scenario.runs]
    for _, scenario in runs:
        found = [operations.setdefault(operation, len(operations)) for operation in local_operations(scenario)]
        numbers.append(np.array(found, dtype=np.int64))
    counts = np.zeros((len(operations), len(runs)))
    for index, (_, scenario) in enumerate(runs):
        counts[numbers[index], index] = list(local_operations(scenario).values())
    return Work(
        scenarios=workload.scenarios,
        runs=tuple(run for _, run in runs),
        owner=np.array([owner for owner, _ in runs], dtype=np.int64),
        operations=tuple(operations),
        numbers=tuple(numbers),
        operation_counts=counts,
        vector_ops=np.array([sum(task.vector_ops for task in scenario_tasks(run)) for _, run in runs]),
        batch=np.array([run.batch for _, run in runs], dtype=np.float64),
        weight=np.array([scenario.weight for scenario in workload.scenarios], dtype=np.float64),
        dram_bytes_needed=np.array([dram_bytes_needed(run, run.lower()) for _, run in runs], dtype=np.float64),
        members=workload.members,
        first_operation=np.array([own[0] if len(own) else NO_OPERATION for own in numbers], dtype=np.int64),
    )
