"""A browser, and a page opened in it from disk."""

import contextlib
from pathlib import Path

import pytest

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="session")
def opened(browser):
    """Opens a page at a width; at the end nothing may have been complained of, or asked for but the file itself."""

    @contextlib.contextmanager
    def open_page(page_file, *, width=1440, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page, complaints, asked = context.new_page(), [], []
        page.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        context.route("**/*", lambda route: (asked.append(route.request.url), route.continue_()))
        page.goto(page_file.as_uri())
        page.wait_for_selector("html[data-drawn]", state="attached")
        yield page
        assert complaints == []
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
        assert len([url for url in asked if url.startswith("file:")]) <= 1
        context.close()

    return open_page


@pytest.fixture(scope="session")
def faults():
    """Serious faults that axe finds in a page: rule and the first elements."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")

    def found(page):
        violations = axe.Axe().run(page).response["violations"]
        serious = [fault for fault in violations if fault["impact"] in ("serious", "critical")]
        return [(fault["id"], [node["target"] for node in fault["nodes"]][:4]) for fault in serious]

    return found
