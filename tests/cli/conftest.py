"""A `dse` to run in this process: exit code, stdout, stderr."""

from typing import NamedTuple

import pytest

from dse.cli import main


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
