"""Turns: never more than the rate allows, and the least critical first."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.api.workload import ClinicalImpact
from phiwarden.remediation.turns import (
    Bucket,
    Limits,
    crowded,
    filled,
    full,
    given_back,
    halted,
    order,
    seconds_left,
    taken,
)
from tests.remediation.made import NOW, SECOND

DIRECT, SUPPORT, OFFICE = (
    ClinicalImpact.DIRECT_CARE,
    ClinicalImpact.CARE_SUPPORT,
    ClinicalImpact.ADMINISTRATIVE,
)
limits = st.builds(Limits, per_minute=st.integers(1, 600))
waits = st.floats(0, 120, allow_nan=False)


def burst(of: Limits) -> float:
    return full(of, NOW).tokens


def asked(bucket: Bucket, of: Limits, now: dt.datetime) -> tuple[Bucket, bool]:
    """Return the bucket once somebody asked for a turn, and whether they got it."""
    bucket = filled(bucket, of, now)
    return (taken(bucket), True) if seconds_left(bucket, of) <= 0 else (bucket, False)


@pytest.mark.parametrize(
    ("per_minute", "together"), [(1, 1.0), (6, 1.0), (12, 2.0), (60, 10.0), (600, 100.0)]
)
def test_one_turn_is_always_at_hand_and_a_few_may_come_together(
    per_minute: int, together: float
) -> None:
    assert burst(Limits(per_minute=per_minute)) == together


@given(limits, st.lists(waits, max_size=80))
def test_turns_are_never_more_than_rate_and_burst(of: Limits, gaps: list[float]) -> None:
    bucket, now, given_ = full(of, NOW), NOW, 0
    for gap in gaps:
        now += gap * SECOND
        bucket, got = asked(bucket, of, now)
        given_ += got
        passed = (now - NOW).total_seconds()
        assert given_ <= burst(of) + passed * of.per_minute / 60 + 1e-6
        assert -1e-6 <= bucket.tokens <= burst(of)


@given(limits, st.lists(st.one_of(waits, st.just("back")), max_size=60))
def test_turns_that_changed_nothing_do_not_count_and_make_no_more(
    of: Limits, course: list[float | str]
) -> None:
    bucket, now, given_ = full(of, NOW), NOW, 0
    for step in course:
        if isinstance(step, str):
            if given_:
                bucket, given_ = given_back(bucket), given_ - 1
            continue
        now += step * SECOND
        bucket, got = asked(bucket, of, now)
        given_ += got
        passed = (now - NOW).total_seconds()
        assert given_ <= burst(of) + passed * of.per_minute / 60 + 1e-6
        assert bucket.tokens <= burst(of)


@given(limits, st.integers(0, 100), st.floats(0, 1e7, allow_nan=False), waits)
def test_a_clock_that_is_set_back_adds_nothing_and_takes_nothing(
    of: Limits, spent: int, back: float, wait: float
) -> None:
    bucket = full(of, NOW)
    for _ in range(spent):
        bucket, _ = asked(bucket, of, NOW)
    earlier = filled(bucket, of, NOW - back * SECOND)
    assert earlier.tokens == bucket.tokens
    # And time goes on from there as it would have.
    later = filled(earlier, of, NOW - back * SECOND + wait * SECOND)
    assert later.tokens == pytest.approx(filled(bucket, of, NOW + wait * SECOND).tokens, abs=1e-3)


@given(limits, st.integers(0, 1000))
def test_whoever_waits_as_long_as_told_gets_a_turn(of: Limits, spent: int) -> None:
    bucket = full(of, NOW)
    for _ in range(spent):
        bucket, _ = asked(bucket, of, NOW)
    left = seconds_left(bucket, of)
    assert 0 <= left <= 60 / of.per_minute + 1e-6
    assert seconds_left(filled(bucket, of, NOW + left * SECOND), of) <= 1e-3


@given(limits, st.integers(1, 5))
def test_a_rest_is_not_saved_up(of: Limits, days: int) -> None:
    assert filled(full(of, NOW), of, NOW + dt.timedelta(days=days)).tokens == burst(of)


@pytest.mark.parametrize(("failed", "stops"), [(0, False), (2, False), (3, True), (4, True)])
def test_too_many_failures_stop_everything(failed: int, stops: bool) -> None:
    assert halted(range(failed), Limits(failures=3)) is stops


@pytest.mark.parametrize(("there", "full_"), [(0, False), (19, False), (20, True), (21, True)])
def test_only_so_many_are_on_their_way(there: int, full_: bool) -> None:
    assert crowded(range(there), Limits(unready=20)) is full_


def test_failed_rollouts_come_first_and_then_the_least_critical() -> None:
    every = [(impact, failed) for impact in ClinicalImpact for failed in (False, True)]
    placed = sorted(every, key=lambda each: order(each[0], failed_rollout=each[1]))
    assert placed == [
        (DIRECT, True),
        (SUPPORT, True),
        (OFFICE, True),
        (OFFICE, False),
        (SUPPORT, False),
        (DIRECT, False),
    ]


def test_the_order_is_that_of_the_label_on_a_namespace() -> None:
    assert order("direct-care", failed_rollout=True) < order("administrative", failed_rollout=True)
