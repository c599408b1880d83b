"""What is read of a cluster: no more than what connections depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from phiwarden.api.selectors import Labels, Selector
from phiwarden.reach.ports import Named, RulePorts

Network = IPv4Network | IPv6Network


class Direction(StrEnum):
    """A side of a policy, named as `policyTypes` does."""

    INGRESS = "Ingress"
    EGRESS = "Egress"


@dataclass(frozen=True, slots=True)
class PodPeer:
    """Pods by labels.

    Attributes:
        namespaces: whose pods; None for the policy's own namespace.
        pods: which of them.
    """

    namespaces: Selector | None
    pods: Selector


@dataclass(frozen=True, slots=True)
class Block:
    """Addresses of a range, less others."""

    network: Network
    excepted: frozenset[Network] = frozenset()


Peer = PodPeer | Block


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of `ingress` or `egress`.

    Attributes:
        index: its place in the list.
        peers: who is allowed; None for everybody.
        ports: at the destination.
    """

    index: int
    peers: tuple[Peer, ...] | None
    ports: RulePorts


@dataclass(frozen=True, slots=True)
class Policy:
    """A NetworkPolicy.

    Attributes:
        namespace: the only one whose pods it selects.
        name: its name.
        pods: which pods it isolates.
        rules: what it allows, of each direction in which it isolates them.
    """

    namespace: str
    name: str
    pods: Selector
    rules: Mapping[Direction, tuple[Rule, ...]]


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that has a network.

    Attributes:
        namespace: where it is.
        name: its name.
        labels: its labels.
        ports: its named ports.
        addresses: of the pod network; of the node if it is on the host's network.
        on_host: whether it uses the node's network, where no policy isolates it.
        count: how many pods it stands for.
    """

    namespace: str
    name: str
    labels: Labels = field(default_factory=dict)
    ports: Named = field(default_factory=dict)
    addresses: tuple[str, ...] = ()
    on_host: bool = False
    count: int = 1


@dataclass(frozen=True, slots=True)
class Service:
    """A Service that leads to pods.

    Attributes:
        namespace: where it is.
        name: its name.
        selector: labels of its pods; without one it leads to no pod that is known here.
        targets: protocol and port of the pods, a number or the name of a container port.
    """

    namespace: str
    name: str
    selector: Labels
    targets: tuple[tuple[str, int | str], ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A cluster, as far as reach depends on it.

    Attributes:
        namespaces: labels of every namespace.
        pods: those that run.
        policies: every NetworkPolicy, whoever owns it.
        services: those that lead to pods.
    """

    namespaces: Mapping[str, Labels]
    pods: tuple[Pod, ...]
    policies: tuple[Policy, ...]
    services: tuple[Service, ...] = ()
