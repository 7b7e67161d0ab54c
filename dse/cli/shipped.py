"""`dse list` and `dse schema`: what there is, and how a file is written."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from dse.cli.app import app
from dse.cli.console import print_json, print_result
from dse.cli.options import JsonOption


class SchemaName(StrEnum):
    """Files that have a schema."""

    workload = "workload"
    space = "space"


@app.command("list")
def list_shipped(as_json: JsonOption = False) -> None:
    """List the workloads, search spaces and known machines that are shipped."""
    from dse.inputs.shipped import shipped_names
    from dse.inputs.spaces import load_space
    from dse.inputs.workloads import load_workload
    from dse.report.catalogue import catalogue, catalogue_tables

    workloads = [load_workload(name) for name in shipped_names("workloads")]
    entries = catalogue(workloads, [load_space(name) for name in shipped_names("search_spaces")])
    if as_json:
        print_json(entries)
    else:
        print_result(catalogue_tables(entries))


@app.command()
def schema(name: Annotated[SchemaName, typer.Argument(help="Whose schema.")]) -> None:
    """Print the JSON Schema of a workload or search-space file, for editors."""
    if name is SchemaName.workload:
        from dse.inputs.schema import workload_schema as make
    else:
        from dse.inputs.spaces import space_schema as make
    print_json(make())
