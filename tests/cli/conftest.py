"""A `dse` to run in this process: exit code, stdout, stderr."""

from typing import NamedTuple

import pytest

from dse.cli import main
from dse.search import ladder, screen


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


@pytest.fixture(autouse=True)
def quick_ladder(monkeypatch):
    """Searches whose point is not the front climb no rung that takes seconds."""
    monkeypatch.setattr(ladder, "EXACT_SECONDS", 0.3)
    monkeypatch.setattr(screen, "MOST_EVALUATIONS", 2000)
