"""The conditions of a PHIWorkload that speak of putting back, and of going back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from phiwarden.api.status import ConditionType, ZoneStatus
from phiwarden.cluster.resources import PHI_HISTORY, crd_of
from phiwarden.controller.conditions import Said, first
from phiwarden.controller.state import State
from phiwarden.remediation.rollout import ROLLING

BEING_TESTED: Final = "BeingTested"
"""Reason while it is not known; what was said before is said on until it is."""

WARNINGS: Final = {
    ConditionType.REMEDIATED: ("Remediation", ("Halted", "NoMemory")),
    ConditionType.GITOPS_CONFLICT: ("GitOpsConflict", ("Insisting",)),
}
"""Reasons that are worth an Event, and how the Event's own reason begins."""


def remediated(zones: Iterable[ZoneStatus], state: State) -> Said:
    """Return whether nothing waits to be put back."""
    kind = ConditionType.REMEDIATED
    waiting = [
        f"{zone.namespace}/{entry[0]}/{entry[1]}"
        for zone in zones
        for entry in sorted(state.waiting.get(zone.namespace, ()))
    ]
    if state.unremembered:
        return Said(
            kind,
            good=False,
            reason="NoMemory",
            message=f"the cluster lacks the CRD {crd_of(PHI_HISTORY)}, so it is not known which"
            " revisions worked, and nothing is put back: apply the CRDs of this version",
        )
    if state.halted:
        return Said(
            kind,
            good=False,
            reason="Halted",
            message=f"nothing more is put back ({len(waiting)} wait here), since put-backs did not"
            f" become ready: {first(state.halted)}; it goes on once these are ready or changed",
        )
    if waiting:
        return Said(
            kind,
            good=False,
            reason="Waiting",
            message=f"{len(waiting)} workloads wait for their turn to be put back: {first(waiting)}",
        )
    return Said(kind, good=True, reason="NothingWaits", message="nothing waits to be put back")


def rollback_ready(zones: Iterable[ZoneStatus], state: State) -> Said:
    """Return whether every workload could go back to an earlier revision right now."""
    kind = ConditionType.ROLLBACK_READY
    zones = tuple(zones)
    known = sum(len(state.ways_back.get(zone.namespace, ())) for zone in zones)
    without = [f"{zone.namespace}/{entry}" for zone in zones for entry in no_way_back(zone, state)]
    if any(untried(zone, state) for zone in zones):
        return Said(kind, good=None, reason=BEING_TESTED, message="ways back are being tried")
    if without:
        message = f"{len(without)} of {known} could not go back now: {first(without)}"
        return Said(kind, good=False, reason="NoWayBack", message=message)
    if not known:
        return Said(kind, good=True, reason="NoWorkloads", message="nothing runs that rolls out")
    message = f"{known} workloads could go back to a revision that keeps the rules and has worked"
    return Said(kind, good=True, reason="Tested", message=message)


def untried(zone: ZoneStatus, state: State) -> bool:
    """Return whether a way back of a zone was not tried yet, as just after a start."""
    tried = state.ways_back.get(zone.namespace, {})
    running = state.verdicts.get(zone.namespace, {})
    return any(place not in tried for place in running if place[0] in ROLLING)


def no_way_back(zone: ZoneStatus, state: State) -> Iterator[str]:
    """Yield the workloads of a zone that could not go back now, as `Kind/name (why)`."""
    missing = state.missing_in(zone.namespace)
    for (kind, name), way in sorted(state.ways_back.get(zone.namespace, {}).items()):
        if way.revision is None:
            yield f"{kind}/{name} ({way.why})"
        elif way.needs is not None and (gone := ", ".join(missing(way.needs))):
            yield f"{kind}/{name} (revision {way.revision} needs {gone}, which is not there)"


def conflict(zones: Iterable[ZoneStatus], state: State) -> Said:
    """Return whether somebody insists on what phiwarden puts back; here True is the bad state."""
    kind = ConditionType.GITOPS_CONFLICT
    found = [
        f"{zone.namespace}/{place[0]}/{place[1]}: {who}"
        for zone in zones
        for place, who in sorted(state.conflicts.get(zone.namespace, {}).items())
    ]
    if found:
        return Said(kind, good=True, reason="Insisting", message=first(found))
    return Said(
        kind, good=False, reason="NoConflict", message="nobody insists on what was put back"
    )
