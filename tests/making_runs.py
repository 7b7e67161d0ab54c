"""Runs for tests that look at what a command wrote."""

import contextlib
import io
import os
from pathlib import Path

from dse.cli import main


def make_run(folder, *arguments):
    """Run the command line in a folder; the folder of the one run that it wrote."""
    before, here = set((folder / "outputs").glob("*")), Path.cwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
            main([str(argument) for argument in arguments])
    finally:
        os.chdir(here)
    (made,) = set((folder / "outputs").glob("*")) - before
    return made
