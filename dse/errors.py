"""What can go wrong, said so that the reader can mend it: where, what, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a text that a user wrote; lines and columns count from 1."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input: ``place: message`` and, when there is one, the remedy."""

    message: str
    place: Place | None = None
    remedy: str | None = None

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        return f"{where}{self.message}" + (f"\n    {self.remedy}" if self.remedy else "")


class DseError(Exception):
    """Base of every error that is the user's to mend; the command line prints it without a traceback."""

    exit_code = 2


class InputError(DseError):
    """Everything that is wrong with one input, all at once, in the order of the text."""

    def __init__(self, problems: Problem | list[Problem] | str) -> None:
        if isinstance(problems, str):
            problems = Problem(problems)
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class StorageError(InputError):
    """A storage of trials that cannot be opened, holds another search, or went away."""


class UnsupportedLayer(InputError):
    """A layer, or an option of one, that the model has no rule for. It is never counted as zero."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken limit: ``quantity`` is ``value`` where at most ``limit`` is allowed (SI units).

    ``parts`` says what the value is made of, where that helps: kinds of memory and their bytes. ``rule`` is the text of a rule
    of the space where the quantity is ``forbidden``.
    """

    quantity: str
    value: float
    limit: float
    scenario: str | None = None
    parts: tuple[tuple[str, float], ...] = ()
    rule: str | None = None


class NoFeasibleDesign(DseError):
    """The search ran and the answer is no; carries the nearest design (free parameters by name, SI) and what it violates."""

    exit_code = 1

    def __init__(
        self, message: str, nearest: Mapping[str, int | float | str | bool] | None = None, violations: tuple[Violation, ...] = ()
    ) -> None:
        self.nearest = nearest or {}
        self.violations = violations
        super().__init__(message)


@dataclass(slots=True)
class Collector:
    """Gathers problems while a text is read, so that all of them are reported at once."""

    problems: list[Problem] = field(default_factory=list[Problem])

    def add(self, message: str, place: Place | None = None, remedy: str | None = None) -> None:
        """Note one problem and go on."""
        self.problems.append(Problem(message, place, remedy))

    def raise_any(self) -> None:
        """Raise `InputError` with everything noted, in the order of the text; do nothing if all is well."""
        if self.problems:
            raise InputError(sorted(self.problems, key=_position))


def _position(problem: Problem) -> tuple[str, int, int]:
    place = problem.place
    return (place.file, place.line or 0, place.column or 0) if place else ("", 0, 0)
