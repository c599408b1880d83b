"""The real node that tests of what packets do stand on."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.node import Node
from e2e.node.peers import address, pod
from e2e.waiting import until

PORT = 8080
CLOSED = 8081


@pytest.fixture(scope="module")
def namespace(node: Node) -> Iterator[str]:
    """A restricted namespace with two servers and a client."""
    yield from prepared(node)


def prepared(node: Node) -> Iterator[str]:
    name = f"node-{uuid.uuid4().hex[:8]}"
    node.cluster.kubectl("create", "namespace", name)
    node.cluster.kubectl(
        "label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted"
    )
    until(
        lambda: (
            node.cluster.kubectl(
                "get", "serviceaccount", "default", f"-n={name}", check=False
            ).returncode
            == 0
        ),
        "the namespace has its service account",
    )
    for each in (
        pod("server", name, ports=[PORT], labels={"app": "server"}),
        pod("other", name, ports=[PORT]),
        pod("client", name, labels={"app": "client"}),
    ):
        apply(node, each)
    yield name
    node.cluster.kubectl("delete", "namespace", name, "--wait=false")


def test_a_pod_is_ready_by_its_own_answer(node: Node, namespace: str) -> None:
    address(node, namespace, "server")


def apply(node: Node, manifest: dict[str, Any]) -> None:
    node.cluster.kubectl("apply", "--filename=-", input=json.dumps(manifest))
