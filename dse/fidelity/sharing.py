"""Which tiles machines have in common: chosen on some devices, and tried on one that was held out of the choice.

That there are tiles of these sizes is read off the names of kernels in cuBLAS and cuDNN; how many of them share a core, whether a
library takes a size at all, and into how many parts it cuts a reduction is not told. It is chosen by the times of devices: from a
start, the one change to an `Option` that lowers the error most is made until none lowers it. The error is that of the fit
(`dse.fidelity.fit`), of every device with constants of its own, each device counting once whatever its number of rows.

A device that is held out has no part in that. Then its own constants are fitted, and its kernels predicted, by whole shapes as in
`dse.fidelity.calibrate`, so that no row is predicted by anything that has seen its shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from dse.errors import InputError, Problem
from dse.fidelity.fit import fit
from dse.fidelity.measured import SHIPPED, replayed
from dse.fidelity.replay import MODELLED, Replay
from dse.fidelity.scores import Score
from dse.fidelity.terms import USE, held_out
from dse.hardware.design import BoolColumn
from dse.hardware.parameters import suggestion
from dse.hardware.tiling import Tile, Tiling
from dse.inputs.measurements import load_measurements
from dse.workload.kernels import KERNEL_KINDS, KernelKind

FORMAT = "fp32"
"""The format whose kernels several devices have measured alike."""

Choice = tuple[int, ...]
"""Of each `Option` of a kind, which of its values."""


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that is chosen: a tile by how many of it share a core (0: a library has it not), or a number of parts."""

    name: str
    values: tuple[int, ...]
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutDevice:
    """A device that was held out of the choice: what the others chose, and the errors of its kernels by algorithm."""

    device: str
    kind: KernelKind
    chosen_on: tuple[str, ...]
    tiling: Tiling
    scores: Mapping[str, Score]


OPTIONS: Mapping[KernelKind, tuple[Option, ...]] = {
    "gemm": (
        Option("128x128", (1, 2), 1),
        Option("128x64", (0, 1, 2, 4), 2),
        Option("64x64", (0, 1, 2, 4), 2),
        Option("32x32 whole", (0, 2, 4, 8), 4),
        Option("idle splits", (1, 2, 4, 8, 16), 4),
    ),
    "convolution": (
        Option("128x128", (0, 1, 2), 1),
        Option("128x64", (1, 2, 4), 2),
        Option("128x32", (0, 2, 4, 8), 4),
        Option("winograd 32x32", (0, 1, 2, 4), 2),
        Option("winograd 64x32", (0, 1, 2, 4), 0),
        Option("winograd 128x32", (0, 1, 2), 0),
    ),
    "recurrent": (
        Option("128x128", (0, 1, 2), 1),
        Option("128x64", (1, 2, 4), 1),
        Option("64x64", (0, 1, 2, 4), 0),
        Option("128x32", (0, 1, 2, 4), 0),
        Option("128x4 narrow", (0, 1, 2), 1),
        Option("splits", (1, 2, 4, 8), 4),
    ),
}
"""Kind -> what is chosen of it. Edges of the tiles stand in names of kernels (see the shipped devices); 128x4 is a matrix
times a few vectors, and the Winograd tiles are outputs of one product (Lavin and Gray, section 5, has 32x32)."""

LEAST_GAIN = 1e-3
"""Of the error: a change that lowers it by less is not made."""


def held_out_devices(
    device: str | None = None, *, kinds: Sequence[KernelKind] = KERNEL_KINDS, on_progress: Callable[[str], None] | None = None
) -> tuple[HeldOutDevice, ...]:
    """Each device with kernels of fp32 in turn, or one of them, held out of the tiles that the others choose.

    Raises `InputError` for a device without such kernels.
    """
    names = sharing_devices()
    if device is not None and device not in names:
        message = f"{device!r} shares no kernels of {FORMAT} with other devices"
        raise InputError(Problem(message, None, suggestion(device, names)))
    found: list[HeldOutDevice] = []
    for kind in kinds:
        replays = {name: _kernels(name, kind) for name in names}
        for name in names if device is None else (device,):
            others = tuple(other for other in names if other != name)
            if on_progress is not None:
                on_progress(f"choosing tiles of {kind} kernels on {' and '.join(others)}, {name} held out")
            tiling = chosen([replays[other] for other in others], kind)
            found.append(_tried(replays[name], kind, others, tiling))
    return tuple(found)


