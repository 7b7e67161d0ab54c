"""ONNX models against the same networks written by hand: operations, tensors, bytes, reuse and latency."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_building import floats, ints, model, node, saved, weight
from same_network import by_hand, check_same

import dse
from dse.errors import InputError, UnsupportedLayer
from dse.inputs.onnx.constants import fold
from dse.inputs.onnx.importing import import_onnx
from dse.inputs.workloads import load_workload, workload_from
from dse.inputs.yaml import read_text
from dse.workload.operations import TensorOperation

TPU = dse.load_design("tpu_v1")


def imported(folder, proto, *dims, **options):
    return workload_from(read_text(import_onnx(saved(folder, proto), dims=dims, **options)))


def shown(workload):
    return [(node.layer, node.precision) for node in workload.networks[0].nodes]


class TestSameAsByHand:
    def test_residual_network_with_repeats(self, tmp_path):
        nodes, constants, last = [], [weight("stem.weight", 16, 3, 3, 3)], "s2"
        nodes += [
            node("Conv", "x stem.weight", "s0", "/stem/Conv", pads=[1, 1, 1, 1], strides=[2, 2]),
            node("BatchNormalization", "s0 g b m v", "s1"),
            node("Relu", "s1", "s2"),
        ]
        constants += [weight(name, 16) for name in "gbmv"]
        for block in range(3):
            name = f"/body/body.{block}"
            constants += [weight(f"w{block}{part}", 16, 16, 3, 3) for part in "ab"]
            nodes += [
                node("Conv", f"{last} w{block}a", f"a{block}", f"{name}/first/Conv", pads=[1, 1, 1, 1]),
                node("BatchNormalization", f"a{block} g b m v", f"n{block}"),
                node("Relu", f"n{block}", f"r{block}"),
                node("Conv", f"r{block} w{block}b", f"c{block}", f"{name}/second/Conv", pads=[1, 1, 1, 1]),
                node("BatchNormalization", f"c{block} g b m v", f"d{block}"),
                node("Add", f"d{block} {last}", f"e{block}", f"{name}/Add"),
                node("Relu", f"e{block}", f"o{block}", f"{name}/relu/Relu"),
            ]
            last = f"o{block}"
        constants += [weight("fc.weight", 10, 16), weight("fc.bias", 10)]
        nodes += [
            node("GlobalAveragePool", last, "p"),
            node("Flatten", "p", "f"),
            node("Gemm", "f fc.weight fc.bias", "y", "/fc/Gemm", transB=1),
        ]
        proto = model(nodes, {"x": ["N", 3, 32, 32]}, "y", constants)
        text = import_onnx(saved(tmp_path, proto), dims=["N=1,4"])
        assert "{name: first," in text
        assert "repeat: 3" in text
        hand = by_hand("""
input: {channels: 3, height: 32, width: 32}
layers:
  - {name: stem, kind: conv2d, filters: 16, kernel: 3, stride: 2, padding: 1, normalisation: batch, activation: relu}
  - name: body
    repeat: 3
    layers:
      - {name: first, kind: conv2d, filters: 16, kernel: 3, padding: 1, normalisation: batch, activation: relu}
      - {name: second, kind: conv2d, filters: 16, kernel: 3, padding: 1, normalisation: batch}
      - {name: sum, kind: add, from: [second, block_input]}
      - {name: out, kind: activation, function: relu}
  - {name: pool, kind: global_pool}
  - {name: fc, kind: linear, features: 10}
""")
        check_same(workload_from(read_text(text)), hand)

    @pytest.mark.parametrize(("op", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
    @pytest.mark.parametrize("both", [False, True])
    def test_recurrent_stack(self, tmp_path, op, gates, both):
        ways = 2 if both else 1
        direction = {"direction": "bidirectional" if both else "forward", "hidden_size": 24}
        nodes, constants, last = [node("Transpose", "x", "t", perm=[1, 0, 2])], [ints("s", 0, 0, -1)], "t"
        for layer in range(2):
            features = 40 if layer == 0 else 24 * ways
            constants += [weight(f"w{layer}", ways, gates * 24, features), weight(f"r{layer}", ways, gates * 24, 24)]
            nodes += [
                node(op, f"{last} w{layer} r{layer}", f"y{layer}", **direction),
                node("Transpose", f"y{layer}", f"z{layer}", perm=[0, 2, 1, 3]),
                node("Reshape", f"z{layer} s", f"h{layer}"),
            ]
            last = f"h{layer}"
        constants += [weight("o", 24 * ways, 7), weight("b", 7)]
        nodes += [node("Transpose", last, "u", perm=[1, 0, 2]), node("MatMul", "u o", "v"), node("Add", "v b", "y")]
        workload = imported(tmp_path, model(nodes, {"x": ["batch", 30, 40]}, "y", constants), "batch=1,4")
        hand = by_hand(f"""
