"""A pilot begins by watching, goes on to warn, and ends up refusing: one word in the declaration."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from e2e import workloads
from e2e.conftest import NODE_LABELS
from e2e.controlplane import ControlPlane, Options, start
from e2e.controlplane.options import PLATFORM_ENGINEER
from e2e.controlplane.tools import Completed
from e2e.product import Product, install, running
from e2e.rest import Rest, connect
from e2e.waiting import until
from e2e.workloads import (
    WORKLOADS,
    bad,
    clinic,
    deployment,
    deployments,
    unique,
    wait,
    zone_status,
)

Object = dict[str, Any]

AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "Metadata", "users": [PLATFORM_ENGINEER], "verbs": ["create"]},
        {"level": "None"},
    ],
}
NOTED = "validation.policy.admission.k8s.io/validation_failure"
"""Audit annotation: https://kubernetes.io/docs/reference/labels-annotations-taints/audit-annotations"""

GOOD, BAD = deployment("good"), bad(deployment("bad"))


@pytest.fixture(scope="module")
def audited(binaries: None) -> Iterator[ControlPlane]:
    """A control plane that notes what the developer creates."""
    with start(Options(audit_policy=AUDIT, node_labels=NODE_LABELS)) as running_:
        yield running_


@pytest.fixture(scope="module")
def pilot(audited: ControlPlane) -> Iterator[str]:
    """A workload below enforcement, by its name; the operator runs."""
    product: Product = install(audited)
    with running(product):
        root, name = connect(audited.kubeconfig), unique("pilot")
        assert workloads.apply(root, clinic(name, enforcement="observe")).ok
        wait(root, name)
        yield name
        root.delete(f"{WORKLOADS}/{name}")


@pytest.fixture
def root(audited: ControlPlane) -> Rest:
    return connect(audited.kubeconfig)


def test_the_same_object_is_noted_then_warned_about_then_refused(
    audited: ControlPlane, root: Rest, pilot: str
) -> None:
    """Neither the manifest nor the namespace is touched: the declaration's word alone changes."""
    namespace = f"{pilot}-clinical"

    def apply(body: Object, *options: str) -> Completed:
        arguments = ("apply", f"-n={namespace}", "-f=-", *options)
        return audited.kubectl(
            *arguments, user=PLATFORM_ENGINEER, input=json.dumps(body), check=False
        )

    def dry_run(body: Object) -> Completed:
        return apply(body, "--dry-run=server")

    def level(word: str, shows: Callable[[Completed], bool]) -> None:
        for body in (GOOD, BAD):
            root.delete(f"{deployments(namespace)}/{body['metadata']['name']}")
        assert workloads.change(root, pilot, enforcement=word).ok
        wait(root, pilot)
        until(lambda: shows(dry_run(BAD)), f"the API server knows of {word}")

    def stored() -> bool:
        return root.get(f"{deployments(namespace)}/bad").ok

    assert root.create(workloads.budgets(namespace), workloads.budget()).ok
    admitted = apply(BAD)
    assert (admitted.returncode, admitted.stderr) == (0, "")
    assert stored()
    (listed,) = until(
        lambda: zone_status(root, pilot, "clinical").get("violations"), "the status lists it"
    )
    assert (listed["name"], listed["rules"]) == ("bad", ["PHI-IMG-001"])
    assert noted_by(audited, namespace, "bad") == ["PHI-IMG-001"]

    level("warn", lambda done: "Warning" in done.stderr)
    warned = apply(BAD)
    assert warned.returncode == 0
    assert warned.stderr.startswith("Warning: ")
    assert "PHI-IMG-001 spec.template.spec.containers[app].image" in warned.stderr
    assert stored()
    assert noted_by(audited, namespace, "bad") == ["PHI-IMG-001"]

    level("enforce", lambda done: done.returncode != 0)
    refused = apply(BAD)
    assert refused.returncode != 0
    assert "PHI-IMG-001 spec.template.spec.containers[app].image" in refused.stderr
    assert not stored()

    # Back again, as quietly as before.
    level("observe", lambda done: done.returncode == 0 and not done.stderr)
    assert apply(BAD).stderr == ""
    assert stored()


@pytest.mark.parametrize("word", ["observe", "warn", "enforce"])
def test_a_good_object_hears_of_no_level(
    audited: ControlPlane, root: Rest, pilot: str, word: str
) -> None:
    namespace = f"{pilot}-clinical"
    assert workloads.change(root, pilot, enforcement=word).ok
    wait(root, pilot)
    body = deployment(f"good-{word}")
    done = audited.kubectl(
        "apply", f"-n={namespace}", "-f=-", user=PLATFORM_ENGINEER, input=json.dumps(body)
    )
    assert done.stderr == ""
    assert noted_by(audited, namespace, f"good-{word}") == []


def noted_by(cluster: ControlPlane, namespace: str, name: str) -> list[str]:
    """Return the rules that the audit log notes of the newest creation of a Deployment."""

    def found() -> list[Object]:
        lines = cluster.logs["audit"].read_text().split("\n")[:-1]
        return [
            entry
            for entry in map(json.loads, lines)
            if entry["objectRef"].get("resource") == "deployments"
            and (entry["objectRef"].get("namespace"), entry["objectRef"].get("name"))
            == (namespace, name)
            and "dryRun" not in entry["requestURI"]
        ]

    newest = until(found, f"the audit log tells of {name}")[-1]
    failures = json.loads(newest.get("annotations", {}).get(NOTED, "[]"))
    return sorted({word for failure in failures for word in broken_in(failure["message"])})


def broken_in(message: str) -> list[str]:
    """Return the rules that the head of an answer names: `broken: A, B) refuses this`."""
    _, _, rest = message.partition("broken: ")
    return rest.partition(")")[0].split(", ")
