"""What NetworkPolicies mean, read from their specification and not from the compiler.

https://kubernetes.io/docs/concepts/services-networking/network-policies/
An address range matches a pod's address, too: some network plugins do it so,
and a boundary has to hold with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Any

Policy = Mapping[str, Any]


@dataclass(frozen=True)
class Party:
    """One end of a connection: a pod, or an address outside the cluster."""

    address: str
    namespace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)


class Network:
    """The network that a set of policies makes."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        self._policies = tuple(policies)
        self._open_ports = cache(self._find_open_ports)

    def connects(self, source: Party, target: Party, protocol: str, port: int) -> bool:
        """Tell whether a connection is allowed by the egress and the ingress it meets."""
        return all(
            any(_ports_match(ports, protocol, port) for ports in self._open_ports(*side))
            for side in (("Egress", source, target), ("Ingress", target, source))
        )

    def _find_open_ports(self, direction: str, pod: Party, other: Party) -> list[Any]:
        """Return the ports of each rule that matches; None for all ports."""
        section, peers = ("egress", "to") if direction == "Egress" else ("ingress", "from")
        specs = [
            policy["spec"]
            for policy in self._policies
            if pod.namespace is not None
            and policy["metadata"]["namespace"] == pod.namespace
            and _selects(policy["spec"].get("podSelector") or {}, pod.labels)
            and direction in _types(policy["spec"])
        ]
        if not specs:
            return [None]
        return [
            rule.get("ports")
            for spec in specs
            for rule in spec.get(section) or ()
            if _peers_match(rule.get(peers), other)
        ]


def _types(spec: Mapping[str, Any]) -> list[str]:
    if spec.get("policyTypes"):
        return list(spec["policyTypes"])
    return ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def _peers_match(peers: list[Any] | None, other: Party) -> bool:
    return not peers or any(_peer_matches(peer, other) for peer in peers)


def _peer_matches(peer: Mapping[str, Any], other: Party) -> bool:
    if "ipBlock" in peer:
        assert set(peer) == {"ipBlock"}, "the API server refuses a range together with selectors"
        block = peer["ipBlock"]
        return _contains(block["cidr"], other.address) and not any(
            _contains(excepted, other.address) for excepted in block.get("except") or ()
        )
    assert "namespaceSelector" in peer, "the policies' own namespace is not meant here"
    if other.namespace is None:
        return False
    namespace_labels = {"kubernetes.io/metadata.name": other.namespace}
    return _selects(peer["namespaceSelector"], namespace_labels) and (
        "podSelector" not in peer or _selects(peer["podSelector"], other.labels)
    )


def _ports_match(ports: list[Any] | None, protocol: str, port: int) -> bool:
    return not ports or any(
        entry.get("protocol", "TCP") == protocol
        and entry["port"] <= port <= entry.get("endPort", entry["port"])
        for entry in ports
    )


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    return all(
        labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items()
    ) and all(
        _requirement_holds(requirement, labels)
        for requirement in selector.get("matchExpressions") or ()
    )


def _requirement_holds(requirement: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement["key"])
    match requirement["operator"]:
        case "In":
            return value in requirement["values"]
        case "NotIn":
            return value not in requirement["values"]
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case other:
            raise AssertionError(other)


@cache
def _contains(cidr: str, address: str) -> bool:
    return ip_address(address) in ip_network(cidr)
