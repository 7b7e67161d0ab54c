"""The writer of workload files: loading what it writes gives the same layers, and what repeats is written once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.errors import InputError
from dse.inputs.folding import folded
from dse.inputs.workloads import workload_from
from dse.inputs.writer import Imported, layer_name, suite_name, write_file, write_workload
from dse.inputs.yaml import read_text


def written(layers, **options):
    shape = options.pop("input", {"features": 8, "steps": 4})
    network = Imported(name="net", input=shape, layers=layers, **options)
    return write_workload([network], name="suite", batches=[1], space=None)


def linked(network):
    """Layers with the indices of what they read: all of a network but for names."""
    at = {node.name: index for index, node in enumerate(network.nodes)}
    return [(node.layer, [at.get(name, name) for name in node.inputs]) for node in network.nodes]


KINDS = st.sampled_from(["linear", "activation", "add", "normalisation", "attention", "cross"])


@st.composite
def chains(draw):
    """Layers of one shape with a run that repeats, each reading what is near before it."""
    unit = draw(st.lists(st.tuples(KINDS, st.integers(0, 3)), min_size=1, max_size=5))
    before = draw(st.lists(st.tuples(KINDS, st.integers(0, 3)), max_size=4))
    entries = [*before, *unit * draw(st.integers(1, 6)), *draw(st.lists(st.tuples(KINDS, st.integers(0, 9)), max_size=4))]
    layers, names = [], ["input"]
    for index, (kind, back) in enumerate(entries):
        reads = [names[-1], names[max(len(names) - 2 - back, 0)]] if kind == "add" else [names[-1]]
        keys = {
            "linear": {"features": 8},
            "activation": {"function": "relu"},
            "normalisation": {"method": "layer"},
            "attention": {"heads": 2},
            "cross": {"heads": 2, "memory": [names[max(len(names) - 2 - back, 0)]]},
        }.get(kind, {})
        kind = "attention" if kind == "cross" else kind
        name = draw(st.sampled_from(["a", "b_1", "stage_0_x"])) + f"_{index}"
        layers.append({"name": name, "kind": kind, **keys, "from": reads if len(set(reads)) > 1 or kind != "add" else [*reads]})
        names.append(name)
    return layers


@given(chains())
def test_what_is_written_is_what_is_loaded(layers):
    """Blocks and left-out names change neither the layers, nor their order, nor what each reads."""
    (network,) = workload_from(read_text(written(layers))).networks
    at = {layer["name"]: index for index, layer in enumerate(layers)}
    assert [node.layer.kind for node in network.nodes] == [layer["kind"] for layer in layers]
    assert [reads for _, reads in linked(network)] == [
        [at.get(name, name) for name in (*layer["from"], *layer.get("memory", ()))] for layer in layers
    ]


@given(chains())
def test_folding_spares_lines_and_loses_none(layers):
    def count(entries):
        return sum(entry["repeat"] * count(entry["layers"]) if "kind" not in entry else 1 for entry in entries)

    entries = folded(layers)
    assert count(entries) == len(layers)


def test_a_stack_of_encoders_is_a_block():
    layers, last = [], "input"
    for index in range(12):
        at = f"encoder_layer_{index}"
        layers += [
            {"name": f"{at}_attention", "kind": "attention", "heads": 2, "from": [last]},
            {"name": f"{at}_sum", "kind": "add", "from": [f"{at}_attention", last]},
            {"name": f"{at}_norm", "kind": "normalisation", "method": "layer", "from": [f"{at}_sum"]},
        ]
        last = f"{at}_norm"
    text = written([*layers, {"name": "head", "kind": "linear", "features": 3, "from": [last]}])
    assert text.endswith("""\
      - name: encoder_layer
        repeat: 12
        layers:
          - {name: attention, kind: attention, heads: 2}
          - {name: sum,       kind: add, from: [attention, block_input]}
          - {name: norm,      kind: normalisation, method: layer}
      - {name: head, kind: linear, features: 3}
