"""Rotary positions found in a graph: ``x·cos + [-b, a]·sin``, where a and b are the halves of x, becomes one operator.

Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021, arXiv:2104.09864, equation 34.
"""

from __future__ import annotations

from dse.inputs.onnx.graph import Graph, Operator

ANGLES = "tables of the angles of rotary positions are not counted"


def join_rotations(graph: Graph) -> int:
    """Put a RotaryEmbedding in the place of each rotation that is written out; how many there were.

    Who multiplies by the angles' cosines and sines is gone then, and with it what makes these, if nobody else reads it.
    """
    gone: set[int] = set()
    made: dict[int, Operator] = {}
    for operator in graph.operators:
        found = _rotation(graph, operator) if operator.type == "Add" else None
        if found is not None:
            source, inside = found
            made[id(operator)] = Operator(
                type="RotaryEmbedding", name=operator.name, inputs=(source,), outputs=operator.outputs, attributes={}
            )
            gone |= inside
    graph.operators[:] = [made.get(id(each), each) for each in graph.operators if id(each) not in gone]
    graph.index()
    return len(made)


def _rotation(graph: Graph, total: Operator) -> tuple[str, set[int]] | None:
    """What a sum turns by angles, and the operators that do it but for the sum itself."""
    terms = [_maker(graph, name, total) for name in total.inputs]
    if len(terms) != 2 or any(term is None or term.type != "Mul" for term in terms):
        return None
    for one, two in (terms, terms[::-1]):
        assert one is not None
        assert two is not None
        for name in two.inputs:
            joined = _maker(graph, name, two)
            if joined is None or joined.type != "Concat" or len(joined.inputs) != 2:
                continue
            turned = _turned(graph, joined)
            if turned is not None and turned[0] in one.inputs:
                return turned[0], {id(one), id(two), id(joined), *turned[1]}
    return None


def _turned(graph: Graph, joined: Operator) -> tuple[str, set[int]] | None:
    """What the two parts of a join are halves of, the first of them negated."""
    negated = _maker(graph, joined.inputs[0], joined)
    second = _maker(graph, joined.inputs[1], joined)
    if negated is None or negated.type != "Neg" or second is None:
        return None
    first = _maker(graph, negated.inputs[0], negated)
    if first is None or first.type != second.type or first.type not in ("Slice", "Split"):
        return None
    halves = [graph.shapes.get(name, (0,))[-1:] for name in joined.inputs]
    whole = graph.shapes.get(first.inputs[0], (0,))[-1]
    if first.inputs[0] != second.inputs[0] or any(half != (whole // 2,) for half in halves):
        return None
    return first.inputs[0], {id(negated), id(first), id(second)}


def _maker(graph: Graph, name: str, reader: Operator) -> Operator | None:
    """What makes a tensor that this operator alone reads."""
    maker = graph.makers.get(name)
    readers = graph.readers.get(name, [])
    return maker if name not in graph.outputs and all(each is reader for each in readers) else None
