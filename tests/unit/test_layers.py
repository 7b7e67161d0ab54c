"""Every layer kind worked by hand: output shape, multiply-accumulates, operand sizes and bytes."""

import pytest

from dse.workload.attention import Attention
from dse.workload.elementwise import ActivationLayer, Combine, GlobalPool, Normalisation, Pool1d, Pool2d, Softmax
from dse.workload.layers import (
    Convolution1d,
    Convolution2d,
    DepthwiseConvolution2d,
    Embedding,
    Interaction,
    Linear,
    TransposedConvolution2d,
)
from dse.workload.operations import TensorOperation
from dse.workload.precision import Precision
from dse.workload.rearranged import Concat, Flatten, Reshape, Select, Slice
from dse.workload.recurrent import Recurrent
from dse.workload.shapes import Image, Sequence, ShapeError, Tokens, Vector

INT8 = Precision()


def lower(layer, *shapes, batch=1, precision=INT8):
    return [part.operation for part in layer.lower(shapes, batch, precision).parts]


def named(layer, *shapes, batch=1, precision=INT8):
    return {part.name: part.operation for part in layer.lower(shapes, batch, precision).parts}


def macs(layer, *shapes, batch=1):
    return sum(operation.macs for operation in lower(layer, *shapes, batch=batch) if isinstance(operation, TensorOperation))


def vector_of(layer, *shapes, batch=1, precision=INT8):
    (operation,) = lower(layer, *shapes, batch=batch, precision=precision)
    return operation.elements, operation.ops_per_element, operation.read_bits // 8, operation.written_bits // 8


class TestLinear:
    def test_vector(self):
        """4 samples of 2048 features times 2048 x 1000 weights."""
        (operation,) = lower(Linear(features=1000), Vector(2048), batch=4)
        assert Linear(features=1000).output((Vector(2048),)) == Vector(1000)
        assert (operation.m, operation.n_group, operation.k_group) == (4, 1000, 2048)
        assert operation.macs == 4 * 2048 * 1000
        assert operation.compulsory_bytes == 4 * 2048 + 2048 * 1000 + 4 * 1000

    def test_sequence_is_multiplied_step_by_step(self):
        (operation,) = lower(Linear(features=10), Sequence(64, 50), batch=2)
        assert (operation.m, operation.macs) == (100, 100 * 64 * 10)
        assert Linear(features=10).output((Sequence(64, 50),)) == Sequence(10, 50)

    def test_widths_follow_the_precision(self):
        precision = Precision(weights="int4", activations="fp16", accumulators="fp32")
        (operation,) = lower(Linear(features=8), Vector(16), precision=precision)
        assert (operation.weight_bits, operation.input_bits, operation.output_bits, operation.accumulator_bits) == (4, 16, 16, 32)
        assert operation.compulsory_bytes == 16 * 2 + 16 * 8 // 2 + 8 * 2

    def test_activation_rides_on_the_product(self):
        _, gelu = lower(Linear(features=10, activation="gelu"), Vector(4), batch=3)
        assert (gelu.elements, gelu.ops, gelu.bytes, gelu.fused) == (30, 60, 0, True)


