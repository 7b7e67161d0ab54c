"""What each term of a many-core machine removes from the error of kernels that were held out.

Terms are added one after another to a machine that divides any work evenly, has no latencies and is as quick as its peaks allow;
after each the constants that there are then are fitted again, and held-out kernels predicted as in `dse.fidelity.calibrate`. No
term has a constant of its own but the two latencies: tiles, parts and Winograd's edge come from the names of kernels; how many
tiles share a core was chosen (`dse.fidelity.sharing`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dse.fidelity.calibrate import FOLDS, folds_of
from dse.fidelity.fit import fit
from dse.fidelity.floor import best_rising_s
from dse.fidelity.measured import measured_devices, replayed
from dse.fidelity.replay import MODELLED, Replay
from dse.fidelity.scores import Score
from dse.hardware.design import BoolColumn, FloatColumn
from dse.hardware.tiling import USES, Tile, Tiling, Use
from dse.model.tiled import cuts_of
from dse.workload.kernels import KernelKind

BEST_RISING = "(best rising curve)"
"""Not a term but the least that any model without layouts and falling times can err (`dse.fidelity.floor`)."""

LATENCIES = ("launch_latency_s", "dependency_latency_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A machine with one term more: `without` are the constants that it does not have yet."""

    term: str
    tiling: Tiling | None
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TermScore:
    """Held-out error of kernels of a device, kind and format once a term is added, in the order of `steps_of`."""

    device: str
    kind: KernelKind
    precision: str
    term: str
    score: Score


def steps_of(tiling: Tiling, kind: KernelKind) -> Iterator[Step]:
    """Machines from one of peaks alone to the whole; terms that do not touch a kind are not asked of it."""
    yield Step(term="peaks", tiling=None, without=LATENCIES)
    yield Step(term="launch latency", tiling=None, without=("dependency_latency_s",))
    if kind == "recurrent":
        yield Step(term="step latency", tiling=None)
    even = replace(tiling, splits=1, idle_splits=None, winograd=None, winograd_tiles=(), **_each(tiling, _bare))
    yield Step(term="tiles and waves", tiling=even)
    shared = replace(even, **_each(tiling, _sharing))
    if shared != even:
        yield Step(term="shared cores", tiling=shared)
    special = replace(shared, **_each(tiling, _special))
    if special.of(USE[kind]) != shared.of(USE[kind]):
        yield Step(term="widths, channels", tiling=special)
    cut = replace(special, splits=tiling.splits, idle_splits=tiling.idle_splits)
    if kind == "convolution":
        if tiling.winograd is not None:
            yield Step(term="Winograd", tiling=tiling)
        return
    if list(cuts_of(cut, USE[kind])) != list(cuts_of(special, USE[kind])):
        yield Step(term="split-K", tiling=cut)
    if cut.of(USE[kind]) != tiling.of(USE[kind]):
        yield Step(term="small whole tiles" if kind == "gemm" else "narrow tiles", tiling=tiling)


USE: Mapping[KernelKind, Use] = {"gemm": "product", "convolution": "convolution", "recurrent": "recurrent"}
"""Kind of a kernel -> what it is to the tiles."""


def _each(tiling: Tiling, change: Callable[[tuple[Tile, ...]], tuple[Tile, ...]]) -> dict[str, Any]:
    """The tiles of every use, changed."""
    return {use: change(tiling.of(use)) for use in USES}


def _bare(tiles: tuple[Tile, ...]) -> tuple[Tile, ...]:
    """The edges alone of tiles for every size, one on a core."""
    return tuple(dict.fromkeys(replace(tile, resident=1) for tile in _sharing(tiles)))


def _sharing(tiles: tuple[Tile, ...]) -> tuple[Tile, ...]:
    """The edges of tiles for every size, and how many share a core."""
    found = (tile for tile in tiles if tile.bits is None and not tile.whole and not tile.narrow)
    return tuple(dict.fromkeys(Tile(rows=tile.rows, cols=tile.cols, resident=tile.resident) for tile in found))


def _special(tiles: tuple[Tile, ...]) -> tuple[Tile, ...]:
    """Those of widths and channels as well."""
    return tuple(tile for tile in tiles if not tile.whole and not tile.narrow)


def terms(device: str | None = None, on_progress: Callable[[str], None] | None = None) -> tuple[TermScore, ...]:
    """The error after each term, of the shipped measured kernels of one device or of all."""
    found: list[TermScore] = []
    for name in measured_devices() if device is None else (device,):
        whole = replayed(name)
        keys: dict[tuple[KernelKind, str], None] = {(row.kernel.kind, row.kernel.precision): None for row in whole.rows}
        for kind, precision in keys:
            if on_progress is not None:
                on_progress(f"fitting {kind} {precision} on {name}, term by term")
            found += of_replay(whole.take(_are(whole, kind, precision)), kind, precision)
    return tuple(found)


def _are(replay: Replay, kind: KernelKind, precision: str) -> BoolColumn:
    """Rows of a kind and format whose algorithm the model has."""
    wanted = (kind, precision)
    own = [(row.kernel.kind, row.kernel.precision) == wanted and row.algorithm in MODELLED for row in replay.rows]
    return np.array(own, dtype=np.bool_)


def of_replay(replay: Replay, kind: KernelKind, precision: str) -> Iterator[TermScore]:
    """The error after each term of kernels of one kind and format."""
    tiling = replay.space.device.tiling
    assert tiling is not None
    for step in steps_of(tiling, kind):
        predicted = held_out(replay.tiled(step.tiling), step.without)
        score = Score.of(predicted, replay.measured_s)
        yield TermScore(device=replay.space.name, kind=kind, precision=precision, term=step.term, score=score)
    if kind == "gemm" and len({row.kernel.shape for row in replay.rows}) < len(replay):
        score = Score.of(best_rising_s(replay), replay.measured_s)
        yield TermScore(device=replay.space.name, kind=kind, precision=precision, term=BEST_RISING, score=score)


def held_out(replay: Replay, without: tuple[str, ...] = ()) -> FloatColumn:
    """Times of kernels by constants fitted to other shapes, shape (rows,); not fitted: the capacity and constants `without`."""
    fold, predicted = folds_of(replay.rows, FOLDS, seed=0), np.empty(len(replay))
    for part in range(FOLDS):
        found = fit(replay.take(fold != part), capacity=False, without=without)
        predicted[fold == part] = replay.take(fold == part).times_s(found.constants)
    return predicted
