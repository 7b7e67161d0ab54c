"""The schedules that the reuse curve chooses from: loop orders, and how long each operand is kept.

The costs of these plans are in `dse.model.candidates`; what the loops and scopes mean is all that a replay needs to know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Family = Literal["output_stationary", "input_stationary", "weight_stationary"]
FAMILIES: tuple[Family, ...] = get_args(Family)


@dataclass(frozen=True, slots=True)
class Plan:
    """Loops from the outermost in, and how many of them lie outside of the scope in which each operand is kept.

    A capital is a loop over tiles, a small letter a loop inside the tile by ones; ``h`` and ``w`` visit the input positions
    that the tile reads. Within its scope an element is loaded once, before its first use, and leaves after its last.
    """

    family: Family
    stream: str
    loops: str
    input_scope: int
    weight_scope: int
    output_scope: int


TAPS_PINNED = Plan("output_stationary", "each input element meets the pinned taps of its channel", "KNPQCcnhwkrs", 5, 5, 4)
TAPS_BY_ROW = Plan("output_stationary", "inputs roll along the filter's rows, weights pass one by one", "KNPQCcrsknpq", 5, 5, 4)
TAPS_BY_COLUMN = Plan(
    "output_stationary", "inputs roll along the filter's columns, weights pass one by one", "KNPQCcsrknqp", 5, 5, 4
)
INPUT_HELD = (
    Plan("input_stationary", "pinned taps of one output channel, outputs pass one by one", "CNQPKnpqkcrs", 4, 5, 5),
    Plan("input_stationary", "weights pass one by one, outputs of one channel are pinned", "CNQPKkcrsnpq", 4, 5, 5),
)
INPUT_ROLLS_DOWN = (
    Plan("input_stationary", "rows are kept from tile to tile; pinned taps, outputs one by one", "CNQPKnpqkcrs", 3, 5, 5),
    Plan("input_stationary", "rows are kept from tile to tile; weights one by one, outputs pinned", "CNQPKkcrsnpq", 3, 5, 5),
)
INPUT_ROLLS_ACROSS = (
    Plan("input_stationary", "columns are kept from tile to tile; pinned taps, outputs one by one", "CNPQKnpqkcrs", 3, 5, 5),
    Plan("input_stationary", "columns are kept from tile to tile; weights one by one, outputs pinned", "CNPQKkcrsnpq", 3, 5, 5),
)
INPUT_WINDOW_DOWN = Plan(
    "weight_stationary", "a window of inputs rolls down a strip, outputs one by one", "KCNQPnpqkcrs", 5, 2, 5
)
INPUT_WINDOW_ACROSS = Plan(
    "weight_stationary", "a window of inputs rolls across a strip, outputs one by one", "KCNPQnqpkcrs", 5, 2, 5
)
OUTPUT_WINDOW_DOWN = Plan(
    "weight_stationary", "a window of outputs rolls down a strip, inputs one by one", "KCNQPnhwckrs", 5, 2, 5
)
OUTPUT_WINDOW_ACROSS = Plan(
    "weight_stationary", "a window of outputs rolls across a strip, inputs one by one", "KCNPQnwhckrs", 5, 2, 5
)
OUTPUT_TILE = Plan("weight_stationary", "a tile of outputs is pinned, inputs pass one by one", "KCNPQnhwckrs", 5, 2, 5)

PLANS: tuple[Plan, ...] = (
    TAPS_PINNED,
    TAPS_BY_ROW,
    TAPS_BY_COLUMN,
    *INPUT_HELD,
    *INPUT_ROLLS_DOWN,
    *INPUT_ROLLS_ACROSS,
    INPUT_WINDOW_DOWN,
    INPUT_WINDOW_ACROSS,
    OUTPUT_WINDOW_DOWN,
    OUTPUT_WINDOW_ACROSS,
    OUTPUT_TILE,
)
