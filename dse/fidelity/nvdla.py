"""NVDLA: seven published configurations over a range of 64 in multipliers; NVIDIA's own estimates, so a model against a model."""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from dse.fidelity.anchor import Anchor
from dse.fidelity.published import Table, published, source_of
from dse.hardware.cost import component_costs
from dse.hardware.design import Design, Designs
from dse.inputs.spaces import load_design
from dse.inputs.workloads import load_workload
from dse.model.breakdown import breakdown

DEVICE, SPACE = "nvdla", "nvdla_full"
RATE_TOLERANCE = 0.25
STARVED_TOLERANCE = 0.75
"""Of the two smallest, at 1 GB/s and below: they refetch what the best mapping holds, at a bandwidth that decides."""

STARVED_MACS = 64
AREA_TOLERANCE = 0.10
POWER_TOLERANCE = 0.50


def anchors() -> tuple[Anchor, ...]:
    """Frames per second of ResNet-50, their order, area at two nodes and peak power; and the design of the spreadsheet."""
    data = published(DEVICE)
    return (*_rates(data), *_silicon(data), *_spreadsheet(data["spreadsheet"]))


def design(row: Table, node_nm: float = 16.0) -> Design:
    """A configuration: atomic C on rows, the rest of the multipliers as kernels on columns.

    It has no vector lanes of its own: the fitted area and energy of a multiplier hold its share of the post-processing.
    """
    return Design(
        array_rows=row["atomic_c"],
        array_cols=row["macs"] // row["atomic_c"],
        frequency_hz=1e9,
        dataflow="dot_product",
        sram_bytes=row["buffer_kib"] * 1024,
        bandwidth_bytes_per_s=row["bandwidth_gb_per_s"] * 1e9,
        node_nm=node_nm,
    )


@cache
def _frames_per_s(machine: Design, network: str) -> float:
    workload = load_workload("vision").only(f"{network}@b1")
    return 1.0 / breakdown(workload, load_design(SPACE), Designs.of(machine)).latency_s


def _rates(data: Table) -> list[Anchor]:
    anchor = partial(Anchor, device=DEVICE, source=source_of(data["source"]))
    rows = data["configurations"]
    predicted = [_frames_per_s(design(row), "resnet50") for row in rows]
    stated = [row["resnet50_fps"] for row in rows]
    found = [
        anchor(
            what=f"{row['macs']} MACs: ResNet-50",
            published=row["resnet50_fps"],
            predicted=rate,
            unit="fps",
            tolerance=STARVED_TOLERANCE if row["macs"] <= STARVED_MACS else RATE_TOLERANCE,
            note="at 1 GB/s and below, traffic above the least decides" if row["macs"] <= STARVED_MACS else "",
        )
        for row, rate in zip(rows, predicted, strict=True)
    ]
    return [
        *found,
        anchor(
            what="rank correlation of all seven",
            published=1.0,
            predicted=_rank_correlation(stated, predicted),
            unit="",
            kind="at least",
        ),
    ]


def _rank_correlation(first: list[float], second: list[float]) -> float:
    """Spearman's rank correlation of two lists without ties.

    >>> _rank_correlation([1, 2, 3], [10, 30, 20])
    0.5
    """
    apart = np.argsort(np.argsort(first)) - np.argsort(np.argsort(second))
    count = len(first)
    return 1.0 - 6.0 * float(apart @ apart) / (count * (count**2 - 1))


def _silicon(data: Table) -> list[Anchor]:
    anchor, space = partial(Anchor, device=DEVICE, source=source_of(data["source"])), load_design(SPACE)
    found: list[Anchor] = []
    for row in data["configurations"]:
        for node_nm in (28, 16):
            costs = component_costs(Designs.of(design(row, node_nm)), space)
            found.append(
                anchor(
                    what=f"{row['macs']} MACs: area, {node_nm} nm",
                    published=row[f"mm2_{node_nm}"],
                    predicted=float(costs.area_mm2[0]),
                    unit="mm2",
                    tolerance=AREA_TOLERANCE,
                )
            )
            if node_nm == 16:
                found.append(
                    anchor(
                        what=f"{row['macs']} MACs: peak power, 16 nm",
                        published=row["peak_mw"],
                        predicted=1e3 * float(costs.peak_power_w[0] - costs.peak_power_parts_w["dram"][0]),
                        unit="mW",
                        tolerance=POWER_TOLERANCE,
                    )
                )
    return found


def _spreadsheet(data: Table) -> list[Anchor]:
    stated = data["design"]
    machine = design({**stated, "atomic_c": 64})
    return [
        Anchor(
            device=DEVICE,
            what=f"2048 MACs, 10 GB/s: {network}",
            published=rate,
            predicted=_frames_per_s(machine, network),
            unit="fps",
            kind="shown",
            source=source_of(data),
            note="no claim: the spreadsheet has a second memory interface of 25 GB/s, and pools and element-wise layers fused",
        )
        for network, rate in data["fps"].items()
    ]
