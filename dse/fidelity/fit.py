"""The few constants of a machine from measured kernels: robust least squares on log time, and what the data cannot tell.

Minimised over the logarithms x of the constants is sum rho((ln predicted(x) - ln measured)^2) with the soft L1 loss rho beyond
`LOSS_SCALE`, so that a kernel that a library runs badly counts once and not squared (scipy.optimize.least_squares, `loss`).

A constant is refused, and keeps the device's own value, where the rows do not determine it: no row is bound by it; or its 95%
interval, from the Jacobian J of the robust residuals (covariance s^2·(J'J)^-1), spans more than a factor `WIDEST` either way, be
it for itself or because another constant moves the times alike. The effective capacity changes traffic in steps, so it is not
fitted by slopes but by the fit of all others at each tabled capacity: it is taken where the best is better than the device's own
by a likelihood ratio (chi-squared of one degree of freedom at 95%, Bonferroni for the capacities that are tried), and where
those that fit as well lie close together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import least_squares

from dse.fidelity.replay import Constants, Replay
from dse.hardware.design import FloatColumn

SMOOTH = ("compute_efficiency", "bandwidth_efficiency", "launch_latency_s", "dependency_latency_s")
"""Constants that are fitted by their slopes."""

CAPACITY = "sram_efficiency"

BOUNDS: Mapping[str, tuple[float, float]] = {
    "compute_efficiency": (0.01, 1.0),
    "bandwidth_efficiency": (0.01, 1.0),
    "launch_latency_s": (1e-9, 1.0),
    "dependency_latency_s": (1e-9, 1.0),
}

STARTS = (0.8, 0.4)
"""Bandwidth efficiencies that a fit starts from: where few rows are bound by memory, the error has two hollows."""

LOSS_SCALE = 0.1
"""Log error beyond which a row's weight falls: 10%."""

WIDEST = 2.0
"""Widest 95% interval that counts as determined: a factor, either way."""

UNSEEN = 1e-3
"""Root mean square slope of log time below which no row is bound by a constant."""

ALMOST_NOTHING = 1e-9
"""Of the largest eigenvalue: the least that counts as seen."""

ALIKE = 0.9
"""Correlation of two estimates from which on they are called alike."""

CHI_SQUARED_95, CHI_SQUARED_TRIED = 3.84, 8.4
"""95% of one trial, and of thirteen."""

