"""A space's parameters as Optuna knows them: in real units, and back as indices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna import Trial
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from dse.hardware.parameters import Value
from dse.hardware.space import Parameter, Space


def distribution_of(parameter: Parameter) -> BaseDistribution:
    """The Optuna distribution whose values are the parameter's, in real units; irregular steps are log floats and snap."""
    if not parameter.is_numeric:
        return CategoricalDistribution(list(parameter.values))
    values = np.asarray(parameter.values, dtype=np.float64)
    low, high, step = values[0].item(), values[-1].item(), (values[1] - values[0]).item()
    if np.allclose(np.diff(values), step):
        if parameter.kind.whole:
            return IntDistribution(int(low), int(high), step=int(step))
        return FloatDistribution(low, high, step=step)
    return FloatDistribution(low, high, log=low > 0)


def indices_of(space: Space, params: Mapping[str, Any]) -> list[int]:
    """The row of indices of a trial's parameters, which hold every free parameter of the space."""
    return [0 if len(parameter) == 1 else index_of(parameter, params[parameter.name]) for parameter in space.parameters]


def index_of(parameter: Parameter, value: object) -> int:
    """Index of the parameter's value nearest to `value` (in ratio)."""
    if not parameter.is_numeric:
        return parameter.values.index(value)
    values, number = np.asarray(parameter.values, dtype=np.float64), float(str(value))
    return int(np.argmin(np.abs(np.log(values / number)) if values[0] > 0 else np.abs(values - number)))


def values_of(space: Space, indices: list[int]) -> dict[str, Value]:
    """The free parameters of a row of indices by name, in real units: the inverse of `indices_of`."""
    chosen = zip(space.parameters, indices, strict=True)
    return {parameter.name: parameter.values[index] for parameter, index in chosen if len(parameter) > 1}


def suggest(trial: Trial, space: Space) -> list[int]:
    """Ask an Optuna trial for a design of `space`, for objectives of ``study.optimize``: a row of indices."""
    for parameter in space.free_parameters:
        match distribution_of(parameter):
            case CategoricalDistribution(choices=choices):
                trial.suggest_categorical(parameter.name, choices)
            case IntDistribution(low=low, high=high, step=step):
                trial.suggest_int(parameter.name, low, high, step=step)
            case FloatDistribution(low=low, high=high, step=step, log=log):
                trial.suggest_float(parameter.name, low, high, step=step, log=log)
            case other:
                raise TypeError(f"{parameter.name}: {other}")
    return indices_of(space, trial.params)
