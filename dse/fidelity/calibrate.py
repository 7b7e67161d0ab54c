"""Calibration: the constants of a machine from measured kernels, and the error on kernels that were held out.

Kernels of one shape (of recurrent ones: of one cell, width and batch, however many steps; of products: whichever way round) are
all in one fold, so that no row stands on both sides. Each fold in turn is held out of everything: which constants are fitted is
asked again without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dse.errors import InputError, Problem
from dse.fidelity.fit import CAPACITY, Fit, fit, refit
from dse.fidelity.replay import CAPACITIES, MODELLED, Constants, Replay
from dse.fidelity.scores import Score, groups_of
from dse.hardware.design import FloatColumn, IntColumn
from dse.hardware.space import Space
from dse.inputs.measurements import Measurement, Measurements
from dse.workload.kernels import KERNEL_KINDS, KernelKind

FOLDS = 5
BOOTSTRAPS = 100
FEWEST_SHAPES = 8
"""Fewer shapes than this determine nothing and cannot be split."""

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A fitted constant with its 95% interval: the wider of the bootstrap's over shapes and the Jacobian's, at each end."""

    name: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What was fitted from which rows, and how well it does.

    Predictions have shape (rows,): `fitted_s` with all rows fitted, `held_out_s` each by the constants of the other folds,
    `unfitted_s` by the device as it came. `left_out` says how many rows were not used, and why. `folds` is the fold of each row.
    """

    space: Space
    measurements: Measurements
    replay: Replay
    fit: Fit
    estimates: tuple[Estimate, ...]
    folds: IntColumn
    fitted_s: FloatColumn
    held_out_s: FloatColumn
    unfitted_s: FloatColumn
    left_out: tuple[tuple[int, str], ...]

    @property
    def n_shapes(self) -> int:
        """Distinct shapes, which is what is held out."""
        return len({shape_of(row) for row in self.replay.rows})

    @property
    def n_folds(self) -> int:
        """Parts that were held out in turn."""
        return int(self.folds.max()) + 1

    def scores(self, predicted_s: FloatColumn) -> dict[Key, Score]:
        """(kind, format, algorithm) -> score of predictions of its rows."""
        measured = self.replay.measured_s
        return {key: Score.of(predicted_s[own], measured[own]) for key, own in groups_of(self.replay.rows).items()}


def calibrate(
    measurements: Measurements,
    space: Space,
    *,
    kinds: Sequence[KernelKind] = KERNEL_KINDS,
    folds: int = FOLDS,
    seed: int = 0,
    bootstraps: int = BOOTSTRAPS,
    on_progress: Callable[[str], None] | None = None,
) -> Calibration:
    """Fit the constants of the one design of `space` to the rows of these kinds.

    Raises `InputError` where there are too few shapes, or a row cannot run there.
    """
    tell = on_progress or _silent
    rows, left_out = _used(measurements, space, kinds)
    tell(f"tracing {len(rows):,} kernels on {space.name}")
    replay = Replay.of(rows, space, capacities=[share * space.device.sram_efficiency for share in CAPACITIES])
    return calibrated(measurements, replay, left_out=left_out, folds=folds, seed=seed, bootstraps=bootstraps, on_progress=tell)


def calibrated(
    measurements: Measurements,
    replay: Replay,
    *,
    left_out: tuple[tuple[int, str], ...] = (),
    folds: int = FOLDS,
    seed: int = 0,
    bootstraps: int = BOOTSTRAPS,
    on_progress: Callable[[str], None] | None = None,
) -> Calibration:
    """The same from a replay that is there. `bootstraps` samples make the intervals; without, they are the Jacobian's alone."""
    tell = on_progress or _silent
    found = fit(replay)
    fold = folds_of(replay.rows, folds, seed)
    held_out = np.empty(len(replay))
    for part in range(int(fold.max()) + 1):
        tell(f"fold {part + 1} of {int(fold.max()) + 1} held out")
        inside, outside = replay.take(fold != part), replay.take(fold == part)
        held_out[fold == part] = outside.times_s(fit(inside).constants)
    tell(f"intervals from {bootstraps} samples of the shapes")
    return Calibration(
        space=replay.space,
        measurements=measurements,
        replay=replay,
        fit=found,
        estimates=_estimates(replay, found, bootstraps, seed),
        folds=fold,
        fitted_s=replay.times_s(found.constants),
        held_out_s=held_out,
        unfitted_s=replay.times_s(Constants.of(replay.space.device)),
        left_out=left_out,
    )


