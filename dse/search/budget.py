"""`budget_curve`: the best design at every budget, what it is spent on, and what the next dollar buys.

The curve is the front of two objectives: the one that is wanted, and the price, area or power that is budgeted. All other limits
of the space stay. At a budget b the best is the last design of the front that costs at most b: a step function, and every step
of it is kept. Where the exact front is found the curve is certified.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import pandas as pd

from dse.errors import InputError, NoFeasibleDesign, Problem, Violation
from dse.hardware.design import FloatColumn, IntColumn
from dse.hardware.goals import LIMIT_DIMENSIONS
from dse.hardware.parameters import show_value, suggestion
from dse.hardware.shares import RESOURCES, Resource
from dse.hardware.space import Space
from dse.model.breakdown import Result, breakdown
from dse.search import marginal, pareto
from dse.search.budget_steps import Tradeoff
from dse.search.front import METRIC_COLUMNS, Certificate
from dse.search.tradeoff import Reporter, tradeoff_front
from dse.units import UnitError, format_quantity, parse_quantity
from dse.workload.workload import Workload

Wanted = Literal["latency", "throughput", "energy"]
WANTED: tuple[Wanted, ...] = get_args(Wanted)
"""What a budget may be spent on."""

POINTS = 12
WORTH_FRACTION = 0.01
MORE_FRACTION = 0.10
SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetCurve:
    """The best `objective` at every budget of `of`, from `from_value` to `to_value` (SI).

    `steps`: one row for each design that is the best from its own cost on, ascending. Parameters and metrics; ``split_usd[...]``
    (or mm2, w): the parts of its cost, which add up to it; `change`: what differs from the step before; `bound`,
    `bound_fraction` and ``bound_fraction[...]``: what binds, by share of time; `tightest_limit` and `tightest_fraction`: which
    other limit of the space it uses most of; `next_gain_fraction`: how much better the next step is; `elasticity`: percent of
    the objective for a percent of the budget, to the next step; `elasticity_hull`: the same on the lower convex hull in log-log,
    where single steps make no noise; ``gain_percent_per_usd`` and ``gain_percent_per_usd_hull``: percent of the objective for
    one more dollar (mm2, w), by either; `knee`, `worth`, `on_hull`.
    `more_gain_fraction` and `more_gain_fraction_hull`: what `more_fraction` more than the step costs buys, by the curve and by
    its hull. `samples`: every step where they are few, else budgets at equal ratios; the step that is best there (`row`), and
    what more buys.
    `cheapest` and `dearest` are the ends of the whole curve; above the dearest it is flat. `worth_value`: from this cost on
    `more_fraction` more never buys `worth_fraction` of the objective; it may lie beyond the range.
    """

    workload: Workload
    space: Space
    objective: Wanted
    of: Resource
    from_value: float
    to_value: float
    steps: pd.DataFrame
    samples: pd.DataFrame
    indices: IntColumn
    knee: int
    worth_value: float
    worth_fraction: float
    more_fraction: float
    cheapest: float
    dearest: float
    certificate: Certificate
    sampler: str
    interrupted: bool = False

    def __len__(self) -> int:
        return len(self.steps)

    def __repr__(self) -> str:
        return (
            f"<BudgetCurve of {len(self)} steps ({self.objective} by {self.of}): {self.workload.name} on {self.space.name}; "
            f"{self.certificate.statement}>"
        )

    @property
    def costs(self) -> FloatColumn:
        """Cost of each step (USD, mm2 or W), ascending."""
        return self.steps[METRIC_COLUMNS[self.of]].to_numpy(dtype=np.float64)

    @property
    def values(self) -> FloatColumn:
        """The objective of each step, in SI."""
        return self.steps[METRIC_COLUMNS[self.objective]].to_numpy(dtype=np.float64)

    def at(self, budget: float | str) -> pd.Series:
        """The step that is best at a budget (SI, or text such as ``25USD``). Raises `InputError` outside of the range."""
        value = amount(budget, self.of)
        if not self.costs[0] <= value <= max(self.to_value, self.costs[0]):
            here = f"{show(self.costs[0], self.of)} to {show(self.to_value, self.of)}"
            raise InputError(Problem(f"a budget of {show(value, self.of)} lies outside of this curve, which goes from {here}"))
        return self.steps.iloc[int(marginal.in_force(self.costs, np.array([value]))[0])]

    def result(self, row: int) -> Result:
        """The layer-by-layer breakdown of the design of one step."""
        return breakdown(self.workload, self.space, self.space.designs(self.indices[row : row + 1]))

    def changes(self, before: int, after: int) -> tuple[str, ...]:
        """Parameters that differ between two steps: ``sram 4 MiB -> 8 MiB``."""
        return _changes(self.space, self.indices[before], self.indices[after])


def budget_curve(
    workload: Workload,
    space: Space,
    *,
    from_: float | str | None = None,
    to: float | str | None = None,
    of: Resource = "price",
    objective: Wanted | None = None,
    points: int = POINTS,
    worth_fraction: float = WORTH_FRACTION,
    more_fraction: float = MORE_FRACTION,
    seconds: float | None = SECONDS,
    seed: int | None = 0,
    on_progress: Reporter | None = None,
) -> BudgetCurve:
    """The best `objective` at every budget of `of` (price, area or power), and what more of it buys.

    `from_` and `to` are numbers in USD, mm2 or W, or texts such as ``25USD``; without them the whole front. A limit of the space
    on `of` itself is lifted (an area never above the reticle), all its other limits are kept. Without `objective` the first of
    the space's that money can buy. The exact front is sought for about `seconds` (None: as long as it takes); where that is not
    enough, the certificate tells the epsilon that was reached, or a search takes over. Ctrl-C keeps what is known.

    Raises `InputError`, and `NoFeasibleDesign` where nothing keeps the other limits or costs at most `to`.

    >>> import dse
    >>> curve = budget_curve(dse.load_workload("mlp"), dse.load_space("three_knobs"), to="20USD", points=3)
    >>> bool((np.diff(curve.values) < 0).all() and (np.diff(curve.costs) > 0).all()), curve.certificate.kind
    (True, 'exact')
    """
    asked = _asked(space, from_, to, of, objective, points, worth_fraction, more_fraction)
    front = tradeoff_front(workload, asked.space, seconds, seed, on_progress)
    whole = Tradeoff.of_front(front, of)
    costs, losses = whole.costs, whole.losses
    low = costs[0] if asked.low is None else max(asked.low, costs[0])
    high = max(costs[-1], low) if asked.high is None else asked.high
    if high < low:
        raise _nothing_for(whole, high)
    first, last = marginal.in_force(costs, np.array([low, high])).tolist()
    rows = slice(first, last + 1)
    worth = marginal.stops_paying(
        costs, losses, more_fraction=more_fraction, worth_fraction=worth_fraction, maximise=whole.maximise
    )
    knee = pareto.knee(whole.scored.losses[rows])
    indices = whole.scored.indices[rows]
    changes = ["", *(", ".join(_changes(asked.space, old, new)) for old, new in pairwise(indices))]
    steps = whole.steps(more_fraction).iloc[rows].reset_index(drop=True)
    at = np.arange(len(steps))
    return BudgetCurve(
        workload=workload,
        space=asked.space,
        objective=asked.objective,
        of=of,
        from_value=float(low if asked.low is None else asked.low),
        to_value=float(high),
        steps=steps.assign(change=changes, knee=at == knee, worth=at + first == worth),
        samples=whole.samples(first, last, float(low), float(high), points, more_fraction),
        indices=indices,
        knee=knee,
        worth_value=float(costs[worth]),
        worth_fraction=worth_fraction,
        more_fraction=more_fraction,
        cheapest=float(costs[0]),
        dearest=float(costs[-1]),
        certificate=front.certificate,
        sampler=front.sampler,
        interrupted=front.interrupted,
    )


def _changes(space: Space, before: IntColumn, after: IntColumn) -> tuple[str, ...]:
    """Parameters that differ between two designs, rows of indices."""
    return tuple(
        f"{parameter.name} {show_value(parameter.name, old)} -> {show_value(parameter.name, new)}"
        for at, parameter in enumerate(space.parameters)
        for old, new in [(parameter.values[int(before[at])], parameter.values[int(after[at])])]
        if old != new
    )


def amount(budget: float | str, of: str) -> float:
    """A budget in SI from a number or a text with its unit. Raises `InputError` that says what unit is wanted.

    >>> amount("0.3 kUSD", "price"), amount(2, "power")
    (300.0, 2.0)
    """
    if isinstance(budget, str):
        try:
            value = parse_quantity(budget, LIMIT_DIMENSIONS[of])
        except UnitError as error:
            other = next((name for name in RESOURCES if name != of and _reads(budget, name)), None)
            remedy = None if other is None else f"budgets of {other} are asked for by --of {other} (of={other!r} in Python)"
            raise InputError(Problem(f"budget {budget}: {error}", remedy=remedy)) from None
    else:
        value = float(budget)
    if not 0 < value < np.inf:
        raise InputError(Problem(f"budget {budget}: a budget is more than zero, and finite"))
    return value


def _reads(text: str, of: Resource) -> bool:
    try:
        parse_quantity(text, LIMIT_DIMENSIONS[of])
    except UnitError:
        return False
    return True


def show(value: float, of: str) -> str:
    """A budget as a reader writes it: ``25.00 USD``."""
    return format_quantity(float(value), LIMIT_DIMENSIONS[of])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A question that makes sense."""

    space: Space
    objective: Wanted
    low: float | None
    high: float | None


