"""What a notebook shows of a front and of one evaluated machine: a table with a picture, one piece of HTML that loads nothing.

`dse` itself hangs these functions on `Front` and `Result` as ``_repr_html_`` when it loads them: both lie below the report and
know nothing of it. What draws is imported when something is shown.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dse.model.breakdown import Result
    from dse.search.front import Front

INCHES = (7.2, 4.6)
DPI = 90


def front_html(front: Front) -> str:
    """The designs that stand for a front, the knee bold, and the front as a picture."""
    from dse.report.comparison import machine_text
    from dse.report.figures import pareto_figure
    from dse.report.front_table import metric_text
    from dse.report.info import SHOWN, front_axes, label
    from dse.report.plain import exact
    from dse.report.tables import FLOW_LEGEND
    from dse.report.typeset import typeset
    from dse.report.writing import records
    from dse.search.front import METRIC_COLUMNS

    name = f"{front.workload.name} on {front.space.name}"
    metrics = [objective.metric for objective in front.space.objectives]
    metrics += [metric for metric in ("price", "area", "power") if metric not in metrics]
    rows = front.shown(SHOWN).tolist()
    shown = records(front.designs.take(rows))
    lines = [
        [
            label(position),
            machine_text(shown[position]),
            *(typeset(metric_text(metric, exact(front.designs[METRIC_COLUMNS[metric]].iloc[row]))) for metric in metrics),
        ]
        for position, row in enumerate(rows)
    ]
    count = "1 Pareto-optimal design" if len(front) == 1 else f"{len(front):,} Pareto-optimal designs"
    more = f" {len(front) - len(rows):,} more in <code>front.designs</code>." if len(front) > len(rows) else ""
    used = {word for line in lines for word in line[1].split()}
    flows = ", ".join(f"{flow} {words}" for flow, words in FLOW_LEGEND.items() if flow in used)
    said = f"{front.certificate.statement}. {_doubt(front.space.assumptions())} Bold: the knee{'; ' if flows else ''}{flows}."
    return _page(
        f"{name}: {count}",
        escape(said) + more,
        _table(["", "machine", *metrics], lines, words=2, bold=rows.index(front.knee)),
        _picture(pareto_figure(front_axes(front, rows), front.knee, name, INCHES), f"Pareto front of {name}, {count}"),
    )


def result_html(result: Result) -> str:
    """The scenarios of one machine with what binds them, and its roofline."""
    from dse.report.figures import quantity, roofline_figure
    from dse.report.info import roofline_view
    from dse.report.page_design import machine_phrase
    from dse.report.tables import cost_text, scenario_text
    from dse.report.typeset import typeset

    lines = [
        [
            scenario_text(str(row["scenario"]), int(row["batch"])),
            quantity(float(row["latency_s"]), "time"),
            quantity(float(row["throughput_per_s"]), "throughput"),
            f"{float(row['utilisation_fraction']):.1%}",
            quantity(float(row["energy_j"]), "energy"),
            quantity(float(row["dram_bytes"]), "traffic"),
            f"{row['bound']} {float(row['bound_fraction']):.0%}",
        ]
        for _, row in result.scenarios.iterrows()
    ]
    name = f"{result.workload.name} on {result.space.name}"
    names = ["scenario", "latency", "inferences", "utilised", "energy", "traffic", "binds"]
    said = f"{machine_phrase(result)}; {typeset(cost_text(result))}. {_doubt(result.space.assumptions())}"
    picture = _picture(roofline_figure(roofline_view(result), name, INCHES), f"Roofline of {name} with every layer")
    return _page(name, escape(said), _table(names, lines, words=1), picture)


def _page(title: str, said: str, table: str, picture: str) -> str:
    return f"<div><b>{escape(title)}</b><br><small>{said}</small>{table}{picture}</div>"


def _doubt(assumptions: Sequence[str]) -> str:
    doubtful = sum("UNVERIFIED" in line for line in assumptions)
    return f"Rests on {len(assumptions)} assumptions, {doubtful} of them unverified."


def _table(names: Sequence[str], lines: Iterable[Sequence[str]], *, words: int, bold: int | None = None) -> str:
    """A table whose first columns, `words` of them, are texts; the others are numbers."""

    def cell(kind: str, column: int, text: str, *, strong: bool = False) -> str:
        side = "left" if column < words else "right"
        said = f"<b>{escape(text)}</b>" if strong else escape(text)
        return f'<{kind} style="text-align:{side};padding:2px 8px">{said}</{kind}>'

    head = "".join(cell("th", column, name) for column, name in enumerate(names))
    rows = [
        "".join(cell("td", column, text, strong=at == bold) for column, text in enumerate(line)) for at, line in enumerate(lines)
    ]
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(f'<tr>{row}</tr>' for row in rows)}</tbody></table>"


def _picture(figure: Figure, words: str) -> str:
    from dse.report.figures import png

    data = base64.b64encode(png(figure, DPI)).decode("ascii")
    return f'<img alt="{escape(words)}" src="data:image/png;base64,{data}">'
