"""Roles and bindings as the API server's authorizer understands them.

https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

_ALL: Final = "*"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a role, as far as it is about resources.

    Attributes:
        verbs: what may be done; `*` for all.
        groups: of the resources; `*` for all.
        resources: `*`, a name, `name/subresource` or `*/subresource`.
        names: of the objects; none for all.
    """

    verbs: frozenset[str]
    groups: frozenset[str]
    resources: frozenset[str]
    names: tuple[str, ...] = ()

    def covers(self, group: str, resource: str) -> bool:
        """Return whether it is about a resource, or about some objects of it."""
        _, slash, subresource = resource.partition("/")
        matching = (_ALL, resource, f"*/{subresource}") if slash else (_ALL, resource)
        return not self.groups.isdisjoint((_ALL, group)) and not self.resources.isdisjoint(matching)

    def allows(self, verb: str) -> bool:
        """Return whether it allows a verb on what it covers."""
        return not self.verbs.isdisjoint((_ALL, verb))


def names_allowed(covering: Iterable[Rule], verb: str) -> tuple[str, ...] | None:
    """Return the names of the objects on which rules allow a verb; none for all of them.

    None where they do not allow it at all.

    Args:
        covering: the rules that cover the resource.
        verb: what is asked for.
    """
    found = [rule.names for rule in covering if rule.allows(verb)]
    if not found:
        return None
    return tuple(sorted({name for named in found for name in named})) if all(found) else ()


class SubjectKind(StrEnum):
    """Whom a binding can name."""

    USER = "User"
    GROUP = "Group"
    ACCOUNT = "ServiceAccount"


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """Somebody who is given rights.

    Attributes:
        kind: user, group or account.
        name: as the authenticator gives it.
        namespace: of an account, "" for others.
    """

    kind: SubjectKind
    name: str
    namespace: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else self.title

    @property
    def title(self) -> str:
        """Return kind and name."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Written:
    """When an object was written.

    Attributes:
        made: when it was created.
        changed: when it was written last by any field manager; None where that was wiped out.
    """

    made: dt.datetime | None
    changed: dt.datetime | None


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """Where a role or a binding is; `namespace` is "" for what counts everywhere."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else self.title

    @property
    def title(self) -> str:
        """Return kind and name."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Role:
    """A Role or ClusterRole; of an aggregated one the rules that the API server holds."""

    ref: Ref
    rules: tuple[Rule, ...]
    written: Written
    body: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """The object, for rules to judge."""


@dataclass(frozen=True, slots=True)
class Binding:
    """A RoleBinding or ClusterRoleBinding."""

    ref: Ref
    role: Ref
    subjects: tuple[Subject, ...]
    written: Written
    labels: Mapping[str, str] = field(default_factory=dict, compare=False)
    body: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """The object, for rules to judge."""

    @property
    def everywhere(self) -> bool:
        """Return whether it counts in every namespace, and beyond them."""
        return not self.ref.namespace


@dataclass(frozen=True, slots=True)
class Rbac:
    """The roles and bindings of a cluster, as far as they were read.

    Attributes:
        roles: by where they are.
        bindings: those that are looked at.
        unread: kind and namespace of roles that could not be listed.
    """

    roles: Mapping[Ref, Role]
    bindings: tuple[Binding, ...]
    unread: frozenset[tuple[str, str]] = frozenset()

    def is_read(self, role: Ref) -> bool:
        """Return whether it would be known if there was such a role."""
        return (role.kind, role.namespace) not in self.unread
