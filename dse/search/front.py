"""`Front`: what a search returns, and how it is made from evaluated designs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from dse.errors import InputError, NoFeasibleDesign, Problem, Violation
from dse.hardware.design import Designs, FloatColumn, IntColumn
from dse.hardware.goals import OF_A_WORKLOAD, SLOWDOWN
from dse.hardware.space import Parameter, Space
from dse.model.breakdown import Result, breakdown
from dse.model.evaluate import Metrics, evaluate_designs
from dse.model.limits import Limit, feasible, limits, nearest, violations
from dse.model.work import work_of
from dse.search import pareto
from dse.search.opinions import MODEL_SUFFIX, Opinion, corrected, overlaid
from dse.search.record import Record
from dse.units import OPS_PER_MAC
from dse.workload.workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What is known about a front.

    `kind` is ``exact`` (no feasible design of the space dominates any of it, and every non-dominated objective vector is there),
    ``epsilon`` (every feasible design is within a factor of 1 + `epsilon` of one of these in every objective) or ``none`` (the
    best of the designs that were evaluated).
    """

    kind: str
    designs_covered: int
    designs_in_space: int
    statement: str
    epsilon: float | None = None


def certificate(covered: int, size: int, *, interrupted: bool = False) -> Certificate:
    """What is known of the best of `covered` different designs of a space of `size`.

    >>> certificate(8, 8).kind, certificate(7, 8).statement
    ('exact', 'best of 7 different designs of 8; no proof that nothing better exists')
    """
    if covered == size == 1:
        statement = "certified: the space holds this one design"
    elif covered == size:
        statement = f"certified: all {size:,} designs evaluated, no feasible one dominates any of these"
    else:
        cause = "interrupted: " if interrupted else ""
        statement = f"{cause}best of {covered:,} different designs of {size:,}; no proof that nothing better exists"
    kind = "exact" if covered == size else "none"
    epsilon = 0.0 if covered == size else None
    return Certificate(kind=kind, designs_covered=covered, designs_in_space=size, statement=statement, epsilon=epsilon)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a front was found and how good it is (`dse.search.ladder.with_standing`).

    `why`: the rung of the ladder, in a sentence; `seconds`: what it took. Against the exact front of `n_exact` designs, where it
    is known: the share of its hypervolume up to its own reference point, `epsilon` (every design of the exact front is within a
    factor of 1 + epsilon of one of these in every objective), and how many of these are on it. Else `share_of_best` is that of
    the `n_best` best known. `exact_losses`: the objectives of the exact front as losses, shape (n_exact, objectives).
    """

    why: str
    seconds: float | None = None
    hypervolume_share: float | None = None
    epsilon: float | None = None
    n_exact: int | None = None
    n_certified: int = 0
    share_of_best: float | None = None
    n_best: int | None = None
    exact_losses: FloatColumn | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The non-dominated feasible designs of a search, ordered by the first objective.

    `designs`: one row a design (parameters, metrics in SI with their unit in the name, latency per scenario, `knee`, and
    `certified`: whether it is proved that no design of the space dominates it);
    `trials`: every evaluated design in order; `indices`: parameter indices of `designs`, shape (designs, parameters);
    `hypervolume`: decades to the power of the objectives, up to `reference` (SI, as losses); `record`: how it came about, where
    an Optuna search made it.
    """

    workload: Workload
    space: Space
    designs: pd.DataFrame
    trials: pd.DataFrame
    indices: IntColumn
    knee: int
    hypervolume: float
    reference: tuple[float, ...]
    certificate: Certificate
    sampler: str
    seed: int | None
    interrupted: bool = False
    record: Record | None = None
    standing: Standing | None = None

    def __len__(self) -> int:
        return len(self.designs)

    def __repr__(self) -> str:
        names = ", ".join(objective.metric for objective in self.space.objectives)
        return (
            f"<Front of {len(self)} designs ({names}): {self.workload.name} on {self.space.name}; {self.certificate.statement}>"
        )

    @property
    def reference_by_objective(self) -> dict[str, float]:
        """The point up to which volume is counted, in SI by objective; a throughput as a throughput."""
        pairs = zip(self.space.objectives, self.reference, strict=True)
        return {objective.metric: 1.0 / loss if objective.maximise else loss for objective, loss in pairs}

    def result(self, row: int) -> Result:
        """The layer-by-layer breakdown of one design of the front."""
        return breakdown(self.workload, self.space, self.space.designs(self.indices[row : row + 1]))

    def machine(self, row: int) -> Space:
        """The space that holds just this design of the front."""
        chosen = zip(self.space.parameters, map(int, self.indices[row]), strict=True)
        return replace(self.space, parameters=tuple(Parameter(axis.name, (axis.values[index],)) for axis, index in chosen))

    def shown(self, most: int = 12, also: Sequence[int] = ()) -> IntColumn:
        """Rows of at most `most` designs that stand for the front; the knee and the rows `also` are among them."""
        return pareto.choose(losses_of(self.designs, self.space), most, always=[self.knee, *also])


