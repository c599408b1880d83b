"""When a snapshot is due: slots of time, each with one name."""

from __future__ import annotations

import datetime as dt
from typing import Final

LATE: Final = 1.5
"""Times `every` after which a newest snapshot is overdue: one that fails may be taken again."""

_FORMAT: Final = "%Y%m%d%H%M"


def slot(anchor: dt.datetime, every: dt.timedelta, now: dt.datetime) -> dt.datetime:
    """Return the start of the slot that a time lies in.

    Slots are counted from when the claim was made: no two controllers, and no
    restart, count them differently, and not all volumes are due at midnight.

    Args:
        anchor: when the claim was made.
        every: length of a slot.
        now: the time; one before the anchor, by clocks that disagree, is in the first slot.
    """
    start = anchor.astimezone(dt.UTC).replace(second=0, microsecond=0)
    return start + max(now - start, dt.timedelta()) // every * every


def name_of(volume: str, start: dt.datetime) -> str:
    """Return the name of the snapshot that a slot has: taken twice, it is the same one."""
    return f"{volume}-{start.astimezone(dt.UTC):{_FORMAT}}"


def slot_of(volume: str, name: str) -> dt.datetime | None:
    """Return the start of the slot that a snapshot has by its name; None for another's name."""
    if not name.startswith(f"{volume}-"):
        return None
    stamp = name.removeprefix(f"{volume}-")
    if len(stamp) != len("yyyymmddhhmm") or not stamp.isascii() or not stamp.isdigit():
        return None
    try:
        return dt.datetime.strptime(stamp, _FORMAT).replace(tzinfo=dt.UTC)
    except ValueError:
        return None
