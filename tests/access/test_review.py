"""What a declaration does not allow is found, and nothing else is."""

from __future__ import annotations

import pytest

from phiwarden.access.report import Reason, Report, Standing, Weight, Zone
from phiwarden.access.review import review
from phiwarden.rulebook.evaluate import standard_judge

from .made import NAMESPACE, Body, binding, rbac, reviewed, role, rule, zone

BOOTSTRAP = {"labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}}
DEPLOYER = role("deployer", rule("deployments", "get patch", "apps"))
ADMIN = role("cluster-admin", rule("*"), namespace="")
WIDE = role("ops", rule("secrets", "get list", "core"), namespace="")


def found(report: Report) -> list[tuple[str, str, str]]:
    """Return weight, reason and object of every finding."""
    return [(f.weight.value, f.reason.value, str(f.object)) for f in report.findings]


def standings(report: Report) -> dict[str, str]:
    return {str(e.grant.subject): e.standing.value for e in report.entries}


def test_a_role_of_the_zone_for_a_named_group_is_as_declared() -> None:
    report = reviewed(DEPLOYER, binding("b", "Role deployer", "Group digital-health"))
    assert found(report) == []
    assert standings(report) == {"Group digital-health": "declared"}


def test_a_cluster_role_is_as_declared_where_the_zone_declares_it() -> None:
    objects = (WIDE, binding("b", "ClusterRole ops", "User ann"))
    assert found(reviewed(*objects, zones=(zone(cluster_roles=("ops",)),))) == []
    report = reviewed(*objects)
    assert found(report) == [("beyond", "breaks-rule", f"RoleBinding {NAMESPACE}/b")]
    (broken,) = report.findings
    assert broken.rule == "PHI-IDN-003"
    assert broken.problem == "the zone does not declare this ClusterRole (found ops)"
    assert "clusterRoles" in broken.fix
    assert standings(report) == {"User ann": "beyond"}


def test_a_role_that_breaks_a_rule_is_blamed_itself_with_whom_it_is_given_to() -> None:
    debug = role("debug", rule("pods/exec", "create", "core"), rule("pods", "*", "core"))
    report = reviewed(
        debug, binding("b", "Role debug", "User ann"), binding("c", "Role debug", "User bob")
    )
    assert found(report) == [("beyond", "breaks-rule", f"Role {NAMESPACE}/debug")]
    (broken,) = report.findings
    assert [str(subject) for subject in broken.subjects] == ["User ann", "User bob"]
    assert "found pods/exec" in broken.problem
    assert "a wildcard" in broken.problem
    assert standings(report) == {"User ann": "beyond", "User bob": "beyond"}
    (unbound,) = reviewed(debug).findings
    assert unbound.problem.endswith("; given to nobody yet")


@pytest.mark.parametrize(
    "everybody",
    [
        "Group system:authenticated",
        "Group system:unauthenticated",
        "Group system:serviceaccounts",
        "Group system:serviceaccounts:default",
        "User system:anonymous",
    ],
)
def test_everybody_is_beyond_the_declaration_however_it_is_bound(everybody: str) -> None:
    inside = reviewed(DEPLOYER, binding("b", "Role deployer", everybody))
    assert found(inside) == [("beyond", "breaks-rule", f"RoleBinding {NAMESPACE}/b")]
    wide = reviewed(WIDE, binding("b", "ClusterRole ops", everybody, "User ann", namespace=""))
    assert found(wide) == [
        ("beyond", "everybody", "ClusterRoleBinding b"),
        ("cluster-wide", "cluster-wide", "ClusterRoleBinding b"),
    ]
    assert [[str(s) for s in f.subjects] for f in wide.findings] == [[everybody], ["User ann"]]


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        (f"{NAMESPACE}/api", None),
        (f"{NAMESPACE}/app", "no-api-access"),
        (f"{NAMESPACE}/default", "undeclared-account"),
        ("ci/deployer", "foreign-account"),
        ("portal-edge/api", "foreign-account"),
        ("portal-edge/default", "undeclared-account"),
    ],
)
def test_accounts_have_rights_where_their_zone_declares_it(
    account: str, reason: str | None
) -> None:
    zones = (zone(), zone("portal-edge", "none"))
    bound = binding("b", "Role deployer", f"ServiceAccount {account}")
    report = reviewed(DEPLOYER, bound, zones=zones)
    assert [f.reason for f in report.findings] == ([] if reason is None else [reason])
    assert {f.weight for f in report.findings} <= {Weight.BEYOND}
    assert standings(report)[f"ServiceAccount {account}"] == (
        "declared" if reason is None else "beyond"
    )


def test_view_is_harmless_until_somebody_widens_it() -> None:
    """What the rule allows by its name is looked at for what it gives."""
    view = role("view", rule("secrets", "get", "core"), namespace="")
    bound = binding("b", "ClusterRole view", "Group digital-health")
    assert found(reviewed(view, bound)) == [
        ("beyond", "widened-role", f"RoleBinding {NAMESPACE}/b")
    ]
    assert found(reviewed(view, bound, zones=(zone(cluster_roles=("view",)),))) == []


def test_a_right_that_is_no_ability_is_no_matter() -> None:
    view = role("view", rule("pods configmaps", "get list watch", "core"), namespace="")
    report = reviewed(view, binding("b", "ClusterRole view", "ServiceAccount ci/deployer"))
    assert (report.entries, report.findings) == ((), ())


