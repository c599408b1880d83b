"""What the status says: pure, from the plan and what was found."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from phiwarden.api.standing import SecretStatus
from phiwarden.api.status import (
    MAX_LISTED,
    Condition,
    ConditionType,
    ObjectViolation,
    WorkloadStatus,
    ZoneStatus,
)
from phiwarden.api.workload import Enforcement, WorkloadSpec, Zone
from phiwarden.backups.plan import Outlook
from phiwarden.boundary.claims import Obstacle
from phiwarden.boundary.model import BoundaryPlan, Facts
from phiwarden.controller import (
    backup_conditions,
    conditions,
    release_conditions,
    remedy_conditions,
)
from phiwarden.controller.conditions import Said
from phiwarden.controller.releases import ReleasesOf
from phiwarden.controller.remedy_conditions import BEING_TESTED
from phiwarden.controller.state import Declared, State, Verdict
from phiwarden.controller.volumes import class_statuses, statuses, with_backups

Status = WorkloadStatus


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found beside the plan.

    Attributes:
        obstacles: zones whose namespace is not ours to take.
        failures: zones that could not be written, with the API server's words.
        secrets: what is true of every declared secret.
        backups: what is true of backups.
        releases: what zones ask of releases, and what is true of those that are there.
    """

    obstacles: Mapping[str, Obstacle] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[SecretStatus, ...] = ()
    backups: Outlook = field(default_factory=Outlook)
    releases: Mapping[str, ReleasesOf] = field(default_factory=dict)


def status(
    declared: Declared,
    spec: WorkloadSpec,
    plan: BoundaryPlan,
    facts: Facts,
    findings: Findings,
    state: State,
    now: dt.datetime,
) -> Status:
    """Return what is true of a PHIWorkload now."""
    zones = tuple(_zone(declared.name, zone, spec, findings, state) for zone in spec.zones)
    stored = state.statuses.get(declared.name, {})
    zones = tuple(_with_ways_back(zone, stored, state) for zone in zones)
    violations = sum(zone.violation_count for zone in zones)
    volumes = statuses(
        declared.name, spec, facts, state.storage, state.statuses.get(declared.name, {})
    )
    said = (
        conditions.ready(zones),
        conditions.enforced(spec, zones, state, now),
        conditions.isolated(declared, spec, zones, state, now),
        conditions.agreements(plan),
        conditions.encrypted(volumes),
        conditions.current(findings.secrets),
        release_conditions.verified(findings.releases),
        backup_conditions.fresh(findings.backups),
        backup_conditions.recoverable(findings.backups),
        remedy_conditions.rollback_ready(zones, state),
        remedy_conditions.remediated(zones, state),
        conditions.compliant(zones, violations),
        remedy_conditions.conflict(zones, state),
    )
    quarantined = sum(len(_quarantined(state, zone.namespace)) for zone in zones)
    return Status(
        observed_generation=declared.generation,
        conditions=_conditions(declared, state, said, now),
        zones=zones,
        volumes=with_backups(volumes, findings.backups),
        storage_classes=class_statuses(spec, facts, state.storage),
        secrets=findings.secrets,
        violations=violations,
        quarantined=quarantined,
        remediations=tuple(state.remembered(declared.name)),
    )


def unreadable(declared: Declared, state: State, now: dt.datetime) -> Status:
    """Return the status of a declaration that this version cannot read."""
    said = Said(
        ConditionType.READY,
        good=False,
        reason="InvalidSpec",
        message=f"{declared.problem}; what stands of the boundary was left as it is",
    )
    # The rest is kept: what was true of the boundary still is.
    known = Status.model_validate(state.statuses.get(declared.name, {}))
    kept = tuple(entry for entry in known.conditions if entry.type != said.type.value)
    return known.model_copy(
        update={
            "observed_generation": declared.generation,
            "conditions": (*_conditions(declared, state, [said], now), *kept),
        }
    )


def dump(status: Status) -> dict[str, Any]:
    """Return a status as it is written: an empty list says no more than an absent one."""
    dumped = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    for entries in ("zones", "storageClasses", "secrets"):
        dumped[entries] = [_without_empty(entry) for entry in dumped[entries]]
    return _without_empty(dumped)


def _without_empty(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value != []}


def same(written: Mapping[str, Any], stored: Mapping[str, Any]) -> bool:
    """Return whether a stored status says the same already, since whenever."""
    return _timeless(written) == _timeless(stored)


