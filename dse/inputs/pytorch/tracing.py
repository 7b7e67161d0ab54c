"""`trace`: torch.export's graph of a module as plain data.

The batch is exported as a number that divides no side of any weight or input, so that it can be told from every other side: a
tensor belongs to a sample if and only if that number divides its elements.
"""

from __future__ import annotations

import io
import logging
import math
import re
import warnings
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any, cast

from dse.errors import InputError, Problem
from dse.inputs.pytorch.loading import place_of, said, torch_or_refuse
from dse.inputs.pytorch.requests import HINT, Given

Dims = tuple[int, ...]

MARKERS = (1009, 1013, 1019, 1021, 1031, 1033, 1039, 1049, 1051, 1061, 1063, 1069, 1087, 1091, 1093, 1097)
"""Batches to export with: primes that hardly stand in any network."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A tensor (or several) that an operation before made."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operator of the graph: `name` without its namespace and overload ("linear"), and what it is given by name.

    `path` is the module that it stands in ("layer1.0.conv1"), `owner` that module's class with its package. `dims` are those of
    its result, of the first where it has several: then `parts` has those of each.
    """

    node: str
    name: str
    arguments: Mapping[str, Any]
    dims: Dims
    parts: tuple[Dims, ...] = ()
    path: str
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """A module's graph. `stored` are weights and buffers by node, each with its name in the module; `batch` is the marker."""

    batch: int
    inputs: Mapping[str, tuple[Dims, bool]]
    stored: Mapping[str, tuple[Dims, str]]
    operations: tuple[Operation, ...]
    outputs: tuple[str, ...]


def trace(module: Any, given: Sequence[Given], spec: str) -> Traced:  # noqa: ANN401 - torch's stubs are partial
    """Export a module on meta tensors of these shapes. Raises `InputError` where it cannot be exported."""
    torch = torch_or_refuse()
    batch = _marker([tuple(tensor.shape) for tensor in (*module.parameters(), *module.buffers())], given)
    tensors = tuple(
        torch.empty(each.with_batch(batch), device="meta", dtype=torch.long if each.is_int else None) for each in given
    )
    try:
        with _quietly(), torch.no_grad():
            program = torch.export.export(module, tensors, strict=False)
    except Exception as error:
        why = re.sub(rf"\b{batch}\b", "B", said(error))
        message = f"{spec} cannot be exported on {', '.join(_shown(each) for each in given)}: {why}"
        raise InputError(Problem(message, place_of(error), _remedy(error))) from None
    return _plain(program, batch)


