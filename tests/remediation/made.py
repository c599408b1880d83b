"""Workloads, their revisions and what is remembered of them, for tests."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Mapping
from typing import Any

from phiwarden.api.history import Act, Worked
from phiwarden.remediation.deeds import CHANGING, Plan
from phiwarden.remediation.memory import NOTHING, Memory, done, intending
from phiwarden.remediation.plan import template_digest
from phiwarden.remediation.steps import Change, changes
from phiwarden.rulebook.examples import manifest, pod_template
from phiwarden.rulebook.model import Example
from phiwarden.rulebook.shapes import WORKLOADS, Kind

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)

UID = "11111111-1111-1111-1111-111111111111"
OTHER = "22222222-2222-2222-2222-222222222222"

KINDS: dict[str, Kind] = {kind.kind: kind for kind in WORKLOADS.kinds} | {
    "CronJob": Kind("batch", "v1", "CronJob", "cronjobs"),
    "Job": Kind("batch", "v1", "Job", "jobs"),
}


def good(release: str = "1") -> dict[str, Any]:
    """Return a template that keeps the rules."""
    return pod_template(Example(container={"env": [{"name": "RELEASE", "value": release}]}))


def bad(release: str = "1") -> dict[str, Any]:
    """Return a template that breaks a rule over which it is put back."""
    changed = {"image": "app:1.0", "env": [{"name": "RELEASE", "value": release}]}
    return pod_template(Example(container=changed))


def loose(release: str = "1") -> dict[str, Any]:
    """Return a template that breaks a rule that costs reliability alone."""
    changed = {"resources": None, "env": [{"name": "RELEASE", "value": release}]}
    return pod_template(Example(container=changed))


def stamp(moment: dt.datetime) -> str:
    """Return a time as the API server writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def workload(
    kind: str,
    template: Mapping[str, Any],
    *,
    metadata: Mapping[str, Any] | None = None,
    status: Mapping[str, Any] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    """Return a workload as the API server has it."""
    body = manifest(KINDS[kind], copy.deepcopy(dict(template)), "api")
    return {
        **body,
        "metadata": {
            "name": "api",
            "namespace": "clinic",
            "uid": UID,
            "generation": 1,
            "resourceVersion": "1",
            **(metadata or {}),
        },
        "spec": {**body["spec"], **spec},
        "status": dict(status or {}),
    }


def written(
    at: dt.datetime, manager: str = "kubectl-client-side-apply", field: str = "f:template"
) -> dict[str, Any]:
    """Return metadata that say who wrote a field of the spec, and when."""
    entry = {"manager": manager, "time": stamp(at), "fieldsV1": {"f:spec": {field: {}}}}
    return {"managedFields": [entry]}


def replica_set(
    number: int, template: Mapping[str, Any], *, uid: str = UID, available: int = 0, **metadata: Any
) -> dict[str, Any]:
    """Return a ReplicaSet as the deployment controller makes it."""
    kept = copy.deepcopy(dict(template))
    kept["metadata"] = {
        "creationTimestamp": None,
        **kept.get("metadata", {}),
        "labels": {**kept.get("metadata", {}).get("labels", {}), "pod-template-hash": f"h{number}"},
    }
    return {
        "metadata": {
            "name": f"api-h{number}",
            "annotations": {"deployment.kubernetes.io/revision": str(number)},
            "ownerReferences": [{"kind": "Deployment", "uid": uid, "controller": True}],
            **metadata,
        },
        "spec": {"template": kept},
        "status": {"availableReplicas": available} if available else {},
    }


def controller_revision(
    number: int, template: Mapping[str, Any], *, uid: str = UID
) -> dict[str, Any]:
    """Return a ControllerRevision as the controllers of the other two kinds make it."""
    kept = {"$patch": "replace", **copy.deepcopy(dict(template))}
    kept["metadata"] = {"creationTimestamp": None, **kept.get("metadata", {})}
    return {
        "metadata": {
            "name": f"api-{number}",
            "ownerReferences": [{"kind": "StatefulSet", "uid": uid, "controller": True}],
        },
        "data": {"spec": {"template": kept}},
        "revision": number,
    }


def act(template: str, **fields: Any) -> Act:
    """Return a deed: by default a put-back for a violation."""
    usual = {"time": NOW, "action": "RolledBack", "message": "it was put back"}
    return Act(template=template, **{**usual, **fields})


def working(*templates: str, at: dt.datetime = NOW - HOUR) -> Memory:
    """Return the memory of templates that worked, newest first."""
    return Memory(worked=tuple(Worked(template=each, time=at) for each in templates))


def act_of(plan: Plan, body: Mapping[str, Any], at: dt.datetime = NOW) -> Act:
    """Return the deed that carries a plan out."""
    target = plan.target
    return Act(
        time=at,
        action=plan.action.value,
        cause=plan.cause,
        template=template_digest(body),
        to_template=target.digest if target is not None else None,
        replicas=body["spec"].get("replicas") if plan.action.value == "ScaledToZero" else None,
        message=plan.why,
    )


def carried_out(
    plan: Plan, body: dict[str, Any], memory: Memory = NOTHING, at: dt.datetime = NOW
) -> tuple[dict[str, Any], Memory]:
    """Return a workload, and what is remembered of it, once a plan was carried out."""
    if plan.action not in CHANGING or not changes(plan, body):
        return body, memory
    remembered = done(intending(memory, act_of(plan, body, at)))
    return patched(body, changes(plan, body)), remembered


def patched(body: Mapping[str, Any], operations: tuple[Change, ...]) -> dict[str, Any]:
    """Return an object once the API server took a JSON Patch of it: `add` and `replace` alone."""
    changed: dict[str, Any] = copy.deepcopy(dict(body))
    for operation in operations:
        *way, last = operation["path"].removeprefix("/").split("/")
        place = changed
        for step in way:
            place = place[step]
        assert operation["op"] == "add" or last in place  # `replace` needs what it replaces
        place[last] = copy.deepcopy(operation["value"])
    return changed
