"""A platform engineer declares an application, and the cluster is brought in line with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from e2e import workloads
from e2e.product import Operator, Product, running
from e2e.rest import MERGE, Rest
from e2e.waiting import until
from e2e.workloads import NAMESPACES, WORKLOADS, clinic, condition, status, unique, wait


@pytest.fixture(scope="module")
def operator(product: Product) -> Iterator[Operator]:
    with running(product) as started:
        yield started


@pytest.fixture
def name(operator: Operator, admin: Rest) -> Iterator[str]:
    chosen = unique("portal")
    yield chosen
    admin.delete(f"{WORKLOADS}/{chosen}")


def declare(admin: Rest, workload: dict[str, Any]) -> None:
    answer = workloads.apply(admin, workload)
    assert answer.ok, answer.message


def policies(admin: Rest, namespace: str) -> dict[str, Any]:
    items = admin.get(f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies").body
    return {item["metadata"]["name"]: item for item in items["items"]}


def test_a_declaration_becomes_namespaces_with_their_boundary(admin: Rest, name: str) -> None:
    declare(admin, clinic(name))
    wait(admin, name, "Ready")
    wait(admin, name, "BoundaryEnforced")
    namespace = admin.get(f"{NAMESPACES}/{name}-clinical").body["metadata"]
    assert namespace["labels"]["phiwarden.dev/workload"] == name
    assert namespace["labels"]["phiwarden.dev/data"] == "phi"
    assert namespace["labels"]["phiwarden.dev/enforcement"] == "enforce"
    assert namespace["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert (
        namespace["annotations"]["boundary.phiwarden.dev/registries"]
        == "registry.hospital.example/portal"
    )
    managers = {entry["manager"] for entry in namespace["managedFields"]}
    assert managers == {"phiwarden"}
    accounts = admin.get(f"{NAMESPACES}/{name}-clinical/serviceaccounts/app").body
    assert accounts["automountServiceAccountToken"] is False
    assert set(policies(admin, f"{name}-clinical")) == {
        "phiwarden-default-deny",
        "phiwarden-dns",
        "phiwarden-from-zone-edge-treatment",
        "phiwarden-to-external-epic-fhir-treatment",
        "phiwarden-to-zone-analytics-operations",
    }
    assert {z["state"] for z in status(admin, name)["zones"]} == {"Enforced"}


def test_a_flow_that_is_taken_back_is_closed_on_both_sides(admin: Rest, name: str) -> None:
    workload = clinic(name)
    declare(admin, workload)
    wait(admin, name)
    assert "phiwarden-to-zone-clinical-treatment" in policies(admin, f"{name}-edge")
    declare(admin, clinic(name, flows=workload["spec"]["flows"][1:]))
    wait(admin, name)
    assert "phiwarden-to-zone-clinical-treatment" not in policies(admin, f"{name}-edge")
    assert "phiwarden-from-zone-edge-treatment" not in policies(admin, f"{name}-clinical")


def test_an_account_that_is_no_longer_declared_is_let_go_and_not_deleted(
    admin: Rest, name: str
) -> None:
    """Tokens, and whoever uses them, would go with it; the zone refuses its use all the same."""
    two = [{"name": "app"}, {"name": "spare"}]
    rest: dict[str, Any] = {"flows": [], "externals": []}
    declare(admin, clinic(name, zones=[workloads.zone("app", serviceAccounts=two)], **rest))
    wait(admin, name)
    declare(admin, clinic(name, zones=[workloads.zone("app")], **rest))
    wait(admin, name)
    account = admin.get(f"{NAMESPACES}/{name}-app/serviceaccounts/spare").body
    assert account["metadata"].get("labels") is None
    annotations = admin.get(f"{NAMESPACES}/{name}-app").body["metadata"]["annotations"]
    assert annotations["boundary.phiwarden.dev/service-accounts"] == "app"


@pytest.mark.parametrize(
    "drift",
    [
        (
            "DELETE",
            "/apis/networking.k8s.io/v1/namespaces/{ns}/networkpolicies/phiwarden-dns",
            None,
        ),
        (
            "PATCH",
            "/apis/networking.k8s.io/v1/namespaces/{ns}/networkpolicies/phiwarden-default-deny",
            {"spec": {"ingress": [{}], "egress": [{}]}},
        ),
        (
            "PATCH",
            "/apis/networking.k8s.io/v1/namespaces/{ns}/networkpolicies/phiwarden-dns",
            {"metadata": {"labels": {"app.kubernetes.io/managed-by": "somebody"}}},
        ),
        (
            "PATCH",
            "/api/v1/namespaces/{ns}",
            {"metadata": {"labels": {"phiwarden.dev/data": "none"}}},
        ),
        (
            "PATCH",
            "/api/v1/namespaces/{ns}",
            {"metadata": {"labels": {"phiwarden.dev/enforcement": None}}},
        ),
        (
            "PATCH",
            "/api/v1/namespaces/{ns}",
            {"metadata": {"annotations": {"boundary.phiwarden.dev/registries": "evil.example"}}},
        ),
        ("DELETE", "/api/v1/namespaces/{ns}/serviceaccounts/app", None),
        (
            "PATCH",
            "/api/v1/namespaces/{ns}/serviceaccounts/app",
            {"automountServiceAccountToken": True},
        ),
        (
            "PATCH",
            "/api/v1/namespaces/{ns}/resourcequotas/phiwarden-quota",
            {"spec": {"hard": {"pods": "1", "services": "0"}}},
        ),
        ("DELETE", "/api/v1/namespaces/{ns}/limitranges/phiwarden-limits", None),
    ],
    ids=lambda drift: f"{drift[0]} {drift[1].split('/')[-1]}",
)
def test_drift_is_put_back(
    admin: Rest, name: str, drift: tuple[str, str, dict[str, Any] | None]
) -> None:
    """Somebody of system:masters changes the boundary by hand; it returns as it was."""
    quota = {"cpu": "8", "memory": "16Gi", "pods": 50}
    zones = [workloads.zone("app", data="phi", quota=quota)]
    declare(admin, clinic(name, zones=zones, flows=[], externals=[]))
    wait(admin, name)
    method, path, body = drift
    path = path.format(ns=f"{name}-app")
    before = content(admin.get(path).body)
    answer = admin.request(method, path, body, content=MERGE)
    assert answer.ok, answer.message
    until(lambda: content(admin.get(path).body) == before, f"{path} is as it was: {before}")


def content(body: dict[str, Any]) -> dict[str, Any]:
    """Return what a person would compare of an object."""
    metadata = body.get("metadata", {})
    return {
        "labels": metadata.get("labels"),
        "annotations": metadata.get("annotations"),
        "spec": body.get("spec"),
        "token": body.get("automountServiceAccountToken"),
    }


def test_a_policy_of_somebody_else_is_told_in_the_status(admin: Rest, name: str) -> None:
    """It cannot be made in an enforcing zone but by an exempt group, and is never hidden."""
    declare(admin, clinic(name))
    wait(admin, name, "NetworkIsolated", "False", "EnforcementNotProven")
    path = f"/apis/networking.k8s.io/v1/namespaces/{name}-edge/networkpolicies"
    hole = {"metadata": {"name": "hole"}, "spec": {"podSelector": {}, "egress": [{}]}}
    assert admin.create(path, hole).ok
    entry = wait(admin, name, "NetworkIsolated", "False", "ForeignPolicies")
    assert f"{name}-edge/hole" in entry["message"]
    assert admin.delete(f"{path}/hole").ok
    wait(admin, name, "NetworkIsolated", "False", "EnforcementNotProven")


def test_an_existing_namespace_is_left_untouched_and_reported(admin: Rest, name: str) -> None:
    namespace = f"{name}-clinical"
    body = {"metadata": {"name": namespace, "labels": {"kept": "yes"}}}
    assert admin.create(NAMESPACES, body).ok
    before = admin.get(f"{NAMESPACES}/{namespace}").body["metadata"]["resourceVersion"]
    declare(admin, clinic(name))
    entry = wait(admin, name, "Ready", "False", "NamespaceConflict")
    assert f"namespace {namespace} exists already" in entry["message"]
    assert "adopt: true" in entry["message"]
    wait(admin, name, "BoundaryEnforced", "False", "ZonesMissing")
    assert admin.get(f"{NAMESPACES}/{namespace}").body["metadata"]["resourceVersion"] == before
    assert policies(admin, namespace) == {}
    assert "phiwarden-to-zone-clinical-treatment" not in policies(admin, f"{name}-edge")
    states = {z["name"]: z["state"] for z in status(admin, name)["zones"]}
    assert states == {"edge": "Enforced", "clinical": "Conflict", "analytics": "Enforced"}

    zones = clinic(name)["spec"]["zones"]
    zones[1]["adopt"] = True
    declare(admin, clinic(name, zones=zones))
    wait(admin, name)
    labels = admin.get(f"{NAMESPACES}/{namespace}").body["metadata"]["labels"]
    assert labels["kept"] == "yes"
    assert labels["phiwarden.dev/workload"] == name


def test_two_workloads_cannot_share_a_namespace(admin: Rest, name: str) -> None:
    declare(admin, clinic(name))
    wait(admin, name)
    other = unique("rival")
    zones = [workloads.zone("app", namespace=f"{name}-clinical", adopt=True)]
    declare(admin, clinic(other, zones=zones, flows=[], externals=[]))
    entry = wait(admin, other, "Ready", "False", "NamespaceConflict")
    assert f"is a zone of PHIWorkload {name}" in entry["message"]
    labels = admin.get(f"{NAMESPACES}/{name}-clinical").body["metadata"]["labels"]
    assert labels["phiwarden.dev/workload"] == name
    admin.delete(f"{WORKLOADS}/{other}")


def test_a_namespace_that_held_phi_does_not_come_back_at_a_lower_class(
    admin: Rest, name: str
) -> None:
    declare(admin, clinic(name, flows=[], externals=[]))
    wait(admin, name)
    without = clinic(name, flows=[], externals=[])
    without["spec"]["zones"].pop(1)
    declare(admin, without)
    wait(admin, name)
    lowered = clinic(name, flows=[], externals=[])
    lowered["spec"]["zones"][1]["data"] = "none"
    declare(admin, lowered)
    entry = wait(admin, name, "Ready", "False", "NamespaceConflict")
    assert "stays PHI" in entry["message"]
    labels = admin.get(f"{NAMESPACES}/{name}-clinical").body["metadata"]["labels"]
    assert labels["phiwarden.dev/data"] == "phi"


def test_a_pilot_below_enforce_is_marked_and_cuts_nothing(admin: Rest, name: str) -> None:
    declare(admin, clinic(name, enforcement="observe"))
    wait(admin, name)
    entry = condition(admin, name, "BoundaryEnforced")
    assert (entry["status"], entry["reason"]) == ("False", "NotEnforcing")
    assert policies(admin, f"{name}-clinical") == {}
    assert workloads.change(admin, name, enforcement="enforce").ok
    wait(admin, name, "BoundaryEnforced")
    assert "phiwarden-default-deny" in policies(admin, f"{name}-clinical")
    assert workloads.change(admin, name, enforcement="warn").ok
    wait(admin, name, "NetworkIsolated", "False", "NotEnforcing")
    assert policies(admin, f"{name}-clinical") == {}


def test_an_expired_agreement_keeps_its_flow_closed(admin: Rest, name: str) -> None:
    declare(admin, clinic(name, externals=[workloads.external("epic-fhir", "2026-01-31")]))
    entry = wait(admin, name, "AgreementsInForce", "False", "Expired")
    assert "epic-fhir (BAA-2026-014) 2026-01-31" in entry["message"]
    wait(admin, name, "Ready")
    assert "phiwarden-to-external-epic-fhir-treatment" not in policies(admin, f"{name}-clinical")


def test_deleting_a_declaration_leaves_its_boundary_standing(admin: Rest, name: str) -> None:
    declare(admin, clinic(name))
    wait(admin, name)
    assert admin.delete(f"{WORKLOADS}/{name}").ok
    until(lambda: admin.get(f"{WORKLOADS}/{name}").code == 404, "the declaration is gone")
    labels = admin.get(f"{NAMESPACES}/{name}-clinical").body["metadata"]["labels"]
    assert labels["phiwarden.dev/enforcement"] == "enforce"
    assert "phiwarden-default-deny" in policies(admin, f"{name}-clinical")
    declare(admin, clinic(name))
    wait(admin, name)


def test_deletion_policy_delete_removes_zones_but_never_a_volume(admin: Rest, name: str) -> None:
    classes = "/apis/storage.k8s.io/v1/storageclasses"
    driver = {"provisioner": "dobs.csi.digitalocean.com"}
    assert admin.create(classes, {"metadata": {"name": name}, **driver}).ok
    volume = workloads.declared_volume("records", "clinical", storageClassName=name)
    declare(admin, clinic(name, deletionPolicy="Delete", volumes=[volume]))
    wait(admin, name, "VolumesEncrypted", "True", "Proven")
    until(
        lambda: (
            "phiwarden.dev/boundary"
            in admin.get(f"{WORKLOADS}/{name}").body["metadata"].get("finalizers", ())
        ),
        "the finalizer is held",
    )
    assert admin.delete(f"{WORKLOADS}/{name}").ok
    until(lambda: admin.get(f"{WORKLOADS}/{name}").code == 404, "the declaration is gone")
    until(lambda: admin.get(f"{NAMESPACES}/{name}-edge").code == 404, "edge is gone")
    until(lambda: admin.get(f"{NAMESPACES}/{name}-analytics").code == 404, "analytics is gone")
    kept = admin.get(f"{NAMESPACES}/{name}-clinical").body["metadata"]
    assert "deletionTimestamp" not in kept
    assert "phiwarden-default-deny" in policies(admin, f"{name}-clinical")
    claims = f"{NAMESPACES}/{name}-clinical/persistentvolumeclaims/records"
    assert "deletionTimestamp" not in admin.get(claims).body["metadata"]
    assert admin.delete(f"{classes}/{name}").ok
    events = admin.get(f"{NAMESPACES}/default/events").body["items"]
    told = [e for e in events if e["involvedObject"]["name"] == f"{name}-clinical"]
    assert [e["reason"] for e in told] == ["BoundaryKept"]


def test_an_adopted_namespace_is_given_back_and_not_deleted(admin: Rest, name: str) -> None:
    namespace = unique("legacy")
    assert admin.create(NAMESPACES, {"metadata": {"name": namespace}}).ok
    zones = [workloads.zone("app", namespace=namespace, adopt=True)]
    spec = {"zones": zones, "flows": [], "externals": [], "deletionPolicy": "Delete"}
    declare(admin, clinic(name, **spec))
    wait(admin, name)
    assert admin.delete(f"{WORKLOADS}/{name}").ok
    until(lambda: admin.get(f"{WORKLOADS}/{name}").code == 404, "the declaration is gone")
    metadata = admin.get(f"{NAMESPACES}/{namespace}").body["metadata"]
    assert "deletionTimestamp" not in metadata
    marks = {**metadata["labels"], **metadata.get("annotations", {})}
    assert [key for key in marks if "phiwarden" in key or "pod-security" in key] == []
    assert policies(admin, namespace) == {}
