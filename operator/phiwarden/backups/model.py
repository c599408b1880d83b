"""Values that go into the planning of backups and come out of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from phiwarden.api.backup import BackupStatus
from phiwarden.api.storage import DeclaredVolume
from phiwarden.boundary.manifest import Place
from phiwarden.storage.claims import Claim, Snapshot


class Freshness(StrEnum):
    """How it stands with the newest snapshot of a volume; also the reason of the condition."""

    FRESH = "Fresh"
    NONE_YET = "NoneYet"
    FAILED = "Failed"
    OVERDUE = "Overdue"
    UNSUPPORTED = "NoSnapshotSupport"


class Recovery(StrEnum):
    """Whether it is proven that a volume can be restored; also the reason of the condition."""

    PROVEN = "Proven"
    UNPROVEN = "Unproven"
    FAILED = "Failed"
    OVERDUE = "Overdue"
    NOT_TESTABLE = "NotTestable"
    UNSUPPORTED = "NoSnapshotSupport"


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the status says of a volume: what must outlive a restart, and nothing else.

    Attributes:
        uid: of the claim that it speaks of.
        last_test: when a restore test ended last.
        last_proof: when one passed last.
        message: why the last one failed.
    """

    uid: str = ""
    last_test: dt.datetime | None = None
    last_proof: dt.datetime | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """A declared volume with all that its backups are decided by.

    Attributes:
        place: the zone that it is in.
        volume: its declaration.
        claim: the claim of its name, None where there is none.
        snapshots: every VolumeSnapshot of the namespace, ours or not.
        trials: every claim of the namespace that carries the label of a restore test.
        judged: why the storage of a trial falls short, by its name, "" where it is as proven as
            the original's; of those alone that have a volume to look at.
        untestable: why no restore test can be made, "" if one can.
        remembered: what the status says.
    """

    place: Place
    volume: DeclaredVolume
    claim: Claim | None
    snapshots: tuple[Snapshot, ...]
    trials: tuple[Claim, ...]
    judged: dict[str, str]
    untestable: str
    remembered: Remembered


@dataclass(frozen=True, slots=True)
class Make:
    """An object to be made, if there is none of its name."""

    kind: str
    namespace: str
    name: str
    volume: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Remove:
    """One object, and no other of its name, to be removed."""

    kind: str
    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class VolumePlan:
    """What is to be done for the backups of one volume, and what is true of them.

    Attributes:
        zone: its zone.
        name: its name.
        freshness: how it stands with the newest snapshot.
        recovery: whether it is proven to be restorable; None where no test is declared.
        proof: when that was proven last.
        status: for the status.
        makes: what is to be made now.
        removes: what is to be removed, once what it proved is noted.
        wake: when time alone changes any of this; None if it does not.
    """

    zone: str
    name: str
    freshness: Freshness
    recovery: Recovery | None
    proof: dt.datetime | None
    status: BackupStatus
    makes: tuple[Make, ...] = ()
    removes: tuple[Remove, ...] = ()
    wake: dt.datetime | None = None
