"""Quantities in formulas: four figures, so that a reader can check them."""

from __future__ import annotations

from dse.model.explanation import ScenarioExplanation
from dse.units import format_quantity


def bandwidth_text(explained: ScenarioExplanation) -> str:
    """The bandwidth of a machine, with the part of it that can be reached."""
    device, design = explained.result.space.device, explained.result.design
    return with_efficiency(format_quantity(design.bandwidth_bytes_per_s, "bandwidth"), device.bandwidth_efficiency)


def clock_text(explained: ScenarioExplanation) -> str:
    """The clock of a machine, with the part of its peak that can be reached."""
    device, design = explained.result.space.device, explained.result.design
    return with_efficiency(format_quantity(design.frequency_hz, "frequency"), device.compute_efficiency)


def with_efficiency(text: str, fraction: float) -> str:
    """``(34 GB/s · 80%)``, or the text alone where all can be reached."""
    return text if fraction == 1.0 else f"({text} · {fraction:.0%})"


def bytes_text(value: float) -> str:
    """``589,824 B (576 KiB)``."""
    exact = f"{value:,.0f} B"
    return exact if value < 1024 else f"{exact} ({size_text(value)})"


def size_text(value: float) -> str:
    """``576 KiB``."""
    return format_quantity(value, "bytes", 4)


def time_text(value: float) -> str:
    """``17.35 us``."""
    return format_quantity(value, "time", 4)


def energy_text(value: float) -> str:
    """``95.79 uJ``."""
    return format_quantity(value, "energy", 4)


def fraction_text(value: float) -> str:
    """``11.1%``, ``0.07%``."""
    percent = 100 * value
    return f"{percent:.1f}%" if percent >= 0.1 else f"{percent:.1g}%"


def cycles_text(cycles: float) -> str:
    """``14,622``, a part of a cycle where there is one."""
    return f"{cycles:,.3f}".rstrip("0").rstrip(".")
