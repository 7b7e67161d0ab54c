"""What any layer of a workload file may carry; its kinds stand in `product_schema` and `pointwise_schema`."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar

from pydantic import Field

from dse.inputs.fields import Names, PrecisionText
from dse.inputs.yaml import Strict
from dse.workload.parts import Layer

LAYER_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_\-]*$"


class LayerText(Strict):
    """What any layer may carry."""

    makes: ClassVar[type[Any]]
    reads_nothing: ClassVar[bool] = False

    name: str = Field(
        pattern=LAYER_NAME, description="unique in its network or block; copies of a block are res2.1.conv1, res2.2.conv1, ..."
    )
    reads: Names | None = Field(
        None,
        alias="from",
        description="layer name or names to read; default: the one before; 'input' is the network's, 'block_input' the block's",
    )
    precision: PrecisionText | None = Field(None, description="formats of this layer where they differ from the network's")
    notes: str | None = Field(None, description="free text")

    def layer(self) -> Layer:
        """The layer that the keys describe."""
        names = [field.name for field in fields(self.makes) if hasattr(self, field.name)]
        return self.makes(**{name: getattr(self, name) for name in names})

    @property
    def expected(self) -> int | None:
        """Input channels or features that the file says it expects."""
        return getattr(self, "in_", None)

    @property
    def memory_name(self) -> str | None:
        """A further layer that it reads."""
        return None
