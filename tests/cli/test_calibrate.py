"""`dse calibrate`: what it says, the device that it writes, and every kind of bad CSV; measured kernels in `dse validate`."""

import csv
import json
from pathlib import Path

import pytest

from dse.fidelity import measured
from dse.fidelity.measured import measured_devices
from dse.inputs.measurements import load_measurements
from dse.inputs.spaces import load_design

HEADER = "kind,precision,time_us,m,n,k"


def rows_of(name, chosen):
    """A CSV of some shipped rows, without the column of devices."""
    found = load_measurements("deepbench").where(f"device={name}")
    cells = [{key: text for key, text in row.cells if key != "device"} for row in found.rows if chosen(row)]
    columns = list(dict.fromkeys(key for row in cells for key in row))
    lines = [",".join(columns), *(",".join(row.get(column, "") for column in columns) for row in cells)]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def small_csv(tmp_path_factory):
    path = tmp_path_factory.mktemp("measured") / "mine.csv"
    sizes = (16, 32, 64, 700, 1760, 2048)
    path.write_text(rows_of("tesla_p100", lambda row: row.kernel.kind == "gemm" and row.kernel.operation.n_group in sizes))
    return path


def test_a_device_comes_out_that_other_commands_take(dse, small_csv, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    few = ("--rows", "precision=fp32", "--samples", "3", "--picture", "p.png")
    ran = dse("calibrate", small_csv, "--on", "tesla_p100", "-o", "mine.yaml", *few)
    assert ran.code == 0, ran.err
    assert all(word in ran.out for word in ("compute efficiency", "not fitted: no row is a recurrent", "held out: every shape"))
    assert max(len(line.rstrip()) for line in ran.out.splitlines()) <= 80
    assert "fold 5 of 5 held out" in ran.err
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    written = load_design("mine.yaml")
    assert written.name == "tesla_p100_calibrated"
    assert 0.5 < written.device.compute_efficiency < 1.0
    assert written.device.tiling == load_design("tesla_p100").device.tiling
    assert any("calibrated 20" in note and "SHA-256" in note for note in written.notes)
    assert any("held out by shape, 5 folds: gemm fp32" in sentence for sentence in written.assumptions())
    stated = {unknown.name: unknown for unknown in written.unknowns}
    assert {"compute_reach", "launch_latency"} <= set(stated) <= {"compute_reach", "memory_bandwidth", "launch_latency"}
    assert all(0.5 < unknown.low < 1 < unknown.high < 2 and "mine.yaml" in unknown.source for unknown in stated.values())
    assert dse("evaluate", "mlp", "--on", "mine.yaml", "--no-advice").code == 0
    again = dse("calibrate", small_csv, "--on", "mine.yaml", "-o", "mine.yaml")
    assert again.code == 2
    assert "mine.yaml: is there already" in again.err


def test_json_has_every_constant_and_what_was_held_out(dse, small_csv):
    ran = dse(
        "calibrate", small_csv, "--on", "tesla_p100", "--json", "--folds", "2", "--samples", "0", "--rows", "precision=fp32"
    )
    found = json.loads(ran.out)
    assert found["held_out"]["by"] == "shape"
    assert found["held_out"]["folds"] == 2
    assert set(found["constants"]) == {
        "compute_efficiency", "bandwidth_efficiency", "launch_latency_s", "dependency_latency_s", "sram_efficiency",
    }  # fmt: skip
    fitted = found["constants"]["compute_efficiency"]
    assert fitted["low"] <= fitted["value"] <= fitted["high"]
    assert found["constants"]["dependency_latency_s"]["reason"]
    assert found["written"] is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "mine.csv:1: the first line must name the columns"),
        (HEADER, "there is no row of measurements"),
        ("kind,precision,m,n,k\ngemm,fp32,1,1,1", "mine.csv:1: no column holds the time"),
        ("kind,precision,time_us,time_ms,m,n,k\ngemm,fp32,1,1,1,1,1", "2 columns hold the time"),
        ("knd,precision,time_us\ngemm,fp32,1", "there is no column 'kind'"),
        ("kind,kind,precision,time_us\ngemm,gemm,fp32,1", "the column 'kind' stands twice"),
        (f"{HEADER}\ngemm,fp32,0,8,8,8", "mine.csv:2:3: time_us: a time is more than zero"),
        (f"{HEADER}\ngemm,fp32,nan,8,8,8", "mine.csv:2:3: time_us: a time is more than zero and finite"),
        (f"{HEADER}\ngemm,fp32,1 us,8,8,8", "time_us: '1 us' is no number"),
        (f"{HEADER}\n\ngemm,fp32,1,8,8", "mine.csv:3: 5 cells in a row under 6 columns"),
        (f"{HEADER}\ngemm,fp32,1,8,8,", "mine.csv:2:6: k is needed of a gemm, and the cell is empty"),
        (f"{HEADER}\ngemm,fp32,1,8,8,-3", "k: '-3' is no whole number"),
        (f"{HEADER}\ngemm,fp32,1,8,8,2.5", "k: '2.5' is no whole number"),
        (f"{HEADER}\ngemm,float,1,8,8,8", "precision: 'float' is none of"),
        (f"{HEADER}\ngem,fp32,1,8,8,8", "did you mean 'gemm'"),
        (f"{HEADER}\nconvolution,fp32,1,8,8,8", "channels is needed of a convolution, and there is no such column"),
        (f"{HEADER}\nrecurrent,fp32,1,8,8,8", "cell is needed of a recurrent, and there is no such column"),
        (
            "kind,precision,time_us,batch,channels,height,width,filters,filter_height,filter_width\nconvolution,fp32,1,1,3,4,4,8,9,9",
            "a filter of 9 does not fit an input of 4",
        ),
        (f'{HEADER}\n"gemm,fp32,1,8,8,8', "is no CSV text"),
        (f"{HEADER}\ngemm,fp32,1,8,8,8\ngemm,fp32,2,9,9,9", "2 shapes of gemm, convolution, recurrent are too few"),
    ],
)
def test_bad_rows_are_errors_with_their_lines(dse, tmp_path, text, said):
    (tmp_path / "mine.csv").write_text(text)
    ran = dse("calibrate", "mine.csv", "--on", "tesla_p100")
    assert ran.code == 2
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert not ran.out


