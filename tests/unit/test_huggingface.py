"""Config.json files of nine families: counted against published totals, and every mistake with its place."""

import json
from functools import cache

import pytest

from dse.errors import InputError
from dse.inputs.document import read_text
from dse.inputs.huggingface.importing import FAMILIES, import_huggingface
from dse.inputs.workloads import workload_from
from dse.workload.attention import Attention

LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_act": "silu",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "max_position_embeddings": 8192,
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "rms_norm_eps": 1e-05,
    "rope_theta": 500000.0,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "vocab_size": 128256,
}
LLAMA_2 = LLAMA | {"intermediate_size": 11008, "num_key_value_heads": 32, "vocab_size": 32000, "torch_dtype": "float16"}
MISTRAL = LLAMA | {
    "architectures": ["MistralForCausalLM"],
    "model_type": "mistral",
    "vocab_size": 32000,
    "sliding_window": 4096,
    "max_position_embeddings": 32768,
}
MIXTRAL = MISTRAL | {
    "architectures": ["MixtralForCausalLM"],
    "model_type": "mixtral",
    "sliding_window": None,
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
}
BERT = {
    "architectures": ["BertForMaskedLM"],
    "model_type": "bert",
    "hidden_act": "gelu",
    "hidden_size": 768,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "position_embedding_type": "absolute",
    "pad_token_id": 0,
    "type_vocab_size": 2,
    "vocab_size": 30522,
}
ROBERTA = BERT | {
    "architectures": ["RobertaForMaskedLM"],
    "model_type": "roberta",
    "max_position_embeddings": 514,
    "pad_token_id": 1,
    "type_vocab_size": 1,
    "vocab_size": 50265,
}
GPT2 = {
    "model_type": "gpt2",
    "activation_function": "gelu_new",
    "n_ctx": 1024,
    "n_embd": 768,
    "n_head": 12,
    "n_layer": 12,
    "n_positions": 1024,
    "vocab_size": 50257,
}
T5 = {
    "model_type": "t5",
    "d_ff": 2048,
    "d_kv": 64,
    "d_model": 512,
    "num_heads": 8,
    "num_layers": 6,
    "num_decoder_layers": 6,
    "relative_attention_num_buckets": 32,
    "vocab_size": 32128,
    "n_positions": 512,
}
WHISPER = {
    "model_type": "whisper",
    "activation_function": "gelu",
    "d_model": 384,
    "decoder_attention_heads": 6,
    "decoder_ffn_dim": 1536,
    "decoder_layers": 4,
    "encoder_attention_heads": 6,
    "encoder_ffn_dim": 1536,
    "encoder_layers": 4,
    "max_source_positions": 1500,
    "max_target_positions": 448,
    "num_mel_bins": 80,
    "vocab_size": 51865,
    "torch_dtype": "float32",
}
VIT = {
    "architectures": ["ViTForImageClassification"],
    "model_type": "vit",
    "hidden_act": "gelu",
    "hidden_size": 768,
    "image_size": 224,
    "intermediate_size": 3072,
    "num_attention_heads": 12,
    "num_channels": 3,
    "num_hidden_layers": 12,
    "patch_size": 16,
    "id2label": {str(index): f"class {index}" for index in range(1000)},
}
CONFIGS = {
    "llama_3_8b": LLAMA,
    "llama_2_7b": LLAMA_2,
    "mistral_7b": MISTRAL,
    "mixtral_8x7b": MIXTRAL,
    "bert_base_uncased": BERT,
    "bert_model": BERT | {"architectures": ["BertModel"]},
    "roberta_model": ROBERTA | {"architectures": ["RobertaModel"]},
    "gpt2": GPT2,
    "t5_small": T5,
    "whisper_tiny": WHISPER,
    "vit_base_patch16_224": VIT,
}
PUBLISHED = {  # numbers of parameters as the checkpoints report them
    "llama_3_8b": 8_030_261_248,  # model card of meta-llama/Meta-Llama-3-8B (safetensors)
    "llama_2_7b": 6_738_415_616,  # model card of meta-llama/Llama-2-7b-hf; KerasHub preset llama_7b_en
    "mistral_7b": 7_241_732_096,  # model card of mistralai/Mistral-7B-v0.1
    "mixtral_8x7b": 46_702_792_704,  # model card of mistralai/Mixtral-8x7B-v0.1; KerasHub preset mixtral_8_7b_en
    "bert_base_uncased": 109_514_298,  # BertForMaskedLM.from_pretrained("bert-base-uncased").num_parameters()
    "bert_model": 109_482_240,  # BertModel.from_pretrained("bert-base-uncased").num_parameters()
    "roberta_model": 124_645_632,  # RobertaModel.from_pretrained("roberta-base").num_parameters()
    "gpt2": 124_439_808,  # model card of openai-community/gpt2: 124M
    "t5_small": 60_506_624,  # KerasNLP preset t5_small
    "whisper_tiny": 37_760_640,  # KerasHub preset whisper_tiny_multi: with the encoder's 576,000 fixed positions
    "vit_base_patch16_224": 86_567_656,  # torchvision 0.19, ViT_B_16_Weights.IMAGENET1K_V1.meta
}


