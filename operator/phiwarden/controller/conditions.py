"""The conditions of a PHIWorkload, each from what it speaks of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from phiwarden.api.standing import SecretStatus, VolumeStatus
from phiwarden.api.status import ConditionType, ZoneStatus
from phiwarden.api.workload import Enforcement, WorkloadSpec
from phiwarden.boundary.model import AgreementStanding, AgreementState, BoundaryPlan
from phiwarden.controller.secrets import shortcomings as not_current
from phiwarden.controller.state import Declared, State
from phiwarden.controller.volumes import shortcomings
from phiwarden.probe.proof import doubt
from phiwarden.rotation.verdict import Standing

AGREEMENT_WARNINGS: Final = ("ExpiresWithin30Days", "ExpiresWithin7Days", "Expired")
"""Reasons of AgreementsInForce that are worth an Event."""

_SHOWN: Final = 3
"""Names listed in a condition's message; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Said:
    """A condition before it is known since when it holds."""

    type: ConditionType
    good: bool | None
    """None where it is not known."""
    reason: str
    message: str


def ready(zones: Iterable[ZoneStatus]) -> Said:
    """Return whether the boundary of every zone stands."""
    zones = tuple(zones)
    for bad, reason in (
        ([z for z in zones if z.state == "Conflict"], "NamespaceConflict"),
        ([z for z in zones if z.state == "Terminating"], "NamespaceTerminating"),
        ([z for z in zones if z.state == "Pending"], "ApplyFailed"),
    ):
        if bad:
            message = "; ".join(f"zone {zone.name}: {zone.message}" for zone in bad[:_SHOWN])
            return Said(ConditionType.READY, good=False, reason=reason, message=message)
    return Said(
        ConditionType.READY,
        good=True,
        reason="BoundaryStands",
        message=f"the boundary of all {len(zones)} zones stands",
    )


def enforced(
    spec: WorkloadSpec, zones: Iterable[ZoneStatus], state: State, now: dt.datetime
) -> Said:
    """Return whether the API server refuses what crosses the boundary."""
    kind = ConditionType.BOUNDARY_ENFORCED
    if faults := state.enforcement_faults:
        return Said(
            kind,
            good=False,
            reason="PoliciesAltered",
            message=f"{first(faults)}: install the chart again with helm upgrade",
        )
    if spec.enforcement is not Enforcement.ENFORCE:
        return Said(
            kind,
            good=False,
            reason="NotEnforcing",
            message=f"enforcement is {spec.enforcement}: violations are not refused",
        )
    missing = [zone.name for zone in zones if zone.state != "Enforced"]
    if missing:
        return Said(
            kind,
            good=False,
            reason="ZonesMissing",
            message=f"not enforced in zone {first(missing)}",
        )
    settled = state.enforcement_settled
    if settled is not None and now < settled:
        return Said(
            kind,
            good=False,
            reason="PoliciesSettling",
            message=f"admission policies are new; API servers take them up until {settled:%H:%M:%S} UTC",
        )
    return Said(
        kind,
        good=True,
        reason="PoliciesInForce",
        message="the API server refuses what crosses the boundary",
    )


def isolated(
    declared: Declared,
    spec: WorkloadSpec,
    zones: Iterable[ZoneStatus],
    state: State,
    now: dt.datetime,
) -> Said:
    """Return whether network policies stand, alone, and are proven to be enforced."""
    kind = ConditionType.NETWORK_ISOLATED
    zones = tuple(zones)
    if spec.enforcement is not Enforcement.ENFORCE:
        return Said(
            kind,
            good=False,
            reason="NotEnforcing",
            message=f"enforcement is {spec.enforcement}: no network policy stands yet",
        )
    missing = [zone.name for zone in zones if zone.state not in ("Enforced", "Observed")]
    if missing:
        return Said(
            kind,
            good=False,
            reason="PoliciesMissing",
            message=f"network policies do not all stand in zone {first(missing)}",
        )
    foreign = sorted(
        f"{zone.namespace}/{name}"
        for zone in zones
        for name in state.foreign_policies.get(zone.namespace, ())
    )
    if foreign:
        return Said(
            kind,
            good=False,
            reason="ForeignPolicies",
            message="policies only add up, and these were not written by phiwarden:"
            f" {first(foreign)}",
        )
    unproven = doubt(declared.proof, declared.generation, now)
    if unproven is not None:
        return Said(
            kind,
            good=False,
            reason="EnforcementNotProven",
            message="network policies of all zones stand; whether the network plug-in enforces"
            f" them is not proven: {unproven}",
        )
    assert declared.proof is not None  # else there is a doubt
    return Said(
        kind,
        good=True,
        reason="Proven",
        message="network policies of all zones stand, and packets kept to them when measured"
        f" last, {declared.proof.time:%Y-%m-%d}",
    )


