"""Whether the API server still enforces: the chart's policies, as they should stand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Final

from phiwarden.rulebook.render import digest

SETTLING: Final = dt.timedelta(seconds=30)
"""What API servers are given to take up policies. They compile them one after another: all of
them were in force 14 s after `helm install` on two quiet cores, and up to 37 s on two that had
ten times too much to do."""


class Enforcement:
    """Compares admission policies and bindings with those that this version was built with."""

    def __init__(self, expected: Iterable[Mapping[str, Any]]) -> None:
        self._expected = {
            (manifest["kind"], manifest["metadata"]["name"]): digest(manifest)
            for manifest in expected
        }
        self._found: dict[tuple[str, str], str] = {}
        self._changed: dict[tuple[str, str], dt.datetime] = {}

    def seen(self, kind: str, name: str, body: Mapping[str, Any] | None, now: dt.datetime) -> None:
        """Take in a policy or binding as it is now, None if it is gone."""
        key = kind, name
        before = self._found.get(key)
        if body is None:
            self._found.pop(key, None)
            self._changed.pop(key, None)
            return
        self._found[key] = digest(body)
        if before is None:
            # One that was there before this process: what the API server's clock says of it
            # counts as far as it can be, and never longer than for one that changes now.
            self._changed[key] = min(now, _written(body["metadata"]) or now)
        elif before != self._found[key]:
            self._changed[key] = now

    def faults(self) -> tuple[str, ...]:
        """Return what is missing or altered, as `kind name is missing`."""
        faults = []
        for key, digest_ in self._expected.items():
            found = self._found.get(key)
            if found != digest_:
                fault = "missing" if found is None else "not the one that this version brings"
                faults.append(f"{key[0]} {key[1]} is {fault}")
        return tuple(sorted(faults))

    def settled_at(self) -> dt.datetime | None:
        """Return when the API servers can be held to have taken up all; None if there is nothing."""
        changed = [time for key, time in self._changed.items() if key in self._expected]
        return max(changed) + SETTLING if changed else None


def _written(metadata: Mapping[str, Any]) -> dt.datetime | None:
    """Return when an object was last written, None if nobody can tell.

    What controllers note in its status does not count.
    """
    entries = metadata.get("managedFields") or ()
    written = [metadata.get("creationTimestamp")]
    written += [entry.get("time") for entry in entries if not entry.get("subresource")]
    times = [_time(text) for text in written if text]
    return max((time for time in times if time is not None), default=None)


def _time(text: object) -> dt.datetime | None:
    try:
        time = dt.datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return time if time.tzinfo is not None else None
