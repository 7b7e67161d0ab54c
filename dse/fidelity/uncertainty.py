"""How sure a front is: its designs evaluated again under sampled constants, and which unknown matters most.

Every constant from outside has a range (`dse.hardware.unknowns`). Draws of all of them together come from a scrambled Sobol
sequence (Owen, "Scrambled net variance for integrals of smooth functions", Ann. Statist. 25, 1997; `scipy.stats.qmc`). In each
draw the designs of the front stand against each other and against the evaluated designs that come nearest to the front, and the
limits hold as they do in a search. Sensitivities are Sobol's indices of the logarithm of each metric (Saltelli et al., "Variance
based sensitivity analysis of model output", Comput. Phys. Commun. 181, 2010; `scipy.stats.sobol_indices`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from dse.fidelity.scaled import narrowed, relevant, scaled
from dse.hardware.cost import component_costs
from dse.hardware.design import BoolColumn, Designs, FloatColumn, IntColumn
from dse.hardware.space import Space
from dse.hardware.unknowns import Unknown
from dse.inputs.unknowns import shipped_unknowns
from dse.model.evaluate import Metrics, Waits, energy_of, evaluate_designs
from dse.model.limits import feasible, limits
from dse.model.work import Work, work_of
from dse.search import pareto
from dse.search.front import METRIC_COLUMNS, Front, losses, losses_of

DRAWS = 256
"""Draws of all constants; a power of two keeps the sequence balanced."""

INDEX_DRAWS, SCRAMBLES = 64, 4
"""Base draws of the indices, each of (unknowns + 2) evaluations, in so many independent scramblings."""

MOST_DESIGNS, MOST_RIVALS = 300, 300
"""Designs of the front, and of those just behind it, that are evaluated again."""

INTERVAL = (0.05, 0.5, 0.95)
"""Quantiles that a metric's interval shows."""

ROWS_AT_ONCE = 131_072


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertainty:
    """What sampled constants do to a front.

    `designs`: one row for each front design looked at: `front_row`, `on_front_fraction` and `in_budget_fraction` of the draws,
    and for each metric its column with ``_p05``, ``_p50`` and ``_p95``. `indices`: for the knee design, one row for each
    objective and unknown: `first_order`, `total_order` (of the variance of the metric's logarithm) and `total_order_error` (its
    standard error over the scramblings). `n_rivals` designs behind the front were tried too; `n_entering` of them reach the front
    in some draw, and `entering_fraction` is the mean share of a draw's front that they make.
    """

    unknowns: tuple[Unknown, ...]
    draws: int
    seed: int
    designs: pd.DataFrame
    indices: pd.DataFrame
    n_front: int
    n_rivals: int
    n_entering: int
    entering_fraction: float


def uncertainty(
    front: Front, *, draws: int = DRAWS, index_draws: int = INDEX_DRAWS, seed: int = 0, always: Sequence[int] = ()
) -> Uncertainty:
    """Evaluate a front again under `draws` draws of the constants; `always` are front rows that are looked at in any case.

    Same seed, same figures. Of a front of more than `MOST_DESIGNS` a choice that spans it is looked at.
    """
    space, work = narrowed(front.space), work_of(front.workload)
    unknowns = relevant(space, shipped_unknowns())
    rows = _looked_at(front, always)
    rivals = _rivals(front)
    candidates = space.from_frame(pd.concat([front.designs.iloc[rows], rivals], ignore_index=True)[list(space.columns)])
    quantiles = stats.qmc.Sobol(len(unknowns), rng=seed).random(draws)
    sampled = _Sampled.of(work, candidates, space, _factors(unknowns, quantiles))
    on_front = np.stack([_front_of(loss, kept) for loss, kept in zip(sampled.losses, sampled.feasible, strict=True)])
    ours = slice(0, len(rows))
    designs = pd.DataFrame(
        {
            "front_row": rows,
            "on_front_fraction": on_front[:, ours].mean(axis=0),
            "in_budget_fraction": sampled.feasible[:, ours].mean(axis=0),
        }
    )
    for name in _metrics(space):
        low, middle, high = np.quantile(sampled.metrics[name][:, ours], INTERVAL, axis=0)
        column = METRIC_COLUMNS[name]
        designs = designs.assign(**{f"{column}_p05": low, f"{column}_p50": middle, f"{column}_p95": high})
    entering = on_front[:, len(rows) :]
    return Uncertainty(
        unknowns=unknowns,
        draws=draws,
        seed=seed,
        designs=designs,
        indices=_indices(front, space, work, unknowns, index_draws, seed),
        n_front=len(front),
        n_rivals=len(rivals),
        n_entering=int(entering.any(axis=0).sum()),
        entering_fraction=float((entering.sum(axis=1) / np.maximum(on_front.sum(axis=1), 1)).mean()),
    )


