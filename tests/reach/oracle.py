"""What the API's documentation says of NetworkPolicies, word by word and pod by pod.

https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/
Slow on purpose, and without a line of what it judges. Where the documentation leaves it to the
network plug-in: a range of addresses matches a pod's address, and a pod on the host's network
counts as its node: no policy selects it, and only ranges match it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Who:
    """One end of a connection: a pod as the API server lists it, or an address outside."""

    addresses: tuple[str, ...]
    pod: Body | None = None
    namespace_labels: dict[str, str] = field(default_factory=dict)

    @property
    def on_pod_network(self) -> bool:
        return self.pod is not None and not self.pod["spec"].get("hostNetwork")


def connects(policies: list[Body], source: Who, target: Who, protocol: str, port: int) -> bool:
    """Tell whether the source may open a connection to a port of the target."""
    return _passes(policies, "Egress", source, target, target, protocol, port) and _passes(
        policies, "Ingress", target, source, target, protocol, port
    )


def _passes(
    policies: list[Body], way: str, own: Who, peer: Who, target: Who, protocol: str, port: int
) -> bool:
    if own.pod is None or not own.on_pod_network:
        return True
    metadata = own.pod["metadata"]
    selecting = [
        policy
        for policy in policies
        if policy["metadata"]["namespace"] == metadata["namespace"]
        and way in _types(policy["spec"])
        and selects(policy["spec"].get("podSelector") or {}, metadata["labels"])
    ]
    if not selecting:
        return True
    section, list_of_peers = ("egress", "to") if way == "Egress" else ("ingress", "from")
    for policy in selecting:
        for rule in policy["spec"].get(section) or []:
            peers, ports = rule.get(list_of_peers) or [], rule.get("ports") or []
            here = policy["metadata"]["namespace"]
            if (not peers or any(_is_peer(each, here, peer) for each in peers)) and (
                not ports or any(_is_port(each, target, protocol, port) for each in ports)
            ):
                return True
    return False


def _types(spec: Body) -> list[str]:
    if spec.get("policyTypes"):
        return list(spec["policyTypes"])
    return ["Ingress"] + (["Egress"] if spec.get("egress") else [])


def _is_peer(entry: Body, here: str, who: Who) -> bool:
    if "ipBlock" in entry:
        block = entry["ipBlock"]
        return any(
            _within(address, block["cidr"])
            and not any(_within(address, out) for out in block.get("except") or [])
            for address in who.addresses
        )
    if who.pod is None or not who.on_pod_network:
        return False
    metadata = who.pod["metadata"]
    if "namespaceSelector" in entry:
        in_namespace = selects(entry["namespaceSelector"], who.namespace_labels)
    else:
        in_namespace = metadata["namespace"] == here
    return in_namespace and selects(entry.get("podSelector") or {}, metadata["labels"])


def _is_port(entry: Body, target: Who, protocol: str, port: int) -> bool:
    if entry.get("protocol", "TCP") != protocol:
        return False
    wanted = entry.get("port")
    if wanted is None:
        return True
    if isinstance(wanted, str):
        containers = target.pod["spec"]["containers"] if target.pod is not None else []
        return any(
            each.get("name") == wanted
            and each.get("protocol", "TCP") == protocol
            and each["containerPort"] == port
            for container in containers
            for each in container.get("ports") or []
        )
    return bool(wanted <= port <= entry.get("endPort", wanted))


def selects(selector: Body, labels: dict[str, str]) -> bool:
    """Tell whether a label selector matches; an empty one matches everything."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    for each in selector.get("matchExpressions") or []:
        there, value = each["key"] in labels, labels.get(each["key"])
        holds = {
            "In": there and value in (each.get("values") or []),
            "NotIn": not there or value not in (each.get("values") or []),
            "Exists": there,
            "DoesNotExist": not there,
        }
        if not holds[each["operator"]]:
            return False
    return True


def _within(address: str, cidr: str) -> bool:
    return ip_address(address) in ip_network(cidr, strict=False)
