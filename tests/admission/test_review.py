"""How an attempt is judged: by the boundary as it is now, and never against a doubt."""

import asyncio
import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

import pytest
import structlog

from phiwarden.admission.answer import SILENCE, Answer, Attempt
from phiwarden.admission.review import JUDGED_AT_ALL, JUDGED_AT_ONCE, Reviewer
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.rulebook import examples
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.model import Example
from phiwarden.rulebook.shapes import PODS

(POD,) = PODS.kinds
ZONE = examples.ZONE
NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


@dataclass
class Known:
    """Zones as a watch knows them, and as they are."""

    watched: ZoneBoundary | None
    stored: ZoneBoundary | None

    def get(self, namespace: str) -> ZoneBoundary | None:
        return self.watched if namespace == "portal-clinical" else None

    async def look_again(self, namespace: str) -> ZoneBoundary | None:
        return self.stored


def pod(containers: int = 1) -> dict[str, Any]:
    found = examples.manifest(POD, examples.pod_template(Example(container={"image": "nginx"})))
    (container,) = found["spec"]["containers"]
    found["spec"]["containers"] = [
        {**container, "name": f"app-{number}"} for number in range(containers)
    ]
    return found


def review(known: Known, **fields: Any) -> tuple[Answer, list[dict[str, Any]]]:
    """Return the answer, and the decisions that were recorded."""
    usual: dict[str, Any] = {
        "username": "developer",
        "groups": frozenset(),
        "operation": "CREATE",
        "namespace": "portal-clinical",
        "obj": pod(),
    }

    async def ask() -> Answer:
        reviewer = Reviewer(known, standard_judge(), lambda user, groups: False, lambda: NOW)
        return await reviewer.review(Attempt(**{**usual, **fields}))

    with structlog.testing.capture_logs() as logs:
        answer = asyncio.run(ask())
    return answer, [dict(log) for log in logs if log["event"] == "decision"]


def test_a_refusal_is_recorded_with_its_author() -> None:
    answer, (decision,) = review(Known(ZONE, ZONE))
    assert not answer.allowed
    assert decision["action"] == "Refused"
    assert decision["requested_by"] == "developer"
    assert decision["rules"] == ("PHI-IMG-001", "PHI-IMG-002")
    assert (decision["workload"], decision["zone"], decision["namespace"]) == (
        "portal",
        "clinical",
        "portal-clinical",
    )
    assert (decision["kind"], decision["name"], decision["time"]) == ("Pod", "app", NOW.isoformat())


@pytest.mark.parametrize(
    ("level", "action"), [("enforce", "Refused"), ("warn", "Warned"), ("observe", "Observed")]
)
def test_every_level_is_recorded_as_what_it_is(level: str, action: str) -> None:
    zone = replace(ZONE, enforcement=level)
    _, (decision,) = review(Known(zone, zone))
    assert decision["action"] == action


def test_a_dry_run_is_answered_and_not_recorded() -> None:
    answer, decisions = review(Known(ZONE, ZONE), dry_run=True)
    assert not answer.allowed
    assert decisions == []


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param(replace(ZONE, enforcement="warn"), id="the level was lowered"),
        pytest.param(None, id="it is no zone any more, or cannot be read"),
        pytest.param(replace(ZONE, enforcement="observe"), id="it only observes"),
    ],
)
def test_no_refusal_rests_on_a_boundary_of_yesterday(stored: ZoneBoundary | None) -> None:
    answer, decisions = review(Known(ZONE, stored))
    assert answer.allowed
    assert "Refused" not in [decision["action"] for decision in decisions]


def test_a_namespace_that_is_no_zone_is_left_to_the_policies() -> None:
    assert review(Known(None, ZONE)) == (SILENCE, [])
    assert review(Known(ZONE, ZONE), namespace="elsewhere") == (SILENCE, [])


def test_a_large_object_is_judged_and_a_huge_one_left_to_the_policies() -> None:
    large, _ = review(Known(ZONE, ZONE), obj=pod(JUDGED_AT_ONCE + 1))
    assert not large.allowed
    huge, decisions = review(Known(ZONE, ZONE), obj=pod(JUDGED_AT_ALL + 1))
    assert (huge, decisions) == (SILENCE, [])
