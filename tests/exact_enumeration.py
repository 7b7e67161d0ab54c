"""Random small spaces and workloads, and their fronts by evaluating every design."""

from dataclasses import replace

import numpy as np
import pytest

import dse
from dse.errors import NoFeasibleDesign
from dse.hardware.design import DATAFLOWS, SKIPS_PADDING
from dse.hardware.goals import METRICS
from dse.hardware.parameters import completed
from dse.search import exact, pareto
from dse.search.exact import exact_front
from dse.search.front import losses_of, score

KIB = 1024
WORKLOADS = {name: dse.load_workload(name) for name in ("mlp", "speech", "vision")}
SCENARIOS = {
    "mlp": tuple(scenario.name for scenario in WORKLOADS["mlp"].scenarios),
    "vision": ("alexnet@b1", "alexnet@b8"),
    "speech": ("keyword_spotting@b1", "keyword_spotting@b4", "gnmt_decoder_step@b1"),
}
SPACES = {name: dse.load_space(name) for name in ("edge", "datacenter", "three_knobs")}
CHIP = {
    "array_rows": (1, 3, 8, 16, 17, 32, 64, 256),
    "array_cols": (1, 4, 8, 16, 24, 32, 128),
    "cores": (1, 2, 3, 4, 8),
    "frequency": (2e8, 5e8, 7e8, 1.0e9, 1.5e9),
    "precision": ("int8", "int16", "bf16"),
    "sram": (KIB, 16 * KIB, 64 * KIB, 96 * KIB, 256 * KIB, 320 * KIB, 1024 * KIB, 4096 * KIB, 65536 * KIB),
    "double_buffer": (True, False),
    "memory": ("ddr4", "lpddr4", "lpddr5", "gddr6", "hbm2e", "hbm3"),
    "channels": (1, 2, 3, 4, 8),
    "vector_lanes": (0, 1, 16, 64, 256),
    "node": (28.0, 16.0, 7.0, 5.0),
}
KNOBS = {
    "compute_units": (16, 64, 100, 256, 1024, 4096),
    "bandwidth": (1e9, 3e9, 1e10, 5e10, 1e11),
    "sram": CHIP["sram"],
    "frequency": (5e8, 1e9),
    "precision": ("int8", "bf16"),
    "double_buffer": (True, False),
    "node": (16.0, 7.0),
}


def some(draw, values, most):
    """A few of the values, at random."""
    return tuple(values[at] for at in draw.choice(len(values), size=min(len(values), draw.integers(1, most + 1)), replace=False))


def random_workload(draw):
    """A few scenarios of a shipped workload, at times with a latency limit of their own."""
    name = str(draw.choice(sorted(SCENARIOS)))
    workload = WORKLOADS[name]
    few = [each for each in workload.scenarios if each.name in SCENARIOS[name]]
    chosen = [few[at] for at in sorted(draw.choice(len(few), size=draw.integers(1, min(3, len(few)) + 1), replace=False))]
    weighted = tuple(replace(scenario, weight=float(draw.choice([1.0, 3.0, 0.7]))) for scenario in chosen)
    return replace(workload, scenarios=weighted)


