"""The front of two objectives within a time: exact where that is possible, an epsilon front, or what a search finds."""

from __future__ import annotations

import time
from collections.abc import Callable

from dse.hardware.space import Space
from dse.search import every
from dse.search.exact import exact_front
from dse.search.front import Front, make_front, score
from dse.workload.workload import Workload

TIMED_DESIGNS = 16_384
"""Designs that are evaluated to tell how long all of them would take."""

TRIALS = 2000
"""Designs that a search may try where it stands in."""

Reporter = Callable[[str, int, int], None]
"""``report(stage, done, total)``; the stages are ``exact`` and ``search``."""


def tradeoff_front(workload: Workload, space: Space, seconds: float | None, seed: int | None, report: Reporter | None) -> Front:
    """The exact front, or as near as the time allows; where nothing is proved by then, a search stands in."""
    if _every_takes_too_long(workload, space, seconds):
        return _searched(workload, space, seed, report)

    def told(done: int, total: int) -> None:
        if report is not None:
            report("exact", done, total)

    front = exact_front(workload, space, seconds=seconds, on_progress=told)
    if front.certificate.kind != "none" or front.interrupted:
        return front
    return _best_of_both(workload, space, front, _searched(workload, space, seed, report))


def _every_takes_too_long(workload: Workload, space: Space, seconds: float | None) -> bool:
    """Whether every design has to be evaluated (a free batch), and that takes longer than it may."""
    if all(not scenario.auto for scenario in workload.scenarios):
        return False
    if space.size > every.MOST_DESIGNS:
        return True
    if seconds is None or space.size <= TIMED_DESIGNS:
        return False
    indices = space.random_indices(TIMED_DESIGNS, seed=0)
    score(workload, space, indices[:1000])
    begun = time.monotonic()
    score(workload, space, indices)
    return (time.monotonic() - begun) * space.size / TIMED_DESIGNS > seconds


def _searched(workload: Workload, space: Space, seed: int | None, report: Reporter | None) -> Front:
    from dse.search.study import Progress, search

    def told(now: Progress) -> None:
        if report is not None:
            report("search", now.done, now.trials)

    return search(workload, space, trials=TRIALS, seed=seed, on_progress=told)


def _best_of_both(workload: Workload, space: Space, first: Front, second: Front) -> Front:
    return make_front(
        workload,
        space,
        [score(workload, space, front.indices) for front in (first, second)],
        first.certificate,
        trials=second.trials,
        sampler=f"{first.sampler} and {second.sampler}",
        seed=second.seed,
        interrupted=second.interrupted,
    )