def sharing_devices() -> tuple[str, ...]:
    """Devices with measured kernels of `FORMAT`, in alphabetical order."""
    rows = load_measurements(SHIPPED).rows
    return tuple(sorted({row.device for row in rows if row.kernel.precision == FORMAT}))


def chosen(replays: Sequence[Replay], kind: KernelKind) -> Tiling:
    """The tiling of a kind that suits these devices best together, in place of that which they have."""
    errors: dict[Choice, float] = {}
    first = replays[0].space.device.tiling
    assert first is not None

    def error(choice: Choice) -> float:
        if choice not in errors:
            tiling = tiling_of(first, kind, choice)
            errors[choice] = sum(_error(replay.tiled(tiling)) for replay in replays) if tiling is not None else np.inf
        return errors[choice]

    options = OPTIONS[kind]
    best: Choice = tuple(option.start for option in options)
    while True:
        moves = [
            (*best[:place], value, *best[place + 1 :])
            for place, option in enumerate(options)
            for value in option.values
            if value != best[place]
        ]
        better = min(moves, key=error)
        if error(better) >= error(best) * (1 - LEAST_GAIN):
            found = tiling_of(first, kind, best)
            assert found is not None
            return found
        best = better


def tiling_of(base: Tiling, kind: KernelKind, choice: Choice) -> Tiling | None:
    """`base` with what a choice says of a kind; None where no tile is left that serves every size."""
    values = {option.name: value for option, value in zip(OPTIONS[kind], choice, strict=True)}
    made = partial(_tiles, values)
    changed: dict[str, tuple[Tile, ...] | int] = {USE[kind]: made("")}
    if kind == "convolution":
        changed["winograd_tiles"] = made("winograd ")
    for name in ("splits", "idle splits"):
        if name in values:
            changed[name.replace(" ", "_")] = values[name]
    if not all(value for value in changed.values()):
        return None
    try:
        return replace(base, **changed)  # pyright: ignore[reportArgumentType]
    except ValueError:
        return None


def _tiles(values: Mapping[str, int], prefix: str) -> tuple[Tile, ...]:
    """The tiles of the options whose names begin with a prefix, and have no other word before their edges."""
    found: list[Tile] = []
    for name, resident in values.items():
        edges, _, limit = name.removeprefix(prefix).partition(" ")
        rows, x, cols = edges.partition("x")
        if resident and name.startswith(prefix) and x and rows.isdigit():
            tile = Tile(rows=int(rows), cols=int(cols), whole=limit == "whole", narrow=limit == "narrow", resident=resident)
            found.append(tile)
    return tuple(found)


def _error(replay: Replay) -> float:
    """What the fit leaves of a device's rows, for each of them."""
    return fit(replay, capacity=False).cost / len(replay)


def _kernels(device: str, kind: KernelKind) -> Replay:
    whole = replayed(device)
    own = [(row.kernel.kind, row.kernel.precision) == (kind, FORMAT) and row.algorithm in MODELLED for row in whole.rows]
    return whole.take(np.array(own, dtype=np.bool_))


def _tried(replay: Replay, kind: KernelKind, others: tuple[str, ...], tiling: Tiling) -> HeldOutDevice:
    own = replay.tiled(tiling)
    predicted, measured = held_out(own), own.measured_s
    algorithms = dict.fromkeys(row.algorithm for row in own.rows)
    rows: dict[str, BoolColumn] = {
        name: np.array([row.algorithm == name for row in own.rows], dtype=np.bool_) for name in sorted(algorithms)
    }
    return HeldOutDevice(
        device=replay.space.name,
        kind=kind,
        chosen_on=others,
        tiling=tiling,
        scores={name: Score.of(predicted[chosen_rows], measured[chosen_rows]) for name, chosen_rows in rows.items()},
    )
