"""`Evaluator`: whom to ask for a second opinion of a design, in a process of its own so that a hang can be ended."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

from dse.errors import InputError, Problem
from dse.search.evaluator_process import asked
from dse.search.front import METRIC_COLUMNS
from dse.search.opinions import Opinion, Status, read_metrics

Function = Callable[[dict[str, Any]], Mapping[str, float]]

SECONDS_TO_START = 120.0
"""How long the module of an evaluator may take to be imported."""

KNOWN = tuple(METRIC_COLUMNS.values())
"""Metrics that an evaluator may return."""


class Evaluator(Protocol):
    """Gives opinions; a context manager that ends what it started."""

    @property
    def name(self) -> str:
        """How a report calls it."""
        ...

    def opinion(self, design: dict[str, Any]) -> Opinion:
        """What it says of a design (one row of a table, the unit in every name); never raises for what it does wrong."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


def evaluator_named(evaluator: str | Function, timeout_s: float | None = None) -> Evaluator:
    """The evaluator of a text ``MODULE:FUNCTION``, in a process of its own, or of a function, in this one.

    Raises `InputError` for a text that names nothing, and for a function with a time-out: only a process can be ended.
    """
    if timeout_s is not None and timeout_s <= 0:
        raise InputError(Problem(f"a time-out of {timeout_s:g} s leaves an evaluator no time"))
    if not isinstance(evaluator, str):
        if timeout_s is not None:
            remedy = "name the evaluator as 'MODULE:FUNCTION', and it runs in a process that can be ended"
            raise InputError(Problem("a function of this process cannot be ended after a time-out", remedy=remedy))
        return Here(evaluator)
    if not re.fullmatch(r"[\w.]+:[\w.]+", evaluator):
        remedy = "write MODULE:FUNCTION, for instance rtl.simulate:latency for latency() in rtl/simulate.py"
        raise InputError(Problem(f"--evaluator {evaluator}: that names no function", remedy=remedy))
    return Elsewhere(name=evaluator, timeout_s=timeout_s)


@dataclass(frozen=True, slots=True)
class Here:
    """A function that is called in this process."""

    function: Function

    @property
    def name(self) -> str:
        """Module and name of the function."""
        return f"{self.function.__module__}:{getattr(self.function, '__qualname__', type(self.function).__name__)}"

    def opinion(self, design: dict[str, Any]) -> Opinion:
        """What the function says of a design."""
        begun = time.monotonic()
        return _read_answer(asked(self.function, design), time.monotonic() - begun)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass


@dataclass(slots=True, kw_only=True)
class Elsewhere:
    """A function that a process of its own calls; the process is ended, with all that it started, when time is out."""

    name: str
    timeout_s: float | None = None
    _process: subprocess.Popen[str] | None = None
    _answers: queue.SimpleQueue[str | None] = field(default_factory=lambda: queue.SimpleQueue[str | None]())

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()

    def opinion(self, design: dict[str, Any]) -> Opinion:
        """What the function says of a design; a process that died or was ended is started again for the next one."""
        begun = time.monotonic()
        if self._process is None:
            try:
                self._start()
            except InputError as error:
                return Opinion(status="failed", message=error.problems[0].message, seconds=time.monotonic() - begun)
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(json.dumps(design) + "\n")
                self._process.stdin.flush()
            line = self._answers.get(timeout=self.timeout_s)
        except queue.Empty:
            self._end()
            message = f"no answer within {self.timeout_s:g} s"
            return Opinion(status="timed_out", message=message, seconds=time.monotonic() - begun)
        except KeyboardInterrupt:
            self._end()
            raise
        seconds = time.monotonic() - begun
        if line is None:
            code = self._process.wait()
            self._end()
            return Opinion(status="failed", message=f"its process ended ({_ending(code)})", seconds=seconds)
        return _read_answer(json.loads(line), seconds)

    def _start(self) -> None:
        """Start the process and wait until it has the function. Raises `InputError` if it cannot have it."""
        command = [sys.executable, "-m", "dse.search.evaluator_process", self.name]
        paths = [path for path in (os.environ.get("PYTHONPATH"), *sys.path) if path]
        self._answers = queue.SimpleQueue()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        threading.Thread(target=_pass_on, args=(self._process.stdout, self._answers), daemon=True).start()
        try:
            line = self._answers.get(timeout=SECONDS_TO_START)
        except queue.Empty:
            line = None
        except KeyboardInterrupt:
            self._end()
            raise
        begun: dict[str, Any] = {"unusable": "it does not start"} if line is None else json.loads(line)
        if "unusable" in begun:
            self._end()
            remedy = "MODULE is looked for in the current folder first, then among what is installed"
            raise InputError(Problem(f"--evaluator {self.name}: {begun['unusable']}", remedy=remedy))

    def _end(self) -> None:
        if self._process is None:
            return
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        self._process.wait()
        self._process = None


def _pass_on(lines: Any, answers: queue.SimpleQueue[str | None]) -> None:  # noqa: ANN401 - a text stream
    with lines:
        for line in lines:
            answers.put(line)
    answers.put(None)


def _read_answer(answer: dict[str, Any], seconds: float) -> Opinion:
    wrong: Status
    for wrong in ("failed", "bad_value"):
        if wrong in answer:
            return Opinion(status=wrong, message=answer[wrong], seconds=seconds)
    try:
        return Opinion(status="ok", seconds=seconds, metrics=read_metrics(answer["value"], KNOWN))
    except ValueError as error:
        return Opinion(status="bad_value", message=str(error), seconds=seconds)


def _ending(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
