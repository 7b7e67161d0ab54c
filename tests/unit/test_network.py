"""Networks lowered to steps and tensors: names, fusion, lifetimes, totals."""

import time
from dataclasses import replace

import pytest

from dse.inputs.workloads import load_workload
from dse.workload.attention import Attention
from dse.workload.elementwise import ActivationLayer, Combine, Normalisation, Pool2d
from dse.workload.layers import Convolution2d, Embedding, Linear
from dse.workload.network import Network, Node
from dse.workload.operations import TensorOperation
from dse.workload.precision import Precision
from dse.workload.rearranged import Concat, Flatten, Select
from dse.workload.recurrent import Recurrent
from dse.workload.shapes import Image, Sequence, Tokens, Vector

CONV = Convolution2d(filters=4, kernel=(3, 3), padding=(1, 1))
RELU = Convolution2d(filters=4, kernel=(3, 3), padding=(1, 1), activation="relu")
ADD = Combine(kind="add")
FUNCTION = ActivationLayer(function="relu")


IMAGE = Image(4, 8, 8)


def network(*layers, input=IMAGE, name="net"):
    """Layers as (name, layer) or (name, layer, inputs); the default input is the layer before."""
    nodes, previous = [], "input"
    for name_, layer, *reads in layers:
        nodes.append(Node(name=name_, layer=layer, inputs=tuple(reads[0]) if reads else (previous,)))
        previous = name_
    return Network(name=name, input=input, nodes=tuple(nodes))


def table(net, batch=1):
    return {step.name: step for step in net.lower(batch).steps}


def sizes(net, batch=1):
    return {tensor.name: tensor.elements for tensor in net.lower(batch).tensors}


def test_chain_of_tensors():
    net = network(("a", RELU), ("b", CONV))
    steps = net.lower(2).steps
    assert [(step.name, step.inputs, step.output) for step in steps] == [
        ("a", ("input",), "a"),
        ("a.activation", ("a",), "a"),
        ("b", ("a",), "b"),
    ]
    assert [step.layer for step in steps] == ["a", "a", "b"]
    assert {step.kind for step in steps} == {"conv2d"}
    assert sizes(net, 2) == {"input": 512, "a": 512, "b": 512}


def test_residual_add_rides_on_the_convolution_before_it():
    """It reads the other operand alone and writes in place; a relu after it rides too."""
    net = network(("a", CONV), ("b", CONV), ("sum", ADD, ("b", "a")), ("relu", FUNCTION))
    steps = table(net)
    assert steps["sum"].operation.fused
    assert (steps["sum"].operation.read_bits, steps["sum"].operation.written_bits) == (256 * 8, 0)
    assert (steps["sum"].inputs, steps["sum"].output) == (("b", "a"), "b")
    assert (steps["relu"].operation.fused, steps["relu"].operation.bytes, steps["relu"].output) == (True, 0, "b")
    assert set(sizes(net)) == {"input", "a", "b"}


def test_add_writes_apart_what_others_still_read():
    net = network(("a", CONV), ("b", CONV), ("sum", ADD, ("b", "a")), ("c", CONV, ("b",)))
    step = table(net)["sum"]
    assert step.operation.fused
    assert (step.operation.read_bits, step.operation.written_bits) == (256 * 8, 256 * 8)
    assert step.output == "sum"


def test_add_of_what_does_not_stand_before_it_moves_everything():
    net = network(("a", CONV), ("b", CONV, ("input",)), ("c", CONV, ("input",)), ("sum", ADD, ("a", "b")))
    operation = table(net)["sum"].operation
    assert not operation.fused
    assert operation.bytes == 3 * 256


def test_normalisation_and_activation_fuse_by_kind():
    batch, layer = Normalisation(method="batch"), Normalisation(method="layer")
    assert table(network(("a", CONV), ("n", batch)))["n"].operation.fused
    assert table(network(("a", CONV), ("n", layer)))["n"].operation.bytes == 2 * 256
    assert not table(network(("p", Pool2d(mode="max", kernel=(2, 2), stride=(2, 2))), ("r", FUNCTION)))["r"].operation.fused
    assert not table(network(("r", FUNCTION)))["r"].operation.fused


def test_activation_fuses_through_flatten_but_not_through_select():
    flat = table(network(("a", CONV), ("flat", Flatten()), ("r", FUNCTION)))["r"]
    assert (flat.operation.fused, flat.operation.bytes, flat.output) == (True, 0, "a")
    picked = table(network(("a", Linear(features=4)), ("last", Select()), ("r", FUNCTION), input=Sequence(4, 3)))["r"]
    assert not picked.operation.fused


def test_concat_keeps_both_tensors_alive():
    net = network(("a", CONV), ("b", CONV, ("input",)), ("both", Concat(), ("a", "b")), ("c", CONV))
    steps = table(net)
    assert "both" not in steps
    assert steps["c"].inputs == ("a", "b")
    assert steps["c"].operation.c == 8


