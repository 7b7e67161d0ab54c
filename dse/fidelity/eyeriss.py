"""Eyeriss: the five convolutions of AlexNet at batch 4, table 5 of Chen et al., JSSC 2017."""

from __future__ import annotations

from functools import partial

from dse.fidelity.anchor import Anchor
from dse.fidelity.published import published, source_of
from dse.inputs.spaces import load_design
from dse.inputs.workloads import load_workload
from dse.model.breakdown import evaluate
from dse.model.reuse import reuse_curve
from dse.workload.operations import TensorOperation

DEVICE = "eyeriss"
TIME_TOLERANCE = 0.20
"""Of processing time: the array fills and drains for every pass, which the model leaves out."""

BUFFER_TOLERANCE, FIRST_BUFFER_TOLERANCE = 0.05, 0.10
DRAM_TOLERANCE = 0.25
"""Of all layers together; layer by layer the compression decides."""

COMPRESSED = "measured after run-length compression of the maps, which gains most in the deep layers; predicted without"


def anchors() -> tuple[Anchor, ...]:
    """Active elements, times, bytes to and from the buffer, and off-chip traffic."""
    data, workload, space = published(DEVICE), load_workload(DEVICE), load_design(DEVICE)
    result = evaluate(workload, space)
    rows = {str(row["layer"]): row for _, row in result.layers.iterrows()}
    steps = workload.scenarios[0].lower().steps
    layers = {step.name: step.operation for step in steps if isinstance(step.operation, TensorOperation)}
    anchor = partial(Anchor, device=DEVICE, source=source_of(data["source"]), unverified=True)
    total = partial(Anchor, device=DEVICE, source=source_of(data["source"]))
    found: list[Anchor] = []
    array_ms, buffer_mb, dram_mb = dict[str, float](), dict[str, float](), dict[str, float]()
    for name, operation in layers.items():
        array_ms[name] = 1e3 * float(rows[name]["compute_s"])
        buffer_mb[name] = float(rows[name]["buffer_bytes"] - rows[name]["dram_bytes"]) / 1e6
        dram_mb[name] = reuse_curve(operation).at(data["map_buffer_kib"] * 1024) / 1e6
        active = operation.macs / (array_ms[name] * 1e-3 * result.design.frequency_hz)
        first = name == "conv1"
        found += [
            anchor(
                what=f"{name}: active elements",
                published=data["active_pes"][name],
                predicted=active,
                unit="PEs",
                tolerance=0.02 if first else 0.0,
                note="154 but in the last strip of rows" if first else "",
            ),
            anchor(
                what=f"{name}: processing time",
                published=data["processing_ms"][name],
                predicted=array_ms[name],
                unit="ms",
                tolerance=TIME_TOLERANCE,
            ),
            anchor(
                what=f"{name}: buffer traffic",
                published=data["buffer_mb"][name],
                predicted=buffer_mb[name],
                unit="MB",
                tolerance=FIRST_BUFFER_TOLERANCE if first else BUFFER_TOLERANCE,
            ),
            anchor(
                what=f"{name}: DRAM traffic",
                published=data["dram_mb"][name],
                predicted=dram_mb[name],
                unit="MB",
                kind="shown",
                note=COMPRESSED,
            ),
        ]
    totals = data["total"]
    macs = sum(operation.macs for operation in layers.values())
    return (
        *found,
        total(what="five layers: multiplies", published=totals["gmacs"], predicted=macs / 1e9, unit="GMAC", tolerance=0.005),
        total(
            what="five layers: processing time",
            published=totals["processing_ms"],
            predicted=sum(array_ms.values()),
            unit="ms",
            tolerance=0.15,
        ),
        total(
            what="five layers, pools: latency",
            published=totals["latency_ms"],
            predicted=1e3 * result.latency_s,
            unit="ms",
            tolerance=0.15,
            note="the link of 480 MB/s is unverified",
        ),
        total(
            what="five layers: buffer traffic",
            published=totals["buffer_mb"],
            predicted=sum(buffer_mb.values()),
            unit="MB",
            tolerance=BUFFER_TOLERANCE,
        ),
        total(
            what="five layers: DRAM traffic",
            published=totals["dram_mb"],
            predicted=sum(dram_mb.values()),
            unit="MB",
            tolerance=DRAM_TOLERANCE,
            note=f"{COMPRESSED}; the least with the 100 KiB that hold maps",
        ),
    )
