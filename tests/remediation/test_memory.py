"""What is remembered of a workload: bounded, and enough to do nothing twice."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.api.history import MAX_ACTS, MAX_WORKED, Act, Cause, HistoryStatus
from phiwarden.remediation.memory import (
    NOTHING,
    Memory,
    done,
    forgoing,
    intending,
    let_go,
    on_trial,
    proven,
    taken_back,
    times_put_back,
    with_worked,
    without_worked,
    worked,
)
from tests.remediation.made import HOUR, NOW, SECOND, act, working

STOP = {"action": "ScaledToZero", "replicas": 3}


def after(memory: Memory, *acts: Act) -> Memory:
    for each in acts:
        memory = done(intending(memory, each))
    return memory


def names(memory: Memory) -> list[str]:
    return [entry.template for entry in memory.worked]


# What worked


def test_what_works_now_is_the_newest_that_worked() -> None:
    memory = with_worked(working("b", "a"), "a", 7, NOW)
    assert names(memory) == ["a", "b"]
    assert memory.worked[0].revision == 7
    assert proven(memory, "a")
    assert not proven(memory, "b")
    assert worked(memory, "b")


def test_what_is_known_already_is_not_written_again() -> None:
    memory = working("a")
    assert with_worked(memory, "a", 1, NOW) is memory


def test_the_oldest_that_worked_are_forgotten() -> None:
    memory = NOTHING
    for number in range(3 * MAX_WORKED):
        memory = with_worked(memory, str(number), number, NOW)
    assert names(memory) == [str(3 * MAX_WORKED - 1 - place) for place in range(MAX_WORKED)]


def test_a_template_that_failed_when_it_was_brought_back_worked_no_more() -> None:
    assert names(without_worked(working("b", "a"), "b")) == ["a"]
    assert without_worked(NOTHING, "a") == NOTHING


# Deeds


def test_a_deed_is_noted_before_it_is_done_and_once() -> None:
    deed = act("bad", to_template="good")
    intended = intending(working("good"), deed)
    assert (intended.pending, intended.acts) == (deed, ())
    finished = done(intended)
    assert (finished.pending, finished.acts) == (None, (deed,))
    assert forgoing(intended) == working("good")


@pytest.mark.parametrize("action", ["ScaledToZero", "Suspended"])
def test_what_phiwarden_stopped_it_has_to_start_again(action: str) -> None:
    replicas = 3 if action == "ScaledToZero" else None
    memory = after(NOTHING, act("bad", action=action, replicas=replicas))
    assert (memory.stopped, memory.replicas) == (True, replicas)
    assert (let_go(memory).stopped, let_go(memory).replicas) == (False, None)
    assert let_go(memory).acts == memory.acts


def test_what_was_stopped_and_then_put_back_is_still_to_be_started() -> None:
    """A way back that opens later leaves it at zero replicas: it must not stay there."""
    memory = after(NOTHING, act("bad", **STOP), act("bad", to_template="good"))
    assert (memory.stopped, memory.replicas) == (True, 3)


def test_the_number_of_replicas_survives_that_it_is_stopped_twice() -> None:
    memory = after(NOTHING, act("bad", **STOP), act("bad", action="ScaledToZero", replicas=0))
    assert memory.replicas == 3
    memory = after(memory, act("worse", action="ScaledToZero", replicas=5))
    assert memory.replicas == 5


def test_what_was_only_put_back_is_not_to_be_started() -> None:
    memory = after(NOTHING, act("bad", to_template="good"))
    assert (memory.stopped, memory.replicas) == (False, None)


def test_only_violations_are_counted_and_each_template_by_itself() -> None:
    memory = after(
        NOTHING,
        act("a"),
        act("b"),
        act("a", **STOP),
        act("a", cause=Cause.FAILED_ROLLOUT),
    )
    assert [times_put_back(memory, each) for each in "abc"] == [2, 1, 0]
    assert [taken_back(memory, each) for each in "abc"] == [True, False, False]


# Trials


def test_what_was_put_back_is_on_trial_until_it_works() -> None:
    memory = after(working("good"), act("bad", to_template="good"))
    assert on_trial(memory, "good") == memory.acts[0]
    assert on_trial(memory, "bad") is None
    memory = with_worked(memory, "good", 3, NOW + HOUR)
    assert on_trial(memory, "good") is None
    assert names(memory) == ["good"]
    # And it stays so, whatever worked since.
    memory = with_worked(memory, "other", 4, NOW + 2 * HOUR)
    assert on_trial(memory, "good") is None


def test_what_works_at_once_is_not_on_trial() -> None:
    memory = after(working("bad", "good"), act("bad", to_template="good"))
    assert on_trial(with_worked(memory, "good", 3, NOW + SECOND / 2), "good") is None


def test_a_put_back_begins_a_new_trial() -> None:
    deed = act("bad", to_template="good")
    memory = with_worked(after(working("good"), deed), "good", 3, NOW + HOUR)
    again = after(memory, act("bad", to_template="good", time=NOW + 2 * HOUR))
    assert on_trial(again, "good") == again.acts[0]
    assert proven(again, "good")  # that it worked before does not end it
    assert on_trial(with_worked(again, "good", 5, NOW + 3 * HOUR), "good") is None


def test_another_deed_ends_the_trial_of_the_one_before() -> None:
    memory = after(working("a", "b"), act("x", to_template="a"), act("y", to_template="b"))
    assert on_trial(memory, "a") is None
    assert on_trial(memory, "b") is not None
    assert on_trial(after(memory, act("b", **STOP)), "b") is None


# Whatever comes

templates = st.sampled_from("abcdefghijklmnopqrst")
moments = st.integers(-100, 100).map(lambda minutes: NOW + dt.timedelta(minutes=minutes))
deeds = st.builds(
    act,
    templates,
    to_template=st.one_of(st.none(), templates),
    cause=st.sampled_from(Cause),
    action=st.sampled_from(["RolledBack", "ScaledToZero", "Suspended"]),
    replicas=st.one_of(st.none(), st.integers(0, 5)),
    time=moments,
)
events = st.lists(st.one_of(deeds, st.tuples(templates, moments), st.none()), max_size=60)


@given(events)
def test_memory_is_bounded_and_has_no_doubles_and_is_read_as_it_was_written(
    lived: list[Act | tuple[str, dt.datetime] | None],
) -> None:
    memory = NOTHING
    for event in lived:
        if isinstance(event, Act):
            memory = after(memory, event)
            assert memory.acts[0] == event
        elif event is not None:
            memory = with_worked(memory, event[0], 1, event[1])
            assert proven(memory, event[0])
        else:
            memory = let_go(memory)
        assert len(memory.acts) <= MAX_ACTS
        assert len(memory.worked) <= MAX_WORKED
        assert len(set(names(memory))) == len(memory.worked)
        assert memory.stopped or memory.replicas is None
    kept = memory.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    assert HistoryStatus.model_validate(kept) == memory


@given(events, deeds)
def test_a_deed_that_was_begun_ends_done_or_undone(
    lived: list[Act | tuple[str, dt.datetime] | None], deed: Act
) -> None:
    memory = after(NOTHING, *(event for event in lived if isinstance(event, Act)))
    begun = intending(memory, deed)
    assert forgoing(begun) == memory
    assert (begun.stopped, begun.replicas, begun.acts) == (
        memory.stopped,
        memory.replicas,
        memory.acts,
    )
    assert done(begun).acts == (deed, *memory.acts)[:MAX_ACTS]
