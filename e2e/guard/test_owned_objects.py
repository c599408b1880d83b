"""Whoever tries to change what phiwarden owns inside a zone, or to pass something off as its own."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from e2e.guard.boundary import GUARD, NOBODY, OWNED, Body, Zone, make_object, refused, standing
from e2e.rest import APPLY, JSON_PATCH, MERGE, STRATEGIC, Answer
from e2e.waiting import until
from phiwarden.api import names
from phiwarden.cluster.resources import collection
from phiwarden.rulebook.shapes import NETWORK_POLICY, RESOURCE_QUOTA, Kind


@pytest.mark.parametrize(
    ("kind", "change"), [(k, c) for k, _, c in OWNED], ids=lambda v: getattr(v, "kind", "")
)
def test_what_phiwarden_owns_in_a_zone_stays_as_it_is(zone: Zone, kind: Kind, change: Body) -> None:
    path = f"{collection(kind, zone.name)}/boundary"
    before = zone.engineer.get(collection(kind, zone.name)).body["items"]

    def patch(body: Any, content: str = MERGE, subresource: str = "") -> Answer:
        return zone.engineer.request("PATCH", path + subresource, body, content=content)

    refused(patch(change), GUARD, "PHI-NET-001")
    refused(patch({"metadata": {"labels": {names.MANAGED_BY: None}}}))
    refused(patch({"metadata": {"labels": {names.MANAGED_BY: "Helm"}}}, STRATEGIC))
    refused(patch({"metadata": {"labels": {names.WORKLOAD: None}}}))
    refused(patch({"metadata": {"labels": None}}))
    refused(patch([{"op": "remove", "path": "/metadata/labels"}], JSON_PATCH))
    # The garbage collector may delete what it finds without a living owner.
    refused(patch({"metadata": {"ownerReferences": [NOBODY]}}))
    if kind is RESOURCE_QUOTA:
        refused(patch({"metadata": {"labels": None}}, MERGE, "/status"))
        refused(patch({"metadata": {"ownerReferences": [NOBODY]}}, MERGE, "/status"))
    applied = make_object(kind, {"name": "boundary"}, change)
    refused(
        zone.engineer.request(
            "PATCH", path, applied, content=APPLY, fieldManager="mine", force="true"
        ),
        GUARD,
        "PHI-NET-001",
    )
    whole = copy.deepcopy(next(item for item in before if item["metadata"]["name"] == "boundary"))
    whole["metadata"].pop("labels")
    whole["metadata"].pop("resourceVersion")
    refused(zone.engineer.request("PUT", path, {**make_object(kind, {}, {}), **whole}))
    refused(zone.engineer.delete(path))
    refused(
        zone.engineer.request(
            "DELETE",
            collection(kind, zone.name),
            labelSelector=f"{names.MANAGED_BY}={names.FIELD_MANAGER}",
        )
    )
    after = zone.engineer.get(collection(kind, zone.name)).body["items"]
    assert [standing(item) for item in after] == [standing(item) for item in before]


@pytest.mark.parametrize(
    ("kind", "body"), [(k, b) for k, b, _ in OWNED], ids=lambda v: getattr(v, "kind", "")
)
def test_nobody_else_makes_an_object_that_claims_to_be_phiwardens(
    zone: Zone, kind: Kind, body: Body
) -> None:
    forged = {"generateName": "forged-", "labels": {names.MANAGED_BY: names.FIELD_MANAGER}}
    for actor in (zone.engineer, zone.developer):
        answer = actor.create(collection(kind, zone.name), make_object(kind, forged, body))
        refused(answer, GUARD, "PHI-NET-001", "cannot create resource")
    if kind is not NETWORK_POLICY:
        plain = make_object(kind, {"generateName": "own-"}, body)
        made = zone.engineer.create(collection(kind, zone.name), plain)
        assert made.ok
        path = f"{collection(kind, zone.name)}/{made.body['metadata']['name']}"
        claim = {"metadata": {"labels": {names.MANAGED_BY: names.FIELD_MANAGER}}}
        refused(zone.engineer.request("PATCH", path, claim, content=MERGE))
        assert zone.engineer.delete(path).ok
    items = zone.engineer.get(collection(kind, zone.name)).body["items"]
    assert not [i for i in items if i["metadata"]["name"].startswith(("forged", "own"))]


def test_the_controllers_of_kubernetes_still_write_what_is_theirs(zone: Zone) -> None:
    """The quota controller counts pods in the status of an object that phiwarden owns."""
    path = f"{collection(RESOURCE_QUOTA, zone.name)}/boundary"
    until(
        lambda: (
            "pods"
            in (
                zone.engineer.get(collection(RESOURCE_QUOTA, zone.name))
                .body["items"][0]
                .get("status", {})
                .get("used", {})
            )
        ),
        f"the quota controller writes the status of {path}",
    )
