"""A module from MODULE:FACTORY. This runs the user's own code: that is what is asked for."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Generator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from dse.errors import InputError, Place, Problem

HINT = "write it like nets.py:make_net or torchvision.models:resnet50"
CALLED = "it is called without arguments and makes tensors without data: name a factory that needs and loads nothing"
INSTALL = "pip install 'dse[torch]'"


def torch_or_refuse() -> Any:  # noqa: ANN401 - torch's stubs are partial
    """The torch package. Raises `InputError` with what to install."""
    try:
        return importlib.import_module("torch")
    except ImportError:
        raise InputError(Problem("PyTorch modules are read with torch, which is not installed", remedy=INSTALL)) from None


def load_module(spec: str) -> Any:  # noqa: ANN401
    """The module that FACTORY makes, without weights and for inference. Raises `InputError`.

    MODULE is a file or a module's name, FACTORY a function without arguments, a class or a module in it.
    """
    torch = torch_or_refuse()
    where, colon, factory = spec.rpartition(":")
    if not (colon and where and factory):
        raise InputError(Problem(f"{spec!r} is not MODULE:FACTORY", remedy=HINT))
    found = _member(_source(where), factory, spec)
    with torch.device("meta"), _user_code(spec, f"{factory} failed", CALLED):
        made: Any = found() if callable(found) and not isinstance(found, torch.nn.Module) else found
    if not isinstance(made, torch.nn.Module):
        message = f"{spec}: {factory} makes a {type(made).__name__}, not a torch.nn.Module"
        raise InputError(Problem(message, remedy="return the module itself"))
    with _user_code(spec, "cannot be moved to meta tensors"):
        return made.to("meta").eval()


def _source(where: str) -> Any:  # noqa: ANN401
    if not where.endswith(".py"):
        with _import_path(Path.cwd()), _user_code(where, "cannot be imported"):
            return importlib.import_module(where)
    path = Path(where)
    if not path.is_file():
        raise InputError(Problem("no such file", Place(where), HINT))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with _import_path(path.resolve().parent), _user_code(where, "cannot be imported"):
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
    return module


def _member(module: Any, factory: str, spec: str) -> Any:  # noqa: ANN401
    found: Any = module
    for part in factory.split("."):
        if not hasattr(found, part):
            public = [name for name in dir(module) if not name.startswith("_")]
            message = f"{spec}: there is no {factory!r}"
            raise InputError(Problem(message, remedy=f"it has: {', '.join(sorted(public)[:12])}"))
        found = getattr(found, part)
    return found


@contextmanager
def _import_path(folder: Path) -> Generator[None]:
    """Let the user's code import what lies beside it."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


@contextmanager
def _user_code(what: str, message: str, remedy: str | None = None) -> Generator[None]:
    """Turn whatever the user's code raises into one message with the line of it."""
    try:
        with redirect_stdout(sys.stderr):
            yield
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(Problem(f"{what}: {message}: {said(error)}", place_of(error), remedy)) from None


def said(error: BaseException) -> str:
    """The kind of an error and the first line of what it says."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__


def place_of(error: BaseException) -> Place | None:
    """The innermost line that is in no installed package."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename and not _is_inside(frame.filename)]
    return Place(own[-1].filename, own[-1].lineno) if own else None


def _is_inside(file: str) -> bool:
    """Whether a file belongs to this package or to Python itself."""
    package, standard = Path(__file__).resolve().parents[2], Path(importlib.__file__).resolve().parents[1]
    path = Path(file).resolve() if not file.startswith("<") else standard / "x"
    return path.is_relative_to(package) or path.is_relative_to(standard)