def _asked(
    space: Space,
    from_: float | str | None,
    to: float | str | None,
    of: str,
    objective: str | None,
    points: int,
    worth_fraction: float,
    more_fraction: float,
) -> _Asked:
    if of not in RESOURCES:
        raise InputError(Problem(f"no budget of {of!r}", remedy=suggestion(of, RESOURCES)))
    wanted = objective or next((named.metric for named in space.objectives if named.metric in WANTED), "latency")
    known: dict[str, Wanted] = {name: name for name in WANTED}
    if wanted not in known:
        raise InputError(Problem(f"no budget curve of {wanted!r}", remedy=suggestion(wanted, WANTED)))
    if points < 2:
        raise InputError(Problem(f"{points} points: a curve is sampled at 2 or more"))
    for name, fraction in (("worth", worth_fraction), ("more", more_fraction)):
        if not 0 < fraction < np.inf:
            raise InputError(Problem(f"{name} {fraction:.3g}: a share is more than zero"))
    low, high = (None if text is None else amount(text, of) for text in (from_, to))
    if low is not None and high is not None and low > high:
        raise InputError(
            Problem(f"budgets from {show(low, of)} to {show(high, of)}: the first is the larger", remedy="swap them")
        )
    lifted = replace(space, budget=space.budget.with_limit(of, None))
    return _Asked(space=lifted.with_objectives(wanted, of), objective=known[wanted], low=low, high=high)


def _nothing_for(whole: Tradeoff, high: float) -> NoFeasibleDesign:
    """The error that says what the cheapest costs."""
    of, cost = whole.of, float(whole.costs[0])
    least = {"price": "the cheapest design", "area": "the smallest design", "power": "the design of least power"}[of]
    chosen = zip(whole.space.parameters, whole.scored.indices[0], strict=True)
    design = {parameter.name: parameter.values[int(index)] for parameter, index in chosen if len(parameter) > 1}
    said = f"{least} that keeps the other limits takes {show(cost, of)}, and the budgets end at {show(high, of)}"
    return NoFeasibleDesign(said, design, (Violation(of, cost, high),))
