"""The exact front of a space, with a certificate, by pruning factors and then bounding boxes of designs.

1. Of every factor the choices that another choice replaces are left out (`dse.search.factors`).
2. What is left is searched by branch and bound (`dse.search.bounds`): a box is discarded if even the best imaginable design of
   it breaks a limit, or is equalled or bettered in every objective by a feasible design that was evaluated; else it is halved,
   down to single designs. Nothing else is ever left out, so what stays is the front.
3. Boxes are taken in passes with an ever smaller epsilon. A pass puts a box aside if some evaluated design is within a factor of
   1 + epsilon of its bound in every objective. After a pass every feasible design of the space is therefore within 1 + epsilon
   of one that was evaluated, in every objective; the last pass has epsilon 0 and puts nothing aside.

Boxes are taken last in, first out, a block at a time, so that memory stays bounded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pandas as pd

from dse.errors import NoFeasibleDesign
from dse.hardware.design import FloatColumn, IntColumn
from dse.hardware.space import Space
from dse.model.work import work_of
from dse.search.archive import Archive
from dse.search.bounds import Bounds, bounds_of
from dse.search.every import front_of_every_design
from dse.search.factors import NothingPermitted
from dse.search.front import Certificate, Front, make_front, no_feasible_design, score
from dse.search.judged import TARGET_SECONDS, judged
from dse.workload.together import together
from dse.workload.workload import Across, Workload

EPSILONS = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0)
"""Of the passes; the last is exact."""

BOXES_AT_ONCE = 32_768
"""Boxes bounded together."""

MOST_ASIDE = 20_000_000
"""Boxes that a pass may put aside; about 2 GB."""

FIRST_DESIGNS = 20_000
"""Designs drawn at random, so that there is something to discard boxes by."""

DRAWN_DESIGNS, DRAWN_BUFFERS = 2000, 4
"""Designs, and on-chip buffers among them, that stand in where there was no time to prepare the factors."""

NEAREST_OF = 20_000
"""Where nothing is feasible, the nearest of all designs is shown, or of so many drawn at random."""


def exact_front(
    workload: Workload | Sequence[Workload],
    space: Space,
    *,
    across: Across | None = None,
    seconds: float | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Front:
    """The whole Pareto front of `space`, certified: no feasible design dominates any of it; designs that tie stand once.

    With `seconds` the search ends about then, and the certificate gives the epsilon that was reached: every feasible design is
    within a factor of 1 + epsilon of a returned one in every objective (with too little time for any, the best of a few drawn
    at random and no epsilon). `on_progress(covered, size)` is called after each block.
    Several workloads are judged `across` them (see `dse.combine`); where that needs the least latency of each, it is found first.
    For a workload with a free batch every design is evaluated instead. Raises `NoFeasibleDesign` if no design keeps the limits.
    Ctrl-C keeps the front so far, and the certificate says what is known of it.
    """
    most = TARGET_SECONDS if seconds is None else min(seconds, TARGET_SECONDS)
    workload, space = judged(together(workload, across), space, partial(exact_front, seconds=most))
    if any(scenario.auto for scenario in workload.scenarios):
        return front_of_every_design(workload, space, on_progress=on_progress)
    deadline = None if seconds is None else time.monotonic() + seconds

    def pause() -> None:
        if deadline is not None and time.monotonic() > deadline:
            raise _OutOfTime
        if on_progress is not None:
            on_progress(0, space.size)

    try:
        bounds = bounds_of(space, work_of(workload), pause)
    except NothingPermitted:
        raise _none_feasible(workload, space, certain=True) from None
    except (_OutOfTime, KeyboardInterrupt) as stopped:
        return _drawn_front(workload, space, interrupted=isinstance(stopped, KeyboardInterrupt))
    search = _Search(bounds=bounds, deadline=deadline, on_progress=on_progress)
    interrupted = False
    try:
        search.run()
    except KeyboardInterrupt:
        interrupted = True
        if not len(search.archive):
            raise
    _, designs = search.archive.best()
    if not len(designs):
        raise _none_feasible(workload, space, certain=search.epsilon == 0.0)
    return make_front(
        workload,
        space,
        [score(workload, space, search.bounds.indices(designs.astype(np.int64)))],
        search.certificate(interrupted=interrupted),
        trials=pd.DataFrame(),
        sampler="exact",
        seed=None,
        interrupted=interrupted,
    )


class _OutOfTime(Exception):
    """The deadline came before there was anything to search."""


def _drawn_front(workload: Workload, space: Space, *, interrupted: bool) -> Front:
    """The best of some designs drawn at random, where the factors could not be prepared to the end; few buffers, to be quick."""
    at = next(index for index, parameter in enumerate(space.parameters) if parameter.name == "sram")
    axis = space.parameters[at]
    chosen: IntColumn = np.unique(np.linspace(0, len(axis) - 1, DRAWN_BUFFERS).astype(np.int64))
    few = replace(axis, values=tuple(axis.values[index] for index in map(int, chosen)))
    thin = replace(space, parameters=(*space.parameters[:at], few, *space.parameters[at + 1 :]))
    indices = np.unique(thin.random_indices(DRAWN_DESIGNS, seed=0), axis=0)
    scored = score(workload, thin, indices)
    indices = indices.copy()
    indices[:, at] = chosen[indices[:, at]]
    cause = "interrupted" if interrupted else "out of time"
    statement = (
        f"{cause} while the factors of the space were prepared: best of {len(indices):,} designs drawn at random of "
        f"{space.size:,}; no proof that nothing better exists"
    )
    drawn = replace(scored, indices=indices)
    if not len(drawn.feasible):
        if interrupted:
            raise KeyboardInterrupt
        raise no_feasible_design(space, [drawn])
    return make_front(
        workload,
        space,
        [drawn],
        Certificate(kind="none", designs_covered=len(indices), designs_in_space=space.size, statement=statement),
        trials=pd.DataFrame(),
        sampler="exact",
        seed=None,
        interrupted=interrupted,
    )


@dataclass(slots=True)
class _Search:
    """The state of a branch and bound. `drawn` are the numbers of the designs that were drawn at first."""

    bounds: Bounds
    deadline: float | None
    on_progress: Callable[[int, int], None] | None
    archive: Archive = field(default_factory=Archive)
    stack: list[IntColumn] = field(default_factory=list[IntColumn])
    aside: list[tuple[IntColumn, FloatColumn]] = field(default_factory=list[tuple[IntColumn, FloatColumn]])
    n_aside: int = 0
    n_bounded: int = 0
    n_evaluated: int = 0
    drawn: IntColumn = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    covered: float = 0.0
    epsilon: float = np.inf

    @property
    def n_kept(self) -> int:
        return self.bounds.n_kept

    def run(self) -> None:
        """Every pass, or as many as the time allows."""
        draws = np.unique(self.bounds.random_designs(min(FIRST_DESIGNS, self.n_kept), seed=0), axis=0)
        rows, losses = self.bounds.of(draws)
        self.archive.add(losses, draws[rows])
        self.n_evaluated += len(draws)
        self.drawn = self.bounds.numbers(draws)
        self.stack.append(self.bounds.roots())
        for epsilon in EPSILONS:
            waiting, self.aside, self.n_aside = self.aside, [], 0
            for boxes, losses in waiting:
                self._settle(boxes, losses, epsilon)
            if not self._drain(epsilon):
                return
            self.epsilon = epsilon

    def _drain(self, epsilon: float) -> bool:
        """Empty the stack; false if the time ran out."""
        while self.stack:
            if self.deadline is not None and time.monotonic() > self.deadline:
                return False
            boxes = self._popped()
            rows, losses = self.bounds.of(boxes)
            self.n_bounded += len(boxes)
            self.covered += self.bounds.n_designs(boxes).sum() - self.bounds.n_designs(boxes[rows]).sum()
            self._settle(boxes[rows], losses, epsilon)
            self._report()
        return True

    def _popped(self) -> IntColumn:
        taken = [self.stack.pop()]
        while self.stack and sum(map(len, taken)) + len(self.stack[-1]) <= BOXES_AT_ONCE:
            taken.append(self.stack.pop())
        boxes = np.concatenate(taken)
        if len(boxes) > BOXES_AT_ONCE:
            self.stack.append(boxes[:-BOXES_AT_ONCE])
            boxes = boxes[-BOXES_AT_ONCE:]
        return boxes

    def _settle(self, boxes: IntColumn, losses: FloatColumn, epsilon: float) -> None:
        """Discard, keep, put aside or halve boxes whose bounds are known."""
        single = self.bounds.is_design(boxes)
        if single.any():
            self.n_evaluated += int((~np.isin(self.bounds.numbers(boxes[single]), self.drawn)).sum())
            self.covered += float(single.sum())
            self.archive.add(losses[single], boxes[single])
            boxes, losses = boxes[~single], losses[~single]
        beaten = self.archive.covers(losses)
        self.covered += float(self.bounds.n_designs(boxes[beaten]).sum())
        boxes, losses = boxes[~beaten], losses[~beaten]
        if epsilon > 0 and self.n_aside + len(boxes) <= MOST_ASIDE:
            near = self.archive.covers(losses * (1.0 + epsilon))
            self.aside.append((boxes[near], losses[near]))
            self.n_aside += int(near.sum())
            boxes = boxes[~near]
        if len(boxes):
            self.stack.append(self.bounds.split(boxes))

    def _report(self) -> None:
        if self.on_progress is not None:
            size = self.bounds.space.size
            self.on_progress(min(size, size - self.n_kept + int(self.covered)), size)

    def certificate(self, *, interrupted: bool) -> Certificate:
        """What is known of the best of the archive."""
        size = self.bounds.space.size
        decided = size if self.epsilon == 0.0 else min(size - 1, size - self.n_kept + int(self.covered))
        effort = f"{self.n_evaluated:,} evaluated, the rest replaced by other choices or bounded"
        if size == 1:
            kind, statement = "exact", "certified: the space holds this one design"
        elif self.epsilon == 0.0:
            kind = "exact"
            allowed = f", {self.bounds.space.allowed} of them allowed" if self.bounds.space.rules else ""
            statement = f"certified: all {size:,} designs covered{allowed} ({effort}), no feasible one dominates any of these"
        else:
            cause = "interrupted" if interrupted else "out of time"
            said = f"{cause} with {decided:,} of {size:,} designs decided ({effort}): "
            kind = "epsilon" if np.isfinite(self.epsilon) else "none"
            statement = said + (
                f"every feasible design is within {self.epsilon:.2%} of one of these in every objective"
                if kind == "epsilon"
                else "no proof yet of how near these are to the best"
            )
        return Certificate(
            kind=kind,
            designs_covered=decided,
            designs_in_space=size,
            statement=statement,
            epsilon=self.epsilon if kind != "none" else None,
        )


def _none_feasible(workload: Workload, space: Space, *, certain: bool) -> NoFeasibleDesign:
    """The error that says nothing is feasible, with the nearest of some designs; of all where they are few."""
    few = space.size <= NEAREST_OF
    indices = space.indices(np.arange(space.size)) if few else space.random_indices(NEAREST_OF, seed=0)
    error = no_feasible_design(space, [score(workload, space, indices)])
    if few or not certain:
        return error
    return NoFeasibleDesign(
        f"certified: none of the {space.size:,} designs keeps every limit; the nearest of {NEAREST_OF:,} drawn is shown",
        error.nearest,
        error.violations,
    )
