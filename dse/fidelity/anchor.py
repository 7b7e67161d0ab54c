"""`Anchor`: one published number beside the model's, with how far apart they may be and where it is from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["value", "at most", "at least", "shown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where numbers were published."""

    title: str
    link: str
    confidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A published number and the model's prediction of it, both in `unit`.

    `kind` says what must hold. ``value``: they differ by at most `tolerance`, a fraction of the published number. ``at most`` and
    ``at least``: the prediction is on that side of it, or beyond it by no more than `tolerance`. ``shown``: nothing, where what
    was published is another thing than what the model computes, or contradicts itself; `note` says which.
    """

    device: str
    what: str
    published: float
    predicted: float
    unit: str
    kind: Kind = "value"
    tolerance: float = 0.0
    source: Source
    note: str = ""
    unverified: bool = False

    @property
    def error_fraction(self) -> float:
        """Predicted over published, less one; of a published zero, the prediction itself."""
        return self.predicted / self.published - 1.0 if self.published else self.predicted

    @property
    def passed(self) -> bool | None:
        """Whether the prediction is as near as is claimed; None where nothing is claimed."""
        rounding = 1e-9
        match self.kind:
            case "value":
                return abs(self.error_fraction) <= self.tolerance + rounding
            case "at most":
                return self.error_fraction <= self.tolerance + rounding
            case "at least":
                return self.error_fraction >= -self.tolerance - rounding
            case "shown":
                return None
