"""Products of two activations, and learned tensors that are no matrix."""
# ruff: noqa: D102  (output and lower are documented in `parts.Layer`)

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dse.workload.operations import VectorOperation
from dse.workload.parts import Lowering, Part, nest
from dse.workload.precision import Precision
from dse.workload.shapes import Image, Sequence, Shape, ShapeError, Vector, count, numbers_of, with_channels


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixProduct:
    """The product of two activations, `groups` of them side by side along the features (the heads of an attention).

    With g groups the first input has g·K features in M steps. The second has g·N features in K steps, or, `transposed`, g·K
    features in N steps (queries times keys). The result has g·N features in M steps; a vector is a sequence of one step.
    """

    kind: Literal["matmul"] = "matmul"
    groups: int = 1
    transposed: bool = False

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        if len(inputs) != 2:
            raise ShapeError(f"multiplies two inputs, but {len(inputs)} are named", remedy="name them: from: [a, b]")
        first, second = self._sequences(inputs)
        for shape in (first, second):
            if shape.features % self.groups:
                message = f"{count(self.groups, 'group')} cannot share {count(shape.features, 'feature')} evenly"
                raise ShapeError(message, key="groups")
        reduced, other = first.features, second.features if self.transposed else second.steps * self.groups
        if reduced != other:
            turned = ", transposed," if self.transposed else ""
            message = f"cannot multiply {first} and {second}{turned} in {count(self.groups, 'group')}"
            raise ShapeError(message, remedy=f"{reduced // self.groups} numbers would meet {other // self.groups}")
        return with_channels(first, self._columns(second) * self.groups)

    def _columns(self, second: Sequence) -> int:
        return second.steps if self.transposed else second.features // self.groups

    @staticmethod
    def _sequences(inputs: tuple[Shape, ...]) -> tuple[Sequence, Sequence]:
        shapes = [numbers_of((shape,)) for shape in inputs]
        odd = next((shape for shape in shapes if isinstance(shape, Image)), None)
        if odd is not None:
            raise ShapeError(
                f"needs sequences or vectors, but one input is {odd}", remedy="reshape it to features and steps first"
            )
        first, second = (Sequence(shape.channels, shape.elements // shape.channels) for shape in shapes)
        return first, second

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:
        first, second = self._sequences(inputs)
        together = self.groups * batch
        operation = nest(
            precision,
            n=first.steps,
            k=self._columns(second) * together,
            c=first.features // self.groups * together,
            groups=together,
            weight_role="activation",
        )
        return Lowering(parts=(Part(operation=operation, reads=(0, 1), elements=operation.output_elements),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A learned tensor that is no matrix, the same for all samples: position embeddings, a class token, learned queries.

    It is copied for each sample, as rows of an embedding are that every sample looks up: it reads its elements at the width of
    weights and writes as many activations. Its parameters are counted with those of embeddings.
    """

    kind: Literal["learned"] = "learned"
    to: Image | Sequence | Vector

    @property
    def parameters(self) -> int:
        """Numbers in it."""
        return self.to.elements

    @property
    def vocabulary(self) -> int:
        """Its rows, as an embedding has them."""
        return self.to.elements // self.to.channels

    @property
    def features(self) -> int:
        """Its features, as an embedding has them."""
        return self.to.channels

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        if inputs:
            raise ShapeError("is learned, and reads no other layer", remedy="remove its from:")
        return self.to

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:  # noqa: ARG002
        elements = batch * self.to.elements
        operation = VectorOperation(
            elements=elements,
            ops_per_element=1,
            read_bits=elements * precision.weight_bits,
            written_bits=elements * precision.activation_bits,
            gradient="linear",
        )
        return Lowering(parts=(Part(operation=operation, reads=(), elements=elements),))
