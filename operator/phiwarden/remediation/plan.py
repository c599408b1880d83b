"""What becomes of a Deployment that breaks rules in a zone that enforces.

Care comes first: nothing here stops a direct-care workload. It goes back to
a compliant revision if there is one; otherwise it keeps running, its pods may
still be replaced, and only what is not treatment is cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from phiwarden.api.workload import ClinicalImpact
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.boundary.model import Quarantine
from phiwarden.remediation import pods
from phiwarden.remediation.history import Revision
from phiwarden.rulebook.evaluate import Judge
from phiwarden.rulebook.failures import Failure
from phiwarden.rulebook.model import Severity

REMEDIED: Final = ("Deployment", "StatefulSet", "DaemonSet", "Pod")
"""Kinds that are put back, cut off or, in direct care, kept running though they break rules."""


class Action(StrEnum):
    """What is done; also the reason of the Event that tells of it."""

    ROLL_BACK = "RolledBack"
    HOLD = "Held"
    ISOLATE = "Isolated"
    SCALE_TO_ZERO = "ScaledToZero"
    LEAVE = "LeftAlone"
    RELEASE = "Released"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with one object, and why.

    Attributes:
        action: what.
        why: for a person; names no values of the object.
        target: the revision to go back to, for ROLL_BACK.
        quarantine: value of the quarantine label of the pods, for HOLD and ISOLATE.
        held: whether lost pods must be replaced although they break rules.
        harmless: whether what it breaks costs reliability and no boundary.
    """

    action: Action
    why: str
    target: Revision | None = None
    quarantine: Quarantine | None = None
    held: bool = False
    harmless: bool = False


def needs_history(kind: str, failures: Sequence[Failure]) -> bool:
    """Return whether `decide` asks for the revisions of an object of that kind."""
    return kind == "Deployment" and _mendable(failures)


def decide(
    body: Mapping[str, Any],
    boundary: ZoneBoundary,
    failures: Sequence[Failure],
    history: Sequence[Revision],
    judge: Judge,
) -> Plan:
    """Return what becomes of an object that runs in a zone that enforces, and is denied there.

    Args:
        body: as the API server has it, with its kind: one of REMEDIED.
        boundary: of the zone.
        failures: the rules that deny it.
        history: revisions of a Deployment, newest first; see `needs_history`.
        judge: the rulebook, which says what revision keeps the rules.
    """
    kind = body["kind"]
    if kind == "Pod":
        impact = ClinicalImpact(boundary.impact)
        return pods.plan_for_pod(body, impact, mendable=_mendable(failures))
    if not _mendable(failures):
        at_pods = any(failure.at_pods for failure in failures)
        return tolerate(held=at_pods and boundary.impact == ClinicalImpact.DIRECT_CARE)
    if kind != "Deployment":
        if boundary.impact == ClinicalImpact.DIRECT_CARE:
            return hold(f"a {kind} is not rolled back")
        return Plan(Action.LEAVE, f"a {kind} is neither rolled back nor stopped")

    def complies(template: Mapping[str, Any]) -> bool:
        probe = {"kind": kind, "metadata": {}, "spec": {"template": template}}
        found = judge.failures(probe, boundary)
        return not _mendable([f for f in found if f.severity is Severity.DENY])

    return plan_for(body, ClinicalImpact(boundary.impact), history, complies)


def _mendable(failures: Sequence[Failure]) -> bool:
    return any(failure.mendable for failure in failures)


def tolerate(*, held: bool) -> Plan:
    """Return the plan for what breaks rules that cost reliability and no boundary.

    Args:
        held: whether its lost pods must be replaced although rules refuse them.
    """
    return Plan(
        Action.LEAVE,
        "what it breaks costs reliability and no boundary: it is listed, and refused when it is"
        " next changed",
        held=held,
        harmless=True,
    )


def hold(because: str) -> Plan:
    """Return the plan that keeps direct care running, apart from all but treatment."""
    return Plan(
        Action.HOLD,
        f"{because}; direct care is kept running, cut off from every egress but its flows for"
        " treatment",
        quarantine=Quarantine.CARE,
        held=True,
    )


def plan_for(
    deployment: Mapping[str, Any],
    impact: ClinicalImpact,
    history: Sequence[Revision],
    complies: Callable[[Mapping[str, Any]], bool],
) -> Plan:
    """Return the plan for a Deployment whose template breaks a rule.

    Args:
        deployment: as the API server has it.
        impact: clinical impact of its workload.
        history: its revisions, newest first.
        complies: whether a pod template keeps the rules of the zone.
    """
    spec = deployment["spec"]
    if deployment["metadata"].get("deletionTimestamp"):
        return Plan(Action.LEAVE, "it is being deleted")
    if spec.get("paused"):
        # Left alone, but direct care must not lose a pod over it.
        return Plan(
            Action.LEAVE,
            "its rollout is paused by somebody who is working on it",
            held=impact is ClinicalImpact.DIRECT_CARE,
        )
    for revision in history:
        if complies(revision.template):
            return Plan(
                Action.ROLL_BACK,
                f"revision {revision.number} is the newest one that keeps the rules",
                target=revision,
            )
    match impact:
        case ClinicalImpact.DIRECT_CARE:
            return hold("no revision keeps the rules")
        case ClinicalImpact.CARE_SUPPORT:
            return Plan(
                Action.ISOLATE,
                "no revision keeps the rules; it is kept running, cut off from every flow",
                quarantine=Quarantine.FULL,
            )
        case ClinicalImpact.ADMINISTRATIVE:
            return Plan(
                Action.SCALE_TO_ZERO,
                "no revision keeps the rules; an administrative workload is stopped",
            )
