"""Objects of Kubernetes, read as far as reach depends on them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from ipaddress import IPv6Network, ip_address, ip_network
from typing import Any, Final

from phiwarden.api import names
from phiwarden.api.selectors import Labels, NotASelector, Selector, selector_of
from phiwarden.reach.model import (
    Block,
    Direction,
    Network,
    Peer,
    Pod,
    PodPeer,
    Policy,
    Rule,
    Service,
)
from phiwarden.reach.ports import EVERY_PORT, FIRST, LAST, PROTOCOLS, RulePorts, Span, port_set

Body = Mapping[str, Any]

_SECTIONS: Final = {
    Direction.INGRESS: ("ingress", "from"),
    Direction.EGRESS: ("egress", "to"),
}
_FINISHED: Final = ("Succeeded", "Failed")
_LEADING_ZEROS: Final = re.compile(r"(?<![0-9a-fA-F:])0+(?=[0-9])")
_MAPPED_BITS: Final = 96


class NotUnderstood(ValueError):
    """An object says what the API server would refuse; names the object, the field and what."""


def namespace_of(body: Body) -> tuple[str, Labels]:
    """Return the name of a Namespace and its labels, with the one that the API server sets."""
    metadata = body.get("metadata") or {}
    name = str(metadata.get("name") or "")
    return name, {**_labels(metadata), names.NAMESPACE_NAME: name}


def pod_of(body: Body) -> Pod | None:
    """Return a Pod; None for one that has ended, whose network is gone."""
    spec, status = body.get("spec") or {}, body.get("status") or {}
    if status.get("phase") in _FINISHED:
        return None
    on_host = bool(spec.get("hostNetwork"))
    found = status.get("podIPs") or [{"ip": status.get("podIP")}]
    metadata = body.get("metadata") or {}
    return Pod(
        namespace=_namespace(metadata),
        name=str(metadata.get("name") or metadata.get("generateName") or ""),
        labels=_labels(metadata),
        ports=_named_ports(spec),
        addresses=tuple(str(ip_address(a["ip"])) for a in found if a.get("ip")),
        on_host=on_host,
    )


def pods_of_template(template: Body, namespace: str, name: str, replicas: int) -> Pod:
    """Return the pods that a controller would make of a template, before they have addresses."""
    metadata, spec = template.get("metadata") or {}, template.get("spec") or {}
    return Pod(
        namespace=namespace,
        name=name,
        labels=_labels(metadata),
        ports=_named_ports(spec),
        on_host=bool(spec.get("hostNetwork")),
        count=replicas,
    )


def service_of(body: Body) -> Service | None:
    """Return a Service; None for one that selects no pods."""
    metadata, spec = body.get("metadata") or {}, body.get("spec") or {}
    if not spec.get("selector") or spec.get("type") == "ExternalName":
        return None
    return Service(
        namespace=_namespace(metadata),
        name=str(metadata.get("name") or ""),
        selector={str(key): str(value) for key, value in spec["selector"].items()},
        targets=tuple(
            (str(port.get("protocol") or "TCP"), port.get("targetPort") or port["port"])
            for port in spec.get("ports") or ()
        ),
    )


def policy_of(body: Body) -> Policy:
    """Return a NetworkPolicy.

    Raises:
        NotUnderstood: naming the field that the API server would refuse.
    """
    metadata, spec = body.get("metadata") or {}, body.get("spec") or {}
    namespace, name = _namespace(metadata), str(metadata.get("name") or "")
    try:
        return Policy(
            namespace=namespace,
            name=name,
            pods=_selector(spec.get("podSelector"), "spec.podSelector"),
            rules={
                direction: tuple(_rules(spec.get(section) or (), f"spec.{section}", peers))
                for direction, (section, peers) in _SECTIONS.items()
                if direction in _policy_types(spec)
            },
        )
    except NotUnderstood as error:
        raise NotUnderstood(f"NetworkPolicy {namespace}/{name}: {error}") from error
    except (AttributeError, KeyError, TypeError) as error:
        raise NotUnderstood(
            f"NetworkPolicy {namespace}/{name}: spec: not of the form of a NetworkPolicy"
        ) from error


def _policy_types(spec: Body) -> tuple[str, ...]:
    """Return the directions in which pods are isolated, by the API server's own default."""
    if spec.get("policyTypes"):
        return tuple(spec["policyTypes"])
    return (Direction.INGRESS, Direction.EGRESS) if spec.get("egress") else (Direction.INGRESS,)


