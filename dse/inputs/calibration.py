"""Provenance of fitted constants in a device file, and the writing of such a file: ``calibration:`` of a space."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, cast

from pydantic import Field
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from dse.errors import InputError, Place, Problem
from dse.hardware.space import Device
from dse.inputs.document import read_text
from dse.inputs.shipped import find
from dse.inputs.yaml import Listed, Strict

LATENCIES = {"launch_latency_s": "launch_latency", "dependency_latency_s": "dependency_latency"}
EFFICIENCIES = ("compute_efficiency", "bandwidth_efficiency", "sram_efficiency")


class CalibrationText(Strict):
    """Where the constants of a device were fitted."""

    date: str = Field(description="when, such as 2026-11-24")
    measurements: str = Field(description="the file of measured kernels")
    sha256: str = Field(description="hash of its bytes", pattern="^[0-9a-f]{64}$")
    rows: int = Field(ge=1, description="kernels that were fitted")
    shapes: int = Field(ge=1, description="their distinct shapes")
    folds: int = Field(ge=2, description="parts of the shapes that were held out in turn")
    fitted: dict[str, str] = Field(default={}, description="constant: its 95% interval")
    kept: dict[str, str] = Field(default={}, description="constant: why the data do not tell it")
    held_out: dict[str, str] = Field(default={}, description="kind: error of kernels whose shapes were held out")
    left_out: Listed[str] = Field(default=(), description="rows that were not used")

    def sentences(self) -> tuple[str, ...]:
        """What a report says of it."""
        source = f"{self.measurements}, SHA-256 {self.sha256[:12]}..."
        return (
            f"calibrated {self.date} on {self.rows:,} measured kernels of {self.shapes:,} shapes ({source})",
            *(f"fitted: {name} {interval}" for name, interval in self.fitted.items()),
            *(f"not fitted: {name}: {reason}" for name, reason in self.kept.items()),
            *(f"held out by shape, {self.folds} folds: {kind}: {error}" for kind, error in self.held_out.items()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What a device file says of its fit; texts as in `CalibrationText`.

    `uncertainty`: by name of the unknown, the ends of a constant's interval over its value.
    """

    date: str
    measurements: str
    sha256: str
    rows: int
    shapes: int
    folds: int
    fitted: Mapping[str, str]
    kept: Mapping[str, str]
    held_out: Mapping[str, str]
    left_out: tuple[str, ...]
    uncertainty: Mapping[str, tuple[float, float]]


def calibrated_text(device: str | Path, constants: Device, provenance: Provenance, name: str) -> str:
    """The file of a device (a path or a shipped name) with these constants and their provenance, its comments kept."""
    path = find("search_spaces", device)
    yaml = YAML()
    yaml.width = 4096
    text = yaml.load(path.read_text(encoding="utf-8"))  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    data = cast("dict[str, Any]", text)
    data["name"] = name
    section = data.setdefault("device", {})
    for constant in EFFICIENCIES:
        _set(section, constant, getattr(constants, constant), 1.0)
    for constant, key in LATENCIES.items():
        value: float = getattr(constants, constant)
        _set(section, key, f"{value * 1e6:.6g} us" if value else 0.0, 0.0)
    data["calibration"] = {
        "date": provenance.date,
        "measurements": provenance.measurements,
        "sha256": provenance.sha256,
        "rows": provenance.rows,
        "shapes": provenance.shapes,
        "folds": provenance.folds,
        "fitted": dict(provenance.fitted),
        "kept": dict(provenance.kept),
        "held_out": dict(provenance.held_out),
        "left_out": list(provenance.left_out),
    }
    stated: dict[str, Any] = data.get("uncertainty") or {}
    ranges: dict[str, list[float]] = {name: list(pair) for name, pair in stated.items()}
    ranges |= {name: _outward(pair) for name, pair in provenance.uncertainty.items()}
    if ranges:
        data["uncertainty"] = {name: _flow(pair) for name, pair in ranges.items()}
    buffer = StringIO()
    yaml.dump(data, buffer)  # pyright: ignore[reportUnknownMemberType]
    return _without_schema_path(buffer.getvalue())


def _outward(pair: tuple[float, float]) -> list[float]:
    """Factors about 1, rounded away from it to four digits after the point."""
    return [max(math.floor(min(pair[0], 1.0) * 1e4), 1) / 1e4, math.ceil(max(pair[1], 1.0) * 1e4) / 1e4]


def _flow(pair: list[float]) -> CommentedSeq:
    """A pair that is written on one line."""
    found = CommentedSeq(pair)
    found.fa.set_flow_style()  # pyright: ignore[reportUnknownMemberType]
    return found


def _set(section: dict[str, Any], key: str, value: float | str, default: float) -> None:
    """A value, or nothing where it is the default."""
    if value != default:
        section[key] = float(f"{value:.6g}") if isinstance(value, float) else value
    else:
        section.pop(key, None)


def _without_schema_path(text: str) -> str:
    """Without the editor's schema line, whose path is that of the file that this one was made from."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("# yaml-language-server"))


def write_device(path: Path, text: str) -> None:
    """Write a device file, never over another. Raises `InputError`."""
    read_text(text, str(path))
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(Problem("is there already", Place(str(path)), "give another name: no file is written over")) from None
    except OSError as error:
        raise InputError(Problem(f"cannot be written: {error.strerror or error}", Place(str(path)))) from None
