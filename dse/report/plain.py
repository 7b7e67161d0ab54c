"""Numbers as JSON holds them: rounded to what a page shows, and null where a number is not finite."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

FIGURES = 5
"""Significant figures of what a page draws; what it prints of a front is not rounded."""


def figures(value: float, digits: int = FIGURES) -> float | int | None:
    """A number to so many significant figures; None where it is not finite.

    >>> figures(0.123456789), figures(1234567.0), figures(float("inf"))
    (0.12346, 1234600, None)
    """
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 2**53 else rounded


def column(values: Iterable[float], digits: int = FIGURES) -> list[float | int | None]:
    """A column of such numbers."""
    return [figures(float(value), digits) for value in values]


def exact(value: Any) -> Any:  # noqa: ANN401 - any cell of a table
    """A NumPy scalar as Python's, unrounded; None where it is not finite."""
    plain: Any = value.item() if hasattr(value, "item") else value
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain


def plain_row(record: Mapping[str, Any]) -> dict[str, Any]:
    """NumPy scalars to Python's; what is not finite has no JSON number and becomes null."""
    return {key: exact(value) for key, value in record.items()}
