"""From declarations and what was read of a cluster to what would become of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import replace

from phiwarden.api.rollback import Rollback
from phiwarden.api.workload import Zone
from phiwarden.boundary import exceptions
from phiwarden.boundary.agreements import agreement_states
from phiwarden.boundary.compile import zone_boundary
from phiwarden.boundary.labels import decode, encode
from phiwarden.boundary.model import AgreementStanding, Facts
from phiwarden.boundary.storage import with_requested
from phiwarden.preview.model import (
    WORST_FIRST,
    Cluster,
    Consequence,
    Declared,
    Fate,
    NamespaceFate,
    Outlook,
    Way,
    ZoneOutlook,
)
from phiwarden.preview.network import network
from phiwarden.preview.objects import Surroundings, fate_of
from phiwarden.preview.ownership import jobs_of_cron_jobs, judged_apart
from phiwarden.preview.past import past_of
from phiwarden.preview.zones import (
    boundary_of,
    left_standing,
    namespace_fate,
    namespaces_of,
    not_theirs,
    obstacles,
)
from phiwarden.rulebook.budgets import budget_of
from phiwarden.rulebook.evaluate import Judge
from phiwarden.rulebook.shapes import BUDGET


def namespaces_to_read(declared: Iterable[Declared], cluster: Cluster) -> tuple[str, ...]:
    """Return the namespaces whose content matters: those that are there, and will be zones."""
    to_be = _to_be(declared, cluster)
    found: set[str] = set()
    for each in declared:
        hindered = obstacles(each, to_be, cluster)
        free = (zone for zone in each.spec.zones if zone.name not in hindered)
        found.update(zone.namespace_in(each.name) for zone in free)
    return tuple(sorted(found & cluster.namespaces.keys()))


def outlooks(
    declared: Iterable[Declared], cluster: Cluster, judge: Judge, now: dt.datetime
) -> tuple[Outlook, ...]:
    """Return what becomes of everything that declarations reach, if all of them are applied.

    Args:
        declared: the declarations to be, each name once.
        cluster: what was read of the cluster; see `namespaces_to_read`.
        judge: the rulebook.
        now: the time in UTC.
    """
    declared = tuple(declared)
    to_be = _to_be(declared, cluster)
    return tuple(_outlook(each, to_be, cluster, judge, now) for each in declared)


def _to_be(declared: Iterable[Declared], cluster: Cluster) -> dict[str, Declared]:
    """Return every declaration there will be; one that stands keeps its age."""
    found = dict(cluster.workloads)
    for each in declared:
        stands = cluster.workloads.get(each.name)
        created = stands.created if stands is not None else each.created
        found[each.name] = Declared(each.name, each.spec, created)
    return found


def _outlook(
    declared: Declared,
    to_be: Mapping[str, Declared],
    cluster: Cluster,
    judge: Judge,
    now: dt.datetime,
) -> Outlook:
    spec, today = declared.spec, now.date()
    before = cluster.workloads.get(declared.name)
    hindered = obstacles(declared, to_be, cluster)
    facts = Facts(
        today, storage=with_requested(spec, cluster.storage), unavailable=frozenset(hindered)
    )
    facts_before = Facts(
        today,
        storage=cluster.storage,
        unavailable=not_theirs(before, cluster) if before is not None else frozenset(),
    )
    ways = network(before.spec if before is not None else None, spec, facts_before, facts)
    zones = [
        _refused(declared.name, zone, hindered[zone.name].message)
        if zone.name in hindered
        else _zone(declared, zone, facts, cluster, ways.open, judge, now)
        for zone in spec.zones
    ]
    zones += left_standing(declared, cluster)
    return Outlook(
        workload=declared.name,
        impact=spec.clinical_impact,
        unchanged=before is not None and before.spec == spec,
        before=before.spec.enforcement if before is not None else None,
        after=spec.enforcement,
        zones=tuple(sorted(zones, key=_worst_zone_first)),
        network=ways,
        agreements=tuple(
            state
            for state in agreement_states(spec, today)
            if state.state is not AgreementStanding.IN_FORCE
        ),
    )


def _refused(workload: str, zone: Zone, why: str) -> ZoneOutlook:
    return ZoneOutlook(zone.name, zone.namespace_in(workload), NamespaceFate.REFUSED, why)


def _zone(
    declared: Declared,
    zone: Zone,
    facts: Facts,
    cluster: Cluster,
    open_ways: tuple[Way, ...],
    judge: Judge,
    now: dt.datetime,
) -> ZoneOutlook:
    workload, stands = declared.name, cluster.workloads.get(declared.name)
    namespace = zone.namespace_in(workload)
    if not cluster.could_read("Namespace", namespace):
        why = "the namespace could not be read: what runs in it was not judged"
        return ZoneOutlook(zone.name, namespace, NamespaceFate.UNREAD, why)
    live = cluster.namespaces.get(namespace)
    objects = cluster.objects.get(namespace, ())
    budgets = [budget_of(obj) for obj in objects if obj["kind"] == BUDGET.kind]
    # As the Namespace will carry it: lists in one order, each entry once.
    stands_now = boundary_of(live)
    then = decode(*encode(zone_boundary(workload, zone, declared.spec, facts)))
    if stands_now is not None:
        stands_now = exceptions.at(stands_now, now)
        # Of these a declaration says nothing.
        releases = stands_now.releases or () if zone.images.require_release else None
        then = replace(then, exceptions=stands_now.exceptions, releases=releases)
    around = Surroundings(
        now=stands_now,
        then=then,
        rollback_now=stands.spec.rollback if stands is not None else Rollback(),
        rollback=declared.spec.rollback,
        past=past_of(namespace, cluster, then.service_accounts, now),
        open_ways=open_ways,
        judge=judge,
        budgets=tuple(budgets) if cluster.could_read(BUDGET.kind, namespace) else None,
    )
    fates = [fate_of(obj, around) for obj in judged_apart(objects) if obj["kind"] != BUDGET.kind]
    # A CronJob stands for its Jobs, but for those that something is done about.
    of_jobs = (fate_of(job, around) for job in jobs_of_cron_jobs(objects))
    fates += [fate for fate in of_jobs if fate.steps != ()]
    told = (fate for fate in fates if fate.told)
    return ZoneOutlook(
        zone=zone.name,
        namespace=namespace,
        fate=namespace_fate(workload, live),
        objects=tuple(sorted(told, key=_worst_first)),
        judged=len(fates),
    )


def _worst_first(fate: Fate) -> tuple[int, int, str, str]:
    return WORST_FIRST.index(fate.then), -len(fate.broken), fate.kind, fate.name


def _worst_zone_first(zone: ZoneOutlook) -> tuple[bool, int, str]:
    worst = zone.objects[0].then if zone.objects else Consequence.UNAFFECTED
    return zone.fate is not NamespaceFate.REFUSED, WORST_FIRST.index(worst), zone.zone


def claimed(declared: Iterable[Declared], cluster: Cluster) -> frozenset[str]:
    """Return the namespaces that must be known: zones to be, and zones of the same names now."""
    found: set[str] = set()
    for each in declared:
        stands = cluster.workloads.get(each.name)
        found |= namespaces_of(each) | (namespaces_of(stands) if stands is not None else set())
    return frozenset(found)
