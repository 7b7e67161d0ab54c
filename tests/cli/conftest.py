"""Searches of this folder climb no rung that takes seconds: what they find is not their point."""

import pytest

from dse.search import ladder, screen


@pytest.fixture(autouse=True)
def quick_ladder(monkeypatch):
    monkeypatch.setattr(ladder, "EXACT_SECONDS", 0.3)
    monkeypatch.setattr(screen, "MOST_EVALUATIONS", 2000)
