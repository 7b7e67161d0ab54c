"""Arithmetic of introductory articles: multiply-accumulates, bytes and intensities that follow from shapes alone."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from dse.fidelity.anchor import Anchor
from dse.fidelity.published import Table, published, source_of
from dse.inputs.workloads import load_workload
from dse.model.reuse import reuse_curve
from dse.units import BITS_PER_BYTE, OPS_PER_MAC
from dse.workload.elementwise import Pool2d
from dse.workload.operations import Conv2d, Gemm, TensorOperation
from dse.workload.precision import Precision
from dse.workload.recurrent import Recurrent
from dse.workload.shapes import Image, Sequence

DEVICE = "worked_examples"
ROUNDED = 5e-4
"""The last digit of a number with four."""

_MAP = "one channel of 64 x 64 numbers of 2 bytes, without padding"


def anchors() -> tuple[Anchor, ...]:
    """Every worked example; exact but for the last digit of a rounded intensity."""
    data = published(DEVICE)
    return (*_roofline(data["roofline"]), *_bandwidth(data["bandwidth"]), *_layer_table(data["layer_table"]))


def _read_bytes(operation: TensorOperation) -> float:
    """Input and weights once, in bytes."""
    inputs = operation.input_elements * operation.input_bits
    return (inputs + operation.weight_elements * operation.weight_bits) / BITS_PER_BYTE


def _roofline(data: Table) -> list[Anchor]:
    anchor = partial(Anchor, device=DEVICE, source=source_of(data))
    found: list[Anchor] = []
    intensities: list[float] = []
    for name, taps in (("conv_3x3", 3), ("conv_1x1", 1)):
        row, size = data[name], 64 - taps + 1
        operation = Conv2d(k=1, c=1, p=size, q=size, r=taps, s=taps)
        operation = operation.with_bits(input=16, weight=16, output=16, accumulator=32)
        title, least = f"{taps}x{taps} on a map", reuse_curve(operation).compulsory_bytes
        intensities.append(operation.macs / _read_bytes(operation))
        found += [
            anchor(what=f"{title}: MACs", published=row["macs"], predicted=operation.macs, unit="", note=_MAP),
            anchor(what=f"{title}: bytes read", published=row["bytes"], predicted=_read_bytes(operation), unit="B"),
            anchor(
                what=f"{title}: intensity",
                published=row["macs_per_byte"],
                predicted=intensities[-1],
                unit="MACs/B",
                tolerance=ROUNDED,
            ),
            anchor(what=f"{title}: bytes with output", published=row["bytes_with_output"], predicted=least, unit="B"),
            anchor(
                what=f"{title}: intensity with output",
                published=row["macs_per_byte_with_output"],
                predicted=operation.macs / least,
                unit="MACs/B",
                tolerance=ROUNDED,
            ),
        ]
    ratio = intensities[0] / intensities[1]
    return [*found, anchor(what="3x3 over 1x1: intensity", published=data["ratio"], predicted=ratio, unit="x", tolerance=ROUNDED)]


def _bandwidth(data: Table) -> list[Anchor]:
    anchor = partial(Anchor, device=DEVICE, source=source_of(data))
    linear, width, batch = data["linear"], data["linear"]["width"], data["linear"]["batch"]
    product = Gemm(m=batch, n=width, k=width).with_bits(input=16, weight=16, output=16, accumulator=32)
    weight_bytes = product.weight_elements * linear["bytes_per_weight"]
    at_peak_s = product.ops / (linear["peak_gops"] * 1e9)
    bytes_by_formula = linear["bytes_per_weight"] * (width**2 + 2 * width * batch)
    layers = load_workload("snowflake").scenarios[0].lower().steps
    conv3 = next(step.operation for step in layers if step.name == "conv3")
    assert isinstance(conv3, TensorOperation)
    step = data["gru"]["width"]
    gru = Recurrent(kind="gru", hidden=step).lower((Sequence(step, 1),), 1, Precision())
    return [
        anchor(
            what=f"linear {width}: bytes b(M2 + 2MB)",
            published=bytes_by_formula,
            predicted=reuse_curve(product).compulsory_bytes,
            unit="B",
        ),
        anchor(
            what=f"linear: time at {linear['peak_gops']} Gop/s",
            published=OPS_PER_MAC * width**2 * batch / (linear["peak_gops"] * 1e9) * 1e3,
            predicted=at_peak_s * 1e3,
            unit="ms",
        ),
        anchor(
            what="linear: bandwidth at that rate",
            published=linear["gb_per_s"],
            predicted=weight_bytes / at_peak_s / 1e9,
            unit="GB/s",
        ),
        anchor(
            what="AlexNet layer 3: weights",
            published=data["alexnet_layer_3"]["weight_bytes"],
            predicted=conv3.weight_elements * conv3.weight_bits / BITS_PER_BYTE,
            unit="B",
            note="the article prints 4 MB: its traffic, weights streamed three times",
        ),
        anchor(
            what="AlexNet layer 3: input",
            published=data["alexnet_layer_3"]["input_bytes"],
            predicted=conv3.input_elements * conv3.input_bits / BITS_PER_BYTE,
            unit="B",
        ),
        anchor(
            what=f"GRU of {step}: MACs, 6 M2",
            published=data["gru"]["products"] * step**2,
            predicted=sum(part.operation.macs for part in gru.parts if isinstance(part.operation, TensorOperation)),
            unit="",
        ),
    ]


def _layer_table(data: Table) -> list[Anchor]:
    anchor = partial(Anchor, device=DEVICE, source=source_of(data))
    z = data["sizes"]
    convolution = Conv2d(k=z["k"], c=z["c"], p=z["h"], q=z["w"], r=z["r"], s=z["s"], padding=1)
    depthwise = replace(convolution, c=z["k"], groups=z["k"])
    linear = Gemm(m=z["b"], n=z["k"], k=z["c"])
    found: list[Anchor] = []
    for name, operation in (("convolution", convolution), ("depthwise_convolution", depthwise), ("linear", linear)):
        title = name.removesuffix("_convolution") if name.startswith("depthwise") else name
        found += [
            anchor(what=f"{title}: operations", published=data[name]["ops"], predicted=operation.ops, unit=""),
            anchor(what=f"{title}: weights", published=data[name]["weights"], predicted=operation.weight_elements, unit=""),
        ]
    pool = Pool2d(mode="max", kernel=(z["r"], z["s"]), stride=(1, 1), padding=(1, 1)).lower(
        (Image(z["k"], z["h"], z["w"]),), 1, Precision()
    )
    outputs = z["k"] * z["h"] * z["w"]
    return [
        *found,
        anchor(
            what="depthwise: intensity",
            published=data["depthwise_convolution"]["ops_per_byte"],
            predicted=depthwise.ops / reuse_curve(depthwise).compulsory_bytes,
            unit="ops/B",
            tolerance=0.01,
            note="far below the ridge of every machine here: bound by memory (an article prints: by compute)",
        ),
        anchor(
            what="pooling 3x3: work an element",
            published=data["pooling"]["ops_per_element"],
            predicted=sum(part.operation.ops for part in pool.parts if not isinstance(part.operation, TensorOperation)) / outputs,
            unit="ops",
            kind="at most",
            note="O(1): at most the window",
        ),
    ]
