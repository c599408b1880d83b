"""A pod in its first moments: open before its policies hold, or shut from the beginning."""

from __future__ import annotations

import pytest

from e2e.node import Node, acquire, peers
from e2e.node.clinic import STRANGER, world_outside
from e2e.node.peers import Rush
from e2e.waiting import until

PODS = 8
SPAN = 3
TARGET = f"{STRANGER}:443"
DENY = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def rush(node: Node) -> list[Rush]:
    """Have pods that dial a forbidden address from their first moment on; return what they met."""
    world_outside(node)
    with peers.namespace(node) as namespace:
        peers.create(node, peers.policy("deny", namespace, DENY))
        names = [f"new-{number}" for number in range(PODS)]
        for name in names:
            pod = peers.pod(name, namespace, spec={"restartPolicy": "Never"})
            pod["spec"]["containers"][0]["args"] = ["rush", f"{SPAN}s", TARGET]
            peers.create(node, pod)
        return [met(node, namespace, name) for name in names]


def met(node: Node, namespace: str, name: str) -> Rush:
    def said() -> str:
        return node.cluster.kubectl("logs", name, f"-n={namespace}", check=False).stdout

    found = peers.rushed(until(said, f"{name} says what it met", every=0.2))
    return found[TARGET]


def told(found: list[Rush]) -> str:
    early = [each for each in found if each.opened]
    last = max((each.last for each in early), default=0.0)
    return f"{len(early)} of {len(found)} new pods were open at first, the longest for {last:.3f} s"


@pytest.mark.parametrize("flags", [(), ("--netpol-default-deny=true",)], ids=["usual", "strict"])
def test_a_new_pod_is_shut_within_moments(here: None, flags: tuple[str, ...]) -> None:
    """How long it takes is the network plug-in's own, which hears of a pod when the pod is there.

    Its strict mode shuts most pods from the first moment on, and not all: docs/probe.md has the
    figures.
    """
    with acquire(flags={"kube-router": flags}) as node:
        found = rush(node)
    print(told(found))
    assert all(each.tried > 10 for each in found)
    assert all(each.last < SPAN - 1 for each in found)
