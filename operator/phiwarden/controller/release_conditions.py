"""The condition of a PHIWorkload that speaks of releases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from phiwarden.api.release import MAX_RELEASED
from phiwarden.api.status import ConditionType
from phiwarden.controller.conditions import Said, first
from phiwarden.controller.releases import ReleasesOf
from phiwarden.releases.standing import Reason

WARNINGS: Final = {
    ConditionType.RELEASES_VERIFIED: ("Releases", ("KeyUnreadable", "TooMany")),
}
"""Reasons that are worth an Event, and how the Event's own reason begins."""


def verified(zones: Mapping[str, ReleasesOf]) -> Said:
    """Return whether zones that ask for releases have some in force, by keys that can be used."""
    kind = ConditionType.RELEASES_VERIFIED
    doubts = [f"{d.field}: key {d.name} {d.problem}" for z in zones.values() for d in z.unreadable]
    if doubts:
        message = f"{first(doubts)}; declare it as openssl pkey -pubout writes it"
        return Said(kind, good=False, reason="KeyUnreadable", message=message)
    asking = {name: zone.standings for name, zone in zones.items() if zone.asked}
    if not asking:
        message = "no zone asks for releases"
        return Said(kind, good=True, reason="NoneAsked", message=message)
    beyond = [
        f"{zone}/{name}"
        for zone, found in asking.items()
        for name, each in sorted(found.items())
        if each.reason is Reason.TOO_MANY
    ]
    if beyond:
        message = (
            f"a zone has room for {MAX_RELEASED} digests, and these releases, which are older than"
            f" others, have none: {first(beyond)}; delete or deny what is not run any more"
        )
        return Said(kind, good=False, reason="TooMany", message=message)
    empty = [zone for zone, found in asking.items() if not any(e.digests for e in found.values())]
    if empty:
        message = f"no release is in force, so no image may run, in zone {first(empty)}"
        return Said(kind, good=False, reason="NoneInForce", message=message)
    count = sum(bool(each.digests) for found in asking.values() for each in found.values())
    message = f"releases in force: {count}; zones that ask for them: {len(asking)}"
    return Said(kind, good=True, reason="InForce", message=message)
