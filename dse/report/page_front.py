"""The data of a page about many designs: the axes, the front, the trials behind it, and the budget trade-off."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dse.hardware.design import IntColumn
from dse.hardware.goals import METRICS
from dse.hardware.parameters import KINDS, show_value
from dse.hardware.space import Parameter
from dse.inputs.one_design import exact_text
from dse.report.info import DIMENSION, TITLE
from dse.report.plain import column, exact
from dse.search import pareto
from dse.search.front import METRIC_COLUMNS, Front, losses_of

MOST_FRONT = 1500
"""Front designs that a page holds; of more, an even choice by rank with the lettered ones."""

MOST_TRIALS = 2400
"""Trials behind the front that a page holds; of more, an even choice."""


def metrics_data(front: Front) -> list[dict[str, Any]]:
    """Every metric as an axis; the objectives stand first, in their order."""
    objectives = [objective.metric for objective in front.space.objectives]
    return [
        {
            "name": name,
            "column": METRIC_COLUMNS[name],
            "title": TITLE[name],
            "dimension": DIMENSION[name],
            "maximise": name.partition(":")[0] == "throughput",
            "objective": name in objectives,
            "limit": front.space.budget.limit(name),
        }
        for name in metric_names(front)
    ]


def metric_names(front: Front) -> list[str]:
    """The objectives in their order, and every other metric."""
    objectives = [objective.metric for objective in front.space.objectives]
    return [*objectives, *(name for name in METRICS if name not in objectives)]


def front_data(front: Front, letters: dict[int, str]) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any] | None]:
    """The designs of the front, the parameters that they index, and the trials behind them (None where there are none).

    A design is a row of places in the values of the parameters; a parameter lists the values that stand in the page alone.
    """
    rows = _thinned(len(front), MOST_FRONT, [*letters])
    tried = _trials(front)
    places = [front.indices[rows], *(part["places"] for part in tried.values())]
    used = [np.unique(np.concatenate([part[:, at] for part in places])) for at in range(front.indices.shape[1])]
    shape = [len(values) for values in used]
    parameters = [_parameter(axis, values) for axis, values in zip(front.space.parameters, used, strict=True)]
    designs = front.designs.iloc[rows]
    data: dict[str, Any] = {
        "total": len(front),
        "rows": rows.tolist(),
        "knee": front.knee,
        "letters": {str(row): letter for row, letter in letters.items()},
        "choice": _compact(front.indices[rows], used, shape),
        "metrics": {name: [exact(value) for value in designs[METRIC_COLUMNS[name]]] for name in metric_names(front)},
    }
    if not len(front.trials):
        return data, parameters, None
    feasible = int(front.trials["feasible"].sum())
    trials: dict[str, Any] = {"total": len(front.trials), "feasible": feasible, "distinct": front.certificate.designs_covered}
    for name, part in tried.items():
        table: pd.DataFrame = part["table"]
        trials[name] = {
            "total": part["total"],
            "choice": _compact(part["places"], used, shape),
            "metrics": {metric: column(table[METRIC_COLUMNS[metric]]) for metric in metric_names(front)},
        }
    return data, parameters, trials


def _compact(places: IntColumn, used: list[IntColumn], shape: list[int]) -> list[list[int]]:
    """Rows of places in what is used, parameters of one value left out."""
    free = [at for at, length in enumerate(shape) if length > 1]
    columns = [np.searchsorted(used[at], places[:, at]) for at in free]
    return np.column_stack(columns).tolist() if columns else [[] for _ in range(len(places))]


def _parameter(axis: Parameter, used: IntColumn) -> dict[str, Any]:
    values = [axis.values[int(place)] for place in used]
    return {
        "name": axis.name,
        "column": axis.column,
        "dimension": KINDS[axis.name].dimension,
        "numeric": axis.is_numeric,
        "free": len(axis) > 1,
        "choices": len(axis),
        "values": values,
        "texts": [show_value(axis.name, value) for value in values],
        "exact": [exact_text(axis.name, value) for value in values],
    }


def _trials(front: Front) -> dict[str, dict[str, Any]]:
    """Trials that are not on the front: feasible ones, and those that break a limit, thinned evenly."""
    if not len(front.trials):
        return {}
    table = front.trials.drop_duplicates(subset=list(front.space.columns))
    places = trial_places(front, table)
    on_front = {row.tobytes() for row in np.ascontiguousarray(front.indices)}
    behind = np.array([row.tobytes() not in on_front for row in np.ascontiguousarray(places)], dtype=np.bool_)
    feasible = table["feasible"].to_numpy(dtype=np.bool_)
    finite = np.isfinite(table[[METRIC_COLUMNS[name] for name in METRICS]].to_numpy(dtype=np.float64)).all(axis=1)
    found: dict[str, dict[str, Any]] = {}
    share = MOST_TRIALS / max(int((behind & finite).sum()), MOST_TRIALS)
    for name, mask in (("dominated", behind & feasible & finite), ("infeasible", behind & ~feasible & finite)):
        rows = np.flatnonzero(mask)
        kept = rows[_thinned(len(rows), round(share * len(rows)), [])]
        found[name] = {"total": len(rows), "table": table.iloc[kept], "places": places[kept]}
    return found


def trial_places(front: Front, table: pd.DataFrame) -> IntColumn:
    """Places of each trial's values in the parameters of the space, shape (trials, parameters)."""
    places = np.zeros((len(table), len(front.space.parameters)), dtype=np.int64)
    for at, axis in enumerate(front.space.parameters):
        if len(axis) > 1:
            values = table[axis.column].to_numpy()
            places[:, at] = _nearest(axis, values) if axis.is_numeric else [axis.values.index(value) for value in values.tolist()]
    return places


