"""What several workloads together are judged by: objectives of their own, and the latencies that slowdowns are measured from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dse.errors import InputError, Problem
from dse.hardware.goals import MOST_OBJECTIVES, OF_A_WORKLOAD, SLOWDOWN, Objective
from dse.hardware.parameters import suggestion
from dse.hardware.space import Space
from dse.search.front import Front
from dse.workload.workload import Member, Workload

TARGET_SECONDS = 60.0
"""Longest search for the least latency of one workload."""


FrontOf = Callable[[Workload, Space], Front]


def judged(workload: Workload, space: Space, front_of: FrontOf) -> tuple[Workload, Space]:
    """The workload with every target known that its judging needs, and the space with the objectives that `across` means.

    ``worst`` puts the slowdown in the place of latency, ``each`` every workload's own latency and throughput in the place of
    those of all. `front_of` finds the least latency of one of them where that is needed. Raises `InputError` for objectives that
    do not fit the workload.
    """
    space = replace(space, objectives=_objectives(workload, space))
    if any(objective.metric == SLOWDOWN for objective in space.objectives):
        workload = replace(
            workload, members=tuple(_with_target(workload, space, member, front_of) for member in workload.members)
        )
    return workload, space


def _objectives(workload: Workload, space: Space) -> tuple[Objective, ...]:
    names = [objective.metric for objective in space.objectives]
    wanted: list[str] = []
    members = [member.name for member in workload.members]
    for name in names:
        if workload.across == "worst" and name == "latency":
            wanted.append(SLOWDOWN)
        elif workload.across == "each" and name in ("latency", "throughput"):
            wanted += [f"{name}:{member}" for member in members]
        else:
            wanted.append(name)
    problems: list[Problem] = []
    for name in dict.fromkeys(wanted):
        metric, _, member = name.partition(":")
        if not members and (name == SLOWDOWN or member):
            problems.append(Problem(f"the objective {name!r} needs several workloads, and {workload.name!r} is one"))
        elif member and (member not in members or metric not in OF_A_WORKLOAD):
            problems.append(Problem(f"the objective {name!r} is of no workload here", remedy=suggestion(member, members)))
    timed = {SLOWDOWN, *(f"{each}:{member}" for each in ("latency", "throughput") for member in members)}
    if members and workload.across != "mean" and not timed & set(wanted):
        problems.append(
            Problem(
                f"across: {workload.across} judges by latency, and the objectives are {', '.join(names)}",
                remedy="add latency to the objectives, or judge across: mean",
            )
        )
    if len(dict.fromkeys(wanted)) > MOST_OBJECTIVES:
        problems.append(
            Problem(
                f"an objective for each workload makes {len(wanted)}: {', '.join(wanted)}; at most {MOST_OBJECTIVES}",
                remedy="name fewer objectives (--objectives latency,price), or judge across: worst",
            )
        )
    if problems:
        raise InputError(problems)
    return tuple(Objective(name) for name in dict.fromkeys(wanted))


def _with_target(workload: Workload, space: Space, member: Member, front_of: FrontOf) -> Member:
    """The member with the least latency that it reaches alone on this space within the budget, unless it has a target."""
    if member.target_s is not None:
        return member
    own = tuple(scenario for scenario in workload.scenarios if scenario.member == member.name)
    alone = replace(workload, name=member.name, scenarios=own, members=(member,), across="mean")
    front = front_of(alone, replace(space, objectives=(Objective(f"latency:{member.name}"),)))
    if front.interrupted:
        raise KeyboardInterrupt
    least = float(front.designs[f"latency_s[{member.name}]"].iloc[0])
    proof = {"exact": "certified", "epsilon": f"within {front.certificate.epsilon or 0:.2%}"}.get(
        front.certificate.kind, "the least that was found"
    )
    return replace(member, target_s=least, known_from=f"its least on {space.name} within the budget, {proof}")