def agreements(plan: BoundaryPlan) -> Said:
    """Return whether every agreement is in force, and warn before one ends."""
    kind = ConditionType.AGREEMENTS_IN_FORCE
    by_state: dict[AgreementStanding, list[AgreementState]] = {}
    for agreement in plan.agreements:
        by_state.setdefault(agreement.state, []).append(agreement)
    if expired := by_state.get(AgreementStanding.EXPIRED):
        closed = f"; closed: {first(plan.closed_flows)}" if plan.closed_flows else ""
        message = f"expired: {first(_named(expired))}{closed}"
        return Said(kind, good=False, reason="Expired", message=message)
    for standing, reason in (
        (AgreementStanding.EXPIRES_WITHIN_7_DAYS, "ExpiresWithin7Days"),
        (AgreementStanding.EXPIRES_WITHIN_30_DAYS, "ExpiresWithin30Days"),
    ):
        if soon := by_state.get(standing):
            message = f"renew, or flows close when the day ends: {first(_named(soon))}"
            return Said(kind, good=True, reason=reason, message=message)
    if not plan.agreements:
        return Said(kind, good=True, reason="NoneNeeded", message="no external has an agreement")
    return Said(kind, good=True, reason="InForce", message=f"{len(plan.agreements)} in force")


def encrypted(volumes: tuple[VolumeStatus, ...]) -> Said:
    """Return whether every claim that must be is proven to be encrypted."""
    kind = ConditionType.VOLUMES_ENCRYPTED
    for reason, entries in shortcomings(volumes):
        listed = first([f"{entry.zone}/{entry.name} ({entry.evidence})" for entry in entries])
        return Said(kind, good=False, reason=reason, message=f"{_VOLUMES[reason]}: {listed}")
    if not volumes:
        return Said(kind, good=True, reason="NoClaims", message="no zone has a claim")
    attested = sum(entry.standing == "Attested" for entry in volumes)
    more = f", {attested} of them by somebody's word" if attested else ""
    message = f"{len(volumes)} claims are encrypted as declared{more}"
    return Said(kind, good=True, reason="Attested" if attested else "Proven", message=message)


_VOLUMES: Final = {
    "ClaimLost": "claims that were made are gone; to have new, empty ones declare other names",
    "Unencrypted": "claims are not encrypted as they must be",
    "Withheld": "volumes are not made, since their class does not prove what is asked of it",
    "Unproven": "nothing shows whether claims are encrypted",
}


def current(secrets: tuple[SecretStatus, ...]) -> Said:
    """Return whether every declared secret is there, complete and young enough."""
    kind = ConditionType.SECRETS_CURRENT
    for reason, entries in not_current(secrets):
        listed = first([f"{entry.zone}/{entry.name} ({entry.evidence})" for entry in entries])
        good = None if reason == Standing.UNPROVEN.value else False
        return Said(kind, good=good, reason=reason, message=f"{_SECRETS[reason]}: {listed}")
    if not secrets:
        return Said(kind, good=True, reason="NoSecrets", message="no secret is declared")
    old = [f"{holder} of {s.zone}/{s.name}" for s in secrets for holder in s.holding]
    if old:
        message = f"running with an older value: {first(old)}"
        return Said(kind, good=False, reason="OldValueHeld", message=message)
    attested = sum(entry.standing == Standing.ATTESTED.value for entry in secrets)
    more = f", {attested} of them by somebody's word" if attested else ""
    reason = "Attested" if attested else "Current"
    return Said(kind, good=True, reason=reason, message=f"{len(secrets)} secrets are current{more}")


_SECRETS: Final = {
    "Missing": "secrets are not there",
    "Incomplete": "secrets lack entries",
    "WrongType": "secrets are of another type than declared",
    "Expired": "certificates have ended, and nothing new is rolled out with them",
    "Expiring": "certificates end soon, and nothing new is rolled out with them",
    "Overdue": "secrets are older than they may be, and nothing new is rolled out with them",
    "NotSynced": "stores could not deliver secrets",
    "Unproven": "nothing shows how old secrets are",
}


def _named(agreements: Iterable[AgreementState]) -> list[str]:
    return [f"{a.external} ({a.reference}) {a.expires.isoformat()}" for a in agreements]


def compliant(zones: Iterable[ZoneStatus], violations: int) -> Said:
    """Return whether what runs keeps the rules that deny."""
    zones = tuple(zones)
    unseen = [zone.name for zone in zones if zone.state in ("Conflict", "Terminating")]
    if unseen and not violations:
        return Said(
            ConditionType.COMPLIANT,
            good=None,
            reason="NotJudged",
            message=f"what runs in zone {first(unseen)} was not judged",
        )
    if not violations:
        running = sum(zone.workloads for zone in zones)
        warned = sum(zone.warning_count for zone in zones)
        more = f"; {warned} of them break rules that only warn" if warned else ""
        return Said(
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
    return Said(
        ConditionType.COMPLIANT,
        good=False,
        reason="Violations",
        message=f"{violations} of what runs break rules: {first(worst)}",
    )


def first(names: Iterable[str]) -> str:
    """Return the first of some names, and how many more there are."""
    names = tuple(names)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
