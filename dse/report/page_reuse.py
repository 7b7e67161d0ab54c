"""The data of a page about off-chip traffic against the size of the on-chip buffer, for every scenario."""

from __future__ import annotations

from typing import Any

import numpy as np

from dse.errors import InputError
from dse.hardware.design import FloatColumn, IntColumn
from dse.model.ledger import plan_of
from dse.model.stages import Storage, Streaming
from dse.report.plain import column, figures
from dse.report.reuse_view import ScenarioReuse, reuse_view, telling_steps
from dse.search.front import Front

STEPS = 40
"""Points of a scenario's curve."""

FEW_SIZES = 6
"""A curve through fewer sizes of the buffer tells little."""

MOST_BUFFERS = 24
"""Sizes of the buffer at which tensors that stay on chip are planned."""


def reuse_data(front: Front, *, cheap: bool) -> dict[str, Any] | None:
    """Least traffic of each scenario against the SRAM of a machine of this space; None where nothing is multiplied.

    `sram_bytes` is all of the buffer: half of it holds live tiles where it is double-buffered, and a cache acts like a part.
    `alone` lets each layer read and write DRAM; `kept` holds tensors on chip between layers where that saves bytes, as the
    machines of the space do, at their own sizes; with `cheap` at a few more where they have few.
    """
    device = front.space.device
    double = True in front.space.parameter("double_buffer").values
    whole = (2 if double else 1) / device.sram_efficiency
    try:
        view = reuse_view(front.workload, family=device.reuse_family)
    except InputError:
        return None
    sizes = _sizes(front, cheap=cheap)
    curves: list[dict[str, Any]] = []
    for reuse in view.scenarios:
        steps = telling_steps(reuse, STEPS)
        kept = _kept(front, reuse, sizes, double=double)
        fine = np.isfinite(kept)
        curves.append(
            {
                "scenario": reuse.scenario.name,
                "compulsory_bytes": figures(reuse.compulsory_bytes),
                "alone": {
                    "sram_bytes": column(np.asarray(reuse.capacity_bytes, dtype=np.float64)[steps] * whole),
                    "traffic_bytes": column(np.asarray(reuse.traffic_bytes, dtype=np.float64)[steps]),
                },
                "kept": {"sram_bytes": sizes[fine].tolist(), "traffic_bytes": column(kept[fine])},
            }
        )
    more = device.weight_fetch != "element" or device.weight_streams != 1.0
    return {"machine_moves_more": more, "double_buffer": double, "sram_efficiency": device.sram_efficiency, "curves": curves}


def _sizes(front: Front, *, cheap: bool) -> IntColumn:
    """Sizes of the buffer that the space has, or an even choice of them with the least and the largest.

    Around few of them, where planning is cheap, powers of two of the largest stand too.
    """
    sizes = np.array(front.space.parameter("sram").values, dtype=np.int64)
    if cheap and len(sizes) < FEW_SIZES:
        sizes = np.unique(np.concatenate([sizes, sizes.max() * 4 // 2 ** np.arange(9)]))
    return sizes[np.unique(np.linspace(0, len(sizes) - 1, min(len(sizes), MOST_BUFFERS)).round().astype(np.int64))]


def _kept(front: Front, reuse: ScenarioReuse, sizes: IntColumn, *, double: bool) -> FloatColumn:
    """Traffic of one run with each buffer, tensors kept on chip; inf where some operation does not run."""
    usable = np.floor(sizes * front.space.device.sram_efficiency).astype(np.int64)
    storage = Storage(usable_bytes=usable, buffers=np.full(len(usable), 2 if double else 1))
    scenario = reuse.scenario.runs[0] if reuse.scenario.auto else reuse.scenario
    streaming = Streaming.of(front.space.device)
    plans = (plan_of(scenario, storage.at(index), streaming)[1] for index in range(len(storage)))
    return np.array([float(plan.total_bytes[0]) for plan in plans])