def written(tmp_path, config, name="config.json"):
    path = tmp_path / name
    path.write_text(json.dumps(config, indent=2) if isinstance(config, dict) else config)
    return path


@cache
def imported(name):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        return import_huggingface(written(Path(folder), CONFIGS[name], f"{name}.json"), batches=(1, 8))


@cache
def workload(name):
    return workload_from(read_text(imported(name).text))


@pytest.mark.parametrize("name", PUBLISHED)
def test_tensors_are_the_published_ones(name):
    assert imported(name).parameters.total == PUBLISHED[name]


# Matrices that a network multiplies with and that the checkpoint holds once as a table (tied outputs).
TIED = {"bert_base_uncased": 30522 * 768, "gpt2": 50257 * 768, "t5_small": 32128 * 512, "whisper_tiny": 51865 * 384}
# Numbers of the checkpoint that are added, and of which no layer is made: biases of relative positions.
WHOLE = ("t5_small", "whisper_tiny")  # whose tensors are shared out between two networks


@pytest.mark.parametrize("name", PUBLISHED)
def test_networks_multiply_with_the_matrices_of_the_checkpoint(name):
    found, networks = imported(name).parameters, workload(name).networks
    matrices = sum(network.parameters for network in networks) if name in WHOLE else networks[0].parameters
    assert matrices - TIED.get(name, 0) == found.matrices
    tables = max(network.embedding_parameters for network in networks)
    if name == "whisper_tiny":
        tables = sum(network.embedding_parameters for network in networks)
    assert tables == found.tables


def test_every_family_is_held_to_a_published_count():
    assert {config["model_type"] for config in CONFIGS.values()} == set(FAMILIES)


def test_llama_is_the_shipped_one():
    from dse.inputs.workloads import load_workload

    shipped = {network.name: network for network in load_workload("llm").networks}
    for imported_name, shipped_name in (("prefill_2048", "prefill_2k"), ("decode_2048", "decode_2k")):
        mine = next(network for network in workload("llama_3_8b").networks if network.name == imported_name)
        assert mine.lower(8) == shipped[shipped_name].lower(8)


def test_llama_folds_its_layers():
    assert imported("llama_3_8b").text.count("repeat: 32") == 2
    assert len(imported("llama_3_8b").text.splitlines()) < 60


def test_precision_is_that_of_the_config():
    assert "precision: {weights: bf16, activations: bf16, accumulators: fp32}" in imported("llama_3_8b").text
    assert "precision: {weights: int8, activations: int8, accumulators: int32}" in imported("gpt2").text


def test_lengths_and_caches(tmp_path):
    text = import_huggingface(written(tmp_path, MISTRAL), prefill=(128,), decode=(300, 32768)).text
    networks = {network.name: network for network in workload_from(read_text(text)).networks}
    assert list(networks) == ["prefill_128", "decode_300", "decode_32768"]
    caches = {name: sum(t.elements for t in net.lower().tensors if t.role == "state") for name, net in networks.items()}
    assert caches == {"prefill_128": 0, "decode_300": 32 * 2 * 1024 * 299, "decode_32768": 32 * 2 * 1024 * 4095}


