"""Workload files: what they become, every mistake with its place, and the shipped suites."""

import json
from importlib.resources import files

import pytest

from dse.errors import InputError, UnsupportedLayer
from dse.inputs.document import read_text
from dse.inputs.schema import workload_schema
from dse.inputs.shipped import find, shipped_names
from dse.inputs.workloads import load_workload, workload_from
from dse.workload.phases import Every, Inference, Training, Within
from dse.workload.precision import Precision

HEAD = "name: t\nnetworks:\n  - name: n\n    input: {channels: 3, height: 32, width: 32}\n    layers:\n"


def load(text):
    return workload_from(read_text(text, "f.yaml"))


def layers(*lines, head=HEAD):
    return head + "".join(f"      - {line}\n" for line in lines)


def wrong(*lines, head=HEAD):
    with pytest.raises(InputError) as caught:
        load(layers(*lines, head=head))
    return str(caught.value).splitlines()


class TestScenarios:
    TEXT = """
name: suite
title: Two networks
space: edge
objectives: [latency, price]
precision: {weights: int4}
batches: [1, 4]
networks:
  - {name: a, input: {features: 8}, layers: [{name: l, kind: linear, features: 2}]}
  - name: b
    input: {features: 8}
    batches: [2]
    weight: 3
    latency_limit: 20 ms
    precision: {activations: fp16}
    layers: [{name: l, kind: linear, features: 2, precision: {weights: fp8}}]
"""

    def test_network_times_batch(self):
        workload = load(self.TEXT)
        assert [scenario.name for scenario in workload.scenarios] == ["a@b1", "a@b4", "b@b2"]
        assert (workload.space, workload.objectives, workload.title) == ("edge", ("latency", "price"), "Two networks")
        a, _, b = workload.scenarios
        assert (a.weight, a.latency_limit_s, a.batch) == (1.0, None, 1)
        assert (b.weight, b.latency_limit_s, b.batch) == (3.0, 0.02, 2)
        assert a.precision == Precision(weights="int4")
        assert b.precision == Precision(weights="int4", activations="fp16")
        assert b.network.nodes[0].precision == (("weights", "fp8"),)

    def test_only_one_scenario(self):
        assert [scenario.name for scenario in load(self.TEXT).only("b@b2").scenarios] == ["b@b2"]
        with pytest.raises(KeyError):
            load(self.TEXT).only("c")

    def test_loading_twice_gives_equal_workloads(self):
        assert load(self.TEXT) == load(self.TEXT)
        assert hash(load(self.TEXT)) == hash(load(self.TEXT))


