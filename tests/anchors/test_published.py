"""Every published number that dse carries against the model: within what is claimed, with a unit and a link."""

from collections import Counter
from dataclasses import replace

import pytest

from dse.errors import InputError
from dse.fidelity import tpu_v1
from dse.fidelity.anchor import Anchor, Source
from dse.fidelity.published import FOLDER, published
from dse.fidelity.validate import DEVICES, validate

ANCHORS = validate()
WITHOUT_UNIT = ("MACs", "operations", "weights", "rank correlation")
"""Counts and ratios name what they count in words."""


def named(anchor: Anchor) -> str:
    return f"{anchor.device}-{anchor.what}-{anchor.kind}".replace(" ", "_")


@pytest.mark.parametrize("anchor", ANCHORS, ids=named)
def test_published_number(anchor):
    assert anchor.passed is not False, f"{anchor.predicted:.4g} against {anchor.published:.4g} {anchor.unit}"
    assert anchor.source.link.startswith("https://")
    assert anchor.source.title
    assert anchor.source.confidence
    assert anchor.unit or any(word in anchor.what for word in WITHOUT_UNIT)
    assert anchor.note or anchor.kind != "shown", "what is shown without a claim says why"


def test_every_machine_has_claims_and_no_number_stands_twice():
    assert {anchor.device for anchor in ANCHORS if anchor.passed is not None} == set(DEVICES)
    assert max(Counter((anchor.device, anchor.what) for anchor in ANCHORS if anchor.kind == "value").values()) == 1


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.stem)
def test_every_file_states_source_confidence_and_licence(path):
    entries = [entry for entry in published(path.stem).values() if isinstance(entry, dict) and "title" in entry]
    assert entries
    for entry in entries:
        assert entry["link"].startswith("https://")
        assert entry["confidence"]
        assert entry["licence"]


TOLERANT = Anchor(
    device="chip",
    what="rate",
    published=10.0,
    predicted=10.0,
    unit="TOPS",
    tolerance=0.1,
    source=Source(title="a paper", link="https://example.org"),
)


@pytest.mark.parametrize(
    ("kind", "predicted", "passed"),
    [
        ("value", 11.0, True),
        ("value", 11.01, False),
        ("value", 8.99, False),
        ("at most", 3.0, True),
        ("at most", 11.0, True),
        ("at most", 11.01, False),
        ("at least", 30.0, True),
        ("at least", 9.0, True),
        ("at least", 8.99, False),
        ("shown", 1e6, None),
    ],
)
def test_what_passes(kind, predicted, passed):
    assert replace(TOLERANT, kind=kind, predicted=predicted).passed is passed


def test_a_zero_that_is_published_must_be_met():
    assert replace(TOLERANT, published=0.0, predicted=0.0, tolerance=0.0).passed
    assert not replace(TOLERANT, published=0.0, predicted=1.0, tolerance=0.0).passed


def test_nothing_is_fitted_on_tpu_v1():
    """Its space states what the paper states: no efficiency stands between the model and the measured rates."""
    device = tpu_v1.load_design("tpu_v1").device
    assert (device.compute_efficiency, device.bandwidth_efficiency, device.sram_efficiency) == (1.0, 1.0, 1.0)
    assert (device.weight_streams, device.weight_fetch) == (1.0, "array_tile")


def test_shares_of_the_matrix_unit_add_up():
    for app in tpu_v1.APPS:
        shares = tpu_v1.matrix_shares(app)
        assert min(shares.active, shares.shift, shares.stall) >= -1e-12
        assert shares.active + shares.shift + shares.stall == pytest.approx(1.0)


def test_lstm1_by_its_counters_is_worked_by_hand():
    """256 cycles are 17.1% of 1,497; 40,000 weights a tile and 96 rows make 3.84M MACs in it: 3.59 TOPS at 700 MHz."""
    anchor = next(anchor for anchor in ANCHORS if anchor.what == "LSTM1: rate by its counters")
    assert anchor.published == pytest.approx(2 * 40_000 * 96 / (256 / 0.171 / 700e6) / 1e12)


def test_no_predicted_rate_is_above_its_roof():
    line = tpu_v1.roofline()
    for point in line.points:
        assert point.predicted_tops <= line.roof_tops(point.macs_per_weight_byte) * (1 + 1e-9)


def test_one_machine_or_a_word_that_is_near():
    assert {anchor.device for anchor in validate("snowflake")} == {"snowflake"}
    with pytest.raises(InputError, match="did you mean 'tpu_v1'"):
        validate("tpu_v2")
