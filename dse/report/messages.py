"""What the terminal says when the answer is no."""

from __future__ import annotations

from collections.abc import Sequence

from dse.errors import NoFeasibleDesign, Violation
from dse.hardware.parameters import show_value
from dse.report.info import DIMENSION
from dse.search.opinions import REFUSED
from dse.units import format_quantity


def no_feasible_design(error: NoFeasibleDesign) -> str:
    """The nearest design and each limit that it breaks, worst first."""
    lines = [f"no feasible design: {error}"]
    if error.nearest:
        lines.append("nearest: " + ", ".join(f"{name}={show_value(name, value)}" for name, value in error.nearest.items()))
    return "\n".join([*lines, broken_limits(error.violations)])


def broken_limits(broken: Sequence[Violation]) -> str:
    """Every broken limit on a line of its own."""
    return "\n".join(f"  {violation_text(violation)}" for violation in broken)


def violation_text(violation: Violation) -> str:
    """One broken limit: what it is, what is allowed, and how many times over it is."""
    if violation.quantity == "operations_without_mapping":
        return "the SRAM is too small to run some operation at all"
    if violation.quantity == "floating_point_on_integers":
        return "its arrays multiply integers, and the workload is in floating point (set precision=bf16, or quantise)"
    if violation.quantity == REFUSED:
        return "the evaluator says that it cannot be built or cannot run"
    if violation.quantity == "forbidden":
        return f"the space forbids it: {violation.rule}"
    if violation.quantity == "dram_needed_over_installed":
        return _memory_text(violation)
    dimension = DIMENSION[violation.quantity]
    name = violation.quantity if violation.scenario is None else f"{violation.quantity} of {violation.scenario}"
    value, limit = format_quantity(violation.value, dimension), format_quantity(violation.limit, dimension)
    times = violation.value / violation.limit
    return f"{name} is {value} where at most {limit} is allowed ({f'{times:,.0f}' if times >= 100 else f'{times:.3g}'} times)"


def _memory_text(violation: Violation) -> str:
    """How much memory a scenario needs, of what kind, and how much is installed."""
    needed = sum(size for _, size in violation.parts)
    largest = sorted(violation.parts, key=lambda part: -part[1])
    kinds = ", ".join(f"{format_quantity(size, 'bytes')} {kind}" for kind, size in largest if size)
    installed = format_quantity(needed / violation.value, "bytes")
    return (
        f"{violation.scenario} needs {format_quantity(needed, 'bytes')} of memory ({kinds}), and the memory's channels hold "
        f"{installed}"
    )
