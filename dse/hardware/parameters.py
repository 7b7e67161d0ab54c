"""`Parameter`: one axis of a space as a finite list of values in SI, and how its values are written and read."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from dse.errors import InputError, Problem
from dse.hardware.design import ABSTRACT_MEMORY, DATAFLOWS, FORMATS
from dse.hardware.technology import LARGEST_NODE_NM, SMALLEST_NODE_NM
from dse.units import format_quantity, parse_quantity

Value = int | float | str | bool
Scale = Literal["linear", "log"]

MOST_VALUES = 100_000
"""Most values of one parameter."""

BYTE_GRAIN = 64
"""Steps of a range of bytes fall on multiples of this."""

RATE_FIGURES = 4
"""Significant figures that steps of a range of frequencies or bandwidths keep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a parameter is: its column in tables, how its values are written, its default, its bounds.

    `dimension` is that of `dse.units`, or "" for a bare number; `whole` values are integers; `choices` are names.
    """

    column: str
    dimension: str = ""
    whole: bool = True
    choices: tuple[str, ...] = ()
    flag: bool = False
    default: Value | None = None
    least: float = 1
    most: float = math.inf

    @property
    def is_numeric(self) -> bool:
        """Values have an order."""
        return not self.choices and not self.flag


KINDS: Mapping[str, Kind] = {
    "array_rows": Kind(column="array_rows", most=2**20),
    "array_cols": Kind(column="array_cols", most=2**20),
    "compute_units": Kind(column="compute_units", most=2**40),
    "cores": Kind(column="cores", default=1, most=2**20),
    "frequency": Kind(column="frequency_hz", dimension="frequency", whole=False, most=1e12),
    "dataflow": Kind(column="dataflow", choices=DATAFLOWS, default="weight_stationary"),
    "precision": Kind(column="precision", choices=FORMATS, default="int8"),
    "sram": Kind(column="sram_bytes", dimension="bytes", most=2**50),
    "double_buffer": Kind(column="double_buffer", flag=True, default=True),
    "memory": Kind(column="memory", choices=(ABSTRACT_MEMORY,)),
    "channels": Kind(column="channels", default=1, most=4096),
    "bandwidth": Kind(column="bandwidth_bytes_per_s", dimension="bandwidth", whole=False, most=1e18),
    "vector_lanes": Kind(column="vector_lanes", default=0, least=0, most=2**30),
    "node": Kind(column="node_nm", dimension="node", whole=False, default=28.0, least=SMALLEST_NODE_NM, most=LARGEST_NODE_NM),
}
"""Every parameter, in the order of a space's axes. What `memory` may be is what the technology knows."""

CHIP = tuple(name for name in KINDS if name != "compute_units")
"""Parameters of a chip; `bandwidth` is what memory and channels give unless it is stated."""

THREE_KNOBS = ("compute_units", "bandwidth", "sram")
"""The abstract machine: how many MAC units, how many bytes a second, how many bytes on chip."""

ABSTRACT = ("compute_units", "frequency", "precision", "sram", "double_buffer", "bandwidth", "node")
"""Every parameter of a three-knob space."""

ABSTRACT_FREQUENCY_HZ = 1e9


@dataclass(frozen=True, slots=True)
class Parameter:
    """One axis: values in SI, numbers ascending, none twice.

    >>> Parameter("sram", (65536, 131072)).column
    'sram_bytes'
    """

    name: str
    values: tuple[Value, ...]
    table: npt.NDArray[np.generic] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError(f"{self.name} has no value")
        values = tuple(sorted(set(self.values))) if self.is_numeric else tuple(dict.fromkeys(self.values))
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "table", self._table(values))

    def _table(self, values: tuple[Value, ...]) -> npt.NDArray[np.generic]:
        """The values as `Designs` holds them: numbers, flags, or codes of names."""
        if self.name == "memory":
            return np.arange(len(values), dtype=np.int64)
        if self.kind.choices:
            return np.array([self.kind.choices.index(str(value)) for value in values], dtype=np.int64)
        if self.kind.flag:
            return np.array(values, dtype=np.bool_)
        return np.array(values, dtype=np.int64 if self.kind.whole else np.float64)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def kind(self) -> Kind:
        """What this parameter is."""
        return KINDS[self.name]

    @property
    def column(self) -> str:
        """Its column in tables, with the unit."""
        return self.kind.column

    @property
    def is_numeric(self) -> bool:
        """Values have an order."""
        return self.kind.is_numeric


def read_value(name: str, written: object, memories: Iterable[str] = ()) -> Value:
    """One value of a parameter as a text or a file writes it, in SI. Raises `ValueError` that says what is wrong.

    >>> read_value("sram", "8 MiB"), read_value("cores", 4), read_value("double_buffer", "true")
    (8388608, 4, True)
    """
    kind = KINDS[name]
    if kind.flag:
        return _flag(name, written)
    if kind.choices:
        return _choice(name, written, tuple(memories) if name == "memory" else kind.choices)
    return within(name, parse_quantity(written, kind.dimension) if kind.dimension else _number(name, written))


def within(name: str, value: float) -> Value:
    """The value as its kind holds it. Raises `ValueError` where it is no whole number or out of bounds."""
    kind = KINDS[name]
    if not kind.least <= value <= kind.most:
        bounds = f"at least {_said(name, kind.least)}" if value < kind.least else f"at most {_said(name, kind.most)}"
        raise ValueError(f"{name} must be {bounds}, got {_said(name, value)}")
    if kind.whole and value != round(value):
        raise ValueError(f"{name} must be a whole number{' of bytes' if kind.dimension == 'bytes' else ''}, got {value:g}")
    return round(value) if kind.whole else float(value)


