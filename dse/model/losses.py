"""Where the cycles of an operation go: useful products, and what each kind of loss adds to them.

The split is a staircase of times, each of which adds one cause to the one before. With P = rows·cols·cores MAC units, F folds (of
all groups), X steps that stream past the array in a fold (M rows of a weight-stationary fold, N' columns of an input-stationary
one, the reduction K' of an output-stationary one) and `passes` array passes a product, one repeat takes

==============  =========================================================  ==================================================
part            systolic array                                             what the time up to here means
==============  =========================================================  ==================================================
useful          MACs without padding / P                                   every unit makes a wanted product in every cycle
padding         MACs / P                                                   products with the zeros around a map count too
wide numbers    MACs·passes / P                                            a wide product takes several narrow ones
array edges     F·X·passes / cores                                         folds fill whole arrays: the last row and column
                                                                           of tiles is part empty
idle cores      ceil(F/cores)·ceil(X/parts)·passes                         the busiest core: folds or streams do not divide
fill and drain  the cycles of `dse.model.mapping`                          weights shift in, the pipeline fills and empties
buffer port     the same                                                   (other dataflows) the array's edges carry no more
==============  =========================================================  ==================================================

Each part is what its line adds to the line before. In the two ways in which folds lie on cores (see `dse.model.mapping`) the
factors ceil(F/cores) and parts are (ceil(F/cores), max(cores // F, 1)) or (F, cores). A dot-product array has F =
G·ceil(C/rows)·R·S·ceil(N'/cols)·M folds of one step; a row-stationary one has jobs (one image, filter and channel, folded and
cut into strips) of Q·S steps that take `sets` places of an array, jobs / (sets·cores) at the array's edges and ceil(jobs /
(sets·cores)) on the busiest; an ideal one loses nothing but passes. On output tiles (`dse.model.tiled`) the array's edges are
those of the tiles and MAC units that a small tile leaves idle, idle cores those of the last wave, and fill and drain the adding
of parts; Winograd's algorithm makes fewer products, and where it then takes less time than the wanted ones, all of it counts as
useful. Where a stricter count of an operation exceeds a later time (a transposed convolution's MACs are rounded otherwise in
the product that it becomes), it is cut to that, so that no part is negative.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from dse.hardware.design import DATAFLOWS, FORMATS, SKIPS_PADDING, Dataflow, IntColumn
from dse.hardware.tiling import Tiling
from dse.model.mapping import SYSTOLIC, Arrays, Core, cycles_of, folds_of, passes_of, stream_cycles
from dse.model.nests import Nests, ceil
from dse.model.row_stationary import Sets
from dse.model.tiled import Cut, tiled
from dse.units import FLOATING_FORMATS, FORMAT_BITS
from dse.workload.operations import TensorOperation

ArrayPart = Literal["useful", "padding", "wide_numbers", "array_edges", "idle_cores", "fill_and_drain", "buffer_port"]
ARRAY_PARTS: tuple[ArrayPart, ...] = (
    "useful",
    "padding",
    "wide_numbers",
    "array_edges",
    "idle_cores",
    "fill_and_drain",
    "buffer_port",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayWork:
    """An operation on one array: how it lies there, and its cycles by part, all repeats.

    `dataflow` is the one that runs (of ``best`` the cheapest). `folds` are those of one repeat and all groups,
    `folds_per_core` those of the busiest core, one after the other; `sharing_cores` share the stream of a fold. `stream` are
    the steps of one fold before they are shared, `passes` those of a wide product. `products` are the multiplications that
    count (without those of the padding where the array skips them). On output tiles, `cut` is the way that runs, folds are
    tiles and a stream is the reduction of one. For a row-stationary array folds are jobs and `sets` of them lie on it side by
    side.
    """

    dataflow: Dataflow
    rows: int
    cols: int
    cores: int
    folds: int
    folds_per_core: int
    sharing_cores: int
    stream: int
    passes: int
    products: int
    sets: int
    repeats: int
    cycles: float
    part_cycles: tuple[float, ...]
    cut: Cut | None = None

    def part(self, name: ArrayPart) -> float:
        """Cycles of one part."""
        return self.part_cycles[ARRAY_PARTS.index(name)]

    @property
    def steps_per_fold(self) -> int:
        """Cycles in which a fold streams on a core."""
        return -(-self.stream // self.sharing_cores) * self.passes


def array_work(
    arrays: Arrays, operation: TensorOperation, *, skip_padding: bool = False, tiling: Tiling | None = None
) -> ArrayWork | None:
    """How `operation` lies on the only array of `arrays`, and where its cycles go; None where it cannot multiply the format.

    The parts add up to the cycles of `dse.model.mapping.array_table`.
    """
    shapes = Nests.of([operation])
    precision = FORMATS[int(arrays.precision[0])]
    if operation.floating and precision not in FLOATING_FORMATS:
        return None
    native_bits = np.array([[FORMAT_BITS[precision]]])
    core = Core(
        rows=arrays.rows[:1, None],
        cols=arrays.cols[:1, None],
        cores=arrays.cores[:1, None],
        native_bits=native_bits,
        passes=passes_of(native_bits, shapes),
    )
    named = DATAFLOWS[int(arrays.dataflow[0])]
    if named == "ideal" and tiling is not None:
        return _tiled_work(core, operation, shapes, tiling)
    candidates = SYSTOLIC if named == "best" else (named,)
    skips = skip_padding and named in SKIPS_PADDING
    cycles = {each: float(cycles_of(each, core, shapes, skip_padding=skips)[0, 0]) for each in candidates}
    dataflow = min(candidates, key=lambda each: cycles[each])
    lies = _Lying.of(dataflow, core, shapes, skips=skips)
    units = int(core.rows[0, 0] * core.cols[0, 0] * core.cores[0, 0])
    passes = int(core.passes[0, 0])
    true = operation.true_macs // operation.repeats
    products = true if skips and dataflow == "ideal" else lies.products
    streamed = lies.folds_per_core * -(-lies.stream // lies.sharing_cores) * passes
    if dataflow == "ideal":
        spread = streamed = products * passes / units
    else:
        spread = lies.folds * lies.stream * passes / (lies.sets * int(core.cores[0, 0]))
    systolic = lies.filled_cycles if dataflow in SYSTOLIC else streamed
    reached = [true / units, products / units, products * passes / units, spread, streamed, systolic, cycles[dataflow]]
    steps = np.minimum.accumulate(np.array(reached, dtype=np.float64)[::-1])[::-1] * operation.repeats
    return ArrayWork(
        dataflow=dataflow,
        rows=int(core.rows[0, 0]),
        cols=int(core.cols[0, 0]),
        cores=int(core.cores[0, 0]),
        folds=lies.folds,
        folds_per_core=lies.folds_per_core,
        sharing_cores=lies.sharing_cores,
        stream=lies.stream,
        passes=passes,
        products=products,
        sets=lies.sets,
        repeats=operation.repeats,
        cycles=float(steps[-1]),
        part_cycles=(float(steps[0]), *np.diff(steps).tolist()),
    )


def _tiled_work(core: Core, operation: TensorOperation, shapes: Nests, tiling: Tiling) -> ArrayWork:
    """The work of a machine on output tiles, and its cycles by part."""
    found = tiled(core.rows * core.cols, core.cores, core.passes, shapes, tiling)
    units, passes = _one(core.rows * core.cols * core.cores), _one(core.passes)
    products, cut = float(found.products[0, 0]), found.cuts[_one(found.chosen)]
    cycles, adding = float(found.cycles[0, 0]), float(found.adding_cycles[0, 0])
    true = operation.true_macs // operation.repeats
    busy, filled = float(found.busy_cycles[0, 0]), cycles - adding
    reached = [true / units, products / units, products * passes / units, busy, filled, cycles, cycles]
    steps = np.minimum.accumulate(np.array(reached, dtype=np.float64)[::-1])[::-1] * operation.repeats
    reduction = shapes.c if cut.winograd is not None else shapes.k
    return ArrayWork(
        dataflow="ideal",
        rows=_one(core.rows),
        cols=_one(core.cols),
        cores=_one(core.cores),
        folds=_one(found.tiles),
        folds_per_core=_one(found.waves),
        sharing_cores=1,
        stream=-(-_one(reduction) // cut.parts),
        passes=passes,
        products=round(products),
        sets=1,
        repeats=operation.repeats,
        cycles=float(steps[-1]),
        part_cycles=(float(steps[0]), *np.diff(steps).tolist()),
        cut=cut,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lying:
    """How the folds of one repeat lie on cores; `filled_cycles` of a systolic array include fill and drain."""

    folds: int
    folds_per_core: int
    sharing_cores: int
    stream: int
    products: int
    sets: int = 1
    filled_cycles: float = 0.0

    @classmethod
    def of(cls, dataflow: Dataflow, core: Core, s: Nests, *, skips: bool) -> _Lying:
        cores = int(core.cores[0, 0])
        products = int(s.macs[0, 0])
        if dataflow == "ideal":
            return cls(folds=1, folds_per_core=1, sharing_cores=1, stream=products, products=products)
        if dataflow == "dot_product":
            folds = _one(s.groups * ceil(s.c, core.rows) * s.taps * ceil(s.n, core.cols) * s.m)
            return cls(folds=folds, folds_per_core=-(-folds // cores), sharing_cores=1, stream=1, products=products)
        if dataflow == "row_stationary":
            sets = Sets.of(core.rows, core.cols, s)
            jobs = _one(s.batch * s.groups * s.n * s.c * sets.folds * sets.strips)
            each = _one(s.width.true_multiplies if skips else s.width.multiplies)
            side_by_side = _one(sets.sets)
            if skips:
                products = _one(s.batch * s.groups * s.n * s.c * s.height.multiplies) * each
            return cls(
                folds=jobs,
                folds_per_core=-(-jobs // (side_by_side * cores)),
                sharing_cores=1,
                stream=each,
                products=products,
                sets=side_by_side,
            )
        return cls._systolic(dataflow, core, s, products)

    @classmethod
    def _systolic(cls, dataflow: Dataflow, core: Core, s: Nests, products: int) -> _Lying:
        cores = int(core.cores[0, 0])
        folds = _one(s.groups * folds_of(dataflow, core.rows, core.cols, s))
        stream = {"output_stationary": s.k, "input_stationary": s.n}.get(dataflow, s.m)
        alone = dataflow == "output_stationary"
        ways = [(-(-folds // cores), 1 if alone else max(cores // folds, 1))]
        if not alone:
            ways.append((folds, cores))

        def filled(way: tuple[int, int]) -> float:
            each, parts = np.array([[way[0]]]), np.array([[way[1]]])
            return float(stream_cycles(dataflow, each, parts, core.rows, core.cols, s, core.passes)[0, 0])

        best = min(ways, key=filled)
        return cls(
            folds=folds,
            folds_per_core=best[0],
            sharing_cores=best[1],
            stream=_one(stream),
            products=products,
            filled_cycles=filled(best),
        )


def _one(column: IntColumn) -> int:
    return int(column[0, 0])
