"""The computational view as plain JSON values, units in the names; what is not finite becomes null."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any, cast

from dse.model.explanation import TIME_PARTS, LayerExplanation, ScenarioExplanation
from dse.model.losses import ARRAY_PARTS
from dse.model.reuse import Mapping
from dse.report.explain_layer import layer_sections
from dse.report.explain_view import ExplainView


def explain_json(view: ExplainView) -> dict[str, Any]:
    """Every layer of every explained scenario; where one layer was asked for just that, with its formulas."""
    found = {
        "workload": view.result.workload.name,
        "space": view.result.space.name,
        "design": asdict(view.result.design),
        "scenarios": [
            {
                "scenario": each.scenario.name,
                "totals": each.summary,
                "time_share_fraction": {part: each.share(part) for part in TIME_PARTS},
                "layers": [_layer(layer, each, formulas=bool(view.layers)) for layer in view.layers or each.layers],
            }
            for each in view.scenarios
        ],
        "assumptions": list(view.result.space.assumptions()),
    }
    return _plain(found)


def _layer(layer: LayerExplanation, explained: ScenarioExplanation, *, formulas: bool) -> dict[str, Any]:
    held, array = layer.activations, layer.array
    found: dict[str, Any] = {
        **layer.row,
        "index": layer.index,
        "steps": [step.name for step in layer.task.steps],
        "begin_s": layer.begin_s,
        "loads_overlap_compute": layer.overlapped,
        "loads_hidden": layer.hidden,
        "problem": layer.problem,
        "parameters": asdict(layer.parameters) if layer.parameters is not None else None,
        "activations": {
            "tensors": [asdict(tensor) for tensor in held.tensors],
            "also_on_chip_bytes": dict(held.others),
            "usable_bytes": held.usable_bytes,
            "resident_bytes": held.resident_bytes,
            "room_bytes": held.room_bytes,
            "factor_dram_bytes": held.factor_dram_bytes,
            "times_held": held.buffers,
            "least_room_bytes": held.least_room_bytes,
            "mapping": _mapping(held.mapping) if held.mapping is not None else None,
        },
        "array": None
        if array is None
        else {
            **{name: value for name, value in asdict(array).items() if name != "part_cycles"},
            "part_cycles": dict(zip(ARRAY_PARTS, array.part_cycles, strict=True)),
        },
        "time_part_s": None if layer.part_s is None else dict(zip(TIME_PARTS, layer.part_s, strict=True)),
        "time_share_fraction": {part: layer.share(part) for part in TIME_PARTS},
        "energy": {**asdict(layer.energy), "total_j": layer.energy.total_j},
        "needs": [asdict(need) for need in layer.needs],
    }
    if formulas:
        found["formulas"] = {
            section.title: [{"label": label, "text": text} for label, text in section.lines]
            for section in layer_sections(explained, layer)
        }
    return found


def _mapping(mapping: Mapping) -> dict[str, Any]:
    return {
        "family": mapping.family,
        "stream": mapping.stream,
        "tile": dict(mapping.tile),
        "trips": dict(mapping.trips),
        "loops": mapping.loops,
        "held_bytes": dict(mapping.footprint_bytes),
        "traffic_bytes": dict(mapping.traffic_bytes),
        "pinned_weight_bytes": mapping.pinned_weight_bytes,
        "text": str(mapping),
    }


def _plain(value: Any) -> Any:  # noqa: ANN401 - any part of the view
    if isinstance(value, dict):
        parts = cast("dict[str, Any]", value)
        return {key: _plain(part) for key, part in parts.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in cast("list[Any]", value)]
    scalar: Any = value.item() if hasattr(value, "item") else value
    return None if isinstance(scalar, float) and not math.isfinite(scalar) else scalar
