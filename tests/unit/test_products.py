"""Products of activations, learned tensors, resizing, element-wise work, parts and joins along any side, worked by hand."""

import pytest

from dse.errors import InputError
from dse.inputs.workloads import workload_from
from dse.inputs.yaml import read_text
from dse.workload.attention import Attention
from dse.workload.elementwise import Combine, Elementwise, Pool1d, Pool2d, Resize
from dse.workload.layers import Convolution1d, Convolution2d
from dse.workload.operations import TensorOperation
from dse.workload.precision import Precision
from dse.workload.products import Learned, MatrixProduct
from dse.workload.rearranged import Concat, Slice
from dse.workload.shapes import Image, Sequence, ShapeError, Vector

INT8 = Precision()
MIXED = Precision(weights="int4", activations="int16")


def loaded(*lines, phase="inference"):
    head = f"name: f\nphase: {phase}\nnetworks:\n  - name: n\n    input: {{features: 8, steps: 6}}\n    layers:\n"
    return workload_from(read_text(head + "".join(f"      - {line}\n" for line in lines)))


class TestMatrixProduct:
    def test_queries_times_keys_is_what_attention_does(self):
        """4 heads of 8: (6 x 8) times (8 x 10) for each head and sample."""
        query, memory = Sequence(32, 6), Sequence(32, 10)
        scores = MatrixProduct(groups=4, transposed=True)
        attention = Attention(heads=4, projections=False).lower((query, memory), 3, INT8)
        assert scores.output((query, memory)) == Sequence(4 * 10, 6)
        assert scores.lower((query, memory), 3, INT8).parts[0].operation == attention.parts[0].operation
        weighted = MatrixProduct(groups=4)
        assert weighted.output((Sequence(40, 6), memory)) == Sequence(32, 6)
        assert weighted.lower((Sequence(40, 6), memory), 3, INT8).parts[0].operation == attention.parts[2].operation
        assert attention.parts[2].operation.macs == 3 * 4 * 6 * 10 * 8

    def test_bytes_are_those_of_activations(self):
        (part,) = MatrixProduct().lower((Sequence(8, 6), Sequence(5, 8)), 2, MIXED).parts
        operation = part.operation
        assert isinstance(operation, TensorOperation)
        assert operation.weight_bits == operation.input_bits == 16
        assert operation.compulsory_bytes == 2 * (6 * 8 + 8 * 5 + 6 * 5) * 2

    @pytest.mark.parametrize(
        ("layer", "shapes", "message"),
        [
            (MatrixProduct(), (Sequence(8, 6),), "multiplies two inputs, but 1 are named"),
            (MatrixProduct(), (Sequence(8, 6), Sequence(5, 7)), "cannot multiply a sequence of 8 features in 6 steps"),
            (MatrixProduct(groups=3), (Sequence(8, 6), Sequence(9, 6)), "3 groups cannot share 8 features"),
            (MatrixProduct(), (Image(1, 2, 3), Vector(3)), "needs sequences or vectors"),
        ],
    )
    def test_misfits(self, layer, shapes, message):
        with pytest.raises(ShapeError, match=message):
            layer.output(shapes)


class TestLearned:
    def test_is_read_at_the_width_of_weights_and_copied_for_each_sample(self):
        (part,) = Learned(to=Sequence(8, 6)).lower((), 3, MIXED).parts
        assert part.operation.bytes == 3 * 48 * 4 // 8 + 3 * 48 * 2
        assert part.reads == ()

    def test_is_counted_with_embeddings_and_trained_as_one(self):
        lines = [
            "{name: place, kind: learned, to: {features: 8, steps: 6}}",
            "{name: sum, kind: add, from: [input, place]}",
            "{name: out, kind: linear, features: 4}",
        ]
        network = loaded(*lines).networks[0]
        assert (network.parameters, network.embedding_parameters) == (32, 48)
        (scenario,) = loaded(*lines, phase="{training: {optimiser: sgd}}").scenarios
        assert "place.weight_gradient" in {step.name for step in scenario.lower().steps}

    def test_reads_no_other_layer(self):
        with pytest.raises(InputError, match="is learned, and reads no other layer"):
            loaded("{name: a, kind: learned, to: {features: 8}, from: input}")


class TestElementwise:
    def test_one_operation_an_element(self):
        (part,) = Elementwise(operation="exponential").lower((Sequence(8, 6),), 2, INT8).parts
        assert (part.operation.ops, part.operation.bytes) == (96, 2 * 96)

    @pytest.mark.parametrize(
        ("shapes", "whole"),
        [
            ((Image(4, 3, 5), Vector(4)), Image(4, 3, 5)),
            ((Vector(4), Image(4, 3, 5)), Image(4, 3, 5)),
            ((Image(4, 3, 5), Image(1, 3, 5)), Image(4, 3, 5)),
            ((Image(4, 3, 5), Image(4, 1, 5)), Image(4, 3, 5)),
            ((Sequence(8, 6), Sequence(1, 6)), Sequence(8, 6)),
            ((Sequence(8, 6), Vector(1)), Sequence(8, 6)),
        ],
    )
    def test_operands_are_spread(self, shapes, whole):
        for layer in (Elementwise(operation="subtract"), Combine(kind="multiply")):
            assert layer.output(shapes) == whole
            read = sum(shape.elements for shape in shapes)
            assert layer.lower(shapes, 1, INT8).parts[0].operation.read_bits == 8 * read

    @pytest.mark.parametrize(
        "shapes", [(Image(4, 3, 5), Vector(3)), (Image(4, 3, 5), Image(4, 2, 5)), (Sequence(8, 6), Image(8, 6, 1))]
    )
    def test_what_cannot_be_spread(self, shapes):
        with pytest.raises(ShapeError, match="cannot subtract"):
            Elementwise(operation="subtract").output(shapes)

    def test_rides_on_the_product_before(self):
        network = loaded("{name: a, kind: linear, features: 8}", "{name: b, kind: elementwise, operation: scale}").networks[0]
        step = network.lower().steps[-1]
        assert step.operation.fused
        assert step.operation.bytes == 0