class TestPhases:
    TEXT = """
name: suite
batches: [2]
{suite}networks:
  - name: a
    input: {{features: 8}}
{network}    layers: [{{name: l, kind: linear, features: 2}}]
"""

    def phases(self, suite="", network=""):
        suite, network = (f"{indent}{text}\n" if text else "" for indent, text in (("", suite), ("    ", network)))
        return load(self.TEXT.format(suite=suite, network=network)).scenarios

    @pytest.mark.parametrize(
        ("written", "checkpointing"),
        [
            ("", None),
            (", checkpointing: none", None),
            (", checkpointing: sqrt", "sqrt"),
            (", checkpointing: {every: 4}", Every(layers=4)),
            (", checkpointing: {memory: 16 GiB}", Within(limit_bytes=2.0**34)),
        ],
    )
    def test_a_training_step(self, written, checkpointing):
        (scenario,) = self.phases("phase: {training: {optimiser: adam" + written + "}}")
        assert scenario.name == "a@b2+train"
        assert scenario.phase == Training(optimiser="adam", checkpointing=checkpointing)
        assert scenario.lower().macs > scenario.network.macs(2)

    def test_a_network_has_its_own_phase_or_the_suites(self):
        training = "phase: {training: {optimiser: sgd}}"
        assert [each.name for each in self.phases()] == ["a@b2"]
        assert [each.name for each in self.phases("", training)] == ["a@b2+train"]
        assert [each.name for each in self.phases(training, "phase: inference")] == ["a@b2"]
        assert self.phases("phase: inference")[0].phase == Inference()

    @pytest.mark.parametrize(
        ("phase", "expected"),
        [
            ("train", "f.yaml:4:8: 'phase': inference, or {training: {optimiser: adam}}, is needed, got 'train'"),
            ("training", "f.yaml:4:8: 'phase': training needs its optimiser: {training: {optimiser: adam}}"),
            ("{}", "f.yaml:4:8: 'phase': inference, or {training: {optimiser: adam}}, is needed, got an empty mapping"),
            ("3", "f.yaml:4:8: 'phase': inference, or {training: {optimiser: adam}}, is needed, got 3"),
            ("{train: {}}", "f.yaml:4:9: unknown key 'train'"),
            ("{training: {}}", "f.yaml:4:19: 'training' lacks the key 'optimiser'"),
            ("{training: {optimiser: adams}}", "f.yaml:4:31: 'optimiser' must be 'sgd', 'momentum' or 'adam', got 'adams'"),
            ("{training: {optimiser: sgd, optimizer: sgd}}", "f.yaml:4:36: unknown key 'optimizer'"),
            (
                "{training: {optimiser: sgd, checkpointing: all}}",
                "f.yaml:4:51: 'checkpointing': none, sqrt, {every: 4} or {memory: 16 GiB} is needed, got 'all'",
            ),
            (
                "{training: {optimiser: sgd, checkpointing: {every: 4, memory: 1 GiB}}}",
                "f.yaml:4:51: 'checkpointing': none, sqrt, {every: 4} or {memory: 16 GiB} is needed, got both of",
            ),
            (
                "{training: {optimiser: sgd, checkpointing: {}}}",
                "f.yaml:4:51: 'checkpointing': none, sqrt, {every: 4} or {memory: 16 GiB} is needed, got neither of",
            ),
            ("{training: {optimiser: sgd, checkpointing: {every: 0}}}", "f.yaml:4:59: 'every' must be at least 1, got 0"),
            ("{training: {optimiser: sgd, checkpointing: {memory: 16}}}", "f.yaml:4:60: 'memory': 16 has no unit"),
            ("{training: {optimiser: sgd, checkpointing: {evry: 4}}}", "f.yaml:4:52: unknown key 'evry'"),
        ],
    )
    def test_mistakes(self, phase, expected):
        with pytest.raises(InputError) as caught:
            self.phases(f"phase: {phase}")
        found = str(caught.value).splitlines()
        assert expected in found[0]
        assert len([line for line in found if line.startswith("f.yaml")]) == 1

    def test_what_has_no_weights_cannot_train(self):
        head = HEAD.replace("    layers", "    phase: {training: {optimiser: sgd}}\n    layers")
        found = wrong("{name: a, kind: softmax}", head=head)
        assert found[0] == "f.yaml:5:12: 'n' has no weights that training could change"

    def test_no_gradient_goes_through_a_cache(self):
        head = "name: t\nphase: {training: {optimiser: sgd}}\nnetworks:\n"
        head += "  - name: n\n    input: {features: 8, steps: 1}\n    layers:\n"
        found = wrong("{name: a, kind: attention, heads: 2, causal: true, context: 7}", head=head)
        assert found[0] == "f.yaml:2:8: 'n' reads a KV cache (an attention with context), which no gradient goes back through"

    def test_a_training_step_beyond_counting(self):
        """Forward 2^59 MACs can be counted, forward and weight gradient together cannot."""
        head = "name: t\n{phase}networks:\n  - name: n\n    input: {features: 2097152, steps: 262144}\n    layers:\n"
        layer = "{name: a, kind: linear, features: 2097152}"
        assert load(layers(layer, head=head.replace("{phase}", ""))).scenarios[0].lower().macs == 2**60
        training = head.replace("{phase}", "phase: {training: {optimiser: sgd}}\n")
        assert "'n' takes 2.3e+18 MACs at batch 1; at most" in wrong(layer, head=training)[0]


class TestBlocks:
    def test_copies_chain(self):
        text = layers(
            "{name: stem, kind: conv2d, filters: 4, kernel: 3, padding: 1}",
            "{name: res, repeat: 2, layers: [{name: c, kind: conv2d, in: 4, filters: 4, kernel: 3, padding: 1}, "
            "{name: s, kind: add, from: [c, block_input]}, {name: t, kind: add, from: [s, stem]}]}",
            "{name: end, kind: flatten, from: res}",
        )
        nodes = {node.name: node.inputs for node in load(text).networks[0].nodes}
        assert nodes == {
            "stem": ("input",),
            "res.1.c": ("stem",),
            "res.1.s": ("res.1.c", "stem"),
            "res.1.t": ("res.1.s", "stem"),
            "res.2.c": ("res.1.t",),
            "res.2.s": ("res.2.c", "res.1.t"),
            "res.2.t": ("res.2.s", "stem"),
            "end": ("res.2.t",),
        }

    def test_blocks_nest(self):
        text = layers(
            "{name: o, repeat: 2, layers: [{name: i, repeat: 3, layers: [{name: c, kind: softmax}]}]}", "{name: f, kind: flatten}"
        )
        nodes = load(text).networks[0].nodes
        assert [node.name for node in nodes] == [f"o.{o}.i.{i}.c" for o in (1, 2) for i in (1, 2, 3)] + ["f"]
        assert nodes[3].inputs == ("o.1.i.3.c",)

    def test_a_copy_can_be_named_from_outside(self):
        text = layers("{name: o, repeat: 2, layers: [{name: c, kind: softmax}]}", "{name: f, kind: flatten, from: o.1.c}")
        assert load(text).networks[0].nodes[-1].inputs == ("o.1.c",)

    def test_a_mistake_in_a_block_is_told_once(self):
        assert wrong("{name: b, repeat: 5, layers: [{name: c, kind: conv2d, in: 7, filters: 3, kernel: 1}]}") == [
            "f.yaml:6:67: 'c' expects 7 input channels (in: 7), but 'input' gives an image of 3 channels, 32 x 32",
            "    write in: 3, change 'input', or read another layer with from:",
        ]

    def test_blocks_cannot_multiply(self):
        found = wrong("{name: a, repeat: 10000, layers: [{name: b, repeat: 10000, layers: [{name: c, kind: softmax}]}]}")
        assert "more than 20,000 layers once the blocks are written out" in found[0]


