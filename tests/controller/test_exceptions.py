"""What is said of an exception."""

from __future__ import annotations

import datetime as dt

import pytest

from phiwarden.boundary.granting import Grant, Reason, Request
from phiwarden.controller.exceptions import _condition

NOW = dt.datetime(2027, 1, 2, tzinfo=dt.UTC)
WAITING = Request("portal", "digests", "1", 1, NOW, None)


@pytest.mark.parametrize(
    ("known", "since"),
    [
        ({"status": "False", "lastTransitionTime": "2027-01-01T00:00:00Z"}, "2027-01-01T00:00:00Z"),
        ({"status": "True", "lastTransitionTime": "2027-01-01T00:00:00Z"}, "2027-01-02T00:00:00Z"),
        # The CRD requires no more of a report than its type.
        ({"status": "False"}, "2027-01-02T00:00:00Z"),
        ({}, "2027-01-02T00:00:00Z"),
    ],
)
def test_since_when_it_is_so(known: dict[str, str], since: str) -> None:
    before = {"conditions": [{"type": "InForce", **known}]}
    said = _condition(WAITING, Grant(Reason.AWAITING_DECISION, "waits"), before, NOW)
    assert said["lastTransitionTime"] == since
