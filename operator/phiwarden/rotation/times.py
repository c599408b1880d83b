"""Times as others write them, in annotations and in the objects of stores."""

from __future__ import annotations

import datetime as dt
from typing import Any


def moment(text: Any) -> dt.datetime | None:
    """Return a time in UTC; None for what is none, or leaves its zone open.

    In UTC, since at the ends of the calendar a time with another zone cannot
    be counted with, and the API server takes no odd zone in a status.
    """
    try:
        time = dt.datetime.fromisoformat(str(text))
        return time.astimezone(dt.UTC) if time.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def moment_of_unix(seconds: Any) -> dt.datetime | None:
    """Return a time that is given in seconds since 1970; None for what is none."""
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds <= 0:
        return None
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC)
    except (OverflowError, ValueError, OSError):
        return None
