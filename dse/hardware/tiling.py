"""`Tiling`: the output tiles that the kernels of a many-core machine have, and how they are dealt out to its cores.

A machine of many cores (the multiprocessors of a GPU) multiplies matrices by kernels of a fixed output tile: each core works on
one tile after another, so that a product takes whole tiles, and its tiles whole rounds over the cores (waves). Both losses are
called tile and wave quantisation (NVIDIA, Matrix Multiplication Background User's Guide, DU-09799-001, sections 3.1 and 3.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dse.errors import Place, Problem

Use = Literal["product", "convolution", "recurrent"]
"""What an operation is to the libraries of a machine: one product, a convolution, or a product that runs step after step."""

USES: tuple[Use, ...] = ("product", "convolution", "recurrent")

WINOGRAD_TAPS = 3
"""Filter edge that the Winograd algorithm serves here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """An output tile of `rows` x `cols`, taken in either direction.

    `whole`: only for products that it divides without a rest (kernels of vector loads without bounds). `narrow`: only for
    products that its shorter edge covers at once (a matrix times a few vectors). `units`: most MAC units of a core that it
    keeps busy (its outputs over those that a thread holds); None: all.
    """

    rows: int
    cols: int
    whole: bool = False
    narrow: bool = False
    units: int | None = None

    @property
    def is_limited(self) -> bool:
        """Whether there are sizes that it does not serve."""
        return self.whole or self.narrow

    def __str__(self) -> str:
        marks = [f"on {self.units} units"] if self.units is not None else []
        marks += ["whole only"] if self.whole else []
        marks += [f"up to {min(self.rows, self.cols)} rows or columns"] if self.narrow else []
        return f"{self.rows}x{self.cols}" + (f" ({', '.join(marks)})" if marks else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiling:
    """Tiles by use of an operation, `splits` and `winograd`.

    `splits`: a product or recurrent step may be cut along its reduction into up to so many parts (powers of two), which then
    are added (split-K; NVIDIA, CUTLASS, `cutlass/gemm/k_split_control.h`); convolutions are not cut. `winograd`: edge e of
    the output tile of the Winograd algorithm F(e x e, 3 x 3), which a convolution of 3 x 3 taps and stride 1 takes where it
    is faster, or None: (e + 2)^2 products make e^2 outputs that would take 9·e^2 (Lavin and Gray, arXiv:1509.09308, section
    4).
    """

    product: tuple[Tile, ...]
    convolution: tuple[Tile, ...]
    recurrent: tuple[Tile, ...]
    splits: int = 1
    winograd: int | None = None

    def __post_init__(self) -> None:
        for use in USES:
            if all(tile.is_limited for tile in self.of(use)):
                raise ValueError(f"{use}: one tile at least must serve every size")

    def of(self, use: Use) -> tuple[Tile, ...]:
        """Tiles of one use."""
        return {"product": self.product, "convolution": self.convolution, "recurrent": self.recurrent}[use]

    def sentences(self) -> tuple[str, ...]:
        """What a report says of it."""
        named = (f"{use} {' or '.join(map(str, self.of(use)))}" for use in USES)
        found = [f"cores work on whole output tiles, in whole rounds: {'; '.join(named)}"]
        if self.splits > 1:
            found.append(
                f"products and recurrent steps are cut along the reduction into up to {self.splits} parts where that is faster"
            )
        if self.winograd is not None:
            e, products = self.winograd, (self.winograd + 2) ** 2
            found.append(
                f"convolutions of 3x3 taps and stride 1 take Winograd's F({e}x{e}, 3x3) where that is faster:"
                f" {products} products in place of {9 * e * e}"
            )
        return tuple(found)


def tiling_problem(tiling: Tiling | None, dataflows: tuple[str, ...], padding: str, place: Place | None = None) -> Problem | None:
    """What is wrong where a device has output tiles and a dataflow or padding that they do not go with; None if nothing is."""
    if tiling is None:
        return None
    unable = [name for name in dataflows if name != "ideal"]
    if unable:
        remedy = "tiles are dealt to cores of free MAC units: dataflow: ideal; a systolic array has folds of its own"
        return Problem(f"tiles need dataflow ideal, not {unable[0]}", place, remedy)
    if padding == "skipped":
        return Problem("tiles need padding: multiplied", place, "whole tiles multiply the zeros around a map")
    return None
