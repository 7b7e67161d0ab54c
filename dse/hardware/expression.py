"""Conditions on the parameters of a design, such as ``memory == 'hbm2e' and node > 16 nm``: what they mean for many designs.

A condition is a tree of `Expression`s. It is computed on columns of designs (`Expression.on`), or bounded where only the range
of its parts is known (`Expression.ranges`). `dse.hardware.conditions` reads the text.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from dse.hardware.design import DATAFLOWS, FORMATS, Designs

Column = npt.NDArray[Any]
"""Numbers or truths of many designs."""

Range = tuple[Column, Column]
"""The least and the most that a value may be; of a truth, whether it surely holds and whether it may hold."""

COLUMNS: Mapping[str, str] = {
    "array_rows": "array_rows",
    "array_cols": "array_cols",
    "compute_units": "macs_per_cycle",
    "cores": "cores",
    "frequency": "frequency_hz",
    "dataflow": "dataflow",
    "precision": "precision",
    "sram": "sram_bytes",
    "double_buffer": "double_buffer",
    "memory": "memory",
    "channels": "channels",
    "bandwidth": "bandwidth_bytes_per_s",
    "vector_lanes": "vector_lanes",
    "node": "node_nm",
}
"""Parameter -> attribute of `Designs`."""

OPERATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}
COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


class Expression:
    """A number or a truth that follows from the parameters of a design."""

    __slots__ = ()

    @property
    def parts(self) -> tuple[Expression, ...]:
        """What it is made of."""
        return ()

    def on(self, designs: Designs) -> Column:
        """Its value for every design, shape (designs,): float64, or bool for a condition."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._on(designs)

    def _on(self, designs: Designs) -> Column:
        """What each kind of expression says for itself."""
        raise NotImplementedError

    def ranges(self, known: Callable[[Expression], Range | None]) -> Range:
        """Between what its values lie where all that is known of its parts is a range; never narrower than the truth."""
        found = known(self)
        if found is not None:
            return found
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._ranges(known)

    def _ranges(self, known: Callable[[Expression], Range | None]) -> Range:
        """The same from the ranges of its parts; what has no parts is always known, or says so in `ranges` itself."""
        raise NotImplementedError

    @property
    def names(self) -> frozenset[str]:
        """The parameters that it names."""
        return frozenset[str]().union(*(part.names for part in self.parts))

    def atoms(self, inside: Callable[[frozenset[str]], bool]) -> Iterator[Expression]:
        """Its largest parts whose names `inside` accepts; constants are none."""
        if not self.names:
            return
        if inside(self.names):
            yield self
            return
        for part in self.parts:
            yield from part.atoms(inside)


