"""Jobs and CronJobs that are held for direct care run on, and nothing hides behind them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from e2e.bypass.from_before import Grandfathered
from e2e.bypass.pods import (
    CRONJOB,
    DEPLOYMENT,
    JOB,
    POD,
    REPLICASET,
    REPLICATIONCONTROLLER,
    TAGGED,
    Body,
    bad,
    good,
    images,
    refused,
    template_of,
)
from e2e.rest import Rest
from e2e.waiting import until
from phiwarden.cluster.resources import collection, item
from phiwarden.rulebook.model import Example
from phiwarden.rulebook.shapes import Kind

WORSE = Example(pod={"hostNetwork": True})
CONTROLLERS = "system:serviceaccount:kube-system:"
MANAGER = "system:kube-controller-manager"
UID = "00000000-0000-4000-8000-000000000000"


def pods_of(zone: Grandfathered, job: str) -> set[str]:
    """Return the uids of the pods that a Job controls."""
    found = zone.root.get(collection(POD, zone.namespace)).body["items"]
    return {
        pod["metadata"]["uid"]
        for pod in found
        for owner in pod["metadata"].get("ownerReferences", ())
        if owner["kind"] == "Job" and owner["name"] == job and owner.get("controller")
    }


def runs_of(zone: Grandfathered, cronjob: str) -> list[str]:
    """Return the names of the Jobs that a CronJob controls."""
    found = zone.root.get(collection(JOB, zone.namespace)).body["items"]
    return [
        job["metadata"]["name"]
        for job in found
        for owner in job["metadata"].get("ownerReferences", ())
        if owner["kind"] == "CronJob" and owner["name"] == cronjob and owner.get("controller")
    ]


def fall_due(zone: Grandfathered, name: str) -> None:
    """Set back when a CronJob ran last, so that its controller is to start it now."""
    ran = (dt.datetime.now(dt.UTC) - dt.timedelta(days=2)).isoformat(timespec="seconds")
    path = f"{item(CRONJOB, zone.namespace, name)}/status"
    assert zone.root.request(
        "PATCH",
        path,
        {"status": {"lastScheduleTime": ran.replace("+00:00", "Z")}},
        content="application/merge-patch+json",
    ).ok


def test_a_held_job_gets_its_pod_back(before: Grandfathered) -> None:
    # It waits for a node: a pod that ran would have ended at once.
    waiting = Example(container={"image": TAGGED}, pod={"nodeSelector": WEST})
    before.created(bad(JOB, "export", waiting))
    before.created(bad(JOB, "other", waiting))
    for name in ("export", "other"):
        until(lambda name=name: pods_of(before, name), f"{name} has its pod")
    before.enforce(held=("Job/export",))
    lost = pods_of(before, "export") | pods_of(before, "other")
    everything = collection(POD, before.namespace)
    assert before.root.request("DELETE", everything, {"gracePeriodSeconds": 0}).ok
    # Kubernetes takes ten seconds before it tries again.
    until(lambda: pods_of(before, "export") - lost, "the held Job got its pod back", within=60)
    before.wait_until_events_tell("other")
    assert pods_of(before, "other") <= lost


WEST = {"topology.kubernetes.io/region": "us-west-2"}


@pytest.mark.parametrize("impact", ["care-support", "administrative"])
def test_jobs_are_held_for_direct_care_alone(before: Grandfathered, impact: str) -> None:
    job = bad(JOB, "export")
    job["spec"]["suspend"] = True
    path = before.created(job)
    before.created(bad(CRONJOB, "nightly"))
    before.enforce(held=("Job/export", "CronJob/nightly"), impact=impact)
    assert before.patch({"spec": {"suspend": False}}, path=path).ok
    fall_due(before, "nightly")
    for name in ("export", "nightly"):
        before.wait_until_events_tell(name)
    assert not pods_of(before, "export")
    assert not runs_of(before, "nightly")


def test_the_next_run_of_a_held_cronjob_starts_without_phiwarden(before: Grandfathered) -> None:
    """No process of phiwarden runs here."""
    for name in ("nightly", "other"):
        before.created(bad(CRONJOB, name))
    before.enforce(held=("CronJob/nightly",))
    for name in ("nightly", "other"):
        fall_due(before, name)
    (run,) = until(lambda: runs_of(before, "nightly"), "the held CronJob runs")
    assert run.removeprefix("nightly-").isdecimal()
    path = item(JOB, before.namespace, run)
    until(lambda: before.root.get(path).body["status"].get("succeeded"), "the run has ended")
    assert images(before.root.get(path).body) == [TAGGED]
    before.wait_until_events_tell("other")
    assert not runs_of(before, "other")


def test_nobody_hides_behind_a_held_cronjob(before: Grandfathered, root: Rest) -> None:
    path = before.created(bad(CRONJOB, "nightly"))
    before.enforce(held=("CronJob/nightly",))
    uid = before.rest.get(path).body["metadata"]["uid"]
    owners = [owner("CronJob", "nightly", uid=uid)]
    for who in (before.rest, root):
        for metadata in ({}, {"ownerReferences": owners}):
            forged = bad(JOB, "nightly-29921508", WORSE)
            forged["metadata"] |= metadata
            refused(who.create(collection(JOB, before.namespace), forged), "PHI-POD-003")
        pod = bad(POD, "nightly-29921508-x", WORSE)
        pod["metadata"]["ownerReferences"] = [owner("Job", "nightly-29921508")]
        refused(who.create(collection(POD, before.namespace), pod), "PHI-POD-003")
        replicas = bad(REPLICASET, "nightly-29921508", WORSE)
        replicas["metadata"]["ownerReferences"] = owners
        refused(who.create(collection(REPLICASET, before.namespace), replicas), "PHI-POD-003")
    # A good Job of such a name is no way to a bad one, even while its template can be changed.
    mine = good(JOB, "nightly-29921508")
    mine["spec"]["suspend"] = True
    assert before.rest.create(collection(JOB, before.namespace), mine).ok
    free: dict[str, Any] = {"spec": {"template": {"spec": {"nodeSelector": None}}}}
    refused(before.patch(free, path=item(JOB, before.namespace, "nightly-29921508")), "PHI-RES-001")
    # Nor is the CronJob itself, as it stands or made anew.
    worse = {"spec": {"jobTemplate": {"spec": {"template": {"spec": {"hostNetwork": True}}}}}}
    refused(before.patch(worse, path=path), "PHI-POD-003")
    assert before.rest.delete(path).ok
    refused(
        before.rest.create(collection(CRONJOB, before.namespace), bad(CRONJOB, "nightly", WORSE)),
        "PHI-POD-003",
    )


def test_what_is_from_before_does_not_hide_behind_the_name_of_a_run(
    before: Grandfathered,
) -> None:
    """A ReplicaSet that is named like a run, and Jobs that are named almost like one."""
    replicas = bad(REPLICASET, "nightly-29921508", WORSE)
    replicas["spec"] |= {"replicas": 0, "selector": {"matchLabels": {"app": "other"}}}
    replicas["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    scaled = before.created(replicas)
    jobs = ("nightly-by-hand", "nightly-2-29921508", "my-nightly-29921508")
    for name in jobs:
        job = bad(JOB, name, WORSE)
        job["spec"]["suspend"] = True
        before.created(job)
    before.enforce(held=("CronJob/nightly",))
    assert before.patch({"spec": {"replicas": 1}}, path=f"{scaled}/scale").ok
    for name in jobs:
        path = item(JOB, before.namespace, name)
        assert before.patch({"spec": {"suspend": False}}, path=path).ok
    for name in ("nightly-29921508", *jobs):
        until(lambda name=name: before.events_tell(name, "PHI-POD-003"), f"{name} is refused")
    pods = before.root.get(collection(POD, before.namespace)).body["items"]
    assert not [p for p in pods if p["spec"].get("hostNetwork")]


def test_a_held_replica_set_that_is_deleted_comes_back(old: Grandfathered) -> None:
    """Its Deployment makes it anew, under the name that its template has."""
    name = old.bad_replicaset()
    old.boundary(held=(f"ReplicaSet/{name}",))
    path = item(REPLICASET, old.namespace, name)
    uid = old.rest.get(path).body["metadata"]["uid"]
    assert old.rest.delete(path).ok

    def back() -> bool:
        found = old.rest.get(path)
        return found.ok and found.body["metadata"]["uid"] != uid

    until(back, "the ReplicaSet was made anew")
    until(lambda: len(old.bad_pods()) == 2, "its pods, too")


def test_a_replica_set_that_is_not_held_stays_away(old: Grandfathered) -> None:
    path = item(REPLICASET, old.namespace, old.bad_replicaset())
    assert old.rest.delete(path).ok
    old.wait_until_told(item(DEPLOYMENT, old.namespace, old.name))
    assert old.rest.get(path).code == 404


def owner(kind: str, name: str, *, controller: bool = True, uid: str = UID) -> Body:
    """Return a reference to an owner."""
    group = {"CronJob": "batch/v1", "Job": "batch/v1"}.get(kind, "apps/v1")
    return {"apiVersion": group, "kind": kind, "name": name, "uid": uid, "controller": controller}


HELD = ("Job/export", "CronJob/nightly", "ReplicaSet/portal-5d4", "ReplicationController/old")
RUN = "nightly-29921508"

# (who makes it, what, for whom, whether it passes)
MADE: tuple[tuple[str, Kind, Body | None, bool], ...] = (
    ("job-controller", POD, owner("Job", "export"), True),
    ("job-controller", POD, owner("Job", RUN), True),
    (MANAGER, POD, owner("Job", "export"), True),
    (MANAGER, POD, owner("Job", RUN), True),
    ("replicaset-controller", POD, owner("ReplicaSet", "portal-5d4"), True),
    ("replication-controller", POD, owner("ReplicationController", "old"), True),
    ("job-controller", POD, owner("Job", RUN, controller=False), False),
    ("job-controller", POD, owner("Job", "nightly"), False),
    ("job-controller", POD, owner("Job", "nightly-1x"), False),
    ("job-controller", POD, owner("Job", "nightly-x1"), False),
    ("job-controller", POD, owner("Job", "nightly-2-29921508"), False),
    ("job-controller", POD, owner("Job", "my-nightly-29921508"), False),
    ("job-controller", POD, owner("Job", "export-29921508"), False),
    ("job-controller", POD, None, False),
    ("replicaset-controller", POD, owner("ReplicaSet", RUN), False),
    ("statefulset-controller", POD, owner("StatefulSet", RUN), False),
    ("cronjob-controller", POD, owner("Job", RUN), False),
    ("deployment-controller", POD, owner("Job", RUN), False),
    ("cronjob-controller", JOB, owner("CronJob", "nightly"), True),
    (MANAGER, JOB, owner("CronJob", "nightly"), True),
    ("cronjob-controller", JOB, owner("CronJob", "nightly", controller=False), False),
    ("cronjob-controller", JOB, owner("CronJob", "other"), False),
    ("cronjob-controller", JOB, None, False),
    ("job-controller", JOB, owner("CronJob", "nightly"), False),
    ("cronjob-controller", CRONJOB, owner("CronJob", "nightly"), False),
    ("deployment-controller", REPLICASET, owner("Deployment", "portal"), True),
    (MANAGER, REPLICASET, owner("Deployment", "portal"), True),
    ("replicaset-controller", REPLICASET, owner("Deployment", "portal"), False),
    ("deployment-controller", REPLICATIONCONTROLLER, None, False),
    ("deployment-controller", DEPLOYMENT, None, False),
)


def test_each_controller_makes_what_is_its_own_for_what_is_held(before: Grandfathered) -> None:
    """Asked in the controllers' names, by somebody who may do anything."""
    before.enforce(held=HELD)
    for maker, kind, of, passes in MADE:
        user = maker if maker == MANAGER else f"{CONTROLLERS}{maker}"
        speaking = {"Impersonate-User": user, "Impersonate-Group": "system:masters"}
        rest = Rest(before.root.host, before.root.context, {**before.root.headers, **speaking})
        made = bad(kind, "portal-5d4")
        if of is not None:
            made["metadata"]["ownerReferences"] = [of]
        answer = rest.create(collection(kind, before.namespace), made, dry_run=True)
        assert answer.ok is passes, (maker, kind.kind, of, answer.message)
        if not passes:
            refused(answer)


def test_the_template_of_a_held_cronjob_may_still_be_mended(before: Grandfathered) -> None:
    path = before.created(bad(CRONJOB, "nightly"))
    before.enforce(held=("CronJob/nightly",))
    mended = {"spec": {"jobTemplate": {"spec": {"template": template_of(good(CRONJOB, "x"))}}}}
    assert before.patch(mended, path=path).ok
