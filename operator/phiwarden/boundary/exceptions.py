"""Exceptions as the boundary carries them: which object may break which rule, and until when.

An entry ends by itself: its moment is written as the API server writes its
own, so that a rule compares the two as texts, whoever is down meanwhile.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from phiwarden.api.values import instant
from phiwarden.boundary.labels import ZoneBoundary


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One rule that one object may break.

    Attributes:
        rule: its identifier.
        kind: of the object.
        name: of the object.
        until: the moment from which it counts no more, as `instant` writes it.
    """

    rule: str
    kind: str
    name: str
    until: str

    def __str__(self) -> str:
        return f"{self.rule}/{self.kind}/{self.name}/{self.until}"


def parsed(text: str) -> Entry:
    """Return an entry of a boundary that was decoded."""
    return Entry(*text.split("/"))


def at(boundary: ZoneBoundary, now: dt.datetime) -> ZoneBoundary:
    """Return a boundary with those exceptions alone that count at a moment."""
    if not boundary.exceptions:
        return boundary
    counting = (entry for entry in boundary.exceptions if instant(now) < parsed(entry).until)
    return replace(boundary, exceptions=tuple(counting))


def encoded(entries: Iterable[Entry]) -> tuple[str, ...]:
    """Return entries as the boundary carries them."""
    return tuple(str(entry) for entry in sorted(set(entries)))


# https://kubernetes.io/docs/concepts/security/pod-security-standards/, profile Restricted
_POD_SECURITY: Final = ("PHI-POD-001", "PHI-POD-002", "PHI-POD-003", "PHI-VOL-003")


def refused_by_pod_security(entries: Iterable[str]) -> bool:
    """Return whether Pod Security admission would refuse what an exception allows."""
    return any(parsed(entry).rule in _POD_SECURITY for entry in entries)
