"""Text to plain data with positions: a YAML 1.2 file becomes a `Document` whose every key and value knows its line.

The parser's events are read straight into nodes, so there is no recursion, no construction of objects and no expansion of
aliases: a text can be wrong, but it cannot run anything, fill the memory or exhaust the stack.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from dse.errors import Collector, InputError, Place, Problem
from dse.inputs.wording import explain_parser, near_miss, shorten

Data = dict[str, Any] | list[Any] | str | int | float | bool | None
"""What a text holds: mappings with text keys, lists and scalars."""

DataPath = tuple[str | int, ...]
"""Keys and indices from the root to a value, such as ``("networks", 0, "name")``."""

MAX_BYTES = 4 * 2**20
MAX_NODES = 200_000
"""Most values, counted with every alias written out."""
MAX_DEPTH = 64
MAX_DIGITS = 300

_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Data] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}


@dataclass(slots=True)
class _Node:
    """A value and where it stands; `keys` is what a mapping's keys are called and where they stand.

    `opens` is how many characters of a text on one line stand before its first (a quotation mark); None where it has several.
    """

    line: int
    column: int
    data: Any = None
    opens: int | None = None
    shape: Literal["value", "list", "mapping"] = "value"
    children: dict[str | int, _Node] = field(default_factory=dict[str | int, "_Node"])
    keys: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    size: int = 1
    pending_key: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A text that was read: plain data, and the place of everything in it."""

    file: str
    data: Data
    _root: _Node = field(repr=False)

    def place(self, path: DataPath = ()) -> Place:
        """Where the value at `path` stands; of a path that leads nowhere, where its last existing part stands."""
        node = self._root
        for part in path:
            if part not in node.children:
                break
            node = node.children[part]
        return Place(self.file, node.line, node.column)

    def place_inside(self, path: DataPath, characters: int) -> Place:
        """Where a character of the text at `path` stands; where the text begins if it runs over several lines."""
        node = self._root
        for part in path:
            if part not in node.children:
                return self.place(path)
            node = node.children[part]
        return Place(self.file, node.line, node.column if node.opens is None else node.column + node.opens + characters)

    def key_place(self, path: DataPath) -> Place:
        """Where the key that ends `path` stands (an entry of a list: where the entry starts)."""
        node = self._root
        for part in path[:-1]:
            if part not in node.children:
                return self.place(path)
            node = node.children[part]
        if path and isinstance(path[-1], str) and path[-1] in node.keys:
            return Place(self.file, *node.keys[path[-1]])
        return self.place(path)

    def holds(self, path: DataPath) -> bool:
        """Whether something is written at `path`, be it nothing but the key."""
        above = self.value(path[:-1])
        return isinstance(above, dict) and path[-1] in above

    def value(self, path: DataPath) -> Data:
        """The value at `path`; None where there is none."""
        node = self._root
        for part in path:
            if part not in node.children:
                return None
            node = node.children[part]
        return node.data


def read_document(path: str | Path) -> Document:
    """Read a YAML file.

    Raises `InputError` with places for everything that is wrong with it as a text: it is missing, not text, too large, not
    YAML 1.2, or it has duplicate keys, tags, merge keys or several documents.
    """
    return read_text(read_file_text(path), str(path))


def read_file_text(path: str | Path, what: str = "a YAML file") -> str:
    """The text of a file, `what` being wanted. Raises `InputError` where it is missing, too large, or no UTF-8 text."""
    path = Path(path)
    return _decode(_read_bytes(path, what), str(path))


def _read_bytes(path: Path, what: str) -> bytes:
    place = Place(str(path))
    try:
        if path.is_dir():
            raise InputError(Problem(f"is a folder; {what} is needed", place))
        if not path.exists():
            raise InputError(Problem("no such file", place, _near_file(path)))
        if not path.is_file():
            raise InputError(Problem("is not a regular file", place))
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(Problem(f"has {size:,} bytes; at most {MAX_BYTES:,} (4 MiB) are read", place))
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(Problem(f"cannot be read: {reason}", place)) from None


def _near_file(path: Path) -> str | None:
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        return f"there is no folder {path.parent}"
    near = near_miss(path.name, names)
    return f"in {path.parent}: {near.strip()}" if near else None


def _decode(raw: bytes, file: str) -> str:
    if b"\0" in raw:
        raise InputError(Problem("is not a text file (it holds NUL bytes)", Place(file)))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
        problem = Problem(f"is not UTF-8 text (byte 0x{raw[error.start]:02x})", Place(file, line, column), "save it as UTF-8")
        raise InputError(problem) from None


def read_text(text: str, file: str = "<text>") -> Document:
    """Read YAML from a text; `file` is the name that messages give it."""
    builder = _Builder(file)
    parser = YAML(typ="safe", pure=True)
    try:
        for event in parser.parse(text):  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            builder.take(event)
    except YAMLError as error:
        builder.problems.add(*explain_parser(error, text, file))
    except ValueError as error:
        builder.problems.add(f"not valid YAML: {error}", Place(file))
    builder.problems.raise_any()
    root = builder.root
    if root is None or root.data is None:
        raise InputError(Problem("is empty; a mapping (key: value lines) is needed", Place(file)))
    if root.shape == "value":
        message = f"holds just {shorten(root.data)}; a mapping (key: value lines) is needed"
        raise InputError(Problem(message, Place(file, root.line, root.column)))
    return Document(file, root.data, root)


