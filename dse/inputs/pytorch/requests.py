"""What the user asks for: `--input` shapes, and operators that may be left out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dse.errors import InputError, Problem

HINT = "write it like --input 1x3x224x224, --input 1x128:int (token ids) or --input 100xBx40 (B: where the batch is)"
MAX_SIDE = 2**24

_SHAPE = re.compile(r"(?P<sides>(?:B|\d+)(?:x(?:B|\d+))*)(?::(?P<type>int|float))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An input of the module: its sides, which of them is the batch, and whether it holds whole numbers."""

    sides: tuple[int, ...]
    batch_side: int
    is_int: bool

    def with_batch(self, batch: int) -> tuple[int, ...]:
        """Its sides for a batch."""
        return tuple(batch if index == self.batch_side else side for index, side in enumerate(self.sides))


def read_inputs(texts: Sequence[str]) -> tuple[Given, ...]:
    """Inputs from texts such as ``1x3x224x224``, several of them between commas.

    The side that is called B is the batch; where none is, it is the first. Raises `InputError`.

    >>> read_inputs(["1x3x224x224"])
    (Given(sides=(1, 3, 224, 224), batch_side=0, is_int=False),)
    >>> read_inputs(["100xBx40,Bx5:int"])[0].with_batch(7)
    (100, 7, 40)
    """
    found = tuple(_given(word.strip()) for text in texts for word in text.split(","))
    if not found:
        raise InputError(Problem("the module needs an input", remedy=HINT))
    return found


def _given(text: str) -> Given:
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise InputError(Problem(f"--input {text!r} is no shape", remedy=HINT))
    words = match["sides"].split("x")
    if words.count("B") > 1:
        raise InputError(Problem(f"--input {text!r} has more than one batch", remedy=HINT))
    sides = tuple(1 if word == "B" else int(word) for word in words)
    if min(sides) < 1 or max(sides) > MAX_SIDE:
        raise InputError(Problem(f"--input {text!r}: a side is from 1 to {MAX_SIDE:,}", remedy=HINT))
    return Given(sides=sides, batch_side=words.index("B") if "B" in words else 0, is_int=match["type"] == "int")


def read_allowed(texts: Sequence[str]) -> frozenset[str]:
    """Names of operators that may be left out, from texts such as ``ignore:topk``. Raises `InputError`."""
    for text in texts:
        if not re.fullmatch(r"ignore:[A-Za-z0-9_.:]+", text):
            raise InputError(Problem(f"--allow {text!r} is not ignore:NAME", remedy="write it like --allow ignore:topk"))
    return frozenset(text.partition(":")[2].removeprefix("aten.").removeprefix("aten::") for text in texts)
