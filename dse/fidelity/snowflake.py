"""Snowflake: the five convolutions of AlexNet, their operations, times and off-chip traffic as measured."""

from __future__ import annotations

from functools import partial

from dse.fidelity.anchor import Anchor
from dse.fidelity.published import published, source_of
from dse.inputs.spaces import load_design
from dse.inputs.workloads import load_workload
from dse.model.breakdown import evaluate
from dse.model.reuse import reuse_curve
from dse.model.strips import strip_traffic
from dse.units import BITS_PER_BYTE, OPS_PER_MAC
from dse.workload.operations import TensorOperation

DEVICE = "snowflake"
TIME_TOLERANCE, TRAFFIC_TOLERANCE = 0.10, 0.15
FIRST_TIME_TOLERANCE = 0.35
"""Of layer 1, whose loss the model does not have: a row of its filter, 11 taps x 3 channels, fills lines badly."""

FIRST_WEIGHT_TOLERANCE = 0.30
"""Of layer 1, whose weights stream 4.09 times where the machine's three strips stream them three times."""


def anchors() -> tuple[Anchor, ...]:
    """Operations, times, the least traffic below the measured, and that of the machine's own mapping."""
    return (*_operations(), *_times(), *_traffic())


def _layers() -> dict[str, TensorOperation]:
    steps = load_workload(DEVICE).scenarios[0].lower().steps
    return {step.name: step.operation for step in steps if isinstance(step.operation, TensorOperation)}


def _operations() -> list[Anchor]:
    data = published(DEVICE)
    return [
        Anchor(
            device=DEVICE,
            what=f"{name}: operations",
            published=data["mops"][name],
            predicted=round(OPS_PER_MAC * operation.true_macs / 1e6, 1),
            unit="Mop",
            source=source_of(data["source"]),
            note="without multiplications with padding",
        )
        for name, operation in _layers().items()
    ]


def _times() -> list[Anchor]:
    data, result = published(DEVICE), evaluate(load_workload(DEVICE), load_design(DEVICE))
    anchor = partial(Anchor, device=DEVICE, source=source_of(data["source"]))
    time_ms = {str(row["layer"]): 1e3 * float(row["time_s"]) for _, row in result.layers.iterrows()}
    lines = "a row of layer 1's filter, 11 taps x 3 channels, is 33 numbers in three lines of 16: 69% of them are used"
    first = _layers()["conv1"]
    row, line = first.width.taps * first.c, data["line_numbers"]
    found = [
        anchor(
            what=f"{name}: time",
            published=measured,
            predicted=time_ms[name],
            unit="ms",
            tolerance=FIRST_TIME_TOLERANCE if name == "conv1" else TIME_TOLERANCE,
            note=lines if name == "conv1" else "",
        )
        for name, measured in data["time_ms"].items()
    ]
    return [
        *found,
        anchor(
            what="five layers: time",
            published=data["total_time_ms"],
            predicted=sum(time_ms[name] for name in data["time_ms"]),
            unit="ms",
            tolerance=TIME_TOLERANCE,
        ),
        anchor(
            what="conv1: used part of its lines",
            published=data["efficiency_percent"]["conv1"],
            predicted=100.0 * row / (-(-row // line) * line),
            unit="%",
            tolerance=0.05,
            unverified=True,
            note=f"{lines}; that a line has 16 numbers is unverified",
        ),
    ]


def _traffic() -> list[Anchor]:
    data, space = published(DEVICE), load_design(DEVICE)
    anchor = partial(Anchor, device=DEVICE, source=source_of(data["source"]), unit="kB")
    design, strips = evaluate(load_workload(DEVICE), space).design, space.device.row_strips
    assert strips is not None
    capacity = design.sram_bytes * space.device.sram_efficiency / (2 if design.double_buffer else 1)
    found: list[Anchor] = []
    for name, operation in _layers().items():
        weights, maps = data["weight_traffic_kb"][name], data["map_traffic_kb"][name]
        moved, first = strip_traffic(operation, strips), name == "conv1"
        found += [
            anchor(
                what=f"{name}: least traffic",
                published=weights + maps,
                predicted=reuse_curve(operation).at(capacity) / 1e3,
                kind="at most",
                note="the least that any mapping moves with half of the map buffer; the machine has one mapping",
            ),
            anchor(
                what=f"{name}: weight traffic",
                published=weights,
                predicted=moved.weight_bytes / 1e3,
                tolerance=FIRST_WEIGHT_TOLERANCE if first else TRAFFIC_TOLERANCE,
                note="layer 1 streams its weights 4.09 times (four strips); the machine is taken to have three" if first else "",
            ),
            anchor(
                what=f"{name}: map traffic",
                published=maps,
                predicted=(moved.input_bytes + _written_bytes(data["written"][name])) / 1e3,
                tolerance=TRAFFIC_TOLERANCE,
                note="layers 2 and 5 write their maps after the pool: inferred from the traffic",
            ),
        ]
    return found


def _written_bytes(layer: str) -> float:
    """The result of a layer, in bytes."""
    lowered = load_workload(DEVICE).scenarios[0].lower()
    tensor = next(tensor for tensor in lowered.tensors if tensor.name == layer)
    return tensor.elements * tensor.bits / BITS_PER_BYTE