def _said(name: str, value: float) -> str:
    """A number in a message, with its unit; unlike `show_value` for a reader only."""
    if KINDS[name].dimension:
        return show_value(name, value)
    return f"{value:,.0f}" if value == round(value) and abs(value) < 10**15 else f"{value:g}"


def _number(name: str, written: object) -> float:
    try:
        number = math.nan if isinstance(written, bool) or not isinstance(written, (int, float, str)) else float(written)
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a number, got {'nothing' if written is None else repr(written)}")
    return number


def _flag(name: str, written: object) -> bool:
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if isinstance(written, bool):
        return written
    if isinstance(written, str) and written.lower() in words:
        return words[written.lower()]
    raise ValueError(f"{name} must be true or false, got {written!r}")


def _choice(name: str, written: object, known: tuple[str, ...]) -> str:
    if isinstance(written, str) and written in known:
        return written
    raise ValueError(f"unknown {name} {written!r}; {suggestion(str(written), known)}")


def suggestion(word: str, known: Iterable[str]) -> str:
    """``did you mean 'lpddr5'?`` where a known word is near, else all that are known."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"


def range_values(
    name: str, first: Value, last: Value, *, step: float | None = None, steps: int | None = None, scale: Scale = "linear"
) -> tuple[Value, ...]:
    """The values of a range: every `step`, or `steps` of them, evenly spaced or (log) evenly in ratio; both ends are in it.

    With `step` the last value is the last that does not pass `last`. Values between the ends are rounded: whole numbers, bytes
    to 64, rates to 4 figures; what rounds to the same stands once. Raises `ValueError` for an empty or absurd range.
    """
    low, high = float(first), float(last)
    if not KINDS[name].is_numeric:
        raise ValueError(f"{name} has no range; list its values")
    if low > high:
        raise ValueError(f"the range of {name} is empty: from {show_value(name, first)} to {show_value(name, last)}")
    if (step is None) == (steps is None):
        raise ValueError(f"the range of {name} takes either 'step' or 'steps'")
    if step is not None:
        if scale == "log":
            raise ValueError(f"the log range of {name} takes 'steps', not 'step'")
        return _every(name, low, high, step)
    assert steps is not None
    return _evenly(name, low, high, steps, scale)


def _every(name: str, low: float, high: float, step: float) -> tuple[Value, ...]:
    if step <= 0:
        raise ValueError(f"the step of {name} must be more than zero")
    count = math.floor((high - low) / step * (1 + 1e-12)) + 1
    _check_count(name, count)
    return tuple(within(name, low + step * index) for index in range(count))


def _evenly(name: str, low: float, high: float, steps: int, scale: Scale) -> tuple[Value, ...]:
    _check_count(name, steps)
    if steps < 2 and low != high:
        raise ValueError(f"the range of {name} needs at least 2 steps to hold both its ends")
    if scale == "log" and low <= 0:
        raise ValueError(f"the log range of {name} must start above zero")
    inner = np.geomspace(low, high, steps) if scale == "log" else np.linspace(low, high, steps)
    rounded = [low, *(_rounded(name, float(value)) for value in inner[1:-1]), high]
    return tuple(dict.fromkeys(within(name, min(max(value, low), high)) for value in rounded))


def _check_count(name: str, count: int) -> None:
    if not 1 <= count <= MOST_VALUES:
        raise ValueError(f"{name} would have {count:,} values; at least 1 and at most {MOST_VALUES:,}")


def _rounded(name: str, value: float) -> float:
    kind = KINDS[name]
    if kind.dimension == "bytes" and value >= BYTE_GRAIN:
        return float(BYTE_GRAIN * round(value / BYTE_GRAIN))
    return float(round(value)) if kind.whole else float(f"{value:.{RATE_FIGURES}g}")


def completed(given: Mapping[str, tuple[Value, ...]]) -> tuple[Parameter, ...]:
    """Every axis of a space from those that are stated: the rest take their defaults.

    Raises `InputError` for parameters that are missing or do not go together.
    """
    abstract = "compute_units" in given
    problems = [
        Problem(f"{name} does not go with compute_units", remedy=f"a three-knob space has: {', '.join(ABSTRACT)}")
        for name in given
        if abstract and name not in ABSTRACT
    ]
    values = dict(given)
    if abstract:
        values.setdefault("frequency", (ABSTRACT_FREQUENCY_HZ,))
    elif "memory" not in values and "bandwidth" in values:
        values["memory"] = (ABSTRACT_MEMORY,)
    for name in ABSTRACT if abstract else CHIP:
        default = KINDS[name].default
        if name not in values and default is not None:
            values[name] = (default,)
        if name not in values and (abstract or name != "bandwidth"):
            problems.append(Problem(f"the space lacks the parameter {name!r}", remedy=_example(name)))
    if problems:
        raise InputError(problems)
    return tuple(Parameter(name, values[name]) for name in KINDS if name in values)


def _example(name: str) -> str:
    examples = {"frequency": "700 MHz", "sram": "8 MiB", "memory": "lpddr5", "bandwidth": "34 GB/s"}
    return f"for instance: {name}: {examples.get(name, '64')}"


def show_value(name: str, value: Value) -> str:
    """A value as a reader writes it: ``8 MiB``, ``700 MHz``, ``true``."""
    kind = KINDS[name]
    if kind.flag:
        return str(value).lower()
    if kind.dimension == "node":
        return f"{value:g} nm"
    return format_quantity(float(value), kind.dimension, 6) if kind.dimension else str(value)
