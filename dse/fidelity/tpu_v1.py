"""TPU v1: the six applications of the paper on the model's TPU, with no fitted constant (Jouppi et al., ISCA 2017).

The applications are those of ``workloads/tpu_apps.yaml``, reconstructed from the paper's table 1 alone. What makes their rates is
that weights come from DRAM in whole tiles of 256 x 256, and that nothing else does: activations stay in the unified buffer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from dse.fidelity.anchor import Anchor
from dse.fidelity.published import Table, published, source_of
from dse.hardware.space import Space
from dse.inputs.spaces import load_design
from dse.inputs.workloads import load_workload
from dse.model.breakdown import Result, evaluate
from dse.units import BITS_PER_BYTE, OPS_PER_MAC, format_quantity
from dse.workload.network import Lowered
from dse.workload.operations import TensorOperation
from dse.workload.workload import Scenario, Workload

DEVICE = "tpu_v1"
APPS = ("mlp0", "mlp1", "lstm0", "lstm1", "cnn0", "cnn1")
MEMORY_BOUND = APPS[:4]

RATE_TOLERANCE = 0.15
"""Of measured TOPS; the paper's own performance model is within 5 to 11% of its counters (table 7)."""

SHARE_TOLERANCES = {"active": 0.25, "weight_stall": 0.10, "weight_shift": 0.10}
"""Of shares of the matrix unit's time; rows stream for less of it than tiles are waited for, so their share is the least sure."""


def anchors() -> tuple[Anchor, ...]:
    """Roofs, rates, where the time goes, what section 7 says of other designs, and the unified buffer."""
    return (*_roofs(), *_rates(), *_shares(), *_fragmentation(), *_design_space(), *_unified_buffer())


@dataclass(frozen=True, slots=True, kw_only=True)
class RooflinePoint:
    """An application on the roofline of the paper's figure 5: MACs per weight byte, and TOPS published and predicted."""

    app: str
    macs_per_weight_byte: float
    published_tops: float
    predicted_tops: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Roofline:
    """TPU v1's roofline over its weight memory and the six applications on it."""

    peak_tops: float
    bandwidth_bytes_per_s: float
    points: tuple[RooflinePoint, ...]

    def roof_tops(self, macs_per_weight_byte: float) -> float:
        """min(peak, 2·intensity·bandwidth)."""
        return min(self.peak_tops, OPS_PER_MAC * macs_per_weight_byte * self.bandwidth_bytes_per_s / 1e12)


def roofline() -> Roofline:
    """The picture's data: the paper's figure 5 with the model's rates beside the measured ones."""
    space, rates = load_design(DEVICE), _tops(evaluated())
    design = evaluated().design
    return Roofline(
        peak_tops=design.peak_ops_per_s / 1e12,
        bandwidth_bytes_per_s=design.bandwidth_bytes_per_s * space.device.bandwidth_efficiency,
        points=tuple(
            RooflinePoint(
                app=app,
                macs_per_weight_byte=_intensity(scenario),
                published_tops=_data()["table_3"]["tops"][app],
                predicted_tops=rates[app],
            )
            for app, scenario in _scenarios().items()
        ),
    )


@cache
def evaluated() -> Result:
    """The six applications on TPU v1."""
    return _on(load_design(DEVICE))


def _data() -> Table:
    return published(DEVICE)


def _on(space: Space) -> Result:
    return evaluate(_workload(), space)


def _workload() -> Workload:
    return load_workload("tpu_apps")


def _scenarios() -> dict[str, Scenario]:
    by_app = {scenario.network.name: scenario for scenario in _workload().scenarios}
    return {app: by_app[app] for app in APPS}


def _latencies_s(result: Result) -> dict[str, float]:
    names = [scenario.network.name for scenario in result.workload.scenarios]
    return dict(zip(names, result.scenarios["latency_s"].to_list(), strict=True))


def _tops(result: Result) -> dict[str, float]:
    latency_s = _latencies_s(result)
    return {app: OPS_PER_MAC * scenario.lower().macs / latency_s[app] / 1e12 for app, scenario in _scenarios().items()}


def tops_of(space: Space) -> dict[str, float]:
    """TOPS of every application on a machine."""
    return _tops(_on(space))


def _intensity(scenario: Scenario) -> float:
    return scenario.lower().macs / (scenario.network.parameters * scenario.precision.weight_bits / BITS_PER_BYTE)


