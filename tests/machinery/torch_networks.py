"""Networks in PyTorch that the import tests read, and the same by hand."""

import torch
from torch import nn
from torch.nn import functional as F


def mlp():
    return nn.Sequential(nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10), nn.Softmax(-1))


class Residual(nn.Module):
    """Two convolutions with batch normalisation around a shortcut, three times."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
            self.conv2, self.bn2 = nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)

        def forward(self, x):
            y = F.relu(self.bn1(self.conv1(x)))
            return F.relu(self.bn2(self.conv2(y)) + x)

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 7, stride=2, padding=3)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.blocks = nn.Sequential(*(self.Block() for _ in range(3)))
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = self.blocks(self.pool(F.relu(self.stem(x))))
        return self.head(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


class BiLstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(40, 64, 2, bidirectional=True, batch_first=True)
        self.tags = nn.Linear(128, 12)

    def forward(self, x):
        return self.tags(self.lstm(x)[0])


class Gru(nn.Module):
    """Steps first, as recurrent layers have them by default; the state at the end is classified."""

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(40, 96)
        self.classes = nn.Linear(96, 12)

    def forward(self, x):
        return self.classes(self.gru(x)[1][-1])


def encoder():
    return nn.TransformerEncoder(
        nn.TransformerEncoderLayer(64, 4, 128, batch_first=True, activation="gelu"), 3, enable_nested_tensor=False
    )


class Mobile(nn.Module):
    """Depth-wise, grouped and pointwise convolutions."""

    def __init__(self):
        super().__init__()
        self.expand = nn.Conv2d(8, 48, 1, bias=False)
        self.depthwise = nn.Conv2d(48, 48, 3, stride=2, padding=1, groups=48, bias=False)
        self.grouped = nn.Conv2d(48, 24, 3, padding=1, groups=4)
        self.norm1, self.norm2 = nn.BatchNorm2d(48), nn.BatchNorm2d(48)

    def forward(self, x):
        return self.grouped(F.relu6(self.norm2(self.depthwise(F.relu6(self.norm1(self.expand(x)))))))


class Decoder(nn.Module):
    """A causal transformer of its own: one product for queries, keys and values, cut and turned by hand; word embeddings."""

    class Block(nn.Module):
        def __init__(self, width, heads, hidden):
            super().__init__()
            self.heads = heads
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

        def forward(self, x):
            batch, steps, width = x.shape
            qkv = self.qkv(self.norm1(x)).reshape(batch, steps, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
            q, k, v = qkv.unbind(0)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(batch, steps, width)
            x = x + self.out(y)
            return x + self.down(F.gelu(self.up(self.norm2(x))))

    def __init__(self):
        super().__init__()
        self.words, self.positions = nn.Embedding(1000, 64), nn.Embedding(128, 64)
        self.blocks = nn.ModuleList(self.Block(64, 4, 256) for _ in range(2))
        self.norm, self.head = nn.LayerNorm(64), nn.Linear(64, 1000, bias=False)

    def forward(self, ids):
        x = self.words(ids) + self.positions(torch.arange(ids.shape[1], device=ids.device))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class GroupedQueries(nn.Module):
    """Separate projections, fewer key-value heads that are copied, a gated feed-forward, RMS normalisation."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(64, n, bias=False) for n in (64, 32, 32, 64))
        self.norm1, self.norm2 = nn.RMSNorm(64), nn.RMSNorm(64)
        self.gate, self.up, self.down = nn.Linear(64, 96), nn.Linear(64, 96), nn.Linear(96, 64)

    def forward(self, x):
        y = self.norm1(x)
        q, k, v = (layer(y).unflatten(-1, (-1, 8)).transpose(1, 2) for layer in (self.q, self.k, self.v))
        k, v = (each.repeat_interleave(2, dim=1) for each in (k, v))
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + self.o(y)
        y = self.norm2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Spelt(nn.Module):
    """Attention spelt out: products, a scale, softmax."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(32, 32) for _ in range(4))

    def forward(self, x):
        q, k, v = (layer(x).view(x.shape[0], x.shape[1], 4, 8).transpose(1, 2) for layer in (self.q, self.k, self.v))
        weights = torch.softmax(q @ k.transpose(-2, -1) / 8**0.5, -1)
        return self.o((weights @ v).transpose(1, 2).reshape(x.shape))


class Crossed(nn.Module):
    """Queries of one input on the memory of another."""

    def __init__(self):
        super().__init__()
        self.cross = nn.MultiheadAttention(32, 4, batch_first=True)
        self.norm = nn.LayerNorm(32)

    def forward(self, x, memory):
        return self.norm(x + self.cross(x, memory, memory, need_weights=False)[0])


class Unet(nn.Module):
    """Down and up again, with a shortcut beside."""

    def __init__(self):
        super().__init__()
        self.first, self.down = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.up, self.last = nn.ConvTranspose2d(16, 8, 2, stride=2), nn.Conv2d(16, 2, 1)

    def forward(self, x):
        first = F.relu(self.first(x))
        up = F.relu(self.up(F.relu(self.down(first))))
        return self.last(torch.cat([up, first], 1))


class Excited(nn.Module):
    """Squeeze and excite: a factor for each channel."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3)
        self.squeeze, self.excite = nn.Conv2d(16, 4, 1), nn.Conv2d(4, 16, 1)

    def forward(self, x):
        x = F.silu(self.conv(x))
        factor = torch.sigmoid(self.excite(F.silu(self.squeeze(x.mean((2, 3), keepdim=True)))))
        return x * factor


