"""The library's face: every name is there, however the package was entered."""

import subprocess
import sys

import pytest

import dse


@pytest.mark.parametrize("name", dse.__all__)
def test_every_name_is_there(name):
    assert callable(getattr(dse, name))


@pytest.mark.parametrize("first", ["dse", "dse.search.study"])
def test_search_is_a_function_whatever_was_imported_before(first):
    code = f"import {first}, dse\nassert callable(dse.search)\nfrom dse.search.study import search\nassert callable(dse.search)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'serch'"):
        _ = dse.serch
