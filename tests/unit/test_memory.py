"""Memory by kind, worked by hand, and what a user reads when it does not fit."""

import pytest

import dse
from dse.errors import Violation
from dse.inputs.job import with_values
from dse.inputs.workloads import load_workload
from dse.model.work import work_of
from dse.report.messages import violation_text
from dse.report.run import memory_json
from dse.report.tables import checkpointing_text
from dse.search.front import broken_limits
from dse.workload.attention import Attention
from dse.workload.layers import Embedding, Linear
from dse.workload.memory import dram_bytes_needed, scenario_memory
from dse.workload.network import Network, Node
from dse.workload.operations import TensorOperation
from dse.workload.phases import Every, Training, Within
from dse.workload.precision import Precision
from dse.workload.shapes import Sequence, Tokens, Vector
from dse.workload.workload import Scenario, Workload

MIXED = Precision(weights="bf16", activations="bf16", accumulators="fp32")
SINGLE = Precision(weights="fp32", activations="fp32", accumulators="fp32")


def chain(*layers, input):
    nodes, previous = [], "input"
    for index, layer in enumerate(layers):
        nodes.append(Node(name=f"l{index}", layer=layer, inputs=(previous,)))
        previous = f"l{index}"
    return Network(name="net", input=input, nodes=tuple(nodes))


def scenario(network, phase=None, precision=MIXED, batch=4):
    return Scenario(name="net@b4", network=network, batch=batch, precision=precision, phase=phase)


MLP = chain(Linear(features=8), Linear(features=16), Linear(features=2), input=Vector(4))
WEIGHTS = 4 * 8 + 8 * 16 + 16 * 2


def test_inference_needs_weights_and_what_is_alive():
    memory = scenario_memory(scenario(MLP))
    assert memory.kinds == (
        ("weights", 2 * WEIGHTS),
        ("tables", 0),
        ("gradients", 0),
        ("optimiser", 0),
        ("activations", 2 * 4 * (8 + 16)),
        ("states", 0),
    )
    assert memory.total_bytes == 2 * WEIGHTS + 2 * 4 * 24


def test_training_keeps_activations_until_their_backward_step():
    """Fullest where b's input gradient is made: input, a, b are kept no longer than needed, with two gradients.

    Alive by step in numbers of a sample (4 input, a 8, b 16, c 2): loss 4+8+16+2+2 = 32; c's weight gradient 4+8+16+2 = 30;
    c's input gradient 4+8+2+16 = 30; b's weight gradient 4+8+16 = 28; b's input gradient 4+16+8 = 28.
    """
    memory = scenario_memory(scenario(MLP, Training(optimiser="adam")))
    assert memory.activations_bytes == 2 * 4 * 32
    assert (memory.weights_bytes, memory.gradients_bytes, memory.optimiser_bytes) == (2 * WEIGHTS, 2 * WEIGHTS, 12 * WEIGHTS)


@pytest.mark.parametrize(
    ("optimiser", "precision", "a_weight"),
    [("sgd", MIXED, 8), ("momentum", MIXED, 12), ("adam", MIXED, 16), ("sgd", SINGLE, 8), ("adam", SINGLE, 16)],
)
def test_bytes_of_a_weight(optimiser, precision, a_weight):
    """16 bytes for Adam in mixed precision: Rajbhandari et al., "ZeRO", SC 2020, section 3.1."""
    memory = scenario_memory(scenario(MLP, Training(optimiser=optimiser), precision))
    assert memory.weights_bytes + memory.gradients_bytes + memory.optimiser_bytes == a_weight * WEIGHTS


def test_tables_have_states_for_every_row_and_gradients_for_those_looked_up():
    network = chain(Embedding(vocabulary=1000, features=8), Linear(features=8), input=Tokens(3))
    memory = scenario_memory(scenario(network, Training(optimiser="momentum")))
    assert memory.tables_bytes == 2 * 8000
    assert memory.gradients_bytes == 2 * (4 * 3 * 8 + 64)
    assert memory.optimiser_bytes == 8 * (8000 + 64)