@contextmanager
def _quietly() -> Generator[None]:
    """Keep warnings, logs and prints of torch's to itself: what matters of them is in the error."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _marker(weights: Sequence[Dims], given: Sequence[Given]) -> int:
    sides = {side for dims in weights for side in dims} | {side for each in given for side in each.sides}
    for candidate in MARKERS:
        if all(side % candidate for side in sides if side):
            return candidate
    raise InputError(Problem("the module has sides that are multiples of every batch that could be exported"))


def _shown(given: Given) -> str:
    sides = ["B" if index == given.batch_side else str(side) for index, side in enumerate(given.sides)]
    return "x".join(sides) + (":int" if given.is_int else "")


def _remedy(error: BaseException) -> str:
    text = str(error)
    if "data-dependent" in text:
        return "what it does depends on the numbers, which are not known: import the branch that is meant"
    if "indices" in text and ("Long" in text or "Int" in text):
        return "token ids are whole numbers: write --input 1x128:int"
    if any(word in text for word in ("positional", "missing", "argument count")):
        return f"give each of its inputs a shape; {HINT}"
    if any(word in text for word in ("size", "shape", "dim", "match", "channels")):
        return f"the first side of each input is the batch unless one is called B; {HINT}"
    return "torch.export must be able to follow it: arrays, files and numbers taken out of tensors have no graph"


def _plain(program: Any, batch: int) -> Traced:  # noqa: ANN401
    kinds = {spec.arg.name: spec for spec in program.graph_signature.input_specs if hasattr(spec.arg, "name")}
    inputs: dict[str, tuple[Dims, bool]] = {}
    stored: dict[str, tuple[Dims, str]] = {}
    operations: list[Operation] = []
    outputs: tuple[str, ...] = ()
    for node in program.graph.nodes:
        if node.op == "placeholder":
            spec, value = kinds[node.name], node.meta["val"]
            if not hasattr(value, "shape"):
                continue
            if spec.kind.name == "USER_INPUT":
                inputs[node.name] = (tuple(value.shape), not value.dtype.is_floating_point)
            else:
                stored[node.name] = (tuple(value.shape), str(spec.target))
        elif node.op == "get_attr":
            value = node.meta.get("val")
            stored[node.name] = (tuple(value.shape) if hasattr(value, "shape") else (), str(node.target))
        elif node.op == "call_function":
            operations.append(_operation(node))
        elif node.op == "output":
            outputs = tuple(ref.name for ref in _refs(_argument(node.args)))
    return Traced(batch=batch, inputs=inputs, stored=stored, operations=tuple(operations), outputs=outputs)


def _operation(node: Any) -> Operation:  # noqa: ANN401
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        name = str(getattr(node.target, "__name__", node.target))
        arguments = {str(index): _argument(value) for index, value in enumerate(node.args)}
    else:
        name = str(schema.name).rpartition("::")[2]
        arguments = {
            argument.name: _argument(argument.default_value) for argument in schema.arguments if argument.has_default_value()
        }
        arguments |= {argument.name: _argument(value) for argument, value in zip(schema.arguments, node.args, strict=False)}
        arguments |= {key: _argument(value) for key, value in node.kwargs.items()}
    modules: dict[str, Any] = node.meta.get("nn_module_stack") or {}
    stack = list(modules.values())
    path, owner = (str(stack[-1][0]), _class_name(stack[-1][1])) if stack else ("", "")
    value = node.meta.get("val")
    parts = tuple(_dims(each) for each in cast("list[Any]", value)) if isinstance(value, (list, tuple)) else ()
    return Operation(
        node=str(node.name),
        name=name,
        arguments=arguments,
        dims=parts[0] if parts else _dims(value),
        parts=parts,
        path=_clean(path),
        owner=owner,
    )


def _class_name(owner: Any) -> str:  # noqa: ANN401 - a class, or its name
    return owner if isinstance(owner, str) else f"{owner.__module__}.{owner.__qualname__}"


def _clean(path: str) -> str:
    """The module's path without torch's own prefixes."""
    for prefix in ("L['self'].", "L['self']", "self."):
        path = path.removeprefix(prefix)
    return path


def _dims(value: Any) -> Dims:  # noqa: ANN401
    """Dimensions of a tensor; none of anything else."""
    return tuple(int(side) for side in value.shape) if hasattr(value, "shape") else ()


def _argument(value: Any) -> Any:  # noqa: ANN401
    """An argument as plain data, tensors as `Ref`."""
    if isinstance(value, (list, tuple)):
        return tuple(_argument(each) for each in cast("list[Any]", value))
    if hasattr(value, "op") and hasattr(value, "meta"):
        return Ref(value.name)
    return value if isinstance(value, (bool, int, float, str)) or value is None else str(value)


def _refs(value: Any) -> Iterator[Ref]:  # noqa: ANN401
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, tuple):
        for each in cast("tuple[Any, ...]", value):
            yield from _refs(each)


def references(operation: Operation) -> tuple[str, ...]:
    """Names of all tensors that an operation is given."""
    return tuple(ref.name for value in operation.arguments.values() for ref in _refs(value))


def per_sample(dims: Dims, batch: int) -> int:
    """Elements of one sample; 0 where the tensor does not belong to a sample."""
    elements = math.prod(dims)
    return 0 if elements % batch else elements // batch
