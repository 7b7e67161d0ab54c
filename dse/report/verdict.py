"""The verdict of a run in words: what to build, what it gains over a known chip, what limits it, what to buy next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dse.model.advice import Advice, Pick
from dse.model.breakdown import Result
from dse.report.info import DIMENSION, SHOWN, label
from dse.report.page_design import NBSP, bound_shares, crossed, machine_phrase
from dse.report.page_front import metric_names
from dse.report.plain import exact
from dse.report.typeset import typeset
from dse.report.verdict_words import compared, listed, sentence, shortened, superlative
from dse.search.baseline import Baseline
from dse.search.front import METRIC_COLUMNS, Front, losses_of
from dse.units import format_quantity

BOUND_WORDS = {
    "memory": "off-chip bandwidth",
    "compute": "the MAC array",
    "vector": "the vector lanes",
    "dependency": "steps that wait for each other",
    "ridge": "array and memory alike",
}
NEARLY = 0.97
"""A limit that is used to this fraction stops a design from growing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What the front gains over a baseline in one objective, at no more of any other: ratio (at least 1 is a gain) and the row.

    Where no design of the front is as good in all the others, `row` is the knee and `at_others` is false.
    """

    metric: str
    ratio: float
    row: int
    at_others: bool


def gains(front: Front, baseline: Baseline) -> tuple[Gain, ...]:
    """The gain of the front over the baseline in every objective."""
    losses, base = losses_of(front.designs, front.space), baseline.scored.losses[0]
    found: list[Gain] = []
    for at, objective in enumerate(front.space.objectives):
        others = [other for other in range(losses.shape[1]) if other != at]
        rows = np.flatnonzero((losses[:, others] <= base[others] * (1 + 1e-12)).all(axis=1))
        row = int(rows[np.argmin(losses[rows, at])]) if len(rows) else front.knee
        found.append(Gain(metric=objective.metric, ratio=float(base[at] / losses[row, at]), row=row, at_others=len(rows) > 0))
    return tuple(found)


def lettered_rows(front: Front, baseline: Baseline | None) -> list[int]:
    """Rows of the front that get a letter and layer detail: those that stand for it, and those that the verdict names."""
    named = [] if baseline is None or front.space.size == 1 else [gain.row for gain in gains(front, baseline)]
    return [int(row) for row in front.shown(SHOWN, also=named)]


def verdict_data(
    front: Front,
    results: Sequence[Result],
    rows: Sequence[int],
    advice: Sequence[Advice],
    baseline: Baseline | None,
    median: Mapping[str, float],
) -> dict[str, Any]:
    """Headline and findings, each a title and sentences; `designs` names the rows of the front that stand in them."""
    knee = list(rows).index(front.knee)
    headline = f"Build {label(knee)}: {machine_phrase(results[knee])}"
    findings = [
        _extremes(front, results, rows),
        _gain(front, baseline, rows, median),
        _limits(front, results[knee], knee, rows),
        _purchase(advice[knee], label(knee)),
        {"title": "How sure is this?", "text": _certainty(front)},
    ]
    return {
        "headline": headline,
        "summary": _summary(front),
        "findings": [finding for finding in findings if finding],
        "short": shortened(
            [
                f"{headline}.",
                _short_gain(front, baseline, rows) or _blind(front, median, label(knee)).strip(),
                _short_limit(results[knee], label(knee)),
                _next(advice[knee]),
            ]
        ),
        "baseline": _baseline(front, baseline),
        "median": {name: exact(value) for name, value in median.items()},
    }


def _short_gain(front: Front, baseline: Baseline | None, rows: Sequence[int]) -> str:
    if baseline is None or front.space.size == 1:
        return ""
    said = [f"{_name(gain.row, rows)} {compared(gain.metric, gain.ratio)}" for gain in gains(front, baseline) if gain.at_others]
    only = "" if len(front.space.objectives) == 1 else ", at no more of the rest"
    return f"Against {baseline.name}{only}: {listed(said)}." if said else ""


def _short_limit(result: Result, letter: str) -> str:
    parts = _bounds(result)
    return f"On {letter} the time is bound by {listed(parts)}." if parts else ""


def _bounds(result: Result) -> list[str]:
    """What binds how much of the time, from one hundredth on."""
    shares = bound_shares(result).items()
    return [f"{BOUND_WORDS.get(name, name)} {share:.0%}" for name, share in shares if share >= 0.01 and name != "none"]


def _next(advice: Advice) -> str:
    buy, use = advice.picks.buy, advice.picks.use
    if buy is not None:
        return f"Buy next: {_bought(buy)}."
    return f"At no price: {crossed(use.lever)} runs {1 / use.per_inference_ratio:.3g} times as fast." if use is not None else ""


def _written(metric: str, value: float) -> str:
    """A value of a metric in a sentence, its number and its unit never on two lines."""
    return typeset(format_quantity(value, DIMENSION[metric])).replace(" ", NBSP)


def _metric(front: Front, row: int, metric: str) -> float:
    return float(front.designs[METRIC_COLUMNS[metric]].iloc[row])


def _summary(front: Front) -> str:
    shown = [objective.metric for objective in front.space.objectives]
    shown += [name for name in ("price", "power", "area") if name not in shown]
    figures_ = ", ".join(f"{name} {_written(name, _metric(front, front.knee, name))}" for name in shown)
    if len(front) == 1:
        return f"The one design that the front holds: {figures_}."
    return (
        f"The knee of {len(front):,} Pareto-optimal designs, where giving up a little of one objective stops buying much of the "
        f"others: {figures_}."
    )


def _name(row: int, rows: Sequence[int]) -> str:
    return label(list(rows).index(row)) if row in rows else f"row {row} of front.csv"


def _extremes(front: Front, results: Sequence[Result], rows: Sequence[int]) -> dict[str, Any]:
    """The best of each objective at the budget, as one text and as items."""
    if len(front) == 1:
        return {}
    losses = losses_of(front.designs, front.space)
    parts: list[str] = []
    for at, objective in enumerate(front.space.objectives):
        row = int(np.argmin(losses[:, at]))
        name = _name(row, rows)
        phrase = f" ({machine_phrase(results[list(rows).index(row)])})" if row in rows else ""
        ratio = losses[front.knee, at] / losses[row, at]
        against = "" if row == front.knee else f", {_against(objective.metric, ratio)} the knee"
        value = _written(objective.metric, _metric(front, row, objective.metric))
        parts.append(f"{superlative(objective.metric)}: {name}{phrase}, {value}{against}")
    return {"title": "Best within the budget", "text": sentence("; ".join(parts)), "items": [sentence(part) for part in parts]}


def _against(metric: str, ratio: float) -> str:
    """``1.6 times``, ``25% below``."""
    kind = metric.partition(":")[0]
    return (
        f"{ratio:.3g} times as fast as"
        if kind == "latency"
        else f"{ratio:.3g} times"
        if kind == "throughput"
        else f"{1 - 1 / ratio:.0%} below"
    )


def _gain(front: Front, baseline: Baseline | None, rows: Sequence[int], median: Mapping[str, float]) -> dict[str, str]:
    blind = _blind(front, median, "the knee")
    if baseline is None:
        return {"title": "Gain over a known chip", "text": f"No size of TPU v1 keeps this budget.{blind}"}
    if front.space.size == 1:
        text = "The one design of this space is its own baseline: it takes a larger space to gain over it."
        return {"title": "Gain over a known chip", "text": text}
    parts: list[str] = []
    for gain in gains(front, baseline):
        said = f"{_name(gain.row, rows)} {compared(gain.metric, gain.ratio)}"
        parts.append(said if gain.at_others else f"{said}, though not at no more of the others")
    base = baseline.scored.metrics
    numbers = ", ".join(_written(o.metric, float(base.metric(o.metric)[0])) for o in front.space.objectives)
    only = "" if len(front.space.objectives) == 1 else "at no more of the other objectives, "
    return {
        "title": f"Gain over {baseline.name}",
        "text": f"{baseline.name} comes to {numbers}. Against it, {only}{listed(parts)}.{blind}",
    }


def _blind(front: Front, median: Mapping[str, float], who: str) -> str:
    """The knee against a design chosen with closed eyes; nothing where that is not known."""
    if not median:
        return ""
    ratios = [compared(name, _times(front, front.knee, name, value)) for name, value in median.items()]
    return f" Against the middle of all designs that keep the budget (the median of each objective) {who} {listed(ratios)}."


def _times(front: Front, row: int, metric: str, other: float) -> float:
    """How many times better a design of the front is than a value."""
    own = _metric(front, row, metric)
    return own / other if metric.partition(":")[0] == "throughput" else other / own


def _baseline(front: Front, baseline: Baseline | None) -> dict[str, Any] | None:
    if baseline is None:
        return None
    design = front.space.designs(baseline.indices).design(0)
    return {
        "name": baseline.name,
        "how": (
            "TPU v1 in another size: its dataflow, buffering, clock and SRAM for each MAC unit, as near as the space has them, "
            "the squarest array, one vector lane for each column. Every size with every memory system of the space; of the "
            f"{baseline.feasible:,} of {baseline.tried:,} that keep the budget, the best in {front.space.objectives[0].metric}. "
            f"It has {baseline.scale:.2g} times TPU v1's MAC units, {baseline.sram_proportion:.2g} times its SRAM for each of "
            f"them, and {baseline.bandwidth_proportion:.2g} times its bandwidth for each op/s."
        ),
        "machine": (
            f"{design.array_rows}×{design.array_cols}×{design.cores}, {format_quantity(design.frequency_hz, 'frequency')}, "
            f"{format_quantity(design.sram_bytes, 'bytes')}, {format_quantity(design.bandwidth_bytes_per_s, 'bandwidth')}, "
            f"{design.node_nm:g} nm"
        ),
        "metrics": {name: exact(baseline.scored.metrics.metric(name)[0]) for name in metric_names(front)},
    }


def _limits(front: Front, result: Result, position: int, rows: Sequence[int]) -> dict[str, str]:
    """What binds the knee's time, and which limit of the budget the design that is best in the first objective runs into."""
    parts = _bounds(result)
    text = f"On {label(position)} the time of all scenarios is bound by {listed(parts)}." if parts else ""
    best = int(np.argmin(losses_of(front.designs, front.space)[:, 0]))
    used = {
        name: _metric(front, best, name) / limit
        for name in ("price", "power", "area", "latency", "energy")
        if (limit := front.space.budget.limit(name)) is not None
    }
    which = f"{_name(best, rows)}, the {superlative(front.space.objectives[0].metric)} design,"
    full = [f"{name} ({_used(front, name, share)})" for name, share in used.items() if share >= NEARLY]
    stop = f" {which} is stopped by the budget's {listed(full)}." if full else ""
    if used and not full:
        most = max(used, key=lambda name: used[name])
        stop = f" {which} reaches no limit; nearest is {most} ({_used(front, most, used[most])})."
    return {"title": "What limits it", "text": text + (stop if len(front) > 1 else "")}


