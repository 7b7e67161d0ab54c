"""`dse import onnx`, models where workload files may stand, and what is said of every kind of bad model."""

import json
import sys

import pytest
from onnx import TensorProto, helper
from onnx_building import floats, ints, model, node, saved, weight

FC = [node("Gemm", "x w", "y", "/fc/Gemm")]
RELU = [node("Relu", "x", "y", "act")]


def fc(size="N"):
    return model(FC, {"x": [size, 64]}, "y", [weight("w", 64, 10)])


def test_import_to_a_file_and_search_it(dse, tmp_path):
    saved(tmp_path, fc())
    ran = dse("import", "onnx", "model.onnx", "--dim", "N=1,8", "--name", "My Net", "-o", "net.yaml")
    assert (ran.code, ran.out) == (0, "")
    assert "dse search net.yaml" in ran.err
    text = (tmp_path / "net.yaml").read_text()
    assert "name: my_net\n" in text
    assert "{name: fc, kind: linear, in: 64, features: 10}" in text
    assert dse("evaluate", "net.yaml", "--on", "tpu_v1", "--no-advice").code == 0
    again = dse("import", "onnx", "model.onnx", "--dim", "N=1", "-o", "net.yaml")
    assert again.code == 2
    assert "net.yaml: is there already" in again.err


def test_a_model_stands_where_a_workload_may(dse, tmp_path):
    saved(tmp_path, fc())
    ran = dse("evaluate", "model.onnx", "--on", "tpu_v1", "--json")
    assert ran.code == 0, ran.err
    assert [scenario["scenario"] for scenario in json.loads(ran.out)["scenarios"]] == ["model@b1", "model@b8"]
    assert dse("reuse", "model.onnx", "--scenario", "model@b8").code == 0
    found = dse("search", "model.onnx", "--trials", "60", "--json")
    assert found.code == 0, found.err
    (folder,) = (tmp_path / "outputs").iterdir()
    assert (folder / "inputs" / "model.yaml").read_text().startswith("# Imported by dse")
    assert not (folder / "inputs" / "model.onnx").exists()


def test_without_the_package_the_message_says_what_to_install(dse, tmp_path, monkeypatch):
    saved(tmp_path, fc())
    monkeypatch.setitem(sys.modules, "onnx", None)
    for command in (("import", "onnx", "model.onnx"), ("evaluate", "model.onnx", "--on", "tpu_v1")):
        ran = dse(*command)
        assert ran.code == 2
        assert "pip install 'dse[onnx]'" in ran.err


def _newer(**versions):
    proto = model(RELU, {"x": [1, 4]}, "y")
    if "opset" in versions:
        proto.opset_import[0].version = versions["opset"]
    proto.ir_version = versions.get("ir", proto.ir_version)
    return proto


def _with_branch():
    branch = helper.make_graph([node("Relu", "x", "t")], "b", [], [helper.make_tensor_value_info("t", TensorProto.FLOAT, [1, 4])])
    chosen = helper.make_node("If", ["c"], ["y"], name="branch", then_branch=branch, else_branch=branch)
    nodes = [node("ReduceSum", "x", "s", keepdims=0), node("Cast", "s", "c", to=TensorProto.BOOL), chosen]
    return model(nodes, {"x": [1, 4]}, "y")


def _calling_itself():
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    proto = model([node("F", "x", "y", domain="own")], {"x": [1, 4]}, "y", domains=["own"])
    proto.functions.append(helper.make_function("own", "F", ["a"], ["b"], [node("F", "a", "b", domain="own")], opsets))
    return proto


def _damaged_constant():
    damaged = ints("s", 1, 4)
    damaged.dims[0] = 3
    return model([node("Reshape", "x s", "y")], {"x": [1, 4]}, "y", [damaged])


