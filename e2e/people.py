"""People with rights of their own, as the API server knows them: by name, uid and what is bound."""

from __future__ import annotations

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


def allow(root: Rest, namespace: str, role: str, *usernames: str) -> None:
    """Bind a ClusterRole to people in a namespace."""
    group = "rbac.authorization.k8s.io"
    binding = {
        "metadata": {"name": unique("people")},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": group, "kind": "User", "name": name} for name in usernames],
    }
    answer = root.create(f"{ROLES}/namespaces/{namespace}/rolebindings", binding)
    assert answer.ok, answer.message
