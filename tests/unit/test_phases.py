"""Training steps worked by hand: which steps there are, what they read, what the update costs, what is recomputed."""

from typing import ClassVar

import pytest

from dse.inputs.document import read_text
from dse.inputs.workloads import load_workload, workload_from
from dse.workload.attention import Attention
from dse.workload.elementwise import ActivationLayer, Combine, GlobalPool, Normalisation, Pool2d
from dse.workload.gradients import input_gradient, weight_gradient
from dse.workload.layers import Convolution2d, Embedding, Interaction, Linear
from dse.workload.network import Network, Node
from dse.workload.operations import Axis, Conv2d, Gemm, TensorOperation
from dse.workload.phases import OPTIMISERS, Every, Inference, Training
from dse.workload.precision import Precision
from dse.workload.rearranged import Concat, Select
from dse.workload.recurrent import Recurrent
from dse.workload.shapes import Image, Sequence, Tokens, Vector
from dse.workload.training import lower_training, number_of_layers
from dse.workload.workload import Scenario

PRECISION = Precision(weights="bf16", activations="bf16", accumulators="fp32")
CONV = Convolution2d(filters=4, kernel=(3, 3), padding=(1, 1))
BLOCK = Convolution2d(filters=4, kernel=(3, 3), padding=(1, 1), normalisation="batch", activation="relu")
IMAGE = Image(4, 8, 8)
SIZE = 2 * 4 * 8 * 8
BITS = 16


def network(*layers, input=IMAGE):
    nodes, previous = [], "input"
    for name, layer, *reads in layers:
        nodes.append(Node(name=name, layer=layer, inputs=tuple(reads[0]) if reads else (previous,)))
        previous = name
    return Network(name="net", input=input, nodes=tuple(nodes))


def trained(net, checkpointing=None, optimiser="sgd", batch=2):
    return lower_training(net, batch, PRECISION, Training(optimiser=optimiser, checkpointing=checkpointing))


def table(net, checkpointing=None):
    return {step.name: step for step in trained(net, checkpointing).steps}


def back(net):
    """Steps after the forward pass: (name, inputs, output)."""
    steps = trained(net).steps[len(net.lower(2, PRECISION).steps) :]
    return [(step.name, step.inputs, step.output) for step in steps]


class TestNests:
    def test_a_matrix_product_gives_the_plain_transposes(self):
        forward = Gemm(m=64, n=10, k=300)
        by_weight, by_input = weight_gradient(forward), input_gradient(forward)
        assert (by_weight.m, by_weight.n_group, by_weight.k_group) == (300, 10, 64)
        assert (by_input.m, by_input.n_group, by_input.k_group) == (64, 300, 10)

    def test_a_strided_convolution(self):
        """7 x 7, stride 2, padding 3 over 224: the output's 112 positions become taps 2 apart, then outputs of upsample 2."""
        forward = Conv2d(n=8, k=64, c=3, p=112, q=112, r=7, s=7, stride=2, padding=3)
        by_weight, by_input = weight_gradient(forward), input_gradient(forward)
        assert (by_weight.n, by_weight.k, by_weight.c) == (3, 64, 8)
        assert by_weight.height == Axis(outputs=7, taps=112, dilation=2, padding=3, extent=223)
        assert (by_input.n, by_input.k, by_input.c) == (8, 3, 64)
        assert by_input.height == Axis(outputs=223, taps=7, upsample=2, padding=3, extent=112)
        assert by_weight.macs == by_input.macs == forward.macs

    def test_without_padding_the_zeros_around_the_gradient_do_not_count(self):
        forward = Conv2d(k=2, c=2, p=6, q=6, r=3, s=3)
        axis = input_gradient(forward).height
        assert (axis.outputs, axis.padding, axis.multiplies, axis.outputs * axis.taps) == (8, 2, 18, 24)
        assert input_gradient(forward).macs == forward.macs

    def test_a_pointwise_stride_leaves_the_gradient_zero_where_nothing_was_read(self):
        forward = TensorOperation(k=8, c=4, height=Axis(outputs=4, stride=2, extent=8), width=Axis(outputs=4, stride=2, extent=8))
        assert input_gradient(forward).output_elements == 4 * 16
        assert input_gradient(forward).m == 16

    def test_groups_and_widths(self):
        forward = TensorOperation(n=5, k=12, c=6, groups=3, input_bits=8, weight_bits=4, output_bits=16)
        by_weight, by_input = weight_gradient(forward), input_gradient(forward)
        assert (by_weight.n, by_weight.k, by_weight.c, by_weight.groups) == (2, 12, 15, 3)
        assert (by_weight.input_bits, by_weight.weight_bits, by_weight.output_bits) == (8, 16, 4)
        assert (by_input.k, by_input.c, by_input.groups) == (6, 12, 3)
        assert (by_input.input_bits, by_input.weight_bits, by_input.output_bits) == (16, 4, 8)