input: {{features: 40, steps: 30}}
layers:
  - {{name: cells, kind: {op.lower()}, hidden: 24, layers: 2, bidirectional: {str(both).lower()}}}
  - {{name: out, kind: linear, features: 7}}
""")
        check_same(workload, hand)

    def test_last_state_of_a_recurrent_layer(self, tmp_path):
        constants = [weight("w", 1, 96, 40), weight("r", 1, 96, 24), weight("o", 24, 5)]
        nodes = [
            helper.make_node("LSTM", ["x", "w", "r"], ["", "h"], hidden_size=24),
            node("Squeeze", "h a", "q"),
            node("Gemm", "q o", "y"),
        ]
        workload = imported(tmp_path, model(nodes, {"x": [30, "N", 40]}, "y", [*constants, ints("a", 0)]), "batch=1,4")
        hand = by_hand("""
input: {features: 40, steps: 30}
layers:
  - {name: cells, kind: lstm, hidden: 24, returns: last}
  - {name: out, kind: linear, features: 5}
""")
        check_same(workload, hand)

    @pytest.mark.parametrize("fused", [False, True])
    @pytest.mark.parametrize("causal", [False, True])
    def test_attention_written_out(self, tmp_path, fused, causal):
        constants = [weight("o", 64, 64), ints("heads", 0, 0, 4, 16), ints("joined", 0, 0, 64), floats("scale", 0.25, dims=[])]
        if fused:
            nodes = [node("MatMul", "x qkv", "p"), node("Split", "p", "q k v", axis=2)]
            constants.append(weight("qkv", 64, 192))
        else:
            nodes = [node("MatMul", f"x w{part}", part) for part in "qkv"]
            constants += [weight(f"w{part}", 64, 64) for part in "qkv"]
        for part, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
            nodes += [node("Reshape", f"{part} heads", f"{part}r"), node("Transpose", f"{part}r", f"{part}t", perm=order)]
        nodes += [node("MatMul", "qt kt", "s"), node("Mul", "s scale", "m")]
        if causal:
            mask = np.triu(np.full((32, 32), -np.inf, dtype=np.float32), 1)
            constants.append(numpy_helper.from_array(mask, "mask"))
            nodes.append(node("Add", "m mask", "n"))
        nodes += [
            node("Softmax", "n" if causal else "m", "a", axis=-1),
            node("MatMul", "a vt", "c"),
            node("Transpose", "c", "d", perm=[0, 2, 1, 3]),
            node("Reshape", "d joined", "e"),
            node("MatMul", "e o", "f"),
            node("Add", "f x", "y"),
        ]
        workload = imported(tmp_path, model(nodes, {"x": ["N", 32, 64]}, "y", constants), "N=1,4")
        hand = by_hand(f"""
input: {{features: 64, steps: 32}}
layers:
  - {{name: attention, kind: attention, heads: 4, causal: {str(causal).lower()}}}
  - {{name: sum, kind: add, from: [attention, input]}}
""")
        check_same(workload, hand)

    @pytest.mark.parametrize("groups", [8, 2])
    def test_attention_operator(self, tmp_path, groups):
        constants = [weight("q", 64, 64), weight("k", 64, 8 * groups), weight("v", 64, 8 * groups), weight("o", 64, 64)]
        nodes = [node("MatMul", f"x {part}", f"{part}p") for part in "qkv"]
        nodes += [
            node("Attention", "qp kp vp", "a", q_num_heads=8, kv_num_heads=groups, is_causal=1),
            node("MatMul", "a o", "y"),
        ]
        workload = imported(tmp_path, model(nodes, {"x": ["N", 32, 64]}, "y", constants, opset=23), "N=1,4")
        hand = by_hand(f"""
