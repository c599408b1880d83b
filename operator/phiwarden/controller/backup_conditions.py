"""The conditions of a PHIWorkload that speak of its backups."""

from __future__ import annotations

from typing import Final

from phiwarden.api.status import ConditionType
from phiwarden.backups.model import Freshness, Recovery, VolumePlan
from phiwarden.backups.plan import Outlook
from phiwarden.controller.conditions import Said, first

WARNINGS: Final = {
    ConditionType.BACKUPS_FRESH: (
        "Backup",
        (Freshness.OVERDUE, Freshness.FAILED, Freshness.UNSUPPORTED),
    ),
    ConditionType.RECOVERY_PROVEN: ("Recovery", (Recovery.OVERDUE, Recovery.FAILED)),
}
"""Reasons that are worth an Event, and how the Event's own reason begins."""


def fresh(outlook: Outlook) -> Said:
    """Return whether a snapshot that is ready, and not too old, is there of every volume."""
    kind = ConditionType.BACKUPS_FRESH
    if not outlook.volumes:
        return Said(kind, good=True, reason="NoneDeclared", message="no volume declares backups")
    for bad, words in _NOT_FRESH.items():
        found = [plan for plan in outlook.volumes if plan.freshness is bad]
        if found:
            listed = first([_of_backup(plan, plan.status.message) for plan in found])
            return Said(kind, good=False, reason=bad.value, message=f"{words}: {listed}")
    oldest = min(
        p.status.last_snapshot_time for p in outlook.volumes if p.status.last_snapshot_time
    )
    message = (
        f"{len(outlook.volumes)} volumes are backed up, none before {oldest:%Y-%m-%d %H:%M} UTC"
    )
    return Said(kind, good=True, reason=Freshness.FRESH.value, message=message)


_NOT_FRESH: Final = {
    Freshness.UNSUPPORTED: "the cluster has no VolumeSnapshots (snapshot.storage.k8s.io/v1), so"
    " nothing is backed up",
    Freshness.OVERDUE: "the newest snapshot that is ready is too old, or there is none",
    Freshness.FAILED: "the newest snapshot could not be taken",
    Freshness.NONE_YET: "there is no snapshot yet that is ready",
}


def recoverable(outlook: Outlook) -> Said:
    """Return whether the restore of every volume that asks for it was tested of late."""
    kind = ConditionType.RECOVERY_PROVEN
    asked = [plan for plan in outlook.volumes if plan.recovery is not None]
    if not asked:
        message = "no volume declares restore tests"
        return Said(kind, good=True, reason="NoneDeclared", message=message)
    for bad, words in _NOT_PROVEN.items():
        found = [plan for plan in asked if plan.recovery is bad]
        if found:
            listed = first([_of_backup(p, p.status.restore_test_message) for p in found])
            return Said(kind, good=False, reason=bad.value, message=f"{words}: {listed}")
    oldest = min(plan.proof for plan in asked if plan.proof is not None)
    message = f"{len(asked)} volumes were restored in a test, none before {oldest:%Y-%m-%d}"
    return Said(kind, good=True, reason=Recovery.PROVEN.value, message=message)


_NOT_PROVEN: Final = {
    Recovery.UNSUPPORTED: "the cluster has no VolumeSnapshots (snapshot.storage.k8s.io/v1)",
    Recovery.FAILED: "the last restore test failed",
    Recovery.OVERDUE: "the last restore test that passed is too long ago",
    Recovery.NOT_TESTABLE: "no restore test can be made",
    Recovery.UNPROVEN: "no restore test has passed yet",
}


def _of_backup(plan: VolumePlan, why: str | None) -> str:
    return f"{plan.zone}/{plan.name}" + (f" ({why})" if why else "")
