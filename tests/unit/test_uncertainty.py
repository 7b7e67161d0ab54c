"""Fronts under sampled constants: what each unknown touches, draws against evaluating the changed space, Sobol indices."""

from dataclasses import replace

import numpy as np
import pytest

import dse
from dse.errors import InputError
from dse.fidelity.scaled import narrowed, relevant, scaled
from dse.fidelity.uncertainty import _factors, _Sampled, uncertainty
from dse.hardware.unknowns import NAMES, TIME, Unknown
from dse.inputs.calibration import Provenance, calibrated_text
from dse.inputs.shipped import find
from dse.inputs.spaces import load_design, load_space
from dse.inputs.unknowns import shipped_unknowns
from dse.model.breakdown import evaluate
from dse.model.work import work_of
from dse.search.front import evaluate_many
from dse.workload.kernels import gemm, recurrent
from dse.workload.workload import Workload

ENERGY, PRICE, AREA = {"energy_j", "power_w"}, {"price_usd"}, {"area_mm2", "price_usd", "energy_j", "power_w"}
TOUCHES = {
    "datapath_energy": ENERGY,
    "sram_energy": ENERGY,
    "static_power": ENERGY,
    "dram_energy": ENERGY,
    "mac_area": AREA,
    "sram_area": AREA,
    "memory_interface_area": AREA,
    "fixed_area": AREA,
    "wafer_price": PRICE,
    "defect_density": PRICE,
    "package_price": PRICE,
    "test_price": PRICE,
    "dram_price": PRICE,
    "nre": PRICE,
}
"""Area costs leakage, so it touches energy and power too."""


@pytest.fixture(scope="module")
def front():
    return dse.search(dse.load_workload("mlp"), load_space("edge"), trials=300, sampler="random", seed=1)


def certain(space, **ranges):
    """A space whose constants are all known, but for some."""
    held = {name: replace(unknown, low=1.0, high=1.0) for name, unknown in shipped_unknowns().items()}
    held |= {name: replace(held[name], low=low, high=high) for name, (low, high) in ranges.items()}
    return replace(space, unknowns=tuple(held.values()))


@pytest.mark.parametrize("name", sorted(TOUCHES))
def test_each_unknown_touches_what_it_is_of(front, name):
    space = replace(front.space, device=replace(front.space.device, volume=1000))
    before = evaluate_many(front.workload, front.designs, space)
    after = evaluate_many(front.workload, front.designs, scaled(space, {name: 1.5}))
    changed = {column for column in before if column != "feasible" and not np.array_equal(before[column], after[column])}
    assert changed == TOUCHES[name]
    assert all((after[column] >= before[column]).all() for column in changed)


def test_every_unknown_is_named_once_with_a_source():
    assert set(NAMES) == set(shipped_unknowns()) == {*TIME, *TOUCHES, *(name for name in NAMES if name.startswith("unit_price"))}
    assert all(unknown.source and unknown.what for unknown in shipped_unknowns().values())


def test_without_doubt_nothing_moves(front):
    sure = uncertainty(replace(front, space=certain(front.space)), draws=16, index_draws=2)
    assert (sure.designs[["on_front_fraction", "in_budget_fraction"]] == 1.0).all(axis=None)
    np.testing.assert_allclose(sure.designs["latency_s_p05"], front.designs["latency_s"], rtol=1e-12)
    np.testing.assert_allclose(sure.designs["energy_j_p95"], front.designs["energy_j"], rtol=1e-12)
    assert sure.n_entering == 0


def test_a_draw_is_the_changed_space_evaluated(front):
    """Energy, price, power of a draw equal those of the space with its constants changed; time scales as it was told to."""
    space = narrowed(front.space)
    draw = {"datapath_energy": 2.0, "dram_energy": 0.5, "dram_price": 2.0, "wafer_price": 0.8, "mac_area": 1.3, "latency": 1.0}
    designs = space.from_frame(front.designs)
    sampled = _Sampled.of(work_of(front.workload), designs, space, [{}, draw, {"latency": 1.1}])
    again = evaluate_many(front.workload, front.designs, scaled(front.space, draw))
    for metric, column in (("latency", "latency_s"), ("energy", "energy_j"), ("price", "price_usd"), ("power", "power_w")):
        np.testing.assert_allclose(sampled.metrics[metric][1], again[column], rtol=1e-12)
    np.testing.assert_array_equal(sampled.feasible[1], again["feasible"])
    np.testing.assert_allclose(sampled.metrics["latency"][2], 1.1 * sampled.metrics["latency"][0], rtol=1e-12)


def test_what_memory_and_array_reach_is_their_efficiency(front):
    space = front.space
    designs = space.from_frame(front.designs)
    sampled = _Sampled.of(work_of(front.workload), designs, space, [{"memory_bandwidth": 0.75, "compute_reach": 0.9}])
    device = replace(space.device, bandwidth_efficiency=0.75, compute_efficiency=0.9)
    again = evaluate_many(front.workload, front.designs, replace(space, device=device))
    np.testing.assert_allclose(sampled.metrics["latency"][0], again["latency_s"], rtol=1e-12)


