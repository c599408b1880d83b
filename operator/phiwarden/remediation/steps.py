"""A plan as it is carried out: the very changes that are asked of the API server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phiwarden.remediation.memory import Memory
from phiwarden.remediation.plan import Action, Plan

Change = dict[str, Any]
"""One operation of a JSON Patch (RFC 6902)."""


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


def _replace(path: str, value: Any) -> Change:
    return {"op": "replace", "path": path, "value": value}
