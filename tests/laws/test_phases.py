"""What every training step must obey: gradients are nests over the same products, and checkpoints trade work for memory."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dse.inputs.shipped import shipped_names
from dse.inputs.workloads import load_workload
from dse.model.reuse import reuse_curve
from dse.workload.elementwise import ActivationLayer, Combine, Pool2d
from dse.workload.gradients import input_gradient, weight_gradient
from dse.workload.layers import Convolution2d
from dse.workload.network import Network, Node
from dse.workload.operations import Axis, TensorOperation
from dse.workload.phases import Every, Training, Within, sqrt_interval
from dse.workload.precision import Precision
from dse.workload.shapes import Image
from dse.workload.training import lower_training, number_of_layers, plan

PRECISION = Precision(weights="bf16", activations="bf16", accumulators="fp32")
NETWORKS = {network.name: network for suite in shipped_names("workloads") for network in load_workload(suite).networks}
TRAINED = {name: net for name, net in NETWORKS.items() if not any(tensor.role == "state" for tensor in net.lower().tensors)}

axes = st.builds(
    Axis,
    outputs=st.integers(1, 5),
    taps=st.integers(1, 4),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 3),
    upsample=st.sampled_from([1, 1, 2, 3]),
    padding=st.integers(0, 5),
    extent=st.integers(1, 8),
).filter(lambda axis: axis.touched > 0)


def products(axis):
    """Every (output, tap, input) of an axis, from `Axis.reads` of one tap at a time."""
    single = [replace(axis, taps=1, padding=axis.padding - tap * axis.dilation) for tap in range(axis.taps)]
    return [(output, tap, at) for output in range(axis.outputs) for tap, one in enumerate(single) for at in one.reads(output)]


def touched(axis):
    return sorted({at for _, _, at in products(axis)})


def positions(axis, made):
    """Which input each output of the input gradient `made` stands for: all of them, or the touched ones."""
    return touched(axis) if axis.taps == 1 and axis.upsample == 1 else list(range(made.outputs))


def over(height, width, **sizes):
    return TensorOperation(height=height, width=width, **sizes)


@given(axes)
def test_the_gradients_meet_the_same_triples(axis):
    operation = over(axis, Axis())
    ours = sorted(products(axis))
    by_weight = weight_gradient(operation).height
    assert sorted((tap, output, at) for output, tap, at in products(by_weight)) == ours
    by_input = input_gradient(operation).height
    where = positions(axis, by_input)
    assert sorted((at, axis.taps - 1 - tap, where[output]) for output, tap, at in products(by_input)) == ours


nests = st.builds(
    lambda height, width, n, k, c, groups, repeats: over(
        height, width, n=n, k=k * groups, c=c * groups, groups=groups, repeats=repeats
    ),
    axes,
    axes,
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from([1, 1, 4]),
)


@given(nests)
def test_each_gradient_has_the_multiplications_of_the_nest(operation):
    for gradient in (weight_gradient(operation), input_gradient(operation)):
        assert gradient.macs == operation.macs
        assert gradient.true_macs == operation.true_macs
    assert weight_gradient(operation).output_elements == operation.weight_elements


@given(nests)
def test_each_gradient_moves_at_least_its_operands(operation):
    """The mappings know the gradient's axes: their traffic with endless memory is each operand once."""
    for gradient in (weight_gradient(operation), input_gradient(operation)):
        curve = reuse_curve(gradient)
        assert curve.at(2**40) == pytest.approx(gradient.compulsory_bytes, abs=3)


def run(operation, inputs, weights):
    """The nest by its definition: inputs (N, C, H, W), weights (K, C/G, R, S) to outputs (N, K, P, Q)."""
    outputs = np.zeros((operation.n, operation.k, operation.height.outputs, operation.width.outputs))
    k, c = operation.k // operation.groups, operation.c // operation.groups
    for group in range(operation.groups):
        ours, theirs = slice(group * k, (group + 1) * k), slice(group * c, (group + 1) * c)
        for p, r, h in products(operation.height):
            for q, s, w in products(operation.width):
                outputs[:, ours, p, q] += inputs[:, theirs, h, w] @ weights[ours, :, r, s].T
    return outputs


def swapped(tensor, groups):
    """(N, G·C, ...) as (C, G·N, ...): in each group the batch and the channels change places."""
    n, c = tensor.shape[0], tensor.shape[1] // groups
    split = tensor.reshape(n, groups, c, *tensor.shape[2:])
    return split.transpose(2, 1, 0, 3, 4).reshape(c, groups * n, *tensor.shape[2:])