NORMAL_95 = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A constant that keeps the device's `value`, and why."""

    name: str
    value: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Constants of which `fitted` were found, `refused` were kept; `cost` is what was minimised.

    `interval` is that of the Jacobian, 95%; of the capacity, those tabled that fit as well.
    """

    constants: Constants
    fitted: tuple[str, ...]
    refused: tuple[Refusal, ...]
    interval: Mapping[str, tuple[float, float]]
    cost: float


@dataclass(frozen=True, slots=True)
class _Solution:
    """A least-squares solution: logarithms of the free constants, cost, Jacobian, and which of them rest at their limit of 1."""

    free: tuple[str, ...]
    logs: FloatColumn
    cost: float
    jacobian: FloatColumn

    def constants(self, base: Constants) -> Constants:
        return replace(base, **dict(zip(self.free, np.exp(self.logs).tolist(), strict=True)))

    def at_limit(self, name: str) -> bool:
        return bool(np.exp(self.logs[self.free.index(name)]) > BOUNDS[name][1] * (1 - 1e-4))


def fit(replay: Replay, *, capacity: bool = True, without: Sequence[str] = ()) -> Fit:
    """Fit what the rows determine, starting from the constants of the replay's device.

    `capacity`: the effective capacity too; constants `without` keep their values, unasked.
    """
    own = Constants.of(replay.space.device)
    smooth = tuple(name for name in SMOOTH if name not in without)
    free, refused, interval = _determined(replay, own, smooth)
    best = _solve(replay, own, free)
    if capacity and len(replay.capacities) > 1:
        chosen, refusal, between = _capacity(replay, own, free, best.cost)
        if refusal is None:
            own = replace(own, sram_efficiency=chosen)
            free, refused, interval = _determined(replay, own, smooth)
            best = _solve(replay, own, free)
            interval[CAPACITY] = between
        else:
            refused = (*refused, refusal)
    fitted = (*free, CAPACITY) if CAPACITY in interval else free
    return Fit(constants=best.constants(own), fitted=fitted, refused=refused, interval=interval, cost=best.cost)


def refit(replay: Replay, found: Fit) -> Constants:
    """The same constants from other rows, without asking again which they determine."""
    own = replace(Constants.of(replay.space.device), sram_efficiency=found.constants.sram_efficiency)
    free = tuple(name for name in found.fitted if name != CAPACITY)
    start = [found.constants] if free else []
    return _solve(replay, own, free, starts=start).constants(own)


def _determined(
    replay: Replay, own: Constants, smooth: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[Refusal, ...], dict[str, tuple[float, float]]]:
    """The constants that the rows determine, those refused, and the intervals of the former."""
    free = smooth if replay.steps.any() else tuple(name for name in smooth if name != "dependency_latency_s")
    refused: list[Refusal] = []
    if len(free) < len(smooth):
        value = own.dependency_latency_s
        refused.append(Refusal(name="dependency_latency_s", value=value, reason="no row is a recurrent kernel of several steps"))
    while True:
        found = _solve(replay, own, free)
        worst, interval = _least_certain(found, own, len(replay))
        if worst is None:
            return free, tuple(refused), interval
        refused.append(worst)
        free = tuple(name for name in free if name != worst.name)


def _least_certain(found: _Solution, own: Constants, n: int) -> tuple[Refusal | None, dict[str, tuple[float, float]]]:
    """The constant that is least certain of those that are not certain enough, or None; and the interval of each."""
    if not found.free:
        return None, {}
    slopes = np.sqrt((found.jacobian**2).mean(axis=0))
    slope_of: list[float] = slopes.tolist()
    for name, slope in zip(found.free, slope_of, strict=True):
        if slope < UNSEEN and not found.at_limit(name):
            reason = f"no row is bound by it: its change moves the times by less than {UNSEEN:.1%}"
            return Refusal(name=name, value=getattr(own, name), reason=reason), {}
    inner = [index for index, slope in enumerate(slope_of) if slope >= UNSEEN]
    jacobian = found.jacobian[:, inner]
    scale = 2.0 * found.cost / max(n - len(inner), 1)
    covariance = _inverse(jacobian.T @ jacobian) * scale
    error = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    values = np.exp(found.logs[inner])
    names = [found.free[index] for index in inner]
    factor = np.exp(np.minimum(NORMAL_95 * error, 50.0))
    if (factor > WIDEST).any():
        worst = int(np.argmax(error))
        return _refusal(names, values, factor, covariance, worst, own), {}
    limits = [BOUNDS[name] for name in names]
    interval = {
        name: (max(float(value / wide), low), min(float(value * wide), high))
        for name, value, wide, (low, high) in zip(names, values, factor, limits, strict=True)
    }
    interval |= {name: (1.0, 1.0) for name in found.free if name not in interval}
    return None, interval


def _inverse(normal: FloatColumn) -> FloatColumn:
    """The inverse of J'J, its eigenvalues at least `ALMOST_NOTHING` of the largest: what J cannot see is most uncertain."""
    found = np.linalg.eigh(normal)
    values = np.maximum(found.eigenvalues, ALMOST_NOTHING * float(found.eigenvalues.max(initial=0.0)))
    return np.asarray((found.eigenvectors / values) @ found.eigenvectors.T, dtype=np.float64)


