"""What is to be done for the backups of a workload now, and what is true of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from phiwarden.api.backup import Backup, BackupStatus
from phiwarden.api.durations import to_timedelta
from phiwarden.backups.model import Freshness, Make, Recovery, Remove, Subject, VolumePlan
from phiwarden.backups.objects import CLAIM, SNAPSHOT, made_from_ours, snapshot_body
from phiwarden.backups.restore import Trials, removal, trials
from phiwarden.backups.retention import ours, ready, surplus
from phiwarden.backups.schedule import LATE, name_of, slot, slot_of
from phiwarden.storage.claims import Claim, Snapshot

MAX_WAITING: Final = 10
"""Snapshots of a volume that may wait, newer than all that are ready, before no more are taken:
the driver tries each of them again, and more of them would add nothing."""

MAX_TRIALS: Final = 4
"""Restore tests of a workload at a time: each is a volume of full size."""

_ERROR: Final = 256
"""Characters of what a driver said that are told."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is to be done for the backups of a workload.

    Attributes:
        volumes: volume by volume, as far as backups are declared.
        strays: claims of restore tests that nobody asks for any more.
    """

    volumes: tuple[VolumePlan, ...] = ()
    strays: tuple[Remove, ...] = ()

    @property
    def makes(self) -> tuple[Make, ...]:
        """Return what is to be made now."""
        return tuple(make for volume in self.volumes for make in volume.makes)

    @property
    def removes(self) -> tuple[Remove, ...]:
        """Return what is to be removed once the status was written."""
        return (*(r for volume in self.volumes for r in volume.removes), *self.strays)

    @property
    def wake(self) -> dt.datetime | None:
        """Return when time alone changes any of this."""
        return min((v.wake for v in self.volumes if v.wake is not None), default=None)


def outlook(
    subjects: Sequence[Subject],
    stray: Iterable[Claim],
    snapshots: Iterable[Snapshot],
    now: dt.datetime,
    *,
    supported: bool,
) -> Outlook:
    """Return what is to be done for the backups of a workload now.

    Args:
        subjects: its volumes with backups.
        stray: claims of restore tests of volumes that declare no backups.
        snapshots: all that are in the namespaces of these.
        now: the time.
        supported: whether the cluster has snapshots at all.
    """
    if not supported:
        return Outlook(tuple(_unsupported(subject) for subject in subjects))
    plans = tuple(plan_volume(subject, now) for subject in subjects)
    left = MAX_TRIALS - sum(plan.status.restore_test == "Running" for plan in plans)
    limited = []
    for plan in plans:
        starting = [make for make in plan.makes if make.kind == CLAIM]
        if starting and left <= 0:
            others = tuple(make for make in plan.makes if make.kind != CLAIM)
            limited.append(replace(plan, makes=others))
            continue
        left -= len(starting)
        limited.append(plan)
    known = tuple(snapshots)
    strays = tuple(
        removal(trial) for trial in stray if not trial.leaving and made_from_ours(trial, known)
    )
    return Outlook(tuple(limited), strays)


def refused_of(planned: Outlook, refusals: Mapping[str, str]) -> Outlook:
    """Return an outlook that tells what could not be made, by the name of its volume."""
    told = []
    for plan in planned.volumes:
        refusal = refusals.get(plan.name)
        if refusal is None:
            told.append(plan)
            continue
        said = {"message": "; ".join(filter(None, (refusal[:_ERROR], plan.status.message)))}
        missing = any(make.kind == SNAPSHOT for make in plan.makes)
        failed = missing and plan.freshness in (Freshness.FRESH, Freshness.NONE_YET)
        freshness = Freshness.FAILED if failed else plan.freshness
        status = plan.status.model_copy(update=said)
        told.append(replace(plan, freshness=freshness, status=status))
    return replace(planned, volumes=tuple(told))


def _unsupported(subject: Subject) -> VolumePlan:
    backup, known = subject.volume.backup, subject.remembered
    tested = backup is not None and backup.restore_test_every is not None
    return VolumePlan(
        zone=subject.place.zone,
        name=subject.volume.name,
        freshness=Freshness.UNSUPPORTED,
        recovery=Recovery.UNSUPPORTED if tested else None,
        proof=known.last_proof,
        status=BackupStatus(
            message="the cluster has no VolumeSnapshots",
            last_restore_test=known.last_test,
            last_proof=known.last_proof,
            restore_test="NotTestable" if tested else None,
        ),
    )


def plan_volume(subject: Subject, now: dt.datetime) -> VolumePlan:
    """Return what is to be done for the backups of one volume, and what is true of them."""
    backup, claim = subject.volume.backup, subject.claim
    assert backup is not None  # subjects are volumes with backups
    uid = claim.uid if claim is not None else subject.remembered.uid
    found = ours(subject.snapshots, subject.place, subject.volume.name, uid)
    usable = ready(found)
    tested = trials(subject, usable, now)
    take, due, said = _take(subject, backup, found, usable, now)
    freshness, why, stale = _freshness(to_timedelta(backup.every), found, usable, now)
    removes = [*tested.removes]
    # What a claim that is no more has left is its last: nothing of that is ever removed.
    if claim is not None and not claim.leaving:
        used = frozenset(trial.source_name for trial in subject.trials)
        removes += [
            Remove(SNAPSHOT, entry.namespace, entry.name, entry.uid)
            for entry in surplus(found, backup.keep, used, now)
        ]
    wakes = [time for time in (due, stale, tested.wake) if time is not None and time > now]
    messages = (why, said, *(f"{name} was restored from what is gone" for name in tested.left))
    newest = usable[-1] if usable else None
    return VolumePlan(
        zone=subject.place.zone,
        name=subject.volume.name,
        freshness=freshness,
        recovery=tested.recovery,
        proof=tested.known.last_proof,
        status=BackupStatus(
            last_snapshot=newest.name if newest else None,
            last_snapshot_time=_taken(newest) if newest else None,
            ready=len(usable),
            next_due=due,
            message="; ".join(message for message in messages if message) or None,
            **_tested(tested),
        ),
        makes=(*((take,) if take is not None else ()), *tested.makes),
        removes=tuple(removes),
        wake=min(wakes, default=None),
    )


def _tested(tested: Trials) -> dict[str, object]:
    return {
        "last_restore_test": tested.known.last_test,
        "last_proof": tested.known.last_proof,
        "restore_test": tested.result,
        "restore_test_message": tested.message or None,
    }


def _taken(snapshot: Snapshot) -> dt.datetime:
    return (snapshot.taken or snapshot.created).replace(microsecond=0)


def _take(
    subject: Subject,
    backup: Backup,
    found: tuple[Snapshot, ...],
    usable: tuple[Snapshot, ...],
    now: dt.datetime,
) -> tuple[Make | None, dt.datetime | None, str]:
    """Return the snapshot to take now, when the next one is due, and what stands in the way."""
    claim, volume = subject.claim, subject.volume.name
    if claim is None:
        return None, None, "the claim is not there"
    if claim.leaving:
        return None, None, "the claim is being deleted"
    if claim.phase != "Bound":
        return None, None, "the claim has no volume yet"
    every = to_timedelta(backup.every)
    start = slot(claim.created, every, now)
    slots = [slot_of(volume, snapshot.name) for snapshot in found]
    if any(taken is not None and taken >= start for taken in slots):
        return None, start + every, ""
    name = name_of(volume, start)
    if any(snapshot.name == name for snapshot in subject.snapshots):
        return None, start + every, f"a VolumeSnapshot {name} is in the way, which is not of this"
    waiting = _waiting(found, usable)
    if len(waiting) >= MAX_WAITING:
        said = f"{len(waiting)} snapshots are not ready: no more are taken until one is"
        return None, start + every, said
    return snapshot_body(subject.place, volume, backup, claim, name), start, ""


def _waiting(found: tuple[Snapshot, ...], usable: tuple[Snapshot, ...]) -> tuple[Snapshot, ...]:
    """Return what is newer than all that is ready, and is not ready."""
    rest = found[found.index(usable[-1]) + 1 :] if usable else found
    return tuple(entry for entry in rest if not entry.ready and not entry.leaving)


def _freshness(
    every: dt.timedelta,
    found: tuple[Snapshot, ...],
    usable: tuple[Snapshot, ...],
    now: dt.datetime,
) -> tuple[Freshness, str, dt.datetime | None]:
    """Return how it stands with the newest snapshot, why, and when it will be overdue."""
    waiting = _waiting(found, usable)
    last = waiting[-1] if waiting else None
    error = f"{last.name}: {last.error[:_ERROR]}" if last is not None and last.error else ""
    if not usable and last is None:
        return Freshness.NONE_YET, "", None
    # Where none is ready, that which waits longest tells since when there should be one.
    since = min(_taken(usable[-1]) if usable else waiting[0].created, now)
    stale = since + every * LATE
    if now > stale:
        return Freshness.OVERDUE, error, None
    # Due at the moment after it, by whole seconds as those of the API server.
    wake = stale + dt.timedelta(seconds=1)
    if error:
        return Freshness.FAILED, error, wake
    if not usable and last is not None:
        return Freshness.NONE_YET, f"{last.name} is not ready yet", wake
    return Freshness.FRESH, "", wake
