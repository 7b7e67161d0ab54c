"""`dse reuse` as a user runs it."""

import json

import pytest


def test_tables_fit_eighty_columns(dse, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for arguments in (("vision",), ("speech", "--layer", "rnn.1.fwd.recurrent"), ("mlp", "--on", "tpu_v1")):
        ran = dse("reuse", *arguments)
        assert ran.code == 0, ran.err
        assert max(len(line.rstrip()) for line in ran.out.splitlines()) <= 80
        assert "…" not in ran.out


def test_json_and_picture(dse, tmp_path):
    ran = dse("reuse", "mlp", "--scenario", "dlrm@b64", "--capacity", "64KiB,1MiB", "--picture", "reuse.png", "--json")
    assert ran.code == 0, ran.err
    result = json.loads(ran.out)
    assert result["chosen_capacity_bytes"] == [65536, 1048576]
    assert [each["scenario"] for each in result["scenarios"]] == ["dlrm@b64"]
    assert (tmp_path / "reuse.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--capacity", "512"), ("unit", "KiB")),
        (("--layer", "topp1"), ("no layer", "did you mean")),
        (("--scenario", "dlrm@b6"), ("did you mean 'dlrm@b64'",)),
        (("--picture", "reuse.jpg"), (".jpg", ".svg or .pdf")),
        (("--picture", "no/such/folder/reuse.png"), ("No such file",)),
        (("--family", "weights"), ("weight_stationary",)),
        (("--on", "edge"), ("one is shown", "known chip")),
    ],
)
def test_mistakes(dse, arguments, words):
    ran = dse("reuse", "mlp", *arguments)
    assert ran.code == 2
    assert all(word in ran.err for word in words), ran.err
    assert "Traceback" not in ran.err
