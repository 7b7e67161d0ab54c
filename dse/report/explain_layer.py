"""One layer in full: every figure as a formula with its numbers put in, and where each constant is from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dse.errors import InputError, Problem
from dse.hardware.parameters import suggestion
from dse.model.explanation import LayerExplanation, ScenarioExplanation
from dse.report.explain_data import activation_lines, dependency_lines, parameter_lines
from dse.report.explain_sources import source_lines
from dse.report.explain_time import compute_lines, energy_lines, split_lines, time_lines
from dse.workload.workload import Scenario

MOST_NAMED = 10
"""Layers that a message names."""


@dataclass(frozen=True, slots=True)
class Section:
    """A title and its lines, each a label and a text."""

    title: str
    lines: tuple[tuple[str, str], ...]


def layers_named(explained: ScenarioExplanation, name: str) -> tuple[LayerExplanation, ...]:
    """The layers of a name: one task, the task that a fused step rides on, or the tasks of a layer, equal ones once.

    Empty where there are none (see `no_layer`).
    """
    exact = [layer for layer in explained.layers if any(step.name == name for step in layer.task.steps)]
    whole = [layer for layer in explained.layers if any(step.layer == name for step in layer.task.steps)]
    distinct: dict[tuple[object, ...], LayerExplanation] = {}
    for layer in exact[:1] or whole:
        distinct.setdefault((layer.operation, layer.row["dram_bytes"], layer.row["vector_ops"]), layer)
    return tuple(distinct.values())


def no_layer(name: str, scenarios: Sequence[Scenario]) -> InputError:
    """The error for a layer that none of the scenarios has, with what may have been meant."""
    steps = [step for scenario in scenarios for step in scenario.lower().steps]
    known = [*dict.fromkeys(each for step in steps for each in (step.name, step.layer))]
    remedy = suggestion(name, known)
    if remedy.startswith("known") and len(known) > MOST_NAMED:
        remedy = f"there are {', '.join(known[:MOST_NAMED])} and {len(known) - MOST_NAMED} more; `dse explain` lists them"
    where = f"'{scenarios[0].name}' has" if len(scenarios) == 1 else f"none of the {len(scenarios)} scenarios has"
    return InputError(Problem(f"{where} {'no' if len(scenarios) == 1 else 'a'} layer {name!r}", remedy=remedy))


def layer_report(explained: ScenarioExplanation, layers: tuple[LayerExplanation, ...]) -> RenderableType:
    """The sections of each layer."""
    parts: list[RenderableType] = []
    for layer in layers:
        title = f"{layer.name} ({layer.task.kind}) of {explained.scenario.name} on {explained.result.space.name}"
        parts += [Text(title, style="bold"), *map(_shown, layer_sections(explained, layer)), Text()]
    return Group(*parts[:-1])


def _shown(section: Section) -> RenderableType:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=2)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for label, text in section.lines:
        table.add_row("", label, text)
    return Group(Text(), Text(section.title, style="bold"), table)


def layer_sections(explained: ScenarioExplanation, layer: LayerExplanation) -> tuple[Section, ...]:
    """Everything about one layer, in words and formulas."""
    sections = {
        "Parameters": parameter_lines(explained, layer),
        "Activations": activation_lines(explained, layer),
        "Compute": compute_lines(explained, layer),
        "Time": time_lines(explained, layer),
        "Where the time goes (share of time x peak)": split_lines(layer),
        "Energy": energy_lines(explained, layer),
        "Dependencies: ready before it can start": dependency_lines(layer),
        "Sources": source_lines(explained, layer),
    }
    return tuple(Section(title, lines) for title, found in sections.items() if (lines := tuple(found)))
