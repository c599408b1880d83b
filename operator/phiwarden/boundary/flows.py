"""Which zone may talk to whom: declared flows, resolved against facts.

A flow stands on both of its sides, since a connection inside the cluster
needs the egress of one namespace and the ingress of the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from phiwarden.api.workload import Endpoint, Flow, Port, Purpose, WorkloadSpec
from phiwarden.boundary.agreements import agreement_states
from phiwarden.boundary.model import AgreementStanding, Facts

Side = Literal["from", "to"]
"""Ingress from a peer, or egress to it."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a flow, as seen from a zone."""

    kind: Literal["zone", "external"]
    name: str


@dataclass(frozen=True, slots=True)
class Opening:
    """What one zone's namespace opens on one side, to one peer, for one purpose."""

    zone: str
    side: Side
    peer: Peer
    purpose: Purpose
    ports: frozenset[Port]

    @property
    def name(self) -> str:
        """Name of the policy that makes this opening; no two openings of a zone share it."""
        return f"phiwarden-{self.side}-{self.peer.kind}-{self.peer.name}-{self.purpose}"


@dataclass(frozen=True, slots=True)
class Openings:
    """The declared flows as of today."""

    by_zone: Mapping[str, tuple[Opening, ...]]
    closed: tuple[str, ...]
    """Flows, in words, that an expired agreement closes."""


def resolve_flows(spec: WorkloadSpec, facts: Facts) -> Openings:
    """Return what each available zone opens, ports of equal openings merged."""
    unavailable = {Peer("zone", zone) for zone in facts.unavailable}
    expired = {
        state.external: f"{state.reference} expired on {state.expires}"
        for state in agreement_states(spec, facts.today)
        if state.state is AgreementStanding.EXPIRED
    }
    ports: dict[tuple[str, Side, Peer, Purpose], set[Port]] = defaultdict(set)
    closed = set()
    for flow in spec.flows:
        source, destination = _peer(flow.source), _peer(flow.destination)
        if source in unavailable or destination in unavailable:
            continue
        reasons = [
            expired[end.name]
            for end in (source, destination)
            if end.kind == "external" and end.name in expired
        ]
        if reasons:
            closed.add(_in_words(flow, source, destination, reasons[0]))
            continue
        if source.kind == "zone":
            ports[source.name, "to", destination, flow.purpose].update(flow.ports)
        if destination.kind == "zone":
            ports[destination.name, "from", source, flow.purpose].update(flow.ports)
    by_zone: dict[str, list[Opening]] = defaultdict(list)
    for (zone, side, peer, purpose), merged in ports.items():
        by_zone[zone].append(Opening(zone, side, peer, purpose, frozenset(merged)))
    return Openings(
        by_zone={
            zone: tuple(sorted(openings, key=lambda opening: opening.name))
            for zone, openings in by_zone.items()
        },
        closed=tuple(sorted(closed)),
    )


def _peer(end: Endpoint) -> Peer:
    if end.zone is not None:
        return Peer("zone", end.zone)
    assert end.external is not None, "the model names one of the two"
    return Peer("external", end.external)


def _in_words(flow: Flow, source: Peer, destination: Peer, reason: str) -> str:
    ports = ", ".join(sorted({port_in_words(port) for port in flow.ports}))
    return f"{source.name} to {destination.name}, {ports}, for {flow.purpose}: {reason}"


def port_in_words(port: Port) -> str:
    """Return a port as people name it, such as "TCP 443" or "TCP 8000-8010"."""
    last = f"-{port.end_port}" if port.end_port not in (None, port.port) else ""
    return f"{port.protocol} {port.port}{last}"
