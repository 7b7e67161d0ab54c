"""The process that runs an evaluator: ``python -m dse.search.evaluator_process MODULE:FUNCTION``.

It reads one design a line as JSON and answers with one line. What the evaluator prints goes to stderr, so that nothing of it
reaches the result. When the search ends or dies, its end of the pipe closes, and this process ends with all that it started.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast


def main() -> None:
    """Serve designs until the other end closes."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    def answer(value: dict[str, Any]) -> None:
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    try:
        evaluator = load(sys.argv[1])
    except BaseException as error:  # whatever a module of the user's raises while it is imported
        answer({"unusable": said(error)})
        return
    answer({"ready": True})
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests, waiting), daemon=True).start()
    while True:
        answer(asked(evaluator, json.loads(waiting.get())))


def _read(requests: Any, waiting: queue.SimpleQueue[str]) -> None:  # noqa: ANN401 - a text stream
    for line in requests:
        waiting.put(line)
    with contextlib.suppress(OSError):
        os.killpg(os.getpgrp(), signal.SIGKILL)


def load(name: str) -> Callable[[dict[str, Any]], object]:
    """The function that ``MODULE:FUNCTION`` names, looked up from the current folder first. Raises what goes wrong."""
    module, _, function = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    found: Any = importlib.import_module(module)
    for part in function.split("."):
        found = getattr(found, part)
    if not callable(found):
        raise TypeError(f"{name} is {type(found).__name__}, which cannot be called")
    return found


def asked(evaluator: Callable[[dict[str, Any]], object], design: dict[str, Any]) -> dict[str, Any]:
    """What the evaluator answers, or what it raises, in JSON's own types; numbers of any library become floats."""
    try:
        answer = evaluator(design)
    except Exception as error:  # recorded with the trial
        return {"failed": said(error)}
    if not isinstance(answer, Mapping):
        return {"bad_value": f"it returned {repr(answer)[:60]}, not a dict of metrics"}
    figures = cast("Mapping[Any, Any]", answer)
    return {"value": {str(key): _number(value) for key, value in figures.items()}}


def _number(value: Any) -> float | str:  # noqa: ANN401 - whatever a user's function returns
    if isinstance(value, (bool, str)):
        return str(value)
    try:
        return float(value)
    except (TypeError, ValueError):
        return repr(value)[:200]


def said(error: BaseException) -> str:
    """What was raised and where, in one line."""
    frames = traceback.extract_tb(error.__traceback__)
    own = (__file__, importlib.__file__)
    outside = [frame for frame in frames if frame.filename not in own and not frame.filename.startswith("<frozen")]
    where = f" ({Path(outside[-1].filename).name}:{outside[-1].lineno})" if outside else ""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}"[:300] + where


if __name__ == "__main__":
    main()
