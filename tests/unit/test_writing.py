"""Tables and results as text: what pandas and json make of them, but for long lists."""

import json
from io import StringIO

import numpy as np
import pandas as pd

from dse.report import writing
from dse.report.writing import json_text, records, write_csv

FRAME = pd.DataFrame(
    {
        "name": ["a, b", 'quoted "c"', "plain"],
        "number": [0.1, np.nan, np.inf],
        "tiny": [1e-300, 3.0, 1 / 3],
        "count": [1, 2, 3],
        "flag": [True, False, True],
        "mixed": [None, 2.5, "text"],
    }
)


def test_csv_is_what_pandas_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "ROWS_AT_ONCE", 2)
    write_csv(FRAME, tmp_path / "table.csv")
    expected = StringIO()
    FRAME.to_csv(expected, index=False)
    assert (tmp_path / "table.csv").read_text() == expected.getvalue()
    write_csv(FRAME.iloc[:0], tmp_path / "empty.csv")
    assert (tmp_path / "empty.csv").read_text() == "name,number,tiny,count,flag,mixed\n"


def test_records_hold_plain_values_and_null_for_what_is_not_finite():
    assert records(FRAME)[1] == {
        "name": 'quoted "c"', "number": None, "tiny": 3.0, "count": 2, "flag": False, "mixed": 2.5,
    }  # fmt: skip
    assert records(FRAME)[2]["number"] is None
    assert json.loads(json.dumps(records(FRAME), allow_nan=False)) == records(FRAME)


def test_a_long_list_of_records_reads_back_the_same(monkeypatch):
    value = {"before": {"x": 1}, "front": [{"é": index, "z": [1, 2]} for index in range(20)], "after": None}
    short = json_text(value)
    assert short == json.dumps(value, indent=2, ensure_ascii=False)
    monkeypatch.setattr(writing, "LONG", 10)
    for ascii_only in (True, False):
        long = json_text(value, ensure_ascii=ascii_only)
        assert json.loads(long) == value
        assert sum(line.startswith("    {") for line in long.splitlines()) == 20
