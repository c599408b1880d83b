"""Everybody who can open a connection or receive one, in as few parties as policies tell apart.

A set of parties is an integer with one bit for each: what selectors do to
thousands of pods is then a handful of operations on integers, and no loop.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from phiwarden.api.selectors import Labels, Operator, Requirement, Selector
from phiwarden.reach.addresses import AddressClass, AddressIndex
from phiwarden.reach.model import (
    Block,
    Network,
    Peer,
    Pod,
    PodPeer,
    Policy,
)
from phiwarden.reach.ports import Named

Parties = int
"""A set of parties: bit n stands for `Universe.parties[n]`."""


@dataclass(frozen=True, slots=True)
class Party:
    """Pods of one namespace that no policy tells apart, or addresses outside.

    Attributes:
        pods: the pods; none outside.
        outside: the addresses outside: this range, less the narrower ones that are parties.
    """

    pods: tuple[Pod, ...] = ()
    outside: Network | None = None

    @property
    def namespace(self) -> str | None:
        """Return the namespace of the pods, None outside."""
        return self.pods[0].namespace if self.pods else None

    @property
    def on_host(self) -> bool:
        """Return whether these are pods that no policy isolates."""
        return bool(self.pods) and self.pods[0].on_host

    @property
    def count(self) -> int:
        """Return how many pods these are."""
        return sum(pod.count for pod in self.pods)

    @property
    def ports(self) -> Named:
        """Return the named ports, as far as policies name them."""
        return self.pods[0].ports if self.pods else {}


class Universe:
    """Pods and addresses, grouped by what policies can see of them."""

    def __init__(
        self,
        namespaces: Mapping[str, Labels],
        pods: Iterable[Pod],
        policies: Iterable[Policy],
        networks: Iterable[Network] = (),
    ) -> None:
        """Group pods and addresses.

        Args:
            namespaces: labels of every namespace.
            pods: whom policies may select.
            policies: all that will be asked about.
            networks: ranges that are to be told apart though no policy names them.
        """
        read = _Read.by(policies)
        index = AddressIndex({*read.networks, *networks})
        self.parties: tuple[Party, ...] = tuple(_parties(pods, read, index))
        self.everybody: Parties = (1 << len(self.parties)) - 1
        self.outside: Parties = 0
        self.pods_of: dict[str, Parties] = defaultdict(int)
        self.port_classes: dict[frozenset[tuple[tuple[str, str], tuple[int, ...]]], Parties]
        self.port_classes = defaultdict(int)
        self._pod_labels, self._namespace_labels = _LabelIndex(), _LabelIndex()
        self._by_class: dict[AddressClass, Parties] = defaultdict(int)
        for number, party in enumerate(self.parties):
            bit = 1 << number
            self.port_classes[frozenset(_seen_ports(party.ports, read).items())] |= bit
            for address_class in _classes(party, index):
                self._by_class[address_class] |= bit
            if party.outside is not None:
                self.outside |= bit
            if party.namespace is None or party.on_host:
                continue
            self.pods_of[party.namespace] |= bit
            self._pod_labels.add(bit, party.pods[0].labels)
        for name, bits in self.pods_of.items():
            self._namespace_labels.add(bits, namespaces.get(name, {}))
        self._classes_in: dict[Network, list[AddressClass]] = defaultdict(list)
        for address_class in self._by_class:
            for network in address_class:
                self._classes_in[network].append(address_class)
        self._known: dict[tuple[str, Peer], Parties] = {}

    def select(self, namespace: str, pods: Selector) -> Parties:
        """Return the pods of a namespace that a policy there would isolate."""
        return self._pod_labels.select(pods, self.pods_of.get(namespace, 0))

    def peers(self, namespace: str, peers: Iterable[Peer] | None) -> Parties:
        """Return whom a rule of a policy in a namespace allows; None allows everybody."""
        if peers is None:
            return self.everybody
        found = 0
        for peer in peers:
            # Only a peer without a namespaceSelector depends on where its policy is.
            relative = isinstance(peer, PodPeer) and peer.namespaces is None
            key = (namespace if relative else "", peer)
            if key not in self._known:
                self._known[key] = self._peer(namespace, peer)
            found |= self._known[key]
        return found

    def _peer(self, namespace: str, peer: Peer) -> Parties:
        if isinstance(peer, Block):
            found = 0
            for address_class in self._classes_in.get(peer.network, ()):
                if address_class.isdisjoint(peer.excepted):
                    found |= self._by_class[address_class]
            return found
        if peer.namespaces is None:
            return self.select(namespace, peer.pods)
        pods = self._pod_labels.everybody
        return self._pod_labels.select(
            peer.pods, self._namespace_labels.select(peer.namespaces, pods)
        )


def members(parties: Parties) -> Iterator[int]:
    """Yield the numbers of the parties in a set."""
    while parties:
        lowest = parties & -parties
        yield lowest.bit_length() - 1
        parties ^= lowest


class _LabelIndex:
    """Who has which label."""

    def __init__(self) -> None:
        self.everybody: Parties = 0
        self._having: dict[str, Parties] = defaultdict(int)
        self._equal: dict[tuple[str, str], Parties] = defaultdict(int)

    def add(self, parties: Parties, labels: Labels) -> None:
        self.everybody |= parties
        for key, value in labels.items():
            self._having[key] |= parties
            self._equal[key, value] |= parties

    def select(self, selector: Selector, among: Parties) -> Parties:
        for requirement in selector:
            among &= self._meeting(requirement, among)
        return among

    def _meeting(self, requirement: Requirement, among: Parties) -> Parties:
        key = requirement.key
        equal = 0
        for value in requirement.values:
            equal |= self._equal.get((key, value), 0)
        match requirement.operator:
            case Operator.IN:
                return equal
            case Operator.NOT_IN:
                # Also those who have no such label at all.
                return among & ~equal
            case Operator.EXISTS:
                return self._having.get(key, 0)
            case Operator.DOES_NOT_EXIST:
                return among & ~self._having.get(key, 0)


@dataclass(frozen=True, slots=True)
class _Read:
    """All that some policy reads of a pod or an address."""

    keys: frozenset[str]
    ports: frozenset[tuple[str, str]]
    networks: frozenset[Network]

    @classmethod
    def by(cls, policies: Iterable[Policy]) -> _Read:
        keys: set[str] = set()
        ports: set[tuple[str, str]] = set()
        networks: set[Network] = set()
        for policy in policies:
            keys.update(requirement.key for requirement in policy.pods)
            for rules in policy.rules.values():
                for rule in rules:
                    ports |= rule.ports.named
                    for peer in rule.peers or ():
                        if isinstance(peer, Block):
                            networks |= {peer.network, *peer.excepted}
                        else:
                            keys.update(requirement.key for requirement in peer.pods)
        return cls(frozenset(keys), frozenset(ports), frozenset(networks))


def _parties(pods: Iterable[Pod], read: _Read, index: AddressIndex) -> Iterator[Party]:
    groups: dict[object, list[Pod]] = defaultdict(list)
    taken: set[str] = set()
    for pod in pods:
        if not pod.on_host:
            taken.update(pod.addresses)
        key = (
            pod.namespace,
            pod.on_host,
            frozenset((key, pod.labels[key]) for key in read.keys & pod.labels.keys()),
            frozenset(_seen_ports(pod.ports, read).items()),
            frozenset(index.class_of(address) for address in pod.addresses),
        )
        groups[key].append(pod)
    for group in groups.values():
        yield Party(tuple(group))
    for network in index.outside(taken):
        yield Party(outside=network)


def _seen_ports(ports: Named, read: _Read) -> Named:
    return {key: ports[key] for key in read.ports & ports.keys()}


def _classes(party: Party, index: AddressIndex) -> set[AddressClass]:
    if party.outside is not None:
        return {index.class_beside(party.outside)}
    return {index.class_of(address) for address in party.pods[0].addresses}
