"""From a `Document` to a checked model: pydantic finds what is wrong, and every finding is said in plain words with its place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, Tag, ValidationError
from pydantic import Strict as StrictMark
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails, core_schema

from dse.errors import InputError, Problem
from dse.inputs.document import Data, DataPath, Document, read_document, read_text
from dse.inputs.wording import near_miss, shorten
from dse.units import EXAMPLES, UNITS, UnitError, parse_quantity

__all__ = [
    "Area", "Bandwidth", "Bytes", "Data", "DataPath", "Document", "Energy", "Frequency", "Power", "Price", "Quantity", "Strict",
    "Time", "near_miss", "problems_in", "read_document", "read_text", "shorten", "validate",
]  # fmt: skip


class Strict(BaseModel):
    """A mapping of a text: no unknown key, no conversion (``"3"`` is no 3, ``true`` is no 1), finite numbers, immutable.

    A list is read into a field ``Listed[X]``, which holds a tuple. Prefer one custom type to a union of plain types, whose
    errors would speak of every member.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, validate_default=False)


Item = TypeVar("Item")
Listed = Annotated[tuple[Item, ...], StrictMark(strict=False)]
"""A list of the text as a tuple; what stands in it is read strictly."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """Annotation of a float field that is written as a number with a unit: ``Annotated[float, Quantity("bandwidth")]``.

    The field holds SI. `positive` refuses zero and everything below it.
    """

    dimension: str
    positive: bool = True

    def _read(self, text: object) -> float:
        try:
            value = parse_quantity(text, self.dimension)
        except UnitError as error:
            raise ValueError(str(error)) from None
        if value < 0 or (self.positive and value == 0):
            raise ValueError(f"{text!r} must be {'more than zero' if self.positive else 'zero or more'}")
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        return core_schema.no_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        units = "|".join(sorted(UNITS[self.dimension], key=lambda unit: (-len(unit), unit)))
        return {
            "type": "string",
            "pattern": rf"^\s*\+?([0-9][0-9_]*\.?[0-9_]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*({units})\s*$",
            "examples": [EXAMPLES[self.dimension]],
        }


Bytes = Annotated[float, Quantity("bytes")]
Bandwidth = Annotated[float, Quantity("bandwidth")]
Frequency = Annotated[float, Quantity("frequency")]
Time = Annotated[float, Quantity("time")]
Energy = Annotated[float, Quantity("energy")]
Power = Annotated[float, Quantity("power")]
Area = Annotated[float, Quantity("area")]
Price = Annotated[float, Quantity("price")]

Model = TypeVar("Model", bound=BaseModel)


def validate(document: Document, model: type[Model], *, unknown_kind: type[InputError] = InputError) -> Model:
    """The document as `model`.

    Raises `InputError` with everything that is wrong, in the order of the text; `unknown_kind` instead, a subclass, when among
    it is an entry of a discriminated union whose kind is not known.
    """
    checked, problems, error = problems_in(document, model, unknown_kind=unknown_kind)
    if checked is None:
        raise error(problems)
    return checked


def problems_in(
    document: Document,
    model: type[Model],
    *,
    unknown_kind: type[InputError] = InputError,
    context: dict[str, object] | None = None,
) -> tuple[Model | None, list[Problem], type[InputError]]:
    """The model, or None; what is wrong, in the order of the text; and the error that says it best.

    `context` is handed to the validators of the model.
    """
    try:
        # JSON and not Python values: there a list may become a tuple, and nothing else is converted.
        return model.model_validate_json(json.dumps(document.data), context=context), [], InputError
    except ValidationError as failure:
        details = [detail for detail in failure.errors(include_url=False) if not _follows(detail)]
    kind = unknown_kind if any(detail["type"] == "union_tag_invalid" for detail in details) else InputError
    problems: dict[DataPath, Problem] = {}
    for detail in details:
        path, holder = _locate(model, detail["loc"], document)
        problems.setdefault(path, _explain(document, detail, path, holder))
    return None, sorted(problems.values(), key=_position), kind


def _follows(detail: ErrorDetails) -> bool:
    """Whether a list is called too short only because its entries, found wrong themselves, were not counted."""
    return detail["type"] == "too_short" and len(detail["input"]) >= detail.get("ctx", {})["min_length"]


def _position(problem: Problem) -> tuple[int, int]:
    return (problem.place.line or 0, problem.place.column or 0) if problem.place else (0, 0)


def _locate(model: Any, location: Iterable[str | int], document: Document) -> tuple[DataPath, Any]:  # noqa: ANN401
    """The path in the document that pydantic's location means, and the model (or type) that holds its last part.

    Pydantic's locations also name the member of a union that it tried; those parts are not in the text.
    """
    path: DataPath = ()
    holder, here = model, model
    for part in location:
        here = _bare(here)
        if get_origin(here) in (Union, _UNION_TYPE):
            chosen = _member(here, part)
            if chosen is not None:
                holder = here = chosen
                continue
            here = next((member for member in get_args(here) if _accepts(member, part)), None)
            if here is None:
                continue
            here = _bare(here)
        if not _accepts(here, part) and document.value((*path, part)) is None and isinstance(part, str) and not _is_model(here):
            continue
        path, holder, here = (*path, part), here, _inside(here, part)
    return path, holder


_UNION_TYPE = type(int | str)


def _bare(annotation: Any) -> Any:  # noqa: ANN401
    """An annotation without its metadata, and without None where it may be None."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, _UNION_TYPE):
        real = [member for member in get_args(annotation) if member is not type(None)]
        if len(real) == 1:
            return _bare(real[0])
    return annotation


