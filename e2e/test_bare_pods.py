"""Pods that nothing else stands for are found, judged, cut off, and let go again."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from typing import Any

import pytest

from e2e import workloads
from e2e.product import Operator, Product, running
from e2e.rest import MERGE, Rest
from e2e.rollouts import adopt, quarantine_of, roll_out
from e2e.waiting import until
from e2e.workloads import (
    NAMESPACES,
    WORKLOADS,
    available,
    bad,
    clinic,
    deployment,
    deployments,
    status,
    unique,
    wait,
    zone_status,
)
from phiwarden.rulebook.examples import DIGEST

Object = dict[str, Any]


@pytest.fixture
def name(adoptable: str, admin: Rest) -> Iterator[str]:
    yield adoptable
    admin.delete(f"{NAMESPACES}/{adoptable}")


def pods(namespace: str) -> str:
    return f"{NAMESPACES}/{namespace}/pods"


def pod(name: str, body: Object | None = None, **metadata: Any) -> Object:
    """Return a pod as the template of a Deployment has it; the usual one names its image by a tag.

    It asks for no token: what ran before its boundary was given one, and breaks PHI-IDN-002.
    """
    template = copy.deepcopy((body or bad(deployment(name)))["spec"]["template"])
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}, **metadata},
        "spec": {**template["spec"], "automountServiceAccountToken": False},
    }


def start(admin: Rest, namespace: str, *bodies: Object) -> None:
    """Have pods run."""
    for body in bodies:
        answer = admin.create(pods(namespace), body)
        assert answer.ok, answer.message
    for body in bodies:
        path = f"{pods(namespace)}/{body['metadata']['name']}"
        until(lambda path=path: _phase(admin, path) == "Running", f"{path} runs")


def _phase(admin: Rest, path: str) -> str | None:
    found: str | None = admin.get(path).body.get("status", {}).get("phase")
    return found


def owner(kind: str, body: Object, **fields: Any) -> Object:
    """Return a reference to an object as what controls another."""
    metadata = body["metadata"]
    named = {"kind": kind, "name": metadata["name"], "uid": metadata["uid"]}
    return {"apiVersion": "apps/v1", **named, "controller": True, **fields}


def quarantined(admin: Rest, name: str) -> list[str]:
    found: list[str] = zone_status(admin, name, "app").get("quarantined", [])
    return found


def violating(admin: Rest, name: str) -> set[str]:
    found = zone_status(admin, name, "app").get("violations", ())
    denied = (entry for entry in found if entry["severity"] == "deny")
    return {f"{entry['kind']}/{entry['name']}" for entry in denied}


def events_of(admin: Rest, namespace: str, name: str) -> list[str]:
    items = admin.get(f"{NAMESPACES}/{namespace}/events").body["items"]
    return [
        event["reason"]
        for event in items
        if event["involvedObject"]["name"] == name
        and event["reportingComponent"] == "phiwarden.dev"
    ]


@pytest.mark.parametrize(
    ("impact", "label", "reason"),
    [
        ("direct-care", "care", "Held"),
        ("care-support", "full", "Isolated"),
        ("administrative", "full", "Isolated"),
    ],
)
def test_a_pod_that_was_let_in_is_cut_off_by_its_tier_and_keeps_running(
    admin: Rest, operator: Operator, name: str, impact: str, label: str, reason: str
) -> None:
    adopt(admin, name, clinicalImpact=impact, enforcement="observe")
    wait(admin, name)
    start(admin, name, pod("scan"), pod("good", deployment("good")))
    until(lambda: violating(admin, name) == {"Pod/scan"}, "the status lists it")
    until(lambda: zone_status(admin, name, "app")["workloads"] == 2, "both are counted")
    assert quarantine_of(admin, name, "scan") == {None}
    before = admin.get(f"{pods(name)}/scan").body

    assert workloads.change(admin, name, enforcement="enforce").ok
    until(lambda: quarantine_of(admin, name, "scan") == {label}, "it is cut off")
    until(lambda: quarantined(admin, name) == ["Pod/scan"], "the status names it")
    wait(admin, name, "Compliant", "False")
    until(lambda: events_of(admin, name, "scan") == [reason], "an Event tells the team")
    assert status(admin, name)["quarantined"] == 1
    (entry,) = until(lambda: status(admin, name).get("remediations"), "the status tells it")
    assert (entry["kind"], entry["action"]) == ("Pod", reason)
    assert "nothing can bring an earlier state of a pod back" in entry["message"]
    (told,) = [r for r in operator.records() if r["event"] == "decision" and r["workload"] == name]
    assert (told["kind"], told["name"], told["action"]) == ("Pod", "scan", reason)

    after = admin.get(f"{pods(name)}/scan").body
    assert (after["metadata"]["uid"], after["spec"]) == (before["metadata"]["uid"], before["spec"])
    assert quarantine_of(admin, name, "good") == {None}
    # Nobody replaces it, so nobody is let in for it.
    metadata = admin.get(f"{NAMESPACES}/{name}").body["metadata"]
    assert metadata["annotations"]["boundary.phiwarden.dev/held"] == ""
    assert metadata["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_what_ran_before_its_namespace_became_a_zone_is_found(admin: Rest, name: str) -> None:
    start(admin, name, pod("scan"))
    adopt(admin, name, clinicalImpact="care-support")
    until(lambda: quarantine_of(admin, name, "scan") == {"full"}, "it is cut off")
    until(lambda: quarantined(admin, name) == ["Pod/scan"], "the status names it")


def test_pods_of_controllers_that_nobody_knows_are_judged_one_by_one(
    admin: Rest, name: str
) -> None:
    """A ReplicationController, a ReplicaSet made by hand, and OpenKruise's StatefulSet."""
    adopt(admin, name, clinicalImpact="care-support", enforcement="observe")
    wait(admin, name)
    template = bad(deployment("old"))["spec"]["template"]
    old = {"metadata": {"name": "old"}, "spec": {"replicas": 2, "template": template}}
    assert admin.create(f"{NAMESPACES}/{name}/replicationcontrollers", old).ok
    own = bad(deployment("own"))
    own = {**own, "kind": "ReplicaSet", "spec": {**own["spec"], "replicas": 2}}
    assert admin.create(f"/apis/apps/v1/namespaces/{name}/replicasets", own).ok
    theirs = {"metadata": {"name": "kruise", "uid": "7e57ab1e-0000-4000-8000-000000000001"}}
    named = owner("StatefulSet", theirs, apiVersion="apps.kruise.io/v1beta1")
    start(admin, name, pod("kruise", ownerReferences=[named]))
    # Beside them one that follows from its Deployment, and is not told of by itself.
    roll_out(admin, name, bad(deployment("api")))

    def expected() -> set[str]:
        items = admin.get(pods(name)).body["items"]
        found = [item["metadata"] for item in items]
        return {f"Pod/{m['name']}" for m in found if m["labels"]["app"] != "api"}

    until(lambda: len(expected()) == 5, "all pods are there")
    until(lambda: violating(admin, name) == {"Deployment/api", *expected()}, "all are listed")
    assert workloads.change(admin, name, enforcement="enforce").ok
    for app in ("old", "own", "kruise", "api"):
        until(lambda app=app: quarantine_of(admin, name, app) == {"full"}, f"{app} is cut off")
    until(
        lambda: set(quarantined(admin, name)) == {"Deployment/api", *expected()},
        "the status names them",
    )


