"""Which ways of the network a declaration opens, and which another one closes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from phiwarden.api.workload import Enforcement, Exposure, Port, Purpose, WorkloadSpec, Zone
from phiwarden.boundary.flows import Opening, port_in_words, resolve_flows
from phiwarden.boundary.model import Facts, Quarantine
from phiwarden.preview.model import Network, Way

# With a space in them, none of these can be the name of a zone.
ANYBODY: Final = "anybody at all"
GATEWAYS: Final = "the cluster's gateways"
API: Final = "the Kubernetes API"


def network(
    before: WorkloadSpec | None, after: WorkloadSpec, facts_before: Facts, facts: Facts
) -> Network:
    """Return what becomes of the ways in and out of zones.

    Args:
        before: the declaration that stands, if there is one.
        after: the declaration to be.
        facts_before: which zones are the workload's now.
        facts: which zones will be.
    """
    now = ways(before, facts_before) if before is not None else frozenset()
    then = ways(after, facts)
    return Network(
        stood=before is not None and before.enforcement is Enforcement.ENFORCE,
        stands=after.enforcement is Enforcement.ENFORCE,
        open=tuple(sorted(then)),
        opened=tuple(sorted(then - now)),
        closed=tuple(sorted(now - then)),
        expired=resolve_flows(after, facts).closed,
    )


def ways(spec: WorkloadSpec, facts: Facts) -> frozenset[Way]:
    """Return every way that a declaration allows in a zone that enforces, but to the DNS."""
    openings = resolve_flows(spec, facts).by_zone
    networks = {external.name: external.networks() for external in spec.externals}
    found: set[Way] = set()
    for zone in spec.zones:
        if zone.name in facts.unavailable:
            continue
        found.update(_of_zone(zone))
        for opening in openings.get(zone.name, ()):
            external = opening.peer.kind == "external"
            addresses = [str(n) for n in networks[opening.peer.name]] if external else [""]
            # Between zones each flow stands on both sides: it is told once.
            if external or opening.side == "to":
                found.update(_of_opening(opening, addresses))
    return frozenset(found)


def _of_zone(zone: Zone) -> Iterator[Way]:
    if zone.exposure is not Exposure.NONE:
        whom = ANYBODY if zone.exposure is Exposure.PUBLIC else GATEWAYS
        for port in _ports(zone.exposed_ports) or ["every port"]:
            yield Way(whom, zone.name, port, "exposure")
    if any(account.api_access for account in zone.service_accounts):
        yield Way(zone.name, API, "its port", "apiAccess")


def _of_opening(opening: Opening, addresses: Iterable[str]) -> Iterator[Way]:
    peer = opening.peer.name if opening.peer.kind == "zone" else f"external {opening.peer.name}"
    ends = (opening.zone, peer)
    source, destination = ends if opening.side == "to" else reversed(ends)
    for address in addresses:
        for port in _ports(opening.ports):
            yield Way(source, destination, port, opening.purpose, address)


def _ports(ports: Iterable[Port]) -> list[str]:
    return sorted({port_in_words(port) for port in ports})


def lost(zone: str, quarantine: Quarantine | None, open_ways: Iterable[Way]) -> tuple[str, ...]:
    """Return the ways, in words, that a pod of a zone loses in quarantine."""
    if quarantine is None:
        return ()
    if quarantine is Quarantine.CARE:
        leaving = (way for way in open_ways if way.source == zone)
        return tuple(str(way) for way in leaving if way.purpose != Purpose.TREATMENT)
    return tuple(str(way) for way in open_ways if zone in (way.source, way.destination))
