"""A run on the terminal, from the data of its page: printed when it ends and by `dse show` alike, without any model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from dse.report.info import DIMENSION
from dse.report.tables import BOUND_MARK, FLOW, FLOW_LEGEND, doubt_line, limit_text, plain_table, scenario_rows
from dse.units import format_quantity

MOST_EXTRA = 2
"""Objectives beside price, area and power for which those three have room too."""

LATENCY_WIDTH = 10
"""Characters of a latency, what binds it, and a space."""


def front_report(data: Mapping[str, Any], folder: str) -> RenderableType:
    """The front: the verdict, its machines, each scenario's latency and what binds it, and the knee design in full."""
    designs = data["designs"]
    (knee,) = (design for design in designs if design["row"] == data["front"]["knee"])
    parts: list[RenderableType] = [_heading(data), Text(), *_verdict(data), _designs(data), Text()]
    if len(designs) > 1:
        parts += [_Latencies(designs, knee["letter"]), Text()]
    rows = [{**scenario, "name": scenario["shown"]} for scenario in knee["scenarios"]]
    return Group(*parts, scenario_rows(rows, f"Design {knee['letter']}, the knee: each scenario"), Text(), _closing(data, folder))


def _heading(data: Mapping[str, Any]) -> RenderableType:
    search, said, total = data["search"], data["heading"], data["front"]["total"]
    budget = ", ".join(f"{name} at most {limit_text(name, limit)}" for name, limit in search["budget"].items())
    designs = "1 Pareto-optimal design" if total == 1 else f"{total:,} Pareto-optimal designs"
    seed = "" if search["seed"] is None else f", seed {search['seed']}"
    title = f"{data['workload']['name']} on {data['space']['name']}: {designs} (sampler {search['sampler']}{seed})"
    rest = (f"wanted: {said['wanted']}", *said["judged"], f"budget: {budget or 'none'}", said["rules"])
    return Group(
        Text(title, style="bold"),
        *(Text(line) for line in rest if line),
        Text(search["certificate"]["statement"]),
        *(Text(line, style="dim") for line in said["record"]),
        *(Text(line) for line in said["standing"]),
    )


def _verdict(data: Mapping[str, Any]) -> list[RenderableType]:
    first, *rest = (line.replace("\u00a0", " ") for line in data["verdict"]["short"])
    return [Text(first, style="bold"), *(Text(line) for line in rest), Text()]


def _designs(data: Mapping[str, Any]) -> RenderableType:
    objectives = [metric["name"] for metric in data["metrics"] if metric["objective"]]
    extra = [name for name in objectives if name not in ("price", "area", "power")]
    table = plain_table()
    table.add_column("")
    for name in ("array", "flow", "MHz", "SRAM", "memory", "nm"):
        table.add_column(name, justify="right" if name in ("MHz", "SRAM", "nm") else "left", no_wrap=True)
    wide = len(extra) > MOST_EXTRA
    costs = [(unit, name) for unit, name in (("USD", "price"), ("mm2", "area"), ("W", "power")) if name in objectives or not wide]
    for name in (*(unit for unit, _ in costs), *extra):
        table.add_column(name.replace(":", ":\n"), justify="right", no_wrap=True)
    front = data["front"]
    for design in data["designs"]:
        cells, at = design["cells"], front["rows"].index(design["row"])
        knee = design["row"] == front["knee"]
        table.add_row(
            design["letter"] + cells["certified"] + ("*" if knee else " "),
            cells["array"],
            FLOW[cells["dataflow"]] + ("" if cells["double_buffer"] else "/1"),
            f"{cells['frequency_hz'] / 1e6:.0f}",
            format_quantity(cells["sram_bytes"], "bytes"),
            cells["memory"],
            f"{cells['node_nm']:g}",
            *(_cost_cell(front["metrics"][name][at]) for _, name in costs),
            *(metric_text(name, front["metrics"][name][at]) for name in extra),
            style="bold" if knee else None,
        )
    return Group(table, Text(_note(data), style="dim"))


def _note(data: Mapping[str, Any]) -> str:
    """What the columns mean, and what all machines have in common."""
    cells = [design["cells"] for design in data["designs"]]
    flows = {FLOW[each["dataflow"]] for each in cells}
    legend = ", ".join(f"{short} {FLOW_LEGEND[short]}" for short in FLOW_LEGEND if short in flows)
    single = ", /1 single-buffered SRAM" if any(not each["double_buffer"] for each in cells) else ""
    precisions = ", ".join(sorted({str(each["precision"]) for each in cells}))
    lanes = ", ".join(map(str, sorted({int(each["vector_lanes"]) for each in cells})))
    left = data["front"]["total"] - len(cells)
    rest = f" {left} more in front.csv." if left else ""
    return (
        f"* knee; {data['heading']['certified']}flow: {legend}{single}. Arrays multiply {precisions}; vector lanes {lanes}.{rest}"
    )


def _cost_cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def metric_text(name: str, value: float | None) -> str:
    """A metric with its unit; a dash where a space does not price it.

    >>> metric_text("latency", 0.0042), metric_text("price", None)
    ('4.2 ms', '–')
    """
    return "–" if value is None else format_quantity(value, DIMENSION[name])


@dataclass(frozen=True, slots=True)
class _Latencies:
    """Latency of each scenario on each design, in as many tables one below the other as the width needs."""

    designs: Sequence[Mapping[str, Any]]
    knee: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        names = [str(scenario["name"]) for scenario in self.designs[0]["scenarios"]]
        across = max(1, (options.max_width - max(map(len, names)) - 1) // LATENCY_WIDTH)
        for begin in range(0, len(self.designs), across):
            title = "Latency of each scenario, and what binds it" if begin == 0 else None
            yield self._block(names, self.designs[begin : begin + across], title)
        bounds = {str(scenario["bound"]) for design in self.designs for scenario in design["scenarios"]}
        yield Text("binds: " + ", ".join(f"{BOUND_MARK[name]} {name}" for name in BOUND_MARK if name in bounds), style="dim")

    def _block(self, names: Sequence[str], designs: Sequence[Mapping[str, Any]], title: str | None) -> Table:
        table = plain_table(title)
        table.add_column("scenario", no_wrap=True)
        for design in designs:
            mark = "*" if design["letter"] == self.knee else ""
            table.add_column(f"{design['letter']}{mark}", justify="right", no_wrap=True)
        for index, name in enumerate(names):
            rows = [design["scenarios"][index] for design in designs]
            table.add_row(name, *(f"{metric_text('latency', row['latency_s'])} {BOUND_MARK[row['bound']]}" for row in rows))
        return table


def _closing(data: Mapping[str, Any], folder: str) -> RenderableType:
    return Group(
        Text(doubt_line([line["text"] for line in data["assumptions"]], "manifest.json"), style="dim"),
        Text(f"Written to {folder}; look at report.html"),
    )
