"""Quantities of Kubernetes (`100m`, `16Gi`), as exact numbers."""

from __future__ import annotations

import re
from fractions import Fraction
from math import ceil
from typing import Final

_QUANTITY: Final = re.compile(
    r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:([KMGTPE]i)|([numkMGTPE])|[eE]([+-]?[0-9]{1,3}))?"
)
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY: Final = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_NANO: Final = 10**9
_MAXIMUM: Final = 2**63 - 1


def parse_quantity(text: str) -> Fraction:
    """Return the number that the API server reads in `text`.

    Like the API server, this rounds away from zero to whole billionths, and
    caps at the largest 64-bit integer.

    Raises:
        ValueError: if it is not a quantity.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"not a quantity such as 500m or 16Gi: {text!r}")
    digits, binary, decimal, exponent = match.groups()
    value = Fraction(digits)
    if binary:
        value *= 1024 ** _BINARY[binary]
    elif decimal or exponent:
        value *= Fraction(10) ** (_DECIMAL[decimal] if decimal else int(exponent))
    magnitude = min(Fraction(ceil(abs(value) * _NANO), _NANO), Fraction(_MAXIMUM))
    return -magnitude if value < 0 else magnitude


def canonical_quantity(value: object) -> str:
    """Return one spelling for all spellings of a quantity; text that is none, as it is."""
    try:
        number = parse_quantity(str(value))
    except ValueError:
        return str(value)
    return str(number)


def lower_quantity(one: str, other: str) -> str:
    """Return that of two quantities, in its own spelling, which is not above the other."""
    return one if parse_quantity(one) <= parse_quantity(other) else other
