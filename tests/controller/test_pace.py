"""Turns and put-backs: how many at a time, when to stop, and that it goes on by itself."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.controller.pace import Pace
from phiwarden.controller.queues import AuditKey
from phiwarden.remediation.turns import Limits

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
FEW = Limits(per_minute=60, unready=2, failures=3)
KEYS = [AuditKey("Deployment", "clinic", name) for name in "abcdefg"]
A, B, C, D, *_ = KEYS


@dataclass
class Around:
    """What a pace tells of, and its clock."""

    now: dt.datetime = NOW
    asked: list[AuditKey] = field(default_factory=list)
    changed: list[AuditKey] = field(default_factory=list)

    def pace(self, limits: Limits = FEW) -> Pace:
        return Pace(limits, lambda: self.now, self.asked.append, self.changed.append)


def admits(pace: Pace, key: AuditKey) -> bool:
    return pace.admits(key, on_trial=True)


def test_put_backs_wait_while_too_many_are_not_ready_and_then_go_on() -> None:
    around = Around()
    pace = around.pace()
    for key in (A, B):
        assert admits(pace, key)
        pace.sent(key)
    assert not admits(pace, C)
    assert not admits(pace, D)
    pace.over(A)
    assert sorted(around.asked) == [C, D]
    assert admits(pace, C)


@pytest.mark.parametrize("end", ["over", "gone"])
def test_put_backs_that_failed_stop_all_others_until_they_are_mended(end: str) -> None:
    around = Around()
    pace = around.pace(Limits(unready=9, failures=3))
    for key in (A, B, C):
        pace.sent(key)
        assert pace.fell(key)
    assert pace.halted
    assert not admits(pace, D)
    assert around.asked == []
    getattr(pace, end)(B)
    assert not pace.halted
    assert around.asked == [D]
    assert admits(pace, D)


def test_a_failure_is_news_once() -> None:
    around = Around()
    pace = around.pace()
    pace.sent(A)
    assert [pace.fell(A) for _ in range(3)] == [True, False, False]
    assert around.changed == [A]


def test_those_that_wait_hear_that_everything_stopped() -> None:
    around = Around()
    pace = around.pace(Limits(unready=1, failures=1))
    pace.sent(A)
    assert not admits(pace, B)
    pace.fell(A)
    assert around.changed == [A, B]


def test_a_new_put_back_of_what_failed_is_on_its_way_again() -> None:
    pace = Around().pace()
    pace.sent(A)
    pace.fell(A)
    pace.sent(A)
    assert (pace.failed, pace.on_their_way) == (set(), {A})
    assert pace.fell(A)


def test_what_is_gone_waits_for_nothing() -> None:
    around = Around()
    pace = around.pace(Limits(unready=1))
    pace.sent(A)
    assert not admits(pace, B)
    pace.gone(B)
    pace.over(A)
    assert around.asked == []


def test_nobody_waits_for_their_own_place() -> None:
    """The API server was away in the middle of it: whoever tries again must not be parked."""
    around = Around()
    pace = around.pace(Limits(unready=2))
    assert admits(pace, A)
    assert admits(pace, B)
    assert admits(pace, A)
    assert not admits(pace, C)


def test_what_was_never_sent_changes_nothing() -> None:
    around = Around()
    pace = around.pace()
    pace.over(A)
    pace.gone(A)
    assert (around.asked, around.changed) == ([], [])


deeds = st.sampled_from(["put back", "works", "fails", "goes"])


@given(st.lists(st.tuples(deeds, st.sampled_from(KEYS)), max_size=60))
def test_nothing_waits_for_ever(course: list[tuple[str, AuditKey]]) -> None:
    """Whoever was not admitted is asked again by the time that everything else is ready."""
    around = Around()
    pace = around.pace()
    waiting: set[AuditKey] = set()
    for deed, key in course:
        if deed == "put back":
            if admits(pace, key):
                pace.sent(key)
                waiting.discard(key)
            else:
                waiting.add(key)
        elif deed == "works":
            pace.over(key)
        elif deed == "fails" and key in pace.on_their_way:
            pace.fell(key)
        elif deed == "goes":
            pace.gone(key)
            waiting.discard(key)
        waiting -= set(around.asked)
        around.asked.clear()
        assert not pace.on_their_way & pace.failed
        assert len(pace.on_their_way | pace.failed) <= max(FEW.unready, FEW.failures)
        assert pace.parked >= waiting
    for key in KEYS:
        pace.over(key)
    assert waiting <= set(around.asked)
    assert admits(pace, A)


@given(st.integers(1, 120), st.lists(st.floats(0, 30, allow_nan=False), max_size=40))
def test_turns_come_at_their_rate_and_those_given_back_are_not_lost(
    per_minute: int, gaps: list[float]
) -> None:
    around = Around()
    pace = around.pace(Limits(per_minute=per_minute))

    async def main() -> None:
        for gap in gaps:
            around.now += dt.timedelta(seconds=gap)
            # The first one after a pause is at hand: nothing was changed by those before it.
            async with asyncio.timeout(1):
                await pace.turn()
            pace.give_back()

    asyncio.run(main())


def test_a_turn_that_is_not_there_is_waited_for() -> None:
    around = Around()
    pace = around.pace(Limits(per_minute=6))

    async def main() -> None:
        await pace.turn()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await pace.turn()
        around.now += dt.timedelta(seconds=10)
        async with asyncio.timeout(1):
            await pace.turn()

    asyncio.run(main())
