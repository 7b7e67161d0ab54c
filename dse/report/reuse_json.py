"""Reuse curves as plain JSON values: whole curves, the capacities that matter, and the mappings behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dse.model.reuse import ReuseCurve
from dse.model.witness import OPERANDS
from dse.report.reuse_view import OperationReuse, ReuseView, ScenarioReuse, kept_steps


def reuse_json(view: ReuseView) -> dict[str, Any]:
    """Everything as plain JSON values: each operation's whole curve, and its mapping at each chosen capacity.

    Where one layer is asked for, the mapping of every step.
    """
    return {
        "workload": view.workload.name,
        "layer": view.layer,
        "family": view.family,
        "machine": None
        if view.machine is None
        else {"name": view.machine.name, "sram_bytes": view.machine.sram_bytes, "live_bytes": view.machine.live_bytes},
        "chosen_capacity_bytes": list(view.chosen_bytes),
        "scenarios": [_scenario_json(reuse, view) for reuse in view.scenarios],
    }


def _scenario_json(reuse: ScenarioReuse, view: ReuseView) -> dict[str, Any]:
    return {
        "scenario": reuse.scenario.name,
        "vector_bytes": reuse.vector_bytes,
        "total": _curve_json(reuse, view) | {"compulsory_bytes": reuse.compulsory_bytes},
        "kept_between": None if view.layer is not None else _kept_json(reuse, view),
        "operations": [_operation_json(each, view) for each in reuse.operations],
    }


def _kept_json(reuse: ScenarioReuse, view: ReuseView) -> dict[str, Any]:
    """Least traffic with tensors that stay on chip between operations, by doubling capacities and at the chosen ones."""
    capacities = np.array(sorted({*kept_steps(reuse), *view.chosen_bytes}))
    moved = reuse.together_at(capacities)
    return {
        "capacity_bytes": [int(value) for value in capacities],
        "traffic_bytes": [int(value) if np.isfinite(value) else None for value in moved],
    }


def _operation_json(each: OperationReuse, view: ReuseView) -> dict[str, Any]:
    asked = view.chosen_bytes if view.layer is None else (*view.chosen_bytes, *each.curve.capacity_bytes.tolist())
    return {
        "layers": list(each.layers),
        "kind": each.kind,
        "count": each.count,
        "macs": each.operation.macs,
        **_curve_json(each, view),
        "compulsory_bytes": each.curve.compulsory_bytes,
        "weight_traffic_bytes": each.curve.weight_traffic_bytes.tolist(),
        "mappings": [_mapping_json(each.curve, int(at)) for at in sorted({*asked}) if at >= each.needs_bytes],
    }


def _curve_json(curve: OperationReuse | ScenarioReuse, view: ReuseView) -> dict[str, Any]:
    chosen = curve.at(np.array(view.chosen_bytes))
    return {
        "needs_at_least_bytes": curve.needs_bytes,
        "within_2x_from_bytes": curve.near_bytes(2.0),
        "within_1_1x_from_bytes": curve.near_bytes(1.1),
        "all_once_from_bytes": curve.near_bytes(1.0),
        "falls_along_lines_between": curve.falls_between,
        "capacity_bytes": [int(value) for value in curve.capacity_bytes],
        "traffic_bytes": [int(value) for value in curve.traffic_bytes],
        "traffic_at_chosen_bytes": [int(value) if np.isfinite(value) else None for value in chosen],
    }


def _mapping_json(curve: ReuseCurve, capacity_bytes: int) -> dict[str, Any]:
    mapping = curve.mapping_at(capacity_bytes)
    by_operand: Mapping[str, Mapping[Any, float]] = {
        "held_bytes": mapping.footprint_bytes,
        "traffic_bytes": mapping.traffic_bytes,
    }
    return {
        "capacity_bytes": capacity_bytes,
        "holds_bytes": mapping.capacity_bytes,
        "family": mapping.family,
        "stream": mapping.stream,
        "tile": dict(mapping.tile),
        "trips": dict(mapping.trips),
        "folded": dict(mapping.folded),
        "loops": mapping.loops,
        "pinned_weight_bytes": mapping.pinned_weight_bytes,
        **{f"{operand}_{name}": values[operand] for name, values in by_operand.items() for operand in OPERANDS},
        "text": str(mapping),
    }
