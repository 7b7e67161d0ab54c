"""Names of layers from names of a graph: short, unique, and what a person would know them by."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from dse.inputs.writer import layer_name

_OPERATORS = frozenset(
    [
        "Conv",
        "ConvTranspose",
        "Gemm",
        "MatMul",
        "Add",
        "Sum",
        "Mul",
        "Relu",
        "Clip",
        "Sigmoid",
        "Softmax",
        "BatchNormalization",
        "LayerNormalization",
        "Concat",
        "Gather",
        "LSTM",
        "GRU",
        "RNN",
        "Attention",
        "Erf",
        "Div",
    ]
)


def layer_names(hints: Sequence[str], kinds: Sequence[str], inputs: Sequence[str] = ()) -> list[str]:
    """A name for each layer from what the graph calls it.

    What all names begin with goes, and so do the parts of a path that say the same twice and operators at its end.

    >>> layer_names(["/layer1/layer1.0/conv1/Conv", "/layer1/layer1.0/Add", "/fc/Gemm"], ["conv2d", "add", "linear"])
    ['layer1_0_conv1', 'layer1_0_add', 'fc']
    >>> layer_names(["gpu_0/conv1_1", "gpu_0/pred_1"], ["conv2d", "linear"])
    ['conv1', 'pred']
    """
    paths = [_path(hint, kind) for hint, kind in zip(hints, kinds, strict=True)]
    shared = _shared(paths)
    endings = [re.search(r"_\d+$", path[-1]) for path in paths if path]
    same = (
        endings[0].group() if endings and endings[0] and all(end and end.group() == endings[0].group() for end in endings) else ""
    )
    names: list[str] = []
    taken = set(inputs)
    for path, kind in zip(paths, kinds, strict=True):
        text = "_".join(path[shared:]) if len(path) > shared else kind
        name = layer_name((text.removesuffix(same) if len(paths) > 1 else text) or kind, taken)
        taken.add(name)
        names.append(name)
    return names


def _path(hint: str, kind: str) -> list[str]:
    parts = [part for part in re.split(r"[/:]+", hint) if part]
    if len(parts) > 1:
        parts[-1] = re.sub(r"_output_\d+$", "", parts[-1])
        operator = re.sub(r"_\d+$", "", parts[-1])
        if operator in _OPERATORS or operator.lower() == kind:
            weighted = kind in (
                "linear",
                "conv1d",
                "conv2d",
                "depthwise_conv2d",
                "transposed_conv2d",
                "embedding",
                "lstm",
                "gru",
                "rnn",
            )
            parts = parts[:-1] if weighted else [*parts[:-1], kind]
    kept: list[str] = []
    for part in parts:
        if kept and (part == kept[-1] or part.startswith(f"{kept[-1]}.")):
            kept[-1] = part
        else:
            kept.append(part)
    return kept or [kind]


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
