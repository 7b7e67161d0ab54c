"""Every model of the onnx package is evaluated and searched; what PyTorch exports is read as it was meant."""

import warnings
from pathlib import Path

import onnx
import pytest
from onnx.backend.test.case.node import collect_testcases

import dse
from dse.inputs.onnx.importing import import_onnx

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"
MODELS = sorted(LIGHT.glob("*.onnx"), key=lambda path: path.stat().st_size)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_evaluates_and_searches(path):
    workload = dse.load_workload(path)
    result = dse.evaluate(workload, dse.load_design("tpu_v1"))
    assert 0 < result.latency_s < 1
    front = dse.search(workload, dse.load_space(workload.space), trials=100, seed=0)
    assert len(front) >= 1


def test_no_operator_of_onnx_is_a_fault(tmp_path):
    """The two thousand models of the operators' own tests: each is imported, or refused in words."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = collect_testcases(None)
    read, elsewhere = 0, list[str]()
    for case in cases:
        if case.model is None:
            continue
        (tmp_path / "case.onnx").write_bytes(case.model.SerializeToString())
        try:
            read += import_onnx(tmp_path / "case.onnx", free_batch=True) != ""
        except dse.InputError as error:
            elsewhere += [] if str(error).startswith(str(tmp_path)) else [case.name]
    assert read > 400
    assert elsewhere == []


def exported(folder, module, *inputs):
    path = folder / "model.onnx"
    names = [f"x{index}" for index in range(len(inputs))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(), inputs, str(path), dynamo=False, opset_version=17, input_names=names,
            dynamic_axes={name: {0: "batch"} for name in names},
        )  # fmt: skip
    return dse.load_workload(path).networks[0]


def weights(module):
    """Parameters of matrices and filters."""
    return sum(parameter.numel() for name, parameter in module.named_parameters() if parameter.dim() > 1 and "embed" not in name)


def kinds(network):
    return [node.layer.kind for node in network.nodes]


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(1000, 64)
        layer = nn.TransformerEncoderLayer(64, 4, 256, batch_first=True, activation="gelu")
        self.layers = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
        self.head = nn.Linear(64, 10)

    def forward(self, ids):
        return self.head(self.layers(self.embed(ids))[:, 0])


def test_encoder(tmp_path):
    module = Encoder()
    network = exported(tmp_path, module, torch.zeros(1, 16, dtype=torch.long))
    encoder = ["attention", "add", "normalisation", "linear", "linear", "add", "normalisation"]
    assert kinds(network) == ["embedding", *encoder * 3, "select", "linear"]
    assert network.parameters == weights(module)
    assert network.embedding_parameters == 64_000


class Decoder(nn.Module):
    """GPT-2's block with PyTorch's own attention, tanh GELU, learned positions."""

    def __init__(self, width=64, heads=4, steps=32):
        super().__init__()
        self.heads, self.steps = heads, steps
        self.embed, self.embed_places = nn.Embedding(500, width), nn.Embedding(steps, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, ids):
        x = self.embed(ids) + self.embed_places(torch.arange(self.steps))[None]
        parts = self.qkv(self.norm1(x)).split(x.shape[-1], -1)
        query, key, value = (part.view(x.shape[0], self.steps, self.heads, -1).transpose(1, 2) for part in parts)
        found = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.out(found.transpose(1, 2).reshape(x.shape))
        return x + self.down(functional.gelu(self.up(self.norm2(x)), approximate="tanh"))


def test_causal_decoder(tmp_path):
    module = Decoder()
    network = exported(tmp_path, module, torch.zeros(1, 32, dtype=torch.long))
    block = ["normalisation", "attention", "add", "normalisation", "linear", "linear", "add"]
    assert kinds(network) == ["embedding", "learned", "add", *block]
    attention = network.nodes[4].layer
    assert (attention.heads, attention.causal, attention.projections) == (4, True, True)
    assert network.nodes[-3].layer.activation == "gelu"
    assert network.parameters == weights(module)


class Grouped(nn.Module):
    """Grouped-query attention with the keys expanded, as public implementations write it."""

    def __init__(self, width=64, heads=8, groups=2):
        super().__init__()
        self.heads, self.groups, self.each = heads, groups, width // heads
        self.query, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.key, self.value = nn.Linear(width, groups * self.each), nn.Linear(width, groups * self.each)

    def forward(self, x):
        batch, steps, width = x.shape
        query = self.query(x).view(batch, steps, self.heads, self.each).transpose(1, 2)
        pair = (part(x).view(batch, steps, self.groups, self.each).transpose(1, 2) for part in (self.key, self.value))
        shape = (batch, self.groups, self.heads // self.groups, steps, self.each)
        key, value = (part[:, :, None].expand(shape).reshape(batch, self.heads, steps, self.each) for part in pair)
        scores = query @ key.transpose(2, 3) * self.each**-0.5 + torch.full((steps, steps), float("-inf")).triu(1)
        return self.out((scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, steps, width))


def test_grouped_queries(tmp_path):
    module = Grouped()
    network = exported(tmp_path, module, torch.zeros(1, 16, 64))
    (node,) = network.nodes
    assert (node.layer.heads, node.layer.kv_heads, node.layer.causal) == (8, 2, True)
    assert network.parameters == weights(module)


class Mixed(nn.Module):
    """Separable convolutions, squeeze and excite, a residual sum, a transposed convolution, resizing, uneven padding."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.Hardswish())
        self.each = nn.Sequential(nn.Conv2d(16, 16, 3, 1, 1, groups=16, bias=False), nn.BatchNorm2d(16), nn.SiLU())
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(16, 8, 1), nn.ReLU(), nn.Conv2d(8, 16, 1), nn.Hardsigmoid())
        self.point, self.up, self.head = nn.Conv2d(16, 16, 1), nn.ConvTranspose2d(16, 8, 4, 2, 1), nn.Linear(8, 5)

    def forward(self, x):
        x = self.stem(x)
        y = self.each(x)
        y = self.up(self.point(y * self.gate(y)) + x)
        y = functional.pad(functional.interpolate(y, scale_factor=2, mode="bilinear"), (1, 2, 1, 2))
        return self.head(functional.avg_pool2d(y, 3).mean((2, 3)))


def test_mixed_convolutions(tmp_path):
    module = Mixed()
    network = exported(tmp_path, module, torch.zeros(1, 3, 64, 64))
    assert network.parameters == weights(module)
    assert [node.layer.activation for node in network.nodes[:2]] == ["hard_swish", "silu"]
    expected = 27 * 16 * 32**2 + 9 * 16 * 32**2 + 2 * 16 * 8 + 256 * 32**2 + 16 * 16 * 8 * 32**2 + 40
    assert network.macs() == expected
    assert network.shapes[network.nodes[-2].name].elements == 8


@pytest.mark.parametrize(("cell", "gates"), [(nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)])
def test_recurrent_stack(tmp_path, cell, gates):
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.cells, self.out = cell(40, 64, 2, batch_first=True, bidirectional=True), nn.Linear(128, 10)

        def forward(self, x):
            return self.out(self.cells(x)[0])

    network = exported(tmp_path, Tagger(), torch.zeros(1, 20, 40))
    assert kinds(network) == [cell.__name__.lower(), "linear"]
    assert network.macs() == 20 * (gates * 2 * 64 * (40 + 64 + 128 + 64) + 1280)
