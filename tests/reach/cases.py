"""Small clusters with every corner of NetworkPolicies, made by chance."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

Body = dict[str, Any]

NAMESPACES = ("a", "b", "c")
KEYS = ("app", "tier", "absent")
VALUES = ("x", "y", "z")
PORTS = (53, 80, 81, 443, 8080)
NAMES = ("web", "dns", "nobody-has-it")
PROTOCOLS = ("TCP", "UDP", "SCTP")
OUTSIDE = ("203.0.113.7", "203.0.113.200", "198.51.100.1", "10.0.9.9", "2001:db8::1", "2001:db9::1")
CIDRS = (
    ("0.0.0.0/0", ("10.0.0.0/8", "203.0.113.0/24", "10.0.0.0/30")),
    ("203.0.113.0/24", ("203.0.113.128/25", "203.0.113.7/32")),
    ("10.0.0.0/29", ("10.0.0.2/31", "10.0.0.4/32")),
    ("198.51.100.1/32", ()),
    ("::/0", ("2001:db8::/32", "fd00::/8")),
    ("2001:db8::/32", ("2001:db8::1/128",)),
    ("fd00::/64", ("fd00::2/127",)),
)


@dataclass(frozen=True)
class Case:
    """A cluster as its API server would list it."""

    namespaces: list[Body]
    pods: list[Body]
    policies: list[Body]


def case(chance: Random, *, dual_stack: bool = True) -> Case:
    """Return a cluster; equal chances make equal clusters."""
    namespaces = [
        {
            "metadata": {
                "name": name,
                "labels": _labels(chance) | {"kubernetes.io/metadata.name": name},
            }
        }
        for name in NAMESPACES
    ]
    pods = [_pod(chance, number, dual_stack=dual_stack) for number in range(chance.randint(2, 7))]
    policies = [_policy(chance, number) for number in range(chance.randint(0, 6))]
    return Case(namespaces, pods, policies)


def _labels(chance: Random) -> dict[str, str]:
    return {key: chance.choice(VALUES) for key in KEYS[:2] if chance.random() < 0.7}


def _pod(chance: Random, number: int, *, dual_stack: bool) -> Body:
    named = chance.sample(NAMES[:2], chance.randint(0, 2))
    numbers = chance.sample(PORTS, len(named))
    ports = [
        {"name": name, "containerPort": port, "protocol": chance.choice(PROTOCOLS)}
        for name, port in zip(named, numbers, strict=True)
    ]
    addresses = chance.choice([["4"], ["6"], ["4", "6"]] if dual_stack else [["4"], ["6"]])
    ips = [{"ip": f"10.0.0.{number}" if each == "4" else f"fd00::{number}"} for each in addresses]
    return {
        "metadata": {
            "name": f"pod-{number}",
            "namespace": chance.choice(NAMESPACES),
            "labels": _labels(chance),
        },
        "spec": {"hostNetwork": chance.random() < 0.1, "containers": [{"ports": ports}]},
        "status": {"phase": "Running", "podIPs": ips},
    }


def _policy(chance: Random, number: int) -> Body:
    spec: Body = {"podSelector": _selector(chance)}
    types = chance.choice([None, ["Ingress"], ["Egress"], ["Ingress", "Egress"]])
    if types is not None:
        spec["policyTypes"] = types
    for section, peers in (("ingress", "from"), ("egress", "to")):
        if chance.random() < 0.6:
            spec[section] = [_rule(chance, peers) for _ in range(chance.randint(0, 3))]
    return {
        "metadata": {"name": f"policy-{number}", "namespace": chance.choice(NAMESPACES)},
        "spec": spec,
    }


def _rule(chance: Random, peers: str) -> Body:
    rule: Body = {}
    if chance.random() < 0.8:
        rule[peers] = [_peer(chance) for _ in range(chance.randint(0, 3))]
    if chance.random() < 0.6:
        rule["ports"] = [_port(chance) for _ in range(chance.randint(0, 2))]
    return rule


def _peer(chance: Random) -> Body:
    match chance.choice(("block", "pods", "namespaces", "both")):
        case "block":
            cidr, excepts = chance.choice(CIDRS)
            excepted = chance.sample(excepts, chance.randint(0, len(excepts)))
            return {"ipBlock": {"cidr": cidr} | ({"except": excepted} if excepted else {})}
        case "pods":
            return {"podSelector": _selector(chance)}
        case "namespaces":
            return {"namespaceSelector": _selector(chance)}
        case _:
            return {"namespaceSelector": _selector(chance), "podSelector": _selector(chance)}


def _port(chance: Random) -> Body:
    port: Body = {}
    if chance.random() < 0.7:
        port["protocol"] = chance.choice(PROTOCOLS)
    match chance.choice(("number", "range", "name", "none")):
        case "number":
            port["port"] = chance.choice(PORTS)
        case "range":
            port["port"] = chance.choice(PORTS)
            port["endPort"] = port["port"] + chance.choice((0, 1, 400))
        case "name":
            port["port"] = chance.choice(NAMES)
        case _:
            pass
    return port


def _selector(chance: Random) -> Body:
    selector: Body = {}
    if chance.random() < 0.5:
        selector["matchLabels"] = {chance.choice(KEYS): chance.choice(VALUES)}
    if chance.random() < 0.4:
        operator = chance.choice(("In", "NotIn", "Exists", "DoesNotExist"))
        expression: Body = {"key": chance.choice(KEYS), "operator": operator}
        if operator in {"In", "NotIn"}:
            expression["values"] = chance.sample(VALUES, chance.randint(1, 2))
        selector["matchExpressions"] = [expression]
    return selector
