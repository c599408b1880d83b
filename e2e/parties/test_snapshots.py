"""A claim is provisioned, a snapshot taken, and another claim restored from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from e2e.controlplane import ControlPlane
from e2e.parties.controllers import Controller, snapshot_controller
from e2e.parties.snapshots import CLASSES, CONTENTS, SNAPSHOTS, VOLUMES, Driver, driver
from e2e.rest import Rest
from e2e.waiting import until
from e2e.workloads import NAMESPACES, unique

Object = dict[str, Any]

GROUP = "snapshot.storage.k8s.io/v1"


@pytest.fixture(scope="module", autouse=True)
def controller(cluster: ControlPlane, controllers: None) -> Iterator[Controller]:
    with snapshot_controller(cluster) as started:
        yield started


@pytest.fixture
def storage(cluster: ControlPlane, admin: Rest) -> Iterator[Driver]:
    """A driver, with a StorageClass and a VolumeSnapshotClass that have its name."""
    name = f"{unique('disks')}.example"
    classes = f"{SNAPSHOTS}/volumesnapshotclasses"
    with driver(cluster, name) as played:
        meta = {"metadata": {"name": name}}
        assert admin.create(CLASSES, {**meta, "provisioner": name}).ok
        kind = {"apiVersion": GROUP, "kind": "VolumeSnapshotClass"}
        body = {**kind, **meta, "driver": name, "deletionPolicy": "Delete"}
        assert admin.create(classes, body).ok
        yield played
        admin.delete(f"{CLASSES}/{name}")
        admin.delete(f"{classes}/{name}")


@pytest.fixture
def claims(namespace: str) -> str:
    return f"{NAMESPACES}/{namespace}/persistentvolumeclaims"


@pytest.fixture
def snapshots(namespace: str) -> str:
    return f"{SNAPSHOTS}/namespaces/{namespace}/volumesnapshots"


def claim(name: str, storage: Driver, **source: Any) -> Object:
    spec = {
        "storageClassName": storage.name,
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        **source,
    }
    return {"metadata": {"name": name}, "spec": spec}


def snapshot(name: str, of: str, storage: Driver) -> Object:
    source = {"persistentVolumeClaimName": of}
    return {
        "apiVersion": GROUP,
        "kind": "VolumeSnapshot",
        "metadata": {"name": name},
        "spec": {"volumeSnapshotClassName": storage.name, "source": source},
    }


def status(admin: Rest, path: str) -> Object:
    found: Object = admin.get(path).body.get("status", {})
    return found


def is_bound(admin: Rest, path: str) -> Callable[[], bool]:
    return lambda: status(admin, path).get("phase") == "Bound"


def volume_of(admin: Rest, path: str) -> Object:
    name = admin.get(path).body["spec"]["volumeName"]
    return admin.get(f"{VOLUMES}/{name}").body


FROM_SNAPSHOT = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "friday"}


def test_a_snapshot_is_taken_restored_and_deleted_with_all_that_it_is_made_of(
    admin: Rest, storage: Driver, claims: str, snapshots: str
) -> None:
    assert admin.create(claims, claim("charts", storage)).ok
    until(is_bound(admin, f"{claims}/charts"), "the claim is bound")
    volume = volume_of(admin, f"{claims}/charts")
    assert volume["spec"]["csi"]["driver"] == storage.name
    assert admin.create(snapshots, snapshot("friday", "charts", storage)).ok
    friday = f"{snapshots}/friday"
    until(lambda: status(admin, friday).get("readyToUse"), "the snapshot may be used")
    taken = status(admin, friday)
    assert taken["restoreSize"] == "1Gi"
    assert taken["creationTime"]
    content = admin.get(f"{CONTENTS}/{taken['boundVolumeSnapshotContentName']}").body
    assert content["spec"]["source"]["volumeHandle"] == volume["spec"]["csi"]["volumeHandle"]

    assert admin.create(claims, claim("restored", storage, dataSource=FROM_SNAPSHOT)).ok
    until(is_bound(admin, f"{claims}/restored"), "the restored claim is bound")
    attributes = volume_of(admin, f"{claims}/restored")["spec"]["csi"]["volumeAttributes"]
    assert attributes == {"sourceSnapshot": content["status"]["snapshotHandle"]}

    assert admin.delete(friday).ok
    until(lambda: admin.get(friday).code == 404, "the snapshot is gone")
    bound = f"{CONTENTS}/{content['metadata']['name']}"
    until(lambda: admin.get(bound).code == 404, "its content is gone")
    assert admin.delete(f"{claims}/charts").ok
    gone = f"{VOLUMES}/{volume['metadata']['name']}"
    until(lambda: admin.get(gone).code == 404, "the volume is gone with its claim")


def test_a_snapshot_that_is_being_uploaded_is_bound_and_restored_once_it_is_ready(
    admin: Rest, storage: Driver, claims: str, snapshots: str
) -> None:
    storage.uploading = True
    assert admin.create(claims, claim("charts", storage)).ok
    until(is_bound(admin, f"{claims}/charts"), "the claim is bound")
    assert admin.create(snapshots, snapshot("friday", "charts", storage)).ok
    friday = f"{snapshots}/friday"
    until(lambda: status(admin, friday).get("creationTime"), "the snapshot is cut")
    assert status(admin, friday)["readyToUse"] is False
    assert admin.create(claims, claim("restored", storage, dataSource=FROM_SNAPSHOT)).ok
    storage.uploading = False
    until(is_bound(admin, f"{claims}/restored"), "the restored claim is bound")
    assert status(admin, friday)["readyToUse"] is True


def test_what_the_storage_says_is_told_and_a_later_try_may_succeed(
    admin: Rest, storage: Driver, claims: str, snapshots: str
) -> None:
    storage.failure = "no space for snapshots"
    assert admin.create(claims, claim("charts", storage)).ok
    until(is_bound(admin, f"{claims}/charts"), "the claim is bound")
    assert admin.create(snapshots, snapshot("friday", "charts", storage)).ok
    friday = f"{snapshots}/friday"
    until(lambda: status(admin, friday).get("error"), "the failure is told")
    assert "no space for snapshots" in status(admin, friday)["error"]["message"]
    storage.failure = ""
    until(lambda: status(admin, friday).get("readyToUse"), "the snapshot may be used")


def test_a_claim_is_cloned_from_another(admin: Rest, storage: Driver, claims: str) -> None:
    source = {"kind": "PersistentVolumeClaim", "name": "charts"}
    assert admin.create(claims, claim("copy", storage, dataSource=source)).ok
    assert admin.create(claims, claim("charts", storage)).ok
    until(is_bound(admin, f"{claims}/copy"), "the copy is bound")
    original = volume_of(admin, f"{claims}/charts")["spec"]["csi"]["volumeHandle"]
    attributes = volume_of(admin, f"{claims}/copy")["spec"]["csi"]["volumeAttributes"]
    assert attributes == {"sourceVolume": original}
