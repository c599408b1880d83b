"""The chart as it is installed by default, and the controller as it is started by it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from e2e.controlplane import ControlPlane
from e2e.controlplane.errors import CommandError
from e2e.controlplane.ports import free_ports
from e2e.controlplane.tools import Completed
from e2e.image import containerfile
from e2e.product import CHART, NAMESPACE, RELEASE, Product, running
from e2e.waiting import until

RESTRICTED = {
    f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")
}


def rendered(
    cluster: ControlPlane, *arguments: str, namespace: str = NAMESPACE
) -> list[dict[str, Any]]:
    """Return the chart's objects, as helm makes them of values."""
    text = cluster.helm("template", RELEASE, str(CHART), "-n", namespace, *arguments).stdout
    return [manifest for manifest in yaml.safe_load_all(text) if manifest is not None]


def of_kind(manifests: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {m["metadata"]["name"]: m for m in manifests if m["kind"] == kind}


@pytest.fixture(scope="module")
def strict(cluster: ControlPlane) -> Iterator[str]:
    """A namespace that lets in nothing but what Pod Security calls restricted."""
    name = "phiwarden-restricted"
    metadata = {"name": name, "labels": RESTRICTED}
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    cluster.kubectl("apply", "-f", "-", input=yaml.safe_dump(home))
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.mark.parametrize(("component", "replicas"), [("controller", 1), ("admission", 2)])
def test_its_pods_are_let_in_where_pod_security_is_restricted(
    cluster: ControlPlane, strict: str, component: str, replicas: int
) -> None:
    manifests = rendered(cluster, namespace=strict)
    deployment = of_kind(manifests, "Deployment")[f"{RELEASE}-{component}"]
    assert deployment["spec"]["replicas"] == replicas
    pod = {"apiVersion": "v1", "kind": "Pod", **deployment["spec"]["template"]}
    pod["metadata"]["name"] = "probe"
    account = {"apiVersion": "v1", "kind": "ServiceAccount"}
    account["metadata"] = {"name": pod["spec"]["serviceAccountName"], "namespace": strict}
    cluster.kubectl("apply", "-f", "-", input=yaml.safe_dump(account))

    def tried(obj: dict[str, Any]) -> Completed:
        argv = ("apply", "--dry-run=server", "--validate=strict", "-n", strict, "-f", "-")
        return cluster.kubectl(*argv, input=yaml.safe_dump(obj), check=False)

    for obj in (deployment, pod):
        answer = tried(obj)
        assert (answer.returncode, answer.stderr) == (0, "")
    del pod["spec"]["containers"][0]["securityContext"]
    assert 'violates PodSecurity "restricted' in tried(pod).stderr


def test_the_webhooks_objects_are_ones_that_the_api_server_takes(
    cluster: ControlPlane, strict: str
) -> None:
    manifests = rendered(
        cluster,
        *("-s", "templates/admission.yaml", "-s", "templates/feedback-webhook.yaml"),
        *("-s", "templates/network-policies.yaml"),
        namespace=strict,
    )
    made = cluster.kubectl(
        *("apply", "--dry-run=server", "--validate=strict", "-f", "-"),
        input=yaml.safe_dump_all(manifests),
    )
    assert made.stderr == ""


def test_pods_run_as_the_user_of_the_image(cluster: ControlPlane) -> None:
    """And from the image that is asked for."""
    digest = f"sha256:{'0123456789abcdef' * 4}"
    values = {
        "image": {"repository": "example.test/phiwarden", "digest": digest, "pullPolicy": "Never"},
        "priorityClassName": "system-cluster-critical",
    }
    arguments = [f"--set-json={key}={json.dumps(value)}" for key, value in values.items()]
    deployments = of_kind(rendered(cluster, *arguments), "Deployment")
    assert len(deployments) == 2
    for deployment in deployments.values():
        spec = deployment["spec"]["template"]["spec"]
        user = spec["securityContext"]
        assert f"{user['runAsUser']}:{user['runAsGroup']}" == containerfile.config()["User"]
        assert spec["priorityClassName"] == "system-cluster-critical"
        (container,) = spec["containers"]
        assert container["image"] == f"example.test/phiwarden@{digest}"
        assert container["imagePullPolicy"] == "Never"


def test_its_pods_are_reached_by_one_port_and_reach_the_api_server_and_dns(
    cluster: ControlPlane,
) -> None:
    manifests = rendered(cluster)
    policies = of_kind(manifests, "NetworkPolicy")
    deployments = of_kind(manifests, "Deployment")
    assert policies.keys() == deployments.keys()
    for name, policy in policies.items():
        template = deployments[name]["spec"]["template"]
        chosen = policy["spec"]["podSelector"]["matchLabels"].items()
        assert chosen <= template["metadata"]["labels"].items()
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
        (container,) = template["spec"]["containers"]
        (listens,) = container["ports"]
        assert policy["spec"]["ingress"] == [
            {"ports": [{"port": listens["name"], "protocol": "TCP"}]}
        ]
        api_server, dns = policy["spec"]["egress"]
        assert [port["port"] for port in api_server["ports"]] == [443, 6443]
        assert "to" not in api_server
        assert {port["port"] for port in dns["ports"]} == {53}
        assert dns["to"]


def test_the_addresses_of_api_servers_narrow_its_network_policies(cluster: ControlPlane) -> None:
    chosen = {
        "apiServer": {"cidrs": ["10.0.0.5/32"], "ports": [8443]},
        "webhookCallers": ["10.0.0.0/24"],
    }
    manifests = rendered(cluster, f"--set-json=network.policies={json.dumps(chosen)}")
    policies = of_kind(manifests, "NetworkPolicy")
    for policy in policies.values():
        assert policy["spec"]["egress"][0] == {
            "ports": [{"port": 8443, "protocol": "TCP"}],
            "to": [{"ipBlock": {"cidr": "10.0.0.5/32"}}],
        }
    (allowed,) = policies[f"{RELEASE}-admission"]["spec"]["ingress"]
    assert allowed["from"] == [{"ipBlock": {"cidr": "10.0.0.0/24"}}]
    assert not of_kind(rendered(cluster, "--set=network.policies.enabled=false"), "NetworkPolicy")


def test_with_cert_manager_the_webhook_has_no_right_to_write(cluster: ControlPlane) -> None:
    def with_issuer(*values: str) -> list[dict[str, Any]]:
        chosen = ("enabled=true", *values)
        return rendered(cluster, *(f"--set=feedback.certManager.{value}" for value in chosen))

    manifests = with_issuer("issuerRef.name=hospital-ca", "issuerRef.kind=ClusterIssuer")
    name = f"{RELEASE}-admission"
    by_kind = {m["kind"]: m for m in manifests if m["metadata"]["name"] == name}
    assert not {"Role", "Secret"} & set(by_kind)
    assert {verb for rule in by_kind["ClusterRole"]["rules"] for verb in rule["verbs"]} == {
        "get",
        "list",
        "watch",
    }
    issuer = by_kind["Certificate"]["spec"]["issuerRef"]
    assert issuer == {"name": "hospital-ca", "kind": "ClusterIssuer", "group": "cert-manager.io"}
    (webhook,) = [m for m in manifests if m["kind"] == "MutatingWebhookConfiguration"]
    assert webhook["metadata"]["annotations"] == {
        "cert-manager.io/inject-ca-from": f"{NAMESPACE}/{name}"
    }
    (container,) = by_kind["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["volumeMounts"][0]["mountPath"] == "/certificate"
    with pytest.raises(CommandError, match="must name an issuer"):
        with_issuer()


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("guard.exemptGroup={x}", "exemptGroup"),
        ("image.digest=latest", "/image/digest"),
        ("image.pullPolicy=Sometimes", "/image/pullPolicy"),
        ("network.policies.apiServer.ports={70000}", "/network/policies/apiServer/ports/0"),
        ("network.policies.apiServer.cidrs={10.0.0.5}", "/network/policies/apiServer/cidrs/0"),
        ("network.policies.webhookCallers={any}", "/network/policies/webhookCallers/0"),
    ],
)
def test_a_wrong_value_is_refused_by_name(cluster: ControlPlane, value: str, named: str) -> None:
    failed = cluster.helm("template", RELEASE, str(CHART), "--set", value, check=False)
    assert failed.returncode != 0
    assert named in failed.stderr


def test_the_controller_answers_its_probe(product: Product) -> None:
    (port,) = free_ports(1, "127.0.0.1")
    url = f"http://127.0.0.1:{port}/healthz"
    with running(product, command=("-m", "phiwarden", "controller", f"--liveness={url}")):

        def healthy() -> bool:
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    return b"running" in answer.read()
            except OSError:
                return False

        until(healthy, "the probe says that everything runs")
