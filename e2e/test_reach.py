"""A team asks who can reach its zones, and is told who opened a hole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from e2e import workloads
from e2e.product import Product, running
from e2e.rest import Rest
from e2e.waiting import until
from e2e.workloads import clinic, deployments, unique

POLICIES = "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies"


@pytest.fixture(scope="module")
def clinic_name(product: Product, root: Rest) -> str:
    """A clinic that is declared and enforced, with pods in every zone, beside somebody else's."""
    name = unique("reach")
    with running(product):
        assert workloads.apply(root, clinic(name)).ok
        workloads.wait(root, name)
        for zone in ("edge", "clinical", "analytics"):
            namespace = f"{name}-{zone}"
            assert root.create(deployments(namespace), workloads.deployment("app")).ok
            until(workloads.available(root, namespace, "app"), f"pods run in {namespace}")
    stranger = f"{name}-stranger"
    assert root.create(workloads.NAMESPACES, {"metadata": {"name": stranger}}).ok
    account = f"/api/v1/namespaces/{stranger}/serviceaccounts"
    assert root.create(account, {"metadata": {"name": "app"}}).ok
    assert root.create(deployments(stranger), workloads.deployment("app")).ok
    until(workloads.available(root, stranger, "app"), f"pods run in {stranger}")
    # The operator is gone: what is opened by hand stays open.
    return name


def reach(product: Product, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code and what is told."""
    done = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "kubectl-phi"), "reach", *arguments),
            *("-o", "json", "--kubeconfig", str(product.cluster.kubeconfig)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stderr
    return done.returncode, json.loads(done.stdout)


def edges(told: dict[str, Any], verdict: str) -> list[dict[str, Any]]:
    return [edge for edge in told["edges"] if edge["verdict"] == verdict]


def flow(edge: dict[str, Any]) -> tuple[str, str, int]:
    """Return such as ("edge", "clinical", 8443)."""
    return edge["from"]["names"][0], edge["to"]["names"][0], edge["ports"][0]["port"]


def test_a_clinic_that_is_enforced_is_as_declared(product: Product, clinic_name: str) -> None:
    code, told = reach(product, "-w", clinic_name)
    assert (code, edges(told, "undeclared"), edges(told, "closed")) == (0, [], [])
    assert {place["name"]: place["pods"] for place in told["places"]} == {
        "edge": 2,
        "clinical": 2,
        "analytics": 2,
    }
    open_flows = {flow(edge) for edge in edges(told, "open")}
    assert {
        ("edge", "clinical", 8443),
        ("clinical", "analytics", 5432),
        ("clinical", "epic-fhir", 443),
        ("anywhere outside", "edge", 1),
    } <= open_flows


def test_a_policy_that_somebody_else_wrote_is_named_until_it_is_gone(
    product: Product, root: Rest, clinic_name: str
) -> None:
    namespace = f"{clinic_name}-clinical"
    path = POLICIES.format(namespace)
    hole = {
        "metadata": {"name": "debug"},
        "spec": {
            "podSelector": {"matchLabels": {"app": "app"}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [{"namespaceSelector": {}}], "ports": [{"port": 5005}]}],
            "egress": [{"to": [{"ipBlock": {"cidr": "198.51.100.0/24"}}]}],
        },
    }
    assert root.create(path, hole).ok
    code, told = reach(product, "-w", clinic_name)
    assert code == 1
    found = edges(told, "undeclared")
    ends = {(edge["from"]["kind"], edge["to"]["names"][0]) for edge in found}
    assert ends == {("namespace", "clinical"), ("zone", "198.51.100.0/24")}
    assert {(r["namespace"], r["policy"]) for edge in found for r in edge["rules"]} == {
        (namespace, "debug")
    }
    assert root.delete(f"{path}/debug").ok
    assert reach(product, "-w", clinic_name)[0] == 0


def test_a_flow_whose_policy_is_gone_is_closed_and_one_without_its_denial_is_open(
    product: Product, root: Rest, clinic_name: str
) -> None:
    path = POLICIES.format(f"{clinic_name}-analytics")
    names = {item["metadata"]["name"] for item in root.get(path).body["items"]}
    allows = "phiwarden-from-zone-clinical-operations"
    assert root.delete(f"{path}/{allows}").ok
    code, told = reach(product, "-w", clinic_name)
    (closed,) = edges(told, "closed")
    assert (code, flow(closed), closed["closedOn"]) == (
        1,
        ("clinical", "analytics", 5432),
        ["Ingress"],
    )
    for name in names - {allows}:
        assert root.delete(f"{path}/{name}").ok
    code, told = reach(product, "-n", f"{clinic_name}-analytics")
    assert code == 1
    strangers = [e for e in edges(told, "undeclared") if e["to"]["names"] == ["analytics"]]
    assert {side for edge in strangers for side in edge["unisolated"]} >= {"Ingress"}
    assert not edges(told, "closed")
