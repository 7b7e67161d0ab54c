"""What each lever would do to one machine, found by evaluating it again and never by guessing.

A lever is one change: twice the bandwidth, twice the MAC units, twice the batch, narrower numbers. Changes of the design alone go
through the vectorised model in one call; batch and precision change the workload and have a call each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np

from dse.errors import Violation
from dse.hardware.design import Design, Designs
from dse.hardware.space import Space
from dse.model.breakdown import Result, evaluate
from dse.model.evaluate import Metrics, evaluate_designs
from dse.model.levers import Change, Kind, design_changes, workload_changes
from dse.model.limits import limits, violations
from dse.model.work import work_of
from dse.units import OPS_PER_MAC
from dse.workload.workload import Scenario, Workload

WORTHWHILE = 0.02
"""A lever that saves no more of the time than this is not advised: the tolerance of the ridge (cost_model.md section 5)."""

Place = Literal["slope", "ridge", "roof", "lanes", "waiting", "cannot run", "none"]

_PLACE: dict[str, Place] = {
    "memory": "slope",
    "ridge": "ridge",
    "compute": "roof",
    "vector": "lanes",
    "dependency": "waiting",
    "cannot run": "cannot run",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a lever does to one scenario; `scenario` has the name it has then (``resnet50@b16`` with twice the batch).

    Ratios are new over old, per inference where they say so. They are 0 where the machine could not run it before.
    """

    scenario: str
    batch: int
    latency_s: float
    energy_j: float
    dram_bytes: float
    latency_ratio: float
    per_inference_ratio: float
    energy_per_inference_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lever:
    """One change and the machine after it.

    `kind`: ``hardware`` is bought, ``use`` is another way to run the same design (or a like one with narrower numbers),
    ``clock`` is neither: what a process reaches is not modelled. Totals are over all scenarios once, by their weights;
    `per_inference_ratio` compares the time for the same inferences. `violations` are all limits that are broken then, `breaks`
    those of them that the machine keeps without the lever.
    """

    name: str
    kind: Kind
    description: str
    latency_s: float
    energy_j: float
    price_usd: float
    area_mm2: float
    power_w: float
    latency_ratio: float
    per_inference_ratio: float
    energy_per_inference_ratio: float
    price_change_usd: float
    violations: tuple[Violation, ...]
    breaks: tuple[Violation, ...]
    scenarios: tuple[Effect, ...]

    @property
    def feasible(self) -> bool:
        """Whether every limit is kept."""
        return not self.violations


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """A lever that is advised: its name, the time per inference that is left of all, and what it costs."""

    lever: str
    per_inference_ratio: float
    price_change_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Picks:
    """What to do first (another use of the machine, no purchase) and what to buy; None where nothing saves more than 2%."""

    use: Pick | None
    buy: Pick | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a scenario stands under the roofline of the machine, and what moves it.

    `place`: on the ``slope`` (memory binds), at the ``ridge``, under the ``roof`` (the array binds), or bound by vector ``lanes``
    or by ``waiting`` (dependent steps). `ridge_fraction` is its operational intensity over that of the ridge point. A scenario
    left of the ridge may yet be bound by an array that it fills badly: `place` tells what binds most of its time.
    """

    scenario: str
    place: Place
    bound: str
    bound_fraction: float
    intensity_ops_per_byte: float
    ridge_ops_per_byte: float
    ridge_fraction: float
    picks: Picks


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Levers by what they save in time per inference, most first (ties: the cheaper), and each scenario's standing.

    `picks` are for all scenarios together; a pick breaks no limit that the machine keeps.
    """

    workload: Workload
    space: Space
    design: Design
    levers: tuple[Lever, ...]
    scenarios: tuple[Standing, ...]
    picks: Picks

    def lever(self, name: str) -> Lever:
        """The lever of this name. Raises `KeyError`."""
        for lever in self.levers:
            if lever.name == name:
                return lever
        raise KeyError(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """One row of metrics, with the limits that it breaks."""

    metrics: Metrics
    row: int
    broken: tuple[Violation, ...]

    def broken_places(self) -> set[tuple[str, int | str | None]]:
        """Which limits are broken, scenarios by their position: their names may change."""
        positions = {scenario.name: index for index, scenario in enumerate(self.metrics.work.scenarios)}
        return {(each.quantity, each.rule or positions.get(each.scenario or "", each.scenario)) for each in self.broken}


def advise(workload: Workload, space: Space, *, result: Result | None = None, workload_levers: bool = True) -> Advice:
    """What every lever does to the one design of `space` on `workload`.

    `result` spares an evaluation where it is at hand; without `workload_levers` those that change the workload (batch, precision)
    are left out: they need curves and plans of their own. Raises `InputError` for a space of several designs.

    >>> import dse
    >>> advice = advise(dse.load_workload("tpu_apps"), dse.load_design("tpu_v1"))
    >>> advice.levers[0].per_inference_ratio <= advice.levers[-1].per_inference_ratio
    True
    """
    known = result if result is not None else evaluate(workload, space)
    workload = replace(known.workload, scenarios=tuple(_fixed(scenario) for scenario in known.workload.scenarios))
    base = space.designs(np.zeros((1, len(space.parameters)), dtype=np.int64))
    changes = design_changes(known.design, base, space)
    rows = _outcomes(workload, space, _joined([base, *(change.designs for change in changes)]))
    before = rows[0]
    levers = [_lever(change, before, after) for change, after in zip(changes, rows[1:], strict=True)]
    levers = _different(levers)
    for change, other in workload_changes(workload, known.design, base) if workload_levers else ():
        levers.append(_lever(change, before, _outcomes(other, _renamed_budget(space, workload, other), change.designs)[0]))
    levers.sort(key=lambda lever: (round(lever.per_inference_ratio, 9), lever.price_usd))
    macs = before.metrics.work.macs.tolist()
    standings = tuple(_standing(known, index, macs[index], levers) for index in range(len(workload.scenarios)))
    return Advice(
        workload=workload,
        space=space,
        design=known.design,
        levers=tuple(levers),
        scenarios=standings,
        picks=_picks(levers, [lever.per_inference_ratio for lever in levers]),
    )


def _fixed(scenario: Scenario) -> Scenario:
    """A scenario at the batch that the machine took, counted as it was."""
    return replace(scenario, auto=(), weight=scenario.weight * scenario.share)


def _renamed_budget(space: Space, before: Workload, after: Workload) -> Space:
    """The budget's limits of scenarios under the names that these have now."""
    limit = space.budget.scenario_latency_s
    names = zip(before.scenarios, after.scenarios, strict=True)
    renamed = {new.name: limit[old.name] for old, new in names if old.name in limit}
    renamed |= {member.name: limit[member.name] for member in before.members if member.name in limit}
    return replace(space, budget=replace(space.budget, scenario_latency_s=renamed))


def _joined(rows: Sequence[Designs]) -> Designs:
    columns = {field.name: np.concatenate([getattr(row, field.name) for row in rows]) for field in fields(Design)}
    return replace(rows[0], **columns)


def _outcomes(workload: Workload, space: Space, designs: Designs) -> list[_Outcome]:
    metrics = evaluate_designs(work_of(workload), designs, space)
    found = limits(metrics, space)
    return [_Outcome(metrics=metrics, row=row, broken=violations(found, row)) for row in range(len(designs))]


def _lever(change: Change, before: _Outcome, after: _Outcome) -> Lever:
    old, new, was, now = before.metrics, after.metrics, before.row, after.row
    shrunk = old.work.batch / new.work.batch
    effects = tuple(
        Effect(
            scenario=scenario.name,
            batch=scenario.batch,
            latency_s=float(new.latency_s[now, index]),
            energy_j=float(new.energy_j[now, index]),
            dram_bytes=float(new.dram_bytes[now, index]),
            latency_ratio=_ratio(float(new.latency_s[now, index]), float(old.latency_s[was, index])),
            per_inference_ratio=_ratio(float(new.latency_s[now, index] * shrunk[index]), float(old.latency_s[was, index])),
            energy_per_inference_ratio=_ratio(float(new.energy_j[now, index] * shrunk[index]), float(old.energy_j[was, index])),
        )
        for index, scenario in enumerate(new.work.scenarios)
    )
    weight = new.work.weight * shrunk
    latency, energy = float(new.total_latency_s[now]), float(new.total_energy_j[now])
    kept = before.broken_places()
    positions = {scenario.name: index for index, scenario in enumerate(new.work.scenarios)}
    return Lever(
        name=change.name,
        kind=change.kind,
        description=change.description,
        latency_s=latency,
        energy_j=energy,
        price_usd=float(new.costs.price_usd[now]),
        area_mm2=float(new.costs.area_mm2[now]),
        power_w=float(new.costs.peak_power_w[now]),
        latency_ratio=_ratio(latency, float(old.total_latency_s[was])),
        per_inference_ratio=_ratio(float(new.latency_s[now] @ weight), float(old.total_latency_s[was])),
        energy_per_inference_ratio=_ratio(float(new.energy_j[now] @ weight), float(old.total_energy_j[was])),
        price_change_usd=float(new.costs.price_usd[now] - old.costs.price_usd[was]),
        violations=after.broken,
        breaks=tuple(each for each in after.broken if (each.quantity, positions.get(each.scenario or "")) not in kept),
        scenarios=effects,
    )


def _ratio(new: float, old: float) -> float:
    """New over old: 0 where only the new is finite, infinite where only the old is, 1 where neither is."""
    if math.isinf(old):
        return 1.0 if math.isinf(new) else 0.0
    return new / old


def _different(levers: list[Lever]) -> list[Lever]:
    """Without longer rows or columns that do just what more cores do (an ideal array)."""
    cores = next(lever for lever in levers if lever.name == "compute x2")

    def same(lever: Lever) -> bool:
        pairs = [(lever.latency_s, cores.latency_s), (lever.energy_j, cores.energy_j), (lever.price_usd, cores.price_usd)]
        return all(one == other or math.isclose(one, other, rel_tol=1e-9) for one, other in pairs)

    return [lever for lever in levers if not (lever.name.startswith("array ") and same(lever))]


def _standing(result: Result, index: int, macs: float, levers: Sequence[Lever]) -> Standing:
    row = result.scenarios.iloc[index]
    device, design = result.space.device, result.design
    bandwidth = design.bandwidth_bytes_per_s * device.bandwidth_efficiency
    ridge = design.peak_ops_per_s * device.compute_efficiency / bandwidth
    dram, ops = float(row["dram_bytes"]), OPS_PER_MAC * macs
    intensity = ops / dram if dram else math.inf
    return Standing(
        scenario=str(row["scenario"]),
        place=_PLACE.get(str(row["bound"]), "none"),
        bound=str(row["bound"]),
        bound_fraction=float(row["bound_fraction"]),
        intensity_ops_per_byte=intensity,
        ridge_ops_per_byte=ridge,
        ridge_fraction=intensity / ridge,
        picks=_picks(levers, [lever.scenarios[index].per_inference_ratio for lever in levers]),
    )


def _picks(levers: Sequence[Lever], ratios: Sequence[float]) -> Picks:
    """The use that saves most, and the purchase that saves most for a dollar, of those that save and break no limit."""
    fit = [(lever, ratio) for lever, ratio in zip(levers, ratios, strict=True) if ratio < 1 - WORTHWHILE and not lever.breaks]
    uses = [(ratio, lever) for lever, ratio in fit if lever.kind == "use"]
    buys = [(-_per_dollar(lever, ratio), ratio, lever) for lever, ratio in fit if lever.kind == "hardware"]
    use = min(uses, key=lambda pair: pair[0], default=None)
    buy = min(buys, key=lambda triple: triple[:2], default=None)
    return Picks(
        use=_pick(use[1], use[0]) if use is not None else None,
        buy=_pick(buy[2], buy[1]) if buy is not None else None,
    )


def _per_dollar(lever: Lever, ratio: float) -> float:
    """Fraction of the time saved for a dollar; infinite where it costs nothing."""
    return (1 - ratio) / lever.price_change_usd if lever.price_change_usd > 0 else math.inf


def _pick(lever: Lever, ratio: float) -> Pick:
    return Pick(lever=lever.name, per_inference_ratio=ratio, price_change_usd=lever.price_change_usd)
