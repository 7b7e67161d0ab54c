"""Attention: self or cross, causal, multi-head or grouped-query, over a whole sequence or one token on a KV cache."""
# ruff: noqa: D102  (output and lower are documented in `parts.Layer`)

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from dse.workload.elementwise import SOFTMAX_OPS
from dse.workload.operations import Role, VectorOperation
from dse.workload.parts import Lowering, Part, fused, nest
from dse.workload.precision import Precision
from dse.workload.shapes import Sequence, Shape, ShapeError, sequence_of

CAUSAL_BLOCKS = 4
"""Query blocks of causal attention."""

MOST_BLOCKS = 64
"""Most query blocks of attention in a window."""

ROTARY_OPS = 3
"""Rotation of a pair of numbers by an angle: four products and two sums for two elements."""

BIAS_OPS = 2
"""A position's bias on each score: a look-up in a small table and a sum."""


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

    *Window.* With a `window` of w a query attends to itself and the w - 1 keys before it: the cache keeps min(context, w - 1)
    keys, and a block of queries meets those that its first query reaches and all up to its own end. Blocks are then at most w
    queries long (unless that makes more than 64).

    *Positions.* `rotary` turns queries and keys by their angles, 3 operations an element of (h + g)·e, on the stream of their
    product; the table of angles, e numbers a step for all heads and samples, is not counted. `position_bias` adds a bias to each
    score: 2 operations more.

    Without `projections` the input is the query itself, and the keys and values are the memory, or the input, and the cache; of
    three inputs the second is the keys and the third the values. Without `own_keys` all keys and values are in the cache, as in
    the cross-attention of a decoder that writes one token: only the query is projected.
    """

    kind: Literal["attention"] = "attention"
    heads: int
    kv_heads: int | None = None
    head_features: int | None = None
    causal: bool = False
    context: int = 0
    projections: bool = True
    window: int | None = None
    rotary: bool = False
    position_bias: bool = False
    own_keys: bool = True

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        query, keys, values = self._sequences(inputs)
        groups, width = self._groups(), self._width(query)
        if self.heads % groups:
            raise ShapeError(f"{groups} kv_heads do not divide {self.heads} heads", key="kv_heads")
        self._check_keys(len(inputs))
        if self.projections:
            return query
        for name, shape, heads in (("query", query, self.heads), ("memory", keys, groups), ("values", values, groups)):
            if shape.features != heads * width:
                message = (
                    f"without projections the {name} must have {heads} x {width} = {heads * width} features, but it is {shape}"
                )
                raise ShapeError(message, key="projections")
        if keys.steps != values.steps:
            raise ShapeError(f"a value is needed for each key, but the keys are {keys} and the values {values}")
        return query

    def _check_keys(self, inputs: int) -> None:
        """Refuse masks, windows and caches that say nothing about the keys that there are."""
        if self.causal and inputs == 2:
            raise ShapeError("cross-attention sees the whole memory, so it cannot be causal", key="causal")
        if self.window is not None and not self.causal:
            raise ShapeError("a window is counted back from each query, so it needs causal: true", key="window")
        if self.rotary and not self.projections:
            raise ShapeError("rotary turns the products of the projections, so it needs projections: true", key="rotary")
        if self.own_keys:
            return
        if inputs > 1 or self.causal or not self.context:
            message = "without own_keys the cache holds all keys: it needs a context, and neither a memory nor causal: true"
            raise ShapeError(message, key="own_keys")

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:
        query, keys, _ = self._sequences(inputs)
        run = _Run(self, query, keys, self._groups(), self._width(query), batch, precision, len(inputs))
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

    def _sequences(self, inputs: tuple[Shape, ...]) -> tuple[Sequence, Sequence, Sequence]:
        """Queries, keys and values."""
        most = 2 if self.projections else 3
        if len(inputs) > most:
            raise ShapeError(
                f"takes one input and at most {'one memory' if most == 2 else 'keys and values'}, but {len(inputs)} are named"
            )
        return sequence_of(inputs[:1]), sequence_of(inputs[1:2] or inputs[:1]), sequence_of(inputs[-1:])


@dataclass(frozen=True, slots=True)
class _Block:
    """Queries that attend to the same keys; `suffix` tells the blocks' parts apart."""

    suffix: str
    rows: int
    keys: int


