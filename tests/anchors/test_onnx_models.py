"""The models that ship inside the onnx package: every one is imported, and counts what others count.

`counted_by_hand` multiplies, for each Conv and Gemm, the elements of its output by the products of one element, straight from
the shapes that `onnx.shape_inference.infer_shapes` writes into the whole model: none of the importer's code takes part.

Published totals; those of parameters are with biases and normalisations, which are added (`left_out`), and met to the unit:

AlexNet       Caffe's bvlc_alexnet: 60,965,224 parameters; 724 M MACs with an input of 227: V. Sze et al., "Efficient
              Processing of Deep Neural Networks: A Tutorial and Survey", Proc. IEEE 105(12), 2017, arXiv:1703.09039, Table
              II. The model here has an input of 224, and is also counted at 227. 724 M and 61 M stand in the table of
              https://github.com/KamelAbdelouahab/CNN-Workload, too.
GoogLeNet     1.43 G MACs, 7.0 M parameters: the same table of Sze et al. UNVERIFIED: read in no second source, and that table
              of CNN-Workload has 1.58 G.
VGG-19, ResNet-50, DenseNet-121, SqueezeNet 1.1
              torchvision's weights (``_ops`` and ``num_params`` of torchvision/models/{vgg,resnet,densenet,squeezenet}.py,
              read again: 19.632, 4.089, 2.834 and 0.349), https://docs.pytorch.org/vision/stable/models.html.
"""

from math import prod
from pathlib import Path

import onnx
import pytest
from onnx_building import saved

from dse.inputs.onnx.importing import import_onnx
from dse.inputs.workloads import workload_from
from dse.inputs.yaml import read_text

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"
NAMES = sorted(path.stem for path in LIGHT.glob("*.onnx"))

PUBLISHED = {
    "light_bvlc_alexnet": (60_965_224, None),
    "light_densenet121": (7_978_856, 2.834e9),
    "light_inception_v1": (7.0e6, 1.43e9),  # to two digits
    "light_resnet50": (25_557_032, 4.089e9),
    "light_squeezenet": (1_235_496, 0.349e9),
    "light_vgg19": (143_667_240, 19.632e9),
}
"""Parameters and MACs."""


def counted_by_hand(path):
    """MACs and weights of one sample."""
    model = onnx.shape_inference.infer_shapes(onnx.load(path, load_external_data=False))
    values = [*model.graph.input, *model.graph.value_info, *model.graph.output]
    shapes = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in values}
    macs, weights = 0, set()
    for node in model.graph.node:
        if node.op_type not in ("Conv", "Gemm"):
            continue
        factor, output = shapes[node.input[1]], shapes[node.output[0]]
        turned = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
        products = prod(factor[1:]) if node.op_type == "Conv" or turned else factor[0]
        macs += prod(output) * products
        weights.add(node.input[1])
    return macs, sum(prod(shapes[name]) for name in weights)


def left_out(path):
    """Parameters that dse leaves out and published totals count: biases, and a scale and a shift for each normalised channel."""
    model = onnx.shape_inference.infer_shapes(onnx.load(path, load_external_data=False))
    values = [*model.graph.input, *model.graph.value_info]
    shapes = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in values}
    vectors = {"Conv": slice(2, 3), "Gemm": slice(2, 3), "BatchNormalization": slice(1, 3)}
    return sum(prod(shapes[name]) for node in model.graph.node for name in node.input[vectors.get(node.op_type, slice(0))])


@pytest.fixture(scope="module")
def imported():
    found = {}

    def load(name):
        if name not in found:
            found[name] = import_onnx(LIGHT / f"{name}.onnx")
        return found[name]

    return load


def loaded(text):
    (network,) = workload_from(read_text(text)).networks
    return network


def test_all_nine_are_there():
    assert len(NAMES) == 9


@pytest.mark.parametrize("name", NAMES)
def test_counts_are_those_of_the_shapes(imported, name):
    network = loaded(imported(name))
    assert (network.macs(), network.parameters) == counted_by_hand(LIGHT / f"{name}.onnx")


@pytest.mark.parametrize("name", PUBLISHED)
def test_counts_are_those_that_are_published(imported, name):
    network = loaded(imported(name))
    parameters, macs = PUBLISHED[name]
    tolerance = 0 if isinstance(parameters, int) else 0.005
    assert network.parameters + left_out(LIGHT / f"{name}.onnx") == pytest.approx(parameters, rel=tolerance, abs=0)
    if macs is not None:
        assert network.macs() == pytest.approx(macs, rel=0.005)


def test_alexnet_at_the_size_of_its_paper(tmp_path):
    model = onnx.load(LIGHT / "light_bvlc_alexnet.onnx")
    (data,) = (value for value in model.graph.input if value.name == "data_0")
    for dim in data.type.tensor_type.shape.dim[2:]:
        dim.dim_value = 227
    network = loaded(import_onnx(saved(tmp_path, model)))
    assert network.macs() == pytest.approx(724e6, rel=0.005)


def test_repeats_are_blocks_as_in_the_paper(imported):
    """ResNet-50 has blocks of 3, 4, 6 and 3, the first of each with a shortcut of its own."""
    text = imported("light_resnet50")
    assert [int(line.split()[1]) for line in text.splitlines() if "repeat:" in line] == [2, 3, 5, 2]
    assert len(text.splitlines()) <= 80
