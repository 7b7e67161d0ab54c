"""Model files that stand where a workload file may: each becomes the text of one, and is read as that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

from dse.errors import InputError, Place, Problem
from dse.inputs.document import Document, read_document, read_text


def _onnx(path: Path) -> str:
    from dse.inputs.onnx.importing import import_onnx

    return import_onnx(path, free_batch=True)


def _checkpoint(path: Path) -> str:
    message = "holds the numbers of a model and not what is done with them, and may hold code; dse does not open it"
    remedy = (
        "export it to ONNX (torch.onnx.export), or name what makes the module: dse import torch nets.py:make --input 1x3x224x224"
    )
    raise InputError(Problem(message, Place(str(path)), remedy))


READERS: Mapping[str, Callable[[Path], str]] = {
    ".onnx": _onnx,
    **dict.fromkeys((".pt", ".pth", ".ckpt", ".safetensors", ".pkl", ".h5", ".keras", ".pb", ".tflite"), _checkpoint),
}
"""What makes a workload file's text of a model file, by the end of its name."""


def is_model(path: Path) -> bool:
    """Whether a file is read as a model: its name says so."""
    return path.suffix.lower() in READERS


def workload_text(path: Path) -> str:
    """The text of the workload file that a model file becomes. Raises `InputError`."""
    try:
        status = path.stat()
    except OSError:
        return READERS[path.suffix.lower()](path)
    return _text(path.resolve(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=8)
def _text(path: Path, size: int, changed_ns: int) -> str:
    """The text, made once for a file as it is: size and time of change tell when it is another."""
    del size, changed_ns
    return READERS[path.suffix.lower()](path)


def workload_document(path: Path) -> Document:
    """A workload file, or a model file as one, as a document; a model's place in messages is its name."""
    return read_text(workload_text(path), str(path)) if is_model(path) else read_document(path)
