"""Whoever would delete what patient data lies on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from e2e import workloads, zones
from e2e.guard.boundary import Zone, refused
from e2e.rest import Answer, Rest
from e2e.waiting import until
from phiwarden.api import names
from phiwarden.cluster.resources import collection, item
from phiwarden.rulebook import examples
from phiwarden.rulebook.model import Example
from phiwarden.rulebook.shapes import CLAIM, PODS

RULE = "PHI-VOL-004"
CLASS = "fast-encrypted"
(POD,) = PODS.kinds
SNAPSHOT = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "friday"}


def claim() -> dict[str, Any]:
    return workloads.claim("records", CLASS)


def delete(who: Rest, namespace: str, name: str = "records") -> Answer:
    return who.delete(item(CLAIM, namespace, name))


@pytest.fixture
def stored(root: Rest, engineer: Rest) -> Iterator[str]:
    """A zone with patient data, and a claim in it."""
    boundary = replace(zones.unique(examples.ZONE), storage_classes=(CLASS,))
    with zones.zone(root, boundary) as namespace:
        assert engineer.create(collection(CLAIM, namespace), claim()).ok
        yield namespace


def test_nobody_deletes_a_claim(stored: str, engineer: Rest, zone: Zone, root: Rest) -> None:
    refused(delete(engineer, stored), RULE)
    everything = engineer.request("DELETE", collection(CLAIM, stored))
    refused(everything, RULE)
    # It may delete claims, by RBAC; none but those of its restore tests, by the rule.
    refused(delete(zone.operator, stored), RULE)
    assert engineer.get(item(CLAIM, stored, "records")).ok
    # Whom the chart exempts.
    assert delete(root, stored).ok


@pytest.mark.parametrize(
    ("labels", "name", "source", "admitted"),
    [
        ({names.RESTORE_TEST: "records"}, "restore-test-1", SNAPSHOT, True),
        ({}, "restore-test-1", SNAPSHOT, False),
        ({names.RESTORE_TEST: "records"}, "copy", SNAPSHOT, False),
        ({names.RESTORE_TEST: "records"}, "restore-test-1", None, False),
        (
            {names.RESTORE_TEST: "records"},
            "restore-test-1",
            {"kind": "PersistentVolumeClaim", "name": "records"},
            False,
        ),
    ],
)
def test_phiwarden_itself_deletes_what_it_restored_for_a_test_and_nothing_else(
    stored: str,
    root: Rest,
    zone: Zone,
    labels: dict[str, str],
    name: str,
    source: dict[str, str] | None,
    admitted: bool,
) -> None:
    made = claim()
    made["metadata"] = {"name": name, "labels": labels}
    made["spec"] = {**made["spec"], **({"dataSource": source} if source else {})}  # type: ignore[dict-item]
    assert root.create(collection(CLAIM, stored), made).ok
    answer = delete(zone.operator, stored, name)
    if admitted:
        assert answer.ok, answer.message
    else:
        refused(answer, RULE)


def test_a_claim_is_changed_and_used_all_the_same(stored: str, engineer: Rest) -> None:
    note = {"metadata": {"annotations": {"example.com/note": "x"}}}
    path = item(CLAIM, stored, "records")
    assert engineer.request("PATCH", path, note, content="application/merge-patch+json").ok


def test_what_a_pod_had_for_itself_goes_with_the_pod(stored: str, engineer: Rest) -> None:
    template = examples.pod_template(Example())
    own = {"volumeClaimTemplate": {"spec": claim()["spec"]}}
    template["spec"]["volumes"] = [{"name": "scratch", "ephemeral": own}]
    pod = examples.manifest(POD, template, name="worker")
    assert engineer.create(collection(POD, stored), pod).ok
    path = item(CLAIM, stored, "worker-scratch")
    until(lambda: engineer.get(path).ok, "the claim of the pod is made")
    assert engineer.request("DELETE", item(POD, stored, "worker"), {"gracePeriodSeconds": 0}).ok
    until(lambda: engineer.get(path).code == 404, "it is collected with the pod", within=60)


def test_a_pod_that_was_let_in_gets_the_volume_that_it_came_with(
    root: Rest, engineer: Rest
) -> None:
    """Only Kubernetes' own controller makes it, for a pod; nobody else by looking like it."""
    maker = "system:serviceaccount:kube-system:ephemeral-volume-controller"
    controller = Rest(root.host, root.context, {**root.headers, "Impersonate-User": maker})
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "worker", "uid": "u", "controller": True}
    with zones.zone(root, zones.unique(examples.ZONE)) as namespace:
        path = collection(CLAIM, namespace)
        owned = claim()
        owned["metadata"] = {"name": "worker-scratch", "ownerReferences": [owner]}
        assert controller.create(path, owned, dry_run=True).ok
        refused(controller.create(path, claim(), dry_run=True), "PHI-VOL-001")
        refused(engineer.create(path, owned, dry_run=True), "PHI-VOL-001", "PHI-VOL-004")


@pytest.mark.parametrize(
    ("impact", "data", "kept"),
    [
        ("direct-care", "phi", True),
        ("care-support", "deidentified", True),
        ("administrative", "phi", False),
        ("direct-care", "none", False),
    ],
)
def test_where_a_claim_is_kept(
    root: Rest, engineer: Rest, impact: str, data: str, kept: bool
) -> None:
    boundary = replace(
        zones.unique(examples.ZONE), impact=impact, data=data, storage_classes=(CLASS,)
    )
    with zones.zone(root, boundary) as namespace:
        assert engineer.create(collection(CLAIM, namespace), claim()).ok
        assert delete(engineer, namespace).ok is not kept


def test_a_claim_is_not_given_an_owner_that_it_would_be_deleted_with(
    stored: str, engineer: Rest, root: Rest
) -> None:
    """The garbage collector deletes what is owned by nothing, whoever says so."""
    gone = {"apiVersion": "v1", "kind": "ConfigMap", "name": "none", "uid": "gone"}
    owned = {"metadata": {"ownerReferences": [gone]}}
    path = item(CLAIM, stored, "records")
    refused(engineer.request("PATCH", path, owned, content="application/merge-patch+json"), RULE)
    made = claim()
    made["metadata"] = {"name": "another", **owned["metadata"]}
    refused(engineer.create(collection(CLAIM, stored), made), RULE)
    assert root.get(path).ok


def test_a_claim_does_not_name_its_class_where_kubernetes_looks_first(
    stored: str, engineer: Rest
) -> None:
    made = claim()
    note = {"volume.beta.kubernetes.io/storage-class": "plain"}
    made["metadata"] = {"name": "another", "annotations": note}
    refused(engineer.create(collection(CLAIM, stored), made), "PHI-VOL-001")
