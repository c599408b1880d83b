"""A pause that people on call ask for: nothing is put back until it ends by itself."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from phiwarden.api import names
from phiwarden.api.history import Pause
from phiwarden.remediation.history import author_of_annotation

LONGEST: Final = dt.timedelta(hours=24)
"""What one shift can hand over to the next; a pause is renewed, and recorded, after it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the annotation says.

    Attributes:
        pause: what is asked for, None if it is not granted.
        problem: why it is not granted, for a person; "" if it is, or has ended.
    """

    pause: Pause | None = None
    problem: str = ""


def asked(obj: Mapping[str, Any], now: dt.datetime) -> Asked:
    """Return whether a workload is paused now.

    Args:
        obj: the workload.
        now: the time.
    """
    annotations = obj["metadata"].get("annotations") or {}
    text = annotations.get(names.PAUSE_UNTIL)
    if not text:
        return Asked()
    until = _moment(text)
    if until is None:
        return Asked(problem=f"{names.PAUSE_UNTIL} is no time such as 2026-01-31T18:00:00Z")
    if until <= now:
        return Asked()
    if until > now + LONGEST:
        hours = LONGEST // dt.timedelta(hours=1)
        return Asked(problem=f"{names.PAUSE_UNTIL} is more than {hours} hours away")
    author = author_of_annotation(obj, names.PAUSE_UNTIL)
    reason = annotations.get(names.PAUSE_REASON)
    return Asked(
        Pause(
            until=until.astimezone(dt.UTC),  # as it is told, and kept
            by=author.manager if author is not None else None,
            reason=reason if reason and _REASON.fullmatch(reason) else None,
        )
    )


def told(pause: Pause) -> str:
    """Return a pause for a person."""
    by = f" by {pause.by}" if pause.by else ""
    because = f": {pause.reason}" if pause.reason else ""
    return f"paused until {pause.until.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC{by}{because}"


_REASON: Final = re.compile(r"[ -~]{1,200}")
"""Of what a person writes only plain text is told on; records are read by programs, too."""


def _moment(text: str) -> dt.datetime | None:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    # Without an offset nobody knows when it is.
    return found if found.tzinfo is not None else None
