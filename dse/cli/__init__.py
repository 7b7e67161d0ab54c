"""The command line: options in, exit codes out; no arithmetic. One module for each family of commands.

stdout is the result, stderr is progress and diagnosis. Exit codes: 0 done; 1 ran, and the answer is no; 2 bad input or usage;
3 internal error; 130 interrupted, with what was found kept.
"""

from dse.cli import search as _search  # the order of the commands in --help  # isort: skip
from dse.cli import budget as _budget  # isort: skip
from dse.cli import report as _report  # isort: skip
from dse.cli import runs as _runs  # isort: skip
from dse.cli import machine as _machine  # isort: skip
from dse.cli import fidelity as _fidelity  # isort: skip
from dse.cli import imports as _imports  # isort: skip
from dse.cli import shipped as _shipped  # isort: skip
from dse.cli.app import app, main

__all__ = ["app", "main"]

del _search, _budget, _report, _runs, _machine, _fidelity, _imports, _shipped
