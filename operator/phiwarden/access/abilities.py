"""What an access review asks of everybody: the abilities, and which rights make them up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from phiwarden.api import names
from phiwarden.rulebook.shapes import POD_SHAPES


class Ability(StrEnum):
    """Something that somebody may be able to do in a zone."""

    READ_SECRETS = "read-secrets"
    REACH_INTO_PODS = "reach-into-pods"
    CHANGE_WORKLOADS = "change-workloads"
    CHANGE_POLICIES = "change-policies"
    MINT_TOKENS = "mint-tokens"
    TAKE_RIGHTS = "take-rights"
    """Give oneself or others rights that one does not have, or act as somebody else."""
    APPROVE_EXCEPTIONS = "approve-exceptions"


class Scope(StrEnum):
    """Where the API server asks for a right."""

    NAMESPACE = "namespace"
    """In the zone's namespace: every kind of binding counts."""
    CLUSTER = "cluster"
    """Nowhere in particular: ClusterRoleBindings alone count."""
    ITSELF = "itself"
    """Of the Namespace: asked in that namespace, with its name."""


@dataclass(frozen=True, slots=True)
class Power:
    """Rights on one resource that are part of an ability.

    Attributes:
        ability: what they are part of.
        group: the API group, "" for the core.
        resource: its plural, with the subresource after a slash.
        verbs: each of which is enough.
        scope: where the API server asks for them.
    """

    ability: Ability
    group: str
    resource: str
    verbs: tuple[str, ...]
    scope: Scope = Scope.NAMESPACE

    def __str__(self) -> str:
        return f"{self.resource}.{self.group}" if self.group else self.resource


_READ: Final = ("get", "list", "watch")
_WRITE: Final = ("create", "update", "patch", "delete", "deletecollection")
# A session is opened by POST, or by GET over WebSockets.
_CONNECT: Final = ("create", "get")
_PROXY: Final = ("get", "create", "update", "patch", "delete")
_RBAC: Final = "rbac.authorization.k8s.io"
_ADMISSION: Final = "admissionregistration.k8s.io"
_AUTHENTICATION: Final = "authentication.k8s.io"


def _powers(
    ability: Ability,
    group: str,
    resources: tuple[str, ...],
    verbs: tuple[str, ...],
    scope: Scope = Scope.NAMESPACE,
) -> tuple[Power, ...]:
    return tuple(Power(ability, group, resource, verbs, scope) for resource in resources)


POWERS: Final = (
    *_powers(Ability.READ_SECRETS, "", ("secrets",), _READ),
    *_powers(
        Ability.REACH_INTO_PODS, "", ("pods/exec", "pods/attach", "pods/portforward"), _CONNECT
    ),
    *_powers(Ability.REACH_INTO_PODS, "", ("pods/proxy", "services/proxy"), _PROXY),
    *_powers(Ability.REACH_INTO_PODS, "", ("pods/ephemeralcontainers",), ("update", "patch")),
    # A kubelet runs commands in any pod of its node.
    *_powers(Ability.REACH_INTO_PODS, "", ("nodes/proxy",), _PROXY, Scope.CLUSTER),
    *(
        Power(Ability.CHANGE_WORKLOADS, kind.group, kind.plural, _WRITE)
        for shape in POD_SHAPES
        for kind in shape.kinds
    ),
    *_powers(Ability.CHANGE_POLICIES, "networking.k8s.io", ("networkpolicies",), _WRITE),
    *_powers(Ability.CHANGE_POLICIES, _RBAC, ("roles", "rolebindings"), _WRITE),
    *_powers(
        Ability.CHANGE_POLICIES, "", ("resourcequotas", "limitranges", "serviceaccounts"), _WRITE
    ),
    *_powers(
        Ability.CHANGE_POLICIES, "", ("namespaces",), ("update", "patch", "delete"), Scope.ITSELF
    ),
    *_powers(
        Ability.CHANGE_POLICIES,
        _RBAC,
        ("clusterroles", "clusterrolebindings"),
        _WRITE,
        Scope.CLUSTER,
    ),
    # Whoever mends objects on their way, or is asked about them, sees and decides on all of them.
    *_powers(
        Ability.CHANGE_POLICIES,
        _ADMISSION,
        (
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicybindings",
            "validatingwebhookconfigurations",
            "mutatingwebhookconfigurations",
        ),
        _WRITE,
        Scope.CLUSTER,
    ),
    *_powers(Ability.CHANGE_POLICIES, names.GROUP, ("phiworkloads",), _WRITE, Scope.CLUSTER),
    *_powers(Ability.MINT_TOKENS, "", ("serviceaccounts/token",), ("create",)),
    # A ClusterRole may be bound in one namespace by who may do it there.
    *_powers(Ability.TAKE_RIGHTS, _RBAC, ("roles",), ("bind", "escalate")),
    *_powers(Ability.TAKE_RIGHTS, _RBAC, ("clusterroles",), ("bind",)),
    *_powers(Ability.TAKE_RIGHTS, _RBAC, ("clusterroles",), ("escalate",), Scope.CLUSTER),
    *_powers(Ability.TAKE_RIGHTS, "", ("users", "groups"), ("impersonate",), Scope.CLUSTER),
    *_powers(Ability.TAKE_RIGHTS, "", ("serviceaccounts",), ("impersonate",)),
    # Since Kubernetes 1.36, for chosen verbs alone (impersonate-on:...), which are not told apart:
    # https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/
    *_powers(
        Ability.TAKE_RIGHTS,
        _AUTHENTICATION,
        ("users", "groups"),
        ("impersonate:user-info",),
        Scope.CLUSTER,
    ),
    *_powers(
        Ability.TAKE_RIGHTS, _AUTHENTICATION, ("serviceaccounts",), ("impersonate:serviceaccount",)
    ),
    *_powers(Ability.APPROVE_EXCEPTIONS, names.GROUP, ("phiexceptions",), ("approve",)),
)
"""Every right that is asked for. A resource that may be written is not one that may be read."""
