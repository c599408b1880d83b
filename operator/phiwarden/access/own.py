"""Rights that are neither people's nor applications': Kubernetes' own, and phiwarden's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from phiwarden.access.rbac import Binding, Rbac, Subject, SubjectKind

_BOOTSTRAP: Final = ("kubernetes.io/bootstrapping", "rbac-defaults")
_SYSTEM: Final = "kube-system"
_CONTROLLER: Final = "system:controller:"

_OPERATOR: Final = "phiwarden"
"""ClusterRole and ClusterRoleBinding of the controller, in the chart."""
_WEBHOOK: Final = "-admission"
"""How those of the feedback webhook end, which are named after its account."""


def _user(name: str) -> Subject:
    return Subject(SubjectKind.USER, name)


def _group(name: str) -> Subject:
    return Subject(SubjectKind.GROUP, name)


# bootstrappolicy.ClusterRoleBindings() of Kubernetes 1.36, without those for everybody:
# https://github.com/kubernetes/kubernetes/tree/v1.36.3/plugin/pkg/auth/authorizer/rbac/bootstrappolicy
_COMPONENTS: Final = {
    "cluster-admin": _group("system:masters"),
    "system:monitoring": _group("system:monitoring"),
    "system:node-proxier": _user("system:kube-proxy"),
    "system:kube-controller-manager": _user("system:kube-controller-manager"),
    "system:kube-dns": Subject(SubjectKind.ACCOUNT, "kube-dns", _SYSTEM),
    "system:kube-scheduler": _user("system:kube-scheduler"),
    "system:volume-scheduler": _user("system:kube-scheduler"),
}


def is_kubernetes(binding: Binding, subject: Subject) -> bool:
    """Return whether the API server itself gives a subject this binding's role.

    The label alone shows nothing: anybody can set it, and the API server leaves subjects alone
    that somebody added to a binding of its own.
    """
    key, value = _BOOTSTRAP
    name = binding.ref.name
    if not binding.everywhere or binding.role.name != name or binding.labels.get(key) != value:
        return False
    if name.startswith(_CONTROLLER):
        return subject == Subject(SubjectKind.ACCOUNT, name.removeprefix(_CONTROLLER), _SYSTEM)
    return _COMPONENTS.get(name) == subject


def phiwardens(rbac: Rbac) -> frozenset[tuple[Binding, Subject]]:
    """Return the bindings of phiwarden's own accounts, as the chart makes them.

    The controller's is known by its name, and that of the webhook by being for an account of the
    same namespace: whoever may make accounts there can act as phiwarden anyway.
    """
    found = [(b, b.subjects[0]) for b in rbac.bindings if _is_accounts(b)]
    homes = {s.namespace for b, s in found if b.ref.name == _OPERATOR}
    return frozenset(
        (binding, subject)
        for binding, subject in found
        if subject.namespace in homes
        and (
            binding.ref.name == _OPERATOR
            or (binding.ref.name == subject.name and subject.name.endswith(_WEBHOOK))
        )
    )


def _is_accounts(binding: Binding) -> bool:
    """Return whether a binding gives one account everywhere the role of the binding's name."""
    kinds = [subject.kind for subject in binding.subjects]
    return (
        binding.everywhere
        and kinds == [SubjectKind.ACCOUNT]
        and binding.role.name == binding.ref.name
    )


def without_own(
    binding: Binding, subjects: Iterable[Subject], own: frozenset[tuple[Binding, Subject]]
) -> tuple[Subject, ...]:
    """Return those of a binding's subjects that are neither Kubernetes' nor phiwarden's."""
    return tuple(
        subject
        for subject in subjects
        if not is_kubernetes(binding, subject) and (binding, subject) not in own
    )
