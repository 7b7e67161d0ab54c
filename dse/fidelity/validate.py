"""All anchors, or those of one machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dse.errors import InputError, Problem
from dse.fidelity import eyeriss, nvdla, snowflake, tpu_v1, worked_examples
from dse.fidelity.anchor import Anchor
from dse.fidelity.measured import measured_devices
from dse.hardware.parameters import suggestion

DEVICES: Mapping[str, Callable[[], tuple[Anchor, ...]]] = {
    worked_examples.DEVICE: worked_examples.anchors,
    tpu_v1.DEVICE: tpu_v1.anchors,
    snowflake.DEVICE: snowflake.anchors,
    eyeriss.DEVICE: eyeriss.anchors,
    nvdla.DEVICE: nvdla.anchors,
}
"""What can be validated, in the order of the report."""


def validate(device: str | None = None) -> tuple[Anchor, ...]:
    """Every published number beside the model's, of all machines or of one. Raises `InputError` for an unknown one."""
    if device is None:
        return tuple(anchor for found in DEVICES.values() for anchor in found())
    if device not in DEVICES:
        known = (*DEVICES, *measured_devices())
        raise InputError(Problem(f"nothing was published here of {device!r}", remedy=suggestion(device, known)))
    return DEVICES[device]()
