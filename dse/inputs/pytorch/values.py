"""What stands for the tensors of the graph while layers are made of it."""

from __future__ import annotations

from collections.abc import Sequence as Several
from dataclasses import dataclass, replace

from dse.inputs.pytorch.tracing import Dims
from dse.workload.shapes import Image, Sequence, Shape, Side, Vector

Numbers = Image | Sequence | Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What a layer makes. Views, transpositions and the like change nothing about it: whoever reads it says how.

    `copies` are those that an expansion has made of it without computing anything; `margin` is zero padding that has not been
    used up by a layer yet: (before, after) of each spatial side, the last side last.
    """

    name: str
    shape: Shape
    copies: int = 1
    margin: tuple[tuple[int, int], ...] = ()

    @property
    def elements(self) -> int:
        """Numbers of one sample, without copies and margins."""
        return self.shape.elements

    def plain(self) -> Value:
        """Without its copies."""
        return replace(self, copies=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """What does not depend on the input. `stored` is the name of the weight or buffer that it is, or a part of; "" if computed.

    `table` is (rows, width) of the whole table where it was looked up in one; `causal` of a mask that hides what follows.
    """

    dims: Dims
    stored: str = ""
    table: tuple[int, int] | None = None
    causal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The last states of a recurrent stack: `layers` x `directions` vectors, those of the last layer in `last`."""

    last: Value
    layers: int
    directions: int


Known = Value | Constant | State | tuple["Known", ...] | None


def sides_of(shape: Shape, dims: Dims, batch: int) -> tuple[Side | None, ...] | None:
    """Which side of a shape each dimension of a tensor is; the batch is None. None where they are no sides of it.

    >>> sides_of(Sequence(8, 5), (7, 5, 8), 7)
    (None, 'steps', 'channels')
    >>> sides_of(Image(3, 4, 5), (7, 3, 4, 5), 7)
    (None, 'channels', 'height', 'width')
    """
    if dims.count(batch) != 1:
        return None
    rest = [side for side in dims if side != batch]
    orders: Several[tuple[Several[Side], Several[int]]]
    match shape:
        case Image(channels, height, width):
            orders = (
                (("channels", "height", "width"), (channels, height, width)),
                (("height", "width", "channels"), (height, width, channels)),
            )
        case Sequence(features, steps):
            orders = ((("steps", "channels"), (steps, features)), (("channels", "steps"), (features, steps)))
        case Vector(features):
            orders = ((("channels",), (features,)),)
        case _:
            return None
    for names, extents in orders:
        found = _aligned(names, extents, rest)
        if found is not None:
            at = dims.index(batch)
            return (*found[:at], None, *found[at:])
    return None


def _aligned(names: Several[Side], extents: Several[int], rest: Several[int]) -> tuple[Side | None, ...] | None:
    """The names of the dimensions, those of 1 that are not among the extents being None."""
    found: list[Side | None] = []
    waiting = list(zip(names, extents, strict=True))
    for side in rest:
        if waiting and waiting[0][1] == side:
            found.append(waiting.pop(0)[0])
        elif side == 1:
            found.append(None)
        else:
            return None
    return tuple(found) if all(extent == 1 for _, extent in waiting) else None