def test_t5_crosses_what_its_encoder_made(tmp_path):
    text = import_huggingface(written(tmp_path, T5), prefill=(64,), decode=(10,)).text
    encode, decode = workload_from(read_text(text)).networks
    made = [node.layer.features for node in encode.nodes if "cross_keys_values" in node.name]
    assert made == [2 * 8 * 64] * 6
    crossed = [node.layer for node in decode.nodes if isinstance(node.layer, Attention) and not node.layer.own_keys]
    assert {layer.context for layer in crossed} == {64}
    own = [node.layer for node in decode.nodes if isinstance(node.layer, Attention) and node.layer.own_keys]
    assert {(layer.context, layer.position_bias) for layer in own} == {(9, True)}


def test_whisper_by_hand():
    """80 mel bins over 3,000 frames, two convolutions, four layers on 1,500 frames, and the decoder's keys and values."""
    encode, decode = workload("whisper_tiny").networks
    layer = 1500 * (4 * 384**2 + 2 * 384 * 1536) + 2 * 1500**2 * 384
    assert encode.macs() == 3000 * 3 * 80 * 384 + 1500 * 3 * 384**2 + 4 * layer + 4 * 1500 * 2 * 384**2
    matrices = 4 * 384**2 + 2 * 384**2 + 2 * 384 * 1536
    assert decode.macs() == 4 * (matrices + 2 * 448 * 384 + 2 * 1500 * 384) + 384 * 51865


def test_vit_by_hand():
    tokens = 197
    layer = tokens * (4 * 768**2 + 2 * 768 * 3072) + 2 * tokens**2 * 768
    assert workload("vit_base_patch16_224").networks[0].macs() == 196 * 3 * 256 * 768 + 12 * layer + 768 * 1000


def test_bert_heads(tmp_path):
    heads = {
        "BertForSequenceClassification": 109_482_240 + 2 * 769,
        "BertForQuestionAnswering": 109_482_240 - 768 * 769 + 2 * 769,
        "BertForPreTraining": 110_106_428,  # safetensors of google-bert/bert-base-uncased
    }
    for architecture, total in heads.items():
        found = import_huggingface(written(tmp_path, BERT), architecture=architecture)
        assert found.parameters.total == total
        network = workload_from(read_text(found.text)).networks[0]
        tied = 30522 * 768 if architecture == "BertForPreTraining" else 0
        assert network.parameters - tied == found.parameters.matrices


