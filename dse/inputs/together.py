"""Several workloads in one file: ``workloads: [speech.yaml, {file: vision.yaml, weight: 2}]``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from dse.errors import Collector, InputError, Problem
from dse.hardware.goals import MOST_OBJECTIVES, objectives_named
from dse.inputs.fields import Name
from dse.inputs.shipped import find
from dse.inputs.yaml import Document, Listed, Strict, Time, problems_in, read_document
from dse.workload.together import combine
from dse.workload.workload import Across, Workload


class MemberText(Strict):
    """One of several workloads."""

    file: str = Field(description="a workload: a path, from here or from this file, or a shipped name")
    weight: Annotated[float, Field(gt=0)] = Field(1.0, description="its weight in the mean of all")
    target: Time | None = Field(
        None, description="latency that its own is compared with (across: worst); left out: its least on the space"
    )


def _member(written: object) -> object:
    return {"file": written} if isinstance(written, str) else written


class TogetherText(Strict):
    """Several workload files that a design is judged by together."""

    name: Name = Field(description="lower-case letters, digits, _")
    title: str = Field("", description="one line that says what they are together")
    source: str = Field("", description="citation")
    space: str | None = Field(None, description="search space to take by default; left out: that of the first that has one")
    objectives: Listed[str] = Field(
        (), max_length=MOST_OBJECTIVES, description="what a search judges by; also latency:NAME of one of the workloads"
    )
    across: Across = Field(
        "mean",
        description="mean: of all by weight; worst: the worst latency over its target; each: an objective for each workload",
    )
    workloads: Listed[Annotated[MemberText, BeforeValidator(_member, json_schema_input_type=str | MemberText)]] = Field(
        min_length=1, description="workload files, or {file, weight, target}"
    )


def names_workloads(document: Document) -> bool:
    """Whether a file names workloads, in place of networks of its own."""
    return document.holds(("workloads",))


def member_files(document: Document) -> list[Path]:
    """The files that it names, as far as they can be found."""
    text, _, _ = problems_in(document, TogetherText)
    return [] if text is None else [find("workloads", member.file, beside=Path(document.file)) for member in text.workloads]


def together_from(document: Document, read: Callable[[Document], Workload]) -> Workload:
    """The workloads that a file names as one; `read` makes a workload of a file of networks.

    Raises `InputError` with everything that is wrong with this file, or with the first of the others that is wrong.
    """
    text, problems, _ = problems_in(document, TogetherText)
    Collector(problems).raise_any()
    assert text is not None
    found: list[Workload] = []
    for index, member in enumerate(text.workloads):
        try:
            other = read_document(find("workloads", member.file, beside=Path(document.file)))
        except InputError as failure:
            place = document.place(("workloads", index))
            raise InputError(
                [Problem(problem.message, problem.place or place, problem.remedy) for problem in failure.problems]
            ) from None
        if names_workloads(other):
            message = f"{member.file} is made of several workloads itself"
            raise InputError(Problem(message, document.place(("workloads", index)), "name its members instead"))
        found.append(read(other))
    try:
        if text.objectives:
            objectives_named(text.objectives)
        combined = combine(
            found,
            weights=[member.weight for member in text.workloads],
            across=text.across,
            targets_s=[member.target for member in text.workloads],
            name=text.name,
        )
    except InputError as failure:
        place = document.key_place(("workloads",))
        raise InputError([Problem(problem.message, place, problem.remedy) for problem in failure.problems]) from None
    return replace(
        combined,
        title=text.title or combined.title,
        source=text.source or combined.source,
        space=text.space or combined.space,
        objectives=tuple(text.objectives) or combined.objectives,
    )
