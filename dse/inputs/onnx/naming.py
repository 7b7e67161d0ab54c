"""Names of layers from names of a graph: short, unique, and what a person would know them by."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from dse.inputs.onnx.constants import FOLDED
from dse.inputs.onnx.rules import RULES
from dse.inputs.writer import layer_name

_WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul", "Gather", "LSTM", "GRU", "RNN", "LayerNormalization"})
_OPERATORS = frozenset((*RULES, *FOLDED))
_TOLD = ("matmul", "attention")
"""Words of layers that a name of a module does not tell, since they are a part of it."""
_NUMBERS = re.compile(r"(_\d+)?(_output(_\d+)?)?$")
"""What exporters put behind the name of an operator."""


def layer_names(hints: Sequence[str], words: Sequence[str], inputs: Sequence[str] = ()) -> list[str]:
    """A name for each layer from what the graph calls it, or, where it calls it nothing, from what it is and where it stands.

    What all names begin with goes, and so do the parts of a path that say the same twice and operators at its end.

    >>> layer_names(["/layer1/layer1.0/conv1/Conv", "/layer1/layer1.0/Add", "/fc/Gemm"], ["conv", "add", "linear"])
    ['layer1_0_conv1', 'layer1_0_add', 'fc']
    >>> layer_names(["gpu_0/res2_0_a", "", "gpu_0/pred"], ["conv", "relu", "linear"])
    ['res2_0_a', 'res2_0_relu', 'pred']
    """
    paths = [_path(hint, word) for hint, word in zip(hints, words, strict=True)]
    shared = _shared([path for path in paths if path])
    endings = [found.group() if (found := re.search(r"_\d+$", path[-1])) else "" for path in paths if path]
    ending = endings[0] if len(endings) > 1 and len(set(endings)) == 1 else ""
    names: list[str] = []
    taken = set(inputs)
    counts: dict[str, int] = {}
    around = ""
    for path, word in zip(paths, words, strict=True):
        named = "_".join(path[shared:]).removesuffix(ending)
        wanted = layer_name(named or f"{around}{word}")
        counts[wanted] = count = counts.get(wanted, 0) + 1
        name = layer_name(wanted if count == 1 else f"{wanted}_{count}", taken)
        around = _around(path[shared:]) if named else around
        taken.add(name)
        names.append(name)
    return names


def _around(path: Sequence[str]) -> str:
    """What names of unnamed layers after a named one begin with: the path to it, or the numbered part of its name."""
    whole = "_".join(path[:-1]) if len(path) > 1 else path[0].rpartition("_")[0]
    return f"{layer_name(whole)}_" if len(path) > 1 or re.search(r"[A-Za-z].*[0-9]", whole) else ""


def _path(hint: str, word: str) -> list[str]:
    """The parts of a name, without what they say twice and without the operator at the end of a layer with weights."""
    parts = [part for part in re.split(r"[/:]+", hint) if part]
    operator = _NUMBERS.sub("", parts[-1]) if parts else ""
    if len(parts) > 1:
        if operator in _OPERATORS and (_says(parts[-2], word) or (operator in _WEIGHTED and word not in _TOLD)):
            parts.pop()
        elif operator in _OPERATORS:
            parts[-1] = word
    elif operator in _OPERATORS:
        return []
    kept: list[str] = []
    for part in parts:
        if kept and (part == kept[-1] or part.startswith(f"{kept[-1]}.")):
            kept[-1] = part
        else:
            kept.append(part)
    return kept


def _says(name: str, word: str) -> bool:
    """Whether a module's name says what its one operator is: ``input_layernorm`` does of a norm, ``self_attn`` of attention."""
    return word in ("norm", "attention") and word[:4].rstrip("e") in name.lower()


def _shared(paths: Sequence[Sequence[str]]) -> int:
    """How many parts all paths begin with."""
    if len(paths) < 2:
        return 0
    shared = 0
    while all(len(path) > shared + 1 for path in paths) and len({path[shared] for path in paths}) == 1:
        shared += 1
    return shared


def input_names(names: Mapping[int, str]) -> dict[int, str]:
    """Names of a network's inputs by number: the first is ``input``, the others are called as in the graph."""
    found: dict[int, str] = {}
    for number, name in names.items():
        found[number] = "input" if not found else layer_name(name, found.values())
    return found
