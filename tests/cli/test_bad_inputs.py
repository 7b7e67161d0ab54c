"""Every mistake of a user's: exit code 2 (or 1 where the answer is no), file, line, column, what is wrong, what to do."""

import os

import pytest

GOOD = """\
name: mine
space: three_knobs
networks:
  - name: net
    input: {channels: 3, height: 32, width: 32}
    layers:
      - {name: conv1, kind: conv2d, filters: 16, kernel: 3, padding: 1}
      - {name: flat, kind: flatten}
      - {name: fc, kind: linear, features: 10}
"""

SPACE = """\
name: small
parameters:
  compute_units: [256, 1024]
  bandwidth: [8 GB/s, 32 GB/s]
  sram: [256 KiB, 1 MiB]
  node: 16 nm
unit_prices: {compute_unit: 0.01 USD per unit, bandwidth: 0.5 USD per GB/s, sram: 2 USD per MiB}
"""


@pytest.fixture
def search(dse, tmp_path):
    def run(workload=GOOD, space=SPACE, *options):
        for name, text in (("work.yaml", workload), ("space.yaml", space)):
            mode = {"mode": "wb"} if isinstance(text, bytes) else {"mode": "w", "newline": ""}
            with (tmp_path / name).open(**mode) as file:
                file.write(text)
        return dse("search", "work.yaml", "--space", "space.yaml", "--trials", "20", *options)

    return run


def line_of(text, part):
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def test_the_good_one_is_good(search):
    ran = search()
    assert ran.code == 0, ran.err
    assert "Pareto-optimal" in ran.out
    assert ran.err == ""


def test_empty_file(search):
    ran = search("")
    assert ran.code == 2
    assert "work.yaml" in ran.err
    assert "empty" in ran.err


def test_binary_file(search):
    ran = search(bytes(range(256)) * 40)
    assert ran.code == 2
    assert "work.yaml" in ran.err
    assert "text" in ran.err


def test_hundred_megabytes(dse, tmp_path):
    with (tmp_path / "huge.yaml").open("wb") as file:
        os.truncate(file.fileno(), 100_000_000)
    ran = dse("search", "huge.yaml")
    assert ran.code == 2
    assert "huge.yaml" in ran.err
    assert "MiB" in ran.err


def test_duplicate_key(search):
    text = GOOD.replace("    input:", "    name: again\n    input:")
    ran = search(text)
    assert ran.code == 2
    assert f"work.yaml:{line_of(text, 'again')}:5" in ran.err
    assert "name" in ran.err


def test_tab(search):
    text = GOOD.replace("    layers:", "\tlayers:")
    ran = search(text)
    assert ran.code == 2
    assert f"work.yaml:{line_of(text, 'layers')}:1" in ran.err
    assert "tab" in ran.err


def test_unknown_layer(search):
    ran = search(GOOD.replace("kind: conv2d", "kind: conv2"))
    assert ran.code == 2
    assert f"work.yaml:{line_of(GOOD, 'conv2d')}:" in ran.err
    assert "conv2" in ran.err
    assert "did you mean" in ran.err
    assert "conv2d" in ran.err


def test_wrong_shape_chain(search):
    text = GOOD.replace("kind: linear,", "kind: linear, in: 4096,")
    ran = search(text)
    assert ran.code == 2
    assert f"work.yaml:{line_of(text, '4096')}:" in ran.err
    assert "4096" in ran.err.replace(",", "")
    assert "16384" in ran.err.replace(",", "")


def test_negative_size(search):
    ran = search(GOOD.replace("filters: 16", "filters: -16"))
    assert ran.code == 2
    assert f"work.yaml:{line_of(GOOD, 'filters')}:" in ran.err
    assert "-16" in ran.err


def test_missing_unit(search):
    text = SPACE.replace("8 GB/s,", "8,")
    ran = search(GOOD, text)
    assert ran.code == 2
    assert f"space.yaml:{line_of(text, 'bandwidth:')}:" in ran.err
    assert "unit" in ran.err
    assert "GB/s" in ran.err


def test_wrong_unit(search):
    text = SPACE.replace("8 GB/s,", "8 GHz,")
    ran = search(GOOD, text)
    assert ran.code == 2
    assert f"space.yaml:{line_of(text, 'bandwidth:')}:" in ran.err
    assert "frequency" in ran.err


