"""Restore tests: when one is due, how it ended, and what is thereby proven."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Final, Literal

from phiwarden.api import names
from phiwarden.api.durations import to_timedelta
from phiwarden.backups.model import Make, Recovery, Remembered, Remove, Subject
from phiwarden.backups.objects import CLAIM, made_from_ours, trial_body
from phiwarden.storage.claims import Claim, Snapshot

DEADLINE: Final = dt.timedelta(hours=1)
"""Time that a claim is given to be bound."""
RETRY: Final = dt.timedelta(days=1)
"""Time after which a test that failed is made again."""
LATE: Final = dt.timedelta(days=1)
"""Time that a proof outlives its day: for a test to be made, and once more if it fails."""

Result = Literal["Passed", "Failed", "Running", "NotTestable"]


@dataclass(frozen=True, slots=True)
class Trials:
    """What is known of the restore tests of one volume, and what is to be done.

    Attributes:
        known: what is to be remembered.
        result: for the status; None where no test was made yet.
        message: for the status.
        recovery: whether it is proven that the volume can be restored; None if nobody asks.
        makes: a claim to restore into.
        removes: claims whose tests have ended.
        left: names of claims that nobody may remove but a person.
        wake: when time alone changes any of this.
    """

    known: Remembered
    result: Result | None
    message: str
    recovery: Recovery | None
    makes: tuple[Make, ...] = ()
    removes: tuple[Remove, ...] = ()
    left: tuple[str, ...] = ()
    wake: dt.datetime | None = None


def removal(trial: Claim) -> Remove:
    """Return the removal of a claim whose test has ended."""
    return Remove(CLAIM, trial.namespace, trial.name, trial.uid)


def trials(subject: Subject, usable: tuple[Snapshot, ...], now: dt.datetime) -> Trials:
    """Return what becomes of the restore tests of a volume.

    Args:
        subject: the volume.
        usable: its snapshots that are ready, the oldest first.
        now: the time.
    """
    of_volume = [t for t in subject.trials if t.labels[names.RESTORE_TEST] == subject.volume.name]
    there = [trial for trial in of_volume if not trial.leaving]
    mine = [trial for trial in there if made_from_ours(trial, subject.snapshots)]
    left = tuple(trial.name for trial in there if trial not in mine)
    backup = subject.volume.backup
    if backup is None or backup.restore_test_every is None:
        ends = tuple(removal(trial) for trial in mine)
        return Trials(subject.remembered, None, "", None, removes=ends, left=left)
    every = to_timedelta(backup.restore_test_every)
    known, removes, running = subject.remembered, [], ""
    wakes: list[dt.datetime] = []
    for trial in mine:
        ended = _ended(trial, known, subject, usable, now)
        if ended is None:
            running = f"restoring {trial.source_name} into {trial.name}"
            wakes.append(trial.created + DEADLINE)
        else:
            known = ended
            removes.append(removal(trial))
    due = _due(known, every)
    makes: tuple[Make, ...] = ()
    if due is not None and due > now:
        wakes.append(due)
    elif (
        all(trial.name in left for trial in of_volume)
        and not subject.untestable
        and usable
        and _stands(subject.claim)
    ):
        assert subject.claim is not None  # else it does not stand
        makes = (trial_body(subject.place, subject.volume, subject.claim, usable[-1]),)
    recovery = _recovery(known, every, subject, now)
    if recovery is Recovery.PROVEN and known.last_proof is not None:
        wakes.append(known.last_proof + every + LATE)
    result, message = _told(known, recovery, running, subject)
    wake = min(wakes, default=None)
    return Trials(known, result, message, recovery, makes, tuple(removes), left, wake)


def _stands(claim: Claim | None) -> bool:
    return claim is not None and claim.phase == "Bound" and not claim.leaving


def _ended(
    trial: Claim,
    known: Remembered,
    subject: Subject,
    usable: tuple[Snapshot, ...],
    now: dt.datetime,
) -> Remembered | None:
    """Return what is to be remembered once a test has ended; None while it has not."""
    if known.last_test is not None and known.last_test >= trial.created:
        return known  # noted before the claim was removed
    if all(trial.source_name != snapshot.name for snapshot in usable):
        return known  # of a claim that is no more: it says nothing of the one that is
    at = now.replace(microsecond=0)
    if trial.phase == "Bound" and trial.name in subject.judged:
        short = subject.judged[trial.name]
        if not short:
            said = f"{trial.source_name} was restored into a volume that is as proven"
            return replace(known, last_test=at, last_proof=at, message=said)
        said = f"what {trial.source_name} was restored into is not proven as it must be: {short}"
    elif trial.phase == "Lost":
        said = f"the volume that {trial.source_name} was restored into was lost"
    elif now - trial.created >= DEADLINE:
        said = f"{trial.source_name} was not restored within {DEADLINE / dt.timedelta(hours=1):g} h"
    else:
        return None
    return replace(known, last_test=at, message=said)


def _failed(known: Remembered) -> bool:
    return known.last_test is not None and (
        known.last_proof is None or known.last_proof < known.last_test
    )


def _due(known: Remembered, every: dt.timedelta) -> dt.datetime | None:
    """Return when the next test is due; None if there was none yet, so that it is now."""
    if known.last_test is None:
        return None
    return known.last_test + (min(every, RETRY) if _failed(known) else every)


def _recovery(
    known: Remembered, every: dt.timedelta, subject: Subject, now: dt.datetime
) -> Recovery:
    if _failed(known):
        return Recovery.FAILED
    if known.last_proof is not None and now < known.last_proof + every + LATE:
        return Recovery.PROVEN
    if subject.untestable:
        return Recovery.NOT_TESTABLE
    return Recovery.UNPROVEN if known.last_proof is None else Recovery.OVERDUE


def _told(
    known: Remembered, recovery: Recovery, running: str, subject: Subject
) -> tuple[Result | None, str]:
    if running:
        return "Running", running
    if recovery is Recovery.NOT_TESTABLE:
        return "NotTestable", subject.untestable
    if recovery is Recovery.FAILED:
        return "Failed", known.message
    return ("Passed" if known.last_proof is not None else None), known.message
