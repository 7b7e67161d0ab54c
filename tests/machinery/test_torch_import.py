"""PyTorch modules imported: the same networks by hand, torch's own count of their work, and every refusal."""

import math
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import torch
from machinery import torch_networks
from torch.utils.flop_counter import FlopCounterMode

import dse
from dse.errors import InputError, UnsupportedLayer
from dse.inputs.document import read_text
from dse.inputs.pytorch.importing import import_torch
from dse.inputs.workloads import workload_from
from dse.workload.operations import TensorOperation

FILE = Path(__file__).with_name("torch_networks.py")
CARD = {
    "array_rows": "64",
    "array_cols": "64",
    "cores": "2",
    "frequency": "800MHz",
    "dataflow": "weight_stationary",
    "sram": "512KiB",
    "double_buffer": "true",
    "memory": "lpddr4",
    "channels": "2",
    "vector_lanes": "64",
    "node": "16nm",
}

INPUTS = {
    "mlp": "1x784",
    "Residual": "1x3x64x64",
    "BiLstm": "1x20x40",
    "Gru": "20xBx40",
    "encoder": "1x10x64",
    "Mobile": "1x8x16x16",
    "Decoder": "1x32:int",
    "GroupedQueries": "1x10x64",
    "Spelt": "1x10x32",
    "Crossed": "1x5x32,1x9x32",
    "Unet": "1x1x16x16",
    "Excited": "1x3x16x16",
    "Sound": "1x80x50",
    "Recommender": "1x13,1x4:int,1x4:int,1x2:int",
    "Vit": "1x3x32x32",
    "Resnet50": "1x3x224x224",
    "MobilenetV2": "1x3x224x224",
    "BertBase": "1x128:int",
    "Gnmt": "12xBx256",
    "Llama": "1x32x64",
    "Alexnet": "1x3x67x67",
}

BY_HAND = {
    "mlp": """
    input: {features: 784}
    layers:
      - {name: fc1, kind: linear, features: 300, activation: relu}
      - {name: fc2, kind: linear, features: 100, activation: relu}
      - {name: fc3, kind: linear, features: 10}
      - {name: softmax, kind: softmax}
""",
    "Residual": """
    input: {channels: 3, height: 64, width: 64}
    layers:
      - {name: stem, kind: conv2d, filters: 16, kernel: 7, stride: 2, padding: 3, activation: relu}
      - {name: pool, kind: pool2d, mode: max, kernel: 3, stride: 2, padding: 1}
      - name: block
        repeat: 3
        layers:
          - {name: conv1, kind: conv2d, filters: 16, kernel: 3, padding: 1, normalisation: batch, activation: relu}
          - {name: conv2, kind: conv2d, filters: 16, kernel: 3, padding: 1, normalisation: batch}
          - {name: sum, kind: add, from: [conv2, block_input]}
          - {name: out, kind: activation, function: relu}
      - {name: mean, kind: global_pool}
      - {name: head, kind: linear, features: 10}
""",
    "BiLstm": """
    input: {features: 40, steps: 20}
    layers:
      - {name: lstm, kind: lstm, hidden: 64, layers: 2, bidirectional: true}
      - {name: tags, kind: linear, features: 12}
""",
    "Gru": """
    input: {features: 40, steps: 20}
    layers:
      - {name: gru, kind: gru, hidden: 96, returns: last}
      - {name: classes, kind: linear, features: 12}
""",
    "encoder": """
    input: {features: 64, steps: 10}
    layers:
      - name: layer
        repeat: 3
        layers:
          - {name: attention, kind: attention, heads: 4}
          - {name: sum1, kind: add, from: [block_input, attention]}
          - {name: norm1, kind: normalisation, method: layer}
          - {name: up, kind: linear, features: 128, activation: gelu}
          - {name: down, kind: linear, features: 64}
          - {name: sum2, kind: add, from: [norm1, down]}
          - {name: norm2, kind: normalisation, method: layer}
""",
    "Mobile": """
    input: {channels: 8, height: 16, width: 16}
    layers:
      - {name: expand, kind: conv2d, filters: 48, kernel: 1, normalisation: batch, activation: relu6}
      - {name: depthwise, kind: depthwise_conv2d, kernel: 3, stride: 2, padding: 1, normalisation: batch, activation: relu6}
      - {name: grouped, kind: conv2d, filters: 24, kernel: 3, padding: 1, groups: 4}
""",
    "Decoder": """
    input: {tokens: 32}
    layers:
      - {name: words, kind: embedding, vocabulary: 1000, features: 64}
      - {name: positions, kind: embedding, vocabulary: 128, features: 64, from: input}
      - {name: embedded, kind: add, from: [words, positions]}
      - name: layer
        repeat: 2
        layers:
          - {name: norm1, kind: normalisation, method: layer}
          - {name: attention, kind: attention, heads: 4, causal: true}
          - {name: sum1, kind: add, from: [block_input, attention]}
          - {name: norm2, kind: normalisation, method: layer}
          - {name: up, kind: linear, features: 256, activation: gelu}
          - {name: down, kind: linear, features: 64}
          - {name: sum2, kind: add, from: [sum1, down]}
      - {name: norm, kind: normalisation, method: layer}
      - {name: head, kind: linear, features: 1000}
""",
    "GroupedQueries": """
    input: {features: 64, steps: 10}
    layers:
      - {name: norm1, kind: normalisation, method: rms}
      - {name: attention, kind: attention, heads: 8, kv_heads: 4}
      - {name: sum1, kind: add, from: [input, attention]}
      - {name: norm2, kind: normalisation, method: rms}
      - {name: gate, kind: linear, features: 96, activation: silu}
      - {name: up, kind: linear, features: 96, from: norm2}
      - {name: gated, kind: multiply, from: [gate, up]}
      - {name: down, kind: linear, features: 64}
      - {name: sum2, kind: add, from: [sum1, down]}
""",
    "Spelt": """
    input: {features: 32, steps: 10}
    layers:
      - {name: attention, kind: attention, heads: 4}
""",
    "Llama": """
    input: {features: 64, steps: 32}
    layers:
      - {name: norm1, kind: normalisation, method: rms}
      - {name: attention, kind: attention, heads: 4, kv_heads: 2, causal: true, rotary: true}
      - {name: sum1, kind: add, from: [input, attention]}
      - {name: norm2, kind: normalisation, method: rms}
      - {name: gate, kind: linear, features: 96, activation: silu}
      - {name: up, kind: linear, features: 96, from: norm2}
      - {name: gated, kind: multiply, from: [gate, up]}
      - {name: down, kind: linear, features: 64}
      - {name: sum2, kind: add, from: [sum1, down]}
""",
    "Alexnet": """
    input: {channels: 3, height: 67, width: 67}
    layers:
      - {name: conv, kind: conv2d, filters: 24, kernel: 11, stride: 4, activation: relu}
      - {name: norm, kind: normalisation, method: local_response}
      - {name: pool, kind: pool2d, mode: max, kernel: 3, stride: 2}
""",
    "Crossed": """
    input: {features: 32, steps: 5}
    inputs: {memory: {features: 32, steps: 9}}
    layers:
      - {name: cross, kind: attention, heads: 4, memory: memory}
      - {name: sum, kind: add, from: [input, cross]}
      - {name: norm, kind: normalisation, method: layer}
""",
}