def _metrics(space: Space) -> list[str]:
    """Metrics that get an interval: the objectives, and what every machine is bought by."""
    return list(dict.fromkeys([*(objective.metric for objective in space.objectives), "price", "area", "power"]))


def _looked_at(front: Front, always: Sequence[int]) -> IntColumn:
    """Rows of the front that are evaluated again: all, or an even choice in the order of the first objective."""
    every = np.arange(len(front))
    if len(every) <= MOST_DESIGNS:
        return every
    even = np.linspace(0, len(every) - 1, MOST_DESIGNS).round().astype(np.int64)
    return np.unique(np.concatenate([even, np.array([front.knee, *always], dtype=np.int64)]))


def _rivals(front: Front) -> pd.DataFrame:
    """Evaluated designs behind the front, those first that least would bring to it; none where nothing was kept of them."""
    if not len(front.trials):
        return front.trials
    names = list(front.space.columns)
    others = front.trials.drop_duplicates(names)
    known = set(map(tuple, front.designs[names].to_numpy().tolist()))
    others = others[[tuple(row) not in known for row in others[names].to_numpy().tolist()]]
    values, best = losses_of(others, front.space), losses_of(front.designs.iloc[_looked_at(front, ())], front.space)
    behind = np.full(len(others), np.inf)
    for begin in range(0, len(others), 4096):
        block = values[begin : begin + 4096]
        behind[begin : begin + 4096] = (block[:, None, :] / best[None, :, :]).min(axis=2).max(axis=1)
    near = np.argsort(behind, kind="stable")[:MOST_RIVALS]
    return others.iloc[near[np.isfinite(behind[near])]]


def _factors(unknowns: Sequence[Unknown], quantiles: FloatColumn) -> list[dict[str, float]]:
    """Each draw, shape (draws, unknowns), as factors by name."""
    columns = [unknown.factors(quantiles[:, index]).tolist() for index, unknown in enumerate(unknowns)]
    return [dict(zip((unknown.name for unknown in unknowns), row, strict=True)) for row in zip(*columns, strict=True)]