class TestMistakes:
    @pytest.mark.parametrize(
        ("lines", "expected"),
        [
            (
                [
                    "{name: conv1, kind: conv2d, filters: 96, kernel: 3}",
                    "{name: conv2, kind: conv2d, in: 64, filters: 8, kernel: 3}",
                ],
                "f.yaml:7:41: 'conv2' expects 64 input channels (in: 64), but 'conv1' gives an image of 96 channels, 30 x 30",
            ),
            (
                ["{name: a, kind: conv2d, filters: 9, kernel: 40}"],
                "f.yaml:6:53: 'a' (conv2d, from 'input'): a kernel of 40 is larger than its input",
            ),
            (
                ["{name: a, kind: conv2d, filters: 9, kernel: 3, groups: 2}"],
                "f.yaml:6:64: 'a' (conv2d, from 'input'): 2 groups cannot share 3 input channels",
            ),
            (
                ["{name: a, kind: linear, features: 9}"],
                "f.yaml:6:9: 'a' (linear, from 'input'): needs a vector or a sequence",
            ),
            (
                ["{name: a, kind: flatten, from: inptu}"],
                "f.yaml:6:40: 'a' reads 'inptu', but there is no such layer before it",
            ),
            (
                ["{name: a, kind: add, from: [b, input]}", "{name: b, kind: softmax}"],
                "f.yaml:6:37: 'a' reads 'b', which is not before it",
            ),
            (
                ["{name: a, kind: softmax, from: a}"],
                "f.yaml:6:40: 'a' reads 'a', which is not before it",
            ),
            (
                ["{name: a, kind: softmax}", "{name: a, kind: softmax}"],
                "f.yaml:7:16: a second layer is called 'a'",
            ),
            (
                ["{name: input, kind: softmax}"],
                "f.yaml:6:16: a layer cannot be called 'input'",
            ),
            (
                ["{name: a, kind: conv2d, filters: 0, kernel: 1}"],
                "f.yaml:6:42: 'filters' must be at least 1, got 0",
            ),
            (
                ["{name: a, kind: conv2d, filters: 1, kernel: -1}"],
                "f.yaml:6:53: 'kernel': must be at least 1, got -1",
            ),
            (
                ["{name: a, kind: conv2d, filters: 1, kernel: [1, 2, 3]}"],
                "f.yaml:6:53: 'kernel': a whole number, or [height, width], is needed, got [1, 2, 3]",
            ),
            (
                ["{name: a, kind: conv2d, filters: 1, kernel: 1, padding: valid}"],
                "f.yaml:6:65: 'padding': a whole number, or [height, width] or [top, left, bottom, right], or same, is needed",
            ),
            (
                ["{name: a, kind: conv2d, filters: 1, kernel: 1, pading: 1}"],
                "f.yaml:6:56: unknown key 'pading'",
            ),
            (
                ["{name: a, kind: conv2d, filters: 1}"],
                "f.yaml:6:9: 'a' lacks the key 'kernel'",
            ),
            (
                ["{kind: softmax}"],
                "f.yaml:6:9: entry 1 of 'layers' lacks the key 'name'",
            ),
            (
                ["{name: a}"],
                "f.yaml:6:9: 'a' lacks the key 'kind'",
            ),
            (
                ["{name: a, kind: gru, hidden: 3, projection: 2}"],
                "f.yaml:6:41: unknown key 'projection'",
            ),
            (
                ["{name: a, kind: softmax, precision: {weights: int3}}"],
                "f.yaml:6:55: 'weights': a number format is needed, one of int4, int8",
            ),
            (
                ["{name: a, kind: reshape, to: {features: 3, width: 3}}"],
                "{features} or {tokens} is needed, got features, width",
            ),
            (
                ["{name: a, kind: reshape, to: {tokens: 3}}"],
                "f.yaml:6:38: 'to': an image, a sequence or a vector is needed, not token ids",
            ),
            (
                ["{name: a, kind: reshape, to: {features: 3}}"],
                "cannot make a vector of 3 features (3 elements) of an image of 3 channels",
            ),
            (
                ["{name: a, kind: add, from: input}"],
                "f.yaml:6:36: 'a' (add, from 'input'): needs two or more inputs",
            ),
        ],
    )
    def test_message_and_place(self, lines, expected):
        found = wrong(*lines)
        assert expected in found[0]
        assert len([line for line in found if line.startswith("f.yaml")]) == 1

    def test_unknown_layer_is_named_and_never_counted_as_zero(self):
        with pytest.raises(UnsupportedLayer) as caught:
            load(layers("{name: odd, kind: conv2, filters: 3}"))
        first, second = str(caught.value).splitlines()
        assert first == "f.yaml:6:27: 'odd': unknown kind 'conv2'"
        assert second.startswith("    did you mean 'conv2d'? known: activation, add, attention")

    def test_all_at_once_and_no_cascade(self):
        """Five mistakes of five kinds; what follows from them is not told."""
        found = wrong(
            "{name: a, kind: conv2d, filters: 8, kernel: 40}",
            "{name: b, kind: conv2d, in: 8, filters: 4, kernel: 3}",
            "{name: c, kind: warp, filters: 8}",
            "{name: d, kind: linear, in: 77, features: 3}",
            "{name: e, kind: linear, featurs: 3, features: 2}",
            "{name: f, kind: flatten, from: nowhere}",
            "{name: g, kind: linear, in: 1, features: 3}",
            "{name: h, kind: conv2d, in: 4, filters: 4, kernel: 3, from: input}",
        )
        places = [line.split(" ")[0] for line in found if line.startswith("f.yaml")]
        assert places == ["f.yaml:6:53:", "f.yaml:8:25:", "f.yaml:10:33:", "f.yaml:11:40:", "f.yaml:13:37:"]

    def test_file_level(self):
        text = """name: t
objectives: [latency, foo]
batches: [1, 0]
networks:
  - name: N
    input: {features: 3, height: 2}
    latency_limit: 3
    weight: 0
    layers: []
"""
        with pytest.raises(InputError) as caught:
            load(text)
        places = [str(problem.place) for problem in caught.value.problems]
        assert places == [f"f.yaml:{place}" for place in ("2:23", "3:14", "5:11", "6:12", "7:20", "8:13", "9:13")]

    def test_repeated_names_and_batches(self):
        network = "  - {name: n, input: {features: 3}, layers: [{name: a, kind: softmax}]}\n"
        with pytest.raises(InputError) as caught:
            load("name: t\nbatches: [2, 2]\nnetworks:\n" + network + network)
        assert [str(problem.place) for problem in caught.value.problems] == ["f.yaml:2:14", "f.yaml:5:12"]

    def test_a_network_beyond_counting(self):
        head = "name: t\nnetworks:\n  - name: n\n    input: {features: 16777216, steps: 16777216}\n    layers:\n"
        assert "MACs at batch 1; at most" in wrong("{name: a, kind: linear, features: 16777216}", head=head)[0]


