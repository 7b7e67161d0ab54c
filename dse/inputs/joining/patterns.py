"""Operators that together are one function: exporters write a normalisation or a GELU as half a dozen of them.

A pattern is a region of the graph: operators between one tensor and another of the same shape, whose other operands are all
constants and whose inner tensors nobody else reads. Which operators stand in it says what it is; the region then becomes one
operator.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dse.inputs.onnx.graph import Graph, Operator

MOST_OPERATORS = 14
MOST_STEPS_BACK = 6

_ARITHMETIC = frozenset({"Add", "Sub", "Mul", "Div", "Pow", "Cast", "Sqrt", "Reciprocal", "Identity"})

Test = Callable[[Counter[str]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A function by the operators that stand in its region: `trigger` begins the search, `is_it` tells from their counts.

    `affine`: a scale and a shift by constants may follow. `gated`: what the trigger leads to is multiplied by something else of
    the region, as in x·sigmoid(x).
    """

    makes: str
    trigger: str
    inside: frozenset[str]
    is_it: Test
    affine: bool = False
    gated: bool = False


def _roots(found: Counter[str]) -> int:
    return found["Sqrt"] + found["Pow"]


PATTERNS = (
    Pattern(
        makes="LayerNormalization",
        trigger="ReduceMean",
        inside=frozenset({"ReduceMean"}) | _ARITHMETIC,
        is_it=lambda found: (
            found["ReduceMean"] == 2 and found["Sub"] >= 1 and _roots(found) >= 1 and found["Div"] + found["Mul"] >= 1
        ),
        affine=True,
    ),
    Pattern(
        makes="RMSNormalization",
        trigger="ReduceMean",
        inside=frozenset({"ReduceMean"}) | _ARITHMETIC,
        is_it=lambda found: (
            found["ReduceMean"] == 1 and not found["Sub"] and _roots(found) >= 1 and found["Div"] + found["Mul"] >= 1
        ),
        affine=True,
    ),
    Pattern(
        makes="Gelu",
        gated=True,
        trigger="Erf",
        inside=frozenset({"Erf"}) | _ARITHMETIC,
        is_it=lambda found: found["Erf"] == 1 and found["Mul"] >= 1 and found["Add"] == 1,
    ),
    Pattern(
        makes="Gelu",
        gated=True,
        trigger="Tanh",
        inside=frozenset({"Tanh"}) | _ARITHMETIC,
        is_it=lambda found: found["Tanh"] == 1 and found["Add"] >= 2 and found["Mul"] + found["Pow"] >= 3,
    ),
    Pattern(
        makes="Mish",
        gated=True,
        trigger="Softplus",
        inside=frozenset({"Softplus", "Tanh", "Mul"}),
        is_it=lambda found: found["Softplus"] == found["Tanh"] == found["Mul"] == 1,
    ),
    Pattern(
        makes="Silu",
        gated=True,
        trigger="Sigmoid",
        inside=frozenset({"Sigmoid", "Mul"}),
        is_it=lambda found: found["Sigmoid"] == 1 and 1 <= found["Mul"] <= 2,
    ),
    Pattern(
        makes="HardSwish",
        gated=True,
        trigger="HardSigmoid",
        inside=frozenset({"HardSigmoid", "Mul"}),
        is_it=lambda found: found["HardSigmoid"] == found["Mul"] == 1,
    ),
    Pattern(
        makes="HardSwish",
        gated=True,
        trigger="Clip",
        inside=frozenset({"Clip", "Add", "Mul", "Div"}),
        is_it=lambda found: found["Clip"] == found["Add"] == 1 and found["Mul"] >= 1 and found["Mul"] + found["Div"] == 2,
    ),
)


def join_patterns(graph: Graph) -> None:
    """Put one operator in the place of each region that is a known function."""
    gone: set[int] = set()
    made: dict[int, Operator] = {}
    for pattern in PATTERNS:
        for operator in graph.operators:
            if operator.type == pattern.trigger and id(operator) not in gone:
                _join(graph, pattern, operator, gone, made)
    graph.operators[:] = [made.get(id(each), each) for each in graph.operators if id(each) not in gone or id(each) in made]
    graph.index()


