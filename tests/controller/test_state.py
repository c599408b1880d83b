"""What is known of what was put back: bounded, newest first, and each thing once."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.api.status import MAX_LISTED, Remediation
from phiwarden.controller.state import Quarantined, State
from phiwarden.remediation.references import References

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)


def entry(minutes: int = 0, name: str = "api", **fields: Any) -> Remediation:
    usual = {"kind": "Deployment", "action": "RolledBack", "message": "it was put back"}
    time = NOW + dt.timedelta(minutes=minutes)
    return Remediation(time=time, namespace="clinic", name=name, **{**usual, **fields})


entries = st.builds(entry, st.integers(0, 30), st.sampled_from("abc"))


@given(st.lists(entries, max_size=40))
def test_what_is_remembered_is_bounded_and_newest_first_and_without_doubles(
    told: list[Remediation],
) -> None:
    state = State()
    for each in told:
        news = state.remember("portal", each)
        assert not news or each in state.remembered("portal")
    known = state.remembered("portal")
    assert len(known) == min(len(set(map(repr, told))), MAX_LISTED)
    assert len({repr(each) for each in known}) == len(known)
    times = [each.time for each in known]
    assert times == sorted(times, reverse=True)
    # None that was left out is newer than one that was kept.
    left = [each.time for each in told if each not in known]
    assert not left or not times or max(left) <= times[-1]


@given(st.lists(entries, max_size=15), st.lists(entries, max_size=15))
def test_what_is_told_again_is_no_news(told: list[Remediation], more: list[Remediation]) -> None:
    """As after a restart, when every object's deeds are recalled in any order."""
    state = State()
    for each in (*told, *more):
        state.remember("portal", each)
    before = list(state.remembered("portal"))
    for each in reversed(before):
        assert not state.remember("portal", each)
    assert state.remembered("portal") == before


def test_of_the_same_second_the_one_told_last_comes_first() -> None:
    state = State()
    state.remember("portal", entry(name="first"))
    state.remember("portal", entry(name="second"))
    assert [each.name for each in state.remembered("portal")] == ["second", "first"]


def test_what_is_older_than_all_that_is_listed_is_no_news() -> None:
    state = State()
    for minute in range(1, MAX_LISTED + 1):
        assert state.remember("portal", entry(minute))
    assert not state.remember("portal", entry(0))
    assert state.remember("portal", entry(99))
    assert len(state.remembered("portal")) == MAX_LISTED


def test_what_was_put_back_survives_in_the_status() -> None:
    state = State()
    stored = entry().model_dump(mode="json", by_alias=True, exclude_none=True)
    state.statuses["portal"] = {"remediations": [stored]}
    assert state.remembered("portal") == [entry()]
    assert not state.remember("portal", entry())


def test_workloads_are_remembered_apart() -> None:
    state = State()
    state.remember("portal", entry())
    assert state.remembered("other") == []


def test_what_is_held_is_told_with_what_makes_its_pods() -> None:
    state = State()
    makers = ("ReplicaSet/api-1", "ReplicaSet/api-2")
    state.quarantined["clinic"] = {
        ("Deployment", "api"): Quarantined(None, held=True, makers=makers),
        ("Job", "a"): Quarantined(None, held=True, harmless=True, makers=("Job/a",)),
        ("Job", "b"): Quarantined(None, held=False, makers=("Job/b",)),
    }
    assert state.held("clinic") == ("Job/a", "ReplicaSet/api-1", "ReplicaSet/api-2")
    assert state.relaxed("clinic")
    del state.quarantined["clinic"]["Deployment", "api"]
    assert not state.relaxed("clinic")
    assert state.held("elsewhere") == ()


@pytest.mark.parametrize(
    ("needs", "told"),
    [
        (References(frozenset(), frozenset(), "default"), []),
        (
            References(frozenset({"b", "a"}), frozenset({"data"}), "app"),
            ["Secret a", "Secret b", "PersistentVolumeClaim data", "ServiceAccount app"],
        ),
    ],
)
def test_what_a_template_needs_and_a_namespace_lacks_is_named(
    needs: References, told: list[str]
) -> None:
    state = State()
    assert list(state.missing_in("clinic")(needs)) == told
    state.owned["clinic"] = {("ServiceAccount", "app"): b""}
    state.watches_secrets = False  # what is not looked at is not missed
    rest = [each for each in told if each.startswith("Persistent")]
    assert list(state.missing_in("clinic")(needs)) == rest
