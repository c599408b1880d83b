"""The objects that backups are made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from phiwarden.api import names
from phiwarden.api.amounts import parse_quantity
from phiwarden.api.backup import Backup
from phiwarden.api.storage import DeclaredVolume
from phiwarden.backups.model import Make
from phiwarden.backups.retention import labels_of
from phiwarden.boundary.manifest import Place
from phiwarden.boundary.storage import class_of
from phiwarden.storage.claims import Claim, Snapshot

GROUP: Final = "snapshot.storage.k8s.io"
SNAPSHOT: Final = "VolumeSnapshot"
CLAIM: Final = "PersistentVolumeClaim"

SELECTED_NODE: Final = "volume.kubernetes.io/selected-node"
"""Annotation of a claim: the node whose topology its volume is made for, as the scheduler chose."""

TRIAL: Final = "restore-test-"
"""Begins the name of a claim that is restored into. The uid of the snapshot ends it, which makes
it longer than any declared name, and one that nobody else would choose."""


def trial_name(snapshot: Snapshot) -> str:
    """Return the name of the claim that a snapshot is restored into."""
    return f"{TRIAL}{snapshot.uid}"


def snapshot_body(place: Place, volume: str, backup: Backup, claim: Claim, name: str) -> Make:
    """Return a snapshot to take of a claim."""
    body = {
        "apiVersion": f"{GROUP}/v1",
        "kind": SNAPSHOT,
        "metadata": {
            "name": name,
            "namespace": place.namespace,
            "labels": labels_of(place, volume, claim.uid),
        },
        "spec": {
            "volumeSnapshotClassName": backup.snapshot_class,
            "source": {"persistentVolumeClaimName": claim.name},
        },
    }
    return Make(SNAPSHOT, place.namespace, name, volume, body)


def trial_body(place: Place, volume: DeclaredVolume, claim: Claim, snapshot: Snapshot) -> Make:
    """Return a claim to restore a snapshot into, of the class and at least the size it had."""
    name = trial_name(snapshot)
    size = max(claim.requested, snapshot.size, key=parse_quantity)
    # A class that waits for a pod is told of the node that the volume was made for: no pod is
    # needed then.
    node = claim.annotations.get(SELECTED_NODE)
    annotations = {"annotations": {SELECTED_NODE: node}} if node else {}
    body: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": CLAIM,
        "metadata": {
            "name": name,
            "namespace": place.namespace,
            "labels": trial_labels(place, volume.name),
            **annotations,
        },
        "spec": {
            "accessModes": sorted(volume.access_modes),
            "storageClassName": class_of(volume),
            "resources": {"requests": {"storage": size}},
            "dataSource": {"apiGroup": GROUP, "kind": SNAPSHOT, "name": snapshot.name},
        },
    }
    return Make(CLAIM, place.namespace, name, volume.name, body)


def trial_labels(place: Place, volume: str) -> dict[str, str]:
    """Return the labels by which a claim of a restore test is known."""
    return {
        names.MANAGED_BY: names.FIELD_MANAGER,
        names.WORKLOAD: place.workload,
        names.ZONE: place.zone,
        names.RESTORE_TEST: volume,
    }


def is_trial(claim: Claim, place: Place) -> bool:
    """Return whether a claim says that it is one of our restore tests in a zone."""
    volume = claim.labels.get(names.RESTORE_TEST)
    return (
        volume is not None
        and claim.namespace == place.namespace
        and claim.name.startswith(TRIAL)
        and claim.source_kind == SNAPSHOT
        and trial_labels(place, volume).items() <= claim.labels.items()
    )


def made_from_ours(trial: Claim, snapshots: Iterable[Snapshot]) -> bool:
    """Return whether a restore test is of one of these snapshots, and that snapshot is ours."""
    labels = {**trial_labels_of(trial), names.VOLUME: trial.labels.get(names.RESTORE_TEST, "")}
    return any(
        (trial.namespace, trial.source_name) == (snapshot.namespace, snapshot.name)
        and trial.name == trial_name(snapshot)
        and labels.items() <= snapshot.labels.items()
        for snapshot in snapshots
    )


def trial_labels_of(trial: Claim) -> dict[str, str]:
    """Return the labels that a restore test has in common with its snapshot."""
    common = (names.MANAGED_BY, names.WORKLOAD, names.ZONE)
    return {key: trial.labels.get(key, "") for key in common}