def _rules(entries: Any, path: str, peers: str) -> Iterator[Rule]:
    for index, entry in enumerate(entries):
        where = f"{path}[{index}]"
        rule = entry or {}
        found = [
            _peer(peer, f"{where}.{peers}[{number}]")
            for number, peer in enumerate(rule.get(peers) or ())
        ]
        yield Rule(index, tuple(found) or None, _ports(rule.get("ports") or (), f"{where}.ports"))


def _peer(peer: Body, path: str) -> Peer:
    block, namespaces, pods = (
        peer.get(field) for field in ("ipBlock", "namespaceSelector", "podSelector")
    )
    if block is not None:
        if namespaces is not None or pods is not None:
            raise NotUnderstood(f"{path}: give ipBlock or selectors, and not both")
        excepted = block.get("except") or ()
        return Block(
            _network(block.get("cidr"), f"{path}.ipBlock.cidr"),
            frozenset(
                _network(text, f"{path}.ipBlock.except[{index}]")
                for index, text in enumerate(excepted)
            ),
        )
    if namespaces is None and pods is None:
        raise NotUnderstood(f"{path}: give ipBlock, namespaceSelector or podSelector")
    return PodPeer(
        None if namespaces is None else _selector(namespaces, f"{path}.namespaceSelector"),
        _selector(pods, f"{path}.podSelector"),
    )


def _network(text: Any, path: str) -> Network:
    """Return an address range, read as leniently as API servers once stored them."""
    try:
        # Octets with leading zeros are decimal to Kubernetes, and nothing at all to Python.
        found = ip_network(_LEADING_ZEROS.sub("", str(text)), strict=False)
    except ValueError as error:
        raise NotUnderstood(f"{path}: {text!r} is no range of addresses") from error
    if "/" not in str(text):
        raise NotUnderstood(f"{path}: {text!r} has no length: write {found}")
    mapped = found.network_address.ipv4_mapped if isinstance(found, IPv6Network) else None
    if mapped is not None and found.prefixlen >= _MAPPED_BITS:
        return ip_network(f"{mapped}/{found.prefixlen - _MAPPED_BITS}")
    return found


def _ports(entries: Any, path: str) -> RulePorts:
    if not entries:
        return RulePorts(EVERY_PORT)
    numbered: list[Span] = []
    named: set[tuple[str, str]] = set()
    for index, entry in enumerate(entries):
        where = f"{path}[{index}]"
        protocol, port = str(entry.get("protocol") or "TCP"), entry.get("port")
        end = entry.get("endPort")
        if protocol not in PROTOCOLS:
            raise NotUnderstood(f"{where}.protocol: must be one of {', '.join(PROTOCOLS)}")
        if isinstance(port, str) or port is None:
            if end is not None:
                raise NotUnderstood(f"{where}.endPort: needs a port that is a number")
            if port is None:
                numbered.append((protocol, FIRST, LAST))
            else:
                named.add((protocol, port))
            continue
        last = port if end is None else end
        if not FIRST <= port <= last <= LAST:
            raise NotUnderstood(f"{where}: ports go from {FIRST} up to {LAST}, the lower one first")
        numbered.append((protocol, port, last))
    return RulePorts(port_set(numbered), frozenset(named))


def _selector(selector: Body | None, path: str) -> Selector:
    """Return the requirements of a selector; one that is absent selects everything here."""
    try:
        return selector_of(selector or {})
    except NotASelector as error:
        raise NotUnderstood(f"{path}.{error}") from error


def _named_ports(spec: Body) -> dict[tuple[str, str], tuple[int, ...]]:
    found: dict[tuple[str, str], set[int]] = defaultdict(set)
    sidecars = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    for container in (*(spec.get("containers") or ()), *sidecars):
        for port in container.get("ports") or ():
            if port.get("name"):
                key = str(port.get("protocol") or "TCP"), str(port["name"])
                found[key].add(int(port["containerPort"]))
    return {key: tuple(sorted(numbers)) for key, numbers in found.items()}


def _namespace(metadata: Body) -> str:
    return str(metadata.get("namespace") or "default")


def _labels(metadata: Body) -> dict[str, str]:
    return {str(key): str(value) for key, value in (metadata.get("labels") or {}).items()}
