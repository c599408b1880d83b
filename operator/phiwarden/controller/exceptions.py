"""Exceptions: what was asked for and granted, taken into the boundary, and told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from phiwarden.api import names
from phiwarden.api.workload import WorkloadSpec
from phiwarden.boundary.exceptions import at, encoded, parsed
from phiwarden.boundary.granting import (
    WARNINGS,
    Grant,
    Request,
    grant,
    request_of,
    within_bounds,
)
from phiwarden.cluster import resources
from phiwarden.cluster.client import Api, Refused
from phiwarden.cluster.events import EventType, Recorder
from phiwarden.cluster.reflector import Key
from phiwarden.controller.calendar import Clock
from phiwarden.controller.queues import Queues
from phiwarden.controller.running import touch
from phiwarden.controller.state import Declared, State

log = structlog.get_logger(__name__)

IN_FORCE: Final = "InForce"

Grants = Mapping[str, Mapping[str, Grant]]
"""What is true of exceptions now, by zone and name."""

Entries = dict[str, tuple[str, ...]]
"""What boundaries carry of exceptions, by zone."""


@dataclass
class ExceptionObserver:
    """Keeps what is known of exceptions in step with the cluster."""

    state: State
    queues: Queues

    def seen(self, key: Key, body: Mapping[str, Any] | None) -> None:
        """Take in a PHIException."""
        namespace, name = key
        known = self.state.exceptions.setdefault(namespace, {})
        before = known.get(name)
        said = self.state.exception_statuses.pop(key, None)
        if body is None:
            known.pop(name, None)
        else:
            known[name] = request_of(body)
            self.state.exception_statuses[key] = _said(body)
        # Our own report coming back is no news; somebody else's is put right.
        if before != known.get(name) or said != self.state.exception_statuses.get(key):
            touch(self.state, self.queues, namespace)


@dataclass
class Exceptions:
    """Grants what was approved, for as long as it lasts."""

    api: Api
    state: State
    recorder: Recorder
    exceptable: frozenset[str]
    clock: Clock

    def granted(self, declared: Declared, spec: WorkloadSpec) -> Grants:
        """Return what is true of the exceptions in the zones of a declaration now."""
        now = self.clock()
        found = {}
        for zone in spec.zones:
            namespace = zone.namespace_in(declared.name)
            asked = self.state.exceptions.get(namespace, {}).values()
            # The oldest first: what is asked for later takes the room of none.
            found[zone.name] = within_bounds(
                {
                    each.name: grant(each, spec.clinical_impact, self.exceptable, now)
                    for each in sorted(asked, key=lambda each: (each.created, each.name))
                }
            )
        return found

    async def report(self, namespace: str, grants: Mapping[str, Grant]) -> None:
        """Say of each exception of a namespace whether it is in force, once the boundary stands."""
        for name, granted in grants.items():
            request = self.state.exceptions.get(namespace, {}).get(name)
            if request is not None:
                await self._report(request, granted)

    async def _report(self, request: Request, granted: Grant) -> None:
        key = (request.namespace, request.name)
        before = self.state.exception_statuses.get(key, {})
        condition = _condition(request, granted, before, self.clock())
        wanted: dict[str, Any] = {"conditions": [condition]}
        if granted.days_left is not None:
            wanted["daysLeft"] = granted.days_left
        if wanted == before:
            return
        about = {
            "metadata": {"namespace": request.namespace, "name": request.name, "uid": request.uid}
        }
        # Told first: an operator that ends in between must not leave it untold.
        known = _in_force(before).get("reason")
        if granted.reason in WARNINGS and known != granted.reason:
            await self.recorder.tell(
                about,
                resources.PHI_EXCEPTION,
                EventType.WARNING,
                f"Exception{granted.reason}",
                granted.message,
                once=granted.reason,
            )
        if known != granted.reason:
            log.info("exception.changed", exception="/".join(key), reason=granted.reason.value)
        body = {
            "apiVersion": names.API_VERSION,
            "kind": "PHIException",
            **about,
            "status": wanted,
        }
        try:
            await self.api.apply(resources.PHI_EXCEPTION, body, subresource="status")
        except Refused as refused:
            # 404, 409: gone, or made anew, and the watch tells. Else it may be one that cannot be
            # written any more, such as for its size: that must not keep a zone from the rest.
            if refused.code not in (404, 409):
                log.warning(
                    "exception.unwritten", exception="/".join(key), error=str(refused)[:200]
                )
            return
        self.state.exception_statuses[key] = wanted

    def in_boundary(self, name: str, spec: WorkloadSpec, grants: Grants) -> Entries:
        """Return what the boundaries of a declaration are to carry of exceptions, by zone.

        Where exceptions are not known, not yet or not any more, what stands stays until its end.
        """
        if resources.PHI_EXCEPTION.kind in self.state.kinds:
            return _entries(grants)
        return {zone.name: self._standing(zone.namespace_in(name)) for zone in spec.zones}

    def next_change(self, entries: Entries, grants: Grants) -> dt.datetime | None:
        """Return when time alone makes something else of exceptions, or of what stands of them."""
        due = [granted.next_change for each in grants.values() for granted in each.values()]
        ends = (parsed(entry).until for each in entries.values() for entry in each)
        due += [dt.datetime.fromisoformat(end) for end in ends]
        return min((at for at in due if at is not None), default=None)

    def _standing(self, namespace: str) -> tuple[str, ...]:
        seen = self.state.namespaces.get(namespace)
        if seen is None or seen.boundary is None:
            return ()
        return at(seen.boundary, self.clock()).exceptions


def _entries(grants: Grants) -> Entries:
    return {
        zone: encoded(entry for granted in each.values() for entry in granted.entries)
        for zone, each in grants.items()
    }


def _said(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the status says that phiwarden says."""
    status = body.get("status") or {}
    return {key: status[key] for key in ("conditions", "daysLeft") if key in status}


def _in_force(said: Mapping[str, Any]) -> Mapping[str, Any]:
    found = (each for each in said.get("conditions") or () if each.get("type") == IN_FORCE)
    return next(found, {})


def _condition(
    request: Request, granted: Grant, before: Mapping[str, Any], now: dt.datetime
) -> dict[str, Any]:
    status = "True" if granted.entries else "False"
    known = _in_force(before)
    since = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    # What others wrote while no policy stood may lack the moment: a report requires no field.
    if known.get("status") == status:
        since = known.get("lastTransitionTime", since)
    return {
        "type": IN_FORCE,
        "status": status,
        "observedGeneration": request.generation,
        "lastTransitionTime": since,
        "reason": granted.reason.value,
        "message": granted.message,
    }
