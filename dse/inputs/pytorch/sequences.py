"""Rules of attention, recurrent stacks, and look-ups in tables."""

from __future__ import annotations

import math
from typing import Any

from dse.inputs.pytorch.building import Builder, rule
from dse.inputs.pytorch.pointwise import numbers
from dse.inputs.pytorch.tracing import Operation, per_sample
from dse.inputs.pytorch.values import Known, State, Value
from dse.workload.shapes import Sequence, Tokens


@rule("scaled_dot_product_attention", "_scaled_dot_product_flash_attention", "_scaled_dot_product_efficient_attention")
def attention(builder: Builder, operation: Operation) -> Known:
    """softmax(Q·Kᵀ)·V; keys and values that were copied for several heads are key-value heads."""
    q, k, v = (builder.dims(operation, name) for name in ("query", "key", "value"))
    values = [builder.value(operation, name) for name in ("query", "key", "value")]
    heads = builder.per_sample(q[:-2] or (0,), operation)
    kv_heads = [math.prod(dims[:-2]) // builder.batch // value.copies for dims, value in zip((k, v), values[1:], strict=True)]
    if q[-1] != v[-1] or kv_heads[0] != kv_heads[1]:
        builder.refuse(operation, "has no rule for values of another width than the keys")
    names = [
        builder.as_shape(value.plain(), Sequence(together * dims[-1], dims[-2]), operation)
        for value, dims, together in zip(values, (q, k, v), (heads, *kv_heads), strict=True)
    ]
    if builder.of(operation, "attn_mask") is not None:
        builder.notes.append(f"the mask of {operation.path or 'the module'}'s attention is left out: all scores are counted")
    return builder.add(
        operation,
        "attention",
        names,
        Sequence(heads * q[-1], q[-2]),
        heads=heads,
        kv_heads=kv_heads[0] if kv_heads[0] != heads else None,
        causal=bool(builder.argument(operation, "is_causal")) and k[-2] == q[-2] > 1,
        projections=False,
    )


@rule("rotary")
def rotary(builder: Builder, operation: Operation) -> Known:
    """Queries or keys turned by the angles of their positions: four products and two sums for two elements."""
    value = builder.value(operation, "self")
    for function in ("scale", "scale", "shift"):
        shape = numbers(value, builder, operation)
        value = builder.add(operation, "elementwise", [value.name], shape, operation=function, facts=("rotary",))
    return value


GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


@rule(*GATES)
def recurrent(builder: Builder, operation: Operation) -> Known:
    """Stacks of LSTM, GRU and plain cells: the sequence, and the states at its end."""
    params = builder.argument(operation, "params")
    if params is None or "batch_sizes" in operation.arguments:
        builder.refuse(operation, "has no rule for packed sequences")
    value, dims = builder.value(operation, "input"), builder.dims(operation, "input")
    recurrent_weight = builder.dims_of(params[1])
    hidden = recurrent_weight[0] // GATES[operation.name]
    width = recurrent_weight[1]
    layers, directions = int(builder.argument(operation, "num_layers")), 2 if builder.argument(operation, "bidirectional") else 1
    steps = value.elements // dims[-1]
    name = builder.as_shape(value, Sequence(dims[-1], steps), operation)
    keys: dict[str, Any] = {"projection": width} if width != hidden else {}
    if operation.name == "rnn_relu":
        keys["cell_activation"] = "relu"
    made = builder.add(
        operation,
        operation.name.partition("_")[0],
        [name],
        Sequence(width * directions, steps),
        hidden=hidden,
        layers=layers,
        bidirectional=directions == 2,
        **keys,
    )
    state = State(last=made, layers=layers, directions=directions)
    return (made, state, state)


@rule("embedding", takes_ids=True)
def embedding(builder: Builder, operation: Operation) -> Known:
    """Rows of a table for ids that are given."""
    weight, ids = builder.dims(operation, "weight"), builder.of(operation, "indices")
    if not (isinstance(ids, Value) and isinstance(ids.shape, Tokens)):
        builder.refuse(operation, "has a rule for ids that are an input alone")
    shape = Sequence(weight[1], ids.elements)
    return builder.add(operation, "embedding", [ids.name], shape, vocabulary=weight[0], features=weight[1])


@rule("embedding_bag", takes_ids=True)
def embedding_bag(builder: Builder, operation: Operation) -> Known:
    """Sums (or means) of rows: as many ids as come for each result are a bag."""
    weight, ids = builder.dims(operation, "weight"), builder.of(operation, "indices")
    made = per_sample(operation.dims, builder.batch)
    if not (isinstance(ids, Value) and isinstance(ids.shape, Tokens)) or not made:
        builder.refuse(operation, "has a rule for ids that are an input alone")
    bags = made // weight[1]
    if ids.elements % bags:
        builder.refuse(operation, "has a rule for bags of one size alone")
    shape = Sequence(weight[1], bags)
    found = builder.add(
        operation, "embedding", [ids.name], shape, vocabulary=weight[0], features=weight[1], bag=ids.elements // bags
    )
    return (found, None, None, None)