def test_caches_are_states():
    network = chain(Attention(heads=2, causal=True, context=10), input=Sequence(8, 1))
    assert scenario_memory(scenario(network)).states_bytes == 2 * 2 * 4 * 10 * 8


def test_weights_are_counted_once_however_often_they_are_read():
    again = scenario(MLP, Training(checkpointing=Every(layers=1)))
    assert scenario_memory(again).weights_bytes == 2 * WEIGHTS
    read = sum(
        isinstance(step.operation, TensorOperation) and step.operation.weight_role == "weight" for step in again.lower().steps
    )
    assert read > 3


def test_the_model_asks_for_the_same_bytes():
    for each in (scenario(MLP), scenario(MLP, Training(optimiser="adam"))):
        work = work_of(Workload(name="w", scenarios=(each,)))
        assert work.dram_bytes_needed[0] == dram_bytes_needed(each, each.lower()) == scenario_memory(each).total_bytes


def test_resnet_keeps_its_convolutions():
    """ResNet-50 makes 11.1 million activations an image (Radosavovic et al., CVPR 2020, arXiv:2003.13678: the size of
    the outputs of all convolutions). In 16 bits at batch 32 they are 0.71 GB; the image, pooling and one gradient come on top."""
    resnet = next(each for each in load_workload("training").scenarios if each.network.name == "resnet50")
    forward = resnet.network.lower(1, resnet.precision)
    made = sum(
        step.operation.output_elements
        for step in forward.steps
        if isinstance(step.operation, TensorOperation) and step.kind == "conv2d"
    )
    assert made == pytest.approx(11.1e6, rel=0.01)
    kept = scenario_memory(resnet).activations_bytes
    assert 1.0 < kept / (32 * 2 * made) < 1.1


def test_checkpoints_shrink_the_activations_of_bert():
    base, root = load_workload("training").scenarios[1:]
    assert scenario_memory(root).activations_bytes < scenario_memory(base).activations_bytes / 3
    assert scenario_memory(root).optimiser_bytes == scenario_memory(base).optimiser_bytes


class TestWords:
    def test_what_is_needed_of_what_kind_and_what_is_there(self):
        parts = (("weights", 2.0 * 2**30), ("states", 0.0), ("activations", 6.0 * 2**30))
        text = violation_text(Violation("dram_needed_over_installed", 2.0, 1.0, "net@b4+train", parts))
        assert text == (
            "net@b4+train needs 8 GiB of memory (6 GiB activations, 2 GiB weights), and the memory's channels hold 4 GiB"
        )

    def test_a_machine_without_room_is_told_so(self):
        training = load_workload("training")
        wide = Workload(
            name="w", scenarios=(*training.scenarios[:2], scenario(training.networks[1], Training(optimiser="adam"), batch=512))
        )
        fixed = "array_rows=128 array_cols=128 cores=8 frequency=1GHz dataflow=output_stationary precision=bf16 sram=32MiB"
        small = with_values(dse.load_space("datacenter"), f"{fixed} memory=gddr6 channels=1 vector_lanes=4096 node=7nm".split())
        broken = next(each for each in broken_limits(wide, small) if each.quantity == "dram_needed_over_installed")
        assert broken.scenario == "net@b4"
        assert sum(size for _, size in broken.parts) == scenario_memory(wide.scenarios[-1]).total_bytes
        assert violation_text(broken).startswith("net@b4 needs 15.6 GiB of memory (14 GiB activations, 1.22 GiB optimiser,")

    def test_a_limit_that_nothing_meets_is_said(self):
        training = load_workload("training")
        tight = scenario(training.networks[1], Training(optimiser="adam", checkpointing=Within(limit_bytes=2.0**30)), batch=32)
        assert checkpointing_text(tight).endswith("layers, its least memory, and still needs more than 1 GiB.")
        assert memory_json(tight)["fits_limit"] is False
        free = scenario(training.networks[1], Training(optimiser="adam", checkpointing=Within(limit_bytes=2.0**40)), batch=32)
        assert checkpointing_text(free) == "net@b4 keeps everything."
        assert checkpointing_text(scenario(MLP)) == ""
