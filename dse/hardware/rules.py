"""`Rule`: combinations of parameters that may not be built, and which designs of a space are left.

Rules take nothing out of a space's numbering: a forbidden design has a number and can be evaluated, and never is feasible.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dse.hardware.conditions import read_condition
from dse.hardware.design import BoolColumn, Designs, IntColumn
from dse.hardware.expression import Among, Every, Expression, Named, Not, OneOf
from dse.hardware.parameters import KINDS, Value, show_value

if TYPE_CHECKING:
    from dse.hardware.space import Space

MOST_COMBINATIONS = 4_000_000
"""Combinations of the parameters that rules name that are enumerated; above it they are drawn."""

AT_ONCE = 262_144
"""Combinations that are tested together."""

DRAWN = 400_000
"""Combinations drawn where an estimate has to do."""

MOST_ROUNDS = 64
"""How often a draw that fell on forbidden combinations is repeated."""

SHOWN_VALUES = 8
"""Values that a rule's text lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is forbidden: designs for which the `expression` holds. `text` says it to a reader and names its limit."""

    text: str
    expression: Expression = field(repr=False)

    @classmethod
    def of(cls, text: str, known: Iterable[str], memories: Iterable[str]) -> Rule:
        """The rule that forbids what a condition describes. Raises `ConditionError`."""
        return cls(text=" ".join(text.split()), expression=read_condition(text, known, memories))

    @property
    def names(self) -> frozenset[str]:
        """The parameters that it names."""
        return self.expression.names


def only_with(name: str, values: Sequence[Value], by: str, value: Value) -> Rule:
    """The rule that `name` has one of `values` where the parameter `by` is `value`.

    >>> only_with("channels", (1, 2), "memory", "lpddr5").text
    'channels other than 1, 2 with memory lpddr5'
    """
    listed = ", ".join(show_value(name, each) for each in values[:SHOWN_VALUES]) + (", ..." if len(values) > SHOWN_VALUES else "")
    return Rule(
        text=f"{name} other than {listed} with {by} {show_value(by, value)}",
        expression=Every((_is_one_of(by, (value,)), Not(_is_one_of(name, values)))),
    )


def _is_one_of(name: str, values: Sequence[Value]) -> Expression:
    kind = KINDS[name]
    if kind.flag:
        truths = [Named(name) if value else Not(Named(name)) for value in values]
        return truths[0] if len(truths) == 1 else Not(Every(tuple(Not(truth) for truth in truths)))
    if kind.choices:
        return Among(name, tuple(str(value) for value in values))
    return OneOf(name, tuple(float(value) for value in values))


def broken(rules: Sequence[Rule], designs: Designs) -> BoolColumn:
    """Which rules each design breaks, shape (designs, rules)."""
    found = np.zeros((len(designs), len(rules)), dtype=np.bool_)
    for at, rule in enumerate(rules):
        found[:, at] = rule.expression.on(designs)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """How many designs of a space no rule forbids; an estimate where they were drawn and not counted."""

    designs: int
    is_exact: bool

    def __str__(self) -> str:
        return f"{self.designs:,}" if self.is_exact else f"about {self.designs:.3g}"


def count_allowed(space: Space) -> Allowed:
    """The designs that no rule forbids: the combinations of the parameters that rules name, and all values of the rest."""
    total, is_exact = math.prod(len(parameter) for parameter in space.parameters), True
    for group in _groups(space):
        size = group.size
        if size <= MOST_COMBINATIONS:
            total = total // size * int(group.allowed_numbers().size)
        else:
            share = group.is_allowed(group.drawn(DRAWN, np.random.default_rng(0))).mean()
            total, is_exact = int(total * float(share)), False
    return Allowed(designs=total, is_exact=is_exact)


def draw_allowed(space: Space, indices: IntColumn, draw: np.random.Generator) -> IntColumn:
    """Designs drawn evenly, as rows of indices, with what a rule forbids drawn again: each allowed design is as likely.

    Where (nearly) everything is forbidden, forbidden rows stay.
    """
    for group in _groups(space):
        if group.size <= MOST_COMBINATIONS:
            numbers = group.allowed_numbers()
            if numbers.size:
                indices[:, group.columns] = group.indices(draw.choice(numbers, size=len(indices)))
            continue
        for _ in range(MOST_ROUNDS):
            wrong: IntColumn = np.flatnonzero(~group.is_allowed(indices[:, group.columns]))
            if not len(wrong):
                break
            indices[np.ix_(wrong, group.columns)] = group.drawn(len(wrong), draw)
    return indices


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Parameters that rules tie together: their columns among a space's parameters, and those rules."""

    space: Space
    columns: IntColumn
    rules: tuple[Rule, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(len(self.space.parameters[int(column)]) for column in self.columns)

    @property
    def size(self) -> int:
        return math.prod(self.sizes)

    def indices(self, numbers: IntColumn) -> IntColumn:
        return np.stack(np.unravel_index(numbers, self.sizes), axis=1).astype(np.int64)

    def drawn(self, n: int, draw: np.random.Generator) -> IntColumn:
        return np.stack([draw.integers(size, size=n) for size in self.sizes], axis=1)

    def is_allowed(self, indices: IntColumn) -> BoolColumn:
        full = np.zeros((len(indices), len(self.space.parameters)), dtype=np.int64)
        full[:, self.columns] = indices
        return np.asarray(~broken(self.rules, self.space.designs(full)).any(axis=1), dtype=np.bool_)

    def allowed_numbers(self) -> IntColumn:
        """Combinations by number, the last parameter running fastest."""
        found = [
            begin + np.flatnonzero(self.is_allowed(self.indices(np.arange(begin, min(begin + AT_ONCE, self.size)))))
            for begin in range(0, self.size, AT_ONCE)
        ]
        return np.concatenate(found).astype(np.int64)


def columns_named(space: Space, names: Iterable[str]) -> set[int]:
    """Columns of a space's parameters that these names depend on: a bandwidth that is no parameter follows from the memory."""
    column: Mapping[str, int] = {parameter.name: at for at, parameter in enumerate(space.parameters)}
    found: set[int] = set()
    for name in names:
        made_of = (name,) if name in column else ("memory", "channels") if name == "bandwidth" else ()
        found |= {column[each] for each in made_of if each in column}
    return found


def _groups(space: Space) -> list[_Group]:
    """Rules that share parameters come together, with every parameter that they name."""
    joined: list[tuple[set[int], list[Rule]]] = []
    for rule in space.rules:
        columns, rules = columns_named(space, rule.names), [rule]
        apart: list[tuple[set[int], list[Rule]]] = []
        for others, theirs in joined:
            if others & columns:
                columns, rules = columns | others, [*theirs, *rules]
            else:
                apart.append((others, theirs))
        joined = [*apart, (columns, rules)]
    return [
        _Group(space=space, columns=np.array(sorted(columns), dtype=np.int64), rules=tuple(rules)) for columns, rules in joined
    ]
