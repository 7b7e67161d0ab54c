"""The text of a condition to an `Expression`, with a caret under whatever cannot be read.

Python's own parser (`ast`) reads it; what is allowed is names of parameters, numbers with their units, quoted names,
comparisons, ``and or not in`` and ``+ - * /``. Every quantity has a dimension, so that nothing compares nm with MiB.
"""

from __future__ import annotations

import ast
import keyword
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from dse.hardware.expression import Among, Arithmetic, Comparison, Constant, Every, Expression, Named, Not, Some
from dse.hardware.parameters import KINDS, suggestion
from dse.units import EXAMPLES, UNITS, UnitError, noun, parse_quantity

MOST_CHARACTERS = 1000
MOST_DEEP = 60
"""Levels of a condition."""

_BASES: Mapping[str, dict[str, int]] = {
    "": {},
    "bytes": {"B": 1},
    "bandwidth": {"B": 1, "s": -1},
    "frequency": {"s": -1},
    "throughput": {"s": -1},
    "time": {"s": 1},
    "energy": {"J": 1},
    "power": {"J": 1, "s": -1},
    "area": {"mm2": 1},
    "price": {"USD": 1},
    "rate": {"op": 1, "s": -1},
    "node": {"nm": 1},
}
"""Dimension of `dse.units` -> powers of base units."""

