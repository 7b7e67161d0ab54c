"""Recurrent layers: rnn, lstm and gru, stacked, bidirectional, with projection, over a known sequence or step by step.

Each layer and direction lowers to (G gates, H hidden, R recurrent width = projection or H, I input features, B batch, T steps)

    input       one product of M = B·T, N = G·H, K = I where the whole sequence is known, else T products of M = B
    recurrent   T products of M = B, N = G·H, K = R, one after the other with the same weights; its input is the state
    gates       a vector operation that rides on each recurrent product: H·B elements a step
    projection  T products of M = B, N = R, K = H (LSTMP)

so MACs are B·T·(G·H·(I + R) + H·R where projected) and parameters G·H·(I + R) (+ H·R): a GRU of I = H = M takes 6·M² a step.

Operations of the gates an element of H. Every gate adds its input product, its recurrent product and its bias, then looks up
a sigmoid or tanh: 3. An LSTM then makes c = f·c + i·g (3), tanh(c) (1) and h = o·tanh(c) (1): 4·3 + 5 = 17. A GRU scales the
recurrent product by r (1) and makes h = n + z·(h - n) (3): 3·3 + 4 = 13. A plain cell: 3, one more where its clipping
compares twice. The gates read the input product, G·H·B a step; the nest's own output, G·H·B a step, is what is counted for the
new state and the cell, which are H to 3·H.
"""
# ruff: noqa: D102  (output and lower are documented in `parts.Layer`)

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from dse.workload.elementwise import ACTIVATION_OPS
from dse.workload.operations import VectorOperation
from dse.workload.parts import Lowering, Part, nest
from dse.workload.precision import Precision
from dse.workload.shapes import Sequence, Shape, ShapeError, Vector, sequence_of

Cell = Literal["rnn", "lstm", "gru"]
CellActivation = Literal["tanh", "relu", "hard_tanh", "clipped_relu"]

