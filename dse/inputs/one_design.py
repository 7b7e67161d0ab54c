"""The YAML of a space file around one design: everything that the file says besides what may vary and what is wanted.

`dse evaluate --on FILE` reads it back to the very same machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from dse.hardware.goals import Budget
from dse.hardware.parameters import KINDS, Value, show_value
from dse.hardware.space import Space
from dse.inputs.document import read_document
from dse.units import parse_quantity

KEPT = ("source", "notes", "device", "unit_prices", "technology")
"""Keys of a space file that are those of each of its designs."""

_BASE_UNIT = {"frequency": "Hz", "bandwidth": "B/s", "bytes": "B", "node": "nm"}
_LIMIT_UNIT = {"price": "USD", "area": "mm2", "power": "W", "latency": "s", "energy": "J"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OneDesignYaml:
    """`kept` and `limits` are YAML; a design's file is its head, its parameters (see `exact_text`), `limits` and `kept`."""

    kept: str
    limits: str

    def text(self, name: str, title: str, parameters: Mapping[str, str]) -> str:
        """The whole file of one design."""
        rows = "".join(f"  {key}: {value}\n" for key, value in parameters.items())
        head = f"name: {name}\ntitle: {_dumped(title)}\n"
        return f"{head}\nparameters:\n{rows}\n{self.limits}{self.kept}"


def one_design_yaml(space: Space, space_file: Path) -> OneDesignYaml:
    """What designs of `space` share, from the file that it was read from and the budget that it has now."""
    written = read_document(space_file).data
    kept: dict[str, Any] = {key: written[key] for key in KEPT if key in written} if isinstance(written, dict) else {}
    return OneDesignYaml(kept=_yaml(kept), limits=_yaml({"budget": _budget(space.budget)}))


def exact_text(name: str, value: Value) -> str:
    """A value of a parameter as YAML that reads back to the very same value.

    >>> exact_text("sram", 8388608), exact_text("sram", 1000003), exact_text("frequency", 7e8), exact_text("cores", 4)
    ('8 MiB', '1000003 B', '700 MHz', '4')
    """
    dimension, shown = KINDS[name].dimension, show_value(name, value)
    if not dimension or parse_quantity(shown, dimension) == value:
        return shown
    return f"{value!r} {_BASE_UNIT[dimension]}"


def _budget(budget: Budget) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    scenarios: dict[str, Any] = {}
    for name, limit in budget.as_dict().items():
        metric, _, scenario = name.partition(".")
        into, key = (scenarios, scenario) if scenario else (limits, metric)
        into[key] = f"{limit!r} {_LIMIT_UNIT[metric]}"
    return limits | ({"latency_by_scenario": scenarios} if scenarios else {})


def _yaml(data: dict[str, Any]) -> str:
    if not data:
        return ""
    out = StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.width = 120
    yaml.allow_unicode = True
    yaml.sort_base_mapping_type_on_output = False  # pyright: ignore[reportAttributeAccessIssue]
    yaml.dump(data, out)  # pyright: ignore[reportUnknownMemberType]
    return out.getvalue()


def _dumped(text: str) -> str:
    """A text as a YAML scalar on one line."""
    return "'" + text.replace("'", "''").replace("\n", " ") + "'"