BLOCK = 131_072
"""Designs evaluated at once."""


class _Columns(dict[str, str]):
    """Columns by objective; that of one of several workloads has its name behind: ``latency_s[speech]``."""

    def __missing__(self, name: str) -> str:
        metric, _, member = name.partition(":")
        if name == SLOWDOWN:
            return SLOWDOWN
        if not member:
            raise KeyError(name)
        return f"{self[metric]}[{member}]"


METRIC_COLUMNS = _Columns(
    {
        "latency": "latency_s",
        "throughput": "throughput_per_s",
        "energy": "energy_j",
        "price": "price_usd",
        "area": "area_mm2",
        "power": "power_w",
        "dram_bytes": "dram_bytes",
    }
)
"""Objective name -> column of the tables."""


def losses(metrics: Metrics, space: Space) -> FloatColumn:
    """Objectives as positive numbers to be made small, shape (designs, objectives)."""
    return np.column_stack([_loss(metrics.metric(objective.metric), objective.maximise) for objective in space.objectives])


def losses_of(table: pd.DataFrame, space: Space) -> FloatColumn:
    """The same from a table of designs."""
    columns = [
        (table[METRIC_COLUMNS[objective.metric]].to_numpy(dtype=np.float64), objective.maximise) for objective in space.objectives
    ]
    return np.column_stack([_loss(values, maximise) for values, maximise in columns])


def _loss(values: FloatColumn, maximise: bool) -> FloatColumn:  # noqa: FBT001
    with np.errstate(divide="ignore"):
        return 1.0 / values if maximise else values


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A batch of designs with what a search needs to know of them.

    `metrics` are the model's. Where an evaluator gave `opinions` (one for each design, or empty), `losses` and `limits` count
    its figures.
    """

    indices: IntColumn
    metrics: Metrics
    losses: FloatColumn
    limits: tuple[Limit, ...]
    opinions: tuple[Opinion | None, ...] = ()

    @property
    def feasible(self) -> IntColumn:
        """Rows that keep every limit."""
        return np.flatnonzero(feasible(self.limits))


def score(workload: Workload, space: Space, indices: IntColumn) -> Scored:
    """Evaluate the designs with these parameter indices, shape (designs, parameters)."""
    metrics = evaluate_designs(work_of(workload), space.designs(indices), space)
    return Scored(indices=indices, metrics=metrics, losses=losses(metrics, space), limits=limits(metrics, space))


def with_opinions(scored: Scored, opinions: Sequence[Opinion | None], space: Space) -> Scored:
    """The batch with an evaluator's figures, one opinion for each design, in place of the model's where it gave them."""
    if not any(opinion is not None for opinion in opinions):
        return scored
    columns = [
        _loss(overlaid(scored.metrics.metric(each.metric), METRIC_COLUMNS[each.metric], opinions), each.maximise)
        for each in space.objectives
    ]
    return corrected(scored, opinions, METRIC_COLUMNS, np.column_stack(columns))


def broken_limits(workload: Workload, space: Space) -> tuple[Violation, ...]:
    """What the only design of a space breaks: its budget, the scenarios' limits, what it cannot run or hold."""
    return violations(score(workload, space, np.zeros((1, len(space.parameters)), dtype=np.int64)).limits, 0)


def table(space: Space, scored: Scored, *, per_scenario: bool = True) -> pd.DataFrame:
    """Parameters, totals and, if asked, each scenario's latency, throughput, utilisation and energy: one row a design."""
    frame = pd.DataFrame(space.frame(scored.indices))
    columns = metric_columns(scored.metrics, space.designs(scored.indices), per_scenario=per_scenario)
    made = pd.concat([frame, pd.DataFrame(columns, index=frame.index)], axis=1)
    return _with_opinion_columns(made, scored.opinions) if scored.opinions else made


def _with_opinion_columns(table: pd.DataFrame, opinions: Sequence[Opinion | None]) -> pd.DataFrame:
    """The table with the evaluator's figures, the model's beside them, and what came of asking it."""
    for column in METRIC_COLUMNS.values():
        if any(opinion is not None and column in opinion.metrics for opinion in opinions):
            model = table[column].to_numpy(dtype=np.float64)
            table[column] = overlaid(model, column, opinions)
            table[f"{column}{MODEL_SUFFIX}"] = model
    table["evaluator_status"] = ["" if opinion is None else opinion.status for opinion in opinions]
    table["evaluator_message"] = ["" if opinion is None else opinion.message for opinion in opinions]
    table["evaluator_s"] = [0.0 if opinion is None else opinion.seconds for opinion in opinions]
    return table


