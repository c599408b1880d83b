"""The verdict on claims: on the volume that one has, or on that which its class will make."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from phiwarden.storage.drivers import Encryption
from phiwarden.storage.verdict import (
    Beside,
    Finding,
    Source,
    StorageClass,
    Volume,
    of_class,
    of_volume,
)

_DEEPEST: Final = 8
"""Copies of copies that are followed."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A PersistentVolumeClaim.

    Attributes:
        namespace: where it is.
        name: its name.
        uid: tells it from another of the same name.
        created: when the API server stored it.
        class_name: the StorageClass that it asks for; "" for none.
        volume_name: its PersistentVolume; "" while it has none.
        phase: Pending, Bound or Lost.
        requested: storage asked for.
        source_kind: of what it is a copy of; "" for none.
        source_name: its name.
        source_namespace: its namespace.
        annotations: all of them; some drivers go by them.
        labels: all of them.
        leaving: whether it is being deleted.
    """

    namespace: str
    name: str
    uid: str
    created: dt.datetime
    class_name: str
    volume_name: str = ""
    phase: str = "Pending"
    requested: str = "0"
    source_kind: str = ""
    source_name: str = ""
    source_namespace: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A VolumeSnapshot.

    Attributes:
        namespace: where it is.
        name: its name.
        uid: tells it from another of the same name.
        created: when the API server stored it; what is on it is as old at most.
        claim: name of the claim that it is of; "" for one made by hand of something else.
        taken: when the storage system says that it took it; None if it did not say yet.
        ready: whether a claim can be made from it.
        error: what the driver said last, "" if nothing went wrong.
        size: the least that a claim made from it must ask for; "0" if that is not known.
        labels: all of them.
        leaving: whether it is being deleted.
    """

    namespace: str
    name: str
    uid: str
    created: dt.datetime
    claim: str = ""
    taken: dt.datetime | None = None
    ready: bool = False
    error: str = ""
    size: str = "0"
    labels: Mapping[str, str] = field(default_factory=dict)
    leaving: bool = False


OPENED_WITH: Final = "csi.storage.k8s.io/node-publish-secret-name"
"""Parameter that names the Secret by which volumes are opened on their node."""

_WHERE: Final = "csi.storage.k8s.io/node-publish-secret-namespace"


def _untold(_namespace: str, _name: str) -> frozenset[str] | None:
    """Nobody looked at Secrets."""
    return None


@dataclass(frozen=True, slots=True)
class Storage:
    """What the cluster has of storage.

    Attributes:
        classes: by name.
        volumes: by name.
        claims: by namespace, then by name.
        snapshots: by namespace, then by name.
        of_volumes: what objects of drivers say of volumes, field by field, by the volume's name.
        of_classes: what they say of classes, by the class's name.
        secret_keys: names of the keys of a Secret, by namespace and name; None if nothing is known.
    """

    classes: Mapping[str, StorageClass]
    volumes: Mapping[str, Volume]
    claims: Mapping[str, Mapping[str, Claim]]
    snapshots: Mapping[str, Mapping[str, Snapshot]] = field(default_factory=dict)
    of_volumes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    of_classes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    secret_keys: Callable[[str, str], frozenset[str] | None] = _untold

    def beside(self, claim: Claim) -> Beside:
        """Return what a driver goes by beside the class and volume of a claim."""
        of_class = self.of_classes.get(claim.class_name, {})
        objects = {**of_class, **self.of_volumes.get(claim.volume_name, {})}
        volume = self.volumes.get(claim.volume_name)
        storage_class = self.classes.get(claim.class_name)
        named = volume.attributes if volume else storage_class.parameters if storage_class else {}
        return Beside(claim.annotations, objects, self._keys(named, claim))

    def beside_class(self, name: str) -> Beside:
        """Return what a driver goes by beside a class, whatever asks for it."""
        storage_class = self.classes.get(name)
        named = storage_class.parameters if storage_class else {}
        return Beside(objects=self.of_classes.get(name, {}), secret_keys=self._keys(named, None))

    def _keys(self, named: Mapping[str, str], claim: Claim | None) -> frozenset[str] | None:
        """Return the keys of the Secret by which a volume is opened on its node."""
        name, namespace = named.get(OPENED_WITH, ""), named.get(_WHERE, "")
        if claim is not None:
            for pattern, value in (
                ("${pvc.name}", claim.name),
                ("${pvc.namespace}", claim.namespace),
            ):
                name, namespace = name.replace(pattern, value), namespace.replace(pattern, value)
        if not name or not namespace or "${" in name + namespace:
            return None
        return self.secret_keys(namespace, name)


def finding(claim: Claim, storage: Storage) -> Finding:
    """Return the verdict on a claim; on one without a volume, on what its class would make."""
    return _finding(claim, storage, _DEEPEST)


def _finding(claim: Claim, storage: Storage, left: int) -> Finding:
    beside = storage.beside(claim)
    if claim.volume_name:
        volume = storage.volumes.get(claim.volume_name)
        if volume is None:
            gone = f"PersistentVolume {claim.volume_name} is not there"
            return Finding(Encryption.UNKNOWN, gone)
        storage_class = storage.classes.get(claim.class_name)
        return of_volume(volume, storage_class, beside, _source(claim, storage, left))
    if not claim.class_name:
        return Finding(Encryption.UNKNOWN, "the claim names no class, and has no volume yet")
    found = promised(claim.class_name, storage, beside)
    yet = "no volume yet; " if claim.class_name in storage.classes else ""
    return replace(found, evidence=f"{yet}{found.evidence}")


def promised(class_name: str, storage: Storage, beside: Beside | None = None) -> Finding:
    """Return the verdict on volumes that a class of that name would make."""
    storage_class = storage.classes.get(class_name)
    if storage_class is None:
        return Finding(Encryption.UNKNOWN, f"there is no StorageClass {class_name}")
    return of_class(storage_class, beside or storage.beside_class(class_name))


def _source(claim: Claim, storage: Storage, left: int) -> Source | None:
    if not claim.source_name:
        return None
    original = _original(claim, storage)
    found = _finding(original, storage, left - 1) if original is not None and left else None
    return Source(claim.source_kind, claim.source_name, found)


def _original(claim: Claim, storage: Storage) -> Claim | None:
    """Return the claim whose data another one was made with, if it is still there."""
    claims = storage.claims.get(claim.source_namespace, {})
    if claim.source_kind == "PersistentVolumeClaim":
        return claims.get(claim.source_name)
    if claim.source_kind != "VolumeSnapshot":
        return None
    snapshot = storage.snapshots.get(claim.source_namespace, {}).get(claim.source_name)
    found = claims.get(snapshot.claim) if snapshot is not None else None
    # A claim that is younger than the snapshot is another one of the same name.
    return found if snapshot and found and found.created <= snapshot.created else None
