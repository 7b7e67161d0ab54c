"""Designs as tables that people hold, and back: one row a design, the unit in every column's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from dse.errors import Collector
from dse.hardware.design import DATAFLOWS, FORMATS, BoolColumn, Designs, FloatColumn, IntColumn
from dse.hardware.parameters import CHIP, KINDS, Kind, Value, suggestion

if TYPE_CHECKING:
    from dse.hardware.space import Space

_COLUMNS = {KINDS[name].column: KINDS[name] for name in CHIP}


class DesignTable(pd.DataFrame):
    """A table of designs that knows the space it was drawn from, and still does when rows are picked or columns added."""

    _metadata = ["space"]  # noqa: RUF012 - pandas' own name for what it carries along
    space: Space | None

    @property
    def _constructor(self) -> type[DesignTable]:
        return DesignTable


def frame_of_designs(designs: Designs) -> pd.DataFrame:
    """The columns of `designs`, with names in place of codes, in the order of `KINDS`."""
    names = {"dataflow": DATAFLOWS, "precision": FORMATS, "memory": designs.memories}
    return pd.DataFrame(
        {
            column: np.array(names[column], dtype=object)[getattr(designs, column)]
            if column in names
            else getattr(designs, column)
            for column in _COLUMNS
        }
    )


def designs_from_frame(frame: pd.DataFrame, fixed: Mapping[str, Value], channel_bandwidths: Mapping[str, float]) -> Designs:
    """The designs of a table.

    `fixed` stands in for columns that are missing; a missing bandwidth is that of the memory (`channel_bandwidths`, B/s) times
    its channels. Raises `InputError` with everything that is wrong, rows counted from 0.
    """
    wrong = Collector()
    known = tuple(channel_bandwidths)
    codes: dict[str, Any] = {}
    for column, kind in _COLUMNS.items():
        if column in frame.columns:
            values = frame[column].to_numpy()
        elif column in fixed:
            values = np.full(len(frame), fixed[column], dtype=object if kind.choices else None)
        elif column == "bandwidth_bytes_per_s":
            continue
        else:
            names = [str(name) for name in frame.columns]
            wrong.add(f"the table lacks the column {column!r}", remedy=suggestion(column, names) if names else None)
            continue
        codes[column] = _read(column, kind, values, known if column == "memory" else kind.choices, wrong)
    wrong.raise_any()
    if "bandwidth_bytes_per_s" not in codes:
        each = np.array([channel_bandwidths[name] for name in known])
        codes["bandwidth_bytes_per_s"] = each[codes["memory"]] * codes["channels"]
    used = np.flatnonzero(np.bincount(codes["memory"], minlength=len(known)))
    codes["memory"] = np.searchsorted(used, codes["memory"])
    return Designs(**codes, memories=tuple(known[code] for code in map(int, used)))


def _read(
    column: str,
    kind: Kind,
    values: Any,  # noqa: ANN401 - of any dtype that pandas holds
    choices: tuple[str, ...],
    wrong: Collector,
) -> IntColumn | FloatColumn | BoolColumn | None:
    if choices:
        return _codes(column, values, choices, wrong)
    if kind.flag:
        return _flags(column, values, wrong)
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        wrong.add(f"column {column!r} must hold numbers, has {values.dtype}")
        return None
    fine = np.isfinite(numbers) & (numbers >= kind.least) & (numbers <= kind.most)
    if kind.whole:
        fine &= numbers == np.round(numbers)
    if not fine.all():
        row = int(np.argmin(fine))
        whole = "a whole number" if kind.whole else "a number"
        most = f" and at most {kind.most:,.0f}" if np.isfinite(kind.most) else ""
        wrong.add(f"column {column!r} must hold {whole} of at least {kind.least:g}{most}, row {row} has {values[row]!r}")
        return None
    return numbers.astype(np.int64) if kind.whole else numbers


def _codes(column: str, values: Any, choices: tuple[str, ...], wrong: Collector) -> IntColumn | None:  # noqa: ANN401
    # get_indexer answers -1 for what is not among the choices.
    codes = pd.Index(np.asarray(choices, dtype=object)).get_indexer(pd.Index(np.asarray(values, dtype=object)))
    if (codes < 0).any():
        row = int(np.argmax(codes < 0))
        wrong.add(f"column {column!r}, row {row}: unknown {column} {values[row]!r}", remedy=suggestion(str(values[row]), choices))
        return None
    return codes.astype(np.int64)


def _flags(column: str, values: Any, wrong: Collector) -> BoolColumn | None:  # noqa: ANN401
    flags = np.asarray(values)
    if flags.dtype == object:
        fine = np.array([isinstance(value, (bool, np.bool_)) for value in flags], dtype=np.bool_)
    else:
        fine = np.isin(flags, (0, 1)) if flags.dtype != np.bool_ else np.ones(len(flags), dtype=np.bool_)
    if not fine.all():
        row = int(np.argmin(fine))
        wrong.add(f"column {column!r} must hold true or false, row {row} has {values[row]!r}")
        return None
    return flags.astype(np.bool_)
