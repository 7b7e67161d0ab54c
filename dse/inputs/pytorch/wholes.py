"""Modules that are known as a whole, by the name of their class: what they spell out is one layer here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from dse.inputs.pytorch.building import Builder
from dse.inputs.pytorch.tracing import Operation, references
from dse.inputs.pytorch.values import Value

METHODS = {"RMSNorm": "rms", "T5LayerNorm": "rms", "LocalResponseNorm": "local_response"}
"""Normalisations that are written out in other operators, by the end of their class's name."""

NATIVE = ("rms_norm", "_fused_rms_norm")
"""Operators that have a rule of their own."""


def run_all(builder: Builder, operations: Sequence[Operation]) -> None:
    """Make the layers of all operations, those of a known module together."""
    read_by = {name: index for index, operation in enumerate(operations) for name in references(operation)}
    index = 0
    for group in _groups(operations):
        index += len(group)
        if not _whole(builder, group, {name for name, last in read_by.items() if last >= index}):
            for operation in group:
                builder.run(operation)


def _groups(operations: Sequence[Operation]) -> Iterator[tuple[Operation, ...]]:
    """Operations one by one, those that follow each other in one known module together."""
    for (_, method), group in groupby(operations, key=lambda each: (each.path, _method(each))):
        if method is None:
            yield from ((operation,) for operation in group)
        else:
            yield tuple(group)


def _method(operation: Operation) -> str | None:
    own = operation.owner.rpartition(".")[2].lower()
    return next((method for end, method in METHODS.items() if own.endswith(end.lower())), None)


def _whole(builder: Builder, group: tuple[Operation, ...], read_later: set[str]) -> bool:
    """Make one layer of a known module, if it has one input and one result."""
    method = _method(group[0])
    if method is None or len(group) < 2 or any(operation.name in NATIVE for operation in group):
        return False
    inside = {operation.node for operation in group}
    given = {name for operation in group for name in references(operation)} - inside
    values = [value for name in given if isinstance(value := builder.known[name], Value)]
    results = (inside & read_later) | {group[-1].node}
    last = group[-1]
    if len(values) != 1 or results != {last.node} or builder.per_sample(last.dims, last) != values[0].elements:
        return False
    shape = builder.seen(values[0], last.dims, last)
    made = builder.add(
        last,
        "normalisation",
        [builder.as_shape(values[0], shape, last)],
        shape,
        called=last.path.replace(".", "_"),
        method=method,
    )
    for operation in group:
        builder.known[operation.node] = made
        builder.note_dims(operation)
    return True
