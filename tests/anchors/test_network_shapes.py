"""The shipped workloads against published totals: multiply-accumulates, parameters, and two chips' own tables of their layers."""

from functools import cache
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from dse.inputs.workloads import load_workload
from dse.workload.memory import scenario_memory
from dse.workload.operations import TensorOperation

ANCHORS = YAML(typ="safe").load(Path(__file__).with_name("network_shapes.yaml"))
PUBLISHED = ANCHORS["published"]
TABLE_1 = ANCHORS["tpu_v1_table_1"]
SUITES = ("eyeriss", "llm", "mlp", "recommendation", "snowflake", "speech", "tpu_apps", "transformer", "vision")
TOLERANCE = 0.005

# Matrices of a workload that the published count does not have: GPT-2 counts its output matrix with the embedding that it is tied
# to, and BertModel has no classifier.
NOT_PUBLISHED = {
    "transformer/gpt2_prefill": 50257 * 768,
    "transformer/gpt2_decode": 50257 * 768,
    "transformer/bert_base_128": 2 * 768,
}

workload = cache(load_workload)


def network(key):
    suite, name = key.split("/")
    return next(candidate for candidate in workload(suite).networks if candidate.name == name)


def matrices(key):
    """Numbers in matrices, filters and embeddings, as the publication counts them."""
    return network(key).parameters + network(key).embedding_parameters - NOT_PUBLISHED.get(key, 0)


def nests(key, batch=1):
    return [step for step in network(key).lower(batch).steps if isinstance(step.operation, TensorOperation)]


@pytest.mark.parametrize("key", [key for key, anchor in PUBLISHED.items() if "macs" in anchor])
def test_macs_are_the_published_ones(key):
    assert network(key).macs() == pytest.approx(PUBLISHED[key]["macs"], rel=TOLERANCE)


@pytest.mark.parametrize("key", [key for key, anchor in PUBLISHED.items() if "parameters" in anchor])
def test_parameters_are_the_published_ones(key):
    anchor = PUBLISHED[key]
    allowed = max(TOLERANCE * anchor["parameters"], anchor.get("rounded_to", 0) / 2)
    assert abs(matrices(key) + anchor.get("vectors", 0) - anchor["parameters"]) <= allowed


@pytest.mark.parametrize("key", [key for key, anchor in PUBLISHED.items() if anchor.get("parameters", 0) % 1000])
def test_exact_counts_match_to_the_last_parameter(key):
    anchor = PUBLISHED[key]
    assert matrices(key) + anchor["vectors"] == anchor["parameters"]


@pytest.mark.parametrize("suite", SUITES)
def test_every_network_names_its_publication_and_runs_at_every_batch(suite):
    shipped = workload(suite)
    assert shipped.name == suite
    assert shipped.space
    assert shipped.objectives
    for scenario in shipped.scenarios:
        assert scenario.network.source, scenario.name
        lowered = scenario.network.lower(scenario.batch, scenario.precision)
        assert lowered.macs == scenario.batch * scenario.network.macs()


def test_deep_speech_2_has_frequency_as_height_and_the_kernels_of_deepbench():
    # DeepBench: w 700, h 161 -> 341 x 79 -> 166 x 38; filters r (h) x s (w) = 5 x 20 and 5 x 10, stride 2.
    shapes = network("speech/deep_speech_2").shapes
    assert (shapes["conv1"].height, shapes["conv1"].width) == (79, 341)
    assert (shapes["conv2"].height, shapes["conv2"].width) == (38, 166)
    convolutions = 32 * 5 * 20 * 79 * 341 + 32 * 32 * 5 * 10 * 38 * 166
    first, later = 2 * 1760 * (32 * 38 + 1760), 2 * 1760 * (1760 + 1760)
    assert network("speech/deep_speech_2").macs() == convolutions + 166 * (first + 6 * later + 1760 * 1760 + 1760 * 29)


def test_lstm_acoustic_model_by_hand():
    weights = 4 * 800 * (40 + 512) + 800 * 512 + 4 * 800 * (512 + 512) + 800 * 512 + 512 * 14247
    assert network("speech/lstm_acoustic_model").parameters == weights
    assert network("speech/lstm_acoustic_model").macs() == 300 * weights


def test_gnmt_by_hand():
    # Four gates; the first encoder layer runs both ways, the second reads both; later decoder layers read the context too.
    h, gate = 1024, 4 * 1024
    encoder = 2 * gate * 2 * h + gate * 3 * h + 2 * gate * 2 * h + h * h
    decoder = gate * 2 * h + 3 * gate * 3 * h + h * h + h * 32317
    assert network("speech/gnmt_encoder").parameters == encoder
    assert network("speech/gnmt_decoder_step").parameters == decoder
    assert network("speech/gnmt_encoder").macs() == 50 * encoder
    assert network("speech/gnmt_decoder_step").macs() == decoder + 2 * 50 * h


def test_a_sentence_of_gnmt_decodes_as_many_tokens_as_it_has():
    weights = {scenario.network.name: scenario.weight for scenario in workload("speech").scenarios}
    assert weights["gnmt_decoder_step"] == network("speech/gnmt_encoder").input.steps == 50


def test_keyword_spotting_takes_its_steps_one_by_one():
    recurrent = [step for step in nests("speech/keyword_spotting") if step.kind == "lstm"]
    assert {(step.operation.m, step.operation.repeats) for step in recurrent} == {(1, 49)}


