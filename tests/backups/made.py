"""Volumes, snapshots and restore tests to decide about."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from phiwarden.api.storage import DeclaredVolume
from phiwarden.backups.model import Remembered, Subject
from phiwarden.backups.objects import SNAPSHOT, trial_labels, trial_name
from phiwarden.backups.retention import labels_of
from phiwarden.backups.schedule import name_of
from phiwarden.boundary.manifest import Place
from phiwarden.storage.claims import Claim, Snapshot

NOW = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
PLACE = Place("portal", "clinical", "portal-clinical")


def volume(**backup: Any) -> DeclaredVolume:
    usual = {
        "every": "24h",
        "snapshotClass": "encrypted-snapshots",
        "keep": 3,
        "restoreTestEvery": "90d",
    }
    declared = {key: value for key, value in {**usual, **backup}.items() if value is not None}
    return DeclaredVolume.model_validate(
        {
            "name": "charts",
            "zone": "clinical",
            "size": "10Gi",
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "fast",
            "backup": declared,
        }
    )


def claim(**fields: Any) -> Claim:
    usual = {
        "namespace": PLACE.namespace,
        "name": "charts",
        "uid": "claim-1",
        "created": NOW - 30 * DAY,
        "class_name": "fast",
        "volume_name": "pv-1",
        "phase": "Bound",
        "requested": "10Gi",
    }
    return Claim(**{**usual, **fields})


def snapshot(age: dt.timedelta, *, uid: str = "claim-1", **fields: Any) -> Snapshot:
    """Return a snapshot of ours that was made so long ago, ready unless it is said otherwise."""
    created = NOW - age
    usual = {
        "namespace": PLACE.namespace,
        "name": name_of("charts", created),
        "uid": f"11111111-2222-3333-4444-{created:%y%m%d%H%M}00",
        "created": created,
        "claim": "charts",
        "ready": True,
        "size": "10Gi",
        "labels": labels_of(PLACE, "charts", uid),
    }
    return Snapshot(**{**usual, **fields})


def trial(of: Snapshot, age: dt.timedelta, **fields: Any) -> Claim:
    """Return the claim that a snapshot was restored into so long ago."""
    usual = {
        "name": trial_name(of),
        "uid": f"trial-{of.uid}",
        "created": NOW - age,
        "volume_name": "",
        "phase": "Pending",
        "source_kind": SNAPSHOT,
        "source_name": of.name,
        "source_namespace": PLACE.namespace,
        "labels": trial_labels(PLACE, "charts"),
    }
    return claim(**{**usual, **fields})


def subject(**fields: Any) -> Subject:
    usual = Subject(
        place=PLACE,
        volume=volume(),
        claim=claim(),
        snapshots=(),
        trials=(),
        judged={},
        untestable="",
        remembered=Remembered("claim-1"),
    )
    return replace(usual, **fields)
