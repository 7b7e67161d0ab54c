"""Text with a unit <-> a float in SI (byte, B/s, Hz, s, J, W, mm2, USD, op/s): the only place that knows 1e9 or 1024.

GB is 1e9 bytes and GiB is 2**30 bytes, never mixed. One multiply-accumulate (MAC) is two operations (ops).
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping

OPS_PER_MAC = 2
BITS_PER_BYTE = 8

_SI = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}
_SMALL = {"": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12}
_BYTES = {f"{prefix}B": factor for prefix, factor in {**_SI, **_BINARY}.items()}
_RATE_BYTES = {f"{unit}/s": factor for unit, factor in _BYTES.items()}
_RATE_BITS = {f"{prefix}bit/s": factor / BITS_PER_BYTE for prefix, factor in _SI.items()}

UNITS: Mapping[str, Mapping[str, float]] = {
    "bytes": _BYTES,
    "bandwidth": {**_RATE_BYTES, **_RATE_BITS},
    "frequency": {f"{prefix}Hz": factor for prefix, factor in _SI.items()},
    "time": {**{f"{prefix}s": factor for prefix, factor in _SMALL.items()}, "min": 60.0, "h": 3600.0},
    "energy": {f"{prefix}J": factor for prefix, factor in {**_SMALL, "k": 1e3}.items()},
    "power": {f"{prefix}W": factor for prefix, factor in {**_SMALL, "k": 1e3}.items()},
    "area": {"mm2": 1.0, "um2": 1e-6, "cm2": 1e2},
    "price": {"USD": 1.0, "kUSD": 1e3, "MUSD": 1e6, "cent": 1e-2},
    "rate": {f"{prefix}op/s": factor for prefix, factor in _SI.items()},
    "throughput": {"1/s": 1.0, "k/s": 1e3, "M/s": 1e6},
    "energy per byte": {"pJ/bit": 1e-12 * BITS_PER_BYTE, "pJ/B": 1e-12},
    "defect density": {"1/cm2": 1e-2, "1/mm2": 1.0},
    "power density": {"W/mm2": 1.0, "mW/mm2": 1e-3},
    "node": {"nm": 1.0},
}
"""Dimension -> unit -> factor to SI."""

_SHOWN = {
    "bandwidth": ("B/s", 1e3, ("", "k", "M", "G", "T", "P")),
    "frequency": ("Hz", 1e3, ("", "k", "M", "G", "T", "P")),
    "rate": ("op/s", 1e3, ("", "k", "M", "G", "T", "P")),
    "bytes": ("B", 1024.0, ("", "Ki", "Mi", "Gi", "Ti")),
    "traffic": ("B", 1e3, ("", "k", "M", "G", "T", "P")),
    "throughput": ("/s", 1e3, ("", "k", "M", "G")),
    "count": ("", 1e3, ("", "k", "M", "G", "T", "P")),
}
_SHOWN_SMALL = {"time": "s", "energy": "J", "power": "W"}
EXAMPLES = {
    "bytes": "512 KiB",
    "bandwidth": "34 GB/s",
    "frequency": "700 MHz",
    "time": "10 ms",
    "energy": "5 mJ",
    "power": "2 W",
    "area": "50 mm2",
    "price": "40 USD",
    "rate": "92 Top/s",
    "throughput": "100 1/s",
    "energy per byte": "8 pJ/bit",
    "defect density": "0.07 1/cm2",
    "power density": "0.01 W/mm2",
    "node": "28 nm",
}
_NOUNS = {"bytes": "size in bytes", "node": "process node"}
"""Dimensions that are called otherwise in a sentence."""

_QUANTITY = re.compile(r"\s*([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(\S.*?)?\s*", re.ASCII)

FORMAT_BITS: Mapping[str, int] = {
    "int4": 4, "int8": 8, "int16": 16, "int32": 32, "fp8": 8, "bf16": 16, "fp16": 16, "fp32": 32,
}  # fmt: skip
"""Bits of one number in each format that a workload or an array may name."""

FLOATING_FORMATS = frozenset({"fp8", "bf16", "fp16", "fp32"})
"""Formats with an exponent: an array of integer multipliers cannot multiply them."""


class UnitError(ValueError):
    """A quantity that cannot be read; the text says why and shows a right one."""


def parse_quantity(text: object, dimension: str) -> float:
    """Read ``"34 GB/s"`` as SI.

    Raises `UnitError` for a bare number, an unknown unit, or a unit of another dimension.

    >>> parse_quantity("34 GB/s", "bandwidth"), parse_quantity("28 MiB", "bytes")
    (34000000000.0, 29360128.0)
    """
    example = EXAMPLES[dimension]
    if isinstance(text, bool) or not isinstance(text, (str, int, float)):
        raise UnitError(f"expected {noun(dimension)} such as '{example}', got {'nothing' if text is None else repr(text)}")
    match = _QUANTITY.fullmatch(str(text))
    if match is None:
        raise UnitError(f"{text!r} is not {noun(dimension)}; write a number and a unit, such as '{example}'")
    number, unit = float(match[1].replace("_", "")), match[2]
    units = UNITS[dimension]
    if unit is None:
        raise UnitError(f"{text} has no unit; write {noun(dimension)} with one, such as '{example}'")
    if unit not in units:
        raise UnitError(f"{text!r}: {_why_not(unit, dimension)}")
    value = number * units[unit]
    if not math.isfinite(value):
        raise UnitError(f"{text!r} is more than a number can be here")
    return value


def noun(dimension: str) -> str:
    """What a sentence calls a quantity, with its article.

    >>> noun("energy"), noun("bytes")
    ('an energy', 'a size in bytes')
    """
    name = _NOUNS.get(dimension, dimension)
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _why_not(unit: str, dimension: str) -> str:
    example = EXAMPLES[dimension]
    other = next((name for name, units in UNITS.items() if unit in units), None)
    if other is not None:
        return f"{unit} is a unit of {_NOUNS.get(other, other)}, and {noun(dimension)} is needed, such as '{example}'"
    near = [known for known in UNITS[dimension] if known.lower() == unit.lower()]
    near = near or difflib.get_close_matches(unit, UNITS[dimension], n=1, cutoff=0.5)
    return f"unknown unit {unit!r}" + (f"; did you mean {near[0]}?" if near else f"; write it like '{example}'")


def parse_price_per(text: object, dimension: str) -> float:
    """Read a unit price, ``"0.5 USD per GB/s"``, as USD per SI unit of `dimension` ("count" for a bare thing).

    >>> parse_price_per("2 USD per MiB", "bytes") * 2**20
    2.0
    """
    price, separator, per = str(text).partition(" per ")
    if not separator:
        example = "0.01 USD per unit" if dimension == "count" else f"0.5 USD per {EXAMPLES[dimension].split()[1]}"
        raise UnitError(f"{text!r} is not a unit price; write it like '{example}'")
    amount = parse_quantity(price, "price")
    if dimension == "count":
        return amount
    per = per.strip()
    return amount / parse_quantity(per if per[:1].isdigit() else f"1 {per}", dimension)


def format_quantity(value: float, dimension: str, digits: int = 3) -> str:
    """Write an SI value for a reader: `digits` significant figures and the unit that suits its size.

    >>> format_quantity(34e9, "bandwidth"), format_quantity(29360128, "bytes"), format_quantity(0.0123, "time")
    ('34 GB/s', '28 MiB', '12.3 ms')
    >>> format_quantity(2**20, "bytes"), format_quantity(1023, "bytes"), format_quantity(0.004, "price")
    ('1 MiB', '1,023 B', '0.004 USD')
    """
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if dimension == "price":
        cents = value == 0 or 0.1 <= abs(value) < 100
        return f"{value:,.2f} USD" if cents else f"{value:,.0f} USD" if abs(value) >= 100 else f"{value:.2g} USD"
    if dimension == "ratio":
        return f"{_figures(value, digits)}x"
    if dimension == "area":
        return f"{_figures(value, digits)} mm2"
    if dimension in _SHOWN_SMALL:
        return _scaled_small(value, _SHOWN_SMALL[dimension], digits)
    unit, base, prefixes = _SHOWN[dimension]
    step = 0
    while step + 1 < len(prefixes) and abs(_rounded(value, digits)) >= base:
        value, step = value / base, step + 1
    below_base = 10**digits <= abs(value) < base
    return f"{f'{value:,.0f}' if below_base else _figures(value, digits)} {prefixes[step]}{unit}".rstrip()


def _rounded(value: float, digits: int) -> float:
    """To `digits` figures, but never coarser than a whole number: 1,024 KiB is 1 MiB and not 1,020 KiB."""
    return float(f"{value:.{digits}g}") if abs(value) < 10**digits else float(round(value))


def _scaled_small(value: float, unit: str, digits: int) -> str:
    for prefix, factor in (("", 1.0), ("m", 1e-3), ("u", 1e-6), ("n", 1e-9), ("p", 1e-12)):
        if value == 0 or abs(float(f"{value / factor:.{digits}g}")) >= 1 or prefix == "p":
            return f"{_figures(value / factor, digits)} {prefix}{unit}"
    raise AssertionError


def _figures(value: float, digits: int) -> str:
    text = f"{value:.{digits}g}"
    return f"{float(text):,.0f}" if "e" in text and abs(value) >= 1 else text