def test_cluster_wide_rights_weigh_less_and_count_where_there_is_sensitive_data() -> None:
    zones = (zone(), zone("portal-edge", "none"), zone("portal-lab", "deidentified"))
    objects = (ADMIN, binding("ops", "ClusterRole cluster-admin", "User ann", namespace=""))
    report = reviewed(*objects, zones=zones)
    assert found(report) == [("cluster-wide", "cluster-wide", "ClusterRoleBinding ops")]
    (told,) = report.findings
    assert told.namespaces == (NAMESPACE, "portal-lab")
    assert len(told.abilities) == 7
    (entry,) = report.entries
    assert set(entry.grant.namespaces) == {NAMESPACE, "portal-edge", "portal-lab"}
    harmless = reviewed(*objects, zones=(zone("portal-edge", "none"),))
    assert [e.standing for e in harmless.entries] == [Standing.CLUSTER_WIDE]
    assert harmless.findings == ()


def test_an_account_of_a_zone_with_cluster_wide_rights_is_held_to_its_declaration() -> None:
    bound = binding("b", "ClusterRole ops", f"ServiceAccount {NAMESPACE}/app", namespace="")
    assert found(reviewed(WIDE, bound)) == [("beyond", "no-api-access", "ClusterRoleBinding b")]


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("cluster-admin", "Group system:masters"),
        ("system:kube-scheduler", "User system:kube-scheduler"),
        ("system:controller:job-controller", "ServiceAccount kube-system/job-controller"),
        (
            "system:controller:job-controller",
            "User system:serviceaccount:kube-system:job-controller",
        ),
    ],
)
def test_what_the_api_server_gives_kubernetes_is_told_apart(name: str, subject: str) -> None:
    objects = (
        role(name, rule("*"), namespace=""),
        binding(name, f"ClusterRole {name}", subject, namespace="", **BOOTSTRAP),
    )
    report = reviewed(*objects)
    assert [e.standing for e in report.entries] == [Standing.KUBERNETES]
    assert report.findings == ()


@pytest.mark.parametrize(
    ("name", "to", "subject", "metadata"),
    [
        ("cluster-admin", "cluster-admin", "User ann", BOOTSTRAP),
        ("cluster-admin", "cluster-admin", "Group system:masters", {}),
        ("ops", "cluster-admin", "Group system:masters", BOOTSTRAP),
        ("system:kube-scheduler", "cluster-admin", "User system:kube-scheduler", BOOTSTRAP),
        ("cluster-admin", "cluster-admin", "ServiceAccount kube-system/default", BOOTSTRAP),
        ("system:controller:x", "cluster-admin", "ServiceAccount kube-system/x", BOOTSTRAP),
    ],
)
def test_nobody_passes_for_kubernetes(name: str, to: str, subject: str, metadata: Body) -> None:
    bound = binding(name, f"ClusterRole {to}", subject, namespace="", **metadata)
    assert found(reviewed(ADMIN, bound)) == [
        ("cluster-wide", "cluster-wide", f"ClusterRoleBinding {name}")
    ]


def ours(
    name: str = "phiwarden", account: str = "phiwarden-system/phiwarden", *others: str
) -> tuple[Body, Body]:
    made = role(name, rule("secrets", "list", "core"), namespace="")
    subjects = (f"ServiceAccount {account}", *others)
    return made, binding(name, f"ClusterRole {name}", *subjects, namespace="")


def test_phiwardens_own_accounts_are_told_as_phiwardens() -> None:
    webhook = ours("ward-admission", "phiwarden-system/ward-admission")
    report = reviewed(*ours(), *webhook)
    assert [e.standing for e in report.entries] == [Standing.PHIWARDEN, Standing.PHIWARDEN]
    assert report.findings == ()


@pytest.mark.parametrize(
    ("objects", "whose"),
    [
        (
            ours("phiwarden", "phiwarden-system/phiwarden", "ServiceAccount a/b"),
            ["phiwarden-system/phiwarden", "a/b"],
        ),
        (ours("backdoor", "phiwarden-system/phiwarden"), ["phiwarden-system/phiwarden"]),
        ((*ours(), *ours("x-admission", "elsewhere/x-admission")), ["elsewhere/x-admission"]),
        (
            ours("x-admission", "phiwarden-system/x-admission"),
            ["phiwarden-system/x-admission"],
        ),
    ],
)
def test_nobody_passes_for_phiwarden(objects: tuple[Body, ...], whose: list[str]) -> None:
    (told,) = reviewed(*objects).findings
    assert told.reason is Reason.CLUSTER_WIDE
    assert [str(subject) for subject in told.subjects] == [f"ServiceAccount {w}" for w in whose]


def test_a_binding_to_a_role_that_is_not_there_is_told_though_it_gives_nothing() -> None:
    report = reviewed(
        binding("a", "Role gone", "User ann"),
        binding("b", "ClusterRole gone", "User bob", namespace=""),
        binding("nobody", "Role gone"),
    )
    assert report.entries == ()
    assert found(report) == [
        ("beyond", "dangling", f"RoleBinding {NAMESPACE}/a"),
        ("cluster-wide", "dangling", "ClusterRoleBinding b"),
    ]
    assert report.findings[0].problem.startswith("Role gone is not there")


def test_what_could_not_be_read_is_not_held_for_missing() -> None:
    bodies = (
        binding("a", "Role gone", "User ann"),
        binding("b", "ClusterRole view", "User bob"),
    )
    unread = frozenset({("Role", NAMESPACE), ("ClusterRole", "")})
    report = review("portal", (zone(),), rbac(*bodies, unread=unread), standard_judge())
    assert report.findings == ()
    assert [str(role) for _, role in report.unresolved] == [
        f"Role {NAMESPACE}/gone",
        "ClusterRole view",
    ]


def test_zones_are_told_in_the_order_of_their_names() -> None:
    zones: tuple[Zone, ...] = (zone("portal-b"), zone("portal-a"))
    assert [each.name for each in reviewed(zones=zones).zones] == ["a", "b"]
