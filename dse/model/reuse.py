"""The reuse curve: least off-chip traffic of a tensor operation against on-chip capacity.

Q(S) is the least number of bytes that any mapping of the families in `dse.model.candidates` moves between DRAM and an on-chip
buffer of S bytes. It depends on the operation alone: every design is a look-up. The idea of one curve for all designs is that
of Huang et al., "Mind the Gap: Attainable Data Movement and Operational Intensity Bounds for Tensor Algorithms" (ISCA 2024);
for a matrix product Q(S) >= 2·M·N·K/sqrt(S) - 2·S in elements (Smith et al., "A tight I/O lower bound for matrix
multiplication", arXiv:1702.02017), which the curve approaches.

An operand may be at *home*: the whole tensor lies on chip already (an input, the weights) or stays there (an output), outside of
the capacity that the curve is drawn against. It then costs neither traffic nor tile; only partial sums that leave unfinished do.
With the whole input at home everything else passes once through a line and an element (cost_model.md section 4): the curve
reaches its compulsory bytes at min(C·F weights and a sum, or M sums and a weight). Of an operand that is at home in part (one of
several tensors side by side), `shares` say what part of its elements still moves, each as often as the mapping fetches it.

Arithmetic is in bits and exact; capacities and traffic are rounded up to bytes at the end.
"""

from __future__ import annotations

import math
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import overload

import numpy as np
import numpy.typing as npt

from dse.errors import InputError
from dse.model.candidates import Candidates, candidates
from dse.model.dominance import falls, not_dominated, staircase
from dse.model.folding import fold
from dse.model.pinning import Pinning, pinning_choice
from dse.model.plans import FAMILIES, PLANS, Family
from dse.model.windows import Ints
from dse.model.witness import OPERANDS, Mapping, Operand
from dse.units import BITS_PER_BYTE
from dse.workload.operations import TensorOperation

__all__ = ["NOBODY", "Family", "Home", "Mapping", "ReuseCurve", "reuse_curve"]

Home = AbstractSet[Operand]
NOBODY: frozenset[Operand] = frozenset()
Shares = tuple[float, float]
WHOLE: Shares = (1.0, 1.0)
"""All of the input and all of the weights move."""

Floats = npt.NDArray[np.float64]
Widths = float | tuple[float, float, float, float]

