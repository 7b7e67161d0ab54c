"""Runs again from what they stored: the same table, pictures of equal bytes, two fronts held against each other."""

import io
import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from making_runs import make_run
from rich.console import Console

import dse
from dse.cli.runs import FigureName, FormatName, SizeName
from dse.errors import InputError
from dse.report import run_figures
from dse.report.budget_stored import stored_view
from dse.report.budget_view import budget_view
from dse.report.comparison import StoredRun, comparison
from dse.report.figure_data import stored_front, stored_roofline
from dse.report.html import comparison_page
from dse.report.info import front_axes, roofline_view
from dse.report.page_data import known_chip
from dse.report.run_report import whole_report, whole_result
from dse.report.stored import find_run, stored_report, stored_result
from dse.report.verdict import lettered_rows
from dse.report.verdict_words import shortened
from dse.search.front import METRIC_COLUMNS

THREE = ("front", "mlp", "--space", "three_knobs", "--set", "sram=1MiB")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The exact fronts of a small space at two budgets."""
    folder = tmp_path_factory.mktemp("runs")
    return make_run(folder, *THREE, "--budget", "price=10USD"), make_run(folder, *THREE, "--budget", "price=20USD")


@pytest.fixture(scope="module")
def curve(tmp_path_factory):
    folder = tmp_path_factory.mktemp("curve")
    return make_run(folder, "budget", "mlp", "--space", "three_knobs", "--set", "sram=1MiB", "--to", "20USD")


@pytest.fixture(scope="module")
def found(runs):
    return json.loads(json.dumps(comparison(*runs), allow_nan=False))


def test_a_larger_budget_keeps_and_adds(runs, found):
    """Of exact fronts: what stood within the smaller budget still stands, and all that entered was over it."""
    fronts = found["fronts"]
    assert fronts["left"] == []
    assert fronts["lost"] == pytest.approx(0, abs=1e-12)
    assert {design["why"] for design in fronts["entered"]} == {"was over the budget"}
    assert fronts["both"] == len(pd.read_csv(runs[0] / "front.csv"))
    assert fronts["both"] + len(fronts["entered"]) == len(pd.read_csv(runs[1] / "front.csv"))
    assert fronts["hypervolume"]["after"] == pytest.approx(fronts["hypervolume"]["together"])
    assert all(10 < design["metrics"]["price"] <= 20 for design in fronts["entered"])
    assert [(change["what"], change["before"], change["after"]) for change in found["changes"]] == [
        ("budget: price", "10.00 USD", "20.00 USD")
    ]
    assert found["certified"]
    best = {each["metric"]: each["better"] for each in found["best"]}
    assert best["latency"] > 1
    assert best["price"] == 1


def test_backwards_what_entered_has_left(runs, found):
    back = comparison(runs[1], runs[0])["fronts"]
    assert back["entered"] == []
    assert [design["machine"] for design in back["left"]] == [design["machine"] for design in found["fronts"]["entered"]]
    assert {design["why"] for design in back["left"]} == {"over the budget now"}
    assert back["lost"] == pytest.approx(found["fronts"]["gained"])


def test_volumes_of_two_objectives_by_hand(runs, found):
    """Log10 of latency and price: the area between the staircase and the common corner."""
    names = found["fronts"]["reference"]
    for which, run in zip(("before", "after"), runs, strict=True):
        table = pd.read_csv(run / "front.csv").sort_values("latency_s")
        x, y = np.log10(table["latency_s"].to_numpy()), np.log10(table["price_usd"].to_numpy())
        right, top = np.log10(names["latency"]), np.log10(names["price"])
        area = sum((right - px) * (above - py) for px, py, above in zip(x, y, [top, *y[:-1]], strict=True))
        assert found["fronts"]["hypervolume"][which] == pytest.approx(area, rel=1e-9)


def test_a_run_is_itself(runs):
    found = comparison(runs[0], runs[0])
    fronts = found["fronts"]
    assert (fronts["entered"], fronts["left"], fronts["changed"], found["changes"]) == ([], [], [], [])
    assert fronts["gained"] == fronts["lost"] == 0
    assert found["same_knee"]
    assert "stays as it is" in found["headline"]


def test_other_metrics_of_one_machine_are_told(runs, tmp_path):
    """A stored front whose energy is another, as after a change of a constant."""
    for path in runs[1].iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    table = pd.read_csv(tmp_path / "front.csv")
    table.loc[0, "energy_j"] *= 1.5
    table.to_csv(tmp_path / "front.csv", index=False)
    (changed,) = comparison(runs[1], tmp_path)["fronts"]["changed"]
    assert list(changed["moved"]) == ["energy"]
    assert changed["moved"]["energy"]["after"] == pytest.approx(1.5 * changed["moved"]["energy"]["before"])


def test_other_objectives_and_other_workloads_are_refused(runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("others")
    other = make_run(folder, *THREE, "--objectives", "latency,energy", "--budget", "price=10USD")
    found = comparison(runs[0], other)
    assert found["fronts"] is None
    assert "different objectives" in found["refused"]
    assert [each["metric"] for each in found["best"]] == ["latency"]
    assert "objectives" in {change["what"] for change in found["changes"]}
    chip = make_run(folder, "search", "eyeriss", "--space", "eyeriss")
    apart = comparison(runs[0], chip)
    assert (apart["fronts"], apart["best"], apart["drawn"]) == (None, [], None)
    assert "different scenarios" in apart["refused"]
    assert "eyeriss" in comparison_page(apart)


def test_how_sure_a_run_is_is_shown_again(runs, tmp_path):
    folder = shutil.copytree(runs[0], tmp_path / "sure")
    data = stored_report(folder)
    ends = {f"{column}_{end}": 2.0 for column in METRIC_COLUMNS.values() for end in ("p05", "p95")}
    designs = [
        {"front_row": int(row), "on_front_fraction": 0.25, "in_budget_fraction": 0.5, **ends} for row in data["front"]["rows"]
    ]
    unknown = {"name": "dram_price", "what": "", "factor": [0.5, 2.0], "source": "", "unverified": True}
    sure = {"draws": 256, "unknowns": [unknown], "designs": designs, "front_designs": len(designs), "rivals": 0}
    sure["indices"] = [{"objective": "price", "unknown": "dram_price", "total_order": 0.94}]
    (folder / "uncertainty.json").write_text(json.dumps(sure), encoding="utf-8")
    console = Console(width=80, file=io.StringIO())
    console.print(whole_report(folder))
    shown = console.file.getvalue()
    assert "How sure is it? 256 draws of 1 constants" in shown
    assert "1 of 1 unverified" in " ".join(shown.split())
    assert "price: dram_price 94%" in shown
    assert len(re.findall(r"^[A-Z]\*? +25% +50%", shown, re.MULTILINE)) == len(data["designs"])
    assert whole_result(folder)["uncertainty"] == sure
    assert "uncertainty" not in whole_result(runs[0])


def test_a_curve_has_no_front(runs, curve):
    with pytest.raises(InputError, match="no front to compare"):
        comparison(runs[0], curve)


def test_parameters_match_by_name_in_any_order(runs):
    run = StoredRun.of(runs[0])
    turned = StoredRun(folder=run.folder, data=run.data, table=run.table[run.table.columns[::-1]])
    assert turned.machines() == run.machines()


def test_the_view_of_a_curve_comes_back(curve):
    made = dse.budget_curve(
        dse.load_workload("mlp"), dse.load_space("three_knobs").with_values("sram", "1MiB"), to="20USD", points=12
    )
    view, again = budget_view(made), stored_view(stored_result(curve, "budget.json"))
    for name in ("title", "cost", "value", "split", "contents", "bound", "knee", "worth", "gaps", "rows", "statement"):
        assert getattr(again, name) == getattr(view, name), name
    assert again.resource.show(3.0) == "3.00 USD"


def test_what_pictures_are_drawn_from_is_the_run(runs):
    space = dse.load_space("three_knobs").with_values("sram", "1MiB").with_budget("price=10USD")
    front, data = dse.exact_front(dse.load_workload("mlp"), space), stored_report(runs[0])
    view, knee = stored_front(data)
    own = front_axes(front, lettered_rows(front, known_chip(front)))
    np.testing.assert_array_equal(view.front, own.front)
    assert (view.labels, knee, view.y.limit) == (own.labels, front.knee, own.y.limit)
    (design,) = [design for design in data["designs"] if design["row"] == front.knee]
    stored, whole = stored_roofline(design), roofline_view(front.result(front.knee))
    assert stored.ridge == pytest.approx(whole.ridge)
    for name, points in whole.points.items():
        assert stored.points[name].share.sum() == pytest.approx(points.share.sum(), rel=1e-3)
        assert stored.points[name].achieved.max() == pytest.approx(points.achieved.max(), rel=1e-3)
    for one, two in zip(stored.scenario_totals, whole.scenario_totals, strict=True):
        assert one.intensity == pytest.approx(two.intensity, rel=1e-3)


@pytest.mark.parametrize("name", run_figures.FIGURES)
def test_every_picture_is_drawn_and_the_same_twice(runs, name):
    first = run_figures.draw(runs[1], name, form="svg", size="column", design=None)
    if name in ("pareto", "batch"):
        assert run_figures.draw(runs[1], name, form="svg", size="column", design=None) == first
    assert b"<dc:date>" not in first
    text = first.decode()
    assert text.count("<text") > 5
    assert 'width="252pt"' in text
    assert re.search(r"USD|op/s|[mu]s\b|[kMG]?B\b", text)


def test_formats_and_sizes(runs, curve):
    pdf = run_figures.draw(runs[1], "roofline", form="pdf", size="page", design="A")
    assert pdf.startswith(b"%PDF")
    assert b"/Type0" in pdf
    assert b"CreationDate" not in pdf
    png = run_figures.draw(curve, "budget", form="png", size="column", design=None)
    assert png.startswith(b"\x89PNG")
    assert int.from_bytes(png[16:20], "big") == 3.5 * run_figures.DPI
    for enum, names in ((FigureName, run_figures.FIGURES), (FormatName, run_figures.FORMATS), (SizeName, run_figures.SIZES)):
        assert [each.value for each in enum] == list(names)


@pytest.mark.parametrize(("name", "letter", "said"), [("roofline", "ZZ", "there are A, B"), ("pareto", "A", "shows all designs")])
def test_pictures_that_cannot_be(runs, name, letter, said):
    with pytest.raises(InputError, match=said):
        run_figures.draw(runs[1], name, form="svg", size="page", design=letter)


def test_a_curve_has_its_budget_alone(curve):
    for name in run_figures.FIGURES:
        if name != "budget":
            with pytest.raises(InputError, match="budget curve"):
                run_figures.draw(curve, name, form="svg", size="page", design=None)


def test_the_verdict_stays_short():
    sentences = ["word " * 30, "other " * 20, "", "more " * 60, "last."]
    kept = shortened(sentences)
    assert kept == [sentences[0], sentences[1], "last."]


def test_latest_is_the_last_that_was_written(runs):
    outputs = runs[0].parent
    (runs[0] / "later.svg").write_text("a picture drawn into the older run")
    assert find_run("latest", outputs) == runs[1]


def test_a_notebook_shows_tables_with_pictures():
    space = dse.load_space("three_knobs").with_values("sram", "1MiB").with_values("bandwidth", "10GB/s")
    front = dse.exact_front(dse.load_workload("mlp"), space)
    shown, result = front._repr_html_(), front.result(front.knee)._repr_html_()
    for html in (shown, result):
        assert html.count("<img") == 1
        assert "data:image/png;base64," in html
        assert "http" not in html
        assert len(html) < 200_000
    assert f"<b>{front.designs['compute_units'].iloc[front.knee]:,} MACs" in shown
    assert "dlrm@b1" in result
    from dataclasses import replace

    hostile = replace(front, workload=replace(front.workload, name="<script>alert(1)</script>"))
    assert "<script>" not in hostile._repr_html_()
