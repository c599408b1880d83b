"""Who is rolled over for a rotated secret, and who runs with an older value."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from phiwarden.api.vocabulary import ClinicalImpact, Enforcement
from phiwarden.rotation.restart import Step, decide, started_before, under_way
from tests.rotation.made import DAY, HOUR, NOW, SECOND

ROTATED = NOW - HOUR
DIRECT, SUPPORT = ClinicalImpact.DIRECT_CARE, ClinicalImpact.CARE_SUPPORT
RESTARTED = "phiwarden.dev/restarted-at"


def workload(
    kind: str = "Deployment",
    *,
    replicas: int = 3,
    ready: int | None = None,
    mark: dt.datetime | str | None = None,
    deleting: bool = False,
    **spec: Any,
) -> dict[str, Any]:
    """Return a workload as the API server has it; strategies and such go into its spec."""
    ready = replicas if ready is None else ready
    text = mark.isoformat() if isinstance(mark, dt.datetime) else mark
    metadata = {"annotations": {RESTARTED: text}} if text is not None else {}
    counted: dict[str, Any] = {"spec": {"replicas": replicas}, "status": {"readyReplicas": ready}}
    if kind == "DaemonSet":
        status = {"desiredNumberScheduled": replicas, "numberReady": ready}
        counted = {"spec": {}, "status": status}
    return {
        "kind": kind,
        "metadata": {"name": "api", **({"deletionTimestamp": "x"} if deleting else {})},
        "spec": {**counted["spec"], "template": {"metadata": metadata, "spec": {}}, **spec},
        "status": counted["status"],
    }


def rolling(**fields: Any) -> dict[str, Any]:
    return {"type": "RollingUpdate", **({"rollingUpdate": fields} if fields else {})}


def course(body: dict[str, Any], **more: Any) -> tuple[Step, str]:
    usual: dict[str, Any] = {
        "impact": DIRECT,
        "enforcement": Enforcement.ENFORCE,
        "on_rotation": "Restart",
        "others_rolling": False,
        "now": ROTATED + dt.timedelta(hours=1),
    }
    found = decide(body, ROTATED, **{**usual, **more})
    return found.step, found.why


REPORT, RESTART, ROLLING, WAIT = Step.REPORT, Step.RESTART, Step.ROLLING, Step.WAIT


@pytest.mark.parametrize(
    ("body", "more", "step", "says"),
    [
        (workload(), {}, RESTART, ""),
        (workload("StatefulSet"), {}, RESTART, ""),
        (workload("DaemonSet"), {}, RESTART, ""),
        (workload(), {"on_rotation": "Report"}, REPORT, "onRotation"),
        (workload(), {"enforcement": Enforcement.WARN}, REPORT, "enforcement is warn"),
        (workload(), {"enforcement": Enforcement.OBSERVE}, REPORT, "enforcement is observe"),
        (workload(deleting=True), {"impact": SUPPORT}, REPORT, "being deleted"),
        (workload(paused=True), {"impact": SUPPORT}, REPORT, "paused"),
        (workload(strategy={"type": "Recreate"}), {"impact": SUPPORT}, REPORT, "Recreate"),
        (
            workload("StatefulSet", updateStrategy={"type": "OnDelete"}),
            {"impact": SUPPORT},
            REPORT,
            "OnDelete",
        ),
        (
            workload("DaemonSet", updateStrategy={"type": "OnDelete"}),
            {"impact": SUPPORT},
            REPORT,
            "OnDelete",
        ),
        # Pods below the partition stay as they are, however often the template is changed.
        (
            workload("StatefulSet", updateStrategy=rolling(partition=1)),
            {"impact": SUPPORT},
            REPORT,
            "partition",
        ),
        (
            workload("StatefulSet", updateStrategy=rolling(partition=1), mark=ROTATED),
            {},
            ROLLING,
            "",
        ),
        (workload("StatefulSet", updateStrategy=rolling(partition=0)), {}, RESTART, ""),
        (workload(mark=ROTATED), {}, ROLLING, ""),
        (workload(mark=ROTATED + HOUR), {}, ROLLING, ""),
        (workload(mark=ROTATED), {"others_rolling": True}, ROLLING, ""),
        (workload(mark=ROTATED, ready=1), {}, ROLLING, ""),
        (workload(mark=ROTATED - SECOND), {}, RESTART, ""),
        (workload(mark="yesterday"), {}, RESTART, ""),
        # One that was stopped half way is half way: nothing else begins.
        (workload(mark=ROTATED, paused=True), {}, ROLLING, ""),
        (workload(), {"denied": True}, REPORT, "breaks rules"),
        (workload(replicas=1), {}, REPORT, "single replica"),
        (workload(replicas=0), {}, REPORT, "single replica"),
        (workload("DaemonSet", replicas=1), {}, REPORT, "single replica"),
        (workload(replicas=2), {}, RESTART, ""),
        (workload(replicas=2), {"others_rolling": True}, WAIT, "another workload"),
        (workload(ready=2), {}, WAIT, "2 of 3 replicas"),
        (workload("DaemonSet", ready=0), {}, WAIT, "0 of 3 replicas"),
        (workload(replicas=1), {"impact": SUPPORT}, RESTART, ""),
        (workload(replicas=0), {"impact": ClinicalImpact.ADMINISTRATIVE}, RESTART, ""),
        (workload(ready=0), {"impact": SUPPORT, "others_rolling": True}, RESTART, ""),
    ],
)
def test_what_becomes_of_a_workload(
    body: dict[str, Any], more: dict[str, Any], step: Step, says: str
) -> None:
    found, why = course(body, **more)
    assert found is step
    assert says in why


@pytest.mark.parametrize(
    ("kind", "replicas", "most", "step"),
    [
        ("Deployment", 2, None, RESTART),
        ("Deployment", 2, 1, RESTART),
        ("Deployment", 2, 2, REPORT),
        ("Deployment", 3, "25%", RESTART),
        # Kubernetes rounds down for a Deployment, and up for the others.
        ("Deployment", 2, "99%", RESTART),
        ("DaemonSet", 2, "99%", REPORT),
        ("StatefulSet", 2, "51%", REPORT),
        ("DaemonSet", 2, "50%", RESTART),
        ("Deployment", 2, "100%", REPORT),
        ("Deployment", 2, "0%", RESTART),
        ("Deployment", 2, "0100%", REPORT),
        ("Deployment", 2, "half", REPORT),
        ("Deployment", 2, "\N{SUPERSCRIPT TWO}%", REPORT),
        ("Deployment", 2, "", REPORT),
        ("Deployment", 2, -1, REPORT),
    ],
)
def test_no_rollout_takes_every_pod_of_direct_care_away(
    kind: str, replicas: int, most: int | str | None, step: Step
) -> None:
    field = "strategy" if kind == "Deployment" else "updateStrategy"
    body = workload(kind, replicas=replicas, **{field: rolling(maxUnavailable=most)})
    assert course(body)[0] is step
    assert course(body, impact=SUPPORT)[0] is RESTART


def pod(
    made: dt.datetime, *, mark: dt.datetime | str | None = None, **fields: Any
) -> dict[str, Any]:
    text = mark.isoformat() if isinstance(mark, dt.datetime) else mark
    metadata: dict[str, Any] = {"creationTimestamp": f"{made:%Y-%m-%dT%H:%M:%SZ}"}
    if text is not None:
        metadata["annotations"] = {RESTARTED: text}
    if fields.pop("leaving", False):
        metadata["deletionTimestamp"] = "x"
    return {"metadata": metadata, "status": {"phase": "Running"}, **fields}


@pytest.mark.parametrize(
    ("found", "older"),
    [
        (pod(ROTATED - SECOND), True),
        (pod(ROTATED + SECOND), False),
        # Within one second nobody knows, unless it was made for the rotation.
        (pod(ROTATED), True),
        (pod(ROTATED, mark=ROTATED), False),
        (pod(ROTATED, mark=ROTATED - SECOND), True),
        # The clock of the operator may be ahead of the API server's.
        (pod(ROTATED - 10 * SECOND, mark=ROTATED), False),
        # A note made beforehand is not ours.
        (pod(ROTATED - HOUR, mark=ROTATED), True),
        (pod(ROTATED - SECOND, mark="9999-01-01T00:00:00Z"), True),
        (pod(ROTATED - SECOND, mark="9999-12-31T23:59:59-05:00"), True),
        (pod(ROTATED - SECOND, mark="never"), True),
        (pod(ROTATED - SECOND, mark="2999-01-01T00:00:00"), True),
        (pod(ROTATED - DAY, leaving=True), False),
        (pod(ROTATED - DAY, status={"phase": "Succeeded"}), False),
        (pod(ROTATED - DAY, status={"phase": "Failed"}), False),
        (pod(ROTATED - DAY, status={"phase": "Pending"}), True),
        (pod(ROTATED - DAY, status=None), True),
    ],
)
def test_who_started_before_the_rotation(found: dict[str, Any], older: bool) -> None:
    assert started_before(found, ROTATED) is older


def test_a_rotation_within_a_second_is_after_its_beginning() -> None:
    within = ROTATED + dt.timedelta(milliseconds=400)
    assert started_before(pod(ROTATED), within)
    assert not started_before(pod(ROTATED, mark=within), within)
    assert not started_before(pod(ROTATED + SECOND), within)


def test_a_template_that_says_it_was_rolled_over_in_the_future_is_not_believed() -> None:
    later = ROTATED + dt.timedelta(hours=2)
    assert course(workload(mark=later))[0] is RESTART
    assert course(workload(mark=later), now=later)[0] is ROLLING


def test_a_workload_is_through_once_its_pods_are_new_and_ready() -> None:
    def way(**told: Any) -> bool:
        body = workload(mark=ROTATED)
        body["metadata"]["generation"] = 3
        done = {"observedGeneration": 3, "updatedReplicas": 3, "readyReplicas": 3}
        body["status"] = {**done, **told}
        return under_way(body, ROTATED, ROTATED)

    assert not way()
    assert way(observedGeneration=2)
    assert way(updatedReplicas=2)
    assert way(readyReplicas=2)