class TestShipped:
    @pytest.mark.parametrize("name", shipped_names("workloads"))
    def test_every_suite_loads(self, name):
        workload = load_workload(name)
        assert workload.name == name
        for scenario in workload.scenarios:
            assert scenario.network.lower(scenario.batch, scenario.precision).macs > 0

    def test_found_by_name_or_path(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert find("workloads", "speech") == find("workloads", "speech.yaml")
        (tmp_path / "speech.yaml").write_text("name: mine")
        assert find("workloads", "speech.yaml").read_text() == "name: mine"
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "own.yaml").write_text("")
        assert find("search_spaces", "own.yaml", beside=tmp_path / "sub" / "x.yaml") == tmp_path / "sub" / "own.yaml"

    def test_unknown_name_lists_what_is_shipped(self):
        with pytest.raises(InputError) as caught:
            find("workloads", "speach")
        assert "there is no workload 'speach'" in str(caught.value)
        assert "did you mean 'speech'? shipped: " in str(caught.value)

    def test_missing_path_is_told_as_a_path(self, tmp_path):
        with pytest.raises(InputError, match="no such file"):
            load_workload(tmp_path / "x.yaml")

    def test_stored_schema_is_the_schema(self):
        stored = files("dse").joinpath("data/workload.schema.json").read_text(encoding="utf-8")
        assert json.loads(stored) == workload_schema()
        assert stored.endswith("}\n")
