"""Whether the API server still enforces: the chart's policies, as they should stand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Final

from phiwarden.rulebook.render import digest

SETTLING: Final = dt.timedelta(seconds=30)
"""What API servers are given to take up policies. They compile them one after another: all of
them were in force 14 s after `helm install` on two quiet cores, and 25 s on two busy ones."""


class Enforcement:
    """Compares admission policies and bindings with those that this version was built with."""

    def __init__(self, expected: Iterable[Mapping[str, Any]]) -> None:
        self._expected = {
            (manifest["kind"], manifest["metadata"]["name"]): digest(manifest)
            for manifest in expected
        }
        self._found: dict[tuple[str, str], str] = {}
        self._written: dict[tuple[str, str], dt.datetime] = {}

    def seen(self, kind: str, name: str, body: Mapping[str, Any] | None) -> None:
        """Take in a policy or binding as it is now, None if it is gone."""
        if body is None:
            self._found.pop((kind, name), None)
            self._written.pop((kind, name), None)
        else:
            self._found[kind, name] = digest(body)
            self._written[kind, name] = _written(body["metadata"])

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
        written = [time for key, time in self._written.items() if key in self._expected]
        return max(written) + SETTLING if written else None


def _written(metadata: Mapping[str, Any]) -> dt.datetime:
    """Return when an object was last written; what controllers note in its status does not count."""
    times = [metadata["creationTimestamp"]]
    times += [
        entry["time"]
        for entry in metadata.get("managedFields") or ()
        if "time" in entry and not entry.get("subresource")
    ]
    return max(dt.datetime.fromisoformat(time) for time in times)
