"""What a study searches, as plain values that lie in it: workers must agree on them, and a message can say where they do not."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence

from dse.hardware.space import Parameter, Space
from dse.model.evaluate import evaluate_designs
from dse.model.work import work_of
from dse.search.front import METRIC_COLUMNS
from dse.workload.workload import Workload

PROBES = 8
"""Designs whose metrics stand for everything that has no name: layers, device constants, technology, prices."""

PROBE_SEED = 2718


CLOSE = 1e-6
"""Relative difference of a figure of the model between two machines, at most."""

MOST_SHOWN = 100
"""Characters of a value in a message."""


def stated(workload: Workload, space: Space, evaluator: str | None = None) -> dict[str, str]:
    """Workload, parameters, objectives, budget and evaluator in words."""
    return {
        "workload": workload.name,
        "scenarios": ", ".join(scenario.name for scenario in workload.scenarios),
        "objectives": ", ".join(objective.metric for objective in space.objectives),
        "evaluator": evaluator or "none",
        **{f"budget of {name}": f"{limit:g}" for name, limit in space.budget.as_dict().items()},
        **{f"parameter {parameter.name}": _values(parameter) for parameter in space.parameters},
    }


def study_name(workload: Workload, space: Space, evaluator: str | None = None) -> str:
    """The study that commands with the same workload, space, objectives, budget and evaluator share unless one is named."""
    text = json.dumps(stated(workload, space, evaluator), sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return "-".join([workload.name, space.name, *(objective.metric for objective in space.objectives), digest])


def differences(
    there: Mapping[str, str], here: Mapping[str, str], probe_there: Sequence[float | None], probe_here: Sequence[float | None]
) -> list[str]:
    """What a study and a command disagree on, a line each."""
    names = [name for name in dict.fromkeys([*there, *here]) if there.get(name) != here.get(name)]
    found = [f"{name}: {_said(there.get(name))} there, {_said(here.get(name))} here" for name in names]
    if found or _agree(probe_there, probe_here):
        return found
    return ["the same designs come out otherwise: the workload's layers, the device or the technology differ"]


def _agree(there: Sequence[float | None], here: Sequence[float | None]) -> bool:
    if len(there) != len(here):
        return False
    pairs = zip(there, here, strict=True)
    return all(a == b or (a is not None and b is not None and abs(a - b) <= CLOSE * abs(b)) for a, b in pairs)


def _said(value: str | None) -> str:
    text = value or "none"
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 3]}..."


def _values(parameter: Parameter) -> str:
    values = list(parameter.values)
    if len(values) <= 8:
        return ", ".join(map(str, values))
    digest = hashlib.sha256(json.dumps(values).encode()).hexdigest()[:6]
    return f"{len(values)} values from {values[0]} to {values[-1]} ({digest})"


def probe(workload: Workload, space: Space) -> list[float | None]:
    """What the model says of a few designs, the same ones wherever it is asked; None where a figure is not finite."""
    metrics = evaluate_designs(work_of(workload), space.designs(space.random_indices(PROBES, PROBE_SEED)), space)
    figures = [float(value) for name in METRIC_COLUMNS for value in metrics.metric(name)]
    return [figure if math.isfinite(figure) else None for figure in figures]
