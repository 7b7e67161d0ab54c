"""`dse validate`: its table, its JSON, its picture, and how it ends."""

import json
from dataclasses import replace

import pytest

from dse.fidelity import measured
from dse.fidelity import validate as fidelity
from dse.inputs.measurements import Measurements, load_measurements


@pytest.fixture(autouse=True)
def few_measured_kernels(monkeypatch):
    """A few of the measured kernels; tests/machinery replays all of them."""
    whole = load_measurements("deepbench")
    rows = tuple(row for row in whole.rows if row.kernel.kind != "recurrent")[::60]
    monkeypatch.setattr(measured, "load_measurements", lambda name: Measurements(file=whole.file, sha256=whole.sha256, rows=rows))
    measured.replayed.cache_clear()
    yield
    measured.replayed.cache_clear()


def test_the_model_keeps_what_it_claims(dse):
    ran = dse("validate")
    assert ran.code == 0, ran.out
    assert "claims hold" in ran.out
    assert "https://arxiv.org/abs/1704.04760" in ran.out


def test_one_machine_and_its_sources_alone(dse):
    ran = dse("validate", "--device", "worked_examples")
    assert ran.code == 0, ran.out
    assert "3x3 on a map: intensity" in ran.out
    assert "1704.04760" not in ran.out


def test_table_fits_eighty_columns(dse, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    ran = dse("validate")
    assert max(len(line.rstrip()) for line in ran.out.splitlines()) <= 80
    assert "…" not in ran.out
    assert all(word in ran.out for word in ("LSTM1: rate by its counters", "±15%", "at most", "exact", "unverified"))


def test_json_holds_every_number_with_its_link(dse):
    ran = dse("validate", "--json")
    found = json.loads(ran.out)
    assert found["claims"] + found["shown"] == len(found["anchors"])
    assert found["failed"] == sum(anchor["passed"] is False for anchor in found["anchors"])
    assert all(anchor["link"].startswith("https://") for anchor in found["anchors"])
    rate = next(anchor for anchor in found["anchors"] if anchor["what"] == "MLP0: rate")
    assert rate["published"] == 12.3
    assert rate["error_fraction"] == pytest.approx(rate["predicted"] / 12.3 - 1)


def test_a_claim_that_fails_ends_with_1(dse, monkeypatch):
    wrong = tuple(replace(anchor, predicted=2 * anchor.published) for anchor in fidelity.validate("snowflake")[:1])
    monkeypatch.setattr(fidelity, "validate", lambda device: wrong)
    ran = dse("validate")
    assert ran.code == 1
    assert "FAIL" in ran.out
    assert "1 of 1 claims FAIL" in ran.out
    assert json.loads(dse("validate", "--json").out)["passed"] is False


def test_picture_of_all_is_predicted_against_measured(dse, tmp_path):
    ran = dse("validate", "--picture", "all.png")
    assert ran.code == 0
    assert (tmp_path / "all.png").read_bytes().startswith(b"\x89PNG")


def test_what_one_constant_would_do_for_the_tpu(dse):
    found = json.loads(dse("validate", "--device", "tpu_v1", "--json").out)["tpu_v1_one_constant"]
    assert found["mean_error_fraction"] <= 0.08 < found["mean_error_without_fraction"]
    assert set(found["error_fraction"]) == {"mlp0", "mlp1", "lstm0", "cnn0"}


def test_picture_is_a_png(dse, tmp_path):
    ran = dse("validate", "--device", "worked_examples", "--picture", "tpu.png")
    assert ran.code == 0
    assert (tmp_path / "tpu.png").read_bytes().startswith(b"\x89PNG")
    assert "tpu.png" in ran.err
    assert "tpu.png" not in ran.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--device", "tpu_v2"), "did you mean 'tpu_v1'"),
        (("--device", "worked_examples", "--picture", "tpu.jpg"), "ends in .png"),
        (("--device", "worked_examples", "--picture", "nowhere/tpu.png"), "nowhere/tpu.png"),
    ],
)
def test_bad_input_ends_with_2(dse, arguments, said):
    ran = dse("validate", *arguments)
    assert ran.code == 2
    assert said in ran.err
    assert "Traceback" not in ran.err
