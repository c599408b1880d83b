"""The compiler: what a declaration asks of the cluster today."""

from __future__ import annotations

from dataclasses import replace

from phiwarden.api.workload import Enforcement, WorkloadSpec, Zone
from phiwarden.boundary.agreements import agreement_states, next_change
from phiwarden.boundary.flows import resolve_flows
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.boundary.limits import quota_objects, service_accounts
from phiwarden.boundary.manifest import Place
from phiwarden.boundary.model import BoundaryPlan, Desired, Facts, ZonePlan
from phiwarden.boundary.namespace import namespace_object
from phiwarden.boundary.network import Addresses, allowed_traffic, default_deny
from phiwarden.boundary.secrets import readers, sources, writers
from phiwarden.boundary.storage import claims, usable_classes, withheld

__all__ = ["compile_boundary", "next_change"]


def compile_boundary(workload: str, spec: WorkloadSpec, facts: Facts) -> BoundaryPlan:
    """Return every object that the declaration asks for, given the facts.

    The result depends on nothing else, and not on the order in which zones,
    flows, externals, ports or addresses are listed.

    Raises:
        ValueError: for facts that cannot be, such as an API server without an IP address.
    """
    openings = resolve_flows(spec, facts)
    zones = [zone for zone in spec.zones if zone.name not in facts.unavailable]
    addresses = Addresses(
        namespaces={zone.name: zone.namespace_in(workload) for zone in zones},
        networks={external.name: external.networks() for external in spec.externals},
    )
    plans = []
    for zone in sorted(zones, key=lambda zone: zone.name):
        place = Place(workload, zone.name, zone.namespace_in(workload))
        boundary = zone_boundary(workload, zone, spec, facts)
        namespace = namespace_object(place.namespace, boundary, relaxed=zone.name in facts.relaxed)
        if spec.enforcement is not Enforcement.ENFORCE:
            watched = _watched(place, zone, namespace, claims(place, zone, spec, facts))
            plans.append(replace(watched, sources=sources(place, zone, spec, facts)))
            continue
        zone_openings = openings.by_zone.get(zone.name, ())
        plans.append(
            ZonePlan(
                zone=zone.name,
                namespace=namespace,
                allows=allowed_traffic(place, zone, zone_openings, addresses, facts),
                default_deny=default_deny(place),
                others=(
                    *service_accounts(place, zone.service_accounts),
                    *quota_objects(place, zone.quota),
                ),
                claims=claims(place, zone, spec, facts),
                sources=sources(place, zone, spec, facts),
            )
        )
    return BoundaryPlan(
        zones=tuple(plans),
        agreements=agreement_states(spec, facts.today),
        closed_flows=openings.closed,
    )


def _watched(place: Place, zone: Zone, namespace: Desired, claims: tuple[Desired, ...]) -> ZonePlan:
    """Return a zone below enforcement `enforce`: marked and judged, and nothing is cut off.

    Any policy that selects a pod denies what it does not allow, so none stands
    here, not even one that allows; a quota would refuse pods; and an account
    that exists already keeps its token. A pilot in a namespace that already
    runs care must not change what runs.
    """
    accounts = service_accounts(place, zone.service_accounts, tokens=False)
    return ZonePlan(
        zone.name, namespace, allows=(), default_deny=None, others=tuple(accounts), claims=claims
    )


def zone_boundary(workload: str, zone: Zone, spec: WorkloadSpec, facts: Facts) -> ZoneBoundary:
    """Return what rules are to know of a zone."""
    return ZoneBoundary(
        workload=workload,
        zone=zone.name,
        data=zone.data,
        environment=spec.environment,
        impact=spec.clinical_impact,
        enforcement=spec.enforcement,
        exposure=zone.exposure,
        # A trailing slash says the same as none.
        registries=tuple(registry.rstrip("/") for registry in zone.images.registries),
        service_accounts=tuple(account.name for account in zone.service_accounts),
        api_access=tuple(account.name for account in zone.service_accounts if account.api_access),
        regions=spec.residency.regions if spec.residency is not None else (),
        destinations=_destinations(zone, spec),
        cluster_roles=zone.cluster_roles,
        held=facts.held.get(zone.name, ()),
        storage_classes=usable_classes(zone, spec, facts),
        withheld_claims=tuple(volume.name for volume in withheld(zone, spec, facts)),
        secrets=readers(zone, spec),
        overdue_secrets=facts.overdue.get(zone.name, ()),
        owned_secrets=writers(zone, spec, facts),
        keep_revisions=spec.rollback.keep_revisions,
        exceptions=facts.exceptions.get(zone.name, ()),
        releases=_releases(zone, facts),
    )


def _releases(zone: Zone, facts: Facts) -> tuple[str, ...] | None:
    if facts.releases is None or not zone.images.require_release:
        return None
    return facts.releases.get(zone.name, ())


def _destinations(zone: Zone, spec: WorkloadSpec) -> tuple[str, ...]:
    reached = {flow.destination.external for flow in spec.flows if flow.source.zone == zone.name}
    return tuple(
        str(network)
        for external in spec.externals
        if external.name in reached
        for network in external.networks()
    )
