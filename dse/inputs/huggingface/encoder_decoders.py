"""Encoders with a decoder: T5 on text and Whisper on sound.

Each is two kinds of network. `encode` reads the whole input and makes the keys and values of every decoder layer's
cross-attention, once; `decode` writes one token with two caches, its own of what was written, and the encoder's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from dse.inputs.huggingface.config import Config
from dse.inputs.huggingface.decoders import gated
from dse.inputs.huggingface.model import (
    INPUT,
    Checkpoint,
    Layers,
    Lengths,
    Model,
    activation_named,
    activation_of,
    head_width,
    lengths_within,
)
from dse.inputs.writer import Imported

T5_TOKENS = (512,)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stack:
    """What the layers of an encoder or a decoder have in common."""

    width: int
    layers: int
    heads: int
    head: int | None
    hidden: int
    method: str
    activation: str
    is_gated: bool
    bias: bool

    @property
    def inner(self) -> int:
        """Features of all heads."""
        return self.heads * self.head if self.head is not None else self.width

    def feed_forward(self, layers: Layers, prefix: str) -> str:
        """The second half of a layer; the name of its end."""
        if self.is_gated:
            return gated(layers, prefix, layers.last, self.hidden, self.width, self.activation)
        layers.add(f"{prefix}up", "linear", features=self.hidden, activation=self.activation)
        return layers.add(f"{prefix}down", "linear", features=self.width)

    def add_to(self, layers: Layers, prefix: str, crossed: int = 0, **attention: Any) -> None:  # noqa: ANN401
        """One layer: self-attention, cross-attention on `crossed` cached keys where there is a decoder, feed-forward."""
        before = layers.last
        layers.add(f"{prefix}norm1", "normalisation", method=self.method)
        made = layers.add(
            f"{prefix}attention", "attention", heads=self.heads, head_features=self.head, position_bias=self.bias, **attention
        )
        before = layers.add(f"{prefix}sum1", "add", reads=[made, before])
        if crossed:
            layers.add(f"{prefix}cross_norm", "normalisation", method=self.method)
            made = layers.add(
                f"{prefix}cross", "attention", heads=self.heads, head_features=self.head, context=crossed, own_keys=False
            )
            before = layers.add(f"{prefix}cross_sum", "add", reads=[made, before])
        layers.add(f"{prefix}norm2", "normalisation", method=self.method)
        made = self.feed_forward(layers, prefix)
        layers.add(f"{prefix}sum2", "add", reads=[made, before])

    def cross_keys(self, layers: Layers, source: str) -> None:
        """Keys and values of every layer's cross-attention."""
        for index in range(1, self.layers + 1):
            layers.add(f"cross_keys_values_{index}", "linear", reads=source, features=2 * self.inner)


def t5(config: Config, lengths: Lengths) -> Model:
    """T5 and T5 v1.1: RMS normalisation before each half, a bias for relative positions on the scores."""
    width, heads, head = config.count("d_model"), config.count("num_heads"), config.count("d_kv")
    vocabulary, hidden = config.count("vocab_size"), config.count("d_ff")
    layers_n = config.layers("num_layers")
    word = config.word("feed_forward_proj", "relu")
    for derived in ("dense_act_fn", "is_gated_act"):
        config.raw(derived)
    stack = _Stack(
        width=width,
        layers=layers_n,
        heads=heads,
        head=head if head * heads != width else None,
        hidden=hidden,
        method="rms",
        activation=activation_named(config, "feed_forward_proj", word.removeprefix("gated-")),
        is_gated=word.startswith("gated-"),
        bias=True,
    )
    decoder = replace(stack, layers=config.layers("num_decoder_layers", layers_n))
    tied = config.flag("tie_word_embeddings", default=True)
    buckets = config.count("relative_attention_num_buckets", 32)
    prefill, decode = lengths.prefill or T5_TOKENS, lengths.decode or T5_TOKENS

    def encode(tokens: int) -> Imported:
        layers = Layers()
        layers.add("words", "embedding", vocabulary=vocabulary, features=width)
        for index in range(1, stack.layers + 1):
            stack.add_to(layers, f"layer_{index}_")
        decoder.cross_keys(layers, layers.add("final_norm", "normalisation", method="rms"))
        return Imported(
            name=f"encode_{tokens}", title=f"encoder on {tokens:,} tokens", input={"tokens": tokens}, layers=layers.entries
        )

    def write(context: int, tokens: int) -> Imported:
        layers = Layers()
        layers.add("words", "embedding", vocabulary=vocabulary, features=width)
        for index in range(1, decoder.layers + 1):
            decoder.add_to(layers, f"layer_{index}_", crossed=tokens, causal=True, context=context - 1)
        _vocabulary(layers, vocabulary, "rms")
        name = f"decode_{context}" + (f"_from_{tokens}" if len(prefill) > 1 else "")
        return Imported(name=name, title=_title(context, f"{tokens:,} tokens"), input={"tokens": 1}, layers=layers.entries)

    found = Checkpoint()
    found.table("shared", vocabulary, width)
    for side, copies in ((stack, stack.layers), (decoder, 2 * decoder.layers)):
        found.linear("SelfAttention.q, k, v", side.inner, width, copies=3 * copies, bias=False)
        found.linear("SelfAttention.o", width, side.inner, copies=copies, bias=False)
        found.linear("DenseReluDense.wi", hidden, width, copies=side.layers * (2 if side.is_gated else 1), bias=False)
        found.linear("DenseReluDense.wo", width, hidden, copies=side.layers, bias=False)
        found.norm("layer_norm", width, copies=copies + side.layers + 1, bias=False)
        found.tensor("relative_attention_bias", buckets * heads)
    if not tied:
        found.linear("lm_head", vocabulary, width, bias=False)
    networks = [encode(tokens) for tokens in prefill] + [write(context, tokens) for context in decode for tokens in prefill]
    return Model(networks=tuple(networks), parameters=found.done())


