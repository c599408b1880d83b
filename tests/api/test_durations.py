"""Lengths of time as declarations write them."""

from __future__ import annotations

import datetime as dt

import pytest

from phiwarden.api.durations import to_timedelta


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1m", dt.timedelta(minutes=1)),
        ("90m", dt.timedelta(hours=1, minutes=30)),
        ("1h", dt.timedelta(hours=1)),
        ("36h", dt.timedelta(days=1, hours=12)),
        ("90d", dt.timedelta(days=90)),
        ("99999d", dt.timedelta(days=99999)),
    ],
)
def test_a_number_of_minutes_hours_or_days(text: str, meant: dt.timedelta) -> None:
    assert to_timedelta(text) == meant


@pytest.mark.parametrize(
    "text", ["", "h", "24", "0h", "1.5h", "-1d", "1s", "1M", "1h30m", "1h ", "1h\n", "100000h"]
)
def test_nothing_else(text: str) -> None:
    with pytest.raises(ValueError, match="hours or days"):
        to_timedelta(text)