input: {{features: 64, steps: 32}}
layers:
  - {{name: attention, kind: attention, heads: 8, kv_heads: {groups}, causal: true}}
""")
        check_same(workload, hand)

    def test_embedding_positions_and_normalisation_written_out(self, tmp_path):
        nodes = [
            node("Gather", "words ids", "w"),
            node("Gather", "table places", "p"),
            node("Add", "w p", "x"),
            node("ReduceMean", "x", "mean", axes=[-1]),
            node("Sub", "x mean", "d"),
            node("Pow", "d two", "e"),
            node("ReduceMean", "e", "v", axes=[-1]),
            node("Add", "v tiny", "u"),
            node("Sqrt", "u", "s"),
            node("Div", "d s", "n"),
            node("Mul", "n scale", "m"),
            node("Add", "m shift", "o"),
            node("MatMul", "o up", "h"),
            node("Div", "h root", "g"),
            node("Erf", "g", "f"),
            node("Add", "f one", "k"),
            node("Mul", "h k", "l"),
            node("Mul", "l half", "y"),
        ]
        scalars = {"two": 2.0, "tiny": 1e-5, "root": 1.414, "one": 1.0, "half": 0.5}
        constants = [floats(name, value, dims=[]) for name, value in scalars.items()]
        constants += [weight("words", 1000, 32), weight("table", 16, 32), ints("places", *range(16)), weight("up", 32, 128)]
        constants += [weight("scale", 32), weight("shift", 32)]
        proto = model(nodes, {"ids": ["N", 16]}, "y", constants, types={"ids": TensorProto.INT64})
        workload = imported(tmp_path, proto, "N=1,4")
        hand = by_hand("""
input: {tokens: 16}
layers:
  - {name: words, kind: embedding, vocabulary: 1000, features: 32}
  - {name: positions, kind: learned, to: {features: 32, steps: 16}}
  - {name: sum, kind: add, from: [words, positions]}
  - {name: norm, kind: normalisation, method: layer}
  - {name: up, kind: linear, features: 128, activation: gelu}
""")
        check_same(workload, hand)

    def test_convolutions_of_all_forms(self, tmp_path):
        constants = [
            weight("a", 8, 3, 3, 3), weight("b", 8, 1, 5, 5), weight("c", 16, 4, 1, 1), weight("d", 16, 6, 4, 4),
            weight("e", 4, 6, 3, 3),
        ]  # fmt: skip
        nodes = [
            node("Conv", "x a", "1", pads=[0, 0, 1, 1], strides=[2, 2]),
            node("Conv", "1 b", "2", auto_pad="SAME_UPPER", group=8),
            node("Relu", "2", "3"),
            node("Conv", "3 c", "4", group=2),
            node("ConvTranspose", "4 d", "5", strides=[2, 2], pads=[1, 1, 1, 1]),
            node("Conv", "5 e", "6", dilations=[2, 2], pads=[2, 2, 2, 2]),
            node("MaxPool", "6", "7", kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1]),
            node("AveragePool", "7", "8", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
            node("GlobalAveragePool", "8", "y"),
        ]
        workload = imported(tmp_path, model(nodes, {"x": ["N", 3, 32, 32]}, "y", constants), "N=1,4")
        hand = by_hand("""
input: {channels: 3, height: 32, width: 32}
layers:
  - {name: a, kind: conv2d, filters: 8, kernel: 3, stride: 2, padding: [0, 0, 1, 1]}
  - {name: b, kind: depthwise_conv2d, kernel: 5, padding: 2, activation: relu}
  - {name: c, kind: conv2d, filters: 16, kernel: 1, groups: 2}
  - {name: d, kind: transposed_conv2d, filters: 6, kernel: 4, stride: 2, padding: 1}
  - {name: e, kind: conv2d, filters: 4, kernel: 3, padding: 2, dilation: 2}
  - {name: f, kind: pool2d, mode: max, kernel: 3, stride: 2, padding: [0, 0, 1, 1]}
  - {name: g, kind: pool2d, mode: average, kernel: 2, stride: 2, ceil: true}
  - {name: h, kind: global_pool, mode: average}
