"""What changed between two runs on the terminal; fits 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from dse.report.front_table import metric_text
from dse.report.tables import plain_table

SHOWN = 8
"""Designs that entered, left or changed that are shown of each."""

SENTENCES = 4
SENTENCE_WIDTH = 150
MOST_METRICS = 4
"""Objectives that have a column beside a machine."""


def comparison_report(found: Mapping[str, Any], page: str) -> RenderableType:
    """Both runs, what differs in what they were made from, and what came of it."""
    fronts = found["fronts"]
    parts: list[RenderableType] = [_runs(found), Text(), *_changes(found)]
    parts += [Text(found["headline"], style="bold"), *(Text(line) for line in found["said"]), Text()]
    if found["best"]:
        parts += [_best(found["best"]), Text()]
    parts += [_knees(found), Text()]
    if fronts is not None:
        objectives = [metric["name"] for metric in found["metrics"] if metric["objective"]][:MOST_METRICS]
        for title, designs in (("Entered the front", fronts["entered"]), ("Left the front", fronts["left"])):
            if designs:
                parts += [*_designs(title, designs, objectives), Text()]
        if fronts["changed"]:
            parts += [*_changed(fronts["changed"]), Text()]
    return Group(*parts, Text(f"Page: {page}", style="dim"))


def _runs(found: Mapping[str, Any]) -> RenderableType:
    table = plain_table()
    table.add_column("", style="dim", no_wrap=True)
    table.add_column("run", overflow="fold")
    table.add_column("designs", justify="right", no_wrap=True)
    table.add_column("when (UTC)", no_wrap=True)
    for which, run in found["runs"].items():
        what = f"{run['workload']} on {run['space']}: {', '.join(run['objectives'])}"
        table.add_row(
            which,
            Text.assemble(run["name"], "\n", (f"  {what}", "dim")),
            f"{run['designs']:,}",
            run["created"][:16].replace("T", " "),
        )
    return table


def _changes(found: Mapping[str, Any]) -> list[RenderableType]:
    gone, new = found["assumptions"]["gone"], found["assumptions"]["new"]
    if not (found["changes"] or gone or new):
        return [Text("Made from the same inputs, asked the same, by the same versions."), Text()]
    parts: list[RenderableType] = []
    if found["changes"]:
        table = plain_table("What differs between what they were made from")
        table.add_column("", no_wrap=True)
        for name in ("", "before", "after"):
            table.add_column(name, overflow="fold")
        about = ""
        for change in found["changes"]:
            table.add_row(change["about"] if change["about"] != about else "", change["what"], change["before"], change["after"])
            about = change["about"]
        parts += [table, Text()]
    for title, lines in (("Assumptions of the run before alone", gone), ("Assumptions of the run after alone", new)):
        if lines:
            parts += [
                Text(f"{title}: {len(lines)}", style="bold"),
                *(Text(f"  {_cut(line)}", style="dim") for line in lines[:SENTENCES]),
            ]
            parts += [Text(f"  and {len(lines) - SENTENCES} more; --json has all", style="dim")] if len(lines) > SENTENCES else []
            parts.append(Text())
    return parts


def _cut(line: str) -> str:
    return line if len(line) <= SENTENCE_WIDTH else line[: SENTENCE_WIDTH - 2].rstrip() + " …"


def _best(best: Sequence[Mapping[str, Any]]) -> RenderableType:
    table = plain_table("Best of each objective")
    for name in ("", "before", "", "after", "", "better"):
        table.add_column(name, justify="left" if not name else "right", no_wrap=True)
    for each in best:
        name = each["metric"]
        table.add_row(
            name,
            metric_text(name, each["before"]["metrics"][name]),
            each["before"]["name"],
            metric_text(name, each["after"]["metrics"][name]),
            each["after"]["name"],
            f"x{each['better']:.3g}",
        )
    return table


def _knees(found: Mapping[str, Any]) -> RenderableType:
    before, after = found["knee"]["before"], found["knee"]["after"]
    table = plain_table("The knee")
    table.add_column("")
    for name, knee in (("before", before), ("after", after)):
        table.add_column(f"{name}: {knee['name']}", overflow="fold")
    table.add_row("machine", before["machine"], after["machine"])
    names = [metric["name"] for metric in found["metrics"]] if found["best"] else ["price", "area", "power"]
    for name in names:
        table.add_row(
            name.replace("dram_bytes", "traffic"), *(metric_text(name, knee["metrics"][name]) for knee in (before, after))
        )
    return table


def _designs(title: str, designs: Sequence[Mapping[str, Any]], objectives: Sequence[str]) -> list[RenderableType]:
    table = plain_table(f"{title}: {len(designs):,}")
    table.add_column("", no_wrap=True)
    table.add_column("machine, and why", overflow="fold")
    for name in objectives:
        table.add_column(name.replace(":", ":\n").replace("dram_bytes", "traffic"), justify="right", no_wrap=True)
    for design in designs[:: -(-len(designs) // SHOWN)]:
        machine = Text.assemble(design["machine"], "\n", (f"  {design['why']}", "dim"))
        table.add_row(
            design["name"].removeprefix("row "), machine, *(metric_text(name, design["metrics"][name]) for name in objectives)
        )
    left = len(designs) - len(designs[:: -(-len(designs) // SHOWN)])
    note = "letters are those of its report, numbers rows of front.csv"
    return [table, Text(f"{note}; {left:,} more on the page" if left else note, style="dim")]


def _changed(designs: Sequence[Mapping[str, Any]]) -> list[RenderableType]:
    table = plain_table(f"In both, with other metrics: {len(designs):,}")
    table.add_column("", no_wrap=True)
    table.add_column("machine", overflow="fold")
    table.add_column("before and after", overflow="fold")
    for design in designs[:SHOWN]:
        moved = (
            f"{name} {metric_text(name, two['before'])} to {metric_text(name, two['after'])}"
            for name, two in design["moved"].items()
        )
        table.add_row(design["name"].removeprefix("row "), design["machine"], ", ".join(moved))
    left = len(designs) - SHOWN
    return [table, *([Text(f"{left:,} more on the page", style="dim")] if left > 0 else [])]
