"""Tables and results as text, quick for fronts of a hundred thousand designs."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROWS_AT_ONCE = 20_000
"""Rows of a CSV file that are held as Python's values."""

LONG = 1000
"""A list of more records has one line for each."""


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """A table as CSV, every number with all its digits, nothing for what is no number (as pandas writes it, but sooner)."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(map(str, frame.columns))
        for begin in range(0, len(frame), ROWS_AT_ONCE):
            part = frame.iloc[begin : begin + ROWS_AT_ONCE]
            writer.writerows(zip(*(_cells(part.iloc[:, at]) for at in range(part.shape[1])), strict=True))


def _cells(column: pd.Series[Any]) -> list[Any]:
    values = column.to_numpy()
    cells: list[Any] = values.tolist()
    if values.dtype.kind == "f" and np.isnan(values).any():
        return ["" if cell != cell else cell for cell in cells]
    return cells


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as plain JSON values; what is not finite has no JSON number and becomes null."""
    names = [str(name) for name in frame.columns]
    columns = [_plain(frame.iloc[:, at]) for at in range(frame.shape[1])]
    return [dict(zip(names, row, strict=True)) for row in islice(zip(*columns, strict=True), len(frame))]


def _plain(column: pd.Series[Any]) -> list[Any]:
    values = column.to_numpy()
    cells: list[Any] = values.tolist()
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return [cell if fine else None for cell, fine in zip(cells, np.isfinite(values).tolist(), strict=True)]
    if values.dtype == object:
        return [scalar(cell) for cell in cells]
    return cells


def scalar(value: Any) -> Any:  # noqa: ANN401 - any cell of a table
    """A cell as Python's own value; what is not finite becomes None."""
    plain: Any = value.item() if hasattr(value, "item") else value
    return None if isinstance(plain, float) and not np.isfinite(plain) else plain


def json_text(value: Mapping[str, Any], *, ensure_ascii: bool = False) -> str:
    """A result as JSON, indented; a long list of records has a line for each, for a file that is read in pieces.

    >>> print(json_text({"designs": [1, 2]}))
    {
      "designs": [
        1,
        2
      ]
    }
    """
    long: dict[str, list[Any]] = {key: part for key, part in value.items() if isinstance(part, list) and len(part) > LONG}  # pyright: ignore[reportUnknownArgumentType]
    marks = {key: f"\0{key}" for key in long}
    text = json.dumps({**value, **marks}, indent=2, ensure_ascii=ensure_ascii, allow_nan=False)
    for key, mark in marks.items():
        lines = ",\n    ".join(json.dumps(part, ensure_ascii=ensure_ascii, allow_nan=False) for part in long[key])
        before, _, after = text.partition(json.dumps(mark, ensure_ascii=ensure_ascii))
        text = f"{before}[\n    {lines}\n  ]{after}"
    return text