@pytest.mark.parametrize(("tokens", "name"), [(128, "bert_base_128"), (384, "bert_base_384")])
def test_bert_by_hand(tokens, name):
    layer = tokens * (4 * 768**2 + 2 * 768 * 3072) + 2 * tokens**2 * 768
    head = {"bert_base_128": 768**2 + 2 * 768, "bert_base_384": tokens * 2 * 768}[name]
    assert network(f"transformer/{name}").macs() == 12 * layer + head


def test_gpt2_by_hand():
    matrices, attention, head = 4 * 768**2 + 2 * 768 * 3072, 2 * 1024 * 768, 768 * 50257
    assert network("transformer/gpt2_decode").macs() == 12 * (matrices + attention) + head
    causal = attention * 1024 * 5 // 8
    assert network("transformer/gpt2_prefill").macs() == 12 * (1024 * matrices + causal) + head


def test_dlrm_by_hand():
    bottom, top = 13 * 512 + 512 * 256 + 256 * 128, 479 * 1024 + 1024 * 1024 + 1024 * 512 + 512 * 256 + 256
    assert network("mlp/dlrm").parameters == bottom + top
    assert network("mlp/dlrm").macs() == bottom + top + 27 * 27 * 128


def test_llama_by_hand():
    layer, head = 4096 * (4096 + 2 * 1024) + 4096 * 4096 + 3 * 4096 * 14336, 4096 * 128256
    assert network("llm/decode_2k").macs() == 32 * (layer + 2 * 4096 * 2048) + head
    assert network("llm/decode_32k").macs() == 32 * (layer + 2 * 4096 * 32768) + head
    causal = 2 * 2048 * 2048 * 4096 * 5 // 8
    assert network("llm/prefill_2k").macs() == 32 * (2048 * layer + causal) + head


@pytest.mark.parametrize(("name", "tokens", "batch"), [("decode_2k", 2047, 64), ("decode_32k", 32767, 8)])
def test_llama_caches_131072_bytes_a_token(name, tokens, batch):
    (scenario,) = [each for each in workload("llm").scenarios if each.name == f"{name}@b{batch}"]
    assert scenario_memory(scenario).states_bytes == batch * tokens * 131_072


def test_recommenders_by_hand():
    bottom, top = 13 * 512 + 512 * 256 + 256 * 128, 1024 * 1024 + 1024 * 512 + 512 * 256 + 256
    dlrm, dcn, rm2 = (network(f"recommendation/{name}") for name in ("dlrm", "dlrm_dcnv2", "rm2"))
    assert dlrm.parameters == bottom + 479 * 1024 + top
    assert dlrm.embedding_parameters == 187_767_399 * 128
    assert dcn.parameters == dcn.macs() == bottom + 3 * 2 * 3456 * 512 + 3456 * 1024 + top
    assert dcn.embedding_parameters == 204_184_588 * 128
    assert sum(shape.steps for name, shape in dcn.inputs) == 214
    assert rm2.parameters == 256 * 128 + 128 * 64 + 2112 * 128 + 128 * 64 + 64


@pytest.mark.parametrize(("name", "rows", "width"), [("dlrm", 26, 128), ("dlrm_dcnv2", 214, 128), ("rm2", 120 * 32, 64)])
def test_gathered_rows_are_most_of_what_a_recommender_must_move(name, rows, width):
    scenario = max((s for s in workload("recommendation").scenarios if s.network.name == name), key=lambda each: each.batch)
    gathered = sum(step.operation.read_bits // 8 for step in scenario.lower().steps if step.kind == "embedding")
    assert gathered == scenario.batch * rows * width * 2
    weights = 2 * scenario.network.parameters
    assert gathered > weights


@pytest.mark.parametrize("app", TABLE_1)
def test_tpu_applications_have_the_weights_and_intensity_of_table_1(app):
    row, (scenario,) = TABLE_1[app], [each for each in workload("tpu_apps").scenarios if each.network.name == app]
    assert scenario.batch == row["batch"]
    assert scenario.precision.weight_bits == 8
    weights = scenario.network.parameters
    assert weights == pytest.approx(row["weights"], rel=0.02)
    assert scenario.network.macs(scenario.batch) / weights == pytest.approx(row["macs_per_weight_byte"], rel=0.02)


@pytest.mark.parametrize("app", TABLE_1)
def test_tpu_applications_have_the_layers_of_table_1(app):
    nodes = network(f"tpu_apps/{app}").nodes
    named = {kind: [node.name for node in nodes if node.layer.kind == kind] for kind in {node.layer.kind for node in nodes}}
    # A block is one layer of the paper: LSTM1's layers hold two or three matrices of 600 x 600.
    connected = {name.rpartition(".")[0] or name for name in named.get("linear", [])}
    pools = [*named.get("pool2d", []), *named.get("global_pool", [])]
    counted = {
        "fc": len(connected),
        "conv": len(named.get("conv2d", [])),
        "vector": len(named.get("activation", [])),
        "pool": len(pools),
    }
    assert counted == {kind: TABLE_1[app][kind] for kind in counted}


def test_the_matrices_of_lstm1_are_those_of_section_7():
    assert {(step.operation.k, step.operation.c) for step in nests("tpu_apps/lstm1")} == {(600, 600)}


def test_only_the_lstms_of_the_tpu_take_wide_activations():
    bits = {scenario.network.name: scenario.precision.activation_bits for scenario in workload("tpu_apps").scenarios}
    assert bits == {"mlp0": 8, "mlp1": 8, "lstm0": 16, "lstm1": 16, "cnn0": 8, "cnn1": 8}


def test_snowflake_counts_no_multiplication_with_padding():
    mops = {step.name: round(2 * step.operation.true_macs / 1e6) for step in nests("snowflake/alexnet")}
    assert mops == ANCHORS["snowflake_mops"]
