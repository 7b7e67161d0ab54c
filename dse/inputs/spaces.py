"""Search spaces from YAML: text to `Space`, and the schema that editors complete it by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from dse.errors import Collector, InputError, Problem
from dse.hardware.conditions import ConditionError
from dse.hardware.goals import METRICS, Budget, Objective, objectives_named
from dse.hardware.parameters import ABSTRACT, CHIP
from dse.hardware.rules import Rule
from dse.hardware.space import Device, Space, UnitPrices, padding_problem
from dse.hardware.tiling import tiling_problem
from dse.inputs.axes import ParametersText, read_parameters
from dse.inputs.calibration import CalibrationText
from dse.inputs.fields import Name
from dse.inputs.overrides import TechnologyText, overridden
from dse.inputs.shipped import find
from dse.inputs.technology import shipped_technology
from dse.inputs.tiling import TilingText
from dse.inputs.unknowns import Ranges, stated_unknowns
from dse.inputs.yaml import Area, Document, Energy, Power, Price, Quantity, Strict, Time, problems_in, read_document
from dse.units import EXAMPLES, UnitError, parse_price_per


@dataclass(frozen=True, slots=True)
class PricePer:
    """Annotation of a unit price: ``0.5 USD per GB/s``; the field holds USD per SI unit."""

    dimension: str

    def _read(self, text: object) -> float:
        try:
            price = parse_price_per(text, self.dimension)
        except UnitError as error:
            raise ValueError(str(error)) from None
        if price < 0:
            raise ValueError(f"{text!r} must be zero or more")
        return price

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        return core_schema.no_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        per = "unit" if self.dimension == "count" else EXAMPLES[self.dimension].split()[1]
        return {"type": "string", "examples": [f"0.5 USD per {per}"]}


DEFAULT_OBJECTIVES = ("latency", "price")

Fraction = Annotated[float, Field(gt=0, le=1)]


class DeviceText(Strict):
    """What all designs of the space have in common."""

    compute_efficiency: Fraction = Field(default=1.0, description="share of the peak that the array reaches")
    bandwidth_efficiency: Fraction = Field(default=1.0, description="share of the peak that the memory reaches")
    sram_efficiency: Fraction = Field(
        default=1.0, description="share of the buffer that acts as a scratchpad; a cache: 0.1 to 0.3"
    )
    dependency_latency: Annotated[float, Quantity("time", positive=False)] = Field(
        default=0.0, description="wait of each sequential step"
    )
    launch_latency: Annotated[float, Quantity("time", positive=False)] = Field(
        default=0.0, description="wait of each tensor operation before it starts (a kernel launch)"
    )
    tiles: TilingText | None = Field(
        default=None, description="output tiles that ideal arrays of many cores work on; left out: they divide any work evenly"
    )
    weight_fetch: Literal["element", "array_tile"] = Field(
        default="element", description="weights come singly or in whole array tiles"
    )
    weight_streams: float = Field(default=1.0, ge=1, description="how often weights stream that a perfect mapping streams once")
    overlap: Literal["layer", "network", "none"] = Field(default="layer", description="how far loads run ahead of compute")
    vector: Literal["overlapped", "serial"] = Field(default="overlapped", description="the vector unit beside or after the array")
    reuse_family: Literal["output_stationary", "input_stationary", "weight_stationary"] | None = Field(
        default=None, description="the one mapping family that the machine has; left out: the best of all"
    )
    row_strips: int | None = Field(
        default=None, ge=1, description="strips of rows that every input map is cut into, weights streaming once for each"
    )
    activations: Literal["resident", "streamed"] = Field(
        default="resident", description="tensors stay on chip between operations where that pays, or all of them go off chip"
    )
    weights: Literal["streamed", "resident"] = Field(
        default="streamed", description="weights come in every run, or some stay on chip from run to run (serving)"
    )
    padding: Literal["multiplied", "skipped"] = Field(
        default="multiplied", description="the array multiplies the zeros around a map, or skips them"
    )
    network_io: Literal["dram", "host"] = Field(
        default="dram", description="inputs and results of a network pass through DRAM, or over a host link of their own"
    )
    first_load_exposed: bool = Field(default=True, description="the first weights load before anything runs")
    fixed_area: Annotated[float, Quantity("area", positive=False)] | None = Field(
        default=None, description="area of everything else"
    )
    static_power: Annotated[float, Quantity("power", positive=False)] | None = Field(default=None, description="power when idle")
    volume: int | None = Field(
        default=None, ge=1, description="chips that share the cost of design and masks; left out: no such cost"
    )


class UnitPricesText(Strict):
    """Prices of the three-knob form."""

    compute_unit: Annotated[float, PricePer("count")] = Field(description="such as '0.01 USD per unit'")
    bandwidth: Annotated[float, PricePer("bandwidth")] = Field(description="such as '0.5 USD per GB/s'")
    sram: Annotated[float, PricePer("bytes")] = Field(description="such as '2 USD per MiB'")
    base: Annotated[float, Quantity("price", positive=False)] = Field(default=0.0, description="everything else, such as '3 USD'")


class BudgetText(Strict):
    """Upper limits."""

    price: Price | None = None
    area: Area | None = None
    power: Power | None = None
    latency: Time | None = Field(default=None, description="all scenarios once, by their weights")
    energy: Energy | None = Field(default=None, description="all scenarios once, by their weights")
    latency_by_scenario: dict[str, Time] | None = Field(default=None, description="limits by the scenario's name")


class SpaceText(Strict):
    """A search space; a known chip is a space with one design."""

    name: Name = Field(description="the name that reports give it: lower-case letters, digits, _")
    title: str = Field(default="", description="one line on what it is")
    source: str | tuple[str, ...] = Field(default="", description="where its values are from")
    notes: tuple[str, ...] = Field(default=(), description="sentences that reports print with the assumptions")
    parameters: ParametersText = Field(description="what may vary, and what is fixed")
    device: DeviceText = DeviceText()
    unit_prices: UnitPricesText | None = Field(default=None, description="prices of the three-knob form")
    budget: BudgetText = BudgetText()
    objectives: tuple[str, ...] = Field(
        default=DEFAULT_OBJECTIVES,
        description=f"1 to 4 of: {', '.join(METRICS)}",
        json_schema_extra={"items": {"enum": list(METRICS)}},
    )
    forbid: tuple[str, ...] = Field(
        default=(),
        description="combinations of parameters that cannot be built: conditions with units, and or not in, + - * /",
        json_schema_extra={"examples": [["memory == 'hbm2e' and node > 16 nm", "sram < 1 MiB and cores > 4"]]},
    )
    technology: TechnologyText | None = Field(default=None, description="values in place of those that dse carries")
    uncertainty: Ranges = Field(
        default={}, description="how far constants may be off, as factors of their values: {wafer_price: [0.8, 1.3]}"
    )
    calibration: CalibrationText | None = Field(
        default=None, description="where fitted constants are from; dse calibrate writes it"
    )


def load_space(path_or_name: str | Path) -> Space:
    """A space from a YAML file, or a shipped one by name (``edge``). Raises `InputError` with everything that is wrong.

    >>> load_space("three_knobs").is_abstract
    True
    """
    return space_from(read_document(find("search_spaces", path_or_name)))


def load_design(path_or_name: str | Path) -> Space:
    """A space that holds exactly one design, a known chip. Raises `InputError` if it holds more.

    >>> load_design("tpu_v1").size
    1
    """
    space = load_space(path_or_name)
    if space.size != 1:
        free = ", ".join(parameter.name for parameter in space.free_parameters)
        message = f"the space {space.name!r} holds {space.size:,} designs, and one is needed"
        raise InputError(Problem(message, remedy=f"give each of these one value (--set): {free}"))
    return space


def space_from(document: Document) -> Space:
    """The space of a document that was read. Raises `InputError` with everything that is wrong with it."""
    text, problems, _ = problems_in(document, SpaceText)
    technology = shipped_technology()
    if text is not None:
        technology = overridden(technology, text.technology, document, problems)
    memories = {*technology.memories, *_own_memories(document)}
    parameters, rules = read_parameters(document, memories, problems)
    rules += _forbidden(document, sorted(memories), problems)
    objectives = _objectives(document, problems)
    problems += _mismatched_prices(document)
    dataflows = next((parameter.values for parameter in parameters if parameter.name == "dataflow"), ())
    if text is not None:
        device, named = _device(text), tuple(str(name) for name in dataflows)
        found = (
            padding_problem(device, named, document.place(("device", "padding"))),
            tiling_problem(device.tiling, named, device.padding, document.place(("device", "tiles"))),
        )
        problems += [problem for problem in found if problem is not None]
    Collector(problems).raise_any()
    assert text is not None
    return Space(
        name=text.name,
        title=text.title,
        source=text.source if isinstance(text.source, str) else "; ".join(text.source),
        notes=(*text.notes, *(() if text.calibration is None else text.calibration.sentences())),
        parameters=parameters,
        technology=technology,
        device=_device(text),
        budget=_budget(text.budget),
        objectives=objectives,
        unknowns=stated_unknowns({str(name): factors for name, factors in text.uncertainty.items()}, document),
        rules=rules,
    )


def _forbidden(document: Document, memories: Sequence[str], problems: list[Problem]) -> tuple[Rule, ...]:
    """The rules of ``forbid:``; what cannot be read goes to `problems` with its place and a caret."""
    written = document.value(("forbid",))
    known = ABSTRACT if document.holds(("parameters", "compute_units")) else CHIP
    rules: list[Rule] = []
    for index, text in enumerate(written if isinstance(written, list) else []):
        if not isinstance(text, str):
            continue
        try:
            rules.append(Rule.of(text, known, memories))
        except ConditionError as error:
            place = document.place_inside(("forbid", index), error.at)
            problems.append(Problem(f"forbid: {error.message}", place, error.hint))
    return tuple(rules)


def _own_memories(document: Document) -> list[str]:
    """Memories that the file itself names, whether or not they are right."""
    written = document.value(("technology", "memories"))
    return [*written] if isinstance(written, dict) else []


def _objectives(document: Document, problems: list[Problem]) -> tuple[Objective, ...]:
    written = document.value(("objectives",))
    if not isinstance(written, list) or not all(isinstance(name, str) for name in written):
        return objectives_named(DEFAULT_OBJECTIVES)
    try:
        return objectives_named([str(name) for name in written])
    except InputError as failure:
        place = document.place(("objectives",))
        problems += [Problem(problem.message, place, problem.remedy) for problem in failure.problems]
        return ()


def _mismatched_prices(document: Document) -> list[Problem]:
    """Unit prices and compute_units need each other."""
    abstract, priced = document.holds(("parameters", "compute_units")), document.holds(("unit_prices",))
    if abstract and not priced:
        remedy = "for instance unit_prices: {compute_unit: 0.01 USD per unit, bandwidth: 0.5 USD per GB/s, sram: 2 USD per MiB}"
        return [
            Problem("a space with compute_units needs 'unit_prices'", document.key_place(("parameters", "compute_units")), remedy)
        ]
    if priced and not abstract:
        message = "unit_prices go with compute_units (the three-knob form); a chip is priced by its silicon"
        return [Problem(message, document.key_place(("unit_prices",)))]
    return []


def _device(text: SpaceText) -> Device:
    device, prices = text.device, text.unit_prices
    return Device(
        compute_efficiency=device.compute_efficiency,
        bandwidth_efficiency=device.bandwidth_efficiency,
        sram_efficiency=device.sram_efficiency,
        dependency_latency_s=device.dependency_latency,
        launch_latency_s=device.launch_latency,
        tiling=None if device.tiles is None else device.tiles.value(),
        weight_fetch=device.weight_fetch,
        weight_streams=device.weight_streams,
        overlap=device.overlap,
        vector=device.vector,
        reuse_family=device.reuse_family,
        row_strips=device.row_strips,
        activations=device.activations,
        weights=device.weights,
        padding=device.padding,
        network_io=device.network_io,
        first_load_exposed=device.first_load_exposed,
        fixed_area_mm2=device.fixed_area,
        static_power_w=device.static_power,
        volume=device.volume,
        unit_prices=None
        if prices is None
        else UnitPrices(
            compute_unit_usd=prices.compute_unit,
            bandwidth_usd_per_byte_per_s=prices.bandwidth,
            sram_usd_per_byte=prices.sram,
            base_usd=prices.base,
        ),
    )


def _budget(text: BudgetText) -> Budget:
    return Budget(
        price_usd=text.price,
        area_mm2=text.area,
        power_w=text.power,
        latency_s=text.latency,
        energy_j=text.energy,
        scenario_latency_s=text.latency_by_scenario or {},
    )


def space_schema() -> dict[str, Any]:
    """The JSON schema of a space file, for editors."""
    schema = SpaceText.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "dse search space"}
