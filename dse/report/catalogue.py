"""What is shipped: workloads with their networks, spaces with their size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dse.hardware.space import Space
from dse.workload.workload import Workload


def catalogue(workloads: Sequence[Workload], spaces: Sequence[Space]) -> dict[str, list[dict[str, Any]]]:
    """One record a shipped file, as plain JSON values."""
    return {
        "workloads": [
            {
                "name": workload.name,
                "title": workload.title,
                "networks": list(dict.fromkeys(scenario.network.name for scenario in workload.scenarios)),
                "scenarios": [scenario.name for scenario in workload.scenarios],
                "space": workload.space,
            }
            for workload in workloads
        ],
        "spaces": [
            {
                "name": space.name,
                "title": space.title,
                "designs": space.size,
                "allowed": space.allowed.designs,
                "rules": [rule.text for rule in space.rules],
                "parameters": [parameter.name for parameter in space.free_parameters],
                "budget": space.budget.as_dict(),
            }
            for space in spaces
        ],
    }


def catalogue_tables(entries: dict[str, list[dict[str, Any]]]) -> RenderableType:
    """The catalogue for the terminal."""
    workloads = _table("Workloads (dse search NAME)", "name", "scenarios", "its space", "networks")
    for entry in entries["workloads"]:
        workloads.add_row(entry["name"], str(len(entry["scenarios"])), entry["space"] or "–", ", ".join(entry["networks"]))
    spaces = _table("Search spaces and known machines (--space NAME, --on NAME)", "name", "designs", "what it is")
    for entry in entries["spaces"]:
        allowed = f"; its rules allow {entry['allowed']:,} of them" if entry["rules"] else ""
        spaces.add_row(entry["name"], f"{entry['designs']:,}", entry["title"] + allowed)
    return Group(workloads, Text(), spaces)


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False
    )
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index == 1 else "left", no_wrap=index < 2, overflow="fold")
    return table
