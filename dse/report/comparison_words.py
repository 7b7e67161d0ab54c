"""What changed between two runs, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dse.report.verdict_words import compared, listed, superlative

NO_CHANGE = 1e-9
"""A volume that moves by no more than this fraction did not move."""

WORTH_TELLING = 0.005
"""The best of an objective is told of where it moves by more than this fraction."""

NAMED = 3
"""Changes that a headline names."""


def headline(found: Mapping[str, Any]) -> str:
    """The change that was made, and what came of it."""
    made = [change for change in found["changes"] if change["about"] == "asked" and change["what"] != "scenarios"]
    named = [(change["what"].removeprefix("budget: "), change["before"], change["after"]) for change in made[:NAMED]]
    asked = "; ".join(f"{what} {before} to {after}" for what, before, after in named)
    rest = f" and {len(made) - NAMED} more" if len(made) > NAMED else ""
    others = [name for name in ("inputs", "search", "versions") if any(change["about"] == name for change in found["changes"])]
    why = f"{asked}{rest}" if asked else f"other {' and '.join(others)}" if others else "nothing that was asked"
    return f"{why[:1].upper()}{why[1:]}: {_outcome(found)}"


def _outcome(found: Mapping[str, Any]) -> str:
    fronts = found["fronts"]
    if fronts is None:
        return "the fronts cannot be compared"
    was, now = fronts["hypervolume"]["before"], fronts["hypervolume"]["after"]
    if abs(now - was) <= NO_CHANGE * max(was, now):
        same = not fronts["entered"] and not fronts["left"]
        return "the front stays as it is" if same else "the front holds other designs, and as much volume"
    if not was:
        return "there is a front now"
    return f"the front {'gains' if now > was else 'loses'} {abs(now / was - 1):.1%} of its hypervolume"


def said(found: Mapping[str, Any]) -> list[str]:
    """Volumes, designs, the best of each objective and the knee; or what stands in the way."""
    sentences: list[str] = []
    fronts = found["fronts"]
    if found["refused"]:
        sentences.append(f"Fronts not compared: {found['refused']}.")
    if fronts is not None:
        sentences.append(_volumes(fronts))
        sentences.append(_designs(fronts))
    better = [each for each in found["best"] if abs(each["better"] - 1) > WORTH_TELLING]
    if better:
        parts = [f"the {superlative(each['metric'])} design {compared(each['metric'], each['better'])}" for each in better]
        sentences.append(f"{listed(parts)[:1].upper()}{listed(parts)[1:]}.")
    elif found["best"]:
        sentences.append("The best of every objective is what it was, or nearly so.")
    knee = found["knee"]
    if found["same_knee"]:
        sentences.append(f"The knee is the same machine: {knee['after']['machine']}.")
    else:
        sentences.append(f"The knee moves from {knee['before']['machine']} to {knee['after']['machine']}.")
    if fronts is not None and not found["certified"]:
        sentences.append("Not both fronts are certified: designs may come and go by the luck of a search. `dse front` tells.")
    return sentences


def _volumes(fronts: Mapping[str, Any]) -> str:
    volume = fronts["hypervolume"]
    return (
        f"Hypervolume up to a common reference: {volume['before']:.4g} before, {volume['after']:.4g} after; "
        f"{fronts['gained']:.3g} gained, {fronts['lost']:.3g} lost."
    )


def _designs(fronts: Mapping[str, Any]) -> str:
    if not fronts["same_parameters"]:
        return "The spaces describe machines by different parameters, so that no design can stand in both."
    changed = f", {len(fronts['changed']):,} of them with other metrics" if fronts["changed"] else ""
    entered, left = _counted(fronts["entered"]), _counted(fronts["left"])
    return f"{fronts['both']:,} designs stand in both fronts{changed}; entered: {entered}; left: {left}."


def _of_many(reason: str) -> str:
    return reason.replace("was ", "were ").replace("beats ", "beat ")


def _counted(designs: Sequence[Mapping[str, Any]]) -> str:
    """How many, and why: ``12 (9 were over the budget, 3 a new trade-off)``."""
    counts: dict[str, int] = {}
    for design in designs:
        counts[design["why"]] = counts.get(design["why"], 0) + 1
    ranked = sorted(counts.items(), key=lambda entry: -entry[1])
    why = ", ".join(f"{count:,} {reason if count == 1 else _of_many(reason)}" for reason, count in ranked)
    return f"{len(designs):,} ({why})" if designs else "none"
