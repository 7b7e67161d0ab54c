"""The computational view of single layers, worked by hand."""

import pytest

import dse
from dse.model.explain import explain
from dse.workload.attention import Attention
from dse.workload.elementwise import ActivationLayer, Combine, GlobalPool, Normalisation, Pool2d, Softmax
from dse.workload.layers import Convolution1d, Convolution2d, Embedding, Linear
from dse.workload.network import Network, Node
from dse.workload.precision import Precision
from dse.workload.rearranged import Select
from dse.workload.recurrent import Recurrent
from dse.workload.shapes import Image, Sequence, Tokens
from dse.workload.workload import Scenario, Workload

TPU = dse.load_design("tpu_v1")
EDGE = {
    "array_rows": "32",
    "array_cols": "64",
    "cores": "1",
    "frequency": "800MHz",
    "dataflow": "weight_stationary",
    "sram": "512KiB",
    "double_buffer": "true",
    "memory": "lpddr4",
    "channels": "1",
    "vector_lanes": "16",
    "node": "16nm",
}


def edge(**others):
    space = dse.load_space("edge")
    for name, value in (EDGE | others).items():
        space = space.with_values(name, value)
    return space


def network(shape, *nodes, batch=2):
    """A workload of one network whose nodes are (name, layer, inputs)."""
    made = Network(
        name="net", input=shape, nodes=tuple(Node(name=name, layer=layer, inputs=tuple(inputs)) for name, layer, *inputs in nodes)
    )
    return Workload(name="own", scenarios=(Scenario(name=f"net@b{batch}", network=made, batch=batch, precision=Precision()),))


def layers(workload, space=TPU):
    (found,) = explain(workload, space)
    return {layer.name: layer for layer in found.layers}


@pytest.fixture(scope="module")
def resnet():
    return layers(dse.load_workload("vision").only("resnet50@b8"))


def test_a_convolution_on_tpu_v1(resnet):
    """256 filters of 3 x 3 x 256 at stride 2 over 8 maps of 28 x 28: 9 tiles of 256 x 256, 8·14·14 rows past each."""
    conv = resnet["res4a_conv2"]
    weights = 256 * 256 * 9
    held = conv.parameters
    assert (held.size_bytes, held.place, held.fetches, held.hidden) == (weights, "fits", 1.0, True)
    assert held.load_once_s == held.moved_s == pytest.approx(weights / 34e9)
    assert held.macs_per_weight == held.uses_per_fetch == 8 * 14 * 14
    assert held.exposed_s == 0
    array = conv.array
    assert (array.folds, array.folds_per_core, array.stream, array.cycles) == (9, 9, 1568, 9 * 1568 + 256 + 256 - 2)
    # An axis of 14 outputs, 3 taps and one row of padding at its beginning: 41 products of 42 meet a pixel.
    assert array.part("useful") == pytest.approx(9 * 1568 * (41 / 42) ** 2)
    assert array.part("padding") == pytest.approx(9 * 1568 * (1 - (41 / 42) ** 2))
    assert array.part("fill_and_drain") == pytest.approx(510)
    assert array.part("array_edges") == array.part("idle_cores") == 0
    assert conv.share("memory") == conv.share("vector") == 0
    assert conv.share("useful") == pytest.approx((41 / 42) ** 2 * 9 * 1568 / 14_622)


def test_tensors_live_from_their_maker_to_their_last_reader(resnet):
    conv = resnet["res4a_conv2"]
    read, made = conv.activations.tensors
    assert (read.name, read.use, read.size_bytes, read.stays) == ("res4a_conv1", "input", 8 * 256 * 28 * 28, True)
    assert (read.first, read.last) == ("res4a_conv1", "res4a_conv2")
    assert read.lifetime_s == pytest.approx(resnet["res4a_conv1"].time_s + conv.time_s)
    assert (made.name, made.use, made.last) == ("res4a_conv2", "output", "res4a_conv3")
    assert conv.activations.others == (("res4a_shortcut", 8 * 1024 * 14 * 14),)
    assert conv.activations.resident_bytes == 8 * (256 * 28 * 28 + 256 * 14 * 14 + 1024 * 14 * 14)