""")
        check_same(workload, hand)

    def test_sequences(self, tmp_path):
        constants = [weight("a", 8, 4, 5), weight("b", 8, 1, 3), weight("c", 8, 2, 4), ints("p", 0, 0, 2, 0, 0, 0)]
        nodes = [
            node("Conv", "x a", "1", strides=[2], pads=[2, 2]),
            node("Pad", "1 p", "2"),
            node("Conv", "2 b", "3", group=8),
            node("MaxPool", "3", "4", kernel_shape=[2], strides=[2]),
            node("ConvTranspose", "4 c", "y", strides=[2], pads=[1, 1]),
        ]
        workload = imported(tmp_path, model(nodes, {"x": ["N", 4, 64]}, "y", constants), "N=1,4")
        hand = by_hand("""
input: {features: 4, steps: 64}
layers:
  - {name: a, kind: conv1d, filters: 8, kernel: 5, stride: 2, padding: 2}
  - {name: b, kind: conv1d, filters: 8, kernel: 3, padding: [2, 0], groups: 8}
  - {name: c, kind: pool1d, mode: max, kernel: 2}
  - {name: d, kind: reshape, to: {channels: 8, height: 1, width: 16}}
  - {name: e, kind: transposed_conv2d, filters: 2, kernel: [1, 4], stride: [1, 2], padding: [0, 1]}