""")


def test_what_is_read_from_outside_is_no_block():
    """A layer that something later reads is not hidden inside a block."""
    layers = [
        {"name": f"l{index}", "kind": "activation", "function": "relu", "from": [f"l{index - 1}" if index else "input"]}
        for index in range(8)
    ]
    entries = folded([*layers, {"name": "sum", "kind": "add", "from": ["l7", "l3"]}])
    assert [entry.get("repeat", 1) for entry in entries] in ([1] * 9, [4, 1, 1, 1, 1, 1])
    (network,) = workload_from(read_text(written([*layers, {"name": "sum", "kind": "add", "from": ["l7", "l3"]}]))).networks
    assert linked(network)[-1][1] == [7, 3]


def test_defaults_and_equal_pairs_are_left_out():
    layers = [
        {
            "name": "c", "kind": "conv2d", "filters": 4, "kernel": [3, 3], "stride": [1, 1], "padding": (1, 1), "groups": 1,
            "from": ["input"],
        },
        {"name": "p", "kind": "pool2d", "mode": "max", "kernel": [2, 3], "from": ["c"]},
    ]  # fmt: skip
    text = written(layers, input={"channels": 3, "height": 9, "width": 9})
    assert "{name: c, kind: conv2d, filters: 4, kernel: 3, padding: 1}" in text
    assert "{name: p, kind: pool2d, mode: max, kernel: [2, 3]}" in text


def test_long_layers_are_wrapped_and_texts_are_quoted():
    layers = [{"name": f"l{index}", "kind": "linear", "features": 8, "from": ["input"]} for index in range(40)]
    layers.append({"name": "sum", "kind": "add", "from": [f"l{index}" for index in range(40)]})
    hostile = 'a: "b" # c\n\x07{d}\u2028'
    text = written(layers, title=hostile, source="words " * 60, notes="true")
    assert max(map(len, text.splitlines())) <= 320
    (network,) = workload_from(read_text(text)).networks
    assert network.title == 'a: "b" # c {d}'
    assert network.source == ("words " * 60).strip()
    assert network.notes == "true"


def test_numbers_and_words_of_yaml_as_names():
    layers = [
        {"name": "1", "kind": "activation", "function": "relu", "from": ["input"]},
        {"name": "true", "kind": "activation", "function": "tanh", "from": ["1"]},
        {"name": "null", "kind": "add", "from": ["1", "true"]},
    ]
    (network,) = workload_from(read_text(written(layers))).networks
    assert [node.name for node in network.nodes] == ["1", "true", "null"]


def test_counts_stand_in_a_comment():
    text = written([{"name": "a", "kind": "linear", "features": 8, "from": ["input"]}])
    assert "    # 256 MACs a sample; 64 parameters without biases\n" in text


def test_an_unknown_key_is_a_fault_and_a_wrong_layer_an_error():
    with pytest.raises(ValueError, match="has no colour"):
        written([{"name": "a", "kind": "linear", "features": 8, "colour": 1, "from": ["input"]}])
    with pytest.raises(InputError, match="needs an image"):
        written([{"name": "a", "kind": "conv2d", "filters": 8, "kernel": 3, "from": ["input"]}])


def test_names():
    assert layer_name("a/b.c", {"a_b_c"}) == "a_b_c_2"
    assert layer_name("input") == "input_2"
    assert suite_name("///") == "network"
    assert len(suite_name("x" * 200)) == 64


def test_a_file_is_not_written_over(tmp_path):
    write_file(tmp_path / "a.yaml", "one")
    with pytest.raises(InputError, match="is there already"):
        write_file(tmp_path / "a.yaml", "two")
    with pytest.raises(InputError, match="cannot be written"):
        write_file(tmp_path / "nowhere" / "a.yaml", "one")
    assert (tmp_path / "a.yaml").read_text() == "one"


def test_copies_may_read_one_layer_from_outside():
    """The layers of a decoder all read the encoder's result."""
    layers = [
        {"name": "memory", "kind": "linear", "features": 8, "from": ["input"]},
        {"name": "start", "kind": "activation", "function": "relu", "from": ["memory"]},
    ]
    last = "start"
    for index in range(4):
        layers.append({"name": f"d{index}_a", "kind": "linear", "features": 8, "from": [last]})
        layers.append({"name": f"d{index}_b", "kind": "add", "from": [f"d{index}_a", "memory"]})
        last = f"d{index}_b"
    text = written(layers)
    assert "repeat: 4" in text
    assert "from: [a, memory]" in text
    (network,) = workload_from(read_text(text)).networks
    assert [reads for _, reads in linked(network)][-1] == [8, 0]
