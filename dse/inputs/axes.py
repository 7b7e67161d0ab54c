"""The ``parameters:`` of a space file: each a value, a list or a range, read with the place of every entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from dse.errors import InputError, Problem
from dse.hardware.parameters import KINDS, Kind, Parameter, Scale, Value, completed, range_values, read_value
from dse.inputs.technology import shipped_technology
from dse.inputs.yaml import DataPath, Document, Strict, near_miss, shorten
from dse.units import EXAMPLES, UnitError, parse_quantity

RANGE_KEYS = ("from", "to", "step", "steps", "scale")


@dataclass(frozen=True, slots=True)
class AxisText:
    """Annotation of a parameter: a value, a list, or a range. It is read by `_axis`, which knows the place of every entry."""

    name: str
    description: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        return core_schema.any_schema()

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        kind = KINDS[self.name]
        one = _value_schema(self.name, kind)
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
        return {"description": self.description, "anyOf": forms}


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
    """Each parameter a value, a list, or a range {from, to, step} or {from, to, steps, scale: log}."""

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


def read_parameters(document: Document, memories: Iterable[str], problems: list[Problem]) -> tuple[Parameter, ...]:
    """Every axis of the space, defaults filled in; what is wrong goes to `problems` with its place, and the rest is read on."""
    written = document.value(("parameters",))
    if not isinstance(written, dict):
        return ()
    before, known = len(problems), tuple(sorted(memories))
    given = {name: _axis(document, name, known, problems) for name in written if name in KINDS}
    if len(problems) > before or len(given) < len(written):
        return ()
    try:
        return completed(given)
    except InputError as failure:
        place = document.key_place(("parameters",))
        problems += [Problem(problem.message, place, problem.remedy) for problem in failure.problems]
        return ()


def _axis(document: Document, name: str, memories: tuple[str, ...], problems: list[Problem]) -> tuple[Value, ...]:
    """The values of one parameter; what is wrong goes to `problems` with its place."""
    path: DataPath = ("parameters", name)
    written = document.value(path)
    if isinstance(written, dict):
        return _range(document, name, written, problems)
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


def _range(document: Document, name: str, written: Mapping[str, Any], problems: list[Problem]) -> tuple[Value, ...]:
    path: DataPath = ("parameters", name)
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
