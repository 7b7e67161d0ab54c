"""Where the time and the energy of one layer go, as formulas with their numbers."""

from __future__ import annotations

from dse.model.explanation import TIME_PARTS, LayerExplanation, ScenarioExplanation
from dse.report.explain_cycles import Lines, cycle_lines, parallel_lines, product_lines
from dse.report.explain_quantities import bandwidth_text, bytes_text, clock_text, cycles_text, energy_text, time_text
from dse.report.explain_table import PART
from dse.units import BITS_PER_BYTE, FORMAT_BITS, format_quantity


def compute_lines(explained: ScenarioExplanation, layer: LayerExplanation) -> Lines:
    """The product, its place on the array, its cycles; vector work."""
    design = explained.result.design
    if layer.problem:
        yield "cannot run", f"{layer.problem}"
    operation, array = layer.operation, layer.array
    if operation is not None:
        yield from product_lines(operation)
    if array is not None and operation is not None:
        yield from parallel_lines(array, operation)
        yield from cycle_lines(array, operation, _port(explained, layer))
    ops = layer.task.vector_ops
    if ops:
        lanes = f" on {design.vector_lanes} lanes" if design.vector_lanes else ", which take no time on this machine"
        yield "vector work", f"{ops:,.0f} operations{lanes}"


def _port(explained: ScenarioExplanation, layer: LayerExplanation) -> str:
    """What crosses the edges of the array in one repeat, and how much of it in a cycle."""
    design = explained.result.design
    repeats = layer.operation.repeats if layer.operation is not None else 1
    crossing = (float(layer.row["buffer_bytes"]) - float(layer.row["dram_bytes"])) / repeats
    edges = (design.array_rows + 2 * design.array_cols) * design.cores * FORMAT_BITS[design.precision] / BITS_PER_BYTE
    return f"{crossing:,.0f} B / ({design.array_rows} + 2·{design.array_cols} numbers a core and cycle = {edges:g} B)"


def time_lines(explained: ScenarioExplanation, layer: LayerExplanation) -> Lines:
    """Time of array, vector unit and memory, and what they make together."""
    row = layer.row
    device, design = explained.result.space.device, explained.result.design
    names = list[str]()
    if layer.array is not None:
        names.append("array")
        yield (
            "array",
            f"{cycles_text(layer.array.cycles)} cycles / {clock_text(explained)} = {time_text(float(row['compute_s']))}",
        )
    if layer.task.vector_ops:
        names.append("vector")
        lanes = (
            f"({design.vector_lanes} lanes · {format_quantity(design.frequency_hz, 'frequency')})" if design.vector_lanes else "∞"
        )
        yield "vector", f"{layer.task.vector_ops:,.0f} ops / {lanes} = {time_text(float(row['vector_s']))}"
    if layer.problem is None:
        yield (
            "memory",
            f"{bytes_text(float(row['dram_bytes']))} / {bandwidth_text(explained)} = {time_text(float(row['memory_s']))}",
        )
    joined = _joined(names, serial=device.vector == "serial", overlapped=layer.overlapped)
    if float(row["waiting_s"]):
        steps, each = layer.task.sequential_steps, device.dependency_latency_s
        causes = [f"{steps:,} steps x {time_text(each)}"] if steps and each else []
        causes += [f"launch {time_text(device.launch_latency_s)}"] if device.launch_latency_s and layer.operation else []
        yield "waiting", f"{' + '.join(causes)} = {time_text(float(row['waiting_s']))}"
        joined += " + waiting"
    why = "loads overlap compute" if layer.overlapped else "loads and compute take turns"
    yield "time", f"{joined} = {time_text(layer.time_s)} ({why}); binds: {row['bound']}"
    if layer.problem is None:
        begin, latency = layer.begin_s, float(explained.summary["latency_s"])
        yield "when", f"from {time_text(begin)} to {time_text(begin + layer.time_s)} of {time_text(latency)}"
    if device.overlap == "network" and layer.overlapped:
        yield "", "this machine prefetches across layers: a scenario takes the larger of all compute and all memory time"


def split_lines(layer: LayerExplanation) -> Lines:
    """Every part of time x peak."""
    if layer.part_s is None or not layer.time_s:
        return
    for part in TIME_PARTS:
        if layer.share(part) > 0 or part == "useful":
            seconds = layer.share(part) * layer.time_s
            yield PART[part][0], f"{100 * layer.share(part):6.2f}%  {time_text(seconds):>9}  {PART[part][1]}"
    yield "all", f"{100 * sum(map(layer.share, TIME_PARTS)):6.2f}%  {time_text(layer.time_s):>9}"


def energy_lines(explained: ScenarioExplanation, layer: LayerExplanation) -> Lines:
    """Energy by cause."""
    used, costs = layer.energy, explained.result.costs
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
            yield name, f"{counted} x {energy_text(each_j)} {unit} = {energy_text(total_j)}"
    static = f"{time_text(layer.time_s)} x {format_quantity(float(costs.static_power_w[0]), 'power', 4)}"
    yield "static", f"{static} = {energy_text(used.static_j)}"
    yield "all", energy_text(used.total_j)


def _joined(names: list[str], *, serial: bool, overlapped: bool) -> str:
    """How the times of array, vector unit and memory make that of a layer."""
    if serial:
        names = [" + ".join(names)] if names else []
    if overlapped:
        return f"max({', '.join([*names, 'memory'])})" if names else "memory"
    compute = f"max({', '.join(names)})" if len(names) > 1 else "".join(names)
    return f"{compute} + memory" if compute else "memory"