def test_a_forged_owner_hides_no_pod(admin: Rest, name: str) -> None:
    """Whatever a pod names: one that is not there, one that makes no pods, one that is not its own."""
    adopt(admin, name, clinicalImpact="care-support", enforcement="observe")
    wait(admin, name)
    roll_out(admin, name, deployment("web"))
    web = admin.get(f"{deployments(name)}/web").body
    (replica_set,) = admin.get(f"/apis/apps/v1/namespaces/{name}/replicasets").body["items"]
    nobody = {"metadata": {"name": "web", "uid": "7e57ab1e-0000-4000-8000-000000000002"}}
    # In a version that no garbage collector finds: it would delete what names nobody.
    unseen = {"apiVersion": "apps/v99"}
    forged = {
        "of-deployment": owner("Deployment", web),
        "of-another": owner("ReplicaSet", replica_set),
        "of-nobody": owner("ReplicaSet", nobody, **unseen),
        "of-namesake": owner("StatefulSet", nobody, **unseen),
    }
    start(admin, name, *(pod(each, ownerReferences=[named]) for each, named in forged.items()))
    hidden = {f"Pod/{each}" for each in forged}
    until(lambda: violating(admin, name) == hidden, "all are listed")
    assert workloads.change(admin, name, enforcement="enforce").ok
    for each in forged:
        until(lambda app=each: quarantine_of(admin, name, app) == {"full"}, f"{each} is cut off")
    assert quarantine_of(admin, name, "web") == {None}


