"""Networks as their public implementations write them, imported from PyTorch and, once exported, from ONNX: both the same."""

import logging
import math
import warnings
from functools import cache
from pathlib import Path

import pytest
import torch
from machinery import real_networks, torch_networks
from machinery.test_torch_import import INPUTS as SMALL
from machinery.test_torch_import import given_tensors
from torch.utils.flop_counter import FlopCounterMode

from dse.inputs.document import read_text
from dse.inputs.onnx.importing import import_onnx
from dse.inputs.pytorch.importing import import_torch
from dse.inputs.workloads import workload_from

FILE = Path(__file__).with_name("real_networks.py")

INPUTS = {
    "Yolo": "1x3x64x64",
    "EfficientNet": "1x3x64x64",
    "Diffusion": "1x4x16x16,1,1x7x48",
    "ConvNext": "1x3x64x64",
    "Swin": "1x3x32x32",
    "HfLlama": "1x16:int,1x16:int,1x16:int",
    "hf_llama_decode": "1x1:int,1x32:int,1x1:int,1x2x31x8,1x2x31x8,1x2x31x8,1x2x31x8",
    "HfBert": "1x16:int,1x16:int,1x16:int",
    "Whisper": "1x80x100,1x16:int",
    "T5": "1x16:int",
    "SuperResolution": "1x1x32x32",
    "Deeplab": "1x3x64x64",
    "Shuffle": "1x3x32x32",
    "Video": "1x3x8x32x32",
    "Translator": "1x12:int,1x9:int",
}

LEFT_OUT = {
    "HfLlama": 2 * 8 * 2 * 16 * 16 * 8 * 3 / 8 + 4 * 16,
    "hf_llama_decode": 4,
    "Whisper": 2 * 4 * 2 * 16 * 16 * 16 * 3 / 8,
    "Decoder": 2 * 4 * 2 * 32 * 32 * 16 * 3 / 8,
    "Llama": 4 * 2 * 32 * 32 * 16 * 3 / 8,
}
"""MACs of the full square that the blocks of causal attention leave out, and four for each position that make its angles."""

NOT_ALIKE = {
    "Diffusion": "the exporter computes once what three blocks compute of the time",
    "Swin": "a roll is a layer of no cost in one and four parts of no cost in the other",
    "Yolo": "a grid that is stored in two parts is one constant once it is exported",
}
NOT_EXPORTED = {
    "GroupedQueries": "this exporter has no RMS normalisation",
    "Recommender": "bags become a Loop",
    "Alexnet": "the normalisation becomes an If",
    "Resnet50": "long",
    "MobilenetV2": "long",
    "BertBase": "long",
}
ALL = {**INPUTS, **{name: text for name, text in SMALL.items() if name not in NOT_EXPORTED}}


def factory(name):
    return getattr(real_networks if name in INPUTS else torch_networks, name)


@cache
def from_torch(name):
    file = FILE if name in INPUTS else FILE.with_name("torch_networks.py")
    return workload_from(read_text(import_torch(f"{file}:{name}", [ALL[name]]).text)).networks[0]


@pytest.fixture(scope="module")
def from_onnx(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")

    @cache
    def load(name):
        tensors = tuple(torch.zeros_like(tensor, device="cpu") for tensor in given_tensors(ALL[name]))
        names = [f"x{index}" for index in range(len(tensors))]
        axes = {each: {1 if "xBx" in text else 0: "batch"} for each, text in zip(names, ALL[name].split(","), strict=True)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logging.disable(logging.WARNING)
            torch.onnx.export(
                factory(name)().eval(), tensors, str(folder / f"{name}.onnx"), dynamo=False, opset_version=17, input_names=names,
                dynamic_axes=axes, training=torch.onnx.TrainingMode.PRESERVE,
            )  # fmt: skip
            logging.disable(logging.NOTSET)
        return workload_from(read_text(import_onnx(folder / f"{name}.onnx", free_batch=True))).networks[0]

    return load


def torch_macs(name):
    """Half of what torch's counter of floating-point operations counts on the same module."""
    with torch.device("meta"):
        module = factory(name)().eval()
    with FlopCounterMode(display=False) as counter:
        module(*given_tensors(ALL[name]))
    return counter.get_total_flops() / 2


@pytest.mark.parametrize("name", ALL)
def test_work_is_what_torch_counts(name, from_onnx):
    expected = torch_macs(name) - LEFT_OUT.get(name, 0)
    assert from_torch(name).macs() == expected
    assert from_onnx(name).macs() == expected


@pytest.mark.parametrize("name", [name for name in ALL if name not in NOT_ALIKE])
def test_both_imports_do_the_same(name, from_onnx):
    one, other = (network.lower(8) for network in (from_torch(name), from_onnx(name)))
    assert [step.operation for step in one.steps] == [step.operation for step in other.steps]
    sizes = [sorted((tensor.elements, tensor.bits) for tensor in each.tensors) for each in (one, other)]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("name", INPUTS)
def test_weights_are_the_module_s(name):
    """Matrices, filters and tables that the network reads; biases, norms and stored positions are beside them."""
    with torch.device("meta"):
        module = factory(name)()
    most = sum(math.prod(each.shape) for each in module.parameters() if each.dim() > 1)
    stored = sum(math.prod(each.shape) for each in module.buffers())
    found = from_torch(name).parameters + from_torch(name).embedding_parameters
    assert most - 3_200 <= found <= most + stored + 64 * 300
    products = sum(
        math.prod(each.weight.shape)
        for each in module.modules()
        if isinstance(each, torch.nn.Linear | torch.nn.Conv1d | torch.nn.Conv2d | torch.nn.Conv3d)
    )
    tied = 64 * 300 if name == "Whisper" else 0
    recurrent = sum(
        math.prod(weight.shape)
        for each in module.modules()
        if isinstance(each, torch.nn.LSTM | torch.nn.MultiheadAttention)
        for key, weight in each.named_parameters(recurse=False)
        if "weight" in key
    )
    assert from_torch(name).parameters == products + tied + recurrent
