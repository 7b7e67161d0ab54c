"""Traffic against capacity of whole scenarios: sums, thresholds, choices, errors, pictures."""

import json

import numpy as np
import pytest

import dse
from dse.errors import InputError
from dse.report.reuse_figure import reuse_picture
from dse.report.reuse_json import reuse_json
from dse.report.reuse_view import capacities, doubling_steps, least_capacity, reuse_view, telling_steps

TWO_LAYERS = """\
name: two
batches: [4]
networks:
  - name: net
    input: {features: 16}
    layers:
      - {name: a, kind: linear, features: 16}
      - {name: b, kind: linear, features: 16}
      - {name: c, kind: linear, features: 8}
      - {name: soft, kind: softmax}
"""


@pytest.fixture
def two(tmp_path):
    (tmp_path / "two.yaml").write_text(TWO_LAYERS)
    return dse.load_workload(tmp_path / "two.yaml")


def test_equal_layers_stand_once_and_count(two):
    """a and b are equal: 16 x 16 weights, 4 x 16 in and out; c has 16 x 8."""
    first = reuse_view(two).first
    assert [each.layers for each in first.operations] == [("a", "b"), ("c",)]
    assert [each.curve.compulsory_bytes for each in first.operations] == [256 + 64 + 64, 128 + 64 + 32]
    assert first.vector_bytes == 64
    assert first.compulsory_bytes == 2 * 384 + 224 + 64


def test_the_sum_falls_wherever_a_layer_does(two):
    first = reuse_view(two).first
    a, c = (each.curve for each in first.operations)
    steps = sorted({*a.capacity_bytes.tolist(), *c.capacity_bytes.tolist()})
    assert first.capacity_bytes.tolist() == steps
    assert first.traffic_bytes.tolist() == [64 + 2 * a.at(step) + c.at(step) for step in steps]
    assert first.at(np.array([first.needs_bytes - 1]))[0] == np.inf


@pytest.mark.parametrize("name", ["vision", "speech", "transformer"])
def test_sums_end_at_compulsory_and_never_rise(name):
    workload = dse.load_workload(name)
    for reuse in reuse_view(workload.only(workload.scenarios[0].name)).scenarios:
        assert (np.diff(reuse.traffic_bytes) < 0).all()
        assert reuse.traffic_bytes[-1] == reuse.compulsory_bytes
        for factor in (2.0, 1.1, 1.0):
            least = reuse.near_bytes(factor)
            below, at = reuse.at(np.array([least - 1, least]))
            assert at <= factor * reuse.compulsory_bytes < below


def test_a_recurrent_layer_falls_between_its_corners():
    workload = dse.load_workload("speech")
    (each,) = reuse_view(workload, layer="rnn.1.fwd.recurrent").first.operations
    assert each.falls_between
    half = (float(each.traffic_bytes[-2]) + float(each.traffic_bytes[-1])) / 2
    least = least_capacity(each, 2 * half)
    assert least not in each.capacity_bytes
    assert each.curve.at(least) <= 2 * half < each.curve.at(least - 1)


def test_telling_steps_are_few_and_hold_both_ends():
    workload = dse.load_workload("vision")
    for each in reuse_view(workload.only("resnet50@b8")).first.operations:
        rows = telling_steps(each, 24)
        assert len(rows) <= 24
        assert (rows[0], rows[-1]) == (0, len(each.capacity_bytes) - 1)


def test_doublings_are_powers_of_two_between_the_ends(two):
    first = reuse_view(two).first
    ends = (first.capacity_bytes[0], first.capacity_bytes[-1])
    steps = doubling_steps(first)
    assert (steps[0], steps[-1]) == ends
    assert all(step & (step - 1) == 0 for step in steps[1:-1])


def test_a_machine_shows_what_holds_live_tiles(two):
    view = reuse_view(two, machine=dse.load_design("tpu_v1"))
    assert view.machine.live_bytes == 12 * 2**20
    assert view.machine.live_bytes in view.chosen_bytes
    with pytest.raises(InputError, match="designs"):
        reuse_view(two, machine=dse.load_space("edge"))


@pytest.mark.parametrize("written", ["512", "512 KB, x", "", "1 GHz", "0 B", "1MiB,"])
def test_capacities_that_cannot_be_read(written):
    with pytest.raises(InputError, match="--capacity"):
        capacities(written)


def test_names_that_are_not_there(two):
    with pytest.raises(InputError, match="vector work"):
        reuse_view(two, layer="soft")
    with pytest.raises(InputError, match="no layer"):
        reuse_view(two, layer="d")
    with pytest.raises(InputError, match="did you mean 'output_stationary'"):
        reuse_view(two, family="output_stationery")


def test_one_family_moves_no_less_than_the_best_of_all(two):
    best = reuse_view(two).first
    for family in ("output_stationary", "input_stationary", "weight_stationary"):
        alone = reuse_view(two, family=family).first
        assert (alone.at(best.capacity_bytes) >= best.traffic_bytes).all()


def test_json_is_whole(two):
    """Every step of the layer asked for, with the mapping that attains it."""
    written = json.loads(json.dumps(reuse_json(reuse_view(two, layer="a"))))
    (operation,) = written["scenarios"][0]["operations"]
    traffic = dict(zip(operation["capacity_bytes"], operation["traffic_bytes"], strict=True))
    at = {mapping["capacity_bytes"]: mapping for mapping in operation["mappings"]}
    assert set(traffic) <= set(at)
    for capacity, moved in traffic.items():
        mapping = at[capacity]
        assert mapping["input_traffic_bytes"] + mapping["weight_traffic_bytes"] + mapping["output_traffic_bytes"] == moved
        assert mapping["holds_bytes"] <= capacity


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_pictures_are_the_same_bytes_each_time(two, suffix, start):
    first, second = (reuse_picture(reuse_view(two, machine=dse.load_design("tpu_v1")), suffix) for _ in range(2))
    assert first.startswith(start)
    assert first == second