""")
        check_same(workload, hand)


class TestOperators:
    """Single operators, by the layers that they become."""

    def layers(self, folder, nodes, inputs, constants=(), outputs="y", **options):
        workload = imported(folder, model(nodes, inputs, outputs, constants, **options))
        return [(node.layer.kind, node.layer) for node in workload.networks[0].nodes]

    def test_products_of_activations_side_by_side(self, tmp_path):
        nodes = [node("MatMul", "a b", "c"), node("Relu", "c", "y")]
        (product, _) = self.layers(tmp_path, nodes, {"a": [1, 3, 5, 8], "b": [1, 3, 8, 7]})[-2:]
        assert product[0] == "matmul"
        assert product[1].groups == 3

    def test_weights_for_each_of_several_matrices(self, tmp_path):
        found = self.layers(tmp_path, [node("MatMul", "a w", "y")], {"a": [1, 3, 5, 8]}, [weight("w", 3, 8, 7)])
        assert found[-1][0] == "conv1d"
        assert (found[-1][1].groups, found[-1][1].filters, found[-1][1].kernel) == (3, 21, 1)

    @pytest.mark.parametrize(("equation", "macs"), [("btd,dk->btk", 5 * 8 * 7), ("btd,bsd->bts", 5 * 5 * 8)])
    def test_einsum(self, tmp_path, equation, macs):
        constants = [weight("w", 8, 7)] if "dk" in equation else []
        other = "w" if constants else "x"
        proto = model([node("Einsum", f"x {other}", "y", equation=equation)], {"x": [1, 5, 8]}, "y", constants)
        assert imported(tmp_path, proto).networks[0].macs() == macs

    def test_slices_splits_and_joins(self, tmp_path):
        nodes = [
            node("Split", "x", "a b", axis=1),
            node("Concat", "b a", "c", axis=2),
            node("Slice", "c begin end axes step", "d"),
            node("Relu", "d", "y"),
        ]
        constants = [ints("begin", 2), ints("end", 10), ints("axes", 3), ints("step", 2)]
        kinds = self.layers(tmp_path, nodes, {"x": [1, 8, 6, 12]}, constants)
        assert [kind for kind, _ in kinds] == ["slice", "slice", "concat", "slice", "activation"]
        assert kinds[2][1].along == "height"
        assert (kinds[3][1].width, kinds[3][1].begin, kinds[3][1].step) == (4, 2, 2)

    def test_shapes_computed_from_shapes(self, tmp_path):
        nodes = [
            node("Shape", "x", "s"), node("Gather", "s zero", "n"), node("Unsqueeze", "n axis", "u"),
            node("Concat", "u rest", "t", axis=0), node("Reshape", "x t", "r"), node("Gemm", "r w", "y"),
        ]  # fmt: skip
        constants = [
            helper.make_tensor("zero", TensorProto.INT64, [], [0]), ints("axis", 0), ints("rest", -1), weight("w", 96, 5),
        ]  # fmt: skip
        kinds = self.layers(tmp_path, nodes, {"x": [1, 6, 16]}, constants)
        assert [kind for kind, _ in kinds] == ["flatten", "linear"]

    def test_channel_shuffle_costs_nothing(self, tmp_path):
        nodes = [
            node("Reshape", "x five", "a"), node("Transpose", "a", "b", perm=[0, 2, 1, 3, 4]), node("Reshape", "b four", "c"),
            node("Relu", "c", "y"),
        ]  # fmt: skip
        kinds = self.layers(tmp_path, nodes, {"x": [1, 8, 4, 4]}, [ints("five", 1, 2, 4, 4, 4), ints("four", 1, 8, 4, 4)])
        assert [kind for kind, _ in kinds] == ["activation"]

    def test_resize_and_squeeze_and_excite(self, tmp_path):
        nodes = [
            helper.make_node("Resize", ["x", "", "scales"], ["a"], mode="linear"),
            node("GlobalAveragePool", "a", "p"), node("Sigmoid", "p", "s"), node("Mul", "a s", "y"),
        ]  # fmt: skip
        kinds = self.layers(tmp_path, nodes, {"x": [1, 8, 4, 4]}, [floats("scales", 1, 1, 2, 2)])
        assert [kind for kind, _ in kinds] == ["resize", "global_pool", "activation", "multiply"]

    def test_training_statistics_are_refused(self, tmp_path):
        constants = [weight(name, 4) for name in "gbmv"]
        nodes = [node("BatchNormalization", "x g b m v", "y u w", training_mode=1), node("Relu", "u", "z")]
        with pytest.raises(InputError, match="learns statistics while it runs"):
            self.layers(tmp_path, nodes, {"x": [1, 4, 8, 8]}, constants, outputs="y z")


class TestFormats:
    def test_floating_point_is_counted_as_deployed_and_says_so(self, tmp_path):
        text = import_onnx(saved(tmp_path, model([node("Gemm", "x w", "y")], {"x": [1, 8]}, "y", [weight("w", 8, 4)])))
        assert "weights: int8" in text
        assert "The file holds fp32; it is counted as deployed, in int8." in text

    def test_asked_for(self, tmp_path):
        proto = model([node("Gemm", "x w", "y")], {"x": [1, 8]}, "y", [weight("w", 8, 4)])
        precision = imported(tmp_path, proto, precision="fp16").scenarios[0].precision
        assert (precision.weights, precision.activations, precision.accumulators) == ("fp16", "fp16", "fp32")

    def test_quantise_and_dequantise_pairs(self, tmp_path):
        constants = [weight("w", 8, 3, 3, 3, data_type=TensorProto.INT8), weight("f", 8, 10), floats("s", 0.1, dims=[])]
        constants += [helper.make_tensor("z", TensorProto.INT8, [], [0])]
        nodes = [
            node("QuantizeLinear", "x s z", "xq"), node("DequantizeLinear", "xq s z", "xd"),
            node("DequantizeLinear", "w s z", "wd"), node("Conv", "xd wd", "c"), node("GlobalAveragePool", "c", "p"),
            node("Flatten", "p", "q"), node("Gemm", "q f", "y"),
        ]  # fmt: skip
        workload = imported(tmp_path, model(nodes, {"x": [1, 3, 8, 8]}, "y", constants))
        precision = workload.scenarios[0].precision
        assert (precision.weights, precision.activations, precision.accumulators) == ("int8", "int8", "int32")
        layers = workload.networks[0].nodes
        assert dict(layers[0].precision) == {}
        assert dict(layers[-1].precision)["weights"] == "fp32"

    def test_quantised_operators(self, tmp_path):
        constants = [weight("w", 8, 3, 3, 3, data_type=TensorProto.UINT8), weight("v", 8, 5, data_type=TensorProto.UINT8)]
        constants += [floats("s", 0.1, dims=[]), helper.make_tensor("z", TensorProto.UINT8, [], [0]), ints("shape", 1, 8)]
        nodes = [
            node("QuantizeLinear", "x s z", "q"), node("QLinearConv", "q s z w s z s z", "c", kernel_shape=[3, 3]),
            node("QLinearGlobalAveragePool", "c s z s z", "p", domain="com.microsoft"), node("Reshape", "p shape", "r"),
            node("QLinearMatMul", "r s z v s z s z", "m"), node("DequantizeLinear", "m s z", "y"),
        ]  # fmt: skip
        proto = model(nodes, {"x": [1, 3, 8, 8]}, "y", constants, domains=["com.microsoft"])
        workload = imported(tmp_path, proto)
        assert workload.scenarios[0].precision.weights == "int8"
        assert workload.networks[0].macs() == 8 * 6 * 6 * 27 + 8 * 5

    def test_integer_operators(self, tmp_path):
        constants = [weight("w", 8, 5, data_type=TensorProto.UINT8)]
        nodes = [
            node("DynamicQuantizeLinear", "x", "q s z"), node("MatMulInteger", "q w", "m"), node("Cast", "m", "f", to=1),
            node("Mul", "f s", "y"),
        ]  # fmt: skip
        workload = imported(tmp_path, model(nodes, {"x": [1, 8]}, "y", constants))
        assert workload.networks[0].macs() == 40
        assert workload.scenarios[0].precision.weights == "int8"


class TestSizes:
    def test_batches_and_a_network_for_each_size(self, tmp_path):
        proto = model([node("MatMul", "x w", "y")], {"x": ["batch", "seq", 8]}, "y", [weight("w", 8, 4)])
        workload = imported(tmp_path, proto, "batch=1,8", "seq=16,32")
        assert [scenario.name for scenario in workload.scenarios] == [
            "model_seq16@b1", "model_seq16@b8", "model_seq32@b1", "model_seq32@b8",
        ]  # fmt: skip
        assert [network.macs() for network in workload.networks] == [16 * 32, 32 * 32]

    def test_a_fixed_batch_is_the_file_s_and_may_be_changed(self, tmp_path):
        proto = model([node("Gemm", "x w", "y")], {"x": [4, 8]}, "y", [weight("w", 8, 5)])
        assert [scenario.batch for scenario in imported(tmp_path, proto).scenarios] == [4]
        workload = imported(tmp_path, proto, "batch=1,2")
        assert [scenario.batch for scenario in workload.scenarios] == [1, 2]
        assert workload.networks[0].macs() == 40

    @pytest.mark.parametrize(
        ("dims", "said"),
        [
            (["seq=8"], "what size is 'batch'? its size is open"),
            ([], "what size is 'batch', 'seq'? their sizes are open"),
            (["batch=1", "sequence=8"], "has no dimension 'sequence'"),
            (["batch"], "is not NAME=N"),
            (["batch=1", "batch=2"], "--dim batch is said twice"),
            (["batch=0", "seq=8"], "a size is from 1 to"),
        ],
    )
    def test_what_is_open_is_asked_for_by_name(self, tmp_path, dims, said):
        proto = model([node("MatMul", "x w", "y")], {"x": ["batch", "seq", 8]}, "y", [weight("w", 8, 4)])
        with pytest.raises(InputError) as raised:
            import_onnx(saved(tmp_path, proto), dims=dims)
        assert said in str(raised.value)

    def test_further_inputs(self, tmp_path):
        nodes = [node("MatMul", "x w", "a"), node("Add", "a z", "y")]
        workload = imported(tmp_path, model(nodes, {"x": [1, 6, 8], "z": [1, 6, 4]}, "y", [weight("w", 8, 4)]))
        network = workload.networks[0]
        assert [name for name, _ in network.inputs] == ["z"]
        assert network.nodes[-1].inputs[1] == "z"


def test_an_operator_without_a_rule_is_named_and_may_be_left_out(tmp_path):
    nodes = [node("Relu", "x", "r"), node("Det", "r", "d", "/head/det"), node("Sigmoid", "d", "y")]
    path = saved(tmp_path, model(nodes, {"x": [2, 4, 4]}, "y"))
    with pytest.raises(UnsupportedLayer) as raised:
        import_onnx(path)
    assert "Det '/head/det': dse has no rule for this operator" in str(raised.value)
    assert "--allow ignore:Det" in str(raised.value)
    assert "Det is left out, as --allow asked" in import_onnx(path, allow=["ignore:Det"])


def test_peepholes_and_given_states_are_said(tmp_path):
    constants = [weight("w", 1, 96, 40), weight("r", 1, 96, 24), weight("p", 1, 72)]
    nodes = [helper.make_node("LSTM", ["x", "w", "r", "", "", "h", "", "p"], ["y"], hidden_size=24)]
    proto = model(nodes, {"x": [30, 1, 40], "h": [1, 1, 24]}, "y", constants)
    text = " ".join(import_onnx(saved(tmp_path, proto)).split())
    assert "Initial states that are given are not loaded" in text
    assert "Peephole weights" in text


class TestConstants:
    def test_integer_division_goes_towards_zero(self):
        values = {"a": np.array([-7, 7]), "b": np.array([2, -2])}
        assert fold("Div", {}, ["a", "b"], values, {}, fits=True)[0].tolist() == [-3, -3]

    def test_what_is_too_large_is_left(self):
        values = {"s": np.array([2**12, 2**12])}
        assert fold("ConstantOfShape", {}, ["s"], values, {}, fits=True) is None
        endless = {"a": np.array(0), "b": np.array(2**60), "c": np.array(1)}
        assert fold("Range", {}, ["a", "b", "c"], endless, {}, fits=True) is None

    def test_slices_backwards(self):
        values = {"x": np.arange(5), "b": np.array([-1]), "e": np.array([-100]), "a": np.array([0]), "s": np.array([-2])}
        assert fold("Slice", {}, ["x", "b", "e", "a", "s"], values, {}, fits=True)[0].tolist() == [4, 2, 0]


def test_loading_a_model_is_loading_what_it_becomes(tmp_path):
    path = saved(tmp_path, model([node("Gemm", "x w", "y", "/fc/Gemm")], {"x": ["N", 8]}, "y", [weight("w", 8, 4)]))
    workload = load_workload(path)
    assert [scenario.name for scenario in workload.scenarios] == ["model@b1", "model@b8"]
    assert workload.space == "edge"
    first = workload.scenarios[0].lower().steps[0].operation
    assert isinstance(first, TensorOperation)
    assert (first.m, first.n_group, first.k_group) == (1, 4, 8)


def test_attention_with_narrow_values_and_turned_queries(tmp_path):
    constants = [weight("q", 64, 64), weight("k", 64, 64), weight("v", 64, 32), weight("c", 32, 8), ints("at", *range(16))]
    nodes = [node("MatMul", f"x {part}", f"{part}p") for part in "qkv"]
    nodes += [
        helper.make_node("RotaryEmbedding", ["qp", "c", "c"], ["qr"], num_heads=4),
        node("Attention", "qr kp vp", "y", q_num_heads=4, kv_num_heads=4),
    ]
    constants[3] = weight("c", 1, 16, 8)
    network = imported(tmp_path, model(nodes, {"x": [1, 16, 64]}, "y", constants, opset=23)).networks[0]
    assert [node.layer.kind for node in network.nodes][-3:] == ["matmul", "softmax", "matmul"]
    assert network.macs() == 16 * 64 * (64 + 64 + 32) + 4 * 16 * 16 * (16 + 8)


def test_padding_that_begins_with_the_odd_one(tmp_path):
    """SAME_LOWER puts the odd row before the image: 8 rows at stride 2 under 3 taps need one row more."""
    nodes = [node("Conv", "x w", "y", auto_pad="SAME_LOWER", strides=[2, 2])]
    network = imported(tmp_path, model(nodes, {"x": [1, 3, 8, 8]}, "y", [weight("w", 4, 3, 3, 3)])).networks[0]
    assert network.nodes[0].layer.padding == (1, 1, 0, 0)


def test_recurrent_layers_of_other_cells_are_no_stack(tmp_path):
    constants = [weight("w0", 1, 96, 40), weight("r0", 1, 96, 24), weight("w1", 1, 64, 24), weight("r1", 1, 64, 16), ints("a", 1)]
    nodes = [
        node("LSTM", "x w0 r0", "h", hidden_size=24), node("Squeeze", "h a", "s"), node("LSTM", "s w1 r1", "y", hidden_size=16),
    ]  # fmt: skip
    network = imported(tmp_path, model(nodes, {"x": [30, 1, 40]}, "y", constants)).networks[0]
    assert [(node.layer.hidden, node.layer.layers) for node in network.nodes] == [(24, 1), (16, 1)]


def test_copies_that_nobody_spreads_are_refused(tmp_path):
    nodes = [node("Expand", "x shape", "c"), node("Relu", "c", "y", "act")]
    with pytest.raises(InputError, match="Relu 'act': makes 24 numbers a sample in the file, but 4 by the rules of dse"):
        imported(tmp_path, model(nodes, {"x": [1, 1, 4]}, "y", [ints("shape", 1, 6, 4)]))
