"""How far a rollout is, for every kind that has one, by what its controller reports."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

from phiwarden.api.rollback import Rollback
from phiwarden.api.workload import ClinicalImpact
from phiwarden.remediation.history import REVISION_HASH, author_of_template

ROLLING: Final = ("Deployment", "StatefulSet", "DaemonSet")
"""Kinds whose pods are replaced, a few at a time, when their template changes."""


class Stage(StrEnum):
    """How far."""

    WORKS = "Works"
    """Every pod is of the newest template, and available."""
    MOVING = "Moving"
    FAILED = "Failed"
    """Its controller says that it made no progress for too long."""
    IDLE = "Idle"
    """No pod is asked for, or none is replaced by itself: see `by_hand`."""


def stage(body: Mapping[str, Any]) -> Stage:
    """Return how far the rollout of a Deployment, StatefulSet or DaemonSet is.

    Args:
        body: as the API server has it, with its kind.
    """
    status = body.get("status") or {}
    if not _observed(body):
        return Stage.MOVING
    wanted, _ = replicas(body)
    if wanted == 0:
        return Stage.IDLE
    if body["kind"] == "DaemonSet":
        updated, there = status.get("updatedNumberScheduled", 0), wanted
        available = status.get("numberAvailable", 0)
    else:
        updated, there = status.get("updatedReplicas", 0), status.get("replicas", 0)
        available = status.get("availableReplicas", 0)
    if updated >= wanted and there <= updated and available >= wanted:
        return Stage.WORKS
    if by_hand(body):
        return Stage.IDLE
    return Stage.FAILED if _gave_up(body) else Stage.MOVING


def _observed(body: Mapping[str, Any]) -> bool:
    """Return whether its controller has taken up a workload as it is now."""
    seen = (body.get("status") or {}).get("observedGeneration")
    return bool(seen == body["metadata"].get("generation"))


def _gave_up(body: Mapping[str, Any]) -> bool:
    """Return whether the deployment controller gave up the template that stands now.

    It says so of the one before until the next, brought back from an old ReplicaSet, gets further.
    """
    progressing = _condition(body.get("status") or {}, "Progressing")
    if progressing.get("reason") != "ProgressDeadlineExceeded":
        return False
    told, written = _told_at(progressing), _written_at(body)
    return told is None or written is None or written <= told


def _told_at(condition: Mapping[str, Any]) -> dt.datetime | None:
    told = condition.get("lastUpdateTime")
    return dt.datetime.fromisoformat(told) if told else None


def _written_at(body: Mapping[str, Any]) -> dt.datetime | None:
    author = author_of_template(body)
    return dt.datetime.fromisoformat(author.time) if author is not None and author.time else None


def replicas(body: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many pods there should be, and how many are ready."""
    status = body.get("status") or {}
    if body["kind"] == "DaemonSet":
        return status.get("desiredNumberScheduled", 0), status.get("numberReady", 0)
    return body["spec"].get("replicas", 1), status.get("readyReplicas", 0)


def progressed_at(body: Mapping[str, Any], pods: Iterable[Mapping[str, Any]]) -> dt.datetime | None:
    """Return when a rollout that is under way got further last; None if nothing tells.

    Nothing does until its controller has taken it up. After that no rollout got further than it
    began: what a Deployment says of its progress can be that of the rollout before.

    Args:
        body: a Deployment, StatefulSet or DaemonSet.
        pods: of a StatefulSet or DaemonSet: neither reports it, and their pods do.
    """
    if not _observed(body):
        return None
    told = _told_at(_condition(body.get("status") or {}, "Progressing"))
    ready = (dt.datetime.fromisoformat(time) for pod in pods if (time := _ready_since(pod)))
    return max((at for at in (told, _written_at(body), *ready) if at is not None), default=None)


def _ready_since(pod: Mapping[str, Any]) -> str | None:
    ready = _condition(pod.get("status") or {}, "Ready")
    return ready.get("lastTransitionTime") if ready.get("status") == "True" else None


def failed(
    body: Mapping[str, Any],
    pods: Iterable[Mapping[str, Any]],
    deadline: dt.timedelta,
    now: dt.datetime,
) -> bool:
    """Return whether a rollout failed: its controller says so, or it got no further for too long.

    Args:
        body: a Deployment, StatefulSet or DaemonSet.
        pods: its own; not needed for a Deployment.
        deadline: how long is too long.
        now: the time.
    """
    found = stage(body)
    since = progressed_at(body, pods) if found is Stage.MOVING else None
    return found is Stage.FAILED or (since is not None and now >= since + deadline)


def takes_back(impact: str, rollback: Rollback) -> bool:
    """Return whether a rollout that failed goes back, although it keeps the rules."""
    return rollback.on_failed_rollout and impact != ClinicalImpact.ADMINISTRATIVE


def in_the_way(
    body: Mapping[str, Any], pods: Iterable[Mapping[str, Any]]
) -> tuple[Mapping[str, Any], ...]:
    """Return the pods that keep a StatefulSet from going on, and that it waits for, for ever.

    One that updates its pods in order waits for each to become ready, even for
    one whose template was taken back since. Known for long:
    https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback

    Args:
        body: the StatefulSet.
        pods: its pods.
    """
    spec, status = body["spec"], body.get("status") or {}
    ordered = spec.get("podManagementPolicy", "OrderedReady") == "OrderedReady"
    updates = (spec.get("updateStrategy") or {}).get("type", "RollingUpdate") == "RollingUpdate"
    newest = status.get("updateRevision")
    if not (ordered and updates and _observed(body) and newest):
        return ()
    return tuple(
        pod
        for pod in pods
        if (pod["metadata"].get("labels") or {}).get(REVISION_HASH) != newest
        and "deletionTimestamp" not in pod["metadata"]
        and _ready_since(pod) is None
    )


def may_miss_all(body: Mapping[str, Any]) -> bool:
    """Return whether a rollout may take every pod away before a new one is there."""
    spec = body["spec"]
    strategy = spec.get("strategy") or spec.get("updateStrategy") or {}
    if strategy.get("type", "RollingUpdate") == "Recreate":
        return True
    wanted, _ = replicas(body)
    if body["kind"] == "StatefulSet" and wanted == 1:
        return True  # the one pod is stopped before it is made anew
    rolling = strategy.get("rollingUpdate") or {}
    most = rolling.get("maxUnavailable")
    if most is None:
        return False
    share = str(most).removesuffix("%")
    if not share.isdecimal():
        return True
    missed = int(share)
    if share != str(most):
        # Kubernetes rounds down for a Deployment, and up for the others.
        missed = (missed * wanted + (0 if body["kind"] == "Deployment" else 99)) // 100
    if missed == 0 and rolling.get("maxSurge") in (0, "0%"):
        missed = 1  # what may neither be missed nor be made first would never roll out
    return missed >= wanted


def by_hand(body: Mapping[str, Any]) -> str:
    """Return why a new template reaches no pod, or not all, by itself; "" if it does."""
    strategy = body["spec"].get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return "its strategy is OnDelete: each pod has to be deleted by hand"
    if (strategy.get("rollingUpdate") or {}).get("partition"):
        return "its partition keeps pods as they are"
    return ""


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    found: Mapping[str, Any]
    for found in status.get("conditions") or ():
        if found.get("type") == kind:
            return found
    return {}
