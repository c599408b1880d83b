"""Which namespaces a declaration may have, and what stands in them."""

from __future__ import annotations

from collections.abc import Mapping

from phiwarden.api.workload import DataClass, Zone
from phiwarden.boundary.claims import Claimant, Obstacle, obstacle, standing
from phiwarden.boundary.labels import BoundaryUnreadable, ZoneBoundary, decode
from phiwarden.preview.model import Cluster, Declared, NamespaceFate, Object, ZoneOutlook


def obstacles(
    declared: Declared, workloads: Mapping[str, Declared], cluster: Cluster
) -> dict[str, Obstacle]:
    """Return why zones are not a declaration's to take, by zone.

    Args:
        declared: the declaration to be.
        workloads: every declaration there will be, this one included.
        cluster: what was read of the cluster.
    """
    found = {
        zone.name: _obstacle(declared, zone, workloads, cluster) for zone in declared.spec.zones
    }
    return {zone: reason for zone, reason in found.items() if reason is not None}


def _obstacle(
    declared: Declared, zone: Zone, workloads: Mapping[str, Declared], cluster: Cluster
) -> Obstacle | None:
    namespace = zone.namespace_in(declared.name)
    live = cluster.namespaces.get(namespace)
    return obstacle(
        namespace,
        declared.name,
        adopt=zone.adopt,
        phi=zone.data is DataClass.PHI,
        found=standing(live["metadata"]) if live is not None else None,
        claimants=[
            Claimant(other.created, other.name)
            for other in workloads.values()
            if namespace in namespaces_of(other)
        ],
    )


def namespaces_of(declared: Declared) -> frozenset[str]:
    """Return the namespaces of all zones of a declaration."""
    return frozenset(zone.namespace_in(declared.name) for zone in declared.spec.zones)


def not_theirs(declared: Declared, cluster: Cluster) -> frozenset[str]:
    """Return the zones of a declaration that stands whose namespaces do not carry its name."""
    return frozenset(
        zone.name
        for zone in declared.spec.zones
        if _owner(cluster.namespaces.get(zone.namespace_in(declared.name))) != declared.name
    )


def namespace_fate(workload: str, live: Object | None) -> NamespaceFate:
    """Return what becomes of a namespace that is a workload's to take."""
    if live is None:
        return NamespaceFate.MADE
    return NamespaceFate.KEPT if _owner(live) == workload else NamespaceFate.ADOPTED


def left_standing(declared: Declared, cluster: Cluster) -> tuple[ZoneOutlook, ...]:
    """Return the zones that stand and that a declaration does not name any more."""
    before = cluster.workloads.get(declared.name)
    if before is None:
        return ()
    kept = namespaces_of(declared)
    return tuple(
        ZoneOutlook(
            zone.name,
            namespace,
            NamespaceFate.LEFT,
            "no longer declared: its boundary stays, and phiwarden keeps it up no more",
        )
        for zone in before.spec.zones
        if (namespace := zone.namespace_in(declared.name)) not in kept
        and _owner(cluster.namespaces.get(namespace)) == declared.name
    )


def boundary_of(live: Object | None) -> ZoneBoundary | None:
    """Return the boundary that a Namespace carries, None if it carries none that can be read."""
    if live is None:
        return None
    metadata = live["metadata"]
    try:
        return decode(metadata.get("labels") or {}, metadata.get("annotations") or {})
    except BoundaryUnreadable:
        return None


def _owner(live: Object | None) -> str | None:
    return standing(live["metadata"]).owner if live is not None else None