def test_a_quarantine_ends_when_the_boundary_is_widened(admin: Rest, name: str) -> None:
    elsewhere = f"registry.hospital.example/radiology/scan@{DIGEST}"
    start(admin, name, pod("scan", deployment("scan", image=elsewhere)))
    adopt(admin, name, clinicalImpact="care-support")
    until(lambda: quarantine_of(admin, name, "scan") == {"full"}, "it is cut off")
    until(lambda: quarantined(admin, name) == ["Pod/scan"], "the status names it")
    registries = [f"registry.hospital.example/{part}" for part in ("portal", "radiology")]
    zone = workloads.zone(
        "app", namespace=name, adopt=True, data="phi", images={"registries": registries}
    )
    assert workloads.change(admin, name, zones=[zone]).ok
    until(lambda: quarantine_of(admin, name, "scan") == {None}, "it is free again")
    wait(admin, name, "Compliant")
    until(lambda: status(admin, name)["quarantined"] == 0, "the status says so")
    until(
        lambda: sorted(events_of(admin, name, "scan")) == ["Isolated", "Released"],
        "Events tell the team",
    )


def test_enforcement_that_is_lowered_lets_go(admin: Rest, name: str) -> None:
    start(admin, name, pod("scan"))
    adopt(admin, name, clinicalImpact="care-support")
    until(lambda: quarantine_of(admin, name, "scan") == {"full"}, "it is cut off")
    assert workloads.change(admin, name, enforcement="warn").ok
    until(lambda: quarantine_of(admin, name, "scan") == {None}, "it is free again")
    until(lambda: quarantined(admin, name) == [], "the status says so")
    assert violating(admin, name) == {"Pod/scan"}


def test_an_image_that_is_mended_in_place_ends_a_quarantine(
    admin: Rest, developer: Rest, name: str
) -> None:
    """Of a running pod little can be changed, and its image can."""
    start(admin, name, pod("scan"))
    adopt(admin, name, clinicalImpact="care-support")
    until(lambda: quarantine_of(admin, name, "scan") == {"full"}, "it is cut off")
    (good,) = deployment("scan")["spec"]["template"]["spec"]["containers"]
    patch = [{"op": "replace", "path": "/spec/containers/0/image", "value": good["image"]}]
    answer = developer.request(
        "PATCH", f"{pods(name)}/scan", patch, content="application/json-patch+json"
    )
    assert answer.ok, answer.message
    until(lambda: quarantine_of(admin, name, "scan") == {None}, "it is free again")
    wait(admin, name, "Compliant")


