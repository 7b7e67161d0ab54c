"""Measured kernels from CSV: one row a kernel, columns by name, the time with its unit in the name of its column.

===========  ======================================================================================================
columns      of
===========  ======================================================================================================
kind         every row: ``gemm``, ``convolution`` or ``recurrent``
precision    every row: int8, fp16, fp32, ... (results and sums of integers have 32 bits)
time_us      every row; or ``time_s``, ``time_ms``, ``time_ns``, one of them
m, n, k      a gemm, (m x k) by (k x n)
batch        a convolution or recurrent kernel
channels, height, width, filters, filter_height, filter_width            a convolution, its input and filters
stride_height, stride_width, pad_height, pad_width, groups               a convolution; empty: 1, 1, 0, 0, 1
cell, hidden, steps                                                      a recurrent kernel; cell: rnn, lstm or gru
device       optional: only rows of the device that is asked for are taken
algorithm    optional: of a convolution, ``direct``, ``winograd``, ``fft``, ... ; a label
===========  ======================================================================================================

Other columns are labels. Everything that is wrong is an error with its line and column, all of them at once.
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from io import StringIO
from pathlib import Path

from dse.errors import Collector, InputError, Place, Problem
from dse.inputs.wording import near_miss
from dse.units import FORMAT_BITS
from dse.workload.kernels import KERNEL_KINDS, Kernel, convolution, gemm, recurrent
from dse.workload.recurrent import GATES, Cell

FOLDER = Path(__file__).resolve().parent.parent / "data" / "measurements"

SECONDS = {"time_s": 1.0, "time_ms": 1e-3, "time_us": 1e-6, "time_ns": 1e-9}
"""Columns that may hold the time, and their unit in seconds."""

GEMM = ("m", "n", "k")
CONVOLUTION = ("batch", "channels", "height", "width", "filters", "filter_height", "filter_width")
RECURRENT = ("hidden", "batch", "steps")
DEFAULTS = {"stride_height": 1, "stride_width": 1, "pad_height": 0, "pad_width": 0, "groups": 1}
COLUMNS = ("kind", "precision", *SECONDS, *GEMM, *CONVOLUTION, *DEFAULTS, "cell", "hidden", "steps", "device", "algorithm")

LARGEST_SIZE = 2**31
MOST_ROWS = 100_000

Row = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A kernel that took `time_s`, from a line of a file; `cells` are (column, text) of all of its columns that are not empty.

    `algorithm` and `device` are its labels, "" where there are none.
    """

    kernel: Kernel
    time_s: float
    line: int = 0
    algorithm: str = ""
    device: str = ""
    cells: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """The rows of a file, and the hash of its bytes (SHA-256, in hexadecimal)."""

    file: str
    sha256: str
    rows: tuple[Measurement, ...]

    @property
    def devices(self) -> tuple[str, ...]:
        """Devices that rows name, in their order."""
        return tuple(dict.fromkeys(row.device for row in self.rows if row.device))

    def where(self, *conditions: str) -> Measurements:
        """The rows whose cells hold what ``column=text`` says, for all of several. Raises `InputError` where none is left."""
        rows = self.rows
        for condition in conditions:
            column, equals, text = (part.strip() for part in condition.partition("="))
            if not equals or not column:
                raise InputError(Problem(f"{condition!r}: COLUMN=TEXT is needed, such as precision=fp32"))
            left = tuple(row for row in rows if dict(row.cells).get(column, "") == text)
            if not left:
                found = sorted({dict(row.cells).get(column, "") for row in rows})
                shown = ", ".join(repr(each) for each in found[:8]) if any(found) else "nothing: there is no such column"
                raise InputError(Problem(f"no row has {column} = {text!r}", Place(self.file), f"the column holds {shown}"))
            rows = left
        return replace(self, rows=rows)

    def of_device(self, name: str) -> tuple[Measurement, ...]:
        """The rows of a device: those that name it, or all where none names any."""
        return tuple(row for row in self.rows if row.device == name) if self.devices else self.rows


