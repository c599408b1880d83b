"""Since when a right stands is never told too early."""

from __future__ import annotations

import pytest

from phiwarden.access.since import since

from .made import Body, binding, rbac, role, time

MADE, LATER, LAST = "2026-01-01T08:00:00Z", "2026-02-01T08:00:00Z", "2026-03-01T08:00:00Z"


def written(made: str, *changed: str) -> Body:
    return {"creationTimestamp": made, "managedFields": [{"time": each} for each in changed]}


@pytest.mark.parametrize(
    ("of_binding", "of_role", "expected"),
    [
        (written(MADE, MADE), written(MADE, MADE), (MADE, "binding made", True)),
        (written(LATER, LATER), written(MADE, MADE), (LATER, "binding made", True)),
        (written(MADE, MADE), written(LATER, LATER), (LATER, "role made", True)),
        (written(MADE, MADE, LATER), written(MADE, MADE), (LATER, "binding changed", True)),
        (written(MADE, LAST, LATER), written(LATER, LATER), (LAST, "binding changed", True)),
        (written(MADE, MADE), written(MADE, LAST, MADE), (LAST, "role changed", True)),
        (written(MADE), written(MADE, LATER), (LATER, "role changed", False)),
        (written(MADE, MADE), written(MADE), (MADE, "binding made", False)),
        (written("never", "no time"), written(""), (None, "binding made", False)),
    ],
)
def test_the_latest_of_all_moments_counts_and_says_what_it_was(
    of_binding: Body, of_role: Body, expected: tuple[str | None, str, bool]
) -> None:
    found = rbac(role("r", **of_role), binding("b", "Role r", "User ann", **of_binding))
    (bound,) = found.bindings
    told = since(bound, found.roles[bound.role])
    moment, event, sure = expected
    assert told.time == (time(moment) if moment is not None else None)
    assert (told.event.value, told.sure) == (event, sure)
