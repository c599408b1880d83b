"""Slots: what is due has one name, whoever counts and however often."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.backups.schedule import name_of, slot, slot_of
from tests.backups.made import DAY, HOUR, NOW

MADE = dt.datetime(2026, 11, 1, 9, 30, 45, tzinfo=dt.UTC)
FIRST = MADE.replace(second=0)


@pytest.mark.parametrize(
    ("now", "every", "start"),
    [
        (MADE, DAY, FIRST),
        (MADE + DAY - HOUR, DAY, FIRST),
        (MADE + DAY, DAY, FIRST + DAY),
        (MADE + 40 * DAY, 31 * DAY, FIRST + 31 * DAY),
        (MADE + 90 * dt.timedelta(minutes=1), HOUR, FIRST + HOUR),
        (MADE - DAY, DAY, FIRST),  # a clock that is behind
    ],
)
def test_slots_are_counted_from_when_the_claim_was_made(
    now: dt.datetime, every: dt.timedelta, start: dt.datetime
) -> None:
    assert slot(MADE, every, now) == start


def test_a_slot_has_a_name_in_utc_and_is_read_back_from_it() -> None:
    local = FIRST.astimezone(dt.timezone(dt.timedelta(hours=5)))
    assert name_of("charts", local) == "charts-202611010930"
    assert slot_of("charts", "charts-202611010930") == FIRST


@pytest.mark.parametrize(
    "name",
    [
        "charts",
        "charts-",
        "other-202611010930",
        "charts-2026110109300",
        "charts-202613010930",
        "charts-x",
        "charts-２０２６１１０１０９３０",
    ],
)
def test_other_names_have_no_slot(name: str) -> None:
    assert slot_of("charts", name) is None


@given(st.integers(1, 744), st.integers(0, 10**7), st.integers(0, 10**7))
def test_within_a_slot_the_name_stays_and_after_it_it_is_another(
    hours: int, seconds: int, later: int
) -> None:
    every = hours * HOUR
    first, second = (NOW + dt.timedelta(seconds=s) for s in sorted((seconds, seconds + later)))
    one, two = slot(NOW, every, first), slot(NOW, every, second)
    assert one <= first < one + every
    assert (name_of("v", one) == name_of("v", two)) is (one <= second < one + every)
