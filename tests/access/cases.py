"""Small clusters with every corner of RBAC, made by chance, and what to ask of them."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from phiwarden.access.abilities import POWERS, Ability, Power, Scope
from phiwarden.access.rbac import Rbac, Subject, SubjectKind
from phiwarden.access.rights import Grant, grants

from .made import Body, binding, role, rule
from .oracle import Request, Who, account

NAMED = ("db", "tls")
"""Names of objects that rules are limited to."""
ABSENT = "somebody-elses"
GROUPS = ("*", "", "apps", "batch", "networking.k8s.io", "rbac.authorization.k8s.io")
RESOURCES = (
    *("*", "*/exec", "*/proxy", "*/token", "pods/*", "*/"),
    *("secrets", "pods", "deployments", "roles", "networkpolicies", "namespaces", "nodes/proxy"),
)
VERBS = ("*", "get", "list", "create", "update", "patch", "delete", "bind", "escalate")


def case(
    chance: Random, namespaces: tuple[str, ...], mark: str = "", inside: str = ""
) -> list[Body]:
    """Return roles and bindings; equal chances make equal ones.

    Args:
        chance: what decides.
        namespaces: where they are.
        mark: part of every name that counts everywhere, and of people's.
        inside: part of the names of Roles.
    """
    roles = [f"{inside}a", f"{inside}b"]
    objects = [
        *(
            role(name, *_rules(chance, namespaces), namespace=n)
            for n in namespaces
            for name in roles
        ),
        *(role(f"{mark}{name}", *_rules(chance, namespaces), namespace="") for name in roles),
    ]
    for number in range(chance.randint(1, 6)):
        where = chance.choice((*namespaces, ""))
        kind = "ClusterRole" if not where else chance.choice(("Role", "ClusterRole"))
        named = chance.choice((*roles, "not-there"))
        to = f"{kind} {mark if kind == 'ClusterRole' else ''}{named}"
        people = chance.sample(subjects(namespaces, mark), chance.randint(0, 3))
        objects.append(binding(f"{mark}{number}", to, *people, namespace=where))
    return objects


def subjects(namespaces: tuple[str, ...], mark: str) -> list[str]:
    first, *_, last = namespaces
    return [
        *(f"User {mark}{name}" for name in ("ann", "bob")),
        f"Group {mark}ward",
        f"ServiceAccount {first}/app",
        f"ServiceAccount {last}/app",
        f"User system:serviceaccount:{first}:app",
        f"Group system:serviceaccounts:{last}",
    ]


def corners(namespace: str, mark: str) -> tuple[list[Body], list[Who]]:
    """Return rules that are easily misread, each given to a user of its own in every way."""
    tricky = (
        rule("pods/*", "*", "*"),
        rule("*/exec", "create", "core"),
        rule("*/", "*", "*"),
        rule("*", "get", "core", ("db",)),
        rule("secrets", "*", "core", ("db",)),
        rule("deployments", "*", "extensions"),
        rule("namespaces", "*", "core", (namespace,)),
        rule("nodes/proxy users clusterroles phiworkloads", "*", "*"),
        rule("roles serviceaccounts", "* impersonate", "*"),
        rule("serviceaccounts/token pods/log pods", "create", "core"),
    )
    objects, people = [], []
    for number, each in enumerate(tricky):
        name = f"{mark}corner-{number}"
        objects += [role(name, each, namespace=namespace), role(name, each, namespace="")]
        ways = {
            "role": (f"Role {name}", namespace),
            "inside": (f"ClusterRole {name}", namespace),
            "wide": (f"ClusterRole {name}", ""),
            "gone": (f"Role {name}-gone", namespace),
        }
        for way, (to, where) in ways.items():
            people.append(Who(f"{name}-{way}"))
            objects.append(binding(f"{name}-{way}", to, f"User {name}-{way}", namespace=where))
    return objects, people


def _rules(chance: Random, namespaces: tuple[str, ...]) -> list[Body]:
    return [_rule(chance, namespaces) for _ in range(chance.randint(0, 3))]


def _rule(chance: Random, namespaces: tuple[str, ...]) -> Body:
    if chance.random() < 0.6:
        ability = chance.choice(list(Ability))
        power = chance.choice([power for power in POWERS if power.ability is ability])
        groups, resources = [power.group], [power.resource]
        verbs = chance.sample(power.verbs, chance.randint(1, len(power.verbs)))
        if chance.random() < 0.2:
            resources = [power.resource.partition("/")[0]]
    else:
        groups = chance.sample(GROUPS, chance.randint(1, 2))
        resources = chance.sample(RESOURCES, chance.randint(1, 3))
        verbs = chance.sample(VERBS, chance.randint(1, 3))
    names = chance.sample((*NAMED, namespaces[0]), chance.randint(1, 2))
    made = rule("", "", "", tuple(names) if chance.random() < 0.3 else ())
    return {**made, "apiGroups": groups, "resources": resources, "verbs": verbs}


def everybody(namespaces: tuple[str, ...], mark: str = "") -> dict[Who, tuple[Subject, ...]]:
    """Return who may ask, with all subjects that they are."""
    found: dict[Who, tuple[Subject, ...]] = {}
    for name in ("ann", "bob"):
        found[Who(f"{mark}{name}")] = (Subject(SubjectKind.USER, f"{mark}{name}"),)
    found[Who(f"{mark}nobody", (f"{mark}ward",))] = (Subject(SubjectKind.GROUP, f"{mark}ward"),)
    for namespace in namespaces:
        who = account(namespace, "app")
        found[who] = (
            Subject(SubjectKind.ACCOUNT, "app", namespace),
            *(Subject(SubjectKind.GROUP, group) for group in who.groups),
        )
    return found


def requests(namespace: str) -> Iterator[tuple[Power, Request]]:
    """Yield every request that an ability consists of in a namespace."""
    for power in POWERS:
        resource, _, subresource = power.resource.partition("/")
        match power.scope:
            case Scope.ITSELF:
                places = [(namespace, namespace)]
            case Scope.CLUSTER:
                places = [("", name) for name in ("", *NAMED, ABSENT)]
            case Scope.NAMESPACE:
                places = [(namespace, name) for name in ("", *NAMED, ABSENT)]
        for verb in power.verbs:
            for where, name in places:
                yield power, Request(verb, power.group, resource, subresource, where, name)


class Answers:
    """What the review says, as answers to requests."""

    def __init__(self, rbac: Rbac, namespaces: tuple[str, ...]) -> None:
        self._grants = grants(rbac, namespaces)

    def allowed(
        self, subjects: tuple[Subject, ...], namespace: str, power: Power, request: Request
    ) -> bool:
        return any(
            _allows(grant, power, request)
            for grant in self._grants
            if grant.subject in subjects and namespace in grant.namespaces
        )


def _allows(grant: Grant, power: Power, request: Request) -> bool:
    return any(
        right.power == power
        and request.verb in right.verbs
        and (not right.names or request.name in right.names)
        for right in grant.abilities.get(power.ability, ())
    )
