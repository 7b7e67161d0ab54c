"""The ladder: which way of searching a space gets, why, and how good what was found is.

1. *Exact*, where the whole front can be had in about `EXACT_SECONDS`: every design of it is certified.
2. *Screened*: the vectorised search of `dse.search.screen`.
3. *Optuna's own samplers*, if one is asked for by name. Whichever it is, Optuna's trials are the ledger.

The choice rests on an estimate made from counts, not from a clock, so that the same inputs climb the same rung on any machine.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from dse.errors import NoFeasibleDesign
from dse.hardware.design import FloatColumn, IntColumn
from dse.hardware.space import Space
from dse.model.work import work_of
from dse.search import pareto
from dse.search.exact import exact_front
from dse.search.factors import n_choices
from dse.search.front import Certificate, Front, Standing, losses_of, score
from dse.search.screen import screen
from dse.workload.workload import Workload

EXACT_SECONDS = 10.0
"""An exact front that is expected to take no longer is found without being asked for."""

MODEL = "model"
"""Name of the sampler that hands out what the ladder found (`dse.search.sampler`)."""

OPINIONS = "evaluator_status"
"""A column of designs whose figures are partly an evaluator's: they do not compare with a front of the model's."""

PATIENCE = 6.0
"""An exact front is given up after so many times `EXACT_SECONDS`: the estimate was wrong."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The best front that is known without a trial: rows, shape (designs, parameters), and losses, shape (designs, objectives).

    `why` says in one sentence which rung it comes from. `nearest`: where there is no feasible design, the row to begin at.
    `interrupted`: Ctrl-C came while it was sought, and this is what there was.
    """

    is_exact: bool
    rows: IntColumn
    losses: FloatColumn
    nearest: IntColumn
    seconds: float
    why: str
    interrupted: bool = False


_kept: deque[tuple[Workload, Space, int, Known]] = deque(maxlen=4)
"""The last fronts that were found, newest last: a search, its report and its comparison ask for the same one."""

ARRAY_PAIRS_PER_S = 1e8
"""Pairs of arrays that are compared in a second while arrays are pruned; measured: 32,768 arrays of `speech` in 9.3 s."""

STORAGE_S = 0.01
"""Planning what stays on chip in one more buffer; measured: 640 buffers of `speech` in 6.4 s."""

BOXES = {1: 5.0, 2: 25.0, 3: 35.0, 4: 160.0}
"""Boxes that branch and bound looks at, over the root of the number of designs, by the number of objectives.

