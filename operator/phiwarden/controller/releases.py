"""Releases: what was brought and approved, taken into the boundary, and told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from phiwarden.api import names
from phiwarden.api.workload import WorkloadSpec
from phiwarden.cluster import resources
from phiwarden.cluster.client import Api, Refused
from phiwarden.cluster.events import EventType, Recorder
from phiwarden.cluster.reflector import Key
from phiwarden.controller.calendar import Clock
from phiwarden.controller.queues import Queues
from phiwarden.controller.running import touch
from phiwarden.controller.state import Declared, State
from phiwarden.releases.policy import Doubt, Policy, policy_of
from phiwarden.releases.standing import (
    WARNINGS,
    Reason,
    Request,
    Standing,
    judged,
    let_run,
    refused,
    request_of,
    standings,
)
from phiwarden.releases.verify import Verdict

log = structlog.get_logger(__name__)

VERIFIED: Final = "Verified"
IN_FORCE: Final = "InForce"


@dataclass(frozen=True, slots=True)
class ReleasesOf:
    """What a zone asks of releases, and what is true of those that are there.

    Attributes:
        asked: whether its images must be of one.
        unreadable: keys that it declares and that cannot be used.
        standings: what is true of its releases, by name.
    """

    asked: bool
    unreadable: tuple[Doubt, ...]
    standings: Mapping[str, Standing]


@dataclass
class ReleaseObserver:
    """Keeps what is known of releases in step with the cluster."""

    state: State
    queues: Queues

    def seen(self, key: Key, body: Mapping[str, Any] | None) -> None:
        """Take in a PHIRelease."""
        namespace, name = key
        known = self.state.releases.setdefault(namespace, {})
        before = known.get(name)
        said = self.state.release_statuses.pop(key, None)
        if body is None:
            known.pop(name, None)
        else:
            known[name] = request_of(body)
            self.state.release_statuses[key] = _said(body)
        # Our own report coming back is no news; somebody else's is put right.
        if before != known.get(name) or said != self.state.release_statuses.get(key):
            touch(self.state, self.queues, namespace)


@dataclass
class Releases:
    """Lets run what was verified and approved, until it is revoked."""

    api: Api
    state: State
    recorder: Recorder
    clock: Clock
    _verdicts: dict[str, dict[str, tuple[Policy, Verdict | None]]] = field(default_factory=dict)
    """Verdicts by namespace and uid, with what was asked: what is signed does not change."""

    def judged(self, declared: Declared, spec: WorkloadSpec) -> dict[str, ReleasesOf]:
        """Return what is true of the releases in the zones of a declaration, by zone."""
        found = {}
        for zone in spec.zones:
            namespace = zone.namespace_in(declared.name)
            policy = policy_of(declared.name, spec, zone)
            brought = self.state.releases.get(namespace, {})
            known = self._verdicts.get(namespace, {})
            now = {each.uid: _verdict(each, policy, known) for each in brought.values()}
            self._verdicts[namespace] = now
            verdicts = {each.name: now[each.uid][1] for each in brought.values()}
            found[zone.name] = ReleasesOf(
                zone.images.require_release,
                policy.unreadable,
                standings(brought.values(), verdicts),
            )
        return found

    def in_boundary(
        self, name: str, spec: WorkloadSpec, found: Mapping[str, ReleasesOf]
    ) -> dict[str, tuple[str, ...]]:
        """Return what the boundaries of a declaration are to carry of releases, by zone.

        Where releases are not known, not yet or not any more, what stands stays.
        """
        if resources.PHI_RELEASE.kind in self.state.kinds:
            return {zone: let_run(each.standings) for zone, each in found.items()}
        return {zone.name: self._standing(zone.namespace_in(name)) for zone in spec.zones}

    def _standing(self, namespace: str) -> tuple[str, ...]:
        seen = self.state.namespaces.get(namespace)
        return (seen.boundary.releases or ()) if seen is not None and seen.boundary else ()

    async def report(self, namespace: str, found: ReleasesOf) -> None:
        """Say of each release of a namespace whether it counts, once the boundary stands."""
        for name, standing in found.standings.items():
            request = self.state.releases.get(namespace, {}).get(name)
            if request is not None:
                await self._report(request, standing, asked=found.asked)

    async def _report(self, request: Request, standing: Standing, *, asked: bool) -> None:
        key = (request.namespace, request.name)
        before = self.state.release_statuses.get(key, {})
        wanted = _status(request, standing, before, self.clock(), asked=asked)
        if wanted == before:
            return
        about = {
            "metadata": {"namespace": request.namespace, "name": request.name, "uid": request.uid}
        }
        # Told first: an operator that ends in between must not leave it untold.
        known = _condition(before, IN_FORCE).get("reason")
        if standing.reason in WARNINGS and known != standing.reason:
            await self.recorder.tell(
                about,
                resources.PHI_RELEASE,
                EventType.WARNING,
                f"Release{_told(standing.reason, known)}",
                standing.message,
                once=standing.reason,
            )
        if known != standing.reason:
            log.info("release.changed", release="/".join(key), reason=standing.reason.value)
        body = {"apiVersion": names.API_VERSION, "kind": "PHIRelease", **about, "status": wanted}
        try:
            await self.api.apply(resources.PHI_RELEASE, body, subresource="status")
        except Refused as refusal:
            # 404, 409: gone, or made anew, and the watch tells. Else it may be one that cannot be
            # written any more, such as for its size: that must not keep a zone from the rest.
            if refusal.code not in (404, 409):
                log.warning("release.unwritten", release="/".join(key), code=refusal.code)
            return
        self.state.release_statuses[key] = wanted


def _verdict(
    request: Request, policy: Policy, known: Mapping[str, tuple[Policy, Verdict | None]]
) -> tuple[Policy, Verdict | None]:
    before = known.get(request.uid)
    return (
        before if before is not None and before[0] == policy else (policy, judged(request, policy))
    )


def _told(reason: Reason, known: object) -> str:
    """Return what an Event calls it: to deny what was in force is to revoke it."""
    return Reason.REVOKED if reason is Reason.DENIED and known == Reason.IN_FORCE else reason


def _said(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the status says that phiwarden says."""
    status = body.get("status") or {}
    ours = ("observedGeneration", "verified", "conditions")
    return {key: status[key] for key in ours if key in status}


