"""A budget curve from ``budget.json`` alone: what its table and its picture show, without any model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from dse.report.budget_view import BudgetRow, BudgetView
from dse.report.info import axis_view


def plain_view(view: BudgetView) -> dict[str, Any]:
    """A view as JSON holds it: what is not finite becomes null."""
    return {name: _finite(value) for name, value in view.plain().items()}


def stored_view(stored: Mapping[str, Any]) -> BudgetView:
    """The view of a stored curve; the inverse of `plain_view`."""
    plain: dict[str, Any] = {name: _read(value) for name, value in stored["view"].items()}
    axes = {"objective": axis_view(plain["objective"]["name"], None), "resource": axis_view(plain["of"]["name"], None)}
    found: tuple[dict[str, Any], ...] = plain["rows"]
    rows = tuple(BudgetRow(**row) for row in found)
    known = {field.name for field in fields(BudgetView)} - {*axes, "rows"}
    return BudgetView(**axes, rows=rows, **{name: value for name, value in plain.items() if name in known})


def _finite(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(each) for name, each in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def _read(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Lists as tuples."""
    if isinstance(value, list):
        return tuple(_read(each) for each in value)  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return {name: _read(each) for name, each in value.items()}  # pyright: ignore[reportUnknownVariableType]
    return value
