"""Secrets and their deliveries as values. No value of a secret is among them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

CERTIFICATE: Final = "Certificate"

SKEW: Final = dt.timedelta(minutes=5)
"""How far clocks may be apart before a time in the future is one that cannot be."""


@dataclass(frozen=True, slots=True)
class Secret:
    """What the metadata of a Secret tells.

    Attributes:
        uid: tells it from another of the same name.
        created: when the API server stored it.
        keys: names of its entries; None where nobody kept account of its fields.
        written: when its entries were written last, by the API server's clock; None likewise.
        fingerprint: what the store's operator notes of the value; "" if nothing. Kept in memory
            alone: of a value that is easily guessed it would give the value away.
        rotated_at: when the value was changed, on the word of whoever delivers it.
        not_after: when the certificate ends, on the same word.
        odd: what of these could not be read, in words.
    """

    uid: str
    created: dt.datetime
    keys: frozenset[str] | None = None
    written: dt.datetime | None = None
    fingerprint: str = ""
    rotated_at: dt.datetime | None = None
    not_after: dt.datetime | None = None
    odd: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the operator of a store reports of a Secret that it delivers.

    Attributes:
        kind: of the object that says so, such as ExternalSecret.
        name: its name.
        secret: name of the Secret.
        ready: whether the last delivery worked; None if nothing is said yet.
        reason: the operator's own word for it.
        synced: when the store was asked last.
        rotated: when the value was changed, as the store itself knows.
        not_after: when the certificate ends.
        version: tells values apart, and nothing of them can be guessed from it; "" if there is none.
        traps: what looks like a rotation and is none.
    """

    kind: str
    name: str
    secret: str
    ready: bool | None = None
    reason: str = ""
    synced: dt.datetime | None = None
    rotated: dt.datetime | None = None
    not_after: dt.datetime | None = None
    version: str = ""
    traps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LastChange:
    """The latest time at which a secret can have got the value that it has.

    Attributes:
        uid: of the Secret.
        time: that time.
        proven: whether it is known that the value did change then.
        written: `Secret.written` when this was noted: a later one is news.
        version: `Delivery.version` when this was noted.
    """

    uid: str
    time: dt.datetime
    proven: bool
    written: dt.datetime | None = None
    version: str = ""
