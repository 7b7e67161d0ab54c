"""How sure a front is, for the screen and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dse.fidelity.uncertainty import Uncertainty
from dse.report.info import DIMENSION
from dse.report.stored import stored_result
from dse.report.tables import plain_table
from dse.search.front import METRIC_COLUMNS
from dse.units import format_quantity

UNCERTAINTY = "uncertainty.json"

MOST_UNKNOWNS = 4
"""Unknowns that are named for each objective, those with at least `WORTH_NAMING` of its variance."""

WORTH_NAMING = 0.02


def uncertainty_report(found: Mapping[str, Any], data: Mapping[str, Any]) -> RenderableType:
    """The lettered designs of a run with how often they stay on the front, their intervals, and what matters most.

    From what is stored: `uncertainty_json`, and the data of the run's page.
    """
    letters = {int(row): letter for row, letter in data["front"]["letters"].items()}
    knee = data["front"]["knee"]
    return Group(
        Text(f"How sure is it? {found['draws']} draws of {len(found['unknowns'])} constants within their ranges", style="bold"),
        _designs(found, [metric["name"] for metric in data["metrics"] if metric["objective"]], letters, knee),
        Text(said_of(found), style="dim"),
        Text(),
        *(Text(line) for line in what_matters(found, letters[knee])),
    )


def _designs(found: Mapping[str, Any], objectives: Sequence[str], letters: Mapping[int, str], knee: int) -> Table:
    table = plain_table()
    table.add_column("")
    table.add_column("on front", justify="right", no_wrap=True)
    table.add_column("in budget", justify="right", no_wrap=True)
    names = objectives[:3]
    for name in names:
        table.add_column(f"{name}, 5 to 95%", justify="right", no_wrap=True)
    by_row = {int(line["front_row"]): line for line in found["designs"]}
    for row, letter in letters.items():
        line = by_row[row]
        table.add_row(
            letter + ("*" if row == knee else ""),
            f"{line['on_front_fraction']:.0%}",
            f"{line['in_budget_fraction']:.0%}",
            *(interval(line, name) for name in names),
            style="bold" if row == knee else None,
        )
    return table


def interval(line: Mapping[str, Any], name: str) -> str:
    """The 5th and the 95th percentile of a metric, with their unit."""
    low, high = (float(line[f"{METRIC_COLUMNS[name]}_{end}"]) for end in ("p05", "p95"))
    return f"{format_quantity(low, DIMENSION[name])} - {format_quantity(high, DIMENSION[name])}"


def said_of(found: Mapping[str, Any]) -> str:
    """What the draws say of the whole front, in words."""
    looked, size, rivals = len(found["designs"]), found["front_designs"], found["rivals"]
    always = sum(line["on_front_fraction"] >= 0.9 for line in found["designs"])
    of = f"the {looked} designs" if looked == size else f"{looked} of the {size:,} designs"
    text = f"Of {of} of the front {always} stay on it in at least 90% of the draws."
    if rivals:
        text += (
            f" Of {rivals} evaluated designs just behind it {found['rivals_entering']} reach it in some draw "
            f"({found['entering_fraction']:.0%} of a draw's front)."
        )
    else:
        text += " Designs behind the front were not kept, so none of them can enter it here."
    doubtful = sum(unknown["unverified"] for unknown in found["unknowns"])
    return text + f" Ranges: {doubtful} of {len(found['unknowns'])} unverified, with sources in uncertainty.json."


def what_matters(found: Mapping[str, Any], design: str) -> list[str]:
    """For each objective the unknowns that make its spread, in words: shares of the variance of its logarithm."""
    shares: dict[str, list[tuple[float, str]]] = {}
    for index in found["indices"]:
        shares.setdefault(index["objective"], []).append((index["total_order"], index["unknown"]))
    lines = [f"What the spread of design {design}, the knee, comes from (total-order Sobol indices):"]
    for name, group in shares.items():
        top = sorted(group, key=lambda pair: -pair[0])[:MOST_UNKNOWNS]
        parts = [f"{unknown} {share:.0%}" for share, unknown in top if share >= WORTH_NAMING]
        lines.append(f"  {name}: {', '.join(parts) if parts else 'nothing: it rests on none of them'}")
    return lines


def uncertainty_json(found: Uncertainty) -> dict[str, Any]:
    """The whole study as plain JSON values."""
    return {
        "draws": found.draws,
        "seed": found.seed,
        "unknowns": [
            {
                "name": unknown.name,
                "what": unknown.what,
                "factor": [unknown.low, unknown.high],
                "source": unknown.source,
                "unverified": unknown.unverified,
            }
            for unknown in found.unknowns
        ],
        "front_designs": found.n_front,
        "rivals": found.n_rivals,
        "rivals_entering": found.n_entering,
        "entering_fraction": found.entering_fraction,
        "designs": found.designs.to_dict(orient="records"),
        "indices": found.indices.to_dict(orient="records"),
    }


def stored_uncertainty(folder: Path) -> dict[str, Any] | None:
    """What a run keeps of the study; None where it was not asked for."""
    return stored_result(folder, UNCERTAINTY) if (folder / UNCERTAINTY).is_file() else None


def uncertainty_files(found: Uncertainty) -> dict[str, bytes]:
    """What a run's folder keeps of the study."""
    text = json.dumps(uncertainty_json(found), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return {
        "uncertainty.csv": found.designs.to_csv(index=False).encode(),
        "sobol_indices.csv": found.indices.to_csv(index=False).encode(),
        UNCERTAINTY: text.encode(),
    }