def _roofs() -> list[Anchor]:
    data, line = _data(), roofline()
    anchor = partial(Anchor, device=DEVICE, source=source_of(data["source"]))
    ridge = line.peak_tops * 1e12 / OPS_PER_MAC / line.bandwidth_bytes_per_s
    return [
        anchor(what="peak", published=data["peak_tops"], predicted=line.peak_tops, unit="TOPS", tolerance=0.001),
        anchor(what="ridge", published=data["ridge_macs_per_byte"], predicted=ridge, unit="MACs/B", tolerance=0.001),
        *(
            anchor(
                what=f"{point.app.upper()}: roof",
                published=data["table_1"]["roof_tops"][point.app],
                predicted=line.roof_tops(point.macs_per_weight_byte),
                unit="TOPS",
                tolerance=0.02,
            )
            for point in line.points
        ),
    ]


def _rates() -> list[Anchor]:
    data, rates = _data(), _tops(evaluated())
    anchor = partial(Anchor, device=DEVICE, source=source_of(data["source"]), unit="TOPS")
    tops = data["table_3"]["tops"]
    found = [
        anchor(what=f"{app.upper()}: rate", published=tops[app], predicted=rates[app], tolerance=RATE_TOLERANCE)
        for app in ("mlp0", "mlp1", "lstm0", "cnn0")
    ]
    disagree = "published rows disagree: 256 shift cycles that are 17.1% of a tile's time make 3.6 TOPS, the TOPS row says 2.8"
    contradicts = (
        "published rows contradict: an inference is 10.9 Gop by table 1 (100M x 1750 x 2 / 32), 3.0 by 14.1 TOPS / 4,700"
    )
    return [
        *found,
        anchor(
            what="LSTM1: rate by its counters",
            published=_lstm1_by_counters(),
            predicted=rates["lstm1"],
            tolerance=RATE_TOLERANCE,
            note=disagree,
        ),
        anchor(what="LSTM1: rate", published=tops["lstm1"], predicted=rates["lstm1"], kind="shown", note=disagree),
        anchor(what="CNN1: rate", published=tops["cnn1"], predicted=rates["cnn1"], kind="shown", note=contradicts),
    ]


def _lstm1_by_counters() -> float:
    """TOPS of nine tiles for 600 x 600 weights, each of a time of which 256 shift cycles are the published share."""
    data, scenario, design = _data(), _scenarios()["lstm1"], evaluated().design
    tile_cycles = data["weight_shift_cycles"] / (data["table_3"]["weight_shift_percent"]["lstm1"] / 100)
    macs = next(iter(_products(scenario.lower()).values())).macs
    return OPS_PER_MAC * macs / (9 * tile_cycles / design.frequency_hz) / 1e12


