"""The page of a run in a real browser: it opens from disk, loads nothing, draws, selects, sorts, copies, and is accessible."""

import json
import statistics

import pandas as pd
import pytest
from making_runs import make_run

from dse.cli import main
from dse.inputs.shipped import shipped_names
from dse.report.html import run_page
from dse.search.front import METRIC_COLUMNS


@pytest.fixture(scope="session")
def speech_run(tmp_path_factory):
    """A search with three objectives, dominated and infeasible designs, and several batches."""
    return make_run(tmp_path_factory.mktemp("speech"), "search", "speech", "--trials", "400")


@pytest.fixture(scope="session")
def chip_run(tmp_path_factory):
    """A space of one design: nothing was searched."""
    return make_run(tmp_path_factory.mktemp("chip"), "search", "tpu_apps")


CHARTS = {
    "pareto": "circle.front",
    "tradeoff": "circle.mark",
    "parallel": "path.front",
    "roofline": "circle.layer",
    "bounds": "rect.bar",
    "layers": "rect.bar",
    "costs": ".strip i",
    "levers": "rect.bar",
    "batch": "circle.point",
    "reuse": "circle.point",
    "importance": "rect.bar",
    "convergence": "circle.point",
}
"""Every chart, and what its marks are."""


@pytest.fixture
def page(opened, speech_run):
    with opened(speech_run / "report.html") as found:
        yield found


def marks(page, chart):
    return page.locator(f"#{chart} {CHARTS[chart]}").count()


def drawn(page, chart):
    return page.locator(f"#{chart} svg").first.inner_html()


@pytest.mark.parametrize("chart", CHARTS)
def test_every_chart_has_marks_a_title_and_a_text_alternative(page, chart):
    assert marks(page, chart) > 0
    assert len(page.locator(f"#{chart} [data-title]").inner_text()) > 10
    labels = [image.get_attribute("aria-label") for image in page.locator(f"#{chart} [role=img]").all()]
    assert labels
    assert all(label and len(label) > 20 for label in labels)


def test_the_verdict_names_designs_by_their_letters(page):
    verdict = page.locator("#verdict").inner_text()
    assert "TPU v1" in verdict
    assert "front.csv" not in verdict
    assert page.locator("#verdict .finding li").count() == 3


def test_axes_carry_their_units(page):
    assert "op/s" in page.locator("#roofline svg").first.text_content()
    assert "ops per off-chip byte" in page.locator("#roofline svg").first.text_content()
    assert "USD" in page.locator("#pareto svg").first.text_content()
    assert "KiB" in page.locator("#reuse svg").first.text_content()


CELLS = """(rows) => rows.map((row) => [Number(row.dataset.row),
    [...row.querySelectorAll("td[data-value]")].map((cell) => Number(cell.dataset.value))])"""


def test_numbers_equal_front_csv(page, speech_run):
    """In the data, unrounded behind every cell of the table, and in each scenario of the lettered designs."""
    stored = pd.read_csv(speech_run / "front.csv")
    data = json.loads(page.locator("#data").text_content())
    front = data["front"]
    assert front["rows"] == list(range(len(stored)))
    assert stored["knee"].idxmax() == front["knee"]
    for name, column in METRIC_COLUMNS.items():
        assert front["metrics"][name] == stored[column].tolist()
    page.locator("#more").click()
    rows = page.locator("#table tbody tr").evaluate_all(CELLS)
    assert len(rows) == len(stored)
    for row, values in rows:
        assert values == [stored.loc[row, METRIC_COLUMNS[metric["name"]]] for metric in data["metrics"]]
    free = [parameter for parameter in data["parameters"] if len(parameter["values"]) > 1]
    for at, parameter in enumerate(free):
        assert [parameter["values"][choice[at]] for choice in front["choice"]] == stored[parameter["column"]].tolist()
    for design in data["designs"]:
        own = {column: stored.loc[design["row"], column] for column in METRIC_COLUMNS.values()}
        assert design["totals"] == pytest.approx(own, rel=1e-12)
        for scenario in design["scenarios"]:
            for column in ("latency_s", "throughput_per_s", "energy_j", "utilisation_fraction"):
                assert scenario[column] == pytest.approx(stored.loc[design["row"], f"{column}[{scenario['name']}]"], rel=1e-3)


