"""What holds of every workload: batch, repetition, direction and grouping scale the work as they must."""

from hypothesis import given
from hypothesis import strategies as st

from dse.inputs.document import read_text
from dse.inputs.workloads import workload_from
from dse.workload.attention import Attention
from dse.workload.elementwise import Normalisation, Pool2d, Softmax
from dse.workload.layers import Convolution1d, Convolution2d, DepthwiseConvolution2d, Linear, TransposedConvolution2d
from dse.workload.network import Network, Node
from dse.workload.operations import TensorOperation, VectorOperation
from dse.workload.precision import Precision
from dse.workload.recurrent import GATES, Recurrent
from dse.workload.shapes import Image, Sequence, ShapeError

small = st.integers(1, 6)
sides = st.integers(1, 12)
batches = st.integers(1, 9)


def network(layer, shape):
    return Network(name="n", input=shape, nodes=(Node(name="a", layer=layer, inputs=("input",)),))


def fits(net):
    try:
        return bool(net.shapes)
    except ShapeError:
        return False


pairs = st.tuples(small, small)
convolutions = st.one_of(
    st.builds(
        Convolution2d, filters=small, kernel=pairs, stride=pairs, padding=st.just((2, 1)) | st.just("same"), dilation=pairs
    ),
    st.builds(DepthwiseConvolution2d, kernel=pairs, stride=pairs, multiplier=small),
    st.builds(TransposedConvolution2d, filters=small, kernel=pairs, stride=pairs),
    st.builds(Pool2d, mode=st.sampled_from(["max", "average"]), kernel=pairs, stride=pairs, ceil=st.booleans()),
)
sequential = st.one_of(
    st.builds(Linear, features=small),
    st.builds(Convolution1d, filters=small, kernel=small),
    st.builds(
        Recurrent,
        kind=st.sampled_from(["rnn", "lstm", "gru"]),
        hidden=small,
        layers=st.integers(1, 3),
        bidirectional=st.booleans(),
        directions_merged=st.sampled_from(["concat", "sum"]),
        returns=st.sampled_from(["sequence", "last"]),
    ),
    st.builds(Recurrent, kind=st.just("lstm"), hidden=small, projection=small, streaming=st.booleans()),
    st.builds(Attention, heads=st.sampled_from([1, 2, 4]), head_features=small, causal=st.booleans(), context=st.integers(0, 5)),
    st.builds(
        Attention,
        heads=st.sampled_from([2, 4]),
        kv_heads=st.sampled_from([1, 2]),
        head_features=small,
        causal=st.just(True),
        window=st.integers(1, 12),
        rotary=st.booleans(),
        context=st.integers(0, 5),
    ),
    st.builds(Attention, heads=st.just(2), head_features=small, own_keys=st.just(False), context=st.integers(1, 5)),
    st.just(Softmax()),
    st.just(Normalisation(method="layer")),
)
networks = (
    st.builds(network, convolutions, st.builds(Image, small, sides, sides))
    | st.builds(network, sequential, st.builds(Sequence, small, st.integers(1, 9)))
).filter(fits)


@given(networks, batches)
def test_batch_scales_activations_and_not_weights(net, batch):
    one, many = net.lower(1), net.lower(batch)
    assert many.macs == batch * one.macs
    assert net.macs(batch) == batch * net.macs()
    for a, b in zip(one.tensors, many.tensors, strict=True):
        assert b.elements == batch * a.elements
    for a, b in zip(one.steps, many.steps, strict=True):
        if isinstance(a.operation, VectorOperation):
            assert b.operation.ops == batch * a.operation.ops
            assert b.operation.read_bits == batch * a.operation.read_bits
        elif a.operation.weight_role == "weight":
            assert b.operation.weight_elements == a.operation.weight_elements
            assert b.operation.input_elements == batch * a.operation.input_elements
        else:
            assert b.operation.weight_elements == batch * a.operation.weight_elements


@given(networks, batches)
def test_output_tensor_has_the_shape_that_is_promised(net, batch):
    """The tensors of a result hold batch x elements together, and no matrix makes fewer elements than its tensor holds."""
    lowered = net.lower(batch)
    made = {tensor.name: tensor.elements for tensor in lowered.tensors}
    outputs = dict.fromkeys(step.output for step in lowered.steps)
    read_later = {name for step in lowered.steps for name in step.inputs if name != step.output}
    results = [name for name in outputs if name not in read_later]
    directions = [name for name in outputs if name.endswith("bwd.output")]
    if not directions:
        assert sum(made[name] for name in results) == batch * net.shapes["a"].elements
    for step in lowered.steps:
        if isinstance(step.operation, TensorOperation):
            assert step.operation.repeats * step.operation.output_elements >= made[step.output]


@given(networks)
def test_precision_scales_bytes_and_not_work(net):
    narrow, wide = net.lower(2, Precision()), net.lower(2, Precision(weights="int16", activations="int16"))
    assert wide.macs == narrow.macs
    for a, b in zip(narrow.steps, wide.steps, strict=True):
        if isinstance(a.operation, TensorOperation):
            assert b.operation.compulsory_bytes == 2 * a.operation.compulsory_bytes
        else:
            assert b.operation.bytes == 2 * a.operation.bytes


