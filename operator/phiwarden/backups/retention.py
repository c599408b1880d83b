"""Which snapshots are ours, and which of these may go.

Nothing here ever names the newest snapshot that is ready, leaves fewer than
`keep` that are, or names one that phiwarden did not make of this very claim.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final

from phiwarden.api import names
from phiwarden.boundary.manifest import Place
from phiwarden.storage.claims import Snapshot

STUCK: Final = dt.timedelta(days=1)
"""Age from which a snapshot that is not ready is held for failed, said its driver so or not."""


def labels_of(place: Place, volume: str, claim_uid: str) -> dict[str, str]:
    """Return the labels by which a snapshot of ours is known."""
    return {
        names.MANAGED_BY: names.FIELD_MANAGER,
        names.WORKLOAD: place.workload,
        names.ZONE: place.zone,
        names.VOLUME: volume,
        names.CLAIM_UID: claim_uid,
    }


def ours(
    snapshots: Iterable[Snapshot], place: Place, volume: str, claim_uid: str
) -> tuple[Snapshot, ...]:
    """Return the snapshots that phiwarden made of a claim, the oldest first."""
    labels = labels_of(place, volume, claim_uid)
    found = [
        snapshot
        for snapshot in snapshots
        if claim_uid
        and snapshot.namespace == place.namespace
        and snapshot.claim == volume
        and labels.items() <= snapshot.labels.items()
    ]
    return tuple(sorted(found, key=_age))


def _age(snapshot: Snapshot) -> tuple[dt.datetime, str]:
    return snapshot.created, snapshot.name


def ready(snapshots: Iterable[Snapshot]) -> tuple[Snapshot, ...]:
    """Return those that can be restored from, in the same order."""
    return tuple(entry for entry in snapshots if entry.ready and not entry.leaving)


def surplus(
    snapshots: Sequence[Snapshot], keep: int, used: frozenset[str], now: dt.datetime
) -> tuple[Snapshot, ...]:
    """Return the snapshots that may go, the oldest first.

    Args:
        snapshots: what `ours` found of one claim.
        keep: how many that are ready are kept.
        used: names of those that are being restored from.
        now: the time.
    """
    usable = ready(snapshots)
    if not usable:
        return ()
    beyond = usable[: -max(keep, 1)]
    # What failed may still come to be, so it stays until there is something newer.
    failed = [
        entry
        for entry in snapshots
        if not entry.ready
        and not entry.leaving
        and _age(entry) < _age(usable[-1])
        and (entry.error or now - entry.created >= STUCK)
    ]
    found = sorted((*beyond, *failed), key=_age)
    return tuple(entry for entry in found if entry.name not in used)
