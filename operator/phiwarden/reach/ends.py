"""The names of parties, as a report tells them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from typing import Final

from phiwarden.boundary.network import DNS_LABELS, DNS_NAMESPACE
from phiwarden.reach.declared import Intent
from phiwarden.reach.model import Network, Service
from phiwarden.reach.ports import PortSet, port_set
from phiwarden.reach.report import End, EndKind, Pods
from phiwarden.reach.universe import Parties, Party, Universe, members

Group = tuple[tuple[End, ...], Parties]
"""Ends that are told as one, and the parties behind them."""

_TOGETHER: Final = (EndKind.NAMESPACE, EndKind.HOST, EndKind.DNS, EndKind.ADDRESS)

ANYWHERE: Final = End(EndKind.ANYWHERE, "anywhere outside")


class Ends:
    """Names parties, and what leads to them."""

    def __init__(self, universe: Universe, intent: Intent, services: Iterable[Service]) -> None:
        self._universe = universe
        self._intent = intent
        self._services: dict[str, list[Service]] = defaultdict(list)
        for service in services:
            self._services[service.namespace].append(service)
        self._told: dict[Parties, tuple[Group, ...]] = {}
        dns = sum(1 << number for number, each in enumerate(universe.parties) if _is_dns(each))
        self._strangers: Parties = universe.everybody & ~universe.outside & ~dns
        for namespace in intent.zones:
            self._strangers &= ~universe.pods_of.get(namespace, 0)
        self._led: dict[int, tuple[tuple[str, PortSet], ...]] = {}

    def end(self, party: Party, workload: str) -> End:
        """Return a party's name; externals have the names that a workload gave them."""
        if party.outside is not None:
            return self._outside(party.outside, workload)
        assert party.namespace is not None, "who is not outside is in a namespace"
        if party.on_host:
            return End(EndKind.HOST, party.namespace, party.namespace)
        if _is_dns(party):
            return End(EndKind.DNS, "DNS", party.namespace)
        zone = self._intent.zones.get(party.namespace)
        return zone or End(EndKind.NAMESPACE, party.namespace, party.namespace)

    def workload(self, number: int) -> str:
        """Return the workload whose zone a party is in, "" for none."""
        zone = self._intent.zones.get(self._universe.parties[number].namespace or "")
        return zone.workload if zone is not None else ""

    def grouped(self, parties: Parties, workload: str) -> Iterator[Group]:
        """Yield parties by the ends that are told apart: namespaces, and addresses, are not."""
        strangers = parties & self._strangers
        if strangers not in self._told:
            # Whole crowds of them come again with every zone.
            self._told[strangers] = tuple(self._grouped(strangers, ""))
        yield from self._told[strangers]
        yield from self._grouped(parties & ~strangers, workload)

    def _grouped(self, parties: Parties, workload: str) -> Iterator[Group]:
        groups: dict[End | EndKind, tuple[set[End], Parties]] = {}
        outside = self._universe.outside
        if parties & outside == outside:
            yield (ANYWHERE,), outside
            parties &= ~outside
        for number in members(parties):
            end = self.end(self._universe.parties[number], workload)
            group = end.kind if end.kind in _TOGETHER else end
            ends, found = groups.get(group, (set(), 0))
            ends.add(end)
            groups[group] = ends, found | 1 << number
        for ends, found in groups.values():
            yield _without_narrower(ends), found

    def pods(self, parties: Parties) -> Pods | None:
        """Return the pods of one namespace; None for anything else."""
        found = [self._universe.parties[number] for number in members(parties)]
        namespaces = {party.namespace for party in found}
        if len(namespaces) != 1 or None in namespaces:
            return None
        (namespace,) = namespaces
        everybody = self._universe.pods_of.get(namespace or "", 0)
        return Pods(
            names=tuple(sorted(pod.name for party in found for pod in party.pods)),
            count=sum(party.count for party in found),
            total=sum(self._universe.parties[n].count for n in members(everybody)),
        )

    def services(self, parties: Parties, ports: PortSet) -> tuple[str, ...]:
        """Return the Services that lead to ports of some of the parties."""
        return tuple(
            sorted(
                {
                    name
                    for number in members(parties)
                    for name, led in self._leading_to(number)
                    if led & ports
                }
            )
        )

    def _leading_to(self, number: int) -> tuple[tuple[str, PortSet], ...]:
        if number not in self._led:
            party = self._universe.parties[number]
            self._led[number] = tuple(
                (f"{service.namespace}/{service.name}", _ports(service, party))
                for service in self._services.get(party.namespace or "", ())
                if any(service.selector.items() <= pod.labels.items() for pod in party.pods)
            )
        return self._led[number]

    def _outside(self, network: Network, workload: str) -> End:
        named = [
            (known.prefixlen, end)
            for known, end in self._intent.outside.get(workload, ())
            if known.version == network.version and _within(network, known)
        ]
        return max(named)[1] if named else End(EndKind.ADDRESS, str(network))


def _is_dns(party: Party) -> bool:
    return (
        party.namespace == DNS_NAMESPACE
        and not party.on_host
        and DNS_LABELS.items() <= party.pods[0].labels.items()
    )


def _within(inner: Network, outer: Network) -> bool:
    return inner.prefixlen >= outer.prefixlen and int(inner.network_address) >> (
        inner.max_prefixlen - outer.prefixlen
    ) == int(outer.network_address) >> (outer.max_prefixlen - outer.prefixlen)


def _without_narrower(ends: Iterable[End]) -> tuple[End, ...]:
    """Return ends in order, without addresses that lie in others."""
    ends = sorted(ends)
    ranges = {end: ip_network(end.name) for end in ends if end.kind is EndKind.ADDRESS}
    return tuple(
        end
        for end in ends
        if not any(
            other != end
            and ranges[other].version == ranges[end].version
            and _within(ranges[end], ranges[other])
            for other in ranges
            if end in ranges
        )
    )


def _ports(service: Service, party: Party) -> PortSet:
    named = {key: numbers for pod in party.pods for key, numbers in pod.ports.items()}
    return port_set(
        (protocol, number, number)
        for protocol, target in service.targets
        for number in ((target,) if isinstance(target, int) else named.get((protocol, target), ()))
    )
