"""NetworkPolicies on the real node: in force with the enforcer, and promises only without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from e2e.node import Node, acquire, peers
from e2e.node.peers import OPEN, SHUT
from e2e.waiting import until

PORT = 8080
OTHER_PORT = 8081
CLIENT = {"app": "client"}
SERVER = {"app": "server"}
PORTS = [{"protocol": "TCP", "port": PORT}]
DENY: dict[str, Any] = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
FROM_CLIENT = {
    "podSelector": {"matchLabels": SERVER},
    "policyTypes": ["Ingress"],
    "ingress": [{"from": [{"podSelector": {"matchLabels": CLIENT}}], "ports": PORTS}],
}
TO_SERVER = {
    "podSelector": {"matchLabels": CLIENT},
    "policyTypes": ["Egress"],
    "egress": [{"to": [{"podSelector": {"matchLabels": SERVER}}], "ports": PORTS}],
}

Flow = tuple[str, str, int]
ALLOWED: Flow = ("client", "server", PORT)
FLOWS: frozenset[Flow] = frozenset(
    {
        ALLOWED,
        ("client", "server", OTHER_PORT),
        ("client", "other", PORT),
        ("other", "server", PORT),
        ("other", "client", PORT),
        ("outside", "server", PORT),
        ("outside", "other", PORT),
    }
)


@dataclass(frozen=True)
class Site:
    """A namespace on a node, with three pods that serve, and what calls them from outside."""

    node: Node
    namespace: str

    def open_flows(self) -> frozenset[Flow]:
        """Measure every flow with a new connection."""
        return frozenset(flow for source in self._sources() for flow in self._open_from(source))

    def declare(self, name: str, spec: dict[str, Any]) -> None:
        peers.create(self.node, peers.policy(name, self.namespace, spec))

    def withdraw_all(self) -> None:
        self.node.cluster.kubectl("delete", "networkpolicies", "--all", f"-n={self.namespace}")

    def _sources(self) -> list[str]:
        return sorted({source for source, _, _ in FLOWS})

    def _open_from(self, source: str) -> frozenset[Flow]:
        flows = {
            f"{peers.address(self.node, self.namespace, flow[1])}:{flow[2]}": flow
            for flow in FLOWS
            if flow[0] == source
        }
        if source == "outside":
            met = peers.dial_outside(self.node, *flows)
        else:
            met = peers.dial(self.node, self.namespace, source, *flows)
        assert set(met.values()) <= {OPEN, *SHUT}
        return frozenset(flows[target] for target, state in met.items() if state == OPEN)


def site(node: Node) -> Iterator[Site]:
    with peers.namespace(node) as name:
        peers.create(
            node,
            peers.pod("client", name, ports=[PORT], labels=CLIENT),
            peers.pod("server", name, ports=[PORT, OTHER_PORT], labels=SERVER),
            peers.pod("other", name, ports=[PORT]),
        )
        yield Site(node, name)


@pytest.fixture
def enforced(node: Node) -> Iterator[Site]:
    yield from site(node)


@pytest.fixture(scope="module")
def unenforced(here: None) -> Iterator[Site]:
    with acquire(enforcer=False) as node:
        yield from site(node)


def test_policies_shut_what_they_deny_and_open_what_they_allow(enforced: Site) -> None:
    assert enforced.open_flows() == FLOWS
    enforced.declare("deny", DENY)
    until(lambda: not enforced.open_flows(), "everything is shut")
    enforced.declare("from-client", FROM_CLIENT)
    enforced.declare("to-server", TO_SERVER)
    until(lambda: ALLOWED in enforced.open_flows(), "the allowed flow is open")
    assert enforced.open_flows() == {ALLOWED}
    enforced.withdraw_all()
    until(lambda: enforced.open_flows() == FLOWS, "everything is open again")


def test_without_an_enforcer_the_same_policies_shut_nothing(unenforced: Site) -> None:
    unenforced.declare("deny", DENY)
    # Whatever would act on the policy has had the time that it takes to start a pod.
    peers.create(unenforced.node, peers.pod("later", unenforced.namespace, ports=[PORT]))
    peers.address(unenforced.node, unenforced.namespace, "later")
    assert unenforced.open_flows() == FLOWS
