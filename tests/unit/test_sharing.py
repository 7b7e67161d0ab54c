"""Which tiles devices share: a choice finds those that made the times, and a device that was held out has no part in it."""

from dataclasses import replace

import numpy as np
import pytest

from dse.errors import InputError
from dse.fidelity import sharing
from dse.fidelity.floor import best_rising_s
from dse.fidelity.replay import Constants, Replay
from dse.fidelity.sharing import OPTIONS, Option, chosen, held_out_devices, tiling_of
from dse.inputs.measurements import Measurement
from dse.inputs.spaces import load_design
from dse.workload.kernels import KERNEL_KINDS, gemm

FEW = (Option("128x128", (1, 2), 1), Option("64x64", (2, 4), 4), Option("idle splits", (1, 8), 1))
TRUE = (1, 2, 8)
CONSTANTS = Constants(compute_efficiency=0.8, bandwidth_efficiency=0.6, launch_latency_s=8e-6)
KERNELS = [gemm("fp32", m=m, n=n, k=k) for m in (35, 1760, 3072, 7680) for n in (16, 700, 3000) for k in (512, 2048)]


@pytest.fixture
def machines(monkeypatch):
    """Two machines whose times the model made on tiles of `TRUE`, each with constants of its own."""
    monkeypatch.setitem(sharing.OPTIONS, "gemm", FEW)
    return {name: timed(name, share, TRUE) for name, share in (("tesla_p100", 0.9), ("titan_xp", 0.7))}


def timed(name, share, tiles):
    space = load_design(name)
    blank = Replay.of([Measurement(kernel=kernel, time_s=1.0) for kernel in KERNELS], space)
    made = blank.tiled(tiling_of(space.device.tiling, "gemm", tiles))
    noise = np.exp(0.02 * np.random.default_rng(1).standard_normal(len(KERNELS)))
    times = made.times_s(replace(CONSTANTS, compute_efficiency=share)) * noise
    return replace(blank, rows=tuple(replace(row, time_s=float(time)) for row, time in zip(blank.rows, times, strict=True)))


def test_the_tiles_that_made_the_times_are_chosen(machines):
    found = chosen(list(machines.values()), "gemm")
    assert found == tiling_of(load_design("tesla_p100").device.tiling, "gemm", TRUE)


def test_a_device_that_is_held_out_has_no_part_in_the_choice(machines, monkeypatch):
    """Its own times made on other tiles change nothing of what the others choose, and its errors show it."""
    other = timed("tesla_m40", 0.8, (2, 4, 1))
    named = machines | {"tesla_m40": other}
    monkeypatch.setattr(sharing, "sharing_devices", lambda: tuple(sorted(named)))
    monkeypatch.setattr(sharing, "_kernels", lambda device, kind: named[device])
    (held,) = held_out_devices("tesla_m40", kinds=("gemm",))
    assert held.chosen_on == ("tesla_p100", "titan_xp")
    assert held.tiling == chosen(list(machines.values()), "gemm")
    named["tesla_m40"] = timed("tesla_m40", 0.8, TRUE)
    (alike,) = held_out_devices("tesla_m40", kinds=("gemm",))
    assert alike.tiling == held.tiling
    assert alike.scores[""].median_error < 0.03 < held.scores[""].median_error


def test_every_kind_starts_from_a_tiling():
    base = load_design("titan_xp").device.tiling
    for kind in KERNEL_KINDS:
        start = tuple(option.start for option in OPTIONS[kind])
        assert all(option.start in option.values for option in OPTIONS[kind])
        found = tiling_of(base, kind, start)
        untouched = {"product", "convolution", "recurrent"} - {sharing.USE[kind]}
        assert all(found.of(use) == base.of(use) for use in untouched)
    assert tiling_of(base, "convolution", (0, 1, 0, 0, 0, 0)) is None, "no tile is left for Winograd"


def test_a_device_that_shares_nothing_is_refused():
    with pytest.raises(InputError, match="shares no kernels of fp32"):
        held_out_devices("titan_xp_int8")


def test_the_best_rising_curve():
    """n = 8 and 16 change places in time, so both get their geometric mean; equal shapes do too; n = 32 is met."""
    sizes = ((8, 4e-6), (16, 1e-6), (32, 9e-6), (32, 9e-6), (64, 1e-5), (64, 4e-5))
    rows = [Measurement(kernel=gemm("fp32", m=64, n=n, k=64), time_s=time) for n, time in sizes]
    found = best_rising_s(Replay.of(rows, load_design("tesla_p100")))
    np.testing.assert_allclose(found, [2e-6, 2e-6, 9e-6, 9e-6, 2e-5, 2e-5])
