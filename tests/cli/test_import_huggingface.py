"""`dse import huggingface` as a user runs it."""

import json

import dse as library

MISTRAL = {
    "model_type": "mistral",
    "hidden_act": "silu",
    "hidden_size": 256,
    "intermediate_size": 512,
    "max_position_embeddings": 4096,
    "num_attention_heads": 8,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "sliding_window": 128,
    "torch_dtype": "bfloat16",
    "vocab_size": 1000,
}


def config(folder, name="config.json", **changes):
    path = folder / name
    path.write_text(json.dumps(MISTRAL | changes))
    return path


def test_what_it_writes_is_searched(dse, tmp_path):
    ran = dse(
        "import", "huggingface", config(tmp_path), "--prefill", "64", "--decode", "64,512", "--batches", "1,4", "-o", "m.yaml"
    )
    assert (ran.code, ran.out) == (0, "")
    assert "2,184,960 parameters: 1,927,168 in matrices, 256,000 in tables" in ran.err
    assert "written to m.yaml; next: dse search m.yaml" in ran.err
    workload = library.load_workload(tmp_path / "m.yaml")
    assert [scenario.name for scenario in workload.scenarios] == [
        f"{phase}@b{batch}" for phase in ("prefill_64", "decode_64", "decode_512") for batch in (1, 4)
    ]
    assert dse("search", "m.yaml", "--space", "three_knobs", "--set", "precision=bf16", "--trials", "10").code == 0


def test_by_default_it_prints_the_file_alone(dse, tmp_path):
    ran = dse("import", "huggingface", config(tmp_path), "--precision", "int8", "--space", "edge", "--name", "Small one")
    assert ran.out.startswith("# From the mistral config of Small one:")
    (tmp_path / "printed.yaml").write_text(ran.out)
    assert library.load_workload(tmp_path / "printed.yaml").name == "small_one"


def test_bad_input_is_a_message(dse, tmp_path):
    for arguments, said in (
        ((config(tmp_path, "mamba.json", model_type="mamba"),), "mamba.json:1:2: the model_type 'mamba' has no rule"),
        ((tmp_path / "none.json",), "none.json: no such file"),
        ((tmp_path,), "is a folder; a config.json is needed"),
        ((config(tmp_path), "--prefill", "many"), "--prefill 'many' is no list of whole numbers"),
        ((config(tmp_path), "--decode", "9" * 5000), "is no list of whole numbers"),
        ((config(tmp_path), "--batches", "0"), "--batches '0' is no list of whole numbers"),
    ):
        ran = dse("import", "huggingface", *arguments)
        assert (ran.code, ran.out) == (2, "")
        assert said in ran.err


def test_it_writes_over_nothing(dse, tmp_path):
    (tmp_path / "kept.yaml").write_text("mine")
    ran = dse("import", "huggingface", config(tmp_path), "-o", "kept.yaml")
    assert ran.code == 2
    assert "is there already" in ran.err
    assert (tmp_path / "kept.yaml").read_text() == "mine"


CARD = "array_rows=128 array_cols=128 cores=2 frequency=1GHz dataflow=output_stationary precision=bf16 sram=8MiB"
CARD += " memory=gddr6 channels=1 vector_lanes=1024 node=7nm"


def test_weights_that_no_memory_holds_are_a_clear_answer(dse):
    fixed = [part for setting in CARD.split() for part in ("--set", setting)]
    ran = dse("evaluate", "llm", "--on", "datacenter", "--scenario", "decode_2k@b1", *fixed, "--no-advice")
    assert "decode_2k@b1 needs 15.2 GiB of memory (14 GiB weights, 1,002 MiB tables, 256 MiB states" in ran.err
    assert "and the memory's channels hold" in ran.err
