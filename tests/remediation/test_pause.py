"""A pause ends by itself, and never lasts longer than a shift."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.api.history import HistoryStatus
from phiwarden.remediation.memory import Memory
from phiwarden.remediation.pause import LONGEST, Asked, asked
from tests.remediation.made import HOUR, NOW, SECOND, good, workload

UNTIL, REASON = "phiwarden.dev/pause-until", "phiwarden.dev/pause-reason"


def paused(until: str | None, reason: str | None = None, **metadata: Any) -> dict[str, Any]:
    annotations = {UNTIL: until, REASON: reason}
    kept = {key: value for key, value in annotations.items() if value is not None}
    return workload("Deployment", good(), metadata={"annotations": kept, **metadata})


def test_a_pause_says_who_asked_and_why() -> None:
    names = {f"f:{UNTIL}": {}, f"f:{REASON}": {}}
    fields = {"manager": "on-call", "fieldsV1": {"f:metadata": {"f:annotations": names}}}
    found = asked(
        paused("2026-11-21T13:00:00Z", "migration of the PACS", managedFields=[fields]), NOW
    )
    assert found.problem == ""
    assert found.pause is not None
    assert found.pause.until == NOW + HOUR
    assert (found.pause.by, found.pause.reason) == ("on-call", "migration of the PACS")


@pytest.mark.parametrize(
    ("text", "granted", "problem"),
    [
        (None, False, ""),
        ("", False, ""),
        ("2026-11-21T12:00:01Z", True, ""),
        ("2026-11-22T12:00:00Z", True, ""),
        ("2026-11-21T12:00:00Z", False, ""),  # it has ended
        ("2020-01-01T00:00:00Z", False, ""),
        ("2026-11-22T12:00:01Z", False, "more than 24 hours away"),
        ("9999-12-31T23:59:59-23:59", False, "more than 24 hours away"),
        ("0001-01-01T00:00:00+23:59", False, ""),
        ("2026-11-21T18:00:00", False, "is no time"),  # nobody knows where
        ("soon", False, "is no time"),
        ("2026-13-01T00:00:00Z", False, "is no time"),
    ],
)
def test_a_pause_is_granted_for_a_day_at_most(
    text: str | None, granted: bool, problem: str
) -> None:
    found = asked(paused(text), NOW)
    assert (found.pause is not None) is granted
    assert problem in found.problem
    assert bool(found.problem) is bool(problem)


@pytest.mark.parametrize(
    "text", ["2026-11-21T13:00:00Z", "2026-11-21T18:30:00+05:30", "2026-11-21T18:00:30+05:00:30"]
)
def test_a_pause_is_kept_and_told_in_the_time_of_all(text: str) -> None:
    """The API server takes no offset of seconds: what cannot be kept would stop everything."""
    pause = asked(paused(text), NOW).pause
    assert pause is not None
    assert pause.until.isoformat() == "2026-11-21T13:00:00+00:00"


@pytest.mark.parametrize(
    "reason", ["", "two\nlines", "a" * 201, "Wartung für PACS", "\x1b[31mred", None]
)
def test_a_reason_is_plain_text_or_not_told(reason: str | None) -> None:
    pause = asked(paused("2026-11-21T13:00:00Z", reason), NOW).pause
    assert pause is not None
    assert pause.reason is None


@given(st.one_of(st.text(), st.datetimes(timezones=st.timezones()).map(str)), st.text())
def test_whatever_is_written_a_pause_ends(text: str, reason: str) -> None:
    found = asked(paused(text, reason), NOW)
    if found.pause is None:
        return
    assert found.problem == ""
    assert NOW < found.pause.until <= NOW + LONGEST
    assert asked(paused(text, reason), found.pause.until) == Asked()
    # It is the same when it is read again, so that it is recorded once.
    kept = Memory(pause=found.pause).model_dump(mode="json", by_alias=True)
    assert HistoryStatus.model_validate(kept).pause == found.pause


@given(st.integers(1, 24 * 3600), st.integers(-14 * 60, 14 * 60))
def test_a_pause_is_that_moment_in_whatever_zone_it_is_written(seconds: int, offset: int) -> None:
    zone = dt.timezone(dt.timedelta(minutes=offset))
    until = NOW + seconds * SECOND
    pause = asked(paused(until.astimezone(zone).isoformat()), NOW).pause
    assert pause is not None
    assert pause.until == until
    assert pause.until.utcoffset() == dt.timedelta(0)
