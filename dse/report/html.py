"""A page as one file: a template, its style, its script and its data, with nothing to load from elsewhere.

Templates extend ``base.html.j2`` (header, theme, palette, place of the data); scripts build on ``base.js`` (quantities, scales,
axes, legend, tooltip). What users name enters as text: Jinja escapes it, and the script sets `textContent` alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dse.report.info import DIMENSION
from dse.report.manifest_rows import manifest_rows
from dse.report.page_data import FORMAT
from dse.report.page_design import NBSP, crossed
from dse.report.tables import FLOW_LEGEND
from dse.report.typeset import typeset
from dse.units import format_quantity

_UNIT = re.compile(r"(?<=\d) (?=(?:[kMGTPmµnp]?(?:Hz|B|B/s|s|J|W|op/s)|[KMGT]iB|USD|nm|mm²)\b)")

ASSETS = Path(__file__).parent / "page"

RUN_SCRIPTS = ("base.js", "store.js", "front.js", "parallel.js", "table.js", "design.js", "space.js", "main.js")

COMPARE_SCRIPTS = ("base.js", "compare.js")

TILES = ("latency", "throughput", "energy", "price", "power", "area")
"""Metrics of the knee in the head of a page: the objectives, and what a budget usually limits."""


def run_page(data: Mapping[str, Any]) -> str:
    """The page of a run, from the data of `dse.report.page_data.report_data`."""
    assert data["format"] == FORMAT
    dates = sorted({date[:7] for line in data["assumptions"] for date in line["dates"]})
    return render(
        "report.html.j2",
        data,
        RUN_SCRIPTS,
        run=data,
        tiles=_tiles(data),
        doubtful=sum(line["unverified"] for line in data["assumptions"]),
        price_dates="" if not dates else dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}",
        manifest=manifest_rows(data["manifest"], data["heading"]["record"]),
    )


def comparison_page(found: Mapping[str, Any]) -> str:
    """The page of two runs side by side, from the data of `dse.report.comparison.comparison`."""
    machines = " ".join(design["machine"] for design in found["knee"].values())
    if found["drawn"]:
        machines = " ".join(chain(found["drawn"]["before"]["machine"], found["drawn"]["after"]["machine"]))
    flows = {flow: words for flow, words in FLOW_LEGEND.items() if f" {flow} " in machines}
    return render("compare.html.j2", found, COMPARE_SCRIPTS, found=found, fronts=found["fronts"], flows=flows)


def render(template: str, data: Mapping[str, Any], scripts: Sequence[str], **context: object) -> str:
    """A template of `ASSETS` with its style, the scripts in order, and `data` as JSON for them."""
    script = "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in scripts)
    style = (ASSETS / "style.css").read_text(encoding="utf-8")
    made = _environment().get_template(template)
    return made.render(style=style, script=script, data=embedded_json(data), **context)


def unbroken(text: str) -> str:
    """A text for a page: numbers and their units on one line, the ``x`` of multiplication as a cross.

    >>> unbroken("8x8 ws 600 MHz, 50 mm2").replace(NBSP, "_")
    '8×8 ws 600_MHz, 50_mm²'
    """
    return _UNIT.sub(NBSP, typeset(crossed(text)))


def embedded_json(data: Mapping[str, Any]) -> str:
    r"""JSON that may stand in a script element: no text of it can end the element or open a comment.

    >>> embedded_json({"name": "</script>"})
    '{"name":"\\u003c/script>"}'
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in ("<", "\u2028", "\u2029"):
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


@lru_cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(ASSETS), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["unbroken"] = unbroken
    return made


def _tiles(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The knee's metrics, each with its share of the budget, or else with what it counts."""
    front = data["front"]
    at = front["rows"].index(front["knee"])
    tiles: list[dict[str, Any]] = []
    for metric in data["metrics"]:
        name, limit = metric["name"], metric["limit"]
        if not metric["objective"] and name not in TILES:
            continue
        value = front["metrics"][name][at]
        tiles.append(
            {
                "name": name.replace("dram_bytes", "off-chip traffic"),
                "value": typeset(format_quantity(value, DIMENSION[name])),
                "share": None if limit is None else round(100 * value / limit),
                "counts": metric["title"].partition(", ")[2],
                "limit": None if limit is None else typeset(format_quantity(limit, DIMENSION[name])),
            }
        )
    return tiles