def test_a_label_that_was_taken_off_is_put_back(admin: Rest, name: str) -> None:
    """By an exempt administrator: nobody else may."""
    start(admin, name, pod("scan"))
    adopt(admin, name, clinicalImpact="care-support")
    until(lambda: quarantined(admin, name) == ["Pod/scan"], "the status names it")
    until(lambda: quarantine_of(admin, name, "scan") == {"full"}, "it is cut off")
    freed = {"metadata": {"labels": {"phiwarden.dev/quarantine": None}}}
    version = admin.request("PATCH", f"{pods(name)}/scan", freed, content=MERGE).body["metadata"]
    assert "phiwarden.dev/quarantine" not in version["labels"]
    until(lambda: quarantine_of(admin, name, "scan") == {"full"}, "it is cut off again")


def test_a_pod_that_has_ended_counts_for_nothing(admin: Rest, name: str) -> None:
    def end(pod_name: str) -> None:
        path = f"{pods(name)}/{pod_name}/status"
        assert admin.request("PATCH", path, {"status": {"phase": "Succeeded"}}, content=MERGE).ok

    start(admin, name, pod("early"), pod("late"), pod("never"))
    end("early")
    adopt(admin, name, clinicalImpact="care-support")
    until(lambda: quarantined(admin, name) == ["Pod/late", "Pod/never"], "what runs is cut off")
    end("late")
    until(lambda: quarantined(admin, name) == ["Pod/never"], "what ended is forgotten")
    assert violating(admin, name) == {"Pod/never"}
    assert quarantine_of(admin, name, "early") == {None}
    assert events_of(admin, name, "early") == []


def test_a_pod_that_is_deleted_is_forgotten(admin: Rest, name: str) -> None:
    start(admin, name, pod("scan"))
    adopt(admin, name, clinicalImpact="care-support")
    until(lambda: quarantined(admin, name) == ["Pod/scan"], "the status names it")
    assert admin.delete(f"{pods(name)}/scan").ok
    wait(admin, name, "Compliant")
    until(lambda: status(admin, name)["quarantined"] == 0, "the status says so")
    until(lambda: zone_status(admin, name, "app")["workloads"] == 0, "nothing runs")


def test_what_costs_reliability_alone_is_listed_and_not_cut_off(admin: Rest, name: str) -> None:
    start(admin, name, pod("scan", deployment("scan", resources=None)))
    adopt(admin, name, clinicalImpact="direct-care")
    until(lambda: violating(admin, name) == {"Pod/scan"}, "it is listed")
    assert quarantined(admin, name) == []
    assert quarantine_of(admin, name, "scan") == {None}
    assert events_of(admin, name, "scan") == []


def test_pods_that_their_deployment_left_behind_are_seen(admin: Rest, name: str) -> None:
    """Only the ReplicaSet changes: no event tells of the pods."""
    adopt(admin, name, clinicalImpact="care-support", enforcement="observe")
    wait(admin, name)
    roll_out(admin, name, bad(deployment("api")))
    until(lambda: violating(admin, name) == {"Deployment/api"}, "it is listed")
    orphan = {"propagationPolicy": "Orphan"}
    assert admin.request("DELETE", f"{deployments(name)}/api", orphan).ok
    left = {f"Pod/{item['metadata']['name']}" for item in admin.get(pods(name)).body["items"]}
    assert len(left) == 2
    until(lambda: violating(admin, name) == left, "its pods are listed in its place")
    assert workloads.change(admin, name, enforcement="enforce").ok
    until(lambda: quarantined(admin, name) == sorted(left), "they are cut off")
    assert quarantine_of(admin, name, "api") == {"full"}

    # One of the same name takes its ReplicaSet up again, and stands for them all.
    assert workloads.change(admin, name, enforcement="observe").ok
    until(lambda: quarantine_of(admin, name, "api") == {None}, "they are free")
    assert admin.create(deployments(name), bad(deployment("api"))).ok
    until(lambda: violating(admin, name) == {"Deployment/api"}, "it is listed in their place")
    until(lambda: zone_status(admin, name, "app")["workloads"] == 1, "nothing else is counted")


