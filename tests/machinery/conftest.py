"""A browser, and runs whose pages it opens: made once for all tests of this folder that ask for them."""

import contextlib
import io
import os
from pathlib import Path

import pytest

CHROMIUM = "/usr/bin/chromium"


def make_run(folder, *arguments):
    """Run the command line in a folder; the folder of the run."""
    from dse.cli import main

    before, here = set((folder / "outputs").glob("*")), Path.cwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
            main([str(argument) for argument in arguments])
    finally:
        os.chdir(here)
    (made,) = set((folder / "outputs").glob("*")) - before
    return made


@pytest.fixture(scope="session")
def speech_run(tmp_path_factory):
    """A search with three objectives, dominated and infeasible designs, and several batches."""
    return make_run(tmp_path_factory.mktemp("speech"), "search", "speech", "--trials", "400")


@pytest.fixture(scope="session")
def chip_run(tmp_path_factory):
    """A space of one design: nothing was searched."""
    return make_run(tmp_path_factory.mktemp("chip"), "search", "tpu_apps")


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