class TestConvolutions:
    def test_resnet_conv1(self):
        """7 x 7 at stride 2 with padding 3 on 3 x 224 x 224: 64 x 112 x 112."""
        layer = Convolution2d(filters=64, kernel=(7, 7), stride=(2, 2), padding=(3, 3), normalisation="batch", activation="relu")
        assert layer.output((Image(3, 224, 224),)) == Image(64, 112, 112)
        convolution, normalisation, relu = lower(layer, Image(3, 224, 224), batch=2)
        assert convolution.macs == 2 * 118_013_952
        assert convolution.weight_elements == 64 * 3 * 49
        assert convolution.input_elements == 2 * 3 * 224 * 224
        assert normalisation.ops == 2 * relu.ops == 2 * 2 * 64 * 112 * 112
        assert normalisation.bytes == relu.bytes == 0

    def test_grouped(self):
        """AlexNet's conv2 in two groups: 5·5·48 products an output instead of 5·5·96."""
        layer = Convolution2d(filters=256, kernel=(5, 5), padding=(2, 2), groups=2)
        (operation,) = lower(layer, Image(96, 27, 27))
        assert (operation.macs, operation.weight_elements) == (223_948_800, 307_200)

    def test_dilated(self):
        """Taps at distance 2 reach 5 positions: 10 - 5 + 1 = 6 outputs."""
        layer = Convolution2d(filters=1, kernel=(3, 3), dilation=(2, 2))
        assert layer.output((Image(1, 10, 10),)) == Image(1, 6, 6)
        assert macs(layer, Image(1, 10, 10)) == 36 * 9

    @pytest.mark.parametrize(("extent", "stride", "expected"), [(224, 2, 112), (7, 1, 7), (225, 2, 113), (13, 4, 4)])
    def test_same_padding(self, extent, stride, expected):
        layer = Convolution2d(filters=1, kernel=(3, 3), stride=(stride, stride), padding="same")
        assert layer.output((Image(1, extent, extent),)) == Image(1, expected, expected)

    def test_same_padding_stands_half_on_the_left(self):
        """224 at stride 2 under 3 taps needs one zero; the larger half is on the right, as TensorFlow has it."""
        (operation,) = lower(Convolution2d(filters=1, kernel=(3, 3), stride=(2, 2), padding="same"), Image(1, 224, 224))
        assert operation.height.padding == 0
        assert operation.height.reads(111) == (222, 223)

    def test_depthwise(self):
        layer = DepthwiseConvolution2d(kernel=(3, 3), padding=(1, 1), multiplier=2)
        assert layer.output((Image(32, 112, 112),)) == Image(64, 112, 112)
        (operation,) = lower(layer, Image(32, 112, 112))
        assert operation.groups == 32
        assert operation.macs == 64 * 112 * 112 * 9
        assert operation.weight_elements == 64 * 9

    def test_one_dimensional(self):
        layer = Convolution1d(filters=16, kernel=5, stride=2, padding=2)
        assert layer.output((Sequence(8, 100),)) == Sequence(16, 50)
        assert macs(layer, Sequence(8, 100), batch=3) == 3 * 50 * 16 * 8 * 5

    def test_transposed_doubles_the_extent(self):
        """DCGAN's 4 x 4 at stride 2 with padding 1: (8 - 1)·2 - 2 + 4 = 16, and 8·8·16 products a channel pair."""
        layer = TransposedConvolution2d(filters=64, kernel=(4, 4), stride=(2, 2), padding=(1, 1))
        assert layer.output((Image(128, 8, 8),)) == Image(64, 16, 16)
        assert macs(layer, Image(128, 8, 8)) == 128 * 64 * 8 * 8 * 16

    def test_transposed_reads_what_the_gradient_reads(self):
        """Output o meets input i through tap t exactly where o = i·stride - padding + t."""
        (operation,) = lower(
            TransposedConvolution2d(filters=1, kernel=(3, 3), stride=(2, 2), padding=(1, 1), output_padding=(1, 1)),
            Image(1, 5, 5),
        )
        axis = operation.height
        assert axis.outputs == 10
        for output in range(axis.outputs):
            reference = [i for i in range(5) for tap in range(3) if output == i * 2 - 1 + tap]
            assert sorted(axis.reads(output)) == reference