def without(config, key):
    return {name: value for name, value in config.items() if name != key}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            LLAMA | {"model_type": "lama"},
            "config.json:5:3: the model_type 'lama' has no rule\n    did you mean 'llama'? known are: bert",
        ),
        (without(LLAMA, "model_type"), "config.json: has no model_type"),
        (without(LLAMA, "hidden_size"), "config.json: has no 'hidden_size', which a llama needs"),
        (without(GPT2, "n_positions") | {"n_ctx": None}, "has no 'n_ctx', which a gpt2 needs"),
        (LLAMA | {"hidden_act": "snake"}, "config.json:6:3: the activation 'snake' has no rule"),
        (T5 | {"feed_forward_proj": "gated-snake"}, "the activation 'snake' has no rule"),
        (LLAMA | {"hidden_size": "wide"}, "config.json:7:3: hidden_size must be a whole number from 1 to 16,777,216, got 'wide'"),
        (LLAMA | {"hidden_size": 10**30}, "must be a whole number"),
        (LLAMA | {"num_hidden_layers": 0}, "must be a whole number"),
        (LLAMA | {"num_hidden_layers": 10**7}, "num_hidden_layers must be a whole number from 1 to 1,000"),
        (LLAMA | {"hidden_size": 4097}, "32 heads (num_attention_heads) do not divide 4097 features"),
        (LLAMA | {"num_key_value_heads": 5}, "5 key-value heads do not divide 32 heads"),
        (LLAMA | {"tie_word_embeddings": "no"}, "must be true or false"),
        (LLAMA | {"torch_dtype": "posit16"}, "'posit16' is no format that is known here"),
        (LLAMA | {"quantization_config": {"bits": 4}}, "is quantised (quantization_config)\n    say the format"),
        (LLAMA | {"partial_rotary_factor": 0.5}, "partial_rotary_factor: 0.5 has no rule"),
        (MISTRAL | {"layer_types": ["full_attention", "sliding_attention"]}, "layer_types has no rule"),
        (MIXTRAL | {"num_experts_per_tok": 9}, "9 experts for each token are more than the 8 there are"),
        (BERT | {"architectures": ["BertLMHeadModel"]}, "the architecture 'BertLMHeadModel' has no rule\n    name another"),
        (LLAMA | {"architectures": ["LlamaForTokenClassification"]}, "no rule\n    --architecture LlamaForCausalLM counts"),
        (LLAMA | {"architectures": {"a": 1}}, "architectures must be a list of names, got {'a': 1}"),
        (BERT | {"architectures": [3]}, "architectures must be a list of names, got [3]"),
        (BERT | {"position_embedding_type": "relative_key"}, "position_embedding_type: 'relative_key' has no rule"),
        (VIT | {"patch_size": 500}, "a patch of 500 is larger than the image of 224"),
        ("[1, 2]", "config.json: holds [1, 2]; a config.json is an object"),
        ('{"model_type": "llama",', "config.json:1:24: is not valid JSON"),
        ('{"model_type": NaN}', "is not valid JSON: NaN is no number"),
        ("[" * 100_000, "is nested more than"),
        ("<!DOCTYPE html>", "an HTML page was saved in its place"),
        ("version https://git-lfs.github.com/spec/v1", "the pointer of a large file"),
        ("\0", "is not a text file"),
    ],
)
def test_bad_configs(tmp_path, config, said):
    with pytest.raises(InputError) as caught:
        import_huggingface(written(tmp_path, config))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("config", "options", "said"),
    [
        (GPT2, {"prefill": (1025,)}, "1025 tokens are more than the 1024 positions that the model has (n_positions: 1024)"),
        (BERT, {"decode": (8,)}, "a bert has no decoder"),
        (WHISPER, {"prefill": (8,)}, "a whisper takes no --prefill: it reads 1500 frames"),
        (VIT, {"prefill": (8,)}, "a vit takes no --prefill"),
        (LLAMA, {"precision": "int7"}, "--precision 'int7' is no number format"),
        (LLAMA, {"prefill": (8, 8)}, "the length of 'prefill_8' is given twice"),
        (ROBERTA, {"prefill": (513,)}, "513 tokens are more than the 512 positions"),
    ],
)
def test_bad_requests(tmp_path, config, options, said):
    with pytest.raises(InputError) as caught:
        import_huggingface(written(tmp_path, config), **options)
    assert said in str(caught.value)


def test_what_nobody_looks_at_is_said(tmp_path):
    found = import_huggingface(written(tmp_path, GPT2 | {"mystery_scale": 3}))
    assert any("keys of" in note and "mystery_scale" in note for note in found.notes)
    assert not any("keys of" in note for note in imported("llama_3_8b").notes)


def test_code_that_a_config_names_is_not_run(tmp_path):
    own = {"auto_map": {"AutoModel": "evil.py--Evil"}, "trust_remote_code": True}
    (tmp_path / "evil.py").write_text("raise SystemExit('ran')\n")
    found = import_huggingface(written(tmp_path, GPT2 | own))
    assert any("names code of its own (auto_map, trust_remote_code): none of it is loaded or run" in note for note in found.notes)


def test_longer_than_it_was_made_for_is_said(tmp_path):
    found = import_huggingface(written(tmp_path, LLAMA), decode=(32768,))
    assert any("32768 tokens are more than the 8192 it was made for" in note for note in found.notes)
