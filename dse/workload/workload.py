"""`Workload`: the scenarios (network x batch x precision x phase) that a design is judged by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

from dse.workload.network import Lowered, Network
from dse.workload.phases import Phase, Training
from dse.workload.precision import Precision
from dse.workload.training import lower_training

__all__ = ["ACROSS", "AUTO_BATCHES", "Across", "Member", "Network", "Phase", "Precision", "Scenario", "Training", "Workload"]

Across = Literal["mean", "worst", "each"]
ACROSS: tuple[Across, ...] = get_args(Across)
"""How a design is judged by several workloads (see `dse.workload.together.combine`)."""

AUTO_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""What a design chooses from where the batch is left to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One network at one batch and precision, in one phase. `name` is "deep_speech_2@b4", or "resnet50@b32+train".

    `weight` counts it in sums and means over scenarios; `latency_limit_s` is the longest that one run of the batch may take.
    Without a phase it is inference.

    With `auto`, batches to choose from, every design takes the one that serves the most inferences a second of those that keep
    the latency limit; `batch` is the first of them until a design has chosen (see `chosen`). Such a scenario counts per inference
    in sums over scenarios, for the runs of different designs are not alike. It is called "resnet50@auto".

    `member` names the workload that it belongs to where several are judged together.
    """

    name: str
    network: Network
    batch: int
    precision: Precision
    phase: Phase | None = None
    weight: float = 1.0
    latency_limit_s: float | None = None
    auto: tuple[int, ...] = ()
    member: str = ""

    @property
    def runs(self) -> tuple[Scenario, ...]:
        """What a design may run for it: itself, or itself at each batch that it may choose."""
        return tuple(self.chosen(batch) for batch in self.auto) if self.auto else (self,)

    def chosen(self, batch: int) -> Scenario:
        """Itself at a batch that a design has chosen."""
        return replace(self, batch=batch, auto=(batch,))

    @property
    def share(self) -> float:
        """What it counts in sums over scenarios, beside its weight: a run, or an inference where the batch is free."""
        return 1.0 / self.batch if self.auto else 1.0

    def lower(self) -> Lowered:
        """Its steps and tensors in order of execution. Equal calls share one result."""
        if isinstance(self.phase, Training):
            return lower_training(self.network, self.batch, self.precision, self.phase)
        return self.network.lower(self.batch, self.precision)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One of several workloads that are judged together.

    `share` is its part of the mean (its scenarios' weights hold it); `target_s` the latency that its own is compared with, or
    None until its least is known; `known_from` says where that is from.
    """

    name: str
    share: float
    target_s: float | None = None
    known_from: str = "its target"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A suite of scenarios; `space` and `objectives` are what a search takes where it is told no other.

    Several workloads together have `members`, and `across` says how a search judges by them.
    """

    name: str
    title: str = ""
    source: str = ""
    scenarios: tuple[Scenario, ...]
    space: str | None = None
    objectives: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()
    across: Across = "mean"

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
                return replace(self, scenarios=(candidate,), members=(), across="mean")
        raise KeyError(scenario)
