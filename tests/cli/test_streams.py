"""Where the output goes: pipes, full disks, closed streams, odd terminals, other encodings; and names that look like markup."""

import json
import os
import subprocess
import sys

import pytest

DSE = [sys.executable, "-c", "from dse.cli import main; main()"]

WORKLOAD = """\
name: mine
space: odd.yaml
networks:
  - name: net
    input: {features: 64}
    layers: [{name: fc, kind: linear, features: 32}]
"""

ODD = "[/red] :smile: {0} %s"
SPACE = f"""\
name: odd
title: "[/x] {ODD}"
notes: ["{ODD}"]
parameters: {{array_rows: [16, 32], array_cols: 16, frequency: 1 GHz, sram: 256 KiB, memory: "{ODD}", node: 16 nm}}
technology:
  source: "{ODD}"
  memories:
    "{ODD}": {{bandwidth: 10 GB/s, energy: 5 pJ/bit, phy_area: 1 mm2, capacity: 4 GB,
              price_per_gb: 2 USD, price_date: 2026-11, package: organic}}
"""


def run(*arguments, cwd, shell=None, **environment):
    """The command line in a process of its own; `shell` is what stands behind the command, such as a redirection."""
    settings = {**os.environ, **environment}
    if shell is None:
        return subprocess.run([*DSE, *arguments], cwd=cwd, env=settings, capture_output=True, text=True, check=False)
    line = f'"$0" -c "$1" "${{@:2}}" {shell}'
    return subprocess.run(
        ["bash", "-c", line, *(DSE[0], DSE[2]), *arguments], cwd=cwd, env=settings, capture_output=True, text=True, check=False
    )


def test_a_full_disk_is_no_fault_of_the_program(tmp_path):
    ran = run("list", cwd=tmp_path, shell=">/dev/full")
    assert ran.returncode == 2
    assert ran.stderr.strip() == "error: the output: No space left on device"


def test_closed_streams(tmp_path):
    assert (
        run(
            "search", "mlp", "--space", "three_knobs", "--set", "sram=1MiB", "--trials", "5", cwd=tmp_path, shell=">&- 2>&-"
        ).returncode
        == 0
    )


def test_a_reader_that_leaves_early(tmp_path):
    ran = run("schema", "workload", cwd=tmp_path, shell="| head -1; exit ${PIPESTATUS[0]}")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "{\n", "")


@pytest.mark.parametrize("columns", ["", "abc", "-5", "0", "1.5", "1000000"])
def test_any_width_of_the_terminal(dse, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    ran = dse("list")
    assert ran.code == 0, ran.err
    assert "speech" in ran.out


def test_a_stream_that_holds_no_dash(tmp_path):
    plain = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    (tmp_path / "mine.yaml").write_text(WORKLOAD.replace("odd.yaml", "nowhere"))
    ran = run("evaluate", "mine.yaml", "--on", "tpu_v1", "--set", "sram=1B", cwd=tmp_path, **plain)
    assert ran.returncode == 1, ran.stderr
    assert "\\u221e" in ran.stdout
    ran = run("list", "--json", cwd=tmp_path, **plain)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["spaces"]


def test_names_that_look_like_markup_are_printed_as_written(dse, tmp_path):
    (tmp_path / "odd.yaml").write_text(SPACE)
    folder = tmp_path / "a b" / "é [bold]x %s"
    folder.mkdir(parents=True)
    (folder / "work [bold].yaml").write_text(WORKLOAD.replace("odd.yaml", "../../odd.yaml"))
    ran = dse("search", folder / "work [bold].yaml", "--output", folder)
    assert ran.code == 0, ran.err
    assert ODD in ran.out
    assert "Written to" in ran.out
    (written,) = [path for path in folder.iterdir() if path.is_dir()]
    assert {path.name for path in (written / "inputs").iterdir()} == {"work [bold].yaml", "odd.yaml"}
    assert ODD in (written / "manifest.json").read_text(encoding="utf-8")
    ran = dse("evaluate", folder / "work [bold].yaml", "--on", "odd.yaml", "--set", "array_rows=16")
    assert ran.code == 0, ran.err
    assert ODD in ran.out


@pytest.mark.parametrize("name", ["../evil", "a/b", "", "[red]x", "x" * 65, "Upper", "a b"])
def test_a_space_has_a_name_that_can_name_a_folder(dse, tmp_path, name):
    (tmp_path / "odd.yaml").write_text(SPACE.replace("name: odd", f'name: "{name}"'))
    (tmp_path / "work.yaml").write_text(WORKLOAD)
    ran = dse("search", "work.yaml")
    assert ran.code == 2
    assert "odd.yaml:1:7: 'name' " in ran.err
    assert "^[a-z" not in ran.err
    assert not (tmp_path / "outputs").exists()


def test_an_interrupted_command_says_so(dse, monkeypatch):
    def interrupted(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("dse.inputs.job.load_job", interrupted)
    ran = dse("search", "mlp")
    assert ran.code == 130
    assert ran.err.strip() == "interrupted; nothing was kept"
