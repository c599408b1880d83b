"""What was there before its boundary, or slipped in, is put back; care is never stopped."""

from __future__ import annotations

from typing import Any

import pytest

from e2e import workloads
from e2e.product import Operator, Product, running
from e2e.rest import MERGE, Rest
from e2e.rollouts import adopt, events_of, pilot, quarantine_of, roll_out, worked
from e2e.waiting import until
from e2e.workloads import (
    NAMESPACES,
    WORKLOADS,
    available,
    bad,
    budget,
    budgets,
    clinic,
    deployment,
    deployments,
    failing,
    image_of,
    status,
    unique,
    wait,
    zone_status,
)
from phiwarden.rulebook.examples import DIGEST


@pytest.fixture
def name(adoptable: str, admin: Rest) -> str:
    assert admin.create(budgets(adoptable), budget()).ok
    return adoptable


def test_an_old_violation_goes_back_to_its_newest_compliant_revision(
    admin: Rest, operator: Operator, name: str
) -> None:
    older = deployment("api", replicas=2)
    newer = deployment("api", replicas=2, env=[{"name": "RELEASE", "value": "2"}])
    pilot(admin, name, older, newer, bad(newer, "3.0"), bad(newer, "4.0"))
    until(
        lambda: image_of(admin, name, "api").endswith(DIGEST), "the template is the good one again"
    )
    body = admin.get(f"{deployments(name)}/api").body
    (container,) = body["spec"]["template"]["spec"]["containers"]
    assert container["env"] == [{"name": "RELEASE", "value": "2"}]
    assert "pod-template-hash" not in body["spec"]["template"]["metadata"]["labels"]
    assert body["spec"]["replicas"] == 2
    until(available(admin, name, "api"), "the good revision runs")

    wait(admin, name, "Compliant")
    (event,) = until(lambda: events_of(admin, name, "api"), "an Event tells the team")
    assert (event["type"], event["reason"]) == ("Warning", "RolledBack")
    assert "PHI-IMG-001" in event["message"]
    assert "revision 2" in event["message"]

    (entry,) = status(admin, name)["remediations"]
    assert (entry["action"], entry["fromRevision"], entry["toRevision"]) == ("RolledBack", 4, 2)
    assert entry["rules"] == ["PHI-IMG-001"]
    records = [r for r in operator.records() if r["event"] == "decision" and r["workload"] == name]
    assert len(records) == 1
    assert records[0]["actor"] == "phiwarden"
    assert records[0]["action"] == "RolledBack"
    assert (records[0]["namespace"], records[0]["name"]) == (name, "api")
    assert records[0]["changed_by"]
    assert records[0]["time"]
    assert "revision 2" in records[0]["why"]


def test_a_revision_that_nobody_saw_work_is_not_gone_back_to(admin: Rest, name: str) -> None:
    """It keeps the rules; whether it ever became ready is not known of before the adoption."""
    good = deployment("api")
    roll_out(admin, name, good, bad(good))
    adopt(admin, name, clinicalImpact="direct-care")
    until(lambda: quarantine_of(admin, name, "api") == {"care"}, "its pods are apart")
    (event,) = until(lambda: events_of(admin, name, "api"), "an Event tells the team")
    assert event["reason"] == "Held"
    assert "revision 1 keeps the rules, but was never seen to work" in event["message"]
    assert image_of(admin, name, "api").endswith(":1.0")


def test_what_was_let_in_while_enforcement_was_off_is_put_back(admin: Rest, name: str) -> None:
    adopt(admin, name, enforcement="observe")
    wait(admin, name)
    good = deployment("api")
    roll_out(admin, name, good)
    until(lambda: worked(admin, name, "Deployment", "api"), "it was seen to work")
    roll_out(admin, name, bad(good), first=False)
    wait(admin, name, "Compliant", "False")
    (violation,) = zone_status(admin, name, "app")["violations"]
    assert violation["rules"] == ["PHI-IMG-001"]
    assert image_of(admin, name, "api").endswith(":1.0")
    assert workloads.change(admin, name, enforcement="enforce").ok
    until(lambda: image_of(admin, name, "api").endswith(DIGEST), "it was put back")
    wait(admin, name, "Compliant")


