"""What something else stands for is judged once; an owner that is not there hides nothing."""

from __future__ import annotations

import pytest

from phiwarden.preview.ownership import judged_apart
from phiwarden.rulebook.shapes import SERVICE, Kind
from tests.preview.clusters import Object, revision, runs, thing

SLICE = Kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")
ENDPOINTS = Kind("", "v1", "Endpoints", "endpoints")
MAKER = "endpointslice.kubernetes.io/managed-by"
OF = "kubernetes.io/service-name"
BY_SELECTOR = {MAKER: "endpointslice-controller.k8s.io", OF: "web"}
MIRRORED = {MAKER: "endpointslicemirroring-controller.k8s.io", OF: "ehr"}


def names(*objects: Object) -> list[str]:
    return [f"{obj['kind']}/{obj['metadata']['name']}" for obj in judged_apart(objects)]


def slice_(name: str, labels: dict[str, str]) -> Object:
    body = thing(SLICE, name)
    return {**body, "metadata": {**body["metadata"], "labels": labels}}


def service(name: str, **selector: str) -> Object:
    return thing(SERVICE, name, spec={"selector": selector})


def test_what_a_controller_made_follows_from_its_owner() -> None:
    assert names(
        runs("Deployment"),
        revision("app", 1),
        runs("Pod", "app-1-x", owner="ReplicaSet/app-1"),
        runs("CronJob", "nightly"),
        runs("Job", "nightly-1", owner="CronJob/nightly"),
        runs("Pod", "nightly-1-x", owner="Job/nightly-1"),
    ) == ["Deployment/app", "CronJob/nightly"]


@pytest.mark.parametrize("owner", [None, "ReplicaSet/gone", "Workflow/of-somebody"])
def test_what_nobody_here_controls_is_judged(owner: str | None) -> None:
    assert names(runs("Pod", owner=owner), runs("ReplicaSet", "set", owner=owner)) == [
        "Pod/app",
        "ReplicaSet/set",
    ]


def test_pods_of_what_is_not_looked_at_while_it_runs_are_judged_one_by_one() -> None:
    assert names(
        runs("ReplicaSet", "own"),
        runs("Pod", "own-x", owner="ReplicaSet/own"),
        runs("ReplicationController", "old"),
        runs("Pod", "old-x", owner="ReplicationController/old"),
    ) == ["ReplicaSet/own", "Pod/own-x", "ReplicationController/old", "Pod/old-x"]


def test_an_object_that_carries_no_template_controls_no_pod() -> None:
    assert names(service("web"), runs("Pod", owner="Service/web")) == ["Service/web", "Pod/app"]


def test_an_owner_that_is_no_controller_hides_nothing() -> None:
    pod = runs("Pod")
    pod["metadata"]["ownerReferences"] = [{"uid": "Deployment/app"}]
    assert names(runs("Deployment"), pod) == ["Deployment/app", "Pod/app"]


def test_endpoints_of_a_selector_follow_from_their_service() -> None:
    found = (service("web", app="web"), thing(ENDPOINTS, "web"), slice_("web-x", BY_SELECTOR))
    assert names(*found) == ["Service/web"]


@pytest.mark.parametrize(
    "around",
    [
        (),
        (service("web"),),  # no selector: its endpoints are somebody's
        (service("other", app="web"),),
    ],
    ids=["no service", "no selector", "another service"],
)
def test_a_slice_that_only_claims_to_follow_a_service_is_judged(around: tuple[Object, ...]) -> None:
    assert "EndpointSlice/web-x" in names(*around, slice_("web-x", BY_SELECTOR))
    assert "Endpoints/web" in names(*around, thing(ENDPOINTS, "web"))


def test_a_slice_is_judged_by_who_keeps_it_and_not_by_its_service_alone() -> None:
    labels = {OF: "web", MAKER: "somebody.example"}
    assert "EndpointSlice/web-y" in names(service("web", app="web"), slice_("web-y", labels))


def test_a_mirrored_slice_follows_from_endpoints_that_are_judged_themselves() -> None:
    found = (service("ehr"), thing(ENDPOINTS, "ehr"), slice_("ehr-x", MIRRORED))
    assert names(*found) == ["Service/ehr", "Endpoints/ehr"]
    assert "EndpointSlice/ehr-x" in names(service("ehr"), slice_("ehr-x", MIRRORED))