@dataclass(frozen=True, slots=True)
class Named(Expression):
    """The value of a parameter that is a number or a flag."""

    name: str

    @property
    def names(self) -> frozenset[str]:
        """The parameter."""
        return frozenset({self.name})

    def _on(self, designs: Designs) -> Column:
        column = getattr(designs, COLUMNS[self.name])
        return column if column.dtype == np.bool_ else np.asarray(column, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Among(Expression):
    """Whether a parameter that is a name is one of these."""

    name: str
    choices: tuple[str, ...]

    @property
    def names(self) -> frozenset[str]:
        """The parameter."""
        return frozenset({self.name})

    def _on(self, designs: Designs) -> Column:
        known = {"memory": designs.memories, "dataflow": DATAFLOWS, "precision": FORMATS}[self.name]
        return np.array([name in self.choices for name in known], dtype=np.bool_)[getattr(designs, COLUMNS[self.name])]


@dataclass(frozen=True, slots=True)
class OneOf(Expression):
    """Whether a parameter that is a number is one of these values (SI)."""

    name: str
    values: tuple[float, ...]

    @property
    def names(self) -> frozenset[str]:
        """The parameter."""
        return frozenset({self.name})

    def _on(self, designs: Designs) -> Column:
        return np.isin(np.asarray(getattr(designs, COLUMNS[self.name]), dtype=np.float64), self.values)


@dataclass(frozen=True, slots=True)
class Constant(Expression):
    """A number in SI, or a truth."""

    value: float | bool

    def _on(self, designs: Designs) -> Column:
        return np.full(len(designs), self.value)

    def _ranges(self, known: Callable[[Expression], Range | None]) -> Range:  # noqa: ARG002 - that of every expression
        value = np.array([self.value])
        return value, value


@dataclass(frozen=True, slots=True)
class Arithmetic(Expression):
    """left + - * / right."""

    sign: str
    left: Expression
    right: Expression

    @property
    def parts(self) -> tuple[Expression, ...]:
        """Both sides."""
        return (self.left, self.right)

    def _on(self, designs: Designs) -> Column:
        return OPERATIONS[self.sign](self.left.on(designs), self.right.on(designs))

    def _ranges(self, known: Callable[[Expression], Range | None]) -> Range:
        one, other = self.left.ranges(known), self.right.ranges(known)
        corners = [np.asarray(OPERATIONS[self.sign](a, b), dtype=np.float64) for a in one for b in other]
        least, most = reduce(np.minimum, corners), reduce(np.maximum, corners)
        unknown = np.isnan(least) | ((other[0] <= 0) & (other[1] >= 0) if self.sign == "/" else False)
        return np.where(unknown, -np.inf, least), np.where(unknown, np.inf, most)


@dataclass(frozen=True, slots=True)
class Comparison(Expression):
    """left < <= > >= == != right."""

    sign: str
    left: Expression
    right: Expression

    @property
    def parts(self) -> tuple[Expression, ...]:
        """Both sides."""
        return (self.left, self.right)

    def _on(self, designs: Designs) -> Column:
        return COMPARISONS[self.sign](self.left.on(designs), self.right.on(designs))

    def _ranges(self, known: Callable[[Expression], Range | None]) -> Range:
        (least, most), (low, high) = self.left.ranges(known), self.right.ranges(known)
        match self.sign:
            case "<" | "<=":
                return COMPARISONS[self.sign](most, low), COMPARISONS[self.sign](least, high)
            case ">" | ">=":
                return COMPARISONS[self.sign](least, high), COMPARISONS[self.sign](most, low)
            case _:
                pass
        apart = (most < low) | (high < least)
        equal = (least == most) & (low == high) & (least == low)
        return (equal, ~apart) if self.sign == "==" else (apart, ~equal)


@dataclass(frozen=True, slots=True)
class Every(Expression):
    """All of its conditions hold."""

    parts: tuple[Expression, ...]  # pyright: ignore[reportIncompatibleMethodOverride, reportIncompatibleVariableOverride]

    def _on(self, designs: Designs) -> Column:
        return reduce(np.logical_and, (part.on(designs) for part in self.parts))

    def _ranges(self, known: Callable[[Expression], Range | None]) -> Range:
        found = [part.ranges(known) for part in self.parts]
        return reduce(np.logical_and, (least for least, _ in found)), reduce(np.logical_and, (most for _, most in found))


@dataclass(frozen=True, slots=True)
class Some(Expression):
    """One of its conditions holds at least."""

    parts: tuple[Expression, ...]  # pyright: ignore[reportIncompatibleMethodOverride, reportIncompatibleVariableOverride]

    def _on(self, designs: Designs) -> Column:
        return reduce(np.logical_or, (part.on(designs) for part in self.parts))

    def _ranges(self, known: Callable[[Expression], Range | None]) -> Range:
        found = [part.ranges(known) for part in self.parts]
        return reduce(np.logical_or, (least for least, _ in found)), reduce(np.logical_or, (most for _, most in found))


@dataclass(frozen=True, slots=True)
class Not(Expression):
    """The condition does not hold."""

    part: Expression

    @property
    def parts(self) -> tuple[Expression, ...]:
        """The condition."""
        return (self.part,)

    def _on(self, designs: Designs) -> Column:
        return np.logical_not(self.part.on(designs))

    def _ranges(self, known: Callable[[Expression], Range | None]) -> Range:
        least, most = self.part.ranges(known)
        return np.logical_not(most), np.logical_not(least)