def test_direct_care_without_a_way_back_keeps_running_apart(
    admin: Rest, developer: Rest, name: str
) -> None:
    only = bad(deployment("api", replicas=2))
    roll_out(admin, name, only)
    adopt(admin, name, clinicalImpact="direct-care")
    until(lambda: quarantine_of(admin, name, "api") == {"care"}, "its pods are apart")
    body = admin.get(f"{deployments(name)}/api").body
    assert body["spec"]["replicas"] == 2
    assert image_of(admin, name, "api").endswith(":1.0")
    until(available(admin, name, "api"), "both replicas run")
    zone = until(
        lambda: [z for z in status(admin, name)["zones"] if z.get("quarantined")],
        "the status names it",
    )[0]
    assert zone["quarantined"] == ["Deployment/api"]
    assert status(admin, name)["quarantined"] == 1
    (event,) = until(lambda: events_of(admin, name, "api"), "an Event tells the team")
    assert event["reason"] == "Held"

    # A pod that is lost is replaced, though its template breaks the rules ...
    pods = admin.get(f"{NAMESPACES}/{name}/pods").body["items"]
    lost = pods[0]["metadata"]["name"]
    assert admin.delete(f"{NAMESPACES}/{name}/pods/{lost}").ok
    until(
        lambda: (
            admin.get(f"{NAMESPACES}/{name}/pods/{lost}").code == 404
            and available(admin, name, "api")()
        ),
        "the lost pod was replaced",
    )
    until(lambda: quarantine_of(admin, name, "api") == {"care"}, "the new pod is apart too")
    # ... and nobody else gets one in.
    template = body["spec"]["template"]
    forged = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "forged",
            "labels": template["metadata"]["labels"],
            "ownerReferences": pods[1]["metadata"]["ownerReferences"],
        },
        "spec": template["spec"],
    }
    answer = developer.create(f"{NAMESPACES}/{name}/pods", forged)
    assert answer.code == 403
    assert "PHI-IMG-001" in answer.message


def test_a_quarantine_ends_when_the_team_mends_the_cause(admin: Rest, name: str) -> None:
    roll_out(admin, name, bad(deployment("api")))
    adopt(admin, name, clinicalImpact="direct-care")
    until(lambda: quarantine_of(admin, name, "api") == {"care"}, "its pods are apart")
    path = f"{deployments(name)}/api"
    assert admin.request("PATCH", path, deployment("api"), content=MERGE).ok
    until(available(admin, name, "api"), "the mended revision runs")
    until(lambda: quarantine_of(admin, name, "api") == {None}, "no pod is apart")
    wait(admin, name, "Compliant")
    until(lambda: status(admin, name)["quarantined"] == 0, "the status says so")
    namespace = admin.get(f"{NAMESPACES}/{name}").body["metadata"]
    assert namespace["annotations"]["boundary.phiwarden.dev/held"] == ""
    assert namespace["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_pods_of_the_bad_template_stay_apart_until_good_ones_took_their_place(
    admin: Rest, name: str
) -> None:
    """A mended template that does not come up frees nobody who broke the rules."""
    roll_out(admin, name, bad(deployment("api")))
    adopt(admin, name, clinicalImpact="care-support")
    until(lambda: quarantine_of(admin, name, "api") == {"full"}, "its pods are apart")
    old = {pod["metadata"]["name"] for pod in pods_of(admin, name)}
    path = f"{deployments(name)}/api"
    assert admin.request("PATCH", path, failing(deployment("api")), content=MERGE).ok
    until(lambda: len(pods_of(admin, name)) > len(old), "a good pod is there, and not ready")
    wait(admin, name, "Compliant")
    for pod in pods_of(admin, name):
        label = pod["metadata"]["labels"].get("phiwarden.dev/quarantine")
        assert label == ("full" if pod["metadata"]["name"] in old else None)


