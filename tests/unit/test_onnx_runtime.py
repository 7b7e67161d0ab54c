"""Operators of ONNX Runtime's own against the same networks written by hand."""

from onnx import TensorProto
from onnx_building import model, node, saved, weight
from same_network import by_hand, check_same

from dse.inputs.onnx.importing import import_onnx
from dse.inputs.workloads import workload_from
from dse.inputs.yaml import read_text

RUNTIME = "com.microsoft"


def runtime(op, inputs, outputs, **attributes):
    made = node(op, inputs.replace("-", "?"), outputs, domain=RUNTIME, **attributes)
    made.input[:] = ["" if name == "?" else name for name in made.input]
    return made


def imported(folder, nodes, inputs, outputs, constants=(), types=None, **options):
    proto = model(nodes, inputs, outputs, constants, types=types, domains=[RUNTIME])
    return workload_from(read_text(import_onnx(saved(folder, proto), dims=["batch=1,4"], **options)))


INT = TensorProto.INT64


def test_attention_with_its_weights(tmp_path):
    nodes = [
        runtime("Attention", "x w b", "a", num_heads=4, unidirectional=1),
        node("MatMul", "a o", "p"),
        runtime("SkipLayerNormalization", "p x g c", "y"),
    ]
    constants = [weight("w", 64, 192), weight("b", 192), weight("o", 64, 64), weight("g", 64), weight("c", 64)]
    found = imported(tmp_path, nodes, {"x": ["batch", 16, 64]}, "y", constants)
    hand = by_hand("""
input: {features: 64, steps: 16}
layers:
  - {name: attention, kind: attention, heads: 4, causal: true}
  - {name: sum, kind: add, from: [attention, input]}
  - {name: norm, kind: normalisation, method: layer}
""")
    check_same(found, hand)


def test_bert_as_onnx_runtime_writes_it(tmp_path):
    nodes = [
        runtime("EmbedLayerNormalization", "ids kinds words places table g c", "e m"),
        runtime("Attention", "e w b m", "a", num_heads=2),
        node("MatMul", "a o", "p"),
        runtime("SkipLayerNormalization", "p e g c", "s"),
        node("MatMul", "s u", "h"),
        runtime("BiasGelu", "h v", "i"),
        node("MatMul", "i d", "j"),
        runtime("SkipLayerNormalization", "j s g c", "y"),
    ]
    constants = [weight("words", 100, 32), weight("places", 20, 32), weight("table", 2, 32), weight("w", 32, 96)]
    constants += [weight("b", 96), weight("o", 32, 32), weight("u", 32, 128), weight("v", 128), weight("d", 128, 32)]
    constants += [weight("g", 32), weight("c", 32)]
    inputs = {"ids": ["batch", 10], "kinds": ["batch", 10]}
    found = imported(tmp_path, nodes, inputs, "y", constants, types={"ids": INT, "kinds": INT})
    hand = by_hand("""
input: {tokens: 10}
inputs: {kinds: {tokens: 10}}
layers:
  - {name: words, kind: embedding, vocabulary: 100, features: 32}
  - {name: places, kind: embedding, vocabulary: 20, features: 32, from: input}
  - {name: segments, kind: embedding, vocabulary: 2, features: 32, from: kinds}
  - {name: sum, kind: add, from: [words, places, segments]}
  - {name: norm, kind: normalisation, method: layer}
  - {name: attention, kind: attention, heads: 2}
  - {name: sum1, kind: add, from: [attention, norm]}
  - {name: norm1, kind: normalisation, method: layer}
  - {name: up, kind: linear, features: 128, activation: gelu}
  - {name: down, kind: linear, features: 32}
  - {name: sum2, kind: add, from: [down, norm1]}
  - {name: norm2, kind: normalisation, method: layer}
""")
    check_same(found, hand)


def grouped(packed, context=0, window=-1):
    past = "k v" if context else "- -"
    attributes = {"num_heads": 8, "kv_num_heads": 2, "do_rotary": 1, "local_window_size": window}
    if packed:
        nodes = [node("MatMul", "x w", "q"), runtime("GroupQueryAttention", f"q - - {past} l t c s", "a pk pv", **attributes)]
        constants = [weight("w", 64, 96)]
    else:
        nodes = [node("MatMul", f"x w{name}", f"q{name}") for name in "qkv"]
        nodes.append(runtime("GroupQueryAttention", f"qq qk qv {past} l t c s", "a pk pv", **attributes))
        constants = [weight("wq", 64, 64), weight("wk", 64, 16), weight("wv", 64, 16)]
    constants += [weight("o", 64, 64), weight("c", 128, 4), weight("s", 128, 4)]
    constants += [weight("l", 1, data_type=TensorProto.INT32), weight("t", 1, data_type=TensorProto.INT32)]
    return [*nodes, node("MatMul", "a o", "y")], constants


