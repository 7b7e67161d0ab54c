"""`Score`: how far predicted times are from measured ones, and whether they are in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from dse.hardware.design import BoolColumn, FloatColumn
from dse.inputs.measurements import Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Errors are |predicted / measured - 1|; `bias` is the median of predicted / measured, less one.

    `rank_correlation` is Spearman's, nan for fewer than three rows or where all times are alike.
    """

    n: int
    median_error: float
    p90_error: float
    bias: float
    rank_correlation: float

    @classmethod
    def of(cls, predicted_s: FloatColumn, measured_s: FloatColumn) -> Score:
        """The score of so many rows, at least one.

        >>> Score.of(np.array([1.25, 2.0, 2.0]), np.array([1.0, 2.0, 4.0]))
        Score(n=3, median_error=0.25, p90_error=0.45, bias=0.0, rank_correlation=0.866...)
        """
        ratio = predicted_s / measured_s
        error = np.abs(ratio - 1.0)
        return cls(
            n=len(ratio),
            median_error=float(np.median(error)),
            p90_error=float(np.quantile(error, 0.9)),
            bias=float(np.median(ratio) - 1.0),
            rank_correlation=rank_correlation(predicted_s, measured_s),
        )


def rank_correlation(first: FloatColumn, second: FloatColumn) -> float:
    """Spearman's rank correlation, ties at their mean rank.

    >>> rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0]))
    0.5
    """
    ranks = [np.asarray(rankdata(values), dtype=np.float64) for values in (first, second)]
    spreads = [values - values.mean() for values in ranks]
    norm = float(np.sqrt((spreads[0] @ spreads[0]) * (spreads[1] @ spreads[1])))
    return float(spreads[0] @ spreads[1]) / norm if len(first) > 2 and norm else float("nan")


def groups_of(rows: Sequence[Measurement]) -> dict[tuple[str, str, str], BoolColumn]:
    """(kind, format, algorithm) -> which rows are of it, in the order of kinds, formats and algorithms."""
    keys = [(row.kernel.kind, row.kernel.precision, row.algorithm) for row in rows]
    order = {"gemm": 0, "convolution": 1, "recurrent": 2}
    found = sorted(set(keys), key=lambda key: (order[key[0]], key[1:]))
    return {key: np.array([own == key for own in keys], dtype=np.bool_) for key in found}
