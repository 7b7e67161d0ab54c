"""Conditions as a file writes them: what they mean, and what is said where they mean nothing."""

import numpy as np
import pytest

import dse
from dse.errors import InputError
from dse.hardware.conditions import ConditionError, read_condition
from dse.hardware.parameters import CHIP
from dse.inputs.spaces import space_from
from dse.inputs.yaml import read_text

MEMORIES = ("ddr4", "lpddr4", "hbm2e", "hbm3", "gddr6")
SPACE = """
name: ruled
parameters:
  array_rows: [8, 16]
  array_cols: 8
  frequency: {by: node, 28 nm: {from: 200 MHz, to: 400 MHz, step: 100 MHz}, 16 nm: 1 GHz}
  sram: 1 MiB
  memory: [lpddr4, hbm2e]
  channels: {lpddr4: [1, 2, 4], hbm2e: [1, 2, 4, 6]}
  node: [28 nm, 16 nm]
forbid:
  - "memory == 'hbm2e' and node > 16 nm"
"""


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("memory == 'lpddr5' and node > 7 nm", "memory == 'lpddr5' and node_nm > 7"),
        ("memory not in ['ddr4'] or cores in [2, 4]", "memory != 'ddr4' or cores in [2, 4]"),
        ("sram / cores >= 1 MiB", "sram_bytes / cores >= 1048576"),
        ("200 MHz < frequency <= 0.5GHz", "2e8 < frequency_hz <= 5e8"),
        ("bandwidth > 32 B * frequency", "bandwidth_bytes_per_s > 32 * frequency_hz"),
        ("sram / bandwidth > 100 us", "sram_bytes / bandwidth_bytes_per_s > 1e-4"),
        ("not double_buffer and vector_lanes - 16 > cores * +2", "not double_buffer and vector_lanes - 16 > cores * 2"),
        ("double_buffer == true != False", "double_buffer"),
        ("dataflow != 'output_stationary'", "dataflow != 'output_stationary'"),
    ],
)
def test_a_condition_is_what_python_makes_of_it(text, holds):
    space = dse.load_space("edge")
    indices = space.random_indices(200, seed=0)
    expected = [eval(holds, {}, row._asdict()) for row in space.frame(indices).itertuples()]
    known = (*MEMORIES, "lpddr5")
    assert read_condition(text, CHIP, known).on(space.designs(indices)).tolist() == expected


@pytest.mark.parametrize(
    ("text", "at", "message", "remedy"),
    [
        ("nod > 16 nm", 0, "no parameter 'nod'", "did you mean 'node'"),
        ("cores > 1 and nod > 16 nm", 14, "no parameter 'nod'", "did you mean 'node'"),
        ("node > 16", 7, "cannot be compared", "16 has no unit; write it like 28 nm"),
        ("node > 1 MiB", 7, "node is a process node, and 1 MiB is a size in bytes", ""),
        ("sram + cores > 1 MiB", 7, "cannot be added", ""),
        ("sram * cores > 4 GHz", 15, "product is a size in bytes, and 4 GHz is a frequency", ""),
        ("memory == hbm2e", 10, "quoted name", "memory == 'hbm2e'"),
        ("memory == 'hbm4'", 10, "unknown memory 'hbm4'", "did you mean"),
        ("memory > 'hbm3'", 0, "memory is a name", ""),
        ("hbm3 == memory", 0, "quoted name", "'hbm3'"),
        ("cores = 4", 6, "= does not compare", "=="),
        ("cores > 4 && node > 7 nm", 10, "&& is not known", "and"),
        ("cores > 4 nmm", 10, "unknown unit 'nmm'", "'nm'"),
        ("sram > 1 mib", 9, "unknown unit", "'MiB'"),
        ("cores > 4 and (node > 7 nm", 14, "cannot be read", "bracket"),
        ("cores", 0, "a number stands where a condition", ""),
        ("__import__('os') > 1", 0, "no calls", ""),
        ("cores.real > 1", 0, "no calls, dots", ""),
        ("[1][0] > cores", 0, "no calls", ""),
        ("cores ** 9 > 1", 0, "only + - * /", ""),
        ("1 > 0", 0, "names no parameter", ""),
        ("", 0, "empty condition", ""),
        ("-" * 900 + "cores > 1", None, "nested", ""),
        ("cores > 1" + " " * 1000, 0, "at most 1,000", ""),
    ],
)
def test_what_means_nothing_is_shown_with_a_caret(text, at, message, remedy):
    with pytest.raises(ConditionError) as caught:
        read_condition(text, CHIP, MEMORIES)
    error = caught.value
    assert message in error.message
    assert remedy in (error.remedy or "")
    if at is not None:
        assert error.at == at
        assert error.hint.splitlines()[1].index("^") == 4 + at


def test_a_space_file_says_what_each_memory_and_node_allow():
    space = space_from(read_text(SPACE))
    assert space.parameter("channels").values == (1, 2, 4, 6)
    assert space.parameter("frequency").values == (2e8, 3e8, 4e8, 1e9)
    table = space.frame(space.indices(np.arange(space.size)))
    kept = ~space.broken_rules(space.designs(space.indices(np.arange(space.size)))).any(axis=1)
    found = set(table[kept][["memory", "channels", "node_nm", "frequency_hz"]].itertuples(index=False, name=None))
    clocks = {28.0: (2e8, 3e8, 4e8), 16.0: (1e9,)}
    assert found == {
        (memory, channels, node, clock)
        for memory, allowed in (("lpddr4", (1, 2, 4)), ("hbm2e", (1, 2, 4, 6)))
        for channels in allowed
        for node in (28.0, 16.0)
        for clock in clocks[node]
        if not (memory == "hbm2e" and node > 16)
    }
    assert space.allowed.designs == kept.sum() == 2 * len(found)


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ("node > 16 nm", "nodes > 16 nm", "12:28", "no parameter 'nodes'"),
        ("\"memory == 'hbm2e' and node > 16 nm\"", "array_rows > 8 nm", "12:18", "cannot be compared"),
        (", hbm2e: [1, 2, 4, 6]", "", "9:3", "does not say what memory hbm2e allows"),
        ("hbm2e: [1, 2, 4, 6]", "hbm2f: [1, 2, 4, 6]", "9:33", "unknown memory 'hbm2f'"),
        ("by: node", "by: nod", "6:19", "did you mean 'node'"),
        ("by: node, 28 nm", "by: node, 28 MHz", "6:25", "unit of frequency"),
        ("[1, 2, 4]", "[]", "9:22", "empty list"),
        ("{lpddr4: [1, 2, 4], hbm2e: [1, 2, 4, 6]}", "{by: memory}", "9:13", "has no value"),
        ("{lpddr4: [1, 2, 4], hbm2e: [1, 2, 4, 6]}", "{first: 1, last: 2}", "9:14", "a range has the keys from, to"),
    ],
)
def test_a_wrong_rule_says_where(old, new, place, message):
    assert old in SPACE
    with pytest.raises(InputError) as caught:
        space_from(read_text(SPACE.replace(old, new), "space.yaml"))
    assert f"space.yaml:{place}: " in str(caught.value)
    assert message in str(caught.value)
