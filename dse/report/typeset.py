"""Quantities as pages and pictures write them; `dse.units.format_quantity` keeps to what every terminal has."""


def typeset(text: str) -> str:
    """A text with the signs of its units.

    >>> typeset("50 us"), typeset("8.4 mm2")
    ('50 µs', '8.4 mm²')
    """
    return text.replace(" us", " µs").replace(" uJ", " µJ").replace(" uW", " µW").replace("mm2", "mm²")
