"""The two gradients of a tensor operation, each a loop nest with the multiply-accumulates of the operation itself.

Along one axis, output position p and tap r of the operation meet input position h where h·u = p·s + r·d - b (upsample u, stride
s, dilation d, padding b). The same triples (p, r, h), read for another unknown:

weight   r·d + p·s - b = h·u          outputs are the taps r, taps are the positions p: stride d, dilation s, the input as it is
input    h·u + (R-1-r)·d - b' = p·s   outputs are the positions h, taps run backwards: stride u, dilation d, upsample s over the
                                      gradient of the output, padding b' = (R-1)·d - b: a transposed convolution

The weight gradient sums over the batch, so N takes the place of C and C that of N; the input gradient swaps C and K. A
recurrent operation (`repeats` = T) has its input gradient step by step, but one weight gradient over the rows of all T steps.
"""

from __future__ import annotations

from dataclasses import replace

from dse.workload.operations import Axis, TensorOperation


def weight_gradient(operation: TensorOperation) -> TensorOperation:
    """The nest that makes the gradient of the weight operand (or of the second factor) from input and output gradient.

    Its input is the operation's input with (N, C) as (C, N), its weight operand is the gradient of the output, P x Q taps wide.

    >>> from dse.workload.operations import Gemm
    >>> made = weight_gradient(Gemm(m=64, n=10, k=300))
    >>> made.m, made.n_group, made.k_group
    (300, 10, 64)
    """
    return replace(
        operation,
        n=operation.c // operation.groups,
        c=operation.n * operation.repeats * operation.groups,
        height=_along_taps(operation.height),
        width=_along_taps(operation.width),
        weight_bits=operation.output_bits,
        output_bits=operation.weight_bits,
        input_role="activation",
        weight_role="activation",
        repeats=1,
    )


def input_gradient(operation: TensorOperation) -> TensorOperation:
    """The nest that makes the gradient of the input operand from weights and output gradient.

    Where a filter of one tap strides over the input, only the positions that it touches are outputs: the gradient is zero at
    all others, and no product makes it.

    >>> from dse.workload.operations import Gemm
    >>> made = input_gradient(Gemm(m=64, n=10, k=300))
    >>> made.m, made.n_group, made.k_group
    (64, 300, 10)
    """
    return replace(
        operation,
        k=operation.c,
        c=operation.k,
        height=_along_inputs(operation.height),
        width=_along_inputs(operation.width),
        input_bits=operation.output_bits,
        output_bits=operation.input_bits,
        input_role="activation",
    )


def _along_taps(axis: Axis) -> Axis:
    return _counting(
        replace(axis, outputs=axis.taps, taps=axis.outputs, stride=axis.dilation, dilation=axis.stride, counted=None), axis
    )


def _along_inputs(axis: Axis) -> Axis:
    if axis.taps == 1 and axis.upsample == 1:
        first = -(-axis.padding // axis.stride) if axis.padding > 0 else 0
        return _counting(Axis(outputs=max(axis.touched, 1), padding=-first, extent=axis.outputs), axis)
    transposed = Axis(
        outputs=axis.extent,
        taps=axis.taps,
        stride=axis.upsample,
        dilation=axis.dilation,
        upsample=axis.stride,
        padding=(axis.taps - 1) * axis.dilation - axis.padding,
        extent=axis.outputs,
    )
    return _counting(transposed, axis)


def _counting(axis: Axis, mirrored: Axis) -> Axis:
    """The axis with as many multiplications as the one that it mirrors."""
    return axis if axis.multiplies == mirrored.multiplies else replace(axis, counted=mirrored.multiplies)
