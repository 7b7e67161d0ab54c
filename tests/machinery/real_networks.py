"""Networks as their public implementations write them, at small sizes: what people export and import."""

import math

import torch
from torch import nn
from torch.nn import functional as F


class ConvAct(nn.Module):
    def __init__(self, channels, out, kernel=1, stride=1, groups=1):
        super().__init__()
        self.conv = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn, self.act = nn.BatchNorm2d(out), nn.SiLU(inplace=True)

    def forward(self, x):
        return self.act(self.bn(self.conv(x)))


class Pair(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.cv1, self.cv2 = ConvAct(width, width, 3), ConvAct(width, width, 3)

    def forward(self, x):
        return x + self.cv2(self.cv1(x))


class C2f(nn.Module):
    def __init__(self, channels, out, depth):
        super().__init__()
        self.half = out // 2
        self.cv1, self.cv2 = ConvAct(channels, out), ConvAct((2 + depth) * self.half, out)
        self.m = nn.ModuleList(Pair(self.half) for _ in range(depth))

    def forward(self, x):
        y = list(self.cv1(x).chunk(2, 1))
        y.extend(m(y[-1]) for m in self.m)
        return self.cv2(torch.cat(y, 1))


class Sppf(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.cv1, self.cv2 = ConvAct(width, width // 2), ConvAct(2 * width, width)
        self.pool = nn.MaxPool2d(5, 1, 2)

    def forward(self, x):
        x = self.cv1(x)
        y1 = self.pool(x)
        y2 = self.pool(y1)
        return self.cv2(torch.cat([x, y1, y2, self.pool(y2)], 1))


class Yolo(nn.Module):
    """A detector with a path up and down again, and boxes as distributions."""

    def __init__(self, classes=10, bins=16):
        super().__init__()
        self.bins, self.classes = bins, classes
        self.stem, self.p3 = ConvAct(3, 16, 3, 2), nn.Sequential(ConvAct(16, 32, 3, 2), C2f(32, 32, 2))
        self.p4, self.p5 = (
            nn.Sequential(ConvAct(32, 64, 3, 2), C2f(64, 64, 2)),
            nn.Sequential(ConvAct(64, 128, 3, 2), C2f(128, 128, 1), Sppf(128)),
        )
        self.up, self.n4, self.n3 = nn.Upsample(scale_factor=2, mode="nearest"), C2f(192, 64, 1), C2f(96, 32, 1)
        self.boxes = nn.ModuleList(nn.Sequential(ConvAct(w, 32, 3), nn.Conv2d(32, 4 * bins, 1)) for w in (32, 64, 128))
        self.scores = nn.ModuleList(nn.Sequential(ConvAct(w, 32, 3), nn.Conv2d(32, classes, 1)) for w in (32, 64, 128))
        self.dfl = nn.Conv2d(bins, 1, 1, bias=False)
        for size, stride, name in ((16, 4, "a"), (8, 8, "b"), (4, 16, "c")):
            places = torch.arange(size) + 0.5
            y, x = torch.meshgrid(places, places, indexing="ij")
            self.register_buffer(f"grid_{name}", torch.stack([x, y]).flatten(1))
            self.register_buffer(f"stride_{name}", torch.full((1, size * size), float(stride)))

    def forward(self, x):
        p3 = self.p3(self.stem(x))
        p4 = self.p4(p3)
        p5 = self.p5(p4)
        p4 = self.n4(torch.cat([self.up(p5), p4], 1))
        p3 = self.n3(torch.cat([self.up(p4), p3], 1))
        found = [torch.cat([b(p), s(p)], 1).flatten(2) for b, s, p in zip(self.boxes, self.scores, (p3, p4, p5), strict=True)]
        box, scores = torch.cat(found, 2).split((4 * self.bins, self.classes), 1)
        box = self.dfl(box.view(x.shape[0], 4, self.bins, -1).transpose(2, 1).softmax(1)).view(x.shape[0], 4, -1)
        grid = torch.cat([self.grid_a, self.grid_b, self.grid_c], 1)
        stride = torch.cat([self.stride_a, self.stride_b, self.stride_c], 1)
        near, far = box.chunk(2, 1)
        first, last = grid - near, grid + far
        return torch.cat([torch.cat([(first + last) / 2, last - first], 1) * stride, scores.sigmoid()], 1)


class MbConv(nn.Module):
    def __init__(self, channels, out, kernel, stride, expand):
        super().__init__()
        hidden = channels * expand
        self.expand = ConvAct(channels, hidden) if expand > 1 else nn.Identity()
        self.depthwise = ConvAct(hidden, hidden, kernel, stride, hidden)
        self.squeeze, self.excite = nn.Conv2d(hidden, channels // 4, 1), nn.Conv2d(channels // 4, hidden, 1)
        self.project, self.bn = nn.Conv2d(hidden, out, 1, bias=False), nn.BatchNorm2d(out)
        self.residual = stride == 1 and channels == out

    def forward(self, x):
        y = self.depthwise(self.expand(x))
        y = y * torch.sigmoid(self.excite(F.silu(self.squeeze(F.adaptive_avg_pool2d(y, 1)))))
        y = self.bn(self.project(y))
        return x + y if self.residual else y


class EfficientNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = ConvAct(3, 32, 3, 2)
        self.blocks = nn.Sequential(
            MbConv(32, 16, 3, 1, 1),
            MbConv(16, 24, 3, 2, 6),
            MbConv(24, 24, 3, 1, 6),
            MbConv(24, 40, 5, 2, 6),
            MbConv(40, 40, 5, 1, 6),
        )
        self.head, self.fc = ConvAct(40, 160), nn.Linear(160, 10)

    def forward(self, x):
        return self.fc(F.dropout(F.adaptive_avg_pool2d(self.head(self.blocks(self.stem(x))), 1).flatten(1), 0.2, self.training))


class UnetBlock(nn.Module):
    def __init__(self, channels, out, time):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(8, channels), nn.Conv2d(channels, out, 3, padding=1)
        self.time = nn.Linear(time, out)
        self.norm2, self.conv2 = nn.GroupNorm(8, out), nn.Conv2d(out, out, 3, padding=1)
        self.skip = nn.Conv2d(channels, out, 1) if channels != out else nn.Identity()

    def forward(self, x, time):
        y = self.conv1(F.silu(self.norm1(x))) + self.time(F.silu(time))[:, :, None, None]
        return self.conv2(F.silu(self.norm2(y))) + self.skip(x)


class SpatialAttention(nn.Module):
    """Self-attention over places, then attention on a text."""

    def __init__(self, width, heads, text):
        super().__init__()
        self.heads = heads
        self.norm, self.inner, self.outer = nn.GroupNorm(8, width), nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.own = nn.ModuleList([nn.Linear(width, width, bias=False) for _ in range(3)] + [nn.Linear(width, width)])
        self.other = nn.ModuleList(
            [
                nn.Linear(width, width, bias=False),
                nn.Linear(text, width, bias=False),
                nn.Linear(text, width, bias=False),
                nn.Linear(width, width),
            ]
        )
        self.gated, self.down = nn.Linear(width, 8 * width), nn.Linear(4 * width, width)

    def attend(self, layers, x, memory):
        batch, steps, width = x.shape
        q, k, v = (
            layer(source).view(batch, -1, self.heads, width // self.heads).transpose(1, 2)
            for layer, source in zip(layers, (x, memory, memory), strict=False)
        )
        return layers[3](F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, steps, width))

    def forward(self, x, text):
        batch, width, height, across = x.shape
        y = self.inner(self.norm(x)).permute(0, 2, 3, 1).reshape(batch, height * across, width)
        n = self.norm1(y)
        y = y + self.attend(self.own, n, n)
        y = y + self.attend(self.other, self.norm2(y), text)
        up, gate = self.gated(self.norm3(y)).chunk(2, -1)
        y = y + self.down(up * F.gelu(gate))
        return x + self.outer(y.reshape(batch, height, across, width).permute(0, 3, 1, 2))


class Diffusion(nn.Module):
    """A U-Net that takes noise away: time as sines and cosines, group normalisation, attention on a text."""

    def __init__(self):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(32, 128), nn.SiLU(), nn.Linear(128, 128))
        self.first = nn.Conv2d(4, 32, 3, padding=1)
        self.down1, self.att1, self.pool = UnetBlock(32, 32, 128), SpatialAttention(32, 4, 48), nn.Conv2d(32, 32, 3, 2, 1)
        self.mid1, self.mid2, self.mid3 = UnetBlock(32, 64, 128), SpatialAttention(64, 4, 48), UnetBlock(64, 64, 128)
        self.up, self.up1 = nn.Conv2d(64, 64, 3, padding=1), UnetBlock(96, 32, 128)
        self.norm, self.last = nn.GroupNorm(8, 32), nn.Conv2d(32, 4, 3, padding=1)

    def forward(self, x, time, text):
        rates = torch.exp(-math.log(10000) * torch.arange(16, device=x.device) / 16)
        angles = time[:, None] * rates[None]
        t = self.time(torch.cat([angles.cos(), angles.sin()], -1))
        x = self.first(x)
        a = self.att1(self.down1(x, t), text)
        y = self.mid3(self.mid2(self.mid1(self.pool(a), t), text), t)
        y = self.up(F.interpolate(y, scale_factor=2.0, mode="nearest"))
        y = self.up1(torch.cat([y, a], 1), t)
        return self.last(F.silu(self.norm(y)))


class LayerNorm2d(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def forward(self, x):
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNextBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.dwconv, self.norm = nn.Conv2d(width, width, 7, padding=3, groups=width), nn.LayerNorm(width)
        self.pwconv1, self.pwconv2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.gamma = nn.Parameter(1e-6 * torch.ones(width))

    def forward(self, x):
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))
        return x + y.permute(0, 3, 1, 2)


class ConvNext(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 24, 4, 4), LayerNorm2d(24))
        self.stages = nn.Sequential(
            ConvNextBlock(24), ConvNextBlock(24), LayerNorm2d(24), nn.Conv2d(24, 48, 2, 2), ConvNextBlock(48), ConvNextBlock(48)
        )
        self.norm, self.head = nn.LayerNorm(48), nn.Linear(48, 10)

    def forward(self, x):
        return self.head(self.norm(self.stages(self.stem(x)).mean([-2, -1])))


class SwinBlock(nn.Module):
    """Attention within windows that are shifted, with a bias by relative places."""

    def __init__(self, width, heads, side, window, shift):
        super().__init__()
        self.heads, self.side, self.window, self.shift = heads, side, window, shift
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        self.register_buffer("index", torch.zeros(window**4, dtype=torch.long))
        self.register_buffer("mask", torch.zeros((side // window) ** 2, window**2, window**2))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, steps, width = x.shape
        n, w = self.side // self.window, self.window
        y = self.norm1(x).view(batch, self.side, self.side, width)
        if self.shift:
            y = torch.roll(y, (-self.shift, -self.shift), (1, 2))
        y = y.view(batch, n, w, n, w, width).permute(0, 1, 3, 2, 4, 5).reshape(-1, w * w, width)
        q, k, v = self.qkv(y).reshape(y.shape[0], w * w, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        scores = (q * (width // self.heads) ** -0.5) @ k.transpose(-2, -1)
        scores = scores + self.table[self.index].view(w * w, w * w, -1).permute(2, 0, 1)[None]
        if self.shift:
            scores = scores.view(batch, n * n, self.heads, w * w, w * w) + self.mask[None, :, None]
            scores = scores.view(-1, self.heads, w * w, w * w)
        y = self.proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(y.shape[0], w * w, width))
        y = y.view(batch, n, n, w, w, width).permute(0, 1, 3, 2, 4, 5).reshape(batch, self.side, self.side, width)
        if self.shift:
            y = torch.roll(y, (self.shift, self.shift), (1, 2))
        x = x + y.reshape(batch, steps, width)
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Swin(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches, self.norm = nn.Conv2d(3, 32, 4, 4), nn.LayerNorm(32)
        self.blocks = nn.Sequential(SwinBlock(32, 2, 8, 4, 0), SwinBlock(32, 2, 8, 4, 2))
        self.merge_norm, self.merge = nn.LayerNorm(128), nn.Linear(128, 64, bias=False)
        self.last, self.head = SwinBlock(64, 4, 4, 4, 0), nn.Linear(64, 10)

    def forward(self, x):
        x = self.blocks(self.norm(self.patches(x).flatten(2).transpose(1, 2)))
        y = x.view(x.shape[0], 8, 8, 32)
        y = torch.cat([y[:, 0::2, 0::2], y[:, 1::2, 0::2], y[:, 0::2, 1::2], y[:, 1::2, 1::2]], -1)
        y = self.merge(self.merge_norm(y.view(x.shape[0], 16, 128)))
        return self.head(self.last(y).mean(1))


class RmsNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        kind = x.dtype
        x = x.to(torch.float32)
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)).to(kind)


def turned(x):
    half = x.shape[-1] // 2
    return torch.cat((-x[..., half:], x[..., :half]), dim=-1)


class HfLlamaLayer(nn.Module):
    def __init__(self, width, heads, groups, hidden):
        super().__init__()
        self.heads, self.groups, self.each = heads, groups, width // heads
        self.input_layernorm, self.post_attention_layernorm = RmsNorm(width), RmsNorm(width)
        self.q_proj, self.o_proj = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.k_proj, self.v_proj = (nn.Linear(width, groups * self.each, bias=False) for _ in range(2))
        self.gate_proj, self.up_proj, self.down_proj = (
            nn.Linear(width, hidden, bias=False),
            nn.Linear(width, hidden, bias=False),
            nn.Linear(hidden, width, bias=False),
        )

    def forward(self, x, cos, sin, mask, past):
        batch, steps, width = x.shape
        y = self.input_layernorm(x)
        q, k, v = (
            layer(y).view(batch, steps, -1, self.each).transpose(1, 2) for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        q, k = q * cos + turned(q) * sin, k * cos + turned(k) * sin
        if past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        kept = (k, v)
        times = self.heads // self.groups
        k, v = (
            each[:, :, None].expand(batch, self.groups, times, each.shape[2], self.each).reshape(batch, self.heads, -1, self.each)
            for each in (k, v)
        )
        scores = torch.matmul(q, k.transpose(2, 3)) / math.sqrt(self.each) + mask
        weights = F.softmax(scores, dim=-1, dtype=torch.float32).to(q.dtype)
        y = torch.matmul(weights, v).transpose(1, 2).contiguous().reshape(batch, steps, width)
        x = x + self.o_proj(y)
        y = self.post_attention_layernorm(x)
        return x + self.down_proj(F.silu(self.gate_proj(y)) * self.up_proj(y)), kept


class HfLlama(nn.Module):
    """A decoder that is given ids, places, an attention mask, and perhaps keys and values of what came before."""

    def __init__(self, cached=False):
        super().__init__()
        self.cached = cached
        self.embed_tokens = nn.Embedding(500, 64)
        self.layers = nn.ModuleList(HfLlamaLayer(64, 8, 2, 160) for _ in range(2))
        self.norm, self.lm_head = RmsNorm(64), nn.Linear(64, 500, bias=False)
        self.register_buffer("inv_freq", torch.ones(4))

    def forward(self, ids, attention_mask, position_ids, *past):
        batch, steps = ids.shape
        x = self.embed_tokens(ids)
        rates = self.inv_freq[None, :, None].float().expand(position_ids.shape[0], -1, 1)
        angles = (rates @ position_ids[:, None, :].float()).transpose(1, 2)
        angles = torch.cat((angles, angles), dim=-1)
        cos, sin = angles.cos()[:, None], angles.sin()[:, None]
        length = attention_mask.shape[1]
        mask = torch.full((steps, length), torch.finfo(x.dtype).min, device=x.device)
        mask = torch.triu(mask, diagonal=1 + length - steps)[None, None].expand(batch, 1, -1, -1)
        mask = mask.masked_fill(attention_mask[:, None, None] == 0, torch.finfo(x.dtype).min)
        kept = []
        for index, layer in enumerate(self.layers):
            x, each = layer(x, cos, sin, mask, past[2 * index : 2 * index + 2] or None)
            kept.extend(each)
        return (self.lm_head(self.norm(x)), *kept)


def hf_llama_decode():
    return HfLlama(cached=True)


class HfBertLayer(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.dense = (nn.Linear(width, width) for _ in range(4))
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def turn(self, x):
        return x.view(*x.shape[:-1], self.heads, -1).permute(0, 2, 1, 3)

    def forward(self, x, mask):
        q, k, v = self.turn(self.query(x)), self.turn(self.key(x)), self.turn(self.value(x))
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(q.shape[-1]) + mask
        y = torch.matmul(nn.functional.softmax(scores, -1), v).permute(0, 2, 1, 3).contiguous()
        x = self.norm1(self.dense(y.view(x.shape)) + x)
        return self.norm2(self.down(F.gelu(self.up(x))) + x)


class HfBert(nn.Module):
    """An encoder that is given ids, a mask and segments."""

    def __init__(self):
        super().__init__()
        self.word, self.position, self.kind = nn.Embedding(500, 64), nn.Embedding(64, 64), nn.Embedding(2, 64)
        self.register_buffer("places", torch.arange(64)[None])
        self.norm, self.pooler, self.classifier = nn.LayerNorm(64), nn.Linear(64, 64), nn.Linear(64, 3)
        self.layers = nn.ModuleList(HfBertLayer(64, 4, 256) for _ in range(2))

    def forward(self, input_ids, attention_mask, token_type_ids):
        x = self.word(input_ids) + self.kind(token_type_ids) + self.position(self.places[:, : input_ids.shape[1]])
        x = self.norm(x)
        mask = (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * torch.finfo(x.dtype).min
        for layer in self.layers:
            x = layer(x, mask)
        return self.classifier(torch.tanh(self.pooler(x[:, 0])))


class Whisper(nn.Module):
    """Sound to text: two convolutions, an encoder, a decoder that looks at it."""

    class Attention(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.heads = heads
            self.q_proj, self.v_proj, self.out_proj = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, width)
            self.k_proj = nn.Linear(width, width, bias=False)

        def forward(self, x, memory=None, causal=False):
            memory = x if memory is None else memory
            batch, steps, width = x.shape
            q = (self.q_proj(x) * (width // self.heads) ** -0.5).view(batch, steps, self.heads, -1).transpose(1, 2)
            k, v = (
                p(memory).view(batch, -1, self.heads, width // self.heads).transpose(1, 2) for p in (self.k_proj, self.v_proj)
            )
            y = F.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=1.0)
            return self.out_proj(y.transpose(1, 2).reshape(batch, steps, width))

    class Layer(nn.Module):
        def __init__(self, width, heads, crossed):
            super().__init__()
            self.self_attn, self.norm1, self.norm2 = Whisper.Attention(width, heads), nn.LayerNorm(width), nn.LayerNorm(width)
            self.cross, self.norm3 = (Whisper.Attention(width, heads), nn.LayerNorm(width)) if crossed else (None, None)
            self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x, memory=None):
            x = x + self.self_attn(self.norm1(x), causal=memory is not None)
            if self.cross is not None:
                x = x + self.cross(self.norm3(x), memory)
            return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv1d(80, 64, 3, padding=1), nn.Conv1d(64, 64, 3, stride=2, padding=1)
        self.places, self.tokens, self.positions = (
            nn.Parameter(torch.zeros(50, 64)),
            nn.Embedding(300, 64),
            nn.Parameter(torch.zeros(16, 64)),
        )
        self.encoder = nn.ModuleList(self.Layer(64, 4, False) for _ in range(2))
        self.decoder = nn.ModuleList(self.Layer(64, 4, True) for _ in range(2))
        self.norm1, self.norm2 = nn.LayerNorm(64), nn.LayerNorm(64)

    def forward(self, mel, ids):
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel)))).permute(0, 2, 1) + self.places
        for layer in self.encoder:
            x = layer(x)
        memory = self.norm1(x)
        y = self.tokens(ids) + self.positions[: ids.shape[1]]
        for layer in self.decoder:
            y = layer(y, memory)
        return self.norm2(y) @ self.tokens.weight.transpose(0, 1)


class T5(nn.Module):
    """An encoder layer with a bias by relative places that is looked up."""

    def __init__(self):
        super().__init__()
        self.embed, self.bias = nn.Embedding(200, 32), nn.Embedding(8, 4)
        self.norm1, self.norm2 = RmsNorm(32), RmsNorm(32)
        self.q, self.k, self.v, self.o = (nn.Linear(32, 32, bias=False) for _ in range(4))
        self.wi_0, self.wi_1, self.wo = (
            nn.Linear(32, 64, bias=False),
            nn.Linear(32, 64, bias=False),
            nn.Linear(64, 32, bias=False),
        )

    def forward(self, ids):
        x = self.embed(ids)
        batch, steps, width = x.shape
        y = self.norm1(x)
        q, k, v = (layer(y).view(batch, steps, 4, 8).transpose(1, 2) for layer in (self.q, self.k, self.v))
        places = torch.arange(steps)[None] - torch.arange(steps)[:, None]
        bias = self.bias(places.abs().clamp(max=7)).permute(2, 0, 1)[None]
        scores = torch.matmul(q, k.transpose(3, 2)) + bias
        y = torch.matmul(F.softmax(scores.float(), -1).type_as(scores), v).transpose(1, 2).contiguous().view(batch, steps, width)
        x = x + self.o(y)
        y = self.norm2(x)
        return x + self.wo(F.gelu(self.wi_0(y), approximate="tanh") * self.wi_1(y))


class SuperResolution(nn.Module):
    """Sub-pixel convolution."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.conv3 = (
            nn.Conv2d(1, 32, 5, padding=2),
            nn.Conv2d(32, 32, 3, padding=1),
            nn.Conv2d(32, 9, 3, padding=1),
        )
        self.shuffle, self.last = nn.PixelShuffle(3), nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, x):
        return self.last(self.shuffle(self.conv3(F.relu(self.conv2(F.relu(self.conv1(x)))))))


class Deeplab(nn.Module):
    """Dilated convolutions side by side, a pooled branch, and a resize to the size of the input."""

    def __init__(self):
        super().__init__()
        self.stem = ConvAct(3, 16, 3, 4)
        self.branches = nn.ModuleList(nn.Conv2d(16, 8, 3, padding=d, dilation=d) for d in (1, 2, 4))
        self.pooled, self.last = nn.Conv2d(16, 8, 1), nn.Conv2d(32, 5, 1)

    def forward(self, x):
        y = self.stem(x)
        parts = [branch(y) for branch in self.branches]
        pooled = self.pooled(F.adaptive_avg_pool2d(y, 1))
        parts.append(F.interpolate(pooled, size=y.shape[-2:], mode="bilinear", align_corners=False))
        return F.interpolate(self.last(torch.cat(parts, 1)), size=x.shape[-2:], mode="bilinear", align_corners=False).argmax(1)


class Shuffle(nn.Module):
    """Channels cut in two, one half convolved, and shuffled."""

    def __init__(self):
        super().__init__()
        self.stem = ConvAct(3, 32, 3, 2)
        self.a, self.b, self.c = ConvAct(16, 16), nn.Conv2d(16, 16, 3, 1, 1, groups=16, bias=False), ConvAct(16, 16)
        self.fc = nn.Linear(32, 10)

    def forward(self, x):
        x = self.stem(x)
        left, right = x.chunk(2, dim=1)
        y = torch.cat((left, self.c(self.b(self.a(right)))), 1)
        batch, channels, height, width = y.shape
        y = y.view(batch, 2, channels // 2, height, width).transpose(1, 2).contiguous().view(batch, -1, height, width)
        return self.fc(y.mean([2, 3]))


class Video(nn.Module):
    """Patches of a video as non-overlapping blocks of frames."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv3d(3, 48, (2, 8, 8), (2, 8, 8))
        self.layer, self.head = nn.TransformerEncoderLayer(48, 4, 96, batch_first=True), nn.Linear(48, 10)

    def forward(self, x):
        return self.head(self.layer(self.patches(x).flatten(2).transpose(1, 2)).mean(1))


class Translator(nn.Module):
    """Two recurrent stacks with attention between, as they were before transformers."""

    def __init__(self):
        super().__init__()
        self.source, self.target = nn.Embedding(300, 32), nn.Embedding(300, 32)
        self.encoder, self.decoder = (
            nn.LSTM(32, 32, 2, batch_first=True, bidirectional=True),
            nn.LSTM(32, 64, 2, batch_first=True),
        )
        self.turn, self.out = nn.Linear(64, 64, bias=False), nn.Linear(128, 300)

    def forward(self, source, target):
        memory, _ = self.encoder(self.source(source))
        states, _ = self.decoder(self.target(target))
        weights = torch.softmax(torch.bmm(self.turn(states), memory.transpose(1, 2)), -1)
        return self.out(torch.cat([states, torch.bmm(weights, memory)], -1))
