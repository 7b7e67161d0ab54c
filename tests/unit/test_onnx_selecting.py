"""Operators that choose or put in place, and convolutions over three sides: what they count, worked by hand."""

import pytest
from onnx import TensorProto
from onnx_building import ints, model, node, saved, weight
from same_network import by_hand, check_same

from dse.errors import InputError, UnsupportedLayer
from dse.inputs.onnx.importing import import_onnx
from dse.inputs.workloads import workload_from
from dse.inputs.yaml import read_text


def imported(folder, nodes, inputs, outputs="y", constants=(), **options):
    proto = model(nodes, inputs, outputs, constants, **options)
    return workload_from(read_text(import_onnx(saved(folder, proto), dims=["batch=1,4"])))


def test_blocks_of_frames_are_rows_of_a_product(tmp_path):
    """The patches of a video transformer: 3 x 2 x 8 x 8 numbers each, 4 x 4 x 4 of them."""
    nodes = [node("Conv", "x w b", "y", strides=[2, 8, 8])]
    constants = [weight("w", 48, 3, 2, 8, 8), weight("b", 48)]
    found = imported(tmp_path, nodes, {"x": ["batch", 3, 8, 32, 32]}, "y", constants)
    assert found.networks[0].macs() == 64 * 3 * 2 * 8 * 8 * 48
    assert found.networks[0].parameters == 48 * 3 * 2 * 8 * 8


def test_a_window_along_one_of_three_sides(tmp_path):
    """3 x 1 x 1 over frames slides over 8 x (16·16), as over an image."""
    nodes = [node("Conv", "x w", "y", pads=[1, 0, 0, 1, 0, 0], strides=[2, 1, 1])]
    found = imported(tmp_path, nodes, {"x": ["batch", 4, 8, 16, 16]}, "y", [weight("w", 6, 4, 3, 1, 1)])
    hand = by_hand("""
input: {channels: 4, height: 8, width: 256}
layers:
  - {name: conv, kind: conv2d, filters: 6, kernel: [3, 1], padding: [1, 0], stride: [2, 1]}
""")
    assert found.networks[0].macs() == hand.networks[0].macs() == 4 * 256 * 6 * 4 * 3
    assert [step.operation for step in found.networks[0].lower(1).steps] == [
        step.operation for step in hand.networks[0].lower(1).steps
    ]


def test_a_window_along_three_sides_is_refused(tmp_path):
    nodes = [node("Conv", "x w", "y", "stem", pads=[1] * 6)]
    with pytest.raises(InputError, match="Conv 'stem': its windows slide along three sides at once"):
        imported(tmp_path, nodes, {"x": ["batch", 4, 8, 16, 16]}, "y", [weight("w", 6, 4, 3, 3, 3)])


def test_the_largest_are_compared_once(tmp_path):
    nodes = [node("MatMul", "x w", "s"), node("TopK", "s k", "y i")]
    found = imported(tmp_path, nodes, {"x": ["batch", 16]}, "y i", [weight("w", 16, 100), ints("k", 5)])
    hand = by_hand("""
input: {features: 16}
layers:
  - {name: scores, kind: linear, features: 100}
  - {name: ranked, kind: elementwise, operation: compare}
  - {name: best, kind: slice, features: 5}
""")
    assert "comparison" in import_onnx(tmp_path / "model.onnx", dims=["batch=1"])
    check_same(found, hand)


def test_updates_stand_where_others_stood(tmp_path):
    """A cache of 2 x 31 x 8 of which one step is written: 16 numbers come from the product, the rest stays."""
    nodes = [
        node("MatMul", "x w", "new"),
        node("Reshape", "new s", "u"),
        node("ScatterElements", "cache i u", "c", axis=2),
        node("Relu", "c", "y"),
    ]
    constants = [weight("w", 64, 16), ints("s", 0, 2, 1, 8), weight("i", 1, 2, 1, 8, data_type=TensorProto.INT64)]
    inputs = {"x": ["batch", 64], "cache": ["batch", 2, 31, 8]}
    found = imported(tmp_path, nodes, inputs, "y", constants)
    kinds = [each.layer.kind for each in found.networks[0].nodes]
    assert [kind for kind in kinds if kind not in ("reshape", "flatten")] == ["linear", "slice", "concat", "activation"]
    assert found.networks[0].shapes[found.networks[0].nodes[-1].name].elements == 496


def test_rows_of_unit_vectors(tmp_path):
    nodes = [node("OneHot", "ids d v", "o", axis=-1), node("MatMul", "o w", "y")]
    constants = [ints("d", 6), weight("v", 2), weight("w", 6, 32)]
    found = imported(tmp_path, nodes, {"ids": ["batch", 10]}, "y", constants, types={"ids": TensorProto.INT64})
    assert found.networks[0].macs() == 10 * 6 * 32


def test_an_image_sampled_at_places_that_are_computed(tmp_path):
    nodes = [node("Conv", "x w", "g"), node("Transpose", "g", "grid", perm=[0, 2, 3, 1]), node("GridSample", "x grid", "y")]
    found = imported(tmp_path, nodes, {"x": ["batch", 3, 8, 8]}, "y", [weight("w", 2, 3, 1, 1)], opset=16)
    assert [each.layer.kind for each in found.networks[0].nodes if each.layer.kind not in ("reshape", "slice")] == [
        "conv2d",
        "resize",
        "multiply",
    ]


def test_pools_of_norms(tmp_path):
    nodes = [node("LpPool", "x", "p", kernel_shape=[2, 2], strides=[2, 2]), node("GlobalLpPool", "p", "y")]
    found = imported(tmp_path, nodes, {"x": ["batch", 3, 8, 8]})
    kinds = [each.layer.kind for each in found.networks[0].nodes]
    assert kinds == ["elementwise", "pool2d", "elementwise", "elementwise", "global_pool", "elementwise"]


def test_what_has_no_size_beforehand_is_refused_with_what_to_do(tmp_path):
    nodes = [node("MatMul", "x w", "s"), node("NonZero", "s", "y", "picks")]
    with pytest.raises(UnsupportedLayer, match=r"NonZero 'picks'.*\n.*export the model without what selects its results"):
        imported(tmp_path, nodes, {"x": ["batch", 16]}, "y", [weight("w", 16, 100)])
