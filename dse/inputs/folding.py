"""Layers that repeat, folded into blocks: a list of layers as an importer makes it becomes one as a person writes it.

A run of n layers that stands r times in a row is a block of n layers repeated r times, if the copies differ in names alone and
each reads nothing but its own layers, the end of the copy before (`block_input`), and layers from before the block. Blocks may
hold blocks. Loading what comes out gives the same layers in the same order, but for their names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Layer = Mapping[str, Any]
"""A layer in the vocabulary of a workload file, `from` and `memory` spelt out."""

BLOCK_INPUT = "block_input"
INPUT = "input"
MOST_PERIOD = 250
"""Most layers of one copy of a block."""

LEAST_SAVED = 4
"""Layers that a block must spare."""

READ_KEYS = ("from", "memory")


def folded(layers: Sequence[Layer], inputs: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The layers with runs that repeat as blocks (``{name, repeat, layers}``), every `from` as a list.

    `inputs` are names of further inputs, which any layer may read.

    >>> square = [{"name": f"fc{i}", "kind": "linear", "features": 9, "from": [f"fc{i - 1}" if i else "input"]} for i in range(5)]
    >>> folded(square)
    [{'name': 'fc', 'repeat': 5, 'layers': [{'name': 'layer', 'kind': 'linear', 'features': 9, 'from': ['block_input']}]}]
    """
    run = _Run(layers, inputs)
    called = {-2 - index: name for index, name in enumerate(inputs)}
    return run.write(0, len(layers), _Scope(taken={*inputs, *(str(layer["name"]) for layer in layers)}, called=called))


@dataclass(slots=True)
class _Scope:
    """Names where a list of layers stands: by index of a layer what it is called there, and names that cannot be given again."""

    taken: set[str]
    called: dict[int, str] = field(default_factory=dict[int, str])


@dataclass(frozen=True, slots=True)
class _Fold:
    """`repeat` copies of `period` layers from `start` on."""

    start: int
    period: int
    repeat: int

    @property
    def end(self) -> int:
        return self.start + self.period * self.repeat

    @property
    def saved(self) -> int:
        return self.period * (self.repeat - 1)


