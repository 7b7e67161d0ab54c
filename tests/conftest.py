"""Hypothesis profiles (`fast` by default, `thorough` with HYPOTHESIS_PROFILE=thorough), and a `dse` to run in this process."""

import os
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings

from dse.cli import main

settings.register_profile("fast", max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
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
