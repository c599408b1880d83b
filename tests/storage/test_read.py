"""Storage objects as the API server tells them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from phiwarden.storage.read import (
    claim_of,
    class_of,
    of_trident,
    policy_of,
    snapshot_of,
    volume_of,
)

MADE = "2026-11-21T10:00:00Z"
AT = dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC)
HEAD = {"name": "x", "uid": "u", "creationTimestamp": MADE, "namespace": "n"}


def test_a_class_without_parameters() -> None:
    found = class_of({"metadata": HEAD, "provisioner": "ebs.csi.aws.com", "parameters": None})
    assert (found.name, found.uid, found.created, found.parameters) == ("x", "u", AT, {})


@pytest.mark.parametrize(
    ("spec", "driver"),
    [
        ({"csi": {"driver": "ebs.csi.aws.com", "volumeHandle": "v"}}, "ebs.csi.aws.com"),
        ({"awsElasticBlockStore": {"volumeID": "v"}}, "kubernetes.io/aws-ebs"),
        ({"nfs": {"server": "s", "path": "/"}}, "kubernetes.io/nfs"),
        ({"hostPath": {"path": "/"}, "nodeAffinity": {}}, "kubernetes.io/host-path"),
        ({"local": {"path": "/"}, "nodeAffinity": {"required": {}}}, "kubernetes.io/local-volume"),
        ({"iscsi": {"lun": 0}, "capacity": {}, "claimRef": {}}, "kubernetes.io/iscsi"),
        ({}, "none"),
    ],
)
def test_the_driver_of_a_volume(spec: dict[str, Any], driver: str) -> None:
    found = volume_of({"metadata": HEAD, "spec": spec})
    assert found.driver == driver
    assert not found.provisioned
    assert found.class_name == ""


def test_what_a_volume_tells_itself() -> None:
    body = {
        "metadata": {**HEAD, "annotations": {"pv.kubernetes.io/provisioned-by": "d"}},
        "spec": {
            "storageClassName": "fast",
            "csi": {
                "driver": "csi.hetzner.cloud",
                "volumeAttributes": {"encrypted": "true"},
                "nodePublishSecretRef": {"name": "passphrase", "namespace": "n"},
                "nodeStageSecretRef": None,
            },
        },
    }
    found = volume_of(body, "uid-1")
    assert found.provisioned
    assert found.pinned == "uid-1"
    assert found.attributes == {
        "encrypted": "true",
        "csi.storage.k8s.io/node-publish-secret-name": "passphrase",
        "csi.storage.k8s.io/node-publish-secret-namespace": "n",
    }


@pytest.mark.parametrize(
    ("more", "spec", "expected"),
    [
        ({}, {"storageClassName": "fast"}, "fast"),
        ({}, {}, ""),
        ({}, {"storageClassName": None}, ""),
        ({"volume.beta.kubernetes.io/storage-class": "old"}, {"storageClassName": "fast"}, "old"),
    ],
)
def test_the_class_of_a_claim(more: dict[str, str], spec: dict[str, Any], expected: str) -> None:
    found = claim_of({"metadata": {**HEAD, "annotations": more}, "spec": spec})
    assert found.class_name == expected
    assert (found.phase, found.requested, found.source_name) == ("Pending", "0", "")


def test_where_a_claim_comes_from() -> None:
    source = {"kind": "PersistentVolumeClaim", "name": "old"}
    spec = {"volumeName": "pv", "dataSource": source, "dataSourceRef": {**source, "namespace": "m"}}
    found = claim_of({"metadata": HEAD, "spec": spec, "status": {"phase": "Bound"}})
    assert (found.source_kind, found.source_name, found.source_namespace) == (
        "PersistentVolumeClaim",
        "old",
        "m",
    )
    assert (found.volume_name, found.phase) == ("pv", "Bound")


def test_a_class_that_waits_for_a_pod() -> None:
    body = {"metadata": HEAD, "provisioner": "d"}
    assert not class_of(body).waits
    assert not class_of(body | {"volumeBindingMode": "Immediate"}).waits
    assert class_of(body | {"volumeBindingMode": "WaitForFirstConsumer"}).waits


def test_a_snapshot_that_was_just_asked_for_and_one_that_is_ready() -> None:
    body: dict[str, Any] = {
        "metadata": HEAD,
        "spec": {"source": {"persistentVolumeClaimName": "charts"}},
    }
    found = snapshot_of(body)
    assert (found.claim, found.ready, found.taken, found.size) == ("charts", False, None, "0")
    body["status"] = {
        "readyToUse": True,
        "creationTime": MADE,
        "restoreSize": "10Gi",
        "error": {"message": "once"},
    }
    found = snapshot_of(body)
    assert (found.ready, found.taken, found.size, found.error) == (True, AT, "10Gi", "once")
    made_by_hand = {"metadata": HEAD, "spec": {"source": {"volumeSnapshotContentName": "c"}}}
    assert snapshot_of(made_by_hand).claim == ""


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"LUKSEncryption": "true", "encryption": ""}, {"luksEncryption": "true"}),
        (
            {"LUKSEncryption": "false", "encryption": "false"},
            {"luksEncryption": "false", "encryption": "false"},
        ),
        ({"encryption": "true"}, {"encryption": "true"}),
        ({"LUKSEncryption": True}, {"luksEncryption": "true"}),
        ({}, {}),
        (None, {}),
    ],
)
def test_what_a_trident_volume_says(config: Any, expected: dict[str, str]) -> None:
    assert of_trident({"metadata": HEAD, "config": config}) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"encryption": {"supportsEncryption": True}}, {"supportsEncryption": "true"}),
        # What is false is left out of what the driver stores.
        ({"encryption": {"encryptionTypes": []}}, {"supportsEncryption": "false"}),
        ({"encryption": {"supportsEncryption": True, "error": "no answer"}}, {}),
        ({"encryption": {"supportsEncryption": True}, "error": "no answer"}, {}),
        ({}, {}),
        (None, {}),
    ],
)
def test_what_a_storage_policy_says_and_of_which_classes(
    status: Any, expected: dict[str, str]
) -> None:
    late = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "name": "gold-latebinding"}
    other = {"apiVersion": "cns.vmware.com/v1alpha1", "kind": "Something", "name": "else"}
    metadata = {**HEAD, "name": "gold", "ownerReferences": [late, other]}
    found = policy_of({"metadata": metadata, "status": status})
    assert found.classes == {"gold", "gold-latebinding"}
    assert found.facts == expected