def test_all_that_is_wrong_is_said_at_once(dse, tmp_path):
    (tmp_path / "mine.csv").write_text(f"{HEADER}\ngemm,fp32,x,8,8,8\ngemm,fp32,1,0,8,8\n")
    ran = dse("calibrate", "mine.csv", "--on", "tesla_p100")
    assert "mine.csv:2:3" in ran.err
    assert "mine.csv:3:4" in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("deepbenc", "--on", "tesla_p100"), "did you mean 'deepbench'"),
        (("nowhere.csv", "--on", "tesla_p100"), "nowhere.csv"),
        (("deepbench", "--on", "edge"), "designs, and one is needed"),
        (("deepbench", "--on", "eyeriss"), "no row of"),
        (("deepbench", "--on", "tesla_p100", "--kind", "gem"), "did you mean 'gemm'"),
        (("deepbench", "--on", "tesla_p100", "--rows", "precision"), "COLUMN=TEXT is needed"),
        (("deepbench", "--on", "tesla_p100", "--rows", "precision=fp64"), "no row has precision = 'fp64'"),
    ],
)
def test_bad_usage(dse, arguments, said):
    ran = dse("calibrate", *arguments)
    assert ran.code == 2
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_measured_kernels_stand_beside_a_plain_roofline(dse, monkeypatch, tmp_path):
    few = load_measurements("deepbench")
    kept = [row for row in few.rows if row.device == "tesla_m40" and row.kernel.kind != "recurrent"][::9]
    sample = few.__class__(file=few.file, sha256=few.sha256, rows=tuple(kept))
    monkeypatch.setattr(measured, "load_measurements", lambda name: sample)
    measured.replayed.cache_clear()
    monkeypatch.setenv("COLUMNS", "80")
    ran = dse("validate", "--device", "tesla_m40", "--picture", "m40.png")
    assert ran.code == 0, ran.err
    assert "the model orders" in ran.out
    assert "Apache-2.0" in ran.out
    assert max(len(line.rstrip()) for line in ran.out.splitlines()) <= 80
    assert (tmp_path / "m40.png").exists()
    found = json.loads(dse("validate", "--device", "tesla_m40", "--json").out)
    assert found["anchors"] == []
    assert {group["kind"] for group in found["measured"]} == {"gemm", "convolution"}
    gemm = found["measured"][0]
    assert gemm["model"]["rank_correlation"] > 0.9
    assert gemm["model"]["n"] == gemm["roofline"]["n"]
    measured.replayed.cache_clear()


def test_what_is_shipped_states_its_source_and_agrees_with_itself():
    source = measured.measured_source()
    assert source.link.startswith("https://")
    assert "Apache-2.0" in source.title
    rows = load_measurements("deepbench").rows
    assert len(rows) == 1479
    assert measured_devices() == ("tesla_m40", "tesla_p100", "titan_xp", "titan_xp_int8")
    with Path(load_measurements("deepbench").file).open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(rows)