@cache
def imported(name):
    return import_torch(f"{FILE}:{name}", [INPUTS[name]], batches=(1, 8))


@cache
def workload(name):
    return workload_from(read_text(imported(name).text))


@cache
def by_hand(name):
    return workload_from(read_text(f"name: hand\nbatches: [1, 8]\nnetworks:\n  - name: hand{BY_HAND[name]}"))


def operations(found):
    return [step.operation for step in found.networks[0].lower(8).steps]


@pytest.mark.parametrize("name", BY_HAND)
def test_the_same_network_by_hand_is_the_same(name):
    """Operations, and so MACs, bytes and reuse curves; and tensors, and so what stays on chip."""
    mine, other = workload(name), by_hand(name)
    assert operations(mine) == operations(other)
    assert mine.networks[0].macs() == other.networks[0].macs()
    ours, theirs = (found.networks[0].lower(8).tensors for found in (mine, other))
    assert [(tensor.elements, tensor.bits) for tensor in ours] == [(tensor.elements, tensor.bits) for tensor in theirs]
    for one, two in zip(operations(mine), operations(other), strict=True):
        if isinstance(one, TensorOperation):
            assert (dse.reuse_curve(one).traffic_bytes == dse.reuse_curve(two).traffic_bytes).all()


@pytest.mark.parametrize("name", ["Residual", "BiLstm", "Gru", "encoder", "Mobile"])
def test_the_same_network_by_hand_takes_as_long(name):
    space = dse.load_space("edge")
    for key, value in CARD.items():
        space = space.with_values(key, value)
    mine, other = (dse.evaluate(found, space) for found in (workload(name), by_hand(name)))
    assert mine.latency_s == other.latency_s
    assert mine.energy_j == other.energy_j
    assert list(mine.layers["dram_bytes"]) == list(other.layers["dram_bytes"])


def given_tensors(inputs):
    for text in inputs.split(","):
        shape, _, kind = text.partition(":")
        sides = [1 if side == "B" else int(side) for side in shape.split("x")]
        yield torch.empty(sides, device="meta", dtype=torch.long if kind == "int" else None)


def torch_macs(name):
    """Half of what torch's counter of floating-point operations counts on the same module."""
    with torch.device("meta"):
        module = getattr(torch_networks, name)().eval()
    with FlopCounterMode(display=False) as counter:
        module(*given_tensors(INPUTS[name]))
    return counter.get_total_flops() / 2


CAUSAL = {
    "Decoder": 2 * 4 * 2 * 32 * 32 * 16 * 3 / 8,
    "Llama": 4 * 2 * 32 * 32 * 16 * 3 / 8,
}  # what the blocks of causal attention leave out of the full square


@pytest.mark.parametrize("name", INPUTS)
def test_work_is_what_torch_counts(name):
    counted = workload(name).networks[0].macs() + CAUSAL.get(name, 0)
    assert counted == pytest.approx(torch_macs(name), rel=0.005)


