"""Exceptions, as the stories about them ask for and decide them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from e2e import workloads
from e2e.people import APPROVER, REQUESTER, allow
from e2e.rest import MERGE, Answer, Rest
from e2e.waiting import until
from e2e.workloads import NAMESPACES, WORKLOADS, budget, budgets, clinic, unique, wait
from phiwarden.api import names

Object = dict[str, Any]

ASKER, BOSS = "asha@hospital.example", "boris@hospital.example"
ROLES = [REQUESTER, APPROVER, "edit"]

BARE = {"securityContext": None}
"""What takes from a pod template what PHI-POD-002 asks for, and adds nothing."""


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


def declared(root: Rest, impact: str = "direct-care") -> Iterator[str]:
    """Yield a zone in which Asha deploys and asks, and Boris approves."""
    name = unique("granting")
    registries = {"registries": ["registry.hospital.example/portal"]}
    zone = workloads.zone("app", namespace=name, data="phi", images=registries, clusterRoles=ROLES)
    wanted = clinic(name, zones=[zone], flows=[], externals=[], clinicalImpact=impact)
    assert workloads.apply(root, wanted).ok
    wait(root, name)
    assert root.create(budgets(name), budget()).ok
    allow(root, name, REQUESTER, ASKER)
    allow(root, name, "edit", ASKER, BOSS)
    allow(root, name, APPROVER, BOSS)
    yield name
    root.delete(f"{WORKLOADS}/{name}")


def granted(asker: Rest, boss: Rest, zone: str, name: str, **spec: object) -> None:
    """Have an exception asked for and approved, and wait until it counts."""
    answer = ask(asker, zone, exception(name, ASKER, **spec))
    assert answer.ok, answer.message
    answer = decide(boss, zone, name, BOSS)
    assert answer.ok, answer.message
    until(lambda: in_force(boss, zone, name).get("status") == "True", f"{name} is in force")


def exceptions_of(root: Rest, zone: str) -> str:
    """Return what the boundary of a zone says of exceptions."""
    found: str = root.get(f"{NAMESPACES}/{zone}").body["metadata"]["annotations"][names.EXCEPTIONS]
    return found


def newest(root: Rest, path: str) -> str:
    notes = root.get(path).body["metadata"]["managedFields"]
    return max(str(note["time"]) for note in notes)
