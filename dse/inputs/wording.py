"""Words of messages: what the YAML parser means, what a misspelt word was, how a value is shown."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from ruamel.yaml.error import MarkedYAMLError, YAMLError

from dse.errors import Place

_PLAIN_ENGLISH = (
    ("mapping values are not allowed", "a ':' stands where none can", "quote text that holds ': ', and check the indentation"),
    ("could not find expected ':'", "a key without its ':'", "write 'key: value', and quote text that runs over lines"),
    ("expected ',' or ']'", "a list that opens with '[' is not closed, or a comma is missing", None),
    ("expected ',' or '}'", "a mapping that opens with '{' is not closed, or a comma is missing", None),
    ("expected <block end>", "this line does not line up with the lines above it", "indent entries of one list or mapping alike"),
    ("found unexpected end of stream", "the text ends inside a quoted string", "close the quotation mark"),
    ("undefined alias", "an alias (*name) without an anchor (&name) before it", None),
    ("cannot start any token", "this character cannot start a value", "quote the text"),
)


def explain_parser(error: YAMLError, text: str, file: str) -> tuple[str, Place, str | None]:
    """Message, place and remedy of what the parser could not read."""
    if not isinstance(error, MarkedYAMLError):
        return _explain_character(error, text, file)
    said, line, column = _marked(error)
    place = Place(file, line, column)
    lines = text.splitlines()
    for number in (line, line - 1):
        row = lines[number - 1] if 1 <= number <= len(lines) else ""
        indent = row[: len(row) - len(row.lstrip())]
        if "\t" in indent:
            return (
                "a tab indents this line",
                Place(file, number, indent.index("\t") + 1),
                "indent with spaces: YAML takes no tabs",
            )
    if "'\\t'" in said:
        return "a tab stands before this value", place, "use spaces: YAML takes no tabs here"
    for phrase, message, remedy in _PLAIN_ENGLISH:
        if phrase in said:
            return message, place, remedy
    return f"is not valid YAML: {said}", place, None


def _marked(error: Any) -> tuple[str, int, int]:  # noqa: ANN401 - the parser is untyped
    """What the parser says, and its line and column counted from 1."""
    mark = error.problem_mark or error.context_mark
    said = str(error.problem or error.context)
    return (said, mark.line + 1, mark.column + 1) if mark is not None else (said, 1, 1)


def _explain_character(error: Any, text: str, file: str) -> tuple[str, Place, str | None]:  # noqa: ANN401
    """A character that no YAML text may hold."""
    at = getattr(error, "position", None)
    before = text[:at] if isinstance(at, int) else ""
    place = Place(file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
    code = getattr(error, "character", None)
    if not isinstance(code, int):
        return f"is not valid YAML: {error}", place, None
    return f"holds the control character U+{code:04X}", place, "remove it, or write it as an escape in double quotes"


def shorten(value: object) -> str:
    """A value as a message shows it: at most 60 characters."""
    if value is None:
        return "nothing"
    shown = repr(value) if not isinstance(value, bool) else str(value).lower()
    return shown if len(shown) <= 60 else shown[:57] + "..."


def near_miss(word: object, known: Iterable[str]) -> str:
    """``"did you mean 'x'? "`` where a known word looks like this one, else nothing.

    >>> near_miss("conv2", ["conv2d", "linear"])
    "did you mean 'conv2d'? "
    """
    near = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}? " if near else ""
