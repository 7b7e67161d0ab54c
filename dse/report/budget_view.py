"""The data of a budget report, without any drawing: screen, picture, page and JSON show the same numbers."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from dse.hardware.shares import PARTS, Part, contents
from dse.model.binding import BOUNDS
from dse.report.info import AxisView, axis_view, label
from dse.search import pareto
from dse.search.budget import BudgetCurve
from dse.search.budget_steps import UNIT
from dse.search.front import losses_of

GAP = 1.2
"""A stretch of budgets without a better design is told of where its end is so many times its start."""

NEARLY = 0.9
"""A limit is told of where so much of it is used."""

MONEY = {"price": "money", "area": "area", "power": "power"}
"""What a budget is made of, in a sentence."""

PART_NAMES: dict[Part, str] = {
    "compute": "compute",
    "sram": "SRAM",
    "bandwidth": "bandwidth",
    "memory": "memory",
    "other": "other",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRow:
    """One step that is shown: `split` are fractions of its cost, `spent` what each part takes more than in the row above.

    `more_gain_fraction`: how much of the objective a little more of the budget buys, along the hull.
    """

    label: str
    row: int
    cost: float
    value: float
    split: dict[Part, float]
    more_gain_fraction: float
    bound: str
    bound_fraction: float
    knee: bool
    worth: bool
    gain_fraction: float | None
    spent: dict[Part, float] | None
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetView:
    """A budget curve as plain columns, one entry a step (SI, fractions), with its marks and what they mean in words.

    `rows` are the few steps that are shown by name; `knee` and `worth` are rows of the columns (`worth` is None where it lies
    outside of the range: `worth_value`). `gaps` are wide stretches of budgets, as (from, to), that buy nothing better.
    """

    title: str
    objective: AxisView
    resource: AxisView
    cost: tuple[float, ...]
    value: tuple[float, ...]
    split: dict[Part, tuple[float, ...]]
    contents: dict[Part, str]
    bound: tuple[str, ...]
    bound_fraction: dict[str, tuple[float, ...]]
    elasticity: tuple[float, ...]
    elasticity_hull: tuple[float, ...]
    gain_percent_per_unit_hull: tuple[float, ...]
    on_hull: tuple[bool, ...]
    from_value: float
    to_value: float
    cheapest: float
    dearest: float
    knee: int
    worth: int | None
    worth_value: float
    worth_fraction: float
    more_fraction: float
    gaps: tuple[tuple[float, float], ...]
    rows: tuple[BudgetRow, ...]
    tightest_limit: str
    tightest_fraction: float
    certified: bool
    statement: str

    def plain(self) -> dict[str, Any]:
        """As plain JSON values."""
        axes = {"objective": self.objective, "of": self.resource}
        apart = ("objective", "resource", "rows")
        named = {name: {"name": axis.name, "title": axis.title} for name, axis in axes.items()}
        columns = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in apart}
        return named | columns | {"rows": [asdict(row) for row in self.rows]}


def budget_view(curve: BudgetCurve) -> BudgetView:
    """Everything that a budget report shows."""
    steps, unit = curve.steps, UNIT[curve.of]
    worth = np.flatnonzero(steps["worth"].to_numpy())

    def column(name: str) -> tuple[Any, ...]:
        return tuple(steps[name].tolist())

    return BudgetView(
        title=f"{curve.workload.name} on {curve.space.name}: {curve.objective} that {MONEY[curve.of]} buys",
        objective=axis_view(curve.objective, None),
        resource=axis_view(curve.of, None),
        cost=tuple(curve.costs.tolist()),
        value=tuple(curve.values.tolist()),
        split={part: column(f"split_{unit}[{part}]") for part in PARTS},
        contents=dict(contents(curve.space, curve.of)),
        bound=column("bound"),
        bound_fraction={bound: column(f"bound_fraction[{bound}]") for bound in BOUNDS},
        elasticity=column("elasticity"),
        elasticity_hull=column("elasticity_hull"),
        gain_percent_per_unit_hull=column(f"gain_percent_per_{unit}_hull"),
        on_hull=column("on_hull"),
        from_value=curve.from_value,
        to_value=curve.to_value,
        cheapest=curve.cheapest,
        dearest=curve.dearest,
        knee=curve.knee,
        worth=int(worth[0]) if len(worth) else None,
        worth_value=curve.worth_value,
        worth_fraction=curve.worth_fraction,
        more_fraction=curve.more_fraction,
        gaps=_gaps(curve),
        rows=_rows(curve, int(worth[0]) if len(worth) else None),
        tightest_limit=str(steps["tightest_limit"].iloc[-1]),
        tightest_fraction=float(steps["tightest_fraction"].iloc[-1]),
        certified=curve.certificate.kind == "exact",
        statement=curve.certificate.statement,
    )


def _gaps(curve: BudgetCurve) -> tuple[tuple[float, float], ...]:
    """The widest stretches without a better design, at most two, in order."""
    costs = curve.costs
    ratio = costs[1:] / costs[:-1]
    widest = sorted(int(row) for row in np.argsort(-ratio, kind="stable")[:2] if ratio[row] >= GAP)
    return tuple((float(costs[row]), float(costs[row + 1])) for row in widest)


def shown_rows(curve: BudgetCurve) -> list[int]:
    """Steps that stand for the curve: those of its samples, the knee and where it stops paying, filled up by volume."""
    worth = np.flatnonzero(curve.steps["worth"].to_numpy()).tolist()
    named = {0, len(curve) - 1, curve.knee, *worth}
    wanted = sorted(named | set(curve.samples["row"].tolist()))
    most = max(len(curve.samples), len(named))
    losses = losses_of(curve.steps, curve.space)
    if len(wanted) > most:
        steps = np.array(wanted)
        return steps[np.sort(pareto.choose(losses[steps], most, always=[wanted.index(row) for row in sorted(named)]))].tolist()
    return sorted(pareto.choose(losses, most, always=wanted).tolist())


def _rows(curve: BudgetCurve, worth: int | None) -> tuple[BudgetRow, ...]:
    found: list[BudgetRow] = []
    shown = shown_rows(curve)
    costs, values = curve.costs, curve.values
    split = {part: curve.steps[f"split_{UNIT[curve.of]}[{part}]"].to_numpy(dtype=np.float64) for part in PARTS}
    buys = curve.steps["more_gain_fraction_hull"].to_numpy(dtype=np.float64)
    maximise = curve.space.objectives[0].maximise
    for position, row in enumerate(shown):
        above = shown[position - 1] if position else None
        found.append(
            BudgetRow(
                label=label(position),
                row=row,
                cost=float(costs[row]),
                value=float(values[row]),
                split={part: float(split[part][row] / costs[row]) for part in PARTS},
                more_gain_fraction=float(buys[row]),
                bound=str(curve.steps["bound"].iloc[row]),
                bound_fraction=float(curve.steps["bound_fraction"].iloc[row]),
                knee=row == curve.knee,
                worth=row == worth,
                gain_fraction=None if above is None else _better(float(values[above]), float(values[row]), maximise=maximise),
                spent=None if above is None else {part: float(split[part][row] - split[part][above]) for part in PARTS},
                changes=() if above is None else curve.changes(above, row),
            )
        )
    return tuple(found)


def _better(before: float, after: float, *, maximise: bool) -> float:
    return after / before - 1.0 if maximise else 1.0 - after / before


def times(before: float, after: float) -> float:
    """How many times one value is the other, at least 1."""
    return math.exp(abs(math.log(after / before)))
