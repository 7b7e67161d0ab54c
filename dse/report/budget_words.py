"""What a budget curve says, in sentences that could stand in a proposal."""

from __future__ import annotations

import math
from collections.abc import Mapping

from dse.hardware.shares import PARTS, Part
from dse.report.budget_view import MONEY, NEARLY, PART_NAMES, BudgetView, times


def verdict(view: BudgetView) -> tuple[str, ...]:
    """Sentences: the whole range, the knee and where the money goes, what buys nothing, where to stop."""
    if len(view.cost) == 1:
        said = (_outside(view), _single(view), _worth(view), _flat(view))
    else:
        said = (_outside(view), _range(view), _knee(view), _spent(view), _gaps(view), _worth(view), _flat(view))
    return tuple(sentence for sentence in said if sentence)


def _outside(view: BudgetView) -> str:
    show = view.resource.show
    if view.from_value >= view.cheapest:
        return ""
    return f"Below {show(view.cheapest)} no design of the space keeps its other limits."


def _single(view: BudgetView) -> str:
    return f"One design is best in the whole range: {view.objective.show(view.value[0])} for {view.resource.show(view.cost[0])}."


def _range(view: BudgetView) -> str:
    verb = "grows" if view.objective.name == "throughput" else "falls"
    ends = f"from {view.objective.show(view.value[0])} to {view.objective.show(view.value[-1])}"
    start = max(view.from_value, view.cheapest)
    cost = f"From {view.resource.show(start)} to {view.resource.show(view.cost[-1])}"
    return f"{cost} {view.objective.name} {verb} {_times(times(view.value[0], view.value[-1]))}, {ends}."


def _knee(view: BudgetView) -> str:
    at = view.knee
    show, name = view.resource.show, view.objective.name
    here = f"{show(view.cost[at])} ({view.objective.show(view.value[at])})"
    if at in (0, len(view.cost) - 1):
        return f"The curve has no knee between its ends; it bends most at {here}."
    before, after = _average(view, 0, at), _average(view, at, len(view.cost) - 1)
    return (
        f"The knee is at {here}: up to it 1% more {MONEY[view.resource.name]} buys {_percent(before)} of {name} on average, "
        f"beyond it {_percent(after)}. {_binds(view)}"
    )


def _binds(view: BudgetView) -> str:
    """What binds at the start, at the knee and at the end, told once where it stays the same."""
    last = len(view.bound) - 1
    if view.bound[0] == view.bound[view.knee] == view.bound[last]:
        first, most = (f"{view.bound_fraction[view.bound[0]][row]:.0%}" for row in (0, last))
        return f"What binds: {view.bound[0]} at the start ({first} of the time), at the knee and at the end ({most})."
    places = ((0, "at the start"), (view.knee, "at the knee"), (last, "at the end"))
    said = [f"{view.bound[row]} {place} ({view.bound_fraction[view.bound[row]][row]:.0%} of the time)" for row, place in places]
    return f"What binds: {', '.join(said)}."


def _spent(view: BudgetView) -> str:
    """How the whole difference between both ends is shared, and the cost at the start."""
    start: dict[Part, float] = {part: view.split[part][0] / view.cost[0] for part in PARTS}
    more = view.cost[-1] - view.cost[0]
    growth: dict[Part, float] = {part: (view.split[part][-1] - view.split[part][0]) / more for part in PARTS}
    first = f"At {view.resource.show(view.cost[0])}, {_shares(start)}"
    return f"{first}; of the {view.resource.show(more)} on top at the end, {_shares(growth)}."


def _shares(fractions: Mapping[Part, float]) -> str:
    """The shares that are at least 5%, largest first; parts that give back are told as such."""
    order = sorted(fractions, key=lambda part: -fractions[part])
    takes = [f"{PART_NAMES[part]} {fractions[part]:.0%}" for part in order if fractions[part] >= 0.05]
    gives = [f"{PART_NAMES[part]} gives back {-fractions[part]:.0%}" for part in order if fractions[part] <= -0.05]
    return ", ".join([*takes, *gives])


def _gaps(view: BudgetView) -> str:
    if not view.gaps:
        return ""
    stretches = " and ".join(f"between {view.resource.show(low)} and {view.resource.show(high)}" for low, high in view.gaps)
    exists = "no better design exists" if view.certified else "no better design was found"
    return f"{stretches[0].upper()}{stretches[1:]} {exists}: spend less, or go on to the next step."


def _worth(view: BudgetView) -> str:
    """Where more stops paying; empty where the whole range is flat."""
    show, worth = view.resource.show, f"{100 * view.worth_fraction:g}% of {view.objective.name}"
    more = f"{100 * view.more_fraction:g}% more {MONEY[view.resource.name]}"
    if view.from_value >= view.dearest:
        return ""
    if view.worth_value > view.to_value:
        return f"Not before {show(view.worth_value)}, beyond this range, does {more} stop buying {worth} for good."
    if view.worth_value <= max(view.from_value, view.cheapest):
        return f"Nowhere in this range does {more} buy {worth}."
    if view.worth_value == view.dearest:
        return f"Up to the end {more} can buy {worth}."
    return f"Beyond {show(view.worth_value)}, {more} never again buys {worth}."


def _flat(view: BudgetView) -> str:
    if view.to_value < view.dearest:
        return ""
    nothing = "no design is better" if view.certified else "nothing better was found"
    money = f"however much {MONEY[view.resource.name]} there is"
    return f"From {view.resource.show(view.dearest)} on the curve is flat: {nothing}, {money}{_limit(view)}."


def _limit(view: BudgetView) -> str:
    if view.tightest_fraction < NEARLY or view.cost[-1] < view.dearest:
        return ""
    kind, _, scenario = view.tightest_limit.partition(":")
    name = {"dram_needed_over_installed": "memory"}.get(kind, kind) + (f" of {scenario}" if scenario else "")
    return f", and the last uses {view.tightest_fraction:.1%} of its limit on {name}"


def _average(view: BudgetView, first: int, last: int) -> float:
    """How much better 1% more makes the objective, at the average elasticity between two steps."""
    elasticity = abs(math.log(view.value[last] / view.value[first])) / math.log(view.cost[last] / view.cost[first])
    return 1.01**elasticity - 1.0 if view.objective.name == "throughput" else 1.0 - 1.01**-elasticity


def _percent(value: float) -> str:
    return f"{100 * value:,.0f}%" if value >= 0.1 else f"{100 * value:.2g}%"


def _times(ratio: float) -> str:
    return f"{ratio:,.0f} times" if ratio >= 100 else f"{ratio:.3g} times"
