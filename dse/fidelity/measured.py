"""The measured kernels that come with the package, on the shipped devices as they are, beside a plain roofline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from dse.fidelity.anchor import Source
from dse.fidelity.replay import Constants, Replay
from dse.fidelity.scores import Score, groups_of
from dse.hardware.design import FloatColumn
from dse.inputs.document import read_document
from dse.inputs.measurements import FOLDER, load_measurements
from dse.inputs.spaces import load_design
from dse.workload.kernels import KernelKind

SHIPPED = "deepbench"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredGroup:
    """Kernels of one device, kind, format and algorithm: times measured, predicted and by the plain roofline, shape (rows,)."""

    device: str
    kind: KernelKind
    precision: str
    algorithm: str
    measured_s: FloatColumn
    predicted_s: FloatColumn
    roofline_s: FloatColumn

    @property
    def model(self) -> Score:
        """How the model does."""
        return Score.of(self.predicted_s, self.measured_s)

    @property
    def roofline(self) -> Score:
        """How the larger of MACs at peak, and compulsory bytes at full bandwidth, does."""
        return Score.of(self.roofline_s, self.measured_s)


def measured_devices() -> tuple[str, ...]:
    """Devices that there are measured kernels of, in alphabetical order."""
    return tuple(sorted(load_measurements(SHIPPED).devices))


def measured_source() -> Source:
    """Where the measured kernels are from."""
    data = read_document(FOLDER / f"{SHIPPED}.yaml").data
    assert isinstance(data, dict)
    source = data["source"]
    return Source(title=f"{source['title']}; {source['licence']}", link=source["link"], confidence=source["confidence"])


def measured(device: str | None = None, on_progress: Callable[[str], None] | None = None) -> tuple[MeasuredGroup, ...]:
    """Every measured kernel of one device or of all on the shipped machine, with nothing fitted."""
    names = measured_devices() if device is None else tuple(name for name in measured_devices() if name == device)
    found: list[MeasuredGroup] = []
    for name in names:
        if on_progress is not None:
            on_progress(f"replaying {len(load_measurements(SHIPPED).of_device(name)):,} measured kernels on {name}")
        found += groups(replayed(name))
    return tuple(found)


@cache
def replayed(name: str) -> Replay:
    """The shipped rows of a device on the shipped machine of that name."""
    return Replay.of(load_measurements(SHIPPED).of_device(name), load_design(name))


def groups(replay: Replay) -> tuple[MeasuredGroup, ...]:
    """The kernels of a replay by kind, format and algorithm, at the constants that its device has."""
    return groups_at(replay, replay.times_s(Constants.of(replay.space.device)))


def groups_at(replay: Replay, predicted: FloatColumn) -> tuple[MeasuredGroup, ...]:
    """The same with other predictions, shape (rows,)."""
    observed = replay.measured_s
    return tuple(
        MeasuredGroup(
            device=replay.space.name,
            kind=replay.rows[int(own.argmax())].kernel.kind,
            precision=precision,
            algorithm=algorithm,
            measured_s=observed[own],
            predicted_s=predicted[own],
            roofline_s=replay.roofline_s[own],
        )
        for (_, precision, algorithm), own in groups_of(replay.rows).items()
    )
