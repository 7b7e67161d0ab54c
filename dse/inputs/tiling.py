"""Output tiles of a device from YAML: ``128x64``, or ``{tile: 32x32, whole: true, units: 64}``."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from dse.hardware.tiling import Tile, Tiling, unserved
from dse.inputs.yaml import Listed, Strict

PATTERN = r"^[1-9][0-9]{0,3}x[1-9][0-9]{0,3}$"


class TileText(Strict):
    """An output tile of the kernels of a device."""

    tile: Annotated[str, Field(pattern=PATTERN)] = Field(description="rows x columns of outputs, such as 128x64")
    whole: bool = Field(default=False, description="only for products that it divides without a rest")
    narrow: bool = Field(default=False, description="only for products that its shorter edge covers at once")
    channels: int = Field(default=1, ge=1, le=1024, description="only for operations whose channels are a multiple of it")
    units: int | None = Field(default=None, ge=1, description="most MAC units of a core that its kernel keeps busy")
    resident: int = Field(default=1, ge=1, le=64, description="tiles that share a core; one alone is no faster")
    bits: int | None = Field(default=None, ge=1, le=64, description="only for operands of that width, which take no other tile")
    pairs: int = Field(default=1, ge=1, le=16, description="products of such operands that a MAC unit makes at once")

    def value(self) -> Tile:
        """The tile."""
        rows, cols = self.tile.split("x")
        return Tile(
            rows=int(rows),
            cols=int(cols),
            whole=self.whole,
            narrow=self.narrow,
            channels=self.channels,
            units=self.units,
            resident=self.resident,
            bits=self.bits,
            pairs=self.pairs,
        )


def _written(entry: object) -> object:
    """A bare ``128x64`` as the mapping that it is short for."""
    if not isinstance(entry, str):
        return entry
    if re.match(PATTERN, entry) is None:
        raise ValueError(f"a tile such as 128x64 is needed, got {entry!r}")
    return {"tile": entry}


_SCHEMA = {"anyOf": [{"type": "string", "pattern": PATTERN}, TileText.model_json_schema()]}

OneTile = Annotated[TileText, BeforeValidator(_written), WithJsonSchema(_SCHEMA)]
Tiles = Annotated[Listed[OneTile], Field(min_length=1)]


class TilingText(Strict):
    """Output tiles of the kernels that a machine of many cores has, by what they compute."""

    product: Tiles = Field(description="of matrix products, such as [128x128, 128x64]")
    convolution: Tiles | None = Field(default=None, description="of convolutions; left out: those of products")
    recurrent: Tiles | None = Field(default=None, description="of recurrent steps; left out: those of products")
    splits: int = Field(
        default=1, ge=1, le=1024, description="most parts that the reduction of a product or recurrent step is cut into (split-K)"
    )
    idle_splits: int | None = Field(
        default=None, ge=1, le=1024, description="that of products, cut only while tiles leave half of the machine idle"
    )
    winograd_tiles: Tiles | None = Field(default=None, description="of Winograd's products; left out: those of convolutions")
    winograd: int | None = Field(
        default=None, ge=2, le=6, description="edge e of Winograd's F(e x e, 3 x 3) for convolutions; left out: direct alone"
    )

    @model_validator(mode="after")
    def _serves_every_size(self) -> TilingText:
        for use in ("product", "convolution", "recurrent", "winograd_tiles"):
            tiles: tuple[TileText, ...] | None = getattr(self, use)
            if tiles is not None and (found := unserved([tile.value() for tile in tiles])):
                raise ValueError(f"{use}: {found}")
        return self

    def value(self) -> Tiling:
        """The tiling."""
        product = tuple(tile.value() for tile in self.product)
        return Tiling(
            product=product,
            convolution=product if self.convolution is None else tuple(tile.value() for tile in self.convolution),
            recurrent=product if self.recurrent is None else tuple(tile.value() for tile in self.recurrent),
            splits=self.splits,
            idle_splits=self.idle_splits,
            winograd=self.winograd,
            winograd_tiles=() if self.winograd_tiles is None else tuple(tile.value() for tile in self.winograd_tiles),
        )