def test_selecting_a_design_changes_every_view_of_it(page):
    before = {chart: drawn(page, chart) for chart in ("pareto", "parallel", "roofline", "bounds", "levers")}
    title = page.locator("#roofline [data-title]").inner_text()
    page.locator("#letters button", has_text="A").first.click()
    assert page.locator("#roofline [data-title]").inner_text() != title
    assert "design A" in page.locator("#roofline [data-title]").inner_text()
    for chart, was in before.items():
        assert drawn(page, chart) != was, chart
    assert page.locator("#table tr[aria-current=true] button").inner_text() == "A"
    page.locator("#pick").select_option(label="B")
    assert "design B" in page.locator("#layers [data-title]").inner_text()


def test_a_click_on_the_front_selects(page):
    """The design under the pointer is told whole, and taken."""
    page.locator("#pareto").scroll_into_view_if_needed()
    mark = page.evaluate("""() => { const all = [...document.querySelectorAll('#pareto circle.front')];
        const far = all.map((c) => c.getBoundingClientRect()).sort((a, b) => b.left - a.left)[0];
        return [far.left + far.width / 2, far.top + far.height / 2]; }""")
    page.mouse.move(*mark)
    tip = page.locator("#tip").inner_text()
    assert "price" in tip
    assert "SRAM" in tip
    before = page.locator("#yaml").text_content()
    page.mouse.click(*mark)
    assert page.locator("#yaml").text_content() != before


def test_a_design_without_a_letter_says_what_stands_in(page):
    page.locator("#more").click()
    page.locator("#table tbody tr", has=page.locator("button", has_text="1")).last.click()
    banner = page.locator("#stands-in")
    assert banner.is_visible()
    assert "nearest" in banner.inner_text()
    page.locator("#letters button").first.click()
    assert not banner.is_visible()


def test_sorting_sorts_and_the_filter_filters(page):
    page.locator("#more").click()

    def column(index):
        return [float(cell.get_attribute("data-value")) for cell in page.locator(f"#table tbody td:nth-child({index})").all()]

    page.locator("#table thead button", has_text="energy").click()
    assert column(3) == sorted(column(3))
    page.locator("#table thead button", has_text="energy").click()
    assert column(3) == sorted(column(3), reverse=True)
    assert page.locator("#table th[aria-sort=descending]").count() == 1
    everything = page.locator("#table tbody tr").count()
    page.locator("#filter").fill("lpddr4 7 nm")
    rows = page.locator("#table tbody tr")
    assert 0 < rows.count() < everything
    assert all("lpddr4" in row.inner_text() for row in rows.all())


def test_a_brush_narrows_the_front_and_the_table(page):
    zone = page.locator("rect[data-axis=price]")
    zone.scroll_into_view_if_needed()
    box = zone.bounding_box()
    everything = page.locator("#designs [data-note]").inner_text()
    x = box["x"] + box["width"] / 2
    page.mouse.move(x, box["y"] + box["height"] - 8)
    page.mouse.down()
    page.mouse.move(x, box["y"] + 0.6 * box["height"])
    page.mouse.up()
    assert "match" in page.locator("#designs [data-note]").inner_text()
    assert page.locator("#pareto circle.front[opacity='0.13']").count() > 0
    page.get_by_role("button", name="Clear brushes").click()
    assert page.locator("#designs [data-note]").inner_text() == everything


@pytest.mark.parametrize("letter", ["A", "F", "L"])
def test_copied_yaml_evaluates_to_the_numbers_of_the_page(page, speech_run, tmp_path, capsys, letter):
    page.locator("#letters button", has_text=letter).first.click()
    page.locator("#copy").click()
    page.locator("#copied:not(:empty)").wait_for()
    text = page.evaluate("navigator.clipboard.readText()")
    assert text == page.locator("#yaml").text_content()
    (tmp_path / "design.yaml").write_text(text, encoding="utf-8")
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "speech", "--on", str(tmp_path / "design.yaml"), "--no-advice", "--json"])
    assert not ended.value.code
    totals = json.loads(capsys.readouterr().out)["totals"]
    data = json.loads((speech_run / "report.json").read_text(encoding="utf-8"))
    (design,) = [each for each in data["designs"] if each["letter"] == letter]
    assert totals == pytest.approx(design["totals"], rel=1e-12)


