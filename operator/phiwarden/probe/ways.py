"""Which ways are measured, and which of them must be open: pure, from the declaration."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from phiwarden.api.workload import Exposure, Port, WorkloadSpec
from phiwarden.boundary.flows import resolve_flows
from phiwarden.boundary.model import Facts

CONTROL: Final = 61616
"""A port that nobody declares: every listener has it, and it must be closed to everybody."""

MAX_PORTS: Final = 24
"""Ports of one zone that are listened on, beside the control port."""

OUTSIDER: Final = "(outside)"
"""Stands for a namespace that is no zone of the declaration."""


class Verdict(StrEnum):
    """What a measurement says of one way."""

    AS_DECLARED = "as declared"
    LEAK = "open, and must be closed"
    BROKEN = "closed, and must be open"


@dataclass(frozen=True, slots=True, order=True)
class Way:
    """A TCP connection that is tried.

    Attributes:
        source: zone that it starts in, or `OUTSIDER`.
        destination: zone that it ends in.
        port: the destination's.
        declared: whether it must be open.
    """

    source: str
    destination: str
    port: int
    declared: bool

    def verdict(self, *, opened: bool) -> Verdict:
        """Return what it means that the way was found open, or closed."""
        if opened == self.declared:
            return Verdict.AS_DECLARED
        return Verdict.LEAK if opened else Verdict.BROKEN


def ports_of(spec: WorkloadSpec, facts: Facts) -> Mapping[str, tuple[int, ...]]:
    """Return the TCP ports to listen on, by zone: both ends of each declared range, and control."""
    found: dict[str, set[int]] = {zone.name: set() for zone in spec.zones}
    for name, openings in resolve_flows(spec, facts).by_zone.items():
        for opening in openings:
            if opening.side == "from":
                found[name] |= set(_ends(opening.ports))
    for zone in spec.zones:
        if zone.exposure is not Exposure.NONE:
            found[zone.name] |= set(_ends(zone.exposed_ports))
    return {
        name: (*sorted(ports - {CONTROL})[:MAX_PORTS], CONTROL)
        for name, ports in found.items()
        if name not in facts.unavailable
    }


def ways(spec: WorkloadSpec, facts: Facts, *, outsider: bool) -> tuple[Way, ...]:
    """Return every way between zones, each zone to itself included.

    Args:
        spec: the declaration.
        facts: the day, and which zones are not there.
        outsider: whether a pod outside all zones tries them, too.
    """
    listening = ports_of(spec, facts)
    open_to = _open(spec, facts)
    found = [
        Way(source, zone, port, declared=any(port in span for span in open_to[source, zone]))
        for source in listening
        for zone, ports in listening.items()
        for port in ports
    ]
    if outsider:
        exposed = {zone.name for zone in spec.zones if zone.exposure is not Exposure.NONE}
        # Whether an exposed zone is open to a namespace depends on where gateways run.
        found += [
            Way(OUTSIDER, zone, port, declared=False)
            for zone, ports in listening.items()
            for port in ports
            if port == CONTROL or zone not in exposed
        ]
    return tuple(sorted(found))


def _open(spec: WorkloadSpec, facts: Facts) -> Mapping[tuple[str, str], list[range]]:
    """Return the ports that are open from one zone to another: declared on both sides."""
    found: dict[tuple[str, str], list[range]] = defaultdict(list)
    for zone, openings in resolve_flows(spec, facts).by_zone.items():
        for opening in openings:
            if opening.side == "from" and opening.peer.kind == "zone":
                found[opening.peer.name, zone] += [_span(port) for port in _tcp(opening.ports)]
    return found


def _tcp(ports: Iterable[Port]) -> list[Port]:
    return [port for port in ports if port.protocol == "TCP"]


def _span(port: Port) -> range:
    return range(port.port, (port.end_port or port.port) + 1)


def _ends(ports: Iterable[Port]) -> list[int]:
    return [end for port in _tcp(ports) for end in (port.port, port.end_port or port.port)]