def test_a_linear_layer_on_an_edge_design():
    """64 x 256 x 512 on 32 x 64: 16·4 tiles, each of 2·32 + 64 + 64 - 2 cycles; 131,072 weights at 17.1 GB/s take 7.7 us."""
    linear = layers(dse.load_workload("mlp").only("dlrm@b64"), edge())["bottom2"]
    assert linear.array.cycles == 64 * (2 * 32 + 64 + 64 - 2) - 1
    assert linear.array.part("useful") == 64 * 256 * 512 / (32 * 64)
    assert linear.array.part("fill_and_drain") == pytest.approx(64 * (2 * 32 + 64 - 2) - 1)
    assert linear.compute_s == pytest.approx(12_159 / 800e6)
    assert linear.row["memory_s"] == pytest.approx(linear.row["dram_bytes"] / (1 * 17.064e9), rel=1e-2)
    assert linear.parameters.hidden
    alone = layers(dse.load_workload("mlp").only("dlrm@b64"), edge(double_buffer="false"))["bottom2"]
    assert not alone.parameters.hidden
    assert alone.share("memory") == pytest.approx(alone.row["memory_s"] / alone.time_s)
    assert alone.parameters.exposed_s == pytest.approx(alone.parameters.moved_s)


def test_cores_that_wait():
    """The same on 3 cores: 64 tiles are 22 for the busiest, where 21 and a third would be even."""
    linear = layers(dse.load_workload("mlp").only("dlrm@b64"), edge(cores="4", array_rows="24"))["bottom2"]
    folds = -(-512 // 24) * 4
    assert (linear.array.folds, linear.array.folds_per_core) == (folds, folds // 4)
    assert linear.array.part("array_edges") == pytest.approx(folds * 64 / 4 - 64 * 256 * 512 / (24 * 64 * 4))
    assert linear.array.part("idle_cores") == 0


def test_a_recurrent_layer_holds_a_part_of_its_weights():
    """Each of 166 steps needs the one before; what is not pinned streams in every step."""
    found = layers(dse.load_workload("speech").only("deep_speech_2@b4"), edge())
    recurrent = found["rnn.1.fwd.recurrent"]
    held = recurrent.parameters
    assert (held.place, held.size_bytes) == ("pinned", 1760 * 1760)
    assert 0 < held.pinned_bytes < 512 * 1024
    assert held.moved_bytes == pytest.approx(166 * held.size_bytes - 165 * held.pinned_bytes, rel=1e-4)
    state = next(need for need in recurrent.needs if need.kind == "state")
    assert state.needed_bytes == 4 * 1760
    assert {need.tensor: need.text for need in recurrent.needs}["rnn.1.fwd.input"] == "1 of 166 steps"


def parts(workload, space=TPU):
    """(layer, tensor) -> (kind, fraction)."""
    return {
        (layer.name, need.tensor): (need.kind, pytest.approx(need.fraction))
        for layer in layers(workload, space).values()
        for need in layer.needs
    }


def test_needs_of_windows():
    """The first window of 3 rows less one of padding; dilated by 4: (3 - 1)·4 + 1 steps; a pool of 3 with padding 1."""
    image = network(
        Image(3, 20, 20),
        ("conv", Convolution2d(filters=8, kernel=(3, 3), padding=(1, 1)), "input"),
        ("pool", Pool2d(mode="max", kernel=(3, 3), stride=(2, 2), padding=(1, 1)), "conv"),
        ("mean", GlobalPool(), "pool"),
        ("fc", Linear(features=4), "mean"),
    )
    found = parts(image)
    assert found["conv", "input"] == ("rows", 2 / 20 / 2)
    assert found["pool", "conv"] == ("rows", 2 / 20 / 2)
    assert found["mean", "pool"] == ("sample", 1 / 2)
    assert found["fc", "mean"] == ("sample", 1 / 2)
    sound = network(Sequence(4, 100), ("conv", Convolution1d(filters=8, kernel=3, dilation=4), "input"), batch=1)
    assert parts(sound)["conv", "input"] == ("rows", 9 / 100)


def test_needs_of_elements_rows_and_steps():
    words = network(
        Tokens(10),
        ("words", Embedding(vocabulary=100, features=8), "input"),
        ("norm", Normalisation(method="layer"), "words"),
        ("up", Linear(features=8), "norm"),
        ("sum", Combine(kind="add"), "up", "words"),
        ("classes", Softmax(), "sum"),
        ("gate", ActivationLayer(function="relu"), "classes"),
    )
    found = parts(words)
    assert found["words", "input"] == ("element", 1 / 20)
    assert found["norm", "words"] == ("row", 1 / 10 / 2)
    assert found["up", "norm"] == ("step", 1 / 10 / 2)
    assert found["up", "words"] == ("element", 1 / 160)
    assert found["classes", "up"] == ("row", 1 / 10 / 2)
    assert found["gate", "classes"] == ("element", 1 / 160)


def test_needs_of_attention():
    """All keys and values of a sequence, one row of what meets them; a cache before the first step."""
    whole = network(Sequence(16, 8), ("att", Attention(heads=2), "input"))
    found = parts(whole)
    assert found["att.scores", "att.qkv"] == ("sample", 1 / 2)
    assert found["att.softmax", "att.scores"] == ("row", 8 / (2 * 2 * 8 * 8))
    assert found["att.weighted", "att.softmax"] == ("row", 8 / (2 * 2 * 8 * 8))
    assert found["att.weighted", "att.qkv"] == ("sample", 1 / 2)
    causal = parts(network(Sequence(16, 8), ("att", Attention(heads=2, causal=True), "input")))
    assert causal["att.scores.1", "att.qkv"] == ("sample", 2 / 8 / 2)
    decode = parts(network(Sequence(16, 1), ("att", Attention(heads=2, causal=True, context=50), "input")))
    assert decode["att.scores", "att.key_cache"] == ("cache", 1 / 2)


def test_needs_of_recurrence():
    both = network(
        Sequence(16, 10),
        ("rnn", Recurrent(kind="lstm", hidden=8, bidirectional=True), "input"),
        ("last", Select(), "rnn"),
        ("fc", Linear(features=4), "last"),
    )
    found = parts(both)
    assert found["rnn.1.fwd.input", "input"] == ("step", 1 / 10 / 2)
    assert found["rnn.1.bwd.input", "input"] == ("sample", 1 / 2)
    assert found["rnn.1.fwd.recurrent", "rnn.1.fwd.input"] == ("step", 1 / 10)
    assert found["rnn.1.fwd.recurrent", "state"] == ("state", 1)
    assert found["fc", "rnn.1.fwd.output"] == ("sample", 1 / 2)


def test_the_first_step_of_a_sequence_is_all_that_a_pooler_needs():
    pooled = network(
        Sequence(8, 10),
        ("up", Linear(features=8), "input"),
        ("first", Select(steps="first"), "up"),
        ("pool", Linear(features=4), "first"),
    )
    assert parts(pooled)["pool", "up"] == ("step", 1 / 10 / 2)


def test_keys_are_fetched_in_whole_tiles_too():
    """TPU v1 fetches 64 x 1,024 keys of a head as 1·4 tiles of 256 x 256: four times their bytes."""
    scores = layers(dse.load_workload("transformer").only("gpt2_decode@b8"))["layer.1.attention.scores"]
    held = scores.activations
    assert held.factor_rounding == 4
    assert held.factor_dram_bytes == 4 * held.mapping.traffic_bytes["weight"]
    assert scores.parameters is None


def test_weight_gradients_sum_over_the_whole_batch():
    training = dse.load_workload("training").only("resnet50@b32+train")
    found = parts(training, TPU.with_values("precision", "bf16"))
    assert found["fc.weight_gradient", "softmax.backward"] == ("all", 1)
    assert found["conv1.weight_gradient", "input"][0] in ("rows", "sample")


def test_why_a_layer_cannot_run():
    floating = layers(dse.load_workload("training").only("resnet50@b32+train"))["conv1"]
    assert "floating-point" in floating.problem
    assert floating.part_s is None
    small = layers(dse.load_workload("mlp").only("dlrm@b64"), TPU.with_values("sram", "8B"))["bottom1"]
    assert "needs" in small.problem
    assert small.activations.least_room_bytes > 8
    cramped = dse.load_design("snowflake").with_values("sram", "1KiB")
    strips = layers(dse.load_workload("mlp").only("wide_and_deep@b256"), cramped)["deep1"]
    assert "strip" in strips.problem
