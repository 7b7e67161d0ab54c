"""`dse explain` as a user runs it."""

import json
import re

import pytest

EDGE = (
    "array_rows=32", "array_cols=64", "cores=4", "frequency=800MHz", "dataflow=weight_stationary", "sram=512KiB",
    "double_buffer=false", "memory=lpddr4", "channels=1", "vector_lanes=16", "node=16nm",
)  # fmt: skip
KNOBS = ("compute_units=4096", "bandwidth=34GB/s", "sram=4MiB")


def on(space, *settings):
    return ("--on", space, *(word for setting in settings for word in ("--set", setting)))


@pytest.mark.parametrize("width", [80, 130])
@pytest.mark.parametrize(
    "arguments",
    [
        ("vision", *on("tpu_v1"), "--scenario", "resnet50@b8"),
        ("vision", *on("tpu_v1"), "--scenario", "resnet50@b8", "--layer", "res4a_conv2"),
        ("speech", *on("edge", *EDGE)),
        ("speech", *on("edge", *EDGE), "--layer", "rnn"),
        ("transformer", *on("three_knobs", *KNOBS)),
        ("transformer", *on("eyeriss"), "--layer", "layer.1.attention"),
        ("snowflake", *on("snowflake")),
        ("training", *on("tpu_v1", "precision=bf16"), "--scenario", "resnet50@b32+train"),
        ("tpu_apps", *on("nvdla_full"), "--scenario", "mlp0@b200", "--layer", "fc.2.linear"),
    ],
)
def test_it_fits(dse, monkeypatch, width, arguments):
    monkeypatch.setenv("COLUMNS", str(width))
    ran = dse("explain", *arguments)
    assert ran.code == 0, ran.err
    assert max(len(line.rstrip()) for line in ran.out.splitlines()) <= width
    assert "…" not in ran.out
    assert "nan" not in ran.out.lower().split()


def test_json_holds_every_layer_of_every_scenario(dse):
    found = json.loads(dse("explain", "tpu_apps", *on("tpu_v1"), "--json").out)
    assert len(found["scenarios"]) == 6
    evaluated = json.loads(dse("evaluate", "tpu_apps", *on("tpu_v1"), "--no-advice", "--json").out)
    rows = iter(evaluated["layers"])
    for scenario in found["scenarios"]:
        for layer in scenario["layers"]:
            row = next(rows)
            assert {name: layer[name] for name in row if name != "energy_j"} == {n: v for n, v in row.items() if n != "energy_j"}
            assert sum(layer["time_share_fraction"].values()) == pytest.approx(1) or not layer["time_s"]
            assert layer["energy"]["total_j"] == pytest.approx(row["energy_j"])


def quantity(text):
    """The last number of a line in SI, and its unit."""
    number, unit = re.findall(r"= ([\d,.]+)(?: (ps|ns|us|ms|s|pJ|nJ|uJ|mJ|J))?", text)[-1]
    factor = {"p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3}.get(unit[:1] if len(unit) == 2 else "", 1.0)
    return float(number.replace(",", "")) * factor


@pytest.mark.parametrize("space", [on("tpu_v1"), on("edge", *EDGE), on("eyeriss"), on("nvdla_full"), on("three_knobs", *KNOBS)])
def test_the_printed_numbers_are_those_of_the_evaluation(dse, space):
    """And each formula, worked out from what is printed, gives what is printed."""
    chosen = ("--scenario", "resnet50@b8", "--layer", "res4a_conv2")
    found = json.loads(dse("explain", "vision", *space, *chosen, "--json").out)
    (layer,) = found["scenarios"][0]["layers"]
    lines = {title: {line["label"]: line["text"] for line in text} for title, text in layer["formulas"].items()}
    assert quantity(lines["Parameters"]["load once"]) == pytest.approx(layer["parameters"]["load_once_s"], rel=1e-3)
    assert quantity(lines["Time"]["array"]) == pytest.approx(layer["compute_s"], rel=1e-3)
    assert quantity(lines["Time"]["memory"]) == pytest.approx(layer["memory_s"], rel=1e-3)
    assert quantity(lines["Time"]["time"]) == pytest.approx(layer["time_s"], rel=1e-3)
    assert quantity(lines["Compute"]["MACs"]) == layer["macs"]
    cycles = lines["Compute"]["cycles"].split(" = ")
    assert float(cycles[-1].replace(",", "")) == pytest.approx(layer["array"]["cycles"], rel=1e-6)
    if len(cycles) == 3:
        body = cycles[1].replace(",", "").replace("·", "*")
        body = re.sub(r"max\((\d+) (\d+)\)", r"max(\1, \2)", body)
        assert eval(body) == pytest.approx(layer["array"]["cycles"])
    for name, part in (("MACs", "mac_j"), ("DRAM", "dram_j"), ("static", "static_j")):
        assert quantity(lines["Energy"][name]) == pytest.approx(layer["energy"][part], rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("mlp", *on("tpu_v1"), "--layer", "topp1"), ("did you mean 'top1'",)),
        (("vision", *on("tpu_v1"), "--scenario", "resnet50@b8", "--layer", "zzz"), ("no layer 'zzz'", "more")),
        (("mlp", *on("tpu_v1"), "--scenario", "dlrm@b6"), ("did you mean 'dlrm@b64'",)),
        (("mlp", *on("edge")), ("designs", "--set")),
        (("mlp", *on("tpu_v2")), ("tpu_v1",)),
    ],
)
def test_mistakes(dse, arguments, words):
    ran = dse("explain", *arguments)
    assert ran.code == 2
    assert all(word in ran.err for word in words), ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("training", *on("tpu_v1")), ("conv1 and 160 others cannot run", "floating-point", "int8")),
        (("mlp", *on("tpu_v1", "sram=8B"), "--scenario", "dlrm@b1"), ("cannot run", "no mapping fits: it needs")),
        (("mlp", *on("tpu_v1", "sram=8B"), "--scenario", "dlrm@b1", "--layer", "top1"), ("cannot run",)),
    ],
)
def test_what_cannot_run_is_said(dse, arguments, words):
    ran = dse("explain", *arguments)
    assert ran.code == 1
    assert all(word in ran.out + ran.err for word in words), ran.err
    assert json.loads(dse("explain", *arguments, "--json").out)["scenarios"]


def test_a_layer_is_found_in_another_scenario_than_the_slowest(dse):
    ran = dse("explain", "mlp", *on("tpu_v1"), "--layer", "interaction")
    assert ran.code == 0, ran.err
    assert "each vector meets every other" in ran.out
