"""What slipped through is put back in every kind of workload, or quarantined by clinical impact."""

from __future__ import annotations

from typing import Any

import pytest

from e2e import workloads
from e2e.product import Product
from e2e.rest import MERGE, Rest
from e2e.rollouts import adopt, events_of, history_of, seen_working
from e2e.waiting import until
from e2e.workloads import (
    NAMESPACES,
    bad,
    deployment,
    failing,
    status,
    wait,
    zone_status,
)
from phiwarden.cluster.resources import collection, item, kind_of


@pytest.fixture
def name(adoptable: str) -> str:
    return adoptable


def made(kind: str, name: str) -> dict[str, Any]:
    """Return a compliant StatefulSet or DaemonSet."""
    if kind == "StatefulSet":
        return workloads.stateful_set(name)
    body = workloads.daemon_set(name)
    # The cluster has one node: what is direct care must not be missed there.
    body["spec"]["updateStrategy"] = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    return body


def image(admin: Rest, namespace: str, kind: str, name: str) -> str:
    template = admin.get(item(kind_of(kind), namespace, name)).body["spec"]["template"]
    return str(template["spec"]["containers"][0]["image"])


def pods(admin: Rest, namespace: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = admin.get(f"{NAMESPACES}/{namespace}/pods").body["items"]
    return found


def images_running(admin: Rest, namespace: str) -> set[str]:
    return {pod["spec"]["containers"][0]["image"] for pod in pods(admin, namespace)}


def quarantine(admin: Rest, namespace: str) -> set[str | None]:
    return {
        (pod["metadata"].get("labels") or {}).get("phiwarden.dev/quarantine")
        for pod in pods(admin, namespace)
    }


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
@pytest.mark.parametrize("impact", ["direct-care", "administrative"])
def test_what_keeps_controller_revisions_goes_back(
    admin: Rest, name: str, kind: str, impact: str
) -> None:
    adopt(admin, name, enforcement="observe", clinicalImpact=impact)
    wait(admin, name)
    good = made(kind, "records")
    path = collection(kind_of(kind), name)
    assert admin.create(path, good).ok
    seen_working(admin, name, "records", 1, kind)
    kept = image(admin, name, kind, "records")
    worse = bad(good, "3.0")
    assert admin.request("PATCH", f"{path}/records", worse, content=MERGE).ok
    seen_working(admin, name, "records", 2, kind)
    assert workloads.change(admin, name, enforcement="enforce").ok
    until(lambda: image(admin, name, kind, "records") == kept, "its template is the good one")
    until(lambda: images_running(admin, name) == {kept}, "its pods are of the good template")
    wait(admin, name, "Compliant")
    (entry,) = [r for r in status(admin, name)["remediations"] if r["kind"] == kind]
    assert (entry["action"], entry["toRevision"]) == ("RolledBack", 1)
    (event,) = events_of(admin, name, "records")
    assert event["reason"] == "RolledBack"
    assert "revision 1" in event["message"]


def test_a_stuck_stateful_set_is_freed(admin: Rest, name: str) -> None:
    """Kubernetes waits for ever for a pod of the template that was taken back."""
    adopt(admin, name, enforcement="observe", clinicalImpact="care-support")
    wait(admin, name)
    good = workloads.stateful_set("records")
    path = collection(kind_of("StatefulSet"), name)
    assert admin.create(path, good).ok
    seen_working(admin, name, "records", 1, "StatefulSet")
    worse = failing(bad(good))
    assert admin.request("PATCH", f"{path}/records", worse, content=MERGE).ok
    until(lambda: any(i.endswith(":1.0") for i in images_running(admin, name)), "one pod is stuck")
    assert workloads.change(admin, name, enforcement="enforce").ok
    kept = good["spec"]["template"]["spec"]["containers"][0]["image"]
    until(lambda: images_running(admin, name) == {kept}, "every pod is of the good template")
    until(
        lambda: admin.get(f"{path}/records").body["status"].get("readyReplicas") == 2,
        "both are ready",
    )
    reasons = {event["reason"] for event in events_of(admin, name, "records")}
    assert reasons == {"RolledBack", "Freed"}


def test_a_cron_job_is_suspended_and_goes_on_once_it_is_mended(admin: Rest, name: str) -> None:
    adopt(admin, name, enforcement="observe", clinicalImpact="administrative")
    wait(admin, name)
    path = item(kind_of("CronJob"), name, "export")
    worse = bad(workloads.cron_job("export"))
    assert admin.create(collection(kind_of("CronJob"), name), worse).ok
    wait(admin, name, "Compliant", "False")
    assert workloads.change(admin, name, enforcement="enforce").ok
    until(lambda: admin.get(path).body["spec"].get("suspend"), "it is suspended")
    until(lambda: zone_status(admin, name, "app").get("quarantined"), "the status names it")
    assert zone_status(admin, name, "app")["quarantined"] == ["CronJob/export"]
    (event,) = events_of(admin, name, "export")
    assert event["reason"] == "Suspended"
    mended = workloads.cron_job("export")
    assert admin.request("PATCH", path, mended, content=MERGE).ok
    until(lambda: not admin.get(path).body["spec"].get("suspend"), "it goes on")
    until(lambda: not zone_status(admin, name, "app").get("quarantined"), "nothing is apart")
    assert not history_of(admin, name, "CronJob", "export").get("stopped")


def test_a_cron_job_that_somebody_else_suspended_stays_so(admin: Rest, name: str) -> None:
    adopt(admin, name, enforcement="observe", clinicalImpact="administrative")
    wait(admin, name)
    path = item(kind_of("CronJob"), name, "export")
    worse = bad(workloads.cron_job("export"))
    worse["spec"]["suspend"] = True
    assert admin.create(collection(kind_of("CronJob"), name), worse).ok
    assert workloads.change(admin, name, enforcement="enforce").ok
    until(lambda: zone_status(admin, name, "app").get("quarantined"), "it is in quarantine")
    mended = workloads.cron_job("export")
    assert admin.request("PATCH", path, mended, content=MERGE).ok
    until(lambda: not zone_status(admin, name, "app").get("quarantined"), "it was let go")
    assert admin.get(path).body["spec"]["suspend"] is True


def test_the_next_run_of_a_direct_care_cron_job_starts(
    admin: Rest, product: Product, name: str
) -> None:
    """It breaks rules and has no revision to go back to; patients still need what it does."""
    adopt(admin, name, enforcement="observe", clinicalImpact="direct-care")
    wait(admin, name)
    worse = bad(workloads.cron_job("rounds"))
    worse["spec"]["suspend"] = True
    assert admin.create(collection(kind_of("CronJob"), name), worse).ok
    assert workloads.change(admin, name, enforcement="enforce").ok
    until(lambda: zone_status(admin, name, "app").get("quarantined"), "it is held")
    path = item(kind_of("CronJob"), name, "rounds")
    assert admin.request("PATCH", path, {"spec": {"suspend": False}}, content=MERGE).ok
    until(lambda: pods(admin, name), "its next run has a pod", within=90)
    until(lambda: quarantine(admin, name) == {"care"}, "which is cut off from all but treatment")
    assert admin.get(path).body["spec"]["suspend"] is False


@pytest.mark.parametrize(
    ("impact", "suspended", "label"),
    [
        ("administrative", True, None),
        ("care-support", False, "full"),
        ("direct-care", False, "care"),
    ],
)
def test_a_job_that_runs_is_stopped_or_cut_off_by_its_impact(
    admin: Rest, name: str, impact: str, suspended: bool, label: str | None
) -> None:
    adopt(admin, name, enforcement="observe", clinicalImpact=impact)
    wait(admin, name)
    worse = bad(workloads.job("import", command=["sleep", "600"]))
    assert admin.create(collection(kind_of("Job"), name), worse).ok
    until(lambda: pods(admin, name), "it runs")
    assert workloads.change(admin, name, enforcement="enforce").ok
    until(lambda: zone_status(admin, name, "app").get("quarantined"), "it is in quarantine")
    body = admin.get(item(kind_of("Job"), name, "import")).body
    assert bool(body["spec"].get("suspend")) is suspended
    if label is not None:
        until(lambda: quarantine(admin, name) == {label}, "its pod is cut off")


def test_an_administrative_workload_comes_back_with_all_its_replicas(
    admin: Rest, name: str
) -> None:
    adopt(admin, name, enforcement="observe", clinicalImpact="administrative")
    wait(admin, name)
    path = f"{workloads.deployments(name)}/report"
    assert admin.create(workloads.deployments(name), bad(deployment("report", replicas=3))).ok
    seen_working(admin, name, "report", 1, "Deployment")
    assert workloads.change(admin, name, enforcement="enforce").ok
    until(lambda: admin.get(path).body["spec"]["replicas"] == 0, "it is stopped")
    until(
        lambda: history_of(admin, name, "Deployment", "report").get("replicas") == 3,
        "it is remembered how many there were",
    )
    mended = deployment("report")
    del mended["spec"]["replicas"]
    assert admin.request("PATCH", path, mended, content=MERGE).ok
    until(lambda: admin.get(path).body["spec"]["replicas"] == 3, "it runs as before")
    wait(admin, name, "Compliant")
    reasons = [event["reason"] for event in events_of(admin, name, "report")]
    assert sorted(reasons) == ["Released", "ScaledToZero"]
