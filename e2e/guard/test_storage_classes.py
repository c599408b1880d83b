"""Whoever would exchange a StorageClass that zones rely on, behind its name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from e2e.guard.boundary import OWNER, Zone, refused
from e2e.rest import APPLY, JSON_PATCH, MERGE, Rest
from e2e.workloads import unique
from phiwarden.api import names
from phiwarden.cluster.resources import STORAGE_CLASS, collection, item

RULE = "PHI-GRD-005"
CLASSES = collection(STORAGE_CLASS)
COLLECTOR = "system:serviceaccount:kube-system:generic-garbage-collector"
MARK = {"metadata": {"labels": {names.RELIED_ON: "true"}}}
UNMARK = {"metadata": {"labels": {names.RELIED_ON: None}}}


def body(name: str, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, **metadata}, "provisioner": "ebs.csi.aws.com"}


@pytest.fixture
def relied_on(root: Rest, zone: Zone) -> Iterator[str]:
    """A class that the operator marked."""
    name = unique("fast")
    assert root.create(CLASSES, body(name, labels={"team": "storage"})).ok
    assert zone.operator.request("PATCH", path(name), MARK, content=MERGE).ok
    yield name
    root.delete(path(name))


def path(name: str) -> str:
    return item(STORAGE_CLASS, None, name)


def test_a_class_that_zones_rely_on_is_neither_deleted_nor_unmarked(
    relied_on: str, engineer: Rest, zone: Zone
) -> None:
    before = engineer.get(path(relied_on)).body
    refused(engineer.delete(path(relied_on)), RULE)
    everything = engineer.request("DELETE", CLASSES, labelSelector="team=storage")
    refused(everything, RULE)
    for patch in (
        UNMARK,
        {"metadata": {"labels": None}},
        {"metadata": {"labels": {names.RELIED_ON: "no"}}},
    ):
        refused(engineer.request("PATCH", path(relied_on), patch, content=MERGE), RULE)
    removed = [{"op": "remove", "path": "/metadata/labels"}]
    refused(engineer.request("PATCH", path(relied_on), removed, content=JSON_PATCH), RULE)
    refused(engineer.request("PUT", path(relied_on), body(relied_on)), RULE)
    # The operator marks classes, and deletes none.
    refused(zone.operator.delete(path(relied_on)), "cannot delete resource")
    after = engineer.get(path(relied_on)).body
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["metadata"]["labels"] == before["metadata"]["labels"]


def test_nor_does_the_garbage_collector_delete_it_for_an_owner_that_is_gone(
    relied_on: str, root: Rest, engineer: Rest
) -> None:
    owned = {"metadata": {"ownerReferences": [OWNER]}}
    assert engineer.request("PATCH", path(relied_on), owned, content=MERGE).ok
    collector = Rest(root.host, root.context, {**root.headers, "Impersonate-User": COLLECTOR})
    refused(collector.delete(path(relied_on)), RULE)


def test_everything_else_about_it_may_be_changed(relied_on: str, engineer: Rest) -> None:
    note = {"metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}}
    assert engineer.request("PATCH", path(relied_on), note, content=MERGE).ok
    assert engineer.request(
        "PATCH", path(relied_on), {"allowVolumeExpansion": True}, content=MERGE
    ).ok
    # As GitOps applies it, without the mark.
    applied = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", **body(relied_on)}
    answer = engineer.request(
        "PATCH", path(relied_on), applied, content=APPLY, fieldManager="gitops", force="true"
    )
    assert answer.ok
    assert engineer.get(path(relied_on)).body["metadata"]["labels"][names.RELIED_ON] == "true"


def test_the_operator_lets_it_go(relied_on: str, engineer: Rest, zone: Zone) -> None:
    assert zone.operator.request("PATCH", path(relied_on), UNMARK, content=MERGE).ok
    assert engineer.delete(path(relied_on)).ok


def test_whom_the_chart_exempts_deletes_it(relied_on: str, root: Rest) -> None:
    assert root.delete(path(relied_on)).ok


def test_a_class_that_no_zone_relies_on_is_its_owners(engineer: Rest) -> None:
    name = unique("plain")
    assert engineer.create(CLASSES, body(name)).ok
    assert engineer.delete(path(name)).ok
