"""What every array mapping must obey."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dse.hardware.design import DATAFLOWS, FORMATS
from dse.model.mapping import Arrays, array_table
from dse.workload.operations import Conv2d, Gemm

sizes = st.integers(1, 300)
gemms = st.builds(Gemm, m=sizes, n=sizes, k=sizes, groups=st.integers(1, 4), repeats=st.integers(1, 3))


@st.composite
def convolutions(draw):
    n, k, c, p, r, stride, groups = (draw(st.integers(1, most)) for most in (3, 40, 40, 20, 5, 3, 4))
    return Conv2d(n=n, k=k * groups, c=c * groups, p=p, q=p, r=r, s=r, stride=stride, groups=groups)


operations = gemms | convolutions()
edges = st.integers(1, 64)
dataflows = st.sampled_from(DATAFLOWS)


def run(operation, rows, cols, dataflow, cores):
    arrays = Arrays(
        rows=np.array([rows]),
        cols=np.array([cols]),
        cores=np.array([cores]),
        dataflow=np.array([DATAFLOWS.index(dataflow)]),
        precision=np.array([FORMATS.index("int8")]),
    )
    return array_table(arrays, [operation])


@given(operations, edges, edges, dataflows, st.integers(1, 9))
def test_time_is_at_least_ops_over_peak(operation, rows, cols, dataflow, cores):
    assert run(operation, rows, cols, dataflow, cores).cycles[0, 0] >= operation.macs / (rows * cols * cores) * (1 - 1e-12)


@given(operations, edges, edges, dataflows, st.integers(1, 9))
def test_a_further_core_never_slows(operation, rows, cols, dataflow, cores):
    assert (
        run(operation, rows, cols, dataflow, cores + 1).cycles[0, 0] <= run(operation, rows, cols, dataflow, cores).cycles[0, 0]
    )


@given(operations, edges, edges, dataflows)
def test_buffer_carries_at_least_every_output_and_weight(operation, rows, cols, dataflow):
    least = operation.repeats * (operation.weight_elements + operation.output_elements)
    assert run(operation, rows, cols, dataflow, 1).buffer_bytes[0, 0] >= least


@given(operations, edges, edges, st.integers(2, 5))
def test_repeats_cost_what_so_many_runs_cost(operation, rows, cols, repeats):
    one = run(operation, rows, cols, "ideal", 1).cycles[0, 0]
    many = run(replace(operation, repeats=operation.repeats * repeats), rows, cols, "ideal", 1).cycles[0, 0]
    np.testing.assert_allclose(many, repeats * one)
