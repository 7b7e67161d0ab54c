"""From a file to a model that can be looked at: what is wrong with it is said, and nothing outside the file is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dse.errors import InputError, Place, Problem
from dse.inputs.wording import near_miss

if TYPE_CHECKING:
    from onnx import ModelProto

Proto = Any
"""A message of protobuf, which has no types here."""

MAX_BYTES = 2**31
"""Most bytes of a protobuf message, and so of a model with its weights inside."""

MAX_NODES = 100_000

_OTHERS = (
    (
        b"PK\x03\x04",
        "looks like a zip file (a PyTorch checkpoint, perhaps)",
        "export it: torch.onnx.export(model, inputs, 'model.onnx')",
    ),
    *(
        (
            bytes((0x80, protocol)),
            "looks like a pickle (an old PyTorch checkpoint, perhaps), which dse does not open",
            "export it: torch.onnx.export(model, inputs, 'model.onnx')",
        )
        for protocol in range(2, 6)
    ),
    (b"\x89HDF", "is an HDF5 file (a Keras model, perhaps)", "convert it with tf2onnx"),
    (b"\x89PNG", "is a picture", None),
    (b"\x1f\x8b", "is a gzip file", "unpack it first"),
    (b"version https://git-lfs", "is a pointer of Git LFS, not the file itself", "fetch it: git lfs pull"),
)


def read_model(path: Path) -> ModelProto:
    """The model in a file, its local functions written out in place.

    Weights that lie in other files stay there. Raises `InputError` where it is no ONNX model, is damaged, or needs a newer onnx.
    """
    onnx = onnx_package()
    place = Place(str(path))
    raw = _bytes(path, place)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(raw)
    except Exception:
        raise InputError(_unreadable(raw, place)) from None
    if not model.HasField("graph") or not model.opset_import:
        raise InputError(_unreadable(raw, place))
    if not _is_text(model):
        raise InputError(Problem("is damaged: a name in it is no text", place, "copy or export it again"))
    _check_version(model, place)
    if not model.graph.node:
        raise InputError(Problem("has no operators: there is nothing to count", place, "export the whole model"))
    if len(model.graph.node) > MAX_NODES:
        raise InputError(Problem(f"has {len(model.graph.node):,} operators; at most {MAX_NODES:,} are read", place))
    return _inlined(model, place) if model.functions else model


def onnx_package() -> Any:  # noqa: ANN401 - a package that may be absent
    """The onnx package. Raises `InputError` with what to install where it is not there."""
    try:
        import onnx
    except ImportError:
        raise InputError(Problem("reading ONNX models needs the onnx package", remedy="pip install 'dse[onnx]'")) from None
    return onnx


def _bytes(path: Path, place: Place) -> bytes:
    try:
        if path.is_dir():
            raise InputError(Problem("is a folder; an ONNX file is needed", place))
        if not path.exists():
            names = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
            raise InputError(Problem("no such file", place, near_miss(path.name, names).strip() or None))
        if not path.is_file():
            raise InputError(Problem("is not a regular file", place))
        size = path.stat().st_size
        if size == 0:
            raise InputError(Problem("is empty", place, "export the model again"))
        if size > MAX_BYTES:
            message = f"has {size:,} bytes; an ONNX file holds at most {MAX_BYTES:,} (2 GiB)"
            raise InputError(Problem(message, place, "export it with its weights in a file of their own"))
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(Problem(f"cannot be read: {reason}", place)) from None


def _unreadable(raw: bytes, place: Place) -> Problem:
    for start, message, remedy in _OTHERS:
        if raw.startswith(start):
            return Problem(f"is not an ONNX model: it {message}", place, remedy)
    if len(raw) > 8 and raw[4:8] == b"TFL3":
        return Problem("is not an ONNX model: it is a TensorFlow Lite model", place, "convert it with tf2onnx --tflite")
    message = f"is not an ONNX model, or only a part of one ({len(raw):,} bytes)"
    return Problem(message, place, "copy or export it again; a truncated download looks like this")


def _is_text(model: ModelProto) -> bool:
    """Whether all that the graph calls by name is called by a text: what is no UTF-8 comes as bytes."""
    graph = model.graph
    names: list[Any] = [model.producer_name, model.producer_version, graph.name, *(each.domain for each in model.opset_import)]
    for node in graph.node:
        names += [node.op_type, node.name, node.domain, *node.input, *node.output]
        names += [attribute.name for attribute in node.attribute]
    for value in (*graph.input, *graph.output, *graph.value_info):
        names += [value.name, *(dim.dim_param for dim in value.type.tensor_type.shape.dim)]
    names += [tensor.name for tensor in graph.initializer]
    names += [sparse.values.name for sparse in graph.sparse_initializer]
    return all(isinstance(name, str) for name in names)


def _check_version(model: ModelProto, place: Place) -> None:
    onnx = onnx_package()
    known = int(onnx.defs.onnx_opset_version())
    used = max((opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")), default=known)
    remedy = f"pip install --upgrade onnx, or export with opset_version={known}"
    if used > known:
        message = f"uses operator set {used} of ONNX; the installed onnx {onnx.__version__} knows those up to {known}"
        raise InputError(Problem(message, place, remedy))
    if model.ir_version > onnx.IR_VERSION:
        message = (
            f"is written in version {model.ir_version} of the format; the installed onnx reads those up to {onnx.IR_VERSION}"
        )
        raise InputError(Problem(message, place, remedy))
    if used < 1:
        raise InputError(Problem(f"names the operator set {used}, which there never was", place, "export the model again"))


def _inlined(model: ModelProto, place: Place) -> ModelProto:
    """The model with its functions in place of their calls."""
    import onnx.inliner

    try:
        return onnx.inliner.inline_local_functions(model)
    except Exception as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            Problem(f"its functions cannot be written out: {said}", place, "export it without local functions")
        ) from None
