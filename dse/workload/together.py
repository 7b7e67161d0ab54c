"""Several workloads as one that every command accepts, and how a design is judged by all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from dse.errors import InputError, Problem
from dse.workload.workload import Across, Member, Workload


def combine(
    workloads: Sequence[Workload],
    *,
    weights: Sequence[float] | None = None,
    across: Across = "mean",
    targets_s: Sequence[float | None] | None = None,
    name: str | None = None,
) -> Workload:
    """One workload of all scenarios of several, judged as `across` says.

    A member's latency (energy, traffic) is what it is alone: its scenarios once, by their weights. Of the whole it is the mean
    of its members by `weights` (default: alike). With ``worst`` a search judges by the slowdown in place of latency: the worst
    member's latency over its target or, where `targets_s` has none, over its least on the space within the budget; weights do
    not count in it. With ``each`` every member's latency (throughput) is an objective of its own: ``latency:speech``.
    Space and objectives are those of the first member that has some. Scenarios of one name get their member's before it.
    Raises `InputError` for members that cannot stand together.
    """
    shares = [1.0] * len(workloads) if weights is None else list(weights)
    targets = [None] * len(workloads) if targets_s is None else list(targets_s)
    problems = _problems(workloads, shares, targets)
    if problems:
        raise InputError(problems)
    total = sum(shares)
    named = Counter(scenario.name for workload in workloads for scenario in workload.scenarios)
    scenarios = tuple(
        replace(
            scenario,
            name=scenario.name if named[scenario.name] == 1 else f"{workload.name}/{scenario.name}",
            weight=scenario.weight * (share / total),
            member=workload.name,
        )
        for workload, share in zip(workloads, shares, strict=True)
        for scenario in workload.scenarios
    )
    return Workload(
        name=name or "+".join(workload.name for workload in workloads),
        title="; ".join(workload.title for workload in workloads if workload.title),
        source="; ".join(workload.source for workload in workloads if workload.source),
        scenarios=scenarios,
        space=next((workload.space for workload in workloads if workload.space), None),
        objectives=next((workload.objectives for workload in workloads if workload.objectives), ()),
        members=tuple(
            Member(name=workload.name, share=share / total, target_s=target)
            for workload, share, target in zip(workloads, shares, targets, strict=True)
        ),
        across=across,
    )


def _problems(workloads: Sequence[Workload], weights: Sequence[float], targets: Sequence[float | None]) -> list[Problem]:
    problems: list[Problem] = []
    if not workloads:
        problems.append(Problem("no workload to combine"))
    if not len(workloads) == len(weights) == len(targets):
        problems.append(Problem(f"{len(workloads)} workloads, {len(weights)} weights and {len(targets)} targets do not pair"))
    twice = [name for name, count in Counter(workload.name for workload in workloads).items() if count > 1]
    problems += [Problem(f"the workload {name!r} stands twice", remedy="name each workload once") for name in twice]
    problems += [
        Problem(f"{workload.name!r} is made of several workloads itself", remedy="name its members instead")
        for workload in workloads
        if workload.members
    ]
    if not all(0 < weight < float("inf") for weight in weights):
        problems.append(Problem(f"weights are more than zero, got {', '.join(f'{weight:g}' for weight in weights)}"))
    if not all(target is None or 0 < target < float("inf") for target in targets):
        problems.append(Problem("a target is a time of more than zero"))
    return problems


def together(workload: Workload | Sequence[Workload], across: Across | None = None) -> Workload:
    """One workload, or several combined; `across` also says anew how one that is combined already is judged."""
    if isinstance(workload, Workload):
        if across is None or across == workload.across:
            return workload
        if not workload.members:
            raise InputError(Problem(f"across={across!r} needs several workloads, and {workload.name!r} is one"))
        return replace(workload, across=across)
    if len(workload) == 1:
        return together(workload[0], across)
    return combine(workload, across=across or "mean")
