"""What changed between two runs, from what they stored: inputs, settings, versions, fronts. No model, no drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dse.errors import InputError, Problem
from dse.hardware.design import FloatColumn
from dse.report.comparison_inputs import changes, sentences
from dse.report.comparison_words import headline, said
from dse.report.plain import exact
from dse.report.stored import stored_report
from dse.report.tables import FLOW, limit_text
from dse.search import pareto
from dse.search.front import METRIC_COLUMNS
from dse.units import format_quantity

FORMAT = 1
SAME = 1e-9
"""Metrics of a design that differ by no more than this fraction are the same."""

WHY_LEFT = ("over the budget now", "beaten now", "not found again")
WHY_ENTERED = ("was over the budget", "beats designs of before", "a new trade-off")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """One run: the data of its page, and its front in full, one row a design in the order of ``front.csv``."""

    folder: Path
    data: Mapping[str, Any]
    table: pd.DataFrame

    @classmethod
    def of(cls, folder: Path) -> StoredRun:
        """Read a run. Raises `InputError` where it is no search, or of another version."""
        if (folder / "budget.json").is_file():
            remedy = "give runs of `dse search` or `dse front`; `dse show` shows a curve again"
            raise InputError(Problem(f"{folder} is a budget curve: it has no front to compare", remedy=remedy))
        data = stored_report(folder)
        try:
            table = pd.read_csv(folder / "front.csv")
        except (OSError, ValueError) as error:
            raise InputError(Problem(f"{folder / 'front.csv'} cannot be read: {error}", remedy="run the search again")) from None
        return cls(folder=folder, data=data, table=table)

    @property
    def objectives(self) -> list[str]:
        """What the front was judged by."""
        return [metric["name"] for metric in self.data["metrics"] if metric["objective"]]

    @property
    def metrics(self) -> list[str]:
        """Every metric of the front."""
        return [metric["name"] for metric in self.data["metrics"]]

    @property
    def parameters(self) -> list[str]:
        """Columns that say what a machine is."""
        return [parameter["column"] for parameter in self.data["parameters"]]

    def machines(self) -> list[tuple[Any, ...]]:
        """What tells one design from another, a row each; what is the same in a whole space may have no column."""
        fixed = {each["column"]: each["values"][0] for each in self.data["parameters"] if each["column"] not in self.table}
        stored = [column for column in self.parameters if column not in fixed]
        table = self.table[stored].assign(**fixed)[sorted(self.parameters)]
        return [tuple(row) for row in table.itertuples(index=False, name=None)]

    def losses(self, objectives: Sequence[str]) -> FloatColumn:
        """Objectives as numbers to be small, shape (designs, objectives)."""
        columns = [self.table[METRIC_COLUMNS[name]].to_numpy(dtype=np.float64) for name in objectives]
        return np.column_stack(
            [1 / values if maximised(name) else values for name, values in zip(objectives, columns, strict=True)]
        )

    def name(self, row: int) -> str:
        """The letter of a design in its report, or its row in ``front.csv``."""
        return self.data["front"]["letters"].get(str(row)) or f"row {row}"

    def line(self, row: int) -> dict[str, Any]:
        """One row of the front."""
        return {str(name): value for name, value in self.table.iloc[row].to_dict().items()}

    def design(self, row: int) -> dict[str, Any]:
        """One design as plain JSON values."""
        line = self.line(row)
        metrics = {name: exact(line[METRIC_COLUMNS[name]]) for name in self.metrics}
        return {"name": self.name(row), "row": row, "machine": machine_text(line), "metrics": metrics}


def maximised(metric: str) -> bool:
    """Whether a metric is to be large."""
    return metric.partition(":")[0] == "throughput"


def machine_text(line: Mapping[str, Any]) -> str:
    """A row of ``front.csv`` in a few words: ``48x48x4 ws 600 MHz, 6 MiB, lpddr5, 7 nm``."""
    has = line.keys()
    parts = list[str]()
    if "compute_units" in has:
        parts.append(f"{int(line['compute_units']):,} MACs")
    elif "array_rows" in has:
        cores = int(line["cores"]) if "cores" in has else 1
        flow = FLOW.get(str(line["dataflow"]), "") if "dataflow" in has else ""
        parts.append(f"{int(line['array_rows'])}x{int(line['array_cols'])}{f'x{cores}' if cores > 1 else ''} {flow}".rstrip())
    if "frequency_hz" in has:
        parts[-1:] = [f"{' '.join(parts[-1:])} {float(line['frequency_hz']) / 1e6:g} MHz".strip()]
    parts.append(format_quantity(float(line["sram_bytes"]), "bytes"))
    if "memory" in has and str(line["memory"]) != "abstract":
        channels = int(line["channels"]) if "channels" in has else 1
        parts.append(f"{line['memory']}{f' x{channels}' if channels > 1 else ''}")
    elif "bandwidth_bytes_per_s" in has:
        parts.append(format_quantity(float(line["bandwidth_bytes_per_s"]), "bandwidth"))
    if "node_nm" in has:
        parts.append(f"{float(line['node_nm']):g} nm")
    return ", ".join(parts)


def comparison(before: Path, after: Path) -> dict[str, Any]:
    """Two runs side by side as plain JSON values; what cannot be compared is null, and `refused` says why."""
    one, two = StoredRun.of(before), StoredRun.of(after)
    refused = _refused(one, two)
    shared = [name for name in one.objectives if name in two.objectives]
    same_sums = _scenarios(one) == _scenarios(two)
    fronts = None if refused else _fronts(one, two)
    found: dict[str, Any] = {
        "format": FORMAT,
        "runs": {"before": _run(one), "after": _run(two)},
        "changes": changes(one.data, two.data),
        "assumptions": sentences(one.data, two.data),
        "refused": refused,
        "certified": all(run.data["search"]["certificate"]["kind"] == "exact" for run in (one, two)),
        "fronts": fronts,
        "best": [_best(one, two, name) for name in shared] if same_sums else [],
        "knee": {which: run.design(run.data["front"]["knee"]) for which, run in (("before", one), ("after", two))},
        "same_knee": one.machines()[one.data["front"]["knee"]] == two.machines()[two.data["front"]["knee"]],
        "metrics": _axes(one, two),
        "drawn": _drawn(one, two) if same_sums else None,
    }
    return {**found, "headline": headline(found), "said": said(found)}


def _run(run: StoredRun) -> dict[str, Any]:
    data, manifest = run.data, run.data["manifest"]
    return {
        "name": run.folder.name,
        "folder": str(run.folder),
        "created": manifest["created"],
        "workload": data["workload"]["name"],
        "space": data["space"]["name"],
        "objectives": run.objectives,
        "budget": {name: limit_text(name, limit) for name, limit in data["search"]["budget"].items()},
        "designs": len(run.table),
        "trials": data["trials"]["total"] if data["trials"] else None,
        "certificate": data["search"]["certificate"]["statement"],
    }


def _scenarios(run: StoredRun) -> list[tuple[str, float]]:
    """What the metrics of a run sum over."""
    return [(scenario["name"], scenario["weight"]) for scenario in run.data["workload"]["scenarios"]]


def _refused(one: StoredRun, two: StoredRun) -> str | None:
    """Why the fronts cannot be held against each other, in a sentence; None where they can."""
    if _scenarios(one) != _scenarios(two) or one.data["heading"]["judged"] != two.data["heading"]["judged"]:
        names = one.data["workload"]["name"], two.data["workload"]["name"]
        which = f"{names[0]} and {names[1]}" if names[0] != names[1] else f"two versions of {names[0]}"
        return f"the runs add up different scenarios ({which}), so that no latency, energy or traffic of them can be compared"
    if set(one.objectives) != set(two.objectives):
        return (
            f"the fronts are judged by different objectives ({', '.join(one.objectives)}; {', '.join(two.objectives)}): their "
            "volumes and designs are no answers to one question"
        )
    return None


def _fronts(one: StoredRun, two: StoredRun) -> dict[str, Any]:
    """Volumes up to a common reference, and designs that entered, left, stayed and changed."""
    names = one.objectives
    losses = one.losses(names), two.losses(names)
    order = [two.objectives.index(name) for name in names]
    corner = np.maximum(one.data["search"]["reference"], np.array(two.data["search"]["reference"])[order])
    volumes = [pareto.hypervolume(each, corner) for each in losses]
    together = pareto.hypervolume(np.concatenate(losses), corner)
    machines = one.machines(), two.machines()
    places = tuple({machine: row for row, machine in enumerate(each)} for each in machines)
    matched = sorted(one.parameters) == sorted(two.parameters)
    both = [(row, places[1][machine]) for row, machine in enumerate(machines[0]) if matched and machine in places[1]]
    left = [row for row in range(len(machines[0])) if row not in {pair[0] for pair in both}]
    entered = [row for row in range(len(machines[1])) if row not in {pair[1] for pair in both}]
    return {
        "reference": {name: exact(1 / value if maximised(name) else value) for name, value in zip(names, corner, strict=True)},
        "hypervolume": {"before": volumes[0], "after": volumes[1], "together": together},
        "gained": together - volumes[0],
        "lost": together - volumes[1],
        "same_parameters": matched,
        "entered": [two.design(row) | {"why": _why(two, row, one, losses[1][row], losses[0], WHY_ENTERED)} for row in entered],
        "left": [one.design(row) | {"why": _why(one, row, two, losses[0][row], losses[1], WHY_LEFT)} for row in left],
        "both": len(both),
        "changed": [found for rows in both if (found := _changed(one, two, *rows)) is not None],
    }


def _why(run: StoredRun, row: int, other: StoredRun, own: FloatColumn, others: FloatColumn, words: Sequence[str]) -> str:
    """Why a design of one front does not stand in the other."""
    for metric in other.data["metrics"]:
        limit = metric["limit"]
        if limit is not None and float(run.line(row)[metric["column"]]) > limit * (1 + SAME):
            return words[0]
    entered = words is WHY_ENTERED
    weakly = (own <= others) if entered else (others <= own)
    strictly = (own < others) if entered else (others < own)
    return words[1] if bool((weakly.all(axis=1) & strictly.any(axis=1)).any()) else words[2]


def _changed(one: StoredRun, two: StoredRun, row: int, other: int) -> dict[str, Any] | None:
    """A design of both fronts whose metrics are not what they were."""
    before, after = one.design(row)["metrics"], two.design(other)["metrics"]
    moved = {
        name: {"before": before[name], "after": after[name]}
        for name in before
        if name in after and before[name] != after[name] and not _near(before[name], after[name])
    }
    return {**two.design(other), "was": one.name(row), "moved": moved} if moved else None


def _near(one: float | None, two: float | None) -> bool:
    return one is not None and two is not None and abs(one - two) <= SAME * max(abs(one), abs(two))


def _best(one: StoredRun, two: StoredRun, name: str) -> dict[str, Any]:
    """The best of an objective on each front; `better` is how many times the second is better."""
    rows = [int(np.argmin(run.losses([name])[:, 0])) for run in (one, two)]
    losses = [float(run.losses([name])[row, 0]) for run, row in zip((one, two), rows, strict=True)]
    return {
        "metric": name,
        "before": one.design(rows[0]),
        "after": two.design(rows[1]),
        "better": losses[0] / losses[1],
    }


def _axes(one: StoredRun, two: StoredRun) -> list[dict[str, Any]]:
    """Metrics that both runs have; `limits` are those of both budgets."""
    second = {metric["name"]: metric for metric in two.data["metrics"]}
    return [
        {
            **{key: metric[key] for key in ("name", "title", "dimension", "maximise")},
            "objective": metric["objective"] and second[metric["name"]]["objective"],
            "limits": {"before": metric["limit"], "after": second[metric["name"]]["limit"]},
        }
        for metric in one.data["metrics"]
        if metric["name"] in second
    ]


def _drawn(one: StoredRun, two: StoredRun) -> dict[str, Any]:
    """Every design of both fronts as columns, for the chart."""
    shared = [name for name in one.metrics if name in two.metrics]
    other = set(two.machines()), set(one.machines())
    return {
        which: {
            "metrics": {name: [exact(value) for value in run.table[METRIC_COLUMNS[name]]] for name in shared},
            "name": [run.name(row) for row in range(len(run.table))],
            "machine": [machine_text(run.line(row)) for row in range(len(run.table))],
            "in_both": [machine in rest for machine in run.machines()],
            "knee": run.data["front"]["knee"],
        }
        for which, run, rest in (("before", one, other[0]), ("after", two, other[1]))
    }
