"""The computational view of one design: every layer's place on chip, its overlap, where its time goes, what it must wait for.

Times, bytes and energy are those of `dse.model.breakdown`; nothing is computed by another rule. The time of a layer is split so
that its parts add up to all of it (shares of time x peak): the parts of the array's cycles (`dse.model.losses`), then

    vector     what the vector unit adds: compute time less the array's
    memory     loads and stores that nothing hides: time beyond compute where they overlap it, else all of theirs
    waiting    recurrent steps that wait for the step before
"""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dse.hardware.cost import Costs
from dse.hardware.space import Space
from dse.model.breakdown import Result, evaluate
from dse.model.evaluate import OVERLAP, distinct_arrays, storage_of_designs, weight_factor
from dse.model.explanation import (
    TIME_PARTS,
    Activations,
    Energy,
    LayerExplanation,
    Parameters,
    Place,
    ScenarioExplanation,
    TensorUse,
    TimePart,
    Use,
)
from dse.model.graph import Graph
from dse.model.kernel import OVERLAP_NONE
from dse.model.ledger import plan_of
from dse.model.losses import ARRAY_PARTS, ArrayWork, array_work
from dse.model.mapping import Arrays, array_table
from dse.model.needs import Need, Surroundings, needs
from dse.model.residency import Plan
from dse.model.stages import INPUTS, OUTPUTS, WEIGHTS, Storage, Streaming
from dse.model.streamed import streamed_mapping
from dse.model.tasks import Task
from dse.units import BITS_PER_BYTE
from dse.workload.layers import Embedding
from dse.workload.network import operands_of
from dse.workload.operations import TensorOperation
from dse.workload.workload import Scenario, Workload

__all__ = ["TIME_PARTS", "LayerExplanation", "ScenarioExplanation", "TimePart", "explain", "explain_scenario"]


def explain(workload: Workload, space: Space) -> tuple[ScenarioExplanation, ...]:
    """Every layer of every scenario on the one design of a space. Raises `InputError` for a space of several designs.

    >>> import dse
    >>> first = explain(dse.load_workload("tpu_apps"), dse.load_design("tpu_v1"))[0].layers[0]
    >>> round(sum(first.share(part) for part in TIME_PARTS), 9)
    1.0
    """
    result = evaluate(workload, space)
    return tuple(explain_scenario(result, scenario) for scenario in workload.scenarios)


