"""Budgets as constraints: how far each design is over each limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dse.errors import Violation
from dse.hardware.design import BoolColumn, FloatColumn
from dse.hardware.space import Space
from dse.model.batching import latency_limit
from dse.model.evaluate import Metrics
from dse.workload.memory import scenario_memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit over many designs: at most `limit` (SI) of `quantity`, which is `values`, shape (designs,).

    `parts` is what a `Violation` of it says its value is made of. A rule of the space is a limit of the quantity ``forbidden``,
    whose value is 1 where the rule is broken.
    """

    quantity: str
    scenario: str | None
    limit: float
    values: FloatColumn
    parts: tuple[tuple[str, float], ...] = ()
    rule: str | None = None

    @property
    def name(self) -> str:
        """``latency:deep_speech_2@b4`` where a scenario is meant, ``forbidden: ...`` for a rule, else the quantity."""
        if self.rule is not None:
            return f"{self.quantity}: {self.rule}"
        return self.quantity if self.scenario is None else f"{self.quantity}:{self.scenario}"

    @property
    def excess(self) -> FloatColumn:
        """Value / limit - 1: at most 0 where the limit holds; infinite where there is no value."""
        with np.errstate(divide="ignore", invalid="ignore"):
            excess = np.where(
                self.values <= self.limit, np.minimum(self.values / self.limit - 1.0, 0.0), self.values / self.limit - 1.0
            )
        return np.where(np.isnan(excess), np.where(self.values <= self.limit, 0.0, np.inf), excess)


def limits(metrics: Metrics, space: Space) -> tuple[Limit, ...]:
    """Every limit that applies: the budget's, each scenario's latency, that tensors fit the DRAM, and the space's rules."""
    work, budget, found = metrics.work, space.budget, list[Limit]()
    for quantity in ("price", "area", "power", "latency", "energy"):
        bound = budget.limit(quantity)
        if bound is not None:
            found.append(Limit(quantity=quantity, scenario=None, limit=bound, values=metrics.metric(quantity)))
    for index, scenario in enumerate(work.scenarios):
        bound = latency_limit(work, index, budget)
        if bound is not None:
            found.append(Limit(quantity="latency", scenario=scenario.name, limit=bound, values=metrics.latency_s[:, index]))
    for member in work.members:
        bound = budget.scenario_limit(member.name)
        if bound is not None:
            values = metrics.of_member("latency", member.name)
            found.append(Limit(quantity="latency", scenario=member.name, limit=bound, values=values))
    capacity = metrics.costs.dram_capacity_bytes
    needed = metrics.dram_bytes_needed
    fullest = int(needed.max(axis=0).argmax())
    found.append(
        Limit(
            quantity="dram_needed_over_installed",
            scenario=work.scenarios[fullest].name,
            limit=1.0,
            values=needed.max(axis=1) / capacity,
            parts=scenario_memory(work.scenarios[fullest]).kinds,
        )
    )
    floating = any(operation.floating for operation in work.operations)
    integer_array = (floating & ~metrics.floating_array).astype(np.float64)
    found.append(Limit(quantity="floating_point_on_integers", scenario=None, limit=0.0, values=integer_array))
    unmapped = np.where(np.isfinite(metrics.latency_s).all(axis=1), 0.0, 1.0 - integer_array)
    found.append(Limit(quantity="operations_without_mapping", scenario=None, limit=0.0, values=unmapped))
    for rule, broken in zip(space.rules, metrics.rules_broken.T, strict=True):
        found.append(Limit(quantity="forbidden", scenario=None, limit=0.0, values=broken.astype(np.float64), rule=rule.text))
    return tuple(found)


def feasible(found: tuple[Limit, ...]) -> BoolColumn:
    """Which designs keep every limit."""
    return np.logical_and.reduce([limit.values <= limit.limit for limit in found])


def nearest(found: tuple[Limit, ...]) -> int:
    """The design to show when nothing is feasible: of least worst excess; of equals, that which breaks the fewest limits."""
    excess = np.array([limit.excess for limit in found])
    broken = np.array([limit.values > limit.limit for limit in found]).sum(axis=0)
    beyond = np.where(np.isfinite(excess), np.maximum(excess, 0.0), 0.0).sum(axis=0)
    return int(np.lexsort((beyond, broken, excess.max(axis=0)))[0])


def violations(found: tuple[Limit, ...], design: int) -> tuple[Violation, ...]:
    """What one design breaks, worst first."""
    broken = [limit for limit in found if limit.values[design] > limit.limit]
    broken.sort(key=lambda limit: -limit.excess[design])
    return tuple(
        Violation(limit.quantity, float(limit.values[design]), limit.limit, limit.scenario, limit.parts, limit.rule)
        for limit in broken
    )