def test_empty_space(search):
    text = SPACE.replace("[256, 1024]", "[]")
    ran = search(GOOD, text)
    assert ran.code == 2
    assert f"space.yaml:{line_of(text, 'compute_units')}:" in ran.err


def test_budget_that_excludes_everything(search):
    ran = search(GOOD, SPACE, "--budget", "price=1USD")
    assert ran.code == 1
    assert "no feasible design" in ran.err
    assert "nearest: compute_units=256" in ran.err
    assert "price is" in ran.err
    assert "at most 1.00 USD" in ran.err


def test_a_budget_far_out_of_reach_is_said_in_plain_figures(search):
    ran = search(GOOD, SPACE, "--budget", "price=0.001USD")
    assert ran.code == 1
    assert "at most 0.001 USD" in ran.err
    assert "e+" not in ran.err


def test_a_network_that_computes_nothing(search):
    text = GOOD.split("      - {name: conv1")[0] + "      - {name: flat, kind: flatten}\n"
    ran = search(text)
    assert ran.code == 2
    assert f"work.yaml:{line_of(text, 'name: net')}:" in ran.err
    assert "computes nothing" in ran.err


def test_a_parameter_without_a_value_is_one_mistake(search):
    ran = search(GOOD, SPACE.replace(" [256, 1024]", ""))
    assert ran.code == 2
    assert ran.err.count("space.yaml:") == 1
    assert "got nothing" in ran.err


def test_line_ends_of_any_kind(search):
    for end in ("\r\n", "\r"):
        assert search(GOOD.replace("\n", end), SPACE.replace("\n", end)).code == 0


def test_all_errors_of_a_file_at_once(search):
    text = GOOD.replace("filters: 16", "filtres: 16").replace("kind: linear", "kind: lineer")
    ran = search(text)
    assert ran.code == 2
    assert f"work.yaml:{line_of(text, 'filtres')}:" in ran.err
    assert f"work.yaml:{line_of(text, 'lineer')}:" in ran.err
    assert ran.err.index("filtres") < ran.err.index("lineer")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--budget", "price=40"), ("USD",)),
        (("--budget", "prize=40USD"), ("price",)),
        (("--budget", "latency.nett@b1=1ms"), ("net@b1",)),
        (("--budget", "price"), ("=",)),
        (("--set", "sram=8"), ("unit",)),
        (("--set", "srum=8MiB"), ("sram",)),
        (("--objectives", "latencie"), ("latency",)),
        (("--sampler", "gep"), ("nsga2",)),
        (("--trials", "0"), ("1",)),
        (("--set", "compute_units=inf"), ("number", "inf")),
        (("--set", "compute_units=nan"), ("number", "nan")),
        (("--set", "compute_units=1e30"), ("at most 1,099,511,627,776",)),
        (("--set", "sram=0B"), ("at least 1 B",)),
        (("--set", "sram=8"), ("a size in bytes", "KiB")),
        (("--budget", "latency.=1ms"), ("which scenario",)),
        (("--budget", "price=0USD"), ("more than zero",)),
        (("--objectives", ""), ("known: latency",)),
        (("--objectives", "latency,latency"), ("twice",)),
    ],
)
def test_options(search, options, words):
    ran = search(GOOD, SPACE, *options)
    assert ran.code == 2
    assert all(word in ran.err for word in words), ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(("search", "speach"), "speech"), (("evaluate", "speech", "--on", "tpu_v"), "tpu_v1"), (("serch",), "No such command")],
)
def test_names(dse, arguments, word):
    ran = dse(*arguments)
    assert ran.code == 2
    assert word in ran.err


def test_evaluating_a_space_of_many_designs_says_what_to_fix(dse):
    ran = dse("evaluate", "mlp", "--on", "edge")
    assert ran.code == 2
    assert "--set" in ran.err
    assert "sram" in ran.err


def test_an_output_that_cannot_be_written(search, tmp_path):
    (tmp_path / "taken").write_text("a file")
    ran = search(GOOD, SPACE, "--output", "taken")
    assert ran.code == 2
    assert "--output" in ran.err
