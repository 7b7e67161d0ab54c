"""Mixture of experts: a router sends every token through a few of many feed-forward networks."""
# ruff: noqa: D102  (output and lower are documented in `parts.Layer`)

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from dse.workload.elementwise import ACTIVATION_OPS, SOFTMAX_OPS, Activation
from dse.workload.operations import VectorOperation
from dse.workload.parts import Lowering, Part, fused, nest
from dse.workload.precision import Precision
from dse.workload.shapes import Sequence, Shape, ShapeError, Vector, numbers_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Experts:
    """E experts of f hidden features, `active` a of them for each token; n = batch x steps tokens of d features.

    router    M = n, N = E, K = d, then a softmax over the E scores of each token
    dispatch  each token's row copied to its a experts: n·a·d elements
    gate, up  D groups of M = n·a/D, N = f, K = d: the experts that some token was sent to; without `gated` there is only `up`
    down      D groups of M = n·a/D, N = d, K = f
    combine   the a results of a token, each times its score, and their sum: 2·a - 1 operations an element

    D is what uniform routing is expected to reach, E·(1 - (1 - a/E)^n), to the nearest whole number: the weights of the others
    are held and not read. Where D does not divide n·a, so many experts as remain take one token more (their parts end in .1, the
    others' in .2). Noam Shazeer et al., "Outrageously Large Neural Networks: The Sparsely-Gated Mixture-of-Experts Layer", ICLR
    2017, arXiv:1701.06538, equation 1; Jiang et al., "Mixtral of Experts", 2024, arXiv:2401.04088, section 2.1.
    """

    kind: Literal["experts"] = "experts"
    experts: int
    active: int
    features: int
    gated: bool = True
    activation: Activation = "silu"

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        shape = numbers_of(inputs)
        if not isinstance(shape, (Sequence, Vector)):
            raise ShapeError(f"needs a vector or a sequence, but its input is {shape}")
        if self.active > self.experts:
            raise ShapeError(f"{self.active} active experts are more than the {self.experts} there are", key="active")
        return shape

    def reached(self, tokens: int) -> int:
        """Experts that `tokens` tokens are expected to be sent to.

        >>> mixtral = Experts(experts=8, active=2, features=14336)
        >>> [mixtral.reached(tokens) for tokens in (1, 2, 4, 8, 16)]
        [2, 4, 5, 7, 8]
        """
        expected = self.experts * (1 - (1 - self.active / self.experts) ** tokens)
        return max(self.active, round(expected))

    def shares(self, tokens: int) -> tuple[tuple[str, int, int], ...]:
        """Suffix, experts and rows of each: one share of the reached experts, or two where some take a token more."""
        reached = self.reached(tokens)
        rows, more = divmod(tokens * self.active, reached)
        if not more:
            return (("", reached, rows),)
        return ((".1", more, rows + 1), (".2", reached - more, rows))

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:
        shape = numbers_of(inputs)
        tokens, width = batch * shape.elements // shape.channels, shape.channels
        shares = self.shares(tokens)
        products = (3 if self.gated else 2) * width * self.features
        parts = (
            *self._routed(tokens, width, precision),
            *(part for share in shares for part in self._share(*share, width, precision)),
            self._combined(tokens, width, tuple(f"down{suffix}" for suffix, _, _ in shares), precision),
        )
        return Lowering(parts=parts, idle_weights=(self.experts - self.reached(tokens)) * products)

    def _routed(self, tokens: int, width: int, precision: Precision) -> Iterator[Part]:
        scores = tokens * self.experts
        yield Part(name="router", operation=nest(precision, n=tokens, k=self.experts, c=width), writes="router", elements=scores)
        yield fused("scores", elements=scores, ops_per_element=SOFTMAX_OPS, writes="router")

    def _share(self, suffix: str, experts: int, rows: int, width: int, precision: Precision) -> Iterator[Part]:
        bits, hidden = precision.activation_bits, experts * rows * self.features
        names = {name: f"{name}{suffix}" for name in ("dispatch", "gate", "up", "down")}
        moved = experts * rows * width
        copied = VectorOperation(
            elements=moved, ops_per_element=1, read_bits=moved * bits, written_bits=moved * bits, gradient="linear"
        )
        yield Part(name=names["dispatch"], operation=copied, reads=(0, "router"), writes=names["dispatch"], elements=moved)
        into = nest(precision, n=rows, k=self.features * experts, c=width * experts, groups=experts)
        first = "gate" if self.gated else "up"
        yield Part(name=names[first], operation=into, reads=(names["dispatch"],), writes=names[first], elements=hidden)
        yield fused(f"activation{suffix}", elements=hidden, ops_per_element=ACTIVATION_OPS[self.activation], writes=names[first])
        if self.gated:
            yield Part(name=names["up"], operation=into, reads=(names["dispatch"],), writes=names["up"], elements=hidden)
            product = VectorOperation(
                elements=hidden, ops_per_element=1, read_bits=hidden * bits, fused=True, gradient="operands"
            )
            yield Part(
                name=f"product{suffix}",
                operation=product,
                reads=(names["up"], names["gate"]),
                writes=names["up"],
                elements=hidden,
            )
        back = nest(precision, n=rows, k=width * experts, c=self.features * experts, groups=experts)
        yield Part(name=names["down"], operation=back, reads=(names["up"],), writes=names["down"], elements=moved)

    def _combined(self, tokens: int, width: int, results: tuple[str, ...], precision: Precision) -> Part:
        bits, elements = precision.activation_bits, tokens * width
        read = (elements + tokens) * self.active * bits
        operation = VectorOperation(
            elements=elements,
            ops_per_element=2 * self.active - 1,
            read_bits=read,
            written_bits=elements * bits,
            gradient="operands",
        )
        return Part(name="combine", operation=operation, reads=(*results, "router"), elements=elements)
