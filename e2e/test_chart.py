"""The chart as it is installed by default, and the controller as it is started by it."""

from __future__ import annotations

import urllib.request
from typing import Any

import pytest
import yaml

from e2e.controlplane.errors import CommandError
from e2e.controlplane.ports import free_ports
from e2e.product import CHART, NAMESPACE, RELEASE, Product, running
from e2e.waiting import until


def test_the_controllers_deployment_is_one_that_the_api_server_takes(product: Product) -> None:
    rendered = product.cluster.helm(
        "template", RELEASE, str(CHART), "-n", NAMESPACE, "-s", "templates/controller.yaml"
    ).stdout
    made = product.cluster.kubectl(
        "apply", "--dry-run=server", "--validate=strict", "-o", "yaml", "-f", "-", input=rendered
    )
    spec = yaml.safe_load(made.stdout)["spec"]["template"]["spec"]
    assert spec["serviceAccountName"] == RELEASE
    (container,) = spec["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_webhooks_objects_are_ones_that_the_api_server_takes(product: Product) -> None:
    """In a namespace that lets in nothing but what Pod Security calls restricted."""
    cluster, namespace = product.cluster, "phiwarden-restricted"
    rendered = cluster.helm(
        *("template", RELEASE, str(CHART), "-n", namespace),
        *("-s", "templates/admission.yaml", "-s", "templates/feedback-webhook.yaml"),
    ).stdout
    strict = {"pod-security.kubernetes.io/enforce": "restricted"}
    strict["pod-security.kubernetes.io/warn"] = "restricted"
    metadata = {"name": namespace, "labels": strict}
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    cluster.kubectl("apply", "-f", "-", input=yaml.safe_dump(home))
    try:
        made = cluster.kubectl(
            "apply", "--dry-run=server", "--validate=strict", "-f", "-", input=rendered
        )
        (deployment,) = [
            manifest
            for manifest in yaml.safe_load_all(rendered)
            if manifest is not None and manifest["kind"] == "Deployment"
        ]
        pod = {"apiVersion": "v1", "kind": "Pod", **deployment["spec"]["template"]}
        pod["metadata"]["name"] = "probe"
        pod["spec"].pop("serviceAccountName")
        started = cluster.kubectl(
            "apply", "--dry-run=server", "-n", namespace, "-f", "-", input=yaml.safe_dump(pod)
        )
    finally:
        cluster.kubectl("delete", "namespace", namespace, "--wait=false")
    assert made.stderr == ""
    assert started.stderr == ""
    assert deployment["spec"]["replicas"] == 2


def test_with_cert_manager_the_webhook_has_no_right_to_write(product: Product) -> None:
    def rendered(*values: str) -> list[dict[str, Any]]:
        text = product.cluster.helm(
            *("template", RELEASE, str(CHART), "-n", NAMESPACE),
            *(f"--set=feedback.certManager.{value}" for value in ("enabled=true", *values)),
        ).stdout
        return [manifest for manifest in yaml.safe_load_all(text) if manifest is not None]

    manifests = rendered("issuerRef.name=hospital-ca", "issuerRef.kind=ClusterIssuer")
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
        rendered()


def test_a_wrong_value_is_refused_by_name(product: Product) -> None:
    failed = product.cluster.helm(
        "template", RELEASE, str(CHART), "--set", "guard.exemptGroup={x}", check=False
    )
    assert failed.returncode != 0
    assert "exemptGroup" in failed.stderr


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
