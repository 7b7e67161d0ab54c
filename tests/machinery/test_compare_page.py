"""The page of two runs in a real browser: it opens from disk, loads nothing, draws both fronts, sorts, and is accessible."""

import json

import pytest
from making_runs import make_run

from dse.report.comparison import comparison
from dse.report.html import comparison_page


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two searches of few trials at two budgets, so that designs enter, leave and stay."""
    folder = tmp_path_factory.mktemp("runs")
    asked = ("search", "mlp", "--space", "three_knobs", "--trials", "200", "--budget")
    return [make_run(folder, *asked, budget) for budget in ("price=25USD", "price=40USD")]


@pytest.fixture(scope="module")
def page_file(runs, tmp_path_factory):
    file = tmp_path_factory.mktemp("page") / "compare.html"
    file.write_text(comparison_page(comparison(*runs)), encoding="utf-8")
    return file


def test_both_fronts_are_drawn_whole_on_any_axes(opened, page_file, runs):
    found = comparison(*runs)["fronts"]
    with opened(page_file) as page:
        for across in ("price", "area"):
            page.locator("#pareto select").first.select_option(across)
            assert page.locator("#pareto .mark.after").count() == len(found["entered"])
            assert page.locator("#pareto .mark.before").count() == len(found["left"])
            assert page.locator("#pareto .mark.both").count() == found["both"]
            assert across in page.locator("#pareto [data-title]").inner_text()
        assert len(page.locator("#pareto svg").get_attribute("aria-label")) > 40


def test_the_table_has_what_entered_and_left_and_sorts(opened, page_file, runs):
    found = comparison(*runs)["fronts"]
    with opened(page_file) as page:
        rows = page.locator("#moved tbody tr")
        assert rows.count() == len(found["entered"]) + len(found["left"]) + len(found["changed"])
        page.locator("#moved thead button", has_text="price").click()
        at = [name.split()[0] for name in page.locator("#moved thead th").all_inner_texts()].index("price")
        prices = [float(cell.get_attribute("data-value")) for cell in page.locator(f"#moved tbody td:nth-child({at + 1})").all()]
        assert prices == sorted(prices)
        page.locator("#moved select").select_option("entered")
        assert rows.count() == len(found["entered"])
        page.locator("#filter").fill("no machine is called so")
        assert rows.count() == 0


@pytest.mark.parametrize("width", [1440, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault_and_nothing_runs_over(opened, faults, page_file, scheme, width):
    with opened(page_file, scheme=scheme, width=width) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert faults(page) == []


def test_hostile_names_run_nothing(opened, runs, tmp_path):
    hostile = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    found = json.loads(json.dumps(comparison(*runs)))
    found["headline"] = found["runs"]["before"]["name"] = hostile
    for design in found["fronts"]["entered"]:
        design["machine"] = hostile
    file = tmp_path / "hostile.html"
    file.write_text(comparison_page(found), encoding="utf-8")
    with opened(file) as page:
        page.on("dialog", lambda dialog: pytest.fail(f"it ran: {dialog.message}"))
        assert "<img" in page.locator("#moved tbody").inner_text()
        assert page.locator("img").count() == 0


def test_runs_that_cannot_be_compared_have_a_page(opened, runs, tmp_path):
    """What is refused is said, and what is left is shown."""
    found = json.loads(json.dumps(comparison(*runs)))
    found |= {"fronts": None, "drawn": None, "best": [], "refused": "the runs add up different scenarios (a and b)"}
    file = tmp_path / "refused.html"
    file.write_text(comparison_page(found), encoding="utf-8")
    with opened(file) as page:
        assert "different scenarios" in page.locator(".banner").inner_text()
        assert page.locator("#pareto").count() == 0
        assert page.locator("#knee tbody tr").count() == 4
