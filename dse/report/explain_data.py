"""What of one layer is on chip and what moves, as formulas with their numbers: parameters, activations, dependencies."""

from __future__ import annotations

from dse.model.explanation import LayerExplanation, ScenarioExplanation, TensorUse
from dse.report.explain_cycles import Lines
from dse.report.explain_quantities import bandwidth_text, bytes_text, fraction_text, size_text, time_text
from dse.units import BITS_PER_BYTE

FITS = {
    "resident": "they stay from run to run",
    "fits": "yes, all at once",
    "pinned": "in part, which is held for all steps",
    "streams": "no, they stream",
}
"""Where weights are -> whether they fit."""


def parameter_lines(explained: ScenarioExplanation, layer: LayerExplanation) -> Lines:
    """Size, fit, load and reuse of the weights."""
    held, operation = layer.parameters, layer.operation
    if held is None:
        second = operation is not None and operation.weight_role != "weight"
        yield "none", "both factors are activations" if second else "vector work has no weights"
        return
    bits = held.size_bytes * BITS_PER_BYTE / held.elements
    named = "numbers in the table" if held.is_table else "weights"
    yield "size", f"{held.elements:,} {named} x {bits:g} bits = {bytes_text(held.size_bytes)}"
    room = f"{size_text(held.room_bytes)}, what tensors that stay leave of {size_text(layer.activations.usable_bytes)}"
    sign = "<=" if held.size_bytes <= held.room_bytes else ">"
    yield "fit on chip", f"{FITS[held.place]}: {size_text(held.size_bytes)} {sign} {room}"
    if held.pinned_bytes:
        yield "pinned", f"{bytes_text(held.pinned_bytes)} of them stay for all {operation.repeats if operation else 1} steps"
    yield "load once", f"{held.size_bytes:,} B / {bandwidth_text(explained)} = {time_text(held.load_once_s)}"
    yield from _weight_traffic(explained, layer)
    if held.is_table:
        return
    assert operation is not None
    yield (
        "reuse",
        f"MACs / weights = {operation.macs:,} / {held.elements:,} = {held.macs_per_weight:,.4g} uses of each weight",
    )
    if held.fetches:
        each = f"{held.macs_per_weight:,.4g} / {held.fetches:,.4g} = {held.uses_per_fetch:,.4g}"
        yield "", f"uses / fetches = {each} uses of each weight for each time it is loaded"


def _weight_traffic(explained: ScenarioExplanation, layer: LayerExplanation) -> Lines:
    """How often the weights are loaded, and what hides it."""
    held = layer.parameters
    assert held is not None
    if held.place == "resident":
        yield "loaded", "never: they are there from the run before"
        return
    if layer.problem:
        return
    rounding = "" if held.tile_rounding == 1.0 else f", a factor of {held.tile_rounding:.4g} of it by {_rounding(explained)}"
    often = "once" if held.fetches == 1 else f"{held.fetches:,.4g} times"
    yield "loaded", f"{often}{rounding}: {bytes_text(held.moved_bytes)} / {bandwidth_text(explained)} = {time_text(held.moved_s)}"
    times = f"all loads take {time_text(float(layer.row['memory_s']))}, compute {time_text(layer.compute_s)}"
    if not layer.overlapped:
        yield "hidden", f"no: one buffer, so that loads and compute take turns; exposed {time_text(held.exposed_s)}"
    elif held.hidden:
        yield "hidden", f"yes: {times}"
    else:
        share = f"{bytes_text(held.moved_bytes)} of {bytes_text(float(layer.row['dram_bytes']))}"
        yield "hidden", f"in part: {times}; exposed for weights ({share}): {time_text(held.exposed_s)}"


def _rounding(explained: ScenarioExplanation) -> str:
    """Why more weights move than the mapping asks for."""
    device, design = explained.result.space.device, explained.result.design
    causes = [f"whole tiles of {design.array_rows} x {design.array_cols} weights"] if device.weight_fetch == "array_tile" else []
    if device.weight_streams != 1.0:
        causes.append(f"{device.weight_streams:g} streams where the mapping needs one")
    return " and ".join(causes)


def activation_lines(explained: ScenarioExplanation, layer: LayerExplanation) -> Lines:
    """The tensors of a layer, their lives, what else is on chip, and the mapping of what streams."""
    held = layer.activations
    for tensor in held.tensors:
        yield tensor.use, f"{tensor.name}: {bytes_text(tensor.size_bytes)}, {_where(tensor, held.usable_bytes)}"
    if held.others:
        others = ", ".join(f"{name} {size_text(size)}" for name, size in held.others)
        yield "also on chip", f"{others}: used by later layers"
    left = held.usable_bytes - held.resident_bytes
    yield (
        "room",
        f"{size_text(held.usable_bytes)} - {size_text(held.resident_bytes)} that stay = {size_text(left)} for what streams"
        + (f", of which {size_text(left - held.room_bytes)} hold weights for the next run" if left > held.room_bytes else "")
        + ("; twice held, so that the next tile loads ahead" if held.buffers > 1 else ""),
    )
    if layer.problem is None:
        parts = {
            "inputs": held.input_dram_bytes,
            "second factor": held.factor_dram_bytes,
            "outputs": held.output_dram_bytes,
            "other operands": held.beside_dram_bytes,
        }
        moving = ", ".join(f"{name} {bytes_text(size)}" for name, size in parts.items() if size)
        yield "cross DRAM", moving or "no activations"
        if held.factor_dram_bytes and held.factor_rounding != 1.0:
            yield "", f"of the second factor, a factor of {held.factor_rounding:.4g} by {_rounding(explained)}"
    if held.mapping is not None:
        yield "mapping", f"{held.mapping} (What is on chip already, or stays, counts as 0 B.)"
    elif layer.operation is not None and explained.result.space.device.row_strips and not layer.problem:
        yield (
            "mapping",
            f"maps in {explained.result.space.device.row_strips} strips of rows; all weights stream once for each",
        )


def dependency_lines(layer: LayerExplanation) -> Lines:
    """What must be ready first."""
    for need in layer.needs:
        yield (
            need.tensor,
            f"{need.text}: {need.needed_bytes:,.0f} B" + (f", {fraction_text(need.fraction)} of it" if need.fraction < 1 else ""),
        )
    if not layer.needs:
        yield "nothing", "no input"


def _where(tensor: TensorUse, usable_bytes: int) -> str:
    layers = tensor.end - tensor.begin + 1
    life = f"from {tensor.first} to {tensor.last} ({layers} layer{'s' if layers > 1 else ''}, {time_text(tensor.lifetime_s)})"
    if tensor.host:
        return f"on chip; over the host link; lives {life}"
    if tensor.stays:
        return f"stays on chip {life}"
    if tensor.fits:
        return f"crosses DRAM although it would fit alone; lives {life}"
    return f"crosses DRAM: larger than the {size_text(usable_bytes)} buffer; lives {life}"
