"""What a design must keep (`Budget`) and what it is judged by (`Objective`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from dse.errors import InputError, Problem
from dse.hardware.parameters import suggestion
from dse.units import UnitError, parse_quantity

Metric = Literal["latency", "throughput", "energy", "price", "area", "power", "dram_bytes"]
METRICS: tuple[Metric, ...] = get_args(Metric)
"""What a design can be judged by; throughput is to be large, everything else small."""

OF_A_WORKLOAD: tuple[Metric, ...] = ("latency", "throughput", "energy", "dram_bytes")
"""Metrics that each of several workloads has for itself: ``latency:speech``."""

SLOWDOWN = "slowdown"
"""Of several workloads the worst latency over its target: what ``across: worst`` judges by."""

MOST_OBJECTIVES = 4

LIMIT_DIMENSIONS: Mapping[str, str] = {"price": "price", "area": "area", "power": "power", "latency": "time", "energy": "energy"}
"""Quantities that a budget may limit, and how they are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Upper limits in SI; None is no limit. `latency_s` is of all scenarios together, `scenario_latency_s` of one by name."""

    price_usd: float | None = None
    area_mm2: float | None = None
    power_w: float | None = None
    latency_s: float | None = None
    energy_j: float | None = None
    scenario_latency_s: Mapping[str, float] = field(default_factory=dict[str, float])

    def limit(self, metric: str) -> float | None:
        """The limit on a metric (SI), or None."""
        return {
            "price": self.price_usd,
            "area": self.area_mm2,
            "power": self.power_w,
            "latency": self.latency_s,
            "energy": self.energy_j,
        }.get(metric)

    def scenario_limit(self, scenario: str) -> float | None:
        """The latency limit of one scenario in seconds, or None."""
        return self.scenario_latency_s.get(scenario)

    def as_dict(self) -> dict[str, float]:
        """Every limit that is set, by name: ``price``, ``latency.vision`` (SI)."""
        limits = {metric: self.limit(metric) for metric in LIMIT_DIMENSIONS}
        found = {metric: limit for metric, limit in limits.items() if limit is not None}
        return found | {f"latency.{name}": limit for name, limit in self.scenario_latency_s.items()}

    def with_text(self, text: str) -> Budget:
        """The budget with one more limit as the command line writes it: ``price=40USD``, ``latency.vision=5ms``.

        >>> Budget().with_text("price=40USD").price_usd
        40.0
        """
        name, separator, written = text.partition("=")
        metric, dot, scenario = name.strip().partition(".")
        if not separator:
            raise InputError(Problem(f"--budget {text}: write it as NAME=LIMIT", remedy="for instance price=40USD"))
        if dot and not scenario:
            raise InputError(Problem(f"--budget {text}: which scenario?", remedy="for instance latency.resnet50@b1=10ms"))
        if metric not in LIMIT_DIMENSIONS or (scenario and metric != "latency"):
            raise InputError(Problem(f"--budget {text}: no budget for {name!r}", remedy=suggestion(metric, LIMIT_DIMENSIONS)))
        try:
            limit = parse_quantity(written.strip(), LIMIT_DIMENSIONS[metric])
        except UnitError as error:
            raise InputError(Problem(f"--budget {text}: {error}")) from None
        if limit <= 0:
            raise InputError(Problem(f"--budget {text}: a limit is more than zero"))
        return self.with_limit(name.strip(), limit)

    def with_limit(self, name: str, limit: float | None) -> Budget:
        """The budget with one limit set (SI) or, with None, lifted; names are those of `as_dict`."""
        metric, _, scenario = name.partition(".")
        match metric:
            case "price":
                return replace(self, price_usd=limit)
            case "area":
                return replace(self, area_mm2=limit)
            case "power":
                return replace(self, power_w=limit)
            case "energy":
                return replace(self, energy_j=limit)
            case "latency" if not scenario:
                return replace(self, latency_s=limit)
            case "latency":
                others = {key: value for key, value in self.scenario_latency_s.items() if key != scenario}
                return replace(self, scenario_latency_s=others if limit is None else others | {scenario: limit})
            case _:
                raise InputError(Problem(f"no budget for {name!r}", remedy=suggestion(metric, LIMIT_DIMENSIONS)))


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric to make small, or large where that is its nature: one of `METRICS`, ``slowdown``, or ``latency:WORKLOAD``."""

    metric: str

    @property
    def kind(self) -> str:
        """The metric without the workload that it is of."""
        return self.metric.partition(":")[0]

    @property
    def member(self) -> str:
        """The workload that it is of, where several are judged together; else empty."""
        return self.metric.partition(":")[2]

    @property
    def maximise(self) -> bool:
        """Throughput is to be large; every other metric small."""
        return self.kind == "throughput"


def objectives_named(names: Sequence[str]) -> tuple[Objective, ...]:
    """One to four different objectives by name. Raises `InputError`."""
    problems = [_unknown(name) for name in names if not _is_known(name)]
    if not 1 <= len(names) <= MOST_OBJECTIVES:
        problems.append(Problem(f"{len(names)} objectives; a search takes 1 to {MOST_OBJECTIVES}"))
    if len(set(names)) < len(names):
        problems.append(Problem("an objective stands twice"))
    if problems:
        raise InputError(problems)
    return tuple(Objective(name) for name in names)


def _is_known(name: str) -> bool:
    metric, colon, member = name.partition(":")
    return name in METRICS or name == SLOWDOWN or bool(colon and member and metric in OF_A_WORKLOAD)


def _unknown(name: str) -> Problem:
    metric, colon, _ = name.partition(":")
    if colon and metric in METRICS:
        return Problem(f"unknown objective {name!r}", remedy=f"of one workload: {', '.join(OF_A_WORKLOAD)}, as latency:speech")
    return Problem(f"unknown objective {name!r}", remedy=suggestion(name, METRICS))
