"""What the status says: pure, from the plan and what was found."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from phiwarden.api.status import (
    MAX_LISTED,
    Condition,
    ConditionType,
    ObjectViolation,
    VolumeStatus,
    WorkloadStatus,
    ZoneStatus,
)
from phiwarden.api.workload import Enforcement, WorkloadSpec, Zone
from phiwarden.boundary.claims import Obstacle
from phiwarden.boundary.model import AgreementStanding, AgreementState, BoundaryPlan, Facts
from phiwarden.controller.state import Declared, State, Verdict
from phiwarden.controller.volumes import shortcomings, statuses
from phiwarden.probe.proof import doubt

Status = WorkloadStatus

AGREEMENT_WARNINGS: Final = ("ExpiresWithin30Days", "ExpiresWithin7Days", "Expired")
"""Reasons of AgreementsInForce that are worth an Event."""

_SHOWN: Final = 3
"""Names listed in a condition's message; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What stood in the way of a plan, by zone.

    Attributes:
        obstacles: zones whose namespace is not ours to take.
        failures: zones that could not be written, with the API server's words.
    """

    obstacles: Mapping[str, Obstacle] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Said:
    """A condition before it is known since when it holds."""

    type: ConditionType
    good: bool | None
    """None where it is not known."""
    reason: str
    message: str


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
    violations = sum(zone.violation_count for zone in zones)
    volumes = statuses(
        declared.name, spec, facts, state.storage, state.statuses.get(declared.name, {})
    )
    said = (
        _ready(zones),
        _enforced(spec, zones, state, now),
        _isolated(declared, spec, zones, state, now),
        _agreements(plan),
        _encrypted(volumes),
        _compliant(zones, violations),
    )
    quarantined = sum(len(_quarantined(state, zone.namespace)) for zone in zones)
    return Status(
        observed_generation=declared.generation,
        conditions=_conditions(declared, state, said, now),
        zones=zones,
        volumes=volumes,
        violations=violations,
        quarantined=quarantined,
        remediations=tuple(state.remembered(declared.name)),
    )


def unreadable(declared: Declared, state: State, now: dt.datetime) -> Status:
    """Return the status of a declaration that this version cannot read."""
    said = _Said(
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
    dumped["zones"] = [_without_empty(zone) for zone in dumped["zones"]]
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


def _quarantined(state: State, namespace: str) -> list[str]:
    found = state.quarantined.get(namespace, {}).items()
    return sorted(f"{kind}/{name}" for (kind, name), entry in found if not entry.harmless)


def _worst_first(entry: tuple[str, str, Verdict]) -> tuple[bool, int, str, str]:
    name, kind, verdict = entry
    return (not verdict.denied, -len(verdict.rules), kind, name)


def _ready(zones: Iterable[ZoneStatus]) -> _Said:
    zones = tuple(zones)
    for bad, reason in (
        ([z for z in zones if z.state == "Conflict"], "NamespaceConflict"),
        ([z for z in zones if z.state == "Terminating"], "NamespaceTerminating"),
        ([z for z in zones if z.state == "Pending"], "ApplyFailed"),
    ):
        if bad:
            message = "; ".join(f"zone {zone.name}: {zone.message}" for zone in bad[:_SHOWN])
            return _Said(ConditionType.READY, good=False, reason=reason, message=message)
    return _Said(
        ConditionType.READY,
        good=True,
        reason="BoundaryStands",
        message=f"the boundary of all {len(zones)} zones stands",
    )


def _enforced(
    spec: WorkloadSpec, zones: Iterable[ZoneStatus], state: State, now: dt.datetime
) -> _Said:
    kind = ConditionType.BOUNDARY_ENFORCED
    if faults := state.enforcement_faults:
        return _Said(
            kind,
            good=False,
            reason="PoliciesAltered",
            message=f"{_first(faults)}: install the chart again with helm upgrade",
        )
    if spec.enforcement is not Enforcement.ENFORCE:
        return _Said(
            kind,
            good=False,
            reason="NotEnforcing",
            message=f"enforcement is {spec.enforcement}: violations are not refused",
        )
    missing = [zone.name for zone in zones if zone.state != "Enforced"]
    if missing:
        return _Said(
            kind,
            good=False,
            reason="ZonesMissing",
            message=f"not enforced in zone {_first(missing)}",
        )
    settled = state.enforcement_settled
    if settled is not None and now < settled:
        return _Said(
            kind,
            good=False,
            reason="PoliciesSettling",
            message=f"admission policies are new; API servers take them up until {settled:%H:%M:%S} UTC",
        )
    return _Said(
        kind,
        good=True,
        reason="PoliciesInForce",
        message="the API server refuses what crosses the boundary",
    )


def _isolated(
    declared: Declared,
    spec: WorkloadSpec,
    zones: Iterable[ZoneStatus],
    state: State,
    now: dt.datetime,
) -> _Said:
    kind = ConditionType.NETWORK_ISOLATED
    zones = tuple(zones)
    if spec.enforcement is not Enforcement.ENFORCE:
        return _Said(
            kind,
            good=False,
            reason="NotEnforcing",
            message=f"enforcement is {spec.enforcement}: no network policy stands yet",
        )
    missing = [zone.name for zone in zones if zone.state not in ("Enforced", "Observed")]
    if missing:
        return _Said(
            kind,
            good=False,
            reason="PoliciesMissing",
            message=f"network policies do not all stand in zone {_first(missing)}",
        )
    foreign = sorted(
        f"{zone.namespace}/{name}"
        for zone in zones
        for name in state.foreign_policies.get(zone.namespace, ())
    )
    if foreign:
        return _Said(
            kind,
            good=False,
            reason="ForeignPolicies",
            message="policies only add up, and these were not written by phiwarden:"
            f" {_first(foreign)}",
        )
    unproven = doubt(declared.proof, declared.generation, now)
    if unproven is not None:
        return _Said(
            kind,
            good=False,
            reason="EnforcementNotProven",
            message="network policies of all zones stand; whether the network plug-in enforces"
            f" them is not proven: {unproven}",
        )
    assert declared.proof is not None  # else there is a doubt
    return _Said(
        kind,
        good=True,
        reason="Proven",
        message="network policies of all zones stand, and packets kept to them when measured"
        f" last, {declared.proof.time:%Y-%m-%d}",
    )


def _agreements(plan: BoundaryPlan) -> _Said:
    kind = ConditionType.AGREEMENTS_IN_FORCE
    by_state: dict[AgreementStanding, list[AgreementState]] = {}
    for agreement in plan.agreements:
        by_state.setdefault(agreement.state, []).append(agreement)
    if expired := by_state.get(AgreementStanding.EXPIRED):
        closed = f"; closed: {_first(plan.closed_flows)}" if plan.closed_flows else ""
        message = f"expired: {_first(_named(expired))}{closed}"
        return _Said(kind, good=False, reason="Expired", message=message)
    for standing, reason in (
        (AgreementStanding.EXPIRES_WITHIN_7_DAYS, "ExpiresWithin7Days"),
        (AgreementStanding.EXPIRES_WITHIN_30_DAYS, "ExpiresWithin30Days"),
    ):
        if soon := by_state.get(standing):
            message = f"renew, or flows close when the day ends: {_first(_named(soon))}"
            return _Said(kind, good=True, reason=reason, message=message)
    if not plan.agreements:
        return _Said(kind, good=True, reason="NoneNeeded", message="no external has an agreement")
    return _Said(kind, good=True, reason="InForce", message=f"{len(plan.agreements)} in force")


def _encrypted(volumes: tuple[VolumeStatus, ...]) -> _Said:
    kind = ConditionType.VOLUMES_ENCRYPTED
    for reason, entries in shortcomings(volumes):
        listed = _first([f"{entry.zone}/{entry.name} ({entry.evidence})" for entry in entries])
        return _Said(kind, good=False, reason=reason, message=f"{_VOLUMES[reason]}: {listed}")
    if not volumes:
        return _Said(kind, good=True, reason="NoClaims", message="no zone has a claim")
    attested = sum(entry.standing == "Attested" for entry in volumes)
    more = f", {attested} of them by somebody's word" if attested else ""
    message = f"{len(volumes)} claims are encrypted as declared{more}"
    return _Said(kind, good=True, reason="Attested" if attested else "Proven", message=message)


_VOLUMES: Final = {
    "ClaimLost": "claims that were made are gone; to have new, empty ones declare other names",
    "Unencrypted": "claims are not encrypted as they must be",
    "Withheld": "volumes are not made, since their class does not prove what is asked of it",
    "Unproven": "nothing shows whether claims are encrypted",
}


def _named(agreements: Iterable[AgreementState]) -> list[str]:
    return [f"{a.external} ({a.reference}) {a.expires.isoformat()}" for a in agreements]


def _compliant(zones: Iterable[ZoneStatus], violations: int) -> _Said:
    zones = tuple(zones)
    unseen = [zone.name for zone in zones if zone.state in ("Conflict", "Terminating")]
    if unseen and not violations:
        return _Said(
            ConditionType.COMPLIANT,
            good=None,
            reason="NotJudged",
            message=f"what runs in zone {_first(unseen)} was not judged",
        )
    if not violations:
        running = sum(zone.workloads for zone in zones)
        warned = sum(zone.warning_count for zone in zones)
        more = f"; {warned} of them break rules that only warn" if warned else ""
        return _Said(
            ConditionType.COMPLIANT,
            good=True,
            reason="NoViolations",
            message=f"{running} workload objects keep the rules that deny{more}",
        )
    worst = [
        f"{zone.namespace}/{entry.kind}/{entry.name} ({', '.join(entry.rules[:_SHOWN])})"
        for zone in zones
        for entry in zone.violations
        if entry.severity == "deny"
    ]
    return _Said(
        ConditionType.COMPLIANT,
        good=False,
        reason="Violations",
        message=f"{violations} of what runs break rules: {_first(worst)}",
    )


def _first(names: Iterable[str]) -> str:
    names = tuple(names)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _conditions(
    declared: Declared, state: State, said: Iterable[_Said], now: dt.datetime
) -> tuple[Condition, ...]:
    stored = state.statuses.get(declared.name, {})
    before = {entry["type"]: entry for entry in stored.get("conditions") or ()}
    conditions = []
    for entry in said:
        value = "Unknown" if entry.good is None else str(entry.good)
        known = before.get(entry.type.value)
        since: Any = now.replace(microsecond=0)
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