def _products(lowered: Lowered) -> dict[str, TensorOperation]:
    return {step.name: step.operation for step in lowered.steps if isinstance(step.operation, TensorOperation)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Where the time of the matrix unit goes, as fractions: rows stream, a tile shifts in, or it waits for one.

    A tile shifts in 256 cycles, which hide behind the rows of the tile before it, as far as there are so many; the rest is shift.
    What is left of a layer's time is waiting.
    """

    active: float
    shift: float
    stall: float


def matrix_shares(app: str) -> Shares:
    """Shares of the matrix unit's time over all layers of an application."""
    result, scenario = evaluated(), _scenarios()[app]
    design, products = result.design, _products(scenario.lower())
    layers = result.layers[result.layers["scenario"] == scenario.name]
    active, shift, total = 0.0, 0.0, 0.0
    for name, time_s in zip(layers["layer"].to_list(), layers["time_s"].to_list(), strict=True):
        operation = products.get(name)
        if operation is None:
            continue
        folds = -(-operation.k_group // design.array_rows) * -(-operation.n_group // design.array_cols) * operation.groups
        passes = (operation.input_bits // BITS_PER_BYTE) * (operation.weight_bits // BITS_PER_BYTE)
        streaming_s = folds * operation.m * passes / design.frequency_hz
        active += streaming_s
        shift += min(folds * design.array_rows / design.frequency_hz, max(time_s - streaming_s, 0.0))
        total += time_s
    return Shares(active=active / total, shift=shift / total, stall=1.0 - (active + shift) / total)


def _shares() -> list[Anchor]:
    """Table 3 without its non-matrix cycles (synchronisation, host, vector work), which the model does not have."""
    data = _data()
    table = data["table_3"]
    anchor = partial(Anchor, device=DEVICE, source=source_of(data["source"]), unit="%")
    without = "of the matrix unit's time: table 3 without its non-matrix cycles (10 to 32%), which the model does not have"
    found: list[Anchor] = []
    for app in APPS:
        shares, matrix = matrix_shares(app), 100.0 - table["non_matrix_percent"][app]
        rows = {"active": shares.active, "weight_stall": shares.stall, "weight_shift": shares.shift}
        for row, share in rows.items():
            measured = 100.0 * table[f"{row}_percent"][app] / matrix
            if measured == 0.0:
                continue
            claimed = app != "cnn1"
            found.append(
                anchor(
                    what=f"{app.upper()}: {row.replace('_', ' ')}",
                    published=measured,
                    predicted=100.0 * share,
                    kind="value" if claimed else "shown",
                    tolerance=SHARE_TOLERANCES[row] if claimed else 0.0,
                    note=without,
                )
            )
    return found


def _fragmentation() -> list[Anchor]:
    """A 600 x 600 matrix is nine tiles of 256 x 256, or four of 512 x 512, at the speed of the weight memory."""
    section = _data()["section_7"]
    anchor = partial(Anchor, device=DEVICE, source=source_of(_data()["source"]), unit="us", tolerance=0.05)
    found: list[Anchor] = []
    for edge, key in ((256, "matrix_600_in_256_us"), (512, "matrix_600_in_512_us")):
        result = _on(_array(edge))
        first = result.layers[result.layers["scenario"] == _scenarios()["lstm1"].name].iloc[0]
        weights_us = float(first["weight_dram_bytes"]) / result.design.bandwidth_bytes_per_s * 1e6
        found.append(anchor(what=f"600x600 in tiles of {edge}x{edge}", published=section[key], predicted=weights_us))
    return found


def _array(edge: int) -> Space:
    return load_design(DEVICE).with_values("array_rows", str(edge)).with_values("array_cols", str(edge))


def _design_space() -> list[Anchor]:
    data, base, design = _data(), _latencies_s(evaluated()), evaluated().design
    section, share = data["section_7"], data["deployment_percent"]
    anchor = partial(Anchor, device=DEVICE, source=source_of(data["source"]), unit="x")
    space = load_design(DEVICE)
    memory = _latencies_s(_on(space.with_values("bandwidth", format_quantity(4 * design.bandwidth_bytes_per_s, "bandwidth"))))
    clock = _latencies_s(_on(space.with_values("frequency", format_quantity(4 * design.frequency_hz, "frequency"))))
    large = _latencies_s(_on(_array(512)))

    def faster(changed: dict[str, float], apps: tuple[str, ...]) -> float:
        weights = np.array([share[app] for app in apps], dtype=np.float64)
        return float(np.average([base[app] / changed[app] for app in apps], weights=weights))

    return [
        anchor(
            what="4x memory: MLPs and LSTMs",
            published=section["memory_4x_mlp_lstm"],
            predicted=faster(memory, MEMORY_BOUND),
            kind="at least",
            note="about 3 is published; the model, where nothing but weights is waited for, can reach 4",
        ),
        anchor(
            what="4x clock: MLPs and LSTMs",
            published=section["clock_4x_mlp_lstm"],
            predicted=faster(clock, MEMORY_BOUND),
            kind="at most",
            tolerance=0.1,
        ),
        anchor(
            what="4x clock: CNNs",
            published=section["clock_4x_cnn"],
            predicted=faster(clock, ("cnn0", "cnn1")),
            tolerance=0.2,
        ),
        anchor(
            what="512x512 array: all six",
            published=section["matrix_512_mean"],
            predicted=faster(large, APPS),
            kind="at most",
            note="slightly slower is published",
        ),
    ]


def _unified_buffer() -> list[Anchor]:
    data = _data()
    return [
        Anchor(
            device=DEVICE,
            what=f"{app.upper()}: live activations",
            published=data["table_8_mib"][app],
            predicted=_most_alive_bytes(scenario.lower()) / 2**20,
            unit="MiB",
            kind="at most",
            source=source_of(data["source"]),
            note="published: what the improved allocator of table 8 uses; predicted: the least that any could",
        )
        for app, scenario in _scenarios().items()
    ]


def _most_alive_bytes(lowered: Lowered) -> float:
    """Activations alive at the fullest step, each from the step that makes it to its last use."""
    sizes = {tensor.name: tensor.elements * tensor.bits for tensor in lowered.tensors}
    used = [{*step.inputs, step.output} for step in lowered.steps]
    lives = {name: [at for at, names in enumerate(used) if name in names] for name in sizes}
    alive = [
        sum(size for name, size in sizes.items() if lives[name] and lives[name][0] <= at <= lives[name][-1])
        for at in range(len(used))
    ]
    return max(alive) / BITS_PER_BYTE