def _refusal(
    names: Sequence[str], values: FloatColumn, factor: FloatColumn, covariance: FloatColumn, worst: int, own: Constants
) -> Refusal:
    deviation = np.sqrt(np.diag(covariance))
    alike = np.abs(covariance[worst] / (deviation * deviation[worst]))
    alike[worst] = 0.0
    partner = int(np.argmax(alike))
    low, high = values[worst] / factor[worst], values[worst] * factor[worst]
    if alike[partner] > ALIKE:
        reason = f"these rows cannot tell it from {names[partner]}: both move the times alike (correlation {alike[partner]:.2f})"
    elif names[worst].endswith("_s"):
        reason = f"too small to be seen beside the rest: anything below {min(high, 1.0):.1e} s fits"
    else:
        reason = f"anything from {low:.2g} to {min(high, 1.0):.2g} fits these rows"
    return Refusal(name=names[worst], value=getattr(own, names[worst]), reason=reason)


def _capacity(
    replay: Replay, own: Constants, free: tuple[str, ...], own_cost: float
) -> tuple[float, Refusal | None, tuple[float, float]]:
    """The effective capacity that fits best, or why none is told from the device's own; and those that fit as well."""
    usable = [float(share) for share, moved in zip(replay.capacities, replay.bytes, strict=True) if np.isfinite(moved).all()]
    costs = np.array([_solve(replay, replace(own, sram_efficiency=share), free).cost for share in usable])
    n, best = len(replay), int(np.argmin(costs))
    floor = max(float(costs[best]), 1e-300)
    ratio = n * np.log(np.maximum(costs, floor) / floor)
    gain = n * np.log(max(own_cost, floor) / floor)
    as_good = [share for share, each in zip(usable, ratio.tolist(), strict=True) if each <= CHI_SQUARED_95]
    between = (min(as_good), max(as_good))
    if gain <= CHI_SQUARED_TRIED:
        reason = (
            f"shares of the buffer from {between[0]:.2g} to {between[1]:.2g} fit best,"
            f" by too little to tell them from {own.sram_efficiency:.2g}"
        )
    elif between[0] == usable[0] and len(usable) > 1:
        reason = f"any share below {between[1]:.2g} fits these rows as well: traffic is not what they show"
    elif between[1] / between[0] > WIDEST**2:
        reason = f"anything from {between[0]:.2g} to {between[1]:.2g} of the buffer fits these rows"
    else:
        return usable[best], None, between
    return own.sram_efficiency, Refusal(name=CAPACITY, value=own.sram_efficiency, reason=reason), between


def _solve(replay: Replay, own: Constants, free: tuple[str, ...], *, starts: Sequence[Constants] | None = None) -> _Solution:
    """The best of the solutions from every start."""
    measured = np.log(replay.measured_s)
    if not free:
        cost = _cost(np.log(replay.times_s(own)) - measured)
        return _Solution((), np.empty(0), cost, np.empty((len(replay), 0)))

    def residuals(logs: FloatColumn) -> FloatColumn:
        constants = replace(own, **dict(zip(free, np.exp(logs).tolist(), strict=True)))
        return np.log(replay.times_s(constants)) - measured

    low, high = (np.log([BOUNDS[name][end] for name in free]) for end in (0, 1))
    best: Any = None
    for start in starts or _starts(replay, own):
        logs = np.log(np.maximum([getattr(start, name) for name in free], 1e-8))
        logs = np.clip(logs, low + 1e-6, high - 1e-6)
        found = least_squares(residuals, logs, bounds=(low, high), loss="soft_l1", f_scale=LOSS_SCALE, x_scale=1.0)
        if best is None or found.cost < best.cost:
            best = found
    return _Solution(free, np.asarray(best.x), float(best.cost), np.asarray(best.jac))


def _starts(replay: Replay, own: Constants) -> list[Constants]:
    shortest = float(replay.measured_s.min()) / 2
    waits = replay.steps > 0
    step = float((replay.measured_s[waits] / replay.steps[waits]).min()) / 2 if waits.any() else 0.0
    return [
        replace(own, compute_efficiency=0.8, bandwidth_efficiency=share, launch_latency_s=shortest, dependency_latency_s=step)
        for share in STARTS
    ]


def _cost(residuals: FloatColumn) -> float:
    """Half of scipy's soft L1 loss of residuals."""
    return float(LOSS_SCALE**2 * (np.sqrt(1.0 + (residuals / LOSS_SCALE) ** 2) - 1.0).sum())
