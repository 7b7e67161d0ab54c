"""Cycles of one layer as formulas with their numbers: the product, how it lies on the array, folds and cycles."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dse.model.losses import ArrayWork
from dse.model.tiled import Cut, busy_units
from dse.report.explain_quantities import cycles_text
from dse.workload.operations import TensorOperation

Lines = Iterator[tuple[str, str]]
"""Labels and texts."""


def product_lines(operation: TensorOperation) -> Lines:
    """The sizes of the matrix product that an operation amounts to, and its MACs."""
    o = operation
    maps = o.height.outputs * o.width.outputs > 1 or o.height.taps * o.width.taps > 1
    m, n, k = o.m, o.n_group, o.k_group
    groups = f", {o.groups:,} groups" if o.groups > 1 else ""
    steps = f", {o.repeats:,} steps one after another" if o.repeats > 1 else ""
    if maps:
        factors = f"N·P·Q = {o.n}·{o.height.outputs}·{o.width.outputs} = {m:,}"
        taps = k // (o.c // o.groups)
        yield "M", factors
        yield "N'", f"K/G = {o.k:,}/{o.groups:,} = {n:,}"
        yield "K'", f"C/G·R·S = {o.c // o.groups:,}·{taps} = {k:,}"
    yield "product", f"M x N' x K' = {m:,} x {n:,} x {k:,}{groups}{steps}"
    times = "".join((f"·{o.groups:,}" if o.groups > 1 else "", f"·{o.repeats:,}" if o.repeats > 1 else ""))
    if o.macs == m * n * k * o.groups * o.repeats:
        yield "MACs", f"{m:,}·{n:,}·{k:,}{times} = {o.macs:,}"
    else:
        yield "MACs", f"{o.macs:,} (pairs of an output and a tap that count, times channels)"
    if o.true_macs != o.macs:
        yield "", f"of which {o.true_macs:,} meet no zero of the padding"


_LYING = {
    "weight_stationary": ("K'", "N'", "M"),
    "weight_stationary_double_buffered": ("K'", "N'", "M"),
    "output_stationary": ("M", "N'", "K'"),
    "input_stationary": ("K'", "M", "N'"),
}
"""Dataflow -> what lies on rows and on columns, and what streams past."""


def parallel_lines(array: ArrayWork, operation: TensorOperation) -> Lines:
    """What lies side by side on the array, and what streams."""
    yield "dataflow", array.dataflow.replace("_", " ")
    yield "parallel", _parallel(array, operation)
    if array.passes > 1:
        yield "passes", f"{array.passes}: a {operation.input_bits} x {operation.weight_bits} bit product on narrower multipliers"


def _parallel(array: ArrayWork, operation: TensorOperation) -> str:
    rows, cols = f"{array.rows} rows", f"{array.cols} columns"
    if array.dataflow in _LYING:
        sizes = _sizes(operation)
        down, across, stream = (f"{name} = {sizes[name]:,}" for name in _LYING[array.dataflow])
        return f"{down} on {rows}, {across} on {cols}; {stream} streams"
    if array.dataflow == "dot_product":
        return f"C/G = {operation.c // operation.groups:,} on {rows}, N' = {operation.n_group:,} on {cols}"
    if array.dataflow == "row_stationary":
        return f"{array.folds:,} jobs (one image, filter, channel and strip), {array.sets} at a time on {rows} x {cols}"
    if array.cut is not None:
        share = array.cut.tile.resident
        at_once = "one on each" if share == 1 else f"{share} on each"
        return f"tiles of {array.cut.rows} x {array.cut.cols} outputs, {at_once} of {array.cores} cores"
    return f"all {operation.macs // operation.repeats:,} MACs of a step, {array.rows * array.cols * array.cores:,} at a time"


def _sizes(operation: TensorOperation) -> dict[str, int]:
    return {"M": operation.m, "N'": operation.n_group, "K'": operation.k_group}


def cycle_lines(array: ArrayWork, operation: TensorOperation, port: str) -> Lines:
    """Folds, cores and cycles; `port` is what the edges of the array carry."""
    times = f"{array.repeats:,} steps x " if array.repeats > 1 else ""
    passes = f"·{array.passes}" if array.passes > 1 else ""
    r, c, x, f = array.rows, array.cols, array.steps_per_fold, array.folds_per_core
    total = cycles_text(array.cycles)
    if array.cut is not None:
        yield from _tile_lines(array, array.cut, times, passes)
        return
    if array.dataflow == "ideal":
        yield "cycles", f"{times}{array.products:,}{passes} / ({r}·{c}·{array.cores}) = {total}"
        return
    if array.dataflow in _LYING:
        yield "folds", _folds(array, operation)
        yield from _cores(array)
        body = {
            "weight_stationary": f"{f:,}·(2·{r} + {c} + {x:,} - 2) - 1",
            "weight_stationary_double_buffered": f"{f:,}·max({x:,}, {r}) + {r} + {c} - 2",
            "output_stationary": f"{f:,}·({r} + {c} + {x:,} - 2) - 1",
            "input_stationary": f"{f:,}·(2·{r} + {c} + {x:,} - 2) - 1",
        }[array.dataflow]
        formula = {
            "weight_stationary": "folds·(2·rows + columns + M - 2) - 1",
            "weight_stationary_double_buffered": "folds·max(M, rows) + rows + columns - 2",
            "output_stationary": "folds·(rows + columns + K' - 2) - 1",
            "input_stationary": "folds·(2·rows + columns + N' - 2) - 1",
        }[array.dataflow]
        yield "cycles", f"{formula} = {times}{f'({body})' if times else body} = {total}"
        return
    side = f"({array.sets}·{array.cores})" if array.dataflow == "row_stationary" else f"{array.cores}"
    named = "jobs" if array.dataflow == "row_stationary" else "folds"
    if array.dataflow == "dot_product":
        taps = operation.k_group // (operation.c // operation.groups)
        channels = operation.c // operation.groups
        body = f"{operation.groups}·ceil({channels:,}/{r})·{taps}·ceil({operation.n_group:,}/{c})·{operation.m:,}"
        yield "folds", f"G·ceil(C/rows)·R·S·ceil(N'/columns)·M = {body} = {array.folds:,}"
    steps = f"·{array.stream}" if array.stream > 1 else ""
    yield "array", f"{times}ceil({array.folds:,} {named} / {side}){steps}{passes} = {array.repeats * f * x:,} cycles"
    if array.part("buffer_port") > 0:
        yield "buffer port", f"{times}{port} = {total} cycles, which is longer"
    yield "cycles", total


def _tile_lines(array: ArrayWork, cut: Cut, times: str, passes: str) -> Lines:
    """Tiles, waves and cycles of a machine that works on output tiles."""
    units = array.rows * array.cols
    busy = float(busy_units(cut.tile, np.array([units]))[0])
    places = f"{array.cores} cores" if cut.tile.resident == 1 else f"({array.cores} cores·{cut.tile.resident})"
    kernel = "" if cut.winograd is None else f"·{(cut.winograd + 2) ** 2}"
    if cut.winograd is not None:
        e = cut.winograd
        yield "Winograd", f"F({e} x {e}, 3 x 3): {(e + 2) ** 2} products for {e}·{e} outputs, in place of {9 * e * e}"
    if cut.parts > 1:
        yield "parts", f"the reduction is cut into {cut.parts} of {array.stream:,}, which are added"
    yield "waves", f"ceil({array.folds:,} tiles / {places}) = {array.folds_per_core:,}"
    added = array.part("fill_and_drain") / array.repeats
    adding = f" + {cycles_text(added)} to add the parts" if added else ""
    body = f"{array.folds_per_core:,}·{cut.rows}·{cut.cols}·{array.stream:,}{kernel}{passes} / {busy:g}{adding}"
    yield "cycles", f"{times}{body} = {cycles_text(array.cycles)}"


def _folds(array: ArrayWork, operation: TensorOperation) -> str:
    sizes = _sizes(operation)
    on_rows, on_cols, _ = _LYING[array.dataflow]
    down, across = -(-sizes[on_rows] // array.rows), -(-sizes[on_cols] // array.cols)
    groups = (f"·{operation.groups:,}", "·G") if operation.groups > 1 else ("", "")
    names = f"ceil({on_rows}/rows)·ceil({on_cols}/columns){groups[1]}"
    numbers = f"ceil({sizes[on_rows]:,}/{array.rows})·ceil({sizes[on_cols]:,}/{array.cols}){groups[0]}"
    return f"{names} = {numbers} = {down:,}·{across:,}{groups[0]} = {array.folds:,}"


def _cores(array: ArrayWork) -> Lines:
    stream = _LYING[array.dataflow][2]
    passes = f"·{array.passes} passes" if array.passes > 1 else ""
    if array.cores > 1:
        each = (
            f"ceil({array.folds:,}/{array.cores})"
            if array.sharing_cores < array.cores or array.folds == 1
            else f"{array.folds:,}"
        )
        yield "on cores", f"{each} = {array.folds_per_core:,} folds, one after another, on the busiest of {array.cores} cores"
    if array.sharing_cores > 1 or array.passes > 1:
        shared = f"ceil({array.stream:,}/{array.sharing_cores})" if array.sharing_cores > 1 else f"{array.stream:,}"
        who = f"; {array.sharing_cores} cores share the stream of a fold" if array.sharing_cores > 1 else ""
        yield f"{stream} a core", f"{shared}{passes} = {array.steps_per_fold:,}{who}"
