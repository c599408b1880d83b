"""NetworkPolicy manifests that say all that they mean.

What a NetworkPolicy leaves out tends to open: no peers are all peers, no
ports all ports, no policyTypes no denial of egress. So nothing is left out
here but ports that are meant to be all. Sections without a rule are written
as empty lists, too, since server-side apply takes back a foreign rule only
from a field that it states. The price: the API server stores no empty list,
so each apply is a write. Compare by `phiwarden.boundary.project` first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Literal

from phiwarden.api import names
from phiwarden.api.values import NOT_EXTERNAL
from phiwarden.api.workload import Port
from phiwarden.boundary.manifest import Place, namespaced
from phiwarden.boundary.model import Desired, Quarantine

Network = IPv4Network | IPv6Network


def reachable_pods() -> dict[str, Any]:
    """Select the pods that quarantine leaves a path for care."""
    return _quarantine({"operator": "NotIn", "values": [str(Quarantine.FULL)]})


def unquarantined_pods() -> dict[str, Any]:
    """Select the pods that are not in quarantine at all."""
    return _quarantine({"operator": "DoesNotExist"})


def _quarantine(requirement: dict[str, Any]) -> dict[str, Any]:
    return {"matchExpressions": [{"key": names.QUARANTINE, **requirement}]}


def ingress_policy(
    place: Place, name: str, pods: dict[str, Any], rules: Sequence[dict[str, Any]]
) -> Desired:
    """Return a policy that allows what `rules` say, and nothing on egress."""
    return _policy(place, name, pods, ["Ingress"], ingress=rules)


def egress_policy(
    place: Place, name: str, pods: dict[str, Any], rules: Sequence[dict[str, Any]]
) -> Desired:
    """Return a policy that allows what `rules` say, and nothing on ingress."""
    return _policy(place, name, pods, ["Egress"], egress=rules)


def deny_all_policy(place: Place, name: str) -> Desired:
    """Return a policy under which no pod has a connection that no other policy allows."""
    return _policy(place, name, {}, ["Ingress", "Egress"])


def _policy(
    place: Place,
    name: str,
    pods: dict[str, Any],
    types: list[str],
    *,
    ingress: Sequence[dict[str, Any]] = (),
    egress: Sequence[dict[str, Any]] = (),
) -> Desired:
    spec = {
        "podSelector": pods,
        "policyTypes": types,
        "ingress": list(ingress),
        "egress": list(egress),
    }
    return namespaced(place, "networking.k8s.io/v1", "NetworkPolicy", name, spec=spec)


def rule(
    side: Literal["from", "to"], peers: Sequence[dict[str, Any]], ports: Iterable[Port] | None
) -> dict[str, Any]:
    """Return one rule; `None` for ports means all of them.

    Raises:
        ValueError: without a peer or port, which Kubernetes would read as all of them.
    """
    opened: dict[str, Any] = {side: list(peers)}
    if ports is not None:
        opened["ports"] = port_list(ports)
    if not all(opened.values()):
        raise ValueError("a rule without peers or ports would allow everything")
    return opened


def port_list(ports: Iterable[Port]) -> list[dict[str, Any]]:
    """Return ports in one order, each once."""
    distinct = {(port.protocol, port.port, port.end_port or port.port) for port in ports}
    entries = []
    for protocol, first, last in sorted(distinct):
        entry: dict[str, Any] = {"protocol": protocol, "port": first}
        if last != first:
            entry["endPort"] = last
        entries.append(entry)
    return entries


def namespace_peer(namespace: str, pods: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the pods of a namespace, by the one label that nobody can give to another."""
    peer: dict[str, Any] = {"namespaceSelector": {"matchLabels": {names.NAMESPACE_NAME: namespace}}}
    if pods is not None:
        peer["podSelector"] = {"matchLabels": pods}
    return peer


def address_peer(network: Network) -> dict[str, Any]:
    """Return a range of addresses, just as it is."""
    return {"ipBlock": {"cidr": str(network)}}


def external_peers(networks: Iterable[Network]) -> list[dict[str, Any]]:
    """Return ranges of addresses without the parts where no external system can be.

    Among these is the metadata address, which hands out a node's credentials.
    """
    peers = []
    for network in sorted(set(networks), key=lambda n: (n.version, n)):
        peer = address_peer(network)
        if excepted := [text for text, _ in NOT_EXTERNAL if _within(ip_network(text), network)]:
            peer["ipBlock"]["except"] = excepted
        peers.append(peer)
    return peers


def _within(inner: Network, outer: Network) -> bool:
    if isinstance(inner, IPv4Network) and isinstance(outer, IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, IPv6Network) and isinstance(outer, IPv6Network):
        return inner.subnet_of(outer)
    return False
