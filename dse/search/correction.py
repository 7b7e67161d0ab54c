"""What a slow second opinion teaches about the cheap model: how far they differ, as a smooth function of the design.

For each objective the difference d of log losses (second opinion less model) is fitted by kernel ridge regression,

    d(x) = mean + k(x)ᵀ (K + λ I)⁻¹ (d - mean),   k(x, y) = x·y + exp(-|x - y|² / 2 l²),

with or without the second term of the kernel. λ and l are those with the least leave-one-out error, in closed form
e_i = α_i / (K + λ I)⁻¹_ii (Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, equation 5.12); the mean
alone, and no correction at all, stand for election too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from dse.hardware.design import FloatColumn, IntColumn
from dse.hardware.space import Space

MOST_POINTS = 400
"""Trials that a correction is fitted to: the latest."""

LAMBDAS = (1e-4, 1e-2, 1.0)

LENGTHS = (0.5, 1.0, 2.0)
"""Of the kernel, times the root of the number of features over six: the distance of two random points."""


def features(space: Space, rows: IntColumn) -> FloatColumn:
    """Designs as points for a fit, shape (designs, features): logs of numbers from 0 to 1, and a column for each name."""
    columns: list[FloatColumn] = []
    for at, parameter in enumerate(space.parameters):
        if len(parameter) == 1:
            continue
        if parameter.is_numeric:
            logs = np.log1p(np.array([float(value) for value in parameter.values]))
            columns.append(((logs - logs[0]) / (logs[-1] - logs[0]))[rows[:, at]])
        else:
            columns += [(rows[:, at] == index) / np.sqrt(2.0) for index in range(len(parameter))]
    return np.stack(columns, axis=1) if columns else np.zeros((len(rows), 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    """One objective: the correction of any design is `mean` + kernel · `alpha`; `length` is None without its second term."""

    mean: float
    alpha: FloatColumn | None
    length: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """Added to the model's log10 losses, it gives those of the second opinion, as far as is known."""

    points: FloatColumn
    fits: tuple[_Fit, ...]

    @classmethod
    def of(cls, points: FloatColumn, differences: FloatColumn) -> Correction:
        """Fitted to points, shape (trials, features), and the differences there, shape (trials, objectives)."""
        points, differences = points[-MOST_POINTS:], differences[-MOST_POINTS:]
        inverses = [
            (length, linalg.inv(_kernel(points, points, length) + weight * np.eye(len(points))))
            for length in (None, *LENGTHS)
            for weight in LAMBDAS
        ]
        return cls(points=points, fits=tuple(_best(column, inverses) for column in differences.T))

    def at(self, points: FloatColumn) -> FloatColumn:
        """The correction of these points, shape (points, objectives)."""
        kernels = {fit.length: _kernel(points, self.points, fit.length) for fit in self.fits if fit.alpha is not None}
        found = [fit.mean + (0.0 if fit.alpha is None else kernels[fit.length] @ fit.alpha) for fit in self.fits]
        return np.stack([np.broadcast_to(np.asarray(column, dtype=np.float64), len(points)) for column in found], axis=1)


def _best(difference: FloatColumn, inverses: list[tuple[float | None, FloatColumn]]) -> _Fit:
    """The fit of one objective with the least leave-one-out error."""
    count, mean = len(difference), float(difference.mean())
    best, least = _Fit(mean=0.0, alpha=None, length=None), float(np.square(difference).sum())
    if count < 2:
        return _Fit(mean=mean, alpha=None, length=None)
    around = difference - mean
    error = float(np.square(around * count / (count - 1)).sum())
    if error < least:
        best, least = _Fit(mean=mean, alpha=None, length=None), error
    for length, inverse in inverses:
        alpha = inverse @ around
        error = float(np.square(alpha / np.diag(inverse)).sum())
        if error < least:
            best, least = _Fit(mean=mean, alpha=alpha, length=length), error
    return best


def _kernel(left: FloatColumn, right: FloatColumn, length: float | None) -> FloatColumn:
    kernel = (left - 0.5) @ (right - 0.5).T
    if length is None:
        return kernel
    squares = np.square(left).sum(axis=1)[:, None] + np.square(right).sum(axis=1) - 2.0 * left @ right.T
    scale = length * np.sqrt(max(left.shape[1], 1) / 6.0)
    return kernel + np.exp(-np.maximum(squares, 0.0) / (2.0 * scale**2))
