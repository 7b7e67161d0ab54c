"""`Emitted`: a layer while it is still joined with others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dse.workload.shapes import Shape


@dataclass(slots=True, kw_only=True, eq=False)
class Emitted:
    """A layer: its kind and keys in the vocabulary of a workload file, and the layers that it reads, by number.

    `hint` is what the graph calls it, if it calls it anything, and `word` what it is. `facts` tell the tidying what the keys do
    not: ``causal`` of a mask, ``affine`` of a scale or a shift by a constant for each channel, ``scalar`` of one by a single
    number, ``rotary`` of what turns queries and keys by their positions.
    """

    number: int
    kind: str
    keys: dict[str, Any]
    reads: list[int]
    shape: Shape
    hint: str
    word: str
    facts: frozenset[str] = frozenset()
    memory: int | None = None

    @property
    def sources(self) -> list[int]:
        """All layers that it reads, the memory of a cross-attention too."""
        return self.reads if self.memory is None else [*self.reads, self.memory]
