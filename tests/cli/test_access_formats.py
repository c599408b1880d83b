"""An access review as people and programs read it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from phiwarden.access.report import Report
from phiwarden.access.review import review
from phiwarden.cli.access import exit_code
from phiwarden.cli.formats.access_json import access_json
from phiwarden.cli.formats.access_table import MOST_ROWS, access_table
from phiwarden.cli.rights import _UNTOLD, Gap
from phiwarden.rulebook.evaluate import standard_judge
from tests.access.made import EARLY, NAMESPACE, binding, rbac, reviewed, role, rule, zone

HOSTILE = "x\x1b[31m\nUser root\N{RIGHT-TO-LEFT OVERRIDE}[bold]"
DEPLOYER = role("deployer", rule("deployments jobs", "patch", "apps batch"))
OPS = role("ops", rule("*"), namespace="")
GAP = Gap("clusterrolebindings.rbac.authorization.k8s.io", "", "who has rights in every namespace")


def table(report: Report, *, width: int = 100) -> str:
    return access_table(report, width=width, color=False)


def words(report: Report) -> str:
    return " ".join(table(report, width=400).split())


def document(report: Report) -> Any:
    return json.loads(access_json(report, exit_code(report)))


def with_gap(*bodies: Any) -> Report:
    return review("portal", (zone(),), rbac(*bodies), standard_judge(), (GAP,))


def test_the_first_line_says_it_all() -> None:
    declared = reviewed(DEPLOYER, binding("b", "Role deployer", "User ann"))
    assert words(declared).startswith("portal, 1 zone: nothing beyond the declaration ")
    wide = reviewed(
        DEPLOYER,
        OPS,
        binding("b", "Role deployer", "ServiceAccount ci/deployer"),
        binding("ops", "ClusterRole ops", "User ann", namespace=""),
    )
    assert words(wide).startswith("portal, 1 zone: 1 beyond the declaration, 1 cluster-wide ")
    assert words(with_gap()).startswith(
        "portal, 1 zone: nothing beyond the declaration in what could be read "
    )


def test_a_row_says_who_can_do_what_by_what_and_since_when() -> None:
    bound = binding("b", "Role deployer", "User ann", managedFields=[])
    said = words(reviewed(DEPLOYER, bound))
    assert (
        "User ann change workloads: deployments, jobs RoleBinding b to Role deployer"
        " not before declared 2026-01-01, binding made"
    ) in said, "the last columns are narrow on every screen"
    secrets = role("s", rule("secrets", "get", "core", ("db", "tls")))
    said = words(reviewed(secrets, binding("s", "Role s", "User ann")))
    assert "User ann read secrets: secrets (only db, tls) RoleBinding s 2026-01-01," in said


@pytest.mark.parametrize(
    ("report", "code"),
    [
        (reviewed(), 0),
        (reviewed(DEPLOYER, binding("b", "Role deployer", "User ann")), 0),
        (reviewed(binding("b", "Role gone", "User ann")), 1),
        (with_gap(), 2),
        (with_gap(binding("b", "Role gone", "User ann")), 2),
    ],
)
def test_the_exit_code_is_that_of_the_worst(report: Report, code: int) -> None:
    assert exit_code(report) == code
    assert document(report)["exitCode"] == code


def test_what_could_not_be_read_names_the_right_that_lacks() -> None:
    said = words(with_gap())
    assert (
        "not told: who has rights in every namespace, since you lack the right to list"
        " clusterrolebindings.rbac.authorization.k8s.io in all namespaces"
    ) in said
    assert document(with_gap())["gaps"] == [
        {
            "right": "list clusterrolebindings.rbac.authorization.k8s.io in all namespaces",
            "resource": "clusterrolebindings.rbac.authorization.k8s.io",
            "namespace": None,
            "untold": "who has rights in every namespace",
        }
    ]
    assert len(_UNTOLD) == 4


def test_programs_read_everything() -> None:
    secrets = role(
        "s", rule("secrets", "get", "core", ("db",)), rule("pods/exec", "create", "core")
    )
    told = document(reviewed(secrets, binding("b", "Role s", "ServiceAccount ci/deployer")))
    assert told["summary"] == {"beyond": 2, "cluster-wide": 0}
    assert told["zones"] == [
        {
            "name": "clinical",
            "namespace": NAMESPACE,
            "data": "phi",
            "enforcement": "enforce",
            "stands": True,
        }
    ]
    assert told["grants"] == [
        {
            "standing": "beyond",
            "subject": {"kind": "ServiceAccount", "name": "deployer", "namespace": "ci"},
            "zones": ["clinical"],
            "binding": {"kind": "RoleBinding", "name": "b", "namespace": NAMESPACE},
            "role": {"kind": "Role", "name": "s", "namespace": NAMESPACE},
            "since": {"time": EARLY, "event": "binding made", "sure": True},
            "abilities": [
                {
                    "ability": "read-secrets",
                    "rights": [
                        {"apiGroup": "", "resource": "secrets", "verbs": ["get"], "names": ["db"]}
                    ],
                },
                {
                    "ability": "reach-into-pods",
                    "rights": [
                        {
                            "apiGroup": "",
                            "resource": "pods/exec",
                            "verbs": ["create"],
                            "names": None,
                        }
                    ],
                },
            ],
        }
    ]
    reasons = [(f["reason"], f["rule"], f["object"]["name"]) for f in told["findings"]]
    assert reasons == [("breaks-rule", "PHI-IDN-003", "s"), ("foreign-account", None, "b")]
    assert all(f["fix"] for f in told["findings"])
    assert any("system:masters" in note for note in told["notes"])


def test_no_name_from_a_cluster_can_leave_its_place() -> None:
    hostile = role("s", rule("secrets pods/exec", "get", "core", (HOSTILE,)))
    report = reviewed(
        hostile,
        role(HOSTILE, rule("*"), namespace=""),
        binding(HOSTILE, f"ClusterRole {HOSTILE}", f"User {HOSTILE}", namespace=""),
        binding("b", "Role s", f"ServiceAccount {HOSTILE}/{HOSTILE}", f"Group {HOSTILE}"),
        binding("c", f"Role {HOSTILE}", f"User {HOSTILE}"),
    )
    text = table(report)
    assert len(report.findings) == 4
    assert "\x1b" not in text
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in text
    assert not any(line.startswith("User root") for line in text.splitlines())
    assert "[bold]" in words(report)
    raw = access_json(report, 1)
    assert "\\u001b" not in raw
    assert "\\n" not in raw


def test_a_screen_is_not_left_however_many_there_are() -> None:
    people = [f"User u{number}" for number in range(500)]
    report = reviewed(
        DEPLOYER,
        binding("b", "Role deployer", *people),
        *(binding(f"old-{number}", "Role gone", "User ann") for number in range(500)),
    )
    text = table(report)
    assert f"and {500 - MOST_ROWS} more; -o json lists all" in text
    assert len(text.splitlines()) < 8 * MOST_ROWS
    assert len(document(report)["grants"]) == 500


def test_kubernetes_own_are_told_in_short() -> None:
    name = "system:controller:job-controller"
    label = {"kubernetes.io/bootstrapping": "rbac-defaults"}
    account = "ServiceAccount kube-system/job-controller"
    report = reviewed(
        role(name, rule("*"), namespace=""),
        binding(name, f"ClusterRole {name}", account, namespace="", labels=label),
    )
    assert f"Kubernetes' own, by the roles that the API server makes: {account} (-o" in words(
        report
    )
    assert len(document(report)["grants"]) == 1
