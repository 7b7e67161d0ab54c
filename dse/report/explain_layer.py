"""One layer in full: every figure as a formula with its numbers put in, and where each constant is from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dse.errors import InputError, Problem
from dse.hardware.design import ABSTRACT_MEMORY
from dse.hardware.parameters import suggestion
from dse.hardware.technology import lane_format
from dse.model.explain import TIME_PARTS, LayerExplanation, ScenarioExplanation, TensorUse
from dse.model.losses import ArrayWork
from dse.report.explain_table import PART, PLACE_TEXT
from dse.units import BITS_PER_BYTE, FORMAT_BITS, OPS_PER_MAC, format_quantity
from dse.workload.operations import TensorOperation

SCALE_SIM = "Samajdar et al., SCALE-Sim, ISPASS 2020, eqs. 1-4, as its simulator runs them"
CYCLE_SOURCE = {
    "weight_stationary": SCALE_SIM,
    "output_stationary": SCALE_SIM,
    "input_stationary": SCALE_SIM,
    "weight_stationary_double_buffered": "Jouppi et al., TPU v1, ISCA 2017, section 2: weights shift in behind the rows that stream",
    "dot_product": "NVDLA's array: C on rows, K on columns, an adder tree along the rows",
    "row_stationary": "Chen et al., Eyeriss, ISCA 2016 and JSSC 2017, table 5",
    "ideal": "an array without losses: MACs over MAC units",
}
TRAFFIC_SOURCE = "least traffic of all mappings of the class (Huang et al., Mind the Gap, ISCA 2024, for the idea); `dse reuse` has the curve"

MOST_NAMED = 10
"""Layers that a message names."""


@dataclass(frozen=True, slots=True)
class Section:
    """A title and its lines, each a label and a text."""

    title: str
    lines: tuple[tuple[str, str], ...]


def layers_named(explained: ScenarioExplanation, name: str) -> tuple[LayerExplanation, ...]:
    """The layers of a name: one task, the task that a fused step rides on, or the tasks of a layer, equal ones once.

    Raises `InputError` with what may have been meant.
    """
    exact = [layer for layer in explained.layers if any(step.name == name for step in layer.task.steps)]
    if exact:
        return (exact[0],)
    whole = [layer for layer in explained.layers if any(step.layer == name for step in layer.task.steps)]
    if whole:
        return tuple({(layer.operation, layer.row["dram_bytes"], layer.row["vector_ops"]): layer for layer in reversed(whole)}.values())[
            ::-1
        ]
    known = [*dict.fromkeys(each for layer in explained.layers for each in (layer.name, layer.task.layer))]
    remedy = suggestion(name, known)
    if remedy.startswith("known") and len(known) > MOST_NAMED:
        remedy = f"there are {', '.join(known[:MOST_NAMED])} and {len(known) - MOST_NAMED} more; `dse explain` lists them"
    raise InputError(Problem(f"'{explained.scenario.name}' has no layer {name!r}", remedy=remedy))


def layer_report(explained: ScenarioExplanation, layers: tuple[LayerExplanation, ...]) -> RenderableType:
    """The sections of each layer."""
    parts: list[RenderableType] = []
    for layer in layers:
        title = f"{layer.name} ({layer.task.kind}) of {explained.scenario.name} on {explained.result.space.name}"
        parts += [Text(title, style="bold"), *map(_shown, layer_sections(explained, layer)), Text()]
    return Group(*parts[:-1])


def _shown(section: Section) -> RenderableType:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=2)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for label, text in section.lines:
        table.add_row("", label, text)
    return Group(Text(), Text(section.title, style="bold"), table)


def layer_sections(explained: ScenarioExplanation, layer: LayerExplanation) -> tuple[Section, ...]:
    """Everything about one layer, in words and formulas."""
    view = _Formulas(explained, layer)
    sections = {
        "Parameters": view.parameters(),
        "Activations": view.activations(),
        "Compute": view.compute(),
        "Time": view.time(),
        "Where the time goes (share of time x peak)": view.split(),
        "Energy": view.energy(),
        "Dependencies: ready before it can start": view.dependencies(),
        "Sources": view.sources(),
    }
    return tuple(Section(title, lines) for title, found in sections.items() if (lines := tuple(found)))


@dataclass(frozen=True, slots=True)
class _Formulas:
    """The lines of one layer; the numbers in them are those of the explanation."""

    explained: ScenarioExplanation
    layer: LayerExplanation

    @property
    def _bandwidth(self) -> str:
        device, design = self.explained.result.space.device, self.explained.result.design
        return _with_efficiency(format_quantity(design.bandwidth_bytes_per_s, "bandwidth"), device.bandwidth_efficiency)

    @property
    def _clock(self) -> str:
        device, design = self.explained.result.space.device, self.explained.result.design
        return _with_efficiency(format_quantity(design.frequency_hz, "frequency"), device.compute_efficiency)

    def parameters(self) -> Iterator[tuple[str, str]]:
        held, operation = self.layer.parameters, self.layer.operation
        if held is None:
            second = operation is not None and operation.weight_role != "weight"
            yield "none", "both factors are activations" if second else "vector work has no weights"
            return
        bits = held.size_bytes * BITS_PER_BYTE / held.elements
        named = "numbers in the table" if held.is_table else "weights"
        yield "size", f"{held.elements:,} {named} x {bits:g} bits = {_bytes(held.size_bytes)}"
        room = f"{_size(held.room_bytes)} that staying tensors leave of {_size(self.layer.activations.usable_bytes)}"
        sign = "<=" if held.size_bytes <= held.room_bytes else ">"
        yield "fit on chip", f"{PLACE_TEXT[held.place]}: {_size(held.size_bytes)} {sign} {room}"
        if held.pinned_bytes:
            yield "pinned", f"{_bytes(held.pinned_bytes)} of them stay for all {operation.repeats if operation else 1} steps"
        yield "load once", f"{held.size_bytes:,} B / {self._bandwidth} = {_time(held.load_once_s)}"
        yield from self._weight_traffic()
        if held.is_table:
            return
        assert operation is not None
        yield "reuse", f"MACs / weights = {operation.macs:,} / {held.elements:,} = {held.macs_per_weight:,.4g} uses of each weight"
        if held.fetches:
            each = f"{held.macs_per_weight:,.4g} / {held.fetches:,.4g} = {held.uses_per_fetch:,.4g}"
            yield "", f"uses / fetches = {each} uses of each weight for each time it is loaded"

    def _weight_traffic(self) -> Iterator[tuple[str, str]]:
        held, layer = self.layer.parameters, self.layer
        assert held is not None
        if held.place == "resident":
            yield "loaded", "never: they are there from the run before"
            return
        if layer.problem:
            return
        rounding = "" if held.tile_rounding == 1.0 else f", a factor of {held.tile_rounding:.4g} of it by {self._rounding()}"
        often = "once" if held.fetches == 1 else f"{held.fetches:,.4g} times"
        yield "loaded", f"{often}{rounding}: {_bytes(held.moved_bytes)} / {self._bandwidth} = {_time(held.moved_s)}"
        compute = max(layer.time_s - float(layer.row["waiting_s"]) - _exposed(layer), 0.0)
        memory = float(layer.row["memory_s"])
        if not layer.overlapped:
            yield "hidden", f"no: one buffer, so that loads and compute take turns; exposed {_time(held.exposed_s)}"
        elif held.hidden:
            yield "hidden", f"yes: all loads take {_time(memory)}, compute {_time(compute)}"
        else:
            share = f"{_bytes(held.moved_bytes)} of {_bytes(float(layer.row['dram_bytes']))}"
            yield "hidden", f"in part: all loads take {_time(memory)}, compute {_time(compute)}; exposed for weights ({share}): {_time(held.exposed_s)}"

    def _rounding(self) -> str:
        device, design = self.explained.result.space.device, self.explained.result.design
        causes = [f"whole tiles of {design.array_rows} x {design.array_cols} weights"] if device.weight_fetch == "array_tile" else []
        if device.weight_streams != 1.0:
            causes.append(f"{device.weight_streams:g} streams where the mapping needs one")
        return " and ".join(causes)

    def activations(self) -> Iterator[tuple[str, str]]:
        held = self.layer.activations
        for tensor in held.tensors:
            yield tensor.use, f"{tensor.name}: {_bytes(tensor.size_bytes)}, {_where(tensor, held.usable_bytes)}"
        if held.others:
            others = ", ".join(f"{name} {_size(size)}" for name, size in held.others)
            yield "also on chip", f"{others}: used by later layers"
        left = held.usable_bytes - held.resident_bytes
        yield "room", f"{_size(held.usable_bytes)} - {_size(held.resident_bytes)} that stay = {_size(left)} for what streams" + (
            f", of which {_size(left - held.room_bytes)} hold weights for the next run" if left > held.room_bytes else ""
        ) + ("; twice held, so that the next tile loads ahead" if held.buffers > 1 else "")
        if self.layer.problem is None:
            parts = {"inputs": held.input_dram_bytes, "outputs": held.output_dram_bytes, "other operands": held.beside_dram_bytes}
            yield "cross DRAM", ", ".join(f"{name} {_bytes(size)}" for name, size in parts.items())
        if held.mapping is not None:
            yield "by", f"{held.mapping} (What is on chip already, or stays, counts as 0 B.)"
        elif self.layer.operation is not None and self.explained.result.space.device.row_strips and not self.layer.problem:
            yield "by", f"maps in {self.explained.result.space.device.row_strips} strips of rows; all weights stream once for each"

    def compute(self) -> Iterator[tuple[str, str]]:
        layer, design = self.layer, self.explained.result.design
        if layer.problem:
            yield "cannot run", f"{layer.problem}"
        operation, array = layer.operation, layer.array
        if operation is not None:
            yield from _product(operation)
        if array is not None and operation is not None:
            yield from _parallelism(array, operation)
            yield from _cycles(array, operation, self._port())
        ops = layer.task.vector_ops
        if ops:
            lanes = f" on {design.vector_lanes} lanes" if design.vector_lanes else ", which take no time on this machine"
            yield "vector work", f"{ops:,.0f} operations{lanes}"

    def _port(self) -> str:
        """What crosses the edges of the array in one repeat, and how much of it in a cycle."""
        layer, design = self.layer, self.explained.result.design
        repeats = layer.operation.repeats if layer.operation is not None else 1
        crossing = (float(layer.row["buffer_bytes"]) - float(layer.row["dram_bytes"])) / repeats
        edges = (design.array_rows + 2 * design.array_cols) * design.cores * FORMAT_BITS[design.precision] / BITS_PER_BYTE
        return f"{crossing:,.0f} B / ({design.array_rows} + 2·{design.array_cols} numbers a core and cycle = {edges:g} B)"

    def time(self) -> Iterator[tuple[str, str]]:
        layer, row = self.layer, self.layer.row
        device, design = self.explained.result.space.device, self.explained.result.design
        names = list[str]()
        if layer.array is not None:
            names.append("array")
            yield "array", f"{_cycles_text(layer.array.cycles)} cycles / {self._clock} = {_time(float(row['compute_s']))}"
        if layer.task.vector_ops:
            names.append("vector")
            lanes = f"({design.vector_lanes} lanes · {format_quantity(design.frequency_hz, 'frequency')})" if design.vector_lanes else "∞"
            yield "vector", f"{layer.task.vector_ops:,.0f} ops / {lanes} = {_time(float(row['vector_s']))}"
        if layer.problem is None:
            yield "memory", f"{_bytes(float(row['dram_bytes']))} / {self._bandwidth} = {_time(float(row['memory_s']))}"
        joined = _joined(names, serial=device.vector == "serial", overlapped=layer.overlapped)
        if float(row["waiting_s"]):
            step = f"{layer.task.sequential_steps:,} steps x {_time(device.dependency_latency_s)}"
            yield "waiting", f"{step} = {_time(float(row['waiting_s']))}"
            joined += " + waiting"
        why = "loads overlap compute" if layer.overlapped else "loads and compute take turns"
        yield "time", f"{joined} = {_time(layer.time_s)} ({why}); binds: {row['bound']}"
        if layer.problem is None:
            begin, latency = layer.begin_s, float(self.explained.summary["latency_s"])
            yield "when", f"from {_time(begin)} to {_time(begin + layer.time_s)} of {_time(latency)}"
        if device.overlap == "network" and layer.overlapped:
            yield "", "this machine prefetches across layers: a scenario takes the larger of all compute and all memory time"

    def split(self) -> Iterator[tuple[str, str]]:
        layer = self.layer
        if layer.part_s is None or not layer.time_s:
            return
        for part in TIME_PARTS:
            if layer.share(part) > 0 or part == "useful":
                seconds = layer.share(part) * layer.time_s
                yield PART[part][0], f"{100 * layer.share(part):6.2f}%  {_time(seconds):>9}  {PART[part][1]}"
        yield "all", f"{100 * sum(map(layer.share, TIME_PARTS)):6.2f}%  {_time(layer.time_s):>9}"

    def energy(self) -> Iterator[tuple[str, str]]:
        layer, used, costs = self.layer, self.layer.energy, self.explained.result.costs
        if layer.problem:
            return
        lines = (
            ("MACs", f"{used.macs:,.0f} native MACs", float(costs.mac_energy_j[0]), "a MAC", used.mac_j),
            ("vector", f"{used.vector_ops:,.0f} ops", float(costs.vector_energy_j_per_op[0]), "an op", used.vector_j),
            ("buffer", f"{used.buffer_bytes:,.0f} B in or out", float(costs.sram_energy_j_per_byte[0]), "a byte", used.buffer_j),
            ("DRAM", f"{used.dram_bytes:,.0f} B", float(costs.dram_energy_j_per_byte[0]), "a byte", used.dram_j),
        )
        for name, counted, each_j, unit, total_j in lines:
            if total_j:
                yield name, f"{counted} x {_energy(each_j)} {unit} = {_energy(total_j)}"
        static = f"{_time(layer.time_s)} x {format_quantity(float(costs.static_power_w[0]), 'power', 4)}"
        yield "static", f"{static} = {_energy(used.static_j)}"
        yield "all", _energy(used.total_j)

    def dependencies(self) -> Iterator[tuple[str, str]]:
        for need in self.layer.needs:
            yield need.tensor, f"{need.text}: {need.needed_bytes:,.0f} B" + (f", {_fraction(need.fraction)} of it" if need.fraction < 1 else "")
        if not self.layer.needs:
            yield "nothing", "no input"

    def sources(self) -> Iterator[tuple[str, str]]:
        result, layer = self.explained.result, self.layer
        design, technology, space = result.design, result.space.technology, result.space
        if layer.array is not None:
            yield "cycles", CYCLE_SOURCE[layer.array.dataflow]
        if layer.operation is not None:
            strips = f"the space: {space.device.row_strips} strips of rows, weights once for each"
            yield "DRAM bytes", TRAFFIC_SOURCE if space.device.row_strips is None else strips
        yield "machine", f"{space.name}: {space.source or 'its file states no source'}"
        memory = technology.memories.get(design.memory)
        if memory is not None and design.memory != ABSTRACT_MEMORY:
            channel = memory.bandwidth_bytes_per_s
            stated = abs(channel.value * design.channels - design.bandwidth_bytes_per_s) > 1e-6 * design.bandwidth_bytes_per_s
            yield "bandwidth", "stated by the space" if stated else f"{design.channels} x {channel}"
        elif design.memory == ABSTRACT_MEMORY:
            yield "bandwidth", "stated by the space"
        if layer.array is not None:
            yield "e of a MAC", f"{design.precision}: {technology.mac_energy_j[design.precision].at(design.node_nm)}"
            yield "", f"x {technology.datapath_overhead} for what is around the arithmetic"
        if layer.task.vector_ops:
            lane = lane_format(design.precision)
            each = technology.mac_energy_j[lane].at(design.node_nm)
            yield "e of an op", f"a {lane} MAC / {OPS_PER_MAC}, x the same overhead: {each}"
        bank = technology.sram_energy_j_per_byte.at(design.node_nm)
        share = f"x min(SRAM / {_size(technology.sram_bank_bytes)}, 1)^{technology.sram_capacity_exponent.value:g}"
        yield "e of SRAM", f"{bank} {share}"
        if memory is not None:
            yield "e of DRAM", str(memory.energy_j_per_byte)
        static = "stated by the space" if space.device.static_power_w is not None else f"area x {technology.static_w_per_mm2}"
        yield "static", static


def _joined(names: list[str], *, serial: bool, overlapped: bool) -> str:
    """How the times of array, vector unit and memory make that of a layer."""
    if serial:
        names = [" + ".join(names)] if names else []
    if overlapped:
        return f"max({', '.join([*names, 'memory'])})" if names else "memory"
    compute = f"max({', '.join(names)})" if len(names) > 1 else "".join(names)
    return f"{compute} + memory" if compute else "memory"


def _exposed(layer: LayerExplanation) -> float:
    return layer.share("memory") * layer.time_s


def _product(operation: TensorOperation) -> Iterator[tuple[str, str]]:
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


def _parallelism(array: ArrayWork, operation: TensorOperation) -> Iterator[tuple[str, str]]:
    sizes = {"M": operation.m, "N'": operation.n_group, "K'": operation.k_group}
    flow = array.dataflow.replace("_", " ")
    yield "dataflow", flow
    if array.dataflow in _LYING:
        rows, cols, stream = _LYING[array.dataflow]
        yield "parallel", f"{rows} = {sizes[rows]:,} on {array.rows} rows, {cols} = {sizes[cols]:,} on {array.cols} columns; {stream} = {sizes[stream]:,} streams"
    elif array.dataflow == "dot_product":
        yield "parallel", f"C/G = {operation.c // operation.groups:,} on {array.rows} rows, N' = {operation.n_group:,} on {array.cols} columns"
    elif array.dataflow == "row_stationary":
        yield "parallel", f"{array.folds:,} jobs (one image, filter, channel and strip), {array.sets} at a time on {array.rows} x {array.cols}"
    else:
        yield "parallel", f"all {operation.macs // operation.repeats:,} MACs of a step, {array.rows * array.cols * array.cores:,} at a time"
    if array.passes > 1:
        yield "passes", f"{array.passes}: a {operation.input_bits} x {operation.weight_bits} bit product on narrower multipliers"


def _cycles(array: ArrayWork, operation: TensorOperation, port: str) -> Iterator[tuple[str, str]]:
    times = f"{array.repeats:,} steps x " if array.repeats > 1 else ""
    passes = f"·{array.passes}" if array.passes > 1 else ""
    r, c, x, f = array.rows, array.cols, array.steps_per_fold, array.folds_per_core
    total = _cycles_text(array.cycles)
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


def _cycles_text(cycles: float) -> str:
    return f"{cycles:,.3f}".rstrip("0").rstrip(".")


def _folds(array: ArrayWork, operation: TensorOperation) -> str:
    sizes = {"M": operation.m, "N'": operation.n_group, "K'": operation.k_group}
    on_rows, on_cols, _ = _LYING[array.dataflow]
    down, across = -(-sizes[on_rows] // array.rows), -(-sizes[on_cols] // array.cols)
    groups = (f"·{operation.groups:,}", "·G") if operation.groups > 1 else ("", "")
    names = f"ceil({on_rows}/rows)·ceil({on_cols}/columns){groups[1]}"
    numbers = f"ceil({sizes[on_rows]:,}/{array.rows})·ceil({sizes[on_cols]:,}/{array.cols}){groups[0]}"
    return f"{names} = {numbers} = {down:,}·{across:,}{groups[0]} = {array.folds:,}"


def _cores(array: ArrayWork) -> Iterator[tuple[str, str]]:
    stream = _LYING[array.dataflow][2]
    passes = f"·{array.passes} passes" if array.passes > 1 else ""
    if array.cores > 1:
        each = f"ceil({array.folds:,}/{array.cores})" if array.sharing_cores < array.cores or array.folds == 1 else f"{array.folds:,}"
        yield "on cores", f"{each} = {array.folds_per_core:,} folds, one after another, on the busiest of {array.cores} cores"
    if array.sharing_cores > 1 or array.passes > 1:
        shared = f"ceil({array.stream:,}/{array.sharing_cores})" if array.sharing_cores > 1 else f"{array.stream:,}"
        who = f"; {array.sharing_cores} cores share the stream of a fold" if array.sharing_cores > 1 else ""
        yield f"{stream} a core", f"{shared}{passes} = {array.steps_per_fold:,}{who}"


def _where(tensor: TensorUse, usable_bytes: int) -> str:
    layers = tensor.end - tensor.begin + 1
    life = f"from {tensor.first} to {tensor.last} ({layers} layer{'s' if layers > 1 else ''}, {_time(tensor.lifetime_s)})"
    if tensor.host:
        return f"on chip; over the host link; lives {life}"
    if tensor.stays:
        return f"stays on chip {life}"
    if tensor.fits:
        return f"crosses DRAM although it would fit alone; lives {life}"
    return f"crosses DRAM: larger than the {_size(usable_bytes)} buffer; lives {life}"


def _with_efficiency(text: str, fraction: float) -> str:
    return text if fraction == 1.0 else f"({text} · {fraction:.0%})"


def _bytes(value: float) -> str:
    exact = f"{value:,.0f} B"
    return exact if value < 1024 else f"{exact} ({_size(value)})"


def _size(value: float) -> str:
    return format_quantity(value, "bytes", 4)


def _time(value: float) -> str:
    return format_quantity(value, "time", 4)


def _energy(value: float) -> str:
    return format_quantity(value, "energy", 4)


def _fraction(value: float) -> str:
    percent = 100 * value
    return "all" if value >= 1 else f"{percent:.1f}%" if percent >= 0.1 else f"{percent:.1g}%"
