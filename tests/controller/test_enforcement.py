"""When API servers can be held to have taken policies up: whatever clocks say."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from phiwarden.controller.enforcement import SETTLING, Enforcement

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
KIND, NAME = "ValidatingAdmissionPolicy", "phiwarden-pods"
SECOND = dt.timedelta(seconds=1)


def policy(written: object = "2026-11-21T12:00:00Z", spec: str = "a") -> dict[str, Any]:
    metadata = {
        "name": NAME,
        "creationTimestamp": "2026-11-01T00:00:00Z",
        "managedFields": [{"time": written}, {"time": "2026-12-01T00:00:00Z", "subresource": "status"}],
    }  # fmt: skip
    return {"kind": KIND, "metadata": metadata, "spec": {"of": spec}}


def enforcement() -> Enforcement:
    return Enforcement([policy()])


def test_a_policy_that_is_old_has_long_been_taken_up() -> None:
    found = enforcement()
    found.seen(KIND, NAME, policy("2026-11-20T00:00:00Z"), NOW)
    settled = found.settled_at()
    assert settled is not None
    assert settled < NOW


def test_a_policy_that_was_just_written_is_given_its_time() -> None:
    found = enforcement()
    found.seen(KIND, NAME, policy(), NOW + SECOND)
    assert found.settled_at() == NOW + SETTLING


@pytest.mark.parametrize(
    "written", ["9999-12-31T23:59:59Z", "2026-11-21T14:00:00Z", "soon", None, 7, "2026-11-21T12:00:00"]
)  # fmt: skip
def test_a_time_that_cannot_be_is_not_waited_for(written: object) -> None:
    found = enforcement()
    found.seen(KIND, NAME, policy(written), NOW)
    settled = found.settled_at()
    assert settled is not None
    assert settled <= NOW + SETTLING


def test_a_policy_without_any_time_is_as_new_as_it_can_be() -> None:
    found = enforcement()
    body = policy()
    del body["metadata"]["creationTimestamp"], body["metadata"]["managedFields"]
    found.seen(KIND, NAME, body, NOW)
    assert found.settled_at() == NOW + SETTLING


def test_a_change_counts_from_when_it_was_seen_and_a_note_does_not() -> None:
    found = enforcement()
    found.seen(KIND, NAME, policy("2026-11-20T00:00:00Z"), NOW)
    later = NOW + 100 * SECOND
    found.seen(KIND, NAME, policy("2026-11-21T12:01:40Z"), later)
    settled = found.settled_at()
    assert settled is not None
    assert settled < NOW
    found.seen(KIND, NAME, policy("2026-11-20T00:00:00Z", "b"), later)
    assert found.settled_at() == later + SETTLING
    assert found.faults() == (f"{KIND} {NAME} is not the one that this version brings",)


def test_policies_of_others_are_not_waited_for() -> None:
    found = enforcement()
    found.seen(KIND, "somebody-elses", policy(), NOW)
    assert found.settled_at() is None
    found.seen(KIND, NAME, policy(), NOW)
    found.seen(KIND, NAME, None, NOW)
    assert found.settled_at() is None
