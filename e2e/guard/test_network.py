"""Whoever tries to open a zone's network: by policies, by Services."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from e2e import zones
from e2e.guard.boundary import PORTS, Body, Zone, make_object, refused
from e2e.rest import APPLY, MERGE, STRATEGIC, Answer, Rest
from phiwarden.cluster.resources import collection
from phiwarden.rulebook import examples
from phiwarden.rulebook.shapes import NETWORK_POLICY, SERVICE

OPEN = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]}


def test_a_network_policy_from_before_cannot_be_widened_not_even_on_its_way_out(
    zone: Zone, root: Rest
) -> None:
    """Deleted, but kept by a finalizer, it still counts for the network."""
    path = collection(NETWORK_POLICY, zone.name)
    metadata = {"name": "from-before", "finalizers": ["example.com/kept"]}
    closed = {"podSelector": {}, "policyTypes": ["Egress"]}
    assert root.create(path, make_object(NETWORK_POLICY, metadata, {"spec": closed})).ok
    mine = f"{path}/from-before"
    widened = {"spec": {"egress": [{}]}}
    refused(zone.developer.request("PATCH", mine, widened, content=MERGE), "PHI-NET-001")
    assert zone.developer.delete(mine).ok
    stands = root.get(mine).body
    assert stands["metadata"]["deletionTimestamp"]
    refused(zone.developer.request("PATCH", mine, widened, content=MERGE), "PHI-NET-001")
    assert "egress" not in root.get(mine).body["spec"]
    freed = {"metadata": {"finalizers": None}}
    assert zone.developer.request("PATCH", mine, freed, content=MERGE).ok
    assert root.get(mine).code == 404


@pytest.mark.parametrize("metadata", [{"name": "hole"}, {"generateName": "hole-"}])
def test_nobody_else_writes_a_network_policy(zone: Zone, metadata: Body) -> None:
    body = make_object(NETWORK_POLICY, metadata, {"spec": OPEN})
    path = collection(NETWORK_POLICY, zone.name)
    for actor in (zone.engineer, zone.developer):
        refused(actor.create(path, body), "PHI-NET-001")
    if "name" in metadata:
        applied = zone.developer.request(
            "PATCH", f"{path}/hole", body, content=APPLY, fieldManager="mine"
        )
        refused(applied, "PHI-NET-001")
    assert [i["metadata"]["name"] for i in zone.engineer.get(path).body["items"]] == ["boundary"]


PUBLISHING: dict[str, Body] = {
    "node port": {"spec": {"type": "NodePort"}},
    "load balancer": {"spec": {"type": "LoadBalancer"}},
    "foreign name": {"spec": {"type": "ExternalName", "externalName": "elsewhere.example"}},
    "external address": {"spec": {"externalIPs": ["203.0.113.9"]}},
}


@pytest.mark.parametrize("change", PUBLISHING)
def test_a_service_is_not_published_not_even_on_its_way_out(
    zone: Zone, root: Rest, change: str
) -> None:
    path = collection(SERVICE, zone.name)
    name = f"svc-{uuid.uuid4().hex[:6]}"
    metadata = {"name": name, "finalizers": ["example.com/kept"]}
    assert zone.developer.create(path, make_object(SERVICE, metadata, {"spec": PORTS})).ok
    mine = f"{path}/{name}"

    def publish(content: str) -> Answer:
        return zone.developer.request("PATCH", mine, PUBLISHING[change], content=content)

    refused(publish(MERGE), "PHI-NET-002")
    assert zone.developer.delete(mine).ok
    refused(publish(MERGE), "PHI-NET-002")
    refused(publish(STRATEGIC), "PHI-NET-002")
    stored = root.get(mine).body
    assert stored["spec"]["type"] == "ClusterIP"
    assert "externalIPs" not in stored["spec"]
    assert zone.developer.request(
        "PATCH", mine, {"metadata": {"finalizers": None}}, content=MERGE
    ).ok
    assert root.get(mine).code == 404


INTERNAL = "networking.gke.io/load-balancer-type"


def test_an_internal_load_balancer_stays_internal(root: Rest, engineer: Rest) -> None:
    """The annotation that makes it internal can be written through the status, too."""
    boundary = replace(zones.unique(examples.ZONE), exposure="internal")
    with zones.zone(root, boundary) as name:
        path = collection(SERVICE, name)
        metadata = {"name": "lb", "annotations": {INTERNAL: "Internal"}}
        body = make_object(SERVICE, metadata, {"spec": {**PORTS, "type": "LoadBalancer"}})
        assert engineer.create(path, body).ok
        for subresource in ("", "/status"):
            for change in ({INTERNAL: None}, {INTERNAL: "External"}):
                answer = engineer.request(
                    "PATCH",
                    f"{path}/lb{subresource}",
                    {"metadata": {"annotations": change}},
                    content=MERGE,
                )
                refused(answer, "PHI-NET-002")
        address = {"status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.9"}]}}}
        told = engineer.request("PATCH", f"{path}/lb/status", address, content=MERGE)
        assert told.ok, "a cloud's controller writes where the load balancer is"
        assert root.get(f"{path}/lb").body["metadata"]["annotations"][INTERNAL] == "Internal"
