"""Attention: self or cross, causal, multi-head or grouped-query, over a whole sequence or one token on a KV cache."""
# ruff: noqa: D102  (output and lower are documented in `parts.Layer`)

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from dse.workload.elementwise import SOFTMAX_OPS
from dse.workload.operations import Role, VectorOperation
from dse.workload.parts import Lowering, Part, nest
from dse.workload.precision import Precision
from dse.workload.shapes import Sequence, Shape, ShapeError, sequence_of

CAUSAL_BLOCKS = 4
"""Query blocks of causal attention."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """softmax(Q·Kᵀ)·V with its linear layers, for B sequences of T queries of d features, h heads, g key-value heads, width e.

    qkv         M = B·T, N = (h + 2·g)·e, K = d (self); for cross-attention query and key_value apart, the latter on the memory
    scores      B·g groups of M = (h/g)·T, N = S, K = e: the query heads that share a key head are rows of one product
    softmax     B·h·T·S elements
    weighted    B·g groups of M = (h/g)·T, N = e, K = S
    output      M = B·T, N = d, K = h·e

    S = T keys of the input itself or of the memory, plus `context` keys that a KV cache holds (role "state").

    *Causal.* A dense machine skips masked work only in blocks: the queries are cut into b = 4 blocks of T/b rows (one block
    where T < 4), and block i attends to the keys up to its own end, ``context + T·i/b`` of them. The two products then take
    (b + 1)/(2·b) = 5/8 of the full square, where the mask alone would leave (T + 1)/(2·T).

    Without `projections` the input is the query itself, and the keys and values are the memory, or the input, and the cache.
    """

    kind: Literal["attention"] = "attention"
    heads: int
    kv_heads: int | None = None
    head_features: int | None = None
    causal: bool = False
    context: int = 0
    projections: bool = True

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        query, memory = self._sequences(inputs)
        groups, width = self._groups(), self._width(query)
        if self.heads % groups:
            raise ShapeError(f"{groups} kv_heads do not divide {self.heads} heads", key="kv_heads")
        if self.causal and len(inputs) > 1:
            raise ShapeError("cross-attention sees the whole memory, so it cannot be causal", key="causal")
        if self.projections:
            return query
        for name, shape, heads in (("query", query, self.heads), ("memory", memory, groups)):
            if shape.features != heads * width:
                message = (
                    f"without projections the {name} must have {heads} x {width} = {heads * width} features, but it is {shape}"
                )
                raise ShapeError(message, key="projections")
        return query

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:
        query, memory = self._sequences(inputs)
        run = _Run(self, query, memory, self._groups(), self._width(query), batch, precision, cross=len(inputs) > 1)
        parts = (*run.projected(), *(part for block in run.blocks for part in run.attended(block)), *run.output())
        return Lowering(parts=parts, result=("",) if self.projections else run.weighted)

    def _groups(self) -> int:
        return self.heads if self.kv_heads is None else self.kv_heads

    def _width(self, query: Sequence) -> int:
        if self.head_features is not None:
            return self.head_features
        if query.features % self.heads:
            message = f"{self.heads} heads do not divide {query.features} features"
            raise ShapeError(message, key="heads", remedy="give head_features where the heads' width is not features / heads")
        return query.features // self.heads

    @staticmethod
    def _sequences(inputs: tuple[Shape, ...]) -> tuple[Sequence, Sequence]:
        if len(inputs) > 2:
            raise ShapeError(f"takes one input and at most one memory, but {len(inputs)} are named")
        return sequence_of(inputs[:1]), sequence_of(inputs[-1:])


@dataclass(frozen=True, slots=True)
class _Block:
    """Queries that attend to the same keys; `suffix` tells the blocks' parts apart."""

    suffix: str
    rows: int
    keys: int


@dataclass(frozen=True, slots=True)
class _Run:
    """The layer on given shapes: `groups` key-value heads of `width` features."""

    layer: Attention
    query: Sequence
    memory: Sequence
    groups: int
    width: int
    batch: int
    precision: Precision
    cross: bool

    @property
    def blocks(self) -> tuple[_Block, ...]:
        """One block, or those of causal attention."""
        steps, context = self.query.steps, self.layer.context
        if not self.layer.causal or steps < CAUSAL_BLOCKS:
            return (_Block("", steps, context + self.memory.steps),)
        ends = [steps * block // CAUSAL_BLOCKS for block in range(CAUSAL_BLOCKS + 1)]
        return tuple(
            _Block(f".{number}", end - begin, context + end) for number, (begin, end) in enumerate(pairwise(ends), start=1)
        )

    @property
    def weighted(self) -> tuple[str, ...]:
        """Local names of what the blocks make."""
        return tuple(f"weighted{block.suffix}" for block in self.blocks)

    @property
    def _sources(self) -> tuple[tuple[int | str, ...], tuple[int | str, ...]]:
        """Where the queries are, and where the keys and values are."""
        if not self.layer.projections:
            return (0,), (1 if self.cross else 0,)
        return (("query",), ("key_value",)) if self.cross else (("qkv",), ("qkv",))

    def projected(self) -> Iterator[Part]:
        """The linear layers before."""
        rows, heads, pair = self.batch * self.query.steps, self.layer.heads * self.width, 2 * self.groups * self.width
        if self.layer.projections and self.cross:
            yield self._linear("query", rows, heads, self.query.features, (0,))
            yield self._linear("key_value", self.batch * self.memory.steps, pair, self.memory.features, (1,))
        elif self.layer.projections:
            yield self._linear("qkv", rows, heads + pair, self.query.features, (0,))

    def output(self) -> Iterator[Part]:
        """The linear layer after."""
        if self.layer.projections:
            rows, heads = self.batch * self.query.steps, self.layer.heads * self.width
            yield self._linear("output", rows, self.query.features, heads, self.weighted, writes="")

    def _linear(self, name: str, m: int, n: int, k: int, reads: tuple[int | str, ...], writes: str | None = None) -> Part:
        operation = nest(self.precision, n=m, k=n, c=k)
        return Part(name=name, operation=operation, reads=reads, writes=name if writes is None else writes, elements=m * n)

    def attended(self, block: _Block) -> Iterator[Part]:
        """Scores, softmax and weighted sum of a block of queries."""
        queries, keys = self._sources
        role: Role = "state" if self.layer.context else "activation"
        together, width = self.batch * self.groups, self.width
        m = self.layer.heads // self.groups * block.rows
        cached = together * self.layer.context * width
        elements = together * m * block.keys
        bits = elements * self.precision.activation_bits
        scores, softmax, weighted = (f"{name}{block.suffix}" for name in ("scores", "softmax", "weighted"))
        yield Part(
            name=scores,
            operation=nest(self.precision, n=m, k=block.keys * together, c=width * together, groups=together, weight_role=role),
            reads=tuple(dict.fromkeys((*queries, *keys))),
            writes=scores,
            elements=elements,
            state=("key_cache", cached) if cached else None,
        )
        yield Part(
            name=softmax,
            operation=VectorOperation(elements=elements, ops_per_element=SOFTMAX_OPS, read_bits=bits, written_bits=bits),
            reads=(scores,),
            writes=softmax,
            elements=elements,
        )
        yield Part(
            name=weighted,
            operation=nest(self.precision, n=m, k=width * together, c=block.keys * together, groups=together, weight_role=role),
            reads=(softmax, *keys),
            writes=weighted,
            elements=together * m * width,
            state=("value_cache", cached) if cached else None,
        )
