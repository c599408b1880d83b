"""The NetworkPolicies of one zone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any, Final

from phiwarden.api.workload import Exposure, Port, Purpose, Zone
from phiwarden.boundary.flows import Opening, Peer
from phiwarden.boundary.manifest import Place
from phiwarden.boundary.model import Desired, Facts
from phiwarden.boundary.policy import (
    Network,
    address_peer,
    deny_all_policy,
    egress_policy,
    external_peers,
    ingress_policy,
    namespace_peer,
    reachable_pods,
    rule,
    unquarantined_pods,
)

_DNS_PORTS: Final = (Port(port=53, protocol="UDP"), Port(port=53, protocol="TCP"))
DNS_NAMESPACE: Final = "kube-system"
DNS_LABELS: Final = {"k8s-app": "kube-dns"}
DNS_ADDRESSES: Final = (
    ip_network("169.254.20.10/32"),  # NodeLocal DNSCache runs on the host network
    ip_network("169.254.169.254/32"),  # Cloud DNS on GKE: the metadata address, port 53 alone
)
_EVERYWHERE: Final = (ip_network("0.0.0.0/0"), ip_network("::/0"))

DEFAULT_DENY: Final = "phiwarden-default-deny"
"""Name of the policy that denies what no other one allows."""


def default_deny(place: Place) -> Desired:
    """Return the policy that makes the other ones the only ways in and out."""
    return deny_all_policy(place, DEFAULT_DENY)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the peers of flows are found."""

    namespaces: Mapping[str, str]
    """Namespace of each zone that is available."""
    networks: Mapping[str, Iterable[Network]]
    """Address ranges of each external."""

    def peers(self, peer: Peer) -> list[dict[str, Any]]:
        """Return the peer as policies name it."""
        if peer.kind == "zone":
            return [namespace_peer(self.namespaces[peer.name])]
        return external_peers(self.networks[peer.name])


def allowed_traffic(
    place: Place, zone: Zone, openings: Iterable[Opening], addresses: Addresses, facts: Facts
) -> tuple[Desired, ...]:
    """Return the policies that allow something, in the order of their names."""
    policies = [_dns(place), _exposure(place, zone, facts), _api_servers(place, zone, facts)]
    policies += [_flow(place, opening, addresses) for opening in openings]
    return tuple(sorted((policy for policy in policies if policy), key=lambda p: p.name))


def _dns(place: Place) -> Desired:
    peers = [namespace_peer(DNS_NAMESPACE, DNS_LABELS)]
    peers += [address_peer(network) for network in DNS_ADDRESSES]
    return egress_policy(place, "phiwarden-dns", reachable_pods(), [rule("to", peers, _DNS_PORTS)])


def _exposure(place: Place, zone: Zone, facts: Facts) -> Desired | None:
    if zone.exposure is Exposure.NONE:
        return None
    peers = [namespace_peer(name) for name in sorted(set(facts.gateway_namespaces))]
    if zone.exposure is Exposure.PUBLIC:
        peers = [address_peer(network) for network in _EVERYWHERE] + peers
    if not peers:
        return None
    allowed = rule("from", peers, zone.exposed_ports or None)
    return ingress_policy(place, "phiwarden-exposure", reachable_pods(), [allowed])


def _api_servers(place: Place, zone: Zone, facts: Facts) -> Desired | None:
    """Allow the API server's own addresses, since no selector matches them.

    Network policies cannot tell service accounts apart: this opens the
    network to every pod of the zone, and the token to those declared.
    """
    by_port = defaultdict(set)
    for server in facts.api_servers:
        by_port[server.port].add(ip_network(ip_address(server.address)))
    if not by_port or not any(account.api_access for account in zone.service_accounts):
        return None
    rules = [
        rule(
            "to",
            [address_peer(n) for n in sorted(by_port[port], key=lambda n: (n.version, n))],
            [Port(port=port, protocol="TCP")],
        )
        for port in sorted(by_port)
    ]
    return egress_policy(place, "phiwarden-api-server", unquarantined_pods(), rules)


def _flow(place: Place, opening: Opening, addresses: Addresses) -> Desired:
    allowed = rule(opening.side, addresses.peers(opening.peer), opening.ports)
    if opening.side == "from":
        return ingress_policy(place, opening.name, reachable_pods(), [allowed])
    pods = reachable_pods() if opening.purpose is Purpose.TREATMENT else unquarantined_pods()
    return egress_policy(place, opening.name, pods, [allowed])
