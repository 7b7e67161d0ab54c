"""Encoders: BERT and RoBERTa on tokens, ViT on patches of an image, each with the head that the config names."""

from __future__ import annotations

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

BERT_HEADS = (
    "Model",
    "ForMaskedLM",
    "ForPreTraining",
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForQuestionAnswering",
)
VIT_HEADS = ("Model", "ForImageClassification")


def bert(config: Config, lengths: Lengths) -> Model:
    """BERT and RoBERTa: layer normalisation after each half; the head is that of the architecture."""
    roberta = config.model_type == "roberta"
    width, n, heads = config.count("hidden_size"), config.layers("num_hidden_layers"), config.count("num_attention_heads")
    hidden, vocabulary = config.count("intermediate_size"), config.count("vocab_size")
    table, types = config.count("max_position_embeddings"), config.count("type_vocab_size")
    activation = activation_of(config, "hidden_act")
    head_width(config, width, heads, "num_attention_heads")
    config.only("position_embedding_type", "absolute")
    config.only("is_decoder", False)
    config.only("add_cross_attention", False)
    config.only("tie_word_embeddings", True)
    head = head_of(config, "Roberta" if roberta else "Bert", BERT_HEADS)
    most = table - config.count("pad_token_id", 1) - 1 if roberta else table
    refuse_decode(config, lengths)
    prefill = lengths.prefill or (most,)
    lengths_within(config, prefill, most, "max_position_embeddings")

    def network(tokens: int) -> Imported:
        layers = Layers()
        words = layers.add("words", "embedding", vocabulary=vocabulary, features=width)
        place = layers.add("positions", "embedding", reads=INPUT, vocabulary=table, features=width)
        kinds = layers.add("segments", "embedding", reads=INPUT, vocabulary=types, features=width)
        layers.add("embedded", "add", reads=[words, place, kinds])
        layers.add("embedded_norm", "normalisation", method="layer")
        for index in range(1, n + 1):
            layer, before = f"layer_{index}_", layers.last
            attention = layers.add(f"{layer}attention", "attention", heads=heads)
            layers.add(f"{layer}attention_sum", "add", reads=[attention, before])
            middle = layers.add(f"{layer}attention_norm", "normalisation", method="layer")
            layers.add(f"{layer}up", "linear", features=hidden, activation=activation)
            down = layers.add(f"{layer}down", "linear", features=width)
            layers.add(f"{layer}output_sum", "add", reads=[down, middle])
            layers.add(f"{layer}output_norm", "normalisation", method="layer")
        _bert_head(layers, config, head, width, vocabulary, activation)
        return Imported(name=f"encode_{tokens}", title=f"{tokens:,} tokens", input={"tokens": tokens}, layers=layers.entries)

    found = Checkpoint()
    found.table("embeddings.word_embeddings", vocabulary, width)
    found.table("embeddings.position_embeddings", table, width)
    found.table("embeddings.token_type_embeddings", types, width)
    found.norm("embeddings.LayerNorm", width)
    found.linear("attention.self.query, key, value, attention.output.dense", width, width, copies=4 * n)
    found.linear("intermediate.dense", hidden, width, copies=n)
    found.linear("output.dense", width, hidden, copies=n)
    found.norm("attention.output.LayerNorm, output.LayerNorm", width, copies=2 * n)
    _bert_head_tensors(found, config, head, width, vocabulary, roberta=roberta)
    return Model(networks=tuple(network(tokens) for tokens in prefill), parameters=found.done())


def _bert_head(layers: Layers, config: Config, head: str, width: int, vocabulary: int, activation: str) -> None:
    body, roberta = layers.last, config.model_type == "roberta"
    pooled = head in ("Model", "ForPreTraining", "ForSequenceClassification")
    if pooled:
        layers.add("first_token", "select", steps="first")
        layers.add("pooler", "linear", features=width, activation="tanh")
    if head in ("ForSequenceClassification", "ForTokenClassification"):
        layers.add("classes", "linear", features=labels_of(config))
    if head == "ForPreTraining":
        layers.add("next_sentence", "linear", features=2)
    if head == "ForQuestionAnswering":
        layers.add("span", "linear", features=2)
    if head in ("ForMaskedLM", "ForPreTraining"):
        layers.add("transform", "linear", reads=body, features=width, activation="gelu" if roberta else activation)
        layers.add("transform_norm", "normalisation", method="layer")
        layers.add("vocabulary", "linear", features=vocabulary)


def _bert_head_tensors(found: Checkpoint, config: Config, head: str, width: int, vocabulary: int, *, roberta: bool) -> None:
    if head in ("Model", "ForPreTraining", "ForSequenceClassification"):
        found.linear("classifier.dense" if roberta and head != "Model" else "pooler.dense", width, width)
    if head in ("ForSequenceClassification", "ForTokenClassification"):
        found.linear("classifier", labels_of(config), width)
    if head in ("ForPreTraining", "ForQuestionAnswering"):
        found.linear("cls.seq_relationship" if head == "ForPreTraining" else "qa_outputs", 2, width)
    if head in ("ForMaskedLM", "ForPreTraining"):
        found.linear("cls.predictions.transform.dense", width, width)
        found.norm("cls.predictions.transform.LayerNorm", width)
        found.tensor("cls.predictions.bias", vocabulary)


