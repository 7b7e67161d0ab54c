"""Measurements that dse carries in ``data/published``, read once."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from dse.fidelity.anchor import Source
from dse.inputs.document import read_document

FOLDER = Path(__file__).parent.parent / "data" / "published"

Table = dict[str, Any]


@lru_cache
def published(name: str) -> Table:
    """The measurements of a machine as the file ``data/published/{name}.yaml`` holds them."""
    data = read_document(FOLDER / f"{name}.yaml").data
    assert isinstance(data, dict)
    return data


def source_of(entry: Table) -> Source:
    """The source that an entry with title, link and confidence describes."""
    return Source(title=entry["title"], link=entry["link"], confidence=entry["confidence"])