def _silent(said: str) -> None:
    del said


def shape_of(row: Measurement) -> str:
    """What is held out as one: the shape of a kernel, without its format and layout, its steps, and the order of m and n."""
    kernel = row.kernel
    if kernel.kind == "recurrent":
        return kernel.shape.rsplit("_t", 1)[0]
    if kernel.kind == "gemm":
        operation = kernel.operation
        low, high = sorted((operation.m, operation.n_group))
        return f"gemm_{low}x{high}x{operation.k_group}"
    return kernel.shape


def folds_of(rows: Sequence[Measurement], folds: int, seed: int) -> IntColumn:
    """The fold of each row, shape (rows,): whole shapes, those of each kind dealt out evenly in an order drawn by `seed`."""
    draw = np.random.default_rng(seed)
    fold: dict[str, int] = {}
    dealt = 0
    for kind in KERNEL_KINDS:
        shapes = sorted({shape_of(row) for row in rows if row.kernel.kind == kind})
        for index in draw.permutation(len(shapes)).tolist():
            fold[shapes[index]] = dealt % folds
            dealt += 1
    return np.array([fold[shape_of(row)] for row in rows], dtype=np.int64)


def _used(
    measurements: Measurements, space: Space, kinds: Sequence[KernelKind]
) -> tuple[tuple[Measurement, ...], tuple[tuple[int, str], ...]]:
    """The rows that are fitted, and how many of the others there are, with the reason."""
    own = measurements.of_device(_original(space, measurements))
    if not own:
        devices = ", ".join(measurements.devices)
        message = f"no row of {measurements.file} is of the device {space.name!r}"
        raise InputError(Problem(message, None, f"its column 'device' names: {devices}"))
    chosen = tuple(row for row in own if row.kernel.kind in kinds)
    modelled = tuple(row for row in chosen if row.algorithm in MODELLED)
    reasons = (
        (len(measurements.rows) - len(own), "of other devices"),
        (len(own) - len(chosen), "of other kinds"),
        (len(chosen) - len(modelled), f"of algorithms without a model ({_others(chosen)})"),
    )
    shapes = len({shape_of(row) for row in modelled})
    if shapes < FEWEST_SHAPES:
        kinds_said = ", ".join(kinds)
        message = f"{shapes} shapes of {kinds_said} are too few to fit and to hold some out: {FEWEST_SHAPES} are needed"
        raise InputError(Problem(message, None, "measure more shapes, small and large, of few and of many rows"))
    return modelled, tuple((count, reason) for count, reason in reasons if count)


def _original(space: Space, measurements: Measurements) -> str:
    """The device that rows name: the space's name, or the one that it was calibrated from."""
    stem = space.name.removesuffix("_calibrated")
    return space.name if space.name in measurements.devices or stem not in measurements.devices else stem


def _others(rows: Sequence[Measurement]) -> str:
    return ", ".join(sorted({row.algorithm for row in rows if row.algorithm not in MODELLED}))


def _estimates(replay: Replay, found: Fit, bootstraps: int, seed: int) -> tuple[Estimate, ...]:
    names = [name for name in found.fitted if name != CAPACITY]
    draws: Mapping[str, list[float]] = _bootstrap(replay, found, bootstraps, seed) if bootstraps and names else {}
    estimates: list[Estimate] = []
    for name in found.fitted:
        low, high = found.interval[name]
        if name in draws:
            drawn = np.quantile(draws[name], [0.025, 0.975]).tolist()
            low, high = min(low, drawn[0]), max(high, drawn[1])
        estimates.append(Estimate(name=name, value=getattr(found.constants, name), low=low, high=high))
    return tuple(estimates)


def _bootstrap(replay: Replay, found: Fit, bootstraps: int, seed: int) -> Mapping[str, list[float]]:
    """Constants fitted to samples of whole shapes, drawn with replacement."""
    members: dict[str, list[int]] = {}
    for index, row in enumerate(replay.rows):
        members.setdefault(shape_of(row), []).append(index)
    shapes = list(members.values())
    draw = np.random.default_rng(seed)
    draws: dict[str, list[float]] = {}
    for _ in range(bootstraps):
        chosen: list[int] = draw.integers(len(shapes), size=len(shapes)).tolist()
        picked: list[int] = [index for shape in chosen for index in shapes[shape]]
        constants = refit(replay.take(np.array(picked, dtype=np.int64)), found)
        for name in found.fitted:
            if name != CAPACITY:
                draws.setdefault(name, []).append(getattr(constants, name))
    return draws
