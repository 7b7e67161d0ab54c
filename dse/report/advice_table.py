"""What each lever would do to a machine, and where each scenario stands under its roofline: on the terminal and as JSON."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any, cast

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dse.errors import Violation
from dse.model.advice import Advice, Lever, Pick, Picks, Standing
from dse.model.breakdown import Result
from dse.report.tables import plain_table
from dse.units import format_quantity

PLACE = {
    "slope": "on the slope: memory binds",
    "ridge": "at the ridge",
    "roof": "under the roof: the array binds",
    "lanes": "the vector lanes bind",
    "waiting": "dependent steps wait for each other",
    "cannot run": "some operation cannot run",
    "none": "nothing binds",
}
"""Where a scenario stands, in words."""

BREAKS = {
    "dram_needed_over_installed": "DRAM",
    "floating_point_on_integers": "format",
    "operations_without_mapping": "SRAM",
}
"""Limits with a short name of their own."""


def advice_report(advice: Advice, result: Result) -> RenderableType:
    """Every lever, best first; then each scenario with what to do and what to buy."""
    return Group(_levers(advice, result), Text(), *_scenarios(advice), Text(verdict(advice), style="bold"))


def verdict(advice: Advice) -> str:
    """One sentence on all scenarios together."""
    picks = advice.picks
    if picks.use is None and picks.buy is None:
        return "All in all: no lever that keeps the limits saves more than 2% of the time per inference."
    use = f"at no price, {_said(picks.use)}" if picks.use is not None else ""
    buy = f"most for a dollar: {_said(picks.buy)} for {_dollars(picks.buy.price_change_usd)} USD" if picks.buy is not None else ""
    return f"All in all: {'; '.join(part for part in (use, buy) if part)}."


def _said(pick: Pick) -> str:
    return f"{pick.lever} ({_speed(pick.per_inference_ratio)} as fast)"


def _levers(advice: Advice, result: Result) -> RenderableType:
    table = plain_table("What each lever would do, all scenarios once")
    table.add_column("lever", no_wrap=True)
    for name in ("speed", "latency", "energy", "USD", "mm2", "W"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("breaks", overflow="fold")
    now = (result.latency_s, result.energy_j, result.price_usd, result.area_mm2, result.power_w)
    table.add_row("as it is", "1x", *_figures(*now), "", style="dim")
    for lever in advice.levers:
        figures = _figures(lever.latency_s, lever.energy_j, lever.price_usd, lever.area_mm2, lever.power_w)
        table.add_row(lever.name, _speed(lever.per_inference_ratio), *figures, breaks(lever))
    clock = next((lever.description for lever in advice.levers if lever.name == "clock x2"), None)
    said = [f"{lever.name}: {lever.description}" for lever in advice.levers if lever.name != "clock x2"]
    said += [f"clock x2: {clock}"] if clock else []
    note = "speed: inferences in the same time; latency and energy of one run of every batch"
    return Group(table, Text(f"{note}. {'; '.join(said)}.", style="dim"))


def breaks(lever: Lever) -> str:
    """The limits that a lever breaks and the machine without it keeps, each once: ``power, latency x2``."""
    names = [_short(each) for each in lever.breaks]
    return ", ".join(f"{name} x{names.count(name)}" if names.count(name) > 1 else name for name in dict.fromkeys(names))


def _short(violation: Violation) -> str:
    return BREAKS.get(violation.quantity, violation.quantity)


def _figures(latency_s: float, energy_j: float, price_usd: float, area_mm2: float, power_w: float) -> tuple[str, ...]:
    cost = (f"{value:.3g}" if value < 1000 else f"{value:,.0f}" for value in (price_usd, area_mm2, power_w))
    return (format_quantity(latency_s, "time"), format_quantity(energy_j, "energy"), *cost)


def _scenarios(advice: Advice) -> list[RenderableType]:
    table: Table = plain_table("Where each scenario stands, and what moves it")
    table.add_column("scenario", overflow="fold")
    table.add_column("stands", no_wrap=True)
    for name in ("ops/B", "ridge"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("at no price", "to buy, +USD"):
        table.add_column(name, no_wrap=True)
    for standing in advice.scenarios:
        table.add_row(*_standing_cells(standing))
    places = [f"{place}: {PLACE[place]}" for place in PLACE if any(each.place == place for each in advice.scenarios)]
    note = (
        "Ridge: ops/B over those of the ridge point; to buy: most for a dollar; a dash: nothing that keeps the limits saves 2%."
    )
    note = f"{'; '.join(places)}. {note}"
    return [table, Text(note, style="dim")]


def _standing_cells(standing: Standing) -> tuple[str, ...]:
    ratio, intensity = standing.ridge_fraction, standing.intensity_ops_per_byte
    return (
        standing.scenario,
        standing.place,
        format_quantity(intensity, "count"),
        _share(ratio),
        *_pick_cells(standing.picks),
    )


def _pick_cells(picks: Picks) -> tuple[str, str]:
    use = f"{_stem(picks.use)} {_speed(picks.use.per_inference_ratio)}" if picks.use is not None else "–"
    if picks.buy is None:
        return use, "–"
    return use, f"{_stem(picks.buy)} {_speed(picks.buy.per_inference_ratio)} {_dollars(picks.buy.price_change_usd)}"


def _stem(pick: Pick) -> str:
    return pick.lever.removesuffix(" x2").removesuffix(" /2").removeprefix("array ")


def _share(ratio: float) -> str:
    """Intensity as a share of the ridge point's."""
    if math.isinf(ratio):
        return "–"
    return "<0.1%" if ratio < 0.001 else f"{100 * ratio:.2g}%" if ratio < 1 else f"{100 * ratio:,.0f}%"


def _dollars(change_usd: float) -> str:
    return f"{change_usd:+,.0f}" if abs(change_usd) >= 1000 else f"{change_usd:+.3g}"


def _speed(ratio: float) -> str:
    """Inferences in the same time, new over old."""
    if ratio == 0:
        return "runs"
    speed = 1 / ratio
    return f"{speed:.3g}x" if speed < 1000 else f"{speed:,.0f}x"


def advice_json(advice: Advice) -> dict[str, Any]:
    """The whole advice as plain JSON values; what is not finite becomes null."""
    levers = [{**asdict(lever), "feasible": lever.feasible} for lever in advice.levers]
    return {
        "levers": [_plain(lever) for lever in levers],
        "scenarios": [_plain(asdict(standing)) for standing in advice.scenarios],
        "picks": _plain(asdict(advice.picks)),
    }


def _plain(value: Any) -> Any:  # noqa: ANN401 - any part of the advice
    if isinstance(value, dict):
        parts = cast("dict[str, Any]", value)
        return {key: _plain(part) for key, part in parts.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in cast("list[Any]", value)]
    return None if isinstance(value, float) and not math.isfinite(value) else value
