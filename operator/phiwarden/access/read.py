"""Objects of RBAC, read as the API server stored them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Final

from phiwarden.access.rbac import Binding, Ref, Role, Rule, Subject, SubjectKind, Written
from phiwarden.rotation.times import moment

Body = Mapping[str, Any]

_ACCOUNT: Final = "system:serviceaccount:"


def role_of(kind: str, body: Body) -> Role:
    """Return a Role or ClusterRole; an item of a list does not say which it is."""
    return Role(
        _ref(kind, body),
        tuple(
            _rule(rule) for rule in body.get("rules") or () if rule.get("resources")
        ),  # the others are about paths, such as /metrics
        _written(body),
        body,
    )


def binding_of(kind: str, body: Body) -> Binding:
    """Return a RoleBinding or ClusterRoleBinding; an item of a list does not say which it is."""
    ref = _ref(kind, body)
    role = body["roleRef"]
    inside = ref.namespace if role["kind"] == "Role" else ""
    return Binding(
        ref,
        Ref(str(role["kind"]), inside, str(role["name"])),
        tuple(dict.fromkeys(_subjects(body.get("subjects") or (), ref.namespace))),
        _written(body),
        body["metadata"].get("labels") or {},
        body,
    )


def subject_of(kind: str, name: str, namespace: str = "") -> Subject:
    """Return a subject; a user with the name of a service account is that account."""
    if kind == SubjectKind.USER and name.startswith(_ACCOUNT) and name.count(":") == 3:
        namespace, name = name.removeprefix(_ACCOUNT).split(":")
        kind = SubjectKind.ACCOUNT
    return Subject(SubjectKind(kind), name, namespace if kind == SubjectKind.ACCOUNT else "")


def _subjects(entries: Iterable[Body], inside: str) -> Iterable[Subject]:
    for entry in entries:
        kind, namespace = str(entry.get("kind")), str(entry.get("namespace") or inside)
        if kind not in tuple(SubjectKind) or (kind == SubjectKind.ACCOUNT and not namespace):
            continue  # given to nobody
        yield subject_of(kind, str(entry.get("name")), namespace)


def _rule(rule: Body) -> Rule:
    return Rule(
        frozenset(rule.get("verbs") or ()),
        frozenset(rule.get("apiGroups") or ()),
        frozenset(rule["resources"]),
        tuple(sorted(set(rule.get("resourceNames") or ()))),
    )


def _ref(kind: str, body: Body) -> Ref:
    metadata = body["metadata"]
    return Ref(kind, str(metadata.get("namespace") or ""), str(metadata["name"]))


def _written(body: Body) -> Written:
    metadata = body["metadata"]
    times = [moment(entry.get("time")) for entry in metadata.get("managedFields") or ()]
    known: list[dt.datetime] = [time for time in times if time is not None]
    return Written(moment(metadata.get("creationTimestamp")), max(known, default=None))
