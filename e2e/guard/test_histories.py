"""Whoever would rewrite what phiwarden remembers of a workload, to choose what it goes back to."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from e2e import zones
from e2e.guard.boundary import NOBODY, Body, Zone, make_object, refused, standing
from e2e.rest import APPLY, JSON_PATCH, MERGE, Answer, Rest
from e2e.waiting import until
from e2e.workloads import deployment
from phiwarden.api import names
from phiwarden.cluster.resources import collection, item
from phiwarden.rulebook import examples
from phiwarden.rulebook.shapes import PHI_HISTORY, WORKLOADS

RULE = "PHI-GRD-006"
DEPLOYMENT, *_ = WORKLOADS.kinds
NAME = "deployment-portal"
SPEC = {"spec": {"kind": "Deployment", "name": "portal"}}
OTHER = {"spec": {"kind": "Deployment", "name": "another"}}
LABELS = {names.MANAGED_BY: names.FIELD_MANAGER}


@pytest.fixture(scope="module", autouse=True)
def kind(root: Rest, engineer: Rest, zone: Zone) -> Iterator[None]:
    """Have the policy about the kind taken up."""
    path = collection(PHI_HISTORY, zone.name)
    probe = history({"name": "probe"})
    until(
        lambda: engineer.create(path, probe, dry_run=True).code == 403,
        "nobody else writes a history",
    )


def history(metadata: Body, spec: Body = SPEC) -> Body:
    return make_object(PHI_HISTORY, metadata, spec)


@pytest.fixture
def path(zone: Zone, root: Rest) -> Iterator[str]:
    """The path of a history that phiwarden wrote."""
    path = collection(PHI_HISTORY, zone.name)
    answer = zone.operator.create(path, history({"name": NAME, "labels": LABELS}))
    assert answer.ok, answer.message
    yield f"{path}/{NAME}"
    assert root.delete(f"{path}/{NAME}").ok


def test_nobody_else_makes_one(zone: Zone) -> None:
    """With phiwarden's label or without it, by whatever verb."""
    path = collection(PHI_HISTORY, zone.name)
    for labels in (None, LABELS, {names.MANAGED_BY: "Helm"}):
        for body in (history({"name": "forged", "labels": labels}), history({"name": "forged"})):
            refused(zone.engineer.create(path, body), RULE)
    applied = history({"name": "forged"})
    query = {"fieldManager": names.FIELD_MANAGER, "force": "true"}
    refused(zone.engineer.request("PATCH", f"{path}/forged", applied, content=APPLY, **query), RULE)
    refused(zone.developer.create(path, applied), "cannot create resource")
    assert not zone.operator.get(path).body["items"]


def test_nor_before_the_namespace_is_a_zone_or_enforces(zone: Zone, root: Rest) -> None:
    """What was made up then would be believed later."""
    name = f"{zone.name}-to-be"
    assert root.create(zones.CORE, {"metadata": {"name": name}}).ok
    try:
        path = collection(PHI_HISTORY, name)
        refused(zone.engineer.create(path, history({"name": "forged"})), RULE)
        assert not root.get(path).body["items"]
    finally:
        root.delete(f"{zones.CORE}/{name}")


def test_it_stays_as_phiwarden_wrote_it(zone: Zone, path: str) -> None:
    before = zone.engineer.get(path).body

    def patch(body: Any, content: str = MERGE, subresource: str = "") -> Answer:
        return zone.engineer.request("PATCH", path + subresource, body, content=content)

    for change in (
        OTHER,
        {"status": {"worked": [{"template": "forged", "revision": 1}]}},
        {"metadata": {"labels": {names.MANAGED_BY: None}}},
        {"metadata": {"labels": {names.MANAGED_BY: "Helm"}}},
        {"metadata": {"labels": None}},
        # The garbage collector may delete what it finds without a living owner.
        {"metadata": {"ownerReferences": [NOBODY]}},
    ):
        refused(patch(change), RULE)
    refused(patch([{"op": "remove", "path": "/metadata/labels"}], JSON_PATCH), RULE)
    whole = copy.deepcopy(before)
    whole["spec"] = OTHER["spec"]
    refused(zone.engineer.request("PUT", path, whole), RULE)
    applied = history({"name": NAME}, OTHER)
    query = {"fieldManager": names.FIELD_MANAGER, "force": "true"}
    refused(zone.engineer.request("PATCH", path, applied, content=APPLY, **query), RULE)
    refused(zone.engineer.delete(path), RULE)
    refused(zone.engineer.request("DELETE", collection(PHI_HISTORY, zone.name)), RULE)
    assert zone.engineer.get(path).body == before
    # What changes nothing passes, as where stored objects are written anew.
    assert zone.engineer.request("PUT", path, before).ok


def test_phiwarden_writes_it_with_the_rights_of_the_chart(zone: Zone, path: str) -> None:
    assert zone.operator.request("PATCH", path, OTHER, content=MERGE).ok
    assert zone.engineer.get(path).body["spec"] == OTHER["spec"]
    assert zone.operator.get(collection(PHI_HISTORY, zone.name)).ok
    # It goes with its workload, and phiwarden needs no right to delete it.
    refused(zone.operator.delete(path), "cannot delete resource")


def test_it_goes_with_its_workload_and_with_its_namespace(zone: Zone, root: Rest) -> None:
    """By Kubernetes' garbage collector, and by the one that empties namespaces."""
    namespace = zones.make(root, zones.unique(examples.ZONE))
    path = collection(PHI_HISTORY, namespace)
    assert zone.operator.create(path, history({"name": "kept"})).ok
    app = deployment("portal")
    answer = zone.engineer.create(collection(DEPLOYMENT, namespace), app)
    assert answer.ok, answer.message
    reference = {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": DEPLOYMENT.kind,
        "name": "portal",
        "uid": answer.body["metadata"]["uid"],
    }
    owned = history({"name": NAME, "ownerReferences": [reference]})
    assert zone.operator.create(path, owned).ok
    assert zone.engineer.delete(item(DEPLOYMENT, namespace, "portal")).ok
    until(lambda: root.get(f"{path}/{NAME}").code == 404, "the history went with its workload")
    assert standing(root.get(f"{path}/kept").body)
    assert root.delete(f"{zones.CORE}/{namespace}").ok
    until(
        lambda: root.get(f"{zones.CORE}/{namespace}").code == 404,
        "the namespace is gone",
        within=60,
    )
