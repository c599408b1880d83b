"""How far a rollout is, and when it failed: by what is reported of the template that stands."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.remediation.rollout import (
    ROLLING,
    Stage,
    by_hand,
    in_the_way,
    may_miss_all,
    progressed_at,
    replicas,
    stage,
)
from tests.remediation.made import HOUR, MINUTE, NOW, SECOND, UID, good, stamp, workload, written

BEGAN = NOW - HOUR


def rolling(
    kind: str,
    wanted: int,
    updated: int,
    available: int,
    *,
    there: int | None = None,
    reason: str | None = None,
    told: dt.datetime | None = None,
    seen: int = 1,
    began: dt.datetime | None = BEGAN,
    **spec: Any,
) -> dict[str, Any]:
    """Return a workload whose newest template was written at `began`."""
    if kind == "DaemonSet":
        status: dict[str, Any] = {
            "desiredNumberScheduled": wanted,
            "updatedNumberScheduled": updated,
            "numberAvailable": available,
            "numberReady": available,
        }
    else:
        there = max(wanted, updated) if there is None else there
        status = {
            "replicas": there,
            "updatedReplicas": updated,
            "availableReplicas": available,
            "readyReplicas": available,
        }
        spec["replicas"] = wanted
    if reason is not None:
        condition = {"type": "Progressing", "reason": reason, "lastUpdateTime": stamp(told or NOW)}
        status["conditions"] = [{"type": "Available"}, condition]
    # What is zero the API server leaves out.
    status = {key: value for key, value in status.items() if value}
    return workload(
        kind,
        good(),
        metadata=written(began) if began is not None else {},
        status={"observedGeneration": seen, **status},
        **spec,
    )


@pytest.mark.parametrize("kind", ROLLING)
@pytest.mark.parametrize(
    ("counts", "more", "found"),
    [
        ((3, 3, 3), {}, Stage.WORKS),
        ((3, 2, 3), {}, Stage.MOVING),
        ((3, 3, 2), {}, Stage.MOVING),
        ((3, 0, 3), {}, Stage.MOVING),
        ((3, 3, 3), {"seen": 0}, Stage.MOVING),
        ((0, 0, 0), {}, Stage.IDLE),
        ((0, 0, 0), {"seen": 0}, Stage.MOVING),
    ],
)
def test_a_rollout_is_through_once_every_pod_is_new_and_available(
    kind: str, counts: tuple[int, int, int], more: dict[str, Any], found: Stage
) -> None:
    assert stage(rolling(kind, *counts, **more)) is found


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_an_old_pod_that_is_still_there_is_waited_for(kind: str) -> None:
    assert stage(rolling(kind, 3, 3, 3, there=4)) is Stage.MOVING


def test_what_nothing_is_known_of_moves() -> None:
    for kind in ROLLING:
        assert stage(workload(kind, good())) is Stage.MOVING


DEADLINE = "ProgressDeadlineExceeded"


@pytest.mark.parametrize(
    ("reason", "told", "began", "found"),
    [
        (DEADLINE, NOW, BEGAN, Stage.FAILED),
        (DEADLINE, BEGAN, BEGAN, Stage.FAILED),
        (DEADLINE, NOW, None, Stage.FAILED),
        # Of the template before: the deployment controller says so until this one gets further.
        (DEADLINE, BEGAN - SECOND, BEGAN, Stage.MOVING),
        ("ReplicaSetUpdated", NOW, BEGAN, Stage.MOVING),
        ("NewReplicaSetAvailable", NOW, BEGAN, Stage.MOVING),
        (None, None, BEGAN, Stage.MOVING),
    ],
)
def test_a_rollout_failed_when_its_controller_gave_up_this_template(
    reason: str | None, told: Any, began: Any, found: Stage
) -> None:
    body = rolling("Deployment", 3, 1, 3, there=4, reason=reason, told=told, began=began)
    assert stage(body) is found


def test_what_works_after_all_did_not_fail() -> None:
    assert stage(rolling("Deployment", 3, 3, 3, reason=DEADLINE)) is Stage.WORKS


@pytest.mark.parametrize(
    ("kind", "strategy", "says"),
    [
        ("StatefulSet", {"type": "OnDelete"}, "OnDelete"),
        ("DaemonSet", {"type": "OnDelete"}, "OnDelete"),
        ("StatefulSet", {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}, "partition"),
        ("StatefulSet", {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}, ""),
        ("DaemonSet", {"type": "RollingUpdate"}, ""),
        ("StatefulSet", None, ""),
    ],
)
def test_a_rollout_that_waits_for_hands_is_neither_under_way_nor_late(
    kind: str, strategy: Any, says: str
) -> None:
    """Else everything else would wait for it, and it would be taken back in the end."""
    body = rolling(kind, 3, 1, 3, updateStrategy=strategy)
    assert says in by_hand(body)
    assert bool(by_hand(body)) is bool(says)
    assert stage(body) is (Stage.IDLE if says else Stage.MOVING)
    done = rolling(kind, 3, 3, 3, updateStrategy=strategy)
    assert stage(done) is Stage.WORKS


@pytest.mark.parametrize(
    ("kind", "spec", "status", "counted"),
    [
        ("Deployment", {"replicas": 3}, {"readyReplicas": 2}, (3, 2)),
        ("StatefulSet", {"replicas": 0}, {}, (0, 0)),
        ("DaemonSet", {}, {"desiredNumberScheduled": 4, "numberReady": 1}, (4, 1)),
        ("DaemonSet", {}, {}, (0, 0)),
    ],
)
def test_pods_are_counted(
    kind: str, spec: dict[str, Any], status: dict[str, Any], counted: tuple[int, int]
) -> None:
    assert replicas(workload(kind, good(), status=status, **spec)) == counted


# Since when


def pod(
    name: str = "api-0", *, ready: dt.datetime | None = None, hash_: str = "old", **metadata: Any
) -> dict[str, Any]:
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    if ready:
        condition["lastTransitionTime"] = stamp(ready)
    else:
        condition["lastTransitionTime"] = stamp(NOW)
    return {
        "metadata": {
            "name": name,
            "uid": UID,
            "labels": {"controller-revision-hash": hash_},
            **metadata,
        },
        "status": {"conditions": [condition]},
    }


@pytest.mark.parametrize(
    ("told", "began", "ready", "since"),
    [
        (None, BEGAN, [], BEGAN),
        (NOW, BEGAN, [], NOW),
        # What it says is of the rollout before this one, which was long ago.
        (BEGAN - HOUR, BEGAN, [], BEGAN),
        (None, BEGAN, [NOW - MINUTE, NOW - 2 * MINUTE], NOW - MINUTE),
        (None, BEGAN, [BEGAN - HOUR], BEGAN),
        (None, None, [], None),
        (None, None, [NOW], NOW),
    ],
)
def test_a_rollout_got_no_further_before_it_began(
    told: Any, began: Any, ready: list[dt.datetime], since: Any
) -> None:
    reason = "NewReplicaSetAvailable" if told else None
    body = rolling("StatefulSet", 3, 1, 2, reason=reason, told=told, began=began)
    pods = [*(pod(ready=at) for at in ready), pod(), {"metadata": {}}]
    assert progressed_at(body, pods) == since


def test_a_rollout_that_nobody_took_up_is_not_late() -> None:
    """Its controller may be away for an hour: nothing failed."""
    body = rolling("Deployment", 3, 3, 3, reason=DEADLINE, told=NOW, seen=0)
    assert progressed_at(body, [pod(ready=NOW)]) is None


@given(st.integers(0, 200), st.integers(0, 200), st.lists(st.integers(0, 200), max_size=3))
def test_a_rollout_is_never_dated_before_its_template(
    began: int, told: int, ready: list[int]
) -> None:
    moments = [BEGAN + minutes * MINUTE for minutes in (began, told, *ready)]
    body = rolling("Deployment", 3, 1, 3, reason="x", told=moments[1], began=moments[0])
    since = progressed_at(body, [pod(ready=at) for at in moments[2:]])
    assert since == max(moments)


# What would be lost


@pytest.mark.parametrize(
    ("kind", "wanted", "spec", "all_"),
    [
        ("Deployment", 3, {"strategy": {"type": "Recreate"}}, True),
        ("Deployment", 3, {}, False),
        ("Deployment", 1, {}, False),
        ("StatefulSet", 1, {}, True),
        ("StatefulSet", 2, {}, False),
        ("StatefulSet", 2, {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 2}}}, True),
        ("StatefulSet", 3, {"updateStrategy": {"rollingUpdate": {"maxUnavailable": "67%"}}}, True),
        ("StatefulSet", 3, {"updateStrategy": {"rollingUpdate": {"maxUnavailable": "66%"}}}, False),
        ("DaemonSet", 1, {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 1}}}, True),
        ("DaemonSet", 2, {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 1}}}, False),
        (
            "DaemonSet",
            1,
            {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}},
            False,
        ),
        ("Deployment", 3, {"strategy": {"rollingUpdate": {"maxUnavailable": "x%"}}}, True),
    ],
)
def test_it_is_known_where_every_pod_may_go_at_once(
    kind: str, wanted: int, spec: dict[str, Any], all_: bool
) -> None:
    assert may_miss_all(rolling(kind, wanted, 0, wanted, **spec)) is all_


shares = st.one_of(st.integers(0, 5), st.integers(0, 100).map(lambda share: f"{share}%"))


def resolved(share: int | str, wanted: int, *, up: bool) -> int:
    if isinstance(share, int):
        return share
    exact = int(share.removesuffix("%")) * wanted / 100
    return math.ceil(exact) if up else math.floor(exact)


@given(st.integers(1, 6), shares, shares)
def test_pods_of_a_deployment_are_missed_as_kubernetes_reckons(
    wanted: int, unavailable: int | str, surge: int | str
) -> None:
    """https://github.com/kubernetes/kubernetes, deploymentutil.ResolveFenceposts."""
    missed = resolved(unavailable, wanted, up=False)
    if missed == 0 and resolved(surge, wanted, up=True) == 0:
        missed = 1
    shares = {"maxUnavailable": unavailable, "maxSurge": surge}
    strategy = {"type": "RollingUpdate", "rollingUpdate": shares}
    assert may_miss_all(rolling("Deployment", wanted, 0, wanted, strategy=strategy)) is (
        missed >= wanted
    )


# What an update waits for, for ever


def stateful(newest: str = "new", **spec: Any) -> dict[str, Any]:
    body = rolling("StatefulSet", 3, 1, 2, **spec)
    body["status"]["updateRevision"] = newest
    return body


def test_old_pods_that_are_not_ready_keep_an_update_from_going_on() -> None:
    pods = [
        pod("api-0", ready=NOW),
        pod("api-1"),
        pod("api-2", hash_="new"),
        pod("api-3", deletionTimestamp="x"),
        {"metadata": {"name": "api-4"}},
    ]
    assert [each["metadata"]["name"] for each in in_the_way(stateful(), pods)] == ["api-1", "api-4"]


@pytest.mark.parametrize(
    "body",
    [
        stateful(podManagementPolicy="Parallel"),
        stateful(updateStrategy={"type": "OnDelete"}),
        stateful(newest=""),
        stateful(seen=0),
    ],
)
def test_pods_are_in_nobodys_way_elsewhere(body: dict[str, Any]) -> None:
    assert in_the_way(body, [pod()]) == ()
