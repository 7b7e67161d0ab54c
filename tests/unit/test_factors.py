"""What keeps a choice of a factor: every entry that time, energy or power reads, each alone in hand-made tables."""

from dataclasses import replace

import numpy as np
import pytest

import dse
from dse.hardware.parameters import completed
from dse.model.dominance import not_dominated
from dse.model.ledger import Ledger
from dse.model.work import work_of
from dse.search import factors
from dse.search.factors import ArrayRows, Needs, storage_choices

ALL = Needs(time=True, energy=True, dram=True, power=True, price=True)
EDGE = dse.load_space("edge")
WORK = work_of(dse.load_workload("snowflake"))
TWO_BUFFERS = replace(
    EDGE,
    parameters=completed(
        {parameter.name: parameter.values[:1] for parameter in EDGE.parameters} | {"sram": (2**16, 2**20)},
    ),
)


def arrays(**changed):
    """Two arrays of which the second has a MAC unit more and is alike in all else, but for what is said."""
    alike = {
        "cycles": np.full((2, 3), 100.0),
        "weight_factor": np.full((2, 3), 1.5),
        "first_load_bytes": np.full((2, 2), 64.0),
        "buffer_bytes": np.full((2, 2), 1e6),
        "native_macs": np.full((2, 2), 1e6),
        "macs_per_cycle": np.array([64, 65]),
        "edge_bytes": np.full(2, 24.0),
        "precision": np.zeros(2, dtype=np.int64),
    }
    for name, value in changed.items():
        alike[name][(1, -1) if alike[name].ndim == 2 else 1] = value
    return ArrayRows(**alike)


@pytest.mark.parametrize(
    ("better", "read_by"),
    [
        ({"cycles": 99.0}, "time"),
        ({"first_load_bytes": 63.0}, "time"),
        ({"weight_factor": 1.4}, "dram"),
        ({"buffer_bytes": 9e5}, "energy"),
        ({"native_macs": 9e5}, "energy"),
        ({"edge_bytes": 23.0}, "power"),
        ({"precision": 1}, None),
    ],
)
def test_a_larger_array_that_is_better_in_one_entry_stays(better, read_by):
    assert len(not_dominated(arrays(**better).criteria(ALL))) == 2
    if read_by is not None:
        unread = replace(ALL, **{read_by: False})
        assert len(not_dominated(arrays(**better).criteria(unread))) == 1


def test_a_larger_array_that_is_no_better_goes():
    assert not_dominated(arrays().criteria(ALL)).tolist() == [0]


def ledger_of_two(**changed):
    """The rows of a small and a large buffer, alike but for what the large one is said to do in its last row."""
    scenarios = len(WORK.runs)
    rows = 2 * scenarios
    columns = {"weight_bytes": np.full(rows, 1e5), "other_bytes": np.full(rows, 2e5)}
    first_load = np.ones((2, scenarios), dtype=np.bool_)
    for name, value in changed.items():
        if name == "first_load":
            first_load[1, -1] = value
        else:
            columns[name][-1] = value
    return Ledger(
        start=np.arange(scenarios + 1) + scenarios * np.arange(2)[:, None],
        operation=np.zeros(rows, dtype=np.int64),
        count=np.ones(rows),
        vector_ops=np.zeros(rows),
        steps=np.zeros(rows),
        first_load=first_load,
        gap_fraction=np.zeros((2, scenarios)),
        **columns,
    )


@pytest.mark.parametrize("better", [{"weight_bytes": 9e4}, {"other_bytes": 1e5}, {"first_load": False}])
def test_a_larger_buffer_that_moves_less_or_hides_its_first_load_stays(monkeypatch, better):
    monkeypatch.setattr(factors, "storage_rows", lambda *_: ledger_of_two(**better))
    assert len(storage_choices(TWO_BUFFERS, WORK, ALL)) == 2
    monkeypatch.setattr(factors, "storage_rows", lambda *_: ledger_of_two())
    assert len(storage_choices(TWO_BUFFERS, WORK, ALL)) == 1