class TestResize:
    def test_nearest_copies_and_linear_weighs_four(self):
        image = Image(3, 4, 4)
        (near,), (linear,) = (Resize(size=(8, 8), mode=mode).lower((image,), 1, INT8).parts for mode in ("nearest", "linear"))
        assert (near.operation.ops, linear.operation.ops) == (3 * 64, 7 * 3 * 64)
        assert near.operation.bytes == linear.operation.bytes == 3 * 16 + 3 * 64

    def test_nearest_reads_what_it_keeps(self):
        near, linear = (
            Resize(size=(2, 2), mode=mode).lower((Image(3, 4, 4),), 1, INT8).parts[0].operation.read_bits // 8
            for mode in ("nearest", "linear")
        )
        assert (near, linear) == (3 * 4, 3 * 16)


class TestSides:
    @pytest.mark.parametrize(
        ("along", "shapes", "whole"),
        [
            ("channels", (Image(2, 3, 4), Image(5, 3, 4)), Image(7, 3, 4)),
            ("height", (Image(2, 3, 4), Image(2, 6, 4)), Image(2, 9, 4)),
            ("width", (Image(2, 3, 4), Image(2, 3, 1)), Image(2, 3, 5)),
            ("steps", (Sequence(8, 1), Sequence(8, 196)), Sequence(8, 197)),
        ],
    )
    def test_concat(self, along, shapes, whole):
        assert Concat(along=along).output(shapes) == whole
        assert Concat(along=along).lower(shapes, 1, INT8).parts == ()

    def test_concat_refuses_other_sides(self):
        with pytest.raises(ShapeError, match="side by side"):
            Concat(along="steps").output((Sequence(8, 1), Sequence(7, 2)))
        with pytest.raises(ShapeError, match="has no steps"):
            Concat(along="steps").output((Image(8, 1, 1), Image(8, 1, 1)))

    @pytest.mark.parametrize(
        ("layer", "shape", "part"),
        [
            (Slice(features=3, begin=5), Vector(8), Vector(3)),
            (Slice(steps=4, begin=2), Sequence(8, 6), Sequence(8, 4)),
            (Slice(height=2, step=2), Image(3, 4, 4), Image(3, 2, 4)),
            (Slice(width=1, begin=3), Image(3, 4, 4), Image(3, 4, 1)),
        ],
    )
    def test_slice(self, layer, shape, part):
        assert layer.output((shape,)) == part

    @pytest.mark.parametrize(
        ("layer", "message"),
        [
            (Slice(features=4, begin=5), "cannot keep 4 from 5 on of a vector of 8 features"),
            (Slice(features=5, step=2), "cannot keep 5 from 0 on, step 2, of"),
            (Slice(steps=1), "has no steps"),
            (Slice(), "keeps one of features, steps, height and width, but none is given"),
            (Slice(features=1, steps=1), "but features and steps is given"),
        ],
    )
    def test_slices_that_do_not_fit(self, layer, message):
        with pytest.raises(ShapeError, match=message):
            layer.output((Vector(8),))


class TestPaddingOfEachSide:
    def test_convolution(self):
        """Caffe pads at the end alone: (6 + 1 - 3) // 2 + 1 = 3; the first window starts at the first row."""
        layer = Convolution2d(filters=2, kernel=(3, 3), stride=(2, 2), padding=(0, 0, 1, 1))
        assert layer.output((Image(1, 6, 6),)) == Image(2, 3, 3)
        operation = layer.lower((Image(1, 6, 6),), 1, INT8).parts[0].operation
        assert operation.height.reads(2) == (4, 5)

    def test_each_side_has_its_own(self):
        layer = Convolution2d(filters=1, kernel=(3, 3), padding=(1, 0, 0, 2))
        assert layer.output((Image(1, 5, 5),)) == Image(1, 4, 5)

    def test_causal_convolution(self):
        layer = Convolution1d(filters=2, kernel=3, padding=(2, 0))
        assert layer.output((Sequence(4, 10),)) == Sequence(2, 10)
        assert layer.lower((Sequence(4, 10),), 1, INT8).parts[0].operation.width.reads(0) == (0,)

    def test_pools(self):
        assert Pool2d(mode="max", kernel=(3, 3), stride=(2, 2), padding=(0, 0, 1, 1)).output((Image(4, 6, 6),)) == Image(4, 3, 3)
        assert Pool1d(mode="max", kernel=2, stride=2, padding=(0, 1)).output((Sequence(4, 5),)) == Sequence(4, 3)
        assert Pool1d(mode="max", kernel=2, stride=2, ceil=True).output((Sequence(4, 5),)) == Sequence(4, 3)

    def test_in_a_file(self):
        lines = [
            "{name: a, kind: conv1d, filters: 4, kernel: 3, padding: [2, 0]}",
            "{name: b, kind: pool1d, mode: sum, kernel: 2}",
        ]
        assert loaded(*lines).networks[0].shapes["b"] == Sequence(4, 3)
        with pytest.raises(InputError, match=r"a whole number, or \[before, after\], or same, is needed"):
            loaded("{name: a, kind: conv1d, filters: 4, kernel: 3, padding: [1, 1, 1]}")
