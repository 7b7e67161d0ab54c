"""Operations that together are one function, found as they are among ONNX operators: `dse.inputs.joining` looks for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dse.inputs.joining.patterns import join_patterns
from dse.inputs.joining.rotary import join_rotations
from dse.inputs.onnx.graph import Graph, Operator
from dse.inputs.pytorch.tracing import Operation, Ref, Traced, references

_TYPES: Mapping[str, str] = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "pow": "Pow", "square": "Pow", "sqrt": "Sqrt", "rsqrt": "Sqrt",
    "reciprocal": "Reciprocal", "to": "Cast", "_to_copy": "Cast", "type_as": "Cast", "float": "Cast", "mean": "ReduceMean",
    "erf": "Erf", "tanh": "Tanh", "softplus": "Softplus", "sigmoid": "Sigmoid", "hardsigmoid": "HardSigmoid", "clamp": "Clip",
    "hardtanh": "Clip", "relu6": "Clip", "neg": "Neg", "cat": "Concat", "slice": "Slice",
}  # fmt: skip
"""What ONNX calls operators of which patterns are made."""

_MADE: Mapping[str, tuple[str, str]] = {
    "LayerNormalization": ("layer_norm", "input"), "RMSNormalization": ("rms_norm", "input"), "Gelu": ("gelu", "self"),
    "Mish": ("mish", "self"), "Silu": ("silu", "self"), "HardSwish": ("hardswish", "self"), "RotaryEmbedding": ("rotary", "self"),
}  # fmt: skip
"""The operator that stands for a pattern, and what its input is called."""

_PIECES = ("chunk", "split", "split_with_sizes", "tensor_split")


def joined(traced: Traced) -> tuple[tuple[Operation, ...], int]:
    """The operations with one in the place of each pattern, without assertions; and how many rotations there were."""
    traced = replace(traced, operations=tuple(each for each in traced.operations if not each.name.startswith("_assert")))
    by_node = {operation.node: operation for operation in traced.operations}
    graph = _graph(traced, by_node)
    rotations = join_rotations(graph)
    join_patterns(graph)
    found: list[Operation] = []
    for operator in graph.operators:
        operation = by_node[operator.outputs[0]]
        if operator.type in _MADE and operator.type != _type(operation, by_node):
            name, given = _MADE[operator.type]
            operation = replace(operation, name=name, arguments={given: Ref(operator.inputs[0])}, parts=())
        found.append(operation)
    return tuple(found), rotations


def _graph(traced: Traced, by_node: Mapping[str, Operation]) -> Graph:
    """The operations as a graph of ONNX has them."""
    constant = set(traced.stored)
    for operation in traced.operations:
        if all(name in constant for name in references(operation)):
            constant.add(operation.node)
    shapes = {node: dims for node, (dims, _) in traced.inputs.items()} | {node: dims for node, (dims, _) in traced.stored.items()}
    return Graph(
        file="",
        operators=[_operator(operation, by_node) for operation in traced.operations],
        inputs=(),
        outputs=traced.outputs,
        shapes=shapes | {node: operation.dims for node, operation in by_node.items()},
        types={},
        constant=constant,
        values={},
        stored={},
        batch=traced.batch,
    )


def _operator(operation: Operation, by_node: Mapping[str, Operation]) -> Operator:
    inputs: Sequence[str] = references(operation)
    kind = _type(operation, by_node)
    if operation.name == "getitem" and kind == "Slice":
        inputs = references(by_node[inputs[0]])[:1]
    return Operator(type=kind, name=operation.node, inputs=tuple(inputs), outputs=(operation.node,), attributes={})


def _type(operation: Operation, by_node: Mapping[str, Operation]) -> str:
    """The type of an operator; a piece of a tensor that was cut up is a slice of it."""
    if operation.name == "getitem":
        source = by_node.get(references(operation)[0])
        return "Slice" if source is not None and source.name in _PIECES else "getitem"
    return _TYPES.get(operation.name.rstrip("_"), operation.name)
