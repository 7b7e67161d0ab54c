"""TPU v1 with one constant: the share of its weight memory's bandwidth that fits the four consistent applications best.

The machine in ``search_spaces/tpu_v1.yaml`` has none, and keeps none: this only tells what one would give. The error of the
paper's own performance model is 8% on average (Jouppi et al., ISCA 2017, table 7).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from dse.fidelity.tpu_v1 import APPS, DEVICE, roofline, tops_of
from dse.hardware.space import Space
from dse.inputs.spaces import load_design

CONSISTENT = tuple(app for app in APPS if app not in ("lstm1", "cnn1"))
"""Applications whose published rows agree with each other."""

SHARES = tuple(np.round(np.arange(0.85, 1.0001, 0.01), 2).tolist())
"""Bandwidth efficiencies that are tried."""

PUBLISHED_MODEL_ERROR = 0.08


@dataclass(frozen=True, slots=True, kw_only=True)
class OneConstant:
    """`errors` by application with the constant, `errors_without` as shipped; `left_out`: each by one fitted without it."""

    bandwidth_efficiency: float
    errors: dict[str, float]
    errors_without: dict[str, float]
    left_out: dict[str, float]

    @staticmethod
    def mean(errors: dict[str, float]) -> float:
        """Mean absolute error."""
        return float(np.mean(np.abs(list(errors.values()))))


@cache
def one_constant() -> OneConstant:
    """Least mean absolute error of the consistent applications over the tried shares of the bandwidth."""
    measured = {point.app: point.published_tops for point in roofline().points}
    space = load_design(DEVICE)
    errors = np.array([_errors(space, share, measured) for share in SHARES])
    best = int(np.abs(errors).mean(axis=1).argmin())
    left_out: dict[str, float] = {}
    for index, app in enumerate(CONSISTENT):
        others = np.delete(np.abs(errors), index, axis=1).mean(axis=1)
        left_out[app] = float(errors[int(others.argmin()), index])
    return OneConstant(
        bandwidth_efficiency=SHARES[best],
        errors=dict(zip(CONSISTENT, errors[best].tolist(), strict=True)),
        errors_without=dict(zip(CONSISTENT, errors[SHARES.index(1.0)].tolist(), strict=True)),
        left_out=left_out,
    )


def _errors(space: Space, share: float, measured: dict[str, float]) -> list[float]:
    rates = tops_of(replace(space, device=replace(space.device, bandwidth_efficiency=share)))
    return [rates[app] / measured[app] - 1.0 for app in CONSISTENT]