@pytest.mark.parametrize("name", INPUTS)
def test_weights_are_the_module_s(name):
    """All parameters but vectors: biases, and scales and shifts of normalisations."""
    module = getattr(torch_networks, name)()
    vectors = sum(math.prod(each.shape) for each in module.parameters() if each.dim() == 1)
    network = workload(name).networks[0]
    assert network.parameters + network.embedding_parameters + vectors == imported(name).parameters


PUBLISHED = {
    "Resnet50": (4.089e9, 25_557_032),  # torchvision 0.19, ResNet50_Weights.IMAGENET1K_V1.meta
    "MobilenetV2": (301e6, 3_504_872),  # torchvision 0.19, MobileNet_V2_Weights.IMAGENET1K_V1.meta
    "BertBase": (None, 109_482_240),  # BertModel.from_pretrained("bert-base-uncased").num_parameters()
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_totals(name):
    macs, parameters = PUBLISHED[name]
    assert imported(name).parameters == parameters
    if macs is not None:
        assert workload(name).networks[0].macs() == pytest.approx(macs, rel=0.005)


def test_resnet_folds_into_stages():
    text = imported("Resnet50").text
    assert [line.strip() for line in text.splitlines() if "repeat" in line] == [
        "repeat: 2",
        "repeat: 3",
        "repeat: 5",
        "repeat: 2",
    ]
    assert text.count("kind: add") == 8
    shipped = next(each for each in dse.load_workload("vision").networks if each.name == "resnet50")
    assert workload("Resnet50").networks[0].macs() == shipped.macs()


def refused(name, inputs, error=InputError, **options):
    with pytest.raises(error) as caught:
        import_torch(f"{FILE}:{name}", [inputs], **options)
    return str(caught.value)


def test_an_operator_without_a_rule_is_named_with_its_place():
    said = refused("Sorted", "1x8", UnsupportedLayer)
    assert "the operator 'sort', in ranker (Ranker), has no rule\n    --allow ignore:sort" in said
    found = import_torch(f"{FILE}:Sorted", ["1x8"], allow=["ignore:sort"])
    assert found.notes == ("Sort in ranker is counted as nothing.",)
    assert workload_from(read_text(found.text)).networks[0].macs() == 128


@pytest.mark.parametrize(
    ("name", "inputs", "said"),
    [
        ("nope", "1x8", "there is no 'nope'\n    it has: Alexnet, BertBase"),
        ("not_a_module", "1x8", "makes a int, not a torch.nn.Module"),
        ("Lazy", "1x8", "ValueError: no checkpoint here"),
        ("Branching", "1x8", "what it does depends on the numbers"),
        ("mlp", "1x83", "cannot be exported on Bx83: RuntimeError: a and b must have same reduction dim, but got [B, 83]"),
        ("mlp", "1x784,1x3", "give each of its inputs a shape"),
        ("Decoder", "1x32", "token ids are whole numbers: write --input 1x128:int"),
        ("mlp", "1x784:long", "--input '1x784:long' is no shape"),
        ("mlp", "BxB", "has more than one batch"),
        ("mlp", "1x0", "a side is from 1 to"),
    ],
)
def test_refusals(name, inputs, said):
    assert said in refused(name, inputs)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("mlp", "'mlp' is not MODULE:FACTORY"),
        ("nowhere.py:mlp", "nowhere.py: no such file"),
        ("no_such_package_here:mlp", "cannot be imported: ModuleNotFoundError"),
    ],
)
def test_modules_that_are_not_there(spec, said):
    with pytest.raises(InputError) as caught:
        import_torch(spec, ["1x8"])
    assert said in str(caught.value)


def test_a_file_that_fails_is_said_with_its_line(tmp_path):
    (tmp_path / "broken.py").write_text("x = 1\ny = x / 0\n")
    with pytest.raises(InputError) as caught:
        import_torch(f"{tmp_path / 'broken.py'}:net", ["1x8"])
    assert "broken.py:2: " in str(caught.value)
    assert "ZeroDivisionError" in str(caught.value)


def run(*arguments, folder):
    command = [sys.executable, "-c", "from dse.cli import main; main()", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_command_line_end_to_end(tmp_path):
    ran = run("import", "torch", f"{FILE}:Residual", "--input", "1x3x64x64", "-o", "residual.yaml", folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "running" in ran.stderr
    assert ran.stdout == ""
    searched = run("search", "residual.yaml", "--trials", "20", folder=tmp_path)
    assert searched.returncode == 0, searched.stderr
    refused = run("import", "torch", f"{FILE}:Branching", "--input", "1x8", folder=tmp_path)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert "Traceback" not in refused.stderr


def test_without_torch_it_says_what_to_install(tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('not here')\n")
    code = "import sys; sys.path.insert(0, '.'); from dse.cli import main; main(['import', 'torch', 'a:b', '--input', '1x8'])"
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "pip install 'dse[torch]'" in ran.stderr


def test_nothing_imports_torch_before_it_is_asked_for():
    code = "import sys, dse.inputs.pytorch.importing, dse.cli; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