def random_space(draw):
    """A space of at most a few thousand designs; a third are three-knob spaces with unit prices."""
    if draw.random() < 0.3:
        given = {
            name: some(draw, values, 4 if name in ("compute_units", "bandwidth", "sram") else 2) for name, values in KNOBS.items()
        }
        space = replace(SPACES["three_knobs"], parameters=completed(given))
    else:
        given = {name: some(draw, values, 2) for name, values in CHIP.items()}
        skips = draw.random() < 0.15
        given["dataflow"] = some(draw, SKIPS_PADDING if skips else DATAFLOWS, 3)
        if draw.random() < 0.15:
            given |= {"memory": ("abstract",), "channels": (1,), "bandwidth": (5e9, 2e10, 8e10)}
        for name in ("array_rows", "array_cols", "sram"):
            given[name] = some(draw, CHIP[name], 3)
        space = replace(SPACES[str(draw.choice(["edge", "datacenter"]))], parameters=completed(given), rules=())
        padding = "skipped" if skips else "multiplied"
        space = replace(space, device=replace(space.device, padding=padding, volume=[None, 100_000][draw.integers(2)]))
    device = replace(
        space.device,
        overlap=str(draw.choice(["none", "layer", "network"])),
        vector=str(draw.choice(["serial", "overlapped"])),
        weight_fetch=str(draw.choice(["element", "array_tile"])),
        weight_streams=float(draw.choice([1.0, 2.95])),
        dependency_latency_s=float(draw.choice([0.0, 1e-6])),
        activations=str(draw.choice(["resident", "streamed"])),
        weights=str(draw.choice(["resident", "streamed"])),
        sram_efficiency=float(draw.choice([1.0, 0.3])),
        bandwidth_efficiency=float(draw.choice([1.0, 0.83])),
        first_load_exposed=bool(draw.integers(2)),
        static_power_w=[None, None, 0.0, 1.5][draw.integers(4)],
    )
    names = draw.choice(METRICS, size=draw.integers(1, 5), replace=False)
    unlimited = replace(space.budget, price_usd=None, power_w=None, area_mm2=None)
    return replace(space, device=device, budget=unlimited).with_objectives(*map(str, names))


def with_random_limits(draw, workload, space, everything):
    """Limits that some designs meet to the last bit: quantiles of what the designs reach."""
    budget, metrics = space.budget, everything.metrics
    for name in ("price", "area", "power", "latency", "energy"):
        values = metrics.metric(name)
        values = values[np.isfinite(values)]
        if len(values) and draw.random() < 0.3:
            budget = budget.with_limit(name, float(np.quantile(values, draw.uniform(0.2, 1.0), method="lower")))
    for at, scenario in enumerate(workload.scenarios):
        values = metrics.latency_s[np.isfinite(metrics.latency_s[:, at]), at]
        if len(values) and draw.random() < 0.2:
            limit = float(np.quantile(values, draw.uniform(0.3, 1.0), method="lower"))
            budget = budget.with_limit(f"latency.{scenario.name}", limit)
    return replace(space, budget=budget)


def everything_of(workload, space):
    return score(workload, space, space.indices(np.arange(space.size)))


def brute_force(workload, space):
    """Losses of the front from every design of the space: sorted rows, each once."""
    everything = everything_of(workload, space)
    losses = everything.losses[everything.feasible]
    return np.unique(losses[pareto.nondominated(losses)], axis=0)


def random_problem(seed):
    draw = np.random.default_rng(seed)
    workload, space = random_workload(draw), random_space(draw)
    return workload, with_random_limits(draw, workload, space, everything_of(workload, space))


def equals_brute_force(monkeypatch, seed):
    """Bit for bit in the objectives, whatever the size of its blocks and its passes."""
    monkeypatch.setattr(exact, "FIRST_DESIGNS", [0, 3, 20_000][seed % 3])
    monkeypatch.setattr(exact, "BOXES_AT_ONCE", [7, 32_768, 32_768, 32_768][seed % 4])
    monkeypatch.setattr(exact, "EPSILONS", [(0.5, 0.05, 0.0), (0.0,)][seed % 2])
    workload, space = random_problem(seed)
    expected = brute_force(workload, space)
    if not len(expected):
        with pytest.raises(NoFeasibleDesign):
            exact_front(workload, space)
        return
    front = exact_front(workload, space)
    found = losses_of(front.designs, space)
    np.testing.assert_array_equal(found[np.lexsort(found.T[::-1])], expected)
    assert (front.certificate.kind, front.certificate.epsilon) == ("exact", 0.0)
    assert front.certificate.designs_covered == space.size