def test_dark_follows_the_system_and_the_toggle(opened, speech_run):
    paper = "getComputedStyle(document.body).backgroundColor"
    with opened(speech_run / "report.html") as light, opened(speech_run / "report.html", scheme="dark") as dark:
        bright, dim = light.evaluate(paper), dark.evaluate(paper)
        assert bright != dim
        light.locator("#theme").click()
        assert light.evaluate(paper) == dim
        light.emulate_media(media="print")
        assert light.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"


def test_hostile_names_run_nothing(opened, speech_run, tmp_path):
    """Names of networks, layers and designs that try to leave their text are shown as text, in tooltips too."""
    data = json.loads((speech_run / "report.json").read_text(encoding="utf-8"))
    hostile = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    data["workload"]["title"] = data["verdict"]["headline"] = data["assumptions"][0]["text"] = hostile
    for scenario in (*data["workload"]["scenarios"], *(each for design in data["designs"] for each in design["scenarios"])):
        scenario["name"] = scenario["network"] = hostile
    for design in data["designs"]:
        design["layers"]["name"] = [hostile for _ in design["layers"]["name"]]
    file = tmp_path / "hostile.html"
    file.write_text(run_page(data), encoding="utf-8")
    with opened(file) as page:
        page.on("dialog", lambda dialog: pytest.fail(f"it ran: {dialog.message}"))
        page.locator("#roofline circle.layer").last.hover(force=True)
        page.locator("#layers rect.bar").first.hover()
        assert "<img" in page.locator("#tip").inner_text()
        assert page.locator("img").count() == 0


@pytest.mark.parametrize("width", [1440, 400])
def test_nothing_runs_over_the_side(opened, speech_run, chip_run, width):
    for run in (speech_run, chip_run):
        with opened(run / "report.html", width=width) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            over = page.evaluate("""() => [...document.querySelectorAll('.card:not(#parallel) svg text')].filter((text) => {
                const card = text.closest('.card').getBoundingClientRect(), own = text.getBoundingClientRect();
                return own.right > card.right + 1 || own.left < card.left - 1; }).map((text) => text.textContent)""")
            assert over == []


def test_a_space_of_one_design_has_a_page_too(opened, chip_run):
    with opened(chip_run / "report.html") as page:
        assert marks(page, "roofline") > 0
        assert marks(page, "batch") > 0
        assert not page.locator("#parallel").is_visible()
        assert not page.locator("#search").is_visible()
        assert page.locator(".sections a", has_text="Search").count() == 0


KINDS = [
    ("mlp", "three_knobs"),
    ("eyeriss", "eyeriss"),
    ("snowflake", "snowflake"),
    ("mlp", "nvdla_full"),
    ("tpu_apps", "datacenter"),
]
KINDS += [(workload, "datacenter") for workload in shipped_names("workloads") if workload in ("training", "transformer")]


@pytest.mark.parametrize(("workload", "space"), KINDS)
def test_every_kind_of_workload_and_space_has_a_page(opened, tmp_path, workload, space):
    """Few trials, so that what is rare elsewhere is common: small fronts, one design, nothing dominated."""
    run = make_run(tmp_path, "search", workload, "--space", space, "--trials", "120")
    assert (run / "report.html").stat().st_size < 8e6
    with opened(run / "report.html") as page:
        assert marks(page, "roofline") > 0
        assert marks(page, "costs") > 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 400])
def test_axe_finds_no_serious_fault(opened, faults, speech_run, scheme, width):
    with opened(speech_run / "report.html", scheme=scheme, width=width) as page:
        assert faults(page) == []


def test_it_opens_quickly(opened, speech_run):
    """What the page's own thread works until everything is drawn, the median of several loads: no matter what else runs."""
    seconds = []
    for _ in range(5):
        with opened(speech_run / "report.html") as page:
            seconds.append(worked(page))
    assert statistics.median(seconds) < 1


def worked(page):
    """Seconds of processor time of the thread that reads, lays out and draws the page."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")
