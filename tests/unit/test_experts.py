"""Mixture of experts worked by hand: who is reached, what is multiplied, what is read and what is held."""

import pytest

from dse.inputs.document import read_text
from dse.inputs.workloads import workload_from
from dse.workload.experts import Experts
from dse.workload.memory import scenario_memory
from dse.workload.operations import TensorOperation
from dse.workload.precision import Precision
from dse.workload.shapes import Image, Sequence, ShapeError, Vector

INT8 = Precision()
MIXTRAL = Experts(experts=8, active=2, features=14336)


def lowered(layer, shape, batch=1):
    found = layer.lower((shape,), batch, INT8)
    return {part.name: part.operation for part in found.parts}, found


def macs(layer, shape, batch=1):
    return sum(op.macs for op in lowered(layer, shape, batch)[0].values() if isinstance(op, TensorOperation))


def test_one_token_reaches_its_two_experts():
    parts, found = lowered(MIXTRAL, Sequence(4096, 1))
    assert list(parts) == ["router", "scores", "dispatch", "gate", "activation", "up", "product", "down", "combine"]
    assert (parts["gate"].groups, parts["gate"].m, parts["gate"].weight_elements) == (2, 1, 2 * 4096 * 14336)
    assert found.idle_weights == 6 * 3 * 4096 * 14336
    assert parts["router"].macs == 4096 * 8
    assert parts["combine"].ops == 3 * 4096


def test_eight_tokens_are_expected_at_seven_experts():
    """8·(1 - (3/4)^8) = 7.2; 16 rows over 7: two experts take 3, five take 2."""
    parts, found = lowered(MIXTRAL, Sequence(4096, 1), batch=8)
    assert [(parts[name].groups, parts[name].m) for name in ("gate.1", "gate.2")] == [(2, 3), (5, 2)]
    assert found.idle_weights == 3 * 4096 * 14336


def test_a_prompt_reaches_all_of_them():
    parts, found = lowered(MIXTRAL, Sequence(4096, 2048))
    assert (parts["down"].groups, parts["down"].m) == (8, 512)
    assert found.idle_weights == 0


@pytest.mark.parametrize("batch", [1, 2, 3, 5, 8, 100])
@pytest.mark.parametrize("gated", [True, False])
def test_work_goes_with_the_tokens_and_weights_with_the_experts(batch, gated):
    layer = Experts(experts=6, active=2, features=24, gated=gated)
    products = (3 if gated else 2) * 16 * 24
    assert macs(layer, Sequence(16, 5), batch) == batch * 5 * (2 * products + 16 * 6)
    parts, found = lowered(layer, Sequence(16, 5), batch)
    read = sum(op.weight_elements for op in parts.values() if isinstance(op, TensorOperation))
    assert read + found.idle_weights == 6 * products + 16 * 6


def test_more_tokens_never_reach_fewer():
    reached = [MIXTRAL.reached(tokens) for tokens in range(1, 40)]
    assert reached == sorted(reached)
    assert (reached[0], reached[-1]) == (2, 8)


@pytest.mark.parametrize(
    ("layer", "shape", "said"),
    [
        (Experts(experts=2, active=3, features=4), Vector(4), "3 active experts are more than the 2"),
        (Experts(experts=2, active=1, features=4), Image(4, 2, 2), "needs a vector or a sequence"),
    ],
)
def test_refusals(layer, shape, said):
    with pytest.raises(ShapeError, match=said):
        layer.output((shape,))


SMALL = """
name: small
networks:
  - name: net
    batches: [1, 64]
    input: {features: 16, steps: 1}
    layers:
      - {name: experts, kind: experts, experts: 8, active: 2, features: 32}
"""


def test_memory_holds_every_expert_at_every_batch():
    workload = workload_from(read_text(SMALL))
    held = 8 * 3 * 16 * 32 + 16 * 8
    assert [scenario_memory(scenario).weights_bytes for scenario in workload.scenarios] == [held, held]
    assert workload.networks[0].parameters == held


def test_experts_can_be_trained():
    (scenario, _) = workload_from(read_text(SMALL + "    phase: {training: {optimiser: adam}}\n")).scenarios
    gradients = [step for step in scenario.lower().steps if step.name.endswith("gradient") and "down" in step.name]
    assert {step.operation.groups for step in gradients} == {2}