GATES: Mapping[Cell, int] = {"rnn": 1, "lstm": 4, "gru": 3}
_STATE_OPS: Mapping[Cell, int] = {"rnn": 0, "lstm": 5, "gru": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrent:
    """A stack of `layers` recurrent layers of `hidden` cells over a sequence."""

    kind: Cell
    hidden: int
    layers: int = 1
    bidirectional: bool = False
    directions_merged: Literal["concat", "sum"] = "concat"
    streaming: bool = False
    projection: int | None = None
    returns: Literal["sequence", "last"] = "sequence"
    cell_activation: CellActivation = "tanh"

    @property
    def width(self) -> int:
        """Features of the state that one direction hands on, R."""
        return self.projection or self.hidden

    @property
    def features(self) -> int:
        """Features of the result of a layer."""
        return self.width * (2 if self.bidirectional and self.directions_merged == "concat" else 1)

    @property
    def gate_ops(self) -> int:
        """Vector operations per hidden element and step."""
        clipping = ACTIVATION_OPS[self.cell_activation] - 1 if self.kind == "rnn" else 0
        return 3 * GATES[self.kind] + _STATE_OPS[self.kind] + clipping

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        shape = sequence_of(inputs)
        if self.projection is not None and self.kind != "lstm":
            raise ShapeError(f"a {self.kind} has no projection; an lstm may have one (LSTMP)", key="projection")
        if self.bidirectional and self.streaming and shape.steps > 1:
            message = "a bidirectional layer reads the sequence from its end, so it cannot stream"
            raise ShapeError(message, key="streaming", remedy="streaming: false, or bidirectional: false")
        return Sequence(self.features, shape.steps) if self.returns == "sequence" else Vector(self.features)

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:
        shape = sequence_of(inputs)
        parts: list[Part] = []
        reads: tuple[int | str, ...] = (0,)
        features = shape.features
        for index in range(1, self.layers + 1):
            stage = _Stage(self, batch, shape.steps, features, precision, index)
            parts.extend(stage.parts(reads))
            reads, features = stage.written, self.features
        return Lowering(parts=tuple(parts), result=reads)


@dataclass(frozen=True, slots=True)
class _Stage:
    """One layer of the stack: number `index`, over `steps` of `features`."""

    layer: Recurrent
    batch: int
    steps: int
    features: int
    precision: Precision
    index: int

    @property
    def directions(self) -> tuple[str, ...]:
        """Names of the parts of each direction begin with these."""
        return (f"{self.index}.fwd.", f"{self.index}.bwd.") if self.layer.bidirectional else (f"{self.index}.",)

    @property
    def last(self) -> bool:
        """Whether nothing follows it in the stack."""
        return self.index == self.layer.layers

    @property
    def written(self) -> tuple[str, ...]:
        """Local names of the tensors that hold its result: one, or one for each direction side by side."""
        if len(self.directions) == 1 or self.layer.directions_merged == "sum":
            return (self._result,)
        return tuple(f"{direction}output" for direction in self.directions)

    @property
    def _result(self) -> str:
        return "" if self.last else f"{self.index}.output"

    def parts(self, reads: tuple[int | str, ...]) -> Iterator[Part]:
        """Both directions; where they are summed, the second adds to what the first wrote."""
        alone = len(self.directions) == 1
        for direction in self.directions:
            result = self._result if alone else f"{direction}output"
            yield from self._direction(direction, reads, result)
        if not alone and self.layer.directions_merged == "sum":
            yield self._sum()

    @property
    def _carried(self) -> int:
        """Numbers of one sequence that a step hands to the next: the state, and an LSTM's cell."""
        return self.layer.width + (self.layer.hidden if self.layer.kind == "lstm" else 0)

    @property
    def _kept_steps(self) -> int:
        return self.steps if not self.last or self.layer.returns == "sequence" else 1

    def _direction(self, direction: str, reads: tuple[int | str, ...], result: str) -> Iterator[Part]:
        layer, gates = self.layer, GATES[self.layer.kind] * self.layer.hidden
        known = not layer.streaming
        every = 1 if known else self.steps
        product = f"{direction}input"
        yield Part(
            name=product,
            operation=nest(self.precision, n=self.batch * (self.steps if known else 1), k=gates, c=self.features, repeats=every),
            reads=reads,
            writes=product,
            elements=self.batch * gates * (self.steps if known else 1),
        )
        projected = layer.projection is not None
        state = f"{direction}cells" if projected else result
        kept = self.batch * layer.hidden if projected else self.batch * layer.width * self._kept_steps
        yield Part(
            name=f"{direction}recurrent",
            operation=replace(
                nest(self.precision, n=self.batch, k=gates, c=layer.width, input_role="state", repeats=self.steps),
                carried_bits=self.batch * self._carried * self.precision.activation_bits,
            ),
            reads=(),
            writes=state,
            elements=kept,
        )
        yield Part(
            name=f"{direction}gates",
            operation=VectorOperation(
                elements=self.batch * layer.hidden,
                ops_per_element=layer.gate_ops,
                read_bits=self.batch * gates * self.precision.activation_bits,
                fused=True,
                repeats=self.steps,
            ),
            reads=(state, product),
            writes=state,
            elements=kept,
        )
        if projected:
            yield Part(
                name=f"{direction}projection",
                operation=nest(self.precision, n=self.batch, k=layer.width, c=layer.hidden, repeats=self.steps),
                reads=(state,),
                writes=result,
                elements=self.batch * layer.width * self._kept_steps,
            )

    def _sum(self) -> Part:
        """The sum of both directions, made on the stream of the second: it reads what the first wrote."""
        elements = self.batch * self.layer.width * self._kept_steps
        first, second = (f"{direction}output" for direction in self.directions)
        bits = elements * self.precision.activation_bits
        operation = VectorOperation(elements=elements, ops_per_element=1, read_bits=bits, fused=True, gradient="handed_on")
        return Part(name=f"{self.index}.sum", operation=operation, reads=(second, first), writes=self._result, elements=elements)