@given(nests, st.integers(0, 2**31))
def test_the_nests_compute_the_derivatives(operation, seed):
    """Against the derivative of <G, conv(X, W)>, which is linear in X and in W: its values on unit vectors."""
    operation = replace(operation, repeats=1)
    g, n, k, c = operation.groups, operation.n, operation.k, operation.c
    shape_x = (n, c, operation.height.extent, operation.width.extent)
    shape_w = (k, c // g, operation.height.taps, operation.width.taps)
    assume(np.prod(shape_x) * np.prod(shape_w) < 20_000)
    rng = np.random.default_rng(seed)
    x, w = rng.integers(-4, 5, shape_x).astype(float), rng.integers(-4, 5, shape_w).astype(float)
    above = rng.integers(-4, 5, (n, k, operation.height.outputs, operation.width.outputs)).astype(float)

    def slope(tensor, value_of):
        found = np.zeros_like(tensor)
        for index in np.ndindex(*tensor.shape):
            unit = np.zeros_like(tensor)
            unit[index] = 1
            found[index] = (above * value_of(unit)).sum()
        return found

    if w.size <= 60:
        found = run(weight_gradient(operation), swapped(x, g), above.transpose(1, 0, 2, 3))
        np.testing.assert_array_equal(found.transpose(1, 0, 2, 3), slope(w, lambda unit: run(operation, x, unit)))
    if x.size <= 120:
        nest = input_gradient(operation)
        by_input = w.reshape(g, k // g, c // g, *w.shape[2:]).transpose(0, 2, 1, 3, 4)[..., ::-1, ::-1]
        found = run(nest, above, by_input.reshape(c, k // g, *w.shape[2:]))
        rows, columns = positions(operation.height, nest.height), positions(operation.width, nest.width)
        whole = np.zeros_like(x)
        whole[:, :, np.array(rows)[:, None], np.array(columns)[None, :]] = found
        np.testing.assert_array_equal(whole, slope(x, lambda unit: run(operation, unit, w)))


def test_a_recurrent_product_goes_back_step_by_step_and_sums_its_weights_at_once():
    operation = TensorOperation(n=4, k=32, c=8, repeats=10, input_role="state")
    back, weights = input_gradient(operation), weight_gradient(operation)
    assert (back.n, back.k, back.c, back.repeats, back.weight_role) == (4, 8, 32, 10, "weight")
    assert (weights.n, weights.k, weights.c, weights.repeats, weights.weight_role) == (8, 32, 40, 1, "activation")


layers = st.lists(st.sampled_from(["conv", "relu conv", "strided", "pool", "relu", "skip"]), min_size=2, max_size=14)


def chain(kinds):
    """A network of the kinds, with residual sums back to the last tensor of the same shape; its first layer is a convolution."""
    nodes, shapes = [Node(name="l0", layer=Convolution2d(filters=4, kernel=(3, 3), padding=(1, 1)), inputs=("input",))], ["l0"]
    for index, kind in enumerate(kinds, start=1):
        name, reads = f"l{index}", (nodes[-1].name,)
        match kind:
            case "conv":
                layer = Convolution2d(filters=4, kernel=(3, 3), padding=(1, 1))
            case "relu conv":
                layer = Convolution2d(filters=4, kernel=(3, 3), padding=(1, 1), normalisation="batch", activation="relu")
            case "strided":
                layer, shapes = Convolution2d(filters=4, kernel=(1, 1), stride=(2, 2)), []
            case "pool":
                layer, shapes = Pool2d(mode="max", kernel=(2, 2), stride=(1, 1), padding=(1, 1)), []
            case "relu":
                layer = ActivationLayer(function="relu")
            case _:
                other = shapes[0] if shapes and shapes[0] != nodes[-1].name else None
                layer = ActivationLayer(function="relu") if other is None else Combine(kind="add")
                reads = reads if other is None else (*reads, other)
        nodes.append(Node(name=name, layer=layer, inputs=reads))
        shapes.append(name)
    return Network(name="chain", input=Image(3, 16, 16), nodes=tuple(nodes))


def sound(lowered, inputs=()):
    """Every step reads what is there, every tensor has one entry, and nothing is made without being used."""
    names = [tensor.name for tensor in lowered.tensors]
    assert len(names) == len(set(names))
    there = {tensor.name for tensor in lowered.tensors if tensor.role == "state"} | {"input", *inputs}
    used = set()
    for step in lowered.steps:
        assert set(step.inputs) <= there, step
        assert step.output in names, step
        there.add(step.output)
        used.update(step.inputs)
    assert len({step.name for step in lowered.steps}) == len(lowered.steps)


@given(layers, st.integers(1, 16))
def test_a_step_is_three_times_forward_but_for_the_first_layer(kinds, every):
    network = chain(kinds)
    forward = network.lower(2, PRECISION)
    lowered = lower_training(network, 2, PRECISION, Training(optimiser="adam"))
    sound(lowered)
    assert lowered.macs == 3 * forward.macs - forward.steps[0].operation.macs
    again = lower_training(network, 2, PRECISION, Training(optimiser="adam", checkpointing=Every(layers=every)))
    sound(again)
    extra = sum(
        step.operation.macs
        for step in again.steps
        if step.name.endswith(".again") and isinstance(step.operation, TensorOperation)
    )
    assert again.macs == lowered.macs + extra
    assert extra <= forward.macs


@given(layers, st.integers(1, 16))
def test_checkpoints_never_need_more_memory(kinds, every):
    network = chain(kinds)
    kept = plan(network, 2, PRECISION, Training())
    found = plan(network, 2, PRECISION, Training(checkpointing=Every(layers=every)))
    assert found.memory.total_bytes <= kept.memory.total_bytes


@given(st.sampled_from(sorted(TRAINED)), st.sampled_from([None, "sqrt", Every(layers=1), Every(layers=3), Every(layers=1000)]))
def test_every_shipped_network_trains(name, checkpointing):
    network = TRAINED[name]
    forward = network.lower(2, PRECISION)
    lowered = lower_training(network, 2, PRECISION, Training(optimiser="adam", checkpointing=checkpointing))
    sound(lowered, [name for name, _ in network.inputs])
    assert lowered.macs <= 4 * forward.macs
    gradients = [tensor for tensor in lowered.tensors if tensor.role == "gradient"]
    matrices = sum(tensor.elements for tensor in gradients if f"{tensor.name}" not in embedded(network))
    assert matrices == network.parameters
    keeping = plan(network, 2, PRECISION, Training(optimiser="adam")).memory.total_bytes
    assert plan(network, 2, PRECISION, Training(optimiser="adam", checkpointing=checkpointing)).memory.total_bytes <= keeping


def embedded(network):
    return {f"{node.name}.weight_gradient" for node in network.nodes if node.layer.kind == "embedding"}


@pytest.mark.parametrize("length", [9, 16, 36, 64])
def test_sqrt_is_near_the_best_interval_of_a_uniform_chain(length):
    """Chen et al. 2016, section 4.1: memory is about L/k + k tensors, least at k = sqrt(L)."""
    network = chain(["relu conv"] * (length - 1))
    assert number_of_layers(network) == length

    def activations(checkpointing):
        return plan(network, 2, PRECISION, Training(checkpointing=checkpointing)).memory.activations_bytes

    by_interval = {every: activations(Every(layers=every)) for every in range(1, length + 1)}
    root = activations("sqrt")
    assert root == by_interval[sqrt_interval(length)]
    assert root <= 1.25 * min(by_interval.values())
    assert root < activations(None)
    tensor = 2 * 2 * 4 * 16 * 16
    assert root <= (2 * length**0.5 + 4) * tensor


@given(layers, st.floats(0.2, 1.2))
def test_a_memory_limit_buys_the_least_recomputation(kinds, share):
    network = chain(kinds)
    free = plan(network, 2, PRECISION, Training()).memory.total_bytes
    found = plan(network, 2, PRECISION, Training(checkpointing=Within(limit_bytes=share * free)))
    if share >= 1:
        assert found.every is None
    if found.fits:
        assert found.memory.total_bytes <= share * free
    options = {every: Training(checkpointing=Every(layers=every)) for every in range(1, number_of_layers(network))}
    memories = {every: plan(network, 2, PRECISION, option).memory.total_bytes for every, option in options.items()}
    if not found.fits:
        tried = {-(-number_of_layers(network) // n) for n in range(2, number_of_layers(network) + 1)}
        assert found.memory.total_bytes == min([free, *(memories[every] for every in tried)])
