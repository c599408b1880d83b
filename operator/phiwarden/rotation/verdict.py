"""The verdict on a declared secret."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from phiwarden.api.durations import to_timedelta
from phiwarden.api.secrets import DeclaredSecret
from phiwarden.rotation.model import SKEW, Delivery, LastChange, Secret


class Standing(StrEnum):
    """What is true of a declared secret; worse ones come first."""

    MISSING = "Missing"
    """It is not there."""
    EXPIRED = "Expired"
    """Its certificate has ended."""
    EXPIRING = "Expiring"
    """Its certificate ends within minimumRemaining."""
    OVERDUE = "Overdue"
    """Its value is older than maxAge for certain."""
    INCOMPLETE = "Incomplete"
    """Entries that it must have are not there."""
    WRONG_TYPE = "WrongType"
    """It is of another type than declared."""
    NOT_SYNCED = "NotSynced"
    """The store's operator could not deliver it."""
    UNPROVEN = "Unproven"
    """Nothing shows how old its value is, or when its certificate ends."""
    ATTESTED = "Attested"
    """Whoever delivers it says that it is young enough."""
    PROVEN = "Proven"
    """Its value was seen to change, and not longer ago than maxAge."""
    PRESENT = "Present"
    """It is there, and no age is asked for."""


HOLDS_BACK: Final = frozenset({Standing.EXPIRED, Standing.EXPIRING, Standing.OVERDUE})
"""Secrets with which nothing new is rolled out (PHI-SEC-003). All others are better: what else a
secret lacks must not hide these."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict, and what it rests on.

    Attributes:
        standing: the verdict.
        evidence: what it rests on, in words.
        traps: what looks like more than it is.
        not_after: when its certificate ends, if that is known.
        until: when time alone makes another verdict; None for never.
        rotated: its last rotation that is known of.
    """

    standing: Standing
    evidence: str
    traps: tuple[str, ...] = ()
    not_after: dt.datetime | None = None
    until: dt.datetime | None = None
    rotated: dt.datetime | None = None


def finding(
    declared: DeclaredSecret,
    secret: Secret | None,
    delivery: Delivery | None,
    change: LastChange | None,
    now: dt.datetime,
    *,
    right_type: bool | None = None,
) -> Finding:
    """Return the verdict on a declared secret.

    Args:
        declared: what is asked of it.
        secret: as it is; None where there is none.
        delivery: what its store's operator reports, if anything does.
        change: when it can have got its value; None only without a secret.
        now: the time.
        right_type: whether it has the declared type; None where nobody could look.
    """
    if secret is None or change is None:
        return Finding(Standing.MISSING, _absence(delivery))
    traps = (*secret.odd, *(delivery.traps if delivery is not None else ()))
    known = rotation(secret, delivery, change, now)
    found = _worst(
        _end(declared, secret, delivery, now),
        _age(declared, secret, change, known, now),
        _make(declared, secret, right_type=right_type),
    )
    if delivery is not None and delivery.ready is False and _worse(Standing.NOT_SYNCED, found):
        refused = f"{delivery.kind} {delivery.name} is not ready ({delivery.reason or 'no reason'})"
        found = replace(
            found, standing=Standing.NOT_SYNCED, evidence=f"{refused}; {found.evidence}"
        )
    if secret.keys is None and declared.keys:
        untold = "its metadata tell not of all fields: whether its entries are there is not known"
        traps = (*traps, untold)
    return replace(found, traps=(*traps, *found.traps), rotated=known.time)


def _absence(delivery: Delivery | None) -> str:
    if delivery is None:
        return "there is no such Secret"
    state = "is ready" if delivery.ready else delivery.reason or "has said nothing yet"
    return f"there is no such Secret; {delivery.kind} {delivery.name}: {state}"


def _make(declared: DeclaredSecret, secret: Secret, *, right_type: bool | None) -> Finding:
    lacking = set(declared.keys) - secret.keys if secret.keys is not None else ()
    if lacking:
        return Finding(Standing.INCOMPLETE, f"without {', '.join(sorted(lacking))}")
    if right_type is False:
        return Finding(Standing.WRONG_TYPE, f"it is not of type {declared.type}")
    return Finding(Standing.PRESENT, "it is there")


_ORDER: Final = tuple(Standing)


def _worse(standing: Standing, found: Finding) -> bool:
    return _ORDER.index(standing) < _ORDER.index(found.standing)


def _worst(*findings: Finding) -> Finding:
    worst = min(findings, key=lambda found: _ORDER.index(found.standing))
    ends = [found.until for found in findings if found.until is not None]
    not_after = next((found.not_after for found in findings if found.not_after), None)
    traps = tuple(trap for found in findings for trap in found.traps)
    return replace(worst, until=min(ends, default=None), not_after=not_after, traps=traps)


