"""The rules of a space in the exact search: what they leave of a factor, what may replace what, and which boxes they close.

A rule over one factor takes choices out of it. A rule over several is a condition over *atoms*, its largest parts that each name
one factor alone. Two choices with the same atoms are alike to the rule, so that one may replace the other; and where a part can
only make the rule break (it stands under ``and``, ``or`` or on the greater side of a comparison), a choice with less of it may
replace one with more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from dse.hardware.design import BoolColumn, Designs, FloatColumn, IntColumn
from dse.hardware.expression import Column, Comparison, Every, Expression, Not, Range, Some
from dse.hardware.rules import Rule, broken, columns_named
from dse.hardware.space import Space
from dse.search.forest import Forest

MOST_KINDS = 16
"""Kinds of choices, told apart by what rules ask of them, that get trees of their own."""


def lies_in(space: Space, parameters: Sequence[str]) -> Callable[[frozenset[str]], bool]:
    """Whether names depend on these parameters alone."""
    own = columns_named(space, parameters)
    return lambda names: columns_named(space, names) <= own


def permitted(space: Space, parameters: Sequence[str], designs: Designs) -> BoolColumn:
    """Which choices of a factor (see `Choices.designs`) no rule over that factor alone forbids."""
    inside = lies_in(space, parameters)
    own = [rule for rule in space.rules if inside(rule.names)]
    return np.asarray(~broken(own, designs).any(axis=1), dtype=np.bool_)


def rule_criteria(space: Space, parameters: Sequence[str], designs: Designs) -> list[FloatColumn]:
    """What must be no more for a choice of a factor to replace another, so that every rule over several factors still holds."""
    inside = lies_in(space, parameters)
    crossing = [rule.expression for rule in space.rules if not inside(rule.names)]
    return [row for expression in crossing for row in _criteria(expression, inside, designs, rising=True)]


def _criteria(
    expression: Expression, inside: Callable[[frozenset[str]], bool], designs: Designs, *, rising: bool
) -> Iterator[FloatColumn]:
    """Ranks that must be no more; `rising` tells whether more of the expression is what breaks the rule."""
    if not expression.names:
        return
    if inside(expression.names):
        yield _rank(expression.on(designs), rising=rising)
        return
    match expression:
        case Every() | Some():
            for part in expression.parts:
                yield from _criteria(part, inside, designs, rising=rising)
        case Not():
            yield from _criteria(expression.part, inside, designs, rising=not rising)
        case Comparison(sign="<" | "<=" | ">" | ">=", left=left, right=right):
            for side, greater in ((left, expression.sign in (">", ">=")), (right, expression.sign in ("<", "<="))):
                if side.names and inside(side.names):
                    values = side.on(designs)
                    yield _rank(values, rising=rising == greater)
                    if np.isnan(values).any():
                        yield _rank(values, rising=rising != greater)
                else:
                    yield from _equal(side, inside, designs)
        case _:
            yield from _equal(expression, inside, designs)


def _equal(expression: Expression, inside: Callable[[frozenset[str]], bool], designs: Designs) -> Iterator[FloatColumn]:
    for atom in expression.atoms(inside):
        values = atom.on(designs)
        yield _rank(values, rising=True)
        yield _rank(values, rising=False)


def _rank(values: Column, *, rising: bool) -> FloatColumn:
    kinds, rank = np.unique(values, return_inverse=True)
    return np.asarray(rank if rising else len(kinds) - 1 - rank, dtype=np.float64)


def kinds(space: Space, parameters: Sequence[str], designs: Designs) -> IntColumn:
    """Choices by what conditions over their factor alone say of them, shape (choices,); all alike where that splits too fine."""
    inside = lies_in(space, parameters)
    crossing = [rule.expression for rule in space.rules if not inside(rule.names)]
    truths = [values for each in crossing for atom in each.atoms(inside) if (values := atom.on(designs)).dtype == np.bool_]
    if not truths:
        return np.zeros(len(designs), dtype=np.int64)
    found, kind = np.unique(np.array(truths), axis=1, return_inverse=True)
    return kind.ravel().astype(np.int64) if found.shape[1] <= MOST_KINDS else np.zeros(len(designs), dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedBoxes:
    """Rules over several factors, with the range of each atom below every node of its factor's forest."""

    rules: tuple[Rule, ...]
    atoms: dict[Expression, tuple[int, FloatColumn, FloatColumn]]

    @classmethod
    def of(cls, space: Space, factors: Sequence[tuple[Sequence[str], Designs, Forest]]) -> ClosedBoxes:
        """`factors`: parameters, kept choices and forest of each, in the order of a box's columns."""
        own = [lies_in(space, parameters) for parameters, _, _ in factors]
        rules = tuple(rule for rule in space.rules if not any(inside(rule.names) for inside in own))
        atoms: dict[Expression, tuple[int, FloatColumn, FloatColumn]] = {}
        for rule in rules:
            for at, (inside, (_, designs, forest)) in enumerate(zip(own, factors, strict=True)):
                for atom in rule.expression.atoms(inside):
                    values = atom.on(designs)
                    low, high = values, values
                    if values.dtype != np.bool_:
                        low, high = np.where(np.isnan(values), -np.inf, values), np.where(np.isnan(values), np.inf, values)
                    atoms[atom] = (at, forest.least(low), forest.most(high))
        return cls(rules=rules, atoms=atoms)

    def __call__(self, boxes: IntColumn) -> BoolColumn:
        """Which boxes hold nothing but forbidden designs; none of them where that is not certain."""

        def known(expression: Expression) -> Range | None:
            found = self.atoms.get(expression)
            if found is None:
                return None
            at, low, high = found
            return low[boxes[:, at]], high[boxes[:, at]]

        surely = [rule.expression.ranges(known)[0] for rule in self.rules]
        return reduce(np.logical_or, surely, np.zeros(len(boxes), dtype=np.bool_))