def _status(
    request: Request,
    standing: Standing,
    before: Mapping[str, Any],
    now: dt.datetime,
    *,
    asked: bool,
) -> dict[str, Any]:
    """Return what is said of a release; since when, as long as it is the same."""
    since = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    verdict = standing.verdict
    key = verdict.key if verdict is not None and verdict.verified else None
    if key is not None:
        verified = (VERIFIED, True, "Verified", f"key {key.name} vouches for it")
    elif verdict is not None:
        verified = (VERIFIED, False, verdict.refusals[0].reason.value, refused(verdict))
    else:
        verified = (VERIFIED, False, standing.reason.value, standing.message)
    message = standing.message
    if standing.digests and not asked:
        message += "; the zone asks for no releases (images.requireRelease)"
    in_force = (IN_FORCE, bool(standing.digests), standing.reason.value, message)
    conditions = []
    for kind, good, reason, text in (verified, in_force):
        known, status = _condition(before, kind), "True" if good else "False"
        conditions.append(
            {
                "type": kind,
                "status": status,
                "observedGeneration": request.generation,
                "lastTransitionTime": known["lastTransitionTime"]
                if known.get("status") == status
                else since,
                "reason": reason,
                "message": text,
            }
        )
    found: dict[str, Any] = {"observedGeneration": request.generation, "conditions": conditions}
    if key is not None:
        known = before.get("verified") or {}
        same = (known.get("name"), known.get("keyId")) == (key.name, key.id)
        found["verified"] = {
            "name": key.name,
            "keyId": key.id,
            "time": known["time"] if same and "time" in known else since,
        }
    return found


def _condition(said: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    found = (each for each in said.get("conditions") or () if each.get("type") == kind)
    return next(found, {})
