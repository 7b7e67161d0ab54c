"""Where a tile may lie in the batch and the plane: tile sizes of N, P and Q with what they make an operand's stream cost.

These depend on the batch and the two axes alone, so operations that differ in channels or widths share them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from dse.model.dominance import not_dominated
from dse.model.plans import (
    INPUT_HELD,
    INPUT_ROLLS_ACROSS,
    INPUT_ROLLS_DOWN,
    INPUT_WINDOW_ACROSS,
    INPUT_WINDOW_DOWN,
    OUTPUT_TILE,
    OUTPUT_WINDOW_ACROSS,
    OUTPUT_WINDOW_DOWN,
    PLANS,
    TAPS_BY_COLUMN,
    TAPS_BY_ROW,
    TAPS_PINNED,
    Plan,
)
from dse.model.windows import Ints, axis_tiles, most_alive, tile_sizes
from dse.workload.operations import Axis


@dataclass(frozen=True, slots=True, kw_only=True)
class Spots:
    """Ways to cut the batch and the plane, columns of shape (spots,): tile, trips, inputs read, and items alive."""

    plan: Ints
    n: Ints
    p: Ints
    q: Ints
    trips: Ints
    inputs: Ints
    area: Ints
    window: Ints

    @classmethod
    def of(cls, plan: Plan, shape: tuple[int, ...], **columns: npt.ArrayLike) -> Spots:
        """Columns broadcast to one shape and flattened, all of one plan."""
        flat = {name: np.broadcast_to(np.asarray(value, dtype=np.int64), shape).ravel() for name, value in columns.items()}
        return cls(plan=np.full(flat["n"].shape, PLANS.index(plan)), **flat)

    def take(self, chosen: Ints) -> Spots:
        """The chosen spots."""
        return replace(self, **{f.name: getattr(self, f.name)[chosen] for f in fields(self)})

    def best(self, *criteria: str) -> Spots:
        """The spots that no other equals or betters in all of the criteria."""
        return self.take(not_dominated(np.stack([getattr(self, name) for name in criteria])))

    @classmethod
    def joined(cls, parts: list[Spots]) -> Spots:
        """All spots of all parts."""
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})


def _grid(n: int, height: Axis, width: Axis) -> tuple[Ints, Ints, Ints, Ints]:
    """Batch tiles (n, 1, 1), tile sizes of the axes (1, p, 1) and (1, 1, q), and trips (n, p, q)."""
    rows, columns = axis_tiles(height), axis_tiles(width)
    batch = tile_sizes(n)[:, None, None]
    p, q = rows.size[None, :, None], columns.size[None, None, :]
    return batch, p, q, -(-n // batch) * rows.trips[None, :, None] * columns.trips[None, None, :]


@lru_cache(maxsize=512)
def output_spots(n: int, height: Axis, width: Axis) -> tuple[Spots, Spots]:
    """Tiles of held outputs: with taps pinned, and with inputs rolling along the taps (`window` inputs alive)."""
    rows, columns = axis_tiles(height), axis_tiles(width)
    batch, p, q, trips = _grid(n, height, width)
    inputs = n * rows.reach_sum[None, :, None] * columns.reach_sum[None, None, :]
    by_row = np.maximum(most_alive(rows.inputs_along_taps, columns.inputs_along_taps), 1)
    by_column = np.maximum(most_alive(columns.inputs_along_taps, rows.inputs_along_taps).T, 1)
    shared = {"n": batch, "p": p, "q": q, "trips": trips, "inputs": inputs, "area": batch * p * q}
    pinned = Spots.of(TAPS_PINNED, trips.shape, window=1, **shared).best("area", "trips", "inputs")
    streamed = Spots.joined(
        [
            Spots.of(TAPS_BY_ROW, trips.shape, window=batch * by_row, **shared),
            Spots.of(TAPS_BY_COLUMN, trips.shape, window=batch * by_column, **shared),
        ]
    )
    return pinned, streamed.best("area", "window", "trips", "inputs")


@lru_cache(maxsize=512)
def input_spots(n: int, height: Axis, width: Axis) -> tuple[Spots, Spots]:
    """Tiles of held inputs (`window` positions), apart or rolling along an axis: with taps pinned, with taps streamed."""
    rows, columns = axis_tiles(height), axis_tiles(width)
    batch, p, q, trips = _grid(n, height, width)
    ih, iw = rows.reach[None, :, None], columns.reach[None, None, :]
    ih_sum, iw_sum = rows.reach_sum[None, :, None], columns.reach_sum[None, None, :]
    down, across = rows.rolled[None, :, None], columns.rolled[None, None, :]
    ways = (
        (INPUT_HELD, ih * iw, ih_sum * iw_sum),
        (INPUT_ROLLS_DOWN, down * iw, rows.touched * iw_sum),
        (INPUT_ROLLS_ACROSS, ih * across, ih_sum * columns.touched),
    )
    pair: list[Spots] = []
    for stream in (0, 1):
        spots = Spots.joined(
            [
                Spots.of(
                    plans[stream],
                    trips.shape,
                    n=batch,
                    p=p,
                    q=q,
                    trips=trips,
                    inputs=n * inputs,
                    area=batch * p * q,
                    window=batch * held,
                )
                for plans, held, inputs in ways
            ]
        )
        pair.append(spots.best("window", "trips", "inputs") if stream == 0 else spots.best("window", "area", "trips", "inputs"))
    return pair[0], pair[1]


@lru_cache(maxsize=512)
def weight_spots(n: int, height: Axis, width: Axis) -> tuple[Spots, Spots]:
    """Strips past held weights, with `window` inputs alive, or with `window` outputs alive."""
    rows, columns = axis_tiles(height), axis_tiles(width)
    down: dict[str, npt.ArrayLike] = {"p": height.outputs, "q": columns.size, "inputs": n * rows.touched * columns.reach_sum}
    across: dict[str, npt.ArrayLike] = {"p": rows.size, "q": width.outputs, "inputs": n * columns.touched * rows.reach_sum}
    by_input = [
        _strips(INPUT_WINDOW_DOWN, most_alive(rows.inputs_along_outputs.whole(), columns.inputs_along_outputs), down),
        _strips(INPUT_WINDOW_ACROSS, most_alive(columns.inputs_along_outputs.whole(), rows.inputs_along_outputs), across),
    ]
    tiles: dict[str, npt.ArrayLike] = {
        "p": rows.size[:, None],
        "q": columns.size[None, :],
        "inputs": n * rows.reach_sum[:, None] * columns.reach_sum[None, :],
    }
    by_output = [
        _strips(OUTPUT_WINDOW_DOWN, most_alive(rows.outputs_along_inputs.whole(), columns.outputs_along_inputs), down),
        _strips(OUTPUT_WINDOW_ACROSS, most_alive(columns.outputs_along_inputs.whole(), rows.outputs_along_inputs), across),
        _strips(OUTPUT_TILE, rows.size[:, None] * columns.size[None, :], tiles),
    ]
    return Spots.joined(by_input).best("window", "inputs"), Spots.joined(by_output).best("window", "inputs")


def _strips(plan: Plan, window: Ints, columns: dict[str, npt.ArrayLike]) -> Spots:
    alive = np.maximum(window if plan is OUTPUT_TILE else window.ravel(), 1)
    return Spots.of(plan, alive.shape, n=1, trips=1, area=1, window=alive, **columns)