def pods_of(admin: Rest, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = admin.get(f"{NAMESPACES}/{name}/pods").body["items"]
    return found


def test_care_support_without_a_way_back_is_cut_off_and_not_stopped(admin: Rest, name: str) -> None:
    roll_out(admin, name, bad(deployment("lab", replicas=2)))
    adopt(admin, name, clinicalImpact="care-support")
    until(lambda: quarantine_of(admin, name, "lab") == {"full"}, "its pods are cut off")
    assert admin.get(f"{deployments(name)}/lab").body["spec"]["replicas"] == 2
    (event,) = until(lambda: events_of(admin, name, "lab"), "an Event tells the team")
    assert event["reason"] == "Isolated"


def test_an_administrative_workload_without_a_way_back_is_stopped(admin: Rest, name: str) -> None:
    roll_out(admin, name, bad(deployment("report", replicas=3)))
    adopt(admin, name, clinicalImpact="administrative")
    path = f"{deployments(name)}/report"
    until(lambda: admin.get(path).body["spec"]["replicas"] == 0, "it is scaled to zero")
    wait(admin, name, "Compliant", "False")
    until(lambda: status(admin, name)["quarantined"] == 1, "the status counts it")
    (event,) = until(lambda: events_of(admin, name, "report"), "an Event tells the team")
    assert event["reason"] == "ScaledToZero"


def test_a_paused_rollout_is_left_alone_and_reported(admin: Rest, name: str) -> None:
    good = deployment("api")
    roll_out(admin, name, good, bad(good))
    path = f"{deployments(name)}/api"
    assert admin.request("PATCH", path, {"spec": {"paused": True}}, content=MERGE).ok
    adopt(admin, name)
    wait(admin, name, "Compliant", "False")
    (event,) = until(lambda: events_of(admin, name, "api"), "an Event says that it was left")
    assert event["reason"] == "LeftAlone"
    assert image_of(admin, name, "api").endswith(":1.0")


def test_a_forged_owner_does_not_end_a_quarantine(admin: Rest, developer: Rest, name: str) -> None:
    """An update that leaves the template alone passes; it must not hide the Deployment either."""
    roll_out(admin, name, bad(deployment("api")))
    adopt(admin, name, clinicalImpact="direct-care")
    until(lambda: quarantine_of(admin, name, "api") == {"care"}, "its pods are apart")
    path = f"{deployments(name)}/api"
    uid = admin.get(path).body["metadata"]["uid"]
    owner = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "api",
        "uid": uid,
        "controller": True,
    }
    forged = {"metadata": {"ownerReferences": [owner]}}
    assert developer.request("PATCH", path, forged, content=MERGE).ok
    roll_out(admin, name, deployment("later"))
    until(lambda: zone_status(admin, name, "app").get("workloads") == 2, "both were looked at")
    assert quarantine_of(admin, name, "api") == {"care"}
    assert status(admin, name)["violations"] == 1


def test_a_good_deployment_with_a_wide_selector_frees_nobody(admin: Rest, name: str) -> None:
    """Pods are told apart by who made them, and not by labels that two selectors share."""
    worse = bad(deployment("api"))
    worse["spec"]["template"]["metadata"]["labels"]["tier"] = "back"
    roll_out(admin, name, worse)
    adopt(admin, name, clinicalImpact="direct-care")
    until(lambda: quarantine_of(admin, name, "api") == {"care"}, "its pods are apart")
    wide = deployment("wide")
    wide["spec"]["selector"] = {"matchLabels": {"tier": "back"}}
    wide["spec"]["template"]["metadata"]["labels"] = {"tier": "back", "app": "wide"}
    roll_out(admin, name, wide)
    until(lambda: zone_status(admin, name, "app").get("workloads") == 2, "both were looked at")
    assert quarantine_of(admin, name, "api") == {"care"}
    assert quarantine_of(admin, name, "wide") == {None}


def test_a_pause_costs_held_direct_care_no_pod(admin: Rest, name: str) -> None:
    roll_out(admin, name, bad(deployment("api")))
    adopt(admin, name, clinicalImpact="direct-care")
    until(lambda: quarantine_of(admin, name, "api") == {"care"}, "its pods are apart")
    path = f"{deployments(name)}/api"
    assert admin.request("PATCH", path, {"spec": {"paused": True}}, content=MERGE).ok
    until(
        lambda: [e for e in events_of(admin, name, "api") if e["reason"] == "LeftAlone"],
        "the pause was seen",
    )
    pod, *_ = admin.get(f"{NAMESPACES}/{name}/pods").body["items"]
    assert admin.delete(f"{NAMESPACES}/{name}/pods/{pod['metadata']['name']}").ok
    until(available(admin, name, "api"), "the lost pod was replaced")
    assert zone_status(admin, name, "app")["quarantined"] == ["Deployment/api"]