def explain_scenario(result: Result, scenario: Scenario) -> ScenarioExplanation:
    """Every layer of one scenario of an evaluated design."""
    layers = result.layers[result.layers["scenario"] == scenario.name].to_dict(orient="records")
    rows = [{str(name): value for name, value in row.items()} for row in layers]
    view = _View.of(result, scenario, rows)
    totals = result.scenarios[result.scenarios["scenario"] == scenario.name].iloc[0].to_dict()
    summary = {str(name): value for name, value in totals.items()}
    return ScenarioExplanation(
        scenario=scenario, result=result, layers=tuple(view.layer(index) for index in range(len(rows))), summary=summary
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """What all layers of a scenario are explained from."""

    result: Result
    scenario: Scenario
    rows: list[dict[str, Any]]
    graph: Graph
    plan: Plan
    storage: Storage
    streaming: Streaming
    arrays: Arrays
    around: Surroundings
    touched: Dictionary[str, list[int]]
    outer: frozenset[str]
    begins_s: Sequence[float]
    reserved_bytes: int

    @classmethod
    def of(cls, result: Result, scenario: Scenario, rows: list[dict[str, Any]]) -> _View:
        space = result.space
        designs = space.designs(np.zeros((1, len(space.parameters)), dtype=np.int64))
        storage, streaming = storage_of_designs(designs, space.device), Streaming.of(space.device)
        graph, plan = plan_of(scenario, storage, streaming)
        arrays, _ = distinct_arrays(designs)
        around = Surroundings.of(scenario, graph.tasks)
        touched: dict[str, list[int]] = {}
        for index, task in enumerate(graph.tasks):
            for name in dict.fromkeys(name for step in task.steps for name in (*step.inputs, step.output)):
                touched.setdefault(name, []).append(index)
        handed_on = {name for task in graph.tasks for name in _reads(task)}
        times = [float(row["time_s"]) for row in rows]
        stay = zip(graph.stages, plan.weights_stay[:, 0].tolist(), strict=True)
        return cls(
            result=result,
            scenario=scenario,
            rows=rows,
            graph=graph,
            plan=plan,
            storage=storage,
            streaming=streaming,
            arrays=arrays,
            around=around,
            touched=touched,
            outer=frozenset(name for name in touched if name not in around.makers or name not in handed_on),
            begins_s=np.concatenate([[0.0], np.cumsum(times)]).tolist(),
            reserved_bytes=sum(stage.weight_bytes for stage, stays in stay if stays),
        )

    @property
    def overlapped(self) -> bool:
        return bool(self.result.design.double_buffer) and OVERLAP[self.result.space.device.overlap] != OVERLAP_NONE

    def layer(self, index: int) -> LayerExplanation:
        task, row = self.graph.tasks[index], self.rows[index]
        operation, device = task.operation, self.result.space.device
        skips = device.padding == "skipped"
        array = array_work(self.arrays, operation, skip_padding=skips, tiling=device.tiling) if operation is not None else None
        parts = _parts(row, array, serial=device.vector == "serial", overlapped=self.overlapped)
        compute_s = _compute_s(row, serial=device.vector == "serial")
        hidden = self.overlapped and float(row["memory_s"]) <= compute_s
        activations = self._activations(index)
        return LayerExplanation(
            index=index,
            task=task,
            row=row,
            parameters=self._parameters(index, activations, hidden=hidden, exposed_s=_exposed(row, compute_s, self.overlapped)),
            activations=activations,
            array=array,
            part_s=parts,
            begin_s=self.begins_s[index],
            compute_s=compute_s,
            overlapped=self.overlapped,
            hidden=hidden,
            needs=(*needs(task, self.around), *self._first_tile(operation, row)),
            energy=_energy(row, self._native_macs(operation), self.result.costs),
            problem=self._problem(operation, array, row, activations),
        )

    def _native_macs(self, operation: TensorOperation | None) -> float:
        if operation is None:
            return 0.0
        device = self.result.space.device
        skips = device.padding == "skipped"
        return float(array_table(self.arrays, [operation], skip_padding=skips, tiling=device.tiling).native_macs[0, 0])

    def _first_tile(self, operation: TensorOperation | None, row: Dictionary[str, Any]) -> tuple[Need, ...]:
        """The weights that fill the array once, which must be there before the first product."""
        first = float(row["first_tile_bytes"])
        if operation is None or operation.weight_role != "weight" or not first:
            return ()
        size = operation.weight_elements * operation.weight_bits / BITS_PER_BYTE
        text = "all of them: they fill the array once" if first >= size else "the first tile, which fills the array once"
        return (Need(tensor="weights", kind="tile", text=text, needed_bytes=min(first, size), fraction=min(first / size, 1.0)),)

    def _room(self, index: int) -> int:
        resident = int(self.rows[index]["resident_bytes"])
        return int(self.storage.usable_bytes[0]) - resident - self.reserved_bytes

    def _parameters(self, index: int, activations: Activations, *, hidden: bool, exposed_s: float) -> Parameters | None:
        task, row, stage = self.graph.tasks[index], self.rows[index], self.graph.stages[index]
        operation = task.operation
        seconds_per_byte = 1.0 / (self.result.design.bandwidth_bytes_per_s * self.result.space.device.bandwidth_efficiency)
        node = self.around.node(task)
        if operation is None and node is not None and isinstance(node.layer, Embedding):
            bits = self.scenario.precision.weight_bits
            elements, macs = node.layer.parameters, 0
            size, moved = (
                -(-elements * bits // BITS_PER_BYTE),
                min(task.vector_ops * bits / BITS_PER_BYTE, float(row["vector_dram_bytes"])),
            )
        elif operation is not None and operation.weight_role == "weight":
            elements, macs = operation.weight_elements, operation.macs
            size, moved = stage.weight_bytes, float(row["weight_dram_bytes"])
        else:
            return None
        stays = bool(self.plan.weights_stay[index, 0])
        pinned = activations.mapping.pinned_weight_bytes if activations.mapping is not None and not stays else 0.0
        room = self._room(index)
        place: Place = "resident" if stays else "fits" if size <= room else "pinned" if pinned else "streams"
        dram = float(row["dram_bytes"])
        fetches = moved / size
        return Parameters(
            elements=elements,
            size_bytes=size,
            place=place,
            room_bytes=room,
            pinned_bytes=pinned,
            load_once_s=size * seconds_per_byte,
            moved_bytes=moved,
            moved_s=moved * seconds_per_byte,
            fetches=fetches,
            hidden=hidden,
            exposed_s=exposed_s * moved / dram if dram else 0.0,
            macs_per_weight=macs / elements,
            uses_per_fetch=macs / elements / fetches if fetches else np.inf,
            tile_rounding=self._rounding(operation),
            is_table=operation is None,
        )

    def _rounding(self, operation: TensorOperation | None) -> float:
        """Weight bytes moved over those of the reuse curve."""
        if operation is None:
            return 1.0
        return float(weight_factor(array_table(self.arrays, [operation]), self.result.space.device)[0, 0])

    def _activations(self, index: int) -> Activations:
        task, row = self.graph.tasks[index], self.rows[index]
        on_chip = {self.graph.lives[number].name: number for number in self.plan.sets[int(self.plan.kept[index, 0])]}
        tensors = tuple(self._tensor(name, use, on_chip) for name, use in _uses(task, self.around, self.touched))
        named = {tensor.name for tensor in tensors}
        others = {name: self.graph.lives[number].bits / BITS_PER_BYTE for name, number in on_chip.items() if name not in named}
        numbers = self.graph.numbers[index]
        streamed = streamed_mapping(
            self.graph.stages[index],
            self.streaming,
            stay={place for place, number in enumerate(numbers) if number in on_chip.values()},
            weights_stay=bool(self.plan.weights_stay[index, 0]),
            room_bytes=self._room(index),
            buffers=int(self.storage.buffers[0]),
            moved_bytes=float(self.plan.moved[index, [INPUTS, WEIGHTS, OUTPUTS], 0].sum()),
        )
        second = task.operation is not None and task.operation.weight_role != "weight"
        return Activations(
            tensors=tensors,
            others=tuple(others.items()),
            usable_bytes=int(self.storage.usable_bytes[0]),
            resident_bytes=int(row["resident_bytes"]),
            room_bytes=self._room(index),
            buffers=int(self.storage.buffers[0]),
            input_dram_bytes=float(row["input_dram_bytes"]),
            factor_dram_bytes=float(row["weight_dram_bytes"]) if second else 0.0,
            factor_rounding=self._rounding(task.operation) if second else 1.0,
            output_dram_bytes=float(row["output_dram_bytes"]),
            beside_dram_bytes=float(row["vector_dram_bytes"]),
            mapping=streamed.mapping,
            least_room_bytes=streamed.least_room_bytes,
        )

    def _tensor(self, name: str, use: Use, on_chip: Dictionary[str, int]) -> TensorUse:
        tensor = self.around.tensors[name]
        size = tensor.elements * tensor.bits / BITS_PER_BYTE
        begin, end = self.touched[name][0], self.touched[name][-1]
        if name in on_chip:
            begin, end = self.graph.lives[on_chip[name]].begin, self.graph.lives[on_chip[name]].end
        return TensorUse(
            name=name,
            use=use,
            size_bytes=size,
            fits=size <= int(self.storage.usable_bytes[0]),
            stays=name in on_chip,
            host=name in self.outer and name in on_chip and self.streaming.network_io == "host",
            begin=begin,
            end=end,
            first=self.graph.tasks[begin].name,
            last=self.graph.tasks[end].name,
            lifetime_s=self.begins_s[end + 1] - self.begins_s[begin],
        )

    def _problem(
        self, operation: TensorOperation | None, array: ArrayWork | None, row: Dictionary[str, Any], activations: Activations
    ) -> str | None:
        if operation is not None and array is None:
            return f"its products are floating-point, and the array multiplies {self.result.design.precision}"
        if np.isfinite(float(row["time_s"])):
            return None
        if activations.least_room_bytes is None:
            return f"a strip of its input does not fit in {activations.room_bytes:,} B on chip"
        return f"no mapping fits: it needs {activations.least_room_bytes:,} B on chip and has {activations.room_bytes:,} B"


def _reads(task: Task) -> list[str]:
    """Tensors that a task reads and does not make before."""
    reads: list[str] = []
    made: set[str] = set()
    for step in task.steps:
        reads += [name for name in step.inputs if name not in made and name not in reads]
        made.add(step.output)
    return reads


def _uses(task: Task, around: Surroundings, touched: Dictionary[str, list[int]]) -> list[tuple[str, Use]]:
    """The tensors of a task and what each is to it; what only passes between its own steps is left out."""
    main = task.steps[0]
    source, factor = operands_of(main, around.tensors) if task.operation is not None else (main.inputs, ())
    uses: dict[str, Use] = {}
    for name in _reads(task):
        cached = around.tensors[name].role == "state"
        uses[name] = "cache" if cached else "input" if name in source else "second factor" if name in factor else "beside"
    for name in dict.fromkeys(step.output for step in task.steps):
        if len(touched[name]) > 1 or name == task.steps[-1].output:
            uses[name] = "in and out" if name in uses else "output"
    return list(uses.items())


def _compute_s(row: Dictionary[str, Any], *, serial: bool) -> float:
    array, vector = float(row["compute_s"]), float(row["vector_s"])
    return array + vector if serial else max(array, vector)


def _exposed(row: Dictionary[str, Any], compute_s: float, overlapped: bool) -> float:  # noqa: FBT001
    memory = float(row["memory_s"])
    return max(memory - compute_s, 0.0) if overlapped else memory


def _parts(row: Dictionary[str, Any], array: ArrayWork | None, *, serial: bool, overlapped: bool) -> tuple[float, ...] | None:
    """Seconds by `TIME_PARTS`."""
    time, array_s = float(row["time_s"]), float(row["compute_s"])
    if not np.isfinite(time):
        return None
    on_array = (
        [cycles / array.cycles * array_s for cycles in array.part_cycles] if array and array.cycles else [0.0] * len(ARRAY_PARTS)
    )
    compute_s = _compute_s(row, serial=serial)
    return (*on_array, compute_s - array_s, _exposed(row, compute_s, overlapped), float(row["waiting_s"]))


def _energy(row: Dictionary[str, Any], native_macs: float, costs: Costs) -> Energy:
    buffer, dram = float(row["buffer_bytes"]), float(row["dram_bytes"])
    return Energy(
        macs=native_macs,
        vector_ops=float(row["vector_ops"]),
        buffer_bytes=buffer,
        dram_bytes=dram,
        mac_j=native_macs * float(costs.mac_energy_j[0]),
        vector_j=float(row["vector_ops"]) * float(costs.vector_energy_j_per_op[0]),
        buffer_j=buffer * float(costs.sram_energy_j_per_byte[0]),
        dram_j=dram * float(costs.dram_energy_j_per_byte[0]),
        static_j=float(row["time_s"]) * float(costs.static_power_w[0]),
    )