class TestSteps:
    def test_two_linear_layers(self):
        net = network(("a", Linear(features=8, activation="relu")), ("b", Linear(features=3)), input=Vector(4))
        assert back(net) == [
            ("loss", ("b",), "b.gradient"),
            ("b.weight_gradient", ("a", "b.gradient"), "b.weight_gradient"),
            ("b.input_gradient", ("b.gradient",), "b.input_gradient"),
            ("a.activation.backward", ("b.input_gradient", "a"), "b.input_gradient"),
            ("a.weight_gradient", ("input", "b.input_gradient"), "a.weight_gradient"),
            ("update", ("b.weight_gradient", "a.weight_gradient"), "weights"),
        ]

    def test_an_activation_rides_on_the_gradient_and_reads_its_result(self):
        operation = table(network(("a", BLOCK), ("b", CONV)))["a.activation.backward"].operation
        assert (operation.fused, operation.read_bits, operation.written_bits) == (True, SIZE * BITS, 0)

    def test_batch_normalisation_reads_everything_twice(self):
        operation = table(network(("a", BLOCK), ("b", CONV)))["a.normalisation.backward"].operation
        assert (operation.fused, operation.read_bits, operation.written_bits) == (False, 4 * SIZE * BITS, SIZE * BITS)

    def test_a_residual_sum_hands_its_gradient_on_and_both_paths_meet(self):
        net = network(("a", BLOCK), ("b", BLOCK), ("sum", Combine(kind="add"), ("b", "a")), ("c", CONV))
        steps = table(net)
        assert "sum.backward" not in steps
        meeting = steps["b.input_gradient.sum"]
        assert meeting.inputs == ("b.input_gradient", "c.input_gradient")
        assert (meeting.operation.elements, meeting.operation.fused, meeting.operation.read_bits) == (SIZE, True, SIZE * BITS)
        assert steps["b.normalisation.backward"].output != "c.input_gradient", "the skip path still needs it"

    def test_a_concatenation_shares_one_gradient(self):
        net = network(("a", CONV), ("b", CONV, ("a",)), ("c", CONV, ("a",)), ("both", Concat(), ("b", "c")), ("d", CONV))
        steps = table(net)
        assert steps["b.weight_gradient"].inputs == ("a", "d.input_gradient")
        assert steps["c.weight_gradient"].inputs == ("a", "d.input_gradient")
        assert steps["b.input_gradient.sum"].inputs == ("b.input_gradient", "c.input_gradient")

    def test_a_strided_shortcut_adds_where_it_reads(self):
        shortcut = Convolution2d(filters=4, kernel=(1, 1), stride=(2, 2))
        strided = Convolution2d(filters=4, kernel=(3, 3), stride=(2, 2), padding=(1, 1))
        net = network(
            ("a", CONV), ("short", shortcut, ("a",)), ("b", strided, ("a",)), ("sum", Combine(kind="add"), ("b", "short"))
        )
        steps = table(net)
        assert steps["short.input_gradient.sum"].operation.elements == SIZE // 4
        assert steps["short.input_gradient"].output == "b.input_gradient"

    def test_a_product_gives_each_factor_the_other(self):
        gate = Linear(features=4, activation="sigmoid")
        net = network(("a", CONV), ("mean", GlobalPool()), ("gate", gate), ("scaled", Combine(kind="multiply"), ("a", "gate")))
        steps = table(net)
        assert steps["scaled.backward"].inputs[1:] == ("gate",)
        assert steps["scaled.backward.2"].inputs[1:] == ("a",)
        assert steps["scaled.backward"].operation.written_bits == SIZE * BITS
        assert steps["scaled.backward.2"].operation.written_bits == 8 * BITS
        assert steps["mean.backward"].operation.read_bits == 8 * BITS, "a mean asks for nothing of the forward pass"

    def test_a_maximum_goes_back_to_where_it_came_from(self):
        net = network(("a", CONV), ("pool", Pool2d(mode="max", kernel=(2, 2), stride=(2, 2))), ("b", CONV))
        pool = table(net)["pool.backward"]
        assert pool.inputs == ("b.input_gradient", "a", "pool")
        assert (pool.operation.read_bits, pool.operation.written_bits) == ((2 * SIZE // 4 + SIZE) * BITS, SIZE * BITS)

    def test_what_depends_on_no_weight_has_no_gradient(self):
        net = network(("pool", Pool2d(mode="max", kernel=(2, 2), stride=(2, 2))), ("a", CONV), ("b", CONV))
        names = {name for name, _, _ in back(net)}
        assert {"a.weight_gradient", "b.input_gradient"} <= names
        assert not {"a.input_gradient", "pool.backward"} & names

    def test_a_selected_step_has_the_gradient_of_one_step(self):
        net = network(("a", Linear(features=8)), ("last", Select()), ("b", Linear(features=3)), input=Sequence(5, 6))
        lowered = trained(net)
        sizes = {tensor.name: tensor.elements for tensor in lowered.tensors}
        step = next(step for step in lowered.steps if step.name == "b.input_gradient")
        assert step.operation.output_elements == 2 * 8
        assert sizes[step.output] == sizes["a"] == 2 * 8 * 6

    def test_attention_has_gradients_of_both_operands_and_fills_one_tensor(self):
        net = network(("q", Linear(features=8)), ("at", Attention(heads=2)), input=Sequence(8, 6))
        lowered = trained(net)
        steps = {step.name: step for step in lowered.steps}
        scores = net.lower(2, PRECISION).steps[2].operation
        assert (
            steps["at.scores.second_gradient"].operation.macs == steps["at.scores.input_gradient"].operation.macs == scores.macs
        )
        parts = ("at.weighted.second_gradient", "at.scores.second_gradient", "at.scores.input_gradient")
        assert {steps[name].output for name in parts} == {"at.qkv.gradient"}
        assert not [name for name in steps if name.endswith(".sum")], "queries, keys and values lie side by side"

    def test_causal_blocks_add_up_their_keys(self):
        """Of 4 blocks, 2.5 shares of keys and of values come where there is one each: 1.5 are added."""
        net = network(("at", Attention(heads=2, causal=True)), input=Sequence(8, 4))
        added = sum(step.operation.elements for step in trained(net).steps if step.name.endswith(".sum"))
        assert added == 2 * 1.5 * (2 * 4 * 8)

    def test_an_interaction_gives_its_inputs_two_gradients(self):
        net = network(
            ("a", Linear(features=8)), ("b", Linear(features=8), ("input",)), ("dot", Interaction(), ("a", "b")), input=Vector(5)
        )
        steps = table(net)
        assert steps["dot.second_gradient"].inputs == ("a", "b", "dot.gradient")
        assert steps["dot.input_gradient.sum"].operation.elements == 2 * 2 * 8

    def test_embedding_gradients_are_sparse(self):
        net = network(("e", Embedding(vocabulary=5, features=8)), ("n", Normalisation(method="layer")), input=Tokens(4))
        lowered = trained(net, optimiser="adam")
        rows = next(tensor for tensor in lowered.tensors if tensor.name == "e.weight_gradient")
        assert (rows.elements, rows.role) == (5 * 8, "gradient"), "8 tokens touch at most 5 rows"
        assert lowered.steps[-1].operation.elements == 40

    def test_two_results_have_a_loss_each(self):
        net = network(("a", CONV), ("b", CONV, ("a",)), ("c", CONV, ("a",)))
        assert [name for name, _, _ in back(net)][:2] == ["loss", "loss.2"]


class TestRecurrent:
    NET = network(("l", Recurrent(kind="lstm", hidden=8, returns="last")), ("f", Linear(features=3)), input=Sequence(5, 6))

    def test_back_through_time(self):
        names = [name for name, _, _ in back(self.NET)]
        assert names[3:] == [
            "l.1.recurrent.input_gradient",
            "l.1.gates.backward",
            "l.1.recurrent.weight_gradient",
            "l.1.input.weight_gradient",
            "update",
        ]

    def test_gates_ride_step_by_step_and_the_weights_are_summed_at_once(self):
        steps = table(self.NET)
        assert steps["l.1.recurrent.input_gradient"].operation.repeats == 6
        assert (steps["l.1.gates.backward"].operation.fused, steps["l.1.gates.backward"].operation.repeats) == (True, 6)
        weights = steps["l.1.recurrent.weight_gradient"].operation
        assert (weights.m, weights.n_group, weights.k_group, weights.repeats) == (8, 32, 2 * 6, 1)

    def test_every_step_is_kept(self):
        """Of each cell and step: four gates, its state and the inner one; inference keeps the last state."""
        sizes = {tensor.name: tensor.elements for tensor in trained(self.NET).tensors}
        assert sizes["l.1.input"] == 2 * 6 * 4 * 8
        assert sizes["l"] == 2 * 6 * 2 * 8
        assert {tensor.name: tensor.elements for tensor in self.NET.lower(2, PRECISION).tensors}["l"] == 2 * 8


class TestUpdate:
    @pytest.mark.parametrize(
        ("optimiser", "bits", "kept", "read", "written"),
        [
            ("sgd", 32, 0, 64, 32),
            ("momentum", 32, 32, 96, 64),
            ("adam", 32, 64, 128, 96),
            ("sgd", 16, 32, 48, 48),
            ("momentum", 16, 64, 80, 80),
            ("adam", 16, 96, 112, 112),
        ],
    )
    def test_bits_of_a_weight(self, optimiser, bits, kept, read, written):
        rule = OPTIMISERS[optimiser]
        assert (rule.kept_bits(bits), rule.read_bits(bits), rule.written_bits(bits)) == (kept, read, written)

    def test_one_operation_over_all_weights(self):
        net = network(("a", Linear(features=8)), ("b", Linear(features=3)), input=Vector(4))
        step = trained(net, optimiser="momentum").steps[-1]
        weights = 4 * 8 + 8 * 3
        assert (step.operation.elements, step.operation.ops) == (weights, 4 * weights)
        assert (step.operation.read_bits, step.operation.written_bits) == (80 * weights, 80 * weights)


class TestCheckpoints:
    CHAIN = network(*((name, BLOCK) for name in "abcde"))

    def test_layers_end_where_nothing_rides_on_them(self):
        riding = network(("a", CONV), ("n", Normalisation(method="batch")), ("r", ActivationLayer(function="relu")), ("b", CONV))
        assert number_of_layers(riding) == 2
        assert number_of_layers(self.CHAIN) == 5

    def test_each_segment_but_the_last_runs_again_as_far_as_needed(self):
        """Checkpoints after b and d: c and a are made again, b and d are there, and e was never forgotten."""
        steps = trained(self.CHAIN, Every(layers=2)).steps
        again = [step.name for step in steps if step.name.endswith(".again")]
        assert again == [f"{layer}{part}.again" for layer in "ca" for part in ("", ".normalisation", ".activation")]
        named = {step.name: step for step in steps}
        assert named["d.weight_gradient"].inputs[:1] == ("c.again",)
        assert named["c.weight_gradient"].inputs[:1] == ("b",)
        assert named["e.weight_gradient"].inputs[:1] == ("d",)
        place = [step.name for step in steps]
        assert place.index("e.input_gradient") < place.index("c.again") < place.index("d.activation.backward")

    def test_what_rode_reads_on_its_own_when_the_product_is_kept(self):
        """The last sum reads the convolution, which is kept; its relu is made again without it."""
        relu = ActivationLayer(function="relu")
        net = network(("a", CONV), ("r", relu), ("b", CONV), ("c", CONV), ("sum", Combine(kind="add"), ("c", "a")))
        again = {name: step for name, step in table(net, Every(layers=2)).items() if name.endswith(".again")}
        assert list(again) == ["r.again"]
        assert again["r.again"].inputs == ("a",)
        operation = again["r.again"].operation
        assert (operation.fused, operation.read_bits, operation.written_bits) == (False, SIZE * BITS, SIZE * BITS)

    def test_inner_tensors_of_a_layer_are_made_again(self):
        net = network(("a", Linear(features=8)), ("at", Attention(heads=2)), ("b", Linear(features=8)), input=Sequence(8, 6))
        again = [step.name for step in trained(net, Every(layers=1)).steps if step.name.endswith(".again")]
        assert again == [f"at.{part}.again" for part in ("qkv", "scores", "softmax", "weighted")]

    def test_a_long_interval_keeps_everything(self):
        assert trained(self.CHAIN, Every(layers=100)).steps == trained(self.CHAIN).steps


class TestScenario:
    def test_inference_is_as_it_was(self):
        net = network(("a", CONV))
        for phase in (None, Inference()):
            scenario = Scenario(name="s", network=net, batch=2, precision=PRECISION, phase=phase)
            assert scenario.lower() is net.lower(2, PRECISION)

    def test_training_is_lowered_once(self):
        scenario = Scenario(name="s", network=network(("a", CONV)), batch=2, precision=PRECISION, phase=Training())
        assert scenario.lower() is scenario.lower()
        assert scenario.lower().steps[-1].name == "update"


class TestPublished:
    SCENARIOS: ClassVar = {scenario.network.name: scenario for scenario in load_workload("training").scenarios}

    def test_bert_takes_six_operations_a_weight_and_token(self):
        """C = 6·N a token without attention products: Kaplan et al. 2020, arXiv:2001.08361, section 2.1. Those add 2.8% here."""
        scenario = self.SCENARIOS["bert_base"]
        tokens = scenario.batch * 128
        weights = 12 * (4 * 768**2 + 2 * 768 * 3072)
        assert 2 * scenario.lower().macs == pytest.approx(6 * weights * tokens, rel=0.04)

    def test_resnet_takes_three_times_forward_but_for_its_first_layer(self):
        """Forward 4.09 GMACs (torchvision); the gradient to the image, 118 MMACs, is not made."""
        scenario = self.SCENARIOS["resnet50"]
        assert scenario.lower().macs == 32 * (3 * scenario.network.macs() - 118_013_952)
        assert scenario.lower().macs / 32 == pytest.approx(3 * 4.09e9, rel=0.02)

    def test_checkpoints_cost_bert_less_than_one_forward_pass(self):
        """Chen et al. 2016: sublinear memory for one more forward pass."""
        forward = self.SCENARIOS["bert_base"].network.macs(32)
        extra = self.SCENARIOS["bert_sqrt"].lower().macs - self.SCENARIOS["bert_base"].lower().macs
        assert 0.7 * forward < extra < forward


def test_a_factor_in_parts_has_its_parts_of_the_gradient():
    """w times two vectors side by side, of 3 and 5: each part meets its own 3 or 5 products, and no more is read for it."""
    text = """
name: parts
batches: [2]
phase: {training: {optimiser: sgd}}
networks:
  - name: net
    input: {features: 4}
    layers:
      - {name: a, kind: linear, features: 3, from: input}
      - {name: b, kind: linear, features: 5, from: input}
      - {name: w, kind: linear, features: 8, from: input}
      - {name: side, kind: concat, from: [a, b]}
      - {name: product, kind: multiply, from: [w, side]}
      - {name: sum, kind: add, from: [product, side]}
"""
    (scenario,) = workload_from(read_text(text)).scenarios
    steps = [step for step in scenario.lower().steps if step.name.startswith("product.backward")]
    assert sorted(step.operation.elements for step in steps if not step.name.endswith("sum")) == [2 * 3, 2 * 5, 2 * 8]
    assert len({step.name for step in scenario.lower().steps}) == len(scenario.lower().steps)
