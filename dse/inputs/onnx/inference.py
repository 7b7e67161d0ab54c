"""From a model to a `Graph` at one choice of sizes.

Shapes come from the onnx package, operator by operator (`onnx.shape_inference`). Constants that are small enough are computed on
the way (`constants`), since the shape of one tensor is often computed from the values of others; those of weights are never
looked at.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dse.errors import InputError, Place, Problem
from dse.inputs.onnx.constants import MOST_ELEMENTS, fold, tensor_value
from dse.inputs.onnx.dimensions import GivenInput, Sizes
from dse.inputs.onnx.foreign import TYPED_LIKE, foreign_shapes
from dse.inputs.onnx.graph import Graph, Operator
from dse.inputs.onnx.reading import Proto

if TYPE_CHECKING:
    from onnx import ModelProto

ONNX_DOMAINS = ("", "ai.onnx")

SAME_SHAPES = {"FusedConv": ("Conv", 3, ("activation", "activation_params"))}
"""Operators of ONNX Runtime that make the shapes of one of ONNX: which, of how many inputs, and attributes that it has not."""


def constant_names(graph: Proto) -> set[str]:
    """Initialisers: what older models list among their inputs as well."""
    return {entry.name for entry in graph.initializer} | {entry.values.name for entry in graph.sparse_initializer}


def read_graph(model: ModelProto, inputs: Sequence[GivenInput], sizes: Sizes, file: str) -> Graph:
    """The graph with every shape at one choice of sizes.

    Raises `InputError` for control flow, cycles, and shapes that contradict each other.
    """
    reader = _Reader(model, inputs, sizes, file)
    reader.run()
    return reader.graph()


class _Reader:
    """Operators one by one, with what is known of each tensor so far."""

    def __init__(self, model: ModelProto, inputs: Sequence[GivenInput], sizes: Sizes, file: str) -> None:
        self._model = model
        self._file = file
        self._inputs = inputs
        self._batch = sizes.traced_batch
        self._types: dict[str, Any] = {}
        self._values: dict[str, np.ndarray] = {}
        self._constant: set[str] = set()
        self._stored: dict[str, int] = {}
        self._operators: list[Operator] = []
        self._opsets = {opset.domain: opset.version for opset in model.opset_import}
        self._stated = {entry.name: entry.type for entry in (*model.graph.value_info, *model.graph.output)}
        self._constants()
        for entry in inputs:
            dims = [
                sizes.traced_batch if dim == sizes.batch_name else sizes.named[dim] if isinstance(dim, str) else dim
                for dim in entry.dims
            ]
            proto = next(given.type for given in model.graph.input if given.name == entry.name)
            self._know(entry.name, proto.tensor_type.elem_type, dims)

    def _error(self, message: str, remedy: str | None = None) -> InputError:
        return InputError(Problem(message, Place(self._file), remedy))

    def _know(self, name: str, element: int, dims: Sequence[int]) -> None:
        from onnx import helper

        self._types[name] = helper.make_tensor_type_proto(element, list(dims))

    def _constants(self) -> None:
        for tensor in self._model.graph.initializer:
            self._constant_tensor(tensor.name, tensor)
        for sparse in self._model.graph.sparse_initializer:
            self._constant.add(sparse.values.name)
            self._know(sparse.values.name, sparse.values.data_type, sparse.dims)

    def _constant_tensor(self, name: str, tensor: Proto) -> None:
        if any(dim < 0 for dim in tensor.dims):
            raise self._error(f"the constant {name!r} has a size of {min(tensor.dims)}", "export the model again")
        self._constant.add(name)
        self._know(name, tensor.data_type, tensor.dims)
        try:
            value = tensor_value(tensor)
        except ValueError as error:
            raise self._error(f"the constant {name!r} cannot be read: {error}", "export the model again") from None
        if value is not None:
            self._values[name] = value

    def run(self) -> None:
        for node in self._sorted():
            domain = "" if node.domain in ONNX_DOMAINS else node.domain
            kind = f"{domain}.{node.op_type}" if domain else node.op_type
            if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
                message = f"{kind} {node.name!r}: control flow decides at run time what runs, so it cannot be counted beforehand"
                raise self._error(message, "export the branch or the unrolled loop that you mean")
            self._take(node, kind, domain)

    def _take(self, node: Proto, kind: str, domain: str) -> None:
        from onnx import helper

        if kind == "Constant":
            self._constant_node(node)
            return
        attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        operator = Operator(
            type=kind, name=str(node.name), inputs=tuple(node.input), outputs=tuple(node.output), attributes=attributes
        )
        self._infer(node, operator, domain)
        given = [name for name in operator.inputs if name]
        shapes = self._shapes(given)
        results = (
            fold(operator.type, attributes, operator.inputs, self._values, shapes, self._room(operator)) if not domain else None
        )
        for name, value in zip(operator.outputs, results or (), strict=False):
            self._values[name] = value
            self._constant.add(name)
            if name not in self._types or not self._is_known(name):
                self._know(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        if operator.type == "CastLike":
            given = given[:1]
        if all(name in self._constant for name in given) and (given or operator.type == "ConstantOfShape"):
            self._constant |= {name for name in operator.outputs if name}
            self._keep_stored_type(operator)
        if not all(name in self._constant for name in operator.outputs if name):
            self._operators.append(operator)

    def _keep_stored_type(self, operator: Operator) -> None:
        """What is made of one stored constant (its transpose, its dequantised form) is stored as that."""
        source = operator.input(0)
        if source is not None and source in self._types:
            element = self._stored.get(source, int(self._types[source].tensor_type.elem_type))
            self._stored |= dict.fromkeys((name for name in operator.outputs if name), element)

    def _room(self, operator: Operator) -> bool:
        """Whether the results are known to be small enough to compute."""
        shapes = [self._shapes([name]).get(name) for name in operator.outputs if name]
        return all(shape is None or np.prod(shape, dtype=float) <= MOST_ELEMENTS for shape in shapes)

    def _constant_node(self, node: Proto) -> None:
        from onnx import helper, numpy_helper

        (attribute,) = list(node.attribute)[:1] or [None]
        name = str(node.output[0]) if node.output else ""
        value: Any = None if attribute is None else helper.get_attribute_value(attribute)
        if attribute is None or value is None or (attribute.name == "value" and not _is_tensor(value)):
            raise self._error(f"the Constant {name!r} has no value", "export the model again")
        if attribute.name == "sparse_value":
            self._constant.add(name)
            self._know(name, value.values.data_type, value.dims)
        elif attribute.name == "value":
            self._constant_tensor(name, value)
        elif attribute.name.startswith("value_string"):
            self._constant.add(name)
            self._know(name, 8, [1])
        else:
            dtype = np.int64 if "int" in attribute.name else np.float32
            try:
                array = np.asarray(value, dtype=dtype)
            except (TypeError, ValueError):
                raise self._error(f"the Constant {name!r} has no value", "export the model again") from None
            self._constant_tensor(name, numpy_helper.from_array(array))

    def _infer(self, node: Proto, operator: Operator, domain: str) -> None:
        """What the outputs are, by the onnx package, else by what the file states of them."""
        from onnx import defs, numpy_helper

        known = {name: self._types[name] for name in operator.inputs if name in self._types}
        missing = [name for name in operator.inputs if name and name not in known]
        found: dict[str, Any] = {}
        if domain and node.op_type not in SAME_SHAPES:
            found = self._foreign(operator)
        elif not missing:
            data = {name: numpy_helper.from_array(self._values[name], name) for name in known if name in self._values}
            version = self._opsets.get("", self._opsets.get("ai.onnx", 1))
            if domain:
                node = _as_standard(node)
            try:
                schema = defs.get_schema(node.op_type, version, "")
            except defs.SchemaError:
                message = f"{operator.said}: operator set {version} of ONNX has no {node.op_type}"
                raise self._error(
                    message, f"--allow ignore:{node.op_type} leaves it out, if the file states its shapes"
                ) from None
            found = self._inferred(schema, node, known, data, operator)
        for name in operator.outputs:
            if not name:
                continue
            if name in self._types:
                raise self._error(f"{operator.said}: {name!r} is made twice", "export the model again")
            proto = found.get(name)
            if proto is not None and _is_concrete(proto):
                self._types[name] = proto
            elif name in self._stated and _is_concrete(self._stated[name]) and not self._has_open_inputs():
                self._types[name] = self._stated[name]
            elif proto is not None:
                self._types[name] = proto

    def _inferred(
        self, schema: Proto, node: Proto, known: dict[str, Proto], data: dict[str, Proto], operator: Operator
    ) -> dict[str, Proto]:
        """What the onnx package makes of one operator. Raises `InputError` where it finds that its inputs do not fit."""
        from onnx import shape_inference

        opsets = list(self._model.opset_import)
        try:
            return shape_inference.infer_node_outputs(
                schema, node, known, data, opset_imports=opsets, ir_version=self._model.ir_version
            )
        except Exception as error:
            said = str(error).splitlines()[0].removeprefix("[ShapeInferenceError] ") if str(error) else type(error).__name__
            raise self._error(f"{operator.said}: its inputs do not fit: {said}", "export the model again") from None

    def _has_open_inputs(self) -> bool:
        return any(isinstance(dim, str) for entry in self._inputs for dim in entry.dims)

    def _foreign(self, operator: Operator) -> dict[str, Any]:
        from onnx import helper

        shapes = foreign_shapes(operator.type, operator.attributes, [self._shapes([name]).get(name) for name in operator.inputs])
        like = operator.input(TYPED_LIKE.get(operator.type, 0))
        first = self._types.get(like) if like is not None else None
        element = first.tensor_type.elem_type if first is not None else 1
        return {
            name: helper.make_tensor_type_proto(element, list(shape))
            for name, shape in zip(operator.outputs, shapes, strict=False)
            if name and shape is not None
        }

    def _is_known(self, name: str) -> bool:
        return name in self._types and _is_concrete(self._types[name])

    def _shapes(self, names: Sequence[str]) -> dict[str, tuple[int, ...]]:
        return {
            name: tuple(int(dim.dim_value) for dim in self._types[name].tensor_type.shape.dim)
            for name in names
            if self._is_known(name)
        }

    def _sorted(self) -> list[Any]:
        """Nodes in an order in which each reads only what is there. Raises `InputError` for cycles and for what nothing makes."""
        nodes = list(self._model.graph.node)
        there = {*self._types}
        makers = {name: node for node in nodes for name in node.output if name}
        waiting: dict[str, list[int]] = {}
        lacking = [0] * len(nodes)
        for index, node in enumerate(nodes):
            for name in {name for name in node.input if name and name not in there}:
                waiting.setdefault(name, []).append(index)
                lacking[index] += 1
        ready = deque(index for index, count in enumerate(lacking) if count == 0)
        ordered: list[int] = []
        while ready:
            index = ready.popleft()
            ordered.append(index)
            for name in {name for name in nodes[index].output if name and name not in there}:
                there.add(name)
                for reader in waiting.get(name, ()):
                    lacking[reader] -= 1
                    if lacking[reader] == 0:
                        ready.append(reader)
        if len(ordered) < len(nodes):
            done = set(ordered)
            raise self._stuck([node for index, node in enumerate(nodes) if index not in done], makers, there)
        in_order = all(made < read for made, read in self._dependencies(nodes))
        return nodes if in_order else [nodes[index] for index in ordered]

    @staticmethod
    def _dependencies(nodes: Sequence[Any]) -> Iterator[tuple[int, int]]:
        """Pairs of a node and one that reads what it makes, by index."""
        at = {name: index for index, node in enumerate(nodes) for name in node.output if name}
        for index, node in enumerate(nodes):
            yield from ((at[name], index) for name in node.input if name in at)

    def _stuck(self, nodes: Sequence[Any], makers: Mapping[str, Any], there: set[str]) -> InputError:
        for node in nodes:
            for name in node.input:
                if name and name not in there and name not in makers:
                    said = f"{node.op_type} {node.name!r} reads {name!r}, which no operator makes and which is no input"
                    return self._error(said, "export the whole model")
        node, seen = nodes[0], list[Any]()
        while not any(node is each for each in seen):
            seen.append(node)
            node = makers[next(name for name in node.input if name and name not in there)]
        begin = next(index for index, each in enumerate(seen) if each is node)
        round_trip = [str(each.name or each.output[0]) for each in reversed(seen[begin:])]
        said = " -> ".join([*round_trip[:6], *(["..."] if len(round_trip) > 6 else []), round_trip[0]])
        return self._error(f"its operators wait for each other: {said}", "a model's graph has no cycles; export it again")

    def graph(self) -> Graph:
        """What was read, without what no result depends on."""
        outputs = tuple(str(entry.name) for entry in self._model.graph.output)
        needed, operators = set(outputs), list[Operator]()
        for operator in reversed(self._operators):
            if needed.intersection(operator.outputs):
                needed.update(operator.inputs)
                operators.append(operator)
        shapes = self._shapes(list(self._types))
        return Graph(
            file=self._file,
            operators=operators[::-1],
            inputs=[entry for entry in self._inputs if entry.name in needed],
            outputs=outputs,
            shapes=shapes,
            types={name: int(proto.tensor_type.elem_type) for name, proto in self._types.items()},
            constant=self._constant,
            values=self._values,
            stored=self._stored,
            batch=self._batch,
        )


def _is_tensor(value: Any) -> bool:  # noqa: ANN401 - whatever an attribute holds
    from onnx import TensorProto

    return isinstance(value, TensorProto)


def _as_standard(node: Proto) -> Proto:
    """An operator of ONNX Runtime as the one of ONNX that makes the same shapes."""
    from onnx import helper

    kind, inputs, others = SAME_SHAPES[node.op_type]
    made = helper.make_node(kind, list(node.input)[:inputs], list(node.output), name=node.name)
    made.attribute.extend(attribute for attribute in node.attribute if attribute.name not in others)
    return made


def _is_concrete(proto: Proto) -> bool:
    tensor = proto.tensor_type
    return (
        proto.WhichOneof("value") == "tensor_type"
        and tensor.HasField("shape")
        and all(dim.HasField("dim_value") and dim.dim_value >= 0 for dim in tensor.shape.dim)
    )
