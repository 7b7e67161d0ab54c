"""`Workload`: the scenarios (network x batch x precision) that a design is judged by."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dse.workload.network import Lowered, Network
from dse.workload.precision import Precision

__all__ = ["Network", "Precision", "Scenario", "Workload"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One network at one batch and precision. `name` is "deep_speech_2@b4".

    `weight` counts it in sums and means over scenarios; `latency_limit_s` is the longest that one run of the batch may take.
    """

    name: str
    network: Network
    batch: int
    precision: Precision
    weight: float = 1.0
    latency_limit_s: float | None = None

    def lower(self) -> Lowered:
        """Its steps and tensors in order of execution. Equal calls share one result."""
        return self.network.lower(self.batch, self.precision)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A suite of scenarios; `space` and `objectives` are what a search takes where it is told no other."""

    name: str
    title: str = ""
    source: str = ""
    scenarios: tuple[Scenario, ...]
    space: str | None = None
    objectives: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Workload {self.name!r}: {', '.join(scenario.name for scenario in self.scenarios)}>"

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks of the scenarios, each once."""
        return tuple(dict.fromkeys(scenario.network for scenario in self.scenarios))

    def only(self, scenario: str) -> Workload:
        """The workload of one scenario by name. Raises `KeyError` where there is none of that name."""
        for candidate in self.scenarios:
            if candidate.name == scenario:
                return replace(self, scenarios=(candidate,))
        raise KeyError(scenario)
