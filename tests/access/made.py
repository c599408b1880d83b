"""Roles and bindings to test with, as the API server lists them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from phiwarden.access.rbac import Rbac
from phiwarden.access.read import binding_of, role_of
from phiwarden.access.report import Report, Zone
from phiwarden.access.review import review
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.rulebook.evaluate import standard_judge

Body = dict[str, Any]

NAMESPACE = "portal-clinical"
EARLY = "2026-01-01T08:00:00Z"


def time(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def rule(resources: str, verbs: str = "*", groups: str = "*", names: tuple[str, ...] = ()) -> Body:
    """Return a rule; several resources, verbs or groups are separated by spaces, "core" is ""."""
    found: Body = {
        "apiGroups": ["" if group == "core" else group for group in groups.split()],
        "resources": resources.split(),
        "verbs": verbs.split(),
    }
    return {**found, "resourceNames": list(names)} if names else found


def role(name: str, *rules: Body, namespace: str = NAMESPACE, **metadata: Any) -> Body:
    """Return a Role, a ClusterRole for namespace ""."""
    kind = "Role" if namespace else "ClusterRole"
    return {"kind": kind, "metadata": _metadata(name, namespace, metadata), "rules": list(rules)}


def binding(
    name: str, to: str, *subjects: str, namespace: str = NAMESPACE, **metadata: Any
) -> Body:
    """Return a RoleBinding, a ClusterRoleBinding for namespace "".

    Args:
        name: its name.
        to: such as "Role app" or "ClusterRole view".
        subjects: such as "User ann", "Group ward" or "ServiceAccount ci/deployer".
        namespace: where.
        metadata: further fields.
    """
    kind, _, named = to.partition(" ")
    return {
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": _metadata(name, namespace, metadata),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": named},
        "subjects": [_subject(each) for each in subjects],
    }


def _subject(text: str) -> Body:
    kind, _, name = text.partition(" ")
    if kind == "ServiceAccount":
        namespace, _, name = name.partition("/")
        return {"kind": kind, "name": name, "namespace": namespace}
    return {"kind": kind, "name": name, "apiGroup": "rbac.authorization.k8s.io"}


def _metadata(name: str, namespace: str, more: Body) -> Body:
    written = {"creationTimestamp": EARLY, "managedFields": [{"time": EARLY}]}
    where = {"namespace": namespace} if namespace else {}
    return {"name": name, **where, **written, **more}


def rbac(*bodies: Body, unread: frozenset[tuple[str, str]] = frozenset()) -> Rbac:
    roles = [role_of(b["kind"], b) for b in bodies if "roleRef" not in b]
    bindings = [binding_of(b["kind"], b) for b in bodies if "roleRef" in b]
    return Rbac({found.ref: found for found in roles}, tuple(bindings), unread)


def zone(namespace: str = NAMESPACE, data: str = "phi", **fields: Any) -> Zone:
    workload, _, name = namespace.partition("-")
    declared = {"service_accounts": ("app", "api"), "api_access": ("api",), **fields}
    boundary = ZoneBoundary(
        workload, name, data, "production", "direct-care", "enforce", "none", **declared
    )
    return Zone(namespace, boundary)


def reviewed(*bodies: Body, zones: tuple[Zone, ...] = (zone(),)) -> Report:
    return review("portal", zones, rbac(*bodies), standard_judge())