def test_grouped_queries_apart_and_in_one(tmp_path):
    hand = by_hand("""
input: {features: 64, steps: 16}
layers:
  - {name: attention, kind: attention, heads: 8, kv_heads: 2, causal: true, rotary: true}
""")
    for packed in (False, True):
        nodes, constants = grouped(packed)
        check_same(imported(tmp_path, nodes, {"x": ["batch", 16, 64]}, "y", constants), hand)


def test_grouped_queries_on_a_cache(tmp_path):
    nodes, constants = grouped(packed=False, context=31)
    inputs = {"x": ["batch", 1, 64], "k": ["batch", 2, 31, 8], "v": ["batch", 2, 31, 8]}
    hand = by_hand("""
input: {features: 64, steps: 1}
layers:
  - {name: attention, kind: attention, heads: 8, kv_heads: 2, context: 31, rotary: true}
""")
    check_same(imported(tmp_path, nodes, inputs, "y pk pv", constants), hand)


def test_grouped_queries_in_a_window(tmp_path):
    nodes, constants = grouped(packed=False, window=4)
    hand = by_hand("""
input: {features: 64, steps: 16}
layers:
  - {name: attention, kind: attention, heads: 8, kv_heads: 2, causal: true, rotary: true, window: 4}
""")
    check_same(imported(tmp_path, nodes, {"x": ["batch", 16, 64]}, "y", constants), hand)


def test_many_heads_on_a_memory(tmp_path):
    nodes = [
        node("MatMul", "x wq", "q"),
        node("MatMul", "m wk", "k"),
        node("MatMul", "m wv", "v"),
        runtime("MultiHeadAttention", "q k v b", "a", num_heads=4),
        node("MatMul", "a o", "y"),
    ]
    constants = [weight(name, 32, 32) for name in ("wq", "wk", "wv", "o")] + [weight("b", 96)]
    found = imported(tmp_path, nodes, {"x": ["batch", 5, 32], "m": ["batch", 9, 32]}, "y", constants)
    hand = by_hand("""
input: {features: 32, steps: 5}
inputs: {memory: {features: 32, steps: 9}}
layers:
  - {name: attention, kind: attention, heads: 4, memory: memory}
""")
    check_same(found, hand)


def test_weights_of_four_bits(tmp_path):
    """A product whose weights lie in blocks of 32 with a scale each: 4 bits, as its attribute says."""
    nodes = [runtime("MatMulNBits", "x w s", "y", K=128, N=48, bits=4, block_size=32)]
    constants = [weight("w", 48, 4, 16, data_type=TensorProto.UINT8), weight("s", 192)]
    found = imported(tmp_path, nodes, {"x": ["batch", 7, 128]}, "y", constants)
    (layer,) = found.networks[0].nodes
    assert (layer.layer.features, found.networks[0].macs()) == (48, 7 * 128 * 48)
    assert found.scenarios[0].precision.weight_bits == 4


def test_products_that_lie_the_other_way_round(tmp_path):
    nodes = [runtime("FusedMatMul", "x w", "p", transB=1), runtime("DynamicQuantizeMatMul", "p v s z", "y")]
    constants = [weight("w", 24, 16), weight("v", 24, 8, data_type=TensorProto.INT8), weight("s", 1)]
    constants += [weight("z", 1, data_type=TensorProto.INT8)]
    found = imported(tmp_path, nodes, {"x": ["batch", 16]}, "y", constants)
    assert found.networks[0].macs() == 24 * 16 + 24 * 8


def test_convolution_with_what_was_fused_into_it(tmp_path):
    nodes = [
        runtime("FusedConv", "x w b", "a", activation="Relu", pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
        runtime("FusedConv", "a v c a", "y", activation="Relu", pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
    ]
    constants = [weight("w", 8, 3, 3, 3), weight("b", 8), weight("v", 8, 8, 3, 3), weight("c", 8)]
    found = imported(tmp_path, nodes, {"x": ["batch", 3, 12, 12]}, "y", constants)
    hand = by_hand("""
input: {channels: 3, height: 12, width: 12}
layers:
  - {name: a, kind: conv2d, filters: 8, kernel: 3, padding: 1, activation: relu}
  - {name: b, kind: conv2d, filters: 8, kernel: 3, padding: 1}
  - {name: sum, kind: add, from: [b, a]}
  - {name: relu, kind: activation, function: relu}
""")
    check_same(found, hand)
