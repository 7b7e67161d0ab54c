"""Where an array's cycles go: parts that add up, whatever it multiplies and however it is built."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.hardware.design import DATAFLOWS, FORMATS
from dse.model.losses import ARRAY_PARTS, array_work
from dse.model.mapping import Arrays, array_table
from dse.workload.operations import Axis, Conv2d, Gemm, TensorOperation

sizes = st.integers(1, 300)
gemms = st.builds(Gemm, m=sizes, n=sizes, k=sizes, groups=st.integers(1, 4), repeats=st.integers(1, 3))


def array(dataflow, rows, cols, cores):
    return Arrays(
        rows=np.array([rows]),
        cols=np.array([cols]),
        cores=np.array([cores]),
        dataflow=np.array([DATAFLOWS.index(dataflow)]),
        precision=np.array([FORMATS.index("int8")]),
    )


@st.composite
def convolutions(draw):
    n, k, c, p, r, stride, groups = (draw(st.integers(1, most)) for most in (3, 40, 40, 20, 5, 3, 4))
    padding = draw(st.integers(0, ((p - 1) * stride + r - 1) // 2))
    return Conv2d(n=n, k=k * groups, c=c * groups, p=p, q=p, r=r, s=r, stride=stride, padding=min(padding, r - 1), groups=groups)


@st.composite
def transposed(draw):
    axes = []
    for _ in range(2):
        extent, taps, upsample = (draw(st.integers(1, most)) for most in (12, 5, 3))
        padding = draw(st.integers(0, taps - 1))
        outputs = max((extent - 1) * upsample - 2 * padding + taps, 1)
        axes.append(Axis(outputs=outputs, taps=taps, upsample=upsample, padding=taps - 1 - padding, extent=extent))
    return TensorOperation(n=draw(st.integers(1, 3)), k=draw(sizes), c=draw(sizes), height=axes[0], width=axes[1])


@st.composite
def works(draw):
    operation = draw(gemms | convolutions() | transposed())
    wide = draw(st.sampled_from([(8, 8), (16, 8), (16, 16), (4, 8)]))
    operation = replace(operation, input_bits=wide[0], weight_bits=wide[1])
    dataflow = draw(st.sampled_from(DATAFLOWS))
    rows, cols, cores = draw(st.integers(1, 64)), draw(st.integers(1, 64)), draw(st.integers(1, 9))
    return operation, array(dataflow, rows, cols, cores), draw(st.booleans())


@given(works())
def test_parts_are_never_negative_and_add_up_to_the_cycles(work):
    operation, arrays, skip = work
    parts = array_work(arrays, operation, skip_padding=skip)
    cycles = array_table(arrays, [operation], skip_padding=skip).cycles[0, 0]
    assert min(parts.part_cycles) >= 0
    assert len(parts.part_cycles) == len(ARRAY_PARTS)
    assert sum(parts.part_cycles) == pytest.approx(cycles, rel=1e-12)
    assert parts.cycles == pytest.approx(cycles, rel=1e-12)


@given(works())
def test_useful_and_padding_are_the_utilisation_of_a_dense_product(work):
    """Of an operation without stuffed zeros, on an array that multiplies padding."""
    operation, arrays, _ = work
    units = int(arrays.rows[0] * arrays.cols[0] * arrays.cores[0])
    parts = array_work(arrays, operation)
    if operation.height.upsample == operation.width.upsample == 1 and parts.cycles * units >= operation.macs * parts.passes:
        assert parts.part("useful") * units == pytest.approx(operation.true_macs)
        assert (parts.part("useful") + parts.part("padding")) * units == pytest.approx(operation.macs)


@given(works())
def test_a_part_is_there_for_its_cause_alone(work):
    operation, arrays, skip = work
    parts = array_work(arrays, operation, skip_padding=skip)
    nothing = pytest.approx(0, abs=1e-9 * parts.cycles)
    if parts.passes == 1:
        assert parts.part("wide_numbers") == nothing
    if parts.cores == parts.sets == 1:
        assert parts.part("idle_cores") == nothing
    if parts.dataflow in ("ideal", "dot_product", "row_stationary"):
        assert parts.part("fill_and_drain") == nothing
    else:
        assert parts.part("buffer_port") == nothing
    if parts.dataflow == "ideal":
        assert parts.cycles == pytest.approx(sum(parts.part_cycles[:3]))


@given(works())
def test_the_formula_of_the_dataflow_gives_the_cycles(work):
    """From how the folds lie on the busiest core, as the drill-down prints it."""
    operation, arrays, skip = work
    parts = array_work(arrays, operation, skip_padding=skip)
    rows, cols, folds, steps = parts.rows, parts.cols, parts.folds_per_core, parts.steps_per_fold
    formula = {
        "weight_stationary": folds * (2 * rows + cols + steps - 2) - 1,
        "weight_stationary_double_buffered": folds * max(steps, rows) + rows + cols - 2,
        "output_stationary": folds * (rows + cols + steps - 2) - 1,
        "input_stationary": folds * (2 * rows + cols + steps - 2) - 1,
    }
    if parts.dataflow in formula:
        assert parts.cycles == operation.repeats * formula[parts.dataflow]
    elif parts.dataflow != "ideal":
        busy = folds * parts.stream * parts.passes * operation.repeats
        assert parts.cycles - parts.part("buffer_port") == pytest.approx(busy) or busy >= parts.cycles


@pytest.mark.parametrize("cores", [1, 3])
def test_wide_numbers_and_cores_by_hand(cores):
    """20 x 16 by 16 x 12 of 16 x 8 bits on 8 x 8: 2·2 folds of 20 rows, twice; on three cores the busiest has 2 of the 4."""
    operation = replace(Gemm(m=20, n=12, k=16), input_bits=16)
    parts = array_work(array("weight_stationary", 8, 8, cores), operation)
    useful = 20 * 12 * 16 / (8 * 8 * cores)
    edges = 4 * 20 * 2 / cores - 2 * useful
    each, steps = (4, 40) if cores == 1 else (2, 40)
    assert (parts.folds, parts.folds_per_core, parts.passes, parts.steps_per_fold) == (4, each, 2, steps)
    assert parts.part_cycles[:4] == pytest.approx((useful, 0, useful, edges))
    assert parts.part("idle_cores") == pytest.approx(each * steps - 160 / cores)
    assert parts.cycles == each * (2 * 8 + 8 + 40 - 2) - 1


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 300), st.integers(1, 32), st.integers(1, 32))
def test_whole_tiles_lose_nothing_at_the_edges(down, across, m, rows, cols):
    parts = array_work(array("weight_stationary", rows, cols, 1), Gemm(m=m, n=across * cols, k=down * rows))
    assert parts.part("array_edges") == pytest.approx(0, abs=1e-9 * parts.cycles)
    assert parts.part("fill_and_drain") == pytest.approx(down * across * (2 * rows + cols - 2) - 1)


def test_a_floating_product_on_integers_has_no_parts():
    assert array_work(array("ideal", 8, 8, 1), replace(Gemm(m=4, n=4, k=4), floating=True)) is None
