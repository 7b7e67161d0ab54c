"""Small ONNX models made in memory, whose weights have shapes and no numbers."""

from onnx import TensorProto, helper


def weight(name, *dims, data_type=TensorProto.FLOAT):
    """A stored constant of a shape, without its numbers."""
    tensor = TensorProto(name=name, data_type=data_type)
    tensor.dims.extend(dims)
    return tensor


def ints(name, *numbers):
    """A stored list of whole numbers."""
    return helper.make_tensor(name, TensorProto.INT64, [len(numbers)], numbers)


def floats(name, *numbers, dims=None):
    """Stored floating-point numbers."""
    return helper.make_tensor(name, TensorProto.FLOAT, [len(numbers)] if dims is None else dims, numbers)


def node(op, inputs, outputs, name="", **attributes):
    """An operator; inputs and outputs are names in one text."""
    return helper.make_node(op, inputs.split(), outputs.split(), name=name, **attributes)


def model(nodes, inputs, outputs, constants=(), *, opset=17, types=None, domains=()):
    """A model; `inputs` are shapes by name (a text is an open dimension), `types` element types other than float."""
    given = [
        helper.make_tensor_value_info(name, (types or {}).get(name, TensorProto.FLOAT), shape) for name, shape in inputs.items()
    ]
    made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs.split()]
    graph = helper.make_graph(list(nodes), "graph", given, made, initializer=list(constants))
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def saved(folder, proto, name="model.onnx"):
    """The model in a file."""
    path = folder / name
    path.write_bytes(proto.SerializeToString())
    return path