def test_what_costs_reliability_alone_is_listed_and_keeps_running(admin: Rest, name: str) -> None:
    """Care is not disturbed over a missing memory limit; the next change of it is refused."""
    loose = deployment("api", resources=None)
    roll_out(admin, name, loose)
    adopt(admin, name, clinicalImpact="direct-care")
    (listed,) = wait_for_violations(admin, name)
    assert listed["rules"] == ["PHI-POD-005"]
    assert zone_status(admin, name, "app").get("quarantined", []) == []
    assert quarantine_of(admin, name, "api") == {None}
    assert events_of(admin, name, "api") == []
    stored = admin.get(f"{deployments(name)}/api").body
    assert stored["metadata"]["generation"] == 1
    labels = admin.get(f"{NAMESPACES}/{name}").body["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    pod, *_ = admin.get(f"{NAMESPACES}/{name}/pods").body["items"]
    assert admin.delete(f"{NAMESPACES}/{name}/pods/{pod['metadata']['name']}").ok
    until(available(admin, name, "api"), "the lost pod was replaced")


def test_direct_care_goes_back_to_a_revision_that_costs_reliability_alone(
    admin: Rest, name: str
) -> None:
    """The way back is open although nobody else could roll out that revision now."""
    loose = deployment("api", resources=None, readinessProbe=None)
    pilot(admin, name, loose, bad(loose, "3.0"), clinicalImpact="direct-care")
    until(lambda: image_of(admin, name, "api").endswith(DIGEST), "the template is the old one")
    until(available(admin, name, "api"), "its pods are there")
    (listed,) = wait_for_violations(admin, name)
    assert listed["rules"] == ["PHI-POD-005", "PHI-POD-006"]


def wait_for_violations(admin: Rest, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = until(
        lambda: zone_status(admin, name, "app").get("violations"), "violations are listed"
    )
    return found


def test_direct_care_of_a_stateful_set_keeps_its_pods(admin: Rest, name: str) -> None:
    """It is not rolled back, and neither is it lost pod by pod."""
    base = bad(deployment("records"))
    sets = f"/apis/apps/v1/namespaces/{name}/statefulsets"
    body = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "records"},
        "spec": {**base["spec"], "serviceName": "records"},
    }
    assert admin.create(sets, body).ok

    def running() -> bool:
        return admin.get(f"{sets}/records").body.get("status", {}).get("readyReplicas") == 2

    until(running, "it runs")
    adopt(admin, name, clinicalImpact="direct-care")
    until(lambda: quarantine_of(admin, name, "records") == {"care"}, "its pod is apart")
    pod = f"{NAMESPACES}/{name}/pods/records-0"
    before = admin.get(pod).body["metadata"]["uid"]
    assert admin.delete(pod).ok
    until(
        lambda: admin.get(pod).body.get("metadata", {}).get("uid") not in (None, before),
        "the lost pod was replaced",
    )


def test_what_leaves_the_boundary_is_left_alone(admin: Rest, name: str) -> None:
    """A namespace that was given back is the team's again, whatever runs in it."""
    adopt(admin, name, clinicalImpact="administrative", deletionPolicy="Delete")
    wait(admin, name)
    assert admin.delete(f"{WORKLOADS}/{name}").ok
    until(lambda: admin.get(f"{WORKLOADS}/{name}").code == 404, "it was given back")
    roll_out(admin, name, bad(deployment("report")))
    other = unique("other")
    assert workloads.apply(admin, clinic(other)).ok
    wait(admin, other)
    assert admin.get(f"{deployments(name)}/report").body["spec"]["replicas"] == 2
    assert events_of(admin, name, "report") == []
    admin.delete(f"{WORKLOADS}/{other}")


def test_enforcement_that_is_lowered_lets_go_and_says_why(admin: Rest, name: str) -> None:
    roll_out(admin, name, bad(deployment("api")))
    adopt(admin, name, clinicalImpact="direct-care")
    until(lambda: quarantine_of(admin, name, "api") == {"care"}, "its pods are apart")
    assert workloads.change(admin, name, enforcement="observe").ok
    until(lambda: quarantine_of(admin, name, "api") == {None}, "no pod is apart")
    newest = until(
        lambda: [r for r in status(admin, name)["remediations"] if r["action"] == "Released"],
        "the status tells of it",
    )[0]
    assert newest["message"] == "enforcement is observe"
    assert image_of(admin, name, "api").endswith(":1.0")


def test_a_violation_is_told_once_and_not_again_after_a_restart(
    admin: Rest, product: Product, operator: Operator, name: str
) -> None:
    # The last story of this file: it ends the operator that the others share.
    roll_out(admin, name, bad(deployment("api")))
    adopt(admin, name, clinicalImpact="direct-care")
    until(lambda: len(status(admin, name).get("remediations", ())) == 1, "it was told")
    until(lambda: len(events_of(admin, name, "api")) == 1, "an Event was written")
    before = status(admin, name)
    operator.kill()
    with running(product) as second:
        # Something that can only follow a full look at everything: the other's new zone.
        later = unique("later")
        assert workloads.apply(admin, clinic(later)).ok
        wait(admin, later)
        assert status(admin, name) == before
        assert len(events_of(admin, name, "api")) == 1
        assert [r for r in second.records() if r.get("workload") == name] == []
        admin.delete(f"{WORKLOADS}/{later}")