def vit(config: Config, lengths: Lengths) -> Model:
    """ViT: patches as tokens behind a class token, layer normalisation before each half, and a classifier or a pooler."""
    width, n, heads = config.count("hidden_size"), config.layers("num_hidden_layers"), config.count("num_attention_heads")
    hidden, side, patch = config.count("intermediate_size"), config.count("image_size"), config.count("patch_size")
    channels = config.count("num_channels", 3)
    activation = activation_of(config, "hidden_act")
    head_width(config, width, heads, "num_attention_heads")
    head = head_of(config, "ViT", VIT_HEADS)
    if patch > side:
        config.refuse("patch_size", f"a patch of {patch} is larger than the image of {side}")
    refuse_lengths(config, lengths, "the image gives the length")
    bias = config.flag("qkv_bias", default=True)
    patches = (side // patch) ** 2
    layers = Layers()
    layers.add("patches", "conv2d", filters=width, kernel=patch, stride=patch)
    rows = layers.add("rows", "reshape", to={"features": width, "steps": patches})
    first = layers.add("class_token", "learned", reads=(), to={"features": width, "steps": 1})
    tokens = layers.add("tokens", "concat", reads=[first, rows], along="steps")
    places = layers.add("positions", "learned", reads=(), to={"features": width, "steps": patches + 1})
    layers.add("embedded", "add", reads=[tokens, places])
    for index in range(1, n + 1):
        layer, before = f"layer_{index}_", layers.last
        layers.add(f"{layer}norm1", "normalisation", method="layer")
        attention = layers.add(f"{layer}attention", "attention", heads=heads)
        middle = layers.add(f"{layer}sum1", "add", reads=[attention, before])
        layers.add(f"{layer}norm2", "normalisation", method="layer")
        layers.add(f"{layer}up", "linear", features=hidden, activation=activation)
        down = layers.add(f"{layer}down", "linear", features=width)
        layers.add(f"{layer}sum2", "add", reads=[down, middle])
    layers.add("final_norm", "normalisation", method="layer")
    layers.add("first_token", "select", steps="first")
    if head == "Model":
        layers.add("pooler", "linear", features=width, activation="tanh")
    else:
        layers.add("classes", "linear", features=labels_of(config))
    network = Imported(
        name=f"image_{side}",
        title=f"{side} x {side} images in {patches} patches",
        input={"channels": channels, "height": side, "width": side},
        layers=layers.entries,
    )
    found = Checkpoint()
    found.table("embeddings.cls_token", 1, width)
    found.table("embeddings.position_embeddings", patches + 1, width)
    found.tensor("embeddings.patch_embeddings.projection.weight", width, channels, patch, patch)
    found.tensor("embeddings.patch_embeddings.projection.bias", width)
    found.linear("attention.attention.query, key, value", width, width, copies=3 * n, bias=bias)
    found.linear("attention.output.dense", width, width, copies=n)
    found.linear("intermediate.dense", hidden, width, copies=n)
    found.linear("output.dense", width, hidden, copies=n)
    found.norm("layernorm_before, layernorm_after", width, copies=2 * n)
    found.norm("layernorm", width)
    found.linear("pooler.dense" if head == "Model" else "classifier", width if head == "Model" else labels_of(config), width)
    return Model(networks=(network,), parameters=found.done())


def head_of(config: Config, family: str, known: tuple[str, ...]) -> str:
    """Which head the architecture has, "Model" where the config names none. Raises `InputError` for one that has no rule."""
    first = config.architecture
    if first is None:
        return "Model"
    by_class = {f"{family}{head}": head for head in known}
    if first not in by_class:
        message = f"the architecture {first!r} has no rule"
        config.refuse("architectures", message, f"name another with --architecture: {', '.join(by_class)}")
    return by_class[first]


def labels_of(config: Config) -> int:
    """Classes of a classifier."""
    names = config.raw("id2label")
    if isinstance(names, dict) and names:
        return len(names)  # pyright: ignore[reportUnknownArgumentType]
    return config.count("num_labels", 2)


def refuse_decode(config: Config, lengths: Lengths) -> None:
    """Refuse to write tokens one by one where there is no decoder."""
    if lengths.decode:
        config.refuse("model_type", f"a {config.model_type} has no decoder", "leave --decode out")


def refuse_lengths(config: Config, lengths: Lengths, why: str) -> None:
    """Refuse lengths where the model fixes them."""
    refuse_decode(config, lengths)
    if lengths.prefill:
        config.refuse("model_type", f"a {config.model_type} takes no --prefill: {why}")
