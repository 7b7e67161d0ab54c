"""The levers of a machine: what may be changed in one design, or in how a workload is run on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from dse.hardware.design import ABSTRACT_MEMORY, FORMATS, Design, Designs
from dse.hardware.space import Space
from dse.units import format_quantity
from dse.workload.precision import Precision
from dse.workload.workload import Scenario, Workload

NARROWER = {"fp32": "bf16", "bf16": "fp8", "fp16": "fp8", "int32": "int16", "int16": "int8", "int8": "int4"}
"""The next narrower number format of the same kind, where there is one."""

Kind = Literal["hardware", "clock", "use"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A lever before it is evaluated."""

    name: str
    kind: Kind
    description: str
    designs: Designs


def design_changes(design: Design, base: Designs, space: Space) -> list[Change]:
    """Levers that change the design alone: `base` is its only row. Twice the bandwidth is twice the channels, PHYs and DRAM."""
    changes: list[Change] = []

    def add(name: str, kind: Kind, description: str, designs: Designs) -> None:
        changes.append(Change(name=name, kind=kind, description=description, designs=designs))

    memory = {} if design.memory == ABSTRACT_MEMORY else {"channels": base.channels * 2}
    channels = f"{design.memory} x{2 * design.channels}, " if memory else ""
    speed = format_quantity(2 * design.bandwidth_bytes_per_s, "bandwidth")
    wider = replace(base, bandwidth_bytes_per_s=base.bandwidth_bytes_per_s * 2, **memory)
    add("bandwidth x2", "hardware", f"{channels}{speed}", wider)
    if space.is_abstract:
        add("compute x2", "hardware", f"{2 * design.macs_per_cycle:,} MAC units", replace(base, cores=base.cores * 2))
    else:
        cores = f"{2 * design.cores} cores of {design.array_rows}x{design.array_cols}"
        add("compute x2", "hardware", cores, replace(base, cores=base.cores * 2))
        rows, cols = f"{2 * design.array_rows}x{design.array_cols}", f"{design.array_rows}x{2 * design.array_cols}"
        add("array rows x2", "hardware", f"arrays of {rows}", replace(base, array_rows=base.array_rows * 2))
        add("array cols x2", "hardware", f"arrays of {cols}", replace(base, array_cols=base.array_cols * 2))
    if design.vector_lanes:
        add("lanes x2", "hardware", f"{2 * design.vector_lanes} vector lanes", replace(base, vector_lanes=base.vector_lanes * 2))
    sram = format_quantity(2 * design.sram_bytes, "bytes")
    add("SRAM x2", "hardware", f"{sram} on chip", replace(base, sram_bytes=base.sram_bytes * 2))
    clock = f"{format_quantity(2 * design.frequency_hz, 'frequency')}, if the process reaches it"
    add("clock x2", "clock", clock, replace(base, frequency_hz=base.frequency_hz * 2))
    name = "single buffer" if design.double_buffer else "double buffer"
    what = "the whole buffer for one tile, loads wait" if design.double_buffer else "half of the buffer loads while half computes"
    add(name, "use", what, replace(base, double_buffer=~base.double_buffer))
    return changes


def workload_changes(workload: Workload, design: Design, base: Designs) -> list[tuple[Change, Workload]]:
    """Levers that change what runs, with the workload after: twice the batch; the next narrower formats, where there are any."""
    text = "twice the samples in each run, every one waits for all"
    changes = [
        (
            Change(name="batch x2", kind="use", description=text, designs=base),
            replace(workload, scenarios=tuple(_doubled(scenario) for scenario in workload.scenarios)),
        )
    ]
    native = NARROWER.get(design.precision, design.precision)
    other = replace(workload, scenarios=tuple(_narrowed(scenario) for scenario in workload.scenarios))
    if other != workload or native != design.precision:
        formats = ", ".join(dict.fromkeys(scenario.precision.weights for scenario in other.scenarios))
        what = f"{formats} weights on {native} arrays, if the networks bear it"
        narrow = replace(base, precision=np.array([FORMATS.index(native)]))
        changes.append((Change(name="precision /2", kind="use", description=what, designs=narrow), other))
    return changes


def _doubled(scenario: Scenario) -> Scenario:
    name = scenario.name.replace(f"@b{scenario.batch}", f"@b{2 * scenario.batch}")
    return replace(scenario, name=name, batch=2 * scenario.batch)


def _narrowed(scenario: Scenario) -> Scenario:
    """Weights and activations in the next narrower format, those that layers set for themselves too; sums as they were."""
    precision = scenario.precision
    nodes = tuple(
        replace(
            node, precision=tuple((name, value if name == "accumulators" else _narrow(value)) for name, value in node.precision)
        )
        for node in scenario.network.nodes
    )
    return replace(
        scenario,
        network=replace(scenario.network, nodes=nodes),
        precision=Precision(
            weights=_narrow(precision.weights),
            activations=_narrow(precision.activations),
            accumulators=precision.accumulators,
        ),
    )


def _narrow(name: str) -> str:
    return NARROWER.get(name, name)
