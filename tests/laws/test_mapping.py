"""What every array mapping must obey."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dse.hardware.design import DATAFLOWS, FORMATS, SKIPS_PADDING
from dse.model.mapping import SYSTOLIC, Arrays, array_table
from dse.workload.operations import Conv2d, Gemm

sizes = st.integers(1, 300)
gemms = st.builds(Gemm, m=sizes, n=sizes, k=sizes, groups=st.integers(1, 4), repeats=st.integers(1, 3))


@st.composite
def convolutions(draw):
    n, k, c, p, r, stride, groups = (draw(st.integers(1, most)) for most in (3, 40, 40, 20, 5, 3, 4))
    padding = draw(st.integers(0, ((p - 1) * stride + r - 1) // 2))
    return Conv2d(n=n, k=k * groups, c=c * groups, p=p, q=p, r=r, s=r, stride=stride, padding=min(padding, r - 1), groups=groups)


operations = gemms | convolutions()
edges = st.integers(1, 64)
dataflows = st.sampled_from(DATAFLOWS)


def run(operation, rows, cols, dataflow, cores, **options):
    arrays = Arrays(
        rows=np.array([rows]),
        cols=np.array([cols]),
        cores=np.array([cores]),
        dataflow=np.array([DATAFLOWS.index(dataflow)]),
        precision=np.array([FORMATS.index("int8")]),
    )
    return array_table(arrays, [operation], **options)


@given(operations, edges, edges, dataflows, st.integers(1, 9))
def test_time_is_at_least_ops_over_peak(operation, rows, cols, dataflow, cores):
    assert run(operation, rows, cols, dataflow, cores).cycles[0, 0] >= operation.macs / (rows * cols * cores) * (1 - 1e-12)


@given(operations, edges, edges, dataflows, st.integers(1, 9))
def test_a_further_core_never_slows(operation, rows, cols, dataflow, cores):
    assert (
        run(operation, rows, cols, dataflow, cores + 1).cycles[0, 0] <= run(operation, rows, cols, dataflow, cores).cycles[0, 0]
    )


@given(operations, edges, edges, st.sampled_from(SKIPS_PADDING), st.integers(1, 9))
def test_skipped_padding_saves_and_time_is_still_at_least_true_ops_over_peak(operation, rows, cols, dataflow, cores):
    dense = run(operation, rows, cols, dataflow, cores)
    skipped = run(operation, rows, cols, dataflow, cores, skip_padding=True)
    assert operation.true_macs / (rows * cols * cores) * (1 - 1e-12) <= skipped.cycles[0, 0] <= dense.cycles[0, 0]
    assert skipped.native_macs[0, 0] == operation.true_macs


@given(operations, edges, edges, st.sampled_from((*SYSTOLIC, "dot_product")))
def test_a_systolic_array_multiplies_padding_whatever_it_is_told(operation, rows, cols, dataflow):
    told = run(operation, rows, cols, dataflow, 1, skip_padding=True)
    assert told.cycles[0, 0] == run(operation, rows, cols, dataflow, 1).cycles[0, 0]
    assert told.native_macs[0, 0] == operation.macs


@given(gemms, edges, edges, st.sampled_from(SYSTOLIC), st.integers(1, 9))
def test_whole_groups_to_cores_is_never_better(operation, rows, cols, dataflow, cores):
    """ceil(G/cores) groups one after the other on a core, each as it is alone, against all folds over all cores."""
    alone = run(replace(operation, groups=1, k=operation.n_group, c=operation.c // operation.groups), rows, cols, dataflow, 1)
    shared = run(operation, rows, cols, dataflow, cores).cycles[0, 0]
    fill = rows + cols  # a double-buffered array fills once for all its folds
    each = -(-operation.groups // cores)
    assert shared <= each * alone.cycles[0, 0] + operation.repeats * each * fill


@given(operations, edges, edges, st.integers(1, 9))
def test_row_stationary_cycles_carry_their_buffer_bytes_over_the_edges(operation, rows, cols, cores):
    table = run(operation, rows, cols, "row_stationary", cores)
    assert table.buffer_bytes[0, 0] <= table.cycles[0, 0] * (rows + 2 * cols) * cores * (1 + 1e-12)


@given(operations, edges, edges, dataflows)
def test_buffer_carries_at_least_every_output_and_weight(operation, rows, cols, dataflow):
    least = operation.repeats * (operation.weight_elements + operation.output_elements)
    assert run(operation, rows, cols, dataflow, 1).buffer_bytes[0, 0] >= least


@given(operations, edges, edges, st.integers(2, 5))
def test_repeats_cost_what_so_many_runs_cost(operation, rows, cols, repeats):
    one = run(operation, rows, cols, "ideal", 1).cycles[0, 0]
    many = run(replace(operation, repeats=operation.repeats * repeats), rows, cols, "ideal", 1).cycles[0, 0]
    np.testing.assert_allclose(many, repeats * one)