def _used(front: Front, name: str, share: float) -> str:
    limit = front.space.budget.limit(name)
    return f"{share:.0%} of {_written(name, limit or 0.0)}"


def _purchase(advice: Advice, letter: str) -> dict[str, str]:
    picks = advice.picks
    buy = f"Most for a dollar on {letter}: {_bought(picks.buy)}." if picks.buy is not None else ""
    use = (
        f"At no price: {crossed(picks.use.lever)} runs {1 / picks.use.per_inference_ratio:.3g} times as fast."
        if picks.use is not None
        else ""
    )
    none = f"On {letter} no lever that keeps the limits saves more than 2% of the time." if not buy and not use else ""
    blocked = [lever for lever in advice.levers if lever.kind == "hardware" and lever.breaks and lever.per_inference_ratio < 0.9]
    best = min(blocked, key=lambda lever: lever.per_inference_ratio, default=None)
    beyond = ""
    if best is not None:
        broken = ", ".join(dict.fromkeys(each.quantity for each in best.breaks))
        beyond = (
            f"With a larger budget ({broken}): {crossed(best.name)} would run {1 / best.per_inference_ratio:.3g} times as fast."
        )
    return {"title": "What to buy next", "text": " ".join(part for part in (buy, use, none, beyond) if part)}


def _bought(pick: Pick) -> str:
    more = format_quantity(pick.price_change_usd, "price").replace(" ", NBSP)
    return f"{crossed(pick.lever)}, {1 / pick.per_inference_ratio:.3g} times as fast for {more} more"


def _certainty(front: Front) -> str:
    doubtful = sum("UNVERIFIED" in line for line in front.space.assumptions())
    said = sentence(front.certificate.statement)
    return (
        f"{said} The numbers are those of an analytical model on {len(front.space.assumptions())} assumptions, {doubtful} of "
        "them unverified; all stand below with source and date."
    )