def _join(graph: Graph, pattern: Pattern, trigger: Operator, gone: set[int], made: dict[int, Operator]) -> None:
    """Join the region around a trigger, if there is one: its last operator's place is where the joined one will stand."""
    for source in _sources(graph, trigger):
        region = _region(graph, pattern, source, trigger)
        if region is None:
            continue
        if pattern.affine:
            region = _with_affine(graph, region)
        elif pattern.makes == "Gelu":
            region = _with_half(graph, region)
        result = region[-1].outputs[0]
        joined = Operator(type=pattern.makes, name="", inputs=(source,), outputs=(result,), attributes={})
        inside = {id(each) for each in region}
        gone |= inside
        made[id(region[-1])] = joined
        graph.readers[source] = [*(each for each in graph.readers[source] if id(each) not in inside), joined]
        graph.makers[result] = joined
        return


def _sources(graph: Graph, trigger: Operator) -> Iterator[str]:
    """Tensors that a pattern around `trigger` may begin with: what it reads, and what that was made of."""
    seen: list[str] = []
    wave = list(trigger.inputs[:1])
    for _ in range(MOST_STEPS_BACK):
        following: list[str] = []
        for name in wave:
            if name in seen or not name or name in graph.constant:
                continue
            seen.append(name)
            yield name
            maker = graph.makers.get(name)
            following += list(maker.inputs) if maker is not None and maker.type in _ARITHMETIC else []
        wave = following


def _region(graph: Graph, pattern: Pattern, source: str, trigger: Operator) -> list[Operator] | None:
    """The smallest region from `source` on that holds `trigger`, is closed, and is what the pattern says."""
    region: list[Operator] = []
    inner = {source}
    following = list(graph.readers.get(source, ()))
    while following and len(region) < MOST_OPERATORS:
        operator = next((each for each in following if _fits(graph, pattern, each, inner)), None)
        if operator is None:
            return None
        region.append(operator)
        inner.update(operator.outputs)
        following = [each for name in sorted(inner) for each in graph.readers.get(name, ()) if each not in region]
        if trigger in region and _is_closed(graph, region, source):
            found = Counter(each.type for each in region)
            same = graph.shapes.get(source) == graph.shapes.get(operator.outputs[0])
            if same and pattern.is_it(found) and not (pattern.gated and not _is_gated(graph, region, trigger)):
                return region
    return None


def _is_gated(graph: Graph, region: list[Operator], trigger: Operator) -> bool:
    """Whether what `trigger` leads to is multiplied by another tensor of the region."""
    led = set(trigger.outputs)
    for operator in region[region.index(trigger) + 1 :]:
        if not led.isdisjoint(operator.inputs):
            varying = [name for name in operator.inputs if name not in graph.constant]
            if operator.type == "Mul" and len(varying) == 2:
                return True
            led.update(operator.outputs)
    return False


def _fits(graph: Graph, pattern: Pattern, operator: Operator, inner: set[str]) -> bool:
    if operator.type not in pattern.inside:
        return False
    return all(name in inner or name in graph.constant for name in operator.inputs if name)


def _is_closed(graph: Graph, region: list[Operator], source: str) -> bool:
    """Whether the region's last tensor is all that the rest of the graph reads of it."""
    made = {name for operator in region[:-1] for name in operator.outputs} - {source}
    inside = {id(operator) for operator in region}
    return all(name not in graph.outputs and all(id(each) in inside for each in graph.readers.get(name, ())) for name in made)


def _with_affine(graph: Graph, region: list[Operator]) -> list[Operator]:
    """The region with the scale and the shift by constants that follow it."""
    for kind in ("Mul", "Add"):
        reader = _only_reader(graph, region[-1])
        while reader is not None and reader.type in ("Cast", "Identity"):
            region = [*region, reader]
            reader = _only_reader(graph, reader)
        if reader is not None and reader.type == kind and any(name in graph.constant for name in reader.inputs):
            region = [*region, reader]
    return region


def _with_half(graph: Graph, region: list[Operator]) -> list[Operator]:
    """A GELU with the half that it is multiplied by, where that comes last."""
    reader = _only_reader(graph, region[-1])
    values = [graph.values[name] for name in (reader.inputs if reader is not None else ()) if name in graph.values]
    if (
        reader is not None
        and reader.type == "Mul"
        and any(value.size == 1 and float(value.ravel()[0]) == 0.5 for value in values)
    ):
        return [*region, reader]
    return region


def _only_reader(graph: Graph, operator: Operator) -> Operator | None:
    name = operator.outputs[0]
    readers = graph.readers.get(name, [])
    return readers[0] if len(readers) == 1 and name not in graph.outputs else None