class TestRecurrent:
    @pytest.mark.parametrize(("kind", "gates"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
    def test_gates(self, kind, gates):
        """B·T·G·H·(I + H) MACs and G·H·(I + H) weights."""
        layer = Recurrent(kind=kind, hidden=20)
        parts = named(layer, Sequence(12, 7), batch=3)
        assert layer.output((Sequence(12, 7),)) == Sequence(20, 7)
        assert macs(layer, Sequence(12, 7), batch=3) == 3 * 7 * gates * 20 * (12 + 20)
        product, recurrent = parts["1.input"], parts["1.recurrent"]
        assert (product.m, product.repeats, product.input_role) == (21, 1, "activation")
        assert (recurrent.m, recurrent.repeats, recurrent.input_role) == (3, 7, "state")
        assert product.weight_elements + recurrent.weight_elements == gates * 20 * (12 + 20)

    def test_gru_of_equal_widths_takes_six_products_a_step(self):
        """6·M² MACs a step (Culurciello, Zaidy, Gokhale, 2017)."""
        assert macs(Recurrent(kind="gru", hidden=512), Sequence(512, 10)) == 10 * 6 * 512**2

    def test_gate_operations(self):
        """17 an element for an LSTM, 13 for a GRU, 3 for a plain cell; each reads its input products."""
        for kind, gates, ops in (("lstm", 4, 17), ("gru", 3, 13), ("rnn", 1, 3)):
            work = named(Recurrent(kind=kind, hidden=8), Sequence(4, 5), batch=2)["1.gates"]
            assert work.ops == 5 * 2 * 8 * ops
            assert work.bytes == 5 * 2 * gates * 8
            assert work.fused

    def test_stack_and_directions(self):
        """Two bidirectional layers of 10: the second reads 20 features; summed directions leave 10."""
        both = Recurrent(kind="rnn", hidden=10, layers=2, bidirectional=True)
        assert both.output((Sequence(6, 4),)) == Sequence(20, 4)
        assert macs(both, Sequence(6, 4)) == 2 * 4 * 10 * (6 + 10) + 2 * 4 * 10 * (20 + 10)
        summed = Recurrent(kind="rnn", hidden=10, layers=2, bidirectional=True, directions_merged="sum")
        assert summed.output((Sequence(6, 4),)) == Sequence(10, 4)
        assert macs(summed, Sequence(6, 4)) == 2 * 4 * 10 * (6 + 10) + 2 * 4 * 10 * (10 + 10)
        assert named(summed, Sequence(6, 4))["1.sum"].bytes == 4 * 10

    def test_projection(self):
        """LSTMP: 4·H·(I + R) + R·H weights; two layers of 800 projected to 512 hold 13M with their classifier."""
        layer = Recurrent(kind="lstm", hidden=800, layers=2, projection=512)
        weights = sum(op.weight_elements for op in lower(layer, Sequence(40, 3)) if isinstance(op, TensorOperation))
        assert weights == 4 * 800 * (40 + 512) + 512 * 800 + 4 * 800 * (512 + 512) + 512 * 800
        assert layer.output((Sequence(40, 3),)) == Sequence(512, 3)

    def test_streaming_multiplies_the_input_at_each_step(self):
        parts = named(Recurrent(kind="lstm", hidden=8, streaming=True), Sequence(4, 5), batch=2)
        assert (parts["1.input"].m, parts["1.input"].repeats) == (2, 5)
        assert parts["1.input"].macs == 5 * 2 * 32 * 4

    def test_last_step_alone(self):
        layer = Recurrent(kind="gru", hidden=8, returns="last")
        assert layer.output((Sequence(4, 5),)) == Vector(8)
        assert layer.lower((Sequence(4, 5),), 2, INT8).parts[-1].elements == 16

    def test_refusals(self):
        with pytest.raises(ShapeError, match="cannot stream"):
            Recurrent(kind="rnn", hidden=2, bidirectional=True, streaming=True).output((Sequence(2, 2),))
        with pytest.raises(ShapeError, match="no projection"):
            Recurrent(kind="gru", hidden=2, projection=1).output((Sequence(2, 2),))


class TestAttention:
    def test_bert_base_layer(self):
        """4·T·d² + 2·T²·d MACs."""
        layer = Attention(heads=12)
        assert macs(layer, Sequence(768, 384)) == 4 * 384 * 768**2 + 2 * 384**2 * 768
        parts = named(layer, Sequence(768, 384), batch=2)
        assert (parts["scores"].groups, parts["scores"].m, parts["scores"].n_group, parts["scores"].k_group) == (24, 384, 384, 64)
        assert (parts["weighted"].n_group, parts["weighted"].k_group) == (64, 384)
        assert parts["scores"].weight_role == "activation"
        assert parts["softmax"].elements == 2 * 12 * 384 * 384
        assert parts["softmax"].bytes == 2 * parts["softmax"].elements
        weights = sum(
            op.weight_elements for op in parts.values() if isinstance(op, TensorOperation) and op.weight_role == "weight"
        )
        assert weights == 4 * 768**2

    def test_grouped_query_folds_heads_into_rows(self):
        """8 query heads on 2 key-value heads: groups of 4·T rows; K and V shrink fourfold, the products do not."""
        parts = named(Attention(heads=8, kv_heads=2), Sequence(64, 10))
        assert (parts["scores"].groups, parts["scores"].m) == (2, 40)
        assert parts["scores"].macs == 8 * 10 * 10 * 8
        assert parts["scores"].weight_elements == 2 * 10 * 8
        assert parts["qkv"].n_group == (8 + 2 * 2) * 8

    def test_decode_reads_the_cache(self):
        """One new token on 1023 cached: 1024 keys and values of each head, as state."""
        layer = Attention(heads=12, causal=True, context=1023)
        parts = {part.name: part for part in layer.lower((Sequence(768, 1),), 4, INT8).parts}
        scores = parts["scores"].operation
        assert (scores.m, scores.n_group, scores.groups, scores.weight_role) == (1, 1024, 48, "state")
        assert scores.weight_elements == 4 * 1024 * 768
        assert parts["scores"].state == ("key_cache", 4 * 1023 * 768)
        assert parts["weighted"].state == ("value_cache", 4 * 1023 * 768)

    def test_causal_prefill_takes_five_eighths(self):
        """Four blocks of queries attend to 1/4, 2/4, 3/4 and 4/4 of the keys: (b + 1)/(2·b) of the square."""
        causal = named(Attention(heads=4, causal=True), Sequence(32, 64))
        full = named(Attention(heads=4), Sequence(32, 64))
        scores = [causal[f"scores.{block}"] for block in (1, 2, 3, 4)]
        assert [(op.m, op.n_group) for op in scores] == [(16, 16), (16, 32), (16, 48), (16, 64)]
        assert 8 * sum(op.macs for op in scores) == 5 * full["scores"].macs
        assert 8 * sum(causal[f"softmax.{block}"].elements for block in (1, 2, 3, 4)) == 5 * full["softmax"].elements

    def test_causal_blocks_cover_every_query(self):
        scores = [op for name, op in named(Attention(heads=1, causal=True), Sequence(4, 7)).items() if name.startswith("scores")]
        assert sum(op.m for op in scores) == 7
        assert scores[-1].n_group == 7
        assert len([name for name in named(Attention(heads=1, causal=True), Sequence(4, 3)) if name.startswith("scores")]) == 1

    def test_cross_attention(self):
        """Queries of 5 steps on a memory of 9 steps and another width."""
        query, memory = Sequence(16, 5), Sequence(24, 9)
        parts = named(Attention(heads=2), query, memory)
        assert parts["key_value"].macs == 9 * 24 * 32
        assert parts["query"].macs == 5 * 16 * 16
        assert parts["scores"].macs == 2 * 5 * 9 * 8
        assert Attention(heads=2).output((query, memory)) == query

    def test_without_projections(self):
        parts = named(Attention(heads=2, projections=False), Sequence(16, 5))
        assert list(parts) == ["scores", "softmax", "weighted"]

    def test_a_window_bounds_what_a_query_meets(self):
        """8 queries in a window of 3 at 4 cached keys: blocks of 2 rows on 2 + 3 - 1 = 4 keys; the cache keeps the last 2."""
        layer = Attention(heads=2, causal=True, context=4, window=3)
        parts = {part.name: part for part in layer.lower((Sequence(16, 8),), 1, INT8).parts}
        scores = [parts[f"scores.{block}"].operation for block in (1, 2, 3, 4)]
        assert [(op.m, op.n_group) for op in scores] == [(2, 4)] * 4
        assert parts["scores.1"].state == ("key_cache", 2 * 16)

    def test_a_window_as_long_as_the_sequence_changes_nothing(self):
        windowed = Attention(heads=2, causal=True, window=12, context=4)
        assert lower(windowed, Sequence(16, 8)) == lower(Attention(heads=2, causal=True, context=4), Sequence(16, 8))

    def test_blocks_are_no_longer_than_the_window(self):
        """Mistral at 32,768 tokens: 8 blocks of 4,096 queries on 8,191 keys, the first on its own 4,096."""
        scores = [
            op for name, op in named(Attention(heads=1, causal=True, window=4096), Sequence(8, 32768)).items() if "sco" in name
        ]
        assert [(op.m, op.n_group) for op in scores] == [(4096, 4096), *[(4096, 8191)] * 7]

    def test_one_token_in_a_window_reads_the_window(self):
        parts = named(Attention(heads=1, causal=True, window=4096, context=32767), Sequence(8, 1))
        assert parts["scores"].n_group == 4096

    def test_rotary_turns_queries_and_keys_on_their_stream(self):
        """(h + g)·e elements a step, 3 operations each: 32 query heads and 8 key heads of 128 make 5,120."""
        parts = named(Attention(heads=32, kv_heads=8, causal=True, rotary=True, context=9), Sequence(4096, 1), batch=2)
        assert list(parts)[:3] == ["qkv", "rotary", "scores"]
        assert (parts["rotary"].elements, parts["rotary"].ops_per_element) == (2 * 5120, 3)
        assert parts["rotary"].fused
        assert parts["rotary"].bytes == 0

    def test_rotary_of_a_memory_turns_both_products(self):
        parts = named(Attention(heads=2, rotary=True), Sequence(16, 5), Sequence(24, 9))
        assert (parts["rotary"].elements, parts["key_rotary"].elements) == (5 * 16, 9 * 16)

    def test_position_bias_works_on_every_score(self):
        plain, biased = (named(Attention(heads=2, position_bias=bias), Sequence(16, 5)) for bias in (False, True))
        assert biased["softmax"].ops == plain["softmax"].ops + 2 * 2 * 5 * 5
        assert biased["softmax"].bytes == plain["softmax"].bytes

    def test_keys_of_the_cache_alone_project_only_the_query(self):
        """Whisper's decoder on 1,500 frames that were seen: no key or value is made."""
        layer = Attention(heads=6, context=1500, own_keys=False)
        parts = {part.name: part for part in layer.lower((Sequence(384, 1),), 2, INT8).parts}
        assert list(parts) == ["query", "scores", "softmax", "weighted", "output"]
        assert parts["scores"].operation.n_group == 1500
        assert parts["weighted"].state == ("value_cache", 2 * 1500 * 384)
        assert sum(p.operation.macs for p in parts.values() if isinstance(p.operation, TensorOperation)) == 2 * 2 * (
            384 * 384 + 1500 * 384
        )

    def test_queries_keys_and_values_from_three_layers(self):
        """Without projections: 4 query heads and 2 key heads of 8, 5 queries on 9 keys."""
        layer = Attention(heads=4, kv_heads=2, projections=False)
        shapes = (Sequence(32, 5), Sequence(16, 9), Sequence(16, 9))
        assert layer.output(shapes) == Sequence(32, 5)
        parts = layer.lower(shapes, 1, INT8).parts
        assert [part.reads for part in parts] == [(0, 1), ("scores",), ("softmax", 2)]
        assert parts[0].operation.macs == 4 * 5 * 9 * 8

    @pytest.mark.parametrize(
        ("layer", "shapes", "said"),
        [
            (Attention(heads=4, window=3), (Sequence(16, 5),), "needs causal: true"),
            (Attention(heads=4, own_keys=False), (Sequence(16, 5),), "needs a context"),
            (Attention(heads=4, rotary=True, projections=False), (Sequence(16, 5),), "needs projections: true"),
            (Attention(heads=4), (Sequence(16, 5),) * 3, "at most one memory"),
            (Attention(heads=4, projections=False), (Sequence(16, 5), Sequence(16, 5), Sequence(16, 4)), "for each key"),
            (Attention(heads=3), (Sequence(16, 5),), "3 heads do not divide 16 features"),
            (Attention(heads=4, kv_heads=3), (Sequence(16, 5),), "3 kv_heads do not divide 4 heads"),
            (Attention(heads=4, causal=True), (Sequence(16, 5), Sequence(16, 5)), "cannot be causal"),
            (Attention(heads=4, projections=False), (Sequence(16, 5), Sequence(12, 5)), "memory must have 4 x 4 = 16 features"),
            (Attention(heads=4), (Vector(16),), "needs a sequence"),
        ],
    )
    def test_refusals(self, layer, shapes, said):
        with pytest.raises(ShapeError, match=said):
            layer.output(shapes)


class TestVectorLayers:
    def test_max_pool(self):
        """3 x 3 at stride 2 with padding 1 on 64 x 112 x 112: 8 comparisons an output."""
        layer = Pool2d(mode="max", kernel=(3, 3), stride=(2, 2), padding=(1, 1))
        assert layer.output((Image(64, 112, 112),)) == Image(64, 56, 56)
        assert vector_of(layer, Image(64, 112, 112), batch=2) == (2 * 64 * 56 * 56, 8, 2 * 64 * 112 * 112, 2 * 64 * 56 * 56)

    def test_pool_rounds_up_where_asked(self):
        """GoogLeNet: 112 under 3 at stride 2 gives 55, or 56 with ceil; no window may start beyond the input."""
        assert Pool2d(mode="max", kernel=(3, 3), stride=(2, 2)).output((Image(1, 112, 112),)) == Image(1, 55, 55)
        assert Pool2d(mode="max", kernel=(3, 3), stride=(2, 2), ceil=True).output((Image(1, 112, 112),)) == Image(1, 56, 56)
        assert Pool1d(mode="max", kernel=1, stride=3).output((Sequence(1, 5),)) == Sequence(1, 2)
        ceil = Pool2d(mode="max", kernel=(1, 1), stride=(3, 3), ceil=True)
        assert ceil.output((Image(1, 5, 5),)) == Image(1, 2, 2)

    def test_pool_reads_touched_positions_alone(self):
        """Windows of 1 at stride 2 touch every second position."""
        assert vector_of(Pool1d(mode="average", kernel=1, stride=2), Sequence(3, 10)) == (15, 1, 15, 15)

    def test_global_pool(self):
        assert GlobalPool().output((Image(2048, 7, 7),)) == Vector(2048)
        assert vector_of(GlobalPool(), Image(2048, 7, 7)) == (2048, 49, 2048 * 49, 2048)

    @pytest.mark.parametrize(
        ("layer", "ops"),
        [
            (Normalisation(method="layer"), 7),
            (Normalisation(method="rms"), 4),
            (Normalisation(method="batch"), 2),
            (ActivationLayer(function="relu"), 1),
            (Softmax(), 5),
        ],
    )
    def test_element_by_element(self, layer, ops):
        precision = Precision(activations="fp16")
        assert layer.output((Sequence(8, 3),)) == Sequence(8, 3)
        assert vector_of(layer, Sequence(8, 3), batch=2, precision=precision) == (48, ops, 96, 96)

    def test_sum_of_three(self):
        shapes = (Image(4, 2, 2),) * 3
        assert vector_of(Combine(kind="add"), *shapes) == (16, 2, 48, 16)

    def test_product_with_a_vector_spreads_it(self):
        """Squeeze and excite: one factor a channel."""
        layer = Combine(kind="multiply")
        assert layer.output((Vector(4), Image(4, 3, 3))) == Image(4, 3, 3)
        assert vector_of(layer, Image(4, 3, 3), Vector(4)) == (36, 1, 40, 36)

    def test_embedding(self):
        """Rows of the table at the width of weights in, activations out; the table itself is not read."""
        layer = Embedding(vocabulary=30522, features=768)
        assert layer.output((Tokens(128),)) == Sequence(768, 128)
        assert layer.parameters == 30522 * 768
        precision = Precision(weights="int8", activations="fp16")
        elements = 2 * 128 * 768
        assert vector_of(layer, Tokens(128), batch=2, precision=precision) == (elements, 1, elements, 2 * elements)

    def test_a_bag_of_rows_is_summed(self):
        """4 tables of 3 ids each: 12 rows are read, 4 are written."""
        layer = Embedding(vocabulary=1000, features=8, bag=3)
        assert layer.output((Tokens(12),)) == Sequence(8, 4)
        assert vector_of(layer, Tokens(12), batch=2) == (2 * 96, 1, 2 * 96, 2 * 32)

    def test_interaction(self):
        """DLRM: 27 vectors of 128; 27·27·128 MACs, 351 dot products leave."""
        layer, shapes = Interaction(), (Vector(128), Sequence(128, 26))
        assert layer.output(shapes) == Vector(351)
        assert macs(layer, *shapes) == 93_312
        assert macs(layer, *shapes, batch=5) == 5 * 93_312

    @pytest.mark.parametrize(
        ("layer", "shapes", "expected"),
        [
            (Concat(), (Image(3, 4, 4), Image(5, 4, 4)), Image(8, 4, 4)),
            (Concat(), (Sequence(3, 4), Sequence(5, 4)), Sequence(8, 4)),
            (Flatten(), (Image(3, 4, 5),), Vector(60)),
            (Reshape(to=Sequence(1216, 166)), (Image(32, 38, 166),), Sequence(1216, 166)),
            (Select(steps="first"), (Sequence(768, 9),), Vector(768)),
            (Slice(features=13), (Vector(100),), Vector(13)),
        ],
    )
    def test_rearranging_moves_nothing(self, layer, shapes, expected):
        assert layer.output(shapes) == expected
        lowered = layer.lower(shapes, 2, INT8)
        assert lowered.parts == ()
        assert lowered.result == tuple(range(len(shapes)))


@pytest.mark.parametrize(
    ("layer", "shapes", "said"),
    [
        (Linear(features=1), (Image(1, 2, 2),), "needs a vector or a sequence, but its input is an image of 1 channel, 2 x 2"),
        (Linear(features=1), (Tokens(3),), "needs numbers"),
        (Linear(features=1), (Vector(1), Vector(1)), "takes one input"),
        (Convolution2d(filters=1, kernel=(9, 9)), (Image(1, 8, 20),), "kernel of 9 is larger than its input, whose height is 8"),
        (Convolution2d(filters=1, kernel=(3, 3)), (Sequence(1, 8),), "needs an image"),
        (Convolution2d(filters=4, kernel=(1, 1), groups=3), (Image(6, 2, 2),), "3 groups cannot share 4 filters evenly"),
        (Convolution1d(filters=1, kernel=3, dilation=4), (Sequence(1, 8),), "spread over 9 by dilation 4"),
        (Convolution1d(filters=1, kernel=5000, padding=5000), (Sequence(1, 5000),), "is more than"),
        (TransposedConvolution2d(filters=1, kernel=(2, 2), padding=(2, 2)), (Image(1, 8, 8),), "padding 2 is too much"),
        (TransposedConvolution2d(filters=1, kernel=(2, 2), output_padding=(1, 1)), (Image(1, 8, 8),), "smaller than the stride"),
        (Combine(kind="add"), (Vector(3), Vector(4)), "cannot add a vector of 3 features and a vector of 4 features"),
        (Combine(kind="add"), (Vector(3),), "two or more"),
        (Concat(), (Image(3, 4, 4), Image(3, 4, 5)), "side by side"),
        (Reshape(to=Vector(5)), (Vector(6),), "cannot make a vector of 5 features"),
        (Slice(features=7), (Vector(6),), "cannot keep 7"),
        (Embedding(vocabulary=3, features=2), (Vector(3),), "needs token ids"),
        (Embedding(vocabulary=3, features=2, bag=2), (Tokens(3),), "bags of 2 ids cannot share 3 ids evenly"),
        (Interaction(), (Vector(3), Vector(4)), "two or more vectors of the same features"),
    ],
)
def test_shapes_that_do_not_fit(layer, shapes, said):
    with pytest.raises(ShapeError, match=said):
        layer.output(shapes)
