"""Whether the images of a release may run, and why not."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.api import names
from phiwarden.api.release import MAX_RELEASED, ReleaseSpec
from phiwarden.releases.policy import Policy
from phiwarden.releases.standing import (
    Reason,
    Request,
    Standing,
    judged,
    let_run,
    request_of,
    standings,
)

from .made import NOW, STRICT, altered, key, policy, released

APPROVED = {"type": "Approved", "by": {"username": "boris"}}
DENIED = {"type": "Denied", "by": {"username": "boris"}}
CI = {names.SUBMITTED_BY: "ci"}


def brought(
    name: str = "portal",
    decision: dict[str, Any] | None = None,
    *,
    release: ReleaseSpec | None = None,
    notes: dict[str, str] | None = None,
    created: dt.datetime = NOW,
) -> Request:
    spec = release or released()
    return request_of(
        {
            "metadata": {
                "namespace": "portal-clinical",
                "name": name,
                "uid": name,
                "generation": 1,
                "creationTimestamp": created.isoformat(),
                "annotations": CI if notes is None else notes,
            },
            "spec": spec.model_dump(mode="json", by_alias=True, exclude_none=True),
            "status": {} if decision is None else {"decision": decision},
        }
    )


def standing(*requests: Request, asked: Policy | None = None) -> dict[str, Standing]:
    return standings(requests, {each.name: judged(each, asked or policy()) for each in requests})


def reasons(found: dict[str, Standing]) -> dict[str, Reason]:
    return {name: each.reason for name, each in found.items()}


def by(username: str, uid: str = "", kind: str = "Approved") -> dict[str, Any]:
    return {"type": kind, "by": {"username": username, **({"uid": uid} if uid else {})}}


UID = {**CI, names.SUBMITTED_BY_UID: "4711"}


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (brought(), Reason.AWAITING_DECISION),
        (brought(decision=APPROVED), Reason.IN_FORCE),
        (brought(decision=DENIED), Reason.DENIED),
        (brought(decision=by("ci")), Reason.NOT_INDEPENDENT),
        (brought(decision=by("CI")), Reason.NOT_INDEPENDENT),
        (brought(decision=by("pipeline", "4711"), notes=UID), Reason.NOT_INDEPENDENT),
        (brought(decision=by("pipeline", "4712"), notes=UID), Reason.IN_FORCE),
        (brought(decision=by("ci", kind="Denied")), Reason.DENIED),
        (brought(decision=APPROVED, notes={}), Reason.NOT_INDEPENDENT),
        (brought(decision=APPROVED, notes={names.SUBMITTED_BY: ""}), Reason.NOT_INDEPENDENT),
        (brought(decision=APPROVED, release=released(by="thief")), Reason.NOT_VERIFIED),
        (
            brought(decision=APPROVED, release=altered(released(), {"version": "2.0.0"})),
            Reason.NOT_VERIFIED,
        ),
        (
            brought(decision=DENIED, release=altered(released(), {"version": "2.0.0"})),
            Reason.DENIED,
        ),
    ],
)
def test_a_release_is_in_force_if_a_key_and_somebody_else_say_so(
    request_: Request, reason: Reason
) -> None:
    (found,) = standing(request_).values()
    assert found.reason is reason
    assert bool(found.digests) is (reason is Reason.IN_FORCE)


def test_what_cannot_be_read_counts_for_nothing_and_its_field_is_named() -> None:
    body = {
        "metadata": {
            "namespace": "a",
            "name": "b",
            "uid": "1",
            "creationTimestamp": "2026-06-01T12:00:00Z",
        },
        "spec": {"workload": "portal"},
        "status": {"decision": APPROVED},
    }
    (found,) = standing(request_of(body)).values()
    assert found.reason is Reason.UNREADABLE
    assert "version" in found.message
    (denied,) = standing(request_of({**body, "status": {"decision": DENIED}})).values()
    assert denied.reason is Reason.DENIED


def test_a_scan_is_as_old_as_it_was_when_the_release_was_brought() -> None:
    """Or what runs would have to stop after a week."""
    asked = policy(limits=STRICT)
    years = dt.timedelta(days=3650)
    in_time = brought(decision=APPROVED, created=NOW)
    too_late = brought("late", APPROVED, created=NOW + dt.timedelta(days=8))
    assert reasons(standing(in_time, asked=asked)) == {"portal": Reason.IN_FORCE}
    assert reasons(standing(too_late, asked=asked)) == {"late": Reason.NOT_VERIFIED}
    ended = policy(key("ci", (NOW + years).date()))
    assert reasons(standing(in_time, asked=ended)) == {"portal": Reason.IN_FORCE}


def test_a_statement_that_was_revoked_is_revoked_under_every_name_and_signature() -> None:
    asked = policy(key("ci"), key("next"))
    same = released(by="next")
    found = standing(
        brought("a", APPROVED, release=same),
        brought("b", DENIED),
        brought("c", None),
        brought("d", APPROVED, release=released({"version": "2.0.0"})),
        asked=asked,
    )
    assert reasons(found) == {
        "a": Reason.REVOKED,
        "b": Reason.DENIED,
        "c": Reason.REVOKED,
        "d": Reason.IN_FORCE,
    }
    assert "b, which was denied" in found["a"].message


def _many(name: str, first: int, count: int, age: int) -> Request:
    images = [
        {"repository": "registry.hospital.example/portal", "digest": f"sha256:{n:0>64}"}
        for n in range(first, first + count)
    ]
    made = released({"images": images, "version": name})
    return brought(name, APPROVED, release=made, created=NOW - dt.timedelta(hours=age))


def test_the_newest_releases_have_room_first() -> None:
    full = [_many(f"r{age}", age * 60, 60, age) for age in range(8)]
    last = _many("last", 480, 21, 9)
    same = _many("same", 0, 60, 10)
    small = _many("small", 900, 20, 11)
    found = standing(*reversed(full), last, same, small)
    assert found["last"].reason is Reason.TOO_MANY
    assert "480 of at most 500" in found["last"].message
    assert not found["last"].digests
    # What is named already needs no room.
    assert found["same"].reason is Reason.IN_FORCE
    assert found["small"].reason is Reason.IN_FORCE
    assert len(let_run(found)) == MAX_RELEASED


@given(st.permutations(["a", "b", "c", "d"]))
def test_the_order_of_releases_means_nothing(order: list[str]) -> None:
    each = {
        "a": brought("a", APPROVED),
        "b": brought("b", DENIED, release=released({"version": "2.0.0"})),
        "c": brought("c", APPROVED, release=released({"version": "2.0.0"})),
        "d": brought("d", None),
    }
    assert standing(*(each[name] for name in order)) == standing(*each.values())
