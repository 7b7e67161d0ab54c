"""Arguments and options that several commands share, with their completion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def complete_workload(incomplete: str) -> list[str]:
    """Shipped workloads that begin so."""
    from dse.inputs.shipped import shipped_names

    return [name for name in shipped_names("workloads") if name.startswith(incomplete)]


def complete_space(incomplete: str) -> list[str]:
    """Shipped spaces that begin so."""
    from dse.inputs.shipped import shipped_names

    return [name for name in shipped_names("search_spaces") if name.startswith(incomplete)]


WorkloadArgument = Annotated[
    str,
    typer.Argument(
        metavar="WORKLOAD", help="A workload file, or a shipped name such as speech.", autocompletion=complete_workload
    ),
]
OptionalWorkloadsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[WORKLOAD]...",
        help="One workload or several: files, or shipped names such as speech. Left out with --resume.",
        autocompletion=complete_workload,
    ),
]
WorkloadsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="WORKLOAD...",
        help="One workload or several: files, or shipped names such as speech.",
        autocompletion=complete_workload,
    ),
]
AcrossOption = Annotated[
    str | None,
    typer.Option(
        "--across",
        metavar="HOW",
        help="How several workloads are judged: mean, worst (latency over the least of each) or each (an objective of its own).",
    ),
]
SpaceOption = Annotated[
    str | None,
    typer.Option(
        "--space", "-s", metavar="SPACE", help="A search space; the workload names its default.", autocompletion=complete_space
    ),
]
BudgetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--budget",
        "-b",
        metavar="NAME=LIMIT",
        help="A limit: price=40USD, area=50mm2, power=2W, latency=10ms (all scenarios), latency.SCENARIO=10ms. May be repeated.",
    ),
]
ObjectivesOption = Annotated[
    str | None,
    typer.Option(
        "--objectives",
        metavar="A,B",
        help="One to four of latency, throughput, energy, price, area, power, dram_bytes, or latency:WORKLOAD.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="Fix a parameter, or list its values: sram=8MiB, cores=1,2,4. May be repeated."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the whole result as JSON, and nothing else.")]
OutputOption = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where the folder of the run is made.")]
UncertaintyOption = Annotated[
    bool,
    typer.Option(
        "--uncertainty", help="Evaluate the front again under sampled constants: which designs stay, and what matters most."
    ),
]
