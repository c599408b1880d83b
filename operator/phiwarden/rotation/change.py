"""When a secret got its value, as far as it can be known without looking at it.

A Secret has no date of rotation. Its metadata tell when its entries were
written last, and a write may leave the value as it was: so a late write
proves nothing, and an early one that the value is at least that old. What
proves a change is something that differs with the value: the fingerprint that
a store's operator keeps, seen before and after, or the store's own date.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from phiwarden.rotation.model import CERTIFICATE, Delivery, LastChange, Secret

_KEPT: Final = 4
"""Versions that are remembered though nothing has them any more."""

_MOST: Final = 64
"""Versions that are told apart: pods differ in the one that they mounted."""


def first_seen(
    secret: Secret, delivery: Delivery | None, remembered: LastChange | None
) -> LastChange:
    """Return what is known of a secret that was not followed until now.

    Args:
        secret: as it is.
        delivery: what its store's operator reports.
        remembered: what an earlier run noted.
    """
    version = delivery.version if delivery is not None else ""
    if remembered is not None and remembered.uid == secret.uid:
        if version and remembered.version:
            return _compared(remembered, secret, version, _written(secret))
        if remembered.written == secret.written:
            return replace(remembered, version=remembered.version or version)
    return LastChange(
        secret.uid, _written(secret), proven=False, written=secret.written, version=version
    )


def followed(
    known: LastChange, before: Secret, after: Secret, delivery: Delivery | None, now: dt.datetime
) -> LastChange:
    """Return what is known after a change of a secret, or of what its store's operator reports.

    Args:
        known: what was known before.
        before: the Secret as it was.
        after: the Secret as it is.
        delivery: what its store's operator reports.
        now: the time.
    """
    if before.uid != after.uid:
        return first_seen(after, delivery, None)
    version = delivery.version if delivery is not None else ""
    new = after.written if after.written is not None and after.written != before.written else now
    if version and known.version:
        return _compared(known, after, version, new)
    noted = replace(known, written=after.written, version=known.version or version)
    if before.fingerprint and after.fingerprint:
        if before.fingerprint == after.fingerprint:
            return noted
        return replace(noted, time=new, proven=True)
    if after.written != before.written:
        return replace(noted, time=_written(after), proven=False)
    return noted


def _compared(known: LastChange, secret: Secret, version: str, time: dt.datetime) -> LastChange:
    """Return what is known once versions can be compared."""
    before, told = known.version.split(","), version.split(",")
    if all(each in before for each in told):
        return replace(known, written=secret.written)
    # One that a pod still has would be taken for a new one, were it forgotten.
    gone = [each for each in before if each not in told]
    kept = ",".join([*gone[-_KEPT:], *told])
    return LastChange(secret.uid, time, proven=True, written=secret.written, version=kept)


def combined(deliveries: Iterable[Delivery]) -> Delivery | None:
    """Return what all that is reported of a Secret comes to; None if nothing is.

    Of what contradicts itself the worse counts: nobody makes a secret younger by one more report.
    """
    found = sorted(deliveries, key=lambda delivery: (delivery.kind == CERTIFICATE, delivery.name))
    if not found:
        return None
    first = found[0]
    versions = sorted({delivery.version for delivery in found if delivery.version})
    return replace(
        first,
        ready=None
        if all(d.ready is None for d in found)
        else all(d.ready is not False for d in found),
        rotated=min((d.rotated for d in found if d.rotated is not None), default=None),
        not_after=min((d.not_after for d in found if d.not_after is not None), default=None),
        version=",".join(versions[:_MOST]),
        traps=tuple(dict.fromkeys(trap for delivery in found for trap in delivery.traps)),
    )


def _written(secret: Secret) -> dt.datetime:
    return secret.written if secret.written is not None else secret.created
