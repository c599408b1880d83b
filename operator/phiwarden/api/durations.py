"""Lengths of time, as declarations write them."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final

from pydantic import Field

from phiwarden.api.base import Matches

Duration = Annotated[
    str,
    Field(min_length=2, max_length=6),
    Matches(
        r"[1-9][0-9]{0,4}[hd]",
        "must be a whole number of hours or days, such as 24h or 90d",
    ),
]
"""A number of hours or days."""

_UNITS: Final = {"h": "hours", "d": "days"}


def to_timedelta(text: str) -> dt.timedelta:
    """Return a duration as a value.

    Raises:
        ValueError: it is no whole number of hours or days.
        KeyError: of anything else.
    """
    return dt.timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
