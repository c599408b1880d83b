"""People with rights of their own, as the API server knows them: by name, uid and what is bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from e2e.rest import Rest
from e2e.workloads import unique

ROLES = "/apis/rbac.authorization.k8s.io/v1"
REQUESTER = "phiwarden-requester"
APPROVER = "phiwarden-approver"
RELEASER = "phiwarden-releaser"


def person(root: Rest, username: str, *, uid: str = "", groups: tuple[str, ...] = ()) -> Rest:
    """Return the API server as somebody sees it whom RBAC has yet to give a right.

    Args:
        root: who may impersonate everybody.
        username: their name.
        uid: their uid; a token of a real identity provider may bring one.
        groups: beside those of everybody who logged in; one at most.
    """
    headers = {**root.headers, "Impersonate-User": username}
    headers["Impersonate-Group"] = groups[0] if groups else "system:authenticated"
    if uid:
        headers["Impersonate-Uid"] = uid
    return replace(root, headers=headers, _connection=None)


def lean(root: Rest, namespace: str, rights: Mapping[str, Sequence[str]], *usernames: str) -> None:
    """Give people a Role of their own: verbs by resource of phiwarden's group, and nothing else."""
    rules = [
        {"apiGroups": ["phiwarden.dev"], "resources": [resource], "verbs": list(verbs)}
        for resource, verbs in rights.items()
    ]
    name = unique("lean")
    path = f"{ROLES}/namespaces/{namespace}/roles"
    answer = root.create(path, {"metadata": {"name": name}, "rules": rules})
    assert answer.ok, answer.message
    allow(root, namespace, name, *usernames, kind="Role")


def allow(
    root: Rest, namespace: str, role: str, *usernames: str, kind: str = "ClusterRole"
) -> None:
    """Bind a ClusterRole, or a Role of the namespace, to people in a namespace."""
    group = "rbac.authorization.k8s.io"
    binding = {
        "metadata": {"name": unique("people")},
        "roleRef": {"apiGroup": group, "kind": kind, "name": role},
        "subjects": [{"apiGroup": group, "kind": "User", "name": name} for name in usernames],
    }
    answer = root.create(f"{ROLES}/namespaces/{namespace}/rolebindings", binding)
    assert answer.ok, answer.message
