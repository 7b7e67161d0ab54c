"""The application that the commands of this folder register with, and the one way out for every error."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from dse import __version__
from dse.cli.console import EXIT_INTERNAL, EXIT_INTERRUPTED, EXIT_NO, EXIT_SYSTEM, say
from dse.errors import DseError, NoFeasibleDesign

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Commands(TyperGroup):
    """The commands, with a word on stderr where Ctrl-C came before there was anything to keep."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's own context
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            say("interrupted; nothing was kept")
            raise typer.Exit(EXIT_INTERRUPTED) from None


app = typer.Typer(
    name="dse",
    cls=_Commands,
    help="Design-space exploration for deep-learning hardware: which machine to build for these networks, and why.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:  # noqa: FBT001
    if value:
        typer.echo(f"dse {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    del version


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; every error of the user's is one message, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(args=list(arguments) if arguments is not None else None)
    except NoFeasibleDesign as error:
        from dse.report.messages import no_feasible_design

        say(no_feasible_design(error))
        sys.exit(EXIT_NO)
    except DseError as error:
        say(f"error: {error}")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        if os.environ.get("DSE_DEBUG"):
            raise
        say(f"error: {error.filename or 'the output'}: {error.strerror or error}")
        sys.exit(EXIT_SYSTEM)
    except Exception as error:
        if os.environ.get("DSE_DEBUG"):
            raise
        say(f"internal error: {type(error).__name__}: {error}\nThis is a fault in dse. DSE_DEBUG=1 shows where.")
        sys.exit(EXIT_INTERNAL)