def _timeless(status: Mapping[str, Any]) -> dict[str, Any]:
    conditions = {
        entry["type"]: {k: v for k, v in entry.items() if k != "lastTransitionTime"}
        for entry in status.get("conditions") or ()
    }
    return {**status, "conditions": conditions}


def find(status: Mapping[str, Any], kind: ConditionType) -> Mapping[str, Any]:
    """Return a condition of a stored status, empty if it has none of the kind."""
    found: Mapping[str, Any]
    for found in status.get("conditions") or ():
        if found["type"] == kind.value:
            return found
    return {}


def _zone(
    workload: str, zone: Zone, spec: WorkloadSpec, findings: Findings, state: State
) -> ZoneStatus:
    namespace = zone.namespace_in(workload)
    obstacle = findings.obstacles.get(zone.name)
    if obstacle is not None:
        terminating = obstacle.reason == "NamespaceTerminating"
        return ZoneStatus(
            name=zone.name,
            namespace=namespace,
            state="Terminating" if terminating else "Conflict",
            message=f"{obstacle.reason}: {obstacle.message}",
        )
    verdicts = state.verdicts.get(namespace, {})
    broken = sorted(
        ((name, kind, verdict) for (kind, name), verdict in verdicts.items() if verdict.rules),
        key=_worst_first,
    )
    denied = sum(verdict.denied for _, _, verdict in broken)
    quarantined = _quarantined(state, namespace)
    common: dict[str, Any] = {
        "name": zone.name,
        "namespace": namespace,
        "workloads": len(verdicts),
        "violation_count": denied,
        "warning_count": len(broken) - denied,
        "violations": tuple(
            ObjectViolation(
                kind=kind,
                name=name,
                rules=verdict.rules,
                severity="deny" if verdict.denied else "warn",
                message=verdict.message,
            )
            for name, kind, verdict in broken[:MAX_LISTED]
        ),
        "quarantined": tuple(quarantined[:MAX_LISTED]),
    }
    failure = findings.failures.get(zone.name)
    if failure is not None:
        return ZoneStatus(state="Pending", message=failure[:1000], **common)
    if spec.enforcement is not Enforcement.ENFORCE:
        message = f"enforcement is {spec.enforcement}: violations are not refused"
        return ZoneStatus(state="Observed", message=message, **common)
    return ZoneStatus(state="Enforced", **common)


def _with_ways_back(zone: ZoneStatus, stored: Mapping[str, Any], state: State) -> ZoneStatus:
    without = tuple(islice(remedy_conditions.no_way_back(zone, state), MAX_LISTED))
    if remedy_conditions.untried(zone, state):
        # What was found last is told until it is found anew.
        before = [z for z in stored.get("zones") or () if z["name"] == zone.name]
        without = tuple(before[0].get("withoutWayBack", ())) if before else ()
    return zone.model_copy(update={"without_way_back": without})


def _quarantined(state: State, namespace: str) -> list[str]:
    found = state.quarantined.get(namespace, {}).items()
    return sorted(f"{kind}/{name}" for (kind, name), entry in found if not entry.harmless)


def _worst_first(entry: tuple[str, str, Verdict]) -> tuple[bool, int, str, str]:
    name, kind, verdict = entry
    return (not verdict.denied, -len(verdict.rules), kind, name)


def _conditions(
    declared: Declared, state: State, said: Iterable[Said], now: dt.datetime
) -> tuple[Condition, ...]:
    stored = state.statuses.get(declared.name, {})
    before = {entry["type"]: entry for entry in stored.get("conditions") or ()}
    conditions = []
    for entry in said:
        value = "Unknown" if entry.good is None else str(entry.good)
        known = before.get(entry.type.value)
        since: Any = now.replace(microsecond=0)
        if known is not None and entry.reason == BEING_TESTED:
            conditions.append(Condition.model_validate(known))
            continue
        if known is not None and known.get("status") == value:
            since = known.get("lastTransitionTime", since)
        conditions.append(
            Condition.model_validate(
                {
                    "type": entry.type.value,
                    "status": value,
                    "observedGeneration": declared.generation,
                    "lastTransitionTime": since,
                    "reason": entry.reason,
                    "message": entry.message,
                }
            )
        )
    return tuple(conditions)
