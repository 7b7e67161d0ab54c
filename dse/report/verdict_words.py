"""How a verdict puts a metric into words, and how much of it a terminal takes."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from dse.report.page_design import NBSP

MORE_AND_LESS = {
    "latency": ("is {} times as fast", "is {} times slower"),
    "throughput": ("serves {} times as much", "serves {:.0%} less"),
    "energy": ("takes {} times the energy", "takes {:.0%} less energy"),
    "price": ("costs {} times as much", "costs {:.0%} less"),
    "area": ("is {} times as large", "is {:.0%} smaller"),
    "power": ("draws {} times the power", "draws {:.0%} less power"),
    "dram_bytes": ("moves {} times as many bytes off chip", "moves {:.0%} fewer bytes off chip"),
    "slowdown": ("has {} times the slowdown", "has {:.0%} less slowdown"),
}
"""How a design compares with another: metric -> (times as much or as fast, how much less or slower)."""

ALIKE = {
    "latency": "is as fast",
    "throughput": "serves as much",
    "energy": "takes as much energy",
    "price": "costs as much",
    "area": "is as large",
    "power": "draws as much power",
    "dram_bytes": "moves as many bytes off chip",
    "slowdown": "has the same slowdown",
}
"""The same of a design that hardly differs."""

HARDLY = 0.005
"""Difference in ratio up to which two designs are called alike."""

SUPERLATIVE = {
    "latency": "fastest",
    "throughput": "most throughput",
    "energy": "least energy",
    "price": "cheapest",
    "area": "smallest",
    "power": "least power",
    "dram_bytes": "least off-chip traffic",
    "slowdown": "least slowdown",
}

SHORT_LINES, SHORT_WIDTH = 6, 80
"""What the verdict may take on a terminal."""


def superlative(metric: str) -> str:
    """What the best design of a metric is called.

    >>> superlative("latency"), superlative("energy:speech")
    ('fastest', 'least energy of speech')
    """
    kind, _, member = metric.partition(":")
    return SUPERLATIVE[kind] + (f" {'on' if kind == 'latency' else 'of'} {member}" if member else "")


def compared(metric: str, better: float) -> str:
    """How a design that is so many times better in a metric compares, in words.

    >>> compared("latency", 3.1), compared("energy", 2.0), compared("price", 0.5)
    ('is 3.1 times as fast', 'takes 50% less energy', 'costs 2 times as much')
    >>> compared("energy", 0.998)
    'takes as much energy'
    """
    kind, _, member = metric.partition(":")
    if abs(better - 1) <= HARDLY:
        return ALIKE[kind] + (f" on {member}" if member else "")
    more, less = (text + (f" on {member}" if member else "") for text in MORE_AND_LESS[kind])
    if kind == "latency":
        return (more if better >= 1 else less).format(f"{max(better, 1 / better):.3g}")
    if kind == "throughput":
        return more.format(f"{better:.3g}") if better >= 1 else less.format(1 - better)
    return less.format(1 - 1 / better) if better >= 1 else more.format(f"{1 / better:.3g}")


def shortened(sentences: Sequence[str]) -> list[str]:
    """The first of these sentences that take no more than `SHORT_LINES` lines of `SHORT_WIDTH` columns together."""
    kept: list[str] = []
    for sentence in sentences:
        lines = sum(len(wrap(said.replace(NBSP, " "), SHORT_WIDTH)) for said in (*kept, sentence))
        if sentence and lines <= SHORT_LINES:
            kept.append(sentence)
    return kept


def listed(parts: Sequence[str]) -> str:
    """``a, b and c``."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def sentence(text: str) -> str:
    """A text with a capital and a full stop."""
    return text[:1].upper() + text[1:].rstrip(".") + "."
