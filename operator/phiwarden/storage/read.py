"""Storage objects of the Kubernetes API as values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from phiwarden.storage.claims import Claim, Snapshot
from phiwarden.storage.verdict import StorageClass, Volume

PROVISIONED_BY: Final = "pv.kubernetes.io/provisioned-by"
"""Annotation of a PersistentVolume that a driver made; it names the driver."""

_IN_TREE: Final = {
    "awsElasticBlockStore": "kubernetes.io/aws-ebs",
    "azureDisk": "kubernetes.io/azure-disk",
    "azureFile": "kubernetes.io/azure-file",
    "cinder": "kubernetes.io/cinder",
    "gcePersistentDisk": "kubernetes.io/gce-pd",
    "hostPath": "kubernetes.io/host-path",
    "local": "kubernetes.io/local-volume",
    "nfs": "kubernetes.io/nfs",
    "portworxVolume": "kubernetes.io/portworx-volume",
    "vsphereVolume": "kubernetes.io/vsphere-volume",
}
"""Drivers by the field of a PersistentVolume's spec that stands for each."""

_SECRETS: Final = {
    "nodeStageSecretRef": "node-stage",
    "nodePublishSecretRef": "node-publish",
    "nodeExpandSecretRef": "node-expand",
    "controllerPublishSecretRef": "controller-publish",
    "controllerExpandSecretRef": "controller-expand",
}
"""Secrets that a volume names, and what classes call them."""

_DEFAULT: Final = "volume.beta.kubernetes.io/storage-class"
"""Annotation that named the class of a claim before there was a field for it; it still counts."""


def class_of(body: Mapping[str, Any]) -> StorageClass:
    """Return a StorageClass."""
    metadata = body["metadata"]
    return StorageClass(
        name=metadata["name"],
        uid=metadata["uid"],
        created=_time(metadata["creationTimestamp"]),
        provisioner=body["provisioner"],
        parameters=body.get("parameters") or {},
        waits=body.get("volumeBindingMode") == "WaitForFirstConsumer",
    )


def volume_of(body: Mapping[str, Any], pinned: str = "") -> Volume:
    """Return a PersistentVolume.

    Args:
        body: the object.
        pinned: uid of its class when it was first seen.
    """
    metadata, spec = body["metadata"], body["spec"]
    driver, attributes = _driver(spec)
    return Volume(
        name=metadata["name"],
        created=_time(metadata["creationTimestamp"]),
        driver=driver,
        class_name=spec.get("storageClassName") or "",
        provisioned=PROVISIONED_BY in (metadata.get("annotations") or {}),
        attributes=attributes,
        pinned=pinned,
    )


def _driver(spec: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    csi = spec.get("csi")
    if csi is not None:
        named = {
            f"csi.storage.k8s.io/{name}-secret-{part}": csi[field][part]
            for field, name in _SECRETS.items()
            for part in ("name", "namespace")
            if (csi.get(field) or {}).get(part)
        }
        return csi["driver"], {**(csi.get("volumeAttributes") or {}), **named}
    for field, driver in _IN_TREE.items():
        if field in spec:
            return driver, {}
    kinds = sorted(k for k, value in spec.items() if isinstance(value, Mapping) and k not in _OTHER)
    return f"kubernetes.io/{kinds[0]}" if kinds else "none", {}


_OTHER: Final = ("capacity", "claimRef", "nodeAffinity")


def claim_of(body: Mapping[str, Any]) -> Claim:
    """Return a PersistentVolumeClaim."""
    metadata, spec = body["metadata"], body["spec"]
    annotations = metadata.get("annotations") or {}
    source = spec.get("dataSourceRef") or spec.get("dataSource") or {}
    return Claim(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        created=_time(metadata["creationTimestamp"]),
        class_name=annotations.get(_DEFAULT) or spec.get("storageClassName") or "",
        volume_name=spec.get("volumeName") or "",
        phase=(body.get("status") or {}).get("phase", "Pending"),
        requested=str(((spec.get("resources") or {}).get("requests") or {}).get("storage", "0")),
        source_kind=source.get("kind", ""),
        source_name=source.get("name", ""),
        source_namespace=source.get("namespace") or metadata["namespace"],
        annotations=annotations,
        labels=metadata.get("labels") or {},
        leaving="deletionTimestamp" in metadata,
    )


def snapshot_of(body: Mapping[str, Any]) -> Snapshot:
    """Return a VolumeSnapshot."""
    metadata, status = body["metadata"], body.get("status") or {}
    taken = status.get("creationTime")
    return Snapshot(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        created=_time(metadata["creationTimestamp"]),
        claim=(body["spec"].get("source") or {}).get("persistentVolumeClaimName") or "",
        taken=_time(taken) if taken else None,
        ready=status.get("readyToUse") is True,
        error=str((status.get("error") or {}).get("message") or ""),
        size=str(status.get("restoreSize") or "0"),
        labels=metadata.get("labels") or {},
        leaving="deletionTimestamp" in metadata,
    )


def of_trident(body: Mapping[str, Any]) -> dict[str, str]:
    """Return what a TridentVolume says of the PersistentVolume of its name."""
    config = body.get("config") or {}
    # https://github.com/NetApp/trident storage/volume.go: LUKSEncryption is written in capitals.
    found = {"luksEncryption": config.get("LUKSEncryption"), "encryption": config.get("encryption")}
    return {name: _said(value) for name, value in found.items() if value not in (None, "")}


@dataclass(frozen=True, slots=True)
class Policy:
    """What a ClusterStoragePolicyInfo says of the StorageClasses of a storage policy.

    Attributes:
        classes: their names.
        facts: what holds of them, by field.
    """

    classes: frozenset[str]
    facts: Mapping[str, str]


def policy_of(body: Mapping[str, Any]) -> Policy:
    """Return what a ClusterStoragePolicyInfo says, and of which classes.

    It has the name of its policy, as a class has, and those that are bound late own it besides.
    """
    metadata, status = body["metadata"], body.get("status") or {}
    owners = metadata.get("ownerReferences") or ()
    named = (owner["name"] for owner in owners if owner.get("kind") == "StorageClass")
    encryption = status.get("encryption") or {"error": "not looked at yet"}
    # A look that failed says nothing.
    failed = encryption.get("error") or status.get("error")
    said = {} if failed else {"supportsEncryption": _said(encryption.get("supportsEncryption"))}
    return Policy(frozenset((metadata["name"], *named)), said)


def _said(value: Any) -> str:
    return value if isinstance(value, str) else str(bool(value)).lower()


def _time(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)