def shipped_measurements() -> tuple[str, ...]:
    """Names of the files of measurements that come with the package."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.csv")))


def load_measurements(path_or_name: str | Path) -> Measurements:
    """Measured kernels from a CSV file, or shipped ones by name (``deepbench``). Raises `InputError` with all that is wrong."""
    path, names = Path(path_or_name), shipped_measurements()
    if not path.exists() and str(path_or_name) in names:
        path = FOLDER / f"{path_or_name}.csv"
    elif not path.exists() and path.suffix.lower() != ".csv":
        remedy = f"{near_miss(str(path_or_name), names)}give the path of a CSV file; shipped: {', '.join(names)}"
        raise InputError(Problem(f"there are no measurements {str(path_or_name)!r}", None, remedy))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(Problem(f"cannot be read: {error.strerror or error}", Place(str(path)))) from None
    return _read(str(path), data)


@lru_cache(maxsize=8)
def _read(file: str, data: bytes) -> Measurements:
    collector = Collector()
    rows: list[Measurement] = []
    lines = _lines(file, data)
    header = _header(lines[0][1] if lines else [], file, collector)
    for number, cells in lines[1:] if header is not None else []:
        place = Place(file, number)
        if len(cells) != len(header or ()):
            collector.add(f"{len(cells)} cells in a row under {len(header or ())} columns", place)
            continue
        assert header is not None
        found = _Reading(dict(zip(header, cells, strict=True)), header, place, collector).measurement()
        rows += [] if found is None else [found]
    if header is not None and not rows and not collector.problems:
        collector.add("there is no row of measurements", Place(file))
    collector.raise_any()
    return Measurements(file=file, sha256=hashlib.sha256(data).hexdigest(), rows=tuple(rows))


def _lines(file: str, data: bytes) -> list[tuple[int, list[str]]]:
    """Line numbers and cells of the rows that hold anything."""
    try:
        reader = csv.reader(StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        lines: list[tuple[int, list[str]]] = []
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                lines.append((reader.line_num, stripped))
            if len(lines) > MOST_ROWS:
                raise InputError(Problem(f"more than {MOST_ROWS:,} rows", Place(file, reader.line_num), "take a sample of them"))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(Problem(f"is no CSV text in UTF-8: {error}", Place(file))) from None
    return lines


def _header(cells: Sequence[str], file: str, collector: Collector) -> tuple[str, ...] | None:
    """Names of the columns; None where they cannot be read."""
    names = tuple(cell.strip() for cell in cells)
    place = Place(file, 1)
    before = len(collector.problems)
    if not any(names):
        collector.add("the first line must name the columns", place, f"such as: kind,precision,time_us,{','.join(GEMM)}")
        return None
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        collector.add(f"the column {name!r} stands twice", place)
    for needed in ("kind", "precision"):
        if needed not in names:
            collector.add(f"there is no column {needed!r}", place, near_miss(needed, names) or None)
    times = [name for name in names if name in SECONDS]
    if len(times) != 1:
        said = f"{len(times)} columns hold the time" if times else "no column holds the time"
        collector.add(f"{said}: one of {', '.join(SECONDS)} must", place, "the unit of the time is in the name of its column")
    return names if len(collector.problems) == before else None


@dataclass(slots=True)
class _Reading:
    """One row while it is read."""

    cells: Row
    header: tuple[str, ...]
    place: Place
    collector: Collector

    def measurement(self) -> Measurement | None:
        """The row's measurement; None where something in it is wrong, which is noted."""
        before = len(self.collector.problems)
        time_column = next(name for name in self.header if name in SECONDS)
        time = self._time(time_column)
        kind = self._choice("kind", KERNEL_KINDS)
        precision = self._choice("precision", tuple(FORMAT_BITS))
        makers: dict[str, Callable[[str], Kernel | None]] = {
            "gemm": self._gemm,
            "convolution": self._convolution,
            "recurrent": self._recurrent,
        }
        kernel = makers[kind](precision) if kind and precision else None
        if len(self.collector.problems) > before or kernel is None:
            return None
        return Measurement(
            kernel=kernel,
            time_s=time,
            line=self.place.line or 0,
            algorithm=self.cells.get("algorithm", ""),
            device=self.cells.get("device", ""),
            cells=tuple((column, text) for column, text in self.cells.items() if text),
        )

    def _note(self, column: str, message: str, remedy: str | None = None) -> None:
        at = self.header.index(column) + 1 if column in self.header else None
        self.collector.add(message, Place(self.place.file, self.place.line, at), remedy)

    def _time(self, column: str) -> float:
        text = self.cells[column]
        try:
            value = float(text) * SECONDS[column]
        except ValueError:
            self._note(column, f"{column}: {text!r} is no number")
            return 0.0
        if not (0 < value < math.inf):
            self._note(column, f"{column}: a time is more than zero and finite, got {text}")
        return value

    def _choice(self, column: str, choices: Sequence[str]) -> str:
        text = self.cells[column]
        if text in choices:
            return text
        self._note(column, f"{column}: {text!r} is none of {', '.join(choices)}", near_miss(text, choices) or None)
        return ""

    def _size(self, column: str, *, least: int = 1) -> int:
        text = self.cells.get(column, "")
        if not text:
            if column in DEFAULTS:
                return DEFAULTS[column]
            missing = "there is no such column" if column not in self.header else "the cell is empty"
            self._note(column, f"{column} is needed of a {self.cells['kind']}, and {missing}")
            return least
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= LARGEST_SIZE:
            self._note(column, f"{column}: {text!r} is no whole number from {least} to 2^31")
            return least
        return int(text)

    def _gemm(self, precision: str) -> Kernel:
        m, n, k = (self._size(column) for column in GEMM)
        return gemm(precision, m=m, n=n, k=k)

    def _convolution(self, precision: str) -> Kernel | None:
        before = len(self.collector.problems)
        sizes = {column: self._size(column) for column in CONVOLUTION}
        sizes |= {column: self._size(column, least=0 if column.startswith("pad") else 1) for column in DEFAULTS}
        if len(self.collector.problems) > before:
            return None
        try:
            return convolution(precision, **sizes)
        except ValueError as error:
            self._note("kind", str(error))
            return None

    def _recurrent(self, precision: str) -> Kernel:
        cell = self._choice("cell", tuple(GATES)) if "cell" in self.header else ""
        if "cell" not in self.header:
            self._note("cell", "cell is needed of a recurrent, and there is no such column")
        hidden, batch, steps = (self._size(column) for column in RECURRENT)
        cells: dict[str, Cell] = {name: name for name in GATES}
        return recurrent(precision, cell=cells.get(cell, "rnn"), hidden=hidden, batch=batch, steps=steps)