_LARGEST_BITS = 2**62


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReuseCurve:
    """Least traffic against capacity, all groups and repeats of `operation`.

    The columns, shape (steps,), have capacities strictly ascending and traffic strictly descending to `compulsory_bytes`.
    Without repeats the curve is a staircase that falls at each of the capacities. With repeats, every element of a weight that
    stays on chip for all repeats lowers the traffic, so the curve falls along straight lines; the columns are then its corners,
    and `at` is exact between them too. `home` operands move nothing and take no capacity; with two `buffers` what streams is held
    twice, so that the next tile loads while one is worked on, and what is pinned is held once.
    """

    operation: TensorOperation
    home: frozenset[Operand] = NOBODY
    shares: Shares = WHOLE
    buffers: int = 1
    capacity_bytes: Ints
    traffic_bytes: Ints
    weight_traffic_bytes: Ints
    compulsory_bytes: int
    _mappings: Candidates = field(repr=False)
    _pinning: Pinning | None = field(repr=False)

    def __repr__(self) -> str:
        least, most = self.compulsory_bytes, int(self.traffic_bytes[0])
        held = f"{int(self.capacity_bytes[0]):,} to {int(self.capacity_bytes[-1]):,} B on chip"
        return f"<ReuseCurve of {len(self.capacity_bytes)} steps: {most:,} to {least:,} B moved with {held}>"

    @property
    def other_traffic_bytes(self) -> Ints:
        """Traffic of inputs and outputs, shape (steps,)."""
        return self.traffic_bytes - self.weight_traffic_bytes

    @overload
    def at(self, capacity_bytes: float) -> float: ...
    @overload
    def at(self, capacity_bytes: npt.NDArray[np.int64] | Floats) -> Floats: ...
    def at(self, capacity_bytes: float | npt.NDArray[np.int64] | Floats) -> float | Floats:
        """Least traffic in bytes with `capacity_bytes` on chip (a number or an array); inf below the first step."""
        return _like(self._look_up(capacity_bytes)[0], capacity_bytes)

    @overload
    def weight_at(self, capacity_bytes: float) -> float: ...
    @overload
    def weight_at(self, capacity_bytes: npt.NDArray[np.int64] | Floats) -> Floats: ...
    def weight_at(self, capacity_bytes: float | npt.NDArray[np.int64] | Floats) -> float | Floats:
        """The weights' part of `at`, in bytes."""
        return _like(self._look_up(capacity_bytes)[1], capacity_bytes)

    def split_at(self, capacity_bytes: npt.NDArray[np.int64] | Floats) -> tuple[Floats, Floats, Floats]:
        """`at` by operand: bytes of input, weights and output, each shaped like the capacities."""
        total, weights, inputs = self._look_up(capacity_bytes)
        outputs = np.subtract(total, weights + inputs, out=np.full_like(total, np.inf), where=np.isfinite(total))
        return inputs, weights, outputs

    def mapping_at(self, capacity_bytes: float) -> Mapping:
        """The mapping that moves `at(capacity_bytes)` bytes.

        Raises `InputError` below the first step, where no mapping fits.
        """
        if not capacity_bytes >= self.capacity_bytes[0]:
            raise InputError(
                f"no mapping fits in {capacity_bytes:g} B on chip: this operation needs at least {self.capacity_bytes[0]} B"
            )
        if self._pinning is None:
            index = int(np.searchsorted(self.capacity_bytes, capacity_bytes, side="right")) - 1
            return _mapping(self.operation, self._mappings, index, 0, 0)
        choice = self._pinning.choose(_whole_bits(np.array([capacity_bytes])))
        return _mapping(self.operation, self._mappings, int(choice.index[0]), int(choice.pinned[0]), self._pinning.weight_bits)

    def _look_up(self, capacity_bytes: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
        """All bytes, those of the weights and those of the inputs; where parts of bytes meet, the total is right."""
        capacity = np.atleast_1d(np.asarray(capacity_bytes, dtype=np.float64))
        if np.isnan(capacity).any():
            raise InputError("a capacity is not a number")
        if self._pinning is None:
            index = np.searchsorted(self.capacity_bytes, capacity, side="right") - 1
            fits = index >= 0
            moved, weights = self.traffic_bytes[index], self.weight_traffic_bytes[index]
        else:
            choice = self._pinning.choose(_whole_bits(capacity))
            index, fits = choice.index, choice.fits
            moved, weights = _bytes(choice.moved), _bytes(choice.weight_moved)
        runs = self.operation.groups * self.operation.repeats
        inputs = np.minimum(_bytes(self._mappings.input_moved[index] * runs), moved - weights)
        return np.where(fits, moved, np.inf), np.where(fits, weights, np.inf), np.where(fits, inputs, np.inf)


def reuse_curve(
    operation: TensorOperation,
    bytes_per_element: Widths | None = None,
    *,
    family: Family | None = None,
    home: Home = NOBODY,
    shares: Shares = WHOLE,
    buffers: int = 1,
) -> ReuseCurve:
    """Least off-chip traffic of `operation` against on-chip capacity.

    `bytes_per_element` is one width for all, or (input, weight, output, accumulator); by default the operation's own. Half a
    byte is four bits. `family` restricts the mappings to one family, for a machine whose mapping is fixed. `home` names the
    operands whose whole tensor stays on chip beside the capacity, `shares` what part of input and weights moves otherwise
    (weights of a repeated operation always as a whole); `buffers` is 2 where loads overlap compute.

    Raises `InputError` for a width that is not a whole number of bits, an unknown family, or an operation too large to count.

    >>> from dse.workload.operations import Gemm
    >>> curve = reuse_curve(Gemm(m=512, n=512, k=512), bytes_per_element=1)
    >>> curve.at(2), curve.at(262_144), curve.compulsory_bytes
    (inf, 1048576.0, 786432)
    """
    if family is not None and family not in FAMILIES:
        raise InputError(f"unknown family {family!r}; choose one of {', '.join(FAMILIES)}")
    sized = operation if bytes_per_element is None else _with_widths(operation, bytes_per_element)
    return _curve(sized, family, frozenset(home), shares, buffers)


def _with_widths(operation: TensorOperation, bytes_per_element: Widths) -> TensorOperation:
    widths = bytes_per_element if isinstance(bytes_per_element, tuple) else (bytes_per_element,) * 4
    bits = [width * BITS_PER_BYTE for width in widths]
    if len(bits) != 4 or any(not (0 < width < math.inf and width == int(width)) for width in bits):
        raise InputError(
            f"{bytes_per_element!r} bytes per element: give one width, or (input, weight, output, accumulator), in whole bits"
        )
    input_bits, weight_bits, output_bits, sum_bits = (int(width) for width in bits)
    return operation.with_bits(input=input_bits, weight=weight_bits, output=output_bits, accumulator=sum_bits)


def _neutral(operation: TensorOperation) -> TensorOperation:
    """The same arithmetic without roles and number formats, which no traffic depends on."""
    return replace(operation, input_role="activation", weight_role="weight", floating=False, carried_bits=0)


@lru_cache(maxsize=16384)
def _curve(
    operation: TensorOperation, family: Family | None, home: frozenset[Operand], shares: Shares, buffers: int
) -> ReuseCurve:
    neutral = _neutral(operation)
    if neutral != operation:
        return replace(_curve(neutral, family, home, shares, buffers), operation=operation)
    widest = operation.input_bits + operation.weight_bits + 2 * operation.accumulator_bits + operation.output_bits
    if operation.macs * widest >= _LARGEST_BITS:
        raise InputError(f"{operation.macs:.3g} multiply-accumulates in one operation are too many to count exactly: split it")
    if operation.repeats > 1 and "weight" not in home:
        return _repeated_curve(operation, family, home, (shares[0], 1.0), buffers)
    runs = operation.groups * operation.repeats
    found = _away(_sieved(operation, family, home, shares), operation, home, shares)
    held = found.held * buffers
    found = found.take(staircase(_bytes(held), found.moved))
    traffic = _bytes(found.moved * runs)
    found = found.take(lower := falls(traffic))
    return ReuseCurve(
        operation=operation,
        home=home,
        shares=shares,
        buffers=buffers,
        capacity_bytes=_bytes(found.held * buffers),
        traffic_bytes=traffic[lower],
        weight_traffic_bytes=_bytes(found.weight_moved * runs),
        compulsory_bytes=_compulsory_bytes(operation, home, shares),
        _mappings=found,
        _pinning=None,
    )


def _repeated_curve(
    operation: TensorOperation, family: Family | None, home: frozenset[Operand], shares: Shares, buffers: int
) -> ReuseCurve:
    found = _away(_sieved(operation, family, home, shares), operation, home, shares)
    found = found.take(pinning_choice(found))
    pinning, kept, corners = Pinning.of(found, operation, buffers)
    capacity = corners // BITS_PER_BYTE
    choice = pinning.choose(corners)
    traffic = _bytes(choice.moved)
    lower = falls(traffic)
    return ReuseCurve(
        operation=operation,
        home=home,
        shares=shares,
        buffers=buffers,
        capacity_bytes=capacity[lower],
        traffic_bytes=traffic[lower],
        weight_traffic_bytes=_bytes(choice.weight_moved)[lower],
        compulsory_bytes=_compulsory_bytes(operation, home, shares),
        _mappings=found.take(kept),
        _pinning=pinning,
    )


def _sieved(operation: TensorOperation, family: Family | None, home: frozenset[Operand], shares: Shares) -> Candidates:
    """The mappings among which the best at every capacity are, for these operands at home and these shares.

    Mappings are enumerated once for all homes of input and output, and once for all shares of the input: whatever part of the
    input moves, a mapping that holds more and moves more of input and the rest is never better.
    """
    if shares[1] < 1.0:
        return candidates(fold(operation).nest, family, lambda block: _useful(block, operation, home, shares))
    if shares[0] < 1.0 and operation.repeats == 1:
        return _sieved_for_shares(operation, family, home)
    return _sieved_for_homes(operation, family, "weight" in home)


@lru_cache(maxsize=2048)
def _sieved_for_homes(operation: TensorOperation, family: Family | None, weight_home: bool) -> Candidates:  # noqa: FBT001
    always: tuple[Operand, ...] = ("weight",) if weight_home else ()
    homes: list[frozenset[Operand]] = [frozenset((*always, *others)) for others in _OTHERS]

    def useful(block: Candidates) -> Ints:
        return np.unique(np.concatenate([_useful(block, operation, home, WHOLE) for home in homes]))

    return candidates(fold(operation).nest, family, useful)


_OTHERS: tuple[tuple[Operand, ...], ...] = ((), ("input",), ("output",), ("input", "output"))


@lru_cache(maxsize=2048)
def _sieved_for_shares(operation: TensorOperation, family: Family | None, home: frozenset[Operand]) -> Candidates:
    def useful(block: Candidates) -> Ints:
        away = _away(block, operation, home, WHOLE)
        return not_dominated(np.stack([away.held, away.input_moved, away.weight_moved + away.output_moved]))

    return candidates(fold(operation).nest, family, useful)


def _useful(block: Candidates, operation: TensorOperation, home: frozenset[Operand], shares: Shares) -> Ints:
    """Mappings of a block that may be best at some capacity."""
    away = _away(block, operation, home, shares)
    if operation.repeats > 1 and "weight" not in home:
        return pinning_choice(away)
    return staircase(away.held, away.moved)


def _away(found: Candidates, operation: TensorOperation, home: frozenset[Operand], shares: Shares) -> Candidates:
    """What the mappings hold and move of the operands that are not at home; a finished output that stays moves nothing."""
    nothing = np.zeros_like(found.plan)
    changed: dict[str, Ints] = {}
    if "input" in home:
        changed |= {"input_held": nothing, "input_moved": nothing}
    elif shares[0] < 1.0:
        changed["input_moved"] = _part(found.input_moved, shares[0])
    if "weight" in home:
        changed |= {"weight_held": nothing, "weight_moved": nothing}
    elif shares[1] < 1.0:
        changed["weight_moved"] = _part(found.weight_moved, shares[1])
    if "output" in home:
        finished = operation.output_elements // operation.groups * operation.output_bits
        changed["output_moved"] = found.output_moved - finished
    return replace(found, **changed) if changed else found


def _part(bits: Ints, share: float) -> Ints:
    return np.ceil(bits * share - 1e-6).astype(np.int64)


def _compulsory_bytes(operation: TensorOperation, home: frozenset[Operand], shares: Shares) -> int:
    """Each operand that is not at home once."""
    if not home and shares == WHOLE:
        return operation.compulsory_bytes
    bits = {
        "input": shares[0] * operation.repeats * operation.input_elements * operation.input_bits,
        "weight": shares[1] * operation.weight_elements * operation.weight_bits,
        "output": operation.repeats * operation.output_elements * operation.output_bits,
    }
    return math.ceil(sum(bits[operand] for operand in OPERANDS if operand not in home) / BITS_PER_BYTE - 1e-6)


def _bytes(bits: Ints) -> Ints:
    return -(-bits // BITS_PER_BYTE)


def _whole_bits(capacity_bytes: Floats) -> Ints:
    """Whole bytes that fit, in bits; an endless capacity becomes the largest that can be counted."""
    return (np.clip(np.floor(capacity_bytes), -1, _LARGEST_BITS // BITS_PER_BYTE) * BITS_PER_BYTE).astype(np.int64)


def _like(values: Floats, asked: float | npt.NDArray[np.int64] | Floats) -> float | Floats:
    """A number for a number, an array of the same shape for an array."""
    return values.reshape(asked.shape) if isinstance(asked, np.ndarray) and asked.ndim else float(values[0])


def _mapping(operation: TensorOperation, found: Candidates, index: int, pinned_bits: int, weight_bits: int) -> Mapping:
    folded = fold(operation)
    nest, plan = folded.nest, PLANS[int(found.plan[index])]
    tile = {name: int(getattr(found, name)[index]) for name in "nkcpq"}
    extents = (nest.n, nest.k // nest.groups, nest.c // nest.groups, nest.height.outputs, nest.width.outputs)
    runs = operation.groups * operation.repeats
    weights = int(found.weight_moved[index]) * runs
    if pinned_bits:
        passes = weights // weight_bits
        weights = passes * (weight_bits - pinned_bits) + pinned_bits
    streamed = 0 if pinned_bits and pinned_bits == weight_bits else int(found.weight_held[index])
    held = {"input": int(found.input_held[index]), "weight": streamed + pinned_bits, "output": int(found.output_held[index])}
    moved = {"input": int(found.input_moved[index]) * runs, "weight": weights, "output": int(found.output_moved[index]) * runs}
    return Mapping(
        operation=operation,
        family=plan.family,
        stream=plan.stream,
        tile=tile,
        trips={name: -(-extent // tile[name]) for name, extent in zip("nkcpq", extents, strict=True)},
        folded={"n": folded.n, "c": folded.c},
        loops=plan.loops,
        scope={"input": plan.input_scope, "weight": plan.weight_scope, "output": plan.output_scope},
        footprint_bytes={"input": held["input"] / 8, "weight": held["weight"] / 8, "output": held["output"] / 8},
        traffic_bytes={"input": moved["input"] / 8, "weight": moved["weight"] / 8, "output": moved["output"] / 8},
        pinned_weight_bytes=pinned_bits / 8,
        capacity_bytes=-(-sum(held.values()) // BITS_PER_BYTE),
    )
