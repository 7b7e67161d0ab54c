"""The data of a run's page and the page made of it: the same numbers, one file, nothing that breaks out of it."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dse
from dse.hardware.goals import METRICS
from dse.inputs.one_design import exact_text, one_design_yaml
from dse.inputs.shipped import find, shipped_names
from dse.inputs.spaces import space_from
from dse.inputs.yaml import read_text
from dse.report import page_data, stored
from dse.report.html import run_page
from dse.report.info import SHOWN
from dse.report.manifest_rows import manifest_rows
from dse.report.page_design import energy_parts
from dse.report.page_front import MOST_TRIALS, front_data
from dse.report.run import manifest
from dse.report.standing import exact_data
from dse.report.verdict import gains, lettered_rows
from dse.report.verdict_words import compared
from dse.search import pareto
from dse.search.baseline import scaled_chip
from dse.search.convergence import convergence
from dse.search.front import METRIC_COLUMNS, Standing, losses_of, score, table
from dse.search.importance import importance, variance_share

HOSTILE = "</script><script>alert(1)</script><!--"


@pytest.fixture(scope="module")
def front():
    return dse.search(dse.load_workload("mlp"), dse.load_space("edge").with_budget("price=20USD"), trials=150, seed=1)


@pytest.fixture(scope="module")
def data(front):
    rows = front.shown(3).tolist()
    files = [find("workloads", "mlp"), find("search_spaces", "edge")]
    said = manifest(front, ["dse", "search", "mlp"], files)
    results = [front.result(row) for row in rows]
    made = page_data.report_data(front, results, rows, baseline=page_data.known_chip(front), space_file=files[1], manifest=said)
    return json.loads(json.dumps(made, allow_nan=False))


@pytest.fixture(scope="module")
def chip():
    space = dse.load_design("tpu_v1")
    return space.designs(np.zeros((1, len(space.parameters)), dtype=np.int64)).design(0)


def test_the_front_of_the_page_is_that_of_the_run(front, data):
    for name, column in METRIC_COLUMNS.items():
        assert data["front"]["metrics"][name] == front.designs[column].tolist()
    free = [parameter for parameter in data["parameters"] if len(parameter["values"]) > 1]
    for parameter in free:
        at = free.index(parameter)
        shown = [parameter["values"][choice[at]] for choice in data["front"]["choice"]]
        assert shown == front.designs[parameter["column"]].tolist()


def test_layers_add_up_to_their_scenario(front, data):
    for design in data["designs"]:
        layers, result = design["layers"], front.result(design["row"])
        for index, scenario in enumerate(design["scenarios"]):
            own = [at for at, number in enumerate(layers["scenario"]) if number == index]
            time = sum(layers["time_s"][at] * layers["count"][at] for at in own)
            stated = result.layers[result.layers["scenario"] == scenario["name"]]["time_s"].sum()
            assert time == pytest.approx(stated, rel=1e-4)
            energy = sum(part[at] * layers["count"][at] for part in layers["energy_j"].values() for at in own)
            exposed = result.scenarios["energy_j"].iloc[index] - energy
            assert abs(exposed) < 0.05 * scenario["energy_j"]
        assert sum(design["bound_share"].values()) == pytest.approx(1, abs=1e-3)
        for part, total in (("price", "price_usd"), ("area", "area_mm2"), ("power", "power_w")):
            assert sum(design["costs"][part].values()) == pytest.approx(design["totals"][total], rel=1e-6)


def test_energy_parts_are_the_energy_of_each_layer(front):
    result = front.result(front.knee)
    parts = energy_parts(result)
    np.testing.assert_allclose(sum(parts.values()), result.layers["energy_j"], rtol=1e-9)
    assert all((values >= 0).all() for values in parts.values())


def test_page_is_one_small_file_that_asks_for_nothing(data):
    page = run_page(data)
    assert len(page.encode()) < 1_000_000
    assert set(re.findall(r"https?://[^\s\"'<)]+", page)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<(?:link|img|iframe|script)[^>]+(?:src|href)=\"(?!data:)", page)
    assert "default-src 'none'" in page
    assert not re.search(r"@import|fetch\(|XMLHttpRequest", page)
    assert "NaN" not in page[page.index('id="data"') : page.index("</script>")]


def test_hostile_names_stay_text(data):
    mean = json.loads(json.dumps(data))
    mean["workload"]["name"] = mean["workload"]["title"] = mean["space"]["name"] = HOSTILE
    mean["verdict"]["headline"] = mean["assumptions"][0]["text"] = HOSTILE
    mean["manifest"]["command"] = ["dse", HOSTILE]
    mean["designs"][0]["layers"]["name"] = [HOSTILE for _ in mean["designs"][0]["layers"]["name"]]
    page = run_page(mean)
    assert "<script>alert" not in page
    assert page.count("</script>") == run_page(data).count("</script>") == 2
    assert "<!--" not in page


def test_dse_report_draws_the_same_page_without_a_model(data, tmp_path, monkeypatch):
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "report.json").write_text(json.dumps(data))
    monkeypatch.setattr("dse.model.evaluate.evaluate_designs", None)
    monkeypatch.setattr("dse.model.breakdown.breakdown", None)
    assert run_page(stored.stored_report(stored.find_run(tmp_path))) == run_page(data)


def test_a_run_without_page_data_says_what_to_do(tmp_path):
    with pytest.raises(dse.InputError, match="no run 'nothing'"):
        stored.find_run("nothing", tmp_path)
    with pytest.raises(dse.InputError, match="older dse"):
        stored.stored_report(tmp_path)
    (tmp_path / "report.json").write_text('{"format": 0}')
    with pytest.raises(dse.InputError, match="format 0"):
        stored.stored_report(tmp_path)
    (tmp_path / "report.json").write_text("{")
    with pytest.raises(dse.InputError, match="cannot be read"):
        stored.stored_report(tmp_path)


def test_an_exact_front_must_be_of_the_same_search(data, tmp_path):
    (tmp_path / "report.json").write_text(json.dumps(data))
    with pytest.raises(dse.InputError, match="not exact"):
        stored.with_exact(data, tmp_path)
    other = json.loads(json.dumps(data))
    other["search"]["certificate"]["kind"] = "exact"
    other["search"]["budget"] = {"price": 1.0}
    (tmp_path / "report.json").write_text(json.dumps(other))
    with pytest.raises(dse.InputError, match="its budget differs"):
        stored.with_exact(data, tmp_path)


def test_a_design_that_the_verdict_names_has_a_letter(front):
    baseline = page_data.known_chip(front)
    rows = lettered_rows(front, baseline)
    assert len(rows) <= SHOWN
    assert {front.knee, *(gain.row for gain in gains(front, baseline))} <= set(rows)
    assert lettered_rows(front, None) == front.shown(SHOWN).tolist()


def test_the_manifest_is_in_words(data):
    settings = {"workloads": 1, "budget": [], "set": ["sram=1MiB"], "trials": 150, "seed": 1, "evaluator": None, "across": None}
    rows = dict(manifest_rows({**data["manifest"], "settings": settings}, ["150 designs tried"]))
    assert rows["set"] == "sram=1MiB"
    assert rows["tried"] == "150 designs tried"
    assert rows["budget"].startswith("price 20.00 USD")
    assert not any(text == "" or "None" in text or "{" in text for text in rows.values())
    assert manifest_rows({"designs_allowed": {"designs": 12_000, "is_exact": False}}, []) == [("designs allowed", "about 12,000")]


def test_a_front_held_against_the_exact_one_draws_it(front):
    losses = losses_of(front.designs, front.space) * 0.9
    held = replace(front, standing=Standing(why="", exact_losses=losses), certificate=replace(front.certificate, kind="none"))
    found, grown = exact_data(held), convergence(held)
    assert found["total"] == len(front)
    assert found["metrics"]["price"] == pytest.approx((0.9 * front.designs["price_usd"]).tolist(), rel=1e-5)
    assert grown.exact == pareto.hypervolume(losses, grown.reference)
    assert max(grown.hypervolume) == pytest.approx(grown.final)
    assert grown.final < grown.exact
    assert exact_data(front if front.certificate.kind == "exact" else replace(front, standing=None)) is None


def test_its_own_front_drawn_in_has_its_own_hypervolume(front, data, tmp_path):
    same = json.loads(json.dumps(data))
    same["search"]["certificate"]["kind"] = "exact"
    (tmp_path / "report.json").write_text(json.dumps(same))
    front.designs.to_csv(tmp_path / "front.csv", index=False)
    drawn = stored.with_exact(data, tmp_path)
    assert drawn["convergence"]["exact"] == pytest.approx(data["convergence"]["final"], rel=1e-6)
    assert drawn["exact"]["metrics"]["price"] == front.designs["price_usd"].tolist()


def test_many_trials_are_thinned_and_counted(front):
    space, rng = front.space, np.random.default_rng(0)
    scored = score(front.workload, space, space.random_indices(20_000, seed=3))
    trials = table(space, scored, per_scenario=False)
    trials["feasible"] = np.isin(np.arange(len(trials)), scored.feasible)
    trials.insert(0, "trial", rng.permutation(len(trials)))
    _, parameters, found = front_data(replace(front, trials=trials), {front.knee: "A"})
    kept = [len(found[kind]["choice"]) for kind in ("dominated", "infeasible")]
    assert sum(kept) <= MOST_TRIALS + 1
    assert found["dominated"]["total"] + found["infeasible"]["total"] > 19_000
    assert kept[0] / sum(kept) == pytest.approx(found["dominated"]["total"] / 20_000, abs=0.02)
    assert len(json.dumps(found)) < 1_000_000
    free = [parameter for parameter in parameters if len(parameter["values"]) > 1]
    lines = {tuple(row) for row in trials[[parameter["column"] for parameter in free]].itertuples(index=False, name=None)}
    for choice in found["dominated"]["choice"][:50]:
        assert tuple(parameter["values"][place] for parameter, place in zip(free, choice, strict=True)) in lines


@given(st.sampled_from(shipped_names("search_spaces")), st.integers(0, 2**32))
def test_yaml_of_a_design_reads_back_to_the_same_machine(name, seed):
    space = dse.load_space(name)
    row = space.random_indices(1, seed)
    chosen = {axis.name: exact_text(axis.name, axis.values[int(at)]) for axis, at in zip(space.parameters, row[0], strict=True)}
    text = one_design_yaml(space, find("search_spaces", name)).text("mine", "it's one: design", chosen)
    read = space_from(read_text(text))
    assert read.size == 1
    assert read.designs(np.zeros((1, len(read.parameters)), dtype=np.int64)).design(0) == space.designs(row).design(0)
    assert (read.device, read.budget) == (space.device, space.budget)


@given(st.integers(1, 2**40), st.floats(1e3, 1e12))
def test_exact_text_loses_nothing(size, rate):
    text = f"parameters: {{sram: {exact_text('sram', size)}, bandwidth: {exact_text('bandwidth', rate)}}}"
    from dse.units import parse_quantity

    written = read_text(text).data["parameters"]
    assert parse_quantity(written["sram"], "bytes") == size
    assert parse_quantity(written["bandwidth"], "bandwidth") == rate


def test_a_scaled_chip_is_the_chip_in_another_size(front, chip):
    baseline = scaled_chip(front.workload, front.space, chip, "TPU v1")
    design = front.space.designs(baseline.indices).design(0)
    assert (design.dataflow, design.double_buffer, design.frequency_hz) == (chip.dataflow, True, 700e6)
    assert 2 / 3 <= design.array_rows / design.array_cols <= 3 / 2
    assert baseline.scored.metrics.metric("price")[0] <= 20
    assert baseline.scale == design.macs_per_cycle / 65_536
    assert 0.5 < baseline.sram_proportion < 2


def test_a_scaled_chip_at_the_chips_own_space_is_the_chip(chip):
    space = dse.load_design("tpu_v1")
    baseline = scaled_chip(dse.load_workload("mlp"), space, chip, "TPU v1")
    assert (baseline.scale, baseline.sram_proportion, baseline.bandwidth_proportion) == (1, 1, 1)
    assert scaled_chip(dse.load_workload("mlp"), dse.load_space("edge").with_budget("price=1USD"), chip, "TPU v1") is None


def test_an_exact_front_is_nowhere_worse_than_a_design_of_its_space(chip):
    space = dse.load_space("three_knobs").with_values("sram", "256KiB,1MiB,4MiB")
    front = dse.exact_front(dse.load_workload("mlp"), space)
    baseline = scaled_chip(front.workload, space, chip, "TPU v1")
    found = gains(front, baseline)
    assert all(gain.at_others and gain.ratio >= 1 for gain in found)
    losses = losses_of(front.designs, space)
    for at, gain in enumerate(found):
        assert losses[gain.row, at] * gain.ratio == pytest.approx(baseline.scored.losses[0, at])


def test_variance_share_of_a_sum_of_parts():
    """y = a + 2 b with a and b even on {0, 1}: variances 1/4 and 1, so a fifth and four fifths."""
    a, b = (axis.ravel() for axis in np.meshgrid(np.arange(2), np.arange(2), np.arange(500), indexing="ij")[:2])
    y = a + 2.0 * b
    assert variance_share(a, y) == pytest.approx(0.2, abs=2e-3)
    assert variance_share(b, y) == pytest.approx(0.8, abs=2e-3)
    noise = np.random.default_rng(0).normal(size=2000)
    assert variance_share(a, noise) < 0.01
    assert variance_share(a, np.full(2000, 3.0)) == 0


def test_many_groups_of_few_values_explain_no_noise():
    """Without its correction the share of 16 groups of 40 values would be about 15/39."""
    draws = np.random.default_rng(1).normal(size=(60, 40))
    assert np.mean([variance_share(np.arange(40) % 16, draw) for draw in draws]) < 0.15


def test_price_is_explained_by_what_is_paid_for():
    found = importance(dse.load_workload("mlp"), dse.load_space("three_knobs"), sample=4000)
    shares = found.shares["price"]
    assert shares["bandwidth"] > 0.5 > shares["compute_units"] > shares["sram"]
    assert sum(shares.values()) <= 1.05
    assert found.sample == 4000
    assert importance(dse.load_workload("mlp"), dse.load_design("tpu_v1")) is None
    few = dse.load_space("three_knobs").with_values("sram", "1MiB").with_values("bandwidth", "10GB/s")
    assert importance(dse.load_workload("mlp"), few).whole


def test_convergence_grows_to_the_front_of_the_run(front):
    grown = convergence(front)
    assert list(grown.hypervolume) == sorted(grown.hypervolume)
    assert grown.trials[-1] == len(front.trials)
    assert grown.hypervolume[-1] == pytest.approx(grown.final)
    assert convergence(replace(front, trials=pd.DataFrame())) is None


def test_tradeoff_is_the_best_for_every_budget(front, data):
    steps, designs = data["tradeoff"], front.designs
    for cost, goal in zip(steps["costs"], steps["goals"], strict=True):
        affordable = designs[designs["price_usd"] <= cost]
        assert goal == affordable["latency_s"].min()
    assert steps["costs"] == sorted(steps["costs"])


@pytest.mark.parametrize("metric", METRICS)
def test_compared_says_better_and_worse(metric):
    assert compared(metric, 2.0) != compared(metric, 0.5)


def test_the_verdict_speaks_of_the_knee_the_gain_and_the_budget(data):
    said = {finding["title"]: finding["text"] for finding in data["verdict"]["findings"]}
    assert "Gain over TPU v1 scaled to the budget" in said
    assert "times as fast" in said["Best within the budget"]
    assert "bound by" in said["What limits it"]
    assert "designs of" in said["How sure is this?"]
    letter = data["front"]["letters"][str(data["front"]["knee"])]
    assert data["verdict"]["headline"].startswith(f"Build {letter}: ")
