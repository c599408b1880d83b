"""The chart as it is installed by default, and the controller as it is started by it."""

from __future__ import annotations

import urllib.request

import yaml

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
