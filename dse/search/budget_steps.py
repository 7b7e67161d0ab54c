"""The tables of a `BudgetCurve`: every step with what it is spent on and what the next one buys, and samples of the curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dse.hardware.design import FloatColumn, IntColumn
from dse.hardware.shares import PARTS, Resource, shares
from dse.hardware.space import Space
from dse.model.binding import BOUNDS, bound_fractions
from dse.model.limits import Limit
from dse.model.work import Work, work_of
from dse.search import marginal
from dse.search.front import METRIC_COLUMNS, Front, Scored, score, table

UNIT: dict[str, str] = {"price": "usd", "area": "mm2", "power": "w"}
"""Resource -> the unit in the names of columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tradeoff:
    """The whole front of an objective and a resource, the cheapest first.

    Shapes (steps,): `costs` of the resource, `values` of the objective in SI, and `losses`: the same as something to be small.
    """

    work: Work
    space: Space
    of: Resource
    scored: Scored
    costs: FloatColumn
    values: FloatColumn
    losses: FloatColumn

    @classmethod
    def of_front(cls, front: Front, of: Resource) -> Tradeoff:
        """Of a front whose objectives are the one that is wanted, and `of`."""
        by_cost = np.argsort(front.designs[METRIC_COLUMNS[of]].to_numpy(), kind="stable")
        scored = score(front.workload, front.space, front.indices[by_cost])
        return cls(
            work=work_of(front.workload),
            space=front.space,
            of=of,
            scored=scored,
            costs=scored.metrics.metric(of),
            values=scored.metrics.metric(front.space.objectives[0].metric),
            losses=scored.losses[:, 0],
        )

    @property
    def maximise(self) -> bool:
        """Whether the objective is to be large."""
        return self.space.objectives[0].maximise

    def steps(self, more_fraction: float) -> pd.DataFrame:
        """One row a step: every column of `BudgetCurve.steps` that does not depend on the range."""
        frame = table(self.space, self.scored)
        columns = {**self._split(), "change": "", **self._binding(), **self._marginal(), **self._more(self.costs, more_fraction)}
        return pd.concat([frame, pd.DataFrame(columns, index=frame.index)], axis=1)

    def _split(self) -> dict[str, Any]:
        split = shares(self.space.designs(self.scored.indices), self.space, self.of)
        return {f"split_{UNIT[self.of]}[{part}]": split[part] for part in PARTS}

    def _binding(self) -> dict[str, Any]:
        bound = bound_fractions(self.work, self.space.designs(self.scored.indices), self.space)
        tightest, used = _tightest(self.scored.limits, len(self.costs))
        return {
            "bound": np.array(BOUNDS, dtype=object)[bound.argmax(axis=1)],
            "bound_fraction": bound.max(axis=1),
            **{f"bound_fraction[{name}]": bound[:, at] for at, name in enumerate(BOUNDS)},
            "tightest_limit": tightest,
            "tightest_fraction": used,
        }

    def _marginal(self) -> dict[str, Any]:
        unit, costs, losses = UNIT[self.of], self.costs, self.losses
        gain = marginal.gain_fraction(losses, np.append(losses[1:], losses[-1]), maximise=self.maximise)
        smooth = marginal.hull_elasticities(costs, losses)
        return {
            "next_gain_fraction": gain,
            "elasticity": marginal.elasticities(costs, losses),
            "elasticity_hull": smooth,
            f"gain_percent_per_{unit}": 100.0 * gain / np.append(np.diff(costs), np.inf),
            f"gain_percent_per_{unit}_hull": 100.0 * smooth / costs,
            "on_hull": np.isin(np.arange(len(costs)), marginal.hull_rows(costs, losses)),
        }

    def _more(self, budgets: FloatColumn, more_fraction: float) -> dict[str, FloatColumn]:
        """What `more_fraction` more of each budget buys, by the curve and by its hull."""
        richer = budgets * (1.0 + more_fraction)
        before, after = (self.losses[marginal.in_force(self.costs, each)] for each in (budgets, richer))
        low, high = (marginal.hull_at(self.costs, self.losses, each) for each in (budgets, richer))
        return {
            "more_gain_fraction": marginal.gain_fraction(before, after, maximise=self.maximise),
            "more_gain_fraction_hull": marginal.gain_fraction(low, high, maximise=self.maximise),
        }

    def samples(self, first: int, last: int, low: float, high: float, points: int, more_fraction: float) -> pd.DataFrame:
        """Budgets from `low` to `high` with the step that is best at each and what `more_fraction` more of the budget buys.

        The steps themselves, `first` to `last`, where they are fewer than `points`, else budgets at equal ratios. Budgets above
        the dearest design would all give the same: only `high` stands for them. `row` counts from step `first`.
        """
        inside = self.costs[first : last + 1]
        if len(inside) < points:
            budgets = np.unique([low, *inside[inside >= low], high])
        elif high > inside[-1] == self.costs[-1]:
            budgets = np.array([*np.geomspace(low, float(inside[-1]), points - 1), high])
        else:
            budgets = np.geomspace(low, high, points)
        at, wanted = marginal.in_force(self.costs, budgets), METRIC_COLUMNS[self.space.objectives[0].metric]
        columns: dict[str, FloatColumn | IntColumn] = {
            f"budget_{UNIT[self.of]}": budgets,
            "row": at - first,
            METRIC_COLUMNS[self.of]: self.costs[at],
            wanted: self.values[at],
        }
        return pd.DataFrame(columns | self._more(budgets, more_fraction))


def _tightest(limits: tuple[Limit, ...], n: int) -> tuple[list[str], FloatColumn]:
    """Which limit each design uses most of, and what share of it; of limits that are a matter of degree."""
    gradual = [limit for limit in limits if limit.limit > 0]
    used = np.stack([np.broadcast_to(limit.values / limit.limit, n) for limit in gradual])
    return [gradual[int(at)].name for at in used.argmax(axis=0)], used.max(axis=0)
