"""`dse budget` as a user runs it."""

import json

import pandas as pd
import pytest

FEW = ("--space", "three_knobs", "--set", "sram=64KiB,1MiB", "--set", "compute_units=64,1024,16384")


def test_a_run_writes_everything_and_fits_eighty_columns(dse, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    ran = dse("budget", "mlp", *FEW, "--from", "1USD", "--to", "50USD", "--points", "8", "--worth", "5%")
    assert (ran.code, ran.err) == (0, "")
    assert max(len(line.rstrip()) for line in ran.out.splitlines()) <= 80
    (folder,) = (tmp_path / "outputs").iterdir()
    assert {path.name for path in folder.iterdir()} == {"budget.csv", "budget.json", "budget.png", "manifest.json", "inputs"}
    assert (folder / "budget.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in (folder / "inputs").iterdir()} == {"mlp.yaml", "three_knobs.yaml"}
    steps, stored = pd.read_csv(folder / "budget.csv"), json.loads((folder / "budget.json").read_text())
    assert len(steps) == len(stored["steps"]) > 8
    assert (steps["price_usd"].is_monotonic_increasing, steps["latency_s"].is_monotonic_decreasing) == (True, True)
    split = steps[[column for column in steps if column.startswith("split_usd")]].sum(axis=1)
    assert split.to_numpy() == pytest.approx(steps["price_usd"].to_numpy(), rel=1e-9)
    assert len(stored["samples"]) == len(stored["shown"]) == 8
    assert (stored["worth"]["worth_fraction"], stored["certificate"]["kind"]) == (0.05, "exact")
    assert "Not before" in ran.out
    assert "stop buying 5% of latency" in " ".join(ran.out.split())
    assert json.loads((folder / "manifest.json").read_text())["of"] == "price"


def test_json_is_only_json(dse):
    ran = dse("budget", "mlp", *FEW, "--of", "power", "--objective", "throughput", "--json")
    assert (ran.code, ran.err) == (0, "")
    stored = json.loads(ran.out)
    assert (stored["of"], stored["objective"]) == ("power", "throughput")
    assert stored["steps"][0]["power_w"] == stored["cheapest"] == stored["from"]
    assert stored["verdict"]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--from", "9USD", "--to", "3USD"), 2, "the first is the larger"),
        (("--from", "9W"), 2, "--of power"),
        (("--to", "9"), 2, "no unit"),
        (("--to", "1USD"), 1, "takes 2."),
        (("--budget", "price=9USD"), 2, "--to 9USD"),
        (("--worth", "much"), 2, "not a percentage"),
        (("--of", "money"), 2, "price"),
    ],
)
def test_mistakes_are_explained(dse, tmp_path, options, code, said):
    ran = dse("budget", "mlp", *FEW, *options)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert not (tmp_path / "outputs").exists()


def test_control_c_keeps_the_curve_so_far(dse, tmp_path, monkeypatch):
    from dse.search.exact import _Search

    def stop(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(_Search, "_report", stop)
    ran = dse("budget", "mlp", "--space", "edge")
    assert ran.code == 130
    assert "what was found is kept in" in ran.err
    assert "interrupted with" in " ".join(ran.out.split())
    assert len(list((tmp_path / "outputs").iterdir())) == 1
