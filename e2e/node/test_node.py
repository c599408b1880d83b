"""The real node that tests of what packets do stand on: what it must be able to do."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator

import pytest

from e2e.conftest import NODE_LABELS
from e2e.node import Node, peers
from e2e.node.peers import OPEN, REFUSED
from e2e.waiting import until

PORT = 8080


@pytest.fixture(scope="module")
def namespace(node: Node) -> Iterator[str]:
    """A restricted namespace with a server, its Service, and a client."""
    with peers.namespace(node) as name:
        peers.create(
            node,
            peers.pod("server", name, ports=[PORT], labels={"app": "server"}),
            peers.pod("client", name),
            peers.service("web", name, {"app": "server"}, port=80, target=PORT),
        )
        for each in ("server", "client"):
            peers.address(node, name, each)
        yield name


def test_the_node_is_ready_and_runs_what_was_built(node: Node) -> None:
    (found,) = json.loads(node.cluster.kubectl("get", "nodes", "-o=json").stdout)["items"]
    conditions = {each["type"]: each["status"] for each in found["status"]["conditions"]}
    assert conditions["Ready"] == "True"
    assert found["status"]["nodeInfo"]["containerRuntimeVersion"].startswith("containerd://2.")
    assert found["metadata"]["labels"].items() >= NODE_LABELS.items()
    node.check()


def test_a_pod_answers_with_its_name(node: Node, namespace: str) -> None:
    address = peers.address(node, namespace, "server")
    with urllib.request.urlopen(f"http://{address}:{PORT}", timeout=5) as answer:
        assert answer.read() == b"server\n"


def test_what_a_pod_says_is_in_its_log(node: Node, namespace: str) -> None:
    said = node.cluster.kubectl("logs", "server", f"-n={namespace}").stdout
    assert said == f"server serves {PORT}\n"


def test_a_command_runs_in_a_pod_and_meets_what_the_network_has(node: Node, namespace: str) -> None:
    address = peers.address(node, namespace, "server")
    open_port, closed_port = f"{address}:{PORT}", f"{address}:{PORT + 1}"
    met = peers.dial(node, namespace, "client", open_port, closed_port)
    assert met == {open_port: OPEN, closed_port: REFUSED}


def test_a_service_has_a_name_and_leads_to_its_pod(node: Node, namespace: str) -> None:
    name = f"web.{namespace}.svc.cluster.local"
    service = node.cluster.kubectl(
        "get", "service", "web", f"-n={namespace}", "-o=jsonpath={.spec.clusterIP}"
    ).stdout
    assert peers.resolve(node, namespace, "client", name) == {name: service}
    web = f"{name}:80"
    until(lambda: peers.dial(node, namespace, "client", web) == {web: OPEN}, "it leads there")


def test_a_name_that_is_not_the_clusters_leads_nowhere(node: Node, namespace: str) -> None:
    met = peers.resolve(node, namespace, "client", "registry.example.com")
    assert met["registry.example.com"].startswith("error ")


def test_a_pod_reaches_the_api_server_by_its_service(node: Node, namespace: str) -> None:
    target = "kubernetes.default.svc.cluster.local:443"
    assert peers.dial(node, namespace, "client", target) == {target: OPEN}


def test_packets_to_any_other_address_end_in_a_namespace_of_their_own(
    node: Node, namespace: str
) -> None:
    metadata = "169.254.169.254:80"
    elsewhere = f"{node.network.outside}:80"
    # Nobody listens, and it is the one behind the default route who says so.
    met = peers.dial(node, namespace, "client", elsewhere)
    assert met == {elsewhere: REFUSED}
    node.run_outside("ip", "address", "add", "169.254.169.254/32", "dev", "lo")
    try:
        assert peers.dial(node, namespace, "client", metadata) == {metadata: REFUSED}
    finally:
        node.run_outside("ip", "address", "delete", "169.254.169.254/32", "dev", "lo")
    assert peers.dial(node, namespace, "client", metadata)[metadata] != REFUSED


def test_a_container_that_fails_its_probe_is_never_ready(node: Node, namespace: str) -> None:
    failing = peers.pod("failing", namespace, ports=[PORT])
    failing["spec"]["containers"][0]["readinessProbe"]["httpGet"]["port"] = PORT + 1
    peers.create(node, failing)
    said = node.cluster.kubectl(
        "wait",
        "pod/failing",
        f"-n={namespace}",
        "--for=condition=Ready",
        "--timeout=4s",
        check=False,
    )
    assert "timed out" in said.stderr
    state = node.cluster.kubectl(
        "get", "pod", "failing", f"-n={namespace}", "-o=jsonpath={.status.phase}"
    ).stdout
    assert state == "Running"
