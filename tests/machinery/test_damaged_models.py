"""Models of the onnx package with bytes and fields changed at random: each is read or refused in words, in a moment."""

import random
import time
from pathlib import Path

import onnx
import pytest

from dse.errors import DseError
from dse.inputs.onnx.importing import import_onnx

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"
NUMBERS = (0, -1, 1, 7, 2**31, 2**62)
OPERATORS = ("MatMul", "Reshape", "Slice", "Loop", "Add", "Foo", "Gather", "Attention", "Conv", "Concat", "Pad", "LSTM", "TopK")
MUTATIONS = 400
MOST_S = 20


def changed_bytes(rng, raw):
    """Bytes set, cut off, taken out, put in or copied."""
    data, at = bytearray(raw), rng.randrange(len(raw))
    match rng.randrange(5):
        case 0:
            for _ in range(rng.randint(1, 4)):
                data[rng.randrange(len(data))] = rng.randrange(256)
        case 1:
            del data[at:]
        case 2:
            del data[at : at + rng.randint(1, 50)]
        case 3:
            data[at:at] = rng.randbytes(rng.randint(1, 20))
        case _:
            data[at : at + 100] = data[rng.randrange(len(raw)) :][:100]
    return bytes(data)


def changed_field(rng, raw):
    """An attribute, an input, an operator or a size that is another."""
    model = onnx.ModelProto.FromString(raw)
    node = rng.choice(model.graph.node)
    match rng.randrange(5):
        case 0 if node.attribute:
            attribute = rng.choice(node.attribute)
            if attribute.ints:
                attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(NUMBERS)
            else:
                node.attribute.remove(attribute)
        case 1 if node.input:
            node.input[rng.randrange(len(node.input))] = rng.choice([rng.choice(model.graph.node).output[0], "", "nope"])
        case 2:
            node.op_type = rng.choice(OPERATORS)
        case 3:
            tensor = rng.choice(model.graph.initializer)
            if tensor.dims:
                tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(NUMBERS)
        case _:
            dims = model.graph.input[0].type.tensor_type.shape.dim
            dims[rng.randrange(len(dims))].dim_value = rng.choice(NUMBERS)
    return model.SerializeToString()


@pytest.mark.parametrize("name", ["light_bvlc_alexnet", "light_squeezenet"])
def test_what_is_damaged_is_said(name, tmp_path):
    rng, raw = random.Random(7), (LIGHT / f"{name}.onnx").read_bytes()
    path, read = tmp_path / "damaged.onnx", 0
    for _ in range(MUTATIONS):
        path.write_bytes(rng.choice((changed_bytes, changed_field))(rng, raw))
        began = time.monotonic()
        try:
            read += import_onnx(path, free_batch=True) != ""
        except DseError as error:
            assert str(error)  # noqa: PT017 - refusals are one of two good ends
        assert time.monotonic() - began < MOST_S
    assert 0 < read < MUTATIONS
