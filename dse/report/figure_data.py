"""What the pictures of a run show, from its stored data: no model, no drawing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from dse.errors import InputError, Problem
from dse.hardware.design import FloatColumn
from dse.report.info import AxisView, FrontView, RooflineView, ScenarioRun, axis_view, roofline_of
from dse.report.page_design import BOUNDS


def chosen_design(data: Mapping[str, Any], letter: str | None) -> Mapping[str, Any]:
    """A lettered design; the knee where none is named. Raises `InputError` that says which there are."""
    designs = data["designs"]
    for design in designs:
        if design["letter"] == letter or (letter is None and design["row"] == data["front"]["knee"]):
            return design
    there = ", ".join(design["letter"] for design in designs)
    raise InputError(Problem(f"--design {letter}: the run has layer detail of no such design", remedy=f"there are {there}"))


def run_name(data: Mapping[str, Any]) -> str:
    """The workload and the space of a run."""
    return f"{data['workload']['name']} on {data['space']['name']}"


def design_name(data: Mapping[str, Any], design: Mapping[str, Any]) -> str:
    """A workload on a design of its front."""
    knee = ", the knee" if design["row"] == data["front"]["knee"] and data["front"]["total"] > 1 else ""
    return f"{data['workload']['name']} on design {design['letter']}{knee} of {data['space']['name']}"


def stored_front(data: Mapping[str, Any]) -> tuple[FrontView, int]:
    """The front on its first two objectives (price stands in for a second), and which of its points is the knee."""
    metrics = {metric["name"]: metric for metric in data["metrics"]}
    names = [metric["name"] for metric in data["metrics"] if metric["objective"]]
    if len(names) == 1:
        names.append("price" if names[0] != "price" else "latency")
    axes: list[AxisView] = [axis_view(name, metrics[name]["limit"]) for name in names]
    front, trials = data["front"], data["trials"]
    view = FrontView(
        x=axes[0],
        y=axes[1],
        colour=axes[2] if len(axes) > 2 else None,
        front=_points(front, names),
        dominated=_points(trials["dominated"] if trials else None, names),
        infeasible=_points(trials["infeasible"] if trials else None, names),
        labels={front["rows"].index(int(row)): letter for row, letter in front["letters"].items()},
    )
    return view, front["rows"].index(front["knee"])


def _points(part: Mapping[str, Any] | None, names: list[str]) -> FloatColumn:
    if part is None:
        return np.empty((0, len(names)))
    return np.column_stack([np.asarray(part["metrics"][name], dtype=np.float64) for name in names])


def stored_roofline(design: Mapping[str, Any]) -> RooflineView:
    """The roofline of a design; equal layers of a scenario are one bubble with their time together."""
    scenarios, layers = design["scenarios"], layer_table(design)
    runs = [
        ScenarioRun(name=each["name"], network=each["network"], batch=each["batch"], latency_s=each["latency_s"])
        for each in scenarios
    ]
    roofs = design["roofs"]
    return roofline_of(roofs["peak_ops_per_s"], roofs["bandwidth_bytes_per_s"], layers, runs)


def layer_table(design: Mapping[str, Any]) -> pd.DataFrame:
    """Layers of a design, those that stand for several with all of their time, energy, operations and bytes."""
    layers = design["layers"]
    count = np.asarray(layers["count"], dtype=np.float64)
    columns = {name: count * np.asarray(layers[name], dtype=np.float64) for name in ("ops", "dram_bytes", "time_s")}
    energy = {part: count * np.asarray(column, dtype=np.float64) for part, column in layers["energy_j"].items()}
    names = [each["name"] for each in design["scenarios"]]
    scenarios, bounds = layers["scenario"], layers["bound"]
    text: dict[str, list[str]] = {"scenario": [names[at] for at in scenarios], "bound": [BOUNDS[at] for at in bounds]}
    return pd.DataFrame({**text, **columns, **energy})
