"""Where the constants of one layer's formulas are from."""

from __future__ import annotations

from dse.hardware.design import ABSTRACT_MEMORY
from dse.hardware.technology import lane_format
from dse.model.explanation import LayerExplanation, ScenarioExplanation
from dse.report.explain_cycles import Lines
from dse.report.explain_quantities import size_text
from dse.units import OPS_PER_MAC

SCALE_SIM = "Samajdar et al., SCALE-Sim, ISPASS 2020, eqs. 1-4, as its simulator runs them"
CYCLE_SOURCE = {
    "weight_stationary": SCALE_SIM,
    "output_stationary": SCALE_SIM,
    "input_stationary": SCALE_SIM,
    "weight_stationary_double_buffered": "Jouppi et al., TPU v1, ISCA 2017, section 2: weights shift in behind the stream",
    "dot_product": "NVDLA's array: C on rows, K on columns, an adder tree along the rows",
    "row_stationary": "Chen et al., Eyeriss, ISCA 2016 and JSSC 2017, table 5",
    "ideal": "an array without losses: MACs over MAC units",
}
TRAFFIC_SOURCE = (
    "least traffic of all mappings of the class (Huang et al., Mind the Gap, ISCA 2024, for the idea); `dse reuse` has the curve"
)


def source_lines(explained: ScenarioExplanation, layer: LayerExplanation) -> Lines:
    """The source of each formula and constant."""
    result = explained.result
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
    share = f"x min(SRAM / {size_text(technology.sram_bank_bytes)}, 1)^{technology.sram_capacity_exponent.value:g}"
    yield "e of SRAM", f"{bank} {share}"
    if memory is not None:
        yield "e of DRAM", str(memory.energy_j_per_byte)
    static = "stated by the space" if space.device.static_power_w is not None else f"area x {technology.static_w_per_mm2}"
    yield "static", static
