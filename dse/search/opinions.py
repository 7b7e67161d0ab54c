"""Second opinions: what an evaluator other than the model says of a design, and how its figures take the place of the model's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from dse.hardware.design import FloatColumn
from dse.hardware.parameters import suggestion
from dse.model.limits import Limit

if TYPE_CHECKING:
    from dse.search.front import Scored

Status = Literal["ok", "failed", "timed_out", "bad_value"]

REFUSED = "refused_by_evaluator"
"""The limit that a design breaks where the evaluator answered infinity."""

MODEL_SUFFIX = "_model"
"""Behind a column's name: the model's own figure, where an evaluator's stands in the column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What came back for one design: `metrics` by column name (SI) where `status` is ``ok``, else `message` says what went wrong.

    A metric that is infinite says that the design cannot be built or cannot run.
    """

    status: Status
    message: str = ""
    seconds: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def refused(self) -> bool:
        """Whether it says that the design cannot be."""
        return any(math.isinf(value) for value in self.metrics.values())


def read_metrics(answer: Mapping[str, object], known: Sequence[str]) -> dict[str, float]:
    """The metrics of an evaluator's answer. Raises `ValueError` that says what is wrong with it.

    >>> read_metrics({"latency_s": 1}, ("latency_s",))
    {'latency_s': 1.0}
    """
    found = dict[str, float]()
    for name, value in answer.items():
        if name not in known:
            raise ValueError(f"it returned the metric {name!r}, which is none: {suggestion(name, known)}")
        if not isinstance(value, (int, float)) or not value >= 0:
            raise ValueError(f"it returned {name} = {_shown(value)}, which is no number of zero or more")
        found[name] = float(value)
    if not found:
        raise ValueError("it returned no metric")
    return found


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def overlaid(values: FloatColumn, column: str, opinions: Sequence[Opinion | None]) -> FloatColumn:
    """The model's `values` of a metric, shape (designs,), with the evaluator's in their place where it gave one."""
    mixed = np.array(values, dtype=np.float64)
    for row, opinion in enumerate(opinions):
        if opinion is not None and column in opinion.metrics:
            mixed[row] = opinion.metrics[column]
    return mixed


def refused(opinions: Sequence[Opinion | None]) -> Limit:
    """The limit that designs break which the evaluator refused."""
    values = np.array([float(opinion is not None and opinion.refused) for opinion in opinions])
    return Limit(quantity=REFUSED, scenario=None, limit=0.0, values=values)


def counts(batches: Sequence[Scored]) -> dict[str, int]:
    """How many opinions there are of each status, ``ok`` first."""
    found: dict[str, int] = dict.fromkeys(get_args(Status), 0)
    for batch in batches:
        for opinion in batch.opinions:
            if opinion is not None:
                found[opinion.status] += 1
    return found


def corrected(scored: Scored, opinions: Sequence[Opinion | None], columns: Mapping[str, str], losses: FloatColumn) -> Scored:
    """The batch with the evaluator's figures in its limits and, already in `losses`, in its objectives.

    `columns`: metric name -> column name.
    """
    limits = [
        replace(limit, values=overlaid(limit.values, columns[limit.quantity], opinions))
        if limit.scenario is None and limit.quantity in columns
        else limit
        for limit in scored.limits
    ]
    return replace(scored, losses=losses, limits=(*limits, refused(opinions)), opinions=tuple(opinions))
