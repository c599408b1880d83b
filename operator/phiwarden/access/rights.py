"""What bindings give their subjects in the namespaces of zones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from phiwarden.access.abilities import POWERS, Ability, Power, Scope
from phiwarden.access.rbac import Binding, Rbac, Ref, Role, Rule, Subject, names_allowed
from phiwarden.access.since import Since, since


@dataclass(frozen=True, slots=True)
class Right:
    """What may be done with one resource.

    Attributes:
        power: the resource, and what it is part of.
        verbs: those of its verbs that are allowed.
        names: of the only objects that they are allowed on; none for all.
    """

    power: Power
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()


Abilities = Mapping[Ability, tuple[Right, ...]]


@dataclass(frozen=True, slots=True)
class Grant:
    """The abilities that one binding gives one subject, alike in some namespaces.

    Attributes:
        subject: who.
        namespaces: of the zones, in the order in which they were asked for.
        abilities: never empty.
        binding: by which.
        role: of which.
        since: since when, surely.
    """

    subject: Subject
    namespaces: tuple[str, ...]
    abilities: Abilities
    binding: Binding
    role: Ref
    since: Since


def grants(rbac: Rbac, namespaces: Sequence[str]) -> tuple[Grant, ...]:
    """Return what all bindings give in some namespaces; a role that is not there gives nothing."""
    return tuple(
        Grant(subject, where, given, binding, role.ref, since(binding, role))
        for binding in rbac.bindings
        if (role := rbac.roles.get(binding.role)) is not None
        for where, given in _alike(role, binding, namespaces)
        for subject in binding.subjects
    )


def abilities(rules: Iterable[Rule], namespace: str, *, everywhere: bool) -> Abilities:
    """Return what rules allow in a namespace.

    Args:
        rules: of a role.
        namespace: the zone's.
        everywhere: whether the role is given by a ClusterRoleBinding.
    """
    rules = tuple(rules)
    found: dict[Ability, list[Right]] = {}
    for power in POWERS:
        if power.scope is not Scope.CLUSTER or everywhere:
            for right in _rights(rules, power, namespace):
                found.setdefault(power.ability, []).append(right)
    return {ability: tuple(rights) for ability, rights in found.items()}


def _rights(rules: Sequence[Rule], power: Power, namespace: str) -> Iterator[Right]:
    """Yield what rules allow of a power, the verbs that are limited alike together."""
    covering = [rule for rule in rules if rule.covers(power.group, power.resource)]
    alike: dict[tuple[str, ...], list[str]] = {}
    for verb in power.verbs:
        named = names_allowed(covering, verb)
        if named and power.scope is Scope.ITSELF:
            named = () if namespace in named else None
        if named is not None:
            alike.setdefault(named, []).append(verb)
    for names, verbs in alike.items():
        yield Right(power, tuple(verbs), names)


def _alike(
    role: Role, binding: Binding, namespaces: Sequence[str]
) -> Iterator[tuple[tuple[str, ...], Abilities]]:
    """Yield what a binding gives, with the namespaces in which that is the same."""
    if not binding.everywhere:
        namespaces = [name for name in namespaces if name == binding.ref.namespace]
    alike: list[tuple[Abilities, list[str]]] = []
    for namespace in namespaces:
        given = abilities(role.rules, namespace, everywhere=binding.everywhere)
        if not given:
            continue
        for known, where in alike:
            if known == given:
                where.append(namespace)
                break
        else:
            alike.append((given, [namespace]))
    for given, where in alike:
        yield tuple(where), given