def calibrated_device(tmp_path, **ranges):
    """A shipped machine with constants as a calibration writes them, and the ranges of their intervals."""
    held = load_design("tesla_p100").device
    fitted = replace(held, compute_efficiency=0.9, bandwidth_efficiency=0.5, launch_latency_s=7e-6, dependency_latency_s=6e-5)
    texts = {"date": "2026-11-24", "measurements": "m.csv", "sha256": "0" * 64, "rows": 9, "shapes": 9, "folds": 5}
    kept = Provenance(**texts, fitted={}, kept={}, held_out={}, left_out=(), uncertainty=ranges)
    path = tmp_path / "mine.yaml"
    path.write_text(calibrated_text("tesla_p100", fitted, kept, "mine"))
    return load_design(path)


WAITING = Workload(
    name="waiting",
    scenarios=(
        gemm("fp32", m=64, n=64, k=64).scenario(),
        recurrent("fp32", cell="gru", hidden=256, batch=4, steps=20).scenario(),
    ),
)


def test_a_calibrated_device_is_drawn_within_the_intervals_of_its_constants(tmp_path):
    ranges = {"compute_reach": (0.97, 1.03), "launch_latency": (0.71239, 1.41831), "dependency_latency": (0.5, 2.0)}
    space = calibrated_device(tmp_path, **ranges)
    drawn = {unknown.name: (unknown.low, unknown.high) for unknown in relevant(narrowed(space), shipped_unknowns())}
    assert drawn["compute_reach"] == (0.97, 1.03)
    assert drawn["launch_latency"] == (0.7123, 1.4184), "rounded outward"
    assert drawn["memory_bandwidth"] == (0.75, 1.0), "not fitted: what all devices are drawn within"
    front = dse.exact_front(WAITING, replace(space, unknowns=certain(space, dependency_latency=(0.5, 2.0)).unknowns))
    spread = uncertainty(front, draws=32, index_draws=8)
    low, middle, high = spread.designs[["latency_s_p05", "latency_s_p50", "latency_s_p95"]].iloc[0]
    assert middle / low > 1.4
    assert high / middle > 1.4
    shares = spread.indices.set_index(["objective", "unknown"])
    assert shares.loc[("latency", "dependency_latency"), "total_order"] == pytest.approx(1.0, abs=0.2)


def test_waits_of_a_draw_are_those_of_the_changed_device(tmp_path):
    space = calibrated_device(tmp_path)
    designs = space.designs(np.zeros((1, len(space.parameters)), dtype=np.int64))
    draws = [{"launch_latency": 1.5}, {"dependency_latency": 0.5, "compute_reach": 0.9}]
    sampled = _Sampled.of(work_of(WAITING), designs, space, draws)
    launch = replace(space.device, launch_latency_s=1.5 * 7e-6)
    step = replace(space.device, dependency_latency_s=0.5 * 6e-5, compute_efficiency=0.9 * 0.9)
    for at, device in enumerate((launch, step)):
        again = evaluate(WAITING, replace(space, device=device))
        assert sampled.metrics["latency"][at][0] == pytest.approx(again.latency_s, rel=1e-12)


def test_devices_without_waits_are_not_drawn_over_them(front):
    drawn = {unknown.name for unknown in relevant(front.space, shipped_unknowns())}
    assert not drawn & {"launch_latency", "dependency_latency"}


def test_indices_of_a_product_are_its_shares(front):
    """latency = factor x time: with nothing else in doubt all its variance is that factor's; price has one of its own."""
    space = certain(front.space, latency=(0.5, 2.0), dram_price=(0.5, 2.0))
    indices = uncertainty(replace(front, space=space), draws=16, index_draws=32).indices.set_index(["objective", "unknown"])
    assert indices.loc[("latency", "latency"), "total_order"] == pytest.approx(1.0, abs=0.1)
    assert indices.loc[("latency", "dram_price"), "total_order"] == 0.0
    assert indices.loc[("price", "dram_price"), "first_order"] == pytest.approx(1.0, abs=0.1)


def test_same_seed_same_figures(front):
    first, again = (uncertainty(front, draws=16, index_draws=8, seed=3) for _ in range(2))
    assert first.designs.equals(again.designs)
    assert first.indices.equals(again.indices)


def test_factors_have_the_value_as_their_median():
    unknown = Unknown(name="price", what="", low=0.5, high=8.0, source="")
    draws = _factors([unknown], np.linspace(0, 1, 1001)[:, None])
    assert np.median([draw["price"] for draw in draws]) == 1.0
    assert min(draw["price"] for draw in draws) == 0.5
    assert max(draw["price"] for draw in draws) == 8.0


def test_a_space_has_the_unknowns_that_touch_it():
    names = {unknown.name for unknown in relevant(load_space("three_knobs"), shipped_unknowns())}
    assert "unit_price_sram" in names
    assert not {"wafer_price", "dram_price", "nre"} & names
    assert "static_power" not in {unknown.name for unknown in relevant(load_space("tpu_v1"), shipped_unknowns())}


def test_a_space_states_its_own_ranges(tmp_path):
    text = find("search_spaces", "edge").read_text()
    (tmp_path / "mine.yaml").write_text(text + "uncertainty: {wafer_price: [0.9, 1.1]}\n")
    (stated,) = load_space(tmp_path / "mine.yaml").unknowns
    assert (stated.name, stated.low, stated.high, stated.unverified) == ("wafer_price", 0.9, 1.1, False)
    assert "mine.yaml" in stated.source
    (tmp_path / "wrong.yaml").write_text(text + "uncertainty: {waferprice: [0.9, 1.1], dram_price: [1.2, 1.4]}\n")
    with pytest.raises(InputError) as raised:
        load_space(tmp_path / "wrong.yaml")
    assert "lie about 1" in str(raised.value)
    assert "waferprice" in str(raised.value)
