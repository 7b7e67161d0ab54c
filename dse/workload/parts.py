"""`Part`, one operation of a layer, and what every layer kind offers: an output shape and a list of parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dse.workload.operations import Axis, Gradient, Operation, Role, TensorOperation, VectorOperation
from dse.workload.precision import Precision
from dse.workload.shapes import Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One operation of a layer, and the tensors it works on by local name.

    `name` is its name inside the layer ("" where it is the layer's main operation). `reads` holds indices of the layer's
    inputs and names of tensors that earlier parts write; `writes` names the tensor it makes, "" being the layer's main one,
    and `elements` its size for the whole batch. `state` is a tensor from before the inference (a KV cache) and its elements.
    A `streaming` part may ride on the tensor operation just before it when that makes one of its inputs.
    """

    name: str = ""
    operation: Operation
    reads: tuple[int | str, ...] = (0,)
    writes: str = ""
    elements: int
    state: tuple[str, int] | None = None
    streaming: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowering:
    """The operations of a layer in execution order, and the tensors that are its result.

    `result` names tensors by index of an input or by local name; several of them lie side by side along channels. A layer that
    only names or rearranges what is there (reshape, concat) has no parts, and its result is its inputs. `idle_weights` are
    weights that the layer holds and this run does not read (experts that no token was sent to).
    """

    parts: tuple[Part, ...] = ()
    result: tuple[int | str, ...] = ("",)
    idle_weights: int = 0


class Layer(Protocol):
    """A layer without its name: what it computes from shapes that it is given."""

    @property
    def kind(self) -> str:
        """Name of the layer kind in a workload file."""
        ...

    def output(self, inputs: tuple[Shape, ...]) -> Shape:
        """Shape of its result. Raises `ShapeError` for inputs that it does not take."""
        ...

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:
        """Its operations on these shapes, for a batch, at a precision."""
        ...


def nest(
    precision: Precision,
    *,
    n: int,
    k: int,
    c: int,
    groups: int = 1,
    height: Axis | None = None,
    width: Axis | None = None,
    input_role: Role = "activation",
    weight_role: Role = "weight",
    repeats: int = 1,
) -> TensorOperation:
    """A tensor operation at the widths of `precision`; a second factor that is no weight has the width of activations."""
    return TensorOperation(
        n=n,
        k=k,
        c=c,
        groups=groups,
        height=height or Axis(),
        width=width or Axis(),
        input_bits=precision.activation_bits,
        floating=precision.is_floating,
        weight_bits=precision.weight_bits if weight_role == "weight" else precision.activation_bits,
        output_bits=precision.activation_bits,
        accumulator_bits=precision.accumulator_bits,
        input_role=input_role,
        weight_role=weight_role,
        repeats=repeats,
    )


def fused(name: str, *, elements: int, ops_per_element: float, writes: str = "", gradient: Gradient = "result") -> Part:
    """A vector operation inside a layer, on the stream of the tensor operation before it, which it changes in place."""
    operation = VectorOperation(elements=elements, ops_per_element=ops_per_element, fused=True, gradient=gradient)
    return Part(name=name, operation=operation, reads=(writes,), writes=writes, elements=elements)


def streamed(
    precision: Precision,
    *,
    read: int,
    written: int,
    work: int,
    ops_per_element: float,
    inputs: int = 1,
    streaming: bool = False,
    gradient: Gradient = "result",
) -> Lowering:
    """A layer of one vector operation: it reads and writes so many elements, and works on `work` of them."""
    bits = precision.activation_bits
    operation = VectorOperation(
        elements=work, ops_per_element=ops_per_element, read_bits=read * bits, written_bits=written * bits, gradient=gradient
    )
    part = Part(operation=operation, reads=tuple(range(inputs)), elements=written, streaming=streaming)
    return Lowering(parts=(part,))