@dataclass(frozen=True, slots=True)
class _Run:
    """The layer on given shapes: `groups` key-value heads of `width` features, keys of `memory`, `inputs` of them given."""

    layer: Attention
    query: Sequence
    memory: Sequence
    groups: int
    width: int
    batch: int
    precision: Precision
    inputs: int

    @property
    def blocks(self) -> tuple[_Block, ...]:
        """One block, or those of causal attention."""
        steps, context = self.query.steps, self.layer.context
        if not self.layer.causal:
            return (_Block("", steps, context + (self.memory.steps if self.layer.own_keys else 0)),)
        window = self.layer.window or context + steps
        number = 1 if steps < CAUSAL_BLOCKS else max(CAUSAL_BLOCKS, min(-(-steps // window), MOST_BLOCKS, steps))
        ends = [steps * block // number for block in range(number + 1)]
        return tuple(
            _Block(f".{index}" if number > 1 else "", end - begin, min(context + end, window - 1 + end - begin))
            for index, (begin, end) in enumerate(pairwise(ends), start=1)
        )

    @property
    def cached(self) -> int:
        """Keys that the cache keeps."""
        context, window = self.layer.context, self.layer.window
        return context if window is None else min(context, window - 1)

    @property
    def weighted(self) -> tuple[str, ...]:
        """Local names of what the blocks make."""
        return tuple(f"weighted{block.suffix}" for block in self.blocks)

    @property
    def _sources(self) -> tuple[tuple[int | str, ...], tuple[int | str, ...], tuple[int | str, ...]]:
        """Where the queries, the keys and the values are."""
        if not self.layer.projections:
            keys = () if not self.layer.own_keys else (min(1, self.inputs - 1),)
            return (0,), keys, () if not keys else (self.inputs - 1,)
        if not self.layer.own_keys:
            return ("query",), (), ()
        return (("query",), ("key_value",), ("key_value",)) if self.inputs > 1 else (("qkv",), ("qkv",), ("qkv",))

    def projected(self) -> Iterator[Part]:
        """The linear layers before, and the rotation of what they make."""
        layer = self.layer
        rows, heads, pair = self.batch * self.query.steps, layer.heads * self.width, 2 * self.groups * self.width
        keys = self.batch * self.memory.steps
        if not layer.projections:
            return
        if self.inputs > 1 or not layer.own_keys:
            yield self._linear("query", rows, heads, self.query.features, (0,))
            if layer.rotary:
                yield self._rotation("rotary", "query", rows * heads)
            if layer.own_keys:
                yield self._linear("key_value", keys, pair, self.memory.features, (1,))
                if layer.rotary:
                    yield self._rotation("key_rotary", "key_value", keys * pair // 2)
        else:
            yield self._linear("qkv", rows, heads + pair, self.query.features, (0,))
            if layer.rotary:
                yield self._rotation("rotary", "qkv", rows * (heads + pair // 2))

    @staticmethod
    def _rotation(name: str, of: str, elements: int) -> Part:
        """On the stream of the product that makes `of`, which it changes in place."""
        return fused(name, elements=elements, ops_per_element=ROTARY_OPS, writes=of, gradient="linear")

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
        queries, keys, values = self._sources
        role: Role = "state" if self.layer.context else "activation"
        together, width = self.batch * self.groups, self.width
        m = self.layer.heads // self.groups * block.rows
        cached = together * self.cached * width
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
        ops = SOFTMAX_OPS + (BIAS_OPS if self.layer.position_bias else 0)
        yield Part(
            name=softmax,
            operation=VectorOperation(elements=elements, ops_per_element=ops, read_bits=bits, written_bits=bits),
            reads=(scores,),
            writes=softmax,
            elements=elements,
        )
        yield Part(
            name=weighted,
            operation=nest(self.precision, n=m, k=width * together, c=block.keys * together, groups=together, weight_role=role),
            reads=(softmax, *values),
            writes=weighted,
            elements=together * m * width,
            state=("value_cache", cached) if cached else None,
        )
