"""What is seen of rollouts: what works is remembered, and an outage is no rollout that failed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from phiwarden.api.history import Act, Worked
from phiwarden.boundary.claims import Standing
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.controller.alarms import Alarms
from phiwarden.controller.histories import Histories, Owner
from phiwarden.controller.isolation import Isolation
from phiwarden.controller.pace import Pace
from phiwarden.controller.queues import AuditKey
from phiwarden.controller.rollouts import Rollouts
from phiwarden.controller.state import Declared, SeenNamespace, State
from phiwarden.remediation.history import digest_of
from phiwarden.remediation.memory import Memory, done, intending
from phiwarden.remediation.turns import Limits
from phiwarden.rulebook.examples import ZONE
from tests.boundary.declarations import clinic
from tests.remediation.made import (
    HOUR,
    MINUTE,
    NOW,
    UID,
    act,
    good,
    loose,
    stamp,
    workload,
    written,
)

KEY = AuditKey("Deployment", "records", "api")
BOUNDARY = replace(ZONE, workload="portal", zone="clinical", impact="direct-care")
GOOD, BAD = digest_of(good()), digest_of(loose())
NOBODY = cast("Any", None)
"""In place of the API server, which nothing here asks."""


@dataclass
class Clinic:
    """A zone that enforces, and takes rollouts back that fail."""

    now: dt.datetime = NOW
    state: State = field(default_factory=State)
    memory: Memory = field(default_factory=Memory)

    def __post_init__(self) -> None:
        spec = clinic(rollback={"onFailedRollout": True, "progressDeadline": "10m"})
        self.state.declare(Declared("portal", "uid", 1, "", spec, None, False, ()))
        standing = Standing("portal", False)
        self.state.namespaces["records"] = SeenNamespace("u", standing, b"", BOUNDARY)
        self.histories = Histories(NOBODY, lambda: None)
        self.alarms: Alarms[AuditKey] = Alarms(lambda: self.now)
        self.pace = Pace(Limits(), lambda: self.now, lambda _: None, lambda _: None)
        self.rollouts = Rollouts(
            NOBODY,
            self.state,
            self.histories,
            Isolation(NOBODY, self.state),
            self.pace,
            NOBODY,
            self.alarms,
            lambda: self.now,
        )
        self.histories._known[KEY] = (Owner(UID, "apps/v1"), self.memory)

    def looks(self, body: dict[str, Any], boundary: ZoneBoundary = BOUNDARY) -> bool:
        self.rollouts.seen(KEY, body)
        return self.rollouts.worth_a_look(KEY, body, boundary)

    def worked(self, body: dict[str, Any]) -> list[str]:
        return [entry.template for entry in self.histories.of(KEY, body).worked]

    @property
    def alarm(self) -> dt.datetime | None:
        return self.alarms._at.get((KEY, "rollout"))


def running(
    available: int = 3,
    *,
    updated: int = 3,
    generation: int = 2,
    template: dict[str, Any] | None = None,
    began: dt.datetime = NOW - 30 * 24 * HOUR,
    reason: str = "NewReplicaSetAvailable",
    wanted: int = 3,
    uid: str = UID,
) -> dict[str, Any]:
    """Return a Deployment whose template is a month old."""
    told = {"type": "Progressing", "reason": reason, "lastUpdateTime": stamp(began)}
    counted = {"replicas": wanted, "updatedReplicas": updated, "availableReplicas": available}
    status = {"observedGeneration": generation, "conditions": [told], **counted}
    metadata = {"generation": generation, "uid": uid, **written(began)}
    return workload(
        "Deployment", template or good(), metadata=metadata, status=status, replicas=wanted
    )


def put_back(at: dt.datetime = NOW - HOUR) -> Act:
    return act(BAD, to_template=GOOD, time=at)


def on_trial() -> Memory:
    worked = (Worked(template=GOOD, time=NOW - 9 * HOUR),)
    return done(intending(Memory(worked=worked), put_back()))


def test_what_works_is_remembered_and_once() -> None:
    here = Clinic()
    assert not here.looks(running())
    assert here.worked(running()) == [GOOD]
    known = here.histories.of(KEY, running())
    assert not here.looks(running())
    assert here.histories.of(KEY, running()) is known
    here.looks(running(generation=3, template=loose()))
    assert here.worked(running()) == [BAD, GOOD]


def test_another_workload_of_the_same_name_has_another_memory() -> None:
    here = Clinic(memory=on_trial())
    other = running(2, uid="another")
    assert here.worked(other) == []
    here.looks(other)
    assert here.pace.on_their_way == set()


def test_a_node_that_fails_is_no_rollout_that_failed() -> None:
    """Nothing would be mended by an older template; the one that stands has worked for a month."""
    here = Clinic()
    assert not here.looks(running())
    here.now += HOUR
    assert not here.looks(running(2))
    assert not here.looks(running(0, reason="ProgressDeadlineExceeded"))
    assert here.alarm is None


def test_a_rollout_that_never_worked_is_looked_at_in_time() -> None:
    here = Clinic()
    here.looks(running())
    began = NOW - 3 * MINUTE
    new = running(3, updated=1, generation=3, template=loose(), began=began)
    assert not here.looks(new)
    assert here.alarm == began + 10 * MINUTE
    assert here.looks(running(3, updated=1, generation=3, template=loose(), reason="ProgressDeadlineExceeded"))  # fmt: skip


def test_a_rollout_that_just_began_is_not_measured_by_the_one_before() -> None:
    here = Clinic()
    here.looks(running())
    new = running(3, updated=0, generation=3, template=loose(), began=NOW)
    new["status"]["conditions"][0]["lastUpdateTime"] = stamp(NOW - 24 * HOUR)
    here.looks(new)
    assert here.alarm == NOW + 10 * MINUTE
    # And one that the controller did not take up yet has all its time still.
    here.now += HOUR
    new["status"]["observedGeneration"] = 2
    here.looks(new)
    assert here.alarm == here.now + 10 * MINUTE


@pytest.mark.parametrize(
    "boundary",
    [replace(BOUNDARY, enforcement="observe"), replace(BOUNDARY, impact="administrative")],
)
def test_nothing_is_followed_where_nothing_may_be_put_back(boundary: ZoneBoundary) -> None:
    here = Clinic()
    failed = running(3, updated=1, reason="ProgressDeadlineExceeded")
    assert not here.looks(failed, boundary)
    assert here.looks(failed)


def test_what_was_put_back_is_on_its_way_until_it_works() -> None:
    here = Clinic(memory=on_trial())
    here.looks(running(1, updated=1))
    assert here.pace.on_their_way == {KEY}
    here.looks(running())
    assert here.pace.on_their_way == set()


def test_an_outage_long_after_a_put_back_is_not_held_against_it() -> None:
    """Else one node that fails could stop every put-back in the cluster."""
    here = Clinic(memory=on_trial())
    here.looks(running())
    here.now += 24 * HOUR
    assert not here.looks(running(1))
    assert here.pace.on_their_way == set()
    assert not here.rollouts.on_trial(KEY, running(1))
    assert here.alarm is None
    assert here.worked(running(1)) == [GOOD]


def test_a_put_back_that_failed_stays_so_until_it_works() -> None:
    here = Clinic(memory=on_trial())
    here.looks(running(1, updated=1))
    assert here.pace.fell(KEY)
    for available in (0, 1, 2):
        here.looks(running(available, updated=1))
        assert here.pace.failed == {KEY}
    here.looks(running())
    assert here.pace.failed == set()


def test_a_put_back_ends_when_somebody_rolls_out_another_template() -> None:
    here = Clinic(memory=on_trial())
    here.looks(running(1, updated=1))
    here.looks(running(1, updated=1, generation=3, template=loose()))
    assert here.pace.on_their_way == set()


def test_what_asks_for_no_pod_is_not_waited_for() -> None:
    """Twenty of them would keep everything else from being put back, for ever."""
    here = Clinic(memory=on_trial())
    here.looks(running(0, updated=0, wanted=0))
    assert here.pace.on_their_way == set()


def test_what_waits_for_hands_is_not_waited_for() -> None:
    here = Clinic(memory=on_trial())
    key = replace(KEY, kind="StatefulSet")
    here.histories._known[key] = here.histories._known[KEY]
    body = workload(
        "StatefulSet",
        good(),
        metadata={**written(NOW - HOUR)},
        status={"observedGeneration": 1, "replicas": 3, "availableReplicas": 3},
        replicas=3,
        updateStrategy={"type": "OnDelete"},
    )
    here.rollouts.seen(key, body)
    assert here.pace.on_their_way == set()
    assert not here.rollouts.worth_a_look(key, body, BOUNDARY)


def test_nothing_is_kept_of_what_is_gone() -> None:
    here = Clinic()
    here.looks(running())
    here.looks(running(3, updated=1, generation=3, template=loose()))
    assert here.alarm is not None
    here.rollouts.forget(KEY)
    here.histories.forget(KEY)
    assert here.alarm is None
    assert here.worked(running()) == []
    assert (here.rollouts._worked, here.histories._known) == ({}, {})
