"""What every family makes of a config: networks in the vocabulary of a workload file, and the tensors of the checkpoint."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dse.inputs.huggingface.config import Config
from dse.inputs.writer import Imported

INPUT = "input"

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu",
    "gelu_fast": "gelu",
    "gelu_python": "gelu",
    "gelu_pytorch_tanh": "gelu",
    "quick_gelu": "gelu",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
}
"""Names of activation functions in configs, and what they cost as."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """What the user asks for: tokens of a prompt, and lengths of the context (the new token counted) when one token is written.

    None is the family's own default.
    """

    prefill: tuple[int, ...] | None = None
    decode: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """Tensors of one shape in a checkpoint: `copies` of them. A `table` is looked up, not multiplied."""

    name: str
    shape: tuple[int, ...]
    copies: int = 1
    table: bool = False

    @property
    def count(self) -> int:
        """Numbers in all copies."""
        return self.copies * math.prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Every tensor of a checkpoint, so that their number can be held against what is published."""

    tensors: tuple[Parameter, ...]

    @property
    def total(self) -> int:
        """What a model card calls the number of parameters."""
        return sum(tensor.count for tensor in self.tensors)

    @property
    def tables(self) -> int:
        """Numbers that are looked up."""
        return sum(tensor.count for tensor in self.tensors if tensor.table)

    @property
    def vectors(self) -> int:
        """Biases and scales, which workloads leave out."""
        return sum(tensor.count for tensor in self.tensors if len(tensor.shape) == 1)

    @property
    def matrices(self) -> int:
        """Numbers that are multiplied with."""
        return self.total - self.tables - self.vectors


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A family's reading of a config."""

    networks: tuple[Imported, ...]
    parameters: Parameters
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Layers:
    """A network under construction: each layer reads the one before, unless it says otherwise."""

    entries: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    last: str = INPUT

    def add(self, name: str, kind: str, *, reads: str | Sequence[str] | None = None, **keys: Any) -> str:  # noqa: ANN401
        """Append a layer with the keys of its kind; its name."""
        sources = [self.last] if reads is None else [reads] if isinstance(reads, str) else list(reads)
        self.entries.append({"name": name, "kind": kind, **keys, **({"from": sources} if sources else {})})
        self.last = name
        return name


@dataclass(slots=True)
class Checkpoint:
    """Tensors under construction."""

    tensors: list[Parameter] = field(default_factory=list[Parameter])

    def table(self, name: str, rows: int, width: int) -> None:
        """Rows that are looked up."""
        self.tensors.append(Parameter(name=name, shape=(rows, width), table=True))

    def tensor(self, name: str, *shape: int, copies: int = 1) -> None:
        """A tensor in as many copies."""
        self.tensors.append(Parameter(name=name, shape=shape, copies=copies))

    def linear(self, name: str, features: int, of: int, *, copies: int = 1, bias: bool = True) -> None:
        """The weight of a linear layer, and its bias."""
        self.tensor(f"{name}.weight", features, of, copies=copies)
        if bias:
            self.tensor(f"{name}.bias", features, copies=copies)

    def norm(self, name: str, width: int, *, copies: int = 1, bias: bool = True) -> None:
        """Scale and, for a layer normalisation, shift."""
        self.tensor(f"{name}.weight", width, copies=copies)
        if bias:
            self.tensor(f"{name}.bias", width, copies=copies)

    def done(self) -> Parameters:
        """All of them."""
        return Parameters(tensors=tuple(self.tensors))


def activation_of(config: Config, key: str, default: str | None = None) -> str:
    """The activation function that a key names. Raises `InputError` for one that has no rule."""
    return activation_named(config, key, config.word(key, default))


def activation_named(config: Config, key: str, word: str) -> str:
    """The activation function of a name that stands under a key. Raises `InputError` for one that has no rule."""
    if word not in ACTIVATIONS:
        config.refuse(key, f"the activation {word!r} has no rule", f"known are: {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[word]


def lengths_within(config: Config, lengths: Sequence[int], most: int, key: str) -> None:
    """Refuse lengths beyond a table of positions."""
    for length in lengths:
        if length > most:
            config.refuse(key, f"{length} tokens are more than the {most} positions that the model has ({key}: {most})")


def head_width(config: Config, width: int, heads: int, key: str) -> int:
    """Features of a head: width / heads."""
    if width % heads:
        config.refuse(key, f"{heads} heads ({key}) do not divide {width} features")
    return width // heads
