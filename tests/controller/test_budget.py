"""Turns and put-backs: how many at a time, when to stop, and that it goes on by itself."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.controller.budget import Budget
from phiwarden.controller.queues import AuditKey
from phiwarden.remediation.turns import Limits

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
FEW = Limits(per_minute=60, unready=2, failures=3)
KEYS = [AuditKey("Deployment", "clinic", name) for name in "abcdefg"]
A, B, C, D, *_ = KEYS


@dataclass
class Around:
    """What a budget tells of, and its clock."""

    now: dt.datetime = NOW
    asked: list[AuditKey] = field(default_factory=list)
    changed: list[AuditKey] = field(default_factory=list)

    def budget(self, limits: Limits = FEW) -> Budget:
        return Budget(limits, lambda: self.now, self.asked.append, self.changed.append)


def admits(budget: Budget, key: AuditKey) -> bool:
    return budget.admits(key)


def test_put_backs_wait_while_too_many_are_not_ready_and_then_go_on() -> None:
    around = Around()
    budget = around.budget()
    for key in (A, B):
        assert admits(budget, key)
        budget.sent(key)
    assert not admits(budget, C)
    assert not admits(budget, D)
    budget.over(A)
    assert sorted(around.asked) == [C, D]
    assert admits(budget, C)


@pytest.mark.parametrize("end", ["over", "gone"])
def test_put_backs_that_failed_stop_all_others_until_they_are_mended(end: str) -> None:
    around = Around()
    budget = around.budget(Limits(unready=9, failures=3))
    for key in (A, B, C):
        budget.sent(key)
        assert budget.fell(key)
    assert budget.halted
    assert not admits(budget, D)
    assert around.asked == []
    getattr(budget, end)(B)
    assert not budget.halted
    assert around.asked == [D]
    assert admits(budget, D)


def test_a_failure_is_news_once() -> None:
    around = Around()
    budget = around.budget()
    budget.sent(A)
    assert [budget.fell(A) for _ in range(3)] == [True, False, False]
    assert around.changed == [A]


def test_those_that_wait_hear_that_everything_stopped() -> None:
    around = Around()
    budget = around.budget(Limits(unready=1, failures=1))
    budget.sent(A)
    assert not admits(budget, B)
    budget.fell(A)
    assert around.changed == [A, B]


def test_a_new_put_back_of_what_failed_is_on_its_way_again() -> None:
    budget = Around().budget()
    budget.sent(A)
    budget.fell(A)
    budget.sent(A)
    assert (budget.failed, budget.on_their_way) == (set(), {A})
    assert budget.fell(A)


def test_what_is_gone_waits_for_nothing() -> None:
    around = Around()
    budget = around.budget(Limits(unready=1))
    budget.sent(A)
    assert not admits(budget, B)
    budget.gone(B)
    budget.over(A)
    assert around.asked == []


def test_what_was_never_sent_changes_nothing() -> None:
    around = Around()
    budget = around.budget()
    budget.over(A)
    budget.gone(A)
    assert (around.asked, around.changed) == ([], [])


deeds = st.sampled_from(["put back", "works", "fails", "goes"])


@given(st.lists(st.tuples(deeds, st.sampled_from(KEYS)), max_size=60))
def test_nothing_waits_for_ever(course: list[tuple[str, AuditKey]]) -> None:
    """Whoever was not admitted is asked again by the time that everything else is ready."""
    around = Around()
    budget = around.budget()
    waiting: set[AuditKey] = set()
    for deed, key in course:
        if deed == "put back":
            if admits(budget, key):
                budget.sent(key)
                waiting.discard(key)
            else:
                waiting.add(key)
        elif deed == "works":
            budget.over(key)
        elif deed == "fails" and key in budget.on_their_way:
            budget.fell(key)
        elif deed == "goes":
            budget.gone(key)
            waiting.discard(key)
        waiting -= set(around.asked)
        around.asked.clear()
        assert not budget.on_their_way & budget.failed
        assert len(budget.on_their_way | budget.failed) <= max(FEW.unready, FEW.failures)
        assert budget.parked >= waiting
    for key in KEYS:
        budget.over(key)
    assert waiting <= set(around.asked)
    assert admits(budget, A)


@given(st.integers(1, 120), st.lists(st.floats(0, 30, allow_nan=False), max_size=40))
def test_turns_come_at_their_rate_and_those_given_back_are_not_lost(
    per_minute: int, gaps: list[float]
) -> None:
    around = Around()
    budget = around.budget(Limits(per_minute=per_minute))

    async def main() -> None:
        for gap in gaps:
            around.now += dt.timedelta(seconds=gap)
            # The first one after a pause is at hand: nothing was changed by those before it.
            async with asyncio.timeout(1):
                await budget.turn()
            budget.give_back()

    asyncio.run(main())


def test_a_turn_that_is_not_there_is_waited_for() -> None:
    around = Around()
    budget = around.budget(Limits(per_minute=6))

    async def main() -> None:
        await budget.turn()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await budget.turn()
        around.now += dt.timedelta(seconds=10)
        async with asyncio.timeout(1):
            await budget.turn()

    asyncio.run(main())
