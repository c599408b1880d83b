"""A plan as it is carried out: the very changes that are asked of the API server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phiwarden.api import names
from phiwarden.api.patches import JSON_PATCH, MERGE_PATCH, Operation, guarded
from phiwarden.boundary.model import Quarantine
from phiwarden.remediation.deeds import Action, Plan
from phiwarden.remediation.memory import Memory

Change = Operation


@dataclass(frozen=True, slots=True)
class Step:
    """One request to the API server: a patch of one object.

    Attributes:
        kind: of the object.
        name: of the object; it is in the namespace of the workload that the plan is for.
        content: type of the patch.
        patch: the patch.
        says: the same for a person; names no values of the object.
    """

    kind: str
    name: str
    content: str
    patch: Any
    says: str


def changes(plan: Plan, body: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return what a plan changes of its object; nothing for one that is so already.

    The resource version is tested beside it: a plan that went stale is not forced.
    """
    spec = body["spec"]
    match plan.action:
        case Action.ROLL_BACK:
            assert plan.target is not None  # a rollback has one
            return (_replace("/spec/template", plan.target.template),)
        case Action.SCALE_TO_ZERO if spec.get("replicas", 1) != 0:
            return (_replace("/spec/replicas", 0),)
        case Action.SUSPEND if not spec.get("suspend"):
            # `add` replaces what is there, and is no error where nothing is.
            return ({"op": "add", "path": "/spec/suspend", "value": True},)
    return ()


def restart(memory: Memory, body: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return what starts again what phiwarden stopped; nothing if somebody did already."""
    if not memory.stopped:
        return ()
    spec = body["spec"]
    if spec.get("suspend"):
        return (_replace("/spec/suspend", value=False),)
    if memory.replicas and spec.get("replicas") == 0:
        return (_replace("/spec/replicas", memory.replicas),)
    return ()


def labels(pods: Iterable[Mapping[str, Any]], quarantine: Quarantine | None) -> tuple[Step, ...]:
    """Return what marks pods as cut off, or no longer; nothing for those that are so already.

    A label on the pods and not on the template: the template stays the
    team's, and nothing restarts.
    """
    patch = {"metadata": {"labels": {names.QUARANTINE: quarantine}}}
    # As kubectl writes it.
    says = f"{names.QUARANTINE}={quarantine}" if quarantine else f"{names.QUARANTINE}-"
    return tuple(
        Step("Pod", pod["metadata"]["name"], MERGE_PATCH, patch, says)
        for pod in pods
        if (pod["metadata"].get("labels") or {}).get(names.QUARANTINE) != quarantine
    )


def describe(
    plan: Plan, body: Mapping[str, Any], pods: Iterable[Mapping[str, Any]]
) -> tuple[Step, ...]:
    """Return every request that carries a plan out; none where all is so already.

    Args:
        plan: for the object.
        body: the object, as the API server has it.
        pods: the object's own.
    """
    if operations := changes(plan, body):
        of = f"that of revision {plan.target.number}" if plan.target is not None else ""
        return (_amended(body, operations, of),)
    # What breaks nothing but rules of reliability leaves the quarantine that it was in.
    return labels(pods, plan.quarantine) if plan.quarantine or plan.harmless else ()


def describe_release(
    memory: Memory, body: Mapping[str, Any], pods: Iterable[Mapping[str, Any]]
) -> tuple[Step, ...]:
    """Return every request that lets go of an object that is not put back any more."""
    operations = restart(memory, body)
    started = (_amended(body, operations),) if operations else ()
    return (*started, *labels(pods, None))


def _amended(body: Mapping[str, Any], operations: Sequence[Change], of: str = "") -> Step:
    says = ", ".join(
        f"{operation['path']}: {of or str(operation['value']).lower()}" for operation in operations
    )
    name = body["metadata"]["name"]
    return Step(body["kind"], name, JSON_PATCH, guarded(body, *operations), says)


def _replace(path: str, value: Any) -> Change:
    return {"op": "replace", "path": path, "value": value}
