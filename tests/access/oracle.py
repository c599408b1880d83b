"""What the documentation says of RBAC, request by request.

https://kubernetes.io/docs/reference/access-authn-authz/rbac/
https://kubernetes.io/docs/reference/access-authn-authz/authentication/#service-account-tokens
Slow on purpose, and without a line of what it judges.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Who:
    """Somebody who asks: a user name, and groups."""

    user: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """What is asked for; `namespace` is "" for what has none, `name` for whole collections."""

    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str


def account(namespace: str, name: str) -> Who:
    """Return how the API server knows a service account."""
    everybody = "system:serviceaccounts"
    groups = (everybody, f"{everybody}:{namespace}", "system:authenticated")
    return Who(f"system:serviceaccount:{namespace}:{name}", groups)


def allowed(objects: Iterable[Body], who: Who, request: Request) -> bool:
    """Tell whether any binding allows a request."""
    known = list(objects)
    for binding in known:
        if binding["kind"] == "ClusterRoleBinding":
            where = ""
        elif (
            binding["kind"] == "RoleBinding"
            and binding["metadata"]["namespace"] == request.namespace
        ):
            where = request.namespace
        else:
            continue
        if not any(_is(subject, who, where) for subject in binding.get("subjects") or ()):
            continue
        for role in known:
            if _is_meant(binding["roleRef"], role, where) and any(
                _allows(rule, request) for rule in role.get("rules") or ()
            ):
                return True
    return False


def _is(subject: Body, who: Who, where: str) -> bool:
    if subject["kind"] == "User":
        return bool(subject["name"] == who.user)
    if subject["kind"] == "Group":
        return subject["name"] in who.groups
    home = subject.get("namespace") or where
    return who.user == f"system:serviceaccount:{home}:{subject['name']}"


def _is_meant(ref: Body, role: Body, where: str) -> bool:
    named = role["kind"] == ref["kind"] and role["metadata"]["name"] == ref["name"]
    return bool(named and (ref["kind"] == "ClusterRole" or role["metadata"]["namespace"] == where))


def _allows(rule: Body, request: Request) -> bool:
    verbs, groups = rule.get("verbs") or (), rule.get("apiGroups") or ()
    resources, names = rule.get("resources") or (), rule.get("resourceNames") or ()
    if "*" not in verbs and request.verb not in verbs:
        return False
    if "*" not in groups and request.group not in groups:
        return False
    if names and request.name not in names:
        return False
    if request.subresource:
        named = (f"{request.resource}/{request.subresource}", f"*/{request.subresource}")
    else:
        named = (request.resource,)
    return "*" in resources or any(each in resources for each in named)