_TOKEN = re.compile(
    r"""(?P<text>'[^']*'|"[^"]*")|(?<![\w.])(?P<number>(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(?P<unit>[^\W\d_]\w*(?:/\w+)?)"""
)
_FOREIGN = {"&&": "and", "||": "or", "&": "and", "|": "or"}
_COMPARED: Mapping[type[ast.cmpop], str] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
_COMPUTED: Mapping[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


class ConditionError(ValueError):
    """What is wrong with a condition: the `message`, where it is (characters from 0), and what to do."""

    def __init__(self, message: str, at: int, text: str, remedy: str | None = None) -> None:
        self.message, self.at, self.text, self.remedy = message, at, text, remedy
        super().__init__(f"{message}\n    {self.hint}")

    @property
    def hint(self) -> str:
        """The condition with a caret under the place, and the remedy under that."""
        begin = max(0, self.at - 50)
        shown = self.text.replace("\n", " ")[begin : begin + 100]
        return f"{shown}\n    {' ' * (self.at - begin)}^" + (f" {self.remedy}" if self.remedy else "")


@dataclass(frozen=True, slots=True)
class _Typed:
    """An expression with its dimension (powers of base units), or a condition (None); `shown` says what it is."""

    expression: Expression
    dimension: tuple[tuple[str, int], ...] | None
    shown: str


def read_condition(text: str, known: Iterable[str], memories: Iterable[str] = ()) -> Expression:
    """The condition of a text over the parameters `known`; `memories` are the names that a memory may have.

    Raises `ConditionError`.

    >>> sorted(read_condition("sram < 1 MiB and cores > 4", ["sram", "cores"]).names)
    ['cores', 'sram']
    """
    return _Reader(text, tuple(known), tuple(memories)).read()


class _Reader:
    def __init__(self, text: str, known: tuple[str, ...], memories: tuple[str, ...]) -> None:
        self._text, self._known, self._memories = text, known, memories
        self._quantities: dict[int, tuple[float, str, str]] = {}

    def read(self) -> Expression:
        if not self._text.strip():
            self._fail("an empty condition", 0, "for instance: memory == 'hbm2e' and node > 16 nm")
        if len(self._text) > MOST_CHARACTERS:
            self._fail(f"a condition of {len(self._text):,} characters; at most {MOST_CHARACTERS:,}", 0)
        plain = _TOKEN.sub(self._replaced, self._text).replace("\n", " ").replace("\t", " ")
        begin = len(plain) - len(plain.lstrip())
        self._refuse_foreign(plain)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(plain.strip(), mode="eval")
        except SyntaxError as error:
            at = begin + self._character(plain.strip(), max((error.offset or 1) - 1, 0), encoded=False)
            self._fail("this cannot be read here", min(at, len(self._text) - 1), self._advice(error.msg))
        except (RecursionError, MemoryError, ValueError):
            self._fail("this is nested too deep, or no text", begin)
        self._plain, self._begin = plain.strip(), begin
        found = self._walk(tree.body, 0)
        expression = self._condition(found, tree.body)
        if not expression.names:
            self._fail("this names no parameter", begin, "for instance: cores > 4")
        return expression

    def _advice(self, said: str) -> str | None:
        if "never closed" in said or "unmatched" in said or "does not match" in said:
            return "a bracket lacks its partner"
        return "a string lacks its quotation mark" if "string" in said else None

    def _refuse_foreign(self, plain: str) -> None:
        for match in re.finditer(r"'[^']*'|\"[^\"]*\"|&&|\|\||[&|]|(?<![=!<>])=(?!=)|!(?!=)", plain):
            sign = match[0]
            if sign in _FOREIGN:
                self._fail(f"{sign} is not known", match.start(), f"write: {_FOREIGN[sign]}")
            if sign == "!":
                self._fail("! is not known", match.start(), "write: not")
            if sign == "=":
                self._fail("= does not compare", match.start(), "write: ==")

    def _replaced(self, match: re.Match[str]) -> str:
        """A number with its unit becomes a name of the same length that only `_walk` understands."""
        unit = match["unit"]
        if unit is None or keyword.iskeyword(unit):
            return match[0]
        dimension = next((name for name, units in UNITS.items() if unit in units and name in _BASES), None)
        if dimension is None and "/" in unit and (before := unit.partition("/")[0]):
            dimension = next((name for name, units in UNITS.items() if before in units and name in _BASES), None)
            unit = before if dimension is not None else unit
        at = match.start("number")
        if dimension is None:
            self._fail(f"unknown unit {unit!r}", match.start("unit"), self._unit_suggestion(unit))
        end = match.start("unit") + len(unit)
        try:
            value = parse_quantity(self._text[at:end], dimension)
        except UnitError as error:
            self._fail(str(error), at)
        self._quantities[at] = (value, dimension, " ".join(self._text[at:end].split()))
        return "_" * (end - at) + self._text[end : match.end()]

    def _unit_suggestion(self, unit: str) -> str:
        units = [name for dimension in _BASES if dimension for name in UNITS[dimension]]
        alike = [name for name in units if name.lower() == unit.lower()]
        return f"did you mean {alike[0]!r}?" if alike else suggestion(unit, units)

    def _fail(self, message: str, at: int, remedy: str | None = None) -> NoReturn:
        raise ConditionError(message, at, self._text, remedy)

    def _character(self, plain: str, offset: int, *, encoded: bool = True) -> int:
        """`ast` counts bytes of UTF-8."""
        return len(plain.encode()[:offset].decode(errors="ignore")) if encoded else offset

    def _at(self, node: ast.expr) -> int:
        return self._begin + self._character(self._plain, node.col_offset)

    def _walk(self, node: ast.expr, depth: int) -> _Typed:
        if depth > MOST_DEEP:
            self._fail(f"this is nested more than {MOST_DEEP} deep", self._at(node))
        match node:
            case ast.BoolOp():
                parts = tuple(self._condition(self._walk(part, depth + 1), part) for part in node.values)
                return _Typed(Every(parts) if isinstance(node.op, ast.And) else Some(parts), None, "a condition")
            case ast.UnaryOp(op=ast.Not()):
                return _Typed(Not(self._condition(self._walk(node.operand, depth + 1), node.operand)), None, "a condition")
            case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
                inner = self._number(self._walk(node.operand, depth + 1), node.operand)
                minus = isinstance(node.op, ast.USub)
                return _Typed(Arithmetic("*", Constant(-1.0), inner.expression), inner.dimension, inner.shown) if minus else inner
            case ast.BinOp():
                return self._computed(node, depth)
            case ast.Compare():
                return self._compared(node, depth)
            case ast.Name():
                return self._named(node)
            case ast.Constant(value=bool() as value):
                return _Typed(Constant(value), None, str(value).lower())
            case ast.Constant(value=int() | float() as value):
                return _Typed(Constant(float(value)), (), f"{value:g}")
            case ast.Constant(value=str() as value):
                self._fail(f"the name {value!r} stands alone", self._at(node), "compare it: memory == 'hbm2e'")
            case ast.IfExp() | ast.Lambda() | ast.Call() | ast.Subscript() | ast.Attribute():
                self._fail("no calls, dots, brackets or ifs are known here", self._at(node))
            case _:
                pass
        known = "known: and or not in, < <= > >= == !=, + - * /"
        raise ConditionError("this has no meaning here", self._at(node), self._text, known)

    def _named(self, node: ast.Name) -> _Typed:
        at = self._at(node)
        if at in self._quantities:
            value, dimension, shown = self._quantities[at]
            return _Typed(Constant(value), _powers(dimension), f"{shown} is {noun(dimension)}")
        if node.id in ("true", "false"):
            return _Typed(Constant(node.id == "true"), None, node.id)
        if node.id not in self._known:
            names = [name for kind in KINDS.values() for name in kind.choices]
            quote = f"quote it: '{node.id}'" if node.id in (*self._memories, *names) else suggestion(node.id, self._known)
            self._fail(f"there is no parameter {node.id!r}", at, quote)
        kind = KINDS[node.id]
        if kind.flag:
            return _Typed(Named(node.id), None, "true or false")
        if kind.choices:
            self._fail(
                f"{node.id} is a name, not a number", at, f"compare it: {node.id} == '...', or {node.id} in ['...', '...']"
            )
        said = f"{node.id} is {noun(kind.dimension)}" if kind.dimension else f"{node.id} is a bare number"
        return _Typed(Named(node.id), _powers(kind.dimension), said)

    def _condition(self, found: _Typed, node: ast.expr) -> Expression:
        if found.dimension is not None:
            self._fail("a number stands where a condition is needed", self._at(node), "compare it: cores > 4")
        return found.expression

    def _number(self, found: _Typed, node: ast.expr) -> _Typed:
        if found.dimension is None:
            self._fail(f"{found.shown} stands where a number is needed", self._at(node))
        return found

    def _computed(self, node: ast.BinOp, depth: int) -> _Typed:
        sign = _COMPUTED.get(type(node.op))
        if sign is None:
            self._fail("only + - * / compute", self._at(node))
        left = self._number(self._walk(node.left, depth + 1), node.left)
        right = self._number(self._walk(node.right, depth + 1), node.right)
        assert left.dimension is not None
        assert right.dimension is not None
        expression = Arithmetic(sign, left.expression, right.expression)
        if sign in "+-":
            self._same(left, right, node.right, "added" if sign == "+" else "subtracted")
            return _Typed(expression, left.dimension, left.shown)
        powers = dict(left.dimension)
        for base, power in right.dimension:
            powers[base] = powers.get(base, 0) + (power if sign == "*" else -power)
        dimension = tuple(sorted((base, power) for base, power in powers.items() if power))
        return _Typed(expression, dimension, f"the {'product' if sign == '*' else 'quotient'} is {_dimension_text(dimension)}")

    def _same(self, left: _Typed, right: _Typed, node: ast.expr, done: str) -> None:
        if left.dimension == right.dimension:
            return
        remedy = None
        for one, other in ((left, right), (right, left)):
            if one.dimension == () and isinstance(one.expression, Constant):
                example = next((EXAMPLES[name] for name in _BASES if name and _powers(name) == other.dimension), None)
                remedy = f"{one.shown} has no unit" + (f"; write it like {example}" if example else "")
        self._fail(f"these cannot be {done}: {_said(left)}, and {_said(right)}", self._at(node), remedy)

    def _compared(self, node: ast.Compare, depth: int) -> _Typed:
        sides = [node.left, *node.comparators]
        parts: list[Expression] = []
        for op, one, other in zip(node.ops, sides, sides[1:], strict=False):
            parts.append(self._comparison(op, one, other, depth))
        return _Typed(parts[0] if len(parts) == 1 else Every(tuple(parts)), None, "a condition")

    def _comparison(self, op: ast.cmpop, one: ast.expr, other: ast.expr, depth: int) -> Expression:
        if isinstance(op, (ast.In, ast.NotIn)):
            found = self._among(one, other, depth)
            return found if isinstance(op, ast.In) else Not(found)
        sign = _COMPARED.get(type(op))
        if sign is None:
            self._fail("'is' does not compare", self._at(other), "write: ==")
        for name, value in ((one, other), (other, one)):
            if isinstance(name, ast.Name) and self._is_choice(name):
                if sign not in ("==", "!="):
                    self._fail(f"{name.id} is a name: no name is more than another", self._at(name), "write == != or in")
                found = Among(name.id, (self._choice(name.id, value),))
                return found if sign == "==" else Not(found)
        left, right = self._walk(one, depth + 1), self._walk(other, depth + 1)
        if left.dimension is None and right.dimension is None and sign in ("==", "!="):
            both = Every((left.expression, right.expression)), Every((Not(left.expression), Not(right.expression)))
            return Some(both) if sign == "==" else Not(Some(both))
        left, right = self._number(left, one), self._number(right, other)
        self._same(left, right, other, "compared")
        return Comparison(sign, left.expression, right.expression)

    def _among(self, one: ast.expr, other: ast.expr, depth: int) -> Expression:
        if not isinstance(other, (ast.List, ast.Tuple, ast.Set)) or not other.elts:
            self._fail("'in' needs a list", self._at(other), "for instance: memory in ['hbm2e', 'hbm3']")
        if isinstance(one, ast.Name) and self._is_choice(one):
            return Among(one.id, tuple(self._choice(one.id, each) for each in other.elts))
        return Some(tuple(self._comparison(ast.Eq(), one, each, depth + 1) for each in other.elts))

    def _is_choice(self, node: ast.Name) -> bool:
        return node.id in self._known and bool(KINDS[node.id].choices)

    def _choice(self, name: str, node: ast.expr) -> str:
        known = self._memories if name == "memory" else KINDS[name].choices
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            word = node.id if isinstance(node, ast.Name) else "..."
            self._fail(f"{name} is compared with a quoted name", self._at(node), f"write: {name} == '{word}'")
        if node.value not in known:
            self._fail(f"unknown {name} {node.value!r}", self._at(node), suggestion(node.value, known))
        return node.value


def _powers(dimension: str) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(_BASES[dimension].items()))


def _said(side: _Typed) -> str:
    return side.shown if " is " in side.shown else f"{side.shown} is a bare number"


def _dimension_text(dimension: tuple[tuple[str, int], ...]) -> str:
    """A dimension in words: that of a known quantity, else its powers."""
    for name in _BASES:
        if _powers(name) == dimension:
            return noun(name) if name else "a bare number"
    return " ".join(base if power == 1 else f"{base}^{power}" for base, power in dimension)