def _front_of(loss: FloatColumn, kept: BoolColumn) -> BoolColumn:
    """Which designs are non-dominated among those that keep the limits; designs that tie all count."""
    among = np.flatnonzero(kept)
    best = np.zeros(len(loss), dtype=np.bool_)
    if len(among):
        distinct, group = np.unique(loss[among], axis=0, return_inverse=True)
        best[among] = pareto.nondominated(distinct)[group.ravel()]
    return best


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sampled:
    """Designs under draws: `losses` of shape (draws, designs, objectives), `feasible` and each of `metrics` (draws, designs)."""

    losses: FloatColumn
    feasible: BoolColumn
    metrics: Mapping[str, FloatColumn]

    @classmethod
    def of(cls, work: Work, designs: Designs, space: Space, factors: Sequence[Mapping[str, float]]) -> _Sampled:
        per_call = max(1, ROWS_AT_ONCE // len(designs))
        loss, kept = list[FloatColumn](), list[BoolColumn]()
        values = {name: list[FloatColumn]() for name in _metrics(space)}
        for begin in range(0, len(factors), per_call):
            some = factors[begin : begin + per_call]
            reached = evaluate_designs(work, _reaching(designs, some), space, waits=_waits(space, some, len(designs)))
            for index, draw in enumerate(some):
                metrics, off = _draw(reached, index, designs, space, draw)
                loss.append(losses(metrics, off))
                kept.append(feasible(limits(metrics, off)))
                for name, column in values.items():
                    column.append(metrics.metric(name))
        return cls(
            losses=np.stack(loss),
            feasible=np.stack(kept),
            metrics={name: np.stack(column) for name, column in values.items()},
        )


def _reaching(designs: Designs, factors: Sequence[Mapping[str, float]]) -> Designs:
    """Designs once for each draw, with what array and memory reach in it; shape (draws x designs,).

    A slower array is a lower clock with as many more vector lanes, so that the vector unit keeps its rate.
    """
    every = np.tile(np.arange(len(designs)), len(factors))
    compute = np.repeat([draw.get("compute_reach", 1.0) for draw in factors], len(designs))
    memory = np.repeat([draw.get("memory_bandwidth", 1.0) for draw in factors], len(designs))
    many = designs.take(every)
    return replace(
        many,
        frequency_hz=many.frequency_hz * compute,
        vector_lanes=many.vector_lanes / compute,
        bandwidth_bytes_per_s=many.bandwidth_bytes_per_s * memory,
    )


def _waits(space: Space, factors: Sequence[Mapping[str, float]], designs: int) -> Waits:
    """The latencies of each design in each draw, shape (draws x designs,)."""
    held = Waits.of(space.device, len(factors) * designs)
    dependency, launch = (
        np.repeat([draw.get(name, 1.0) for draw in factors], designs) for name in ("dependency_latency", "launch_latency")
    )
    return Waits(
        dependency_latency_s=held.dependency_latency_s * dependency,
        launch_latency_s=held.launch_latency_s * launch,
    )


def _draw(reached: Metrics, index: int, designs: Designs, space: Space, draw: Mapping[str, float]) -> tuple[Metrics, Space]:
    """The metrics of one draw, and the space that they hold in."""
    rows = slice(index * len(designs), (index + 1) * len(designs))
    off = scaled(space, draw)
    costs = component_costs(designs, off)
    chosen = None if reached.chosen is None else reached.chosen[rows]
    latency = reached.latency_s[rows] * draw.get("latency", 1.0)
    macs, buffer, dram = reached.native_macs[rows], reached.buffer_bytes[rows], reached.dram_bytes[rows]
    vector_ops = reached.work.vector_ops[None, :] if chosen is None else reached.work.vector_ops[chosen]
    metrics = replace(
        reached,
        latency_s=latency,
        energy_j=energy_of(costs, macs, vector_ops, buffer, dram, latency),
        dram_bytes=dram,
        buffer_bytes=buffer,
        native_macs=macs,
        chosen=chosen,
        floating_array=reached.floating_array[rows],
        costs=costs,
    )
    return metrics, off


def _indices(front: Front, space: Space, work: Work, unknowns: Sequence[Unknown], draws: int, seed: int) -> pd.DataFrame:
    """Sobol's first- and total-order indices of the knee design: one row for each objective and unknown."""
    names = [objective.metric for objective in space.objectives]
    knee = space.from_frame(front.designs.iloc[[front.knee]][list(space.columns)])

    def logs(quantiles: FloatColumn) -> FloatColumn:
        found = _Sampled.of(work, knee, space, _factors(unknowns, quantiles.T))
        return np.log(np.stack([found.metrics[name][:, 0] for name in names]))

    even: Any = stats.uniform()
    firsts, totals = list[FloatColumn](), list[FloatColumn]()
    for scramble in np.random.default_rng(seed).spawn(SCRAMBLES):
        with np.errstate(invalid="ignore", divide="ignore"):  # a metric that rests on none of the unknowns has no variance
            found = stats.sobol_indices(func=logs, n=draws, dists=[even] * len(unknowns), rng=scramble)
        firsts.append(np.nan_to_num(np.atleast_2d(found.first_order)))
        totals.append(np.nan_to_num(np.atleast_2d(found.total_order)))
    first, total = np.mean(firsts, axis=0), np.mean(totals, axis=0)
    error = np.std(totals, axis=0, ddof=1) / np.sqrt(SCRAMBLES)
    rows = [
        {
            "objective": name,
            "unknown": unknown.name,
            "first_order": float(first[row, column]),
            "total_order": float(total[row, column]),
            "total_order_error": float(error[row, column]),
        }
        for row, name in enumerate(names)
        for column, unknown in enumerate(unknowns)
    ]
    return pd.DataFrame(rows)