Measured on every shipped workload and space, 1e5 to 3e7 designs: within a factor of four of this, mostly fewer; on 1.1e10, a
fourth of it (`tests/benchmarks/test_exact_speed.py`).
"""

BOXES_PER_S = 1e5
"""Measured on two cores that do nothing else: 1e5 (four objectives on `edge`) to 3e5 (on `datacenter`)."""

DESIGN_S, CELL_S = 5e-6, 3e-8
"""Evaluating one of many designs, and what each operation of each scenario adds; measured: 3e4 to 2e5 designs a second."""


def exact_seconds(workload: Workload, space: Space) -> float:
    """About how long the exact front takes on two cores, from counts alone."""
    if any(scenario.auto for scenario in workload.scenarios):
        return space.size * (DESIGN_S + CELL_S * float(np.count_nonzero(work_of(workload).operation_counts)))
    pruning = n_choices(space, "array") ** 2 / ARRAY_PAIRS_PER_S + n_choices(space, "storage") * STORAGE_S
    return pruning + BOXES[min(len(space.objectives), max(BOXES))] * float(space.size) ** 0.5 / BOXES_PER_S


def known_front(workload: Workload, space: Space, seed: int, *, on_progress: Progress | None = None) -> Known:
    """The exact front where that is cheap by `exact_seconds`, else that of a screening; found once and then remembered.

    `on_progress(done, of)` counts designs covered, or designs evaluated. Ctrl-C ends it with what there is.
    """
    remembered = _remembered(workload, space, seed)
    if remembered is not None:
        return remembered
    _prepare(workload, space)
    expected = exact_seconds(workload, space)
    known = _exact(workload, space, expected, on_progress) if expected <= EXACT_SECONDS else None
    if known is None:
        known = _screened(workload, space, seed, expected, on_progress)
    if not known.interrupted:
        _kept.append((workload, space, seed, known))
    return known


def _prepare(workload: Workload, space: Space) -> None:
    """Let the model plan what stays on chip, which every evaluation needs and no rung is to be blamed for."""
    score(workload, space, space.random_indices(2, seed=0))


def _remembered(workload: Workload, space: Space, seed: int) -> Known | None:
    for at_workload, at_space, at_seed, known in reversed(_kept):
        if (known.is_exact or at_seed == seed) and at_workload == workload and at_space == space:
            return known
    return None


def exact_if_cheap(workload: Workload, space: Space, *, on_progress: Progress | None = None) -> Known | None:
    """The exact front if it is known, or cheap to find; else None."""
    for at_workload, at_space, _, known in reversed(_kept):
        if at_workload == workload and at_space == space:
            return known if known.is_exact else None
    expected = exact_seconds(workload, space)
    known = _exact(workload, space, expected, on_progress) if expected <= EXACT_SECONDS else None
    if known is None or known.interrupted:
        return None
    _kept.append((workload, space, 0, known))
    return known


def _exact(workload: Workload, space: Space, expected: float, on_progress: Progress | None) -> Known | None:
    """The exact front, or None if it takes far longer than expected."""
    begun = time.monotonic()
    try:
        found = exact_front(workload, space, seconds=PATIENCE * EXACT_SECONDS, on_progress=on_progress)
    except NoFeasibleDesign as error:
        row = [
            parameter.values.index(error.nearest[parameter.name]) if len(parameter) > 1 else 0 for parameter in space.parameters
        ]
        return Known(
            is_exact=True,
            rows=np.zeros((0, len(space.parameters)), dtype=np.int64),
            losses=np.zeros((0, len(space.objectives))),
            nearest=np.array(row, dtype=np.int64),
            seconds=time.monotonic() - begun,
            why=f"exact, and none of the {space.size:,} designs keeps every limit",
        )
    took = time.monotonic() - begun
    if found.certificate.kind != "exact" and not found.interrupted:
        return None
    return Known(
        is_exact=found.certificate.kind == "exact",
        interrupted=found.interrupted,
        rows=found.indices,
        losses=losses_of(found.designs, space),
        nearest=found.indices[0],
        seconds=took,
        why=f"exact, for the whole front of {space.size:,} designs was expected to take {_seconds(expected)}",
    )


def _screened(workload: Workload, space: Space, seed: int, expected: float, on_progress: Progress | None) -> Known:
    found = screen(workload, space, seed=seed, on_progress=on_progress)
    return Known(
        is_exact=found.exhausted,
        interrupted=found.interrupted,
        rows=found.rows,
        losses=found.losses,
        nearest=found.nearest,
        seconds=found.seconds,
        why=(
            f"vectorised search of {found.evaluated:,} designs, for an exact front (`dse front`) was expected to take "
            f"{_seconds(expected)}, more than {EXACT_SECONDS:.0f} s"
        ),
    )


def _seconds(value: float) -> str:
    return "under 1 s" if value < 1 else f"{value:.0f} s" if value < 300 else f"{value / 60:.0f} min" if value < 7200 else "hours"


def with_standing(front: Front, *, on_progress: Progress | None = None) -> Front:
    """The front with its `standing`: the rung it comes from, and how it compares with the exact front where that is known.

    The exact front is found for this if it is cheap. Designs that are on it are marked in the column `certified`; where all of it
    was found, the certificate says so.
    """
    if front.certificate.kind == "exact" or front.space.size == 1:
        why = "exact, for every design of the space was evaluated or bounded"
        standing = Standing(why=why, hypervolume_share=1.0, epsilon=0.0, n_exact=len(front), n_certified=len(front))
        return replace(front, standing=standing)
    known = _remembered(front.workload, front.space, front.seed or 0)
    if known is None and front.interrupted:
        return front
    if front.sampler == MODEL and known is None:
        known = known_front(front.workload, front.space, front.seed or 0, on_progress=on_progress)
    exact = known if known is not None and known.is_exact else None
    if front.sampler != MODEL:
        known, exact = None, exact or exact_if_cheap(front.workload, front.space, on_progress=on_progress)
    why = f"Optuna's sampler {front.sampler}, as asked for" if known is None else known.why
    seconds = None if known is None else known.seconds
    losses = losses_of(front.designs, front.space)
    best = exact or known
    if best is None or not len(best.losses) or OPINIONS in front.designs.columns:
        return replace(front, standing=Standing(why=why, seconds=seconds))
    if exact is None:
        return replace(
            front,
            standing=Standing(why=why, seconds=seconds, n_best=len(best.losses), share_of_best=pareto.share(losses, best.losses)),
        )
    on_it = {row.tobytes() for row in exact.losses}
    certified = np.array([row.tobytes() in on_it for row in losses], dtype=np.bool_)
    standing = Standing(
        why=why,
        seconds=seconds,
        hypervolume_share=pareto.share(losses, exact.losses),
        epsilon=pareto.epsilon(losses, exact.losses),
        n_exact=len(exact.losses),
        n_certified=int(certified.sum()),
        exact_losses=exact.losses,
    )
    designs = front.designs.assign(certified=certified)
    whole = certified.all() and len(front) == len(exact.losses) and not front.interrupted
    certificate = _whole(front, len(exact.losses)) if whole else front.certificate
    return replace(front, designs=designs, standing=standing, certificate=certificate)


def _whole(front: Front, size: int) -> Certificate:
    n = front.space.size
    return Certificate(
        kind="exact",
        designs_covered=n,
        designs_in_space=n,
        statement=f"certified: the whole front ({size:,} of {n:,} designs); no feasible design dominates any of these",
        epsilon=0.0,
    )
