"""`dse search` says which rung of the ladder it climbed, why, and how near its front is to the exact one."""

import json
import re

import pandas as pd

from dse.search import ladder

SMALL = ("mlp", "--space", "three_knobs", "--set", "sram=64KiB,512KiB,4MiB", "--set", "bandwidth=2GB/s,8GB/s,32GB/s,128GB/s")


def result(dse, *options):
    ran = dse("search", *SMALL, *options, "--json")
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def test_the_whole_front_is_certified(dse):
    found = result(dse)
    assert found["certificate"]["kind"] == "exact"
    assert found["standing"]["hypervolume_share"] == 1.0
    assert found["standing"]["epsilon"] == 0.0
    assert all(design["certified"] for design in found["front"])


def test_part_of_the_front_is_measured_and_marked(dse, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    ran = dse("search", *SMALL, "--trials", "40", "--sampler", "random")
    assert ran.code == 0, ran.err
    assert "ladder: Optuna's sampler random, as asked for" in ran.out
    text = " ".join(ran.out.split())
    said = r"against the exact front of \d+ designs: ([\d.]+)% of its hypervolume, epsilon ([\d.]+)%; (\d+) of these (\d+) are"
    share, epsilon, certified, of = re.search(said, text).groups()
    assert 0 < float(share) < 100
    assert float(epsilon) > 0
    (folder,) = (tmp_path / "outputs").iterdir()
    stored = pd.read_csv(folder / "front.csv")
    assert stored["certified"].sum() == int(certified)
    assert len(stored) == int(of)
    assert max(len(line.rstrip()) for line in ran.out.splitlines()) <= 80


def test_a_space_too_large_for_that_is_screened(dse, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(ladder, "EXACT_SECONDS", 0.0)
    ran = dse("search", "mlp", "--space", "edge", "--trials", "60")
    text = " ".join(ran.out.split())
    assert "ladder: vectorised search of 2,000 designs, for an exact front (`dse front`) was expected to take" in text
    assert "of the hypervolume of the best known front" in text


def test_the_same_seed_writes_the_same_result(dse, tmp_path):
    first, second = (result(dse, "--trials", "30") for _ in range(2))
    assert first.pop("folder") != second.pop("folder")
    assert first == second