class _Run:
    """Layers by index: what each is but for names, and which it reads (-1 is the input, -2 and below are further ones)."""

    def __init__(self, layers: Sequence[Layer], inputs: Sequence[str]) -> None:
        self._layers = layers
        at = (
            {INPUT: -1}
            | {name: -2 - index for index, name in enumerate(inputs)}
            | {str(layer["name"]): index for index, layer in enumerate(layers)}
        )
        self._reads = [{key: tuple(at[name] for name in layer[key]) for key in READ_KEYS if key in layer} for layer in layers]
        numbers: dict[str, int] = {}
        self._kinds = [numbers.setdefault(_content(layer), len(numbers)) for layer in layers]
        self._last_reader = [-1] * len(layers)
        for index, reads in enumerate(self._reads):
            for source in (source for sources in reads.values() for source in sources if source >= 0):
                self._last_reader[source] = index

    def write(self, begin: int, end: int, scope: _Scope) -> list[dict[str, Any]]:
        """Layers `begin` to `end` with blocks, by the names of `scope`, which learns what they are called."""
        entries: list[dict[str, Any]] = []
        at = begin
        while at < end:
            fold = self._best(at, end)
            if fold is None:
                entries.append(self._written(at, scope))
                at += 1
            else:
                entries += [self._written(index, scope) for index in range(at, fold.start)]
                entries.append(self._block(fold, scope))
                at = fold.end
        return entries

    def _written(self, index: int, scope: _Scope) -> dict[str, Any]:
        layer = self._layers[index]
        name = scope.called.setdefault(index, str(layer["name"]))
        reads = {key: [scope.called.get(source, INPUT) for source in sources] for key, sources in self._reads[index].items()}
        return {**layer, "name": name, **reads}

    def _best(self, at: int, end: int) -> _Fold | None:
        """The block that begins here and spares most; where it may begin a little later as well, where its names say so."""
        longest = None
        for period in self._periods(at, end):
            fold = self._fold(at, period, end)
            if longest is None or _worth(fold) > _worth(longest):
                longest = fold
            if fold.repeat > 1 and fold.end > end - period:
                break
        if longest is None or longest.saved < LEAST_SAVED:
            return None
        later = (self._fold(at + shift, longest.period, end) for shift in range(longest.period))
        as_long = [fold for fold in later if fold.repeat == longest.repeat]
        return max(as_long, key=lambda fold: (not self._begins_late(fold), self._likeness(fold), -fold.start))

    def _begins_late(self, fold: _Fold) -> bool:
        """Whether a copy begins with what belongs to the end of the one before: an activation."""
        return self._layers[fold.start]["kind"] == "activation"

    def _periods(self, at: int, end: int) -> Iterable[int]:
        kind = self._kinds[at]
        most = min(MOST_PERIOD, (end - at) // 2)
        return (period for period in range(1, most + 1) if self._kinds[at + period] == kind)

    def _fold(self, start: int, period: int, end: int) -> _Fold:
        """As many copies of the `period` layers from `start` on as there are."""
        repeat = 1
        while start + (repeat + 1) * period <= end and self._is_copy(start, period, repeat):
            repeat += 1
        while repeat > 1 and not self._is_closed(start, period, repeat):
            repeat -= 1
        return _Fold(start, period, repeat)

    def _is_copy(self, start: int, period: int, number: int) -> bool:
        """Whether copy `number` (the first is 0) does what the first does."""
        shift = number * period
        for index in range(start, start + period):
            if self._kinds[index] != self._kinds[index + shift]:
                return False
            first, other = self._reads[index], self._reads[index + shift]
            if first.keys() != other.keys():
                return False
            for key, sources in first.items():
                if len(sources) != len(other[key]):
                    return False
                for source, copied in zip(sources, other[key], strict=True):
                    inside = source >= start - 1
                    if copied != (source + shift if inside else source):
                        return False
        return True

    def _is_closed(self, start: int, period: int, repeat: int) -> bool:
        """Whether nothing after the block reads a layer inside it, but for its end."""
        end = start + period * repeat
        return all(self._last_reader[index] < end for index in range(start, end - 1))

    def _likeness(self, fold: _Fold) -> int:
        """How much the names of one copy have in common, in all copies."""
        return sum(len(_common([str(self._layers[i]["name"]) for i in copy])) for copy in _copies(fold))

    def _block(self, fold: _Fold, scope: _Scope) -> dict[str, Any]:
        first = range(fold.start, fold.start + fold.period)
        reads = {source for index in first for sources in self._reads[index].values() for source in sources}
        outside = {scope.called.get(source, INPUT) for source in reads if source < fold.start - 1}
        inner = _Scope(taken={BLOCK_INPUT, *outside}, called=dict(scope.called))
        inner.called[fold.start - 1] = BLOCK_INPUT
        name, short = self._names(fold, scope)
        for index in first:
            inner.called[index] = _free(short[index], inner.taken)
            inner.taken.add(inner.called[index])
        inside = {str(self._layers[index]["name"]) for index in range(fold.start, fold.end)}
        name = _free(name, scope.taken - inside)
        scope.taken.add(name)
        scope.called[fold.end - 1] = name
        return {"name": name, "repeat": fold.repeat, "layers": self.write(first.start, first.stop, inner)}

    def _names(self, fold: _Fold, scope: _Scope) -> tuple[str, dict[int, str]]:
        """What the block is called, and the layers inside it: what all layers of a copy share, and the rest."""
        names = {index: scope.called.get(index, str(self._layers[index]["name"])) for index in range(fold.start, fold.end)}
        full = {index: names[index] for index in range(fold.start, fold.start + fold.period)}
        if fold.period == 1:
            (only,) = full.values()
            return _stem(only), {fold.start: "layer"}
        shared = _to_separator(_common(list(full.values())))
        prefixes = [_to_separator(_common([names[index] for index in copy])) for copy in _copies(fold)]
        name = _stem(_common(prefixes, left=0), last=False) or "block" if shared and all(prefixes) else "block"
        return name, {index: _unnumbered(_stem(text[len(shared) :], last=False) or text) for index, text in full.items()}


def _copies(fold: _Fold) -> list[range]:
    return [range(begin, begin + fold.period) for begin in range(fold.start, fold.end, fold.period)]


def _worth(fold: _Fold) -> tuple[int, int]:
    return fold.period * fold.repeat if fold.saved >= LEAST_SAVED else 0, -fold.period


def _content(layer: Layer) -> str:
    """All of a layer but for its name, its notes and what it reads."""
    return repr(sorted((key, value) for key, value in layer.items() if key not in ("name", "notes", *READ_KEYS)))


_WORD = re.compile(r"[A-Za-z]+|[0-9]+|[_\-]+")


def _common(names: Sequence[str], *, left: int = 1) -> str:
    """The whole words with which all names begin, `left` words of each being kept back; separators count as words."""
    words = [_WORD.findall(name) for name in names]
    shared = 0
    while all(len(each) > shared + left for each in words) and len({each[shared] for each in words}) == 1:
        shared += 1
    return "".join(words[0][:shared])


def _to_separator(text: str) -> str:
    """The text up to its last separator."""
    return text[: max(text.rfind("_"), text.rfind("-")) + 1]


def _stem(name: str, *, last: bool = True) -> str:
    """A name without separators around it, and without the number at its end."""
    text = name.strip("_-")
    if not last:
        return text
    stem = text.rstrip("0123456789").strip("_-")
    return stem if len(stem) > 1 else text if len(text) > 2 else "block"


def _unnumbered(name: str) -> str:
    """A name without the count of its like at its end: each block counts anew."""
    return re.sub(r"_\d+$", "", name)


def _free(name: str, taken: Iterable[str]) -> str:
    """The name, or with the first number at its end that makes it free."""
    if name not in taken:
        return name
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
