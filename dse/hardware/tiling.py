"""`Tiling`: the output tiles that the kernels of a many-core machine have, and how they are dealt out to its cores.

A machine of many cores (the multiprocessors of a GPU) multiplies matrices by kernels of a fixed output tile: each core works on
one tile after another, so that a product takes whole tiles, and its tiles whole rounds over the cores (waves). Both losses are
called tile and wave quantisation (NVIDIA, Matrix Multiplication Background User's Guide, DU-09799-001, sections 3.1 and 3.2).

A core that works on one tile alone waits where the threads of the tile wait for each other or for their loads; others that are
resident beside it fill the gaps (NVIDIA, CUDA C Programming Guide 8.0, section 5.2.3: blocks that are resident together "can help
reduce idling", as they "do not need to wait for each other at synchronization points").
"""

from __future__ import annotations

from collections.abc import Sequence
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
    products that its shorter edge covers at once (a matrix times a few vectors). `channels`: only for operations whose channels
    of a group are a multiple of it (instructions that multiply so many pairs at once, such as dp4a). `units`: most MAC units of a
    core that its kernel keeps busy; None: all. `resident`: so many tiles share a core, each at its share of the rate, and one
    alone is no faster. `bits`: only for operands of that width, which then take no tile of another width; `pairs`: products of
    such operands that a unit makes at once.
    """

    rows: int
    cols: int
    whole: bool = False
    narrow: bool = False
    channels: int = 1
    units: int | None = None
    resident: int = 1
    bits: int | None = None
    pairs: int = 1

    @property
    def is_limited(self) -> bool:
        """Whether there are operations on operands of its width that it does not serve."""
        return self.whole or self.narrow or self.channels > 1

    def __str__(self) -> str:
        marks = [f"{self.bits} bits"] if self.bits is not None else []
        marks += [f"{self.pairs} products a unit"] if self.pairs > 1 else []
        marks += [f"on {self.units} units"] if self.units is not None else []
        marks += [f"{self.resident} share a core"] if self.resident > 1 else []
        marks += ["whole only"] if self.whole else []
        marks += [f"channels by {self.channels}"] if self.channels > 1 else []
        marks += [f"up to {min(self.rows, self.cols)} rows or columns"] if self.narrow else []
        return f"{self.rows}x{self.cols}" + (f" ({', '.join(marks)})" if marks else "")


def unserved(tiles: Sequence[Tile]) -> str | None:
    """What some tiles leave without any, or None: every width that has tiles needs one without limits, and all others too."""
    widths: dict[int | None, None] = {None: None, **{tile.bits: None for tile in tiles}}
    for width in widths:
        if all(tile.is_limited for tile in tiles if tile.bits == width):
            of = "" if width is None else f" of {width} bits"
            return f"one tile{of} at least must be neither 'whole' nor 'narrow' nor have 'channels', to serve every operation"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiling:
    """Tiles by use of an operation, `splits`, `idle_splits` and `winograd`.

    `splits`: a product or recurrent step may be cut along its reduction into up to so many parts (powers of two), which then
    are added (split-K; NVIDIA, CUTLASS, `cutlass/gemm/k_split_control.h`); convolutions are not cut. `idle_splits`, where given,
    is that of products, which then are cut only while their tiles leave half of the machine idle (CUTLASS, "Efficient GEMM in
    CUDA", parallelized reductions: for few tiles of a long reduction); steps that follow each other overlap their ends (Appleyard
    et al., arXiv:1604.01946, section 3), so that parts of any number suit them. `winograd`: edge e of the output tile of the
    Winograd algorithm F(e x e, 3 x 3), which a convolution of 3 x 3 taps and stride 1 takes where it is faster, or None:
    (e + 2)^2 products make e^2 outputs that would take 9·e^2 (Lavin and Gray, arXiv:1509.09308, section 4); `winograd_tiles` are
    the tiles of its products, those of convolutions where there are none.
    """

    product: tuple[Tile, ...]
    convolution: tuple[Tile, ...]
    recurrent: tuple[Tile, ...]
    splits: int = 1
    idle_splits: int | None = None
    winograd: int | None = None
    winograd_tiles: tuple[Tile, ...] = ()

    def __post_init__(self) -> None:
        for use in USES:
            if found := unserved(self.of(use)):
                raise ValueError(f"{use}: {found}")
        if self.winograd_tiles and (found := unserved(self.winograd_tiles)):
            raise ValueError(f"winograd_tiles: {found}")

    def of(self, use: Use) -> tuple[Tile, ...]:
        """Tiles of one use."""
        return {"product": self.product, "convolution": self.convolution, "recurrent": self.recurrent}[use]

    def sentences(self) -> tuple[str, ...]:
        """What a report says of it."""
        named = (f"{use} {' or '.join(map(str, self.of(use)))}" for use in USES)
        found = [f"cores work on whole output tiles, in whole rounds: {'; '.join(named)}"]
        if self.idle_splits is not None and self.idle_splits > 1:
            found.append(
                f"products are cut along the reduction into up to {self.idle_splits} parts where their tiles leave half of the"
                " cores idle and that is faster"
            )
        if self.splits > 1:
            cut = "products and recurrent steps are" if self.idle_splits is None else "recurrent steps are"
            found.append(f"{cut} cut along the reduction into up to {self.splits} parts where that is faster")
        if self.winograd is not None:
            e, products = self.winograd, (self.winograd + 2) ** 2
            found.append(
                f"convolutions of 3x3 taps and stride 1 take Winograd's F({e}x{e}, 3x3) where that is faster:"
                f" {products} products in place of {9 * e * e}"
                + (f"; on tiles {' or '.join(map(str, self.winograd_tiles))}" if self.winograd_tiles else "")
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
