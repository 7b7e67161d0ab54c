"""Hypothesis profiles (`fast` by default, `thorough` with HYPOTHESIS_PROFILE=thorough), and a `dse` to run in this process."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from making_runs import make_run

from dse.cli import main

settings.register_profile("fast", max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


class Ran(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def dse(capsys, tmp_path, monkeypatch):
    """Run the command line in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        capsys.readouterr()
        try:
            main([str(argument) for argument in arguments])
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
        text = capsys.readouterr()
        return Ran(code, text.out, text.err)

    return run


@pytest.fixture(scope="session")
def run_once(tmp_path_factory):
    """One short search, for all tests that only read what a run wrote."""
    return make_run(tmp_path_factory.mktemp("run"), "search", "mlp", "--space", "three_knobs", "--trials", "20")


@pytest.fixture
def stored_run(run_once, tmp_path):
    """A copy of that run under outputs/ in the folder of the test."""
    return Path(shutil.copytree(run_once, tmp_path / "outputs" / run_once.name))
