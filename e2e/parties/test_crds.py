"""The CRDs of every party are served, and keep objects of the kinds that phiwarden reads."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.parties.crds import PARTIES, crds, install, served, uninstall
from e2e.rest import Rest
from e2e.waiting import until
from e2e.workloads import unique

pytestmark = pytest.mark.usefixtures("own_cluster")

SPC = "secrets-store.csi.x-k8s.io/v1/secretproviderclasses"
OBJECTS: list[tuple[str, str, dict[str, Any], bool]] = [
    (
        "external-secrets",
        "external-secrets.io/v1/externalsecrets",
        {
            "kind": "ExternalSecret",
            "spec": {
                "secretStoreRef": {"kind": "ClusterSecretStore", "name": "vault"},
                "refreshInterval": "1h",
                "target": {"name": "db", "creationPolicy": "Owner"},
                "dataFrom": [{"extract": {"key": "clinic/db"}}],
            },
        },
        True,
    ),
    (
        "vault-secrets-operator",
        "secrets.hashicorp.com/v1beta1/vaultstaticsecrets",
        {
            "kind": "VaultStaticSecret",
            "spec": {
                "type": "kv-v2",
                "mount": "clinic",
                "path": "db",
                "refreshAfter": "60s",
                "destination": {"name": "db", "create": True},
                "rolloutRestartTargets": [{"kind": "Deployment", "name": "db"}],
            },
        },
        True,
    ),
    (
        "vault-secrets-operator",
        "secrets.hashicorp.com/v1beta1/vaultdynamicsecrets",
        {
            "kind": "VaultDynamicSecret",
            "spec": {
                "mount": "db",
                "path": "creds/clinic",
                "renewalPercent": 67,
                "destination": {"name": "db", "create": True},
            },
        },
        True,
    ),
    (
        "secrets-store-csi-driver",
        SPC,
        {
            "kind": "SecretProviderClass",
            "spec": {
                "provider": "vault",
                "parameters": {"roleName": "clinic"},
                "secretObjects": [
                    {
                        "secretName": "db",
                        "type": "Opaque",
                        "data": [{"objectName": "password", "key": "password"}],
                    }
                ],
            },
        },
        True,
    ),
    (
        "secrets-store-csi-driver",
        "secrets-store.csi.x-k8s.io/v1/secretproviderclasspodstatuses",
        {
            "kind": "SecretProviderClassPodStatus",
            "status": {
                "podName": "db-0",
                "secretProviderClassName": "db",
                "mounted": True,
                "targetPath": "/var/lib/kubelet/pods/1/volumes/kubernetes.io~csi/db/mount",
                "objects": [{"id": "password", "version": "3"}],
            },
        },
        True,
    ),
    (
        "cert-manager",
        "cert-manager.io/v1/certificates",
        {
            "kind": "Certificate",
            "spec": {
                "secretName": "portal-tls",
                "dnsNames": ["portal.hospital.example"],
                "duration": "2160h",
                "renewBefore": "360h",
                "issuerRef": {"kind": "ClusterIssuer", "name": "hospital"},
            },
        },
        True,
    ),
    (
        "external-snapshotter",
        "snapshot.storage.k8s.io/v1/volumesnapshots",
        {
            "kind": "VolumeSnapshot",
            "spec": {
                "volumeSnapshotClassName": "fast",
                "source": {"persistentVolumeClaimName": "charts"},
            },
        },
        True,
    ),
    (
        "external-snapshotter",
        "snapshot.storage.k8s.io/v1/volumesnapshotcontents",
        {
            "kind": "VolumeSnapshotContent",
            "spec": {
                "driver": "e2e.example",
                "deletionPolicy": "Retain",
                "source": {"snapshotHandle": "snapshot-1"},
                "volumeSnapshotRef": {"name": "charts", "namespace": "default"},
            },
        },
        False,
    ),
    (
        "external-snapshotter",
        "snapshot.storage.k8s.io/v1/volumesnapshotclasses",
        {"kind": "VolumeSnapshotClass", "driver": "e2e.example", "deletionPolicy": "Delete"},
        False,
    ),
]


@pytest.mark.parametrize("party", PARTIES)
def test_every_crd_is_established_and_may_be_installed_again(admin: Rest, party: str) -> None:
    assert install(admin, party)
    assert all(served(admin, crd) for crd in crds(party))
    assert install(admin, party) == [crd["metadata"]["name"] for crd in crds(party)]


def test_crds_that_are_removed_are_gone_with_their_objects(admin: Rest, namespace: str) -> None:
    party, kind, resource = "secrets-store-csi-driver", "SecretProviderClass", SPC
    install(admin, party)
    group_version, _, plural = resource.rpartition("/")
    path = f"/apis/{group_version}/namespaces/{namespace}/{plural}"
    body = {"apiVersion": group_version, "kind": kind, "metadata": {"name": "db"}}
    assert admin.create(path, body).ok
    uninstall(admin, party)
    until(lambda: admin.get(path).code == 404, "the kind is gone")
    install(admin, party)
    assert admin.get(f"{path}/db").code == 404


@pytest.mark.parametrize(
    ("party", "resource", "body", "namespaced"),
    OBJECTS,
    ids=[body["kind"] for _, _, body, _ in OBJECTS],
)
def test_an_object_is_kept_as_it_was_written(
    admin: Rest, namespace: str, party: str, resource: str, body: dict[str, Any], namespaced: bool
) -> None:
    group_version, _, plural = resource.rpartition("/")
    assert len(install(admin, party, plural)) == 1
    path = f"/apis/{group_version}"
    path += f"/namespaces/{namespace}/{plural}" if namespaced else f"/{plural}"
    name = unique("kept")
    given = {"apiVersion": group_version, "metadata": {"name": name}, **body}
    answer = admin.create(path, given)
    assert answer.ok, answer.message
    assert not answer.warnings
    try:
        kept = admin.get(f"{path}/{name}").body
        assert kept["kind"] == body["kind"]
        assert_holds(kept, body)
    finally:
        admin.delete(f"{path}/{name}")


def assert_holds(kept: Any, given: Any) -> None:
    """Whether all that was given is there; defaults may have come to it."""
    if isinstance(given, dict):
        for key, value in given.items():
            assert key in kept, (key, kept)
            assert_holds(kept[key], value)
    elif isinstance(given, list):
        assert len(kept) == len(given)
        for one, other in zip(kept, given, strict=True):
            assert_holds(one, other)
    else:
        assert kept == given
