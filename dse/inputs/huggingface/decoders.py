"""Decoders: GPT-2, Llama, Mistral and Mixtral, each in prefill and decode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from dse.inputs.huggingface.config import Config
from dse.inputs.huggingface.model import (
    INPUT,
    Checkpoint,
    Layers,
    Lengths,
    Model,
    activation_of,
    head_width,
    lengths_within,
)
from dse.inputs.writer import Imported

PREFILL, DECODE = (2048,), (2048,)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Llama:
    """Sizes of a Llama-like decoder; without `experts` its feed-forward is one gated network."""

    width: int
    layers: int
    heads: int
    kv_heads: int
    head: int
    hidden: int
    vocabulary: int
    activation: str
    experts: int | None
    active: int | None
    window: int | None
    tied: bool
    attention_bias: bool
    mlp_bias: bool


def llama(config: Config, lengths: Lengths) -> Model:
    """Llama, Mistral and Mixtral: RMS normalisation, rotary positions, grouped queries, gated feed-forward or experts."""
    heads, width = config.count("num_attention_heads"), config.count("hidden_size")
    head = config.maybe("head_dim") or head_width(config, width, heads, "num_attention_heads")
    mixture = config.model_type == "mixtral"
    sizes = _Llama(
        width=width,
        layers=config.layers("num_hidden_layers"),
        heads=heads,
        kv_heads=config.count("num_key_value_heads", heads),
        head=head,
        hidden=config.count("intermediate_size"),
        vocabulary=config.count("vocab_size"),
        activation=activation_of(config, "hidden_act"),
        experts=config.count("num_local_experts") if mixture else None,
        active=config.count("num_experts_per_tok") if mixture else None,
        window=config.maybe("sliding_window") if config.model_type != "llama" else None,
        tied=config.flag("tie_word_embeddings", default=False),
        attention_bias=config.flag("attention_bias", default=False),
        mlp_bias=config.flag("mlp_bias", default=False),
    )
    config.only("partial_rotary_factor", 1, 1.0)
    _check_layer_types(config, sizes)
    if heads % sizes.kv_heads:
        config.refuse("num_key_value_heads", f"{sizes.kv_heads} key-value heads do not divide {heads} heads")
    if mixture and (sizes.active or 0) > (sizes.experts or 0):
        config.refuse("num_experts_per_tok", f"{sizes.active} experts for each token are more than the {sizes.experts} there are")
    notes: list[str] = []
    positions = config.maybe("max_position_embeddings")
    prefill, decode = lengths.prefill or PREFILL, lengths.decode or DECODE
    longest = max((*prefill, *decode))
    if positions is not None and longest > positions:
        notes.append(
            f"{longest} tokens are more than the {positions} it was made for (max_position_embeddings); counted all the same"
        )
    networks = [_network(sizes, f"prefill_{tokens}", tokens, 0) for tokens in prefill]
    networks += [_network(sizes, f"decode_{context}", 1, context - 1) for context in decode]
    return Model(networks=tuple(networks), parameters=_llama_checkpoint(sizes).done(), notes=tuple(notes))


def _check_layer_types(config: Config, sizes: _Llama) -> None:
    """Refuse layers of several kinds, and kinds that the other keys do not describe."""
    types: Any = config.raw("layer_types")
    if types is None:
        return
    expected = "full_attention" if sizes.window is None else "sliding_attention"
    if not isinstance(types, list) or any(each != expected for each in cast("list[object]", types)):
        config.refuse("layer_types", f"layer_types has no rule unless every layer is {expected!r}")


def _network(sizes: _Llama, name: str, tokens: int, context: int) -> Imported:
    layers = Layers()
    layers.add("words", "embedding", vocabulary=sizes.vocabulary, features=sizes.width)
    own_width = None if sizes.head * sizes.heads == sizes.width else sizes.head
    for index in range(1, sizes.layers + 1):
        layer, before = f"layer_{index}_", layers.last
        layers.add(f"{layer}norm1", "normalisation", method="rms")
        attention = layers.add(
            f"{layer}attention",
            "attention",
            heads=sizes.heads,
            kv_heads=None if sizes.kv_heads == sizes.heads else sizes.kv_heads,
            head_features=own_width,
            causal=True,
            rotary=True,
            window=sizes.window,
            context=context,
        )
        middle = layers.add(f"{layer}sum1", "add", reads=[attention, before])
        normal = layers.add(f"{layer}norm2", "normalisation", method="rms")
        if sizes.experts is not None:
            last = layers.add(
                f"{layer}experts",
                "experts",
                experts=sizes.experts,
                active=sizes.active,
                features=sizes.hidden,
                activation=sizes.activation,
            )
        else:
            last = gated(layers, layer, normal, sizes.hidden, sizes.width, sizes.activation)
        layers.add(f"{layer}sum2", "add", reads=[last, middle])
    _vocabulary(layers, tokens, sizes.vocabulary, "rms")
    return Imported(name=name, title=decoder_title(tokens, context), input={"tokens": tokens}, layers=layers.entries)


def gated(layers: Layers, prefix: str, source: str, hidden: int, width: int, activation: str) -> str:
    """A feed-forward network whose hidden features are the product of a gate and another product; the name of its end."""
    gate = layers.add(f"{prefix}gate", "linear", reads=source, features=hidden, activation=activation)
    up = layers.add(f"{prefix}up", "linear", reads=source, features=hidden)
    layers.add(f"{prefix}gated", "multiply", reads=[up, gate])
    return layers.add(f"{prefix}down", "linear", features=width)


def _vocabulary(layers: Layers, tokens: int, rows: int, method: str) -> None:
    """The last position through the vocabulary, which is enough to give the next token."""
    if tokens > 1:
        layers.add("last_token", "select", steps="last")
    layers.add("final_norm", "normalisation", method=method)
    layers.add("vocabulary", "linear", features=rows)
    layers.add("softmax", "softmax")


def decoder_title(tokens: int, context: int) -> str:
    """What a phase is, in a line."""
    if not context:
        return f"prefill of {tokens:,} tokens"
    return f"one new token at the end of a context of {context + 1:,}"


def _llama_checkpoint(sizes: _Llama) -> Checkpoint:
    found, n = Checkpoint(), sizes.layers
    found.table("model.embed_tokens.weight", sizes.vocabulary, sizes.width)
    for name, features in (("q_proj", sizes.heads), ("k_proj", sizes.kv_heads), ("v_proj", sizes.kv_heads)):
        found.linear(f"self_attn.{name}", features * sizes.head, sizes.width, copies=n, bias=sizes.attention_bias)
    found.linear("self_attn.o_proj", sizes.width, sizes.heads * sizes.head, copies=n, bias=sizes.attention_bias)
    copies = n * (sizes.experts or 1)
    for name in ("gate_proj", "up_proj"):
        found.linear(f"mlp.{name}", sizes.hidden, sizes.width, copies=copies, bias=sizes.mlp_bias)
    found.linear("mlp.down_proj", sizes.width, sizes.hidden, copies=copies, bias=sizes.mlp_bias)
    if sizes.experts is not None:
        found.linear("block_sparse_moe.gate", sizes.experts, sizes.width, copies=n, bias=False)
    found.norm("input_layernorm, post_attention_layernorm", sizes.width, copies=2 * n, bias=False)
    found.norm("model.norm", sizes.width, bias=False)
    if not sizes.tied:
        found.linear("lm_head", sizes.vocabulary, sizes.width, bias=False)
    return found


def gpt2(config: Config, lengths: Lengths) -> Model:
    """GPT-2: learned positions, layer normalisation before each half, output tied to the word embedding."""
    width, layers_n, heads = config.count("n_embd"), config.layers("n_layer"), config.count("n_head")
    hidden, vocabulary = config.count("n_inner", 4 * width), config.count("vocab_size")
    key = "n_positions" if "n_positions" in config.keys else "n_ctx"
    positions = config.count(key)
    activation = activation_of(config, "activation_function")
    head_width(config, width, heads, "n_head")
    config.only("add_cross_attention", False)
    tied = config.flag("tie_word_embeddings", default=True)
    prefill = lengths.prefill or (min(PREFILL[0], positions),)
    decode = lengths.decode or (min(DECODE[0], positions),)
    lengths_within(config, (*prefill, *decode), positions, key)

    def network(name: str, tokens: int, context: int) -> Imported:
        layers = Layers()
        words = layers.add("words", "embedding", vocabulary=vocabulary, features=width)
        place = layers.add("positions", "embedding", reads=INPUT, vocabulary=positions, features=width)
        layers.add("embedded", "add", reads=[words, place])
        for index in range(1, layers_n + 1):
            layer, before = f"layer_{index}_", layers.last
            layers.add(f"{layer}norm1", "normalisation", method="layer")
            attention = layers.add(f"{layer}attention", "attention", heads=heads, causal=True, context=context)
            middle = layers.add(f"{layer}sum1", "add", reads=[attention, before])
            layers.add(f"{layer}norm2", "normalisation", method="layer")
            layers.add(f"{layer}up", "linear", features=hidden, activation=activation)
            down = layers.add(f"{layer}down", "linear", features=width)
            layers.add(f"{layer}sum2", "add", reads=[down, middle])
        _vocabulary(layers, tokens, vocabulary, "layer")
        return Imported(name=name, title=decoder_title(tokens, context), input={"tokens": tokens}, layers=layers.entries)

    found = Checkpoint()
    found.table("wte.weight", vocabulary, width)
    found.table("wpe.weight", positions, width)
    found.linear("attn.c_attn", 3 * width, width, copies=layers_n)
    found.linear("attn.c_proj", width, width, copies=layers_n)
    found.linear("mlp.c_fc", hidden, width, copies=layers_n)
    found.linear("mlp.c_proj", width, hidden, copies=layers_n)
    found.norm("ln_1, ln_2", width, copies=2 * layers_n)
    found.norm("ln_f", width)
    if not tied:
        found.linear("lm_head", vocabulary, width, bias=False)
    networks = [network(f"prefill_{tokens}", tokens, 0) for tokens in prefill]
    networks += [network(f"decode_{context}", 1, context - 1) for context in decode]
    return Model(networks=tuple(networks), parameters=found.done())
