"""Which scenarios and layers `dse explain` shows, and in which form."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rich.console import RenderableType

from dse.hardware.space import Space
from dse.model.breakdown import Result, evaluate
from dse.model.explain import explain_scenario
from dse.model.explanation import LayerExplanation, ScenarioExplanation
from dse.report.explain_layer import layer_report, layers_named, no_layer
from dse.report.explain_table import explain_report, problems
from dse.workload.workload import Scenario, Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainView:
    """The explained scenarios, the first of which is shown, and the layers that were asked for (none: the table of all)."""

    result: Result
    scenarios: tuple[ScenarioExplanation, ...]
    layers: tuple[LayerExplanation, ...]

    @property
    def first(self) -> ScenarioExplanation:
        """The scenario that is shown."""
        return self.scenarios[0]

    @property
    def runs(self) -> bool:
        """Whether the machine can run what is shown."""
        return all(math.isfinite(float(each.summary["latency_s"])) for each in self.scenarios)

    @property
    def cannot_run(self) -> str:
        """Why not, scenario by scenario."""
        lines = [f"{each.scenario.name}: {line}" for each in self.scenarios for line in problems(each)]
        return "\n".join([*lines, "A larger SRAM or another number format may help: --set sram=..., --set precision=..."])

    def report(self) -> RenderableType:
        """The table of all layers, or the formulas of those that were asked for."""
        if self.layers:
            return layer_report(self.first, self.layers)
        return explain_report(self.first, len(self.result.workload.scenarios) - 1)


def explain_view(workload: Workload, space: Space, *, layer: str | None = None, every: bool = False) -> ExplainView:
    """The slowest scenario of `workload` (or, with `every`, all of them) on the one design of `space`.

    A `layer` is looked for in the slowest scenario first, then in the others in turn. Raises `InputError` for a space of several
    designs and for a layer that is in none of them.
    """
    has = [layer is None or _has(scenario, layer) for scenario in workload.scenarios]
    if layer is not None and not any(has):
        raise no_layer(layer, workload.scenarios)
    result = evaluate(workload, space)
    latency = result.scenarios["latency_s"].to_numpy()
    slowest = int(latency.argmax())
    order = [slowest, *(index for index in range(len(latency)) if index != slowest)]
    if layer is not None:
        chosen = [next(index for index in order if has[index])]
    else:
        chosen = list(range(len(latency))) if every else [slowest]
    scenarios = tuple(explain_scenario(result, workload.scenarios[index]) for index in chosen)
    layers = layers_named(scenarios[0], layer) if layer is not None else ()
    return ExplainView(result=result, scenarios=scenarios, layers=layers)


def _has(scenario: Scenario, layer: str) -> bool:
    return any(layer in (step.name, step.layer) for step in scenario.lower().steps)