def metric_columns(metrics: Metrics, designs: Designs, *, per_scenario: bool) -> dict[str, FloatColumn]:
    """Totals by column name, also of each of several workloads; if asked, each scenario's latency, throughput, use and energy."""
    columns: dict[str, FloatColumn] = {column: metrics.metric(name) for name, column in METRIC_COLUMNS.items()}
    for member in metrics.work.members:
        columns |= {METRIC_COLUMNS[name]: metrics.metric(name) for name in (f"{each}:{member.name}" for each in OF_A_WORKLOAD)}
    if metrics.work.members and all(member.target_s is not None for member in metrics.work.members):
        columns[SLOWDOWN] = metrics.slowdown
    if per_scenario:
        peak = OPS_PER_MAC * designs.macs_per_cycle * designs.frequency_hz
        macs, batch = metrics.of_runs(metrics.work.macs), np.broadcast_to(metrics.batch, metrics.latency_s.shape)
        for index, scenario in enumerate(metrics.work.scenarios):
            latency = metrics.latency_s[:, index]
            columns[f"latency_s[{scenario.name}]"] = latency
            columns[f"throughput_per_s[{scenario.name}]"] = batch[:, index] / latency
            columns[f"utilisation_fraction[{scenario.name}]"] = OPS_PER_MAC * macs[:, index] / (latency * peak)
            columns[f"energy_j[{scenario.name}]"] = metrics.energy_j[:, index]
            if scenario.auto:
                columns[f"batch[{scenario.name}]"] = batch[:, index]
    return columns


def evaluate_many(
    workload: Workload, designs: pd.DataFrame, space: Space | None = None, *, per_scenario: bool = False
) -> pd.DataFrame:
    """Evaluate a table of designs, one row each (see `Space.sample`), and return a table of metrics with the same index.

    Columns: the totals of `METRIC_COLUMNS` in SI, `feasible` (every limit is kept) and, if asked, each scenario's latency,
    throughput, utilisation and energy. `space` carries constants, technology and budget; a table from `sample` knows its own.
    Raises `InputError` for a table that lacks columns or holds impossible values.
    """
    home = space or getattr(designs, "space", None)
    if not isinstance(home, Space):
        raise InputError(Problem("this table does not know its space", remedy="pass it: evaluate_many(workload, designs, space)"))
    machines = home.from_frame(designs)
    metrics = evaluate_designs(work_of(workload), machines, home)
    columns = metric_columns(metrics, machines, per_scenario=per_scenario)
    return pd.DataFrame(columns | {"feasible": feasible(limits(metrics, home))}, index=designs.index)


def make_front(
    workload: Workload,
    space: Space,
    evaluated: Sequence[Scored],
    certificate: Certificate,
    *,
    trials: pd.DataFrame,
    sampler: str,
    seed: int | None,
    interrupted: bool = False,
    record: Record | None = None,
) -> Front:
    """The front of everything evaluated. Raises `NoFeasibleDesign` with the nearest design if nothing keeps the limits."""
    candidates = np.concatenate([batch.indices[batch.feasible] for batch in evaluated])
    if not len(candidates):
        raise no_feasible_design(space, evaluated)
    values = np.concatenate([batch.losses[batch.feasible] for batch in evaluated])
    rows = np.flatnonzero(pareto.nondominated(values))
    rows = rows[np.lexsort(values[rows].T[::-1])]
    opinions = [opinion for batch in evaluated for opinion in _opinions_of_feasible(batch)]
    scored = with_opinions(score(workload, space, candidates[rows]), [opinions[int(row)] for row in rows], space)
    designs = table(space, scored)
    knee = pareto.knee(scored.losses)
    designs["knee"] = np.arange(len(designs)) == knee
    designs["certified"] = certificate.kind == "exact"
    reference = pareto.reference_point(values)
    return Front(
        workload=workload,
        space=space,
        designs=designs,
        trials=trials,
        indices=candidates[rows],
        knee=knee,
        hypervolume=pareto.hypervolume(values[rows], reference),
        reference=tuple(reference.tolist()),
        certificate=certificate,
        sampler=sampler,
        seed=seed,
        interrupted=interrupted,
        record=record,
    )


def _opinions_of_feasible(batch: Scored) -> list[Opinion | None]:
    return [batch.opinions[row] for row in batch.feasible] if batch.opinions else [None] * len(batch.feasible)


def no_feasible_design(space: Space, evaluated: Sequence[Scored]) -> NoFeasibleDesign:
    """The error that says nothing is feasible, with the design that comes nearest and what it breaks."""
    best = min(evaluated, key=_worst_excess)
    row = nearest(best.limits)
    count = sum(len(batch.indices) for batch in evaluated)
    chosen = zip(space.parameters, best.indices[row], strict=True)
    design = {parameter.name: parameter.values[int(index)] for parameter, index in chosen if len(parameter) > 1}
    said = (
        "the one design evaluated breaks a limit" if count == 1 else f"none of the {count:,} designs evaluated keeps every limit"
    )
    return NoFeasibleDesign(said, design, violations(best.limits, row))


def _worst_excess(batch: Scored) -> float:
    return float(np.min(np.max([limit.excess for limit in batch.limits], axis=0)))
