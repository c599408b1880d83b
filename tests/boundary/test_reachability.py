"""What the compiled policies let through is what was declared, and nothing else."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from phiwarden.api import names
from phiwarden.api.workload import Endpoint, Exposure, Port, WorkloadSpec
from phiwarden.boundary.compile import compile_boundary
from phiwarden.boundary.model import BoundaryPlan, Facts

from .declarations import CLUSTER, TODAY, clinic, declarations, facts, unhurried
from .network_semantics import Network, Party

METADATA = ("169.254.169.254", "169.254.170.2", "fd00:ec2::254", "fe80::1")
NOWHERE = (*METADATA, "169.254.20.10", "127.0.0.1", "::1", "224.0.0.251", "ff02::1")
STRANGERS = (
    *(Party(address) for address in NOWHERE),
    Party("203.0.113.5"),
    Party("203.0.113.200"),
    Party("198.51.100.7"),
    Party("198.51.100.8"),
    Party("169.255.2.3"),
    Party("192.0.2.10"),
    Party("2001:db8::10"),
    Party("2001:db9::1"),
    Party("fd00:ec3::1"),
    Party("10.9.0.1", "strangers", {"k8s-app": "kube-dns"}),
    Party("10.9.0.2", "gateways"),
    Party("10.9.0.3", "mesh"),
    Party("10.9.0.4", "kube-system", {"k8s-app": "kube-dns"}),
    Party("10.9.0.5", "kube-system", {"k8s-app": "other"}),
)
CONNECTIONS = tuple(product(("TCP", "UDP", "SCTP"), (53, 79, 80, 443, 5432, 6443, 7000, 7001)))


def network_of(plan: BoundaryPlan) -> Network:
    return Network(policy.body for zone in plan.zones for policy in zone.policies)


def pods_of(spec: WorkloadSpec) -> dict[str, list[Party]]:
    return {
        zone.name: [
            Party(f"10.{number}.0.1", zone.namespace_in("portal")),
            Party(f"10.{number}.0.2", zone.namespace_in("portal"), {names.QUARANTINE: "care"}),
            Party(f"10.{number}.0.3", zone.namespace_in("portal"), {names.QUARANTINE: "full"}),
        ]
        for number, zone in enumerate(spec.zones)
    }


class Declared:
    """What a declaration says, connection by connection."""

    def __init__(self, spec: WorkloadSpec, facts: Facts) -> None:
        self.spec = spec
        self.facts = facts
        self.zones = {zone.name: zone for zone in spec.zones if zone.name not in facts.unavailable}
        self.by_namespace = {zone.namespace_in("portal"): name for name, zone in self.zones.items()}
        self.networks = {
            external.name: external.networks()
            for external in spec.externals
            if external.agreement is None or external.agreement.expires >= facts.today
        }

    def permits(self, source: Party, target: Party, protocol: str, port: int) -> bool:
        return self.may_leave(source, target, protocol, port) and self.may_enter(
            target, source, protocol, port
        )

    def may_leave(self, pod: Party, target: Party, protocol: str, port: int) -> bool:
        zone = self.by_namespace.get(pod.namespace or "")
        if zone is None:
            return True
        quarantine = pod.labels.get(names.QUARANTINE)
        if quarantine == "full":
            return False
        if any(
            flow.source.zone == zone
            and self.is_party(flow.destination, target)
            and covers(flow.ports, protocol, port)
            and (quarantine is None or flow.purpose == "treatment")
            for flow in self.spec.flows
        ):
            return True
        is_dns = target.address in {"169.254.169.254", "169.254.20.10"} or (
            target.namespace == "kube-system" and target.labels.get("k8s-app") == "kube-dns"
        )
        if is_dns and port == 53 and protocol in {"UDP", "TCP"}:
            return True
        has_access = any(account.api_access for account in self.zones[zone].service_accounts)
        return (
            has_access
            and quarantine is None
            and protocol == "TCP"
            and (target.address, port)
            in {(server.address, server.port) for server in self.facts.api_servers}
        )

    def may_enter(self, pod: Party, source: Party, protocol: str, port: int) -> bool:
        name = self.by_namespace.get(pod.namespace or "")
        if name is None:
            return True
        if pod.labels.get(names.QUARANTINE) == "full":
            return False
        if any(
            flow.destination.zone == name
            and self.is_party(flow.source, source)
            and covers(flow.ports, protocol, port)
            for flow in self.spec.flows
        ):
            return True
        zone = self.zones[name]
        exposed_to = zone.exposure == Exposure.PUBLIC or (
            zone.exposure == Exposure.INTERNAL and source.namespace in self.facts.gateway_namespaces
        )
        return exposed_to and (not zone.exposed_ports or covers(zone.exposed_ports, protocol, port))

    def is_party(self, end: Endpoint, party: Party) -> bool:
        if end.zone is not None:
            return self.by_namespace.get(party.namespace or "") == end.zone
        return party.address not in NOWHERE and any(
            address_of(party) in network for network in self.networks.get(end.external or "", ())
        )


@cache
def address_of(party: Party) -> IPv4Address | IPv6Address:
    return ip_address(party.address)


def covers(ports: tuple[Port, ...], protocol: str, port: int) -> bool:
    return any(
        declared.protocol == protocol
        and (port == declared.port or declared.port <= port <= (declared.end_port or 0))
        for declared in ports
    )


def attempts(spec: WorkloadSpec) -> Iterator[tuple[Party, Party]]:
    pods = [pod for pods in pods_of(spec).values() for pod in pods]
    yield from product(pods, (*pods, *STRANGERS))
    yield from product(STRANGERS, pods)


def allowed(spec: WorkloadSpec, facts: Facts) -> set[tuple[str, str, str, int]]:
    """Return the connections between pods of available zones and anybody that are let through."""
    network = network_of(compile_boundary("portal", spec, facts))
    return {
        (source.address, target.address, protocol, port)
        for source, target in attempts(spec)
        for protocol, port in CONNECTIONS
        if network.connects(source, target, protocol, port)
    }


@unhurried
@given(declarations(), facts())
def test_exactly_the_declared_connections_are_possible(spec: WorkloadSpec, seen: Facts) -> None:
    network = network_of(compile_boundary("portal", spec, seen))
    declared = Declared(spec, seen)
    for source, target in attempts(spec):
        for protocol, port in CONNECTIONS:
            possible = network.connects(source, target, protocol, port)
            assert possible == declared.permits(source, target, protocol, port), (
                f"{source} -> {target} {protocol} {port}: {possible=}"
            )


@unhurried
@given(declarations(), facts(), st.data())
def test_less_declared_never_opens_anything(
    spec: WorkloadSpec, seen: Facts, data: st.DataObject
) -> None:
    kept = data.draw(st.lists(st.booleans(), min_size=len(spec.flows), max_size=len(spec.flows)))
    flows = tuple(flow for flow, keep in zip(spec.flows, kept, strict=True) if keep)
    fewer = spec.model_copy(update={"flows": flows})
    assert allowed(fewer, seen) <= allowed(spec, seen)


@unhurried
@given(declarations(), facts(), st.integers(1, 50))
def test_passing_time_never_opens_anything(spec: WorkloadSpec, seen: Facts, days: int) -> None:
    later = dataclasses.replace(seen, today=TODAY + dt.timedelta(days))
    assert allowed(spec, later) <= allowed(spec, seen)


def test_the_metadata_address_stays_closed_behind_an_external_that_is_the_whole_internet() -> None:
    spec = clinic(
        flows=[
            {
                "from": {"zone": "clinical"},
                "to": {"external": "billing"},
                "ports": [{"port": 1, "endPort": 65535}],
                "purpose": "payment",
            }
        ]
    )
    network = network_of(compile_boundary("portal", spec, CLUSTER))
    pod = Party("10.0.0.1", "records")
    assert network.connects(pod, Party("198.51.100.7"), "TCP", 80)
    for address in METADATA:
        assert not network.connects(pod, Party(address), "TCP", 80)
    assert network.connects(pod, Party("169.254.169.254"), "UDP", 53), "DNS on GKE"


def test_care_continues_in_quarantine_and_the_rest_does_not() -> None:
    network = network_of(compile_boundary("portal", clinic(), CLUSTER))
    edge = Party("10.0.0.1", "portal-edge")
    care = Party("10.0.0.2", "records", {names.QUARANTINE: "care"})
    full = Party("10.0.0.3", "records", {names.QUARANTINE: "full"})
    api_server = Party("192.0.2.10")
    ehr, billing = Party("203.0.113.1"), Party("198.51.100.7")
    assert network.connects(edge, care, "TCP", 8443)
    assert network.connects(care, ehr, "TCP", 443)
    assert not network.connects(care, billing, "TCP", 443)
    assert not network.connects(care, api_server, "TCP", 6443)
    assert not network.connects(edge, full, "TCP", 8443)
    assert not network.connects(full, ehr, "TCP", 443)
