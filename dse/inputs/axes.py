"""The ``parameters:`` of a space file: each a value, a list, a range or what another parameter allows, with places of all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from dse.errors import InputError, Problem
from dse.hardware.parameters import (
    CHIP,
    KINDS,
    Kind,
    Parameter,
    Scale,
    Value,
    completed,
    range_values,
    read_value,
    show_value,
    suggestion,
)
from dse.hardware.rules import Rule, only_with
from dse.inputs.technology import shipped_technology
from dse.inputs.yaml import DataPath, Document, Strict, near_miss, shorten
from dse.units import EXAMPLES, UnitError, parse_quantity

RANGE_KEYS = ("from", "to", "step", "steps", "scale")


@dataclass(frozen=True, slots=True)
class AxisText:
    """Annotation of a parameter, which is read by `_axis`: that knows the place of every entry."""

    name: str
    description: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        return core_schema.any_schema()

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        kind = KINDS[self.name]
        forms = _plain_forms(self.name, kind)
        by = [name for name in CHIP if name not in (self.name, "bandwidth")]
        told = "values that each value of another parameter allows (of the memory, unless 'by' names another)"
        properties = {"by": {"enum": by, "default": "memory"}}
        forms.append(
            {"type": "object", "description": told, "properties": properties, "additionalProperties": {"anyOf": forms[:]}}
        )
        return {"description": self.description, "anyOf": forms}


def _plain_forms(name: str, kind: Kind) -> list[JsonSchemaValue]:
    one = _value_schema(name, kind)
    forms: list[JsonSchemaValue] = [one, {"type": "array", "items": one, "minItems": 1}]
    if kind.is_numeric:
        step = {"type": "string"} if kind.dimension else {"type": "number", "exclusiveMinimum": 0}
        forms.append(
            {
                "type": "object",
                "properties": {
                    "from": one,
                    "to": one,
                    "step": step,
                    "steps": {"type": "integer", "minimum": 1},
                    "scale": {"enum": list(get_args(Scale))},
                },
                "required": ["from", "to"],
                "additionalProperties": False,
            }
        )
    return forms


def _value_schema(name: str, kind: Kind) -> JsonSchemaValue:
    if kind.flag:
        return {"type": "boolean"}
    if name == "memory":
        return {"type": "string", "examples": list(shipped_technology().memories)}
    if kind.choices:
        return {"enum": list(kind.choices)}
    if kind.dimension:
        return {"type": "string", "examples": [EXAMPLES[kind.dimension]]}
    return {"type": "integer", "minimum": int(kind.least)}


class ParametersText(Strict):
    """Each parameter a value, a list, a range {from, to, step} or {from, to, steps, scale: log}, or what a memory allows.

    channels: {lpddr5: [1, 2, 4], hbm3: [1, 2, 4, 6]} lists the values that each memory allows, and
    frequency: {by: node, 28 nm: {from: 200 MHz, to: 800 MHz, step: 100 MHz}, 7 nm: 1.2 GHz} those of another parameter.
    """

    array_rows: Annotated[Any, AxisText("array_rows", "MAC units along the reduction of a core's array")] = None
    array_cols: Annotated[Any, AxisText("array_cols", "MAC units along the outputs of a core's array")] = None
    compute_units: Annotated[Any, AxisText("compute_units", "MAC units of the three-knob form")] = None
    cores: Annotated[Any, AxisText("cores", "arrays side by side")] = None
    frequency: Annotated[Any, AxisText("frequency", "clock")] = None
    dataflow: Annotated[Any, AxisText("dataflow", "what stays in the array")] = None
    precision: Annotated[Any, AxisText("precision", "the array's own number format")] = None
    sram: Annotated[Any, AxisText("sram", "on-chip buffer, all of it")] = None
    double_buffer: Annotated[Any, AxisText("double_buffer", "loads overlap compute, in half of the buffer")] = None
    memory: Annotated[Any, AxisText("memory", "off-chip memory: one that dse carries, or one of technology: memories:")] = None
    channels: Annotated[Any, AxisText("channels", "channels, devices or stacks of the memory")] = None
    bandwidth: Annotated[Any, AxisText("bandwidth", "off-chip bandwidth, in place of what memory and channels give")] = None
    vector_lanes: Annotated[Any, AxisText("vector_lanes", "lanes of the vector unit")] = None
    node: Annotated[Any, AxisText("node", "process node")] = None


def read_parameters(
    document: Document, memories: Iterable[str], problems: list[Problem]
) -> tuple[tuple[Parameter, ...], tuple[Rule, ...]]:
    """Every axis of the space, defaults filled in, and the rules of those that depend on another.

    What is wrong goes to `problems` with its place, and the rest is read on.
    """
    written = document.value(("parameters",))
    if not isinstance(written, dict):
        return (), ()
    before, known = len(problems), tuple(sorted(memories))
    axes = {name: _axis(document, name, known, problems) for name in written if name in KINDS}
    if len(problems) > before or len(axes) < len(written):
        return (), ()
    try:
        parameters = completed({name: axis.values for name, axis in axes.items()})
    except InputError as failure:
        place = document.key_place(("parameters",))
        problems += [Problem(problem.message, place, problem.remedy) for problem in failure.problems]
        return (), ()
    values = {parameter.name: parameter.values for parameter in parameters}
    rules: list[Rule] = []
    for name, axis in axes.items():
        found = _rules(document, name, axis, values, problems)
        values[name] = tuple(value for value in values[name] if not axis.allowed or value in _reachable(axis, values))
        rules += found
    if len(problems) > before:
        return (), ()
    return tuple(Parameter(parameter.name, values[parameter.name]) for parameter in parameters), tuple(rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    """Values of a parameter; where it depends on the parameter `by`, also those that each value of that one allows."""

    values: tuple[Value, ...]
    by: str = ""
    allowed: Mapping[Value, tuple[Value, ...]] = field(default_factory=dict[Value, tuple[Value, ...]])


def _reachable(axis: _Axis, values: Mapping[str, tuple[Value, ...]]) -> set[Value]:
    return {value for key in values[axis.by] for value in axis.allowed.get(key, ())}


def _rules(
    document: Document, name: str, axis: _Axis, values: Mapping[str, tuple[Value, ...]], problems: list[Problem]
) -> list[Rule]:
    """What a parameter that depends on another forbids: for each value of that one, all but the values beside it."""
    if not axis.allowed:
        return []
    path: DataPath = ("parameters", name)
    if axis.by not in values:
        message = f"{name} depends on {axis.by}, which is no parameter of this space"
        problems.append(Problem(message, document.key_place(path), suggestion(axis.by, values)))
        return []
    missing = [show_value(axis.by, value) for value in values[axis.by] if value not in axis.allowed]
    if missing:
        message = f"{name} does not say what {axis.by} {', '.join(missing)} allows"
        problems.append(Problem(message, document.key_place(path), f"add a line to it: {missing[0]}: ..."))
        return []
    every = _reachable(axis, values)
    return [only_with(name, axis.allowed[key], axis.by, key) for key in values[axis.by] if set(axis.allowed[key]) != every]


def _axis(document: Document, name: str, memories: tuple[str, ...], problems: list[Problem]) -> _Axis:
    """The values of one parameter; what is wrong goes to `problems` with its place."""
    path: DataPath = ("parameters", name)
    written = document.value(path)
    if not isinstance(written, dict) or ("by" not in written and any(key in RANGE_KEYS for key in written)):
        return _Axis(values=_values(document, path, name, memories, problems))
    by = written.get("by", "memory")
    if by not in KINDS or by == name:
        others = [other for other in KINDS if other != name]
        message = f"{name} depends on {shorten(by)}, which is no other parameter"
        problems.append(Problem(message, document.place((*path, "by")), suggestion(str(by), others)))
        return _Axis(values=())
    if not written or list(written) == ["by"]:
        problems.append(Problem(f"{name} has no value", document.place(path), f"give it those that each {by} allows"))
    allowed: dict[Value, tuple[Value, ...]] = {}
    for key in written:
        if key == "by":
            continue
        try:
            value = read_value(by, key, memories)
        except ValueError as error:
            remedy = f"a range has the keys {', '.join(RANGE_KEYS)}; other keys are values of {by} (or of another: by: node)"
            problems.append(Problem(f"the key {key!r} of {name}: {error}", document.key_place((*path, key)), remedy))
            continue
        if value in allowed:
            problems.append(Problem(f"{by} {show_value(by, value)} stands here again", document.key_place((*path, key))))
        allowed[value] = _sorted(name, _values(document, (*path, key), name, memories, problems))
    return _Axis(values=tuple(dict.fromkeys(value for values in allowed.values() for value in values)), by=by, allowed=allowed)


def _sorted(name: str, values: tuple[Value, ...]) -> tuple[Value, ...]:
    return Parameter(name, values).values if values else ()


def _values(
    document: Document, path: DataPath, name: str, memories: tuple[str, ...], problems: list[Problem]
) -> tuple[Value, ...]:
    """The values at `path`: one, a list, or a range."""
    written = document.value(path)
    if isinstance(written, dict):
        return _range(document, path, name, written, problems)
    values: list[Value] = []
    if isinstance(written, list) and not written:
        problems.append(Problem(f"{name} is an empty list", document.place(path), "give it at least one value"))
    for index, entry in enumerate(written if isinstance(written, list) else [written]):
        at = (*path, index) if isinstance(written, list) else path
        value = _one(document, at, name, entry, memories, problems)
        values += [] if value is None else [value]
    return tuple(values)


def _one(
    document: Document, path: DataPath, name: str, written: object, memories: tuple[str, ...], problems: list[Problem]
) -> Value | None:
    """One value, or None and a problem. Numbers in a file are numbers: ``"4"`` is text there."""
    if isinstance(written, str) and not KINDS[name].dimension and not KINDS[name].choices:
        expected = "true or false" if KINDS[name].flag else "a number"
        problems.append(Problem(f"{name} must be {expected}, got the text {shorten(written)}", document.place(path)))
        return None
    try:
        return read_value(name, written, memories)
    except ValueError as error:
        problems.append(Problem(str(error), document.place(path)))
        return None


def _range(
    document: Document, path: DataPath, name: str, written: Mapping[str, Any], problems: list[Problem]
) -> tuple[Value, ...]:
    for key in written:
        if key not in RANGE_KEYS:
            near = near_miss(key, RANGE_KEYS)
            remedy = f"{near}known keys: {', '.join(RANGE_KEYS)}"
            problems.append(Problem(f"unknown key {key!r} in the range of {name}", document.key_place((*path, key)), remedy))
    missing = [key for key in ("from", "to") if key not in written]
    if missing or any(key not in RANGE_KEYS for key in written):
        problems += [Problem(f"the range of {name} lacks {key!r}", document.place(path)) for key in missing]
        return ()
    ends = [_one(document, (*path, key), name, written[key], (), problems) for key in ("from", "to")]
    step = _step(document, (*path, "step"), name, written["step"], problems) if "step" in written else None
    steps, scale = written.get("steps"), written.get("scale", "linear")
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int)):
        problems.append(Problem(f"steps must be a whole number, got {shorten(steps)}", document.place((*path, "steps"))))
        return ()
    if scale not in get_args(Scale):
        problems.append(Problem(f"scale must be linear or log, got {shorten(scale)}", document.place((*path, "scale"))))
        return ()
    first, last = ends
    if first is None or last is None or ("step" in written and step is None):
        return ()
    try:
        return range_values(name, first, last, step=step, steps=steps, scale=scale)
    except ValueError as error:
        problems.append(Problem(str(error), document.place(path)))
        return ()


def _step(document: Document, path: DataPath, name: str, written: object, problems: list[Problem]) -> float | None:
    """The step of a range: a number or a quantity of the parameter's dimension, with no bounds of its own."""
    dimension = KINDS[name].dimension
    try:
        if dimension:
            return parse_quantity(written, dimension)
        if isinstance(written, (int, float)) and not isinstance(written, bool):
            return float(written)
    except UnitError as error:
        problems.append(Problem(f"step: {error}", document.place(path)))
        return None
    problems.append(Problem(f"step must be a number, got {shorten(written)}", document.place(path)))
    return None