def whisper(config: Config, lengths: Lengths) -> Model:
    """Whisper: two convolutions over a mel spectrogram of 30 seconds, an encoder, and a decoder with learned positions."""
    width, mels, vocabulary = config.count("d_model"), config.count("num_mel_bins"), config.count("vocab_size")
    frames, positions = config.count("max_source_positions"), config.count("max_target_positions")
    activation = activation_of(config, "activation_function")
    tied = config.flag("tie_word_embeddings", default=True)
    encoder, decoder = (
        _Stack(
            width=width,
            layers=config.layers(f"{side}_layers"),
            heads=config.count(f"{side}_attention_heads"),
            head=None,
            hidden=config.count(f"{side}_ffn_dim"),
            method="layer",
            activation=activation,
            is_gated=False,
            bias=False,
        )
        for side in ("encoder", "decoder")
    )
    for side, stack in (("encoder", encoder), ("decoder", decoder)):
        head_width(config, width, stack.heads, f"{side}_attention_heads")
    if lengths.prefill:
        config.refuse("model_type", f"a whisper takes no --prefill: it reads {frames} frames (max_source_positions)")
    decode = lengths.decode or (positions,)
    lengths_within(config, decode, positions, "max_target_positions")

    def encode() -> Imported:
        layers = Layers()
        layers.add("conv1", "conv1d", filters=width, kernel=3, padding=1, activation="gelu")
        sound = layers.add("conv2", "conv1d", filters=width, kernel=3, stride=2, padding=1, activation="gelu")
        places = layers.add("positions", "learned", reads=(), to={"features": width, "steps": frames})
        layers.add("embedded", "add", reads=[sound, places])
        for index in range(1, encoder.layers + 1):
            encoder.add_to(layers, f"layer_{index}_")
        decoder.cross_keys(layers, layers.add("final_norm", "normalisation", method="layer"))
        return Imported(
            name="encode",
            title=f"encoder on {2 * frames:,} mel frames",
            input={"features": mels, "steps": 2 * frames},
            layers=layers.entries,
        )

    def write(context: int) -> Imported:
        layers = Layers()
        words = layers.add("words", "embedding", vocabulary=vocabulary, features=width)
        places = layers.add("positions", "embedding", reads=INPUT, vocabulary=positions, features=width)
        layers.add("embedded", "add", reads=[words, places])
        for index in range(1, decoder.layers + 1):
            decoder.add_to(layers, f"layer_{index}_", crossed=frames, causal=True, context=context - 1)
        _vocabulary(layers, vocabulary, "layer")
        return Imported(
            name=f"decode_{context}", title=_title(context, f"{frames:,} frames"), input={"tokens": 1}, layers=layers.entries
        )

    found = Checkpoint()
    found.tensor("encoder.conv1.weight", width, mels, 3)
    found.tensor("encoder.conv2.weight", width, width, 3)
    found.tensor("encoder.conv1.bias, encoder.conv2.bias", width, copies=2)
    found.table("encoder.embed_positions", frames, width)
    found.table("decoder.embed_tokens", vocabulary, width)
    found.table("decoder.embed_positions", positions, width)
    for stack, attentions in ((encoder, encoder.layers), (decoder, 2 * decoder.layers)):
        found.linear("q_proj, v_proj, out_proj", width, width, copies=3 * attentions)
        found.linear("k_proj", width, width, copies=attentions, bias=False)
        found.linear("fc1", stack.hidden, width, copies=stack.layers)
        found.linear("fc2", width, stack.hidden, copies=stack.layers)
        found.norm("layer_norm", width, copies=attentions + stack.layers + 1)
    if not tied:
        found.linear("proj_out", vocabulary, width, bias=False)
    return Model(networks=(encode(), *(write(context) for context in decode)), parameters=found.done())


def _vocabulary(layers: Layers, rows: int, method: str) -> None:
    layers.add("final_norm", "normalisation", method=method)
    layers.add("vocabulary", "linear", features=rows)
    layers.add("softmax", "softmax")


def _title(context: int, source: str) -> str:
    return f"decoder, the last token of {context:,}, on {source}"
