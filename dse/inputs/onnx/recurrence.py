"""Rules of LSTM, GRU and RNN."""

from __future__ import annotations

from typing import Any

from dse.inputs.onnx.building import Builder, Value
from dse.inputs.onnx.formats import note_formats
from dse.inputs.onnx.graph import Operator
from dse.workload.shapes import Sequence as Steps
from dse.workload.shapes import Vector

_CELLS = {"Tanh": "tanh", "Relu": "relu", "HardTanh": "hard_tanh", "Clip": "clipped_relu"}


def recurrent(builder: Builder, operator: Operator) -> None:
    """X (steps x batch x features; layout 1: batch first), W, R, B, lengths, initial states, and an LSTM's peepholes."""
    data, attributes = str(operator.input(0)), operator.attributes
    shape = builder.graph.shape(data, operator)
    layout = int(attributes.get("layout", 0))
    batch, steps = (shape[0], shape[1]) if layout else (shape[1], shape[0])
    if batch != builder.graph.batch:
        message = f"its input {shape} has {batch} in the place of the batch ({builder.graph.batch})"
        raise builder.error(operator, message, "export the model with the batch where layout says it is")
    if not builder.is_constant(operator.input(1)) or not builder.is_constant(operator.input(2)):
        raise builder.error(operator, "its weights are computed from the input, and dse counts learned weights alone")
    both = attributes.get("direction", b"forward").decode() == "bidirectional"
    hidden = builder.graph.shape(str(operator.input(2)), operator)[-1]
    keys: dict[str, Any] = {"in": shape[2], "hidden": hidden, "bidirectional": both}
    keys |= _cell(builder, operator)
    every, last = builder.is_read(operator.outputs[0]), any(builder.is_read(name) for name in operator.outputs[1:])
    if not every:
        keys["returns"] = "last"
    _note_aside(builder, operator)
    source = builder.view(builder.value(data, operator), Steps(shape[2], steps), operator)
    made = builder.emit(operator, operator.type.lower(), [source], keys, channels_last=True)
    note_formats(builder, made, data, operator.input(1))
    if every:
        builder.finish(operator, made)
    if last:
        final = builder.emit(operator, "select", [made], {"steps": "last"}) if every else made
        for name in operator.outputs[1:]:
            builder.set(name, Value(layer=final.layer, shape=Vector(final.elements)))


def _cell(builder: Builder, operator: Operator) -> dict[str, Any]:
    """A plain cell's function."""
    if operator.type != "RNN":
        return {}
    functions = {name.decode() for name in operator.attributes.get("activations", [b"Tanh"])}
    if len(functions) != 1 or not functions <= set(_CELLS):
        raise builder.error(
            operator, f"dse has no rule for cells of {', '.join(sorted(functions))}", f"there are {', '.join(_CELLS)}"
        )
    return {"cell_activation": _CELLS[functions.pop()]}


def _note_aside(builder: Builder, operator: Operator) -> None:
    lengths, states = operator.input(4), [operator.input(5), operator.input(6) if operator.type == "LSTM" else None]
    if lengths is not None and not builder.is_constant(lengths):
        builder.note("sequences are taken at their full length")
    if any(name is not None and not builder.is_constant(name) for name in states):
        builder.note("initial states that are given are not loaded")
    if operator.type == "LSTM" and operator.input(7) is not None:
        builder.note("peephole weights (three vectors a layer) are not counted")