class Sound(nn.Module):
    """Convolutions of a sequence, padded on one side, and a pooling."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv1d(80, 32, 3, padding=1), nn.Conv1d(32, 32, 5, stride=2, groups=8)
        self.head = nn.Linear(32, 6)

    def forward(self, x):
        x = F.gelu(self.conv1(x))
        x = F.max_pool1d(self.conv2(F.pad(x, (4, 0))), 2)
        return self.head(x.mean(-1))


class Recommender(nn.Module):
    """Dense features and bags of ids, all pairs of vectors multiplied."""

    def __init__(self):
        super().__init__()
        self.bottom = nn.Linear(13, 16)
        self.bags = nn.ModuleList(nn.EmbeddingBag(1000, 16, mode="sum") for _ in range(3))
        self.top = nn.Linear(16 + 16, 1)

    def forward(self, dense, one, two, three):
        x = F.relu(self.bottom(dense))
        rows = torch.stack([x, *(bag(ids) for bag, ids in zip(self.bags, (one, two, three), strict=True))], 1)
        pairs = torch.bmm(rows, rows.transpose(1, 2)).flatten(1)
        return torch.sigmoid(self.top(torch.cat([x, pairs], 1)))


class Vit(nn.Module):
    """Patches behind a class token, with learned positions."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 48, 8, stride=8)
        self.token, self.positions = nn.Parameter(torch.zeros(1, 1, 48)), nn.Parameter(torch.zeros(1, 17, 48))
        self.layer = nn.TransformerEncoderLayer(48, 4, 96, batch_first=True, norm_first=True)
        self.head = nn.Linear(48, 10)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        return self.head(self.layer(x)[:, 0])


class Bottleneck(nn.Module):
    def __init__(self, channels, width, stride=1, groups=1):
        super().__init__()
        out = 4 * width
        self.conv1, self.bn1 = nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, out, 1, bias=False), nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        changes = stride > 1 or channels != out
        self.shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)) if changes else None

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        y += x if self.shortcut is None else self.shortcut(x)
        return self.relu(y)