class _Builder:
    """Nodes from events, with every mistake noted and none of them fatal, but for a text that is too much."""

    def __init__(self, file: str) -> None:
        self.problems = Collector()
        self.root: _Node | None = None
        self._file = file
        self._stack: list[_Node] = []
        self._anchors: dict[str, _Node] = {}
        self._documents = 0

    def take(self, event: Any) -> None:  # noqa: ANN401 - the parser is untyped
        match event:
            case DocumentStartEvent():
                self._documents += 1
                if self._documents == 2:
                    self._note(event, "a second document starts here; a file holds one", "remove the '---'")
            case _ if self._documents > 1:
                pass
            case AliasEvent():
                self._alias(event)
            case ScalarEvent():
                self._scalar(event)
            case MappingStartEvent() | SequenceStartEvent():
                self._open(event)
            case MappingEndEvent() | SequenceEndEvent():
                self._close()
            case _:
                pass

    def _note(self, event: Any, message: str, remedy: str | None = None) -> None:  # noqa: ANN401
        self.problems.add(message, self._place(event), remedy)

    def _place(self, event: Any) -> Place:  # noqa: ANN401
        return Place(self._file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _node(self, event: Any, data: Data) -> _Node:  # noqa: ANN401
        node = _Node(event.start_mark.line + 1, event.start_mark.column + 1, data)
        tag = getattr(event, "tag", None)
        if tag is not None and str(tag) != "!":
            self._note(event, f"the tag {tag} is not known here", "remove it: values are read as plain YAML 1.2")
        if getattr(event, "anchor", None) is not None:
            self._anchors[event.anchor] = node
        return node

    def _scalar(self, event: Any) -> None:  # noqa: ANN401
        text = str(event.value)
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            self._note(event, "a character that is half of a pair (\\ud800 to \\udfff)", "write the whole character")
            text = text.encode("utf-8", "replace").decode()
        if self._expects_key():
            self._node(event, text)
            self._key(event, text)
            return
        plain = event.style is None or event.style == ""
        if plain and len(text) > MAX_DIGITS and (_INTEGER.fullmatch(text) or _BASED.fullmatch(text)):
            self._note(event, f"a number of {len(text)} digits is more than anything here can mean")
            text = "0"
        node = self._node(event, resolve(text) if plain else text)
        if event.start_mark.line == event.end_mark.line:
            node.opens = 0 if plain else 1
        self._add(event, node)

    def _alias(self, event: Any) -> None:  # noqa: ANN401
        node = self._anchors.get(event.anchor)
        if node is None:
            self._note(event, f"no anchor &{event.anchor} stands before this alias")
            node = _Node(event.start_mark.line + 1, event.start_mark.column + 1)
        if any(node is open_node for open_node in self._stack):
            self._note(event, f"*{event.anchor} stands inside its own anchor")
            node = _Node(event.start_mark.line + 1, event.start_mark.column + 1)
        if self._expects_key():
            self._key(event, str(node.data))
        else:
            self._add(event, node)

    def _open(self, event: Any) -> None:  # noqa: ANN401
        if self._expects_key():
            self._note(event, "a key must be a text, not a list or a mapping", "close the braces, or quote the key")
            self._key(event, "")
        if isinstance(event, MappingStartEvent):
            node = self._node(event, {})
            node.shape = "mapping"
        else:
            node = self._node(event, [])
            node.shape = "list"
        self._stack.append(node)
        if len(self._stack) > MAX_DEPTH:
            raise InputError(Problem(f"is nested more than {MAX_DEPTH} levels deep", self._place(event)))

    def _close(self) -> None:
        node = self._stack.pop()
        place = Place(self._file, node.line, node.column)
        if node.size > MAX_NODES:
            raise InputError(Problem(f"holds {node.size:,} values with its aliases written out; at most {MAX_NODES:,}", place))
        self._attach(node)

    def _expects_key(self) -> bool:
        return bool(self._stack) and self._stack[-1].shape == "mapping" and self._stack[-1].pending_key is None

    def _key(self, event: Any, key: str) -> None:  # noqa: ANN401
        parent = self._stack[-1]
        parent.pending_key = key
        if key == "<<" and getattr(event, "style", None) in (None, ""):
            self._note(event, "merge keys (<<) are not part of YAML 1.2", "write the keys out, or alias the whole value")
        elif key in parent.keys:
            line, column = parent.keys[key]
            self._note(event, f"the key {key!r} stands here again", f"it stands first at {Place(self._file, line, column)}")
        else:
            parent.keys[key] = (event.start_mark.line + 1, event.start_mark.column + 1)

    def _add(self, event: Any, node: _Node) -> None:  # noqa: ANN401
        if self._stack and self._stack[-1].size + node.size > MAX_NODES:
            raise InputError(Problem(f"holds more than {MAX_NODES:,} values with its aliases written out", self._place(event)))
        self._attach(node)

    def _attach(self, node: _Node) -> None:
        if not self._stack:
            self.root = node
            return
        parent = self._stack[-1]
        parent.size += node.size
        if parent.shape == "list":
            parent.children[len(parent.children)] = node
            parent.data.append(node.data)
        elif parent.pending_key is not None:
            parent.children.setdefault(parent.pending_key, node)
            parent.data.setdefault(parent.pending_key, node.data)
            parent.pending_key = None


def resolve(text: str) -> Data:
    """A plain scalar by the core schema of YAML 1.2: null, booleans, numbers, and everything else is text.

    >>> resolve("1e3"), resolve("0x10"), resolve("no"), resolve("true"), resolve("1:30")
    (1000.0, 16, 'no', True, '1:30')
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text