WHOLE = fc(1).SerializeToString()
FILES = {
    "truncated": (WHOLE[:-20], "is not an ONNX model, or only a part of one", "a truncated download looks like this"),
    "empty": (b"", "is empty", "export the model again"),
    "text": (b"name: speech\n", "is not an ONNX model, or only a part of one (13 bytes)", "copy or export it again"),
    "zip": (b"PK\x03\x04" + bytes(99), "looks like a zip file (a PyTorch checkpoint, perhaps)", "torch.onnx.export"),
    "tflite": (b"\x1c\0\0\0TFL3" + bytes(99), "it is a TensorFlow Lite model", "tf2onnx"),
    "noise": (bytes(range(256)) * 20, "is not an ONNX model, or only a part of one (5,120 bytes)", "copy or export it again"),
    "newer operators": (_newer(opset=999), "uses operator set 999 of ONNX; the installed onnx", "pip install --upgrade onnx"),
    "newer format": (_newer(ir=999), "is written in version 999 of the format", "pip install --upgrade onnx"),
    "no operators": (model([], {"x": [1, 4]}, "x"), "has no operators", "export the whole model"),
    "no work": (model([node("Identity", "x", "y")], {"x": [1, 4]}, "y"), "computes nothing of its inputs", ""),
    "no shape": (model(RELU, {"x": None}, "y"), "input 'x' has no shape", "export the model again with an example input"),
    "no name": (model(RELU, {"x": [1, None]}, "y"), "what size is 'x.1'?", "--dim x.1=128"),
    "open": (fc(), "what size is 'N'? its size is open", "--dim N=1,8"),
    "cycle": (
        model([node("Add", "x b", "a", "one"), node("Relu", "a", "b", "two")], {"x": [1, 4]}, "a"),
        "its operators wait for each other: two -> one -> two",
        "a model's graph has no cycles",
    ),
    "nothing makes it": (
        model([node("Add", "x ghost", "y", "sum")], {"x": [1, 4]}, "y"), "Add 'sum' reads 'ghost', which no operator makes", "",
    ),
    "made twice": (model([*RELU, node("Tanh", "x", "y", "two")], {"x": [1, 4]}, "y"), "Tanh 'two': 'y' is made twice", ""),
    "misfit": (model(FC, {"x": [1, 63]}, "y", [weight("w", 64, 10)]), "Gemm '/fc/Gemm': its inputs do not fit", "export"),
    "control flow": (_with_branch(), "If 'branch': control flow decides at run time what runs", "export the branch"),
    "calls itself": (_calling_itself(), "its functions cannot be written out", "without local functions"),
    "unknown operator": (
        model([node("Det", "x", "y", "/head/det")], {"x": [2, 4, 4]}, "y"),
        "Det '/head/det': dse has no rule for this operator",
        "--allow ignore:Det leaves it out",
    ),
    "foreign operator": (
        model([node("Spell", "x", "y", "magic", domain="own")], {"x": [1, 4]}, "y", domains=["own"]),
        "own.Spell 'magic': dse has no rule for this operator",
        "--allow ignore:own.Spell",
    ),
    "three sides": (
        model([node("Conv", "x w", "y", "c")], {"x": [1, 3, 8, 8, 8]}, "y", [weight("w", 4, 3, 3, 3, 3)]),
        "Conv 'c': its windows slide along three sides at once", "",
    ),
    "filters from the input": (
        model([node("Conv", "x w", "y", "c")], {"x": [1, 3, 8, 8], "w": [1, 3, 3, 3]}, "y"),
        "Conv 'c': its filters 'w' are computed from the input", "",
    ),
    "damaged constant": (_damaged_constant(), "the constant 's' cannot be read", "export the model again"),
    "negative size": (model(FC, {"x": [1, 64]}, "y", [weight("w", 64, -10)]), "the constant 'w' has a size of -10", "export"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "said", "remedy"), FILES.values(), ids=FILES)
def test_bad_models(dse, tmp_path, content, said, remedy):
    (tmp_path / "bad.onnx").write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
    ran = dse("import", "onnx", "bad.onnx")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: bad.onnx: ")
    assert said in ran.err
    assert remedy in ran.err
    assert "Traceback" not in ran.err


def test_a_folder_and_no_file(dse, tmp_path):
    (tmp_path / "model.onnx").mkdir()
    assert "model.onnx: is a folder; an ONNX file is needed" in dse("import", "onnx", "model.onnx").err
    ran = dse("import", "onnx", "modle.onnx")
    assert (ran.code, "no such file" in ran.err, "did you mean 'model.onnx'?" in ran.err) == (2, True, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--precision", "int3"], "--precision 'int3' is no number format"),
        (["--allow", "Det"], "--allow 'Det' is not ignore:OPERATOR"),
        (["--dim", "M=4"], "has no dimension 'M'"),
    ],
)
def test_bad_options(dse, tmp_path, options, said):
    saved(tmp_path, fc())
    ran = dse("import", "onnx", "model.onnx", *options)
    assert ran.code == 2
    assert said in ran.err


def test_terabytes_that_are_declared_are_not_allocated(dse, tmp_path):
    """Weights of 4 TB, and a computed constant of as many: their shapes are all that is looked at."""
    sizes = ints("size", 2**20, 2**20)
    nodes = [
        node("ConstantOfShape", "size", "c", value=floats("one", 1.0)), node("MatMul", "x c", "a"), node("Gemm", "a w", "y"),
    ]  # fmt: skip
    saved(tmp_path, model(nodes, {"x": [1, 2**20]}, "y", [sizes, weight("w", 2**20, 2**20)]))
    ran = dse("import", "onnx", "model.onnx")
    assert ran.code == 0, ran.err
    assert "2.199 T (2,199,023,255,552) parameters" in ran.out


def test_numbers_outside_the_file_are_not_read(dse, tmp_path):
    """A shape that claims to lie in another file is not looked up there, whatever lies beside it."""
    shape = ints("s", 1, 4)
    (tmp_path / "beside.bin").write_bytes(shape.raw_data or bytes([1, *bytes(7), 4, *bytes(7)]))
    shape.data_location = TensorProto.EXTERNAL
    entry = shape.external_data.add()
    entry.key, entry.value = "location", "beside.bin"
    nodes = [node("Reshape", "x s", "r"), node("Gemm", "r w", "y")]
    saved(tmp_path, model(nodes, {"x": [1, 2, 2]}, "y", [shape, weight("w", 4, 3)]))
    ran = dse("import", "onnx", "model.onnx")
    assert ran.code == 2
    assert "the shape of 'r' is not known" in ran.err


def test_weights_outside_the_file_are_not_opened(dse, tmp_path):
    outside = weight("w", 64, 10)
    outside.data_location = TensorProto.EXTERNAL
    entry = outside.external_data.add()
    entry.key, entry.value = "location", "../../../etc/passwd"
    proto = model(FC, {"x": [1, 64]}, "y", [outside])
    (tmp_path / "model.onnx").write_bytes(proto.SerializeToString())
    ran = dse("import", "onnx", "model.onnx")
    assert ran.code == 0, ran.err
    assert "640 parameters" in ran.out
