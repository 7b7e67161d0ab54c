"""What README.md tells a newcomer to type works as written."""

import json
import re
import shlex
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = [line for kind, block in BLOCKS if kind == "bash" for line in block.splitlines() if line.startswith("dse ")]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(dse, request, command):
    """As written, but of each search no more than its first 20 trials."""
    arguments = shlex.split(command)[1:]
    if arguments[0] == "search":
        arguments += ["--trials", "20"]
    if arguments[0] in ("report", "show", "compare", "figure"):
        request.getfixturevalue("stored_run")
    ran = dse(*arguments)
    assert ran.code == 0, ran.err
    assert ran.out


def test_every_command_of_the_tool_is_shown(dse):
    from dse.cli import app

    names = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert {command.split()[1] for command in COMMANDS} == names


def test_the_library():
    (code,) = [block for kind, block in BLOCKS if kind == "python"]
    scope = {}
    exec(code.replace("100_000", "10_000").replace("trials=200", "trials=20").replace("trials=50", "trials=10"), scope)
    assert scope["curve"].at(262_144) >= scope["curve"].compulsory_bytes
    assert len(scope["metrics"]) == 10_000
    assert len(scope["front"]) >= 1


def test_the_workload(dse, tmp_path):
    (text,) = [block for kind, block in BLOCKS if kind == "yaml"]
    (tmp_path / "mine.yaml").write_text(text)
    ran = dse("search", "mine.yaml", "--trials", "20")
    assert ran.code == 0, ran.err
    assert "tagger@b8" in ran.out


def test_the_layer_kinds_are_those_of_the_schema():
    from dse.inputs.schema import workload_schema

    listed = re.search(r"Layer kinds: (.*?), and blocks", README, flags=re.DOTALL)[1]
    named = {name.strip() for name in listed.split(",")}
    kinds = set(re.findall(r'"kind": \{[^{}]*"const": "(\w+)"', json.dumps(workload_schema())))
    assert named == kinds
