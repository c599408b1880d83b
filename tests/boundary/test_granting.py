"""Whether an exception is in force, and why not."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.api.values import instant
from phiwarden.boundary.exceptions import at, encoded, parsed
from phiwarden.boundary.granting import (
    MAX_ENTRIES,
    Grant,
    Reason,
    Request,
    grant,
    request_of,
    within_bounds,
)

from .test_labels import BOUNDARY

ASKED = dt.datetime(2027, 1, 1, 8, tzinfo=dt.UTC)
EXCEPTABLE = frozenset({"PHI-IMG-001", "PHI-POD-001"})
APPROVED = {"type": "Approved", "by": {"username": "boris"}}


def asked(decision: dict[str, Any] | None = None, **spec: Any) -> Request:
    usual = {
        "rules": ["PHI-IMG-001"],
        "objects": [{"kind": "Deployment", "name": "api"}],
        "reason": "the vendor publishes no digests",
        "ticket": "CHG-1",
        "compensatingControl": "tags of this repository do not move",
        "expires": "2027-01-11T08:00:00Z",
        "emergency": False,
        "requestedBy": {"username": "asha"},
    }
    return request_of(
        {
            "metadata": {
                "namespace": "portal-clinical",
                "name": "digests",
                "uid": "1",
                "generation": 1,
                "creationTimestamp": "2027-01-01T08:00:00Z",
            },
            "spec": {**usual, **spec},
            "status": {} if decision is None else {"decision": decision},
        }
    )


def given_at(request: Request, now: dt.datetime = ASKED, impact: str = "direct-care") -> Grant:
    return grant(request, impact, EXCEPTABLE, now)


def by(username: str, uid: str = "", kind: str = "Approved") -> dict[str, Any]:
    return {"type": kind, "by": {"username": username, **({"uid": uid} if uid else {})}}


TEN_DAYS = ASKED + dt.timedelta(days=10)
SECOND = dt.timedelta(seconds=1)


@pytest.mark.parametrize(
    ("now", "reason", "left"),
    [
        (ASKED, Reason.IN_FORCE, 10),
        (ASKED + SECOND, Reason.IN_FORCE, 9),
        (ASKED - dt.timedelta(hours=5), Reason.IN_FORCE, 10),  # a clock that is behind
        (TEN_DAYS - dt.timedelta(days=7) - SECOND, Reason.IN_FORCE, 7),
        (TEN_DAYS - dt.timedelta(days=7), Reason.ENDS_WITHIN_7_DAYS, 7),
        (TEN_DAYS - dt.timedelta(days=1) - SECOND, Reason.ENDS_WITHIN_7_DAYS, 1),
        (TEN_DAYS - dt.timedelta(days=1), Reason.ENDS_WITHIN_1_DAY, 1),
        (TEN_DAYS - SECOND, Reason.ENDS_WITHIN_1_DAY, 0),
    ],
)
def test_it_is_in_force_until_its_end(now: dt.datetime, reason: Reason, left: int) -> None:
    found = given_at(asked(APPROVED), now)
    assert (found.reason, found.days_left) == (reason, left)
    assert encoded(found.entries) == ("PHI-IMG-001/Deployment/api/2027-01-11T08:00:00Z",)
    assert found.message == (
        "Deployment/api may break PHI-IMG-001 until 2027-01-11T08:00:00Z, approved by boris"
    )


@pytest.mark.parametrize("now", [TEN_DAYS, TEN_DAYS + dt.timedelta(hours=7)])
def test_at_its_end_it_is_over(now: dt.datetime) -> None:
    found = given_at(asked(APPROVED), now)
    assert (found.reason, found.entries, found.next_change) == (Reason.ENDED, (), None)


@given(st.integers(0, 10 * 24 * 3600 - 1))
def test_what_time_changes_is_known_before_it_comes(seconds: int) -> None:
    now = ASKED + dt.timedelta(seconds=seconds)
    found = given_at(asked(APPROVED), now)
    assert found.next_change is not None
    assert now < found.next_change <= TEN_DAYS
    before = given_at(asked(APPROVED), found.next_change - SECOND)
    after = given_at(asked(APPROVED), found.next_change)
    assert (before.reason, before.days_left) in (
        (found.reason, found.days_left),
        # A whole number of days is left for this second alone.
        (found.reason, (found.days_left or 0) - 1),
    )
    assert (after.reason, after.days_left) != (found.reason, found.days_left) or (
        found.days_left == after.days_left and found.next_change - now <= dt.timedelta(days=1)
    )


@pytest.mark.parametrize(
    ("request_", "impact", "reason"),
    [
        (asked(), "direct-care", Reason.AWAITING_DECISION),
        (asked(by("boris", kind="Denied")), "direct-care", Reason.DENIED),
        (asked(by("asha")), "direct-care", Reason.NOT_INDEPENDENT),
        (asked(by("Asha")), "direct-care", Reason.NOT_INDEPENDENT),
        (
            asked(by("a.k", "7"), requestedBy={"username": "asha", "uid": "7"}),
            "direct-care",
            Reason.NOT_INDEPENDENT,
        ),
        (asked(APPROVED, rules=["PHI-XYZ-001"]), "direct-care", Reason.NO_SUCH_RULE),
        (asked(APPROVED, expires="2027-13-01T08:00:00Z"), "direct-care", Reason.UNREADABLE),
        (asked({"type": "Maybe", "by": {"username": "b"}}), "direct-care", Reason.UNREADABLE),
        (asked(APPROVED, objects=[{"kind": "*", "name": "x"}]), "direct-care", Reason.UNREADABLE),
    ],
)
def test_why_it_is_in_force_or_not(request_: Request, impact: str, reason: Reason) -> None:
    found = given_at(request_, impact=impact)
    assert found.reason is reason
    assert bool(found.entries) is (reason is Reason.IN_FORCE)


@pytest.mark.parametrize(
    ("impact", "emergency", "days"),
    [
        ("direct-care", False, 14),
        ("care-support", False, 30),
        ("administrative", False, 80),
        ("administrative", True, 3),
        ("direct-care", True, 3),
    ],
)
def test_it_lasts_no_longer_than_its_zone_allows_now(
    impact: str, emergency: bool, days: int
) -> None:
    """Where the clinical impact was raised since, it ends sooner, and not at once."""
    expires = instant(ASKED + dt.timedelta(days=80))
    request = asked(APPROVED, expires=expires, emergency=emergency)
    (entry,) = given_at(request, impact=impact).entries
    end = ASKED + dt.timedelta(days=days)
    assert entry.until == instant(end)
    assert given_at(request, end - SECOND, impact).entries
    assert given_at(request, end, impact).reason is Reason.ENDED


def test_a_zone_has_room_for_so_many() -> None:
    rules = ("PHI-IMG-001", "PHI-POD-001")
    objects = [{"kind": "Deployment", "name": f"app-{n}"} for n in range(4)]
    one = given_at(asked(APPROVED, rules=rules, objects=objects))
    assert len(one.entries) == 8
    found = within_bounds({f"{number:03}": one for number in range(30)})
    kept = [name for name, each in found.items() if each.entries]
    assert len(kept) == MAX_ENTRIES // 8
    assert kept == sorted(found)[: len(kept)]
    assert {each.reason for each in found.values()} == {Reason.IN_FORCE, Reason.TOO_MANY}


@given(st.integers(-1, 2 * 24 * 3600 + 1))
def test_a_boundary_lists_what_counts_at_a_moment(seconds: int) -> None:
    now = dt.datetime(2027, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=seconds)
    entries = tuple(
        f"PHI-IMG-001/Deployment/{name}/2027-01-0{day}T00:00:00Z"
        for name, day in (("a", 1), ("b", 2), ("c", 3))
    )
    zone = at(type(BOUNDARY)(**{**_fields(), "exceptions": entries}), now)
    ends = {parsed(entry).until for entry in zone.exceptions}
    assert ends == {parsed(entry).until for entry in entries if instant(now) < parsed(entry).until}


def _fields() -> dict[str, Any]:
    return {name: getattr(BOUNDARY, name) for name in BOUNDARY.__dataclass_fields__}
