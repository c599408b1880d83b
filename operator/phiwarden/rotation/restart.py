"""Whether what runs with an older value of a secret is rolled over.

Care comes first: in direct care one workload of a zone at a time, never the
only replica, and nothing that would take every pod away at once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal

from phiwarden.api import names
from phiwarden.api.vocabulary import ClinicalImpact, Enforcement
from phiwarden.remediation.rollout import may_miss_all, replicas
from phiwarden.rotation.model import SKEW
from phiwarden.rotation.times import moment

_LEAST: Final = 2
"""Replicas of direct care that one of them can be missed of."""


class Step(StrEnum):
    """What is done now."""

    RESTART = "Restart"
    ROLLING = "Rolling"
    """It was rolled over for this rotation, and is on its way."""
    WAIT = "Wait"
    """It is rolled over once something else is done."""
    REPORT = "Report"
    """It is left to people."""


@dataclass(frozen=True, slots=True)
class Course:
    """What is done with one workload, and why.

    Attributes:
        step: what.
        why: for a person.
    """

    step: Step
    why: str


def decide(
    body: Mapping[str, Any],
    rotated: dt.datetime,
    now: dt.datetime,
    *,
    impact: ClinicalImpact,
    enforcement: Enforcement,
    on_rotation: Literal["Restart", "Report"],
    others_rolling: bool,
    denied: bool = False,
) -> Course:
    """Return what is done with a workload that runs with an older value of a secret.

    Args:
        body: a Deployment, StatefulSet or DaemonSet as the API server has it, with its kind.
        rotated: when the secret got its value.
        now: the time; a template that says that it was rolled over later than that is not believed.
        impact: clinical impact of the declaration.
        enforcement: its level.
        on_rotation: what the declaration of the secret asks for.
        others_rolling: whether another workload of the zone is being rolled over.
        denied: whether it breaks a rule that denies.
    """
    spec, metadata = body["spec"], body["metadata"]
    if on_rotation == "Report":
        return Course(Step.REPORT, "its restart is left to people (onRotation)")
    if enforcement is not Enforcement.ENFORCE:
        return Course(Step.REPORT, f"enforcement is {enforcement}")
    if metadata.get("deletionTimestamp"):
        return Course(Step.REPORT, "it is being deleted")
    if under_way(body, rotated, now):
        # Paused half way, too: nothing else of the zone begins meanwhile.
        return Course(Step.ROLLING, "it is being rolled over")
    if spec.get("paused"):
        return Course(Step.REPORT, "its rollout is paused by somebody who is working on it")
    strategy = spec.get("strategy") or spec.get("updateStrategy") or {}
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return Course(
            Step.REPORT, f"its strategy is {strategy['type']}, so it cannot be rolled over"
        )
    if (strategy.get("rollingUpdate") or {}).get("partition"):
        return Course(Step.REPORT, "its partition keeps pods from being rolled over")
    if denied:
        return Course(Step.REPORT, "it breaks rules: its new pods would be refused")
    if impact is ClinicalImpact.DIRECT_CARE:
        return _with_care(body, others_rolling=others_rolling)
    return Course(Step.RESTART, "it is rolled over")


def under_way(body: Mapping[str, Any], rotated: dt.datetime, now: dt.datetime) -> bool:
    """Return whether a workload was rolled over for a rotation, and is not through yet.

    What says that it was rolled over in the future is not believed.
    """
    return rotated <= _restarted(body) <= now + SKEW and not _through(body)


def _through(body: Mapping[str, Any]) -> bool:
    status, metadata = body.get("status") or {}, body["metadata"]
    wanted, ready = replicas(body)
    updated = status.get("updatedNumberScheduled", status.get("updatedReplicas", 0))
    seen = status.get("observedGeneration") == metadata.get("generation")
    return bool(seen) and updated >= wanted and ready >= wanted


def _with_care(body: Mapping[str, Any], *, others_rolling: bool) -> Course:
    wanted, ready = replicas(body)
    if wanted < _LEAST:
        return Course(Step.REPORT, "direct care on a single replica is not restarted")
    if may_miss_all(body):
        return Course(Step.REPORT, "a rollout might take every pod away at once (maxUnavailable)")
    if others_rolling:
        return Course(Step.WAIT, "another workload of the zone is being rolled over")
    if ready < wanted:
        return Course(Step.WAIT, f"{ready} of {wanted} replicas are ready")
    return Course(Step.RESTART, "it is rolled over")


def started_before(pod: Mapping[str, Any], rotated: dt.datetime) -> bool:
    """Return whether a pod runs that may have been made before a secret got its value.

    Times are in whole seconds: one of the same second counts, unless it was made for the rotation.
    A note of a rotation that was yet to come when the pod was made is not ours.
    """
    metadata = pod["metadata"]
    ended = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    if ended or "deletionTimestamp" in metadata:
        return False
    made = dt.datetime.fromisoformat(metadata["creationTimestamp"])
    return made <= rotated and not rotated <= _noted(metadata) <= made + SKEW


def _restarted(body: Mapping[str, Any]) -> dt.datetime:
    """Return for which rotation a workload was rolled over last."""
    return _noted(body["spec"]["template"].get("metadata") or {})


def _noted(metadata: Mapping[str, Any]) -> dt.datetime:
    noted = moment((metadata.get("annotations") or {}).get(names.RESTARTED_AT))
    return noted if noted is not None else dt.datetime.min.replace(tzinfo=dt.UTC)
