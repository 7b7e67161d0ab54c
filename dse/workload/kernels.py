"""`Kernel`: one operation as a benchmark runs it alone, and the network of one layer that the model evaluates for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from dse.workload.network import Network, Node
from dse.workload.operations import Axis, Conv2d, Gemm, TensorOperation, VectorOperation
from dse.workload.parts import Lowering, Part
from dse.workload.precision import Precision
from dse.workload.recurrent import GATES, Cell, Recurrent
from dse.workload.shapes import Shape, Vector
from dse.workload.workload import Scenario

KernelKind = Literal["gemm", "convolution", "recurrent"]
KERNEL_KINDS: tuple[KernelKind, ...] = ("gemm", "convolution", "recurrent")

RESULTS = {"int8": "int32", "int4": "int32", "int16": "int32"}
"""Format of a result where it is not that of the operands: integers are handed on as they were summed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """A kernel by its sizes: `gates` is the element-wise work of a recurrent step. `shape` names it without its format."""

    kind: KernelKind
    shape: str
    precision: str
    operation: TensorOperation
    gates: VectorOperation | None = None

    @property
    def name(self) -> str:
        """Shape and format."""
        return f"{self.shape}_{self.precision}"

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all steps, padding and all."""
        return self.operation.macs

    @property
    def compulsory_bytes(self) -> int:
        """Every operand once (weights once for all steps)."""
        return self.operation.compulsory_bytes

    def scenario(self) -> Scenario:
        """The kernel as a workload's scenario."""
        layer = KernelLayer(kernel=self)
        network = Network(
            name=self.shape, input=Vector(layer.read_elements), nodes=(Node(name="kernel", layer=layer, inputs=("input",)),)
        )
        return Scenario(name=self.name, network=network, batch=1, precision=precision_of(self.precision))


def precision_of(name: str) -> Precision:
    """Formats of a kernel's operands and sums: integers sum in 32 bits, floating-point numbers of 16 bits or less in fp32."""
    return Precision(weights=name, activations=name, accumulators="int32" if name.startswith("int") else "fp32")


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelLayer:
    """A layer that is one kernel; the whole batch is in its sizes."""

    kernel: Kernel

    @property
    def kind(self) -> str:
        """Kind of the kernel."""
        return self.kernel.kind

    @property
    def read_elements(self) -> int:
        """Elements that it is given: the input, or what each recurrent step adds to its gates."""
        gates = self.kernel.gates
        return self.kernel.operation.input_elements if gates is None else gates.elements * gates.repeats

    def output(self, inputs: tuple[Shape, ...]) -> Shape:  # noqa: ARG002
        """All that it makes."""
        gates, operation = self.kernel.gates, self.kernel.operation
        return Vector(operation.output_elements if gates is None else gates.elements * gates.repeats)

    def lower(self, inputs: tuple[Shape, ...], batch: int, precision: Precision) -> Lowering:  # noqa: ARG002
        """The operation, and the gates that ride on it."""
        elements = self.output(inputs).elements
        operation, gates = self.kernel.operation, self.kernel.gates
        if gates is None:
            return Lowering(parts=(Part(operation=operation, elements=elements),))
        product = Part(name="recurrent", operation=operation, reads=(), elements=elements)
        return Lowering(parts=(product, Part(name="gates", operation=gates, reads=("", 0), elements=elements)))


def gemm(precision: str, *, m: int, n: int, k: int) -> Kernel:
    """(m x k) inputs times (k x n) weights."""
    return Kernel(kind="gemm", shape=f"gemm_{m}x{n}x{k}", precision=precision, operation=_sized(Gemm(m=m, n=n, k=k), precision))


def convolution(
    precision: str,
    *,
    batch: int,
    channels: int,
    height: int,
    width: int,
    filters: int,
    filter_height: int,
    filter_width: int,
    stride_height: int = 1,
    stride_width: int = 1,
    pad_height: int = 0,
    pad_width: int = 0,
    groups: int = 1,
) -> Kernel:
    """A convolution by its input. Raises `ValueError` where the filter does not fit the padded input, or groups do not divide."""
    axes: list[Axis] = []
    for extent, taps, stride, padding in (
        (height, filter_height, stride_height, pad_height),
        (width, filter_width, stride_width, pad_width),
    ):
        outputs = (extent + 2 * padding - taps) // stride + 1
        if outputs < 1:
            raise ValueError(f"a filter of {taps} does not fit an input of {extent} with padding {padding}")
        axes.append(Axis(outputs=outputs, taps=taps, stride=stride, padding=padding, extent=extent))
    operation = replace(Conv2d(n=batch, k=filters, c=channels, p=1, q=1, r=1, s=1, groups=groups), height=axes[0], width=axes[1])
    sizes = f"{batch}x{channels}x{height}x{width}_f{filters}x{filter_height}x{filter_width}"
    details = f"_s{stride_height}x{stride_width}_p{pad_height}x{pad_width}" + (f"_g{groups}" if groups > 1 else "")
    return Kernel(kind="convolution", shape=f"conv_{sizes}{details}", precision=precision, operation=_sized(operation, precision))


def recurrent(precision: str, *, cell: Cell, hidden: int, batch: int, steps: int) -> Kernel:
    """The recurrent product of a sequence with its gates, without the product of the inputs (DeepBench's skip-input mode)."""
    layer, bits = Recurrent(kind=cell, hidden=hidden), precision_of(precision).activation_bits
    carried = batch * hidden * (2 if cell == "lstm" else 1)
    operation = replace(
        _sized(Gemm(m=batch, n=GATES[cell] * hidden, k=hidden, repeats=steps), precision),
        input_role="state",
        carried_bits=carried * bits,
    )
    gates = VectorOperation(
        elements=batch * hidden, ops_per_element=layer.gate_ops, read_bits=batch * hidden * bits, fused=True, repeats=steps
    )
    shape = f"{cell}_{hidden}_b{batch}_t{steps}"
    return Kernel(kind="recurrent", shape=shape, precision=precision, operation=operation, gates=gates)


def _sized(operation: TensorOperation, precision: str) -> TensorOperation:
    formats = precision_of(precision)
    result = precision_of(RESULTS.get(precision, precision)).activation_bits
    sized = operation.with_bits(
        input=formats.activation_bits, weight=formats.weight_bits, output=result, accumulator=formats.accumulator_bits
    )
    return replace(sized, floating=formats.is_floating)