class Resnet50(nn.Module):
    """ResNet-50 v1.5."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        channels, stages = 64, []
        for width, depth, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
            blocks = []
            for index in range(depth):
                blocks.append(Bottleneck(channels, width, stride if index == 0 else 1))
                channels = 4 * width
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(2048, 1000)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class Inverted(nn.Module):
    def __init__(self, channels, out, stride, expand):
        super().__init__()
        hidden = channels * expand
        layers = [] if expand == 1 else [nn.Conv2d(channels, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6()]
        layers += [nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6()]
        self.conv = nn.Sequential(*layers, nn.Conv2d(hidden, out, 1, bias=False), nn.BatchNorm2d(out))
        self.residual = stride == 1 and channels == out

    def forward(self, x):
        return x + self.conv(x) if self.residual else self.conv(x)


class MobilenetV2(nn.Module):
    """MobileNet v2."""

    def __init__(self):
        super().__init__()
        layers = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6()]
        channels = 32
        for expand, out, depth, stride in (
            (1, 16, 1, 1),
            (6, 24, 2, 2),
            (6, 32, 3, 2),
            (6, 64, 4, 2),
            (6, 96, 3, 1),
            (6, 160, 3, 2),
            (6, 320, 1, 1),
        ):
            for index in range(depth):
                layers.append(Inverted(channels, out, stride if index == 0 else 1, expand))
                channels = out
        layers += [nn.Conv2d(320, 1280, 1, bias=False), nn.BatchNorm2d(1280), nn.ReLU6()]
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, 1000))

    def forward(self, x):
        return self.classifier(self.features(x).mean([2, 3]))


class BertBase(nn.Module):
    """BERT-base as an encoder of torch's own."""

    def __init__(self):
        super().__init__()
        self.words, self.positions, self.segments = nn.Embedding(30522, 768), nn.Embedding(512, 768), nn.Embedding(2, 768)
        self.norm = nn.LayerNorm(768)
        self.layers = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(768, 12, 3072, activation="gelu", batch_first=True), 12, enable_nested_tensor=False
        )
        self.pooler = nn.Linear(768, 768)

    def forward(self, ids):
        places = torch.arange(ids.shape[1], device=ids.device)
        x = self.norm(self.words(ids) + self.positions(places) + self.segments(torch.zeros_like(ids)))
        return torch.tanh(self.pooler(self.layers(x)[:, 0]))


class Gnmt(nn.Module):
    """A stack of LSTM layers as in GNMT's encoder: the first in both directions, shortcuts from the third on."""

    def __init__(self):
        super().__init__()
        self.first = nn.LSTM(256, 256, bidirectional=True)
        self.second = nn.LSTM(512, 256)
        self.rest = nn.ModuleList(nn.LSTM(256, 256) for _ in range(2))

    def forward(self, x):
        x, _ = self.first(x)
        x, _ = self.second(x)
        for layer in self.rest:
            x = x + layer(x)[0]
        return x


class Sorted(nn.Module):
    """An operator that has no rule, deep inside."""

    class Ranker(nn.Module):
        def forward(self, x):
            return torch.sort(x, -1)[0]

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 8)
        self.ranker = self.Ranker()

    def forward(self, x):
        return self.fc(self.ranker(self.fc(x)))


class Branching(nn.Module):
    """Work that depends on data."""

    def forward(self, x):
        return x * 2 if x.sum() > 0 else x


class Lazy(nn.Module):
    def __init__(self):
        super().__init__()
        raise ValueError("no checkpoint here")


def not_a_module():
    return 3


class Norm(nn.Module):
    """RMS normalisation spelt out, under a name that says so."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


class LlamaRMSNorm(Norm):
    pass


class Llama(nn.Module):
    """One layer as models of this family write it: rotary positions by halves, copied keys, a gated feed-forward."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(64, n, bias=False) for n in (64, 32, 32, 64))
        self.norm1, self.norm2 = LlamaRMSNorm(64), LlamaRMSNorm(64)
        self.gate, self.up, self.down = (nn.Linear(a, b, bias=False) for a, b in ((64, 96), (64, 96), (96, 64)))

    def forward(self, x):
        y = self.norm1(x)
        q, k, v = (layer(y).unflatten(-1, (-1, 16)).transpose(1, 2) for layer in (self.q, self.k, self.v))
        angles = torch.outer(torch.arange(x.shape[1], device=x.device).float(), torch.ones(8, device=x.device))
        cos, sin = (each(torch.cat([angles, angles], -1)) for each in (torch.cos, torch.sin))

        def turned(z):
            return z * cos + torch.cat([-z[..., 8:], z[..., :8]], -1) * sin

        k, v = (
            each[:, :, None].expand(-1, -1, 2, -1, -1).reshape(*each.shape[:1], 4, *each.shape[2:]) for each in (turned(k), v)
        )
        y = F.scaled_dot_product_attention(turned(q), k, v, is_causal=True).transpose(1, 2).flatten(2)
        x = x + self.o(y)
        y = self.norm2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Alexnet(nn.Module):
    """Local response normalisation, as a module of torch's."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.pool = nn.Conv2d(3, 24, 11, 4), nn.LocalResponseNorm(5), nn.MaxPool2d(3, 2)

    def forward(self, x):
        return self.pool(self.norm(F.relu(self.conv(x))))