def test_a_pod_that_is_adopted_follows_from_who_took_it(admin: Rest, name: str) -> None:
    adopt(admin, name, clinicalImpact="care-support", enforcement="observe")
    wait(admin, name)
    start(admin, name, pod("records-0", labels={"app": "records"}))
    until(lambda: violating(admin, name) == {"Pod/records-0"}, "it is listed")
    base = bad(deployment("records", replicas=1))
    body = {**base, "kind": "StatefulSet", "spec": {**base["spec"], "serviceName": "records"}}
    assert admin.create(f"/apis/apps/v1/namespaces/{name}/statefulsets", body).ok
    until(lambda: violating(admin, name) == {"StatefulSet/records"}, "its set stands for it")
    assert zone_status(admin, name, "app")["workloads"] == 1


def test_a_new_pod_of_what_is_in_quarantine_is_cut_off_at_once(admin: Rest, name: str) -> None:
    roll_out(admin, name, bad(deployment("api")))
    adopt(admin, name, clinicalImpact="direct-care")
    until(lambda: quarantine_of(admin, name, "api") == {"care"}, "its pods are apart")
    until(lambda: quarantined(admin, name) == ["Deployment/api"], "the status names it")
    taken = []
    for _ in range(10):
        until(available(admin, name, "api"), "both replicas run")
        known = admin.get(pods(name)).body["items"]
        assert admin.delete(f"{pods(name)}/{known[0]['metadata']['name']}").ok
        before = {item["metadata"]["uid"] for item in known}
        taken.append(_seconds_to_label(admin, name, before))
    print(f"from pod stored to label stored, ms: {sorted(round(1000 * each) for each in taken)}")


def _seconds_to_label(admin: Rest, name: str, before: set[str]) -> float:
    def new() -> Object | None:
        items = admin.get(pods(name)).body["items"]
        found = [item for item in items if item["metadata"]["uid"] not in before]
        return found[0] if found else None

    stored = until(new, "the lost pod was replaced", every=0.001)
    begun = time.perf_counter()
    path = f"{pods(name)}/{stored['metadata']['name']}"
    until(
        lambda: "phiwarden.dev/quarantine" in admin.get(path).body["metadata"]["labels"],
        "the new pod is apart too",
        every=0.001,
    )
    return time.perf_counter() - begun


def test_a_restart_finds_them_again_and_tells_nothing_twice(
    admin: Rest, product: Product, operator: Operator, name: str
) -> None:
    # The last story of this file: it ends the operator that the others share.
    adopt(admin, name, clinicalImpact="care-support", enforcement="observe")
    wait(admin, name)
    nobody = {"metadata": {"name": "web", "uid": "7e57ab1e-0000-4000-8000-000000000003"}}
    forged = owner("ReplicaSet", nobody, apiVersion="apps/v99")
    start(admin, name, pod("scan"), pod("forged", ownerReferences=[forged]))
    assert workloads.change(admin, name, enforcement="enforce").ok
    both = ["Pod/forged", "Pod/scan"]
    until(lambda: quarantined(admin, name) == both, "the status names them")
    until(lambda: len(status(admin, name).get("remediations", ())) == 2, "it was told")
    until(lambda: len(events_of(admin, name, "forged")) == 1, "an Event was written")
    until(lambda: len(events_of(admin, name, "scan")) == 1, "an Event was written")
    before = status(admin, name)
    operator.kill()
    with running(product) as second:
        # Something that can only follow a full look at everything: the other's new zone.
        later = unique("later")
        assert workloads.apply(admin, clinic(later)).ok
        wait(admin, later)
        assert status(admin, name) == before
        assert len(events_of(admin, name, "scan")) == len(events_of(admin, name, "forged")) == 1
        assert [r for r in second.records() if r.get("workload") == name] == []
        # And goes on to know them.
        assert workloads.change(admin, name, enforcement="observe").ok
        for app in ("scan", "forged"):
            until(lambda app=app: quarantine_of(admin, name, app) == {None}, f"{app} is free")
        admin.delete(f"{WORKLOADS}/{later}")
