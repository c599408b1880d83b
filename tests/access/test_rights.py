"""What a role allows, ability by ability."""

from __future__ import annotations

import pytest

from phiwarden.access.abilities import Ability
from phiwarden.access.rbac import SubjectKind
from phiwarden.access.read import subject_of
from phiwarden.access.rights import grants

from .made import NAMESPACE, Body, binding, rbac, role, rule

EVERY = set(Ability)


def told(*rules: Body, everywhere: bool = False) -> dict[str, list[str]]:
    """Return what one role gives: resources with verbs and names, by ability."""
    where = "" if everywhere else NAMESPACE
    kind = "ClusterRole" if everywhere else "Role"
    objects = (
        role("r", *rules, namespace=where),
        binding("b", f"{kind} r", "User ann", namespace=where),
    )
    found = grants(rbac(*objects), (NAMESPACE,))
    return {
        ability.value: [
            " ".join((str(right.power), ",".join(right.verbs), ",".join(right.names))).strip()
            for right in rights
        ]
        for grant in found
        for ability, rights in grant.abilities.items()
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (rule("secrets", "get list", "core"), {"read-secrets": ["secrets get,list"]}),
        (rule("secrets", "create", "core"), {}),
        (rule("secrets", "get", "apps"), {}),
        (rule("secrets", "get", "core", ("db",)), {"read-secrets": ["secrets get db"]}),
        (rule("pods", "get list watch", "core"), {}),
        (rule("pods/exec", "create", "core"), {"reach-into-pods": ["pods/exec create"]}),
        (rule("*/exec", "get", "*"), {"reach-into-pods": ["pods/exec get"]}),
        (rule("pods/*", "*", "core"), {}),
        (rule("pods/log", "get", "core"), {}),
        (rule("serviceaccounts/token", "create", "core"), {"mint-tokens": ["serviceaccounts/token create"]}),
        (rule("deployments", "patch", "apps"), {"change-workloads": ["deployments.apps patch"]}),
        (rule("deployments/scale", "patch", "apps"), {}),
        (rule("roles", "bind", "*"), {"take-rights": ["roles.rbac.authorization.k8s.io bind"]}),
        (rule("serviceaccounts", "impersonate", "core", ("app",)), {"take-rights": ["serviceaccounts impersonate app"]}),
        (rule("phiexceptions", "approve", "phiwarden.dev"), {"approve-exceptions": ["phiexceptions.phiwarden.dev approve"]}),
        (rule("namespaces", "delete", "core", (NAMESPACE,)), {"change-policies": ["namespaces delete"]}),
        (rule("namespaces", "delete", "core", ("other",)), {}),
    ],
    ids=lambda each: " ".join(each["resources"] + each["verbs"]) if "verbs" in each else "",
)  # fmt: skip
def test_a_rule_gives_what_it_says(given: Body, expected: dict[str, list[str]]) -> None:
    assert told(given) == expected


@pytest.mark.parametrize(
    ("resource", "verb", "group"),
    [
        ("nodes/proxy", "get", "core"),
        ("users", "impersonate", "core"),
        ("clusterroles", "escalate", "rbac.authorization.k8s.io"),
        ("phiworkloads", "patch", "phiwarden.dev"),
        ("validatingadmissionpolicies", "delete", "admissionregistration.k8s.io"),
    ],
)
def test_what_is_asked_of_the_cluster_no_role_of_a_namespace_gives(
    resource: str, verb: str, group: str
) -> None:
    given = rule(resource, verb, group)
    assert told(given) == {}
    assert len(told(given, everywhere=True)) == 1


def test_rules_add_up_and_the_widest_wins() -> None:
    found = told(
        rule("secrets", "get", "core", ("db",)),
        rule("secrets", "get list", "core", ("tls",)),
        rule("secrets", "watch", "core"),
        rule("secrets", "watch", "core", ("db",)),
    )
    assert found == {"read-secrets": ["secrets get db,tls", "secrets list tls", "secrets watch"]}


def test_everything_is_every_ability() -> None:
    assert told(rule("*"), everywhere=True).keys() == EVERY


def test_paths_give_nothing() -> None:
    assert told({"nonResourceURLs": ["*"], "verbs": ["*"]}) == {}


def test_a_cluster_role_in_a_role_binding_counts_in_its_namespace_alone() -> None:
    objects = (
        role("all", rule("*"), namespace=""),
        binding("here", "ClusterRole all", "User ann"),
    )
    (found,) = grants(rbac(*objects), ("portal-edge", NAMESPACE))
    assert found.namespaces == (NAMESPACE,)
    assert "nodes/proxy" not in str(found.abilities)


def test_a_cluster_role_binding_counts_everywhere_and_is_told_once() -> None:
    objects = (
        role("all", rule("secrets", "get", "core"), namespace=""),
        binding("wide", "ClusterRole all", "User ann", "User bob", namespace=""),
    )
    found = grants(rbac(*objects), ("portal-edge", NAMESPACE))
    assert [(g.subject.name, g.namespaces) for g in found] == [
        ("ann", ("portal-edge", NAMESPACE)),
        ("bob", ("portal-edge", NAMESPACE)),
    ]


def test_what_differs_by_namespace_is_told_apart() -> None:
    given = (rule("secrets", "get", "core"), rule("namespaces", "delete", "core", (NAMESPACE,)))
    objects = (
        role("all", *given, namespace=""),
        binding("wide", "ClusterRole all", "User ann", namespace=""),
    )
    found = grants(rbac(*objects), ("portal-edge", NAMESPACE))
    assert [(g.namespaces, len(g.abilities)) for g in found] == [
        (("portal-edge",), 1),
        ((NAMESPACE,), 2),
    ]


def test_a_role_that_is_not_there_gives_nothing() -> None:
    objects = (
        role("r", rule("*"), namespace="portal-edge"),
        binding("b", "Role r", "User ann"),
        binding("c", "ClusterRole r", "User ann", namespace=""),
    )
    assert grants(rbac(*objects), (NAMESPACE, "portal-edge")) == ()


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("system:serviceaccount:ci:deployer", "ServiceAccount ci/deployer"),
        ("system:serviceaccount:ci", "User system:serviceaccount:ci"),
        ("system:serviceaccount:ci:a:b", "User system:serviceaccount:ci:a:b"),
        ("ann", "User ann"),
    ],
)
def test_a_user_with_the_name_of_an_account_is_that_account(user: str, expected: str) -> None:
    assert str(subject_of(SubjectKind.USER, user)) == expected


def test_an_account_without_a_namespace_is_of_the_binding() -> None:
    made = binding("b", "Role r")
    made["subjects"] = [{"kind": "ServiceAccount", "name": "app"}, {"kind": "Robot", "name": "x"}]
    (found,) = rbac(made).bindings
    assert [str(subject) for subject in found.subjects] == [f"ServiceAccount {NAMESPACE}/app"]