@given(small, small, pairs, pairs, sides, sides)
def test_transposed_convolution_mirrors_a_convolution(channels, filters, kernel, stride, height, width):
    """The convolution from its output back to its input: the same products of numbers, MACs and weights.

    At stride 1 it is a padded convolution, and products with padding count as they do there.
    """
    transposed = TransposedConvolution2d(filters=filters, kernel=kernel, stride=stride)
    shape = Image(channels, height, width)
    large = transposed.output((shape,))
    mirrored = Convolution2d(filters=channels, kernel=kernel, stride=stride)
    assert mirrored.output((large,)) == shape
    there, back = network(transposed, shape), network(mirrored, large)
    assert there.lower().steps[0].operation.true_macs == back.lower().steps[0].operation.true_macs
    assert there.parameters == back.parameters
    if min(stride) > 1:
        assert there.macs() == back.macs()


@given(st.sampled_from(["rnn", "lstm", "gru"]), small, small, st.integers(1, 9), batches)
def test_two_directions_are_twice_one(kind, features, hidden, steps, batch):
    one, both = (network(Recurrent(kind=kind, hidden=hidden, bidirectional=b), Sequence(features, steps)) for b in (False, True))
    assert both.macs(batch) == 2 * one.macs(batch)
    assert both.parameters == 2 * one.parameters
    assert one.macs(batch) == batch * steps * GATES[kind] * hidden * (features + hidden)


@given(st.sampled_from(["rnn", "lstm", "gru"]), small, small, st.integers(1, 9))
def test_streaming_does_the_same_work(kind, features, hidden, steps):
    known, streamed = (
        network(Recurrent(kind=kind, hidden=hidden, streaming=s), Sequence(features, steps)) for s in (False, True)
    )
    assert known.macs() == streamed.macs()
    assert known.parameters == streamed.parameters


@given(st.integers(1, 4), st.integers(1, 4), small, st.integers(1, 40), st.integers(0, 30), batches)
def test_attention_formula(groups, shared, width, steps, context, batch):
    """(2·h + 2·g)·e·d·T for the projections and 2·h·e·T·(T + context) for the products."""
    heads, features = groups * shared, 8
    layer = Attention(heads=heads, kv_heads=groups, head_features=width, context=context)
    net = network(layer, Sequence(features, steps))
    projections = (2 * heads + 2 * groups) * width * features * steps
    assert net.macs(batch) == batch * (projections + 2 * heads * width * steps * (steps + context))
    assert net.parameters == (2 * heads + 2 * groups) * width * features


@given(st.integers(1, 64), st.integers(0, 30))
def test_causal_attention_covers_the_mask_and_not_more_than_the_square(steps, context):
    def products(causal):
        lowered = network(Attention(heads=2, causal=causal, context=context), Sequence(8, steps)).lower()
        return sum(s.operation.macs for s in lowered.steps if isinstance(s.operation, TensorOperation) and s.operation.groups > 1)

    needed = 2 * 8 * sum(context + query + 1 for query in range(steps))
    assert needed <= products(causal=True) <= products(causal=False)


@given(st.integers(1, 6), st.integers(1, 3))
def test_copies_of_a_block_are_that_many_times_one(repeat, batch):
    def suite(times):
        text = f"""
name: t
networks:
  - name: n
    input: {{channels: 4, height: 6, width: 6}}
    layers:
      - name: block
        repeat: {times}
        layers:
          - {{name: conv, kind: conv2d, filters: 4, kernel: 3, padding: 1, activation: relu}}
          - {{name: sum, kind: add, from: [conv, block_input]}}
"""
        return workload_from(read_text(text)).networks[0]

    one, many = suite(1).lower(batch), suite(repeat).lower(batch)
    assert len(many.steps) == repeat * len(one.steps)
    assert many.macs == repeat * one.macs
    assert suite(repeat).parameters == repeat * suite(1).parameters
    vector = [sum(s.operation.ops for s in low.steps if isinstance(s.operation, VectorOperation)) for low in (one, many)]
    assert vector[1] == repeat * vector[0]


@given(st.integers(1, 40), st.integers(0, 40), st.integers(1, 50))
def test_a_window_covers_what_the_mask_allows_and_never_more_than_no_window(steps, context, window):
    """Every query meets its own window at least; blocks only ever skip."""
    windowed, whole = (Attention(heads=1, head_features=1, causal=True, window=size, context=context) for size in (window, None))
    work = {
        layer: sum(
            part.operation.macs for part in layer.lower((Sequence(1, steps),), 1, Precision()).parts if "scores" in part.name
        )
        for layer in (windowed, whole)
    }
    needed = sum(min(window, context + step) for step in range(1, steps + 1))
    assert needed <= work[windowed] <= max(work[whole], steps * (context + steps))
    cached = [part.state[1] for part in windowed.lower((Sequence(1, steps),), 1, Precision()).parts if part.state]
    assert all(size == min(context, window - 1) for size in cached)
