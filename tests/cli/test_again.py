"""`dse show`, `dse compare` and `dse figure` as a user runs them."""

import json
import shutil

import pytest
from making_runs import make_run


@pytest.fixture(scope="module")
def two_made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    for budget in ("price=8USD", "price=12USD"):
        make_run(folder, "search", "mlp", "--space", "three_knobs", "--trials", "20", "--budget", budget)
    return folder / "outputs"


@pytest.fixture
def two_runs(two_made, tmp_path):
    shutil.copytree(two_made, tmp_path / "outputs")
    return sorted(path.name for path in (tmp_path / "outputs").iterdir())


def test_show_prints_what_the_search_printed(dse, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    ran = dse("search", "mlp", "--space", "three_knobs", "--trials", "20")
    again = dse("show")
    assert (again.code, again.out) == (0, ran.out)
    lines = ran.out.splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith("Build "))
    assert lines.index("", first) - first <= 6
    result = json.loads(dse("show", "latest", "--json").out)
    assert result["verdict"]["headline"].startswith("Build ")
    assert len(result["front"]) >= len(result["shown"])


@pytest.mark.parametrize("across", ["each", "worst"])
def test_several_workloads_have_a_page_and_a_verdict(dse, across):
    """Their objectives, latency of one workload and slowdown, are metrics of their own."""
    ran = dse("search", "mlp", "eyeriss", "--across", across, "--space", "three_knobs", "--trials", "30")
    assert ran.code == 0, ran.err
    assert dse("show").out == ran.out
    assert dse("compare", "latest", "latest").code == 0
    assert dse("figure", "latest", "pareto").code == 0
    data = json.loads(dse("report", "latest", "--json").out)
    wanted = {metric["name"] for metric in data["metrics"] if metric["objective"]}
    assert wanted <= set(data["front"]["metrics"])
    assert ("slowdown" in wanted) == (across == "worst")


def test_show_prints_a_budget_curve_again(dse):
    arguments = ("budget", "mlp", "--space", "three_knobs", "--set", "sram=1MiB", "--to", "10USD")
    ran = dse(*arguments)
    assert ran.code == 0, ran.err
    assert dse("show").out == ran.out
    assert json.loads(dse("show", "--json").out)["steps"]


def test_show_lists_runs_newest_first(dse, two_runs):
    ran = dse("show", "--all", "--json")
    listed = json.loads(ran.out)
    assert sorted(run["name"] for run in listed) == two_runs
    assert listed[0]["created"] >= listed[1]["created"]
    assert all(run["hypervolume"] > 0 and run["designs"] > 0 for run in listed)
    table = dse("show", "--all").out
    assert all(name in table for name in two_runs)
    assert dse("show", "--all", "--output", "nowhere").out.startswith("run")


def test_compare_says_what_changed(dse, tmp_path, two_runs, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    before, after = (run["name"] for run in reversed(json.loads(dse("show", "--all", "--json").out)))
    ran = dse("compare", before, after)
    assert (ran.code, ran.err) == (0, "")
    assert max(len(line.rstrip()) for line in ran.out.splitlines()) <= 80
    assert "hypervolume" in ran.out
    found = json.loads(dse("compare", before, after, "--json").out)
    assert {change["what"] for change in found["changes"]} == {"budget: price"}
    assert (tmp_path / "outputs" / after / "compare.html").read_text().startswith("<!doctype html>")
    assert dse("compare", before, after, "-o", "mine.html").code == 0
    assert (tmp_path / "mine.html").stat().st_size < 2e6


def test_figure_names_its_file(dse, tmp_path, two_runs):
    assert dse("figure", two_runs[0], "pareto", "--size", "column").code == 0
    assert (tmp_path / "outputs" / two_runs[0] / "pareto-column.svg").read_text().startswith("<?xml")
    assert dse("figure", two_runs[0], "roofline", "--design", "A", "-o", "roof.pdf").code == 0
    assert (tmp_path / "roof.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "nothing"), "there is no run 'nothing'"),
        (("compare", "latest", "nothing"), "there is no run 'nothing'"),
        (("figure", "latest", "pareto", "-o", "a.gif"), "no format"),
        (("figure", "latest", "pareto", "-f", "svg", "-o", "a.png"), "is no svg"),
        (("figure", "latest", "roofline", "--design", "ZZ"), "there are A"),
    ],
)
def test_mistakes_say_what_there_is(dse, stored_run, arguments, said):
    ran = dse(*arguments)
    assert ran.code == 2
    assert said in ran.err
    assert "Traceback" not in ran.err