def _age(
    declared: DeclaredSecret,
    secret: Secret,
    change: LastChange,
    known: Rotation,
    now: dt.datetime,
) -> Finding:
    if declared.max_age is None:
        return Finding(Standing.PRESENT, "it is there")
    limit = to_timedelta(declared.max_age)
    if known.time is not None:
        return _aged(known.time, limit, now, known.standing, known.evidence, known.traps)
    latest = _latest(secret, change, now)
    found = _aged(
        latest, limit, now, Standing.UNPROVEN, f"written last on {_day(latest)}", known.traps
    )
    if found.standing is Standing.OVERDUE:
        return found
    doubt = f"{found.evidence}; whether its value changed then is not shown"
    return replace(found, evidence=doubt)


@dataclass(frozen=True, slots=True)
class Rotation:
    """The last rotation of a secret that is known of.

    Attributes:
        time: when; None if none is known.
        standing: PROVEN or ATTESTED.
        evidence: what it rests on, in words.
        traps: what does not count.
    """

    time: dt.datetime | None
    standing: Standing
    evidence: str
    traps: tuple[str, ...]


def rotation(
    secret: Secret, delivery: Delivery | None, change: LastChange, now: dt.datetime
) -> Rotation:
    """Return the last rotation of a secret that is known of."""
    traps: list[str] = []
    stated = delivery.rotated if delivery is not None else None
    if delivery is not None and stated is not None:
        if doubt := _doubt(stated, secret, now):
            traps.append(f"the rotation that {delivery.kind} {delivery.name} tells of {doubt}")
        else:
            said = f"rotated {_day(stated)}, as {delivery.kind} {delivery.name} tells"
            return Rotation(stated, Standing.PROVEN, said, tuple(traps))
    if change.time > now + SKEW:
        traps.append("it was written in the future, which does not count: clocks disagree")
    if change.proven:
        latest = _latest(secret, change, now)
        said = f"its value was seen to change on {_day(latest)}"
        return Rotation(latest, Standing.PROVEN, said, tuple(traps))
    word = secret.rotated_at
    if word is not None:
        if doubt := _doubt(word, secret, now):
            traps.append(f"the rotation that its annotation tells of {doubt}")
        else:
            said = f"rotated {_day(word)}, on the word of whoever delivers it"
            return Rotation(word, Standing.ATTESTED, said, tuple(traps))
    return Rotation(None, Standing.UNPROVEN, "", tuple(traps))


def _doubt(stated: dt.datetime, secret: Secret, now: dt.datetime) -> str:
    """Return why a rotation cannot be that of the value which is there, "" if it can."""
    if stated - now > SKEW:
        return "is dated in the future, which does not count"
    if secret.written is not None and stated - secret.written > SKEW:
        return "is dated after its entries were written last, and does not count"
    return ""


def _latest(secret: Secret, change: LastChange, now: dt.datetime) -> dt.datetime:
    """Return the latest time at which a secret can have got its value, as far as that is known.

    Whoever writes a Secret can date the write, but not its creation.
    """
    return change.time if change.time - now <= SKEW else min(secret.created, now)


def _aged(
    since: dt.datetime,
    limit: dt.timedelta,
    now: dt.datetime,
    young: Standing,
    evidence: str,
    traps: tuple[str, ...],
) -> Finding:
    if now - since > limit:
        return Finding(Standing.OVERDUE, f"{evidence}: it is older than {_long(limit)}", traps)
    return Finding(young, evidence, traps, until=since + limit)


def _end(
    declared: DeclaredSecret, secret: Secret, delivery: Delivery | None, now: dt.datetime
) -> Finding:
    ends = delivery.not_after if delivery is not None else None
    told = f"as {delivery.kind} {delivery.name} tells" if delivery is not None and ends else ""
    if ends is None and secret.not_after is not None:
        ends, told = secret.not_after, "on the word of whoever delivers it"
    if declared.minimum_remaining is None:
        return Finding(Standing.PRESENT, "it is there", not_after=ends)
    if ends is None:
        return Finding(Standing.UNPROVEN, "nothing tells when its certificate ends")
    least = to_timedelta(declared.minimum_remaining)
    said = f"its certificate ends on {_day(ends)}, {told}"
    if ends <= now:
        return Finding(Standing.EXPIRED, said, not_after=ends)
    if ends - now < least:
        return Finding(Standing.EXPIRING, said, not_after=ends, until=ends)
    return Finding(Standing.PRESENT, said, not_after=ends, until=ends - least)


def _day(time: dt.datetime) -> str:
    return f"{time.astimezone(dt.UTC):%Y-%m-%d}"


def _long(limit: dt.timedelta) -> str:
    hours = limit // dt.timedelta(hours=1)
    return f"{hours // 24} days" if hours % 24 == 0 else f"{hours} hours"
