"""Convolutions over three sides or more (video, volumes), where they are convolutions over two or one.

A window that slides along three sides at once has no rule in the model of traffic, so those are refused. But a window of 1 along
sides that lie next to each other slides over them as over one side, and blocks that do not overlap are rows of a product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

NO_RULE = (
    "its windows slide along three sides at once or along sides that are apart; dse has rules for windows over two sides, "
    "and for blocks that do not overlap"
)


@dataclass(frozen=True, slots=True)
class Windows:
    """The input N x C x ...; along each side the window, its step and the gap of its taps; begins of padding, then ends."""

    shape: Sequence[int]
    kernel: Sequence[int]
    strides: Sequence[int]
    dilations: Sequence[int]
    pads: Sequence[int]

    def are_blocks(self) -> bool:
        """Whether the windows are blocks side by side that leave nothing out."""
        whole = all(extent % taps == 0 for extent, taps in zip(self.shape[2:], self.kernel, strict=True))
        return whole and list(self.kernel) == list(self.strides) and not any(self.pads) and set(self.dilations) == {1}


@dataclass(frozen=True, slots=True)
class WindowSide:
    """A side, and the window along it."""

    extent: int
    taps: int
    stride: int
    dilation: int
    pads: tuple[int, int]

    def is_passed(self) -> bool:
        """Whether the window is one element here that meets each once."""
        return self.taps == self.stride == 1 and not any(self.pads)

    def made(self) -> int:
        """How many places a window has here."""
        return (self.extent + sum(self.pads) - (self.taps - 1) * self.dilation - 1) // self.stride + 1


PASSED = WindowSide(1, 1, 1, 1, (0, 0))
"""A side of 1."""


def joined_sides(windows: Windows) -> list[WindowSide]:
    """The sides, those next to each other that a window passes as one."""
    half = len(windows.kernel)
    pads = zip(windows.pads[:half], windows.pads[half:], strict=True)
    sides = [
        WindowSide(*side)
        for side in zip(windows.shape[2:], windows.kernel, windows.strides, windows.dilations, pads, strict=True)
    ]
    sides = [side for side in sides if not (side.extent == 1 and side.is_passed())]
    while True:
        at = next((i for i, (one, two) in enumerate(pairwise(sides)) if one.is_passed() and two.is_passed()), None)
        if at is None:
            return sides
        joined = WindowSide(sides[at].extent * sides[at + 1].extent, 1, 1, 1, (0, 0))
        sides = [*sides[:at], joined, *sides[at + 2 :]]