def test_names_of_recurrent_parts():
    net = network(
        ("blstm", Recurrent(kind="lstm", hidden=5, layers=2, bidirectional=True)),
        ("fc", Linear(features=2)),
        input=Sequence(3, 7),
    )
    steps = table(net)
    assert [name for name in steps if name.startswith("blstm.1")] == [
        f"blstm.1.{direction}.{part}" for direction in ("fwd", "bwd") for part in ("input", "recurrent", "gates")
    ]
    assert steps["blstm.1.fwd.gates"].inputs == ("blstm.1.fwd.output", "blstm.1.fwd.input")
    assert steps["blstm.2.bwd.input"].inputs == ("blstm.1.fwd.output", "blstm.1.bwd.output")
    assert steps["fc"].inputs == ("blstm.2.fwd.output", "blstm.2.bwd.output")
    assert sizes(net, 2)["blstm.2.fwd.output"] == 2 * 5 * 7


def test_sum_after_an_lstm_rides_on_its_last_product():
    net = network(
        ("a", Recurrent(kind="lstm", hidden=3)),
        ("b", Recurrent(kind="lstm", hidden=3)),
        ("sum", ADD, ("b", "a")),
        input=Sequence(3, 4),
    )
    step = table(net)["sum"]
    assert (step.operation.fused, step.operation.read_bits, step.output) == (True, 12 * 8, "b")


def test_kv_cache_is_a_state_tensor():
    net = network(("att", Attention(heads=2, context=9)), input=Sequence(8, 1))
    lowered = net.lower(3, Precision(activations="fp16"))
    caches = {tensor.name: tensor for tensor in lowered.tensors if tensor.role == "state"}
    assert {name: (tensor.elements, tensor.bits) for name, tensor in caches.items()} == {
        "att.key_cache": (3 * 9 * 8, 16),
        "att.value_cache": (3 * 9 * 8, 16),
    }
    assert "att.key_cache" in next(step.inputs for step in lowered.steps if step.name == "att.scores")


def test_memory_of_cross_attention_is_read():
    net = network(
        ("m", Linear(features=8)),
        ("q", Linear(features=8), ("input",)),
        ("att", Attention(heads=2), ("q", "m")),
        input=Sequence(6, 5),
    )
    assert table(net)["att.key_value"].inputs == ("m",)


def test_precision_of_one_layer():
    base = network(("a", CONV), ("b", CONV))
    own = replace(base, nodes=(base.nodes[0], replace(base.nodes[1], precision=(("weights", "int4"),))))
    first, second = own.lower(1, Precision(weights="int16", activations="int16")).steps
    assert (first.operation.weight_bits, second.operation.weight_bits, second.operation.input_bits) == (16, 4, 16)


def test_parameters_count_matrices_and_tables_apart():
    net = network(
        ("e", Embedding(vocabulary=50, features=8)), ("a", Attention(heads=2)), ("l", Linear(features=3)), input=Tokens(6)
    )
    assert net.parameters == 4 * 8 * 8 + 8 * 3
    assert net.embedding_parameters == 400
    assert net.lower(2).tensors[0].bits == 32


def test_equal_networks_share_what_was_lowered():
    one, other = network(("a", CONV), ("b", RELU)), network(("a", CONV), ("b", RELU))
    assert one == other
    assert hash(one) == hash(other)
    assert one.lower(3) is other.lower(3)
    assert one.lower(3) is not one.lower(4)


def test_every_step_reads_what_is_there():
    """Over the shipped suites: inputs are made before they are read, and every output is a tensor of a known size."""
    for name in ("vision", "speech", "transformer", "mlp"):
        for net in load_workload(name).networks:
            lowered = net.lower(2)
            known = {tensor.name: tensor for tensor in lowered.tensors}
            made = {"input"} | {tensor.name for tensor in lowered.tensors if tensor.role == "state"}
            assert len(known) == len(lowered.tensors)
            for step in lowered.steps:
                assert set(step.inputs) - {step.output} <= made
                assert step.output in known
                made.add(step.output)
            assert len({step.name for step in lowered.steps}) == len(lowered.steps)


def test_a_big_network_lowers_in_milliseconds():
    """BERT-large, 24 layers of 1024: 302M weights, 123.21 GMAC at 384 tokens (Vitis AI 3.5 model zoo: 246.42 Gop)."""
    layers = [("words", Embedding(vocabulary=30522, features=1024))]
    for index in range(24):
        layers += [
            (f"l{index}.attention", Attention(heads=16)),
            (f"l{index}.sum1", ADD, (f"l{index}.attention", layers[-1][0])),
            (f"l{index}.norm1", Normalisation(method="layer")),
            (f"l{index}.up", Linear(features=4096, activation="gelu")),
            (f"l{index}.down", Linear(features=1024)),
            (f"l{index}.sum2", ADD, (f"l{index}.down", f"l{index}.norm1")),
            (f"l{index}.norm2", Normalisation(method="layer")),
        ]
    begin = time.perf_counter()
    net = network(*layers, input=Tokens(384))
    assert net.parameters == 301_989_888
    assert net.macs() == pytest.approx(123.2119e9, rel=1e-6)
    assert time.perf_counter() - begin < 0.5
    macs = sum(step.operation.macs for step in net.lower().steps if isinstance(step.operation, TensorOperation))
    assert macs == net.macs()
    assert net.shapes["l23.norm2"] == Sequence(1024, 384)


def test_shape_of_every_node():
    net = network(("a", CONV), ("flat", Flatten()), ("fc", Linear(features=3)))
    assert dict(net.shapes) == {"input": Image(4, 8, 8), "a": Image(4, 8, 8), "flat": Vector(256), "fc": Vector(3)}
