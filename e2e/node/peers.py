"""Pods that are one end of a connection, and what a connection from them meets."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from e2e.node.images import PEER
from e2e.node.node import Node
from e2e.waiting import until

OPEN = "open"
REFUSED = "refused"
TIMEOUT = "timeout"
SHUT = frozenset({REFUSED, TIMEOUT})
"""What a connection that a policy forbids may look like."""

_PROGRAM = "/peer"
_DIAL_SECONDS = 1.0


@contextmanager
def namespace(node: Node, name: str | None = None) -> Iterator[str]:
    """Have a namespace in which only restricted pods may run; without a name, one of its own."""
    name = name or f"node-{uuid.uuid4().hex[:8]}"
    level = {"pod-security.kubernetes.io/enforce": "restricted"}
    create(
        node, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": level}}
    )
    account = ("get", "serviceaccount", "default", f"-n={name}", "--ignore-not-found", "-o=name")
    until(lambda: node.cluster.kubectl(*account).stdout, "the namespace has its service account")
    yield name
    node.cluster.kubectl("delete", "namespace", name, "--wait=false")


def create(node: Node, *manifests: Mapping[str, Any]) -> None:
    """Create objects."""
    manifest = {"apiVersion": "v1", "kind": "List", "items": manifests}
    node.cluster.kubectl("create", "--filename=-", input=json.dumps(manifest))


def service(
    name: str, namespace: str, selector: Mapping[str, str], *, port: int, target: int
) -> dict[str, Any]:
    """Return a Service that leads to the pods with these labels."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": selector, "ports": [{"port": port, "targetPort": target}]},
    }


def policy(name: str, namespace: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a NetworkPolicy."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def pod(
    name: str,
    namespace: str,
    *,
    ports: Sequence[int] = (),
    labels: Mapping[str, str] | None = None,
    spec: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a pod, fit for restricted namespaces, that answers HTTP on its ports with its name.

    It is ready once the first port answers; without ports it only waits, and calls others.
    """
    container: dict[str, Any] = {
        "name": "peer",
        "image": PEER,
        "imagePullPolicy": "Never",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    if ports:
        container["args"] = ["serve", name, *map(str, ports)]
        container["readinessProbe"] = {
            "httpGet": {"path": "/", "port": ports[0]},
            "periodSeconds": 1,
        }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {**(labels or {})}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 1, **(spec or {})},
    }


def address(node: Node, namespace: str, name: str) -> str:
    """Return the address of a pod once it is ready."""
    ready = '{.status.conditions[?(@.type=="Ready")].status} {.status.podIP}'

    def asked() -> str | None:
        got = node.cluster.kubectl(
            "get", "pod", name, f"-n={namespace}", f"-o=jsonpath={ready}", check=False
        ).stdout
        return got.removeprefix("True ") if got.startswith("True ") else None

    return until(asked, f"pod {namespace}/{name} is ready", every=0.2)


def dial(node: Node, namespace: str, name: str, *targets: str) -> dict[str, str]:
    """Return what a new TCP connection from a pod to each `host:port` meets, all tried at once.

    `open`, `refused`, `timeout` (after a second), or `error ` with the reason.
    """
    timeout = f"{_DIAL_SECONDS}s"
    return _answers(node.execute(namespace, name, _PROGRAM, "dial", timeout, *targets).stdout)


def dial_outside(node: Node, *targets: str) -> dict[str, str]:
    """Return the same for connections that do not come from a pod, nor from node or API server."""
    return _answers(node.run_outside("peer", "dial", f"{_DIAL_SECONDS}s", *targets).stdout)


@dataclass(frozen=True)
class Rush:
    """What came of dialling over and over: how often it was open, tried, and the last second open."""

    opened: int
    tried: int
    last: float


def rushed(said: str) -> dict[str, Rush]:
    """Return what `peer rush` printed, by target."""
    numbers = {target: line.split() for target, line in _answers(said).items()}
    return {to: Rush(int(n[0]), int(n[1]), int(n[2]) / 1000) for to, n in numbers.items()}


def resolve(node: Node, namespace: str, name: str, *hosts: str) -> dict[str, str]:
    """Return the addresses of each host as a pod learns them, or `error ` with the reason."""
    return _answers(node.execute(namespace, name, _PROGRAM, "resolve", "2s", *hosts).stdout)


def _answers(said: str) -> dict[str, str]:
    return dict(line.split(" ", 1) for line in said.splitlines())
