"""How much of the exact hypervolume thirty designs can have: ``python -m tests.benchmarks.thirty_designs [WORKLOAD/SPACE ...]``.

Prints for each pair the share that the first 30 designs of the default sampler have, and the most that any 30 designs of the
front have: with two objectives by dynamic programming over the front (exact), with more by exchanging one design for another
until no exchange helps (a lower bound of the most).
"""

from __future__ import annotations

import sys

import numpy as np

import dse
from dse.search import pareto
from dse.search.exact import exact_front
from dse.search.front import losses_of
from dse.search.gains import by_gain

PAIRS = (
    "mlp/three_knobs",
    "speech/three_knobs",
    "mlp/edge",
    "speech/edge",
    "vision/edge",
    "speech/datacenter",
    "transformer/datacenter",
)
DESIGNS = 30


def most_of_two(logs, corner, designs: int) -> float:
    """The largest area that so many points of a two-objective front dominate up to the corner.

    From the right: a point at x whose next chosen point lies at x' adds (x' - x) times its height below the corner.
    """
    logs = logs[np.argsort(logs[:, 0])]
    x, height = logs[:, 0], corner[1] - logs[:, 1]
    best = (corner[0] - x) * height
    for _ in range(designs - 1):
        further = [((x[at + 1 :] - x[at]) * height[at] + best[at + 1 :]).max(initial=0.0) for at in range(len(x))]
        best = np.maximum(best, further)
    return best.max()


def exchanged(logs, corner, chosen) -> float:
    """The volume after exchanging single designs as long as that helps."""

    def volume(rows) -> float:
        return pareto.hypervolume(10 ** logs[rows], 10**corner)

    chosen, most, better = list(chosen), volume(chosen), True
    while better:
        better = False
        for at in range(len(chosen)):
            others = chosen[:at] + chosen[at + 1 :]
            volumes = [volume([*others, row]) for row in range(len(logs))]
            if max(volumes) > most * (1 + 1e-9):
                chosen, most, better = [*others, int(np.argmax(volumes))], max(volumes), True
    return most


def main() -> None:
    for pair in sys.argv[1:] or PAIRS:
        workload, space = (load(name) for load, name in zip((dse.load_workload, dse.load_space), pair.split("/"), strict=True))
        losses = losses_of(exact_front(workload, space).designs, space)
        reference = pareto.reference_point(losses)
        logs, corner = np.log10(losses), np.log10(reference)
        whole = pareto.hypervolume(losses, reference)
        first = by_gain(logs, corner)[:DESIGNS]
        two = logs.shape[1] == 2
        most = most_of_two(logs, corner, DESIGNS) if two else exchanged(logs, corner, first)
        shares = pareto.hypervolume(losses[first], reference) / whole, most / whole
        print(f"{pair}: {len(losses):,} designs on the exact front of {logs.shape[1]} objectives")
        print(f"  the first {DESIGNS} handed out have {shares[0]:.2%} of its hypervolume", end=", ")
        print(f"the best {DESIGNS}{'' if two else ' found by exchange'} {shares[1]:.2%}", flush=True)
        if two:
            least = next(n for n in range(1, len(logs) + 1) if most_of_two(logs, corner, n) >= 0.95 * whole)
            print(f"  95% takes at least {least} designs", flush=True)


if __name__ == "__main__":
    main()
