"""Exceptions, as the stories about them ask for and decide them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from e2e.rest import MERGE, Answer, Rest
from e2e.waiting import until

Object = dict[str, Any]


def exceptions(namespace: str) -> str:
    """Return the path of a namespace's exceptions."""
    return f"/apis/phiwarden.dev/v1alpha1/namespaces/{namespace}/phiexceptions"


def moment(**later: float) -> str:
    """Return a moment from now, as an exception names its end."""
    at = dt.datetime.now(dt.UTC) + dt.timedelta(**later)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def exception(name: str, asker: str, *, uid: str = "", **spec: Any) -> Object:
    """Return an exception to PHI-IMG-001 for Deployment api, until tomorrow."""
    by = {"username": asker, **({"uid": uid} if uid else {})}
    usual = {
        "rules": ["PHI-IMG-001"],
        "objects": [{"kind": "Deployment", "name": "api"}],
        "reason": "the vendor publishes no digests before its next release",
        "ticket": "CHG-4711",
        "compensatingControl": "the registry keeps tags of this repository immutable",
        "expires": moment(days=1),
        "requestedBy": by,
    }
    return {
        "apiVersion": "phiwarden.dev/v1alpha1",
        "kind": "PHIException",
        "metadata": {"name": name},
        "spec": {**usual, **spec},
    }


def ask(rest: Rest, namespace: str, wanted: Object) -> Answer:
    """Ask for an exception."""
    return rest.create(exceptions(namespace), wanted)


def decide(
    rest: Rest, namespace: str, name: str, by: str, decision: str = "Approved", *, uid: str = ""
) -> Answer:
    """Write a decision on an exception."""
    who = {"username": by, **({"uid": uid} if uid else {})}
    body = {"status": {"decision": {"type": decision, "by": who}}}
    path = f"{exceptions(namespace)}/{name}/status"
    return rest.request("PATCH", path, body, content=MERGE)


def in_force(rest: Rest, namespace: str, name: str) -> Object:
    """Return what is said of an exception, empty if nothing was said yet."""
    conditions = rest.get(f"{exceptions(namespace)}/{name}").body.get("status", {})
    found = conditions.get("conditions") or [{}]
    entry: Object = found[0]
    return entry


def await_standing(rest: Rest, namespace: str, name: str, reason: str) -> Object:
    """Wait until something is said of an exception, and return that."""

    def there() -> Object | None:
        entry = in_force(rest, namespace, name)
        return entry if entry.get("reason") == reason else None

    return until(there, f"{namespace}/{name}: {reason}; {in_force(rest, namespace, name)}")
