"""Spaces with rules: the exact front against brute force, with rules judged by plain Python and not by `dse`."""

from dataclasses import replace

import numpy as np
import pytest

import dse
from dse.errors import NoFeasibleDesign
from dse.hardware.goals import METRICS, Budget
from dse.hardware.parameters import CHIP as CHIP_NAMES
from dse.hardware.parameters import completed
from dse.hardware.rules import Rule, only_with
from dse.search import exact, pareto
from dse.search.exact import exact_front
from dse.search.front import evaluate_many, losses_of, score
from dse.search.study import search

MIB = 2**20
MLP = dse.load_workload("mlp")
EDGE = dse.load_space("edge")
VALUES = {
    "array_rows": (4, 8, 16, 32, 64),
    "array_cols": (4, 8, 16, 32),
    "cores": (1, 2, 4, 8),
    "frequency": (2e8, 5e8, 1e9),
    "dataflow": ("weight_stationary", "output_stationary"),
    "sram": (MIB // 16, MIB // 4, MIB, 4 * MIB),
    "double_buffer": (True, False),
    "memory": ("ddr4", "lpddr5", "hbm2e"),
    "channels": (1, 2, 4),
    "vector_lanes": (0, 16, 64),
    "node": (28.0, 16.0, 7.0),
}
RULES = [
    ("memory == 'hbm2e' and node > 16 nm", lambda d: d.memory == "hbm2e" and d.node_nm > 16),
    ("array_rows * array_cols * cores > 512", lambda d: d.array_rows * d.array_cols * d.cores > 512),
    ("sram < 1 MiB and cores > 2", lambda d: d.sram_bytes < MIB and d.cores > 2),
    ("not (memory == 'ddr4' or frequency <= 0.5 GHz)", lambda d: not (d.memory == "ddr4" or d.frequency_hz <= 5e8)),
    ("sram / cores < 256 KiB", lambda d: d.sram_bytes / d.cores < MIB / 4),
    ("bandwidth / frequency > 64 B", lambda d: d.bandwidth_bytes_per_s / d.frequency_hz > 64),
    ("channels not in [1, 2] and not double_buffer", lambda d: d.channels not in (1, 2) and not d.double_buffer),
    ("cores * channels != 4 and node == 28 nm", lambda d: d.cores * d.channels != 4 and d.node_nm == 28),
    ("memory in ['lpddr5', 'hbm2e'] and 8 <= array_rows < 64", lambda d: d.memory != "ddr4" and 8 <= d.array_rows < 64),
    ("dataflow == 'output_stationary' and node < 10 nm", lambda d: d.dataflow == "output_stationary" and d.node_nm < 10),
    ("array_rows * 16 > vector_lanes * cores + 100", lambda d: d.array_rows * 16 > d.vector_lanes * d.cores + 100),
    ("double_buffer == (cores > 2)", lambda d: d.double_buffer == (d.cores > 2)),
    ("cores / vector_lanes < 0.1", lambda d: d.vector_lanes > 0 and d.cores / d.vector_lanes < 0.1),
    ("array_rows - array_cols > 0 and memory != 'ddr4'", lambda d: d.array_rows > d.array_cols and d.memory != "ddr4"),
    ("sram >= 1 MiB or (node < 16 nm and channels > 1)", lambda d: d.sram_bytes >= MIB or (d.node_nm < 16 and d.channels > 1)),
    ("-(cores) < -channels", lambda d: -d.cores < -d.channels),
    ("channels < cores", lambda d: d.channels < d.cores),
    ("vector_lanes >= array_cols", lambda d: d.vector_lanes >= d.array_cols),
    ("vector_lanes < array_cols", lambda d: d.vector_lanes < d.array_cols),
    ("sram > array_rows * 32 KiB", lambda d: d.sram_bytes > d.array_rows * 2**15),
    ("sram < array_rows * 32 KiB", lambda d: d.sram_bytes < d.array_rows * 2**15),
    ("array_rows > channels * 8", lambda d: d.array_rows > d.channels * 8),
    ("array_rows < channels * 8", lambda d: d.array_rows < d.channels * 8),
    ("cores / vector_lanes > 0.03", lambda d: d.vector_lanes == 0 or d.cores / d.vector_lanes > 0.03),
]
TABLES = [
    (("channels", "memory"), {"ddr4": (1,), "lpddr5": (1, 2, 4), "hbm2e": (2, 4)}),
    (("frequency", "node"), {28.0: (2e8, 5e8), 16.0: (2e8, 5e8, 1e9), 7.0: (1e9,)}),
    (("vector_lanes", "double_buffer"), {True: (16, 64), False: (0,)}),
]
COLUMN = {"channels": "channels", "memory": "memory", "frequency": "frequency_hz", "node": "node_nm",
          "vector_lanes": "vector_lanes", "double_buffer": "double_buffer"}  # fmt: skip


def some(draw, values, most):
    return tuple(values[at] for at in draw.choice(len(values), size=min(len(values), draw.integers(1, most + 1)), replace=False))


def ruled_space(draw):
    """A space of at most some thousand designs with one to four rules, and what they forbid as plain functions."""
    given = {name: some(draw, values, 3 if name in ("array_rows", "sram", "cores") else 2) for name, values in VALUES.items()}
    chosen = [RULES[at] for at in draw.choice(len(RULES), size=draw.integers(1, 4), replace=False)]
    rules = [Rule.of(text, CHIP_NAMES, EDGE.technology.memories) for text, _ in chosen]
    judges = [judge for _, judge in chosen]
    if draw.random() < 0.6:
        (name, by), table = TABLES[draw.integers(len(TABLES))]
        for key, allowed in table.items():
            rules.append(only_with(name, allowed, by, key))
            judges.append(
                lambda d, key=key, allowed=allowed: getattr(d, COLUMN[by]) == key and getattr(d, COLUMN[name]) not in allowed
            )
    names = draw.choice(METRICS, size=draw.integers(1, 4), replace=False)
    limits = replace(EDGE.budget, price_usd=[None, 60.0][draw.integers(2)], power_w=None, area_mm2=None)
    space = replace(EDGE, parameters=completed(given), rules=tuple(rules), budget=limits)
    return space.with_objectives(*map(str, names)), judges


def allowed_by(judges, space):
    """Which designs of a space no judge forbids, one by one."""
    table = space.frame(space.indices(np.arange(space.size)))
    return np.array([not any(judge(row) for judge in judges) for row in table.itertuples()])


@pytest.mark.parametrize("seed", range(110))
def test_the_exact_front_under_rules_equals_brute_force(monkeypatch, seed):
    draw = np.random.default_rng(seed)
    workload = replace(MLP, scenarios=(MLP.scenarios[draw.integers(len(MLP.scenarios))],))
    monkeypatch.setattr(exact, "FIRST_DESIGNS", [0, 3, 2000][seed % 3])
    monkeypatch.setattr(exact, "EPSILONS", [(0.5, 0.05, 0.0), (0.0,)][seed % 2])
    space, judges = ruled_space(draw)
    allowed = allowed_by(judges, space)
    assert (str(space.allowed), space.allowed.is_exact) == (f"{allowed.sum():,}", True)
    free = score(workload, replace(space, rules=()), space.indices(np.arange(space.size)))
    losses = free.losses[np.isin(np.arange(space.size), free.feasible) & allowed]
    if not len(losses):
        with pytest.raises(NoFeasibleDesign):
            exact_front(workload, space)
        return
    expected = np.unique(losses[pareto.nondominated(losses)], axis=0)
    front = exact_front(workload, space)
    found = losses_of(front.designs, space)
    np.testing.assert_array_equal(found[np.lexsort(found.T[::-1])], expected)
    assert (front.certificate.kind, front.certificate.designs_covered) == ("exact", space.size)
    assert allowed[space.numbers(front.indices)].all()


@pytest.mark.parametrize("seed", range(200, 206))
def test_what_is_drawn_tabled_and_searched_keeps_the_rules(seed):
    space, judges = ruled_space(np.random.default_rng(seed))
    allowed = allowed_by(judges, space)
    if not allowed.any():
        return
    designs = space.sample(300, seed=seed)
    assert not any(judge(row) for row in designs.itertuples() for judge in judges)
    workload = replace(MLP, scenarios=MLP.scenarios[:1])
    unlimited = replace(space, budget=replace(space.budget, price_usd=None))
    everything = space.frame(space.indices(np.arange(space.size)))
    ruled, free = (evaluate_many(workload, everything, each)["feasible"] for each in (unlimited, replace(unlimited, rules=())))
    np.testing.assert_array_equal(ruled, free & allowed)
    if ruled.any():
        front = search(workload, unlimited, trials=60, sampler="random")
        assert allowed[space.numbers(front.indices)].all()


def test_every_allowed_design_is_drawn_as_often():
    rule = Rule.of("cores > 1 and channels > 1", CHIP_NAMES, ())
    free = {"cores": (1, 2), "channels": (1, 2), "node": (28.0, 7.0)}
    space = replace(EDGE, parameters=completed({name: VALUES[name][:1] for name in VALUES} | free), rules=(rule,))
    counts = np.bincount(space.numbers(space.random_indices(60_000, seed=3)), minlength=space.size)
    assert (counts > 0).sum() == 6
    assert np.abs(counts[counts > 0] - 10_000).max() < 500


def test_a_rule_that_divides_by_zero_is_judged_design_by_design():
    """Whether one core for no lane is too many is not known of a box, and is of a design."""
    given = {name: VALUES[name][-1:] for name in VALUES} | {"cores": (1, 2, 4), "vector_lanes": (0, 64)}
    rule = Rule.of("cores / vector_lanes > 0.05", CHIP_NAMES, ())
    space = replace(EDGE, parameters=completed(given), rules=(rule,), budget=Budget()).with_objectives("latency", "area")
    front = exact_front(MLP, space)
    assert set(front.designs["vector_lanes"]) == {64}
    assert set(front.designs["cores"]) <= {1, 2}


def test_too_many_combinations_to_count_are_estimated_and_said_to_be():
    many = tuple(range(1, 3001))
    rule = Rule.of("array_rows > array_cols", CHIP_NAMES, ())
    given = {name: VALUES[name][:1] for name in VALUES} | {"array_rows": many, "array_cols": many}
    space = replace(EDGE, parameters=completed(given), rules=(rule,))
    assert not space.allowed.is_exact
    assert space.allowed.designs == pytest.approx(3000 * 3001 / 2, rel=0.01)
    assert "about 4.5" in repr(space)
    drawn = space.designs(space.random_indices(1000, seed=0))
    assert (drawn.array_rows <= drawn.array_cols).all()
