"""Quantities as text: what is written is read back, and what is wrong is said in plain words."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.hardware.parameters import KINDS, read_value
from dse.units import EXAMPLES, UNITS, UnitError, format_quantity, parse_price_per, parse_quantity

READ_BACK = ("bytes", "bandwidth", "frequency", "time", "energy", "power", "area", "price", "rate")
"""Dimensions that are both shown and read."""


@pytest.mark.parametrize("dimension", READ_BACK)
@given(exponent=st.floats(-9, 14), digits=st.integers(2, 8))
def test_what_is_shown_is_read_back_to_the_figures_shown(dimension, exponent, digits):
    value = 10.0**exponent
    if dimension == "price":
        value, digits = max(value, 0.1), 2
    shown = parse_quantity(format_quantity(value, dimension, digits).replace(",", ""), dimension)
    tolerance = 0.05 if dimension == "price" else 0.5 * 10.0 ** (1 - digits) + 1e-3 * (dimension == "bytes")
    assert shown == pytest.approx(value, rel=tolerance)


@pytest.mark.parametrize(
    ("value", "dimension", "text"),
    [
        (2**20, "bytes", "1 MiB"),
        (2**40, "bytes", "1 TiB"),
        (1024, "bytes", "1 KiB"),
        (1023, "bytes", "1,023 B"),
        (1000 * 2**10, "bytes", "1,000 KiB"),
        (2**20 - 1, "bytes", "1 MiB"),
        (96 * 2**10, "bytes", "96 KiB"),
        (999.6e9, "bandwidth", "1 TB/s"),
        (999.4e9, "bandwidth", "999 GB/s"),
        (0, "price", "0.00 USD"),
        (0.004, "price", "0.004 USD"),
        (7.3, "price", "7.30 USD"),
        (1500, "price", "1,500 USD"),
        (math.inf, "time", "∞"),
    ],
)
def test_shown(value, dimension, text):
    assert format_quantity(value, dimension) == text


@given(count=st.integers(1, 1023), step=st.integers(0, 4))
def test_whole_numbers_of_binary_units_are_shown_exactly(count, step):
    unit = ("B", "KiB", "MiB", "GiB", "TiB")[step]
    assert format_quantity(count * 1024**step, "bytes") == f"{count:,} {unit}"


@pytest.mark.parametrize("dimension", UNITS)
def test_messages_are_sentences(dimension):
    """No "a energy", no "a bytes": every dimension has a noun with the right article."""
    for text in ("3", 3, "3 parsecs", "3 parsec/s", "much", True, None, "1e400 " + EXAMPLES[dimension].split()[1]):
        with pytest.raises(UnitError) as caught:
            parse_quantity(text, dimension)
        said = str(caught.value)
        assert not any(wrong in said for wrong in (" a bytes", " a e", " a a", " an b", " a node", "None")), said


def test_a_product_that_is_not_finite_is_refused():
    with pytest.raises(UnitError, match="more than a number can be"):
        parse_quantity("1e308 GHz", "frequency")


def test_price_per():
    assert parse_price_per("0.5 USD per GB/s", "bandwidth") == pytest.approx(0.5e-9)
    with pytest.raises(UnitError, match=r"0\.5 USD per GB/s"):
        parse_price_per("0.5 USD", "bandwidth")


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.is_numeric])
@pytest.mark.parametrize("text", ["inf", "-inf", "nan", "1e400", "-1", "", "one"])
def test_what_is_no_value_of_a_parameter_is_refused(name, text):
    unit = EXAMPLES[KINDS[name].dimension].split()[1] if KINDS[name].dimension else ""
    with pytest.raises(ValueError, match=r"must be|is not|more than|has no unit"):
        read_value(name, f"{text} {unit}".strip())


def test_bounds_are_written_with_their_unit():
    with pytest.raises(ValueError, match="frequency must be at most 1 THz, got 2 THz"):
        read_value("frequency", "2 THz")
    with pytest.raises(ValueError, match="cores must be at most 1,048,576, got 2,000,000"):
        read_value("cores", "2000000")
