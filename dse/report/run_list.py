"""The runs of a folder, newest first: as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from dse.report.tables import plain_table


def listed_runs(outputs: Path) -> list[dict[str, Any]]:
    """What each run of a folder is, the newest first; runs that cannot be read are left out.

    `designs` are those of a front, or the steps of a budget curve; `hypervolume` is null for a curve.
    """
    found: list[dict[str, Any]] = []
    for path in outputs.glob("*/manifest.json"):
        if path.parent.name.startswith("."):
            continue
        result = path.parent / "result.json"
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            stored = json.loads((result if result.is_file() else path.parent / "budget.json").read_text(encoding="utf-8"))
            searched = "front" in stored
            found.append(
                {
                    "name": path.parent.name,
                    "kind": "front" if searched else "budget",
                    "workload": manifest["workload"],
                    "space": manifest["space"],
                    "objectives": manifest["objectives"] if searched else [manifest["objective"], manifest["of"]],
                    "designs": len(stored["front"] if searched else stored["steps"]),
                    "hypervolume": stored["hypervolume"] if searched else None,
                    "created": manifest["created"],
                }
            )
        except (OSError, ValueError, KeyError):
            continue
    return sorted(found, key=lambda run: (run["created"], run["name"]), reverse=True)


def runs_table(runs: Sequence[dict[str, Any]], outputs: Path) -> RenderableType:
    """The runs as a table: under each name what it was judged by."""
    table = plain_table()
    table.add_column("run", overflow="fold")
    table.add_column("designs", justify="right", no_wrap=True)
    table.add_column("volume", justify="right", no_wrap=True)
    table.add_column("when (UTC)", no_wrap=True)
    for run in runs:
        judged = ", ".join(run["objectives"]) if run["kind"] == "front" else " for every ".join(run["objectives"])
        table.add_row(
            Text.assemble(run["name"], "\n", (f"  {run['workload']} on {run['space']}: {judged}", "dim")),
            f"{run['designs']:,}",
            "–" if run["hypervolume"] is None else f"{run['hypervolume']:.4g}",
            run["created"][:16].replace("T", " "),
        )
    count = "1 run" if len(runs) == 1 else f"{len(runs):,} runs"
    note = "volume: hypervolume in decades, each up to its own reference; `dse compare` takes a common one."
    return Group(table, Text(f"{count} in {outputs}. {note}", style="dim"))
