"""Whoever tries to lift a quarantine, or to act as somebody else."""

from __future__ import annotations

from e2e import zones
from e2e.guard.boundary import Body, Zone, refused
from e2e.product import NAMESPACE, Product
from e2e.rest import MERGE, Answer, Rest
from e2e.waiting import until
from phiwarden.api import names
from phiwarden.cluster.resources import collection
from phiwarden.rulebook import examples
from phiwarden.rulebook.model import Example
from phiwarden.rulebook.shapes import PODS


def test_a_pod_stays_in_its_quarantine(zone: Zone) -> None:
    (kind,) = PODS.kinds
    path = collection(kind, zone.name)
    pod = examples.manifest(kind, examples.pod_template(Example()), name="quarantined")
    assert zone.developer.create(path, pod).ok
    mine = f"{path}/quarantined"
    cut_off = {"metadata": {"labels": {names.QUARANTINE: "full"}}}
    assert zone.operator.request("PATCH", mine, cut_off, content=MERGE).ok

    def patch(actor: Rest, labels: Body | None, subresource: str = "") -> Answer:
        change = {"metadata": {"labels": labels}}
        return actor.request("PATCH", mine + subresource, change, content=MERGE)

    for actor in (zone.developer, zone.engineer):
        for labels in (None, {names.QUARANTINE: None}, {names.QUARANTINE: "care"}):
            refused(patch(actor, labels), "PHI-GRD-002")
    refused(patch(zone.engineer, {names.QUARANTINE: None}, "/status"), "PHI-GRD-002")
    # These two write no labels, whatever they are sent.
    for subresource in ("/ephemeralcontainers", "/resize"):
        patch(zone.engineer, {names.QUARANTINE: None}, subresource)
    assert patch(zone.developer, {"note": "x"}).ok
    labels = zone.developer.get(mine).body["metadata"]["labels"]
    assert labels[names.QUARANTINE] == "full"
    until(
        lambda: zone.developer.get(mine).body["status"].get("phase") == "Running",
        "the kubelet writes the status of a pod in quarantine",
    )
    assert patch(zone.operator, {names.QUARANTINE: None}).ok
    assert zone.developer.delete(mine).ok


def test_a_pod_that_waits_for_a_node_stays_in_its_quarantine(zone: Zone) -> None:
    (kind,) = PODS.kinds
    path = collection(kind, zone.name)
    waiting = Example(pod={"schedulerName": "none"})
    pod = examples.manifest(kind, examples.pod_template(waiting), name="waiting")
    assert zone.developer.create(path, pod).ok
    cut_off = {"metadata": {"labels": {names.QUARANTINE: "full"}}}
    assert zone.operator.request("PATCH", f"{path}/waiting", cut_off, content=MERGE).ok
    binding = {
        "metadata": {"name": "waiting", "labels": {names.QUARANTINE: "none"}},
        "target": {"kind": "Node", "name": "elsewhere"},
    }
    refused(zone.developer.create(f"{path}/waiting/binding", binding), "cannot create resource")
    refused(zone.engineer.create(f"{path}/waiting/binding", binding), "PHI-GRD-002")
    refused(zone.engineer.create(f"{zones.CORE}/{zone.name}/bindings", binding), "PHI-GRD-002")
    labels = zone.developer.get(f"{path}/waiting").body["metadata"]["labels"]
    assert zone.engineer.request("DELETE", f"{path}/waiting", {"gracePeriodSeconds": 0}).ok
    assert labels[names.QUARANTINE] == "full"


def test_rights_that_a_developer_lacks_are_refused_by_rbac(zone: Zone, product: Product) -> None:
    """To speak as the operator or a controller takes a right that `edit` does not hold."""
    refused(
        zone.developer.request("PATCH", zone.path, {"metadata": {"labels": None}}, content=MERGE),
        "cannot patch resource",
    )
    token = f"{zones.CORE}/{NAMESPACE}/serviceaccounts/phiwarden/token"
    refused(zone.developer.create(token, {"spec": {}}), "cannot create resource")
    # What the controllers of Kubernetes write, and whose word is taken for it.
    apps = f"/apis/apps/v1/namespaces/{zone.name}"
    forged = {"metadata": {"name": "forged"}, "revision": 1}
    refused(zone.developer.create(f"{apps}/controllerrevisions", forged), "cannot create resource")
    for status in (
        f"{apps}/statefulsets/any/status",
        f"{zones.CORE}/{zone.name}/pods/any/status",
    ):
        refused(
            zone.developer.request("PATCH", status, {"status": {}}, content=MERGE),
            "cannot patch resource",
        )
    for user in (
        f"system:serviceaccount:{NAMESPACE}:phiwarden",
        "system:kube-controller-manager",
        "system:serviceaccount:kube-system:replicaset-controller",
    ):
        headers = {**zone.developer.headers, "Impersonate-User": user}
        spoofed = Rest(zone.developer.host, zone.developer.context, headers)
        refused(spoofed.get(zone.path), "cannot impersonate")
    headers = {
        **zone.developer.headers,
        "Impersonate-User": "x",
        "Impersonate-Group": "system:masters",
    }
    refused(
        Rest(zone.developer.host, zone.developer.context, headers).get(zone.path), "impersonate"
    )
