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
            *(metric_text(metric, exact(front.designs[METRIC_COLUMNS[metric]].iloc[row])) for metric in metrics),
        ]
        for position, row in enumerate(rows)
    ]
    count = "1 Pareto-optimal design" if len(front) == 1 else f"{len(front):,} Pareto-optimal designs"
    more = f" {len(front) - len(rows):,} more in <code>front.designs</code>." if len(front) > len(rows) else ""
    return _page(
        f"{name}: {count}",
        escape(front.certificate.statement) + f". Bold: the knee.{more}",
        _table(["", "machine", *metrics], lines, bold=rows.index(front.knee)),
        _picture(pareto_figure(front_axes(front, rows), front.knee, name, INCHES), f"Pareto front of {name}, {count}"),
    )


def result_html(result: Result) -> str:
    """The scenarios of one machine with what binds them, and its roofline."""
    from dse.report.figures import roofline_figure
    from dse.report.info import roofline_view
    from dse.report.page_design import machine_phrase
    from dse.report.tables import cost_text, scenario_text
    from dse.units import format_quantity

    lines = [
        [
            scenario_text(str(row["scenario"]), int(row["batch"])),
            format_quantity(float(row["latency_s"]), "time"),
            format_quantity(float(row["throughput_per_s"]), "throughput"),
            f"{float(row['utilisation_fraction']):.1%}",
            format_quantity(float(row["energy_j"]), "energy"),
            format_quantity(float(row["dram_bytes"]), "traffic"),
            f"{row['bound']} {float(row['bound_fraction']):.0%}",
        ]
        for _, row in result.scenarios.iterrows()
    ]
    name = f"{result.workload.name} on {result.space.name}"
    names = ["scenario", "latency", "inferences", "utilised", "energy", "traffic", "binds"]
    said = f"{machine_phrase(result)}; {cost_text(result)}"
    picture = _picture(roofline_figure(roofline_view(result), name, INCHES), f"Roofline of {name} with every layer")
    return _page(name, escape(said), _table(names, lines), picture)


def _page(title: str, said: str, table: str, picture: str) -> str:
    return f"<div><b>{escape(title)}</b><br><small>{said}</small>{table}{picture}</div>"


def _table(names: Sequence[str], lines: Iterable[Sequence[str]], bold: int | None = None) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = [
        "".join(f"<td>{f'<b>{escape(cell)}</b>' if at == bold else escape(cell)}</td>" for cell in line)
        for at, line in enumerate(lines)
    ]
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(f'<tr>{row}</tr>' for row in rows)}</tbody></table>"


def _picture(figure: Figure, words: str) -> str:
    from dse.report.figures import png

    data = base64.b64encode(png(figure, DPI)).decode("ascii")
    return f'<img alt="{escape(words)}" src="data:image/png;base64,{data}">'
