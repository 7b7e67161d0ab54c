"""Ranges of the constants: from ``dse/data/uncertainty.yaml``, and those that a space file states in their place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import AfterValidator

from dse.hardware.unknowns import NAMES, Unknown
from dse.inputs.document import Document, read_document
from dse.inputs.technology import DATA


def _about_one(pair: tuple[float, float]) -> tuple[float, float]:
    low, high = pair
    if not 0 < low <= 1 <= high < float("inf"):
        raise ValueError("the factors of the least and of the most value lie about 1, such as [0.8, 1.3]")
    return pair


Ranges = dict[Literal[NAMES], Annotated[tuple[float, float], AfterValidator(_about_one)]]  # pyright: ignore[reportInvalidTypeForm]
"""What a space file may write under ``uncertainty:``."""


@lru_cache(maxsize=1)
def shipped_unknowns() -> Mapping[str, Unknown]:
    """Every constant that may be off, by name, read once.

    >>> print(shipped_unknowns()["sram_area"])
    area of the on-chip buffer over its cells: x0.857 to x1.14 (overhead 3.0 to 4.0 about 3.5 (sram.yaml))
    """
    data = read_document(DATA / "uncertainty.yaml").data
    assert isinstance(data, dict)
    return {
        name: Unknown(
            name=name,
            what=data[name]["what"],
            low=float(data[name]["factor"][0]),
            high=float(data[name]["factor"][1]),
            source=data[name]["source"],
            unverified=data[name].get("unverified", False),
        )
        for name in NAMES
    }


def stated_unknowns(ranges: Mapping[str, tuple[float, float]], document: Document) -> tuple[Unknown, ...]:
    """The ranges that a space file states, each with its place as the source."""
    return tuple(
        replace(
            shipped_unknowns()[name],
            low=low,
            high=high,
            source=f"stated at {document.key_place(('uncertainty', name))}",
            unverified=False,
        )
        for name, (low, high) in ranges.items()
    )