def _is_model(annotation: Any) -> bool:  # noqa: ANN401
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _member(union: Any, tag: str | int) -> Any:  # noqa: ANN401
    """The model that a discriminated union calls `tag`, by its Tag or by the Literal of one of its fields; None if none."""
    for member in get_args(union):
        if any(isinstance(mark, Tag) and mark.tag == tag for mark in getattr(member, "__metadata__", ())):
            return _bare(member)
    for member in map(_bare, get_args(union)):
        if _is_model(member) and any(
            tag in get_args(f.annotation) for f in member.model_fields.values() if _is_literal(f.annotation)
        ):
            return member
    return None


def _is_literal(annotation: Any) -> bool:  # noqa: ANN401
    return get_origin(annotation) is Literal


def _accepts(annotation: Any, part: str | int) -> bool:  # noqa: ANN401
    annotation = _bare(annotation)
    if _is_model(annotation):
        return isinstance(part, str)
    return get_origin(annotation) in ((list, tuple) if isinstance(part, int) else (dict,))


def _inside(annotation: Any, part: str | int) -> Any:  # noqa: ANN401
    """The type of what `part` leads to."""
    if _is_model(annotation):
        field = _fields(annotation).get(str(part))
        return None if field is None else field.annotation
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        return arguments[1]
    return arguments[0] if arguments else None


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    """Key in the text -> field."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _explain(document: Document, detail: ErrorDetails, path: DataPath, holder: Any) -> Problem:  # noqa: ANN401
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    match kind:
        case "extra_forbidden":
            known = sorted(_fields(holder), key=lambda name: not _fields(holder)[name].is_required()) if _is_model(holder) else []
            near = near_miss(path[-1], known)
            remedy = f"{near}known keys: {', '.join(known)}" if known else None
            return Problem(f"unknown key {path[-1]!r}", document.key_place(path), remedy)
        case "missing":
            field = _fields(holder).get(str(path[-1])) if _is_model(holder) else None
            remedy = f"{path[-1]}: {field.description}" if field is not None and field.description else None
            return Problem(f"{_owner(document, path[:-1])} lacks the key {path[-1]!r}", document.place(path[:-1]), remedy)
        case "union_tag_invalid" | "union_tag_not_found":
            return _explain_tag(document, detail, path, holder)
        case "value_error":
            return Problem(f"{_name(path)}: {context['error']}", document.place(path))
        case _:
            remedy = _remedy(detail, path, holder)
            if kind == "string_pattern_mismatch" and remedy is not None:
                return Problem(f"{_name(path)} cannot be {shorten(value)}", document.place(path), remedy)
            message = f"{_name(path)} must be {_expected(kind, context)}, got {shorten(value)}"
            return Problem(message, document.place(path), remedy)


def _remedy(detail: ErrorDetails, path: DataPath, holder: Any) -> str | None:  # noqa: ANN401
    if detail["type"] == "literal_error":
        return near_miss(detail["input"], re.findall(r"'([^']*)'", detail.get("ctx", {})["expected"])).strip() or None
    if detail["type"] == "string_pattern_mismatch" and _is_model(holder):
        field = _fields(holder).get(str(path[-1]))
        return f"{path[-1]}: {field.description}" if field is not None and field.description else None
    return None


def _explain_tag(document: Document, detail: ErrorDetails, path: DataPath, holder: Any) -> Problem:  # noqa: ANN401
    context = detail.get("ctx", {})
    union = _bare(_inside(holder, path[-1])) if path else _bare(holder)
    key = str(context.get("discriminator", "kind")).strip("'")
    if not key.isidentifier() or "(" in key:
        key = "kind"
    known = sorted(str(tag) for tag in _tags(union) if not str(tag).startswith("_"))
    if not isinstance(detail["input"], dict):
        return Problem(f"{_name(path)} must be a mapping with a {key!r}, got {shorten(detail['input'])}", document.place(path))
    if detail["type"] == "union_tag_not_found":
        message = f"{_owner(document, path)} lacks the key {key!r}"
        return Problem(message, document.place(path), f"{key} is one of: {', '.join(known)}")
    tag = context.get("tag", "")
    place = document.place((*path, key))
    owner = _owner(document, path)
    return Problem(f"{owner}: unknown {key} {tag!r}", place, f"{near_miss(tag, known)}known: {', '.join(known)}")


def _tags(union: Any) -> list[str]:  # noqa: ANN401
    tags: list[str] = []
    for member in get_args(union):
        marks = [mark.tag for mark in getattr(member, "__metadata__", ()) if isinstance(mark, Tag)]
        bare = _bare(member)
        if not marks and _is_model(bare):
            marks = [
                str(value)
                for field in bare.model_fields.values()
                if _is_literal(field.annotation)
                for value in get_args(field.annotation)
            ]
        tags.extend(marks)
    return tags


def _name(path: DataPath) -> str:
    """What a reader calls a value: its key, or which entry of which list."""
    if not path:
        return "the document"
    if isinstance(path[-1], str):
        return repr(path[-1])
    lists = next((part for part in reversed(path) if isinstance(part, str)), None)
    return f"entry {path[-1] + 1} of {lists!r}" if lists else f"entry {path[-1] + 1}"


def _owner(document: Document, path: DataPath) -> str:
    """The name that a mapping gives itself, or what its place is called."""
    value = document.value(path)
    name = value.get("name") if isinstance(value, dict) else None
    return repr(name) if isinstance(name, str) and path else _name(path)


_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "string_type": "a text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "none_required": "left out",
    "string_too_short": "a text that is not empty",
}


def _expected(kind: str, context: dict[str, Any]) -> str:
    match kind:
        case "greater_than":
            return f"more than {context['gt']:g}"
        case "greater_than_equal":
            return f"at least {context['ge']:,}"
        case "less_than":
            return f"less than {context['lt']:g}"
        case "less_than_equal":
            return f"at most {context['le']:,}"
        case "literal_error" | "enum":
            return str(context["expected"])
        case "string_pattern_mismatch":
            return f"a text that matches {context['pattern']}"
        case "too_short":
            return f"a list of {context['min_length']} or more"
        case "too_long":
            return f"a list of {context['max_length']} or fewer"
        case "string_too_long":
            return f"a text of at most {context['max_length']} characters"
        case _:
            return _EXPECTED.get(kind, f"of another kind ({kind})")