def _nearest(axis: Parameter, values: npt.NDArray[Any]) -> IntColumn:
    """Place of the value nearest to each of `values`: a table may have come through text."""
    known, wanted = np.asarray(axis.values, dtype=np.float64), values.astype(np.float64)
    above = np.minimum(np.maximum(np.searchsorted(known, wanted), 1), len(known) - 1)
    return np.where(wanted - known[above - 1] < known[above] - wanted, above - 1, above)


def _thinned(n: int, most: int, always: list[int]) -> IntColumn:
    """Rows 0 to n - 1, or an even choice of about `most` of them with `always`."""
    if n <= most:
        return np.arange(n)
    even = np.linspace(0, n - 1, max(most - len(always), 0)).round().astype(np.int64)
    return np.unique(np.concatenate([even, np.array(always, dtype=np.int64)]))


COSTS = ("price", "area", "power")
"""What a budget is spent in, the usual first."""


def tradeoff_data(front: Front) -> dict[str, Any] | None:
    """The best of the first goal for every budget, from the front: rows of `front.csv` at which a larger budget buys more.

    None where the objectives hold no cost or nothing but costs: then no budget trades against a goal.
    """
    objectives = [objective.metric for objective in front.space.objectives]
    cost = next((name for name in COSTS if name in objectives), None)
    goal = next((name for name in objectives if name not in COSTS), None)
    if cost is None or goal is None:
        return None
    losses = losses_of(front.designs, front.space)
    spent, gained = losses[:, objectives.index(cost)], losses[:, objectives.index(goal)]
    order = np.lexsort([gained, spent])
    best = np.minimum.accumulate(gained[order])
    steps = order[np.concatenate([[True], best[1:] < best[:-1]])]
    knee = int(steps[pareto.knee(np.column_stack([spent[steps], gained[steps]]))])
    return {
        "cost": cost,
        "goal": goal,
        "knee": knee,
        "rows": steps.tolist(),
        "costs": [exact(value) for value in front.designs[METRIC_COLUMNS[cost]].iloc[steps]],
        "goals": [exact(value) for value in front.designs[METRIC_COLUMNS[goal]].iloc[steps]],
        "source": "certified" if front.certificate.kind == "exact" else "the designs of this front; a better one may exist",
    }
